"""From results of an evaluation to one pull request on a leaderboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from pathlib import Path, PurePath, PureWindowsPath
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from ..cards.hub_results import Benchmark as TestedOn
from ..cards.hub_results import hub_results
from ..evaluation.grid.description import ORGANIC, PREDICTIONS
from ..evaluation.grid.repeating import find_run
from ..evaluation.grid.results import PREDICTIONS_FILE, RESULT, read_result
from ..evaluation.leaderboard.benchmarks import BENCHMARKS, Benchmark, Benchmarks, HubGold
from ..evaluation.leaderboard.layout import Problem, problem_of_path
from ..evaluation.leaderboard.records import (
    DATASET,
    MODEL,
    RESULTS,
    HubModel,
    Record,
    Submission,
    Submitter,
    read_record,
    record_folder,
    record_of_run,
    record_path,
    write_record,
)
from ..evaluation.leaderboard.strict_json import MOST_BYTES, canonical_json, parse_json, read_bytes
from ..evaluation.leaderboard.submitted_predictions import read_submitted
from ..evaluation.leaderboard.verifying import Verification, verify
from ..hub.publish import Access, Plan, PublishedOnHub, plan_commit, publish_on_hub
from ..hub.pull_requests import PullRequest, PullRequests
from ..hub.repository import Commit, RemoteFile, Repository, Snapshot, quiet_client
from ..schema.errors import DataError, WrongUsageError
from ..schema.validation import nearest
from .repository import Changes, check_leaderboard, copy_leaderboard, open_leaderboard

_PROBLEMS_SHOWN = 5
_TOKEN = re.compile(r"hf_\w{20,}")


@dataclass(frozen=True)
class SubmittedResult:
    """A result that is to be submitted.

    Attributes:
        content: Its record.
        predictions: The parquet file whose sha256 the record has; None where it has none.
    """

    content: Mapping[str, Any]
    predictions: bytes | None

    @property
    def path(self) -> str:
        """Where its record belongs in the leaderboard."""
        return record_path(self.content)

    @property
    def system(self) -> str:
        """Whose it is, and what it is called."""
        return "{organization}/{name}".format(**self.content["submitter"])

    def files(self) -> dict[str, bytes]:
        """Return its files, by their places in the leaderboard."""
        record = Record(self.path, self.content)
        files = {record.path: canonical_json(self.content) + b"\n"}
        if self.predictions is not None:
            files[record.predictions_path] = self.predictions
        return files


@dataclass(frozen=True)
class Says:
    """What a submitter says about results that are runs of an evaluation.

    Attributes:
        organization: Whose system it is; None for the user's, or the model's or the dataset's.
        name: What it is called; None for the name of the model or the dataset.
        contact: Where there is more about it, or where to ask.
        model: The model on the Hub; None where it is not there.
        cost: What making the training data has cost, once; None where nobody knows.
        currency: Of the cost, as in ISO 4217.
        date: `YYYY-MM-DD`.
    """

    organization: str | None
    name: str | None
    contact: str | None
    model: HubModel | None
    cost: float | None
    currency: str | None
    date: str

    def submission(self, kind: str) -> Submission:
        """Return it as records take it.

        Raises:
            WrongUsageError: If nobody says whose system it is, or what it is called.
        """
        if self.organization is None or self.name is None:
            option, what = ("--name", "what the system is called") if self.organization else _WHOSE
            raise WrongUsageError(f"nobody says {what}", where=option, hint=f"Add {option}.")
        submitter = Submitter(self.organization, self.name, self.contact)
        return Submission(kind, submitter, self.date, self.model, self.cost, self.currency)


_WHOSE = ("--organization", "whose system it is")


@dataclass(frozen=True)
class SubmissionRelease:
    """The files of a submission beside what the leaderboard has.

    Attributes:
        files: Every file, by its place; those of results that an open pull request brings are not among them.
        results: All results that are submitted.
        new: Those of them that are neither on the leaderboard nor in an open pull request.
        opened: The addresses of open pull requests that bring results already, by the places of the records.
        title: What the pull request is called.
        verification: What was found; None where all of it is on the leaderboard already.
        benchmarks: The benchmarks of the leaderboard.
        removed: Nothing.
        tag: None: pull requests get none.
        is_first: Never: a leaderboard is there before its results.
    """

    files: Mapping[str, Path | bytes]
    results: tuple[SubmittedResult, ...]
    new: tuple[SubmittedResult, ...]
    opened: Mapping[str, str]
    title: str
    verification: Verification | None
    benchmarks: Mapping[str, Benchmark]
    removed: tuple[str, ...] = ()
    tag: None = None
    is_first: bool = False


@dataclass(frozen=True)
class SubmissionOutcome:
    """What submitting did, or would do.

    Attributes:
        repository: The leaderboard.
        url: Where people see it.
        plan: What was planned.
        done: What was done; None where it was only planned.
    """

    repository: str
    url: str
    plan: Plan[SubmissionRelease]
    done: PublishedOnHub[SubmissionRelease] | None

    @property
    def is_new(self) -> bool:
        """Whether a pull request was opened."""
        return self.done is not None and self.done.commit is not None

    @property
    def pull_request(self) -> str | None:
        """The address of the pull request: the new one, or the first that brings what was open already."""
        if self.done is not None and self.done.commit is not None:
            return self.done.commit.pull_request
        return next(iter(self.plan.release.opened.values()), None) if self.plan.is_empty else None

    @property
    def open_before(self) -> dict[str, str]:
        """The addresses of the open pull requests that bring some of it already, with what each brings."""
        release = self.plan.release
        return {
            url: _title([each for each in release.results if release.opened.get(each.path) == url])
            for url in release.opened.values()
        }

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner leaderboard submit --json` prints it."""
        release = self.plan.release
        return {
            "repository": self.repository,
            "pull_request": self.pull_request,
            "opened": self.is_new,
            "merged": self.plan.is_empty and not release.opened,
            "results": [
                {
                    "path": result.path,
                    "benchmark": result.content["benchmark"],
                    "system": result.system,
                    "f1": result.content["scores"]["micro"]["f1"],
                    "pull_request": release.opened.get(
                        result.path, self.pull_request if result in release.new else None
                    ),
                }
                for result in release.results
            ],
            "notices": [
                {"path": result.path, "notice": notice}
                for result in (release.verification.results if release.verification else ())
                for notice in result.notices
            ],
            "hub": [
                _on_the_hub(result, release.benchmarks[result.content["benchmark"]], self.url)
                for result in release.results
                if result.content["model"] and result.content["benchmark"] in release.benchmarks
            ],
            "sent": sorted(self.plan.sent),
            "unchanged": sorted(self.plan.unchanged),
        }


