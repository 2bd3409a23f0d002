"""What the commands of generation show: plans, estimates, progress, outcomes and costs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from . import counted, new_table, print_table, progress_bars, say

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from ...generation.estimate import Estimate, Range
    from ...generation.generate import ConfigStatus, GenerateSummary
    from ...generation.gold_tagging import TaggedGold
    from ...generation.plan import PlanSummary
    from ...generation.watching import Outcome
    from ...release import Release

RECORDED = "recorded"
STOPPED_BY_ITSELF = "stop"
CUT_SHORT = ("length", "max_tokens")
"""The words of servers for an answer that was as long as it may be."""


def print_plan(plan: PlanSummary) -> None:
    """Print what a run would ask for and what that takes, with the first prompt of each config."""
    table = new_table(
        "config", "split", "engine", "model", "calls", "answered", "to ask", "datapoints", "characters"
    )
    for name, config in plan.configs.items():
        for split, calls in config.splits.items():
            table.add_row(
                *(name, split, config.engine, config.model, f"{calls.calls:,}", f"{calls.answered:,}"),
                *(f"{calls.to_ask:,}", f"{calls.datapoints:,}", f"{calls.characters_to_send:,}"),
            )
    print_table(table)
    for name, config in plan.configs.items():
        if later := sum(calls.later for calls in config.splits.values()):
            say(f"{name}: up to {counted(later, 'further call')} will follow from the answers")
        if config.set_aside:
            say(_set_aside(name, config.set_aside))
    _print_estimates(plan)
    for name, config in plan.configs.items():
        if config.first_prompt is not None:
            say(f"The first prompt of {name}:\n", bold=True)
            say(config.first_prompt + "\n")
    say("Nothing was asked and nothing was written.")


def print_status(
    release: Release, generated: Mapping[str, ConfigStatus], published: Mapping[str, Mapping[str, int]]
) -> None:
    """Print where each config of a release stands, and what its calls have cost."""
    table = new_table("config", "split", "planned", "answered", "failed", "published")
    for name, status in generated.items():
        examples = published.get(name)
        if not status.splits:
            built = "not built" if examples is None else f"{sum(examples.values()):,}"
            table.add_row(name, "", "not yet", "", "", built)
        for split, count in status.splits.items():
            built = "not built" if examples is None else f"{examples.get(split, 0):,}"
            table.add_row(
                name, split, f"{count.planned:,}", f"{count.answered:,}", f"{count.failed:,}", built
            )
    for joint in release.joint:
        for split, number in published.get(joint.name, {"": "not built"}).items():
            table.add_row(joint.name, split, "joined", "", "", str(number))
    print_table(table)
    for name, status in generated.items():
        for remark in status.remarks:
            say(f"{name}: {remark}")
    _print_costs(generated, release.currency)
    _print_finish_reasons(generated, err=False)
    _print_failures(generated)


def report_generated(summary: GenerateSummary) -> None:
    """Say on stderr what a run of `generate` did, what it cost, and what is left to do."""
    planned = sum(count.planned for status in summary.configs.values() for count in status.splits.values())
    answered = sum(count.answered for status in summary.configs.values() for count in status.splits.values())
    asked = summary.answered + summary.failed
    if asked:
        done = f"Answered: {summary.answered:,} of {counted(asked, 'call')}"
    else:
        done = "Nothing could be asked" if summary.beyond_max_cost else "Nothing was left to ask"
    say(f"{done}. The journal holds {answered:,} of {counted(planned, 'planned call')}.", err=True)
    if summary.failed:
        say("Failed calls are asked again by the next run.", err=True)
    _report_cost(summary)
    _print_failures(summary.configs)
    _print_finish_reasons(summary.configs, err=True)


def print_tagged(path: Path, tagged: TaggedGold) -> None:
    """Print what a model said of gold sentences, and what could not be read."""
    mentions = sum(len(example.mentions) for example in tagged.examples)
    say(f"{path}: {counted(len(tagged.examples), 'sentence')}, {counted(mentions, 'mention')}")
    for reason, count in tagged.without_answer.items():
        say(f"  {counted(count, 'sentence')} without labels: {reason}")
    for reason, count in tagged.mentions_lost.items():
        say(f"  {counted(count, 'mention')} lost: {reason}")


class GenerationProgress:
    """Shows on stderr how `generate` goes: a bar a config on a terminal, a line a config elsewhere.

    Args:
        currency: What costs are in.
    """

    def __init__(self, currency: str) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._costs: dict[str, float] = {}
        self._currency = currency

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = progress_bars("calls")
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def begin(self, config: str, to_ask: Mapping[str, int]) -> None:
        """A config begins, or a further round of it, with so many calls to ask for, by split."""
        if self._bars:
            if config not in self._tasks:
                self._tasks[config] = self._bars.add_task(config, total=0)
            done = self._bars.tasks[self._tasks[config]].completed
            self._bars.update(self._tasks[config], total=done + sum(to_ask.values()))
        else:
            say(f"{config}: {counted(sum(to_ask.values()), 'call')} to go", err=True)

    def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
        """A call of a config was answered, or has failed for this run; None where its cost is not known."""
        del split, outcome
        if not self._bars:
            return
        description = config
        if cost is not None:
            self._costs[config] = self._costs.get(config, 0.0) + cost
            description = f"{config} ({_money(self._costs[config], self._currency)})"
        self._bars.update(self._tasks[config], advance=1, description=description)

    def set_aside(self, config: str, answers: int) -> None:
        """So many answers that a config has are to calls that are no longer planned: others are asked."""
        say(_set_aside(config, answers), err=True)

    def preparing(self, config: str, what: str) -> None:
        """A config is at work on what its calls are answered with; until that is done, none of them is."""
        if self._bars:
            self._bars.update(self._tasks[config], description=f"{config}: {what}")
        else:
            say(f"{config}: {what}", err=True)

    def stopping(self, under_way: int) -> None:
        """The user asked to stop; so many calls are under way, paid for and waited for."""
        say(
            f"\nStopping: waiting for {counted(under_way, 'call')} under way, already paid for. "
            "Ctrl-C again does not wait.",
            err=True,
        )


def _print_estimates(plan: PlanSummary) -> None:
    """Print what the calls to ask for are expected to take, and how that is known."""
    estimates = {
        name: config.estimate
        for name, config in plan.configs.items()
        if config.estimate is not None and config.estimate.calls
    }
    if not estimates:
        return
    table = new_table("config", "calls", "prompt tokens", "answer tokens", "cost", "how it is known")
    for name, estimate in estimates.items():
        table.add_row(
            *(name, f"{estimate.calls:,}", _tokens(estimate.prompt_tokens), _tokens(estimate.answer_tokens)),
            *(_cost_range(estimate.cost, plan.currency), _source(estimate)),
        )
    print_table(table)
    if plan.cost is not None:
        say(f"Expected cost in all: {_cost_range(plan.cost, plan.currency)}.")
    if without := [name for name, estimate in estimates.items() if estimate.cost is None]:
        say(
            f"No prices are known for {', '.join(without)}. Write what a million tokens cost into the "
            "generator: `prices: {input: …, output: …}`."
        )
    _print_limit(plan, estimates)
    say()


def _print_limit(plan: PlanSummary, estimates: Mapping[str, Estimate]) -> None:
    """Print what `max_cost` leaves room for."""
    if plan.max_cost is None:
        return
    calls = sum(estimate.calls for estimate in estimates.values())
    fitting = sum(estimate.surely_within_max_cost or 0 for estimate in estimates.values())
    dearest = max(estimate.dearest_call or 0.0 for estimate in estimates.values())
    say(
        f"max_cost is {_money(plan.max_cost, plan.currency)}, of which at most "
        f"{_money(plan.spent, plan.currency)} is spent. A call costs at most "
        f"{_money(dearest, plan.currency)}: {fitting:,} of {counted(calls, 'call')} surely fit."
    )


def _set_aside(config: str, answers: int) -> str:
    return (
        f"{config}: {counted(answers, 'answer')} in the journal not used, for the plan has changed: the "
        "model, the prompts or their gold, `sampling`, the seed, the server or the number of calls. Undo the "
        "change to use them again."
    )


def _source(estimate: Estimate) -> str:
    if not estimate.measured_on:
        return "guessed from characters"
    answers = counted(estimate.measured_on, "answer")
    if estimate.measured_elsewhere:
        return f"guessed, and measured on {answers} of other configs"
    return f"measured on {answers}"


def _print_costs(generated: Mapping[str, ConfigStatus], currency: str) -> None:
    """Print what each config has cost, where that is known."""
    for name, status in generated.items():
        if status.cost is None:
            continue
        unknown = status.cost.calls_without_known_cost
        more = f", and what {counted(unknown, 'call')} cost is not known" if unknown else ""
        say(f"{name}: cost {_money(status.cost.known, currency)}{more}")


def _report_cost(summary: GenerateSummary) -> None:
    if summary.cost is not None:
        cost, spent = (_money(amount, summary.currency) for amount in (summary.cost, summary.spent))
        limit = summary.max_cost
        of_limit = "" if limit is None else f" of max_cost {_money(limit, summary.currency)}"
        say(f"Cost: {cost} in this run; in all at most {spent}{of_limit}.", err=True)
    if summary.beyond_max_cost:
        say(
            f"{counted(summary.beyond_max_cost, 'call')} not sent: one more could have cost more than "
            "max_cost allows. Raise `max_cost` in release.yaml and run the command again.",
            err=True,
        )


def _print_failures(statuses: Mapping[str, ConfigStatus]) -> None:
    for name, status in statuses.items():
        for reason, count in status.failures.items():
            say(f"{name}: {counted(count, 'call')} failed: {reason}", err=True)


def _print_finish_reasons(statuses: Mapping[str, ConfigStatus], *, err: bool) -> None:
    """Say why answers ended, where some did not end by themselves, and what helps those that were cut."""
    from ...cards.markdown import legible

    for name, status in statuses.items():
        reasons = status.finish_reasons
        if not reasons.keys() - {STOPPED_BY_ITSELF}:
            continue
        ended = ", ".join(f"{legible(reason)} {count:,}" for reason, count in reasons.items())
        say(f"{name}: answers ended by {ended}", err=err)
        cut = sum(reasons.get(reason, 0) for reason in CUT_SHORT)
        # What was recorded cannot be asked in another way.
        if cut and status.engine != RECORDED:
            say(
                f"{name}: {counted(cut, 'answer')} cut short: raise `max_tokens` (or "
                "`max_completion_tokens`) in `sampling`, or lower `datapoints`.",
                err=err,
            )


def _tokens(number: Range) -> str:
    if number.low == number.high:
        return f"{number.low:,.0f}"
    # A guess with six digits would look like knowledge.
    low, high = (f"{float(f'{end:.2g}'):,.0f}" for end in (number.low, number.high))
    return f"{low} to {high}"


def _cost_range(cost: Range | None, currency: str) -> str:
    if cost is None:
        return "no prices"
    low, high = _money(cost.low, currency), _money(cost.high, currency)
    return low if low == high else f"{low.removesuffix(f' {currency}')} to {high}"


def _money(amount: float, currency: str) -> str:
    from ...cards.money import money

    return money(amount, currency)
