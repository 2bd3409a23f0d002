"""The commands that bring results to a leaderboard on the Hub, and those that keep it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schema.errors import WrongUsageError
from . import console
from .console import evaluation as console_evaluation
from .console import leaderboard_submission as console_leaderboard_submission
from .options import examples, json_option, open_release, release_option

if TYPE_CHECKING:
    from ..evaluation.leaderboard.benchmarks import Benchmarks
    from ..evaluation.leaderboard.records import HubModel
    from ..leaderboard.submission import Says, SubmittedResult


@dataclass(frozen=True)
class _Options:
    """The options of `submit`, by their names."""

    organization: str | None
    name: str | None
    contact: str | None
    model: str | None
    dataset: str | None
    config: str | None
    revision: str | None
    benchmark: str | None
    tagger: str
    cost: float | None
    currency: str | None
    release: Path


@click.command(
    epilog=examples(
        "synthner leaderboard submit runs/422cef5c --to org/leaderboard --dry-run",
        "synthner leaderboard submit --model org/tagger --benchmark NAME --to org/leaderboard",
    )
)
@click.argument("results", metavar="[RESULT]...", nargs=-1)
@click.option("--to", required=True, metavar="ORG/LEADERBOARD", help="The leaderboard on the Hub.")
@click.option("--organization", metavar="ORG", help="Whose system it is; by default the model's, or yours.")
@click.option(
    "--name", metavar="NAME", help="What the system is called; by default as the model or the dataset."
)
@click.option("--contact", metavar="URL", help="Where there is more about it, or where to ask.")
@click.option("--model", metavar="ORG/NAME", help="The model on the Hub; without RESULT it is run here.")
@click.option("--dataset", metavar="ORG/NAME", help="A dataset on the Hub that taggers are trained on here.")
@click.option("--config", metavar="NAME", help="The config of the dataset.")
@click.option("--revision", metavar="SHA", help="The commit of the model or dataset; by default the newest.")
@click.option("--benchmark", metavar="NAME", help="What it is tested on; for RESULT, it is found by gold.")
@click.option(
    "--tagger",
    default="crf",
    metavar="MODEL",
    show_default=True,
    help="What is trained on the dataset: `crf`, or the folder or id of an encoder.",
)
@click.option("--cost", type=click.FloatRange(min=0), help="What making the training data has cost.")
@click.option("--currency", metavar="CODE", help="Of the cost: USD, EUR …")
@release_option("The release whose cells RESULT names.")
@click.option("--dry-run", is_flag=True, help="Check everything, and say what would be sent; send nothing.")
@json_option
def submit(results: tuple[str, ...], to: str, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Submit results to a leaderboard, in one pull request.

    RESULT is a folder in `runs` or its result.json, the id of a cell, or the file of a record. Without one,
    the --model is tested here on the --benchmark, or taggers are trained on the --dataset and tested. All is
    verified first as the leaderboard does it. What was submitted already is not submitted again.
    """
    from ..leaderboard.submission import plan_submission
    from ..leaderboard.submission import submit as submit_results

    options = _Options(**given)
    _check(results, options)
    gather = _gathering(results, options)
    outcome = plan_submission(to, gather) if dry_run else submit_results(to, gather)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        console_leaderboard_submission.print_submission(outcome)


def _check(results: Sequence[str], options: _Options) -> None:
    """Refuse options that do not go together."""
    if options.dataset is not None and (results or options.model is not None):
        raise WrongUsageError("--dataset trains taggers here: it goes without RESULT and without --model")
    if not results and options.model is None and options.dataset is None:
        raise WrongUsageError(
            "there is nothing to submit", hint="Name a RESULT, or a --model or a --dataset on the Hub."
        )
    if not results and options.benchmark is None:
        raise WrongUsageError(
            "nobody says what it is tested on", where="--benchmark", hint="Add --benchmark."
        )
    if options.dataset is None and (options.config is not None or options.tagger != "crf"):
        raise WrongUsageError("--config and --tagger are about a --dataset, and there is none")
    if (options.cost is None) != (options.currency is None):
        raise WrongUsageError(
            "--cost and --currency go together", hint="For example: --cost 12.50 --currency EUR"
        )


def _gathering(
    results: Sequence[str], options: _Options
) -> Callable[[Benchmarks], Sequence[SubmittedResult]]:
    """Return what gives the results for the benchmarks of a leaderboard."""
    if results:
        return lambda benchmarks: _results(results, benchmarks, options)
    if options.model is not None:
        return lambda benchmarks: [_tested_model(benchmarks, options)]
    return lambda benchmarks: _trained_taggers(benchmarks, options)