def _on_the_hub(result: SubmittedResult, benchmark: Benchmark, url: str) -> dict[str, Any]:
    """Return what the repository of a model can say of its result."""
    gold, model = benchmark.gold, result.content["model"]["id"]
    tested = (
        TestedOn(benchmark.title, gold.hub, gold.config, gold.revision, None, gold.split)
        if isinstance(gold, HubGold)
        else TestedOn(benchmark.title, None, None, benchmark.sha256, None)
    )
    found = hub_results(result.content, tested, url=url, source="Leaderboard")
    return {
        "path": result.path,
        "model": model,
        "model_index": found.model_index(model.rpartition("/")[2]),
        "eval_results": dict([written]) if (written := found.eval_results()) else {},
    }


Gather = Callable[[Benchmarks], Sequence[SubmittedResult]]


def submit(to: str, gather: Gather) -> SubmissionOutcome:
    """Submit results to a leaderboard in one pull request: those that are not in one or on the leaderboard.

    Args:
        to: The leaderboard: `organisation/name`.
        gather: Gives the results, for the benchmarks of the leaderboard.

    Raises:
        PublishError: If there is no such leaderboard, or the Hub refuses or fails too often.
        DataError: If results cannot be used, or would be refused.
    """
    with TemporaryDirectory(prefix="synthner-") as folder, quiet_client():
        repository = open_leaderboard(to)
        requests = PullRequests(repository)
        requests.user()  # before anything is computed: nothing can be submitted without a token
        prepare = _Preparation(repository, requests, gather, Path(folder))
        done = publish_on_hub(
            repository,
            prepare,
            access=Access(),
            describe=describe,
            pull_request=True,
            find_opened=lambda _: prepare.unanswered,
        )
    return SubmissionOutcome(repository.name, repository.url, done.plan, done)


