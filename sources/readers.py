"""Any file of labelled sentences, whatever its format."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

from ..schema.errors import DataError, WrongUsageError
from ..schema.example import Example
from ..schema.labels import LabelSet
from ..schema.validation import nearest
from .conll import read_conll
from .files import CHUNK, open_bytes, text_lines
from .hub_reference import hub_reference, read_reference
from .jsonl import LONGEST_LINE, read_jsonl
from .report import Report
from .sentences import Sentence, unique_ids
from .tables import read_arrow, read_parquet

FORMATS = ("conll", "jsonl", "parquet", "arrow")

_JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}


def recognise_format(path: Path, beginning: bytes) -> str:
    """Tell the format of a file from its first bytes and, where these leave it open, from its name.

    Args:
        path: The file.
        beginning: Its first bytes, unpacked.

    Returns:
        A name in `FORMATS`.
    """
    if beginning.startswith(b"PAR1"):
        return "parquet"
    if beginning.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    line = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    if line.startswith(b"{") and (len(line) == len(beginning) or _is_object(line)):
        return "jsonl"
    suffixes = path.suffixes[:-1] if path.suffix == ".gz" else path.suffixes
    return "jsonl" if suffixes and suffixes[-1].lower() in _JSON_SUFFIXES else "conll"


def read_sentences(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the command line's word for it
    labels: LabelSet | None = None,
    report: Report | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of a file as they are found, as a stream.

    Args:
        path: The file, plain or gzipped, or a split on the Hub (`hub_reference`).
        format: A name in `FORMATS`; by default it is recognised.
        labels: The names behind integer tags, where the file does not hold them itself.
        report: Collects what was irregular in the file's layout; what is irregular in the sentences
            themselves is for `checks` to find.

    Yields:
        Sentences with ids that are unique within the file.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If the file cannot be read or holds no sentences.
    """
    if format is not None and format not in FORMATS:
        raise WrongUsageError(f"there is no format `{format}`", hint=nearest(format, FORMATS))
    report = report or Report()
    if (reference := hub_reference(path)) is not None:
        yield from read_reference(reference, labels.names if labels else None, report)
        return
    found = False
    with open_bytes(path) as stream:
        for sentence, repeated in unique_ids(_sentences(stream, path, format, labels, report)):
            found = True
            if repeated:
                report.add("id repeated", file=path, line=sentence.line)
            yield sentence
    if not found:
        problems = [problem for problem in report.problems if problem.first.file == str(path)]
        raise DataError(
            "the file holds no sentences",
            where=str(path),
            hint=f"First problem: line {problems[0].first.line}, {problems[0].kind}."
            if problems
            else "Is it the right file, and whole?",
        )


def read_examples(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the command line's word for it
    labels: LabelSet | None = None,
    report: Report | None = None,
) -> Iterator[Example]:
    """Read the examples of a file, as a stream.

    Tags are names as found: one that is no IOB2 tag is kept, one that is not there is `?`. A row that has
    not one tag a token is no example: it is left out and counted in the report.

    Args:
        path: The file, plain or gzipped, or a split on the Hub (`hub_reference`).
        format: A name in `FORMATS`; by default it is recognised.
        labels: The names behind integer tags, where the file does not hold them itself.
        report: Collects what was irregular in the file's layout.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If the file cannot be read or holds no sentences.
    """
    report = report or Report()
    for sentence in read_sentences(path, format=format, labels=labels, report=report):
        if sentence.is_aligned:
            yield sentence.as_example()
        else:
            report.add("lengths differ", file=path, line=sentence.line)


def _sentences(
    stream: io.BufferedReader,
    path: Path,
    format: str | None,  # noqa: A002 - the command line's word for it
    labels: LabelSet | None,
    report: Report,
) -> Iterator[Sentence]:
    tag_names = labels.names if labels else None
    match format or recognise_format(path, stream.peek(CHUNK)):
        case "parquet":
            return read_parquet(stream, path, tag_names, report)
        case "arrow":
            return read_arrow(stream, path, tag_names, report)
        case "jsonl":
            lines = text_lines(stream, path, longest_line=LONGEST_LINE, report=report)
            return read_jsonl(lines, path, tag_names, report)
        case _:
            return read_conll(text_lines(stream, path, report=report), path, report)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
