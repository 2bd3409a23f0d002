"""The frame that every repair fits in: what it may learn from, and what it does to a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...schema.labels import LabelSet
from .evidence import Habits, LabelledSentence
from .words import Sentence

SentenceRepair = Callable[[Sentence, Sequence[str]], Sequence[str] | None]
"""Repairs the tags of one sentence; None where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a repair may learn from.

    Attributes:
        config: The sentences of the config as they are labelled now.
        gold: The gold sentences.
        habits: What was counted in gold.
        labels: The label set.
    """

    config: Sequence[LabelledSentence]
    gold: Sequence[LabelledSentence]
    habits: Habits
    labels: LabelSet
