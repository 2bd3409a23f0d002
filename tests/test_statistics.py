import json
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from synthner.evaluation.bootstrap import bootstrap_interval, micro_f1, resampled_f1
from synthner.evaluation.statistics import (
    change_of_difference,
    holm,
    interval_over_runs,
    paired_tests,
    sensitivity_to_seeds,
    t_test,
)
from synthner.evaluation.student_t import critical_value, two_sided_p_value
from synthner.schema.errors import DataError

FIVE_RUNS = (0.512, 0.498, 0.533, 0.507, 0.521)


def system(random, gold, difficulty, *, runs=1, skill=0.0, spread=0.0):
    """Simulate runs: sentences differ in difficulty, runs in skill."""
    counts = []
    for _ in range(runs):
        chance = 1 / (1 + np.exp(-(difficulty + skill + random.normal(0, spread))))
        counts.append(np.stack([random.binomial(gold, chance), gold, gold], axis=1))
    return np.array(counts)


@pytest.fixture
def sentences():
    random = np.random.default_rng(4)
    return random.integers(0, 4, size=300), random.normal(0.5, 1, size=300)


def f1(runs):
    return micro_f1(runs.sum(axis=1))


@pytest.mark.parametrize("degrees", [0.5, 1, 1.7, 4, 8, 100.5, 1e5, 1e10])
def test_student_t_agrees_with_scipy(degrees):
    for statistic in (0.0, 1e-9, 0.3, 1.0, 1.96, 4.0, 40.0):
        expected = 2 * stats.t.sf(statistic, degrees)
        assert two_sided_p_value(statistic, degrees) == pytest.approx(expected, rel=1e-6, abs=1e-300)
        assert two_sided_p_value(-statistic, degrees) == two_sided_p_value(statistic, degrees)
    assert critical_value(0.05, degrees) == pytest.approx(stats.t.isf(0.025, degrees), rel=1e-8)


def test_welch_agrees_with_scipy():
    others = (0.46, 0.55, 0.43)
    statistic, p_value = stats.ttest_ind(FIVE_RUNS, others, equal_var=False)
    ours = t_test(FIVE_RUNS, others)
    assert ours.statistic == pytest.approx(statistic)
    assert ours.p_value == pytest.approx(p_value)
    assert ours.difference == pytest.approx(np.mean(FIVE_RUNS) - np.mean(others))


def test_welch_on_published_figures():
    # Student's (1908) hours of sleep gained with two drugs, in R's documentation of t.test.
    first = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
    second = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
    assert t_test(first, second).as_json() == {
        "difference": pytest.approx(-1.58),
        "statistic": pytest.approx(-1.8608, abs=5e-5),
        "degrees_of_freedom": pytest.approx(17.776, abs=5e-4),
        "p_value": pytest.approx(0.07939, abs=5e-6),
    }


def test_runs_that_are_all_the_same_judge_nothing():
    found = t_test([0.1, 0.1, 0.1], [0.3, 0.3, 0.3])
    assert (found.statistic, found.degrees_of_freedom, found.p_value) == (None, None, None)
    assert found.difference == pytest.approx(-0.2)


def test_a_t_test_needs_two_runs():
    with pytest.raises(DataError, match="two runs of each system; there are 2 and 1"):
        t_test([0.1, 0.2], [0.3])


def test_sensitivity_to_seeds_is_that_of_a_sample():
    found = sensitivity_to_seeds(FIVE_RUNS)
    assert found.standard_deviation == pytest.approx(np.std(FIVE_RUNS, ddof=1))
    assert found.standard_error == pytest.approx(np.std(FIVE_RUNS, ddof=1) / 5**0.5)
    assert (found.runs, found.lowest, found.highest) == (5, 0.498, 0.533)
    assert found.range == pytest.approx(0.035)
    assert found.mean == pytest.approx(0.5142)


def test_sensitivity_of_one_run_is_not_known():
    assert sensitivity_to_seeds([0.5]).as_json() == {
        "runs": 1,
        "mean": 0.5,
        "standard_deviation": None,
        "standard_error": None,
        "lowest": 0.5,
        "highest": 0.5,
        "range": 0.0,
    }
    with pytest.raises(DataError, match="no run"):
        sensitivity_to_seeds([])


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
    ids=["none", "one", "four", "at most one", "ties"],
)
def test_holm(p_values, adjusted):
    assert holm(p_values) == pytest.approx(adjusted)


