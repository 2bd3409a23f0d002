"""How synthetic data is added to gold, and whether it is: decided on gold alone, by cross-validation.

There are three recipes:

- `gold only`: a tagger trained on gold.
- `adapted`: one tagger trained on both, in which gold overrules. Every feature stands twice, as it is and as
  its source's own, gold or synthetic (Daumé 2007). What both teach goes to the common weights; what only
  synthetic data says stays with it, since what is tagged has gold's features.
- `stacked`: a tagger trained on gold that also sees, as features, the tags that a tagger trained on synthetic
  data alone would give. Gold decides how far these are to be believed, so poor data does little harm.

The recipe is the one that predicts held-out gold best:

1. Gold is dealt into five folds. Each is predicted by taggers trained on the other four, with each recipe and
   all synthetic data. Small gold is dealt anew and predicted again with the recipes still in question; of
   large gold only as many folds are predicted as it takes to judge.
2. The gain of a recipe is its micro-F1 over all predicted sentences less that of gold alone. Its standard
   error is estimated by resampling the sentences, in pairs.
3. A few folds of little gold are a noisy judge. So what they say is weighed against what is known before:
   over the papers' responses in several languages, measured on gold train sentences only, synthetic data used
   by one of these recipes gained about `EXPECTED_GAIN`, give or take as much. The expected gain given both is
   the mean of the two, each weighed by the inverse of its variance. With much gold the folds decide.
4. The recipe with the greatest expected gain is used if that is above zero, else gold alone.

No test data plays a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random

import numpy as np

from ..schema.example import Example
from .bootstrap import micro_f1, standard_error_of_gain
from .crf import CrfSettings, CrfTagger, PreparedExample
from .scoring import Integers, score
from .token_features import FeatureFunction, sentence_features, short_shape

GOLD_ONLY = "gold only"
ADAPTED = "adapted"
STACKED = "stacked"

FOLDS = 5

# Enough held-out sentences to judge by; more would only cost time.
SENTENCES_TO_JUDGE = 1000
# Gold of fewer sentences is dealt and predicted this often in all.
SMALL_GOLD = 300
DEALS_OF_SMALL_GOLD = 2
# What is known before gold is asked, in micro-F1; also its standard deviation.
EXPECTED_GAIN = 0.02

# A gain or loss of this many standard errors needs no second deal.
CLEAR_GAIN = 3

FOLD_SETTINGS = CrfSettings(iterations=30)


@dataclass(frozen=True, slots=True)
class Gain:
    """What a recipe gains over gold alone.

    Attributes:
        f1: Difference in micro-F1 on held-out gold.
        standard_error: Its standard error.
    """

    f1: float
    standard_error: float

    @property
    def expected(self) -> float:
        """The expected gain, given these folds and what is known before."""
        of_folds, before = self.standard_error**2, EXPECTED_GAIN**2
        return (self.f1 * before + EXPECTED_GAIN * of_folds) / (before + of_folds)


@dataclass(frozen=True, slots=True)
class Combination:
    """How to train on gold and synthetic data.

    Attributes:
        recipe: `gold only`, `adapted` or `stacked`.
        gain: Gain in micro-F1 over gold alone, on held-out gold, of the best recipe that was tried; also
            where it was not great enough to be used. 0 where none was tried.
        standard_error: The standard error of `gain`.
        tried: The gain of each recipe that was tried.
    """

    recipe: str = GOLD_ONLY
    gain: float = 0.0
    standard_error: float = 0.0
    tried: Mapping[str, Gain] = field(default_factory=dict)

    @property
    def use_synthetic(self) -> bool:
        """Whether synthetic data is used at all."""
        return self.recipe != GOLD_ONLY

    def as_json(self) -> dict[str, object]:
        """Return the combination by name."""
        return {
            "recipe": self.recipe,
            "gain": self.gain,
            "standard_error": self.standard_error,
            "tried": {
                recipe: {"gain": gain.f1, "standard_error": gain.standard_error}
                for recipe, gain in self.tried.items()
            },
        }


def choose_combination(gold: Sequence[Example], synthetic: Sequence[Example], *, seed: int) -> Combination:
    """Choose how to combine gold and synthetic examples, as this module describes.

    Args:
        gold: Gold examples with IOB2 tags.
        synthetic: Synthetic examples with IOB2 tags of the same types.
        seed: Decides the folds.

    Returns:
        The combination; gold alone if there are no synthetic or fewer than `FOLDS` gold examples.
    """
    if not synthetic or len(gold) < FOLDS:
        return Combination()
    judge = _Judge(gold, synthetic)
    candidates = [ADAPTED, STACKED]
    tried: dict[str, Gain] = {}
    for deal in range(DEALS_OF_SMALL_GOLD if len(gold) < SMALL_GOLD else 1):
        for held_out in _folds(len(gold), Random(f"{seed} {deal}")):  # noqa: S311 - no secret is drawn
            for recipe in (GOLD_ONLY, *candidates):
                judge.predict(held_out, recipe)
        tried |= {recipe: judge.gain(recipe, seed) for recipe in candidates}
        best = max((tried[recipe] for recipe in candidates), key=lambda gain: gain.f1)
        if abs(best.f1) > CLEAR_GAIN * best.standard_error:
            break
        candidates = [recipe for recipe in candidates if tried[recipe].f1 >= best.f1 - best.standard_error]
    chosen = max(candidates, key=lambda recipe: tried[recipe].f1)
    gain = tried[chosen]
    recipe = chosen if gain.expected > 0 else GOLD_ONLY
    return Combination(recipe, gain.f1, gain.standard_error, tried)


def train_combined(gold: Sequence[Example], synthetic: Sequence[Example], recipe: str) -> CrfTagger:
    """Train a tagger by a recipe.

    Args:
        gold: Gold examples with IOB2 tags.
        synthetic: Synthetic examples with IOB2 tags of the same types.
        recipe: `gold only`, `adapted` or `stacked`.

    Raises:
        DataError: If there are no examples to train on.
    """
    features = _features(recipe, synthetic)
    examples = (PreparedExample(example, features) for example in gold)
    added = (
        PreparedExample(example, features_of_synthetic)
        for example in (synthetic if recipe == ADAPTED else ())
    )
    return CrfTagger.train(chain(examples, added), features=features)


def _features(recipe: str, synthetic: Sequence[Example]) -> FeatureFunction:
    """Return what gives the features of gold sentences and of what is tagged."""
    if recipe == ADAPTED:
        return features_of_gold
    if recipe == STACKED:
        return _StackedFeatures(CrfTagger.train(synthetic))
    return sentence_features


def features_of_gold(tokens: Sequence[str]) -> list[list[bytes]]:
    """Return the features of a gold sentence, or of what is tagged as gold would be, for `adapted`."""
    return _features_twice(tokens, b"gold ")


def features_of_synthetic(tokens: Sequence[str]) -> list[list[bytes]]:
    """Return the features of a synthetic sentence for `adapted`."""
    return _features_twice(tokens, b"synthetic ")


def _features_twice(tokens: Sequence[str], source: bytes) -> list[list[bytes]]:
    return [
        [*features, *[source + feature for feature in features]] for features in sentence_features(tokens)
    ]


class _StackedFeatures:
    """The usual features, and the tags that another tagger gives a token and its neighbours."""

    def __init__(self, tagger: CrfTagger) -> None:
        self._tagger = tagger

    def __call__(self, tokens: Sequence[str]) -> list[list[bytes]]:
        sentence = sentence_features(tokens)
        [tags] = self._tagger.tag([tokens])
        edged = ["", *tags, ""]
        for place, features in enumerate(sentence):
            before, tag, after = edged[place : place + 3]
            shape = short_shape(tokens[place])
            features += [
                feature.encode("utf-8", "surrogatepass")
                for feature in (f"t:{tag}", f"-t:{before}", f"+t:{after}", f"t:{tag} S:{shape}")
            ]
        return sentence


class _Judge:
    """Predicts held-out gold with each recipe and keeps count, sentence by sentence."""

    def __init__(self, gold: Sequence[Example], synthetic: Sequence[Example]) -> None:
        self._gold: dict[str, list[PreparedExample]] = {}
        for recipe in (GOLD_ONLY, ADAPTED, STACKED):
            features = _features(recipe, synthetic)
            self._gold[recipe] = [PreparedExample(example, features) for example in gold]
        self._added = {ADAPTED: [PreparedExample(example, features_of_synthetic) for example in synthetic]}
        self._counts = {recipe: np.zeros((len(gold), 3), dtype=np.int64) for recipe in self._gold}

    def predict(self, held_out: Sequence[int], recipe: str) -> None:
        """Predict some gold examples after training on the others."""
        gold = self._gold[recipe]
        left_out = set(held_out)
        training = [example for place, example in enumerate(gold) if place not in left_out]
        tagger = CrfTagger.train([*training, *self._added.get(recipe, ())], settings=FOLD_SETTINGS)
        judged = [gold[place] for place in held_out]
        result = score([example.tags for example in judged], tagger.tag_prepared(judged))
        self._counts[recipe][held_out] += result.counts

    def gain(self, recipe: str, seed: int) -> Gain:
        """Return the gain over gold alone on the sentences predicted so far."""
        counts: Integers = self._counts[recipe]
        alone = self._counts[GOLD_ONLY]
        gain = micro_f1(counts.sum(axis=0)) - micro_f1(alone.sum(axis=0))
        return Gain(float(gain), standard_error_of_gain(counts, alone, seed=seed))


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
