"""The release's `max_cost`: calls are let through only while even their dearest answers stay below it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..release import Config
from ..schema.errors import ReleaseError
from .calls import Call, Reply, canonical_json

# What limits the length of an answer, as servers and local engines name it.
_LENGTH_LIMITS = ("max_completion_tokens", "max_tokens", "max_new_tokens")

# A chat is more than its texts: what stands around each message takes tokens, too.
_TOKENS_A_MESSAGE = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reply cost.

    Attributes:
        known: By the server's own count and the release's prices; None where either is missing.
        at_most: With what attempts that were lost may have cost; None where the release has no prices.
    """

    known: float | None = None
    at_most: float | None = None


NO_COST = Cost()


class Budget:
    """What may still be spent on a release.

    An engine may ask for calls in one thread, and keep replies in another.

    Args:
        limit: The release's `max_cost`; None for no limit.
        spent: What its calls have cost so far, at most.
    """

    def __init__(self, limit: float | None, spent: float) -> None:
        self.limit = limit
        self.spent = spent
        self._promised: dict[tuple[str, str], float] = {}
        self._promised_in_all = 0.0
        self._counting = threading.Lock()

    def affordable(self, calls: Iterable[Call], price: CallPrice) -> Iterator[Call]:
        """Yield calls until the next one might cost more than is left.

        A call that something is kept for already is one that is under way.
        """
        for call in calls:
            if _name(call) not in self._promised and not self.promise(call, price):
                return
            yield call

    def promise(self, call: Call, price: CallPrice) -> bool:
        """Say whether a call may be sent, once or once more, and keep what it may cost for it."""
        if self.limit is None:
            return True
        at_most = price.at_most(call)
        with self._counting:
            if self.spent + self._promised_in_all + at_most > self.limit:
                return False
            self._keep(call, at_most)
            return True

    def count_as_sent(self, call: Call, price: CallPrice) -> None:
        """Keep what a call may cost that is under way, whether there is room for it or not."""
        if self.limit is not None:
            at_most = price.at_most(call)
            with self._counting:
                self._keep(call, at_most)

    def settle(self, call: Call, cost: Cost) -> None:
        """Take in what a call has cost."""
        with self._counting:
            self._let_go(_name(call))
            self.spent += cost.at_most or 0.0

    def forget_promises(self, config: str) -> None:
        """Forget the calls of a config that were let through and came to nothing."""
        with self._counting:
            for name in [name for name in self._promised if name[0] == config]:
                self._let_go(name)

    def _keep(self, call: Call, at_most: float) -> None:
        self._promised[_name(call)] = self._promised.get(_name(call), 0.0) + at_most
        self._promised_in_all += at_most

    def _let_go(self, name: tuple[str, str]) -> None:
        self._promised_in_all -= self._promised.pop(name, 0.0)
        if not self._promised:
            self._promised_in_all = 0.0  # what rounding left


def _name(call: Call) -> tuple[str, str]:
    return call.config, call.key


class CallPrice:
    """What the calls of a config cost.

    Args:
        config: The config.
        share: The part of the prices that its engine's calls cost.
        limited: Whether the release has a `max_cost`.

    Raises:
        ReleaseError: If there is a `max_cost` and no prices that could keep to it.
    """

    def __init__(self, config: Config, share: float, *, limited: bool) -> None:
        self._prices = config.generator.prices
        self._share = share
        self._name = f"generators.{config.generator.name}"
        self._config = config.name
        if limited and self._prices is None:
            raise ReleaseError(
                f"{self._name}: there is a `max_cost`, and this generator has no `prices`",
                where=config.name,
                hint="Write what a million tokens cost: `prices: {input: …, output: …}`; 0 where it is free.",
            )

    def at_most(self, call: Call) -> float:
        """Return what a call can cost at most; 0 where the release has no prices.

        Raises:
            ReleaseError: If nothing limits the length of its answer.
        """
        if self._prices is None:
            return 0.0
        at_most = self._dearest(call)
        if at_most is None:
            raise ReleaseError(
                f"{self._name}: there is a `max_cost`, and nothing limits how long an answer may be",
                where=self._config,
                hint="Set `max_completion_tokens` (or `max_tokens`, as the server names it) in `sampling`.",
            )
        return at_most

    def of(self, call: Call, reply: Reply) -> Cost:
        """Return what a reply cost."""
        if self._prices is None:
            return Cost()
        known = self._prices.cost(reply.usage)
        known = None if known is None else known * self._share
        dearest = self._dearest(call)
        if dearest is None:
            return Cost(known, known)
        # A reply whose tokens were not counted may have cost as much as any.
        uncounted = reply.lost_attempts + (known is None and reply.error is None)
        return Cost(known, (known or 0.0) + uncounted * dearest)

    def _dearest(self, call: Call) -> float | None:
        """Return what a call costs if its answer is as long as it may be; None where nothing limits it.

        No token is shorter than a byte, in the vocabularies that models have.
        """
        longest = longest_answer(call)
        if longest is None or self._prices is None:
            return None
        texts = [message["content"] for message in call.messages]
        if call.schema is not None:
            texts.append(canonical_json(call.schema))
        prompt = sum(len(text.encode("utf-8", "surrogatepass")) + _TOKENS_A_MESSAGE for text in texts)
        return self._share * self._prices.of_tokens(prompt, longest)


def longest_answer(call: Call) -> int | None:
    """Return how many tokens the answer to a call may have; None where nothing limits it."""
    limits = [call.sampling[name] for name in _LENGTH_LIMITS if isinstance(call.sampling.get(name), int)]
    return min(limits) if limits else None
