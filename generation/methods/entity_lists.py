"""Lists of entities by type: drawn from, grown, and looked up in sentences that leave one unlabelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import regex

from ...schema.example import Example
from ...schema.iob2 import OUTSIDE, Mention, tags_of
from ...sources.characters import text_faults

Surface = tuple[str, ...]
"""The words of an entity."""

Entity = tuple[str, Surface]
"""A type, and the words."""

KNOWN = "in the lists already"
TOO_LONG = "too long for an entity"
UNREADABLE = "no letter or digit, or characters that nobody can read"

_MOST_WORDS = 10
_MOST_CHARACTERS = 100
_SAYS_SOMETHING = regex.compile(r"[\p{L}\p{N}]")

RELABEL = "relabel"
"""The step that changes of labels are recorded under."""


class EntityLists:
    """The entities that are known, by type.

    Args:
        types: The types there are.
        gold: Sentences whose entities are known from the start.
    """

    def __init__(self, types: Iterable[str], gold: Iterable[Example] = ()) -> None:
        self._of_type: dict[str, list[Surface]] = {type_: [] for type_ in types}
        self._known: set[Entity] = set()
        self._longest = dict.fromkeys(self._of_type, _MOST_WORDS)
        for example in gold:
            for mention in example.mentions:
                surface = example.tokens[mention.start : mention.end]
                self._take(mention.type, surface)
                self._longest[mention.type] = max(self._longest[mention.type], len(surface))

    @property
    def sizes(self) -> dict[str, int]:
        """How many entities of each type are known."""
        return {type_: len(surfaces) for type_, surfaces in self._of_type.items()}

    def add(self, type_: str, surface: Surface) -> str | None:
        """Add an entity that a model wrote; return why not, or None.

        Nothing is added that has more words than gold's longest of the type, and more than ten, or more than
        a hundred characters: a list would else take in whole sentences.
        """
        if (type_, surface) in self._known:
            return KNOWN
        if len(surface) > self._longest[type_] or len(" ".join(surface)) > _MOST_CHARACTERS:
            return TOO_LONG
        if not any(map(_SAYS_SOMETHING.search, surface)) or any(map(text_faults, surface)):
            return UNREADABLE
        self._take(type_, surface)
        return None

    def draw(self, chance: Random, number: int, *, class_uniform: bool) -> list[Entity]:
        """Draw so many entities, of which those that come twice are given once.

        Args:
            chance: What draws.
            number: How many.
            class_uniform: Whether each type comes as often as any other; else each entity does, so that types
                come as often as they have entities.
        """
        sizes = self.sizes
        types = [type_ for type_, size in sizes.items() if size]
        weights = [1 if class_uniform else sizes[type_] for type_ in types]
        drawn: dict[Entity, None] = {}
        for _ in range(number):
            (type_,) = chance.choices(types, weights)
            drawn[type_, chance.choice(self._of_type[type_])] = None
        return list(drawn)

    def another(self, chance: Random, type_: str, surface: Surface) -> Surface:
        """Draw another entity of a type; the same where there is no other."""
        others = [other for other in self._of_type[type_] if other != surface]
        return chance.choice(others) if others else surface

    def by_surface(self) -> dict[Surface, set[str]]:
        """Return the types that each sequence of words is known with."""
        types: dict[Surface, set[str]] = {}
        for type_, surface in self._known:
            types.setdefault(surface, set()).add(type_)
        return types

    def _take(self, type_: str, surface: Surface) -> None:
        if (type_, surface) not in self._known:
            self._known.add((type_, surface))
            self._of_type[type_].append(surface)


class Relabelling:
    """Labels entities that a sentence leaves unlabelled.

    Longer ones come before shorter ones, and among equals the first in the sentence. Words that are known
    with several types stay as they are, and so does what stands within them.

    Args:
        lists: The entities that are known.
    """

    def __init__(self, lists: EntityLists) -> None:
        self._types: Mapping[Surface, set[str]] = lists.by_surface()
        self._lengths = sorted({len(surface) for surface in self._types}, reverse=True)

    def relabelled(
        self, tokens: Sequence[str], tags: Sequence[str]
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """Return the tags with what was found, and what was changed, as provenance has it."""
        free = [tag == OUTSIDE for tag in tags]
        found: list[Mention] = []
        for length in self._lengths:
            for start in range(len(tokens) - length + 1):
                if not all(free[start : start + length]):
                    continue
                types = self._types.get(tuple(tokens[start : start + length]))
                if types is None:
                    continue
                free[start : start + length] = [False] * length
                if len(types) == 1:
                    found.append(Mention(start, start + length, *types))
        after = tags_of(found, len(tokens))
        changes = [
            {"step": RELABEL, "position": position, "before": OUTSIDE, "after": tag}
            for position, tag in enumerate(after)
            if tag != OUTSIDE
        ]
        return [new if new != OUTSIDE else old for new, old in zip(after, tags, strict=True)], changes
