"""Recall on names that the training data holds, and on names that it does not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from ..schema.errors import DataError
from ..schema.example import Example
from .mention_arrays import Tags, read_mentions


@dataclass(frozen=True, slots=True)
class Recall:
    """How many mentions of gold were found.

    Attributes:
        gold: Mentions in gold.
        correct: Those predicted with the same words and the same type.
    """

    gold: int
    correct: int

    @property
    def recall(self) -> float:
        """The share that was found; 0 where there is no mention."""
        return self.correct / self.gold if self.gold else 0.0

    def as_json(self) -> dict[str, float | int]:
        """Return recall and counts by name."""
        return {"recall": self.recall, "gold": self.gold, "correct": self.correct}


@dataclass(frozen=True, slots=True)
class SeenMentions:
    """Recall on the mentions of gold, divided by whether a tagger has seen them in training.

    Attributes:
        seen: On mentions that the training data holds.
        unseen: On all others.
    """

    seen: Recall
    unseen: Recall

    def as_json(self) -> dict[str, dict[str, float | int]]:
        """Return both by name."""
        return {"seen": self.seen.as_json(), "unseen": self.unseen.as_json()}


def seen_mentions(train: Iterable[Example], test: Sequence[Example], predicted: Tags) -> SeenMentions:
    """Divide recall into that on seen and that on unseen mentions (Augenstein et al. 2017).

    A mention of the test data is seen if the training data has a mention of the same tokens and the same
    type, as in the exact match of Taillé et al. (2020): a tagger that only remembers names would find it.
    Case counts, Unicode's composed and decomposed forms are the same. A name that training data has as
    another type, or without a label, is unseen. Precision is not divided: what is predicted wrongly is on
    neither side.

    Args:
        train: All that the tagger was trained on, synthetic sentences included.
        test: Gold test sentences.
        predicted: Their predicted tags.

    Raises:
        DataError: If the numbers of sentences, or of tags in a sentence, differ.

    Example:
        >>> ada = Example("1", ("Ada", "sings"), ("B-PER", "O"))
        >>> seen_mentions([ada], [ada], [["B-PER", "O"]]).seen
        Recall(gold=1, correct=1)
    """
    for example in test:
        if len(example.tokens) != len(example.ner_tags):
            raise DataError(
                f"the sentence has {len(example.tokens)} tokens and {len(example.ner_tags)} tags",
                where=example.id,
            )
    read = read_mentions([example.ner_tags for example in test], predicted)
    tokens = list(chain.from_iterable(example.tokens for example in test))
    known = {
        (mention.type, _form(example.tokens[mention.start : mention.end]))
        for example in train
        for mention in example.mentions
    }
    is_seen = np.array(
        [
            (read.types[type_], _form(tokens[start:end])) in known
            for start, end, type_ in zip(read.gold.starts, read.gold.ends, read.gold.types, strict=True)
        ],
        dtype=bool,
    )
    is_correct = read.gold.shared_with(read.predicted)
    return SeenMentions(
        seen=Recall(int(is_seen.sum()), int((is_seen & is_correct).sum())),
        unseen=Recall(int((~is_seen).sum()), int((~is_seen & is_correct).sum())),
    )


def _form(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", token) for token in tokens)
