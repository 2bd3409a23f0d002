"""How far a grid is: what is done, running, failed, and how long the rest will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from ...schema.errors import DataError
from .cells import LeftOut, Plan, PlannedCell, can_be_repeated, planned
from .data import GridData
from .notes import Note
from .results import is_done, read_failure, read_result

LOCK = ".lock"


class Watcher(Protocol):
    """Is told what becomes of cells, as it happens."""

    def started(self, planned: PlannedCell) -> None:
        """Note that a cell is being run."""

    def finished(self, planned: PlannedCell, f1: float, *, collapsed: bool) -> None:
        """Note a result."""

    def failed(self, planned: PlannedCell, message: str) -> None:
        """Note that a cell has no result, and why."""


@dataclass(frozen=True)
class GridStatus:
    """How far a grid is.

    Attributes:
        done: Cells that have a result.
        running: Cells that someone is running now.
        failed: Why cells failed the last time they were run, or why their result cannot be read, by id.
        waiting: Cells that nobody has begun.
        collapsed: Ids of cells whose F1 is near 0.
        repeated: How many cells, of all that are counted, repeat one that has collapsed.
        left_out: What cannot be run, and why.
        untested: Codes of the languages that nobody asked to test, and whose gold has no test split.
        idle: Settings that the grid has no source or no tagger for, and why.
        notes: What of gold is not tested as it stands there, and of a source not learned, by their names.
        smaller: Cells for which there are fewer sentences than asked for (`Plan.smaller`).
        remaining: Estimated seconds of work for one process; None before anything was measured.
    """

    done: int
    running: int
    failed: Mapping[str, str]
    waiting: int
    collapsed: tuple[str, ...]
    repeated: int = 0
    left_out: tuple[LeftOut, ...] = ()
    untested: tuple[str, ...] = ()
    idle: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    smaller: tuple[PlannedCell, ...] = ()
    remaining: float | None = None

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self.done + self.running + len(self.failed) + self.waiting

    @property
    def complete(self) -> bool:
        """Whether every cell has a result, and none had to be left out."""
        return self.done == self.cells and not self.left_out

    def as_json(self) -> dict[str, Any]:
        """Return the status as `synthner evaluate --json` prints it."""
        return {
            "cells": self.cells,
            "done": self.done,
            "running": self.running,
            "failed": dict(self.failed),
            "waiting": self.waiting,
            "collapsed": list(self.collapsed),
            "repeated": self.repeated,
            "left_out": [
                {
                    "language": each.language,
                    "source": each.source,
                    "setting": each.setting,
                    "tagger": each.tagger,
                    "size": each.size,
                    "seed": each.seed,
                    "message": str(each.error),
                }
                for each in self.left_out
            ],
            "untested": list(self.untested),
            "idle": dict(self.idle),
            "notes": {name: [note.text for note in notes] for name, notes in self.notes.items()},
            "smaller": [
                {
                    "language": each.cell.language,
                    "source": each.cell.source,
                    "setting": each.cell.setting,
                    "size": each.cell.size,
                    "true_size": each.true_size,
                }
                for each in self.smaller
            ],
            "remaining_seconds": self.remaining,
        }


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a cell by the lock of its folder. It is gone when the process is that holds it.

    Raises:
        Timeout: If someone else has claimed it.
        OSError: If there can be no such folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK).acquire(blocking=False):
        yield


def result_of(cell: PlannedCell, runs: Path) -> Mapping[str, Any] | None:
    """Return the result of a cell; None where there is none, or it cannot be used."""
    try:
        return read_result(runs / cell.id) if is_done(runs / cell.id) else None
    except DataError:
        # `grid_status` says which, and what to do.
        return None


def repetition(cell: PlannedCell, result: Mapping[str, Any] | None, data: GridData) -> PlannedCell | None:
    """Return the cell that repeats one, with a seed of its own; None if it has not collapsed.

    A repetition is not repeated, and neither is a run that would end the same with any seed.
    """
    if not data.grid.retry_collapsed or cell.cell.retry_of is not None:
        return None
    if result is None or not result["collapsed"] or not can_be_repeated(cell.cell, data):
        return None
    seed = cell.cell.seed
    return planned(replace(cell.cell, seed=seed + data.grid.seeds, retry_of=seed), data)


def grid_status(plan: Plan, data: GridData) -> GridStatus:
    """Read how far a grid is; the repetitions of collapsed cells are among those that are counted."""
    runs = data.grid.runs
    results = {cell.id: result_of(cell, runs) for cell in plan.cells}
    repetitions = [
        again for cell in plan.cells if (again := repetition(cell, results[cell.id], data)) is not None
    ]
    results |= {cell.id: result_of(cell, runs) for cell in repetitions}
    done = {id_: result for id_, result in results.items() if result is not None}
    rest = [cell for cell in (*plan.cells, *repetitions) if cell.id not in done]
    running = {cell.id for cell in rest if _is_locked(runs / cell.id)}
    failed = {
        cell.id: message
        for cell in rest
        if cell.id not in running and (message := _failure(runs / cell.id)) is not None
    }
    return GridStatus(
        done=len(done),
        running=len(running),
        failed=failed,
        waiting=len(rest) - len(running) - len(failed),
        collapsed=tuple(id_ for id_, result in done.items() if result["collapsed"]),
        repeated=len(repetitions),
        left_out=plan.left_out,
        untested=plan.untested,
        idle=plan.idle,
        notes=plan.notes,
        smaller=plan.smaller,
        remaining=_remaining(rest, done.values()),
    )


def _failure(folder: Path) -> str | None:
    if is_done(folder):
        try:
            read_result(folder)
        except DataError as error:
            return str(error)
    return read_failure(folder)


def _is_locked(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    try:
        with claimed(folder):
            return False
    except Timeout:
        return True
    except OSError:
        # Whoever may only read the folder cannot know.
        return False


def _remaining(rest: Sequence[PlannedCell], results: Iterable[Mapping[str, Any]]) -> float | None:
    """Estimate the seconds that cells will take, from those that cells of the same tagger took a sentence."""
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    sentences: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        cell = result["cell"]
        key = (cell["tagger"]["name"], cell["setting"])
        seconds[key] += result["measured"]["seconds"]
        sentences[key] += 1 + (cell["size"] or 0)
    if not seconds:
        return None
    usual = sum(seconds.values()) / sum(sentences.values())
    return sum(
        (1 + (planned.cell.size or 0)) * (seconds[key] / sentences[key] if sentences[key] else usual)
        for planned in rest
        for key in [(planned.cell.tagger.name, planned.cell.setting)]
    )
