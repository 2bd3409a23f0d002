"""What synthetic sentences gain over gold alone, measured on folds of gold.

Gold is dealt into folds. Each is predicted by taggers trained on the others, alone and with each choice of
synthetic sentences. The gain of a choice is its micro-F1 over all predicted sentences
less that of gold alone, and its standard error is estimated by resampling the sentences, in pairs.

Folds of little gold are a noisy judge: at 100 sentences the standard error is about as large as the gain. So
what they say is weighed against what is known before (`expectation`), each by the inverse of its variance.
With much gold the folds decide. Synthetic data is used if the odds that it gains are three to one.

No test data plays a part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import NormalDist
from typing import TypeVar

import numpy as np

from ..schema.example import Example
from .bootstrap import micro_f1, standard_error_of_gain
from .crf import CrfSettings, CrfTagger
from .recipes import PUT_TOGETHER, Prepared, recipe_for, train_on_gold
from .scoring import Integers, score

FOLDS = 3

# What gold alone does on a fold is asked again for every source of a grid, at each size and seed.
_FOLDS_TO_REMEMBER = 96

# Enough held-out sentences to judge by; more would only cost time.
SENTENCES_TO_JUDGE = 600

# With fewer sentences or mentions of gold, a gain on its folds is a few names that were hit or missed.
FEWEST_GOLD = 10
FEWEST_MENTIONS = 30

# Fitted to the papers' responses in three languages by three models: on gold *train* sentences outside the
# sample, with 100 and 500 gold sentences and two draws, what curated data gained was about
# `4 (kappa - 0.1) / gold ** 0.75`, give or take `1.5 / gold ** 0.75`, where kappa is the agreement of the
# data with itself. It was 0.31 to 0.36 for Llama-3.1-8B, 0.46 to 0.68 for aya-expanse-32b and 0.84 to 0.95
# for GPT-4.1. Left out one at a time, two languages gave a slope of 3.4 to 4.2 for the third.
_GAIN_OF_AGREEMENT = 4.0
_AGREEMENT_WITHOUT_GAIN = 0.1
_SPREAD = 1.5
_DECAY = 0.75
_USUAL_AGREEMENT = 0.6

# What was made of gold itself agrees with itself as gold does, and its labels are those of gold. It gains
# little, and rarely costs much. Fitted likewise, to two ways of making it in five data sets.
_GAIN_OF_VARIANTS = 0.05
_SPREAD_OF_VARIANTS = 0.2

# Standard deviations from zero at which the odds are three to one.
_THREE_TO_ONE = NormalDist().inv_cdf(0.75)

_SETTINGS = CrfSettings(iterations=30)

Choice = TypeVar("Choice", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What synthetic sentences are expected to gain over gold alone, in micro-F1.

    Attributes:
        mean: The expected gain.
        spread: Its standard deviation.
    """

    mean: float
    spread: float

    @property
    def probably_gains(self) -> bool:
        """Whether the odds that there is a gain are three to one."""
        return self.mean > _THREE_TO_ONE * self.spread


@dataclass(frozen=True, slots=True)
class Gain:
    """What synthetic sentences gain over gold alone.

    Attributes:
        f1: Difference in micro-F1 on held-out gold.
        standard_error: Its standard error.
        before: What was expected before it was measured.
    """

    f1: float
    standard_error: float
    before: Expectation

    @property
    def expected(self) -> Expectation:
        """What is expected now: folds and expectation, each weighed by the inverse of its variance."""
        of_folds, before = self.standard_error**2, self.before.spread**2
        both = of_folds + before
        return Expectation(
            (self.f1 * before + self.before.mean * of_folds) / both, math.sqrt(of_folds * before / both)
        )

    def as_json(self) -> dict[str, float]:
        """Return the gain by name."""
        return {"gain": self.f1, "standard_error": self.standard_error, "expected": self.expected.mean}


