"""The mentions of a whole corpus as flat arrays of integers, in which gold and predictions are compared.

All sentences stand in one array of words; a mention is known by its first word. In an array that holds, at
the first word of each mention, where it ends and of which type it is, a prediction is correct where gold has
the same value. One comparison then counts everything, for every sentence and type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..schema.errors import DataError
from ..schema.iob2 import parse_tag

Integers = NDArray[np.int64]
Tags = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class MentionArrays:
    """The mentions of all sentences, in order.

    Attributes:
        values: For each word, what tells the mention that begins there from any other that could; else 0.
        starts: The first word of each mention.
        ends: The word after its last.
        types: The number of its type.
        begin_with_b: Whether its first tag is a B- tag.
    """

    values: Integers
    starts: Integers
    ends: Integers
    types: Integers
    begin_with_b: NDArray[np.bool_]

    @classmethod
    def read(cls, codes: Integers, lengths: Integers, type_count: int) -> MentionArrays:
        """Read the mentions of encoded tags as the CoNLL scorer does: a misplaced I- tag opens a mention."""
        types = (codes + 1) // 2
        goes_on = np.zeros(len(codes) + 1, dtype=bool)
        goes_on[1:-1] = (types[1:] == types[:-1]) & (codes[1:] % 2 == 0)
        goes_on[np.cumsum(lengths)] = False
        within = types > 0
        starts = np.flatnonzero(within & ~goes_on[:-1])
        ends = np.flatnonzero(within & ~goes_on[1:]) + 1
        values = np.zeros_like(codes)
        values[starts] = ends * (type_count + 1) + types[starts]
        return cls(values, starts, ends, types[starts], codes[starts] % 2 == 1)

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, chosen: NDArray[np.bool_]) -> MentionArrays:
        """Return the chosen mentions."""
        starts = self.starts[chosen]
        values = np.zeros_like(self.values)
        values[starts] = self.values[starts]
        return MentionArrays(values, starts, self.ends[chosen], self.types[chosen], self.begin_with_b[chosen])

    def shared_with(self, other: MentionArrays) -> NDArray[np.bool_]:
        """Say of each mention whether the other has it too: same words, same type."""
        return self.values[self.starts] == other.values[self.starts]

    def count_by_type(self, type_count: int) -> Integers:
        """Count the mentions of each type number, from 0 on, which no mention has."""
        return np.bincount(self.types, minlength=type_count + 1)

    def mention_of_word(self) -> Integers:
        """Return the number of the mention that each word is in; -1 where it is in none."""
        numbers = np.full(len(self.values), -1, dtype=np.int64)
        lengths = self.ends - self.starts
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        numbers[np.repeat(self.starts, lengths) + within] = np.repeat(np.arange(len(self)), lengths)
        return numbers


@dataclass(frozen=True, slots=True)
class ComparedMentions:
    """The mentions of gold and of the predictions for the same sentences.

    Attributes:
        gold: Those of gold.
        predicted: Those of the predictions.
        lengths: The number of words of each sentence.
        types: The name of each type by its number; number 0 is no type.
    """

    gold: MentionArrays
    predicted: MentionArrays
    lengths: Integers
    types: tuple[str, ...]


def read_mentions(gold: Tags, predicted: Tags) -> ComparedMentions:
    """Read the mentions of gold and of predictions.

    A tag that is none of `O`, `B-TYPE`, `I-TYPE` counts as `O`.

    Args:
        gold: The tags of each sentence.
        predicted: As many tags for as many sentences.

    Raises:
        DataError: If the numbers of sentences, or of tags in a sentence, differ.
    """
    lengths = _common_lengths(gold, predicted)
    numbers = _TypeNumbers()
    codes = [numbers.encode(tags, lengths) for tags in (gold, predicted)]
    of_gold, of_predictions = (MentionArrays.read(flat, lengths, len(numbers.names)) for flat in codes)
    return ComparedMentions(of_gold, of_predictions, lengths, ("", *numbers.names))


class _TypeNumbers:
    """Numbers entity types, and turns tags into integers: 0 for O, 2k-1 for B- and 2k for I- of type k."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def encode(self, tags: Tags, lengths: Integers) -> Integers:
        codes = {tag: self._code(tag) for tag in sorted(set(chain.from_iterable(tags)))}
        flat = map(codes.__getitem__, chain.from_iterable(tags))
        return np.fromiter(flat, dtype=np.int64, count=int(lengths.sum()))

    def _code(self, tag: str) -> int:
        prefix, type_ = parse_tag(tag) or ("O", "")
        if not type_:
            return 0
        number = self.names.setdefault(type_, len(self.names) + 1)
        return 2 * number - (prefix == "B")


def _common_lengths(gold: Tags, predicted: Tags) -> Integers:
    gold_lengths, predicted_lengths = list(map(len, gold)), list(map(len, predicted))
    for number, (wanted, found) in enumerate(zip(gold_lengths, predicted_lengths, strict=False), 1):
        if wanted != found:
            raise DataError(f"sentence {number} has {wanted} tags in gold and {found} in the predictions")
    if len(gold) != len(predicted):
        raise DataError(
            f"gold has {len(gold)} sentences and the predictions have {len(predicted)}: "
            f"sentence {min(len(gold), len(predicted)) + 1} has no counterpart"
        )
    return np.array(gold_lengths, dtype=np.int64)
