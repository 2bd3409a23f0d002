"""Labels as columns: reading them as numbers, counting them, and repairing IOB2 in whole batches.

The repair means exactly what `schema.iob2.repair` means by the same policy; it only works on arrays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..schema.iob2 import OUTSIDE
from ..schema.labels import LabelSet
from .columns import UNKNOWN_LABEL, Batch

# Python turns no longer texts into numbers, and JSON holds none.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,4000}")


class LabelNumbers(dict[Any, int]):
    """The number of a label as a response writes it: its name, its number, or its number as a text.

    A number written as a text is told apart: it stands for itself plus the size of the label set. So is a
    label outside the set whose meaning is known: it stands for what it means plus twice that size.

    Args:
        labels: The label set.
        meanings: What labels outside the set mean, an id as text.
    """

    def __init__(self, labels: LabelSet, meanings: Mapping[str, str] | None = None) -> None:
        super().__init__(labels.ids)
        size = len(labels.names)
        for number in range(size):
            self[number] = number
            self[str(number)] = number + size
        for written, meaning in (meanings or {}).items():
            self[written] = labels.ids[meaning] + 2 * size
            if _WHOLE_NUMBER.fullmatch(written):
                self[int(written)] = self[written]

    def __missing__(self, written: object) -> int:
        return UNKNOWN_LABEL


class LabelCounts:
    """Counts the labels of tokens over batches: those outside the set, and those of sound sentences.

    Args:
        labels: The label set.

    Attributes:
        foreign: Tokens under a label outside the set, an id as text.
        known: Tokens and labels of sentences without such a label.
    """

    def __init__(self, labels: LabelSet) -> None:
        self._names = labels.names
        self.foreign: Counter[tuple[str, str]] = Counter()
        self.known: Counter[tuple[str, str]] = Counter()

    def add(self, batch: Batch, texts: Sequence[str]) -> None:
        """Count a batch in.

        Args:
            batch: Sentences as they were read.
            texts: The tokens by number.
        """
        outside = batch.tags == UNKNOWN_LABEL
        of_sentence = batch.any_of(outside)
        for place in np.flatnonzero(outside).tolist():
            row = int(batch.sentence_of[place])
            tags: list[Any] = batch.datapoints[row].found.tags or []
            written = str(tags[place - int(batch.starts[row])])
            self.foreign[texts[int(batch.tokens[place])], written] += 1
        sound = batch.select(~of_sentence)
        size = len(self._names)
        pairs, counts = np.unique(sound.tokens * size + sound.tags % size, return_counts=True)
        numbers: list[int] = pairs.tolist()
        for pair, count in zip(numbers, counts.tolist(), strict=True):
            self.known[texts[pair // size], self._names[pair % size]] += count


class LabelColumns:
    """The types and prefixes behind the numbers of a label set."""

    def __init__(self, labels: LabelSet) -> None:
        type_numbers = {type_: number for number, type_ in enumerate(labels.types, start=1)}
        self.type_of = np.array([type_numbers.get(name[2:], 0) for name in labels.names], dtype=np.int16)
        self.is_inside = np.array([name != OUTSIDE and name[0] == "I" for name in labels.names])
        self.is_beginning = np.array([name != OUTSIDE and name[0] == "B" for name in labels.names])
        self.outside = labels.ids[OUTSIDE]
        # By type number; there is no mention of type 0.
        self._begin = np.array([self.outside, *(labels.ids[f"B-{type_}"] for type_ in labels.types)])
        self._inside = np.array([self.outside, *(labels.ids[f"I-{type_}"] for type_ in labels.types)])

    def repair(self, tags: np.ndarray, first_words: np.ndarray, policy: str) -> np.ndarray:
        """Make label numbers IOB2.

        Args:
            tags: Label numbers of all words, each of them in the label set.
            first_words: Indices of the words that begin a sentence.
            policy: A name in `REPAIR_POLICIES`.

        Returns:
            The label numbers, the same array where nothing had to be changed.
        """
        if not len(tags):
            return tags
        types, inside = self.type_of[tags], self.is_inside[tags]
        type_before = np.roll(types, 1)
        type_before[first_words] = 0
        misplaced = inside & (types != type_before)
        if not misplaced.any():
            return tags
        repaired = tags.copy()
        if policy == "conlleval":
            repaired[misplaced] = self._begin[types[misplaced]]
        elif policy == "discard":
            # Whatever continues a misplaced tag goes with it.
            head = _head_of_run(~inside | misplaced)
            repaired[misplaced[head]] = self.outside
        else:
            # The mention's first tag decides the type of all I- tags that follow it without a gap.
            opens = ~inside | (inside & (type_before == 0))
            head = _head_of_run(opens)
            repaired[inside] = self._inside[types[head][inside]]
            begins = inside & opens
            repaired[begins] = self._begin[types[begins]]
        return repaired


def _head_of_run(is_head: np.ndarray) -> np.ndarray:
    """Return for each word the nearest word at or before it that is a head; the first word is one."""
    return np.maximum.accumulate(np.where(is_head, np.arange(len(is_head)), 0))
