"""The tables of a report as programs read them: one record a line, numbers unrounded, for CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..mention_errors import KINDS
from ..statistics import SeedSensitivity
from .evidence import Comparison, Evidence
from .systems import System, with_gold_alone
from .tables import gold_of, invariance_of, of_type, recall, types_of
from .text import legible

Record = dict[str, str | int | float | None]

# A spreadsheet takes a text that begins so for a formula, and computes it.
_BEGINNINGS_OF_FORMULAS = ("=", "+", "-", "@")


def to_csv(records: Sequence[Mapping[str, object]]) -> str:
    """Write records as CSV; an empty field is a figure that there is not.

    A text that a spreadsheet would compute has an apostrophe before it.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {key: _field(value) if isinstance(value, str) else value for key, value in record.items()}
        )
    return stream.getvalue()


def _field(text: str) -> str:
    shown = legible(text)
    return f"'{shown}" if shown.startswith(_BEGINNINGS_OF_FORMULAS) else shown


def results(evidence: Evidence) -> Iterator[Record]:
    """Yield the results of a language."""
    for system in evidence.systems:
        low, high = evidence.intervals[system]
        yield {
            **about_system(system),
            "true_size": system.true_size,
            "seeds": " ".join(str(run.seed) for run in system.counted),
            "runs": len(system.counted),
            "collapsed": system.collapsed,
            "repeated": len(system.runs) - len(system.counted),
            **_spread("f1", system.f1),
            "f1_low": low,
            "f1_high": high,
            "precision_mean": system.mean(lambda scores: scores["micro"]["precision"]),
            "recall_mean": system.mean(lambda scores: scores["micro"]["recall"]),
            **_spread("strict_f1", system.spread(lambda scores: scores["strict"]["f1"])),
            **_spread("macro_f1", system.spread(lambda scores: scores["macro"]["f1"])),
            "test_sentences": system.test["sentences"],
            "test_sha256": system.test["sha256"],
        }


def per_type(evidence: Evidence) -> Iterator[Record]:
    """Yield the figures of each entity type of gold."""
    for system in evidence.systems:
        for type_ in types_of(evidence.systems):
            yield {
                **about_system(system),
                "type": type_,
                **_spread("f1", system.spread(of_type(type_, "f1"))),
                "precision_mean": system.mean(of_type(type_, "precision")),
                "recall_mean": system.mean(of_type(type_, "recall")),
                "gold": system.mean(of_type(type_, "gold")),
                "predicted_mean": system.mean(of_type(type_, "predicted")),
                "correct_mean": system.mean(of_type(type_, "correct")),
            }


def errors(evidence: Evidence) -> Iterator[Record]:
    """Yield how many mentions became what, means over runs."""
    for system in evidence.systems:
        counts = {
            kind.replace(" ", "_"): system.mean(lambda scores, kind=kind: scores["errors"][kind])
            for kind in KINDS
        }
        yield {**about_system(system), **counts}


def generalisation(evidence: Evidence) -> Iterator[Record]:
    """Yield recall of seen and unseen mentions, and the invariance test."""
    for system in evidence.systems:
        invariance = invariance_of(system) or {}
        divided: Record = {}
        for side in ("seen", "unseen"):
            divided |= _spread(f"{side}_recall", system.spread(recall(side)))
            divided[f"{side}_gold_mean"] = system.mean(gold_of(side))
        yield {
            **about_system(system),
            **(divided if system.is_training_known else dict.fromkeys(divided)),
            "invariance_error_rate": invariance.get("error_rate"),
            "invariance_cases": invariance.get("cases"),
            "invariance_failed": invariance.get("failed"),
        }


def comparisons(evidence: Evidence) -> Iterator[Record]:
    """Yield all comparisons of a language."""
    for each in evidence.comparisons:
        first, second = each.first, each.second
        yield {
            "language": first.language,
            "kind": each.kind,
            **{f"first_{key}": value for key, value in list(about_system(first).items())[1:]},
            **{f"second_{key}": value for key, value in list(about_system(second).items())[1:]},
            "first_f1_mean": first.f1.mean,
            "second_f1_mean": second.f1.mean,
            "first_runs": len(first.counted),
            "second_runs": len(second.counted),
            "difference": each.difference,
            "difference_low": each.interval[0],
            "difference_high": each.interval[1],
            "p_value": each.p_value,
            "adjusted_p_value": each.adjusted_p_value,
            **_t_test(each),
        }


def lift(evidence: Evidence) -> Iterator[Record]:
    """Yield what sources add to gold."""
    tested = {each.first.key: each for each in evidence.of_kind("lift")}
    for system, alone in with_gold_alone(evidence.systems):
        known = tested.get(system.key)
        low, high = known.interval if known else (None, None)
        yield {
            **about_system(system),
            "gold_alone_f1_mean": alone.f1.mean,
            "f1_mean": system.f1.mean,
            "runs": len(system.counted),
            "left_out": system.left_out,
            "lift": system.f1.mean - alone.f1.mean,
            "lift_low": low,
            "lift_high": high,
            "p_value": known.p_value if known else None,
            "adjusted_p_value": known.adjusted_p_value if known else None,
            **_t_test(known),
        }


def runs(systems: Iterable[System]) -> Iterator[Record]:
    """Yield every run, repeated ones included."""
    for system in systems:
        counted = {run.seed for run in system.counted}
        for run in system.runs:
            yield {
                **about_system(system),
                "seed": run.seed,
                "retry_of": run.retry_of,
                "collapsed": "yes" if run.collapsed else "no",
                "in_the_mean": "yes" if run.seed in counted else "no",
                "f1": run.f1,
                "f1_low": run.result["interval"][0],
                "f1_high": run.result["interval"][1],
                "seconds": run.result["measured"]["seconds"],
                "id": run.result["id"],
            }


def about_system(system: System) -> Record:
    """Return what tells a system from others."""
    return {
        "language": system.language,
        "tagger": system.tagger,
        "setting": system.setting,
        "source": system.source,
        "size": size_field(system.size),
    }


def size_field(size: int | None) -> int | str:
    """Return the size of a system; an empty field would be one that there is not."""
    return "all" if size is None else size


def _t_test(compared: Comparison | None) -> Record:
    test = compared.t_test if compared else None
    return {
        "t_test_statistic": test.statistic if test else None,
        "t_test_degrees_of_freedom": test.degrees_of_freedom if test else None,
        "t_test_p_value": test.p_value if test else None,
    }


def _spread(name: str, spread: SeedSensitivity) -> Record:
    return {f"{name}_mean": spread.mean, f"{name}_deviation": spread.standard_deviation}
