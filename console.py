"""What the terminal shows: progress on stderr, results on stdout, errors without a traceback."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

import click

from .schema.errors import SynthnerError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from .builders.explain import History
    from .evaluation.scoring import Figures, Score, TypeFigures
    from .evaluation.train import TrainOutcome
    from .hub.folder import Published
    from .hub.publish import Plan
    from .hub.verification import VerifiedConfig
    from .publication import Publication, PublishOutcome
    from .release import Release
    from .sources.gold import Gold
    from .sources.report import Problem

INTERRUPTED = 130

# A table that is piped or logged must not be folded at 80 columns.
WIDTH_WITHOUT_TERMINAL = 160

# A response up to this length is shown whole; of a longer one, the part around a datapoint.
RESPONSE_CHARACTERS = 1200
CHARACTERS_BEFORE, CHARACTERS_AFTER = 200, 400

# JSON leaves these as they are, and some terminals obey them.
_FURTHER_CONTROLS = re.compile("[\x7f-\x9f]")


def prepare_streams() -> None:
    """Write UTF-8 whatever the locale says, and write nowhere where an output was closed.

    A Yoruba name must not end a run on a C-locale server, nor must a job runner that closes stderr.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


def counted(count: int, unit: str) -> str:
    """Return a number with its unit: `1 call`, `1,200 calls`, `2 entities`."""
    plural = f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
    return f"{count:,} {unit if count == 1 else plural}"


def print_counts(**counts: int) -> None:
    """Print numbers of things on one line, each under its unit."""
    click.echo(", ".join(counted(count, unit) for unit, count in counts.items()))


def print_json(value: Any) -> None:
    """Print one JSON object on stdout, in UTF-8; only control characters are escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(_FURTHER_CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", written))


def print_error(error: SynthnerError) -> None:
    """Print an error on stderr: where, what, and on a line of its own what to do."""
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(str(error), err=True)


def print_problems(problems: Sequence[Problem]) -> None:
    """Print what is irregular in data: one line a kind, errors first."""
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        first = problem.first
        token = f" `{first.token}`" if first.token is not None else ""
        label = f" ({first.label})" if first.label else ""
        click.secho(f"{problem.severity:>6}  ", fg="red" if problem.severity == "error" else None, nl=False)
        click.echo(f"{problem.count:>8,}  {problem.kind}: first at {first.file}:{first.line}{token}{label}")
    if not problems:
        click.echo("Nothing irregular.")


def print_waterfalls(manifest: Mapping[str, Any]) -> None:
    """Print each config's way from requested to published datapoints."""
    from .cards.waterfall_table import waterfall_table

    for name, config in manifest["configs"].items():
        print_table(waterfall_table(config["waterfall"], name))


def print_salvage(outcome: Mapping[str, Any], output: Path) -> None:
    """Print what was recovered from recorded responses."""
    click.echo(
        f"{counted(outcome['calls'], 'call')}, {counted(outcome['returned'], 'datapoint')} returned, "
        f"{outcome['usable']:,} usable"
    )
    table = new_table("step", "kept", "lost")
    for name, step in outcome["steps"].items():
        table.add_row(name, f"{step['kept']:,}", f"{step['lost']:,}")
    print_table(table)
    click.echo(f"The datapoints are in {output}.")


def print_curated(outcome: Mapping[str, Any], history: Mapping[str, Any] | None, output: Path) -> None:
    """Print what curation kept, step by step, and what it recognised."""
    table = new_table("step", "kept", "lost", "labels repaired")
    for name, step in outcome["steps"].items():
        repaired = ", ".join(f"{repair} {count:,}" for repair, count in step["changed"].items() if count)
        table.add_row(name, f"{step['kept']:,}", f"{step['lost']:,}", repaired)
    print_table(table)
    for finding in outcome["findings"]:
        click.echo(finding)
    if outcome["conflicts"]:
        click.echo("Names that still have several types:")
    for conflict in outcome["conflicts"][:5]:
        click.echo(
            f"  {conflict['surface']}: " + ", ".join(f"{t} {n:,}" for t, n in conflict["types"].items())
        )
    if history is not None:
        click.echo(json.dumps(history, ensure_ascii=False, indent=2))
    click.echo(f"Kept {outcome['output']:,} of {counted(outcome['input'], 'sentence')}: {output}")


