"""What labelled data is worth: taggers trained on it, and how their predictions are scored."""
