"""One process at a time generates for a journal: two would pay twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..schema.errors import DataError
from .journal_file import JournalFile


@contextmanager
def generating_alone(file: JournalFile) -> Iterator[None]:
    """Keep every other process from asking for the calls of a journal.

    Raises:
        DataError: If another process is at it; the message names it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file.lock_path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise DataError(
            f"{_generating_process(file)} is generating for this journal already",
            where=str(file.path),
            hint="Wait for it or stop it, then run the command again: nothing answered is asked again.",
        ) from error
    except OSError as error:
        raise DataError(
            f"the file that keeps other processes away cannot be used: {error.strerror}",
            where=lock.lock_file,
            hint="Its folder must be writable; remove the file if another user made it.",
        ) from error
    try:
        with file.transaction():
            file.execute("DELETE FROM generating")
            file.execute("INSERT INTO generating VALUES (?)", (os.getpid(),))
        yield
    finally:
        lock.release()


def _generating_process(file: JournalFile) -> str:
    row = file.row("SELECT process FROM generating")
    return f"process {row[0]}" if row else "another process"
