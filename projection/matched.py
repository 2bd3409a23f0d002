"""Projection by matching: each entity to the n-grams of the target that it is best aligned with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..schema.iob2 import Mention
from . import matching
from .candidates import aligned_n_grams
from .matching import Constraint, Placement, Row
from .outcome import (
    NO_ARRANGEMENT,
    NO_CANDIDATE,
    NOT_ALIGNED,
    OUTSCORED,
    Alignment,
    Projection,
    aligned_words,
    labelled,
)
from .scores import AlignScore


def greedy(
    entities: Sequence[Mention], alignment: Alignment, target: Sequence[str], *, n_proj: int = 1
) -> Projection:
    """Project the entities of a sentence by `matching.greedy`.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        n_proj: To how many candidates an entity goes at most.
    """
    constraint = Constraint(n_proj)
    return _projected(entities, alignment, target, lambda rows: matching.greedy(rows, constraint))


def exact(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    *,
    n_proj: int = 1,
    exactly: bool = False,
) -> Projection:
    """Project the entities of a sentence by `matching.exact`.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        n_proj: To how many candidates an entity goes at most.
        exactly: It goes to just so many. Of a sentence where some entity cannot, none is projected; entities
            without a candidate do not count.
    """
    constraint = Constraint(n_proj, n_proj if exactly else 0)
    return _projected(entities, alignment, target, lambda rows: matching.exact(rows, constraint))


def align_rows(
    entities: Sequence[Mention], alignment: Alignment, target: Sequence[str]
) -> list[list[tuple[int, int, float]]]:
    """Return the matching problem of a sentence under alignment scores."""
    rows = []
    for entity in entities:
        candidates = aligned_n_grams(entity, alignment, target)
        if not candidates:
            rows.append([])
            continue
        score = AlignScore(entity, alignment, len(target)).of
        rows.append([(start, end, score(start, end)) for start, end in candidates])
    return rows


def _projected(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    solve: Callable[[Sequence[Row]], list[Placement] | None],
) -> Projection:
    rows = align_rows(entities, alignment, target)
    with_candidates = [number for number, row in enumerate(rows) if row]
    solution = solve([rows[number] for number in with_candidates]) if with_candidates else []
    placed = [(with_candidates[index], start, end) for index, start, end in solution or ()]
    projected = {number for number, _, _ in placed}
    dropped = []
    for number, entity in enumerate(entities):
        if number in projected:
            continue
        if rows[number]:
            reason = NO_ARRANGEMENT if solution is None else OUTSCORED
        else:
            reason = NO_CANDIDATE if aligned_words(entity, alignment) else NOT_ALIGNED
        dropped.append((number, reason))
    spans = [(start, end, entities[number].type) for number, start, end in placed]
    return labelled(spans, len(target), dropped)
