"""Runs the cells of a grid on a Ray cluster: one task a cell, with a share of a GPU for an encoder.

The driver claims the cells, as any process does that runs some, and writes their results. It sends what it
has read along: the nodes need no file of the grid, and no connection to the Hub but for models. They need
synthner in the driver's version. Each node keeps the models of related languages that it has trained, and the
translations that it has made.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any, Self

from filelock import Timeout

from ... import __version__
from ...schema.errors import DataError, SynthnerError, WrongUsageError
from ...schema.secrecy import without_secrets
from ...sources.ray_connection import connect
from .cells import Plan, PlannedCell, runs_a_large_model
from .data import GridData
from .description import PREDICTIONS
from .pool import run_claimed
from .progress import Watcher, claimed
from .results import Outcome, is_done, write_outcome
from .run_cell import run_cell
from .running import (
    CLAIMED,
    DONE,
    FAILED,
    SECONDS_BETWEEN_LOOKS,
    TRIES,
    Report,
    note_failure,
    run_unfinished,
    unfinished,
    what_went_wrong,
)

MODELS = Path("~/.cache/synthner")
"""Where a node keeps models of related languages, and translations."""

# So many cells wait on the cluster for each that it can run: it never waits for the driver.
_CELLS_A_CORE = 2

# What each process of a node has unpickled last: all tasks of a grid come with the same.
_last_data: tuple[str, GridData] | None = None


def run_cells_on_ray(
    plan: Plan, data: GridData, *, address: str, watcher: Watcher, gpus: float | None = None
) -> None:
    """Run the cells that have no result yet. What fails is written beside it, and leaves the others running.

    Args:
        plan: The cells.
        data: The data of the grid.
        address: The address of the cluster's head; `auto` finds one that runs on this machine.
        watcher: Is told what becomes of each cell.
        gpus: How many GPUs an encoder's cell takes, or what share of one; by default one where the cluster
            has some.

    Raises:
        WrongUsageError: If Ray is not installed, or no node has as many GPUs as are asked for.
        DataError: If there is no such cluster, or nothing can be written where results go.
    """
    if not any(True for _ in unfinished(plan, data)):
        return
    with _connected(address), _Cluster(data, gpus) as cluster:
        run_unfinished(plan, data, cluster, watcher)


class _Cluster:
    """The tasks on a cluster, and the claims of their cells."""

    def __init__(self, data: GridData, gpus: float | None) -> None:
        ray = _ray()
        self._data = data
        self._gpus = _gpus_of_cell(gpus)
        self._shipped = ray.put(data)
        self._task = ray.remote(_run_on_node)
        self._tasks: dict[Any, tuple[PlannedCell, ExitStack]] = {}
        self._reported: list[tuple[PlannedCell, Report]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        ray = _ray()
        for task, (_cell, claim) in self._tasks.items():
            ray.cancel(task, force=True)
            claim.close()

    @property
    def room(self) -> int:
        """How many more cells can wait on the cluster, which may have grown."""
        ray = _ray()
        cores = int(ray.cluster_resources().get("CPU", 0))
        return max(0, _CELLS_A_CORE * max(1, cores) - len(self._tasks) - len(self._reported))

    @property
    def busy(self) -> bool:
        """Whether a task is not reported yet."""
        return bool(self._tasks or self._reported)

    def begin(self, cell: PlannedCell) -> None:
        """Claim a cell, and send it to the cluster; predictions are read and scored here."""
        if cell.cell.setting == PREDICTIONS:
            self._reported.append((cell, run_claimed(cell, self._data)))
            return
        with ExitStack() as claim:
            folder = self._data.grid.runs / cell.id
            try:
                claim.enter_context(claimed(folder))
            except Timeout:
                self._reported.append((cell, Report(CLAIMED)))
            except OSError as error:
                self._reported.append((cell, Report(FAILED, what_went_wrong(error))))
            else:
                if is_done(folder):
                    self._reported.append((cell, Report(DONE)))
                else:
                    # In a list, Ray leaves the reference as it is: the data is read once a process.
                    self._tasks[self._submitted(cell)] = (cell, claim.pop_all())

    def reports(self, seconds: float | None) -> list[tuple[PlannedCell, Report]]:
        """Wait for tasks; write their results, and free their cells."""
        ray = _ray()
        reported, self._reported = self._reported, []
        if self._tasks:
            done, _ = ray.wait([*self._tasks], timeout=0 if reported else seconds)
            for task in done:
                cell, claim = self._tasks.pop(task)
                with claim:
                    reported.append((cell, self._written(cell, task)))
        elif not reported:
            sleep(seconds or SECONDS_BETWEEN_LOOKS)
        return reported

    def _submitted(self, cell: PlannedCell) -> Any:
        gpus = self._gpus if runs_a_large_model(cell.cell) else 0
        options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": TRIES - 1}
        return self._task.options(**options).remote([self._shipped], cell, __version__)

    def _written(self, cell: PlannedCell, task: Any) -> Report:
        ray = _ray()
        try:
            outcome: Any = ray.get(task)
            if isinstance(outcome, Outcome):
                write_outcome(self._data.grid.runs / cell.id, outcome)
                return Report(DONE)
            message = str(outcome)
        except SynthnerError as error:
            message = str(error)
        except ray.exceptions.RayError as error:
            said, _, _ = str(error).partition("\n")
            message = f"its task was lost {TRIES} times: {without_secrets(said)}"
        return Report(FAILED, note_failure(cell, self._data, message))


def _connected(address: str) -> ExitStack:
    """Connect to a cluster; leave one alone that this program is connected to already."""
    ray = _ray()
    connection = ExitStack()
    if not ray.is_initialized():
        connect(address, logging_level=logging.WARNING)
        connection.callback(ray.shutdown)
    return connection


def _ray() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise WrongUsageError(
            "Ray is not installed", hint="Install it with `pip install 'synthner[ray]'`."
        ) from error
    return ray


def _gpus_of_cell(asked: float | None) -> float:
    ray = _ray()
    most = max(node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"])
    if asked is None:
        return min(1, most)
    if asked > most:
        raise WrongUsageError(
            f"no node of the Ray cluster has {asked:g} GPUs: the most is {most:g}",
            hint="Leave out --gpus: an encoder then takes one GPU, or a core where there is none.",
        )
    return asked


def _run_on_node(shipped: list[Any], cell: PlannedCell, version: str) -> Outcome | str:
    """Run a cell; return its outcome, or why it failed."""
    try:
        if version != __version__:
            raise DataError(
                f"this node has synthner {__version__}, and the driver {version}",
                hint="Install the same version on all nodes.",
            )
        return run_cell(cell, _data_on_node(shipped[0]))
    except Exception as error:  # whatever it is, the other cells go on
        return what_went_wrong(error)


def _data_on_node(reference: Any) -> GridData:
    global _last_data  # noqa: PLW0603 - what outlives a task is in the process
    if _last_data is None or _last_data[0] != reference.hex():
        data: GridData = _ray().get(reference)
        data.grid = replace(data.grid, runs=MODELS.expanduser())
        _last_data = reference.hex(), data
    return _last_data[1]
