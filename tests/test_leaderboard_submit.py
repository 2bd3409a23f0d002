"""Results of an evaluation on a leaderboard: submitted, reviewed, merged, and ranked, on a loopback Hub."""

import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from synthner.cards.kept_text import BEGIN
from synthner.evaluation.content_hash import content_hash
from synthner.evaluation.leaderboard.records import Submission, Submitter, record_hash, record_of_run
from synthner.evaluation.leaderboard.rows import read_rows
from synthner.hub.loopback import Request
from synthner.tests.command_line import Ended, files_in
from synthner.tests.curation_sentences import sentences
from synthner.tests.leaderboard_submitting import (
    BENCHMARK,
    CONFIG,
    GOLD,
    SPLITS,
    SYNTHETIC,
    Submitters,
    copied,
    dataset_files,
    named,
    prepare,
    source_sentences,
)
from synthner.tests.model_pushing import ModelPublisher

pytest_plugins = ["synthner.tests.publishing_fixtures"]

LOST = sys.maxsize


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Submitters]:
    folder = tmp_path_factory.mktemp("submitting")
    with ModelPublisher.on_a_hub(folder) as publisher:
        yield prepare(publisher, folder / "work")


@pytest.fixture
def leaderboard(there: Submitters, repository: str) -> str:
    """Return a leaderboard that no other test uses."""
    return there.begin(repository)


def as_nord(name: str) -> list[str]:
    return ["--organization", "nord", "--name", name]


def test_three_taggers_are_submitted_reviewed_merged_and_ranked(there, leaderboard):
    runs = {
        "crf-gold": there.run("crf", "organic"),
        "crf-synthetic": there.run("crf", "synthetic"),
        "tiny-gold": there.run("tiny", "organic"),
    }
    for name, run in runs.items():
        said = there.submitted(leaderboard, run, *as_nord(name), "--contact", "https://example.org/nord")
        assert (said["opened"], said["merged"]) == (True, False)
        assert [result["benchmark"] for result in said["results"]] == [BENCHMARK]
    assert len(there.requests(leaderboard)) == 3
    assert there.files(leaderboard) == {f"benchmarks/{BENCHMARK}.yaml"}

    said = there.reviewed(leaderboard, "--merge")

    assert [(each["number"], each["merged"], each["problems"]) for each in said["pull_requests"]] == [
        (number, True, []) for number in (1, 2, 3)
    ]
    assert there.requests(leaderboard) == []
    assert len(there.requests(leaderboard, "merged")) == 3
    assert there.publisher.commits(leaderboard)[0] == "Build the leaderboard"
    assert f'load_dataset("{leaderboard}", split="train")' in there.publisher.text(leaderboard, "README.md")
    rows = there.publisher.python(
        f"""
import datasets, json
rows = datasets.load_dataset({leaderboard!r}, "leaderboard", split="train")
names = ("scope", "system", "organization", "status", "kind", "f1", "rank_first", "rank_last")
print(json.dumps([{{name: row[name] for name in names}} for row in rows]))
"""
    )
    ranked = [row for row in rows if row["scope"] == "en"]
    expected = {
        name: json.loads((run / "result.json").read_text(encoding="utf-8"))["scores"]["micro"]["f1"]
        for name, run in runs.items()
    }
    assert {row["system"]: row["f1"] for row in ranked} == pytest.approx(expected)
    assert {(row["status"], row["organization"]) for row in ranked} == {("verified", "nord")}
    assert ranked[0]["system"] == "crf-synthetic"  # data and taggers are ranked each among themselves
    best_first = sorted(ranked[1:], key=lambda row: -row["f1"])
    assert [row["system"] for row in ranked[1:]] == [row["system"] for row in best_first]
    assert [row["rank_first"] for row in ranked] == [1, 1, *(row["rank_first"] for row in best_first[1:])]
    assert {row["system"]: row["kind"] for row in ranked} == {
        "crf-gold": "model",
        "crf-synthetic": "dataset",
        "tiny-gold": "model",
    }
    again = there.reviewed(leaderboard, "--merge")
    assert (again["pull_requests"], again["built"]) == ([], None)


