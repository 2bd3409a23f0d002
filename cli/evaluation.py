"""The commands of the evaluation. Nothing heavy is imported until the command that needs it runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..schema.errors import DataError, WrongUsageError
from . import console
from .console import evaluation as console_evaluation
from .console import models as console_models
from .options import examples, folder, json_option, open_release, release_argument, release_option

if TYPE_CHECKING:
    from ..evaluation.grid.cells import Plan
    from ..evaluation.grid.data import GridData
    from ..evaluation.grid.progress import GridStatus
    from ..release import Release


@click.command(
    epilog=examples(
        "synthner evaluate --dry-run",
        "synthner evaluate my-release --workers 4",
        "synthner evaluate --ray auto --gpus 0.5",
    )
)
@release_argument
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes at once; by default one a core, or one where an encoder is trained.",
)
@click.option("--ray", "address", metavar="ADDRESS", help="Run on a Ray cluster; `auto` finds one.")
@click.option(
    "--gpus", type=click.FloatRange(min=0), help="GPUs, or share of one, that an encoder takes on Ray."
)
@click.option("--dry-run", is_flag=True, help="Print the grid and what it takes; train nothing.")
@json_option
def evaluate(
    release: Path, workers: int | None, address: str | None, gpus: float | None, dry_run: bool, as_json: bool
) -> None:
    """Train taggers on the data and test them on gold.

    Every cell of the grid that `evaluation` in the release describes gets a result in `runs`. What has one is
    not run again. RELEASE is a release.yaml or its folder.
    """
    if address is not None and workers is not None:
        raise WrongUsageError("Ray decides how many cells run at once: --ray goes without --workers")
    if address is None and gpus is not None:
        raise WrongUsageError("--gpus is a share of a Ray cluster's GPUs: it goes with --ray")
    plan, data = plan_grid(open_release(release))
    if not plan.cells and not plan.left_out:
        raise no_cell(plan, data, release)
    if dry_run:
        _show_grid(plan, data, release, as_json)
        if not plan.cells:
            raise click.exceptions.Exit(1)
        return
    if not as_json:
        # Before hours are spent on it.
        console_evaluation.print_what_to_know(plan, release)
    with console_evaluation.GridProgress(plan, data) as watcher:
        if address is None:
            from ..evaluation.grid.pool import run_cells

            run_cells(plan, data, workers=workers, watcher=watcher)
        else:
            from ..evaluation.grid.ray_cluster import run_cells_on_ray

            run_cells_on_ray(plan, data, address=address, watcher=watcher, gpus=gpus)
    _end_grid(plan, data, release, as_json)


@click.command(epilog=examples("synthner report", "synthner report my-release -o results --paper"))
@release_argument
@click.option("-o", "--output", type=folder, help="The report's folder; by default `report`.")
@click.option("--paper", is_flag=True, help="Set the numbers of Kamath & Vajjala (2025) beside ours.")
@json_option
def report(release: Path, output: Path | None, paper: bool, as_json: bool) -> None:
    """Write tables, learning curves and findings of the evaluation.

    Only results of the data as it is now are reported, and gold is needed to compare sources. A report needs
    `pip install 'synthner[report]'`. RELEASE is a release.yaml or its folder.
    """
    from ..evaluation.report.of_grid import report_on_grid

    opened = open_release(release)
    plan, data = plan_grid(opened)
    written = report_on_grid(
        plan, data, output or opened.folder / "report", title=opened.pretty_name, paper=paper
    )
    if as_json:
        console.print_json(written.as_json())
    else:
        console_evaluation.print_report(written)


@click.command(
    "push-model",
    epilog=examples(
        "synthner push-model 422cef5c --to your-name/ner-yor --dry-run",
        "synthner push-model 422cef5c a845f274 --to 'your-name/ner-{language}-{seed}'",
    ),
)
@click.argument("cells", metavar="CELL...", nargs=-1, required=True)
@click.option(
    "--to",
    required=True,
    metavar="ORG/NAME",
    help="The repository; {cell}, {language}, {source}, {tagger}, {size} and {seed} in it are the cell's.",
)
@release_option("The release whose evaluation it is.")
@click.option("--dry-run", is_flag=True, help="Train, compare, say what would be pushed; send nothing.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@json_option
def push_model(
    cells: tuple[str, ...], to: str, release: Path, dry_run: bool, private: bool, as_json: bool
) -> None:
    """Push the tagger of a cell to the Hub, and load it back.

    CELL is the id of a cell in `runs`, or its beginning. Runs keep no weights: the tagger is trained again,
    and pushed if it tags the test sentences as it did. Card, results and predictions go with it.
    """
    from ..model_publication import plan_push, push_model, repositories_of

    opened = open_release(release)
    told = console_models.say_what_is_trained
    outcomes = []
    for run, repository in repositories_of(opened, cells, to):
        outcome = (
            plan_push(opened, run, repository, started=told)
            if dry_run
            else push_model(opened, run, repository, private=private, started=told)
        )
        outcomes.append(outcome.as_json())
        if not as_json:
            console_models.print_push(outcome)
    if as_json:
        console.print_json({"models": outcomes})


def no_cell(plan: Plan, data: GridData, release: Path) -> DataError:
    """Return the error of a grid in which there is nothing to run."""
    if len(plan.untested) == len(data.grid.languages):
        return DataError(
            f"there is nothing to test on: gold of {', '.join(plan.untested)} has no test split",
            where=str(release),
            hint="Name a test split under `languages`, as in `gold: {files: {train: …, test: …}}`.",
        )
    return DataError(
        "the evaluation has no cell",
        where=str(release),
        hint="\n".join(f"{setting}: {reason}." for setting, reason in plan.idle.items())
        or "No source is for a language that is tested: see `languages` of the sources under `evaluation`.",
    )


def plan_grid(release: Release) -> tuple[Plan, GridData]:
    """Return the cells of a release's grid, and its data."""
    from ..evaluation.grid.cells import plan_cells
    from ..evaluation.grid.data import GridData
    from ..evaluation.grid.encoder_cells import check_taggers

    check_taggers(release.grid)
    data = GridData(release.grid)
    with console_evaluation.PlanProgress(len(release.grid.languages)) as progress:
        return plan_cells(data, progress.reading), data


