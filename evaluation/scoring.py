"""Entity-level scores, equal to seqeval's, counted on flat arrays of integers.

All sentences stand in one array; a mention is known by its first word. In an array that holds, at the first
word of each mention, where it ends and of which type it is, a prediction is correct where gold has the same
value. One comparison then counts everything, for every sentence and type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..schema.errors import DataError
from ..schema.iob2 import parse_tag

Integers = NDArray[np.int64]
Tags = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Precision, recall and F1, each from 0 to 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of_counts(cls, correct: int, predicted: int, gold: int) -> Figures:
        """Compute the figures from numbers of mentions."""
        precision = correct / predicted if predicted else 0.0
        recall = correct / gold if gold else 0.0
        f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
        return cls(precision, recall, f1)

    def as_json(self) -> dict[str, float]:
        """Return the figures by name."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """The figures of one entity type and the numbers of mentions behind them."""

    precision: float
    recall: float
    f1: float
    gold: int
    predicted: int
    correct: int

    @classmethod
    def of_counts(cls, correct: int, predicted: int, gold: int) -> TypeFigures:
        """Compute the figures from numbers of mentions."""
        figures = Figures.of_counts(correct, predicted, gold)
        return cls(figures.precision, figures.recall, figures.f1, gold, predicted, correct)

    def as_json(self) -> dict[str, float]:
        """Return the figures and counts by name."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
        }


@dataclass(frozen=True)
class Score:
    """How well predicted tags agree with gold.

    Attributes:
        micro: Over all mentions, read as the CoNLL scorer and seqeval's default mode read them: a misplaced
            I- tag opens a mention.
        macro: The mean of each figure over `macro_types`.
        strict: As `micro`, but mentions that do not begin with a B- tag are not read: seqeval's strict mode
            with the scheme IOB2.
        per_type: The figures of each type that is in `macro_types`, in gold or in the predictions, by name.
        macro_types: The types that `macro` is the mean of: those asked for, else those of gold.
        counts: One row a sentence: correct, predicted and gold mentions, read as for `micro`.
    """

    micro: Figures
    macro: Figures
    strict: Figures
    per_type: Mapping[str, TypeFigures]
    macro_types: tuple[str, ...]
    counts: Integers

    def as_json(self) -> dict[str, object]:
        """Return the score as `synthner score --json` prints it."""
        return {
            "micro": self.micro.as_json(),
            "macro": self.macro.as_json(),
            "strict": self.strict.as_json(),
            "per_type": {name: figures.as_json() for name, figures in self.per_type.items()},
            "macro_types": list(self.macro_types),
        }


def score(gold: Tags, predicted: Tags, *, types: Sequence[str] | None = None) -> Score:
    """Score predicted tags.

    A tag that is none of `O`, `B-TYPE`, `I-TYPE` counts as `O`, in gold and in predictions.

    Args:
        gold: The tags of each sentence.
        predicted: As many tags for as many sentences.
        types: The types that the macro average is taken over; by default those with a mention in gold. It is
            never decided by the predictions, so that every system is averaged over the same types.

    Raises:
        DataError: If the numbers of sentences, or of tags in a sentence, differ.

    Example:
        >>> score([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]]).micro
        Figures(precision=0.5, recall=1.0, f1=0.6666666666666666)
    """
    lengths = _common_lengths(gold, predicted)
    numbers = _TypeNumbers()
    codes = [numbers.encode(tags, lengths) for tags in (gold, predicted)]
    gold_mentions, predicted_mentions = (_Mentions.read(flat, lengths, len(numbers.names)) for flat in codes)
    correct = gold_mentions.shared_with(predicted_mentions)
    by_type = [
        mentions.count_by_type(len(numbers.names))
        for mentions in (correct, predicted_mentions, gold_mentions)
    ]
    sentence_of_word = np.repeat(np.arange(len(lengths)), lengths)
    by_sentence = [
        np.bincount(sentence_of_word[mentions.starts], minlength=len(lengths))
        for mentions in (correct, predicted_mentions, gold_mentions)
    ]
    per_type = {
        name: TypeFigures.of_counts(*(int(counts[number]) for counts in by_type))
        for name, number in numbers.names.items()
    }
    macro_types = tuple(
        sorted(name for name, figures in per_type.items() if figures.gold) if types is None else types
    )
    for name in macro_types:
        per_type.setdefault(name, TypeFigures.of_counts(0, 0, 0))
    return Score(
        micro=Figures.of_counts(len(correct), len(predicted_mentions), len(gold_mentions)),
        macro=_mean([per_type[name] for name in macro_types]),
        strict=_strict(gold_mentions, predicted_mentions),
        per_type={
            name: figures
            for name, figures in sorted(per_type.items())
            if figures.gold or figures.predicted or name in macro_types
        },
        macro_types=macro_types,
        counts=np.stack(by_sentence, axis=1),
    )


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


@dataclass(frozen=True, slots=True)
class _Mentions:
    """The mentions of all sentences.

    Attributes:
        values: For each word, what tells the mention that begins there from any other that could; else 0.
        starts: The first word of each mention.
        types: The number of its type.
        begin_with_b: Whether its first tag is a B- tag.
    """

    values: Integers
    starts: Integers
    types: Integers
    begin_with_b: NDArray[np.bool_]

    @classmethod
    def read(cls, codes: Integers, lengths: Integers, type_count: int) -> _Mentions:
        types = (codes + 1) // 2
        goes_on = np.zeros(len(codes) + 1, dtype=bool)
        goes_on[1:-1] = (types[1:] == types[:-1]) & (codes[1:] % 2 == 0)
        goes_on[np.cumsum(lengths)] = False
        within = types > 0
        starts = np.flatnonzero(within & ~goes_on[:-1])
        ends = np.flatnonzero(within & ~goes_on[1:]) + 1
        values = np.zeros_like(codes)
        values[starts] = ends * (type_count + 1) + types[starts]
        return cls(values, starts, types[starts], codes[starts] % 2 == 1)

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, chosen: NDArray[np.bool_]) -> _Mentions:
        starts = self.starts[chosen]
        values = np.zeros_like(self.values)
        values[starts] = self.values[starts]
        return _Mentions(values, starts, self.types[chosen], self.begin_with_b[chosen])

    def shared_with(self, other: _Mentions) -> _Mentions:
        return self.only(self.values[self.starts] == other.values[self.starts])

    def count_by_type(self, type_count: int) -> Integers:
        return np.bincount(self.types, minlength=type_count + 1)


def _strict(gold: _Mentions, predicted: _Mentions) -> Figures:
    # Both modes end a mention at the same word; strict mode reads fewer beginnings.
    gold = gold.only(gold.begin_with_b)
    predicted = predicted.only(predicted.begin_with_b)
    return Figures.of_counts(len(gold.shared_with(predicted)), len(predicted), len(gold))


def _mean(figures: Sequence[TypeFigures]) -> Figures:
    if not figures:
        return Figures(0.0, 0.0, 0.0)
    return Figures(
        *(float(np.mean([getattr(each, name) for each in figures])) for name in ("precision", "recall", "f1"))
    )


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
