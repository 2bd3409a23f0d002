"""What the commands of the evaluation print."""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ...cards.markdown import legible
from . import counted, new_table, print_table, progress_bars, say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ...evaluation.grid.cells import LeftOut, Plan, PlannedCell
    from ...evaluation.grid.data import GridData
    from ...evaluation.grid.effort import Effort
    from ...evaluation.grid.notes import Note
    from ...evaluation.grid.progress import GridStatus
    from ...evaluation.report import ReportWritten
    from ...evaluation.report.study import StudyWritten

_MINUTE, _HOUR = 60, 3600
# Of the data that notes of a kind are on.
_NAMES_SHOWN = 4
# What findings are written with; any sign of a name that is none of it is escaped.
_MARKUP = re.compile(r"\*\*|`|</?code>|<wbr>")


class PlanProgress:
    """Shows on a terminal's stderr which language's data is read, of how many, while a grid is planned.

    It is a line and no bar that draws itself again: `datasets` shows bars of its own, which write over it.

    Args:
        languages: How many languages the grid has.
    """

    def __init__(self, languages: int) -> None:
        self._languages = languages
        self._begun = 0
        self._terminal: Console | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console

            self._terminal = Console(stderr=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._show("")

    def reading(self, language: str) -> None:
        """Note the language whose data is read next."""
        self._begun += 1
        self._show(f"Reading {language}, {self._begun:,} of {counted(self._languages, 'language')}")

    def _show(self, text: str) -> None:
        """Show a text where the last one was; whatever is written next takes its place."""
        if self._terminal is not None:
            from rich.control import Control
            from rich.segment import ControlType

            self._terminal.control(Control((ControlType.ERASE_IN_LINE, 2)))
            self._terminal.print(legible(text), end="\r", markup=False, highlight=False, no_wrap=True)


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
    """Return what a cell is called on a line: `yor crf scratch gpt4 500 (311) seed 2`."""
    cell = planned.cell
    again = "" if cell.retry_of is None else f", again for seed {cell.retry_of}"
    return (
        f"{cell.language} {cell.tagger.name} {cell.setting} {cell.source} {_size(planned)} "
        f"seed {cell.seed}{again}"
    )


def _size(planned: PlannedCell) -> str:
    """Return the size that was asked for, and how many sentences there are where these are other ones."""
    asked = "all" if planned.cell.size is None else f"{planned.cell.size}"
    differs = planned.is_smaller or (planned.cell.size is None and planned.true_size is not None)
    return f"{asked} ({planned.true_size})" if differs else asked


def print_grid_plan(plan: Plan, status: GridStatus, effort: Sequence[Effort], release: Path) -> None:
    """Print what the grid of a release comes to, before any of it is run."""
    table = new_table("tagger", "setting", "source", "cells")
    counts = Counter((each.cell.tagger.name, each.cell.setting, _learned(each)) for each in plan.cells)
    for key, count in counts.items():
        table.add_row(*key, f"{count:,}")
    if counts:
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
    print_what_to_know(plan, release)
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


def print_what_to_know(plan: Plan | GridStatus, release: Path) -> None:
    """Say on stderr what a reader of a grid's results should know of it, the most important first.

    What is alike is said once. Where that leaves something out, the command is named that prints all of it.
    """
    said_in_short = _print_left_out(plan.left_out)
    if plan.untested:
        say(f"Not tested: {', '.join(plan.untested)}: ", fg="yellow", nl=False, err=True)
        say("gold has no test split.", err=True)
    for setting, reason in plan.idle.items():
        say(f"No cell: {setting}: ", fg="yellow", nl=False, err=True)
        say(f"{reason}.", err=True)
    said_in_short |= _print_smaller(plan.smaller)
    said_in_short |= _print_notes(plan.notes)
    if said_in_short:
        where = shlex.quote(str(release))
        say(f"Each of these in full: synthner evaluate {where} --dry-run --json", err=True)


def places_of(left_out: Sequence[LeftOut]) -> str:
    """Name what cannot be run: `fi; gpt4 in yor, swa; gpt4 scratch in da`."""
    languages: dict[str, list[str]] = {}
    for each in left_out:
        languages.setdefault(each.what, []).append(each.language)
    return "; ".join(
        f"{what} in {', '.join(codes)}" if what else ", ".join(codes) for what, codes in languages.items()
    )


def _print_left_out(left_out: Sequence[LeftOut]) -> bool:
    """Say what cannot be run, once for all that is mended alike; return whether a reason was not said."""
    by_remedy: dict[str, list[LeftOut]] = {}
    for each in left_out:
        by_remedy.setdefault(each.error.hint or str(each.error), []).append(each)
    said_in_short = False
    for alike in by_remedy.values():
        reason = str(alike[0].error)
        same = [each for each in alike if str(each.error) == reason]
        others = [each for each in alike if str(each.error) != reason]
        say(f"Not run: {places_of(same)}: ", fg="red", nl=False, err=True)
        say(reason, err=True)
        if others:
            said_in_short = True
            say("Not run for reasons like this one: ", fg="red", nl=False, err=True)
            say(f"{places_of(others)}.", err=True)
    return said_in_short


def _print_smaller(smaller: Sequence[PlannedCell]) -> bool:
    """Say where there are fewer sentences than a size asks for; return whether that leaves something out."""
    from ...evaluation.grid.description import ADDED_TO_GOLD

    languages: dict[tuple[str, str], dict[str, None]] = {}
    for each in smaller:
        # Where a source is added to gold, it is gold that the size counts.
        counted_ = "gold" if each.cell.setting in ADDED_TO_GOLD else each.cell.source
        languages.setdefault((counted_, _size(each)), {})[each.cell.language] = None
    if not languages:
        return False
    found = [f"{name} {size} in {', '.join(codes)}" for (name, size), codes in languages.items()]
    more = [f"{len(found) - _NAMES_SHOWN:,} more"] if len(found) > _NAMES_SHOWN else []
    say("Fewer sentences than asked for: ", fg="yellow", nl=False, err=True)
    say(f"{'; '.join(found[:_NAMES_SHOWN] + more)}.", err=True)
    return bool(more)


def _print_notes(notes: Mapping[str, Sequence[Note]]) -> bool:
    """Print a line for each kind of note; return whether it leaves something out."""
    from ...evaluation.grid.notes import KINDS

    said_in_short = False
    for kind in KINDS:
        found = [(name, note) for name, some in notes.items() for note in some if note.kind == kind]
        if len(found) == 1:
            [(name, note)] = found
            say(f"Note on {name}: ", fg="yellow", nl=False, err=True)
            say(f"{note.text}.", err=True)
        elif found:
            said_in_short = True
            found.sort(key=lambda each: -each[1].count)
            names = [f"{name} ({note.count:,})" for name, note in found[:_NAMES_SHOWN]]
            more = [f"{len(found) - _NAMES_SHOWN:,} more"] if len(found) > _NAMES_SHOWN else []
            *first, last = names + more
            say(f"{len(found):,} notes, on {', '.join(first)} and {last}: ", fg="yellow", nl=False, err=True)
            say(f"{kind}.", err=True)
    return said_in_short


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
