"""The grid of experiments: what is trained on what, and what came of it."""
