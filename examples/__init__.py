"""Releases and a leaderboard to start from, shipped with the package."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..schema.errors import WrongUsageError

QUICKSTART = Path(__file__).parent / "quickstart"

TRANSFER_STUDY = Path(__file__).parent / "transfer-study"
"""A release for `synthner study`: English labels carried over to Danish in two ways."""

RELEASES = {folder.name: folder for folder in (QUICKSTART, TRANSFER_STUDY)}
"""Releases to start from, by name."""

REPOSITORY = Path(__file__).parent / "repository"
"""What makes a folder with a release a repository that publishes it: workflows, `.gitignore`, next steps."""

LEADERBOARD = Path(__file__).parent / "leaderboard"
"""A leaderboard without results: an example of a benchmark, and the workflow that reviews pull requests."""

# The repository's own README tells what to do next; the example's, what is in the example.
ABOUT_EXAMPLE = "EXAMPLE.md"

# What running the example leaves beside it in a checkout.
_MADE_BY_RUNNING = shutil.ignore_patterns("work", "dataset", "published", "runs", "report", "__pycache__")


def write_release_repository(folder: Path, example: str = QUICKSTART.name) -> list[Path]:
    """Write a repository with an example's release into a new or empty folder.

    Args:
        folder: The folder.
        example: A name in `RELEASES`.

    Returns:
        The files written, relative to the folder.

    Raises:
        WrongUsageError: If the folder holds something already, or cannot be written.
    """
    with _new_folder(folder):
        shutil.copytree(RELEASES[example], folder, ignore=_MADE_BY_RUNNING, dirs_exist_ok=True)
        (folder / "README.md").rename(folder / ABOUT_EXAMPLE)
        shutil.copytree(REPOSITORY, folder, dirs_exist_ok=True)
    return _files_in(folder)


def write_leaderboard_repository(folder: Path) -> list[Path]:
    """Write a leaderboard without results into a new or empty folder.

    Returns:
        The files written, relative to the folder.

    Raises:
        WrongUsageError: If the folder holds something already, or cannot be written.
    """
    with _new_folder(folder):
        shutil.copytree(LEADERBOARD, folder, dirs_exist_ok=True)
    return _files_in(folder)


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise WrongUsageError(
                "the folder is not empty", where=str(folder), hint="Name a new folder; nothing was written."
            )
        yield
    except OSError as error:
        raise WrongUsageError(f"cannot write there: {error.strerror}", where=str(folder)) from error


def _files_in(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
