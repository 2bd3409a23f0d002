"""JSONL: one object a line with the lists `tokens` and `ner_tags`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .report import Report
from .rows import ID_COLUMNS, TAG_COLUMNS, TOKEN_COLUMNS, RowReader, first_present
from .sentences import Sentence

LONGEST_LINE = 1 << 24


def read_jsonl(
    lines: Iterable[tuple[int, str]],
    path: Path,
    tag_names: Sequence[str] | None = None,
    report: Report | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of a JSONL file; keys that it needs not are passed over.

    Args:
        lines: Lines with their numbers.
        path: The file's name in errors and findings.
        tag_names: The names behind integer tags.
        report: Collects what is irregular; a line that is no such object is left out and counted there.

    Raises:
        DataError: If tags are integers without names.
    """
    reader = RowReader(path, tag_names, report)
    for number, line in lines:
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            reader.unreadable(number)
            continue
        tokens, tags, own_id = (
            row.get(first_present(names, row)) for names in (TOKEN_COLUMNS, TAG_COLUMNS, ID_COLUMNS)
        )
        sentence = reader.read(tokens, tags, own_id, number)
        if sentence is not None:
            yield sentence
