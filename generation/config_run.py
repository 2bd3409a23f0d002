"""One config's part of a run of `generate`: its engine asks, and what comes back is kept and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import islice

from ..release import Config, Release
from ..schema.errors import ReleaseError
from ..schema.methods import OFFLINE
from ..sources.gold import Gold
from .budget import NO_COST, Budget, CallPrice
from .calls import Call, Reply
from .engines import EngineContext, SubmittingEngine, engine_of, handed_over
from .journal import Journal
from .methods import METHODS, Answers, MethodContext
from .plan import method_context
from .rounds import Rounds
from .under_way import UnderWay
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
        gold: Gold data that was read, by language code.
        under_way: What the configs of this run have under way.

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
        self,
        config: Config,
        release: Release,
        journal: Journal,
        budget: Budget,
        watcher: Watcher,
        gold: dict[str, Gold],
        under_way: UnderWay,
    ) -> None:
        self.config = config
        self.outcomes: dict[Outcome, int] = {"answered": 0, "failed": 0}
        self.cost = 0.0
        self.beyond_max_cost = 0
        self._failed: Counter[str] = Counter()
        self._folder = release.folder
        self._journal = journal
        self._budget = budget
        self._watcher = watcher
        self._replays = config.generator.engine == REPLAYS
        self._memory = _Memory(journal, config.name)
        self._under_way = under_way
        self._began: int | None = None
        self._asked_by: str | None = None
        engine = engine_of(config)
        self._limited = budget.limit is not None and config.generator.engine not in (REPLAYS, OFFLINE)
        self._price = CallPrice(config, engine.price_share, limited=self._limited)
        self._engine = engine(
            EngineContext(
                config=config,
                folder=release.folder,
                stopping=watcher.stopping,
                spending=self,
                memory=self._memory,
                answering=lambda: _answering(
                    replace(
                        method_context(config, release, gold, Rounds(journal)),
                        preparing=partial(watcher.preparing, config.name),
                    )
                ),
            )
        )

    def take_over(self, running: Collection[str]) -> None:
        """Go on with what was handed over for configs that are not run now, if it answers calls of this one.

        That is how a generator is renamed while its calls are under way, and none of them is paid for twice.

        Args:
            running: Names of the configs that are run now.
        """
        wanted: set[str] | None = None
        for former, name, text in self._journal.remembered_for_others(running):
            if wanted is None:
                wanted = {call.key for call in self._journal.pending(self.config.name)}
            keys = handed_over(name, text)
            if wanted.isdisjoint(self._journal.planned_keys(former) if keys is None else keys):
                continue
            if isinstance(self._engine, SubmittingEngine):
                self._journal.remember_for(self.config.name, former, name)
            else:
                self._asked_by = former

    @property
    def has_handed_over(self) -> bool:
        """Whether something that was handed over is to be fetched."""
        return bool(self._memory.read())

    def check(self) -> None:
        """Look whether the config can be asked for, before anything is spent on any.

        Raises:
            ReleaseError: If nothing limits how long an answer may be and there is a `max_cost`, or another
                engine has handed over calls that this one cannot fetch.
        """
        if self._limited:
            for call in islice(self._journal.pending(self.config.name), 1):
                self._price.at_most(call)
        asked_by = self.config.name if self.has_handed_over else self._asked_by
        if asked_by is not None and not isinstance(self._engine, SubmittingEngine):
            others = "" if asked_by == self.config.name else f", for {asked_by}"
            raise ReleaseError(
                f"another engine has handed over calls of this config{others}; "
                f"`{self.config.generator.engine}` cannot fetch the answers, and would pay for them again",
                where=self.config.name,
                hint=f"Fetch them with the former engine first{others}; if they do not matter, remove the "
                f"rows of {asked_by} from the table `memory` of {self._journal.path}.",
            )

    def submit(self) -> None:
        """Hand over what the engine hands over to others, as far as the money goes, and wait for nothing.

        Raises:
            DataError, EngineError, KeyboardInterrupt: As `generate` does.
        """
        if isinstance(self._engine, SubmittingEngine) and self._has_work:
            self._engine.submit(self._handed_out(), self)

    def ask(self) -> None:
        """Ask for every planned call that has no answer, as far as the money goes.

        Raises:
            DataError, EngineError, KeyboardInterrupt: As `generate` does.
        """
        if not self._has_work:
            return
        self._watcher.begin(self.config.name, self._to_ask())
        if self._replays:
            with self._journal.transaction():
                self._engine.run(self._journal.pending(self.config.name), self)
            return
        if self._began is None:
            # A call that fails from here on is not asked again by this run, whatever rounds may follow.
            self._began = self._journal.moment()
        before = -1
        # While calls are under way, the most that they may cost is kept for them. They mostly cost less: what
        # is left then pays for others.
        while self._asked > before:
            before = self._asked
            self._engine.run(self._handed_out(), self)
            self._budget.forget_promises(self.config.name)
            if not self._limited:
                return
        self.beyond_max_cost = sum(1 for _ in self._untried())

    def _untried(self) -> Iterator[Call]:
        pending = self._journal.pending(self.config.name, untried_since=self._began)
        return self._under_way.left_to(self.config.name, pending)

    def _handed_out(self) -> Iterator[Call]:
        calls = self._budget.affordable(self._untried(), self._price) if self._limited else self._untried()
        for call in self._under_way.begin_each(self.config.name, calls):
            self._journal.check_room()
            yield call

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
            self._under_way.end(call.key)
            self._budget.settle(call, cost)
            self.cost += cost.known or 0.0
            outcome: Outcome = "failed" if reply.error else "answered"
            self._failed[call.split] += outcome == "failed"
            self.outcomes[outcome] += 1
            self._watcher.advance(self.config.name, call.split, outcome, cost.known)

    def once_more(self, call: Call) -> bool:
        """Say whether a call may be sent again; see `Spending`."""
        return self._budget.promise(call, self._price)

    def under_way(self, call: Call) -> None:
        """Count a call as sent; see `Spending`."""
        self._under_way.begin(self.config.name, call.key)
        self._budget.count_as_sent(call, self._price)

    @property
    def _has_work(self) -> bool:
        return any(self._to_ask().values()) or self.has_handed_over

    def _to_ask(self) -> dict[str, int]:
        pending = self._journal.pending(self.config.name)
        elsewhere = Counter(call.split for call in self._under_way.elsewhere(self.config.name, pending))
        return {
            split: count.planned
            - count.answered
            - elsewhere[split]
            # What a recording does not hold will not be in it the next time either.
            - (count.failed if self._replays else self._failed[split])
            for split, count in self._journal.progress(self.config.name).items()
        }

    @property
    def _asked(self) -> int:
        return sum(self.outcomes.values())


def _answering(context: MethodContext) -> Answers:
    """Return what answers the calls of a method that asks no chat model."""
    config = context.config
    answering = METHODS[config.generator.method].answering
    if answering is None:
        raise ReleaseError(
            f"the method `{config.generator.method}` asks a chat model, and the engine `offline` has none",
            where=config.name,
            hint="Name another engine.",
        )
    return answering(context)


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

    def together(self) -> AbstractContextManager[None]:
        return self._journal.transaction()