def test_a_submission_names_its_data_and_nothing_of_the_machine(there, leaderboard):
    said = there.submitted(leaderboard, there.run("tiny", "synthetic"), *as_nord("tiny"))

    [name] = [name for name in said["sent"] if name.endswith(".json")]
    text = there.publisher.text(leaderboard, name, "refs/pr/1")
    record = json.loads(text)
    assert name == f"results/nord__tiny/{BENCHMARK}/{record_hash(record)}.json"
    [part] = record["training"]
    assert (part["hub"], part["config"], part["revision"]) == (SYNTHETIC, CONFIG, there.synthetic_commit)
    assert record["cell"]["tagger"]["model"] == "folder:base-model"
    assert str(there.evaluated.folder) not in text
    assert there.bo not in text
    assert there.files(leaderboard, "refs/pr/1") == {
        f"benchmarks/{BENCHMARK}.yaml",
        name,
        name.replace(".json", ".parquet"),
    }


def test_the_same_submission_twice_opens_one_pull_request(there, leaderboard, tmp_path):
    run = there.run("crf", "organic")
    first = there.submitted(leaderboard, run, *as_nord("crf"))
    there.publisher.by_others(leaderboard, {"notes.md": "The main branch goes on."})

    second = there.submitted(leaderboard, run.joinpath("result.json"), *as_nord("crf"))
    assert (second["opened"], second["pull_request"]) == (False, first["pull_request"])

    # The same run on another day: a record is the same but for its date.
    [name] = [name for name in first["sent"] if name.endswith(".json")]
    later = there.record(leaderboard, name, "refs/pr/1") | {"date": "2031-05-04"}
    (tmp_path / "record.json").write_text(json.dumps(later), encoding="utf-8")
    (tmp_path / "record.parquet").write_bytes((run / "predictions.parquet").read_bytes())
    third = there.submitted(leaderboard, tmp_path / "record.json")
    assert (third["opened"], third["pull_request"]) == (False, first["pull_request"])
    assert len(there.requests(leaderboard, None)) == 1
    shown = there.submit(leaderboard, run, *as_nord("crf"))
    assert f"It is open already: {first['pull_request']}\nnord/crf: 1 result on {BENCHMARK}" in shown.stdout

    reviewed = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard, "--merge")
    assert f"1 open pull request on {leaderboard}." in reviewed.stdout
    assert f"{first['pull_request']}: right, and merged" in reviewed.stdout
    for submission in ([run, *as_nord("crf")], [tmp_path / "record.json"]):
        merged = there.submitted(leaderboard, *submission)
        assert (merged["merged"], merged["opened"], merged["pull_request"]) == (True, False, None)
    shown = there.submit(leaderboard, run, *as_nord("crf"))
    assert "has this result already" in shown.stdout
    assert len(there.requests(leaderboard, None)) == 1


def test_of_several_results_only_those_are_sent_that_are_not_open(there, leaderboard):
    gold, tiny, synthetic = (
        there.run(tagger, source)
        for tagger, source in (("crf", "organic"), ("tiny", "organic"), ("crf", "synthetic"))
    )
    both = there.submitted(leaderboard, gold, tiny, *as_nord("all"))

    one = there.submitted(leaderboard, tiny, *as_nord("all"))
    planned = there.submitted(leaderboard, tiny, *as_nord("all"), "--dry-run")
    for said in (one, planned):
        assert (said["opened"], said["merged"], said["pull_request"]) == (False, False, both["pull_request"])
        assert said["sent"] == []
    shown = there.submit(leaderboard, tiny, *as_nord("all")).stdout
    assert f"It is open already: {both['pull_request']}\nnord/all: 1 result on {BENCHMARK}" in shown
    assert "nothing was sent" in shown
    more = there.submitted(leaderboard, gold, synthetic, *as_nord("all"))

    assert more["opened"] is True
    assert [each["pull_request"] for each in more["results"]] == [both["pull_request"], more["pull_request"]]
    assert set(more["sent"]).isdisjoint(both["sent"])
    assert [each.title for each in there.requests(leaderboard)] == [
        f"nord/all: 1 result on {BENCHMARK}",
        f"nord/all: 2 results on {BENCHMARK}",
    ]
    reviewed = there.reviewed(leaderboard, "--merge")["pull_requests"]
    assert [each["merged"] for each in reviewed] == [True, True]
    assert {*both["sent"], *more["sent"]} < there.files(leaderboard)


