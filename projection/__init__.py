"""Data from other languages: translation, which brings sentences from one language into another."""
