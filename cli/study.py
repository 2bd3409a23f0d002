"""The command of the study. Nothing heavy is imported until it needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..schema.errors import ReleaseError, WrongUsageError
from ..schema.methods import PROJECTION, TEACHER_STUDENT, TRANSFER
from . import console
from .console import building
from .console import evaluation as console_evaluation
from .evaluation import no_cell, plan_grid
from .options import examples, folder, json_option, open_release, release_argument
from .steps import build_dataset, generate_release, show_plan

if TYPE_CHECKING:
    from ..evaluation.report.gaps import Ways
    from ..release import Release

_EXAMPLE = """\
  generators:
    projected:
      method: translate_train
      languages: [da]
      translate_train: {source: en, translations: translations.txt}
    taught:
      method: distillation
      languages: [da]
      distillation: {text: text.txt, teachers: [{gold: en}]}
  evaluation:
    sources: {organic: gold, projected: {generator: projected}, taught: {generator: taught}}"""


@click.command(epilog=examples("synthner study --dry-run", "synthner study my-study -o results"))
@release_argument
@click.option("-o", "--output", type=folder, help="The report's folder; by default `report`.")
@click.option("--dry-run", is_flag=True, help="Print what it would take; make, train and write nothing.")
@json_option
def study(release: Path, output: Path | None, dry_run: bool, as_json: bool) -> None:
    """Compare projection and teacher-student by size of the data.

    How does the size of the training data move the gap between the two? The command generates, builds,
    evaluates and reports, and writes the study beside the report: F1 and gap by size with intervals and
    tests, a figure, and findings. It goes on where it was. RELEASE is a release.yaml or its folder.
    """
    opened = open_release(release)
    ways = ways_of(opened)
    if dry_run:
        _show(opened, ways, as_json)
        return
    _require_extras(opened)
    _make(opened, as_json)
    _evaluate(opened, ways, output or opened.folder / "report", as_json)


def ways_of(release: Release) -> Ways:
    """Return the sources of a release's evaluation that are a way to transfer, each with its kind.

    Raises:
        ReleaseError: If it has not both kinds in one language, or no setting in which their size counts.
    """
    from ..evaluation.report.gaps import DRAWN

    methods = {config.generator.name: config.generator.method for config in release.configs}
    generators = {
        source.name: source.config.removeprefix("{language}_")
        for source in release.grid.sources
        if source.config is not None and not source.is_joint
    }
    ways = {
        name: TRANSFER[methods[generator]]
        for name, generator in generators.items()
        if methods.get(generator) in TRANSFER
    }
    languages = {
        kind: {
            language.code
            for source in release.grid.sources
            if ways.get(source.name) == kind
            for language in release.grid.languages
            if not source.languages or language.code in source.languages
        }
        for kind in (PROJECTION, TEACHER_STUDENT)
    }
    if languages[PROJECTION].isdisjoint(languages[TEACHER_STUDENT]):
        raise ReleaseError(
            _what_is_missing(ways, languages),
            where=str(release.path),
            hint="A study compares two ways in one language: name a generator of each kind, and both as "
            f"sources of the evaluation. Projection: {_methods_of(PROJECTION)}; teacher-student: "
            f"{_methods_of(TEACHER_STUDENT)}. For example:\n{_EXAMPLE}",
        )
    if not set(DRAWN) & set(release.grid.settings):
        raise ReleaseError(
            "evaluation.settings: in none of them does the size count sentences of a way to transfer",
            where=str(release.path),
            hint=f"Add {' or '.join(f'`{setting}`' for setting in DRAWN)}.",
        )
    return ways


def _what_is_missing(ways: Ways, languages: dict[str, set[str]]) -> str:
    missing = [kind for kind in (PROJECTION, TEACHER_STUDENT) if kind not in ways.values()]
    if missing:
        return f"no source of the evaluation is a generator by {' or '.join(missing)}"
    told = "; ".join(f"{kind}: {', '.join(sorted(some))}" for kind, some in languages.items())
    return f"no language has both ways to transfer ({told})"


def _methods_of(kind: str) -> str:
    return ", ".join(f"`{method}`" for method, each in TRANSFER.items() if each == kind)


def _require_extras(release: Release) -> None:
    """Make sure that all is installed that the study needs, from its first step to its last.

    It would be a pity to learn of the last one when everything is trained, and of one after the other.

    Raises:
        WrongUsageError: If something is not; it names all of it.
    """
    from ..evaluation.report.figures import require_report_extra
    from ..projection.statistical_alignment import require_thot

    missing = []
    for require in (require_thot, require_report_extra) if _will_align(release) else (require_report_extra,):
        try:
            require()
        except WrongUsageError as error:
            missing.append(error)
    if missing:
        raise WrongUsageError(
            "; ".join(error.message for error in missing),
            hint="\n".join(error.hint for error in missing if error.hint),
        )


def _will_align(release: Release) -> bool:
    """Say whether statistics will align words, for gold still to be projected or for test sentences."""
    from ..evaluation.grid.description import STATISTICAL, TRANSLATE_TEST
    from ..generation.generate import status as generation_status

    translate_test = release.grid.translate_test if TRANSLATE_TEST in release.grid.settings else None
    if translate_test is not None and translate_test.aligner == STATISTICAL:
        return True
    projected = {
        config.name
        for config in release.configs
        if config.generator.method == "translate_train"
        and config.generator.method_settings.get("aligner", STATISTICAL) == STATISTICAL
    }
    return any(
        not status.splits or any(count.answered < count.planned for count in status.splits.values())
        for name, status in (generation_status(release) if projected else {}).items()
        if name in projected
    )


def _make(release: Release, as_json: bool) -> None:
    """Generate and build; a study of half of the data would not be one."""
    summary = generate_release(release)
    if not summary.is_complete:
        raise click.exceptions.Exit(1)
    manifest = build_dataset(release)
    if not as_json:
        building.print_waterfalls(manifest)


def _evaluate(release: Release, ways: Ways, folder: Path, as_json: bool) -> None:
    """Run the grid, and write report and study of what there is."""
    from ..evaluation.grid.pool import run_cells
    from ..evaluation.grid.progress import grid_status
    from ..evaluation.report.of_grid import report_on_grid
    from ..evaluation.report.study import study_grid

    plan, data = plan_grid(release)
    if not plan.cells and not plan.left_out:
        raise no_cell(plan, data, release.path)
    with console_evaluation.GridProgress(plan, data) as watcher:
        run_cells(plan, data, workers=None, watcher=watcher)
    status = grid_status(plan, data)
    title = release.pretty_name
    reported = report_on_grid(plan, data, folder, title=title)
    studied = study_grid(plan, data, folder, title=title, ways=ways)
    if as_json:
        console.print_json(
            {"grid": status.as_json(), "report": reported.as_json(), "study": studied.as_json()}
        )
    else:
        console_evaluation.print_grid_status(status)
        console_evaluation.print_what_to_know(status, release.path)
        console_evaluation.print_study(studied, reported)
    if not status.complete:
        raise click.exceptions.Exit(1)


def _show(release: Release, ways: Ways, as_json: bool) -> None:
    from ..generation.plan import plan_summary

    grid = release.grid
    most = len(grid.languages) * len(grid.sources) * len(grid.settings) * len(grid.taggers)
    most *= len(grid.sizes) * grid.seeds
    if as_json:
        console.print_json(
            {"ways": dict(ways), "generate": plan_summary(release).as_json(), "cells_at_most": most}
        )
        return
    console_evaluation.print_ways(ways)
    show_plan(release, (), as_json=False)
    console.say(
        f"Then up to {console.counted(most, 'cell')}: which, and how long they take, is known when the data "
        "is built. `synthner evaluate --dry-run` tells."
    )
