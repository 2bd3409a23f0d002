"""What can be said of systems from a few runs on one test set: intervals, tests, sensitivity to seeds.

A run is one training of a system, known by its counts on the test sentences. Two things are left to chance:
which sentences are in the test set, and the seed of the run. All runs are tested on the same sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev, variance

import numpy as np
from numpy.typing import NDArray

from ..schema.errors import DataError
from .bootstrap import Counts, bootstrap_interval, micro_f1, resampled_f1
from .student_t import critical_value, two_sided_p_value

_LEVEL = 0.05
# Smaller numbers are what rounding leaves of two F1 that are the same.
_ROUNDING = 1e-12
# Resamples of no more than these hardly vary where all differ alike, and would tell far more than there is to
# know. Of more they tell well, and what chance makes of so many is 1 in 500,000 at most.
_FEW_SENTENCES = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeedSensitivity:
    """How far runs differ that only the seed distinguishes.

    Attributes:
        runs: How many there are.
        mean: Their mean.
        standard_deviation: Of the sample, so with runs - 1 below the line; None for a single run, of which it
            is not known.
        standard_error: Of the mean, from that standard deviation.
        lowest: The lowest run.
        highest: The highest run.
    """

    runs: int
    mean: float
    standard_deviation: float | None
    standard_error: float | None
    lowest: float
    highest: float

    @property
    def range(self) -> float:
        """The distance of the highest run from the lowest."""
        return self.highest - self.lowest

    def as_json(self) -> dict[str, float | int | None]:
        """Return the figures by name."""
        return {
            "runs": self.runs,
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "standard_error": self.standard_error,
            "lowest": self.lowest,
            "highest": self.highest,
            "range": self.range,
        }


@dataclass(frozen=True, slots=True)
class TTest:
    """A t-test between the runs of two systems.

    All but the difference are None where no run differs from the others of its system: there is nothing then
    to judge the difference by.

    Attributes:
        difference: The first mean minus the second.
        statistic: Welch's t.
        degrees_of_freedom: By Welch and Satterthwaite.
        p_value: Two-sided.
    """

    difference: float
    statistic: float | None
    degrees_of_freedom: float | None
    p_value: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return the figures by name."""
        return {
            "difference": self.difference,
            "statistic": self.statistic,
            "degrees_of_freedom": self.degrees_of_freedom,
            "p_value": self.p_value,
        }


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A test between two systems on the same sentences.

    Attributes:
        first: The name of one system.
        second: The name of the other.
        difference: The mean micro-F1 of the first one's runs minus that of the second one's.
        interval: 95 % interval of the difference.
        standard_error: Of the difference, over seeds and sentences.
        p_value: Two-sided; below 0.05 where the interval does not hold 0.
        adjusted_p_value: By Holm's method, for all pairs that were tested together.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    standard_error: float
    p_value: float
    adjusted_p_value: float

    def as_json(self) -> dict[str, object]:
        """Return the figures by name."""
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "interval": list(self.interval),
            "standard_error": self.standard_error,
            "p_value": self.p_value,
            "adjusted_p_value": self.adjusted_p_value,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """How far the difference between two systems is another one between two others.

    Attributes:
        difference: The second difference minus the first.
        interval: Its 95 % interval.
        p_value: Two-sided; below 0.05 where the interval does not hold 0.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float


def sensitivity_to_seeds(f1: Sequence[float]) -> SeedSensitivity:
    """Describe the spread of runs that only the seed distinguishes, as Reimers and Gurevych (2017) ask for.

    Args:
        f1: The F1 of each run.

    Raises:
        DataError: If there is no run.

    Example:
        >>> sensitivity_to_seeds([0.5, 0.75]).mean
        0.625
    """
    if not f1:
        raise DataError("there is no run whose sensitivity to seeds could be told")
    spread = stdev(f1) if len(f1) > 1 else None
    return SeedSensitivity(
        runs=len(f1),
        mean=fmean(f1),
        standard_deviation=spread,
        standard_error=None if spread is None else spread / math.sqrt(len(f1)),
        lowest=float(min(f1)),
        highest=float(max(f1)),
    )


def t_test(first: Sequence[float], second: Sequence[float]) -> TTest:
    """Test whether the runs of two systems have the same mean: Welch's two-sided t-test.

    This is the t-test of Santoso et al. (2024) between means of five runs. Runs of two systems have nothing
    in common but the number of their seed, so it is unpaired, and their variances need not be the same (Welch
    1947). It says nothing about other test sentences.

    Args:
        first: The F1 of each run of a system.
        second: That of each run of the other.

    Raises:
        DataError: If a system has fewer than two runs.
    """
    if min(len(first), len(second)) < 2:
        raise DataError(
            f"a t-test needs two runs of each system; there are {len(first)} and {len(second)}",
            hint="Run the cells with more seeds.",
        )
    difference = fmean(first) - fmean(second)
    parts = [_Part(variance(runs) / len(runs), len(runs)) for runs in (first, second)]
    of_difference = sum(part.variance for part in parts)
    if not of_difference:
        return TTest(difference, None, None, None)
    return TTest(
        difference=difference,
        statistic=difference / math.sqrt(of_difference),
        degrees_of_freedom=_freedom(of_difference, parts),
        p_value=_p_value(difference, of_difference, parts),
    )


def interval_over_runs(runs: Counts, *, replicates: int = 10_000, seed: int) -> tuple[float, float]:
    """Compute the 95 % interval of the mean micro-F1 of a system's runs, over seeds and test sentences.

    In each replicate runs are drawn with replacement, and test sentences are, which all drawn runs share
    because in fact they do (the pigeonhole bootstrap of Owen 2007). Of k runs k - 1 are drawn: the replicates
    then vary by seed as the mean of k runs does (Rao and Wu 1988). The interval is the mean of the runs plus
    and minus the replicates' standard deviation times Student's t with Satterthwaite's degrees of freedom:
    three or five runs say little about how far runs differ, and percentiles would be too narrow.

    Of a single run it is the percentile interval over sentences; nothing is known then about other seeds.

    Args:
        runs: For each run, one row a sentence: correct, predicted and gold mentions.
        replicates: How many resamples.
        seed: Decides them.

    Returns:
        Its two ends, from 0 to 1.

    Raises:
        DataError: If there is no run.
    """
    if not len(runs):
        raise DataError("there is no run to compute an interval of")
    count, sentences, _ = runs.shape
    if count == 1:
        return bootstrap_interval(runs[0], replicates=replicates, seed=seed)
    # Drawn from other random numbers than the sentences are.
    drawn = np.random.default_rng([seed, count]).multinomial(
        count - 1, np.full(count, 1 / count), size=replicates
    )
    means = (resampled_f1(runs, replicates=replicates, seed=seed) * drawn).sum(axis=1) / (count - 1)
    total = float(np.var(means, ddof=1))
    f1 = micro_f1(runs.sum(axis=1))
    of_runs = _Part(float(np.var(f1, ddof=1)) / count, count)
    of_sentences = _Part(max(0.0, total - of_runs.variance), sentences)
    margin = _margin(total, [of_runs, of_sentences])
    return max(0.0, float(f1.mean()) - margin), min(1.0, float(f1.mean()) + margin)


def paired_tests(
    systems: Mapping[str, Counts], *, replicates: int = 10_000, seed: int
) -> tuple[PairedTest, ...]:
    """Test every pair of systems on the sentences that all were tested on: a paired bootstrap.

    All systems share the resampled test sets (Koehn 2004; Berg-Kirkpatrick et al. 2012), so what makes
    sentences easy or hard for both cancels out. To the variance of the difference over these is added what
    the runs of each system differ by beyond what these very sentences make them differ by. The difference
    divided by the standard error is then referred to Student's t with Satterthwaite's degrees of freedom,
    which are few where seeds decide and many where sentences do. Dror et al. (2018) compare such tests. Where
    the systems differ on n sentences alone, 2 to 20, no p-value is below 1 in 2 ** (n - 1). Of a system with
    a single run the test says nothing about other seeds.

    Args:
        systems: By name, for each run of the system one row a sentence: correct, predicted and gold mentions.
        replicates: How many resampled test sets.
        seed: Decides them. A pair's figures, but for the adjusted p-value, depend on no other system.

    Returns:
        One test a pair, in the order of the names.

    Raises:
        DataError: If a system has no run, or the systems were not tested on the same sentences, two at least.
    """
    runs = {name: systems[name] for name in sorted(systems)}
    _check_same_sentences(runs)
    if len(runs) < 2:
        return ()
    replicates_of_all = resampled_f1(
        np.concatenate([each.astype(np.float64) for each in runs.values()]), replicates=replicates, seed=seed
    )
    ends = np.cumsum([len(each) for each in runs.values()])
    by_system = np.split(replicates_of_all, ends[:-1], axis=1)
    resampled = {
        name: _ResampledRuns.of(each, f1) for (name, each), f1 in zip(runs.items(), by_system, strict=True)
    }
    tests = [
        _test_pair((first, second), (resampled[first], resampled[second]))
        for first, second in combinations(runs, 2)
    ]
    adjusted = holm([test.p_value for test in tests])
    return tuple(
        replace(test, adjusted_p_value=p_value) for test, p_value in zip(tests, adjusted, strict=True)
    )


def change_of_difference(
    before: tuple[Counts, Counts], after: tuple[Counts, Counts], *, replicates: int = 10_000, seed: int
) -> Change:
    """Test whether two systems differ by as much as two others do, on the same sentences.

    That one difference is separated from none and another is not does not say that the two are different.
    This is the test of that: the paired bootstrap of `paired_tests`, of the second difference minus the
    first. Systems of smaller and of larger samples are taken to have nothing in common but the sentences.

    Args:
        before: The runs of two systems, those of the first minus those of the second being the difference.
        after: Those of the two others.
        replicates: How many resampled test sets.
        seed: Decides them.

    Raises:
        DataError: If a system has no run, or the systems were not tested on the same sentences, two at least.
    """
    systems = [*after, *before]
    _check_same_sentences({str(number): runs for number, runs in enumerate(systems)})
    resampled = [
        _ResampledRuns.of(runs, resampled_f1(runs.astype(np.float64), replicates=replicates, seed=seed))
        for runs in systems
    ]
    contrast = _Contrast.of((1, -1, -1, 1), resampled)
    return Change(contrast.difference, contrast.interval(2.0), contrast.p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family of tests by Holm's step-down method (1979).

    A test whose adjusted p-value is below 0.05 would, among tests of which none has anything to find, be
    below it in one family of twenty.

    Args:
        p_values: Those of all tests of the family.

    Returns:
        The adjusted ones, in the same order.

    Example:
        >>> holm([0.02, 0.01, 0.5])
        [0.04, 0.03, 0.5]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted


def _check_same_sentences(systems: Mapping[str, Counts]) -> None:
    gold: Counts | None = None
    for name, runs in systems.items():
        if not len(runs):
            raise DataError(f"`{name}` has no run to compare")
        if runs.shape[1] < 2:
            raise DataError(f"`{name}` was tested on {runs.shape[1]} sentences; a test needs two or more")
        gold = runs[0, :, 2] if gold is None else gold
        if any(not np.array_equal(gold, run[:, 2]) for run in runs):
            raise DataError(
                f"`{name}` and `{next(iter(systems))}` were tested on different gold",
                hint="Compare runs on one and the same test file.",
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a variance, and how many observations it was estimated from."""

    variance: float
    observations: int