def _end_grid(plan: Plan, data: GridData, release: Path, as_json: bool) -> None:
    from ..evaluation.grid.progress import grid_status

    status_ = grid_status(plan, data)
    if as_json:
        console.print_json(status_.as_json())
    else:
        console_evaluation.print_grid_status(status_)
        if status_.left_out:
            places = console_evaluation.places_of(status_.left_out)
            console.say(f"Not run, for what is said above: {places}.", err=True)
        if status_.done:
            where = shlex.quote(str(release))
            console.say(f"The results are in {data.grid.runs}. Next: synthner report {where}")
        else:
            console.say(
                "There is no result to report. Mend what is said above and run the same command again: what "
                "failed is tried again."
            )
    if not status_.complete:
        raise click.exceptions.Exit(1)


def grid_status_of(release: Release) -> GridStatus | None:
    """Return how far the evaluation is; None where it has not begun."""
    from ..evaluation.grid.progress import grid_status

    return grid_status(*plan_grid(release)) if release.grid.runs.is_dir() else None


def _show_grid(plan: Plan, data: GridData, release: Path, as_json: bool) -> None:
    from ..evaluation.grid.effort import effort_of
    from ..evaluation.grid.progress import grid_status

    status_ = grid_status(plan, data)
    effort = effort_of(plan, data)
    if as_json:
        learn_probabilities = sum(each.learns_probabilities for each in plan.cells)
        console.print_json(
            status_.as_json()
            | {"effort": [each.as_json() for each in effort], "learn_probabilities": learn_probabilities}
        )
    else:
        console_evaluation.print_grid_plan(plan, status_, effort, release)