def _results(results: Sequence[str], benchmarks: Benchmarks, options: _Options) -> Sequence[SubmittedResult]:
    from ..leaderboard.submission import results_of

    model = _known_model(options) if options.model else None
    return results_of(
        results,
        benchmarks,
        _says(options, model),
        benchmark=options.benchmark,
        runs=lambda: open_release(options.release).grid.runs,
    )


def _tested_model(benchmarks: Benchmarks, options: _Options) -> SubmittedResult:
    from ..leaderboard.model_runs import run_model
    from ..leaderboard.submission import benchmark_named

    benchmark = benchmark_named(str(options.benchmark), benchmarks)
    model = _known_model(options)
    test = benchmarks.test_set(benchmark.name)
    tested = run_model(model, test, _says(options, model), _kept("models"))
    console_leaderboard_submission.say_how_types_were_read(tested.types)
    return tested.result


def _trained_taggers(benchmarks: Benchmarks, options: _Options) -> Sequence[SubmittedResult]:
    from ..leaderboard.dataset_runs import known_config, train_on_dataset
    from ..leaderboard.submission import benchmark_named

    benchmark = benchmark_named(str(options.benchmark), benchmarks)
    data = known_config(str(options.dataset), options.config, options.revision)
    return train_on_dataset(
        data,
        options.tagger,
        benchmarks.test_set(benchmark.name),
        _says(options, None),
        folder=_kept("datasets"),
        watched=console_evaluation.GridProgress,
    )


def _known_model(options: _Options) -> HubModel:
    from ..leaderboard.model_runs import known_model

    return known_model(str(options.model), options.revision)


def _says(options: _Options, model: HubModel | None) -> Says:
    from ..leaderboard.submission import Says

    owner, _, name = (model.id if model else options.dataset or "").rpartition("/")
    if options.dataset is not None and options.config is not None:
        name = options.config
    return Says(
        organization=options.organization or owner or None,
        name=options.name or name or None,
        contact=options.contact,
        model=model,
        cost=options.cost,
        currency=options.currency,
        date=datetime.now(UTC).date().isoformat(),
    )


def _kept(what: str) -> Path:
    """Return the folder of the Hub's cache where work is kept until it has been submitted."""
    from huggingface_hub import cached_assets_path

    return cached_assets_path("synthner", namespace="leaderboard", subfolder=what)


@click.command(
    epilog=examples(
        "synthner leaderboard review --repo your-name/leaderboard",
        "synthner leaderboard review --repo your-name/leaderboard --merge",
    )
)
@click.option("--repo", "name", required=True, metavar="ORG/LEADERBOARD", help="The leaderboard on the Hub.")
@click.option("--merge", is_flag=True, help="Merge what is right, and build the leaderboard from it.")
@json_option
def review(name: str, merge: bool, as_json: bool) -> None:
    """Verify every open pull request of a leaderboard, and answer it.

    Each commit is answered once. Nothing of a pull request is run, and what is no result is not downloaded.
    The exit status is 1 where one could not be verified, because of a benchmark or its gold.
    The token is the one of HF_TOKEN or `hf auth login`, and may write to the leaderboard.
    """
    from ..leaderboard.review import review as review_all

    outcome = review_all(name, merge=merge)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        console_leaderboard_submission.print_review(outcome)
    if not outcome.is_complete:
        raise click.exceptions.Exit(1)


@click.command(epilog=examples("synthner leaderboard init leaderboard"))
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Write a leaderboard to start from into FOLDER.

    It has an example of a benchmark to edit, and a workflow that reviews pull requests from GitHub.
    """
    from ..cards.leaderboard.card import write_leaderboard
    from ..evaluation.leaderboard.layout import DERIVED
    from ..evaluation.leaderboard.ranking import read_leaderboard
    from ..examples import write_leaderboard_repository

    copied = [path.as_posix() for path in write_leaderboard_repository(folder)]
    write_leaderboard(folder, read_leaderboard(folder))
    written = sorted([*copied, *DERIVED])
    if as_json:
        console.print_json({"folder": str(folder.resolve()), "files": written})
        return
    console.say(f"Wrote {len(written)} files to {folder}. Next:\n")
    console.say("  edit benchmarks/example.yaml, and give it your benchmark's name")
    console.say(f"  synthner leaderboard build {shlex.quote(str(folder))}")