def test_resampled_f1_is_that_of_resampling_sentence_by_sentence(sentences):
    runs = system(np.random.default_rng(1), *sentences, runs=2, spread=0.3)
    resampled = resampled_f1(runs, replicates=4000, seed=1)
    drawn = np.random.default_rng(2).integers(0, 300, size=(4000, 300))
    expected = np.stack([micro_f1(run[drawn].sum(axis=1)) for run in runs], axis=1)
    assert resampled.shape == (4000, 2)
    assert resampled.mean(axis=0) == pytest.approx(expected.mean(axis=0), abs=0.002)
    assert np.cov(resampled.T) == pytest.approx(np.cov(expected.T), rel=0.1)


def test_ten_thousand_replicates_take_little_memory():
    counts = np.ones((1, 20_000, 3))
    tracemalloc.start()
    resampled_f1(counts, replicates=1_000, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All weights at once would take 160 MB, and as much again where they are drawn.
    assert peak < 150_000_000


def test_interval_of_one_run_is_that_over_sentences(sentences):
    [run] = system(np.random.default_rng(1), *sentences)
    assert interval_over_runs(run[None], replicates=500, seed=3) == bootstrap_interval(
        run, replicates=500, seed=3
    )


def test_interval_grows_with_the_spread_of_runs_and_shrinks_with_their_number(sentences):
    def width(**settings):
        low, high = interval_over_runs(system(np.random.default_rng(1), *sentences, **settings), seed=1)
        return high - low

    [run] = system(np.random.default_rng(1), *sentences)
    low, high = bootstrap_interval(run, seed=1)
    assert width(runs=5, spread=0.6) > 2 * width(runs=5, spread=0.01)
    assert width(runs=5, spread=0.6) > 2 * (high - low)
    assert width(runs=20, spread=0.6) < width(runs=5, spread=0.6)


def test_interval_lies_around_the_mean_of_the_runs_within_bounds(sentences):
    runs = system(np.random.default_rng(1), *sentences, runs=3, spread=0.2)
    low, high = interval_over_runs(runs, seed=1)
    assert (low + high) / 2 == pytest.approx(f1(runs).mean())
    assert (low, high) == interval_over_runs(runs, seed=1)
    assert (low, high) != interval_over_runs(runs, seed=2)
    collapsed = np.concatenate([runs[:2], runs[2:] * [0, 0, 1]])
    assert interval_over_runs(collapsed, seed=1) == (0.0, 1.0)


@pytest.mark.parametrize("runs", [3, 5])
def test_interval_holds_the_mean_of_all_runs_on_all_sentences(runs):
    random = np.random.default_rng(0)
    gold, difficulty = random.integers(0, 4, size=50_000), random.normal(0.5, 1, size=50_000)
    truth = f1(system(random, gold, difficulty, runs=50, spread=0.15)).mean()
    held = 0
    for trial in range(200):
        gold, difficulty = random.integers(0, 4, size=200), random.normal(0.5, 1, size=200)
        sample = system(random, gold, difficulty, runs=runs, spread=0.15)
        low, high = interval_over_runs(sample, replicates=200, seed=trial)
        held += low <= truth <= high
    assert held >= 0.92 * 200


@pytest.mark.parametrize(("runs", "spread"), [(1, 0.0), (3, 0.2), (5, 0.2)], ids=["one", "three", "five"])
def test_systems_that_do_not_differ_are_seldom_told_apart(runs, spread):
    random = np.random.default_rng(0)
    told_apart = 0
    for trial in range(300):
        gold, difficulty = random.integers(0, 4, size=200), random.normal(0.5, 1, size=200)
        systems = {
            name: system(random, gold, difficulty, runs=runs, spread=spread) for name in ("gpt4", "aya")
        }
        [test] = paired_tests(systems, replicates=200, seed=trial)
        told_apart += test.p_value < 0.05
    assert told_apart <= 0.09 * 300


def test_a_family_of_systems_that_do_not_differ_seldom_has_a_finding():
    random = np.random.default_rng(0)
    with_finding = 0
    for trial in range(100):
        gold, difficulty = random.integers(0, 4, size=300), random.normal(0.5, 1, size=300)
        systems = {name: system(random, gold, difficulty, runs=3, spread=0.2) for name in "abcdef"}
        tests = paired_tests(systems, replicates=200, seed=trial)
        with_finding += any(test.adjusted_p_value < 0.05 for test in tests)
    assert with_finding <= 0.1 * 100


def test_systems_that_differ_are_told_apart(sentences):
    random = np.random.default_rng(1)
    better = system(random, *sentences, runs=3, skill=0.8, spread=0.05)
    worse = system(random, *sentences, runs=5, spread=0.05)
    [test] = paired_tests({"worse": worse, "better": better}, seed=1)
    assert (test.first, test.second) == ("better", "worse")
    assert test.difference == pytest.approx(f1(better).mean() - f1(worse).mean())
    assert test.interval[0] > 0
    assert test.p_value < 0.001


def test_what_runs_differ_by_makes_a_difference_uncertain(sentences):
    random = np.random.default_rng(1)
    first, second = (system(random, *sentences, skill=skill)[0] for skill in (0.5, 0.0))
    [test] = paired_tests({"a": first[None], "b": second[None]}, seed=1)
    assert test.p_value < 0.01
    unsteady = np.stack([first, first * [0, 1, 1], first])
    [test] = paired_tests({"a": unsteady, "b": second[None]}, seed=1)
    assert test.p_value > 0.3


def test_pairing_finds_what_separate_intervals_would_not():
    random = np.random.default_rng(3)
    gold = random.integers(0, 4, size=400)
    # Sentences are all right or all wrong; the better system has a few more.
    worse = np.stack([gold * (random.random(400) < 0.5), gold, gold], axis=1)
    better = worse.copy()
    better[:30, 0] = gold[:30]
    [test] = paired_tests({"better": better[None], "worse": worse[None]}, seed=1)
    assert test.p_value < 0.01
    assert bootstrap_interval(worse, seed=1)[1] > bootstrap_interval(better, seed=1)[0]


def test_p_values_agree_with_approximate_randomisation(sentences):
    random = np.random.default_rng(8)
    first, second = (system(random, *sentences, skill=skill)[0] for skill in (0.25, 0.0))
    [test] = paired_tests({"a": first[None], "b": second[None]}, seed=1)
    swapped = random.random((4_000, 300, 1)) < 0.5
    differences = micro_f1(np.where(swapped, second, first).sum(axis=1)) - micro_f1(
        np.where(swapped, first, second).sum(axis=1)
    )
    expected = np.mean(np.abs(differences) >= abs(test.difference))
    assert test.p_value == pytest.approx(expected, abs=0.02)


def test_every_pair_is_tested_and_the_family_adjusted(sentences):
    random = np.random.default_rng(1)
    systems = {
        name: system(random, *sentences, skill=skill) for name, skill in (("c", 0.0), ("a", 0.3), ("b", 0.6))
    }
    tests = paired_tests(systems, seed=1)
    assert [(test.first, test.second) for test in tests] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [test.adjusted_p_value for test in tests] == holm([test.p_value for test in tests])
    assert tests == paired_tests(dict(reversed(systems.items())), seed=1)
    json.dumps([test.as_json() for test in tests], allow_nan=False)


def test_a_pair_is_judged_alike_whatever_else_is_tested(sentences):
    random = np.random.default_rng(1)
    systems = {name: system(random, *sentences, runs=3, spread=0.2) for name in "abc"}
    alone = {name: systems[name] for name in "ac"}
    [pair] = paired_tests(alone, seed=1)
    [among_others] = [
        test for test in paired_tests(systems, seed=1) if (test.first, test.second) == ("a", "c")
    ]
    assert among_others.p_value == pytest.approx(pair.p_value, rel=1e-9)
    assert among_others.interval == pytest.approx(pair.interval, rel=1e-9)


def test_the_same_predictions_do_not_differ(sentences):
    [run] = system(np.random.default_rng(1), *sentences)
    # The mean of three equal numbers is rounded and may not be quite the same number.
    [test] = paired_tests({"once": run[None], "three times": np.stack([run] * 3)}, seed=1)
    assert test.p_value == 1.0
    assert test.difference == pytest.approx(0, abs=1e-12)


def test_all_right_and_all_wrong_differ(sentences):
    gold, _ = sentences
    right = np.stack([gold, gold, gold], axis=1)[None]
    [test] = paired_tests({"right": right, "wrong": right * [0, 1, 1]}, seed=1)
    assert test.difference == 1.0
    assert test.p_value < 1e-50
    assert test.interval == (pytest.approx(0.9, abs=0.03), 1.0)


@pytest.mark.parametrize("runs", [1, 3], ids=["one run", "three runs"])
@pytest.mark.parametrize(
    ("differing", "least"), [(1, 1 / 2), (2, 1 / 2), (3, 1 / 4), (5, 1 / 16), (6, 1 / 32)]
)
@pytest.mark.parametrize("others", [0, 100], ids=["no other sentence", "others that are alike"])
def test_a_few_sentences_tell_no_more_than_they_can(differing, least, others, runs):
    right = np.ones((runs, max(2, differing + others), 3), dtype=int)
    wrong = right.copy()
    wrong[:, :differing, 0] = 0
    [test] = paired_tests({"right": right, "wrong": wrong}, replicates=400, seed=1)
    assert test.p_value == pytest.approx(least, rel=0.05)
    assert (test.interval[0] > 0) == (test.p_value < 0.05)


def test_the_interval_of_a_large_difference_on_many_sentences_is_that_of_the_resamples():
    random = np.random.default_rng(0)
    gold = np.ones((1, 400, 3), dtype=int)
    good, bad = gold.copy(), gold.copy()
    good[0, :, 0] = random.random(400) < 0.95
    bad[0, :, 0] = random.random(400) < 0.02
    [test] = paired_tests({"a": good, "b": bad}, seed=1)
    difference = (good - bad)[0, :, 0]
    expected = 1.96 * difference.std() / np.sqrt(400)
    assert test.interval[0] == pytest.approx(difference.mean() - expected, abs=0.003)
    assert test.interval[1] == pytest.approx(difference.mean() + expected, abs=0.003)


@pytest.mark.parametrize("sentences", [2, 1000, 1100])
def test_no_number_of_sentences_makes_a_difference_certain(sentences):
    right = np.ones((1, sentences, 3), dtype=int)
    [test] = paired_tests({"right": right, "wrong": right * [0, 1, 1]}, replicates=20, seed=1)
    assert test.p_value > 0
    assert test.interval[0] < test.interval[1]


def test_sentences_on_which_the_difference_stays_do_not_make_its_change_surer():
    def found(number):
        counts = np.ones((3, 300, 3), dtype=int)
        counts[:, number:, 0] = 0
        return counts

    before, after = (found(100), found(100)), (found(204), found(200))
    changed = change_of_difference(before, after, seed=1)
    [difference] = paired_tests({"first": after[0], "second": after[1]}, seed=1)
    assert changed.p_value == pytest.approx(difference.p_value) == pytest.approx(1 / 8)
    assert changed.interval == pytest.approx(difference.interval)


@pytest.mark.parametrize("sentences", [2, 3, 5, 8])
def test_systems_that_do_not_differ_are_seldom_told_apart_on_tiny_test_sets(sentences):
    random = np.random.default_rng(0)
    told_apart = 0
    for trial in range(400):
        gold = np.ones((2, sentences, 3), dtype=int)
        gold[:, :, 0] = random.random((2, sentences)) < 0.5
        [test] = paired_tests({"a": gold[:1], "b": gold[1:]}, replicates=100, seed=trial)
        told_apart += test.p_value < 0.05
    assert told_apart <= 0.03 * 400


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.ones((1, 3, 3), dtype=int), "`a` were tested on different gold"),
        (np.full((1, 4, 3), 2), "`a` were tested on different gold"),
        (np.ones((0, 4, 3), dtype=int), "`b` has no run"),
        (np.ones((1, 1, 3), dtype=int), "`b` was tested on 1 sentences"),
    ],
    ids=["other sentences", "other mentions", "no run", "one sentence"],
)
def test_what_cannot_be_compared_is_named(other, message):
    with pytest.raises(DataError, match=message):
        paired_tests({"a": np.ones((1, 4, 3), dtype=int), "b": other}, seed=1)
