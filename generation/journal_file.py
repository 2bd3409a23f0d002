"""The SQLite file of a journal: opened or begun, written in transactions that outlive a power cut."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..schema.errors import DataError, SynthnerError
from .disk_room import MAKE_ROOM
from .journal_tables import VERSION, decoded, statements_from

BUSY_SECONDS = 30.0

_HINTS = {
    sqlite3.SQLITE_NOTADB: "Is this another file? Move it away to begin a new journal.",
    sqlite3.SQLITE_CORRUPT: "Restore a copy, or recover what is left: `sqlite3 FILE .recover | sqlite3 NEW`.",
    sqlite3.SQLITE_FULL: MAKE_ROOM,
    sqlite3.SQLITE_BUSY: "Another process is writing to it: wait for that one, then run the command again.",
    sqlite3.SQLITE_READONLY: "Its file and its folder must be writable.",
    sqlite3.SQLITE_CANTOPEN: "Its folder must exist and be writable.",
    sqlite3.SQLITE_IOERR: "The disk or its network connection failed; nothing committed is lost.",
}


class JournalFile:
    """An open file in WAL mode, with the tables of a journal.

    Attributes:
        path: The file.
        lock_path: The file beside it that keeps other processes from generating.
    """

    def __init__(self, path: Path) -> None:
        """Open a file, or begin one.

        Raises:
            DataError: If the file is no journal, is damaged, or was made by a newer version.
        """
        self.path = path
        self.lock_path = path.with_name(f"{path.name}.lock")
        self._writing = threading.RLock()
        # A process that has generated has written to it; an empty file is what a crash of the disk left.
        if _is_empty(path) and os.path.exists(self.lock_path):  # noqa: PTH110 - this one raises nothing
            raise DataError(
                "the journal is an empty file, and it was not",
                where=str(path),
                hint="Restore a copy, or remove it to begin a new one, which asks for everything again.",
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the folder cannot be made: {error.strerror}", where=str(path.parent)) from error
        with self.explained():
            # An engine may keep replies by a thread of its own; SQLite lets one at a time in.
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        self._database.text_factory = decoded
        try:
            with self.explained():
                self._prepare()
        except SynthnerError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what was recorded is committed already."""
        self._database.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say of what SQLite cannot do inside where it happened, and what to do.

        Raises:
            DataError: In place of SQLite's own errors.
        """
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise DataError(
                f"the journal cannot be used: {error}", where=str(self.path), hint=_HINTS.get(code)
            ) from error

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Carry a statement out; inside `transaction` or `explained`, which say what went wrong."""
        return self._database.execute(statement, parameters)

    def row(self, statement: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """Return the first row that a query finds, if there is one.

        Raises:
            DataError: If the file cannot be read.
        """
        with self.explained():
            return self._database.execute(statement, parameters).fetchone()

    def rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows that a query finds.

        Raises:
            DataError: If the file cannot be read.
        """
        with self.explained():
            return self._database.execute(statement, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside at once, or none of it; inside another transaction, with that one.

        Raises:
            DataError: If it cannot be written, for example because the disk is full.
        """
        with self._writing:
            if self._database.in_transaction:
                yield
                return
            with self.explained():
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._database.execute("COMMIT")
                finally:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")

    def _prepare(self) -> None:
        version = self._version()
        if version > VERSION:
            raise DataError(
                f"this journal has version {version}; this synthner reads up to {VERSION}",
                where=str(self.path),
                hint="Use the newer synthner that made it.",
            )
        if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise DataError(
                "this SQLite file is no journal of synthner",
                where=str(self.path),
                hint=_HINTS[sqlite3.SQLITE_NOTADB],
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        # A response is paid for: it must outlive a power cut, not only a crash.
        self._database.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            self._begin()

    def _begin(self) -> None:
        """Make the tables, or what a former version of them lacks."""
        with self.transaction():
            # Another process may have been faster.
            for statement in statements_from(self._version()):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        return version


def _is_empty(path: Path) -> bool:
    try:
        return not path.stat().st_size
    except OSError:
        return False
