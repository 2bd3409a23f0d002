"""Translations that exist already: a file with a sentence for each sentence of another file, in its order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..schema.errors import DataError
from .files import CHUNK, open_bytes, open_text_lines
from .jsonl import LONGEST_LINE
from .readers import read_sentences, recognise_format
from .report import Report
from .rows import TOKEN_COLUMNS, first_present
from .unlabelled_text import TEXT_COLUMNS, tell_conll_from_text

_UNREADABLE = "unreadable row"
_SAME_SENTENCES = "There is one for each sentence of the source, in the same order."


@dataclass(frozen=True, slots=True)
class GivenTranslation:
    """A translation that somebody made.

    Attributes:
        text: It; empty where there is none.
        words: Its words, where the file says which they are; None where it is plain text.
        line: Where it stands in the file.
    """

    text: str
    words: tuple[str, ...] | None
    line: int


def read_translations(path: Path) -> Iterator[GivenTranslation]:
    """Read a file of translations, as a stream.

    Plain text has one a line, and an empty line is none. Lines of JSONL have a list of `tokens`, or a `text`.
    Of CoNLL, parquet and Arrow files the words are read, and their labels are not.

    Raises:
        DataError: With file and line, if it cannot be read or a row is no sentence.
    """
    with open_bytes(path) as stream:
        format_ = recognise_format(path, stream.peek(CHUNK))
    if format_ == "jsonl":
        yield from _of_jsonl(path)
    elif format_ == "conll" and not _is_labelled(path):
        with open_text_lines(path, longest_line=LONGEST_LINE) as lines:
            for number, line in lines:
                yield GivenTranslation(line.strip(), None, number)
    else:
        yield from _of_labelled(path)


def _is_labelled(path: Path) -> bool:
    with open_text_lines(path, longest_line=LONGEST_LINE) as lines:
        return tell_conll_from_text(lines, path)[0]


def _of_jsonl(path: Path) -> Iterator[GivenTranslation]:
    with open_text_lines(path, longest_line=LONGEST_LINE) as lines:
        for number, line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            translation = _of_row(row, number) if isinstance(row, dict) else None
            if translation is None:
                raise DataError(
                    "the line is no translation",
                    where=f"{path}:{number}",
                    hint=f"A line is an object with a list `{TOKEN_COLUMNS[0]}` or a `{TEXT_COLUMNS[0]}`, "
                    f"empty where there is none. {_SAME_SENTENCES}",
                )
            yield translation


def _of_row(row: dict[str, object], line: int) -> GivenTranslation | None:
    words = row.get(first_present(TOKEN_COLUMNS, row) or "")
    if isinstance(words, list):
        tokens = tuple(each for each in words if isinstance(each, str))
        return GivenTranslation(" ".join(tokens), tokens, line) if len(tokens) == len(words) else None
    text = row.get(first_present(TEXT_COLUMNS, row) or "")
    return GivenTranslation(text.strip(), None, line) if isinstance(text, str) else None


def _of_labelled(path: Path) -> Iterator[GivenTranslation]:
    report = Report()
    for sentence in read_sentences(path, report=report):
        _check_none_left_out(report)
        yield GivenTranslation(" ".join(sentence.tokens), sentence.tokens, sentence.line)
    _check_none_left_out(report)


def _check_none_left_out(report: Report) -> None:
    """A row that is left out would give each sentence behind it the translation of another."""
    if report.count(_UNREADABLE):
        place = next(problem.first for problem in report.problems if problem.kind == _UNREADABLE)
        raise DataError(
            "the row holds no sentence: a list of words",
            where=f"{place.file}:{place.line}",
            hint=_SAME_SENTENCES,
        )
