"""The plan of a release: every call, before anything is spent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from ..release import Config, Release
from ..schema.errors import WrongUsageError
from ..schema.methods import OFFLINE
from ..schema.validation import nearest
from ..sources.gold import Gold, load_gold
from .accounts import spent_on
from .calls import Call
from .engines import endpoint, recorded
from .estimate import Estimate, Estimator, Range, Room
from .journal import Journal
from .methods import METHODS, MethodContext, Reading
from .methods.seeded import default_format
from .rounds import NO_ROUNDS, Rounds
from .salvage import salvage


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The planned calls of one split.

    Attributes:
        seeds_from: Gold split that the shown examples come from; None where no prompt is known.
        calls: Calls planned.
        answered: Those that the journal has an answer for already.
        datapoints: Datapoints asked for by all of them.
        characters_to_send: Characters of the prompts that are still to be sent.
        later: Further calls that will follow from answers, at most.
    """

    seeds_from: str | None
    calls: int
    answered: int
    datapoints: int
    characters_to_send: int
    later: int = 0

    @property
    def to_ask(self) -> int:
        """Calls that a run would ask for."""
        return self.calls - self.answered


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """What a run would do for a config, before anything is spent.

    Attributes:
        method: How its data is made.
        engine: Who would be asked.
        model: The model.
        format: How datapoints are written; None where nothing is asked and the release does not say.
        examples: Gold examples in a prompt.
        datapoints: Datapoints asked for in a call.
        splits: The calls, by split.
        first_prompt: The first prompt as it would be sent; None for recorded responses.
        estimate: What the calls that a run would ask for are expected to take; None for recorded responses.
        set_aside: Answers of a model to calls of the former plan that this one does not have. They stay in
            the journal, and the dataset is made without them.
    """

    method: str
    engine: str
    model: str
    format: str | None
    examples: int
    datapoints: int
    splits: Mapping[str, SplitPlan]
    first_prompt: str | None
    estimate: Estimate | None
    set_aside: int

    def as_json(self) -> dict[str, Any]:
        """Return the plan as `--json` prints it."""
        return {
            "method": self.method,
            "engine": self.engine,
            "model": self.model,
            "format": self.format,
            "examples": self.examples,
            "datapoints": self.datapoints,
            "splits": {
                split: {
                    "seeds_from": plan.seeds_from,
                    "calls": plan.calls,
                    "answered": plan.answered,
                    "to_ask": plan.to_ask,
                    "datapoints": plan.datapoints,
                    "characters_to_send": plan.characters_to_send,
                    "later": plan.later,
                }
                for split, plan in self.splits.items()
            },
            "first_prompt": self.first_prompt,
            "estimate": self.estimate and self.estimate.as_json(),
            "set_aside": self.set_aside,
        }


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What a run would do, before anything is spent.

    Attributes:
        configs: What it would do for each config.
        currency: What costs are in.
        spent: What all calls of the release have cost so far, at most.
        max_cost: What all of them together may cost; None for no limit.
    """

    configs: Mapping[str, ConfigPlan]
    currency: str
    spent: float
    max_cost: float | None

    @property
    def estimates(self) -> list[Estimate]:
        """The estimates of the configs that have calls to ask for."""
        return [plan.estimate for plan in self.configs.values() if plan.estimate and plan.estimate.calls]

    @property
    def cost(self) -> Range | None:
        """What all calls are expected to cost; None where prices are missing for some of them."""
        costs = [estimate.cost for estimate in self.estimates if estimate.cost is not None]
        return sum(costs, Range()) if len(costs) == len(self.estimates) else None

    def as_json(self) -> dict[str, Any]:
        """Return the plan as `--json` prints it."""
        estimates, cost = self.estimates, self.cost
        return {
            "configs": {name: plan.as_json() for name, plan in self.configs.items()},
            "estimate": {
                "calls": sum(estimate.calls for estimate in estimates),
                "prompt_tokens": sum((each.prompt_tokens for each in estimates), Range()).as_json(),
                "answer_tokens": sum((each.answer_tokens for each in estimates), Range()).as_json(),
                "cost": cost and cost.as_json(6),
                "currency": self.currency,
                "spent": self.spent,
                "max_cost": self.max_cost,
            },
        }


def plan_summary(release: Release, *, only: Collection[str] | None = None) -> PlanSummary:
    """Say what `generate` would do. Nothing is sent and nothing is written.

    Raises:
        WrongUsageError, ReleaseError, DataError: As `generate` does.
    """
    configs = chosen_configs(release, only)
    gold: dict[str, Gold] = {}
    with Journal(release.journal) if release.journal.exists() else nullcontext() as journal:
        spent = spent_on(release, journal) if journal else 0.0
        room = Room(None if release.max_cost is None else release.max_cost - spent)
        plans = {}
        rounds = Rounds(journal)
        for config, calls in planned_calls(release, configs, gold, rounds):
            format_, estimator = prompt_format(config), None
            if config.generator.engine not in ("recorded", OFFLINE) and format_ is not None:
                of_language = gold[config.language.code]
                estimator = Estimator(config, release, journal, format_=format_, gold=of_language, room=room)
            most = most_calls(config, release, gold, rounds)
            plans[config.name] = _config_plan(config, calls, journal, estimator, most)
        return PlanSummary(plans, release.currency, spent, release.max_cost)


def prompt_format(config: Config) -> str | None:
    """Return how a config's datapoints are written: as the release says, else as suits its engine.

    None for recorded responses whose release does not say, and where no model is asked.
    """
    of_method = METHODS[config.generator.method].format
    if isinstance(of_method, str):
        return of_method
    if config.generator.format or config.generator.engine in ("recorded", OFFLINE):
        return config.generator.format
    return of_method(config) if of_method else default_format(endpoint(config))


def chosen_configs(release: Release, only: Collection[str] | None) -> list[Config]:
    """Return the configs named in `only`, or all of them where it names none.

    Raises:
        WrongUsageError: If a name is no config.
    """
    names = [config.name for config in release.configs]
    for name in only or ():
        if name not in names:
            if name in release.config_names:
                raise WrongUsageError(
                    f"nothing is asked for the joint config `{name}`",
                    hint="It is made by `synthner build` from the configs that it joins.",
                )
            raise WrongUsageError(f"`{name}` is no config of this release", hint=nearest(name, names))
    return [config for config in release.configs if not only or config.name in only]


def planned_calls(
    release: Release,
    configs: Sequence[Config],
    gold: dict[str, Gold] | None = None,
    rounds: Rounds = NO_ROUNDS,
) -> Iterator[tuple[Config, Iterator[Call]]]:
    """Plan the calls of each config; gold is read once a language.

    Args:
        release: The release.
        configs: Those of its configs that are planned.
        gold: Gold data by language code, for whoever needs it besides: what is read is put into it.
        rounds: The answers there are, which later calls may follow from.

    Raises:
        ReleaseError: If a config cannot be planned.
        DataError: If gold or recorded responses cannot be used.
    """
    gold = {} if gold is None else gold
    for config in configs:
        if config.generator.engine == "recorded":
            yield config, recorded.plan(config, release.folder)
            continue
        method = METHODS[config.generator.method]
        yield config, method.plan(method_context(config, release, gold, rounds))


def check_other_gold(release: Release, gold: dict[str, Gold]) -> None:
    """Make sure of what methods take from gold of other languages, as planning does, but look for no model.

    Args:
        release: The release.
        gold: Gold data that was read, by language code; what is read is put into it.

    Raises:
        ReleaseError: If a config cannot be planned for it.
        DataError: If gold cannot be used.
    """
    for config in release.configs:
        check = METHODS[config.generator.method].check
        if check is not None:
            check(method_context(config, release, gold))


def method_context(
    config: Config, release: Release, gold: dict[str, Gold], rounds: Rounds = NO_ROUNDS
) -> MethodContext:
    """Return what a config's method makes data from.

    Args:
        config: The config.
        release: Its release.
        gold: Gold data that was read, by language code; what is read is put into it.
        rounds: The answers there are.

    Raises:
        DataError: If gold cannot be used.
    """
    sources = release.grid.gold

    def gold_of(code: str) -> Gold:
        if code not in gold:
            gold[code] = load_gold(sources[code], code, iob2_policy=release.gates.iob2)
        return gold[code]

    return MethodContext(config, gold_of(config.language.code), release.seed, release.folder, gold_of, rounds)


def reading_of(config: Config, release: Release, gold: dict[str, Gold], journal: Journal) -> Reading:
    """Return what reads the answers to a config's calls.

    Raises:
        ReleaseError, DataError: As planning does.
    """
    reading = METHODS[config.generator.method].reading
    if reading is None or config.generator.engine == "recorded":
        return lambda _call, text: salvage(text)
    return reading(method_context(config, release, gold, Rounds(journal)))


def findings_of(
    config: Config, release: Release, gold: dict[str, Gold], journal: Journal
) -> Mapping[str, Any] | None:
    """Return what a config's method says of its own business; None where it has nothing to say.

    Raises:
        ReleaseError, DataError: As planning does.
    """
    findings = METHODS[config.generator.method].findings
    if findings is None or config.generator.engine == "recorded":
        return None
    return findings(method_context(config, release, gold, Rounds(journal)))


def most_calls(config: Config, release: Release, gold: dict[str, Gold], rounds: Rounds) -> Mapping[str, int]:
    """Return how many calls a plan in rounds has in the end, at most, by split; nothing for other plans.

    Raises:
        ReleaseError, DataError: As planning does.
    """
    most = METHODS[config.generator.method].most_calls
    if most is None or config.generator.engine == "recorded":
        return {}
    return most(method_context(config, release, gold, rounds))


def _config_plan(
    config: Config,
    calls: Iterator[Call],
    journal: Journal | None,
    estimator: Estimator | None,
    most: Mapping[str, int],
) -> ConfigPlan:
    generator = config.generator
    splits: dict[str, SplitPlan] = {}
    first_prompt = None
    answered_before = journal.answered_keys(config.name) if journal and estimator else set()
    for call in calls:
        before = splits.get(call.split) or SplitPlan(
            generator.seeds_from[call.split] if call.seed_ids else None, 0, 0, 0, 0
        )
        answered = journal is not None and journal.is_answered(call.key)
        answered_before.discard(call.key)
        if estimator is not None and not answered:
            estimator.add(call)
        characters = 0 if answered else sum(len(message["content"]) for message in call.messages)
        splits[call.split] = SplitPlan(
            seeds_from=before.seeds_from,
            calls=before.calls + 1,
            answered=before.answered + answered,
            datapoints=before.datapoints + call.datapoints,
            characters_to_send=before.characters_to_send + characters,
            later=max(0, most.get(call.split, 0) - before.calls - 1),
        )
        if first_prompt is None and call.messages:
            first_prompt = "\n\n".join(
                f"{message['role']}: {message['content']}" for message in call.messages
            )
    return ConfigPlan(
        method=generator.method,
        engine=generator.engine,
        model=generator.model,
        format=prompt_format(config),
        examples=generator.examples,
        datapoints=generator.datapoints,
        splits=splits,
        first_prompt=first_prompt,
        estimate=estimator.estimate(sum(plan.later for plan in splits.values())) if estimator else None,
        set_aside=len(answered_before),
    )
