"""The labels of sentences while they are being repaired, and every change so far: on disk, read in passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ...schema.example import Example
from .evidence import LabelledSentence
from .labelling import LabelChange, SentenceRepair
from .spill import Spill, TextNumbers
from .views import Made
from .words import look_at

State = tuple[tuple[int, ...], tuple[tuple[int, int, int, int], ...]]
"""The labels of a sentence, and its changes: step, position, label before and after; texts as numbers."""


class Relabelling:
    """The labels of all examples while they are being repaired.

    A pass reads the labels of every sentence, and writes them anew: no more than one sentence is in memory.

    Args:
        examples: The examples with their labels as they came.

    Attributes:
        any_changed: Whether this round changed any sentence.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._numbers = TextNumbers()
        self._states = Spill()
        self.any_changed = False
        self._round = 0
        # By sentence: the last round in which it changed.
        self._changed_in = bytearray(len(examples))
        for example in examples:
            self._states.add((self._numbered(example.ner_tags), ()))

    def labelled(self) -> Sequence[LabelledSentence]:
        """Return the sentences with the labels they have now."""
        return Made(self._labelled, self._examples, self._states)

    def tags(self) -> Sequence[tuple[str, ...]]:
        """Return the labels that each sentence has now."""
        return Made(lambda state: self._texts(state[0]), self._states)

    def changes(self) -> Sequence[tuple[LabelChange, ...]]:
        """Return the changes of each sentence, in the order in which they were made."""
        return Made(self._changes, self._states)

    def changed_by(self) -> Counter[str]:
        """Count the sentences that each repair changed."""
        return Counter(
            self._numbers.texts[step]
            for _, changes in self._states
            if changes
            for step in {change[0] for change in changes}
        )

    def begin_round(self) -> None:
        """Begin another round of all repairs."""
        self._round += 1
        self.any_changed = False

    def apply(self, repairs: Sequence[tuple[str, SentenceRepair]]) -> None:
        """Repair every sentence by one repair after another, each with its name.

        Args:
            repairs: The first may have learned from the labels as they are now. All others know gold alone:
                what they left as it was in the last round they would leave so again, and are not asked.
        """
        repaired = Spill()
        rows = zip(self.labelled(), self._states, strict=True)
        for place, ((sentence, before), state) in enumerate(rows):
            is_settled = self._changed_in[place] < self._round - 1
            tags, changes = before, []
            for number, (name, repair) in enumerate(repairs):
                if number and is_settled and tags is before:
                    break
                after = repair(sentence, tags)
                if after is not None and (after := tuple(after)) != tags:
                    changes += self._differences(name, tags, after)
                    tags = after
            if not changes:
                repaired.add(state)
                continue
            repaired.add((self._numbered(tags), (*state[1], *changes)))
            self._changed_in[place] = self._round
            self.any_changed = True
        self._states = repaired

    def _labelled(self, example: Example, state: State) -> LabelledSentence:
        return look_at(example), self._texts(state[0])

    def _differences(
        self, step: str, before: tuple[str, ...], after: tuple[str, ...]
    ) -> Iterator[tuple[int, ...]]:
        number = self._numbers.__getitem__
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                yield number(step), place, number(old), number(new)

    def _changes(self, state: State) -> tuple[LabelChange, ...]:
        text = self._numbers.texts.__getitem__
        return tuple(
            LabelChange(text(step), place, text(old), text(new)) for step, place, old, new in state[1]
        )

    def _numbered(self, tags: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(map(self._numbers.__getitem__, tags))

    def _texts(self, numbers: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(map(self._numbers.texts.__getitem__, numbers))
