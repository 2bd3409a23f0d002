"""Label repair: what synthetic labels get wrong, put right by gold's habits and the config's own consensus.

Nothing here knows a language. Every decision is a share counted in gold or in the config, and where neither
has shown enough, the label stays. The repairs run in order, again and again with fresh evidence until none
finds anything to do, so that repairing what was repaired changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from ...schema.errors import WrongUsageError
from ...schema.example import Example
from ...schema.labels import LabelSet
from ...schema.validation import nearest
from .consensus import surface
from .evidence import ENOUGH_OF_A_SHAPE, Habits, LabelledSentence, spans_of
from .labelling import LabelChange, Labelling, SentenceRepair
from .numbers import repair_numbers
from .positions import drop_what_is_no_mention, join_fragments, move_boundaries, undo_shift
from .relabelling import Relabelling
from .repetitions import label_repetitions
from .types import repair_types
from .views import Made
from .words import look_at

_MOST_PASSES = 12


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

    repaired: Sequence[Repaired]
    counts: dict[str, int]
    conflicts: list[Conflict]
    unknown: list[str]

    @property
    def examples(self) -> Sequence[Example]:
        """Every example with its repaired labels."""
        return Made(attrgetter("example"), self.repaired)

    @property
    def changes(self) -> Sequence[tuple[LabelChange, ...]]:
        """The changes of every example."""
        return Made(attrgetter("changes"), self.repaired)


_REPAIR_OF_NAME: dict[str, Callable[[Labelling], SentenceRepair]] = {
    "types": repair_types,
    "fragments": join_fragments,
    "shift": undo_shift,
    "boundaries": move_boundaries,
    "not mentions": drop_what_is_no_mention,
    "repetitions": label_repetitions,
    "numbers": repair_numbers,
}

# The others know gold's habits alone, and can follow without another look at all sentences.
_LEARN_FROM_THE_CONFIG = frozenset(("types", "fragments", "repetitions"))

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
    work = Relabelling(examples)
    chosen = [name for name in REPAIRS if name in repairs]
    for _ in range(_MOST_PASSES):
        work.begin_round()
        for together in _in_one_pass(chosen):
            learned = Labelling(work.labelled(), gold_sentences, habits, labels)
            work.apply([(name, _REPAIR_OF_NAME[name](learned)) for name in together])
        if not work.any_changed:
            break
    changed_by = work.changed_by()
    return RepairOutcome(
        Made(_repaired, examples, work.tags(), work.changes()),
        {name: changed_by[name] for name in chosen},
        _conflicts(work.labelled(), gold_sentences),
        _unknown(habits, labels),
    )


def _in_one_pass(chosen: Sequence[str]) -> list[list[str]]:
    """Part repairs into those that one pass can do: only the first of each part learns from the config."""
    parts: list[list[str]] = []
    for name in chosen:
        if not parts or name in _LEARN_FROM_THE_CONFIG:
            parts.append([])
        parts[-1].append(name)
    return parts


def _repaired(example: Example, tags: tuple[str, ...], changes: tuple[LabelChange, ...]) -> Repaired:
    return Repaired(replace(example, ner_tags=tags), changes)


def _conflicts(config: Iterable[LabelledSentence], gold: Iterable[LabelledSentence]) -> list[Conflict]:
    types_of, gold_types_of = _types_of_forms(config), _types_of_forms(gold)
    found = [
        Conflict(form, _by_count(types), _by_count(gold_types_of.get(form, Counter())))
        for form, types in types_of.items()
        if len(types) > 1
    ]
    return sorted(found, key=lambda conflict: (-sum(conflict.types.values()), conflict.surface))


def _types_of_forms(sentences: Iterable[LabelledSentence]) -> dict[str, Counter[str]]:
    types_of: dict[str, Counter[str]] = {}
    for sentence, tags in sentences:
        for span in spans_of(tags):
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
