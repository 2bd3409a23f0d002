"""Label repair: what synthetic labels get wrong, put right by gold's habits and the config's own consensus.

Nothing here knows a language. Every decision is a share counted in gold or in the config, and where neither
has shown enough, the label stays. The repairs run in order, again and again with fresh evidence until none
finds anything to do, so that repairing what was repaired changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...schema.errors import WrongUsageError
from ...schema.example import Example
from ...schema.iob2 import mentions
from ...schema.labels import LabelSet
from ...schema.validation import nearest
from .consensus import surface
from .evidence import ENOUGH_OF_A_SHAPE, Habits
from .labelling import Labelling, SentenceRepair
from .numbers import repair_numbers
from .positions import drop_what_is_no_mention, join_fragments, move_boundaries, undo_shift
from .repetitions import label_repetitions
from .types import repair_types
from .words import Sentence, look_at

_MOST_PASSES = 12


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
class Repaired:
    """An example with its repaired labels, and the changes in the order in which they were made."""

    example: Example
    changes: tuple[LabelChange, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A surface form that still has several types.

    Attributes:
        surface: The form, folded.
        types: How often it has each type in the config after repair.
        gold: How often it has each type in gold.
    """

    surface: str
    types: dict[str, int]
    gold: dict[str, int]


@dataclass(frozen=True)
class RepairOutcome:
    """What label repair did to the examples of a config.

    Attributes:
        repaired: Every example, in the order given.
        counts: How many examples each repair changed.
        conflicts: The surface forms that still have several types, the most frequent first.
        unknown: What gold is too small to tell, in words.
    """

    repaired: list[Repaired]
    counts: dict[str, int]
    conflicts: list[Conflict]
    unknown: list[str]

    @property
    def examples(self) -> list[Example]:
        """Every example with its repaired labels."""
        return [each.example for each in self.repaired]


_REPAIR_OF_NAME: dict[str, Callable[[Labelling], SentenceRepair]] = {
    "types": repair_types,
    "fragments": join_fragments,
    "shift": undo_shift,
    "boundaries": move_boundaries,
    "not mentions": drop_what_is_no_mention,
    "repetitions": label_repetitions,
    "numbers": repair_numbers,
}

REPAIRS = tuple(_REPAIR_OF_NAME)
"""The repairs, in the order in which they run:

- `types`: a mention gets the type that its surface form has by consensus of gold and config.
- `fragments`: mentions that touch are joined where gold hardly ever has two that touch.
- `shift`: labels that stand one token beside what they mean are moved back.
- `boundaries`: words at the edges of mentions are taken in or left out as gold does.
- `not mentions`: words that gold leaves unlabelled, or that look like no name of gold, lose their label.
- `repetitions`: unlabelled repetitions of what is labelled elsewhere get the label.
- `numbers`: dates and numbers are labelled, or not, by gold's habit.
"""


def repair_labels(
    examples: Sequence[Example],
    gold: Sequence[Example],
    labels: LabelSet,
    *,
    repairs: Sequence[str] = REPAIRS,
) -> RepairOutcome:
    """Repair the labels of one config.

    Args:
        examples: Synthetic examples with IOB2 tags of the label set.
        gold: Gold examples to learn from, from 0 up; never validation or test.
        labels: The label set.
        repairs: Names in `REPAIRS`; they run in the order of `REPAIRS`.

    Raises:
        WrongUsageError: If there is no such repair.
    """
    for name in repairs:
        if name not in _REPAIR_OF_NAME:
            raise WrongUsageError(f"there is no repair `{name}`", hint=nearest(name, REPAIRS))
    gold_sentences = [(look_at(example), example.ner_tags) for example in gold]
    habits = Habits(gold_sentences)
    sentences = [look_at(example) for example in examples]
    work = _Work(sentences, [example.ner_tags for example in examples])
    chosen = [name for name in REPAIRS if name in repairs]
    for _ in range(_MOST_PASSES):
        changed = [
            work.apply(
                name, _REPAIR_OF_NAME[name](Labelling(work.labelled(), gold_sentences, habits, labels))
            )
            for name in chosen
        ]
        if not any(changed):
            break
    repaired = [
        Repaired(replace(example, ner_tags=tags), tuple(changes))
        for example, tags, changes in zip(examples, work.tags, work.changes, strict=True)
    ]
    counts = {
        name: sum(any(change.step == name for change in each.changes) for each in repaired) for name in chosen
    }
    return RepairOutcome(
        repaired, counts, _conflicts(work.labelled(), gold_sentences), _unknown(habits, labels)
    )


class _Work:
    """The labels of all examples while they are being repaired."""

    def __init__(self, sentences: Sequence[Sentence], tags: Iterable[tuple[str, ...]]) -> None:
        self._sentences = sentences
        self.tags = list(tags)
        self.changes: list[list[LabelChange]] = [[] for _ in sentences]

    def labelled(self) -> list[tuple[Sentence, tuple[str, ...]]]:
        """Return the sentences with the labels they have now."""
        return list(zip(self._sentences, self.tags, strict=True))

    def apply(self, step: str, repair: SentenceRepair) -> bool:
        """Repair every sentence; say whether any changed."""
        any_changed = False
        for number, sentence in enumerate(self._sentences):
            before = self.tags[number]
            after = repair(sentence, before)
            if after is None or tuple(after) == before:
                continue
            any_changed = True
            self.tags[number] = tuple(after)
            self.changes[number].extend(
                LabelChange(step, place, old, new)
                for place, (old, new) in enumerate(zip(before, after, strict=True))
                if old != new
            )
        return any_changed


def _conflicts(
    config: Iterable[tuple[Sentence, Sequence[str]]], gold: Iterable[tuple[Sentence, Sequence[str]]]
) -> list[Conflict]:
    types_of, gold_types_of = _types_of_forms(config), _types_of_forms(gold)
    found = [
        Conflict(form, _by_count(types), _by_count(gold_types_of.get(form, Counter())))
        for form, types in types_of.items()
        if len(types) > 1
    ]
    return sorted(found, key=lambda conflict: (-sum(conflict.types.values()), conflict.surface))


def _types_of_forms(sentences: Iterable[tuple[Sentence, Sequence[str]]]) -> dict[str, Counter[str]]:
    types_of: dict[str, Counter[str]] = {}
    for sentence, tags in sentences:
        for span in mentions(tags):
            types_of.setdefault(surface(sentence, span), Counter())[span.type] += 1
    return types_of


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _unknown(habits: Habits, labels: LabelSet) -> list[str]:
    if not habits.mentions:
        return ["gold has no mentions: only the config's own consensus was used"]
    return [
        f"gold has {habits.mention_count[type_]} mentions of {type_}, too few to know what they look like"
        for type_ in labels.types
        if habits.mention_count[type_] < ENOUGH_OF_A_SHAPE
    ]
