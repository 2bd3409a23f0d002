"""T-Projection's matching: the best of the candidates that a model generated, where it stands in the target.

A sequence-to-sequence model writes the entities of the target between marks that name their types. What it
writes is a candidate if it stands in the target. In the order of the source, each entity takes that candidate
of its type which translates it best and is still free, at its first free occurrence.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ..schema.errors import DataError
from .outcome import COLLISION, NO_CANDIDATE, Projection, labelled

Words = tuple[str, ...]

_Value = TypeVar("_Value")

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def marked_entities(
    text: str, types: Mapping[str, str], *, keep_punctuation: bool = False
) -> list[tuple[Words, str]]:
    """Return the entities between marks, with their types.

    A mark of another type than `types` has is a word like any other; an entity that is opened anew before it
    was closed, or closed as another type, is none.

    Args:
        text: For example `<Person>Ana Costa</Person> <Location>Lima</Location>`.
        types: The entity type of each name in a mark.
        keep_punctuation: Whether ASCII punctuation is part of what is returned.
    """
    marks = re.compile(f"<(/?)({'|'.join(map(re.escape, sorted(types)))})>")
    found: list[tuple[Words, str]] = []
    opened, words_from = None, 0
    for mark in marks.finditer(text):
        closes, name = mark.groups()
        if not closes:
            opened, words_from = name, mark.end()
            continue
        words = text[words_from : mark.start()]
        if not keep_punctuation:
            words = words.translate(_NO_PUNCTUATION)
        if opened == name and words.split():
            found.append((tuple(words.split()), types[name]))
        opened = None
    return found


def generated_candidates(
    predictions: Iterable[str],
    target: Sequence[str],
    types: Mapping[str, str],
    *,
    keep_punctuation: bool = False,
) -> dict[str, list[Words]]:
    """Return the candidates of each type in the order they were generated: those that stand in the target.

    Args:
        predictions: What the model wrote, the best first.
        target: The target words.
        types: The entity type of each name in a mark.
        keep_punctuation: Whether ASCII punctuation is part of a candidate.
    """
    candidates: dict[str, list[Words]] = {}
    for prediction in predictions:
        for words, type_ in marked_entities(prediction, types, keep_punctuation=keep_punctuation):
            of_type = candidates.setdefault(type_, [])
            if words not in of_type and next(_occurrences(words, target, 0), None) is not None:
                of_type.append(words)
    return candidates


def best_free(
    entities: Sequence[tuple[Words, str]],
    candidates: Mapping[str, Sequence[Words]],
    scores: Mapping[str, Mapping[str, float]],
    target: Sequence[str],
) -> Projection:
    """Give each entity the best-scoring candidate of its type that is free; of equals, the first.

    An occurrence word for word comes before one that differs in case or ASCII punctuation, wherever they are.

    Args:
        entities: The source entities with their types, in the order of the source.
        candidates: What `generated_candidates` returned.
        scores: The score of each candidate for each entity, both written with one space between words.
        target: The target words.

    Raises:
        DataError: If a score is missing.
    """
    spans: list[tuple[int, int, str]] = []
    dropped: list[tuple[int, str]] = []
    taken = 0
    for number, (entity, type_) in enumerate(entities):
        of_type = candidates.get(type_, ())
        free = [
            (_score(scores, entity, candidate), start, len(candidate))
            for candidate in of_type
            if (start := next(_occurrences(candidate, target, taken), None)) is not None
        ]
        if not free:
            dropped.append((number, COLLISION if of_type else NO_CANDIDATE))
            continue
        _, start, length = max(free, key=lambda found: found[0])
        taken |= ((1 << length) - 1) << start
        spans.append((start, start + length, type_))
    return labelled(spans, len(target), dropped)


def _occurrences(words: Words, target: Sequence[str], taken: int) -> Iterator[int]:
    """Find where words stand in the target, none of them taken: word for word, else much alike."""
    length = len(words)
    free = [start for start in range(len(target) - length + 1) if not taken >> start & ((1 << length) - 1)]
    found = [start for start in free if tuple(target[start : start + length]) == words]
    if not found:
        alike = tuple(map(_folded, words))
        folded = tuple(map(_folded, target))
        found = [start for start in free if folded[start : start + length] == alike]
    return iter(found)


def _folded(word: str) -> str:
    return word.lower().translate(_NO_PUNCTUATION)


def _score(scores: Mapping[str, Mapping[str, float]], entity: Words, candidate: Words) -> float:
    """Look a score up, where need be without the punctuation of either."""
    of_entity = _found(scores, entity)
    score = None if of_entity is None else _found(of_entity, candidate)
    if score is None:
        raise DataError(
            f"there is no score of `{' '.join(candidate)}` for `{' '.join(entity)}`",
            hint="Score every candidate of an entity's type before they are matched.",
        )
    return score


def _found(table: Mapping[str, _Value], words: Words) -> _Value | None:
    text = " ".join(words)
    return table.get(text, table.get(" ".join(text.translate(_NO_PUNCTUATION).split())))
