"""Whether one result is what it says: its record, its predictions, and the scores that these really have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from os.path import lexists
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from ...schema.validation import nearest
from ..bootstrap import bootstrap_interval
from ..grid.description import GOLD_AND_SYNTHETIC, SEVERAL_LANGUAGES, SYNTHETIC_THEN_GOLD
from ..scoring import Score
from .benchmarks import Benchmark, Benchmarks
from .contamination import named_test_data
from .layout import Problem, problem_of_file
from .records import Record, read_record, record_folder, record_hash
from .rescoring import Scorer, false_claims, false_interval
from .rows import BASELINE, SELF_REPORTED, VERIFIED
from .submitted_predictions import predictions_reader, read_submitted

SEED = 0
"""Decides all draws of sentences."""


@dataclass(frozen=True)
class CheckedResult:
    """A result, and what was found.

    Attributes:
        path: Its record in the leaderboard.
        record: The record; None where it cannot be read.
        status: What it would be: `verified`, `baseline` or `self-reported`.
        score: The scores of its predictions; None where it has none that can be used.
        problems: What is wrong.
    """

    path: str
    record: Record | None
    status: str
    score: Score | None
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class ResultChecker:
    """Checks results of a leaderboard.

    Args:
        folder: The leaderboard.
        benchmarks: Its benchmarks.
    """

    def __init__(self, folder: Path, benchmarks: Benchmarks) -> None:
        self._folder = folder
        self.benchmarks = benchmarks
        self.scorer = cache(self._scorer)
        self._reader = predictions_reader()

    def check(self, path: str) -> CheckedResult:
        """Check a result, all but its training data.

        Args:
            path: Its record in the leaderboard.

        Raises:
            DataError: If the gold of its benchmark cannot be read.
        """
        if (problem := problem_of_file(self._folder, path)) is not None:
            return CheckedResult(path, None, SELF_REPORTED, None, (problem,))
        try:
            content = read_record(self._folder / path, path)
        except DataError as error:
            return CheckedResult(path, None, SELF_REPORTED, None, (Problem.of_error(path, error),))
        record = Record(path, content)
        problems = _problems_of_place(path, content)
        benchmark = self.benchmarks.by_name.get(content["benchmark"])
        if benchmark is None:
            hint = nearest(content["benchmark"], self.benchmarks.by_name)
            problems.append(Problem(path, f"there is no benchmark `{content['benchmark']}`", hint))
            return CheckedResult(path, record, SELF_REPORTED, None, tuple(problems))
        problems += _problems_of_benchmark(path, content, benchmark)
        score = None
        if content["predictions"] is not None:
            score, found = self._score(record)
            problems += found
        elif lexists(self._folder / record.predictions_path):
            problems.append(
                Problem(
                    record.predictions_path,
                    "the record names no predictions",
                    "Write their sha256 into the record, or take them away.",
                )
            )
        return CheckedResult(path, record, _status(content, benchmark), score, tuple(problems))

    def _scorer(self, benchmark: str) -> Scorer:
        return Scorer(self.benchmarks.test_set(benchmark))

    def _score(self, record: Record) -> tuple[Score | None, list[Problem]]:
        where, content = record.predictions_path, record.content
        if (problem := problem_of_file(self._folder, where)) is not None:
            hint = (
                problem.hint or "Add the predictions beside the record, under the same name with `.parquet`."
            )
            return None, [Problem(where, problem.message, hint)]
        scorer = self.scorer(content["benchmark"])
        try:
            data = read_submitted(self._folder / where, where)
            if sha256(data).hexdigest() != content["predictions"]["sha256"]:
                raise DataError(
                    "its sha256 is not the one in the record",
                    hint="Add the very file that the record was made of.",
                )
            predictions = self._reader.read(data, scorer.test, where)
        except DataError as error:
            return None, [Problem.of_error(where, error)]
        score = scorer.score(predictions)
        false = false_claims(content["scores"], score)
        if content["interval"] is not None:
            ours = bootstrap_interval(score.counts, seed=SEED)
            false += filter(None, [false_interval(content["interval"], ours)])
        hint = "Claim what the predictions have: docs/leaderboard-format.md says how they are scored."
        return score, [Problem(record.path, claim, hint) for claim in false]


def _problems_of_place(path: str, content: Mapping[str, Any]) -> list[Problem]:
    folder, _, name = path.rpartition("/")
    problems = []
    if (wanted := record_folder(content)) != folder:
        problems.append(Problem(path, f"the record belongs into the folder {wanted}", "Move it there."))
    if name != (wanted := f"{record_hash(content)}.json"):
        problems.append(
            Problem(
                path,
                f"the file has another name than its content: that is {wanted}",
                "It was changed after it was named. Name record and predictions by the hash of the record.",
            )
        )
    return problems


def _problems_of_benchmark(path: str, content: Mapping[str, Any], benchmark: Benchmark) -> list[Problem]:
    problems = []
    if content["cell"]["language"] != benchmark.language:
        problems.append(
            Problem(
                path,
                f"the result is of the language `{content['cell']['language']}`, and the benchmark of "
                f"`{benchmark.language}`",
                "Name the benchmark that was tested on, and its language.",
            )
        )
    learned, size = _counted_sentences(content), content["cell"]["size"]
    if size is not None and learned > size:
        problems.append(
            Problem(
                path,
                f"its size is {size}, and its training data has {learned} counted sentences",
                "`size` is how many sentences were asked for: of gold where a source is added to gold, else "
                "of the source.",
            )
        )
    for part in named_test_data(content, benchmark):
        problems.append(
            Problem(
                path,
                f"the test sentences of the benchmark are named as training data ({part})",
                "A system that has learned them cannot be tested on them.",
            )
        )
    return problems


def _counted_sentences(content: Mapping[str, Any]) -> int:
    """Return how many of the sentences were learned that the size of a cell counts."""
    cell = content["cell"]
    role = "gold" if cell["setting"] in (GOLD_AND_SYNTHETIC, SYNTHETIC_THEN_GOLD) else "source"
    return sum(
        part["sentences"]
        for part in content["training"]
        if part["role"] == role and part["language"] in (cell["language"], SEVERAL_LANGUAGES)
    )


def _status(content: Mapping[str, Any], benchmark: Benchmark) -> str:
    if content["predictions"] is None:
        return SELF_REPORTED
    return BASELINE if content["submitter"]["organization"] in benchmark.baselines else VERIFIED
