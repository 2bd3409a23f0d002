"""What sentences are, whatever file they came from: the sha256 of their content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

from ..schema.example import Example

_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def content_hash(examples: Iterable[Example]) -> str:
    """Return the sha256 of sentences and their labels, in their order; their ids play no part."""
    return hash_of_values([example.tokens, example.ner_tags] for example in examples)


def hash_of_values(values: Iterable[object]) -> str:
    """Return the sha256 of values that JSON can hold, one a line, in their order."""
    digest = sha256()
    for value in values:
        digest.update(_write_json(value).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