def test_a_pull_request_that_changes_more_than_results_is_no_submission(there, leaderboard):
    run = there.run("crf", "organic")
    first = there.submitted(leaderboard, run, *as_nord("crf"))
    there.propose(leaderboard, {"README.md": b"# Ours is the best"}, revision="refs/pr/1")

    second = there.submitted(leaderboard, run, *as_nord("crf"))

    assert second["opened"] is True
    assert second["sent"] == first["sent"]
    reviewed = there.reviewed(leaderboard, "--merge")["pull_requests"]
    assert [each["merged"] for each in reviewed] == [False, True]


def test_a_tampered_pull_request_is_answered_once_and_stays_open(there, leaderboard):
    run = there.run("crf", "organic")
    forged = record_of_run(run, BENCHMARK, Submission("model", Submitter("nord", "forged"), "2026-04-01"))
    forged["scores"]["micro"] = {"precision": 1, "recall": 1, "f1": 1}
    files = named(forged)
    [path] = files
    files[path.replace(".json", ".parquet")] = (run / "predictions.parquet").read_bytes()
    files["README.md"] = b"# Ours is the best"
    files["setup.py"] = b"raise SystemExit('run')"
    proposed = there.propose(leaderboard, files, commit_description="$(touch escaped) `touch escaped`")
    before = there.publisher.commits(leaderboard)
    since = len(there.publisher.hub.requests)

    there.reviewed(leaderboard)
    [first] = there.reviewed(leaderboard)["pull_requests"]

    assert (first["answered"], first["merged"], first["acceptable"]) == (False, False, False)
    assert {problem["path"] for problem in first["problems"]} == {path, "README.md", "setup.py"}
    [answer] = there.comments(leaderboard, proposed.pr_num)
    assert "micro.f1 is claimed to be 1" in answer
    assert first["commit"] in answer
    downloaded = [each.path for each in there.publisher.calls("resolve", since=since)]
    of_theirs = [each for each in downloaded if first["commit"] in each]
    assert of_theirs
    assert not [each for each in of_theirs if "setup" in each or "README" in each]
    assert there.publisher.commits(leaderboard) == before

    said = there.submitted(leaderboard, run, *as_nord("honest"), "--dry-run")
    assert said["pull_request"] is None
    there.submitted(leaderboard, run, *as_nord("honest"))
    there.propose(leaderboard, {"setup.py": b"again"}, revision=f"refs/pr/{proposed.pr_num}")
    said = there.reviewed(leaderboard, "--merge")
    assert [each["merged"] for each in said["pull_requests"]] == [False, True]
    assert len(there.comments(leaderboard, proposed.pr_num)) == 2
    assert [each.num for each in there.requests(leaderboard)] == [proposed.pr_num]
    assert not {"setup.py", path} & there.files(leaderboard)


def test_a_pull_request_that_cannot_be_verified_holds_up_no_other_one(there, leaderboard):
    run = there.run("crf", "organic")
    benchmark = yaml.safe_load(there.publisher.text(leaderboard, f"benchmarks/{BENCHMARK}.yaml", "main"))
    broken = yaml.safe_dump({**benchmark, "sha256": "0" * 64}, allow_unicode=True)
    there.publisher.by_others(leaderboard, {"benchmarks/broken.yaml": broken})
    files = named(record_of_run(run, "broken", Submission("model", Submitter("nord", "crf"), "2026-04-01")))
    [path] = files
    files[path.replace(".json", ".parquet")] = (run / "predictions.parquet").read_bytes()
    stuck = there.propose(leaderboard, files)
    there.submitted(leaderboard, run, *as_nord("crf"))

    ended = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard, "--merge", "--json")

    assert (ended.status, ended.stderr) == (1, "")
    first, second = ended.json["pull_requests"]
    assert (first["acceptable"], first["answered"], first["merged"]) == (False, False, False)
    assert "gold is not what it was when the benchmark was made" in first["not_verified"]
    assert "benchmarks/broken.yaml" in first["not_verified"]
    assert tempfile.gettempdir() not in first["not_verified"]
    assert (second["merged"], second["not_verified"]) == (True, None)
    assert ended.json["built"]
    assert there.comments(leaderboard, stuck.pr_num) == []
    told = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard)
    assert told.status == 1
    assert "could not be verified, and was not answered: benchmarks/broken.yaml: gold is not" in told.stdout

    mended = there.publisher.by_others(
        leaderboard, {"benchmarks/broken.yaml": yaml.safe_dump(benchmark, allow_unicode=True)}
    )
    assert mended
    [said] = there.reviewed(leaderboard)["pull_requests"]
    assert (said["answered"], said["acceptable"]) == (True, True)


