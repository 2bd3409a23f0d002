"""What pushing models prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import counted, say
from .evaluation import duration

if TYPE_CHECKING:
    from ...evaluation.grid.repeating import Run
    from ...model_publication import PushOutcome


def say_what_is_trained(run: Run) -> None:
    """Say on a terminal that training begins, and how long it took."""
    if sys.stderr.isatty():
        seconds = duration(run.result["measured"]["seconds"])
        say(f"Training cell {run.id} again; the run took {seconds}.", err=True)


def print_push(outcome: PushOutcome) -> None:
    """Say what was pushed where, and what was found when it was loaded back."""
    plan, done = outcome.plan, outcome.done
    model = plan.release.model
    result = model.facts.result
    low, high = result["interval"]
    shown = f"cell {result['id']} (micro-F1 {result['scores']['micro']['f1']:.3f}, {low:.3f} to {high:.3f})"
    if plan.is_empty:
        say(f"Nothing has changed: {outcome.url} has {shown} already.")
    elif done is None:
        say(f"Would push {shown} to {outcome.repository}:\n")
    elif done.commit is not None:
        say(f"Pushed {shown} to {outcome.url} (commit {done.commit.commit[:12]}):\n")
    for sign, names in (("+", sorted(plan.sent)), ("−", plan.removed)):
        for name in names:
            say(f"  {sign} {name}")
    if not plan.is_empty:
        say()
    say(_same(outcome))
    if model.facts.license == "unknown":
        say("The licence of its data is not known, and the card says so.")
    if model.facts.benchmark.hub is None:
        say("Its gold is not on the Hub: there is no dataset there for `.eval_results` to name.")
    if done is None:
        say("Nothing was sent.")
        return
    say(f"It was loaded back, and tags {counted(outcome.tagged, 'test sentence')} as its predictions say.")


def _same(outcome: PushOutcome) -> str:
    differing = outcome.plan.release.model.differing
    if not differing:
        return "Trained again, it tags every test sentence as in the run."
    return (
        f"Trained again on an accelerator, it tags {counted(differing, 'test sentence')} otherwise than in "
        "the run; its F1 is inside the run's interval. Results and predictions are those of these weights."
    )
