"""What the statistics of a study support, in sentences; nothing that they do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ...schema.methods import PROJECTION, TEACHER_STUDENT
from .evidence import LEVEL, Comparison
from .findings import caveats, nothing_separated
from .gaps import GapCurve, GapsOfLanguage, Movement
from .tables import size_of_pair
from .text import code, counted, p_in_sentence, setting_name

AHEAD, BEHIND, NOT_TOLD_APART = "ahead", "behind", "not told apart"


def findings_of_gaps(found: GapsOfLanguage) -> list[str]:
    """Return what can be said of the gap in a language, in Markdown.

    Projection is called ahead or behind only where the adjusted p-value of the test is below 0.05, and the
    gap is said to move only where that of the change is.
    """
    if not found.curves:
        return ["No two ways were trained on the same number of sentences, so there is no gap to tell of."]
    said = []
    tests = [*found.evidence.comparisons, *(curve.movement for curve in found.curves if curve.movement)]
    if all(each.adjusted_p_value >= LEVEL for each in tests):
        said.append(nothing_separated(len(tests)))
    for curve in found.curves:
        said.append(_of_gaps(curve))
        if curve.movement:
            said.append(_of_movement(curve.movement))
    return [*said, *caveats(found.evidence)]


def points(difference: float) -> str:
    """Write a difference of F1 in points, with its sign: `+4.1`, `−0.3`."""
    text = f"{abs(difference) * 100:.1f}"
    if not text.strip("0."):
        return text
    return f"{'−' if difference < 0 else '+'}{text}"


def _of_gaps(curve: GapCurve) -> str:
    runs = [(verdict, list(some)) for verdict, some in groupby(curve.gaps, key=_verdict)]
    other = f"{TEACHER_STUDENT} ({code(curve.teaching)})"
    first = {
        AHEAD: f"**ahead** of {other}",
        BEHIND: f"**behind** {other}",
        NOT_TOLD_APART: f"not told apart from {other}",
    }[runs[0][0]]
    words = [first, *(_then(verdict) for verdict, _ in runs[1:])]
    said = [
        f"{word} {_of_run(verdict, some, reaches_end=some[-1] is curve.gaps[-1])}"
        for word, (verdict, some) in zip(words, runs, strict=True)
    ]
    return (
        f"With {code(curve.tagger)}, {setting_name(curve.setting)}, {PROJECTION} "
        f"({code(curve.projection)}) is {', then '.join(said)}."
    )


def _verdict(gap: Comparison) -> str:
    if not gap.is_separated:
        return NOT_TOLD_APART
    return AHEAD if gap.difference > 0 else BEHIND


def _then(verdict: str) -> str:
    return verdict if verdict == NOT_TOLD_APART else f"**{verdict}**"


def _of_run(verdict: str, gaps: Sequence[Comparison], *, reaches_end: bool) -> str:
    """Say at which sizes, one after the other, the verdict is the same, with the gaps at their ends."""
    first, last = gaps[0], gaps[-1]
    until = "on" if reaches_end else f"to {size_of_pair(last)}"
    if verdict == NOT_TOLD_APART:
        if len(gaps) == 1:
            return f"at {size_of_pair(first)} sentences ({points(first.difference)}, {_numbers(first)})"
        return (
            f"at any size from {size_of_pair(first)} sentences {until} ({points(first.difference)} at "
            f"{size_of_pair(first)}, {_numbers(first)}; {points(last.difference)} at {size_of_pair(last)}, "
            f"{_numbers(last)})"
        )
    if len(gaps) == 1:
        return f"by {_amount(first)} points at {size_of_pair(first)} sentences ({_numbers(first)})"
    return (
        f"from {size_of_pair(first)} sentences {until}, by {_amount(first)} points at {size_of_pair(first)} "
        f"({_numbers(first)}) and {_amount(last)} at {size_of_pair(last)} ({_numbers(last)})"
    )


def _amount(gap: Comparison) -> str:
    return points(gap.difference).lstrip("+−")


def _of_movement(movement: Movement) -> str:
    first, last = size_of_pair(movement.first), size_of_pair(movement.last)
    gaps = f"from {points(movement.first.difference)} to {points(movement.last.difference)}"
    change = movement.change
    numbers = (
        f"a change of {points(change.difference)}, {_interval(change.interval)}, "
        f"{p_in_sentence(movement.adjusted_p_value)}"
    )
    if not movement.is_separated:
        return f"Whether this gap moves between {first} and {last} sentences is not told: {gaps}, {numbers}."
    whose = PROJECTION if change.difference > 0 else TEACHER_STUDENT
    return f"Between {first} and {last} sentences this gap **moves** towards {whose}: {gaps}, {numbers}."


def _numbers(gap: Comparison) -> str:
    runs = [len(system.counted) for system in (gap.first, gap.second)]
    collapsed = gap.first.collapsed + gap.second.collapsed
    remark = f"; runs: {runs[0]} against {runs[1]}" if 1 in runs else ""
    remark += f"; {counted(collapsed, 'run')} collapsed" if collapsed else ""
    return f"{_interval(gap.interval)}, {p_in_sentence(gap.adjusted_p_value)}{remark}"


def _interval(ends: tuple[float, float]) -> str:
    return f"{points(ends[0])} to {points(ends[1])}"
