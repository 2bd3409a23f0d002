"""The list of rejects: every datapoint that is not published, with the step that dropped it and why."""

from __future__ import annotations

import gzip
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from ..sources.files import atomic_path
from .columns import Datapoint, Place

# The strongest compression takes ten times as long for a sixth less.
COMPRESSION = 3

_WRITE_JSON = json.JSONEncoder(ensure_ascii=False).encode

_NOT_SHOWN = frozenset(("Cc", "Cs", "Cn", "Co", "Zl", "Zp"))
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Rejects:
    """Writes one JSON object a line.

    Args:
        stream: Where to; None to count without writing.
        config: The config that ids begin with; empty for responses outside of any release.

    Attributes:
        lines: Lines written so far.
    """

    def __init__(self, stream: IO[bytes] | None, config: str = "") -> None:
        self._stream = stream
        self._config = config
        self.lines = 0

    def datapoint(
        self,
        datapoint: Datapoint,
        step: str,
        reason: str,
        *,
        changes: Sequence[Mapping[str, Any]] = (),
        agreement: float | None = None,
    ) -> None:
        """Keep a datapoint that has both of its lists.

        Args:
            datapoint: The datapoint as it came.
            step: What dropped it.
            reason: Why.
            changes: What was changed in it before, as provenance has it.
            agreement: How well its labels agree with gold, where that was measured.
        """
        found = datapoint.found
        content = {
            "tokens": found.tokens,
            "tags": found.tags,
            **({"changes": list(changes)} if changes else {}),
            **({} if agreement is None else {"agreement": agreement}),
        }
        self._write(datapoint.place, found.item, step, reason, content)

    def source(self, place: Place, item: int | None, reason: str, source: str) -> None:
        """Keep the text of an object that is no datapoint; `item` is None where it could not even be read."""
        self._write(place, item, "parsed" if item is None else "schema", reason, {"source": source})

    def further(self, place: Place, reason: str, count: int) -> None:
        """Count objects whose text the response holds more often than salvage keeps."""
        self._write(place, None, "parsed", reason, {"source": "", "count": count})

    def _write(self, place: Place, item: int | None, step: str, reason: str, content: dict[str, Any]) -> None:
        self.lines += 1
        if self._stream is None:
            return
        line = {
            **({} if item is None else {"id": self._id(place, item)}),
            **({"split": place.split} if place.split else {}),
            "call": place.origin.call_key,
            "item": item,
            "step": step,
            "reason": reason,
            **content,
        }
        try:
            written = _WRITE_JSON(line).encode("utf-8")
        except UnicodeEncodeError:
            # Half of a surrogate pair has no UTF-8; its JSON escape has.
            written = json.dumps(line).encode("ascii")
        self._stream.write(written + b"\n")

    def _id(self, place: Place, item: int) -> str:
        """Return the id that the datapoint's row would have had."""
        config = place.config or self._config
        return "-".join(filter(None, (config, place.split, str(place.index), str(item))))


@contextmanager
def open_rejects(path: Path | None, config: str = "") -> Iterator[Rejects]:
    """Open a list of rejects, gzipped if its name ends with `.gz`; it appears when the block ends.

    Args:
        path: The file; None to count without writing.
        config: The config whose datapoints they are, if they are those of a release.

    Raises:
        DataError: If it cannot be written.
    """
    if path is None:
        yield Rejects(None, config)
        return
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if path.suffix == ".gz":
            with (
                gzip.GzipFile("", "wb", COMPRESSION, raw, mtime=0) as packed,
                io.BufferedWriter(cast(io.RawIOBase, packed), 1 << 18) as buffered,
            ):
                yield Rejects(cast(IO[bytes], buffered), config)
        else:
            yield Rejects(raw, config)


def shown(text: str) -> str:
    """Return a text as people may see it on a terminal and a card: what cannot be seen becomes its escape."""
    if text.isprintable():
        return text
    return "".join(
        repr(character)[1:-1]
        if unicodedata.category(character) in _NOT_SHOWN or character in _DIRECTION_CONTROLS
        else character
        for character in text
    )
