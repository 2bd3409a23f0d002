"""Agreement on where mentions are: of two labellings, and of a data set with itself.

Labels that follow a rule can be learned from one another. So a tagger that has seen one half of a data set
labels the other half much as it is labelled; where labels are strewn, it cannot. This needs no gold, and
thousands of sentences tell it better than a hundred of gold can. Types play no part: what a name is called
can be repaired (`builders.curation.consensus`), what is a name at all hardly can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np

from ..schema.example import Example
from ..schema.iob2 import OUTSIDE
from .crf import CrfSettings, CrfTagger

FEWEST_SENTENCES = 100
"""Fewer sentences do not tell how well they agree with themselves."""

# As many in every data set that has them, so that the figures of large and small ones can be compared.
SENTENCES_TO_LEARN = 200
_JUDGED = 1000

_SETTINGS = CrfSettings(iterations=30)


def kappa_on_mentions(some: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> float:
    """Return Cohen's kappa of two labellings of the same tokens, mentions against all else.

    Args:
        some: The tags of each sentence.
        others: Other tags for the same sentences.

    Returns:
        1 for agreement token by token, 0 for as much as chance gives; 0 where neither has a mention.
    """
    one, other = (
        np.array([tag != OUTSIDE for tags in labelling for tag in tags], dtype=bool)
        for labelling in (some, others)
    )
    shares = one.mean(), other.mean()
    by_chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    return float(((one == other).mean() - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


def agreement_with_itself(
    examples: Sequence[Example], *, seed: int, learned: int = SENTENCES_TO_LEARN
) -> float | None:
    """Return how well the labels of a data set agree with one another on where mentions are.

    The first half and the second, in the order of the data, are each labelled by a tagger that has learned
    from a sample of the other. What was made together mostly stands together, and is not to be learned from
    one's own kind.

    Args:
        examples: Examples with IOB2 tags.
        seed: Decides the samples.
        learned: How many sentences a tagger learns from; the more, the better they agree.

    Returns:
        The mean of Cohen's kappa in the two halves; None where there are fewer than `FEWEST_SENTENCES`
        sentences.
    """
    if len(examples) < FEWEST_SENTENCES:
        return None
    random = Random(f"{seed} agreement")  # noqa: S311 - no secret is drawn
    middle = len(examples) // 2
    # Places and not examples: these may be on a disk.
    halves = [random.sample(half, len(half)) for half in (range(middle), range(middle, len(examples)))]
    kappas = []
    for learning, judging in (halves, halves[::-1]):
        tagger = CrfTagger.train(
            (_without_types(examples[place]) for place in learning[:learned]), settings=_SETTINGS
        )
        judged = [examples[place] for place in judging[:_JUDGED]]
        found = tagger.tag(example.tokens for example in judged)
        kappas.append(kappa_on_mentions([example.ner_tags for example in judged], found))
    return sum(kappas) / len(kappas)


def _without_types(example: Example) -> Example:
    return replace(
        example, ner_tags=tuple(tag if tag == OUTSIDE else f"{tag[:2]}MENTION" for tag in example.ner_tags)
    )
