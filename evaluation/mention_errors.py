"""What is wrong with predictions, mention by mention: boundary, type, both, missed or spurious."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mention_arrays import ComparedMentions, Integers, Tags, read_mentions

KINDS = ("correct", "boundary", "type", "boundary and type", "missed", "spurious")
"""What a mention can be; a mention of gold is never spurious, a predicted one never missed."""

_CORRECT, _BOUNDARY, _TYPE, _BOUNDARY_AND_TYPE, _MISSED, _SPURIOUS = range(len(KINDS))

Kinds = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class MentionErrors:
    """What every mention of gold and of the predictions is, as positions in `KINDS`.

    Attributes:
        gold: For each mention of gold, in order.
        predicted: For each predicted mention, in order.
    """

    gold: Kinds
    predicted: Kinds

    def as_json(self) -> dict[str, int]:
        """Count by kind: gold is all but `spurious`, the predictions are all but `missed`."""
        counts = np.bincount(self.gold, minlength=len(KINDS))
        counts[_SPURIOUS] = len(self.predicted) - counts[:_MISSED].sum()
        return dict(zip(KINDS, counts.tolist(), strict=True))


def mention_errors(gold: Tags, predicted: Tags) -> MentionErrors:
    """Classify every mention of gold and of the predictions.

    The kinds are those of MUC-5 (Chinchor and Sundheim 1993) and of SemEval-2013 task 9 (Segura-Bedmar et al.
    2013), told apart by boundary and type. A mention is paired with one mention of the other side at most:

    1. Mentions of the same words are a pair: `correct` if the type is the same, else a `type` error.
    2. Of the others, those with a word in common are paired as long as both are free: pairs of the same type
       (`boundary`) before pairs of two types (`boundary and type`), then pairs with more words in common
       before pairs with fewer, then from left to right.
    3. What has no partner was `missed` in gold, and is `spurious` in the predictions.

    Tags are read as for micro-F1: a misplaced I- tag opens a mention.

    Args:
        gold: The tags of each sentence.
        predicted: As many tags for as many sentences.

    Raises:
        DataError: If the numbers of sentences, or of tags in a sentence, differ.

    Example:
        >>> mention_errors([["B-PER", "I-PER", "B-LOC"]], [["B-PER", "O", "B-ORG"]]).as_json()["boundary"]
        1
    """
    read = read_mentions(gold, predicted)
    of_gold = np.full(len(read.gold), _MISSED, dtype=np.int8)
    of_predicted = np.full(len(read.predicted), _SPURIOUS, dtype=np.int8)
    gold_of_word, predicted_of_word = read.gold.mention_of_word(), read.predicted.mention_of_word()

    same_words = np.flatnonzero(_has_same_words(read))
    partners = predicted_of_word[read.gold.starts[same_words]]
    same_type = read.gold.types[same_words] == read.predicted.types[partners]
    of_gold[same_words] = of_predicted[partners] = np.where(same_type, _CORRECT, _TYPE)

    gold_of_word[np.isin(gold_of_word, same_words)] = -1
    for one, other, kind in _overlapping_pairs(read, gold_of_word, predicted_of_word):
        if of_gold[one] == _MISSED and of_predicted[other] == _SPURIOUS:
            of_gold[one] = of_predicted[other] = kind
    return MentionErrors(of_gold, of_predicted)


def _has_same_words(read: ComparedMentions) -> NDArray[np.bool_]:
    end_of_prediction = np.zeros(len(read.predicted.values), dtype=np.int64)
    end_of_prediction[read.predicted.starts] = read.predicted.ends
    return end_of_prediction[read.gold.starts] == read.gold.ends


def _overlapping_pairs(
    read: ComparedMentions, gold_of_word: Integers, predicted_of_word: Integers
) -> list[tuple[int, int, int]]:
    """List mentions with a word in common and the kind of error they are, in the order of pairing.

    The words that two mentions have in common follow each other: a pair is a run of the same two numbers.
    """
    words = np.flatnonzero((gold_of_word >= 0) & (predicted_of_word >= 0))
    gold, predicted = gold_of_word[words], predicted_of_word[words]
    begins = np.ones(len(words), dtype=bool)
    begins[1:] = (gold[1:] != gold[:-1]) | (predicted[1:] != predicted[:-1])
    firsts = np.flatnonzero(begins)
    shared_words = np.diff(firsts, append=len(words))
    gold, predicted = gold[firsts], predicted[firsts]
    same_type = read.gold.types[gold] == read.predicted.types[predicted]
    kinds = np.where(same_type, _BOUNDARY, _BOUNDARY_AND_TYPE)
    order = np.lexsort((firsts, -shared_words, ~same_type))
    return list(zip(*(each[order].tolist() for each in (gold, predicted, kinds)), strict=True))
