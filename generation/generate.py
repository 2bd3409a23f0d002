"""The `generate` stage: ask for every planned call that has no answer, and keep every reply."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..release import Config, Release
from ..schema.methods import OFFLINE
from ..sources.gold import Gold
from .accounts import ConfigCost, account_of, spent_on
from .budget import Budget
from .config_run import REPLAYS, ConfigRun
from .journal import Journal, Progress
from .methods import METHODS
from .plan import chosen_configs, planned_calls
from .rounds import Rounds
from .under_way import UnderWay
from .watching import Unwatched, Watcher


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """How far a config is.

    Attributes:
        engine: Who answers its calls.
        splits: Its calls by split.
        failures: Its failed calls by reason, the most frequent first.
        finish_reasons: Its answered calls by why the model stopped, the most frequent first.
        cost: What its calls have cost, as far as it is known; None where no prices are known.
        remarks: What its method has to say, a sentence each.
    """

    engine: str
    splits: Mapping[str, Progress]
    failures: Mapping[str, int]
    finish_reasons: Mapping[str, int]
    cost: ConfigCost | None
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "splits": {
                split: {"planned": count.planned, "answered": count.answered, "failed": count.failed}
                for split, count in self.splits.items()
            },
            "failures": dict(self.failures),
            "finish_reasons": dict(self.finish_reasons),
            "cost": self.cost and asdict(self.cost),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
        }


@dataclass(frozen=True, slots=True)
class GenerateSummary:
    """What a run did, and where the release stands after it.

    Attributes:
        answered: Calls that this run got an answer for.
        failed: Calls that this run tried in vain; the next run asks for them again.
        configs: Where each config stands.
        cost: What this run's calls cost, as far as it is known; None where no generator has prices.
        spent: What all calls of the release have cost so far at most, by what the journal knows.
        beyond_max_cost: Calls that were not sent, for they might have cost more than the release allows.
        max_cost: What it allows; None for no limit.
        currency: What costs are in.
    """

    answered: int
    failed: int
    configs: Mapping[str, ConfigStatus]
    cost: float | None = None
    spent: float = 0.0
    beyond_max_cost: int = 0
    max_cost: float | None = None
    currency: str = Release.currency

    @property
    def is_complete(self) -> bool:
        """Whether every call was tried and none has failed."""
        return not self.failed and not self.beyond_max_cost

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "answered": self.answered,
            "failed": self.failed,
            "cost": self.cost,
            "spent": self.spent,
            "beyond_max_cost": self.beyond_max_cost,
            "max_cost": self.max_cost,
            "currency": self.currency,
            "configs": {name: status.as_json() for name, status in self.configs.items()},
        }


def generate(
    release: Release, *, only: Collection[str] | None = None, watcher: Watcher | None = None
) -> GenerateSummary:
    """Ask for every planned call that has no answer yet.

    All calls are planned before the first is sent, but those that follow from answers. Every reply is in the
    journal before anything else happens to it, so a run can end at any moment and be started again.

    Args:
        release: The release.
        only: Names of configs; by default all.
        watcher: Told how the run goes.

    Raises:
        WrongUsageError: If a name in `only` is no config.
        ReleaseError: If a config cannot be planned, or its prices cannot keep to `max_cost`.
        DataError: If gold, recorded responses or the journal cannot be used, or another process generates.
        EngineError: If a server cannot answer any call. What was answered before is kept.
        KeyboardInterrupt: If the user stopped it. What was answered before is kept.
    """
    configs = chosen_configs(release, only)
    with Journal(release.journal) as journal, journal.only_this_process():
        budget = Budget(release.max_cost, spent_on(release, journal))
        gold: dict[str, Gold] = {}
        told = watcher or Unwatched()
        under_way = UnderWay()
        runs = [ConfigRun(config, release, journal, budget, told, gold, under_way) for config in configs]
        rounds = Rounds(journal, settle=True)
        for config, calls in planned_calls(release, configs, gold, rounds):
            before = journal.answered_keys(config.name)
            journal.plan(config.name, calls)
            set_aside = before - journal.answered_keys(config.name)
            if set_aside and config.generator.engine not in (REPLAYS, OFFLINE):
                told.set_aside(config.name, len(set_aside))
        for run in runs:
            run.take_over([config.name for config in configs])
        to_ask = runs
        while to_ask:
            for run in to_ask:
                run.check()
            # First what former processes left: what is under way there is not handed over by another config.
            for run in sorted(to_ask, key=lambda run: not run.has_handed_over):
                run.submit()
            for run in to_ask:
                run.ask()
            to_ask = [run for run in to_ask if _has_grown(run.config, release, journal, gold, rounds)]
        costs = [run.cost for run in runs if run.config.generator.prices is not None]
        return GenerateSummary(
            answered=sum(run.outcomes["answered"] for run in runs),
            failed=sum(run.outcomes["failed"] for run in runs),
            configs=_status(journal, configs),
            cost=sum(costs) if costs else None,
            spent=budget.spent,
            beyond_max_cost=sum(run.beyond_max_cost for run in runs),
            max_cost=release.max_cost,
            currency=release.currency,
        )


def _has_grown(
    config: Config, release: Release, journal: Journal, gold: dict[str, Gold], rounds: Rounds
) -> bool:
    """Plan a config anew with the answers that there are now; say whether calls were added."""
    if METHODS[config.generator.method].most_calls is None or config.generator.engine == REPLAYS:
        return False
    before = sum(count.planned for count in journal.progress(config.name).values())
    for _, calls in planned_calls(release, [config], gold, rounds):
        journal.plan(config.name, calls)
    return sum(count.planned for count in journal.progress(config.name).values()) > before


def status(release: Release, *, only: Collection[str] | None = None) -> dict[str, ConfigStatus]:
    """Say where each config of a release stands, from the journal alone.

    Raises:
        WrongUsageError: If a name in `only` is no config.
        DataError: If the journal cannot be used.
    """
    configs = chosen_configs(release, only)
    if not release.journal.exists():
        return {config.name: ConfigStatus(config.generator.engine, {}, {}, {}, None) for config in configs}
    with Journal(release.journal) as journal:
        return _status(journal, configs)


def _status(journal: Journal, configs: list[Config]) -> dict[str, ConfigStatus]:
    return {
        config.name: ConfigStatus(
            config.generator.engine,
            journal.progress(config.name),
            journal.failures(config.name),
            journal.finish_reasons(config.name),
            account_of(config, journal).cost,
            _remarks(config, journal),
        )
        for config in configs
    }


def _remarks(config: Config, journal: Journal) -> tuple[str, ...]:
    remarks = METHODS[config.generator.method].remarks
    if remarks is None or config.generator.engine == REPLAYS:
        return ()
    return tuple(remarks(config, journal.answers(config.name)))
