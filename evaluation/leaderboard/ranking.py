"""Who is ahead, as far as test sentences and seeds can tell.

A system has a range of ranks: the first is one more than the systems that are certainly ahead of it, and the
last leaves below it those that are certainly behind. Certain is what a paired test says, with p-values
adjusted for all pairs of the competition: then all ranges together hold the true ranks with 95 % (Mogstad,
Romano, Shaikh and Wilhelm 2024). Nothing has to be transitive for that: where A and B are not separated, nor
B and C, and A and C are, A has the ranks 1 to 2, B 1 to 3, and C 2 to 3.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ..bootstrap import Counts
from ..grid.description import ORGANIC, PREDICTIONS, SETTINGS
from ..grid.run_cell import COLLAPSED_BELOW
from ..scoring import Score
from ..statistics import PairedTest, holm, interval_over_runs, paired_tests
from ..student_t import two_sided_p_value
from .benchmarks import Benchmark, Benchmarks
from .checking import SEED, CheckedResult, ResultChecker
from .layout import Problem, list_files, problem_of_path
from .records import DATASET, RESULTS, Record, tagger_title
from .rows import OVERALL, SELF_REPORTED, STATUSES, VERIFIED, Row, TrainingPart, TypeFigure
from .standing import Standing

LEVEL = 0.05
"""Of the tests: an adjusted p-value below it puts one system ahead of another."""

REPLICATES = 2_000
"""Resampled test sets: the standard errors that they give are right to two per cent."""

_SETTINGS = (*SETTINGS, PREDICTIONS)
_GOLD_ROLES = ("gold", "related")


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard, ready to be written.

    Attributes:
        rows: In the order in which they are shown.
        benchmarks: Its benchmarks, by name.
        problems: Results that are left out, and why.
        results: How many results its rows are made from.
    """

    rows: tuple[Row, ...]
    benchmarks: Mapping[str, Benchmark]
    problems: tuple[Problem, ...]
    results: int

    def as_json(self) -> dict[str, Any]:
        """Return what `synthner leaderboard build --json` prints."""
        return {
            "rows": len(self.rows),
            "results": self.results,
            "benchmarks": sorted(self.benchmarks),
            "statuses": {status: sum(row.status == status for row in self.rows) for status in STATUSES},
            "problems": [problem.as_json() for problem in self.problems],
        }


def read_leaderboard(folder: Path, *, mirror: Path | None = None) -> Leaderboard:
    """Score every result of a leaderboard again, put seeds together, and rank.

    A result with which something is wrong is left out, and said. Training data is not read: that is what
    verification before a merge is for.

    Args:
        folder: The leaderboard.
        mirror: Data sets as `ORGANISATION/NAME`, laid out as on the Hub; what is there is read from there.

    Raises:
        DataError: If a benchmark, or its gold, cannot be used.
    """
    benchmarks = Benchmarks(folder, mirror)
    checker = ResultChecker(folder, benchmarks)
    paths = [path for path in list_files(folder) if path.startswith(f"{RESULTS}/")]
    _read_gold(paths, benchmarks)
    problems = [problem for path in paths if (problem := problem_of_path(path))]
    wrong = {problem.path for problem in problems}
    checked = [checker.check(path) for path in paths if path.endswith(".json") and path not in wrong]
    standing = Standing.read(folder, {each.path: each.record for each in checked if each.record})
    sound = []
    for each in checked:
        if found := (*each.problems, *standing.problems(each)):
            problems += found
        else:
            sound.append(each)
    systems = _systems(sound, benchmarks)
    rows = [row for competition in _competitions(systems) for row in competition]
    return Leaderboard(
        tuple(sorted(rows, key=_order)), benchmarks.by_name, tuple(sorted(set(problems))), len(sound)
    )


def _read_gold(paths: Sequence[str], benchmarks: Benchmarks) -> None:
    """Read gold that predictions will be scored on: what is wrong with it is said before minutes of work."""
    records = {path.removesuffix(".json") for path in paths if path.endswith(".json")}
    tested = {
        path.split("/")[2]
        for path in paths
        if path.endswith(".parquet") and path.count("/") == 3 and path.removesuffix(".parquet") in records
    }
    for name in sorted(tested & benchmarks.by_name.keys()):
        benchmarks.test_set(name)


