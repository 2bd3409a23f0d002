"""Sentences without labels: plain text, one sentence a line, or a labelled file with its labels dropped."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ..schema.errors import DataError
from ..schema.labels import LabelSet
from .conll import LINES_TO_RECOGNISE, recognise_layout
from .files import CHUNK, open_bytes, text_lines
from .hub_reference import PREFIX
from .jsonl import LONGEST_LINE
from .readers import read_sentences, recognise_format
from .rows import ID_COLUMNS, TOKEN_COLUMNS, first_present
from .sentences import first_of_several, is_label
from .word_splitting import split_words

TEXT_COLUMNS = ("text", "sentence")

_LABELLED_LINES = 0.6


@dataclass(frozen=True, slots=True)
class UnlabelledSentence:
    """A sentence that nobody labelled, or whose labels do not matter.

    Attributes:
        id: The file's own id, else its line or row.
        tokens: Its words.
    """

    id: str
    tokens: tuple[str, ...]


def read_unlabelled(
    path: Path, *, known: Collection[str] = (), labels: LabelSet | None = None
) -> Iterator[UnlabelledSentence]:
    """Read the sentences of a file without their labels, as a stream.

    Plain text has one sentence a line and is split into words. JSONL has a list of `tokens`, or a `text` that
    is split. CoNLL, parquet and Arrow files and splits on the Hub are read as labelled data.

    Args:
        path: The file, plain or gzipped, or a split on the Hub (`hub_reference`).
        known: Words that stay whole where text is split (`split_words`).
        labels: A label set; names of labels that are integers are looked for there, and then dropped.

    Raises:
        DataError: If the file cannot be read, or a line of JSONL is no sentence.
    """
    if path.as_posix().startswith(PREFIX):
        yield from _without_labels(path, labels)
        return
    with open_bytes(path) as stream:
        format_ = recognise_format(path, stream.peek(CHUNK))
        if format_ in ("jsonl", "conll"):
            lines = text_lines(stream, path, longest_line=LONGEST_LINE)
            if format_ == "jsonl":
                yield from _of_jsonl(lines, path, known)
                return
            is_conll, lines = tell_conll_from_text(lines, path)
            if not is_conll:
                yield from _of_text(lines, known)
                return
    yield from _without_labels(path, labels)


def _of_text(lines: Iterable[tuple[int, str]], known: Collection[str]) -> Iterator[UnlabelledSentence]:
    for number, line in lines:
        tokens = split_words(line, known)
        if tokens:
            yield UnlabelledSentence(str(number), tuple(tokens))


def _of_jsonl(
    lines: Iterable[tuple[int, str]], path: Path, known: Collection[str]
) -> Iterator[UnlabelledSentence]:
    for number, line in lines:
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        tokens = _tokens_of_row(row, known) if isinstance(row, dict) else None
        if tokens is None:
            raise DataError(
                "the line is no sentence",
                where=f"{path}:{number}",
                hint=f"A line is an object with a list `{TOKEN_COLUMNS[0]}` or a `{TEXT_COLUMNS[0]}`.",
            )
        own_id = row.get(first_present(ID_COLUMNS, row)) if isinstance(row, dict) else None
        if tokens:
            has_id = type(own_id) in (str, int) and own_id != ""
            yield UnlabelledSentence(str(own_id) if has_id else str(number), tuple(tokens))


def _tokens_of_row(row: dict[str, object], known: Collection[str]) -> list[str] | None:
    tokens = row.get(first_present(TOKEN_COLUMNS, row) or "")
    if isinstance(tokens, list):
        return tokens if all(type(token) is str for token in tokens) else None
    text = row.get(first_present(TEXT_COLUMNS, row) or "")
    return split_words(text, known) if isinstance(text, str) else None


def _without_labels(path: Path, labels: LabelSet | None) -> Iterator[UnlabelledSentence]:
    for sentence in read_sentences(path, labels=labels):
        yield UnlabelledSentence(sentence.id, sentence.tokens)


def tell_conll_from_text(
    lines: Iterator[tuple[int, str]], path: Path
) -> tuple[bool, Iterator[tuple[int, str]]]:
    """Say whether a file is tokens with their labels, by its first lines; else it is plain text.

    Args:
        lines: Its lines with their numbers.
        path: Its name.

    Returns:
        Whether it is, and all its lines: those that were looked at are read from `lines`.
    """
    beginning = list(islice(lines, LINES_TO_RECOGNISE))
    return _are_labelled([line for _, line in beginning], path), chain(beginning, lines)


def _are_labelled(lines: list[str], path: Path) -> bool:
    """Say whether most lines have a label in the same column."""
    try:
        layout = recognise_layout(lines, path)
    except DataError:
        return False
    fields = [layout.split(line) for line in lines if line.strip() and not line.startswith("#")]
    tags = [layout.tag_of(each) for each in fields if len(each) == layout.columns]
    labelled = sum(is_label(tag) or first_of_several(tag) is not None for tag in tags)
    return labelled > 0 and labelled >= _LABELLED_LINES * len(fields)
