import warnings
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_default
from seqeval.metrics.v1 import precision_recall_fscore_support as seqeval_strict
from seqeval.scheme import IOB2

from synthner.evaluation.bootstrap import bootstrap_interval, standard_error_of_gain
from synthner.evaluation.scoring import Figures, score
from synthner.schema.errors import DataError

TAGS = ["O", *(f"{prefix}-{type_}" for type_ in ("PER", "LOC", "creative-work") for prefix in "BI")]


@st.composite
def gold_and_predicted(draw):
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    tags = st.sampled_from(TAGS)
    gold = [draw(st.lists(tags, min_size=length, max_size=length)) for length in lengths]
    changed = [draw(st.lists(st.none() | tags, min_size=length, max_size=length)) for length in lengths]
    predicted = [
        [new or old for new, old in zip(news, olds, strict=True)]
        for news, olds in zip(changed, gold, strict=True)
    ]
    return gold, predicted


def by_seqeval(figures_of, gold, predicted, average, **scheme):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array(figures_of(gold, predicted, average=average, **scheme)[:3])


def assert_equals_seqeval(gold, predicted):
    ours = score(gold, predicted)
    assert [*ours.micro.as_json().values()] == [*by_seqeval(seqeval_default, gold, predicted, "micro")]
    assert [*ours.strict.as_json().values()] == [
        *by_seqeval(seqeval_strict, gold, predicted, "micro", scheme=IOB2)
    ]
    of_types = by_seqeval(seqeval_default, gold, predicted, None)
    assert [[each.precision, each.recall, each.f1] for each in ours.per_type.values()] == of_types.T.tolist()
    if ours.per_type:
        over_all_types = score(gold, predicted, types=tuple(ours.per_type)).macro
        assert [*over_all_types.as_json().values()] == pytest.approx(of_types.mean(axis=1))


@settings(max_examples=200, deadline=None)
@given(gold_and_predicted())
def test_every_figure_equals_seqeval(pair):
    assert_equals_seqeval(*pair)


def random_corpus(random):
    gold = [random.choices(TAGS, k=random.randint(1, 8)) for _ in range(random.randint(1, 6))]
    noise = random.random()
    return gold, [[random.choice(TAGS) if random.random() < noise else tag for tag in tags] for tags in gold]


def test_every_figure_equals_seqeval_on_a_thousand_corpora():
    random = Random(11)
    for _ in range(1_000):
        assert_equals_seqeval(*random_corpus(random))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_both_modes_equal_seqeval_on_ten_thousand_corpora():
    random = Random(12)
    for _ in range(10_000):
        gold, predicted = random_corpus(random)
        ours = score(gold, predicted)
        assert (*ours.micro.as_json().values(),) == seqeval_default(gold, predicted, average="micro")[:3]
        assert (*ours.strict.as_json().values(),) == seqeval_strict(
            gold, predicted, average="micro", scheme=IOB2
        )[:3]


@settings(max_examples=100, deadline=None)
@given(gold_and_predicted())
def test_counts_of_a_sentence_are_those_of_scoring_it_alone(pair):
    gold, predicted = pair
    counts = score(gold, predicted).counts
    for row, wanted, found in zip(counts, gold, predicted, strict=True):
        alone = score([wanted], [found]).per_type.values()
        assert row.tolist() == [
            sum(getattr(each, name) for each in alone) for name in ("correct", "predicted", "gold")
        ]


def test_a_sentence_end_ends_a_mention():
    assert score([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]]).per_type["PER"].gold == 2


def test_macro_is_over_the_types_of_gold_whatever_was_predicted():
    gold = [["B-PER", "O", "B-LOC"]]
    result = score(gold, [["B-PER", "B-ORG", "O"]])
    assert result.macro_types == ("LOC", "PER")
    assert result.macro.f1 == 0.5
    assert result.per_type["ORG"].predicted == 1
    assert score(gold, [["B-PER", "O", "O"]]).macro == result.macro


def test_macro_is_over_the_types_asked_for():
    result = score([["B-PER"]], [["B-PER"]], types=("PER", "DATE"))
    assert result.macro.f1 == 0.5
    assert result.per_type["DATE"].gold == 0


def test_strict_drops_mentions_without_a_beginning():
    result = score([["B-PER", "I-PER", "O", "B-LOC"]], [["I-PER", "I-PER", "O", "B-LOC"]])
    assert result.micro.f1 == 1.0
    assert result.strict == Figures(1.0, 0.5, 2 / 3)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [([], []), ([["O"]], [["O"]]), ([["O"]], [["B-PER"]]), ([["B-PER"]], [["O"]]), ([[]], [[]])],
    ids=["no sentences", "no mentions", "none in gold", "none predicted", "no words"],
)
def test_dividing_by_nothing_gives_zero(gold, predicted):
    result = score(gold, predicted)
    assert result.micro == result.macro == result.strict == Figures(0.0, 0.0, 0.0)


def test_what_is_no_iob2_tag_counts_as_outside():
    assert score([["B-PER", "LOC", "?"]], [["B-PER", "O", "E-PER"]]).micro == Figures(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        ([["O"]], "2 sentences and the predictions have 1: sentence 2"),
        ([["O"], ["O"]], "sentence 2 has 2 tags in gold and 1"),
    ],
    ids=["sentence missing", "tag missing"],
)
def test_what_has_no_counterpart_is_named(predicted, message):
    with pytest.raises(DataError, match=message):
        score([["O"], ["O", "O"]], predicted)


def test_interval_covers_the_score_and_narrows_with_more_sentences():
    counts = np.array([[1, 1, 2], [0, 1, 1], [2, 2, 2], [0, 0, 0], [1, 2, 1]])
    f1 = 2 * counts[:, 0].sum() / counts[:, 1:].sum()
    low, high = bootstrap_interval(counts, seed=3)
    assert low < f1 < high
    narrow_low, narrow_high = bootstrap_interval(np.tile(counts, (50, 1)), seed=3)
    assert low < narrow_low < f1 < narrow_high < high
    assert (low, high) == bootstrap_interval(counts, seed=3)


def test_interval_agrees_with_resampling_sentence_by_sentence():
    random = np.random.default_rng(5)
    gold = random.integers(0, 4, size=300)
    counts = np.stack([random.binomial(gold, 0.6), gold, gold], axis=1)
    sums = counts[random.integers(0, 300, size=(4000, 300))].sum(axis=1)
    expected = np.percentile(2 * sums[:, 0] / (sums[:, 1] + sums[:, 2]), [2.5, 97.5])
    assert bootstrap_interval(counts, replicates=4000, seed=7) == pytest.approx(expected, abs=0.005)


def test_error_of_a_gain_is_that_of_paired_sentences():
    random = np.random.default_rng(5)
    gold = random.integers(0, 4, size=300)
    counts = np.stack([random.binomial(gold, 0.6), gold, gold], axis=1)
    better = counts.copy()
    better[:3, 0] = gold[:3]
    assert standard_error_of_gain(counts, counts, seed=1) == 0.0
    assert 0 < standard_error_of_gain(better, counts, seed=1) < 0.02
