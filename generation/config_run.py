"""One config's part of a run of `generate`: its engine asks, and what comes back is kept and counted."""

from __future__ import annotations

from collections.abc import Sequence

from ..release import Config, Release
from .budget import NO_COST, Budget, CallPrice
from .calls import Call, Reply
from .engines import EngineContext, engine_of
from .journal import Journal
from .watching import Outcome, Watcher

REPLAYS = "recorded"
"""The engine that asks nobody: what it answers with was paid for by someone else, some other time."""


class ConfigRun:
    """Asks for what a config lacks. It is what its engine hands replies to, and asks about money.

    Args:
        config: The config.
        release: Its release.
        journal: Keeps every reply.
        budget: What may be spent.
        watcher: Told how the run goes.

    Attributes:
        config: The config.
        outcomes: Calls answered and calls that failed.
        cost: What they cost, as far as it is known.
        beyond_max_cost: Calls that were not sent, for they might have cost more than the release allows.

    Raises:
        ReleaseError: If the engine does not exist, or its prices cannot keep to `max_cost`.
        EngineError: If the engine cannot be imported.
    """

    def __init__(
        self, config: Config, release: Release, journal: Journal, budget: Budget, watcher: Watcher
    ) -> None:
        self.config = config
        self.outcomes: dict[Outcome, int] = {"answered": 0, "failed": 0}
        self.cost = 0.0
        self.beyond_max_cost = 0
        self._folder = release.folder
        self._journal = journal
        self._budget = budget
        self._watcher = watcher
        self._replays = config.generator.engine == REPLAYS
        engine = engine_of(config)
        limited = budget.limit is not None and not self._replays
        self._price = CallPrice(config, engine.price_share, limited=limited)
        self._engine = engine(
            EngineContext(
                config=config,
                folder=release.folder,
                stopping=watcher.stopping,
                spending=self,
                memory=_Memory(journal, config.name),
            )
        )

    def ask(self) -> None:
        """Ask for every planned call that has no answer, as far as the money goes.

        Raises:
            DataError, EngineError, KeyboardInterrupt: As `generate` does.
        """
        to_ask = {
            # What a recording does not hold will not be in it the next time either.
            split: count.planned - count.answered - (count.failed if self._replays else 0)
            for split, count in self._journal.progress(self.config.name).items()
        }
        if not any(to_ask.values()):
            return
        self._watcher.begin(self.config.name, to_ask)
        if self._replays:
            with self._journal.transaction():
                self._engine.run(self._journal.pending(self.config.name), self)
            return
        began, before = self._journal.moment(), -1
        # While calls are under way, the most that they may cost is kept for them. They mostly cost less: what
        # is left then pays for others.
        while self._asked > before:
            before = self._asked
            pending = self._journal.pending(self.config.name, untried_since=began)
            self._engine.run(self._budget.affordable(pending, self._price), self)
            self._budget.forget_promises()
            if self._budget.limit is None:
                return
        self.beyond_max_cost = sum(1 for _ in self._journal.pending(self.config.name, untried_since=began))

    def __call__(self, call: Call, reply: Reply) -> None:
        """Keep a reply; see `Record`."""
        self.many([(call, reply)])

    def many(self, replies: Sequence[tuple[Call, Reply]]) -> None:
        """Keep many replies; see `Record`."""
        costed = [
            (call, reply, NO_COST if self._replays else self._price.of(call, reply))
            for call, reply in replies
        ]
        self._journal.record_all(costed)
        for call, reply, cost in costed:
            self._budget.settle(call, cost)
            self.cost += cost.known or 0.0
            outcome: Outcome = "failed" if reply.error else "answered"
            self.outcomes[outcome] += 1
            self._watcher.advance(self.config.name, call.split, outcome)

    def once_more(self, call: Call) -> bool:
        """Say whether a call may be sent again; see `Spending`."""
        return self._budget.promise(call, self._price)

    @property
    def _asked(self) -> int:
        return sum(self.outcomes.values())


class _Memory:
    """What an engine remembers, in the journal; see `Memory`."""

    def __init__(self, journal: Journal, config: str) -> None:
        self._journal = journal
        self._config = config

    def read(self) -> dict[str, str]:
        return self._journal.remembered(self._config)

    def write(self, name: str, text: str) -> None:
        self._journal.remember(self._config, name, text)

    def forget(self, name: str) -> None:
        self._journal.remember(self._config, name, None)
