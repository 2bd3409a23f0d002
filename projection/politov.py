"""The heuristic of Politov et al. (2025): every run of aligned target words that is long enough."""

from __future__ import annotations

from collections.abc import Sequence

from ..schema.iob2 import Mention
from .outcome import COLLISION, NOT_ALIGNED, TOO_SHORT, Alignment, Projection, aligned_words, labelled


def politov(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    *,
    merge_distance: int = 1,
    length_ratio: float = 0.8,
    only_i: bool = False,
    top_k: int | None = None,
) -> Projection:
    """Project the entities of a sentence.

    The shortest source entity comes first, the first of equals; a run that holds a word labelled already is
    left out.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        merge_distance: How many words may lie between two runs that become one.
        length_ratio: A run is kept if it has more than this many words for each word of the entity.
        only_i: Do not merge a run that begins at a word aligned to the first word of the entity.
        top_k: Keep so many runs of an entity, the longest, the first of equals; all by default.

    Example:
        >>> politov([Mention(0, 1, "LOC")], {(0, 0), (0, 3)}, "Roma eterna nunca Roma".split()).tags
        ['B-LOC', 'O', 'O', 'B-LOC']
    """
    spans: list[tuple[int, int, str]] = []
    dropped: list[tuple[int, str]] = []
    taken = 0
    numbered = list(enumerate(entities))
    if len(numbered) > 1:
        numbered.sort(key=lambda item: item[1].end - item[1].start)
    for number, entity in numbered:
        words = aligned_words(entity, alignment)
        if not words:
            dropped.append((number, NOT_ALIGNED))
            continue
        kept_apart = _first_words(entity, alignment) if only_i else ()
        length = entity.end - entity.start
        runs = [
            (start, end)
            for start, end in _runs(words, merge_distance, kept_apart)
            if (end - start) / length > length_ratio
        ]
        if not runs:
            dropped.append((number, TOO_SHORT))
            continue
        if top_k is not None:
            runs = sorted(runs, key=lambda run: run[0] - run[1])[:top_k]
        is_placed = False
        for start, end in runs:
            bits = ((1 << (end - start)) - 1) << start
            if not taken & bits:
                taken |= bits
                spans.append((start, end, entity.type))
                is_placed = True
        if not is_placed:
            dropped.append((number, COLLISION))
    return labelled(spans, len(target), dropped)


def _first_words(entity: Mention, alignment: Alignment) -> set[int]:
    return {target for source, target in alignment if source == entity.start}


def _runs(words: list[int], merge_distance: int, kept_apart: set[int] | tuple[()]) -> list[tuple[int, int]]:
    """Return the runs of words, half-open, those merged that are near one another."""
    runs = []
    start, end = words[0], words[0] + 1
    for word in words[1:]:
        if word == end or (word - end <= merge_distance and word not in kept_apart):
            end = word + 1
        else:
            runs.append((start, end))
            start, end = word, word + 1
    runs.append((start, end))
    return runs