@dataclass(frozen=True, slots=True)
class _ResampledRuns:
    """The runs of a system on resampled test sets.

    Attributes:
        counts: The mean of their counts, one row a sentence.
        mean: Their mean F1 on the whole test set.
        replicates: Their mean F1 on each resampled one.
        of_runs: The variance of the mean that the differences between the runs show.
        of_both: What of it is due to the runs differing on some sentences, which resampled sentences show,
            too.
    """

    counts: Floats
    mean: float
    replicates: Floats
    of_runs: _Part
    of_both: float

    @classmethod
    def of(cls, runs: Counts, f1: Floats) -> _ResampledRuns:
        observed = micro_f1(runs.sum(axis=1))
        count = len(observed)
        counts = runs.mean(axis=0)
        if count == 1:
            return cls(counts, float(observed[0]), f1[:, 0], _Part(0.0, 1), 0.0)
        between_runs = float(np.var(observed, ddof=1))
        # Another draw of the sentences adds once more what these sentences have added.
        added = max(0.0, float(np.var(f1, axis=1, ddof=1).mean()) - between_runs)
        of_runs = _Part(between_runs / count, count)
        return cls(counts, float(observed.mean()), f1.mean(axis=1), of_runs, added / count)


def _test_pair(names: tuple[str, str], systems: tuple[_ResampledRuns, _ResampledRuns]) -> PairedTest:
    contrast = _Contrast.of((1, -1), systems)
    return PairedTest(
        first=names[0],
        second=names[1],
        difference=contrast.difference,
        interval=contrast.interval(1.0),
        standard_error=math.sqrt(contrast.variance),
        p_value=contrast.p_value,
        adjusted_p_value=1.0,
    )


