"""The heuristic of García-Ferrero et al. (2022), as their paper describes it and as their program works.

Each entity goes to the longest group of target words aligned to it. What follows is the same in both ways but
for two things. The program joins two groups if all they span is short; by the description, the gap between
them decides. And where a mention goes on after a gap or after words that another took, the program writes an
`I-`, and the description's way a `B-`, so that the tags are always IOB2.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..schema.iob2 import OUTSIDE, Mention
from .outcome import (
    COLLISION,
    JOINED,
    NOT_ALIGNED,
    ONLY_PUNCTUATION,
    Alignment,
    Projection,
    aligned_words,
    labelled,
)


@dataclass(slots=True)
class _Placed:
    """Target words that are to be labelled, and the source entities that they stand for."""

    words: list[int]
    type: str
    entities: list[int]


def gf22(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    *,
    compat: bool = False,
    remove_puncs: bool = True,
    fill_gap_size: int = 1,
) -> Projection:
    """Project the entities of a sentence.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        compat: Do exactly what the authors' program does, even where the result is not IOB2.
        remove_puncs: Leave out target words that consist of ASCII punctuation.
        fill_gap_size: How many words may be filled in between two groups.

    Example:
        >>> gf22([Mention(0, 2, "PER")], {(0, 1), (1, 3)}, "o Ana da Costa".split()).tags
        ['O', 'B-PER', 'I-PER', 'I-PER']
    """
    placed: list[_Placed] = []
    dropped: list[tuple[int, str]] = []
    for number, entity in enumerate(entities):
        words = aligned_words(entity, alignment)
        if not words:
            dropped.append((number, NOT_ALIGNED))
            continue
        if remove_puncs:
            words = [word for word in words if target[word].strip(string.punctuation)]
            if not words:
                dropped.append((number, ONLY_PUNCTUATION))
                continue
        placed.append(_Placed(_longest_group(words, fill_gap_size, compat), entity.type, [number]))
    if len(placed) > 1:
        _join_collisions_of_one_type(placed)
        dropped.extend(_drop_shorter_of_collisions(placed))
    return _written(placed, len(target), dropped, compat)


def _longest_group(words: list[int], fill_gap_size: int, compat: bool) -> list[int]:
    """Return the longest group of consecutive words, the first of equals, after small gaps are filled."""
    if words[-1] - words[0] == len(words) - 1:
        return words
    groups = [[words[0]]]
    for word in words[1:]:
        if word == groups[-1][-1] + 1:
            groups[-1].append(word)
        else:
            groups.append([word])
    index = 0
    while index < len(groups) - 1:
        left, right = groups[index], groups[index + 1]
        if compat:
            is_near = right[-1] - left[0] <= fill_gap_size + 1
        else:
            is_near = right[0] - left[-1] <= fill_gap_size + 1
        if is_near:
            groups[index : index + 2] = [list(range(left[0], right[-1] + 1))]
        else:
            index += 1
    return max(groups, key=len)


def _collide(left: _Placed, right: _Placed) -> bool:
    """Whether the second of two neighbours in the list does not lie behind the first one's end."""
    return left.words[-1] >= right.words[0]


def _join_collisions_of_one_type(placed: list[_Placed]) -> None:
    index = 0
    while index < len(placed) - 1:
        left, right = placed[index], placed[index + 1]
        if left.type == right.type and _collide(left, right):
            left.words = sorted({*left.words, *right.words})
            left.entities += right.entities
            del placed[index + 1]
        else:
            index += 1


def _drop_shorter_of_collisions(placed: list[_Placed]) -> list[tuple[int, str]]:
    dropped: list[int] = []
    index = 0
    while index < len(placed) - 1:
        left, right = placed[index], placed[index + 1]
        if _collide(left, right):
            loser = index + 1 if len(left.words) > len(right.words) else index
            dropped += placed.pop(loser).entities
        else:
            index += 1
    return [(number, COLLISION) for number in dropped]


def _written(placed: list[_Placed], length: int, dropped: list[tuple[int, str]], compat: bool) -> Projection:
    if not _is_plain(placed):
        return _written_word_by_word(placed, length, dropped, compat)
    for each in placed:
        dropped.extend(_joined(each))
    return labelled([(each.words[0], each.words[-1] + 1, each.type) for each in placed], length, dropped)


def _is_plain(placed: list[_Placed]) -> bool:
    """Whether each is without a gap, and behind the one before."""
    end = 0
    for each in placed:
        words = each.words
        if words[0] < end or words[-1] - words[0] != len(words) - 1:
            return False
        end = words[-1] + 1
    return True


def _written_word_by_word(
    placed: list[_Placed], length: int, dropped: list[tuple[int, str]], compat: bool
) -> Projection:
    """Write entities that have gaps or lie across one another: a later one overwrites an earlier one."""
    tags = [OUTSIDE] * length
    owners: list[_Placed | None] = [None] * length
    for each in placed:
        for word in each.words:
            tags[word] = f"I-{each.type}"
            owners[word] = each
        tags[each.words[0]] = f"B-{each.type}"
    if not compat:
        for word, owner in enumerate(owners):
            if owner is not None and (word == 0 or owners[word - 1] is not owner):
                tags[word] = f"B-{owner.type}"
    for each in placed:
        if any(owner is each for owner in owners):
            dropped.extend(_joined(each))
        else:
            dropped.extend((number, COLLISION) for number in each.entities)
    return Projection(tags, tuple(sorted(dropped)), sum(tag.startswith("B-") for tag in tags))


def _joined(each: _Placed) -> Iterable[tuple[int, str]]:
    return ((number, JOINED) for number in each.entities[1:])
