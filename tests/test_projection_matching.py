"""Matching entities with candidates: greedy, exact, and the integer program that both are measured by."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from synthner.projection import matched
from synthner.projection.candidates import aligned_n_grams, n_grams, probable_spans, tagged_spans
from synthner.projection.matching import (
    AT_MOST_ONE,
    EXACTLY_ONE,
    Constraint,
    dynamic_program,
    exact,
    greedy,
    integer_program,
    total,
)
from synthner.projection.scores import AlignScore
from synthner.schema.iob2 import Mention

CONSTRAINTS = {
    "at most one": AT_MOST_ONE,
    "exactly one": EXACTLY_ONE,
    "at most two": Constraint(most=2),
    "one or two": Constraint(most=2, least=1),
}
by_constraint = pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=CONSTRAINTS)


@st.composite
def problems(draw, entities=3, candidates=4, words=6):
    rows = []
    for _ in range(draw(st.integers(1, entities))):
        spans = draw(
            st.sets(
                st.integers(0, words - 1).flatmap(
                    lambda start: st.tuples(st.just(start), st.integers(start + 1, words))
                ),
                max_size=candidates,
            )
        )
        rows.append([(*span, draw(st.integers(-1, 9)) / 10) for span in sorted(spans)])
    return rows


def is_free(placed):
    words = [word for _, start, end in placed for word in range(start, end)]
    return len(words) == len(set(words))


def is_met(rows, placed, constraint):
    counts = [sum(entity == number for entity, _, _ in placed) for number in range(len(rows))]
    return is_free(placed) and all(constraint.least <= count <= constraint.most for count in counts)


def brute_force(rows, constraint):
    every = [(entity, start, end) for entity, row in enumerate(rows) for start, end, _ in row]
    chosen = (
        [p for p, taken in zip(every, bits, strict=True) if taken]
        for bits in product((0, 1), repeat=len(every))
    )
    return max((total(rows, placed) for placed in chosen if is_met(rows, placed, constraint)), default=None)


@by_constraint
@given(rows=problems())
@settings(max_examples=60)
def test_exact_is_as_good_as_trying_everything(constraint, rows):
    best = brute_force(rows, constraint)

    placed = exact(rows, constraint)

    if best is None:
        assert placed is None
    else:
        assert placed is not None
        assert is_met(rows, placed, constraint)
        assert total(rows, placed) == pytest.approx(best)


@by_constraint
@given(rows=problems(entities=6, candidates=8, words=12))
@settings(max_examples=40)
def test_the_dynamic_program_is_as_good_as_the_integer_program(constraint, rows):
    by_states, by_highs = dynamic_program(rows, constraint), integer_program(rows, constraint)

    assert (by_states is None) == (by_highs is None)
    if by_states is not None and by_highs is not None:
        assert is_met(rows, by_states, constraint)
        assert is_met(rows, by_highs, constraint)
        assert total(rows, by_states) == pytest.approx(total(rows, by_highs))


@given(rows=problems(entities=6, candidates=8, words=12), most=st.integers(1, 3))
def test_greedy_is_a_solution_and_never_better_than_exact(rows, most):
    placed, best = greedy(rows, Constraint(most)), exact(rows, Constraint(most))

    assert best is not None
    assert is_met(rows, placed, Constraint(most))
    assert total(rows, placed) <= total(rows, best) + 1e-9


@given(rows=problems(entities=4, candidates=6, words=9))
def test_greedy_takes_the_first_highest_score_again_and_again(rows):
    left = [{(start, end): score for start, end, score in row} for row in rows]
    expected = []
    while True:
        scores = [(s, e, *span) for e, row in enumerate(left) for span, s in sorted(row.items()) if s > 0]
        if not scores:
            break
        highest = max(score for score, *_ in scores)
        _, entity, start, end = next(found for found in scores if found[0] == highest)
        expected.append((entity, start, end))
        left[entity] = {}
        left = [{s: c for s, c in row.items() if s[1] <= start or s[0] >= end} for row in left]

    assert greedy(rows) == sorted(expected, key=lambda placement: placement[1])


def test_greed_loses_where_two_small_spans_are_worth_more_than_one_between_them():
    rows = [[(1, 3, 0.2), (2, 4, 0.3), (3, 6, 0.2)]]

    assert greedy(rows, Constraint(most=2)) == [(0, 2, 4)]
    assert exact(rows, Constraint(most=2)) == [(0, 1, 3), (0, 3, 6)]
    assert exact(rows) == [(0, 2, 4)]


TIES = {
    "the earlier start": ([[(4, 5, 0.5), (1, 2, 0.5)]], [(0, 1, 2)]),
    "the shorter candidate": ([[(1, 4, 0.5), (1, 2, 0.5)]], [(0, 1, 2)]),
    "the earlier entity": ([[(2, 3, 0.5)], [(2, 3, 0.5)]], [(0, 2, 3)]),
}


@pytest.mark.parametrize(("rows", "placed"), TIES.values(), ids=TIES)
def test_ties(rows, placed):
    assert greedy(rows) == placed
    assert exact(rows) == placed
    assert dynamic_program(rows) == placed


def test_ties_of_whole_arrangements_go_to_the_mention_that_begins_first():
    rows = [[(0, 2, 0.4), (2, 3, 0.4)], [(0, 2, 0.4), (2, 3, 0.4)]]

    assert exact(rows) == [(0, 0, 2), (1, 2, 3)]


def test_entities_without_a_common_stretch_do_not_compete():
    rows = [[(10 * number, 10 * number + 2, 1.0)] for number in range(40)]

    assert exact(rows) == [(number, 10 * number, 10 * number + 2) for number in range(40)]


@pytest.mark.parametrize("name", ["at most one", "exactly one", "at most two"])
def test_more_than_ten_competing_entities_are_placed_as_well_as_can_be(name):
    constraint = CONSTRAINTS[name]
    scores = [
        [1 + (5 * word**2 + 3 * word * entity + entity) % 7 for word in range(12)] for entity in range(12)
    ]
    rows = [[(word, word + 1, score) for word, score in enumerate(row)] for row in scores]
    # Candidates of one word make it the assignment problem, with each entity as often as it may be placed.
    matrix = np.repeat(scores, constraint.most, axis=0)
    best = matrix[linear_sum_assignment(matrix, maximize=True)].sum()

    placed = exact(rows, constraint)

    assert placed is not None
    assert is_met(rows, placed, constraint)
    assert total(rows, placed) == best


def test_nothing_to_place():
    for solve in (greedy, exact, dynamic_program, integer_program):
        assert solve([]) == []
        assert solve([[], [(0, 1, 0.0)]]) == []
    assert exact([[], [(0, 1, 1.0)]], EXACTLY_ONE) is None


def test_no_n_gram_holds_a_mark_or_is_too_long():
    target = ["Ama", "?", *["a"] * 12, "!"]

    found = n_grams(target)

    assert (0, 1) in found
    assert (2, 12) in found
    assert all(end - start <= 10 and not {"!", "?"} & set(target[start:end]) for start, end in found)
    assert len(found) == 1 + 10 * 3 + 9 * 10 // 2


@st.composite
def aligned_sentences(draw):
    length, target = draw(st.integers(1, 5)), draw(st.integers(1, 14))
    pair = st.tuples(st.integers(0, length - 1), st.integers(0, target - 1))
    words = draw(st.lists(st.sampled_from(("a", "b", "c", "!")), min_size=target, max_size=target))
    return Mention(0, length, "PER"), frozenset(draw(st.sets(pair, max_size=12))), words


@given(sentence=aligned_sentences())
def test_no_other_n_gram_has_the_highest_score(sentence):
    entity, alignment, target = sentence
    score = AlignScore(entity, alignment, len(target)).of
    candidates = aligned_n_grams(entity, alignment, target)
    assert set(candidates) <= set(n_grams(target))

    highest = max((score(*span) for span in n_grams(target)), default=0)

    if highest > 0:
        assert {span for span in n_grams(target) if score(*span) == highest} <= set(candidates)


def test_candidates_of_a_tagger():
    assert tagged_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]) == [(0, 2), (3, 4), (4, 5)]
    labels = [{"O": 0.2, "B-PER": 0.5, "I-PER": 0.3}, {"O": 0.4, "B-PER": 0.1, "I-PER": 0.5}, {"O": 1.0}]
    assert probable_spans(labels) == [(0, 2)]


def test_each_entity_goes_to_the_words_that_it_is_aligned_with():
    entities = [Mention(0, 2, "PER"), Mention(3, 4, "LOC"), Mention(5, 6, "ORG")]
    alignment = frozenset({(0, 1), (1, 2), (3, 2), (3, 4), (5, 5)})
    target = ["Na", "Efua", "Mensa", "wɔ", "Ho", "!"]

    for project in (matched.greedy, matched.exact):
        projection = project(entities, alignment, target)
        assert projection.tags == ["O", "B-PER", "I-PER", "O", "B-LOC", "O"]
        assert projection.dropped == ((2, "no candidate"),)


def test_an_entity_may_go_to_several_places():
    entity, alignment = [Mention(0, 1, "LOC")], frozenset({(0, 0), (0, 3)})
    target = ["Ho", "ne", "Ho", "Ho"]

    assert matched.exact(entity, alignment, target).tags == ["B-LOC", "O", "O", "O"]
    assert matched.exact(entity, alignment, target, n_proj=2).tags == ["B-LOC", "O", "O", "B-LOC"]
    assert matched.greedy(entity, alignment, target, n_proj=2).tags == ["B-LOC", "O", "O", "B-LOC"]


def test_where_two_entities_have_one_word_the_better_one_takes_it_and_exactly_one_each_cannot_be():
    entities, alignment = [Mention(0, 2, "PER"), Mention(2, 3, "LOC")], frozenset({(0, 0), (2, 0)})

    projection = matched.exact(entities, alignment, ["Ho", "nso"])
    assert (projection.tags, projection.dropped) == (["B-LOC", "O"], ((0, "others score more on its words"),))
    projection = matched.exact(entities, alignment, ["Ho", "nso"], exactly=True)
    reason = "no arrangement places every entity"
    assert (projection.tags, projection.dropped) == (["O", "O"], ((0, reason), (1, reason)))
