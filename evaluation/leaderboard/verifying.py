"""A submission, checked before it is merged: what it changes, whether it is true, whether it is fair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...schema.errors import WrongUsageError
from .benchmarks import Benchmarks
from .checking import CheckedResult, ResultChecker
from .contamination import MOST_CONTAMINATED, Overlap, TrainingData
from .layout import (
    ADDED,
    Change,
    Problem,
    changes_from,
    list_files,
    named_changes,
    problems_of_change,
    shown,
)
from .records import RESULTS
from .rows import BASELINE, SELF_REPORTED
from .standing import Standing


@dataclass(frozen=True)
class VerifiedResult:
    """A result of a submission, and all that was found.

    Attributes:
        checked: What it holds, and what is wrong.
        overlaps: What is known of each part of its training data.
        notices: What its readers should know, and what is no reason to refuse it.
    """

    checked: CheckedResult
    overlaps: tuple[Overlap, ...]
    notices: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its record."""
        return self.checked.path

    @property
    def f1(self) -> float | None:
        """Micro-F1 of its predictions, or the one it claims; None where it has none."""
        if self.checked.score is not None:
            return self.checked.score.micro.f1
        return self.checked.record.content["scores"]["micro"]["f1"] if self.checked.record else None

    def as_json(self) -> dict[str, Any]:
        """Return it as `synthner leaderboard verify --json` prints it."""
        return {
            "path": shown(self.path),
            "status": self.checked.status,
            "acceptable": self.checked.is_sound,
            "f1": self.f1,
            "training": [overlap.as_json() for overlap in self.overlaps],
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        results: Every result that was checked, in the order of their paths.
        problems: Everything that is wrong, with them or with other files.
    """

    results: tuple[VerifiedResult, ...]
    problems: tuple[Problem, ...]

    @property
    def is_acceptable(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return what `synthner leaderboard verify --json` prints."""
        return {
            "acceptable": self.is_acceptable,
            "results": [result.as_json() for result in self.results],
            "problems": [problem.as_json() for problem in self.problems],
        }


def verify(
    folder: Path,
    *,
    changed: Sequence[str] = (),
    base: Path | None = None,
    mirror: Path | None = None,
) -> Verification:
    """Check the results of a leaderboard. Nothing is written.

    Args:
        folder: The leaderboard with the submission in it.
        changed: The files of the submission; without these and without a base, every result is checked.
        base: The leaderboard without the submission: what differs is the submission. Its benchmarks count.
        mirror: Data sets as `ORGANISATION/NAME`, laid out as on the Hub; what is there is read from there.

    Raises:
        WrongUsageError: If there is no such folder.
        DataError: If a benchmark, or its gold, cannot be used.
    """
    for place in (folder, base, mirror):
        if place is not None and not place.is_dir():
            raise WrongUsageError("there is no such folder", where=str(place))
    checker = ResultChecker(folder, Benchmarks(base or folder, mirror))
    changes = _changes(folder, changed, base)
    problems = [problem for change in changes for problem in problems_of_change(change)]
    refused = {problem.path for problem in problems}
    paths = [change.path for change in changes if change.path not in refused]
    records = [path for path in paths if path.endswith(".json")]
    problems += _without_records(paths)
    checked = [checker.check(path) for path in records]
    standing = Standing.read(folder, {each.path: each.record for each in checked if each.record})
    training = TrainingData(mirror)
    results = tuple(_verified(each, checker, standing, training) for each in checked)
    problems += [problem for result in results for problem in result.checked.problems]
    return Verification(results, tuple(sorted(set(problems))))


def _changes(folder: Path, changed: Sequence[str], base: Path | None) -> list[Change]:
    if changed:
        return named_changes(folder, changed, base)
    if base is not None:
        return changes_from(base, folder)
    # All results are looked at. What owners keep beside them is theirs.
    return [Change(path, ADDED) for path in list_files(folder) if path.startswith(f"{RESULTS}/")]


def _without_records(paths: Sequence[str]) -> list[Problem]:
    """Refuse predictions that come alone, also beside a record that is there: records are checked."""
    records = {path.removesuffix(".json") for path in paths if path.endswith(".json")}
    return [
        Problem(
            path,
            "the submission has no record for these predictions",
            "Add the record under the same name with `.json`. A record that is on the leaderboard has its "
            "predictions already, or never had any.",
        )
        for path in paths
        if path.endswith(".parquet") and path.removesuffix(".parquet") not in records
    ]


def _verified(
    checked: CheckedResult, checker: ResultChecker, standing: Standing, training: TrainingData
) -> VerifiedResult:
    """Add what training data and other results say of a result."""
    record = checked.record
    if record is None or record.content["benchmark"] not in checker.benchmarks.by_name:
        return VerifiedResult(checked, (), ())
    test = checker.benchmarks.test_set(record.content["benchmark"])
    overlaps = tuple(training.overlaps(record.content, test))
    refused = [
        Problem(
            checked.path,
            f"{overlap.shared} of {overlap.sentences} test sentences are in its training data "
            f"({overlap.part}); up to {MOST_CONTAMINATED:.0%} may be chance",
            "Take them out of the training data, train again, and submit that result.",
        )
        for overlap in overlaps
        if overlap.is_refused
    ]
    problems = (*checked.problems, *standing.problems(checked), *refused)
    notices = (*_notices(checked, overlaps), *standing.notices(checked))
    return VerifiedResult(replace(checked, problems=problems), overlaps, notices)


def _notices(checked: CheckedResult, overlaps: Iterable[Overlap]) -> Iterator[str]:
    if checked.status == SELF_REPORTED:
        yield "it has no predictions: it will be listed as self-reported, without a rank"
    if checked.status == BASELINE:
        yield "it will be shown as a baseline: make sure that its submitter speaks for the organisation"
    for overlap in overlaps:
        if overlap.reason:
            yield f"training data not checked ({overlap.part}): {overlap.reason}"
        elif overlap.shared and not overlap.is_refused:
            yield (
                f"{overlap.shared} of {overlap.sentences} test sentences are in its training data "
                f"({overlap.part})"
            )
