"""Runs the cells of a grid in processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn, Self

from filelock import Timeout

from ...schema.errors import SynthnerError
from ...sources.processes import environment_variable, without_modules_here
from .base_models import BaseModels
from .cells import Plan, PlannedCell, runs_a_large_model
from .data import GridData
from .description import Grid
from .progress import Watcher, claimed
from .results import is_done, write_outcome
from .run_cell import run_cell
from .running import (
    CLAIMED,
    DONE,
    ENDED,
    FAILED,
    Report,
    note_failure,
    run_unfinished,
    unfinished,
    what_went_wrong,
)

# What a process may take to tidy up when it is told to end.
_SECONDS_TO_END = 3.0


def run_cells(plan: Plan, data: GridData, *, workers: int | None, watcher: Watcher) -> None:
    """Run the cells that have no result yet. What fails is written beside it, and leaves the others running.

    Args:
        plan: The cells.
        data: The data of the grid.
        workers: How many processes; by default `usual_workers`.
        watcher: Is told what becomes of each cell.

    Raises:
        DataError: If nothing can be written where results go.
    """
    cells = list(unfinished(plan, data))
    if not cells:
        return
    with _Workers(data, min(workers or usual_workers(cells), len(cells))) as pool:
        run_unfinished(plan, data, pool, watcher)


def usual_workers(cells: list[PlannedCell]) -> int:
    """Return how many processes run cells, where nobody says: one a core.

    An encoder or a translator takes much memory and all cores, or the accelerator: where there is one, one
    process runs.
    """
    return 1 if any(runs_a_large_model(planned.cell) for planned in cells) else cores()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    """A process, and the cell that it runs."""

    process: BaseProcess
    connection: Connection
    cell: PlannedCell | None = None


class _Workers:
    """Processes that run one cell at a time; one that ends is replaced."""

    def __init__(self, data: GridData, count: int) -> None:
        self._data = data
        self._count = count
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            # One that has no cell ends as soon as nobody can give it one.
            worker.connection.close()
            if worker.cell is not None:
                worker.process.terminate()
        deadline = time.monotonic() + _SECONDS_TO_END
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()

    @property
    def room(self) -> int:
        """How many processes have no cell."""
        return sum(worker.cell is None for worker in self._workers)

    @property
    def busy(self) -> bool:
        """Whether a process has a cell."""
        return any(worker.cell is not None for worker in self._workers)

    def begin(self, cell: PlannedCell) -> None:
        """Give a cell to a process that has none."""
        worker = next(worker for worker in self._workers if worker.cell is None)
        worker.cell = cell
        # A process that has ended is found by `reports`.
        with suppress(OSError):
            worker.connection.send(cell)

    def reports(self, seconds: float | None) -> list[tuple[PlannedCell, Report]]:
        """Wait for processes; return what they say."""
        busy = [worker for worker in self._workers if worker.cell is not None]
        handles: list[Any] = [handle for each in busy for handle in (each.connection, each.process.sentinel)]
        ready = wait(handles, timeout=seconds)
        found = []
        for place, worker in enumerate(self._workers):
            if worker.cell is None or not {worker.connection, worker.process.sentinel}.intersection(ready):
                continue
            cell, worker.cell = worker.cell, None
            report = _received(worker.connection)
            if report is None or not worker.process.is_alive():
                how = self._replace(place)
                report = report or Report(ENDED, how)
            found.append((cell, report))
        return found

    def _replace(self, place: int) -> str:
        """Put a new process in the place of one that has ended; say how it has."""
        worker = self._workers[place]
        worker.connection.close()
        # It has closed its connection, so it is about to end.
        worker.process.join(_SECONDS_TO_END)
        worker.process.kill()
        worker.process.join()
        self._workers[place] = self._start()
        return _how_it_ended(worker.process.exitcode)

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(self._data.grid, self._data.models, theirs), daemon=True
        )
        with _threads_shared_by(self._count), _deaf_to_interrupts(), without_modules_here():
            process.start()
        theirs.close()
        return _Worker(process, ours)


def _received(connection: Connection) -> Report | None:
    try:
        return connection.recv() if connection.poll() else None
    except (EOFError, OSError):
        return None


def _how_it_ended(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-status).name}"
    return f"with exit status {status}"


def _work(grid: Grid, models: BaseModels, connection: Connection) -> None:
    """Run cells until there are none; what a process of a pool does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    data = GridData(grid, models)
    try:
        # Without a pool to report to, there is nothing more to do.
        with suppress(EOFError, OSError):
            while True:
                connection.send(run_claimed(connection.recv(), data))
    finally:
        # It is ending, and need not be told.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end(*_: object) -> NoReturn:
    """End tidily: temporary files are removed."""
    sys.exit(1)


def run_claimed(cell: PlannedCell, data: GridData) -> Report:
    """Run a cell, unless someone else does, and write what came of it."""
    folder = data.grid.runs / cell.id
    try:
        with claimed(folder):
            if is_done(folder):
                return Report(DONE)
            try:
                write_outcome(folder, run_cell(cell, data))
            except Exception as error:  # whatever it is, the other cells go on
                return Report(FAILED, note_failure(cell, data, what_went_wrong(error)))
            return Report(DONE)
    except Timeout:
        return Report(CLAIMED)
    except (SynthnerError, OSError) as error:
        return Report(FAILED, what_went_wrong(error))


def _threads_shared_by(workers: int) -> AbstractContextManager[None]:
    """Give each process that is started its share of the cores, unless the user has decided that."""
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        return nullcontext()
    return environment_variable(name, str(max(1, cores() // workers)))


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process that is started ignore Ctrl-C, which reaches all of them at once: the pool ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting the tracker, which the first process would do, lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