def test_a_leaderboard_that_cannot_be_built_is_said_beside_what_was_reviewed(there, leaderboard):
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    there.reviewed(leaderboard, "--merge")
    there.publisher.by_others(leaderboard, {f"benchmarks/{BENCHMARK}.yaml": "no benchmark"})
    there.propose(leaderboard, {"setup.py": b"raise SystemExit('run')"})

    ended = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard, "--merge", "--json")

    assert (ended.status, ended.stderr) == (1, "")
    [said] = ended.json["pull_requests"]
    assert f"benchmarks/{BENCHMARK}.yaml" in said["not_verified"]
    assert ended.json["not_built"].startswith(f"benchmarks/{BENCHMARK}.yaml")
    assert ended.json["built"] is None


def test_a_card_that_cannot_be_written_anew_is_named(there, leaderboard):
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    there.publisher.by_others(leaderboard, {"README.md": f"{BEGIN}\nand no end"})

    ended = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard, "--merge", "--json")

    assert (ended.status, ended.stderr) == (1, "")
    assert [each["merged"] for each in ended.json["pull_requests"]] == [True]
    assert ended.json["not_built"].startswith("README.md: the card has only one of the two lines")


def test_nobody_takes_a_result_of_others_off_the_leaderboard(there, leaderboard, tmp_path):
    run = there.run("crf", "organic")
    said = there.submitted(leaderboard, run, *as_nord("crf"))
    claimed = record_of_run(run, BENCHMARK, Submission("model", Submitter("nord", "claimed"), "2026-04-01"))
    claim = named({**claimed, "predictions": None})
    there.propose(leaderboard, claim)
    there.reviewed(leaderboard, "--merge")
    [predictions] = [name for name in said["sent"] if name.endswith(".parquet")]
    [beside] = [name.replace(".json", ".parquet") for name in claim]

    for name in (predictions, beside):
        there.propose(leaderboard, {name: b"PAR1 and nothing else"}, token=there.eve)
    reviewed = there.reviewed(leaderboard, "--merge")

    assert [each["merged"] for each in reviewed["pull_requests"]] == [False, False]
    assert [each["problems"][0]["message"] for each in reviewed["pull_requests"]] == [
        "the result is changed",
        "the submission has no record for these predictions",
    ]
    assert reviewed["left_out"] == []
    (tmp_path / "rows.parquet").write_bytes(there.content(leaderboard, "leaderboard.parquet", "main"))
    rows = read_rows(tmp_path / "rows.parquet")
    assert {row.system: row.status for row in rows} == {"crf": "verified", "claimed": "self-reported"}


def test_what_is_right_waits_where_its_author_speaks_for_others(there, leaderboard):
    run = there.run("crf", "organic")
    there.submitted(leaderboard, run, *as_nord("crf"), token=there.eve)

    [said] = there.reviewed(leaderboard, "--merge")["pull_requests"]

    assert (said["acceptable"], said["merged"]) == (True, False)
    assert "not seen to belong to nord" in said["held"]
    [answer] = there.comments(leaderboard, 1)
    assert "not seen to belong to nord" in answer


