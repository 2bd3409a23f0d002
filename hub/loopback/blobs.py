"""Contents on disk under their sha256: written once, never changed, never held in memory whole."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

PIECE = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class WrongContentError(Exception):
    """What came in is not what was announced."""


class Blobs:
    """A folder of contents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "blobs"
        self._incoming = folder / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)  # of a server that was killed
        self._incoming.mkdir(parents=True)

    def path(self, sha256: str) -> Path:
        """Return where a content lies, or would lie."""
        return self._folder / sha256[:2] / sha256

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Say whether a content is there, with that size where one is given."""
        path = self.path(sha256)
        return bool(_SHA256.fullmatch(sha256)) and path.is_file() and size in (None, path.stat().st_size)

    def incoming(self) -> Path:
        """Return a path for a file that is still coming in."""
        return self._incoming / secrets.token_hex(16)

    def add(self, pieces: Iterable[bytes], expected: str | None = None, size: int | None = None) -> str:
        """Store a content piece by piece, and return its sha256.

        Args:
            pieces: The content.
            expected: The sha256 that it must have.
            size: The size that it must have.

        Raises:
            WrongContentError: If it has another one; nothing is stored.
        """
        temporary = self.incoming()
        try:
            sha256, written = self._write(temporary, pieces)
            if size not in (None, written):
                raise WrongContentError(f"{written} bytes came in, {size} were announced")
            if expected not in (None, sha256):
                raise WrongContentError(f"the sha256 of what came in is {sha256}, not {expected}")
            path = self.path(sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return sha256

    def _write(self, path: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
        digest = hashlib.sha256()
        with path.open("wb") as stream:
            for piece in pieces:
                digest.update(piece)
                stream.write(piece)
            return digest.hexdigest(), stream.tell()


def read_pieces(path: Path, start: int = 0, length: int | None = None) -> Iterable[bytes]:
    """Read a file, or a part of it, in pieces."""
    remaining = path.stat().st_size - start if length is None else length
    with path.open("rb") as stream:
        stream.seek(start)
        while remaining > 0 and (piece := stream.read(min(PIECE, remaining))):
            remaining -= len(piece)
            yield piece
