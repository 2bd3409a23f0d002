"""Rows that hold a whole sentence: what JSONL objects, table rows and Hub rows have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..schema.errors import DataError
from .report import Report
from .sentences import MISSING_TAG, Sentence, first_of_several, is_label

TOKEN_COLUMNS = ("tokens", "words")
TAG_COLUMNS = ("ner_tags", "tags", "labels", "ner")
ID_COLUMNS = ("id", "idx", "guid")


def first_present(names: Sequence[str], present: Any) -> str | None:
    """Return the first of some names that a row or schema has."""
    return next((name for name in names if name in present), None)


class RowReader:
    """Turns rows into sentences.

    Args:
        where: The file, or the Hub dataset and split.
        tag_names: The names behind integer tags, if they are known.
        report: Collects what is irregular.
    """

    def __init__(self, where: str | Path, tag_names: Sequence[str] | None, report: Report | None) -> None:
        self._where = where
        self._tag_names = tuple(tag_names) if tag_names is not None else None
        self._report = report or Report()
        self._labels: set[str] = set()

    def read(self, tokens: Any, tags: Any, own_id: Any, number: int) -> Sentence | None:
        """Read a row; None, and a finding, if it holds no lists of tokens and tags.

        Args:
            tokens: What stands where the tokens should.
            tags: What stands where the tags should: names, or integers if their names are known.
            own_id: What stands where the id may; anything but a text or an integer is no id.
            number: Its line or row, from 1.

        Raises:
            DataError: If tags are integers and nobody said what they mean.
        """
        if not (isinstance(tokens, list) and tokens and all(type(token) is str for token in tokens)):
            return self.unreadable(number)
        if not isinstance(tags, list):
            return self.unreadable(number)
        id_ = str(own_id) if type(own_id) in (str, int) and own_id != "" else str(number)
        return Sentence(id_, tuple(tokens), self._names(tokens, tags, number), number)

    def unreadable(self, number: int) -> None:
        """Note a row that is no sentence."""
        self._report.add("unreadable row", file=self._where, line=number)

    def _names(self, tokens: list[str], tags: list[Any], number: int) -> tuple[str, ...]:
        if all(type(tag) is int for tag in tags):
            return tuple([self._name(tag, number) for tag in tags])
        if all(type(tag) is str for tag in tags) and self._labels.issuperset(tags):
            return tuple(tags)
        return tuple(self._read_tag(tokens, tags, position, number) for position in range(len(tags)))

    def _read_tag(self, tokens: list[str], tags: list[Any], position: int, number: int) -> str:
        tag = tags[position]
        if type(tag) is int:
            return self._name(tag, number)
        if tag is None:
            return MISSING_TAG
        text = tag.strip() if type(tag) is str else str(tag)
        if is_label(text):
            self._labels.add(text)
            return text
        first = first_of_several(text)
        if first is not None:
            token = tokens[position] if position < len(tokens) else None
            self._report.add("two tags", file=self._where, line=number, token=token, label=text)
        return first or text or MISSING_TAG

    def _name(self, tag: int, number: int) -> str:
        if self._tag_names is None:
            raise DataError(
                "the tags are integers, and what they stand for is not said here",
                where=f"{self._where}:{number}",
                hint="Give their names in order, for example `--labels O,B-PER,I-PER,B-LOC,I-LOC`.",
            )
        return self._tag_names[tag] if 0 <= tag < len(self._tag_names) else str(tag)
