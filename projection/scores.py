"""Scores of a source entity and a candidate: by alignments, by a tagger, by translation, and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp

from ..schema.iob2 import Mention
from .candidates import most_probable
from .outcome import Alignment

# What each further word of a candidate that the tagger labels as a whole counts more.
GROWTH = 1.15


class AlignScore:
    """How well a candidate is aligned with an entity: twice the aligned pairs by the words of both.

    Prefix sums over the target words make each score a subtraction.

    Args:
        entity: The source entity.
        alignment: Which words are aligned.
        length: The number of target words.

    Example:
        >>> AlignScore(Mention(0, 2, "PER"), {(0, 0), (1, 1)}, 3).of(0, 3)
        0.8
    """

    def __init__(self, entity: Mention, alignment: Alignment, length: int) -> None:
        counts = [0] * (length + 1)
        first, last = entity.start, entity.end
        for source, target in alignment:
            if first <= source < last:
                counts[target + 1] += 1
        self._before = list(accumulate(counts))
        self._words = last - first

    def of(self, start: int, end: int) -> float:
        """Return the score of a candidate."""
        return 2 * (self._before[end] - self._before[start]) / (self._words + end - start)


class NerScore:
    """How well a candidate is an entity of a type, by the probabilities of a tagger on the target.

    It is `(p[first, B] + Σ p[other, I]) / words`, times `1.15 ** (words - 1)` where the most probable labels
    are just this mention.

    Args:
        probabilities: For each target word, the probability of each label.
        type_: The entity type.
    """

    def __init__(self, probabilities: Sequence[Mapping[str, float]], type_: str) -> None:
        begin, inside = f"B-{type_}", f"I-{type_}"
        best = most_probable(probabilities)
        self._begin = [word.get(begin, 0.0) for word in probabilities]
        self._inside = list(accumulate((word.get(inside, 0.0) for word in probabilities), initial=0.0))
        self._begins = [label == begin for label in best]
        self._insides = list(accumulate((label == inside for label in best), initial=0))

    def of(self, start: int, end: int) -> float:
        """Return the score of a candidate."""
        words = end - start
        score = (self._begin[start] + self._inside[end] - self._inside[start + 1]) / words
        is_mention = self._begins[start] and self._insides[end] - self._insides[start + 1] == words - 1
        return score * GROWTH ** (words - 1) if is_mention else score


@dataclass(frozen=True, slots=True)
class TranslationLogs:
    """What a translation model says about an entity A and a candidate B: logarithms of probabilities.

    Attributes:
        a_given_b: Of A as the translation of B.
        a_given_a: Of A as the translation of itself.
        b_given_a: Of B as the translation of A.
        b_given_b: Of B as the translation of itself.
        a_tokens: Subwords of A, which its logarithms are divided by.
        b_tokens: Subwords of B.
    """

    a_given_b: float
    a_given_a: float
    b_given_a: float
    b_given_b: float
    a_tokens: int
    b_tokens: int


def nmt_score(logs: TranslationLogs) -> float:
    """Return `½ (P(A|B) / P(A|A) + P(B|A) / P(B|B))`, each probability for its length."""
    from_b = exp((logs.a_given_b - logs.a_given_a) / logs.a_tokens)
    from_a = exp((logs.b_given_a - logs.b_given_b) / logs.b_tokens)
    return (from_b + from_a) / 2


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the three scores are put together: a weighted sum of those that reach their thresholds."""

    align_weight: float = 0.5
    ner_weight: float = 0.5
    nmt_weight: float = 1.0
    ner_threshold: float = 0.05
    nmt_threshold: float = 0.1

    def of(self, align: float, ner: float, nmt: float) -> float:
        """Return the fused score; a score below its threshold counts 0."""
        return (
            self.align_weight * align
            + self.ner_weight * (ner if ner >= self.ner_threshold else 0.0)
            + self.nmt_weight * (nmt if nmt >= self.nmt_threshold else 0.0)
        )
