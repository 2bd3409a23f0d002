"""Projection by matching: each entity to the n-grams of the target that it is best aligned with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

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

Rows: TypeAlias = Callable[[Sequence[Mention], Alignment, Sequence[str]], Sequence[Row]]
"""Makes the matching problem of a sentence, of its source entities, alignment and target words."""


def greedy(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    *,
    n_proj: int = 1,
    rows: Rows | None = None,
) -> Projection:
    """Project the entities of a sentence by `matching.greedy`.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        n_proj: To how many candidates an entity goes at most.
        rows: Makes the matching problem; by default `align_rows`.
    """
    constraint = Constraint(n_proj)
    problem = (rows or align_rows)(entities, alignment, target)
    solution = _solution(problem, lambda solvable: matching.greedy(solvable, constraint))
    return _projected(entities, alignment, target, problem, solution)


def exact(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    *,
    n_proj: int = 1,
    exactly: bool = False,
    rows: Rows | None = None,
) -> Projection:
    """Project the entities of a sentence by `matching.exact`.

    Args:
        entities: The source entities, in order.
        alignment: Which words are aligned.
        target: The target words.
        n_proj: To how many candidates an entity goes at most.
        exactly: It goes to just so many. Of a sentence where some entity cannot, none is projected; entities
            without a candidate do not count.
        rows: Makes the matching problem; by default `align_rows`.
    """
    constraint = Constraint(n_proj, n_proj if exactly else 0)
    problem = (rows or align_rows)(entities, alignment, target)
    solution = _solution(problem, lambda solvable: matching.exact(solvable, constraint))
    return _projected(entities, alignment, target, problem, solution)


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


def _solution(
    rows: Sequence[Row], solve: Callable[[Sequence[Row]], list[Placement] | None]
) -> list[Placement] | None:
    """Return what goes where of the entities that have candidates; None if the constraint cannot be met."""
    with_candidates = [number for number, row in enumerate(rows) if row]
    solution = solve([rows[number] for number in with_candidates]) if with_candidates else []
    return solution and [(with_candidates[index], start, end) for index, start, end in solution]


def _projected(
    entities: Sequence[Mention],
    alignment: Alignment,
    target: Sequence[str],
    rows: Sequence[Row],
    placed: Sequence[Placement] | None,
) -> Projection:
    projected = {number for number, _, _ in placed or ()}
    dropped = []
    for number, entity in enumerate(entities):
        if number in projected:
            continue
        if rows[number]:
            reason = NO_ARRANGEMENT if placed is None else OUTSCORED
        else:
            reason = NO_CANDIDATE if aligned_words(entity, alignment) else NOT_ALIGNED
        dropped.append((number, reason))
    spans = [(start, end, entities[number].type) for number, start, end in placed or ()]
    return labelled(spans, len(target), dropped)
