"""What every part speaks: examples, label sets, IOB2, languages, JSON Schemas, errors."""