@dataclass(frozen=True, slots=True)
class _Contrast:
    """The means of some systems minus those of others, and what is known of its variance."""

    difference: float
    variance: float
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, signs: Sequence[int], systems: Sequence[_ResampledRuns]) -> _Contrast:
        signed = list(zip(signs, systems, strict=True))
        # Added up in this order, so that a pair's difference is the first mean minus the second.
        difference = sum(sign * each.mean for sign, each in signed)
        replicates = np.sum([sign * each.replicates for sign, each in signed], axis=0)
        of_sentences = _Part(float(np.var(replicates, ddof=1)), len(systems[0].counts))
        of_runs = sum(each.of_runs.variance for each in systems)
        beyond_sentences = of_runs
        for each in systems:
            beyond_sentences -= each.of_both
        # Neither part is less than what it shows by itself.
        total = max(of_sentences.variance + beyond_sentences, of_sentences.variance, of_runs)
        parts = (of_sentences, *(each.of_runs for each in systems))
        deciding = _deciding_sentences(signed)
        least = _least_p_value(deciding)
        do_resamples_tell = deciding > _FEW_SENTENCES and total >= _ROUNDING**2
        if not do_resamples_tell and _p_value(difference, total, parts) < least:
            return cls(difference, (difference / critical_value(least, math.inf)) ** 2, ())
        return cls(difference, total, parts)

    def interval(self, farthest: float) -> tuple[float, float]:
        margin = _margin(self.variance, self.parts)
        return max(-farthest, self.difference - margin), min(farthest, self.difference + margin)

    @property
    def p_value(self) -> float:
        return _p_value(self.difference, self.variance, self.parts)


