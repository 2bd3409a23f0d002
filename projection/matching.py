"""Which entity goes to which candidate: by greed, or so that the sum of the scores is as high as it can be.

A problem is a row for each entity, in order, of the candidates it may go to: start, end and score. No target
word is given twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

Row: TypeAlias = Sequence[tuple[int, int, float]]

Placement: TypeAlias = tuple[int, int, int]
"""The index of an entity, and the start and the end of a candidate that it goes to."""

# The dynamic program keeps a number for each set of entities that may have been placed: 2 ** 10 of them.
MOST_STATES = 1 << 10

# Sums in another order differ by less; what differs by less is a tie.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Constraint:
    """How many candidates each entity goes to.

    Attributes:
        most: At most so many, 1 or more.
        least: At least so many. The sentence has no solution if an entity cannot have them.
    """

    most: int = 1
    least: int = 0


AT_MOST_ONE = Constraint()
EXACTLY_ONE = Constraint(most=1, least=1)


def greedy(rows: Sequence[Row], constraint: Constraint = AT_MOST_ONE) -> list[Placement]:
    """Take the highest score again and again, as long as there is one above 0.

    Of equal scores the one of the earlier entity is taken, then of the candidate that starts first, then of
    the shorter one. Then the candidates that overlap with it are gone, and the entity's when it has as many
    as it may. That an entity gets its least is not seen to.

    Returns:
        What goes where, in the order of the target.
    """
    ordered = sorted(
        (-score, entity, start, end)
        for entity, row in enumerate(rows)
        for start, end, score in row
        if score > 0
    )
    placed: list[Placement] = []
    counts = [0] * len(rows)
    taken = 0
    for _, entity, start, end in ordered:
        words = ((1 << (end - start)) - 1) << start
        if counts[entity] < constraint.most and not taken & words:
            counts[entity] += 1
            taken |= words
            placed.append((entity, start, end))
    return _in_target_order(placed)


def exact(rows: Sequence[Row], constraint: Constraint = AT_MOST_ONE) -> list[Placement] | None:
    """Place entities so that the sum of the scores is the highest.

    Of two arrangements with the same sum, that is preferred which, at the first target word where they
    differ, begins a candidate rather than none, then one of the earlier entity, then the shorter one.
    Entities whose candidates share no stretch of the target are placed by themselves. Where more than ten
    entities compete (fewer if they may have several candidates), `integer_program` takes over, and ties are
    its own.

    Returns:
        What goes where, in the order of the target; None if the constraint cannot be met.
    """
    usable = [_usable(row, constraint) for row in rows]
    if constraint.least and not all(usable):
        return None
    placed: list[Placement] = []
    for group in _competitors(usable):
        if len(group) == 1 and constraint.most == 1:
            placed.append((group[0], *_best(usable[group[0]])))
            continue
        competing = [usable[entity] for entity in group]
        solve = dynamic_program if (constraint.most + 1) ** len(group) <= MOST_STATES else integer_program
        solution = solve(competing, constraint)
        if solution is None:
            return None
        placed.extend((group[index], start, end) for index, start, end in solution)
    return _in_target_order(placed)


def dynamic_program(rows: Sequence[Row], constraint: Constraint = AT_MOST_ONE) -> list[Placement] | None:
    """Solve as `exact` does, by the best that can be had from each word on with what was placed before.

    What was placed is a number with a digit for each entity: how many candidates it has.
    """
    options, behind = _options([_usable(row, constraint) for row in rows])
    radix = constraint.most + 1
    weights = [radix**entity for entity in range(len(rows))]
    reachable: list[set[int]] = [set() for _ in range(len(options) + 1)]
    reachable[0].add(0)
    for place, beginning in enumerate(options):
        reachable[place + 1] |= reachable[place]
        for state in reachable[place]:
            for entity, _, _, after in beginning:
                if state // weights[entity] % radix < constraint.most:
                    reachable[after].add(state + weights[entity])
    value: list[dict[int, float]] = [{} for _ in reachable]
    choice: list[dict[int, int]] = [{} for _ in reachable]
    for state in reachable[-1]:
        is_met = all(state // weight % radix >= constraint.least for weight in weights)
        value[-1][state] = 0.0 if is_met else -inf
    for place in range(len(options) - 1, -1, -1):
        for state in reachable[place]:
            best, chosen = -inf, -1
            for index, (entity, _, score, after) in enumerate(options[place]):
                if state // weights[entity] % radix < constraint.most:
                    total = score + value[after][state + weights[entity]]
                    if total > best + TIE:
                        best, chosen = total, index
            without = value[place + 1][state]
            if without > best + TIE:
                best, chosen = without, -1
            value[place][state] = best
            choice[place][state] = chosen
    if value[0][0] == -inf:
        return None
    return _retraced(options, behind, choice, weights)


def integer_program(rows: Sequence[Row], constraint: Constraint = AT_MOST_ONE) -> list[Placement] | None:
    """Solve as `exact` does, by HiGHS: a variable a candidate, a constraint an entity and a target word."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    flat = [
        (entity, start, end, score)
        for entity, row in enumerate(rows)
        for start, end, score in sorted(_usable(row, constraint))
    ]
    if not flat:
        return None if constraint.least and rows else []
    words = sorted({word for _, start, end, _ in flat for word in range(start, end)})
    line = {word: len(rows) + number for number, word in enumerate(words)}
    cells = [
        (number, column)
        for column, (entity, start, end, _) in enumerate(flat)
        for number in (entity, *(line[word] for word in range(start, end)))
    ]
    matrix = csr_array(
        (np.ones(len(cells)), tuple(np.array(cells).T)), shape=(len(rows) + len(words), len(flat))
    )
    # Scipy declares numbers here, and takes one a constraint as well.
    lower: Any = [constraint.least] * len(rows) + [0] * len(words)
    upper: Any = [constraint.most] * len(rows) + [1] * len(words)
    solution = milp(
        -np.array([score for _, _, _, score in flat]),
        integrality=np.ones(len(flat)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(
            matrix,
            lower,
            upper,
        ),
        options={"mip_rel_gap": 0.0},
    )
    if solution.x is None:
        return None
    placed = [flat[column][:3] for column in np.flatnonzero(solution.x > 0.5).tolist()]
    return _in_target_order(placed)


def total(rows: Sequence[Row], placed: Sequence[Placement]) -> float:
    """Return the sum of the scores of what was placed."""
    scores = {(entity, start, end): score for entity, row in enumerate(rows) for start, end, score in row}
    return sum(scores[placement] for placement in placed)


def _in_target_order(placed: list[Placement]) -> list[Placement]:
    return sorted(placed, key=lambda placement: placement[1])


def _usable(row: Row, constraint: Constraint) -> Row:
    """Leave out what can only lower the sum, unless the entity must go somewhere."""
    return row if constraint.least else [candidate for candidate in row if candidate[2] > 0]


def _best(row: Row) -> tuple[int, int]:
    """Return the candidate of the highest score, of equals the first, of these the shortest."""
    best = max(score for _, _, score in row) - TIE
    return min((start, end) for start, end, score in row if score > best)


def _competitors(rows: Sequence[Row]) -> list[list[int]]:
    """Return the entities in groups whose candidates share no stretch of the target."""
    stretches = sorted(
        (min(start for start, _, _ in row), max(end for _, end, _ in row), entity)
        for entity, row in enumerate(rows)
        if row
    )
    groups: list[list[int]] = []
    reached = -1
    for start, end, entity in stretches:
        if start >= reached or not groups:
            groups.append([])
        groups[-1].append(entity)
        reached = max(reached, end)
    return [sorted(group) for group in groups]


_Option: TypeAlias = tuple[int, int, float, int]
"""Entity, end, score, and the number of the first place from its end on."""


def _options(rows: Sequence[Row]) -> tuple[list[list[_Option]], list[int]]:
    """Return what may begin at each place, and the places: the words where any candidate begins."""
    places = sorted({start for row in rows for start, _, _ in row})
    number = {place: index for index, place in enumerate(places)}
    options: list[list[_Option]] = [[] for _ in places]
    for entity, row in enumerate(rows):
        for start, end, score in row:
            options[number[start]].append((entity, end, score, bisect_left(places, end)))
    for beginning in options:
        beginning.sort(key=lambda option: option[:2])
    return options, places


def _retraced(
    options: list[list[_Option]], places: list[int], choice: list[dict[int, int]], weights: list[int]
) -> list[Placement]:
    placed: list[Placement] = []
    place = state = 0
    while place < len(options):
        chosen = choice[place][state]
        if chosen < 0:
            place += 1
            continue
        entity, end, _, after = options[place][chosen]
        placed.append((entity, places[place], end))
        state += weights[entity]
        place = after
    return placed
