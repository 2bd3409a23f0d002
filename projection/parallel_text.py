"""Parallel text: two files that hold the same sentences, in two languages and in the same order."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from ..schema.errors import DataError, WrongUsageError
from ..schema.labels import LabelSet
from ..schema.validation import nearest
from ..sources.conll import read_conll
from ..sources.files import CHUNK, open_bytes, text_lines
from ..sources.hub_reference import hub_reference
from ..sources.readers import FORMATS, read_sentences, recognise_format
from ..sources.report import Report
from ..sources.unlabelled_text import tell_conll_from_text

TEXT = "text"
"""The format of plain text: a sentence a line, words apart by blanks."""

# Whatever integer tags mean, words are aligned without them.
_NO_TAGS = LabelSet(("O",))

Pair: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""The words of a sentence, and of its translation."""


@dataclass(frozen=True, slots=True)
class ParallelText:
    """Two files with the same sentences.

    Attributes:
        source: Plain text, or any file of sentences that `sources.readers` reads.
        target: Likewise.
        format: `text`, or a format of `sources.readers`; by default that of each file is recognised.
    """

    source: Path
    target: Path
    format: str | None = None

    def pairs(self) -> Iterator[Pair]:
        """Read the pairs of sentences, as a stream.

        Raises:
            WrongUsageError: If there is no such format.
            DataError: If a file cannot be read or holds no sentences, a sentence is empty, or one file has
                more sentences than the other.
        """
        number = 0
        both = zip_longest(read_words(self.source, self.format), read_words(self.target, self.format))
        for number, (source, target) in enumerate(both, 1):
            if source is None or target is None:
                raise self._without_counterpart(source, target, number)
            yield source[1], target[1]
        if not number:
            raise DataError(
                "the files hold no sentences",
                where=str(self.source),
                hint="Are they the right files, and whole?",
            )

    def _without_counterpart(
        self, source: tuple[int, Sequence[str]] | None, target: tuple[int, Sequence[str]] | None, number: int
    ) -> DataError:
        longer, line = (self.source, source[0]) if source else (self.target, target[0] if target else 0)
        shorter = self.target if source else self.source
        return DataError(
            f"this is sentence {number:,}, and {shorter} has only {number - 1:,}",
            where=f"{longer}:{line}",
            hint="Both files have as many sentences, in the same order.",
        )


def read_words(path: Path, format: str | None = None) -> Iterator[tuple[int, Sequence[str]]]:  # noqa: A002
    """Read the words of sentences, each with its line.

    Args:
        path: Plain text, or any file of sentences that `sources.readers` reads.
        format: `text`, or a format of `sources.readers`; by default it is recognised.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If the file cannot be read, or a sentence is empty.
    """
    if format not in (None, TEXT, *FORMATS):
        raise WrongUsageError(f"there is no format `{format}`", hint=nearest(str(format), (TEXT, *FORMATS)))
    for line, words in _sentences(path, format):
        if not words:
            raise DataError(
                "the sentence is empty",
                where=f"{path}:{line}",
                hint="Leave it out, and its counterpart in the other file.",
            )
        yield line, words


def _sentences(path: Path, format: str | None) -> Iterator[tuple[int, Sequence[str]]]:  # noqa: A002
    if format not in (None, TEXT) or hub_reference(path) is not None:
        yield from _labelled_sentences(path, format)
        return
    with open_bytes(path) as stream:
        found = format or recognise_format(path, stream.peek(CHUNK))
        if found in (TEXT, "conll"):
            yield from _text_or_conll(stream, path, is_text=found == TEXT)
            return
    yield from _sentences(path, found)


def _labelled_sentences(path: Path, format: str | None) -> Iterator[tuple[int, Sequence[str]]]:  # noqa: A002
    report = Report()
    for sentence in read_sentences(path, format=format, labels=_NO_TAGS, report=report):
        yield sentence.line, sentence.tokens
    for problem in report.problems:
        if problem.kind == "unreadable row":
            raise DataError(
                "the row holds no lists of tokens and tags, and no sentence can stand in its place",
                where=f"{problem.first.file}:{problem.first.line}",
                hint="Mend it, or leave it out, and its counterpart in the other file.",
            )


def _text_or_conll(
    stream: io.BufferedReader, path: Path, *, is_text: bool
) -> Iterator[tuple[int, Sequence[str]]]:
    lines = text_lines(stream, path)
    is_conll = False
    if not is_text:
        is_conll, lines = tell_conll_from_text(lines, path)
    if not is_conll:
        for number, line in lines:
            yield number, line.split()
        return
    for sentence in read_conll(lines, path):
        yield sentence.line, sentence.tokens