def plan_submission(to: str, gather: Gather) -> SubmissionOutcome:
    """Say what submitting results would do.

    Raises:
        PublishError: If the leaderboard cannot be read.
        DataError: If results cannot be used, or would be refused.
    """
    with TemporaryDirectory(prefix="synthner-") as folder, quiet_client():
        repository = open_leaderboard(to)
        prepare = _Preparation(repository, PullRequests(repository), gather, Path(folder))
        plan = plan_commit(repository, prepare)
    return SubmissionOutcome(repository.name, repository.url, plan, None)


class _Preparation:
    """Prepares a submission beside what a leaderboard and its pull requests have. Results are gathered once.

    Args:
        repository: The leaderboard.
        requests: Its pull requests.
        gather: Gives the results.
        folder: For copies of the leaderboard.

    Attributes:
        unanswered: The pull request that was opened here though no answer came; None where there is none.
    """

    def __init__(self, repository: Repository, requests: PullRequests, gather: Gather, folder: Path) -> None:
        self.unanswered: Commit | None = None
        self._repository = repository
        self._requests = requests
        self._gather = gather
        self._folder = folder
        self._numbers = count()
        self._results: Sequence[SubmittedResult] | None = None
        self._open_at_first: frozenset[int] | None = None

    def __call__(self, snapshot: Snapshot | None) -> SubmissionRelease:
        there = check_leaderboard(self._repository, snapshot)
        base = self._folder / f"leaderboard-{next(self._numbers)}"
        copy_leaderboard(self._repository, there, base, [f"{BENCHMARKS}/*"])
        benchmarks = Benchmarks(base)
        if self._results is None:
            self._results = self._gather(benchmarks)
            for result in self._results:
                check_private(result.content)
        results = {
            number: _as_there(result, there.files, self._fetch(there.commit))
            for number, result in enumerate(self._results)
        }
        missing = {number: each for number, each in results.items() if each.path not in there.files}
        opened = self._open_before(missing, there)
        results |= {number: result for number, (result, _) in opened.items()}
        unmerged = [results[number] for number in missing]
        new = tuple(results[number] for number in missing if number not in opened)
        copy_leaderboard(self._repository, there, base, _records_of_same(unmerged, there))
        return SubmissionRelease(
            files={
                name: content
                for number, result in results.items()
                if number not in opened
                for name, content in result.files().items()
            },
            results=tuple(results.values()),
            new=new,
            opened={result.path: request.url for result, request in opened.values()},
            title=_title(new or tuple(results.values())),
            verification=self._verified(unmerged, base) if unmerged else None,
            benchmarks=benchmarks.by_name,
        )

    def _fetch(self, commit: str) -> Callable[[str], Path]:
        return lambda name: self._repository.file(name, commit)

    def _open_before(
        self, missing: Mapping[int, SubmittedResult], main: Snapshot
    ) -> dict[int, tuple[SubmittedResult, PullRequest]]:
        """Find the results that were in an open pull request before this submission sent anything.

        What is found only after a try to send is our own, and the answer was lost.

        Args:
            missing: Results that are not on the leaderboard, by their numbers.
            main: The leaderboard.
        """
        found = self._in_open_requests(missing, main)
        if self._open_at_first is None:
            self._open_at_first = frozenset(found)
        ours = [number for number in missing if number not in self._open_at_first]
        if ours and all(number in found for number in ours):
            request = found[ours[0]][1]
            self.unanswered = Commit(request.commit, request.url, request.url, f"refs/pr/{request.number}")
        return {number: each for number, each in found.items() if number in self._open_at_first}

    def _in_open_requests(
        self, missing: Mapping[int, SubmittedResult], main: Snapshot
    ) -> dict[int, tuple[SubmittedResult, PullRequest]]:
        """Return the results that open pull requests bring, as the oldest of these has them.

        One that changes something other than results does not count: it will not be merged.
        """
        found: dict[int, tuple[SubmittedResult, PullRequest]] = {}
        for request in self._requests.open() if missing else ():
            there = Changes.of(self._repository, request, main)
            if any(problem_of_path(name) is not None for name in there.names):
                continue
            for number, result in missing.items():
                same = _as_there(result, there.new, self._fetch(request.commit))
                if number not in found and all(
                    name in there.new and there.new[name].has_content(content)
                    for name, content in same.files().items()
                ):
                    found[number] = same, request
        return found

    def _verified(self, new: Sequence[SubmittedResult], base: Path) -> Verification:
        """Find out what the leaderboard's own check will say, and refuse what it would refuse."""
        folder = self._folder / f"submission-{next(self._numbers)}"
        copytree(base, folder)
        for result in new:
            write_record(folder, result.content, result.predictions)
        verification = verify(folder, base=base)
        if not verification.is_acceptable:
            raise _refused(verification.problems)
        return verification


