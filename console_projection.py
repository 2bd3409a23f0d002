"""What `synthner project` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import counted, new_table, print_problems, print_table

if TYPE_CHECKING:
    from .projection.files import ProjectOutcome


def print_projected(outcome: ProjectOutcome, output: Path) -> None:
    """Print what became of the source entities, by type, why some were dropped, and where the target is."""
    from .cards.markdown import legible

    if outcome.types:
        table = new_table("type", "entities", "projected", "dropped because")
        for type_, counts in sorted(outcome.types.items()):
            reasons = ", ".join(
                f"{reason} {count:,}"
                for reason, count in sorted(counts.dropped.items(), key=lambda item: (-item[1], item[0]))
            )
            table.add_row(legible(type_), f"{counts.entities:,}", f"{counts.projected:,}", reasons)
        print_table(table)
    if outcome.report.problems:
        click.echo("In the source:")
        print_problems(outcome.report.problems)
    click.echo(
        f"Projected {outcome.projected:,} of {counted(outcome.entities, 'entity')} in "
        f"{counted(outcome.sentences, 'sentence')}, as {counted(outcome.mentions, 'mention')}: {output}"
    )
