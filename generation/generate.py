"""The `generate` stage: ask for every planned call that has no answer, and keep every reply."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..release import Config, Release
from .calls import Call, Reply
from .engines import make_engine
from .journal import Journal, Progress
from .plan import chosen_configs, planned_calls

Outcome = Literal["answered", "failed"]


class Watcher(Protocol):
    """Who is told how a run goes."""

    def begin(self, config: str, to_ask: Mapping[str, int]) -> None:
        """A config begins, with so many calls to ask for, by split."""
        ...

    def advance(self, config: str, split: str, outcome: Outcome) -> None:
        """A call of a config was answered, or has failed for this run."""
        ...

    def stopping(self, under_way: int) -> None:
        """The user asked to stop; so many calls are under way, paid for and waited for.

        A second interrupt does not wait for them.
        """
        ...


class Unwatched:
    """A watcher that tells nobody."""

    def begin(self, config: str, to_ask: Mapping[str, int]) -> None:
        """Do nothing."""

    def advance(self, config: str, split: str, outcome: Outcome) -> None:
        """Do nothing."""

    def stopping(self, under_way: int) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """How far a config is.

    Attributes:
        splits: Its calls by split.
        failures: Its failed calls by reason, the most frequent first.
    """

    splits: Mapping[str, Progress]
    failures: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "splits": {
                split: {"planned": count.planned, "answered": count.answered, "failed": count.failed}
                for split, count in self.splits.items()
            },
            "failures": dict(self.failures),
        }


@dataclass(frozen=True, slots=True)
class GenerateSummary:
    """What a run did, and where the release stands after it.

    Attributes:
        answered: Calls that this run got an answer for.
        failed: Calls that this run tried in vain; the next run asks for them again.
        configs: Where each config stands.
    """

    answered: int
    failed: int
    configs: Mapping[str, ConfigStatus]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "answered": self.answered,
            "failed": self.failed,
            "configs": {name: status.as_json() for name, status in self.configs.items()},
        }


def generate(
    release: Release, *, only: Collection[str] | None = None, watcher: Watcher | None = None
) -> GenerateSummary:
    """Ask for every planned call that has no answer yet.

    All calls are planned before the first is sent. Every reply is in the journal before anything else
    happens to it, so a run can end at any moment and be started again.

    Args:
        release: The release.
        only: Names of configs; by default all.
        watcher: Told how the run goes.

    Raises:
        WrongUsageError: If a name in `only` is no config.
        ReleaseError: If a config cannot be planned.
        DataError: If gold, recorded responses or the journal cannot be used, or another process generates.
        EngineError: If a server cannot answer any call. What was answered before is kept.
        KeyboardInterrupt: If the user stopped it. What was answered before is kept.
    """
    watcher = watcher or Unwatched()
    configs = chosen_configs(release, only)
    answered = failed = 0
    with Journal(release.journal) as journal, journal.only_this_process():
        for config, calls in planned_calls(release, configs):
            journal.plan(config.name, calls)
        for config in configs:
            outcomes = _run(config, release, journal, watcher)
            answered += outcomes["answered"]
            failed += outcomes["failed"]
        return GenerateSummary(answered, failed, _status(journal, configs))


def status(release: Release, *, only: Collection[str] | None = None) -> dict[str, ConfigStatus]:
    """Say where each config of a release stands, from the journal alone.

    Raises:
        WrongUsageError: If a name in `only` is no config.
        DataError: If the journal cannot be used.
    """
    configs = chosen_configs(release, only)
    if not release.journal.exists():
        return {config.name: ConfigStatus({}, {}) for config in configs}
    with Journal(release.journal) as journal:
        return _status(journal, configs)


def _run(config: Config, release: Release, journal: Journal, watcher: Watcher) -> dict[Outcome, int]:
    replays = config.generator.engine == "recorded"
    outcomes: dict[Outcome, int] = {"answered": 0, "failed": 0}
    to_ask = {
        # What a recording does not hold will not be in it the next time either.
        split: count.planned - count.answered - (count.failed if replays else 0)
        for split, count in journal.progress(config.name).items()
    }
    if not any(to_ask.values()):
        return outcomes

    def record(call: Call, reply: Reply) -> None:
        journal.record(call, reply)
        outcome: Outcome = "failed" if reply.error else "answered"
        outcomes[outcome] += 1
        watcher.advance(config.name, call.split, outcome)

    watcher.begin(config.name, to_ask)
    engine = make_engine(config, release.folder, watcher.stopping)
    with journal.transaction() if replays else nullcontext():
        engine.run(journal.pending(config.name), record)
    return outcomes


def _status(journal: Journal, configs: list[Config]) -> dict[str, ConfigStatus]:
    return {
        config.name: ConfigStatus(journal.progress(config.name), journal.failures(config.name))
        for config in configs
    }