def test_a_check_that_is_ended_by_what_it_reads_holds_up_no_other(there, leaderboard):
    for name in ("deadly", "harmless"):
        there.submitted(leaderboard, there.run("crf", "organic"), *as_nord(name))
    answers: list[Any] = []
    reviewing = Thread(target=lambda: answers.append(there.reviewed(leaderboard, "--merge")))

    reviewing.start()
    until = time.monotonic() + 120
    while not (checking := _checking_processes()) and time.monotonic() < until:
        time.sleep(0.02)
    for process in checking:
        os.kill(process, signal.SIGKILL)
    reviewing.join()

    [said] = answers
    assert [each["merged"] for each in said["pull_requests"]] == [False, True]
    assert "was ended by what it read" in said["pull_requests"][0]["problems"][0]["message"]
    assert "was ended by what it read" in there.comments(leaderboard, 1)[0]
    assert there.reviewed(leaderboard, "--merge")["pull_requests"][0]["merged"] is True


def _checking_processes() -> list[int]:
    """Return the processes that verify a pull request for a process of this test's."""
    parents, spawned = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if b"spawn_main" in (folder / "cmdline").read_bytes():
                spawned.append(int(folder.name))

    def is_ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and is_ours(parents[process]))

    return [process for process in spawned if is_ours(process)]


def test_a_pull_request_behind_main_is_judged_by_what_it_changes(there, leaderboard):
    opened = there.submitted(leaderboard, there.run("crf", "synthetic"), *as_nord("late"))
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("early"))
    there.publisher.by_others(leaderboard, {"notes.md": "The main branch goes on."})
    there.propose(
        leaderboard, {name: there.content(leaderboard, name, "refs/pr/1") for name in opened["sent"]}
    )

    said = there.reviewed(leaderboard, "--merge")["pull_requests"]

    assert [each["merged"] for each in said] == [True, True, False]
    assert "this changes nothing" in said[2]["problems"][0]["message"]
    assert "notes.md" in there.files(leaderboard)


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("commit", {"after_bytes": LOST}),
        ("commit", {"status": 503}),
        ("pull-request", {"status": 429, "retry_after": 0}),
        ("lfs-upload", {"after_bytes": 10}),
    ],
    ids=["the answer is lost", "the Hub is busy", "too many calls", "an upload is cut"],
)
def test_a_submission_survives_a_bad_connection(there, leaderboard, kind, failure):
    there.publisher.hub.fail(kind, **failure)

    said = there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))

    assert said["opened"] is True
    assert len(there.requests(leaderboard, None)) == 1


def test_a_submission_that_failed_goes_on_when_it_is_made_again(there, leaderboard):
    there.publisher.hub.fail("commit", status=503, times=5, retry_after=0)
    run = there.run("crf", "organic")
    assert "503" in there.not_submitted(leaderboard, run, *as_nord("crf"))

    assert there.submitted(leaderboard, run, *as_nord("crf"))["opened"] is True
    assert len(there.requests(leaderboard, None)) == 1


def test_a_review_survives_lost_answers(there, leaderboard):
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    hub = there.publisher.hub
    hub.fail("pull-request", hang=0, times=2)  # the list, and the comments
    hub.fail("pull-request", after_bytes=LOST)  # the comment that is written
    hub.fail("merge", after_bytes=LOST)

    [said] = there.reviewed(leaderboard, "--merge")["pull_requests"]

    assert said["merged"] is True
    assert len(there.comments(leaderboard, 1)) == 1
    assert len(there.requests(leaderboard, "merged")) == 1


def test_a_review_that_ended_before_it_built_builds_the_next_time(there, leaderboard):
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    there.publisher.hub.fail("commit", status=503, times=5, retry_after=0)
    ended = there.publisher.synthner("leaderboard", "review", "--repo", leaderboard, "--merge")
    assert ended.status == 1

    said = there.reviewed(leaderboard, "--merge")

    assert said["pull_requests"] == []
    assert said["built"] is not None
    assert "leaderboard.parquet" in there.files(leaderboard)


