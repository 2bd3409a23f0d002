"""The Xet storage: files in chunks, each kept once, through the stock `hf_xet` and its `local://` storage.

`hf_xet` keeps a `local://` storage open, and locked, for as long as its process lives. So each token leads to
a storage of its own: hard links to all chunks there are, with a copy of the database that looks them up. A
file that a commit names is read back from where its client put it, checked against its sha256, and stored.
"""

from __future__ import annotations

import os
import secrets
import shutil
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from .blobs import Blobs, WrongContentError

HOUR = 3600
LOOKUP = "global_dedup_lookup.redb"
_ENTRY = 48  # every record of a shard is as long
_HAS_VERIFICATION = 1 << 31
_HAS_SHA256 = 1 << 30


class XetStorage:
    """A Xet storage beside the contents of a Hub."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._blobs = blobs
        self._stored = folder / "xet" / "stored"
        self._clients = folder / "xet" / "clients"
        self._lock = threading.Lock()
        shutil.rmtree(self._clients, ignore_errors=True)  # nobody has a token yet
        self._hashes: dict[str, str] = dict(_files_in(self._stored))

    def token(self) -> dict[str, object]:
        """Return access to the storage for an hour, in the Hub's words."""
        with self._lock:
            folder = self._copy(self._stored)
        return {
            "casUrl": f"local://{folder}",
            "accessToken": f"xet_{secrets.token_hex(16)}",
            "exp": int(time.time()) + HOUR,
        }

    def hash_of(self, sha256: str) -> str | None:
        """Return the hash by which a content can be downloaded from here."""
        return self._hashes.get(sha256)

    def take_in(self, sha256: str, size: int) -> bool:
        """Store a content that a client has uploaded; say whether there was one.

        Raises:
            WrongContentError: If the content is not what its client said.
        """
        wrong: WrongContentError | None = None
        with self._lock:
            for client in sorted(self._clients.glob("*")):
                xet_hash = dict(_files_in(client)).get(sha256)
                if xet_hash is None:
                    continue
                try:
                    self._blobs.add(self._read(client, xet_hash, size), sha256, size)
                except WrongContentError as error:
                    wrong = error  # another client may have sent it as it should be
                else:
                    self._hashes[sha256] = self._store(sha256)
                    return True
        if wrong is not None:
            raise wrong
        return False

    def _read(self, client: Path, xet_hash: str, size: int) -> Iterator[bytes]:
        from hf_xet import XetFileInfo, XetSession  # pyright: ignore[reportAttributeAccessIssue]

        copy = self._copy(client)
        try:
            group = XetSession().new_download_stream_group(**_access(copy))
            yield from group.download_stream(XetFileInfo(xet_hash, size))
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _store(self, sha256: str) -> str:
        from hf_xet import XetSession  # pyright: ignore[reportAttributeAccessIssue]

        with XetSession().new_upload_commit(**_access(self._stored)) as commit:
            upload = commit.start_upload_file(str(self._blobs.path(sha256)), sha256=sha256)
        return upload.result().xet_info.hash

    def _copy(self, storage: Path) -> Path:
        """Make a storage with the same chunks in it."""
        copy = self._clients / secrets.token_hex(8)
        _chunks(copy).mkdir(parents=True)
        for part in ("xorbs", "shards"):
            if (_chunks(storage) / part).is_dir():
                shutil.copytree(_chunks(storage) / part, _chunks(copy) / part, copy_function=_link)
        if (_chunks(storage) / LOOKUP).exists():
            shutil.copyfile(_chunks(storage) / LOOKUP, _chunks(copy) / LOOKUP)
        return copy


def _access(storage: Path) -> dict[str, str | int]:
    return {"endpoint": f"local://{storage}", "token": "", "token_expiry_unix_secs": int(time.time()) + HOUR}


def _chunks(storage: Path) -> Path:
    return storage / "xet" / "xorbs"


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _files_in(storage: Path) -> Iterator[tuple[str, str]]:
    """Read the sha256 and the Xet hash of every file that the shards of a storage list.

    The format is Hugging Face's (https://huggingface.co/docs/xet/shard): after a header come files, each with
    as many records as its header says, as many again to verify them, and one with its sha256.
    """
    for shard in sorted((_chunks(storage) / "shards").glob("*.mdb")):
        content = shard.read_bytes()
        place = _ENTRY
        while content[place : place + 32] != b"\xff" * 32:
            flags, records = struct.unpack_from("<II", content, place + 32)
            end = place + _ENTRY * (1 + records * (2 if flags & _HAS_VERIFICATION else 1))
            if flags & _HAS_SHA256:
                yield _hexadecimal(content, end), _hexadecimal(content, place)
                end += _ENTRY
            place = end


def _hexadecimal(content: bytes, place: int) -> str:
    """Return a hash as Xet writes it: four numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack_from("<4Q", content, place))
