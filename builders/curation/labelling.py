"""The frame that every repair fits in: what it may learn from, and what it does to a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...schema.labels import LabelSet
from .evidence import Habits, LabelledSentence
from .words import Sentence

SentenceRepair = Callable[[Sentence, tuple[str, ...]], Sequence[str] | None]
"""Repairs the tags of one sentence; None where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One token's label that a repair replaced; provenance keeps it.

    Attributes:
        step: The repair.
        position: Index of the token.
        before: The label it had.
        after: The label it has.
    """

    step: str
    position: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a repair may learn from.

    Attributes:
        config: The sentences of the config as they are labelled now; to go through them takes a while.
        gold: The gold sentences.
        habits: What was counted in gold.
        labels: The label set.
    """

    config: Sequence[LabelledSentence]
    gold: Sequence[LabelledSentence]
    habits: Habits
    labels: LabelSet