def test_a_pull_request_that_was_changed_after_it_was_read_is_not_merged(there, leaderboard):
    there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    said = there.publisher.python(
        f"""
import io, json
from huggingface_hub import CommitOperationAdd, HfApi
from synthner.hub.pull_requests import ChangedPullRequestError, PullRequests
from synthner.hub.repository import Repository
requests = PullRequests(Repository({leaderboard!r}))
[found] = requests.open()
HfApi().create_commit({leaderboard!r}, [CommitOperationAdd("late.txt", b"late")], commit_message="Late",
                      repo_type="dataset", revision="refs/pr/1")
try:
    requests.merge(found)
    print(json.dumps("merged"))
except ChangedPullRequestError as error:
    print(json.dumps(error.message))
"""
    )
    assert said == "it was changed after it was read"
    assert "late.txt" not in there.files(leaderboard)


def test_what_is_pushed_while_a_pull_request_is_merged_is_taken_back(there, leaderboard):
    opened = there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    hub = there.publisher.hub
    hub.fail("merge", hang=6)
    since = len(hub.requests)
    answers: list[Ended] = []
    review = ["leaderboard", "review", "--repo", leaderboard, "--merge"]
    reviewing = Thread(target=lambda: answers.append(there.publisher.synthner(*review)))

    reviewing.start()
    until = time.monotonic() + 120
    while not _looked_at_its_commit(hub.requests[since:]) and time.monotonic() < until:
        time.sleep(0.05)
    late = {"late.txt": b"late", f"benchmarks/{BENCHMARK}.yaml": b"title: mine"}
    there.propose(leaderboard, late, revision="refs/pr/1")
    reviewing.join()

    [ended] = answers
    assert ended.status == 1
    assert "what was merged is not all that was verified; the rest was taken back" in ended.stderr
    assert there.files(leaderboard) == {f"benchmarks/{BENCHMARK}.yaml", *opened["sent"]}
    assert "Letters from the towns" in there.publisher.text(leaderboard, f"benchmarks/{BENCHMARK}.yaml")


def _looked_at_its_commit(requests: Sequence[Request]) -> bool:
    """Say whether a review has answered, and looked once more at the newest commit of the pull request."""
    answered = [place for place, each in enumerate(requests) if each.path.endswith("/comment")]
    return bool(answered) and any(
        each.kind == "info" and "refs%2Fpr%2F1" in each.path for each in requests[answered[0] :]
    )


def test_what_is_wrong_is_said_before_anything_is_sent(there, leaderboard, tmp_path):
    run = there.run("crf", "organic")
    without = copied(run, tmp_path / "without")
    (without / "predictions.parquet").unlink()
    other = copied(run, tmp_path / "other")
    result = json.loads((other / "result.json").read_text(encoding="utf-8"))
    result["data"]["test"]["sha256"] = "0" * 64
    (other / "result.json").write_text(json.dumps(result), encoding="utf-8")
    said = as_nord("crf")

    for arguments, status, message in (
        ([run, *said, "--benchmark", "englsh"], 2, "no benchmark `englsh`"),
        ([other, *said], 1, "of other gold than any benchmark"),
        ([other, *said, "--benchmark", BENCHMARK], 1, "of other gold than the benchmark `english`"),
        ([without, *said], 1, "the predictions of the run are missing"),
        ([run, *said, "--model", "nord/missing"], 1, "no such repository"),
        (["--model", "nord/missing", "--benchmark", BENCHMARK], 1, "no such repository"),
        (["--dataset", "nord/missing", "--benchmark", BENCHMARK], 1, "no such repository"),
        ([run, "--organization", "nord"], 2, "what the system is called"),
        ([run, "--name", "crf", "--cost", "3"], 2, "--cost and --currency"),
        ([run, *said, "--cost", "nan", "--currency", "EUR"], 1, "cost.amount: this is no number"),
        (["--benchmark", BENCHMARK], 2, "nothing to submit"),
        (["ffff", *said, "--release", there.evaluated.folder], 2, "no cell `ffff`"),
    ):
        assert message in there.not_submitted(leaderboard, *arguments, status=status), arguments
    assert "not logged in" in there.not_submitted(leaderboard, run, *said, token=" ")
    assert "no such leaderboard" in there.not_submitted("acme/missing", run, *said)
    assert "no leaderboard: it has no benchmark" in there.not_submitted(SYNTHETIC, run, *said)
    assert there.requests(leaderboard, None) == []


