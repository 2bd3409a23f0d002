"""Files as bytes and lines: read as a stream, plain or gzipped, and written whole or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from ..schema.errors import DataError
from .report import Report

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CHUNK = 1 << 18

# One line of a CoNLL file is one token or a comment; one line of JSONL is a whole sentence.
LONGEST_LINE = 1 << 20


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, unpacked if its content is gzip, whatever its name says.

    Raises:
        DataError: If it cannot be opened or, while it is read in the `with` block, is damaged.
    """
    try:
        with path.open("rb", buffering=CHUNK) as stream:
            raw = cast(io.BufferedReader, stream)
            if raw.peek(2)[:2] != GZIP_MAGIC:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as packed:
                yield cast(io.BufferedReader, io.BufferedReader(cast(io.RawIOBase, packed), CHUNK))
    except FileNotFoundError as error:
        raise DataError(
            "there is no such file",
            where=str(path),
            hint="Is its name right, and the folder it is relative to?",
        ) from error
    except IsADirectoryError as error:
        raise DataError(
            "this is a folder, not a file", where=str(path), hint="Name the files in it."
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            "the gzip file is damaged or cut short", where=str(path), hint="Download or pack it again."
        ) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error


def text_lines(
    stream: io.BufferedReader,
    path: Path,
    *,
    longest_line: int = LONGEST_LINE,
    report: Report | None = None,
) -> Iterator[tuple[int, str]]:
    """Read an open file as UTF-8 lines with their numbers, without their ends.

    Lines end with a line feed, or a carriage return and a line feed; nothing else ends a line. Memory is
    bounded by the longest line.

    Args:
        stream: What `open_bytes` gave.
        path: The file's name in errors and findings.
        longest_line: The longest line to accept, in bytes.
        report: Collects byte order mark and carriage returns.

    Raises:
        DataError: With file and line, if it is no UTF-8 text or a line is too long.
    """
    number = 1
    pending = bytearray()  # bytes would be copied whole for every chunk of a long line
    first = True
    while chunk := stream.read1(CHUNK):
        if first:
            first = False
            chunk = _beginning(chunk + _rest_of_mark(chunk, stream), path, report)
        end = chunk.rfind(b"\n") + 1
        if not end:
            pending += chunk
            if len(pending) > longest_line:
                raise DataError(
                    f"the line is longer than {longest_line:,} bytes",
                    where=f"{path}:{number}",
                    hint="CoNLL files hold one token a line, JSONL files one object a line.",
                )
            continue
        lines = _decode(pending + chunk[:end], path, number, report).split("\n")
        lines.pop()
        yield from enumerate(lines, number)
        number += len(lines)
        pending = bytearray(chunk[end:])
    if pending:
        yield number, _decode(pending, path, number, report)


@contextmanager
def open_text_lines(
    path: Path, *, longest_line: int = LONGEST_LINE, report: Report | None = None
) -> Iterator[Iterator[tuple[int, str]]]:
    """Open a text file, plain or gzipped, and read it as `text_lines` does.

    Example:
        >>> with open_text_lines(Path("notes.txt.gz")) as lines:
        ...     for number, line in lines:
        ...         print(number, line)

    Raises:
        DataError: As `open_bytes` and `text_lines` do.
    """
    with open_bytes(path) as stream:
        yield text_lines(stream, path, longest_line=longest_line, report=report)


def _rest_of_mark(chunk: bytes, stream: io.BufferedReader) -> bytes:
    """Read on where a pipe gave less than the three bytes that a byte order mark takes."""
    return stream.read(3 - len(chunk)) if len(chunk) < 3 else b""


def _beginning(chunk: bytes, path: Path, report: Report | None) -> bytes:
    if chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("this is UTF-16, not UTF-8", where=str(path), hint="Save it as UTF-8.")
    if b"\0" in chunk:
        raise DataError(
            "this is no text file: it holds NUL bytes",
            where=str(path),
            hint="CoNLL and JSONL files are UTF-8 text; parquet and Arrow are recognised by their content.",
        )
    if not chunk.startswith(BYTE_ORDER_MARK):
        return chunk
    if report is not None:
        report.add("byte order mark", file=path, line=1)
    return chunk[len(BYTE_ORDER_MARK) :]


def _decode(data: bytearray, path: Path, number: int, report: Report | None) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        raise DataError(
            f"this is not UTF-8 text (byte 0x{data[error.start]:02x})",
            where=f"{path}:{line}",
            hint="Convert the file to UTF-8, for example with `iconv -f latin1 -t utf-8`.",
        ) from error
    carriage_returns = text.count("\r\n")
    if carriage_returns:
        if report is not None:
            line = number + text.count("\n", 0, text.index("\r\n"))
            report.add("CRLF line end", file=path, line=line, count=carriage_returns)
        text = text.replace("\r\n", "\n")
    return text


def file_hash(path: Path) -> str:
    """Return the sha256 of a file as it is stored, packed or not.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise DataError(
            "there is no such file",
            where=str(path),
            hint="Paths in release.yaml are relative to that file.",
        ) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of `path` when the block ends without an error.

    Until then, and after an error or an interrupt, the old file stays as it was.

    Raises:
        DataError: If the folder cannot be written to or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".synthner-{secrets.token_hex(8)}.tmp")
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise DataError(
            f"cannot be written: {error.strerror}", where=str(path), hint=_HINTS.get(error.errno, _HINT)
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_atomically(path: Path) -> Iterator[TextIO]:
    """Write a UTF-8 text file whole or not at all; gzipped if its name ends with `.gz`.

    The same text gives the same bytes: a gzip header holds no time and no name.

    Raises:
        DataError: As `atomic_path` does.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if path.suffix == ".gz":
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
                io.TextIOWrapper(cast(IO[bytes], packed), encoding="utf-8", newline="\n") as text,
            ):
                yield text
        else:
            with io.TextIOWrapper(cast(BinaryIO, raw), encoding="utf-8", newline="\n") as text:
                yield text


_HINT = "Nothing is half-written: mend this and run again."
_HINTS = {
    errno.ENOSPC: "The disk is full: make room and run again.",
    errno.EDQUOT: "The disk quota is used up: make room and run again.",
    errno.EACCES: "Choose a folder that you may write to.",
    errno.EPERM: "Choose a folder that you may write to.",
    errno.EROFS: "Choose a folder that you may write to.",
}
