"""Label sets: the ordered names behind the integers of a `ClassLabel` column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .errors import DataError
from .iob2 import OUTSIDE, parse_tag

# The order in which the papers' corpora number their types; other types follow alphabetically.
CUSTOMARY_TYPES = ("PER", "ORG", "LOC", "DATE", "MISC")


@dataclass(frozen=True)
class LabelSet:
    """An IOB2 label set: `O`, then `B-` and `I-` of each type.

    Attributes:
        names: The labels in the order of their integers.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or self.names[0] != OUTSIDE:
            raise DataError("a label set begins with `O`", hint="For example: O,B-PER,I-PER,B-LOC,I-LOC")
        if len(set(self.names)) != len(self.names):
            raise DataError(f"a label stands twice in the label set {','.join(self.names)}")
        for name in self.names[1:]:
            if parse_tag(name) is None or name == OUTSIDE:
                raise DataError(f"`{name}` is no IOB2 label", hint="Labels are O, B-TYPE and I-TYPE.")
        for type_ in self.types:
            if f"B-{type_}" not in self.names or f"I-{type_}" not in self.names:
                raise DataError(f"the label set needs both B-{type_} and I-{type_}")

    @classmethod
    def of_types(cls, types: Iterable[str]) -> LabelSet:
        """Make the label set of entity types, in the order given."""
        return cls((OUTSIDE, *(f"{prefix}-{type_}" for type_ in types for prefix in "BI")))

    @classmethod
    def of_tags(cls, tags: Iterable[str]) -> LabelSet:
        """Make the label set that covers every valid tag seen, in the customary order of types."""
        parsed = (parse_tag(tag) for tag in set(tags))
        found = {parts[1] for parts in parsed if parts and parts[1]}
        customary = [type_ for type_ in CUSTOMARY_TYPES if type_ in found]
        return cls.of_types([*customary, *sorted(found - set(customary))])

    @classmethod
    def parse(cls, text: str) -> LabelSet:
        """Read `O,B-PER,I-PER,…`, as `--labels` takes it.

        Raises:
            DataError: If the text is no IOB2 label set.
        """
        return cls(tuple(name.strip() for name in text.split(",") if name.strip()))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The entity types, in the order of their labels."""
        return tuple(dict.fromkeys(name[2:] for name in self.names if name != OUTSIDE))

    @cached_property
    def ids(self) -> dict[str, int]:
        """The integer of each label."""
        return {name: number for number, name in enumerate(self.names)}

    def encode(self, tags: Sequence[str]) -> list[int]:
        """Turn label names into integers.

        Raises:
            KeyError: If a tag is not in the set.
        """
        return [self.ids[tag] for tag in tags]

    def decode(self, numbers: Sequence[int]) -> list[str]:
        """Turn integers into label names."""
        return [self.names[number] for number in numbers]
