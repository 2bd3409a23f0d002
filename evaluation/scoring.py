"""Entity-level scores, equal to seqeval's, for a million words in a fraction of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .mention_arrays import ComparedMentions, Integers, MentionArrays, Tags, read_mentions


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
    return score_mentions(read_mentions(gold, predicted), types=types)


def score_mentions(read: ComparedMentions, *, types: Sequence[str] | None = None) -> Score:
    """Score mentions that are read already: those of gold need not be read again for every system.

    Args:
        read: The mentions of gold and of the predictions.
        types: The types that the macro average is taken over; by default those with a mention in gold.
    """
    correct = read.gold.only(read.gold.shared_with(read.predicted))
    counted = (correct, read.predicted, read.gold)
    by_type = [mentions.count_by_type(len(read.types) - 1) for mentions in counted]
    sentence_of_word = np.repeat(np.arange(len(read.lengths)), read.lengths)
    by_sentence = [
        np.bincount(sentence_of_word[mentions.starts], minlength=len(read.lengths)) for mentions in counted
    ]
    per_type = {
        name: TypeFigures.of_counts(*(int(counts[number]) for counts in by_type))
        for number, name in enumerate(read.types)
        if name
    }
    macro_types = tuple(
        sorted(name for name, figures in per_type.items() if figures.gold) if types is None else types
    )
    for name in macro_types:
        per_type.setdefault(name, TypeFigures.of_counts(0, 0, 0))
    return Score(
        micro=Figures.of_counts(*map(len, counted)),
        macro=_mean([per_type[name] for name in macro_types]),
        strict=_strict(read.gold, read.predicted),
        per_type={
            name: figures
            for name, figures in sorted(per_type.items())
            if figures.gold or figures.predicted or name in macro_types
        },
        macro_types=macro_types,
        counts=np.stack(by_sentence, axis=1),
    )


def _strict(gold: MentionArrays, predicted: MentionArrays) -> Figures:
    # Both modes end a mention at the same word; strict mode reads fewer beginnings.
    gold = gold.only(gold.begin_with_b)
    predicted = predicted.only(predicted.begin_with_b)
    return Figures.of_counts(int(gold.shared_with(predicted).sum()), len(predicted), len(gold))


def _mean(figures: Sequence[TypeFigures]) -> Figures:
    if not figures:
        return Figures(0.0, 0.0, 0.0)
    return Figures(
        *(float(np.mean([getattr(each, name) for each in figures])) for name in ("precision", "recall", "f1"))
    )