def expectation(gold: int, agreement: float | None, made_of_gold: float = 0.0) -> Expectation:
    """Return what synthetic sentences can be expected to gain, before any gold has judged them.

    Args:
        gold: How many gold sentences there are.
        agreement: The data's agreement with itself (`evaluation.agreement`); None where it is not known.
        made_of_gold: The share of the data that was made of these gold sentences (`evaluation.made_of`).
    """
    if recipe_for(made_of_gold) == PUT_TOGETHER:
        return Expectation(_GAIN_OF_VARIANTS / math.sqrt(gold), _SPREAD_OF_VARIANTS / math.sqrt(gold))
    scale = gold**-_DECAY
    kappa = _USUAL_AGREEMENT if agreement is None else agreement
    gain = _GAIN_OF_AGREEMENT * (kappa - _AGREEMENT_WITHOUT_GAIN) * scale
    return Expectation(gain * (1 - made_of_gold), _SPREAD * scale)


def can_judge(gold: Sequence[Example]) -> bool:
    """Say whether gold is enough for its folds to tell anything."""
    return len(gold) >= FEWEST_GOLD and sum(len(example.mentions) for example in gold) >= FEWEST_MENTIONS


def gains_on_folds(
    gold: Sequence[Example],
    choices: Callable[[Sequence[Example], Collection[int]], Mapping[Choice, Prepared]],
    *,
    before: Expectation,
    seed: int,
) -> dict[Choice, Gain]:
    """Measure what each choice of synthetic sentences gains over gold alone.

    Args:
        gold: Gold examples with IOB2 tags, enough of them (`can_judge`).
        choices: Given the gold examples that a fold is predicted from, and the places of those that are
            predicted, makes the choices for this fold: none of them may have seen what is predicted, or hold
            what was made of it. The same choices every time.
        before: What is expected of each.
        seed: Decides the folds.
    """
    alone = np.zeros((len(gold), 3), dtype=np.int64)
    counts: dict[Choice, Integers] = {}
    for held_out in _folds(len(gold), Random(f"{seed} folds")):  # noqa: S311 - no secret is drawn
        left_out = set(held_out)
        training = [example for place, example in enumerate(gold) if place not in left_out]
        judged = [gold[place] for place in held_out]
        alone[held_out] += _counts_alone(tuple(training), tuple(judged))
        for choice, prepared in choices(training, left_out).items():
            counted = counts.setdefault(choice, np.zeros_like(alone))
            counted[held_out] += _counts(prepared.train(training, settings=_SETTINGS), judged)
    return {choice: _gain(counted, alone, before, seed) for choice, counted in counts.items()}


@lru_cache(maxsize=_FOLDS_TO_REMEMBER)
def _counts_alone(training: tuple[Example, ...], judged: tuple[Example, ...]) -> Integers:
    return _counts(train_on_gold(training, settings=_SETTINGS), judged)


def _counts(tagger: CrfTagger, judged: Sequence[Example]) -> Integers:
    predicted = tagger.tag(example.tokens for example in judged)
    return score([example.ner_tags for example in judged], predicted).counts


def _gain(counts: Integers, alone: Integers, before: Expectation, seed: int) -> Gain:
    gain = micro_f1(counts.sum(axis=0)) - micro_f1(alone.sum(axis=0))
    # Taggers that find next to nothing hardly differ however sentences are resampled. A mention that is found
    # or missed by chance is the least error there is.
    error = max(standard_error_of_gain(counts, alone, seed=seed), 1 / max(1, int(alone[:, 2].sum())))
    return Gain(float(gain), error, before)


def _folds(size: int, random: Random) -> Iterator[list[int]]:
    """Deal the numbers below `size` into folds; yield as many of these as are needed to judge by."""
    order = list(range(size))
    random.shuffle(order)
    judged = 0
    for first in range(FOLDS):
        if judged >= SENTENCES_TO_JUDGE:
            return
        fold = sorted(order[first::FOLDS])
        judged += len(fold)
        yield fold
