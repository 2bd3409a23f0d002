"""What every reader gives: a sentence as found, with the lines it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..schema.example import Example
from ..schema.iob2 import parse_tag

MISSING_TAG = "?"
"""Stands for a tag that is not there. It is no label: no mention begins with it or goes on over it."""

_SEVERAL_TAGS = re.compile(r"(O|[BI]-[^,|]+)(?:[,|](?:O|[BI]-[^,|]+))+")


@dataclass(slots=True)
class Sentence:
    """A sentence as a file holds it, before anything was decided about it.

    Attributes:
        id: The file's own id, else its first line (or row).
        tokens: The tokens as found.
        tags: The tags as found; `?` where there is none. Not always as many as tokens.
        line: Its first line, or its row.
        lines: The line of each token; empty where the sentence stands on one line.
    """

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    line: int
    lines: Sequence[int] = ()

    @property
    def is_aligned(self) -> bool:
        """Whether there is one tag a token."""
        return len(self.tokens) == len(self.tags)

    def line_of(self, position: int) -> int:
        """Return the line of a token."""
        return self.lines[position] if self.lines else self.line

    def as_example(self) -> Example:
        """Return the sentence as an `Example`; it must be aligned."""
        return Example(self.id, self.tokens, self.tags)


def first_of_several(tag: str) -> str | None:
    """Return the first of several tags written as one (`B-a,B-b`), None if it is a single tag."""
    match = _SEVERAL_TAGS.fullmatch(tag)
    return match[1] if match else None


def is_label(tag: str) -> bool:
    """Whether a tag is a single `O`, `B-TYPE` or `I-TYPE`."""
    return parse_tag(tag) is not None and first_of_several(tag) is None


def unique_ids(sentences: Iterator[Sentence]) -> Iterator[tuple[Sentence, bool]]:
    """Give each sentence an id of its own by adding a number to a repeated one; say which were repeated."""
    seen: set[str] = set()
    for sentence in sentences:
        repeated = sentence.id in seen
        if repeated:
            number = 2
            while f"{sentence.id}-{number}" in seen:
                number += 1
            sentence.id = f"{sentence.id}-{number}"
        seen.add(sentence.id)
        yield sentence, repeated
