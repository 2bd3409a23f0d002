"""Gold and other corpora: one reader a format, the Hub, the papers' corpora by name, and validation."""
