"""What the runs of a language say about its systems: their intervals, and how far they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import variance

import numpy as np

from ...schema.errors import DataError
from ..bootstrap import Counts
from ..grid.description import FINE_TUNED, MULTILINGUAL, PREDICTIONS, SCRATCH, ZERO_SHOT
from ..grid.results import read_predicted_tags
from ..mention_arrays import Integers
from ..scoring import score
from ..statistics import TTest, holm, interval_over_runs, paired_tests, t_test
from ..student_t import critical_value
from .systems import Run, System, largest_of_sources, with_gold_alone

LEVEL = 0.05
"""Of the tests: an adjusted p-value below it separates two systems."""

FEWEST_SENTENCES = 2
"""Of a test set from which anything can be said of another."""

Tags = Mapping[str, Sequence[str]]

# Half of a normal distribution's 95 % interval, in standard deviations.
_NORMAL = 1.96


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same sentences.

    Attributes:
        kind: Why they are compared. `sources`: the same tagger, setting and size. `sizes`: all of a source
            against fewer organic sentences. `lift`: gold with a source against as much gold alone.
            `transfer`: a related language and then the source against the related language alone. `gap`:
            projection against teacher-student of the same tagger, setting and size.
        first: One system.
        second: The other.
        difference: The mean micro-F1 of the first minus that of the second.
        interval: 95 % interval of the difference.
        p_value: Two-sided.
        adjusted_p_value: By Holm's method, for all comparisons of this kind in the language.
        t_test: Over seeds alone; None where a system has one run.
    """

    kind: str
    first: System
    second: System
    difference: float
    interval: tuple[float, float]
    p_value: float
    adjusted_p_value: float
    t_test: TTest | None

    @property
    def is_separated(self) -> bool:
        """Whether the two differ by more than chance explains.

        Of two systems whose training has always failed it does not matter which failed more.
        """
        return self.adjusted_p_value < LEVEL and not (self.first.has_failed and self.second.has_failed)


@dataclass(frozen=True)
class Evidence:
    """What is known of the systems of a language.

    Attributes:
        systems: All of them.
        intervals: 95 % interval of the mean micro-F1 of each.
        comparisons: The comparisons; none where gold was not given.
        has_gold: Whether gold was given.
    """

    systems: tuple[System, ...]
    intervals: Mapping[System, tuple[float, float]]
    comparisons: tuple[Comparison, ...]
    has_gold: bool

    def of_kind(self, kind: str) -> tuple[Comparison, ...]:
        """Return the comparisons of one kind."""
        return tuple(each for each in self.comparisons if each.kind == kind)


def weigh(systems: tuple[System, ...], gold: Tags | None, *, seed: int) -> Evidence:
    """Compute intervals of the systems of a language, and compare those that a reader would.

    Args:
        systems: All systems of one language.
        gold: The gold tags of its test sentences by id; None where they are not to be had.
        seed: Decides the resampled test sets.

    Raises:
        DataError: If the predictions are not of these sentences.
    """
    if gold is None or len(gold) < FEWEST_SENTENCES:
        intervals = {system: _interval_without_gold(system) for system in systems}
        return Evidence(systems, intervals, (), gold is not None)
    counts = {system: counts_of(system, gold) for system in systems}
    intervals = {system: interval_over_runs(of_runs, seed=seed) for system, of_runs in counts.items()}
    pairs = [pair for pair in _pairs(systems) if not all(system.has_failed for system in pair[1:])]
    return Evidence(systems, intervals, compare(counts, pairs, seed=seed), True)


def _interval_without_gold(system: System) -> tuple[float, float]:
    """Put an interval together from those of the runs, which know sentences, and from how far runs differ.

    The runs are taken to find the same sentences hard: the interval is rather too wide than too narrow.
    """
    intervals = [run.result["interval"] for run in system.counted]
    count = len(intervals)
    if count == 1:
        return intervals[0][0], intervals[0][1]
    of_sentences = math.fsum(((high - low) / 2 / _NORMAL) ** 2 for low, high in intervals) / count
    of_runs = variance(run.f1 for run in system.counted) / count
    total = of_sentences + of_runs
    freedom = total**2 / (of_runs**2 / (count - 1)) if of_runs**2 else math.inf
    margin = critical_value(LEVEL, freedom) * math.sqrt(total)
    return max(0.0, system.f1.mean - margin), min(1.0, system.f1.mean + margin)


