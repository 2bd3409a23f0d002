"""What a release changes, as Markdown: for pull requests, commits and job summaries."""

from __future__ import annotations

from ..builders.changes import ConfigChange, ReleaseChanges
from .markdown import Markdown, cell, code, count, table

_STEPS_SHOWN = ("requested", "returned", "published")


def changes_markdown(changes: ReleaseChanges, version: str) -> Markdown:
    """Show what a release changes, config by config: rows, and the ends of the waterfall before and after."""
    heading = f"### Version {cell(version)}"
    if not changes.touched:
        return Markdown(f"{heading}\n\nNo config changes.")
    header = [
        Markdown(text)
        for text in ("Config", "", "Rows added", "Removed", "Changed", *map(str.capitalize, _STEPS_SHOWN))
    ]
    return Markdown(
        f"{heading}\n\n{table(header, [_row(change) for change in changes.touched], align='llrrrrrr')}"
    )


def _row(change: ConfigChange) -> list[Markdown]:
    kind = f"{change.kind}, labels or splits are others" if _has_other_columns(change) else change.kind
    return [
        code(change.name),
        cell(kind),
        count(change.rows.added),
        count(change.rows.removed),
        count(change.rows.changed),
        *(_before_and_after(change, step) for step in _STEPS_SHOWN),
    ]


def _has_other_columns(change: ConfigChange) -> bool:
    return change.columns_changed and bool(change.before) and bool(change.after)


def _before_and_after(change: ConfigChange, step: str) -> Markdown:
    shown = [count(side[step]) for side in (change.before, change.after) if step in side]
    return Markdown(" → ".join(dict.fromkeys(shown)) or "–")
