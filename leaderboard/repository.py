"""A leaderboard on the Hub: its files, where they can be read as files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from ..evaluation.leaderboard.benchmarks import BENCHMARKS
from ..evaluation.leaderboard.layout import problem_of_path
from ..hub.pull_requests import PullRequest
from ..hub.repository import RemoteFile, Repository, Snapshot, TransientError, again, hub_errors
from ..schema.errors import PublishError

_HUB = ("huggingface.co", "hf.co")
_REMOTE = re.compile(
    r"(?:https?://|ssh://|(?=\w+@))(?:[^@/\s]+@)?(?P<host>[^@/:\s]+(?::\d+)?)[:/]datasets/"
    r"(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?",
    re.ASCII,
)


def name_of_clone(folder: Path) -> str | None:
    """Return the name on the Hub of the leaderboard that a folder is a clone of.

    Args:
        folder: A clone of a leaderboard, or any other folder.

    Returns:
        `organisation/name`; None where the folder was not cloned from the Hub.
    """
    from huggingface_hub import constants

    config = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        config.read_string((folder / ".git" / "config").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ConfigParserError):
        return None
    remote = _REMOTE.fullmatch(config.get('remote "origin"', "url", fallback=None) or "")
    if remote is None or remote["host"] not in (*_HUB, urlsplit(constants.ENDPOINT).netloc):
        return None
    return remote["name"]


def open_leaderboard(name: str) -> Repository:
    """Return the repository of a leaderboard.

    Raises:
        PublishError: If the Hub cannot be reached.
    """
    return Repository(name, repo_type="dataset")


def leaderboard_now(repository: Repository) -> Snapshot:
    """Read a leaderboard at its newest commit.

    Raises:
        PublishError: If it cannot be read, or is none.
    """
    return check_leaderboard(repository, repository.read())


def check_leaderboard(repository: Repository, snapshot: Snapshot | None) -> Snapshot:
    """Make sure that a repository is there, and is a leaderboard.

    Raises:
        PublishError: If it is not.
    """
    if snapshot is None:
        raise PublishError(
            "the Hub has no such leaderboard, or this token may not see it",
            where=repository.name,
            hint="Check the spelling `organisation/name`. To begin one, run `synthner leaderboard init`.",
        )
    if not any(name.startswith(f"{BENCHMARKS}/") and name.endswith(".yaml") for name in snapshot.files):
        raise PublishError(
            "this is no leaderboard: it has no benchmark",
            where=repository.name,
            hint="A leaderboard has a YAML file for each benchmark in `benchmarks/`.",
        )
    return snapshot


@dataclass(frozen=True)
class Changes:
    """What a pull request changes.

    Attributes:
        new: Files that are new or other than on `main`.
        removed: Files of `main` that go.
    """

    new: Mapping[str, RemoteFile]
    removed: tuple[str, ...]

    @classmethod
    def of(cls, repository: Repository, request: PullRequest, main: Snapshot) -> Changes:
        """Compare a pull request with what it was made on top of: `main` may have gone on since."""
        start = repository.files(request.start) if request.start else {}
        there = repository.files(request.commit)
        return cls(
            {
                name: file
                for name, file in there.items()
                if file != start.get(name) and file != main.files.get(name)
            },
            tuple(name for name in start if name not in there and name in main.files),
        )

    @property
    def names(self) -> list[str]:
        """All files that are other than on `main`."""
        return sorted([*self.new, *self.removed])

    def merged_into(self, main: Snapshot) -> dict[str, RemoteFile]:
        """Return the files that `main` has when this is merged."""
        kept = {name: file for name, file in main.files.items() if name not in self.removed}
        return {**kept, **self.new}


def copy_leaderboard(
    repository: Repository, snapshot: Snapshot, folder: Path, patterns: Sequence[str] = ("*",)
) -> None:
    """Copy the files of a leaderboard at a commit into a folder.

    Args:
        repository: The leaderboard.
        snapshot: What it was at the commit.
        folder: Where to; made if it is not there.
        patterns: What is copied, as `fnmatch` has it.

    Raises:
        PublishError: If a file cannot be had.
    """
    names = [name for name in snapshot.files if any(fnmatchcase(name, pattern) for pattern in patterns)]

    def download() -> Path:
        with hub_errors(repository.name):
            found = Path(
                repository.client.snapshot_download(
                    repository.name,
                    repo_type="dataset",
                    revision=snapshot.commit,
                    allow_patterns=list(patterns),
                )
            )
        # Where the Hub does not answer, the client returns what it happens to have.
        if missing := [name for name in names if not (found / name).is_file()]:
            raise TransientError(
                "the file was not sent", where=f"{repository.name}/{missing[0]}", hint="Try again later."
            )
        return found

    found = again(download)
    for name in names:
        # The cache is made of links, and what is checked are files.
        _copy(found / name, folder / name)


def copy_results(repository: Repository, commit: str, names: Iterable[str], folder: Path) -> None:
    """Copy files of results at a commit into a folder; what has the name of none is left where it is.

    Args:
        repository: The leaderboard.
        commit: The commit, which others may have made.
        names: The files.
        folder: Where to.

    Raises:
        PublishError: If a file cannot be had.
    """
    for name in names:
        if problem_of_path(name) is None:
            _copy(repository.file(name, commit), folder / name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
