"""What may be where in a leaderboard, and what of it a submitter may change."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from ...schema.errors import DataError
from .benchmarks import BENCHMARKS
from .records import RESULTS
from .rows import LEADERBOARD

CARD = "README.md"
DERIVED = (CARD, LEADERBOARD)
"""Files that `synthner leaderboard build` writes."""

ADDED, CHANGED, REMOVED = "added", "changed", "removed"

# What git and the Hub's client keep beside a repository's own files.
_NOT_OURS = (".git", ".cache")
# Two names of 96 signs, and two signs between them.
_SLUG = r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,192}[A-Za-z0-9])?"
_RESULT = re.compile(
    rf"{RESULTS}/{_SLUG}/[a-z0-9][a-z0-9._-]{{0,63}}/[0-9a-f]{{24}}\.(?:json|parquet)", re.ASCII
)
_DEEPEST = 32


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong with a file.

    Attributes:
        path: The file, relative to the leaderboard.
        message: What is wrong.
        hint: What to do about it; empty where that is plain.
    """

    path: str
    message: str
    hint: str = ""

    @classmethod
    def of_error(cls, path: str, error: DataError) -> Problem:
        """Make an error one."""
        return cls(path, error.message, error.hint or "")

    def as_json(self) -> dict[str, str]:
        """Return it as `synthner leaderboard verify --json` prints it."""
        return {"path": shown(self.path), "message": shown(self.message), "hint": self.hint}


@dataclass(frozen=True, order=True)
class Change:
    """A file that is other than it was.

    Attributes:
        path: The file, relative to the leaderboard.
        kind: `added`, `changed` or `removed`.
    """

    path: str
    kind: str


def list_files(folder: Path) -> list[str]:
    """Return all files of a leaderboard, by their paths in it, in order. Links are listed and not followed.

    Raises:
        DataError: If a folder cannot be read, or folders are nested beyond reason.
    """
    found: list[str] = []
    pending = [("", 0)]
    while pending:
        below, depth = pending.pop()
        if depth > _DEEPEST:
            raise DataError("folders are nested too deeply", where=shown(below))
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    path = f"{below}{entry.name}"
                    if not below and entry.name in _NOT_OURS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((f"{path}/", depth + 1))
                    else:
                        found.append(path)
        except OSError as error:
            raise DataError(
                f"cannot be read: {error.strerror or error}", where=str(folder / below)
            ) from error
    return sorted(found)


def changes_from(base: Path, folder: Path) -> list[Change]:
    """Compare a leaderboard with what it was.

    Raises:
        DataError: If one of them cannot be read.
    """
    before, after = set(list_files(base)), set(list_files(folder))
    found = [Change(path, ADDED) for path in after - before]
    found += [Change(path, REMOVED) for path in before - after]
    found += [Change(path, CHANGED) for path in before & after if not _is_same(base / path, folder / path)]
    return sorted(found)


def named_changes(folder: Path, paths: Iterable[str], base: Path | None) -> list[Change]:
    """Say what the paths are that somebody names as changed; without a base, what is there was added."""
    found = set()
    for path in paths:
        is_there, was_there = _is_in(folder, path), base is not None and _is_in(base, path)
        kind = REMOVED if not is_there else CHANGED if was_there else ADDED
        found.add(Change(path, kind))
    return sorted(found)


def problems_of_change(change: Change) -> list[Problem]:
    """Say why a submitter may not make a change; nothing where it is a new file of a result."""
    if (problem := problem_of_path(change.path)) is not None:
        return [problem]
    if change.kind == ADDED:
        return []
    is_changed = change.kind == CHANGED
    return [
        Problem(
            change.path,
            "the result is changed" if is_changed else "the result is removed",
            "Results stay as they are. Put it back, and add a corrected result as a file of its own."
            if is_changed
            else "Put it back. Owners remove results: open a discussion and ask for it.",
        )
    ]


def problem_of_path(path: str) -> Problem | None:
    """Say why a path is no result's, if it is none."""
    if _RESULT.fullmatch(path):
        return None
    if path in DERIVED:
        return Problem(
            path,
            "this file is derived from the results, and `synthner leaderboard build` writes it",
            "Leave it as it is on the main branch.",
        )
    parts = path.split("/")
    if _is_a_trick(path, parts):
        return Problem(path, "the path leads elsewhere, or is not written plainly", _ONLY_RESULTS)
    if not path.isascii():
        character = next(each for each in path if not each.isascii())
        name = unicodedata.name(character, "a character without a name")
        return Problem(
            path,
            f"the path holds U+{ord(character):04X} ({name.lower()}): nobody could tell apart names that "
            "look alike",
            "Use ASCII letters, digits, `-`, `_` and `.`.",
        )
    if parts[0] == BENCHMARKS:
        return Problem(
            path, "benchmarks are kept by the owners of the leaderboard", "Open a discussion to propose one."
        )
    return Problem(path, "no such file belongs here", _ONLY_RESULTS)


_ONLY_RESULTS = (
    f"A submission adds {RESULTS}/<organization>__<name>/<benchmark>/<hash>.json and .parquet, and nothing "
    "else."
)


def problem_of_file(folder: Path, path: str) -> Problem | None:
    """Say why a file is none that may be read: a link, a pipe, or one behind a link."""
    place, mode = folder, 0
    for part in path.split("/"):
        place = place / part
        try:
            mode = place.lstat().st_mode
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "this is no path"
            return Problem(path, f"the file cannot be read: {reason}")
        if stat.S_ISLNK(mode):
            return Problem(
                path,
                "this is a link, and what it leads to is not read",
                "Add the file itself. A snapshot of the Hub is made of links: download it with `hf download "
                "--local-dir`.",
            )
    return None if stat.S_ISREG(mode) else Problem(path, "this is no regular file")


def shown(path: str) -> str:
    """Return a path as it can be printed: bytes that are no text, and what has no shape, are spelled out."""
    return "".join(
        character
        if character.isprintable() and unicodedata.category(character) != "Cf"
        else f"⟨U+{ord(character):04X}⟩"
        for character in path
    )


def _is_a_trick(path: str, parts: list[str]) -> bool:
    return (
        not path
        or any(part in ("", ".", "..") or part != part.strip() for part in parts)
        or "\\" in path
        or ":" in path
        or not path.isprintable()
    )


def _is_in(folder: Path, path: str) -> bool:
    try:
        return os.path.lexists(folder / path)
    except ValueError:
        return False


def _is_same(one: Path, other: Path) -> bool:
    links = one.is_symlink(), other.is_symlink()
    if any(links):
        return all(links) and one.readlink() == other.readlink()
    try:
        return cmp(one, other, shallow=False)
    except OSError:
        return False
