"""The version of a release, by what it changes for those who load it (semantic versioning).

A removed config or split, or other labels, may break what loads the dataset: a major version. Other rows are
a minor version, and what only the card, the provenance or the manifest say is a patch.
"""

from __future__ import annotations

import re

from ..schema.errors import DataError
from .changes import ADDED, REMOVED, ConfigChange, ReleaseChanges

FIRST_VERSION = "1.0.0"

_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


def next_version(former: str | None, changes: ReleaseChanges) -> str:
    """Return the version of what is about to be published.

    Args:
        former: The published version; None if there is none.
        changes: What changes. There is a change, if only in the card.

    Example:
        >>> next_version("1.2.3", ReleaseChanges((), is_first=False))
        '1.2.4'

    Raises:
        DataError: If the published version is none.
    """
    if former is None:
        return FIRST_VERSION
    found = _VERSION.fullmatch(former)
    if found is None:
        raise DataError(
            f"the published manifest has the version `{former}`, which is none",
            hint="A version is three numbers, as 1.0.0.",
        )
    major, minor, patch = map(int, found.groups())
    if changes.breaks_users:
        return f"{major + 1}.0.0"
    if changes.rows:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def changelog_lines(changes: ReleaseChanges) -> list[str]:
    """Say in a line each what a version changed."""
    if changes.is_first:
        return ["First release."]
    return [_line(change) for change in changes.touched] or ["Card, provenance or manifest only."]


def _line(change: ConfigChange) -> str:
    if change.kind in (ADDED, REMOVED):
        return f"{change.name}: config {change.kind}."
    rows = ", ".join(
        f"{count:,} {what}"
        for what, count in (
            ("added", change.rows.added),
            ("removed", change.rows.removed),
            ("changed", change.rows.changed),
        )
        if count
    )
    columns = ["labels or splits are others"] if change.columns_changed else []
    return f"{change.name}: {'; '.join([*([f'rows {rows}'] if rows else []), *columns])}."
