"""What the commands have in common: options, arguments, and how a release is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..release import Release

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
config_option = click.option(
    "--config", "only", multiple=True, metavar="NAME", help="Only this config; may be given several times."
)
format_option = click.option(
    "--format", "format_", metavar="NAME", help="Format of the files; recognised where it is not given."
)
release_argument = click.argument("release", type=click.Path(path_type=Path), default="release.yaml")
file = click.Path(path_type=Path, dir_okay=False)


def open_release(path: Path) -> Release:
    """Read a release file, or the one in a folder."""
    from ..release import read_release

    return read_release(path)
