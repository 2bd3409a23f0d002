"""Turn a handful of gold sentences into a published, trustworthy synthetic NER dataset."""

__version__ = "0.1.0"
