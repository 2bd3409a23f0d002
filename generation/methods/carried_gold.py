"""What became of gold that was carried over into another language: the counts that findings show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...schema.example import Example


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a sentence of the source.

    Attributes:
        dropped: Why it is no datapoint; None if it is one.
        lost: Why entities of it did not arrive, by their places.
    """

    dropped: str | None = None
    lost: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of_none(cls, example: Example, reason: str) -> Fate:
        """Return the fate of a sentence nothing of which arrived."""
        return cls(reason, dict.fromkeys(range(len(example.mentions)), reason))


def fates_as_json(types: Iterable[str], examples: Iterable[Example], fates: Iterable[Fate]) -> dict[str, Any]:
    """Return how many sentences were kept, and how many entities arrived by type, with why others did not.

    Args:
        types: The entity types, in the order in which they are shown.
        examples: The sentences of the source.
        fates: What became of each, in order.
    """
    kept = 0
    dropped: Counter[str] = Counter()
    arrived: Counter[str] = Counter()
    lost = {type_: Counter[str]() for type_ in types}
    for example, fate in zip(examples, fates, strict=True):
        if fate.dropped is None:
            kept += 1
        else:
            dropped[fate.dropped] += 1
        for place, mention in enumerate(example.mentions):
            reason = fate.lost.get(place)
            if reason is None:
                arrived[mention.type] += 1
            else:
                lost[mention.type][reason] += 1
    return {
        "sentences": {"kept": kept, "dropped": dict(sorted(dropped.items()))},
        "types": {
            type_: {
                "entities": arrived[type_] + reasons.total(),
                "projected": arrived[type_],
                "dropped": dict(sorted(reasons.items())),
            }
            for type_, reasons in lost.items()
            if arrived[type_] or reasons
        },
    }
