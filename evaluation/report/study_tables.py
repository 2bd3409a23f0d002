"""The tables of a study: F1 and gap by size, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schema.methods import PROJECTION, TEACHER_STUDENT
from ..grid.description import TRANSFER_ALONE
from .evidence import Evidence
from .gaps import GapCurve, GapsOfLanguage
from .records import Record, about_system, size_field
from .study_findings import points
from .systems import System, in_order_of_sizes
from .tables import COLLAPSED, NONE, Table
from .text import Name, count, decimal, file_name, interval, p_value, size_asked


def table_of_curve(found: GapsOfLanguage, curve: GapCurve) -> Table:
    """Lay out F1 of two ways, of gold where there is some, and the gap, by size."""
    evidence = found.evidence
    columns = [
        {system.size: system for system in systems_of(evidence, curve.tagger, curve.setting, source)}
        for source in (curve.projection, curve.teaching)
    ]
    gold = {
        system.size: system for system in evidence.systems if system.is_organic and _is_like(system, curve)
    }
    gaps = {gap.first.size: gap for gap in curve.gaps}
    rows = []
    for size in in_order_of_sizes([*columns[0], *columns[1], *gold]):
        gap = gaps.get(size)
        rows.append(
            (
                size_asked(size),
                *(_f1(evidence, systems.get(size)) for systems in columns),
                points(gap.difference) if gap else NONE,
                f"{points(gap.interval[0])} to {points(gap.interval[1])}" if gap else NONE,
                p_value(gap.adjusted_p_value) if gap else NONE,
                *([_f1(evidence, gold.get(size))] if gold else []),
            )
        )
    parts = (found.language, curve.tagger, curve.setting, curve.projection, curve.teaching)
    return Table(
        name="-".join(["gap", *map(file_name, parts)]),
        caption=(
            f"Micro-F1 with its 95 % interval by the number of training sentences, and the gap in points: "
            f"{PROJECTION} minus {TEACHER_STUDENT}. A number in brackets is how many sentences a source had "
            f"where it had fewer. {COLLAPSED}: a run collapsed."
        ),
        align="r" * (7 if gold else 6),
        header=(
            "sentences",
            *(Name(curve.projection), Name(curve.teaching)),
            *("gap", "95 % interval", "p"),
            *(["gold"] if gold else []),
        ),
        rows=tuple(rows),
    )


def lines_of(evidence: Evidence, tagger: str) -> list[System]:
    """Return the systems of a tagger that learned nothing of the language: what is a line in figures."""
    return [
        system for system in evidence.systems if system.tagger == tagger and system.setting in TRANSFER_ALONE
    ]


def systems_of(evidence: Evidence, tagger: str, setting: str, source: str) -> list[System]:
    """Return the systems of a source by their size."""
    return [
        system
        for system in evidence.systems
        if (system.tagger, system.setting, system.source) == (tagger, setting, source)
    ]


def f1_with_interval(evidence: Evidence, system: System) -> str:
    """Write the mean F1 of a system with its interval: `.81 (.78 to .84)`."""
    return f"{decimal(system.f1.mean)} ({interval(evidence.intervals[system])})"


def records_of(found: Sequence[GapsOfLanguage]) -> dict[str, list[Record]]:
    """Return the tables of a study for programs, by their names."""
    return {
        "f1": [record for each in found for record in _f1_records(each)],
        "gaps": [record for each in found for record in _gap_records(each)],
        "movements": [record for each in found for record in _movement_records(each)],
    }


def _f1_records(found: GapsOfLanguage) -> Iterator[Record]:
    """Yield the F1 of each system of a study, unrounded."""
    for system in found.evidence.systems:
        low, high = found.evidence.intervals[system]
        yield {
            **about_system(system),
            "way": found.ways.get(system.source, "gold") if system.setting not in TRANSFER_ALONE else None,
            "true_size": system.true_size,
            "runs": len(system.counted),
            "collapsed": system.collapsed,
            "f1_mean": system.f1.mean,
            "f1_deviation": system.f1.standard_deviation,
            "f1_low": low,
            "f1_high": high,
        }


def _gap_records(found: GapsOfLanguage) -> Iterator[Record]:
    """Yield the gap at each size, unrounded."""
    for curve in found.curves:
        for gap in curve.gaps:
            yield {
                **_about_curve(found, curve),
                "size": size_field(gap.first.size),
                "projection_true_size": gap.first.true_size,
                "teacher_student_true_size": gap.second.true_size,
                "gap": gap.difference,
                "gap_low": gap.interval[0],
                "gap_high": gap.interval[1],
                "p_value": gap.p_value,
                "adjusted_p_value": gap.adjusted_p_value,
            }


def _movement_records(found: GapsOfLanguage) -> Iterator[Record]:
    """Yield how far each gap moves, unrounded."""
    for curve in found.curves:
        if (movement := curve.movement) is None:
            continue
        yield {
            **_about_curve(found, curve),
            "from_size": size_field(movement.first.first.size),
            "to_size": size_field(movement.last.first.size),
            "change": movement.change.difference,
            "change_low": movement.change.interval[0],
            "change_high": movement.change.interval[1],
            "p_value": movement.change.p_value,
            "adjusted_p_value": movement.adjusted_p_value,
        }


def _is_like(system: System, curve: GapCurve) -> bool:
    return (system.tagger, system.setting) == (curve.tagger, curve.setting)


def _f1(evidence: Evidence, system: System | None) -> str:
    if system is None:
        return NONE
    text = f1_with_interval(evidence, system) + (COLLAPSED if system.collapsed else "")
    return f"{text} ({count(system.true_size)})" if system.is_smaller else text


def _about_curve(found: GapsOfLanguage, curve: GapCurve) -> Record:
    return {
        "language": found.language,
        "tagger": curve.tagger,
        "setting": curve.setting,
        "projection": curve.projection,
        "teacher_student": curve.teaching,
    }