def test_what_the_leaderboard_would_refuse_is_not_sent(there, leaderboard, tmp_path):
    said = there.submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    [name] = [name for name in said["sent"] if name.endswith(".json")]
    record = there.record(leaderboard, name, "refs/pr/1")
    predictions = (there.run("crf", "organic") / "predictions.parquet").read_bytes()
    claims = {**record, "scores": {**record["scores"], "micro": {"precision": 1, "recall": 1, "f1": 1}}}
    local = {**record, "cell": {**record["cell"], "source": str(tmp_path)}}
    for changed, message in (
        (claims, "the leaderboard would refuse this: micro.f1 is claimed to be 1"),
        (local, "cell.source: the record names a folder of a machine"),
    ):
        (tmp_path / "record.json").write_text(json.dumps(changed), encoding="utf-8")
        (tmp_path / "record.parquet").write_bytes(predictions)
        assert message in there.not_submitted(leaderboard, tmp_path / "record.json")
    (tmp_path / "record.parquet").unlink()
    assert "are missing" in there.not_submitted(leaderboard, tmp_path / "record.json")
    assert len(there.requests(leaderboard, None)) == 1


def test_a_model_that_synthner_has_pushed_is_tested_where_it_is(there, leaderboard, repository):
    run = there.run("tiny", "organic")
    model = f"nord/{repository.rpartition('/')[2]}-model"
    ended = there.publisher.synthner(
        "push-model", run.name, "--to", model, "--release", str(there.evaluated.folder), HF_TOKEN=there.bo
    )
    assert ended.status == 0, ended.stderr

    said = there.submitted(leaderboard, "--model", model, "--benchmark", BENCHMARK)

    [name] = [name for name in said["sent"] if name.endswith(".json")]
    record = there.record(leaderboard, name, "refs/pr/1")
    assert record["model"]["id"] == model
    assert record["model"]["revision"] == there.publisher.api.model_info(model).sha
    assert record["cell"]["tagger"]["model"] == "folder:base-model"
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert record["scores"]["micro"] == result["scores"]["micro"]
    assert record["training"][0]["sha256"] == result["data"]["train"][0]["sha256"]
    [for_the_model] = said["hub"]
    [[entry]] = for_the_model["eval_results"].values()
    assert entry["value"] == round(result["scores"]["micro"]["f1"], 4)
    pushed = yaml.safe_load(there.publisher.model_text(model, ".eval_results/gold.yaml"))
    assert [entry["dataset"]] == [each["dataset"] for each in pushed]
    assert for_the_model["model_index"][0]["results"][0]["metrics"][0]["value"] == entry["value"]
    [merged] = there.reviewed(leaderboard, "--merge")["pull_requests"]
    assert merged["merged"] is True


FOREIGN = """
from pathlib import Path
from huggingface_hub import HfApi
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder
labels = {labels!r}
save_tiny_encoder(Path({folder!r}), [each.tokens for each in sentences(60, name="words")], labels=labels)
if {pickled!r}:
    Path({folder!r}, "model.safetensors").rename(Path({folder!r}, "pytorch_model.bin"))
HfApi().create_repo({model!r})
HfApi().upload_folder(repo_id={model!r}, folder_path={folder!r})
print("[]")
"""


