"""What `synthner project` shows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from . import counted, new_table, print_problems, print_table, progress_bars, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress

    from ...projection.files import ProjectOutcome


class ProjectProgress:
    """Shows on a terminal's stderr how many sentences are projected.

    Args:
        target: The file with a sentence a line, which says how many there are.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = progress_bars("sentences")
            self._task = self._bars.add_task("Projecting", total=self._sentences())
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def advance(self, done: int) -> None:
        """So many are done."""
        if self._bars:
            self._bars.update(self._task, completed=done)

    def _sentences(self) -> int | None:
        """Count the lines of the target; None where it can be read only once, or not at all."""
        from ...schema.errors import DataError
        from ...sources.files import open_text_lines

        if not self._target.is_file():
            return None
        try:
            with open_text_lines(self._target) as lines:
                return sum(1 for _ in lines)
        except DataError:
            return None  # Who reads it to project it says so.


def print_projected(outcome: ProjectOutcome, output: Path) -> None:
    """Print what became of the source entities, by type, why some were dropped, and where the target is."""
    if outcome.types:
        table = new_table("type", "entities", "projected", "dropped because")
        for type_, counts in sorted(outcome.types.items()):
            reasons = ", ".join(
                f"{reason} {count:,}"
                for reason, count in sorted(counts.dropped.items(), key=lambda item: (-item[1], item[0]))
            )
            table.add_row(type_, f"{counts.entities:,}", f"{counts.projected:,}", reasons)
        print_table(table)
    if outcome.report.problems:
        say("In the source:")
        print_problems(outcome.report.problems)
    if outcome.scoring is not None:
        _print_scoring(outcome.scoring, outcome.unread)
    say(
        f"Projected {outcome.projected:,} of {counted(outcome.entities, 'entity')} in "
        f"{counted(outcome.sentences, 'sentence')}, as {counted(outcome.mentions, 'mention')}: {output}"
    )


def _print_scoring(scoring: Mapping[str, Any], unread: int) -> None:
    """Say which scores went in, and what they are from."""
    parts = " + ".join(f"{how['weight']:g} × {name}" for name, how in scoring["scores"].items())
    say(f"Scores: {parts}; candidates: {scoring['candidates']}")
    if scoring["tagger"] is not None:
        say(f"Tagger: {scoring['tagger']}")
    if (translator := scoring["translator"]) is not None:
        revision = f" ({translator['revision']})" if translator["revision"] else ""
        say(f"Translation model: {translator['model']}{revision}, {' and '.join(translator['languages'])}")
    if unread:
        say(f"{counted(unread, 'pair')} that it cannot read score 0 there.")
