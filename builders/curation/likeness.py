"""Whether a sentence is written like gold: by the character trigrams that gold has, too.

A language cannot be told from its code, but gold is a sample of it. A sentence of another language has far
fewer of gold's trigrams than gold's own sentences have of each other's. Accents do not count: models often
leave them out, and that is no other language.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...schema.accents import without_accents
from ...schema.example import Example
from ...sources.normal_forms import normalised

FEWEST_GOLD = 20

# Shorter sentences are mostly names, which no gold can know.
FEWEST_TRIGRAMS = 20

# A sentence must have this much of what nearly all of gold's sentences have.
ALLOWANCE = 0.75
_LOWEST_PERCENT_OF_GOLD = 5

_PARTS = 5


def unlike_gold(examples: Sequence[Example], gold: Sequence[Example]) -> list[int]:
    """Return the places of the sentences that are not written like gold.

    Of fewer than `FEWEST_GOLD` gold sentences nothing can be learned, and nothing is returned.
    """
    if len(gold) < FEWEST_GOLD:
        return []
    least = ALLOWANCE * _lowest_coverage(gold)
    known = set[str]().union(*map(_trigrams, gold))
    found = []
    for place, example in enumerate(examples):
        trigrams = _trigrams(example)
        if len(trigrams) >= FEWEST_TRIGRAMS and len(trigrams & known) < least * len(trigrams):
            found.append(place)
    return found


def _lowest_coverage(gold: Sequence[Example]) -> float:
    """Return how many of a gold sentence's trigrams the others have, at the lower end."""
    trigrams = [_trigrams(example) for example in gold]
    coverage = []
    for part in range(_PARTS):
        others = set[str]().union(*(one for place, one in enumerate(trigrams) if place % _PARTS != part))
        coverage += [
            len(one & others) / len(one) for one in trigrams[part::_PARTS] if len(one) >= FEWEST_TRIGRAMS
        ]
    return float(np.percentile(coverage, _LOWEST_PERCENT_OF_GOLD)) if coverage else 0.0


def _trigrams(example: Example) -> set[str]:
    words = (without_accents(normalised(token)) for token in example.tokens)
    text = f" {' '.join(filter(None, words))} "
    return {text[start : start + 3] for start in range(len(text) - 2)}