@dataclass(frozen=True)
class _Run:
    """A run on the leaderboard.

    Attributes:
        record: Its record.
        score: The scores of its predictions; None for one that is self-reported.
    """

    record: Record
    score: Score | None

    @property
    def claimed(self) -> Mapping[str, Any]:
        return self.record.content["scores"]

    @property
    def f1(self) -> float:
        return self.score.micro.f1 if self.score else self.claimed["micro"]["f1"]

    def figure(self, of_score: Callable[[Score], float], *keys: str) -> float | None:
        """Return a figure of the predictions, or the claimed one."""
        if self.score is not None:
            return of_score(self.score)
        value: Any = self.claimed
        for key in keys:
            value = None if value is None else value[key]
        return value


@dataclass(frozen=True)
class _System:
    """All runs of a system on a benchmark that only the seed distinguishes.

    Attributes:
        key: What tells it from other systems of the benchmark.
        benchmark: The benchmark.
        status: A name in `STATUSES`.
        runs: By seed.
    """

    key: tuple[Any, ...]
    benchmark: Benchmark
    status: str
    runs: tuple[_Run, ...]

    @cached_property
    def counted(self) -> tuple[_Run, ...]:
        """The runs that figures are of: one that has collapsed gives way to its repetition."""
        repeated = {run.record.content["cell"]["retry_of"] for run in self.runs}
        kept = [run for run in self.runs if not (run.record.seed in repeated and run.f1 < COLLAPSED_BELOW)]
        return tuple(kept) or self.runs

    @cached_property
    def counts(self) -> Counts:
        """For each counted run, one row a sentence."""
        return np.stack([run.score.counts for run in self.counted if run.score is not None])

    @property
    def content(self) -> Mapping[str, Any]:
        """Its newest record."""
        newest = max(self.runs, key=lambda run: (run.record.content["date"] or "", run.record.path))
        return newest.record.content

    @property
    def name(self) -> str:
        """What tells it from other systems, as text that sorts."""
        return repr(self.key)


def _systems(sound: Iterable[CheckedResult], benchmarks: Benchmarks) -> list[_System]:
    grouped: defaultdict[tuple[str, tuple[Any, ...]], list[_Run]] = defaultdict(list)
    statuses: dict[tuple[str, tuple[Any, ...]], str] = {}
    for each in sound:
        if each.record is not None:
            key = (each.record.content["benchmark"], (each.status == SELF_REPORTED, *each.record.system))
            grouped[key].append(_Run(each.record, each.score))
            statuses[key] = each.status
    return [
        _System(
            key,
            benchmarks.by_name[benchmark],
            statuses[benchmark, key],
            tuple(sorted(runs, key=lambda run: (run.record.seed, run.record.path))),
        )
        for (benchmark, key), runs in sorted(grouped.items(), key=lambda item: repr(item[0]))
    ]


