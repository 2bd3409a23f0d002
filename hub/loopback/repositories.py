"""Repositories on disk: commits, branches, tags and pull requests.

A commit is a JSON file that never changes, and holds its whole list of files. Where branches, tags and pull
requests point is in one JSON file for each repository, replaced as a whole once everything that it points to
has been written. So a commit is there, or it is not, also when the server is killed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...sources.files import write_atomically
from .blobs import Blobs
from .discussions import Discussion, now
from .refusals import bad_request, no_entry, no_revision

TYPES = ("model", "dataset", "space")
MAIN = "main"
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a commit.

    Attributes:
        oid: Its git object id; a large file's is that of its pointer.
        sha256: The sha256 of its content.
        size: Its size in bytes.
        large: Whether git holds a pointer to it (LFS or Xet) and not the file.
    """

    oid: str
    sha256: str
    size: int
    large: bool

    @property
    def etag(self) -> str:
        """What its content is known by."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit and all its files, by their paths."""

    oid: str
    parent: str | None
    title: str
    description: str
    author: str
    date: str
    files: Mapping[str, File]


@dataclass(frozen=True, slots=True)
class Message:
    """What a commit says about itself."""

    title: str
    description: str
    author: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as it stands.

    Attributes:
        key: The name of its folder, which it keeps when it is renamed.
        type: `model`, `dataset` or `space`.
        id: `owner/name`.
        created: When it was made.
        private: Whether only its owner sees it.
        gated: `auto`, `manual` or False.
        refs: Commits by full reference: `refs/heads/main`, `refs/tags/v1.0.0`, `refs/pr/1`.
        discussions: Discussions and pull requests; their numbers count from 1.
    """

    key: str
    type: str
    id: str
    created: str
    private: bool = False
    gated: str | bool = False
    refs: Mapping[str, str] = field(default_factory=dict)
    discussions: tuple[Discussion, ...] = ()

    @property
    def owner(self) -> str:
        """The user or organisation that it belongs to."""
        return self.id.split("/")[0]

    @property
    def resource(self) -> str:
        """Its name with its type, as it stands in addresses: `datasets/owner/name`."""
        return self.id if self.type == "model" else f"{self.type}s/{self.id}"

    def named(self, prefix: str) -> dict[str, str]:
        """Return the commits of the references with a prefix, by the rest of their names."""
        return {name.removeprefix(prefix): oid for name, oid in self.refs.items() if name.startswith(prefix)}


class Repositories:
    """All repositories of a Hub, in a folder.

    Attributes:
        lock: Held while something is read to be changed.
    """

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self.lock = threading.RLock()
        self._blobs = blobs
        self._folder = folder / "repositories"
        self._catalogue = folder / "catalogue.json"
        self._keys: dict[str, str] = _read(self._catalogue) if self._catalogue.exists() else {}
        for path in self._folder.glob("*"):
            if path.name not in self._keys.values():  # made or deleted when the server was killed
                shutil.rmtree(path)

    def find(self, kind: str, name: str) -> Repository | None:
        """Return a repository by its type and its name, or a former one."""
        key = self._keys.get(f"{kind}s/{name}")
        if key is None:
            return None
        state = _read(self._state(key))
        discussions = tuple(
            Discussion(**{**stored, "events": tuple(stored["events"])}) for stored in state.pop("discussions")
        )
        return Repository(**state, discussions=discussions)

    def create(self, kind: str, name: str, *, private: bool, author: str) -> Repository:
        """Make a repository with its first commit, as the Hub does."""
        repository = Repository(secrets.token_hex(8), kind, name, now(), private=private)
        files = {".gitattributes": self.file([ATTRIBUTES])}
        first = self.write_commit(repository, None, Message("initial commit", "", author), files)
        repository = replace(repository, refs={f"refs/heads/{MAIN}": first.oid})
        self.save(repository)
        self._save_keys({**self._keys, f"{kind}s/{name}": repository.key})
        return repository

    def delete(self, repository: Repository) -> None:
        """Delete a repository under all its names."""
        self._save_keys({name: key for name, key in self._keys.items() if key != repository.key})
        shutil.rmtree(self._folder / repository.key)

    def move(self, repository: Repository, name: str) -> None:
        """Rename a repository; its former name leads to it."""
        self._save_keys({**self._keys, f"{repository.type}s/{name}": repository.key})
        self.save(replace(repository, id=name))

    def save(self, repository: Repository) -> None:
        """Write how a repository stands now: the moment that a commit, a tag or a merge happens."""
        with write_atomically(self._state(repository.key)) as stream:
            json.dump(asdict(repository), stream, ensure_ascii=False)

    def file(self, pieces: list[bytes]) -> File:
        """Store a small file's content, and return the file."""
        content = b"".join(pieces)
        return File(git_oid(content), self._blobs.add(pieces), len(content), large=False)

    def write_commit(
        self, repository: Repository, parent: str | None, message: Message, files: Mapping[str, File]
    ) -> Commit:
        """Write a commit; it is part of the repository once a reference that leads to it is saved."""
        _check_paths(files)
        content = {
            "parent": parent,
            **asdict(message),
            "date": now(),
            "files": {path: asdict(file) for path, file in sorted(files.items())},
        }
        oid = hashlib.sha1(json.dumps(content).encode(), usedforsecurity=False).hexdigest()
        with write_atomically(self._commit(repository, oid)) as stream:
            json.dump({"oid": oid, **content}, stream, ensure_ascii=False)
        return Commit(oid, parent, **asdict(message), date=content["date"], files=files)

    def read_commit(self, repository: Repository, oid: str) -> Commit:
        """Return a commit by its id."""
        stored = _read(self._commit(repository, oid))
        return Commit(**{**stored, "files": {path: File(**file) for path, file in stored["files"].items()}})

    def commit_at(self, repository: Repository, revision: str) -> Commit:
        """Return the commit that a branch, a tag, a full reference or a commit id leads to.

        Raises:
            RefusedError: If there is no such revision.
        """
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        oid = next((repository.refs[name] for name in names if name in repository.refs), revision)
        if len(oid) != 40 or not oid.isalnum() or not self._commit(repository, oid).exists():
            raise no_revision(revision)
        return self.read_commit(repository, oid)

    def history(self, repository: Repository, commit: Commit) -> Iterator[Commit]:
        """Return a commit and those before it, the newest first."""
        yield commit
        while commit.parent is not None:
            commit = self.read_commit(repository, commit.parent)
            yield commit

    def content(self, file: File) -> Path:
        """Return where a file's content lies."""
        return self._blobs.path(file.sha256)

    def _state(self, key: str) -> Path:
        return self._folder / key / "state.json"

    def _commit(self, repository: Repository, oid: str) -> Path:
        return self._folder / repository.key / "commits" / f"{oid}.json"

    def _save_keys(self, keys: dict[str, str]) -> None:
        with write_atomically(self._catalogue) as stream:
            json.dump(keys, stream, ensure_ascii=False)
        self._keys = keys


