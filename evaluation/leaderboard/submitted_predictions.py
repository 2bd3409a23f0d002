"""Predictions that others wrote: unpacked by a process that may end over them, and compared with gold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import weakref
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...schema.errors import DataError
from ...schema.iob2 import parse_tag
from ..mention_arrays import Integers
from .benchmarks import TestSet
from .strict_json import read_bytes

MOST_BYTES = 33_554_432
"""Of a file of predictions."""

_SECRET = re.compile("TOKEN|KEY|SECRET|PASSWORD", re.IGNORECASE)

_WRITE_AGAIN = (
    "Two columns are needed: `id`, text, and `predicted`, a list of texts. `synthner evaluate` writes such "
    "files."
)
_SAME_SENTENCES = (
    "Predictions hold each test sentence of the benchmark once, in gold's order, with gold's id."
)
_INTEGER = 8


@dataclass(frozen=True)
class Predictions:
    """Predicted tags of all test sentences, flat.

    Attributes:
        tags: Every tag that occurs.
        numbers: For each word of each sentence, the number of its tag in `tags`.
    """

    tags: tuple[str, ...]
    numbers: Integers


def read_submitted(path: Path, where: str) -> bytes:
    """Read a file of predictions, if it is not too large.

    Raises:
        DataError: If it cannot be read, or is too large.
    """
    try:
        return read_bytes(path, MOST_BYTES)
    except DataError as error:
        raise DataError(error.message, where=where, hint=_WRITE_AGAIN) from error


class PredictionsReader:
    """Unpacks files of predictions in another process, which is begun again when a file has ended it.

    One is enough: `predictions_reader` gives it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes, test: TestSet, where: str) -> Predictions:
        """Unpack predictions for the test sentences of a benchmark.

        Args:
            data: The file.
            test: The test sentences.
            where: The file, for errors.

        Raises:
            DataError: If it is no such file, is larger than its sentences explain, or is of other sentences,
                other words or other types.
        """
        head, lengths, numbers = self._unpack(data, test)
        if "error" in head:
            raise DataError(head["error"], where=where, hint=_WRITE_AGAIN)
        try:
            _check_ids(head["ids"], test)
            _check_lengths(lengths, test)
            _check_labels(head["tags"], test)
        except DataError as error:
            raise DataError(error.message, where=where, hint=error.hint or _SAME_SENTENCES) from error
        return Predictions(tuple(head["tags"]), numbers)

    def _unpack(self, data: bytes, test: TestSet) -> tuple[dict[str, Any], Integers, Integers]:
        request = {"bytes": len(data), "sentences": len(test.examples), "words": int(test.lengths.sum())}
        nothing = np.zeros(0, dtype=np.int64)
        process = self._started()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        try:
            process.stdin.write(json.dumps(request).encode("ascii") + b"\n" + data)
            process.stdin.flush()
            line = process.stdout.readline()
            head = json.loads(line)
            if "error" in head:
                return head, nothing, nothing
            body = process.stdout.read(_INTEGER * (head["lengths"] + head["numbers"]))
            found = np.frombuffer(body, dtype=np.int64)
            return head, found[: head["lengths"]], found[head["lengths"] :]
        except (OSError, ValueError):
            # It has ended in the middle of the file: nothing else makes an answer that is none.
            _end(process)
            self._process = None
            return {"error": "the parquet file is damaged: reading it ends the reader"}, nothing, nothing

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by its name
                # Modules are not sought in the folder that we are in: it may be the submission's.
                [sys.executable, "-P", "-m", f"{__package__}.parquet_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # What a damaged file may do to the reader is not known: it has no use for a token.
                env={name: value for name, value in os.environ.items() if not _SECRET.search(name)},
            )
            weakref.finalize(self, _end, self._process)
        return self._process


@cache
def predictions_reader() -> PredictionsReader:
    """Return the reader of this process, which takes a second to begin."""
    return PredictionsReader()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    # Waits for it, and closes both pipes.
    process.communicate()


def _check_ids(ids: list[str], test: TestSet) -> None:
    if tuple(ids) == test.ids:
        return
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_, count in Counter(ids).items() if count > 1)
        raise DataError(f"the id `{_short(twice)}` stands twice")
    if unknown := set(ids) - set(test.ids):
        raise DataError(f"{len(unknown)} ids are not gold's, among them `{_short(min(unknown))}`")
    row = next(row for row, pair in enumerate(zip(ids, test.ids, strict=True)) if pair[0] != pair[1])
    raise DataError(
        f"the order is not gold's: row {row + 1} is `{_short(ids[row])}`, not `{_short(test.ids[row])}`"
    )


def _check_lengths(found: Integers, test: TestSet) -> None:
    if differing := np.flatnonzero(found != test.lengths).tolist():
        row = differing[0]
        raise DataError(
            f"{len(differing)} sentences have not one tag a word; the first is `{_short(test.ids[row])}` "
            f"with {found[row]} tags and {test.lengths[row]} words"
        )


def _check_labels(tags: list[str], test: TestSet) -> None:
    foreign = sorted(set(tags) - test.labels)
    if not foreign:
        return
    invalid = [tag for tag in foreign if parse_tag(tag) is None]
    raise DataError(
        f"there are tags that are no IOB2 tags, such as `{_short(invalid[0])}`"
        if invalid
        else f"there are tags of types that the benchmark does not have, such as `{_short(foreign[0])}`",
        hint=f"The types are {', '.join(test.benchmark.types)}; a tag is O, B-TYPE or I-TYPE. Predict `O` "
        "for others.",
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
