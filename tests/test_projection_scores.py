"""The scores of a source entity and a candidate, against their definitions."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.projection.scores import AlignScore, Fusion, NerScore, TranslationLogs, nmt_score
from synthner.schema.iob2 import Mention

PROBABILITIES = [
    {"O": 0.1, "B-PER": 0.7, "I-PER": 0.2},
    {"O": 0.2, "B-PER": 0.2, "I-PER": 0.6},
    {"O": 0.6, "B-PER": 0.1, "I-PER": 0.3},
    {"O": 0.9, "B-PER": 0.1},
]


@given(
    alignment=st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=20),
    entity=st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda span: span[0] < span[1]),
    span=st.tuples(st.integers(0, 7), st.integers(1, 8)).filter(lambda span: span[0] < span[1]),
)
def test_alignment_score(alignment, entity, span):
    (first, last), (start, end) = entity, span
    aligned = sum(first <= left < last and start <= right < end for left, right in alignment)

    score = AlignScore(Mention(first, last, "LOC"), alignment, 8).of(start, end)

    assert score == pytest.approx(2 * aligned / (last - first + end - start))


@pytest.mark.parametrize(
    ("span", "score"),
    [
        ((0, 1), 0.7),
        ((0, 2), (0.7 + 0.6) / 2 * 1.15),
        ((0, 3), (0.7 + 0.6 + 0.3) / 3),
        ((1, 3), (0.2 + 0.3) / 2),
        ((3, 4), 0.1),
        ((2, 4), 0.1 / 2),
    ],
    ids=["a word", "a mention", "a word too many", "no beginning", "outside", "a label that is not there"],
)
def test_tagger_score(span, score):
    assert NerScore(PROBABILITIES, "PER").of(*span) == pytest.approx(score)


def test_a_type_that_the_tagger_does_not_know_scores_nothing():
    assert NerScore(PROBABILITIES, "ORG").of(0, 2) == 0


def test_translation_score_is_of_probabilities_a_subword():
    logs = TranslationLogs(
        a_given_b=2 * log(0.3),
        a_given_a=2 * log(0.6),
        b_given_a=3 * log(0.2),
        b_given_b=3 * log(0.8),
        a_tokens=2,
        b_tokens=3,
    )

    assert nmt_score(logs) == pytest.approx((0.3 / 0.6 + 0.2 / 0.8) / 2)


def test_fused_score_leaves_out_what_is_below_its_threshold():
    assert Fusion().of(0.8, 0.4, 0.9) == pytest.approx(0.5 * 0.8 + 0.5 * 0.4 + 0.9)
    assert Fusion().of(0.8, 0.049, 0.099) == pytest.approx(0.4)
    assert Fusion().of(0, 0.05, 0.1) == pytest.approx(0.125)
    assert Fusion(align_weight=1, ner_weight=0, nmt_weight=0).of(0.8, 1, 1) == pytest.approx(0.8)
