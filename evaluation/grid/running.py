"""Runs the cells of a grid that have no result yet, wherever they are run.

A cell is claimed by a lock that a process holds, and done when its result is there. So any process may be
killed at any moment, several may work on the same grid, and running it again goes on where it was.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

from filelock import Timeout

from ...schema.errors import DataError, SynthnerError
from ...schema.secrecy import without_secrets
from .cells import Plan, PlannedCell
from .data import GridData
from .progress import Watcher, claimed, repetition, result_of
from .results import is_done, read_result, write_failure

TRIES = 3
"""How often a cell is begun whose process ends without a word."""

SECONDS_BETWEEN_LOOKS = 2.0
"""How long to wait for cells that someone else is running, before looking again."""

DONE, FAILED, CLAIMED, ENDED = "done", "failed", "claimed", "ended"


@dataclass(frozen=True)
class Report:
    """What became of a cell that was begun.

    Attributes:
        what: `done`; `failed`; `claimed` by someone else; or `ended`, where its process did without a word.
        message: Why it failed, or how the process ended.
    """

    what: str
    message: str = ""


class Runner(Protocol):
    """Runs cells that it is given, and writes their results."""

    @property
    def room(self) -> int:
        """How many more cells can be begun now."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a cell was begun that has not been reported."""
        ...

    def begin(self, cell: PlannedCell) -> None:
        """Begin a cell."""

    def reports(self, seconds: float | None) -> list[tuple[PlannedCell, Report]]:
        """Wait for what has become of cells, so many seconds at most."""
        ...


def run_unfinished(plan: Plan, data: GridData, runner: Runner, watcher: Watcher) -> None:
    """Run the cells that have no result yet. What fails is written beside it, and leaves the others running.

    Raises:
        DataError: If nothing can be written where results go.
    """
    _check_writable(data.grid.runs)
    waiting = deque(unfinished(plan, data))
    elsewhere: list[PlannedCell] = []
    tries: Counter[str] = Counter()
    while waiting or elsewhere or runner.busy:
        while waiting and runner.room:
            cell = waiting.popleft()
            watcher.started(cell)
            runner.begin(cell)
        for cell, report in runner.reports(SECONDS_BETWEEN_LOOKS if elsewhere else None):
            if report.what == DONE:
                waiting.extend(_note_result(cell, data, watcher))
            elif report.what == CLAIMED:
                elsewhere.append(cell)
            elif report.what == FAILED:
                watcher.failed(cell, report.message)
            else:
                tries[cell.id] += 1
                if tries[cell.id] < TRIES:
                    waiting.append(cell)
                else:
                    watcher.failed(cell, _note_ended(cell, data, report.message))
        waiting.extend(_free_again(elsewhere, data, watcher))


def unfinished(plan: Plan, data: GridData) -> Iterator[PlannedCell]:
    """Yield the cells without a result, and the repetitions of those that collapsed."""
    for cell in plan.cells:
        if not is_done(data.grid.runs / cell.id):
            yield cell
        elif (again := _repetition_to_run(cell, data)) is not None:
            yield again


def note_failure(cell: PlannedCell, data: GridData, message: str) -> str:
    """Write why a cell failed, and return it; where that cannot be written, this is said, too."""
    try:
        write_failure(data.grid.runs / cell.id, cell.cell.as_json(), message)
    except SynthnerError as error:
        return f"{message}\n{error}"
    return message


def what_went_wrong(error: BaseException) -> str:
    """Say why a cell failed: in words where it is the data's fault, else with the place in the program."""
    if isinstance(error, SynthnerError):
        return str(error)
    if isinstance(error, MemoryError):
        return "memory did not suffice: run fewer cells at once, with `--workers`"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {without_secrets(error)} ({place.name}, line {place.lineno}); this is a "
        "mistake in synthner"
    )


def _check_writable(runs: Path) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=runs):
            pass
    except OSError as error:
        raise DataError(
            f"no result can be written here: {error.strerror or error}",
            where=str(runs),
            hint="Make room, or choose a folder that you may write to, and run again.",
        ) from error


def _note_result(cell: PlannedCell, data: GridData, watcher: Watcher) -> list[PlannedCell]:
    """Tell the watcher about a result; return what is to be run because of it."""
    result = read_result(data.grid.runs / cell.id)
    watcher.finished(cell, result["scores"]["micro"]["f1"], collapsed=result["collapsed"])
    again = _repetition_to_run(cell, data)
    return [again] if again is not None else []


def _repetition_to_run(cell: PlannedCell, data: GridData) -> PlannedCell | None:
    if not data.grid.retry_collapsed:
        return None
    again = repetition(cell, result_of(cell, data.grid.runs), data)
    return again if again is not None and not is_done(data.grid.runs / again.id) else None


def _note_ended(cell: PlannedCell, data: GridData, how: str) -> str:
    message = (
        f"its process ended without a word each of {TRIES} times, the last time {how}; is there too little "
        "memory for so many at once?"
    )
    return note_failure(cell, data, message)


def _free_again(elsewhere: list[PlannedCell], data: GridData, watcher: Watcher) -> list[PlannedCell]:
    """Take the cells that others had claimed and have no more, and note those that others have finished."""
    free = []
    for cell in list(elsewhere):
        if is_done(data.grid.runs / cell.id):
            free += _note_result(cell, data, watcher)
        else:
            try:
                with claimed(data.grid.runs / cell.id):
                    free.append(cell)
            except Timeout:
                continue
        elsewhere.remove(cell)
    return free