def counts_of(system: System, gold: Tags) -> Counts:
    """Return the counts of the runs of a system: for each run, one row a test sentence.

    Args:
        system: The system.
        gold: The gold tags of the test sentences by id.

    Raises:
        DataError: If the predictions are not of these sentences.
    """
    return np.stack([_counts_of_run(run, gold) for run in system.counted])


def _counts_of_run(run: Run, gold: Tags) -> Integers:
    predicted = read_predicted_tags(run.folder)
    if predicted.keys() != gold.keys():
        raise DataError(
            f"{len(predicted.keys() ^ gold.keys())} sentences are in gold or in the predictions, not in both",
            where=str(run.folder),
            hint=_OTHER_GOLD,
        )
    scored = score(list(gold.values()), [predicted[id_] for id_ in gold])
    if not math.isclose(scored.micro.f1, run.f1, abs_tol=1e-9):
        raise DataError(
            f"the predictions have a micro-F1 of {scored.micro.f1:.4f}, the result says {run.f1:.4f}",
            where=str(run.folder),
            hint=_OTHER_GOLD,
        )
    return scored.counts


_OTHER_GOLD = "Is this the gold that the run was tested on? If so, delete the run and evaluate again."


def compare(
    counts: Mapping[System, Counts], pairs: Sequence[tuple[str, System, System]], *, seed: int
) -> tuple[Comparison, ...]:
    """Compare systems on the same sentences, by paired bootstraps.

    Args:
        counts: The counts of all systems.
        pairs: Which are compared: the kind of the comparison, and two systems.
        seed: Decides the resampled test sets.

    Returns:
        The comparisons, in the order of the pairs; p-values are adjusted for all of a kind.
    """
    if not pairs:
        return ()
    # All at once: the draws of sentences, which take most of the time, are the same for all pairs.
    names = {system: f"{number:06}: {system.title}" for number, system in enumerate(counts)}
    tests = {
        (test.first, test.second): test
        for test in paired_tests({names[system]: runs for system, runs in counts.items()}, seed=seed)
    }
    compared = []
    for kind, first, second in pairs:
        is_swapped = names[first] > names[second]
        test = tests[(names[second], names[first]) if is_swapped else (names[first], names[second])]
        low, high = test.interval
        compared.append(
            Comparison(
                kind=kind,
                first=first,
                second=second,
                difference=-test.difference if is_swapped else test.difference,
                interval=(-high, -low) if is_swapped else (low, high),
                p_value=test.p_value,
                adjusted_p_value=1.0,
                t_test=_t_test(first, second),
            )
        )
    return _adjusted(compared)


def _adjusted(compared: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Adjust p-values: the comparisons of a kind answer one question, and are a family."""
    adjusted: dict[int, float] = {}
    for kind in {each.kind for each in compared}:
        places = [place for place, each in enumerate(compared) if each.kind == kind]
        family = holm([compared[place].p_value for place in places])
        adjusted.update(zip(places, family, strict=True))
    return tuple(replace(each, adjusted_p_value=adjusted[place]) for place, each in enumerate(compared))


def _t_test(first: System, second: System) -> TTest | None:
    if min(len(first.counted), len(second.counted)) < 2:
        return None
    return t_test([run.f1 for run in first.counted], [run.f1 for run in second.counted])


def _pairs(systems: tuple[System, ...]) -> Iterator[tuple[str, System, System]]:
    """Yield the systems to compare and why: what was decided before any result was seen."""
    for number, first in enumerate(systems):
        for second in systems[number + 1 :]:
            if _same(first, second, _tagger, _setting, _size):
                yield ("sources", second, first) if first.is_organic else ("sources", first, second)
    largest = largest_of_sources(systems)
    for system in largest:
        if system.setting not in (SCRATCH, FINE_TUNED, MULTILINGUAL) or system.is_organic:
            continue
        for other in systems:
            fewer = (other.true_size or 0) < (system.true_size or 0) and other.size != system.size
            if other.is_organic and fewer and _same(system, other, _tagger, _setting):
                yield "sizes", system, other
    for system, alone in with_gold_alone(systems):
        yield "lift", system, alone
    for system in largest:
        if system.setting == FINE_TUNED:
            for other in systems:
                if other.setting == ZERO_SHOT and _same(system, other, _tagger):
                    yield "transfer", system, other


def _same(first: System, second: System, *of: Callable[[System], object]) -> bool:
    return all(each(first) == each(second) for each in of)


def _tagger(system: System) -> str:
    # Predictions that were only scored have each their own tagger.
    return "" if system.setting == PREDICTIONS else system.tagger


def _setting(system: System) -> str:
    return system.setting


def _size(system: System) -> int | None:
    return system.size