def _records_of_same(results: Sequence[SubmittedResult], snapshot: Snapshot) -> list[str]:
    """Return where the records are that these stand beside: those of the same systems, however spelled."""
    systems = {record_folder(result.content).split("/")[1].lower() for result in results}
    folders = {tuple(name.split("/")[:2]) for name in snapshot.files if name.startswith(f"{RESULTS}/")}
    return [f"{'/'.join(folder)}/*.json" for folder in sorted(folders) if folder[-1].lower() in systems]


def _as_there(
    result: SubmittedResult, there: Mapping[str, RemoteFile], fetch: Callable[[str], Path]
) -> SubmittedResult:
    """Return a result as it was submitted before, if it was: a second try is made on another day."""
    folder, size = record_folder(result.content), len(canonical_json(result.content)) + 1
    for name in sorted(there):
        if name.rpartition("/")[0] == folder and name.endswith(".json") and there[name].size == size:
            with suppress(DataError):  # what cannot be read is not the same
                content = parse_json(read_bytes(fetch(name), MOST_BYTES), name)
                if isinstance(content, dict) and {**content, "date": ""} == {**result.content, "date": ""}:
                    return replace(result, content=content)
    return result


def _title(results: Sequence[SubmittedResult]) -> str:
    systems = dict.fromkeys(each.system for each in results)
    benchmarks = dict.fromkeys(each.content["benchmark"] for each in results)
    what = "1 result" if len(results) == 1 else f"{len(results)} results"
    return f"{_few(systems)}: {what} on {_few(benchmarks)}"


def _few(names: Mapping[str, None]) -> str:
    first, *more = names
    return f"{first} and {len(more)} more" if more else first


def describe(release: SubmissionRelease) -> str:
    """Say what a submission holds, for its pull request."""
    lines = [
        f"- `{each.path}`: micro-F1 {each.content['scores']['micro']['f1']:.4f}, seed "
        f"{each.content['cell']['seed']}"
        for each in release.new
    ]
    return "\n".join([*lines, "", "Made by `synthner leaderboard submit`, which has verified it."])


def _refused(problems: Sequence[Problem]) -> DataError:
    first, *more = problems
    others = [f"Also: {problem.path}: {problem.message}" for problem in more[: _PROBLEMS_SHOWN - 1]]
    if len(more) >= _PROBLEMS_SHOWN:
        others.append(f"And {len(more) - _PROBLEMS_SHOWN + 1} more.")
    return DataError(
        f"the leaderboard would refuse this: {first.message}",
        where=first.path,
        hint="\n".join(filter(None, [first.hint, *others])) or "Nothing was sent.",
    )


def check_private(content: Mapping[str, Any]) -> None:
    """Refuse a record that says what is nobody's business: a folder of a machine, a token.

    Raises:
        DataError: If it does.
    """
    for keys, text in _texts(content, ()):
        what = "a token" if _TOKEN.search(text) else "a folder of a machine" if _is_local(text) else None
        if what is not None:
            raise DataError(
                f"the record names {what}",
                where=".".join(keys),
                hint="Everybody can read what is submitted: take it out, or give it a name in the release.",
            )