def _competitions(systems: Sequence[_System]) -> Iterator[list[Row]]:
    """Yield the rows of each competition: what can be compared, in a language and over all of them."""
    grouped: defaultdict[tuple[Any, ...], dict[str, dict[str, _System]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for system in systems:
        grouped[_competition(system)][system.benchmark.name][system.name] = system
    scored = {system.benchmark.name: system.benchmark for system in systems}
    in_overall = {name: each.language for name, each in scored.items() if each.in_overall}
    for _, by_benchmark in sorted(grouped.items(), key=lambda item: repr(item[0])):
        rows: dict[str, dict[str, Row]] = {}
        tests: dict[str, dict[tuple[str, str], PairedTest]] = {}
        for benchmark, some in sorted(by_benchmark.items()):
            rows[benchmark] = {name: _row(system) for name, system in some.items()}
            tests[benchmark] = _tests(some)
            yield _ranked(rows[benchmark], _p_values(tests[benchmark]))
        yield from _overall(by_benchmark, rows, tests, in_overall)


def _competition(system: _System) -> tuple[Any, ...]:
    """Return what systems must have in common to be ranked together.

    A data set is judged through a tagger, which is the same for all then; a model brings its own.
    """
    content = system.content
    cell = content["cell"]
    return (
        content["kind"],
        _SETTINGS.index(cell["setting"]),
        cell["size"] is None,
        cell["size"] or 0,
        tagger_title(cell["tagger"]) if content["kind"] == DATASET else "",
    )


def _tests(systems: Mapping[str, _System]) -> dict[tuple[str, str], PairedTest]:
    ranked = {name: system.counts for name, system in systems.items() if system.status != SELF_REPORTED}
    if len(ranked) < 2 or next(iter(ranked.values())).shape[1] < 2:
        return {}
    return {
        (test.first, test.second): test for test in paired_tests(ranked, replicates=REPLICATES, seed=SEED)
    }


def _p_values(tests: Mapping[tuple[str, str], PairedTest]) -> dict[tuple[str, str], tuple[float, float]]:
    return {pair: (test.difference, test.p_value) for pair, test in tests.items()}


def _ranked(rows: Mapping[str, Row], pairs: Mapping[tuple[str, str], tuple[float, float]]) -> list[Row]:
    """Give rows the ranks that they may have.

    Args:
        rows: The rows of a competition, by the names of their systems.
        pairs: Of pairs of systems the difference of F1, and its p-value.
    """
    ranked = [name for name, row in rows.items() if row.status != SELF_REPORTED]
    ahead = dict.fromkeys(ranked, 0)
    behind = dict.fromkeys(ranked, 0)
    adjusted = holm([p_value for _, p_value in pairs.values()])
    for ((first, second), (difference, _)), p_value in zip(pairs.items(), adjusted, strict=True):
        if p_value < LEVEL:
            better, worse = (first, second) if difference > 0 else (second, first)
            ahead[worse] += 1
            behind[better] += 1
    return [
        replace(row, rank_first=ahead[name] + 1, rank_last=len(ranked) - behind[name])
        if name in ahead
        else row
        for name, row in rows.items()
    ]


def _row(system: _System) -> Row:
    """Put the runs of a system together."""
    content, runs = system.content, system.counted
    low, high = _interval(system)
    cost, currency = _cost(runs)
    gold, synthetic = _sentences(runs)
    f1 = fmean(run.f1 for run in runs)
    model = content["model"] or {}
    return Row(
        rank_first=None,
        rank_last=None,
        scope=system.benchmark.language,
        benchmark=system.benchmark.name,
        language=system.benchmark.language,
        system=content["submitter"]["name"],
        organization=content["submitter"]["organization"],
        kind=content["kind"],
        status=system.status,
        setting=content["cell"]["setting"],
        source=content["cell"]["source"],
        tagger=tagger_title(content["cell"]["tagger"]),
        size=content["cell"]["size"],
        gold_sentences=gold,
        synthetic_sentences=synthetic,
        seeds=len(runs),
        f1=f1,
        low=low,
        high=high,
        precision=_mean(
            run.figure(lambda score: score.micro.precision, "micro", "precision") for run in runs
        ),
        recall=_mean(run.figure(lambda score: score.micro.recall, "micro", "recall") for run in runs),
        macro_f1=_mean(run.figure(lambda score: score.macro.f1, "macro", "f1") for run in runs),
        strict_f1=_mean(run.figure(lambda score: score.strict.f1, "strict", "f1") for run in runs),
        seen_recall=_mean((run.claimed["seen"] or {}).get("recall") for run in runs),
        unseen_recall=_mean((run.claimed["unseen"] or {}).get("recall") for run in runs),
        per_type=_per_type(runs, system.benchmark.types),
        cost=cost,
        currency=currency,
        f1_per_cost=_divided(f1, cost),
        f1_per_gold_sentence=_divided(f1, gold),
        model=model.get("id"),
        model_revision=model.get("revision"),
        training=_training(runs),
        submitted=content["date"] or "",
        results=tuple(sorted(run.record.path for run in system.runs)),
        url=content["submitter"]["url"] or (content["source"] or {}).get("url"),
    )


def _interval(system: _System) -> tuple[float | None, float | None]:
    if system.status != SELF_REPORTED:
        return interval_over_runs(system.counts, replicates=REPLICATES, seed=SEED)
    claimed = system.counted[0].record.content["interval"]
    return (claimed[0], claimed[1]) if claimed and len(system.counted) == 1 else (None, None)


def _divided(f1: float, amount: float | None) -> float | None:
    """Return F1 by what it took; None where nobody says, or it took nothing that can be divided by."""
    ratio = f1 / amount if amount else math.inf
    return ratio if math.isfinite(ratio) else None


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean; None where one is not known."""
    known = list(values)
    return None if None in known else fmean(value for value in known if value is not None)


def _per_type(runs: Sequence[_Run], types: Iterable[str]) -> tuple[TypeFigure, ...]:
    figures = []
    for type_ in types:
        found = [
            (run.score.per_type[type_].f1, run.score.per_type[type_].gold)
            if run.score
            else _claimed_type(run, type_)
            for run in runs
        ]
        if None not in found:
            known = [each for each in found if each is not None]
            figures.append(TypeFigure(type_, fmean(f1 for f1, _ in known), known[0][1]))
    return tuple(figures)


def _claimed_type(run: _Run, type_: str) -> tuple[float, int] | None:
    figures = (run.claimed["per_type"] or {}).get(type_)
    return (figures["f1"], figures["gold"]) if figures else None


def _cost(runs: Sequence[_Run]) -> tuple[float | None, str | None]:
    costs = [run.record.content["cost"] for run in runs]
    if None in costs or len({cost["currency"] for cost in costs}) > 1:
        return None, None
    return fmean(cost["amount"] for cost in costs), costs[0]["currency"]


def _sentences(runs: Sequence[_Run]) -> tuple[int | None, int | None]:
    """Return how many gold and other sentences were learned; None where nobody says."""
    known = [_sentences_of(run.record.content) for run in runs if run.record.content["training"]]
    if not known:
        return None, None
    return max(gold for gold, _ in known), max(other for _, other in known)


def _sentences_of(content: Mapping[str, Any]) -> tuple[int, int]:
    is_organic = content["cell"]["source"] == ORGANIC
    gold = other = 0
    for part in content["training"]:
        if part["role"] in _GOLD_ROLES or (part["role"] == "source" and is_organic):
            gold += part["sentences"]
        elif part["role"] == "source":
            other += part["sentences"]
    return gold, other


def _training(runs: Iterable[_Run]) -> tuple[TrainingPart, ...]:
    parts = {
        TrainingPart(
            part["role"], part["hub"] or part["name"], part["config"], part["revision"], part["sentences"]
        )
        for run in runs
        for part in run.record.content["training"]
    }
    return tuple(sorted(parts, key=repr))


def _overall(
    by_benchmark: Mapping[str, Mapping[str, _System]],
    rows: Mapping[str, Mapping[str, Row]],
    tests: Mapping[str, Mapping[tuple[str, str], PairedTest]],
    in_overall: Mapping[str, str],
) -> Iterator[list[Row]]:
    """Yield the rows over languages, of systems that were tested on every benchmark that counts."""
    if len(set(in_overall.values())) < 2 or not in_overall.keys() <= by_benchmark.keys():
        return
    complete = set.intersection(*(set(by_benchmark[name]) for name in in_overall))
    if not complete:
        return
    weights = _weights(in_overall)
    together = {
        name: _overall_row([(weights[benchmark], rows[benchmark][name]) for benchmark in sorted(in_overall)])
        for name in sorted(complete)
    }
    ranked = [name for name, row in together.items() if row.status != SELF_REPORTED]
    pairs = {}
    for number, first in enumerate(ranked):
        for second in ranked[number + 1 :]:
            parts = [
                _Difference(
                    weights[benchmark],
                    tests[benchmark][first, second],
                    _least_freedom(by_benchmark[benchmark][first], by_benchmark[benchmark][second]),
                )
                for benchmark in sorted(in_overall)
                if (first, second) in tests[benchmark]
            ]
            if len(parts) == len(in_overall):
                pairs[first, second] = _difference(parts)
    yield _ranked(together, pairs)


def _weights(in_overall: Mapping[str, str]) -> dict[str, float]:
    """Give every language the same weight, divided among its benchmarks."""
    languages = list(in_overall.values())
    return {
        name: 1 / len(set(languages)) / languages.count(language) for name, language in in_overall.items()
    }


@dataclass(frozen=True)
class _Difference:
    """The difference of two systems on one benchmark.

    Attributes:
        weight: Of the benchmark.
        test: Its paired test.
        freedom: The degrees of freedom that its variance has at least.
    """

    weight: float
    test: PairedTest
    freedom: int


def _least_freedom(first: _System, second: _System) -> int:
    """Return the fewest degrees of freedom that Satterthwaite's formula can give the test of two systems."""
    runs = [len(system.counted) for system in (first, second) if len(system.counted) > 1]
    return min([first.counts.shape[1], *runs]) - 1


def _difference(parts: Sequence[_Difference]) -> tuple[float, float]:
    """Return the mean difference over test sets, which are independent of one another, and its p-value."""
    difference = math.fsum(part.weight * part.test.difference for part in parts)
    variances = [(part.weight * part.test.standard_error) ** 2 for part in parts]
    total = math.fsum(variances)
    if not total:
        return difference, 0.0 if difference else 1.0
    below = math.fsum(
        variance**2 / part.freedom for variance, part in zip(variances, parts, strict=True) if variance
    )
    freedom = total**2 / below if below else math.inf
    return difference, two_sided_p_value(difference / math.sqrt(total), freedom)


def _overall_row(parts: Sequence[tuple[float, Row]]) -> Row:
    """Put the rows of a system on all benchmarks together."""
    rows = [row for _, row in parts]
    newest = max(rows, key=lambda row: (row.submitted, row.benchmark))

    def mean(of: Callable[[Row], float | None]) -> float | None:
        values = [(weight, of(row)) for weight, row in parts]
        known = [weight * value for weight, value in values if value is not None]
        return math.fsum(known) if len(known) == len(values) else None

    f1 = math.fsum(weight * row.f1 for weight, row in parts)
    cost = _sum(row.cost for row in rows) if len({row.currency for row in rows}) == 1 else None
    gold = _sum(row.gold_sentences for row in rows)
    synthetic = _sum(row.synthetic_sentences for row in rows)
    models = {(row.model, row.model_revision) for row in rows}
    model, model_revision = models.pop() if len(models) == 1 else (None, None)
    return replace(
        newest,
        # Owners may call an organisation a baseline on some benchmarks only.
        status=newest.status if len({row.status for row in rows}) == 1 else VERIFIED,
        scope=OVERALL,
        benchmark="",
        language="",
        gold_sentences=None if gold is None else int(gold),
        synthetic_sentences=None if synthetic is None else int(synthetic),
        seeds=min(row.seeds for row in rows),
        f1=f1,
        low=_end(parts, f1, lambda row: row.low, -1),
        high=_end(parts, f1, lambda row: row.high, 1),
        precision=mean(lambda row: row.precision),
        recall=mean(lambda row: row.recall),
        macro_f1=mean(lambda row: row.macro_f1),
        strict_f1=mean(lambda row: row.strict_f1),
        seen_recall=mean(lambda row: row.seen_recall),
        unseen_recall=mean(lambda row: row.unseen_recall),
        per_type=(),
        cost=cost,
        currency=None if cost is None else newest.currency,
        f1_per_cost=_divided(f1, cost),
        f1_per_gold_sentence=_divided(f1, gold),
        model=model,
        model_revision=model_revision,
        training=tuple(sorted({part for row in rows for part in row.training}, key=repr)),
        results=tuple(sorted(path for row in rows for path in row.results)),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else math.fsum(value for value in known if value is not None)


def _end(
    parts: Sequence[tuple[float, Row]], f1: float, end: Callable[[Row], float | None], sign: int
) -> float | None:
    """Return an end of the interval: the distances to it, of independent test sets, add up in squares."""
    distances = []
    for weight, row in parts:
        value = end(row)
        if value is None:
            return None
        distances.append(weight * (value - row.f1))
    return min(1.0, max(0.0, f1 + sign * math.hypot(*distances)))


def _order(row: Row) -> tuple[Any, ...]:
    """Return what rows are sorted by: overall first; competition by competition; ranked before others."""
    return (
        row.scope != OVERALL,
        row.scope,
        row.benchmark,
        row.kind,
        _SETTINGS.index(row.setting),
        row.size is None,
        row.size or 0,
        row.tagger if row.kind == DATASET else "",
        row.rank_first is None,
        row.rank_first or 0,
        row.rank_last or 0,
        -row.f1,
        row.organization,
        row.system,
        row.source,
        row.tagger,
    )