def print_history(history: History) -> None:
    """Print the way of one datapoint from the raw response to the verdict."""
    call, found, outcome = history.call, history.found, history.outcome
    click.secho(history.id, bold=True)
    _print_fact(
        "call", f"{call.index} of {call.split} in {call.config}: {history.model}, engine {call.engine}"
    )
    _print_fact("key", call.key)
    _print_fact("prompt", f"sha256 {call.prompt_sha256}" if call.prompt_sha256 else "not known")
    seeds = f"{', '.join(call.seed_ids)} (revision {call.seed_revision})" if call.seed_ids else "not known"
    _print_fact("seeds", seeds)
    _print_fact(
        "sampling", ", ".join(f"{key} {value}" for key, value in call.sampling.items()) or "none known"
    )
    _print_fact("finished", history.finish_reason or "not known")
    _print_response(history)
    _print_fact("found", f"datapoint {found.item} of the response, parse path {found.parse_path}")
    if history.operation is not None:
        _print_fact("operation", history.operation)
    if not history.is_readable:
        _print_fact("as sent", found.source)
    elif len(found.tokens or ()) == len(found.tags or ()):
        name = "as read" if found.changes else "as sent"
        _print_fact(name, _labelled(found.tokens or (), found.tags or ()))
    else:
        _print_fact("tokens", " ".join(map(str, found.tokens or ())))
        _print_fact("tags", " ".join(map(str, found.tags or ())))
    for number, change in enumerate(outcome.changes):
        before, after = change["before"], change["after"]
        where = "" if change["position"] is None else f"word {change['position']}: "
        text = f"{change['step']}: {where}{before} → {'nothing' if after is None else after}"
        _print_fact("" if number else "changes", text)
    if not outcome.changes:
        _print_fact("changes", "none")
    if outcome.published is None:
        _print_fact("dropped", f"at {outcome.step}: {outcome.reason}")
    else:
        _print_fact("published", f"in {call.config}, {call.split}")
        _print_fact("labels", _labelled(outcome.published["tokens"], outcome.published["ner_tags"]))
    for name, dropped in history.joint.items():
        text = f"left out of {name} at {dropped.step}: {dropped.reason}" if dropped else f"in {name}, too"
        _print_fact("joint", text)
    if outcome.agreement is not None:
        _print_fact("agreement", f"{outcome.agreement:.3f} with gold")


def print_score(score: Score) -> None:
    """Print precision, recall and F1: micro, macro, strict, and per type."""
    table = new_table("", "precision", "recall", "F1", "gold", "predicted", "correct")
    for name, figures in (("micro", score.micro), ("macro", score.macro), ("strict", score.strict)):
        table.add_row(name, *_figures(figures), "", "", "")
    for name, figures in score.per_type.items():
        counts = (figures.gold, figures.predicted, figures.correct)
        table.add_row(name, *_figures(figures), *(f"{count:,}" for count in counts))
    print_table(table)


def print_trained(outcome: TrainOutcome) -> None:
    """Print what a tagger that was trained reaches, and how gold and synthetic data were combined."""
    combination, (low, high) = outcome.combination, outcome.interval
    print_score(outcome.score)
    click.echo(
        f"Micro-F1 {outcome.score.micro.f1:.3f} (95 % interval {low:.3f} to {high:.3f}), trained on "
        f"{counted(outcome.train_examples, 'example')} in {outcome.seconds:.1f} s."
    )
    if (gain := combination.tried) is not None:
        click.echo(
            f"On folds of gold, synthetic data gains {gain.f1:+.3f} "
            f"(standard error {gain.standard_error:.3f})."
        )
    if outcome.synthetic is not None:
        click.echo(f"Recipe: {combination.recipe}.")


def _figures(figures: Figures | TypeFigures) -> tuple[str, str, str]:
    return f"{figures.precision:.3f}", f"{figures.recall:.3f}", f"{figures.f1:.3f}"


def print_published(folder: Path, outcome: Published | None, verified: Sequence[VerifiedConfig]) -> None:
    """Say where the dataset is, and how to load each config, which was tried."""
    if outcome is not None:
        click.echo(
            f"Published to {folder}: {counted(len(outcome.written), 'file')} written, "
            f"{len(outcome.unchanged)} unchanged, {len(outcome.removed)} removed."
        )
    click.echo(f"The dataset is in {folder.resolve()}. Every config was loaded back and compared:\n")
    click.echo("  from datasets import load_dataset\n")
    path = json.dumps(str(folder.resolve()), ensure_ascii=False)
    for config in verified:
        counts = ", ".join(f"{count:,} {split}" for split, count in config.examples.items())
        click.echo(f'  load_dataset({path}, "{config.name}")  # {counts}')


def print_published_on_hub(outcome: PublishOutcome) -> None:
    """Say what was published where, what it changed, what was loaded back, and how to load each config."""
    plan, commit = outcome.done.plan, outcome.done.commit
    if commit is None:
        click.echo(f"Nothing has changed: {outcome.url} has version {plan.release.version} already.")
    elif commit.pull_request:
        click.echo(f"The pull request for version {plan.release.version} is {commit.pull_request}:\n")
    else:
        click.echo(
            f"Published version {plan.release.version} at {outcome.url} (commit {commit.commit[:12]}):\n"
        )
    if commit is not None:
        _print_changes(plan)
    click.echo(f"\n{_loaded_back(outcome)}:\n\n  from datasets import load_dataset\n")
    revision = outcome.tag or outcome.done.revision
    for name, examples in outcome.examples.items():
        counts = ", ".join(f"{count:,} {split}" for split, count in examples.items())
        arguments = f'"{outcome.repository}", "{name}", revision="{revision}"'
        click.echo(f"  load_dataset({arguments})  # {counts}")


