"""What the manifest says of how a config's calls ended, how long they took and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from ..generation.accounts import account_of
from ..generation.journal import Journal
from ..release import Config
from .rejects import shown

# Where sums are rounded: far below what anybody pays for, and above what adding up in another order changes.
_DIGITS_OF_MONEY = 9
_DIGITS_OF_SECONDS = 3


def describe_costs(config: Config, journal: Journal, published: int) -> dict[str, Any]:
    """Return the manifest's keys on the outcome and the cost of a config's calls.

    All replies count, failed and further ones too: they were paid for.

    Args:
        config: The config.
        journal: Where its calls are.
        published: Datapoints published.
    """
    account = account_of(config, journal)
    cost = account.cost
    prices = config.generator.prices
    reasons: Counter[str] = Counter()
    for reason, count in journal.finish_reasons(config.name).items():
        reasons[shown(reason)] += count
    return {
        "finish_reasons": dict(sorted(reasons.items())),
        "seconds": None if account.seconds is None else round(account.seconds, _DIGITS_OF_SECONDS),
        "cost": cost
        and {
            "known": round(cost.known, _DIGITS_OF_MONEY),
            "per_published_datapoint": round(cost.known / published, _DIGITS_OF_MONEY) if published else None,
            "calls_without_known_cost": cost.calls_without_known_cost,
            "prices": prices and asdict(prices),
        },
    }
