"""What the commands of the evaluation print."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from html import unescape
from typing import TYPE_CHECKING, Self

from . import counted, new_table, print_table, progress_bars, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from ...evaluation.grid.cells import LeftOut, Plan, PlannedCell
    from ...evaluation.grid.data import GridData
    from ...evaluation.grid.effort import Effort
    from ...evaluation.grid.progress import GridStatus
    from ...evaluation.report import ReportWritten
    from ...evaluation.report.study import StudyWritten

_MINUTE, _HOUR = 60, 3600
# What findings are written with; any sign of a name that is none of it is escaped.
_MARKUP = re.compile(r"\*\*|`|</?code>|<wbr>")


class GridProgress:
    """Shows on stderr how `evaluate` goes: a bar on a terminal, a line a cell elsewhere."""

    def __init__(self, plan: Plan, data: GridData) -> None:
        from ...evaluation.grid.running import unfinished

        self._cells = {cell.id for cell in unfinished(plan, data)}
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and self._cells:
            self._bars = progress_bars("cells")
            self._task = self._bars.add_task("Evaluating", total=len(self._cells))
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def started(self, planned: PlannedCell) -> None:
        """Note that a cell is being run."""
        # A collapsed run is repeated by a cell that nobody knew of before.
        self._cells.add(planned.id)
        if self._bars:
            self._bars.update(self._task, description=named(planned), total=len(self._cells))

    def finished(self, planned: PlannedCell, f1: float, *, collapsed: bool) -> None:
        """Note a result."""
        self._say(planned, f"F1 {f1:.3f}" + (", which is a collapse" if collapsed else ""), loud=collapsed)

    def failed(self, planned: PlannedCell, message: str) -> None:
        """Note that a cell has no result, and why."""
        self._say(planned, f"failed: {message}", loud=True)

    def _say(self, planned: PlannedCell, what: str, *, loud: bool) -> None:
        if self._bars:
            self._bars.advance(self._task)
        if self._bars is None or loud:
            say(f"{named(planned)}: {what}", err=True)


def named(planned: PlannedCell) -> str:
    """Return what a cell is called on a line: `yor crf scratch gpt4 500 seed 2`."""
    cell = planned.cell
    size = "all" if cell.size is None else f"{cell.size}"
    again = "" if cell.retry_of is None else f", again for seed {cell.retry_of}"
    return f"{cell.language} {cell.tagger.name} {cell.setting} {cell.source} {size} seed {cell.seed}{again}"


def print_grid_plan(plan: Plan, status: GridStatus, effort: Sequence[Effort]) -> None:
    """Print what a grid comes to, before any of it is run."""
    table = new_table("tagger", "setting", "source", "cells")
    counts = Counter((each.cell.tagger.name, each.cell.setting, _learned(each)) for each in plan.cells)
    for key, count in counts.items():
        table.add_row(*key, f"{count:,}")
    print_table(table)
    for each in effort:
        takes = (
            "its size is not known"
            if each.seconds is None
            else f"about {duration(each.seconds)} on {each.on}"
        )
        say(
            f"{each.tagger}: {counted(each.cells, 'cell')} to run, {counted(each.sentences, 'sentence')} "
            f"to learn from, {takes}."
        )
        if each.translated:
            say(
                f"{each.tagger}: before that, {counted(each.translated, 'test sentence')} to translate, "
                "once a language and model. How long that takes is not known."
            )
    print_grid_status(status)
    say("Nothing was trained and nothing was written.")


def _learned(planned: PlannedCell) -> str:
    """Return what a cell learns from: a source, or the probabilities of labels that it has."""
    return planned.cell.source + (", its probabilities" if planned.learns_probabilities else "")


def print_grid_status(status: GridStatus) -> None:
    """Print how far a grid is."""
    parts = [f"{status.done:,} of {counted(status.cells, 'cell')} done"]
    parts += [
        f"{count:,} {what}"
        for what, count in (
            ("running", status.running),
            ("failed", len(status.failed)),
            ("collapsed", len(status.collapsed)),
            ("repeated", status.repeated),
        )
        if count
    ]
    if status.remaining:
        parts.append(f"about {duration(status.remaining)} of work left for one process")
    say(f"Evaluation: {', '.join(parts)}.")
    _print_reasons(status.failed)
    if status.untested:
        say(f"Not tested: {', '.join(status.untested)}: ", fg="yellow", nl=False, err=True)
        say("gold has no test split.", err=True)
    for setting, reason in status.idle.items():
        say(f"No cell: {setting}: ", fg="yellow", nl=False, err=True)
        say(f"{reason}.", err=True)
    for name, notes in status.notes.items():
        for note in notes:
            say(f"Note on {name}: ", fg="yellow", nl=False, err=True)
            say(f"{note}.", err=True)
    print_left_out(status.left_out)


def print_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say on stderr what cannot be run, and why."""
    by_reason: dict[str, list[str]] = {}
    for each in left_out:
        by_reason.setdefault(str(each.error), []).append(each.name)
    for reason, names in by_reason.items():
        say(f"Not run: {', '.join(names)}: ", fg="red", nl=False, err=True)
        say(reason, err=True)


def _print_reasons(failed: Mapping[str, str]) -> None:
    for message, count in Counter(failed.values()).most_common():
        say(f"{counted(count, 'cell')} failed: ", fg="red", nl=False, err=True)
        say(message, err=True)


def duration(seconds: float) -> str:
    """Return a time as people say it: `40 seconds`, `12 minutes`, `3.5 hours`."""
    if seconds < _MINUTE:
        return counted(round(seconds), "second")
    if seconds < _HOUR:
        return counted(round(seconds / _MINUTE), "minute")
    return f"{seconds / _HOUR:,.1f} hours"


def print_report(written: ReportWritten) -> None:
    """Say what a report found, and where it is."""
    for language, said in written.findings.items():
        for sentence in said:
            say(f"{language}: {_without_markup(sentence)}")
    if written.missing:
        say(
            f"{counted(written.missing, 'cell')} of the grid had no result: `synthner status` tells why.",
            err=True,
        )
    if written.left_out:
        say(f"Could not be run: {', '.join(written.left_out)}.", err=True)
    if written.untested:
        say(f"Nothing was compared in {', '.join(written.untested)}: gold was not at hand.", err=True)
    say(
        f"The report on {counted(written.runs, 'run')} is {written.readme}, "
        f"with {counted(len(written.files), 'table')} and figures."
    )


def _without_markup(text: str) -> str:
    """Return a line of a report as a terminal shows it best."""
    return unescape(_MARKUP.sub("", text))


def print_ways(ways: Mapping[str, str]) -> None:
    """Print which sources of an evaluation are which way to transfer."""
    for kind in dict.fromkeys(ways.values()):
        say(f"{kind}: {', '.join(name for name, each in ways.items() if each == kind)}")


def print_study(studied: StudyWritten, reported: ReportWritten) -> None:
    """Say what a study found, and where it is."""
    for language, said in studied.findings.items():
        for sentence in said:
            say(f"{language}: {_without_markup(sentence)}")
    say(f"The study is {studied.readme}, and the report is {reported.readme}.")
