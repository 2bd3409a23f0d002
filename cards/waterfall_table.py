"""The waterfall as people read it: one description of its rows, shown by the card, the terminal and CI.

Splits stand side by side. Each step has a row for what it kept; below it stand a row for every reason that it
lost datapoints for and a row for everything it noticed about those it kept. Every number is the manifest's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..schema.waterfall import STEPS
from .markdown import Markdown, cell, count, legible, table

if TYPE_CHECKING:
    from rich.table import Table

Steps = Sequence[Mapping[str, Any]]


class RowKind(Enum):
    """What the counts of a row are of."""

    KEPT = "kept"
    LOST = "lost"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the waterfall.

    Attributes:
        kind: What the counts are of.
        label: The step, the reason for a loss, or what was noticed.
        counts: Datapoints, one number a split in the order of the waterfall's splits; None where that split
            has no such count.
    """

    kind: RowKind
    label: str
    counts: tuple[int | None, ...]


def waterfall_rows(waterfall: Mapping[str, Steps]) -> list[Row]:
    """Describe the rows of a config's waterfall.

    Args:
        waterfall: Its steps by split, as the manifest holds them.
    """
    steps_of = {split: {step["step"]: step for step in steps} for split, steps in waterfall.items()}
    rows = []
    for name in _names_in_order(waterfall):
        steps = [steps_of[split].get(name, {}) for split in waterfall]
        rows.append(Row(RowKind.KEPT, name, tuple(step.get("kept") for step in steps)))
        rows += _counted(RowKind.LOST, [step.get("lost", {}) for step in steps])
        rows += _counted(RowKind.NOTED, [step.get("notes", {}) for step in steps])
    return rows


def waterfall_markdown(waterfall: Mapping[str, Steps]) -> Markdown:
    """Show a config's waterfall as a Markdown table."""
    header = [Markdown("Step"), *(cell(split) for split in waterfall)]
    rows = [[_label_in_markdown(row), *map(count, row.counts)] for row in waterfall_rows(waterfall)]
    return table(header, rows, "l" + "r" * len(waterfall))


def waterfall_table(waterfall: Mapping[str, Steps], title: str) -> Table:
    """Show a config's waterfall as a table for the terminal.

    Args:
        waterfall: Its steps by split, as the manifest holds them.
        title: Stands above the table, usually the config's name.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(legible(title)), title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("step")
    for split in waterfall:
        shown.add_column(Text(legible(split)), justify="right")
    for row in waterfall_rows(waterfall):
        style = _TERMINAL_STYLES[row.kind]
        label = Text(_PREFIXES[row.kind] + legible(row.label))
        shown.add_row(label, *(Text(str(count(number))) for number in row.counts), style=style)
    return shown


_PREFIXES = {RowKind.KEPT: "", RowKind.LOST: "  − ", RowKind.NOTED: "  · "}
_TERMINAL_STYLES = {RowKind.KEPT: "bold", RowKind.LOST: "red", RowKind.NOTED: "dim"}


def _label_in_markdown(row: Row) -> Markdown:
    if row.kind is RowKind.KEPT:
        return Markdown(f"**{cell(row.label)}**")
    return Markdown(f"{_PREFIXES[row.kind].strip()} {cell(row.label)}")


def _names_in_order(waterfall: Mapping[str, Steps]) -> list[str]:
    present = {step["step"] for steps in waterfall.values() for step in steps}
    return [name for name in STEPS if name in present]


def _counted(kind: RowKind, counts_by_split: Sequence[Mapping[str, int]]) -> list[Row]:
    labels = sorted({label for counts in counts_by_split for label in counts})
    return [Row(kind, label, tuple(counts.get(label) for counts in counts_by_split)) for label in labels]