def _loaded_back(outcome: PublishOutcome) -> str:
    loaded, of_all = len(outcome.verified), len(outcome.examples)
    if loaded == of_all:
        return "Every config was loaded back and compared"
    if outcome.done.commit is None:
        return "Every file is as it was when this version was loaded back and tagged"
    if not loaded:
        return "No config has changed, and every file that the repository lists is as it was built"
    return f"Of {counted(of_all, 'config')}, the {loaded} that changed were loaded back and compared"


def print_publication_plan(repository: str, plan: Plan[Publication]) -> None:
    """Say what publishing would do."""
    if plan.is_empty:
        click.echo(f"Nothing has changed: {repository} has version {plan.release.version} already.")
        return
    click.echo(f"Would publish version {plan.release.version} to {repository}:\n")
    _print_changes(plan)


def _print_changes(plan: Plan[Publication]) -> None:
    for change in plan.release.changes.touched:
        rows = change.rows
        click.secho(f"  {change.name}: {change.kind}", bold=True, nl=False)
        click.echo(f", rows +{rows.added:,} −{rows.removed:,}, {rows.changed:,} changed")
        for step in dict.fromkeys((*change.before, *change.after)):
            before, after = change.before.get(step), change.after.get(step)
            if before != after:
                shown = " → ".join("–" if count is None else f"{count:,}" for count in (before, after))
                click.echo(f"    {step}: {shown}")
    click.echo(
        f"  {counted(len(plan.sent), 'file')} new or changed, {len(plan.unchanged)} unchanged, "
        f"{len(plan.removed)} removed."
    )


def print_release_validation(
    release: Release, gold: Mapping[str, Gold], verified: Sequence[VerifiedConfig]
) -> None:
    """Say what a release is made of, and what is irregular in its gold."""
    click.echo(f"{release.path} is valid: {', '.join(release.config_names)}.\n")
    for code, data in gold.items():
        counts = ", ".join(f"{len(examples):,} {split}" for split, examples in data.splits.items())
        click.secho(f"Gold of {code}: {data.title} ({counts}; {', '.join(data.labels.types)})", bold=True)
        print_problems(data.report.problems)
    if verified:
        click.echo(f"\nThe built dataset loads back as it was built: {', '.join(c.name for c in verified)}.")
    else:
        click.echo("\nNothing is built yet.")


class BuildProgress:
    """Shows on a terminal's stderr how `build` goes: a bar of the calls read, and what is being curated."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = progress_bars("calls")
            self._task = self._bars.add_task("Building", total=self._calls)
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def advance(self, calls: int) -> None:
        """So many further calls were read."""
        if self._bars:
            self._bars.update(self._task, advance=calls, description="Building")

    def curating(self, config: str) -> None:
        """A config is being curated, for which no call is read."""
        if self._bars:
            self._bars.update(self._task, description=f"Curating {config}")


def progress_bars(unit: str) -> Progress:
    """Return bars on stderr that count units, and go when they are done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f} {unit}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _print_fact(name: str, text: str) -> None:
    """Print a line about a datapoint; what its text holds has no effect on the terminal."""
    from .cards.markdown import legible

    click.secho(f"  {name:<11}", dim=True, nl=False)
    click.echo(legible(text))


def _print_response(history: History) -> None:
    """Print a response, or the part of it around the datapoint, line by line."""
    from .cards.markdown import legible

    response = history.response
    start, end = 0, len(response)
    if end > RESPONSE_CHARACTERS:
        first, last = history.place or (0, 0)
        start = max(0, first - CHARACTERS_BEFORE)
        end = min(end, last + CHARACTERS_AFTER, start + RESPONSE_CHARACTERS)
    whole = end - start == len(response)
    shown = "" if whole else f"; {start + 1:,} to {end:,} are shown here, and all of them by --json"
    _print_fact("response", counted(len(response), "character") + shown)
    for line in legible(response[start:end], keep="\n").split("\n"):
        click.secho("    | ", dim=True, nl=False)
        click.echo(line)


def _labelled(tokens: Iterable[object], tags: Iterable[object]) -> str:
    return " ".join(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True))


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def new_table(*columns: str) -> Table:
    """Return an empty table; columns of numbers are aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    numeric = {
        "precision",
        "recall",
        "F1",
        "gold",
        "predicted",
        "correct",
        "calls",
        "answered",
        "to ask",
        "datapoints",
        "characters",
        "planned",
        "failed",
        "published",
        "kept",
        "lost",
        "cells",
        "done",
        "running",
        "waiting",
        "sentences",
        "prompt tokens",
        "answer tokens",
        "cost",
    }
    for column in columns:
        table.add_column(column, justify="right" if column in numeric else "left")
    return table


def print_table(table: Table) -> None:
    """Print a table on stdout."""
    _stdout().print(table)


def _stdout() -> Console:
    from rich.console import Console

    return Console(
        markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    )