def large_file(sha256: str, size: int) -> File:
    """Return the file that stands for a content in the large-file storage."""
    return File(git_oid(pointer(sha256, size)), sha256, size, large=True)


def pointer(sha256: str, size: int) -> bytes:
    """Return what git holds in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def git_oid(content: bytes) -> str:
    """Return the id that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def without(files: Mapping[str, File], path: str, *, folder: bool, commit: str) -> dict[str, File]:
    """Return files without one, or without all in a folder.

    Raises:
        RefusedError: If there is nothing to delete.
    """
    prefix = f"{path.rstrip('/')}/"
    gone = {name for name in files if (name.startswith(prefix) if folder else name == path)}
    if not gone:
        raise no_entry(path, commit, f"A {'folder' if folder else 'file'} with this name doesn't exist")
    return {name: file for name, file in files.items() if name not in gone}


def _check_paths(files: Mapping[str, File]) -> None:
    folders = {parent for path in files for parent in folders_of(path)}
    for path in files:
        parts = path.split("/")
        if {"", ".", "..", ".git"}.intersection(parts) or "\\" in path or not path.isprintable():
            raise bad_request(f"`{path}` is not a path that a repository can have")
        if path in folders:
            raise bad_request(f"`{path}` cannot be a file and a folder")


def folders_of(path: str) -> list[str]:
    """Return every folder above a path."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
