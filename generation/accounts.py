"""What the calls of a config have cost so far, by what the journal and the release know."""

from __future__ import annotations

from dataclasses import dataclass

from ..release import Config
from .engines import engine_of
from .journal import Account


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


def config_cost(config: Config, account: Account) -> ConfigCost | None:
    """Return what the calls of a config have cost; None where neither journal nor release know prices.

    A reply cost what the release's prices were when it came. Only one that came without any, as recorded
    ones do, is priced by those of now.
    """
    prices = config.generator.prices
    if prices is None and not account.costed:
        return None
    share = engine_of(config).price_share if prices is not None else 1.0
    known, unknown = account.cost, set(account.with_lost_attempts)
    for key, usage in account.uncosted:
        cost = prices.cost(usage) if prices is not None else None
        if cost is None:
            unknown.add(key)
        else:
            known += cost * share
    return ConfigCost(known, len(unknown))
