"""What synthetic sentences gain over gold alone, measured on folds of gold.

Gold is dealt into folds. Each is predicted by taggers trained on the others, alone and with each choice of
synthetic sentences (recipe `adapted`). The gain of a choice is its micro-F1 over all predicted sentences
less that of gold alone, and its standard error is estimated by resampling the sentences, in pairs.

Folds of little gold are a noisy judge: at 100 sentences the standard error is about as large as the gain. So
what they say is weighed against what is known before. On the papers' responses in three languages, and on
gold *train* sentences outside the sample, curated data gained .065 F1 with 100 gold sentences and .026 with
500: about `0.5 / √gold`, give or take as much. The expected gain given both is the mean of the two, each
weighed by the inverse of its variance. With much gold the folds decide.

No test data plays a part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np

from ..schema.example import Example
from .bootstrap import micro_f1, standard_error_of_gain
from .crf import CrfSettings, CrfTagger
from .recipes import Adaptation, train_on_gold
from .scoring import Integers, score

FOLDS = 3

# Enough held-out sentences to judge by; more would only cost time.
SENTENCES_TO_JUDGE = 600

# The gain to expect of gold of one sentence; it falls with the root of their number.
_EXPECTED_OF_ONE = 0.5

_SETTINGS = CrfSettings(iterations=30)

Choice = TypeVar("Choice", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Gain:
    """What synthetic sentences gain over gold alone.

    Attributes:
        f1: Difference in micro-F1 on held-out gold.
        standard_error: Its standard error.
        gold: How many gold sentences there are.
    """

    f1: float
    standard_error: float
    gold: int

    @property
    def expected(self) -> float:
        """The expected gain, given these folds and what is known before."""
        before = expected_gain(self.gold)
        of_folds = self.standard_error**2
        return (self.f1 * before**2 + before * of_folds) / (before**2 + of_folds)

    def as_json(self) -> dict[str, float]:
        """Return the gain by name."""
        return {"gain": self.f1, "standard_error": self.standard_error}


def expected_gain(gold: int) -> float:
    """Return what curated sentences gain over so many gold sentences elsewhere, in micro-F1."""
    return _EXPECTED_OF_ONE / math.sqrt(gold)


def gains_on_folds(
    gold: Sequence[Example],
    choices: Callable[[Sequence[Example]], Mapping[Choice, Adaptation]],
    *,
    seed: int,
) -> dict[Choice, Gain]:
    """Measure what each choice of synthetic sentences gains over gold alone.

    Args:
        gold: At least `FOLDS` gold examples with IOB2 tags.
        choices: Given the gold examples that a fold is predicted from, makes the choices for this fold: none
            of them may have seen any other gold. The same choices every time.
        seed: Decides the folds.
    """
    alone = np.zeros((len(gold), 3), dtype=np.int64)
    counts: dict[Choice, Integers] = {}
    for held_out in _folds(len(gold), Random(f"{seed} folds")):  # noqa: S311 - no secret is drawn
        left_out = set(held_out)
        training = [example for place, example in enumerate(gold) if place not in left_out]
        judged = [gold[place] for place in held_out]
        alone[held_out] += _counts(train_on_gold(training, settings=_SETTINGS), judged)
        for choice, adaptation in choices(training).items():
            counted = counts.setdefault(choice, np.zeros_like(alone))
            counted[held_out] += _counts(adaptation.train(training, settings=_SETTINGS), judged)
    return {choice: _gain(counted, alone, seed) for choice, counted in counts.items()}


def _counts(tagger: CrfTagger, judged: Sequence[Example]) -> Integers:
    predicted = tagger.tag(example.tokens for example in judged)
    return score([example.ner_tags for example in judged], predicted).counts


def _gain(counts: Integers, alone: Integers, seed: int) -> Gain:
    gain = micro_f1(counts.sum(axis=0)) - micro_f1(alone.sum(axis=0))
    return Gain(float(gain), standard_error_of_gain(counts, alone, seed=seed), len(counts))


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