def _deciding_sentences(signed: Sequence[tuple[int, _ResampledRuns]]) -> int:
    """Count the sentences that a contrast rests on: those where it is not 0."""
    contrast = np.sum([sign * each.counts for sign, each in signed], axis=0)
    return int((np.abs(contrast) > _ROUNDING).any(axis=1).sum())


def _least_p_value(sentences: int) -> float:
    """Return the p-value that a contrast which rests on so many sentences has at least.

    Were there none, each sentence might as well be the other way round, and all are on one side once in
    2 ** (sentences - 1). A single sentence never says anything.
    """
    # Smaller numbers would lose their digits, or be 0.
    return 2.0 ** -min(max(sentences - 1, 1), 1000)


def _freedom(total: float, parts: Sequence[_Part]) -> float:
    below = sum(part.variance**2 / (part.observations - 1) for part in parts if part.variance)
    return total**2 / below if below else math.inf


def _margin(total: float, parts: Sequence[_Part]) -> float:
    return critical_value(_LEVEL, _freedom(total, parts)) * math.sqrt(total)


def _p_value(difference: float, total: float, parts: Sequence[_Part]) -> float:
    if total < _ROUNDING**2:
        return 0.0 if abs(difference) > _ROUNDING else 1.0
    return two_sided_p_value(difference / math.sqrt(total), _freedom(total, parts))
