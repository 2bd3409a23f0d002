"""The gap between projection and teacher-student by the size of the training data: what the statistics say.

Two ways to transfer are compared at each size, and the gap at the smallest size with that at the largest.
What is compared was decided before there were results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...schema.errors import DataError
from ...schema.methods import PROJECTION
from ..grid.description import FINE_TUNED, SCRATCH, TRANSFER_ALONE
from ..statistics import Change, change_of_difference, holm, interval_over_runs
from .evidence import FEWEST_SENTENCES, LEVEL, Comparison, Counts, Evidence, Tags, compare, counts_of
from .systems import System
from .text import counted

GAP = "gap"
"""The kind of comparison between projection and teacher-student at a size."""

DRAWN = (SCRATCH, FINE_TUNED)
"""The settings in which the size counts sentences of a way to transfer."""

Ways = Mapping[str, str]
"""Sources that are a way to transfer, each with its kind: `projection` or `teacher-student`."""


@dataclass(frozen=True)
class Movement:
    """How far the gap at the largest size is another one than at the smallest.

    Attributes:
        first: The gap at the smallest size.
        last: That at the largest.
        change: The last minus the first.
        adjusted_p_value: By Holm's method, for all movements in the language.
    """

    first: Comparison
    last: Comparison
    change: Change
    adjusted_p_value: float

    @property
    def is_separated(self) -> bool:
        """Whether the gaps differ by more than chance explains."""
        return self.adjusted_p_value < LEVEL


@dataclass(frozen=True)
class GapCurve:
    """Two ways to transfer, trained alike on more and more sentences.

    Attributes:
        tagger: The tagger.
        setting: `scratch` or `fine-tuned`.
        projection: The source that projects labels.
        teaching: The source whose labels are a teacher's.
        gaps: The first minus the second at each size that both have, ascending.
        movement: How the gap moves; None where there is one size.
    """

    tagger: str
    setting: str
    projection: str
    teaching: str
    gaps: tuple[Comparison, ...]
    movement: Movement | None


@dataclass(frozen=True)
class GapsOfLanguage:
    """What is known of the gap in a language.

    Attributes:
        evidence: The systems that transfer, those that they are set beside, and the gaps.
        curves: One for each tagger, setting and pair of ways.
        ways: The sources that are a way to transfer.
    """

    evidence: Evidence
    curves: tuple[GapCurve, ...]
    ways: Ways

    @property
    def language(self) -> str:
        """The code of the language."""
        return self.evidence.systems[0].language


def weigh_gaps(systems: tuple[System, ...], ways: Ways, gold: Tags, *, seed: int) -> GapsOfLanguage:
    """Compare projection with teacher-student in a language.

    Args:
        systems: All systems of the language.
        ways: Which sources are a way to transfer.
        gold: The gold tags of its test sentences by id.
        seed: Decides the resampled test sets.

    Raises:
        DataError: If there are too few of these, or the predictions are not of them.
    """
    if len(gold) < FEWEST_SENTENCES:
        raise DataError(
            f"the test set of {systems[0].language} has {counted(len(gold), 'sentence')}, which says nothing "
            "of any other: no gap can be tested",
            hint="Give the language more gold to test on, or leave it out of `evaluation.languages`.",
        )
    shown = tuple(system for system in systems if _is_shown(system, ways))
    counts = {system: counts_of(system, gold) for system in shown}
    intervals = {system: interval_over_runs(runs, seed=seed) for system, runs in counts.items()}
    pairs = [(GAP, first, second) for first, second in _pairs(shown, ways)]
    gaps = compare(counts, pairs, seed=seed)
    return GapsOfLanguage(Evidence(shown, intervals, gaps, True), _curves(gaps, counts, seed), ways)


def _is_shown(system: System, ways: Ways) -> bool:
    is_curve = system.setting in DRAWN and (system.source in ways or system.is_organic)
    return is_curve or system.setting in TRANSFER_ALONE


def _pairs(systems: tuple[System, ...], ways: Ways) -> Iterator[tuple[System, System]]:
    trained = [system for system in systems if system.setting in DRAWN and system.source in ways]
    for first in trained:
        for second in trained:
            same = (first.tagger, first.setting, first.size) == (second.tagger, second.setting, second.size)
            if same and ways[first.source] == PROJECTION != ways[second.source]:
                yield first, second


def _curves(gaps: tuple[Comparison, ...], counts: Mapping[System, Counts], seed: int) -> tuple[GapCurve, ...]:
    grouped: dict[tuple[str, str, str, str], list[Comparison]] = {}
    for gap in gaps:
        key = (gap.first.tagger, gap.first.setting, gap.first.source, gap.second.source)
        grouped.setdefault(key, []).append(gap)
    curves = [
        GapCurve(*key, tuple(some), _movement(some[0], some[-1], counts, seed) if len(some) > 1 else None)
        for key, some in grouped.items()
    ]
    moving = [curve.movement for curve in curves if curve.movement]
    adjusted = iter(holm([movement.change.p_value for movement in moving]))
    return tuple(
        replace(curve, movement=replace(curve.movement, adjusted_p_value=next(adjusted)))
        if curve.movement
        else curve
        for curve in curves
    )


def _movement(first: Comparison, last: Comparison, counts: Mapping[System, Counts], seed: int) -> Movement:
    change = change_of_difference(
        (counts[first.first], counts[first.second]), (counts[last.first], counts[last.second]), seed=seed
    )
    return Movement(first, last, change, 1.0)
