"""Room on the disk: made sure of before anything is paid for that could not be kept."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from ..schema.errors import DataError

LEAST_ROOM = 32 << 20
"""Bytes that must be free on the disk before another call is asked: room for the answers under way."""

MAKE_ROOM = "Make room, then run the same command again: what was answered is not asked again."

_WRITTEN_AT_ONCE = 1 << 20


class DiskRoom:
    """Knows whether a file that answers are kept in can grow.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tells_room = True

    def check(self) -> None:
        """Make sure that there is room for answers that are yet to come.

        Raises:
            DataError: If the disk is nearly full: what could not be kept would be paid for in vain.
        """
        if not self._tells_room:
            return
        with suppress(OSError):
            disk = shutil.disk_usage(self._path.parent)
            if disk.free >= LEAST_ROOM:
                return
            # Some file systems say that nothing is free, and mean that they do not know.
            if _has_room(self._path.parent):
                self._tells_room = False
                return
            raise DataError(
                f"the disk is nearly full ({disk.free / 1e6:,.0f} MB are free), and answers that it has "
                "no room for would be lost",
                where=str(self._path),
                hint=MAKE_ROOM,
            )


def _has_room(folder: Path) -> bool:
    """Try whether there is room for as much as must be free."""
    try:
        with TemporaryFile(dir=folder) as file:
            # What cannot be packed: some disks pack what they hold.
            for _ in range(0, LEAST_ROOM, _WRITTEN_AT_ONCE):
                file.write(os.urandom(_WRITTEN_AT_ONCE))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True
