"""A run made once more, to have its tagger: runs keep results and predictions, and no weights.

A run is known by its cell, and the cell by its content. So the same data and seed train the same tagger, and
whether they did is seen in its predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...schema.errors import DataError, WrongUsageError
from ..recipes import ADAPTED
from .cells import Cell, CellData, PlannedCell, cell_data, cell_id
from .data import GridData
from .description import PREDICTIONS, TRANSLATE_TEST, GridTagger
from .results import PREDICTIONS_FILE, RESULT, Outcome, read_predicted_tags, read_result, write_outcome
from .run_cell import train_and_score

_CPU = "cpu"
_IDS_SHOWN = 4


@dataclass(frozen=True)
class Run:
    """A run that is done.

    Attributes:
        folder: Where its result and its predictions are.
        result: Its result.
    """

    folder: Path
    result: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The id of its cell."""
        return self.result["id"]


@dataclass(frozen=True)
class RepeatedRun:
    """A run made again.

    Attributes:
        run: The run.
        save: Writes the tagger into a new folder.
        outcome: What came of it this time.
        differing: How many test sentences are tagged otherwise than they were; 0 but on an accelerator.
    """

    run: Run
    save: Callable[[Path], None]
    outcome: Outcome
    differing: int

    def write(self, folder: Path) -> Mapping[str, Any]:
        """Write the result and the predictions that this tagger has, and return the result.

        Where the tagger does what the run's did, these are the run's own.
        """
        if self.differing:
            write_outcome(folder, self.outcome)
            return read_result(folder)
        for name in (RESULT, PREDICTIONS_FILE):
            (folder / name).write_bytes((self.run.folder / name).read_bytes())
        return self.run.result


def find_run(runs: Path, name: str) -> Run:
    """Return the run of a cell.

    Args:
        runs: Where results are.
        name: The id of the cell, or as much of its beginning as no other has.

    Raises:
        WrongUsageError: If there is no such run, or more than one.
        DataError: If its result cannot be used.
    """
    known = sorted(path.parent.name for path in runs.glob(f"*/{RESULT}"))
    found = [id_ for id_ in known if id_.startswith(name)] if name else []
    if len(found) > 1:
        shown = ", ".join(found[:_IDS_SHOWN]) + (" and more" if len(found) > _IDS_SHOWN else "")
        raise WrongUsageError(
            f"`{name}` begins the ids of {len(found)} cells",
            where=str(runs),
            hint=f"Write more of one: {shown}",
        )
    if not found:
        hint = (
            "The ids are the names of the folders there; `synthner report` lists what each is of in "
            "`tables/runs.csv`."
            if known
            else "Run `synthner evaluate` first."
        )
        raise WrongUsageError(f"no cell `{name}` has a result", where=str(runs), hint=hint)
    folder = runs / found[0]
    return Run(folder, read_result(folder))


def check_repeatable(run: Run, data: GridData) -> PlannedCell:
    """Return the cell of a run, if a tagger is to be had by making the run again.

    Raises:
        DataError: If there is none, or the data or its predictions are not what they were.
    """
    where, cell = str(run.folder), run.result["cell"]
    if cell["setting"] == PREDICTIONS:
        raise DataError(
            "no tagger was trained here: predictions of another system were scored",
            where=where,
            hint="Push the cell of a tagger that is trained.",
        )
    if cell["setting"] == TRANSLATE_TEST:
        raise DataError(
            "no tagger has this result alone: translations were tagged, and labels were projected from them",
            where=where,
            hint="Push the cell of the setting `zero-shot`: its tagger is the same.",
        )
    if cell["tagger"]["kind"] == "crf" and (run.result["combination"] or {}).get("recipe") == ADAPTED:
        raise DataError(
            "a CRF of the recipe `adapted` cannot be pushed: what it knows of names and words lives in the "
            "synthetic sentences, and no file of weights has it",
            where=where,
            hint="Publish the data with `synthner publish`: whoever has it trains the tagger in seconds with "
            "`synthner train`. Or push a cell of the setting `scratch`, or of an encoder.",
        )
    if run.result["collapsed"]:
        raise DataError(
            f"training has failed in this run: its F1 is {run.result['scores']['micro']['f1']:.3f}",
            where=where,
            hint="Push the run of another seed.",
        )
    _check_predictions(run)
    return _planned_again(run, data)


def repeat_run(run: Run, data: GridData) -> RepeatedRun:
    """Train the tagger of a run again, and make sure that it is the same.

    The same means that every test sentence is tagged as it was. Accelerators do not add in the same order
    every time: if one trained either tagger, micro-F1 inside the run's interval will do.

    Raises:
        DataError: If it is not the same, or cannot be had.
    """
    planned = check_repeatable(run, data)
    trained, outcome = train_and_score(planned, data)
    if trained is None or trained.save is None:
        raise DataError("this tagger cannot be saved", where=str(run.folder), hint="Push another cell.")
    with TemporaryDirectory(prefix="synthner-") as folder:
        write_outcome(Path(folder), outcome)
        now, then = read_predicted_tags(Path(folder)), read_predicted_tags(run.folder)
    differing = sum(tags != then.get(id_) for id_, tags in now.items())
    if differing:
        _check_close(run, outcome.result, f"{differing:,} of {len(now):,} test sentences")
    return RepeatedRun(run, trained.save, outcome, differing)


