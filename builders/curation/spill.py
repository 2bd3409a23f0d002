"""Rows on disk instead of in memory, in files that have no name and go with the process, however it ends."""

from __future__ import annotations

import marshal
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from ...schema.errors import DataError
from ...schema.example import Example
from .views import View

_BLOCK = 1 << 16


class Spill(View[Any]):
    """Values in a temporary file, in the order in which they are added; 8 bytes of memory each.

    A value is what Python writes its own bytecode with: tuples of texts, numbers and bytes, None and truth
    values. Half of a character pair, which untrusted text may hold, is one too.

    Raises:
        DataError: If the folder for temporary files cannot be written to or its disk is full.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="synthner-", buffering=0)  # noqa: SIM115 - lives as long as this
        except OSError as error:
            raise _cannot_be_used("written", error) from error
        weakref.finalize(self, self._file.close)
        self._pending = bytearray()
        self._ends = array("Q", [0])

    def add(self, value: Any) -> None:
        """Write a value behind the others."""
        # Version 2 writes every value by itself: the later ones look for equal objects, which takes longer.
        self._pending += (data := marshal.dumps(value, 2))
        self._ends.append(self._ends[-1] + len(data))
        if len(self._pending) >= _BLOCK:
            self._write_out()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def one(self, place: int) -> Any:
        """Read the value at a place."""
        start, end = self._ends[place], self._ends[place + 1]
        self._write_out()
        return marshal.loads(self._read(start, end))  # noqa: S302 - nobody else can open the file

    def at(self, places: Sequence[int]) -> Iterator[Any]:
        """Read the values at some places, a block at a time where they ascend."""
        self._write_out()
        ends, block, first, last = self._ends, memoryview(b""), 0, 0
        for place in places:
            start, end = ends[place], ends[place + 1]
            if start < first or end > last:
                follows = last <= start < last + _BLOCK
                first, last = start, max(end, min(start + _BLOCK, ends[-1])) if follows else end
                block = memoryview(self._read(first, last))
            yield marshal.loads(block[start - first : end - first])  # noqa: S302 - as above

    def _write_out(self) -> None:
        if not self._pending:
            return
        rest = memoryview(bytes(self._pending))
        self._pending.clear()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _cannot_be_used("written", error) from error

    def _read(self, start: int, end: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), end - start, start)
        except OSError as error:
            raise _cannot_be_used("read", error) from error


class SpilledExamples(View[Example]):
    """Examples on disk; the texts of their tokens and tags are held once each."""

    def __init__(self) -> None:
        self._numbers = TextNumbers()
        self._rows = Spill()

    def add(self, example: Example) -> None:
        """Write an example behind the others."""
        number = self._numbers.__getitem__
        self._rows.add((example.id, tuple(map(number, example.tokens)), tuple(map(number, example.ner_tags))))

    def __len__(self) -> int:
        return len(self._rows)

    def one(self, place: int) -> Example:
        """Read the example at a place."""
        return self._example(self._rows.one(place))

    def at(self, places: Sequence[int]) -> Iterator[Example]:
        """Read the examples at some places."""
        return map(self._example, self._rows.at(places))

    def _example(self, row: tuple[str, tuple[int, ...], tuple[int, ...]]) -> Example:
        id_, tokens, tags = row
        text = self._numbers.texts.__getitem__
        return Example(id_, tuple(map(text, tokens)), tuple(map(text, tags)))


class TextNumbers(dict[str, int]):
    """Numbers texts as they are met.

    Attributes:
        texts: The texts by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self.texts)
        self.texts.append(text)
        return number


def _cannot_be_used(done: str, error: OSError) -> DataError:
    return DataError(
        f"temporary files cannot be {done}: {error.strerror or error}",
        where=tempfile.gettempdir() if tempfile.tempdir else "TMPDIR",
        hint="Make room there, or name another folder in the variable TMPDIR, and run again.",
    )
