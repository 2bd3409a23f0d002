"""What every way of projecting gives: tags for the target, and why each entity that is missing is missing."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from ..schema.iob2 import OUTSIDE, Mention

Alignment: TypeAlias = Set[tuple[int, int]]
"""Pairs of a source word and a target word, both by index from 0."""

NOT_ALIGNED = "not aligned"
ONLY_PUNCTUATION = "aligned to punctuation alone"
JOINED = "joined with another entity of its type"
COLLISION = "collides with another entity"
TOO_SHORT = "no run of words long enough"
NO_CANDIDATE = "no candidate"
OUTSCORED = "others score more on its words"
NO_ARRANGEMENT = "no arrangement places every entity"


@dataclass(frozen=True, slots=True)
class ParallelSentence:
    """A source sentence, and its translation.

    Attributes:
        entities: The entities of the source.
        alignment: Which words are aligned.
        target: The words of the translation.
        source: The words of the source, for who compares them with those of the translation.
    """

    entities: Sequence[Mention]
    alignment: Alignment
    target: Sequence[str]
    source: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Projection:
    """A target sentence as it was labelled.

    Attributes:
        tags: One tag a target word.
        dropped: The index and the reason of each source entity that labels no word of its own, by index.
        mentions: How often a `B-` was written; one entity may be written several times.
        unread: How many pairs of an entity and a candidate a translation model could not read.
    """

    tags: list[str]
    dropped: tuple[tuple[int, str], ...]
    mentions: int
    unread: int = 0


def aligned_words(entity: Mention, alignment: Alignment) -> list[int]:
    """Return the target words that are aligned to any word of a source entity, in order and each once."""
    start, end = entity.start, entity.end
    return sorted({target for source, target in alignment if start <= source < end})


def labelled(
    spans: Sequence[tuple[int, int, str]], length: int, dropped: Sequence[tuple[int, str]]
) -> Projection:
    """Return the projection that labels `length` words with spans (start, end, type) that do not overlap."""
    tags = [OUTSIDE] * length
    for start, end, type_ in spans:
        tags[start] = f"B-{type_}"
        if end - start > 1:
            tags[start + 1 : end] = [f"I-{type_}"] * (end - start - 1)
    return Projection(tags, tuple(sorted(dropped)), len(spans))
