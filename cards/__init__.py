"""Pages that people read: the dataset card and the waterfall; they compute nothing."""