def _check_predictions(run: Run) -> None:
    path = run.folder / PREDICTIONS_FILE
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path), hint=_AGAIN) from error
    if found != run.result["predictions"]["sha256"]:
        raise DataError(
            "these are not the predictions of the result beside them", where=str(path), hint=_AGAIN
        )


def _check_close(run: Run, now: Mapping[str, Any], differing: str) -> None:
    then = run.result
    f1, (low, high) = now["scores"]["micro"]["f1"], then["interval"]
    devices = {then["measured"]["device"], now["measured"]["device"]}
    if devices == {_CPU}:
        versions = [
            ", ".join(f"{name} {version}" for name, version in each["measured"]["versions"].items())
            for each in (then, now)
        ]
        raise DataError(
            f"trained again, it tags {differing} otherwise than in the run. That was with {versions[0]}; "
            f"here are {versions[1]}",
            where=str(run.folder),
            hint="Use what the run was made with, or remove this folder and run `synthner evaluate` here.",
        )
    if not low <= f1 <= high:
        raise DataError(
            f"trained again, it reaches F1 {f1:.3f}, outside of the run's interval {low:.3f} to {high:.3f}",
            where=str(run.folder),
            hint="Push the run of another seed, or remove this folder and run `synthner evaluate` again.",
        )


def is_of_data_as_it_is(result: Mapping[str, Any], data: GridData) -> bool:
    """Say whether a result is of the data and the model that its cell has now.

    Raises:
        DataError: If the data of its cell cannot be had.
    """
    cell = cell_of(result)
    return _id_now(result, cell, cell_data(cell, data), data) == result["id"]


def cell_of(result: Mapping[str, Any]) -> Cell:
    """Return the cell that a result describes."""
    described = result["cell"]
    return Cell(**{**described, "tagger": GridTagger(**described["tagger"])})


def _id_now(result: Mapping[str, Any], cell: Cell, sentences: CellData, data: GridData) -> str:
    return cell_id(cell, sentences, data, is_model_known="model_revision" in result)


def _planned_again(run: Run, data: GridData) -> PlannedCell:
    cell = cell_of(run.result)
    _check_described(cell, data, run)
    sentences = cell_data(cell, data)
    if _id_now(run.result, cell, sentences, data) != run.id:
        changed = list(_changed_parts(run.result["data"], sentences))
        content = data.models.content(cell.tagger)
        if "model_revision" in run.result and content is not None and content != run.result["model_revision"]:
            changed.append(f"{cell.tagger.model} (the model that it began with)")
        if not changed and _chose_epoch_by_f1_alone(run.result):
            raise DataError(
                "this run is of an earlier version, in which micro-F1 alone could choose the best epoch",
                where=str(run.folder),
                hint="Run `synthner evaluate` again, and push the new cell.",
            )
        changed = changed or ["the release's seed, gold's types or the names in gold train"]
        raise DataError(
            f"the data is not what this run learned or was tested on. Changed: {'; '.join(changed)}",
            where=str(run.folder),
            hint="Run `synthner evaluate` with the data as it is now, and push the new cell; or put the data "
            "back.",
        )
    return PlannedCell(run.id, cell)


def _chose_epoch_by_f1_alone(result: Mapping[str, Any]) -> bool:
    training = result["training"]
    return bool(training["validation_f1"]) and "validation_loss" not in training


def _check_described(cell: Cell, data: GridData, run: Run) -> None:
    grid = data.grid
    for what, name, known in (
        ("language", cell.language, [each.code for each in grid.languages]),
        ("source", cell.source, [each.name for each in grid.sources]),
    ):
        if name not in known:
            raise DataError(
                f"the evaluation has no {what} `{name}` any more",
                where=str(run.folder),
                hint=f"Put it back under `evaluation` in release.yaml. There are: {', '.join(known)}.",
            )


def _changed_parts(then: Mapping[str, Any], now: CellData) -> list[str]:
    """Name the sentences that have changed."""
    facts = now.as_json()
    pairs = [
        *zip(then["train"], facts["train"], strict=False),
        (then["validation"], facts["validation"]),
        (then["test"], facts["test"]),
    ]
    return [
        f"{(new or old)['reference']} ({(new or old)['role']})"
        for old, new in pairs
        if (old and old["sha256"]) != (new and new["sha256"])
    ]


_AGAIN = "Remove this folder, and run `synthner evaluate` again."