@pytest.mark.parametrize(
    ("labels", "pickled", "message"),
    [
        (["O", "B-PERSON", "I-PERSON", "B-Location", "I-Location", "B-WORK"], False, None),
        (["O", "B-WORK", "I-WORK"], False, "the model predicts WORK, and the benchmark has PER, LOC"),
        (["LABEL_0", "LABEL_1"], False, "is no IOB2 label"),
        (["O", "B-PER", "I-PER"], True, "the weights are pickled|no weights as safetensors"),
    ],
    ids=["other names", "other types", "no labels", "pickled"],
)
def test_a_model_of_others_is_tested_with_the_benchmarks_types(
    there, leaderboard, tmp_path, labels, pickled, message
):
    model = f"nord/{tmp_path.name}"
    there.publisher.python(
        FOREIGN.format(labels=labels, folder=str(tmp_path / "model"), pickled=pickled, model=model),
        HF_TOKEN=there.bo,
    )
    if message is not None:
        refusal = there.not_submitted(leaderboard, "--model", model, "--benchmark", BENCHMARK)
        assert re.search(message, refusal)
        assert model in refusal
        assert there.requests(leaderboard, None) == []
        return

    said = there.submitted(leaderboard, "--model", model, "--benchmark", BENCHMARK)

    [name] = [name for name in said["sent"] if name.endswith(".json")]
    record = there.record(leaderboard, name, "refs/pr/1")
    assert (record["cell"]["setting"], record["cell"]["source"]) == ("predictions", model)
    assert sum(figures["predicted"] for figures in record["scores"]["per_type"].values()) > 0
    assert there.reviewed(leaderboard, "--merge")["pull_requests"][0]["merged"] is True


def test_a_dataset_on_the_hub_is_tested_with_standard_taggers(there, leaderboard):
    arguments = ["--dataset", SYNTHETIC, "--config", CONFIG, "--benchmark", BENCHMARK, *as_nord("small")]
    ended = there.submit(leaderboard, *arguments, "--dry-run", "--json")
    assert ended.status == 0, ended.stderr
    assert ended.json["pull_request"] is None

    said = there.submitted(leaderboard, *arguments)

    [name] = [name for name in said["sent"] if name.endswith(".json")]
    record = there.record(leaderboard, name, "refs/pr/1")
    assert (record["kind"], record["cell"]["setting"], record["cell"]["size"]) == ("dataset", "scratch", 100)
    [part] = record["training"]
    assert (part["hub"], part["config"], part["sentences"]) == (SYNTHETIC, CONFIG, 30)
    assert part["revision"] == there.synthetic_commit


def test_a_dataset_with_test_sentences_is_refused_before_taggers_are_trained(
    there, leaderboard, repository, tmp_path
):
    dataset = f"acme/{repository.rpartition('/')[2][:60].strip('-')}-leak"
    there.publisher.api.create_repo(dataset, repo_type="dataset")
    leaking = [*source_sentences(), *sentences(20, name="test")[:3]]
    there.publisher.by_others(dataset, dataset_files(tmp_path / "leak", CONFIG, {"train": leaking}))

    refusal = there.not_submitted(
        leaderboard, "--dataset", dataset, "--config", CONFIG, "--benchmark", BENCHMARK, *as_nord("leak")
    )

    assert "3 of 20 test sentences are in this data" in refusal
    assert dataset in refusal


def test_a_benchmark_of_another_split_takes_no_result_on_test_and_trains_nothing(there, repository):
    gold = {"hub": GOLD, "config": "default", "split": "validation", "revision": there.gold_commit}
    validation = sentences(SPLITS["validation"], name="validation")
    leaderboard = there.begin(repository, gold=gold, sha256=content_hash(tuple(validation)))

    run = there.not_submitted(leaderboard, there.run("crf", "organic"), *as_nord("crf"))
    assert "of other gold than any benchmark" in run

    # It is said before the dataset, which has no such config, is looked at.
    arguments = ["--dataset", SYNTHETIC, "--config", "none", "--benchmark", BENCHMARK, *as_nord("small")]
    refusal = there.not_submitted(leaderboard, *arguments)
    assert "the benchmark tests on the split `validation`" in refusal
    assert "Run `synthner evaluate` with a release of your own" in refusal


def test_a_leaderboard_to_start_from_is_one(there, tmp_path):
    ended = there.publisher.synthner("leaderboard", "init", str(tmp_path / "new"), "--json")
    assert ended.status == 0, ended.stderr
    files = set(files_in(tmp_path / "new"))
    assert set(ended.json["files"]) == files
    assert files == {
        ".github/workflows/leaderboard.yml",
        ".gitignore",
        "README.md",
        "benchmarks/example.yaml",
        "leaderboard.parquet",
    }
    assert there.publisher.synthner("leaderboard", "verify", str(tmp_path / "new")).status == 0
    assert there.publisher.synthner("leaderboard", "init", str(tmp_path / "new")).status == 2
