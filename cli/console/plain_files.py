"""What the commands on plain files print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import counted, new_table, print_problems, print_table, say

if TYPE_CHECKING:
    from ...evaluation.scoring import Figures, Score, TypeFigures
    from ...evaluation.train import TrainOutcome
    from ...sources.report import Problem


def print_salvage(outcome: Mapping[str, Any], output: Path) -> None:
    """Print what was recovered from recorded responses."""
    say(
        f"{counted(outcome['calls'], 'call')}, {counted(outcome['returned'], 'datapoint')} returned, "
        f"{outcome['usable']:,} usable"
    )
    table = new_table("step", "kept", "lost")
    for name, step in outcome["steps"].items():
        table.add_row(name, f"{step['kept']:,}", f"{step['lost']:,}")
    print_table(table)
    say(f"The datapoints are in {output}.")


def print_curated(outcome: Mapping[str, Any], history: Mapping[str, Any] | None, output: Path) -> None:
    """Print what curation kept, step by step, and what it recognised."""
    table = new_table("step", "kept", "lost", "labels repaired")
    for name, step in outcome["steps"].items():
        repaired = ", ".join(f"{repair} {count:,}" for repair, count in step["changed"].items() if count)
        table.add_row(name, f"{step['kept']:,}", f"{step['lost']:,}", repaired)
    print_table(table)
    for finding in outcome["findings"]:
        say(finding)
    if outcome["conflicts"]:
        say("Names that still have several types:")
    for conflict in outcome["conflicts"][:5]:
        say(f"  {conflict['surface']}: " + ", ".join(f"{t} {n:,}" for t, n in conflict["types"].items()))
    if history is not None:
        say(json.dumps(history, ensure_ascii=False, indent=2))
    say(f"Kept {outcome['output']:,} of {counted(outcome['input'], 'sentence')}: {output}")


def print_score(score: Score) -> None:
    """Print precision, recall and F1: micro, macro, strict, and per type."""
    table = new_table("", "precision", "recall", "F1", "gold", "predicted", "correct")
    for name, figures in (("micro", score.micro), ("macro", score.macro), ("strict", score.strict)):
        table.add_row(name, *_figures(figures), "", "", "")
    for name, figures in score.per_type.items():
        counts = (figures.gold, figures.predicted, figures.correct)
        table.add_row(name, *_figures(figures), *(f"{count:,}" for count in counts))
    print_table(table)
    if not any(figures.gold for figures in score.per_type.values()):
        say("Gold has no mention: there is nothing to find, and every figure is 0.", err=True)


def print_problems_of_scoring(problems: Sequence[Problem]) -> None:
    """Say on stderr what may have changed a score: tags that are no IOB2 tags, or that were hard to find."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        print_problems(errors, err=True)
        say("A tag that is no IOB2 tag counts as O, in gold and in predictions.", err=True)


def print_trained(outcome: TrainOutcome) -> None:
    """Print what a tagger that was trained reaches, and how gold and synthetic data were combined."""
    combination, (low, high) = outcome.combination, outcome.interval
    print_score(outcome.score)
    say(
        f"Micro-F1 {outcome.score.micro.f1:.3f} (95 % interval {low:.3f} to {high:.3f}), trained on "
        f"{counted(outcome.train_examples, 'example')} in {outcome.seconds:.1f} s."
    )
    if (gain := combination.tried) is not None:
        say(
            f"On folds of gold, synthetic data gains {gain.f1:+.3f} (standard error "
            f"{gain.standard_error:.3f}). With what such data gained elsewhere, {gain.expected.mean:+.3f} is "
            "expected of it."
        )
    if outcome.synthetic is not None:
        say(f"Recipe: {combination.recipe}.")


def _figures(figures: Figures | TypeFigures) -> tuple[str, str, str]:
    return f"{figures.precision:.3f}", f"{figures.recall:.3f}", f"{figures.f1:.3f}"