def _texts(value: Any, keys: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        return [(keys, value)]
    inner = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    return [found for key, each in inner for found in _texts(each, (*keys, str(key)))]


def _is_local(text: str) -> bool:
    return (
        PurePath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.startswith(("~/", "./", "../", "file:"))
    )


def results_of(
    names: Sequence[str],
    benchmarks: Benchmarks,
    says: Says,
    *,
    benchmark: str | None = None,
    runs: Callable[[], Path],
) -> list[SubmittedResult]:
    """Return the results that a command names.

    Args:
        names: Folders of runs, their `result.json`, ids of cells, or files of records.
        benchmarks: The benchmarks of the leaderboard.
        says: What the submitter says about runs. A record says that itself.
        benchmark: The benchmark they are of; by default the one with the same gold.
        runs: Gives the folder of runs, where ids of cells are looked for.

    Raises:
        WrongUsageError: If there is no such result or benchmark.
        DataError: If a result cannot be used, or is of other gold.
    """
    found = [_result_named(name, benchmarks, says, benchmark, runs) for name in names]
    return list({result.path: result for result in found}.values())


def _result_named(
    name: str, benchmarks: Benchmarks, says: Says, benchmark: str | None, runs: Callable[[], Path]
) -> SubmittedResult:
    path = Path(name)
    if path.is_file() and path.name != RESULT:
        return _submitted_record(path)
    folder = path if path.is_dir() else path.parent if path.is_file() else find_run(runs(), name).folder
    return submitted_run(folder, benchmarks, says, benchmark)


def submitted_run(
    folder: Path, benchmarks: Benchmarks, says: Says, benchmark: str | None = None
) -> SubmittedResult:
    """Return the result of a run.

    Raises:
        WrongUsageError: If there is no such benchmark.
        DataError: If it cannot be used, or is of other gold.
    """
    result = read_result(folder)
    if not (folder / PREDICTIONS_FILE).is_file():
        raise DataError(
            "the predictions of the run are missing",
            where=str(folder / PREDICTIONS_FILE),
            hint="Delete the folder, and run `synthner evaluate` again.",
        )
    tested = _benchmark_of(result, folder, benchmarks, benchmark)
    cell = result["cell"]
    is_data = says.model is None and cell["source"] != ORGANIC and cell["setting"] != PREDICTIONS
    record = record_of_run(folder, tested.name, says.submission(DATASET if is_data else MODEL))
    return SubmittedResult(record, (folder / PREDICTIONS_FILE).read_bytes())


def _benchmark_of(
    result: Mapping[str, Any], folder: Path, benchmarks: Benchmarks, name: str | None
) -> Benchmark:
    found = result["data"]["test"]["sha256"]
    named = benchmark_named(name, benchmarks) if name is not None else benchmarks.of_test_data(found)
    if named is None or named.sha256 != found:
        which = f"the benchmark `{named.name}`" if named else "any benchmark of the leaderboard"
        raise DataError(
            f"the result is of other gold than {which}: the sha256 of its test sentences is {found}",
            where=str(folder / RESULT),
            hint="Name the benchmark's gold, at its revision and with its entity types, in the release, and "
            f"run `synthner evaluate`. There are: {', '.join(benchmarks.by_name)}.",
        )
    return named


def benchmark_named(name: str, benchmarks: Benchmarks) -> Benchmark:
    """Return a benchmark by its name.

    Raises:
        WrongUsageError: If there is none.
    """
    if name not in benchmarks.by_name:
        raise WrongUsageError(
            f"the leaderboard has no benchmark `{name}`",
            where="--benchmark",
            hint=nearest(name, benchmarks.by_name) or f"There are: {', '.join(benchmarks.by_name)}.",
        )
    return benchmarks.by_name[name]


def _submitted_record(path: Path) -> SubmittedResult:
    """Return a record that was written elsewhere, with the predictions beside it."""
    content = read_record(path, str(path))
    if content["predictions"] is None:
        return SubmittedResult(content, None)
    beside = path.with_suffix(".parquet")
    if not beside.is_file():
        raise DataError(
            "the predictions of the record are missing",
            where=str(beside),
            hint="Put them beside it, under the same name with `.parquet`.",
        )
    predictions = read_submitted(beside, str(beside))
    if sha256(predictions).hexdigest() != content["predictions"]["sha256"]:
        raise DataError(
            "these are not the predictions of the record", where=str(beside), hint="Put the very file there."
        )
    return SubmittedResult(content, predictions)
