"""What the commands have in common: options, arguments, and how a release is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schema.errors import DataError, WrongUsageError

if TYPE_CHECKING:
    from ..release import Release
    from ..schema.labels import LabelSet

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
config_option = click.option(
    "--config", "only", multiple=True, metavar="NAME", help="Only this config; may be given several times."
)
format_option = click.option(
    "--format",
    "format_",
    metavar="NAME",
    help="Format of the files: conll, jsonl, parquet or arrow; recognised where it is not given.",
)
release_argument = click.argument("release", type=click.Path(path_type=Path), default="release.yaml")
file = click.Path(path_type=Path, dir_okay=False)
folder = click.Path(path_type=Path, file_okay=False)
# What help calls it, as all texts do; Click would say DIRECTORY.
folder.name = "folder"


def examples(*lines: str) -> str:
    """Return the end of a command's help: command lines to copy, which Click must not wrap."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def release_option(what: str) -> Callable[[Any], Any]:
    """Return the option `--release` of a command whose arguments are parts of a release's evaluation.

    Args:
        what: What help says of it.
    """
    return click.option(
        "--release",
        type=click.Path(path_type=Path),
        metavar="RELEASE",
        default="release.yaml",
        show_default=True,
        help=what,
    )


def open_release(path: Path) -> Release:
    """Read a release file, or the one in a folder."""
    from ..release import read_release

    return read_release(path)


def check_output(output: Path, read: Iterable[Path | None], option: str = "-o") -> None:
    """Make sure that what is written takes the place of nothing that is read.

    Args:
        output: Where it goes.
        read: The files that are read; None for what is not given.
        option: What names it.

    Raises:
        WrongUsageError: If it does.
    """
    if output.resolve() in (path.resolve() for path in read if path is not None):
        raise WrongUsageError(
            "what is written would take the place of a file that is read",
            where=str(output),
            hint=f"Name another file by `{option}`.",
        )


def label_set(text: str) -> LabelSet:
    """Read the value of `--labels`.

    Raises:
        WrongUsageError: If it is no IOB2 label set.
    """
    from ..schema.labels import LabelSet

    try:
        return LabelSet.parse(text)
    except DataError as error:
        hint = error.hint or "For example: O,B-PER,I-PER,B-LOC,I-LOC"
        raise WrongUsageError(error.message, where="--labels", hint=hint) from error
