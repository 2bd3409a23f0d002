from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.evaluation.agreement import FEWEST_SENTENCES, agreement_with_itself, kappa_on_mentions
from synthner.tests.curation_sentences import relabelled, sentences

SOUND = sentences(200, name="sound")


def shuffled(examples):
    random = Random(4)
    return relabelled(examples, lambda tags: random.sample(tags, len(tags)))


def test_labels_that_follow_a_rule_agree_with_one_another_and_strewn_ones_do_not():
    sound, strewn = (agreement_with_itself(each, seed=0) for each in (SOUND, shuffled(SOUND)))
    assert sound is not None
    assert strewn is not None
    assert sound > 0.7
    assert abs(strewn) < 0.25


def test_types_play_no_part():
    random = Random(1)
    retyped = relabelled(
        SOUND,
        lambda tags: [
            tag if tag == "O" else f"{tag[:2]}{random.choice(['PER', 'LOC', 'ORG'])}" for tag in tags
        ],
    )
    assert agreement_with_itself(retyped, seed=0) == agreement_with_itself(SOUND, seed=0)


def test_few_sentences_do_not_tell():
    assert agreement_with_itself(SOUND[: FEWEST_SENTENCES - 1], seed=0) is None
    assert agreement_with_itself(SOUND[:FEWEST_SENTENCES], seed=0) is not None


def test_data_without_mentions_agrees_on_nothing():
    assert agreement_with_itself(relabelled(SOUND, lambda tags: ["O"] * len(tags)), seed=0) == 0


@pytest.mark.parametrize(
    ("some", "others", "kappa"),
    [
        pytest.param([["B-PER", "O"]], [["B-LOC", "O"]], 1.0, id="the same, whatever the type"),
        pytest.param([["B-PER", "O"]], [["O", "B-PER"]], -1.0, id="the opposite"),
        pytest.param([["O", "O"]], [["O", "O"]], 0.0, id="no mention"),
        pytest.param([["B-PER", "B-PER", "O", "O"]], [["B-PER", "O", "B-PER", "O"]], 0.0, id="chance"),
    ],
)
def test_kappa(some, others, kappa):
    assert kappa_on_mentions(some, others) == pytest.approx(kappa)


@given(st.lists(st.lists(st.tuples(*[st.sampled_from(["O", "B-PER", "I-PER"])] * 2), min_size=1), min_size=1))
def test_kappa_does_not_depend_on_which_comes_first(sentences_of_pairs):
    one, other = ([[pair[which] for pair in pairs] for pairs in sentences_of_pairs] for which in (0, 1))
    assert kappa_on_mentions(one, other) == pytest.approx(kappa_on_mentions(other, one))
    assert -1 - 1e-9 <= kappa_on_mentions(one, other) <= 1 + 1e-9
