"""The recipes by which a tagger is trained on gold and synthetic sentences.

- `gold only`: a tagger trained on gold.
- `adapted`: one tagger trained on both, in which gold overrules. It differs in three things from a tagger on
  the two put together:

  1. Every feature stands twice, as it is and as its source's own, gold or synthetic (Daumé 2007). What both
     teach goes to the common weights; what only synthetic data says stays with it, since what is tagged has
     gold's features.
  2. Tokens have features of what synthetic data knows beyond single sentences: how its labels call a word or
     a name (`NameLexicon`; a synthetic sentence does not see its own labels there), and which words stand in
     the same places (`WordClusters`). How far these are to be believed is learned from gold, too.
  3. Each gold sentence counts `GOLD_COUNTS` times, as long as gold is not much already. So it does in `gold
     only`, where that is a weaker penalty on the model: no gain of synthetic data comes from this alone.

- `put together`: a tagger on both, in which each gold sentence counts as often. It is for what was made of
  gold itself, by augmentation for example. `adapted` learns from gold how far synthetic labels can be
  believed, and those of variants of gold always can: it would learn gold by heart twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from ..schema.example import Example
from .crf import CrfSettings, CrfTagger, PreparedExample
from .name_lexicon import NameLexicon
from .token_features import sentence_features
from .word_clusters import clusters_of_text

GOLD_ONLY = "gold only"
ADAPTED = "adapted"
PUT_TOGETHER = "put together"

GOLD_COUNTS = 5
# Gold of more sentences counts once: it speaks for itself, and more would only cost time.
MUCH_GOLD = 5000

# The share of synthetic sentences from which they count as made of gold.
_MADE_OF_GOLD = 0.5

# What a source's own features begin with, as no other feature does. Short ones take far less memory: strings
# of up to 15 bytes stand in place.
_GOLD, _SYNTHETIC = b"g|", b"s|"

# The cells of a grid come source by source: all of it, and the sample that is judged on folds of gold.
_ADAPTATIONS_TO_REMEMBER = 2

Features = list[list[bytes]]


class Adaptation:
    """Synthetic sentences made ready for the recipe `adapted`, to be trained with more than one gold.

    Calling it gives the features of a gold sentence, or of what is tagged as gold would be.

    Args:
        synthetic: Synthetic examples with IOB2 tags. No gold that is trained on or tagged may be among them.
    """

    def __init__(self, synthetic: Sequence[Example]) -> None:
        self._lexicon = NameLexicon(synthetic)
        self._clusters = clusters_of_text(tuple(tuple(example.tokens) for example in synthetic))
        # What CRFsuite takes is made anew for each training: kept, it would take eight times as much memory.
        known: dict[bytes, bytes] = {}
        self._sentences = [
            (
                [[known.setdefault(each, each) for each in of_token] for of_token in features],
                example.ner_tags,
            )
            for example in synthetic
            for features in [self._features(example.tokens, example)]
        ]

    def __call__(self, tokens: Sequence[str]) -> Features:
        """Return the features of a sentence of gold, or of one to tag."""
        return _twice(self._features(tokens, None), _GOLD)

    def train(self, gold: Sequence[Example], *, settings: CrfSettings | None = None) -> CrfTagger:
        """Train a tagger on gold and the synthetic sentences.

        Args:
            gold: Gold examples with IOB2 tags of the same types.
            settings: How to train.

        Raises:
            DataError: If there are no examples to train on.
        """
        return CrfTagger.train(
            self._prepared(gold),
            repeats=[count_of_gold(len(gold))] * len(gold) + [1] * len(self._sentences),
            settings=settings,
            features=self,
        )

    def _prepared(self, gold: Sequence[Example]) -> Iterator[PreparedExample]:
        for example in gold:
            yield PreparedExample(self(example.tokens), example.ner_tags)
        for features, tags in self._sentences:
            yield PreparedExample(_twice(features, _SYNTHETIC), tags)

    def _features(self, tokens: Sequence[str], synthetic: Example | None) -> Features:
        features = sentence_features(tokens)
        clusters = [self._clusters.of(token) or ("?",) for token in tokens]
        of_labels = self._lexicon.features(tokens, without=synthetic)
        for place, of_token in enumerate(features):
            around = [("=", place), ("-", place - 1), ("+", place + 1)]
            of_token += [
                f"{where}cluster:{cluster}".encode()
                for where, neighbour in around
                if 0 <= neighbour < len(tokens)
                for cluster in clusters[neighbour]
            ]
            of_token += [feature.encode("utf-8", "surrogatepass") for feature in of_labels[place]]
        return features


class Together:
    """Synthetic sentences to be trained with more than one gold by the recipe `put together`.

    Args:
        synthetic: Synthetic examples with IOB2 tags.
    """

    def __init__(self, synthetic: Sequence[Example]) -> None:
        self._synthetic = synthetic

    def train(self, gold: Sequence[Example], *, settings: CrfSettings | None = None) -> CrfTagger:
        """Train a tagger on gold and the synthetic sentences.

        Args:
            gold: Gold examples with IOB2 tags of the same types.
            settings: How to train.

        Raises:
            DataError: If there are no examples to train on.
        """
        return CrfTagger.train(
            [*gold, *self._synthetic],
            repeats=[count_of_gold(len(gold))] * len(gold) + [1] * len(self._synthetic),
            settings=settings,
        )


Prepared: TypeAlias = Adaptation | Together
"""Synthetic sentences made ready for a recipe that learns them."""


def recipe_for(made_of_gold: float) -> str:
    """Return the recipe that learns synthetic sentences, if they are learned.

    Args:
        made_of_gold: The share of them that was made of the gold that they are added to.
    """
    return PUT_TOGETHER if made_of_gold >= _MADE_OF_GOLD else ADAPTED


def prepared_for(recipe: str, synthetic: Sequence[Example]) -> Prepared:
    """Make synthetic sentences ready for a recipe.

    The last ones are remembered, to be trained with other gold.

    Args:
        recipe: `adapted` or `put together`.
        synthetic: Synthetic examples with IOB2 tags.
    """
    return _adaptation_of(tuple(synthetic)) if recipe == ADAPTED else Together(synthetic)


@lru_cache(maxsize=_ADAPTATIONS_TO_REMEMBER)
def _adaptation_of(synthetic: tuple[Example, ...]) -> Adaptation:
    return Adaptation(synthetic)


def train_on_gold(gold: Sequence[Example], *, settings: CrfSettings | None = None) -> CrfTagger:
    """Train a tagger by the recipe `gold only`.

    Args:
        gold: Gold examples with IOB2 tags.
        settings: How to train.

    Raises:
        DataError: If there are no examples to train on.
    """
    return CrfTagger.train(gold, settings=settings_for_gold(len(gold), settings))


def settings_for_gold(sentences: int, settings: CrfSettings | None = None) -> CrfSettings:
    """Return how so many gold sentences are trained on alone.

    That each counts several times is the same as a weaker penalty in the same ratio, and takes as many times
    longer.
    """
    settings = settings or CrfSettings()
    times = count_of_gold(sentences)
    return replace(settings, l1=settings.l1 / times, l2=settings.l2 / times)


def train_by_recipe(gold: Sequence[Example], synthetic: Sequence[Example], recipe: str) -> CrfTagger:
    """Train a tagger by a recipe.

    Args:
        gold: Gold examples with IOB2 tags.
        synthetic: Synthetic examples with IOB2 tags of the same types.
        recipe: `gold only`, `adapted` or `put together`.

    Raises:
        DataError: If there are no examples to train on.
    """
    return train_on_gold(gold) if recipe == GOLD_ONLY else prepared_for(recipe, synthetic).train(gold)


def count_of_gold(sentences: int) -> int:
    """Return how many times each of so many gold sentences counts beside synthetic ones."""
    return 1 if sentences > MUCH_GOLD else GOLD_COUNTS


def _twice(sentence: Features, source: bytes) -> Features:
    return [[*features, *[source + feature for feature in features]] for features in sentence]
