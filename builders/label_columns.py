"""Labels as columns: reading them as numbers, and repairing IOB2 in whole batches.

The repair means exactly what `schema.iob2.repair` means by the same policy; it only works on arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..schema.iob2 import OUTSIDE
from ..schema.labels import LabelSet
from .columns import UNKNOWN_LABEL


class LabelNumbers(dict[Any, int]):
    """The number of a label as a response writes it: its name, its number, or its number as a text.

    A number written as a text is told apart: it stands for itself plus the size of the label set.
    """

    def __init__(self, labels: LabelSet) -> None:
        super().__init__(labels.ids)
        for number in range(len(labels.names)):
            self[number] = number
            self[str(number)] = number + len(labels.names)

    def __missing__(self, written: object) -> int:
        return UNKNOWN_LABEL


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
