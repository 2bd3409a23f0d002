"""Large files on their way in: one PUT, or several parts that are put together."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .blobs import Blobs, WrongContentError, read_pieces
from .refusals import RefusedError, bad_request


@dataclass(frozen=True, slots=True)
class Upload:
    """A large file that was announced.

    Attributes:
        sha256: The sha256 that it must have.
        size: Its size in bytes.
        parts: Part files that have come in, with their ETags, by their numbers.
    """

    sha256: str
    size: int
    parts: dict[int, tuple[Path, str]] = field(default_factory=dict)


class Uploads:
    """Large files that were announced and may now be sent, without a token: their address is the secret.

    Attributes:
        part_size: Files that are larger come in parts of that size.
    """

    def __init__(self, blobs: Blobs, part_size: int) -> None:
        self.part_size = part_size
        self._blobs = blobs
        self._uploads: dict[str, Upload] = {}

    def announce(self, sha256: str, size: int, endpoint: str, *, in_parts: bool) -> dict[str, object]:
        """Return where and how a file is to be sent, in the words of git LFS."""
        key = secrets.token_hex(16)
        self._uploads[key] = Upload(sha256, size)
        address = f"{endpoint}/lfs/{key}"
        if not in_parts or size <= self.part_size:
            return {"href": address, "header": {}}
        parts = range(1, -(-size // self.part_size) + 1)
        addresses = {str(number): f"{address}/{number}" for number in parts}
        return {"href": address, "header": {"chunk_size": str(self.part_size), **addresses}}

    def receive(self, key: str, pieces: Iterable[bytes]) -> None:
        """Store a file that comes in at once."""
        upload = self._upload(key)
        self._store(upload, pieces)

    def receive_part(self, key: str, number: int, pieces: Iterable[bytes]) -> str:
        """Keep a part, and return its ETag; sent again, it takes the former one's place."""
        upload = self._upload(key)
        path, digest = self._blobs.incoming(), hashlib.sha256()
        with path.open("wb") as stream:
            for piece in pieces:
                digest.update(piece)
                stream.write(piece)
        upload.parts[number] = (path, f'"{digest.hexdigest()}"')
        return upload.parts[number][1]

    def complete(self, key: str, etags: dict[int, str]) -> None:
        """Put a file together from its parts.

        Args:
            key: The upload.
            etags: The ETag of every part, by its number.
        """
        upload = self._upload(key)
        if self._blobs.has(upload.sha256, upload.size):
            return  # the answer to this very call was lost
        if etags != {number: etag for number, (_, etag) in upload.parts.items()}:
            raise bad_request("These are not the parts that came in")
        self._store(upload, _put_together([path for _, (path, _) in sorted(upload.parts.items())]))

    def _store(self, upload: Upload, pieces: Iterable[bytes]) -> None:
        try:
            self._blobs.add(pieces, upload.sha256, upload.size)
        except WrongContentError as error:
            raise bad_request(str(error)) from error

    def _upload(self, key: str) -> Upload:
        if key not in self._uploads:
            raise RefusedError(403, "This upload was not announced, or another server announced it")
        return self._uploads[key]


def _put_together(parts: list[Path]) -> Iterator[bytes]:
    for path in parts:
        yield from read_pieces(path)
        path.unlink()
