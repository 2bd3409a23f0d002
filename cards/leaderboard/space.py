"""The Space of a leaderboard as a folder: what it takes to run the app on the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ... import __version__
from ...schema.errors import WrongUsageError
from ...sources.files import write_atomically
from ..front_matter import as_yaml
from ..markdown import cell, legible
from .columns import require_repository

_BRANCH = re.compile(r"[\w][\w./-]{0,99}", re.ASCII)

_PYTHON = "3.12"


def space_files(leaderboard: str, *, branch: str = "main") -> Mapping[str, str]:
    """Return the files of a Space by name.

    Args:
        leaderboard: The dataset repository whose rows it shows.
        branch: Where they are.

    Raises:
        WrongUsageError: If that is no repository or no branch, or Gradio's version is not known.
    """
    require_repository(leaderboard)
    if not _BRANCH.fullmatch(branch):
        raise WrongUsageError(f"`{legible(branch)}` is no branch")
    gradio = _gradio_version()
    return {
        "README.md": _readme(leaderboard, gradio),
        "app.py": _app(leaderboard, branch),
        "requirements.txt": f"synthner[space]=={__version__}\n",
    }


def write_space(folder: Path, leaderboard: str, *, branch: str = "main") -> tuple[Path, ...]:
    """Write the files of a Space into a folder.

    Raises:
        WrongUsageError: As `space_files` does.
        DataError: If they cannot be written.
    """
    written = []
    for name, content in space_files(leaderboard, branch=branch).items():
        path = folder / name
        with write_atomically(path) as stream:
            stream.write(content)
        written.append(path)
    return tuple(written)


def _readme(leaderboard: str, gradio: str) -> str:
    metadata = {
        "title": f"Leaderboard {leaderboard.partition('/')[2]}",
        "sdk": "gradio",
        "sdk_version": gradio,
        "python_version": _PYTHON,
        "app_file": "app.py",
        "datasets": [leaderboard],
        "tags": ["leaderboard"],
        "short_description": "NER with scarce gold: systems and training data",
    }
    return (
        f"---\n{as_yaml(metadata)}---\n\n# Leaderboard {cell(leaderboard)}\n\n"
        f"It shows `leaderboard.parquet` of the dataset [{cell(leaderboard)}]"
        f"(https://huggingface.co/datasets/{leaderboard}) and looks for a new one every five minutes.\n"
        "Written by `synthner leaderboard space`.\n"
    )


def _app(leaderboard: str, branch: str) -> str:
    return (
        '"""The Space of a leaderboard. Written by `synthner leaderboard space`."""\n\n'
        "from synthner.leaderboard.serving import serve\n\n"
        f"serve({json.dumps(leaderboard)}, branch={json.dumps(branch)})\n"
    )


def _gradio_version() -> str:
    """Return the version of Gradio that is installed here, so that the Space has what was tried."""
    try:
        return version("gradio")
    except PackageNotFoundError as error:
        raise WrongUsageError(
            "which Gradio the Space needs is not known: it is not installed",
            hint="Install it with `pip install 'synthner[space]'`.",
        ) from error
