"""What the calls of a config have cost so far, by what the journal and the release know."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..release import Config, Release
from ..schema.errors import EngineError
from ..schema.methods import OFFLINE
from .budget import CallPrice
from .engines import engine_of
from .journal import Journal, Paid


@dataclass(frozen=True, slots=True)
class ConfigCost:
    """What the calls of a config have cost.

    Attributes:
        known: The sum of all that is known.
        calls_without_known_cost: Calls that may have cost more than that: an answer was not counted, or an
            attempt was lost.
    """

    known: float
    calls_without_known_cost: int


@dataclass(frozen=True, slots=True)
class Account:
    """What was paid for a config: all replies to its calls, failed and further ones too.

    Attributes:
        cost: What they cost; None where neither journal nor release know prices.
        seconds: How long all of them took together; None where no time is known.
    """

    cost: ConfigCost | None
    seconds: float | None


def account_of(config: Config, journal: Journal) -> Account:
    """Sum up what was paid for a config.

    A reply cost what the release's prices were when it came. Only one that came without any, as recorded
    ones do, is priced by those of now.
    """
    prices = config.generator.prices
    share = engine_of(config).price_share if prices is not None else 1.0

    def cost_of(paid: Paid) -> float | None:
        if paid.cost is not None:
            return paid.cost
        cost = prices.cost(paid.usage) if prices is not None else None
        return None if cost is None else cost * share

    known, unknown, seconds = 0.0, 0, None
    has_prices = prices is not None
    for _, replies in groupby(journal.paid(config.name), key=lambda paid: paid.key):
        is_unknown = False
        for paid in replies:
            cost = cost_of(paid)
            has_prices = has_prices or cost is not None
            is_unknown |= paid.lost_attempts > 0 or (cost is None and paid.may_be_answered)
            known += cost or 0.0
            if paid.seconds is not None:
                seconds = (seconds or 0.0) + paid.seconds
        unknown += is_unknown
    return Account(ConfigCost(known, unknown) if has_prices else None, seconds)


def spent_on(release: Release, journal: Journal) -> float:
    """Return what all calls of a release have cost so far, at most.

    Each cost what the release's prices were when its reply came. A reply of a time when it had none is priced
    by those of now: `max_cost` is about all that was paid.
    """
    at_most: dict[int, float] = {}
    for config in release.configs:
        if config.generator.prices is None or config.generator.engine in ("recorded", OFFLINE):
            continue
        price: CallPrice | None = None
        for number, call, reply in journal.unpriced(config.name):
            # Where two configs ask the same at different prices, nobody knows which of them paid.
            price = price or CallPrice(config, _share(config), limited=False)
            at_most[number] = max(at_most.get(number, 0.0), price.of(call, reply).at_most or 0.0)
    return journal.spent() + sum(at_most.values())


def _share(config: Config) -> float:
    """Return the part of the prices that a config's calls cost: all, where its engine is not at hand."""
    try:
        return engine_of(config).price_share
    except EngineError:
        return 1.0
