"""The generate stage: nothing is asked twice, whatever happens in between."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from synthner.generation import journal_file
from synthner.generation.calls import Call, Reply
from synthner.generation.engines.committing import Committing
from synthner.generation.generate import generate, status
from synthner.generation.journal import Journal, Progress
from synthner.generation.plan import plan_summary, planned_calls
from synthner.generation.watching import Unwatched
from synthner.release import Release
from synthner.schema.errors import DataError, EngineError, ReleaseError, WrongUsageError
from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.in_process import done
from synthner.tests.small_release import server_settings, write_release

# `generate` in a process of its own, which tests can stop in every way a process can be stopped.
SCRIPT = """
import sys
from pathlib import Path
from synthner.generation.generate import generate
from synthner.generation.watching import Unwatched
from synthner.release import read_release

class Telling(Unwatched):
    def stopping(self, under_way):
        print("stopping", under_way, flush=True)

try:
    generate(read_release(Path(sys.argv[1])), watcher=Telling())
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")


@pytest.fixture
def server():
    with ChatServer() as started:
        yield started


def start(release: Release) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(release.path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def release_for(folder: Path, server: ChatServer, calls: int = 12, **settings) -> Release:
    settings = {"openai": {"concurrency": 2}} | settings
    return write_release(folder, {"gpt": server_settings(server.base_url, calls, **settings)})


def answered(release: Release, config: str = "da_gpt") -> list[int]:
    with Journal(release.journal) as kept:
        return [call.index for call, reply in kept.answers(config) if reply and reply.error is None]


def lost_attempts(release: Release) -> list[int]:
    with Journal(release.journal) as kept:
        replies = [reply for _, reply in kept.answers("da_gpt") if reply]
    return [reply.lost_attempts for reply in replies if reply.lost_attempts]


def prompts(server: ChatServer) -> list[str]:
    return [request.json["messages"][1]["content"] for request in server.received]


def test_a_finished_run_asks_nothing_and_needs_no_key(tmp_path, server, monkeypatch):
    release = release_for(tmp_path, server)
    assert generate(release).answered == 12
    monkeypatch.setenv("OPENAI_API_KEY", "")

    again = generate(release)

    assert again.answered == 0
    assert again.configs["da_gpt"].splits == {"train": Progress(12, 12, 0)}
    assert len(server.received) == len(set(prompts(server))) == 12


def test_after_kill_9_a_second_run_asks_for_exactly_the_rest(tmp_path, server):
    server.hold_from = 5
    release = release_for(tmp_path, server)
    with start(release) as process:
        # Both workers wait for an answer, so each has kept every answer it got before.
        server.wait_for(7)
        process.kill()
    assert len(answered(release)) == 5
    first_run = set(prompts(server)[:5])
    server.let_go.set()

    summary = generate(release)

    assert summary.answered == 7
    assert len(server.received) == 7 + 7
    assert first_run.isdisjoint(prompts(server)[7:])
    assert answered(release) == list(range(12))


def test_the_first_interrupt_waits_for_what_is_under_way(tmp_path, server):
    server.hold_from = 5
    release = release_for(tmp_path, server)
    with start(release) as process:
        assert process.stdout
        server.wait_for(7)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping 2\n"
        server.let_go.set()
        output, errors = process.communicate(timeout=20)

    assert (process.returncode, output) == (130, "interrupted\n"), errors
    assert len(server.received) == len(answered(release)) == 7
    assert generate(release).answered == 5
    assert len(server.received) == 12


def test_the_second_interrupt_waits_for_nothing(tmp_path, server):
    server.hold_from = 5
    release = release_for(tmp_path, server)
    with start(release) as process:
        assert process.stdout
        server.wait_for(7)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping 2\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)

    assert (process.returncode, output) == (130, "interrupted\n"), errors
    assert len(answered(release)) == 5
    # They may be paid for, and that is told.
    assert lost_attempts(release) == [1, 1]


def test_an_attempt_that_was_lost_is_told_though_the_run_stops_before_another_one(tmp_path, server):
    server.fault = lambda number: Fault(drop=True) if number == 0 else refusal(401, "no such key")
    release = release_for(tmp_path, server, openai={"concurrency": 1})

    with pytest.raises(EngineError, match="does not accept the key"):
        generate(release)

    assert lost_attempts(release) == [1]


def test_what_is_under_way_is_kept_though_the_rest_of_the_plan_cannot_be_read(tmp_path, server):
    release = release_for(tmp_path, server, calls=300, openai={"concurrency": 300})

    def damage_the_plan(number):
        if number == 0:
            with sqlite3.connect(release.journal) as database:
                database.execute("UPDATE plan SET seed_ids = 'damaged' WHERE number >= 256")
        return Fault(body=completion(), stall=0.5 if number > 100 else 0)

    server.fault = damage_the_plan

    with pytest.raises(ValueError, match="Expecting value"):
        generate(release)

    with sqlite3.connect(release.journal) as database:
        (kept,) = database.execute("SELECT count(*) FROM replies WHERE error IS NULL").fetchone()
    assert kept == len(server.received) > 100


def test_a_reply_that_could_not_be_kept_is_kept_when_it_can_be(tmp_path, server, monkeypatch):
    monkeypatch.setattr(journal_file, "BUSY_SECONDS", 0.1)
    server.hold_from = 0
    server.fault = lambda number: Fault(body=completion(), stall=1.5) if number else None
    release = release_for(tmp_path, server)
    with ThreadPoolExecutor(1) as pool:
        generating = pool.submit(generate, release)
        server.wait_for(2)
        with closing(sqlite3.connect(release.journal, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            server.let_go.set()
            time.sleep(0.7)
            other.execute("ROLLBACK")
        with pytest.raises(DataError, match="locked"):
            generating.result(20)

    assert answered(release) == [0, 1]


def test_whoever_does_not_wait_loses_nothing_that_could_not_be_written_just_then(tmp_path, server):
    release = release_for(tmp_path, server, calls=1)
    with Journal(release.journal) as kept:
        ((config, calls),) = planned_calls(release, list(release.configs))
        kept.plan(config.name, calls)
        (call,) = kept.pending(config.name)
        reply = Reply("{}", "{}", None, {}, "stop", None, 1.0, 2.0)
        committing = Committing(_Late(kept))

        async def give_up() -> None:
            keeping = asyncio.create_task(committing.keep(call, reply))
            await asyncio.sleep(0.1)
            keeping.cancel()
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(give_up())
        committing.commit_the_rest()

    assert answered(release) == [0]


class _Late:
    """Keeps replies in a journal whose disk is full at first."""

    def __init__(self, kept: Journal) -> None:
        self._kept = kept
        self._is_full = True

    def __call__(self, call: Call, reply: Reply) -> None:
        self.many([(call, reply)])

    def many(self, replies: Sequence[tuple[Call, Reply]]) -> None:
        if self._is_full:
            time.sleep(0.3)
            self._is_full = False
            raise DataError("the disk is full")
        for call, reply in replies:
            self._kept.record(call, reply)


def test_interrupts_in_haste_lose_no_answer(tmp_path, server):
    server.fault = lambda number: Fault(body=completion(), stall=0.05 * (number % 7))
    release = release_for(tmp_path, server, calls=400, openai={"concurrency": 64})
    process = start(release)
    server.wait_for(100)
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    process.communicate(timeout=30)

    assert len(answered(release)) + sum(lost_attempts(release)) >= len(server.received)


def test_an_interrupt_ends_the_wait_before_a_further_attempt(tmp_path, server):
    server.fault = lambda _number: refusal(429, "slow down", Retry_After="300")
    release = release_for(tmp_path, server)
    with start(release) as process:
        server.wait_for(2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert process.returncode == 130
    assert answered(release) == []
    with Journal(release.journal) as kept:
        assert kept.progress("da_gpt") == {"train": Progress(12, 0, 0)}


def test_a_run_that_must_stop_takes_in_what_is_under_way(tmp_path, server):
    def fault(number):
        if number == 0:
            server.wait_for(2)
            time.sleep(0.3)
            return None
        return refusal(404, "no such model")

    server.fault = fault
    release = release_for(tmp_path, server)

    with pytest.raises(EngineError, match="no such model"):
        generate(release)

    assert len(server.received) == 2
    assert len(answered(release)) == 1


def test_two_runs_at_once_do_not_pay_twice(tmp_path, server):
    server.hold_from = 0
    release = release_for(tmp_path, server)
    with start(release) as process:
        server.wait_for(2)
        with pytest.raises(DataError, match=f"process {process.pid} is generating"):
            generate(release)
        server.let_go.set()
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert len(server.received) == 12


def test_a_run_that_cannot_keep_an_answer_stops_paying(tmp_path, server):
    server.answer = lambda _number: completion("x" * 200_000)
    release = release_for(tmp_path, server, calls=40, openai={"concurrency": 1})
    full_disk = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
    command = [sys.executable, "-c", full_disk + SCRIPT, str(release.path)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert ended.returncode == 1
    assert "the journal cannot be used" in ended.stderr
    kept = len(answered(release))
    assert 0 < kept < 10
    assert len(server.received) == kept + 1
    assert generate(release).answered == 40 - kept


@pytest.fixture
def says_full(monkeypatch):
    """Make the system say that nothing is free on any disk."""

    def say() -> None:
        usage = shutil.disk_usage("/")._replace(free=0)
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)

    return say


def test_before_the_disk_is_full_nothing_more_is_asked_and_what_is_under_way_is_kept(
    tmp_path, server, says_full
):
    def fill_up(number):
        if number == 3:
            says_full()

    server.fault = fill_up
    release = release_for(tmp_path, server)
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, limits[1]))
    try:
        with pytest.raises(DataError, match="the disk is nearly full"):
            generate(release)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert 4 <= len(server.received) == len(answered(release)) <= 5


def test_a_disk_that_does_not_know_what_is_free_is_not_taken_for_full(tmp_path, server, says_full):
    says_full()
    release = release_for(tmp_path, server)

    assert generate(release).answered == 12
    assert not [path for path in release.journal.parent.iterdir() if "journal" not in path.name]


def test_on_a_full_disk_as_much_is_kept_as_there_is_room_for(tmp_path, server):
    """All answers come at once: together they have no room, some of them have."""
    server.answer = lambda _number: completion("x" * 200_000)
    server.hold_from = 0
    release = release_for(tmp_path, server, calls=40, openai={"concurrency": 40})
    full_disk = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))\n"
    with subprocess.Popen(
        [sys.executable, "-c", full_disk + SCRIPT, str(release.path)], stderr=subprocess.PIPE, text=True
    ) as process:
        server.wait_for(40)
        server.let_go.set()
        _, errors = process.communicate(timeout=30)

    assert "the journal cannot be used" in errors
    assert len(answered(release)) > 3


def test_renaming_a_generator_pays_nothing(tmp_path, server):
    generate(release_for(tmp_path, server))
    renamed = write_release(tmp_path, {"gpt-renamed": server_settings(server.base_url, 12)})

    summary = generate(renamed)

    assert summary.answered == 0
    assert summary.configs["da_gpt-renamed"].splits == {"train": Progress(12, 12, 0)}
    assert len(server.received) == 12


def test_raising_k_pays_only_for_the_difference(tmp_path, server):
    generate(release_for(tmp_path, server, 5))

    summary = generate(release_for(tmp_path, server, 9))

    assert summary.answered == 4
    assert len(set(prompts(server))) == len(server.received) == 9


def test_another_temperature_asks_anew_and_the_former_answers_stay(tmp_path, server):
    generate(release_for(tmp_path, server, 5))
    assert generate(release_for(tmp_path, server, 5, sampling={"temperature": 0.5})).answered == 5

    assert generate(release_for(tmp_path, server, 5)).answered == 0


def test_the_plan_tells_of_answers_that_a_change_would_leave_unused(tmp_path, server):
    generate(release_for(tmp_path, server))
    assert plan_summary(release_for(tmp_path, server, calls=20)).configs["da_gpt"].set_aside == 0

    hotter = release_for(tmp_path, server, sampling={"temperature": 0.3})

    assert plan_summary(hotter).configs["da_gpt"].set_aside == 12
    shown = done("generate", "--dry-run", folder=tmp_path).stdout
    assert "da_gpt: 12 answers in the journal not used" in shown
    assert "da_gpt: 12 answers in the journal not used" in done("generate", folder=tmp_path).stderr
    assert plan_summary(hotter).configs["da_gpt"].set_aside == 0


def test_only_the_named_configs_are_asked_for(tmp_path, server):
    release = write_release(
        tmp_path,
        {"a": server_settings(server.base_url, 2), "b": server_settings(server.base_url, 3, model="large")},
    )

    summary = generate(release, only=["da_b"])

    assert list(summary.configs) == ["da_b"]
    assert {request.json["model"] for request in server.received} == {"large"}
    with pytest.raises(WrongUsageError, match="`da_c` is no config") as caught:
        generate(release, only=["da_c"])
    assert caught.value.hint
    assert status(release)["da_a"].splits == {}


def test_nothing_is_sent_if_any_config_cannot_be_planned(tmp_path, server):
    release = write_release(
        tmp_path,
        {"a": server_settings(server.base_url, 2), "b": server_settings(server.base_url, 3, examples=500)},
    )

    with pytest.raises(ReleaseError, match="da_b"):
        generate(release)

    assert server.received == []


def test_the_watcher_hears_of_every_call(tmp_path, server):
    class Listening(Unwatched):
        def __init__(self) -> None:
            self.heard: list[tuple[object, ...]] = []

        def begin(self, config, to_ask):
            self.heard.append((config, dict(to_ask)))

        def advance(self, config, split, outcome, cost):
            assert cost is None
            self.heard.append((config, split, outcome))

        def stopping(self, under_way):
            raise AssertionError(under_way)

    server.fault = lambda number: refusal(400, "no") if number == 1 else None
    watcher = Listening()

    generate(release_for(tmp_path, server, 3, openai={"concurrency": 1}), watcher=watcher)

    assert watcher.heard == [
        ("da_gpt", {"train": 3}),
        ("da_gpt", "train", "answered"),
        ("da_gpt", "train", "failed"),
        ("da_gpt", "train", "answered"),
    ]


def test_the_plan_can_be_seen_before_anything_is_spent(tmp_path, server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    release = write_release(
        tmp_path,
        {
            "gpt": server_settings(server.base_url)
            | {"calls": {"train": 4, "test": 2}, "seeds_from": {"test": "test"}}
        },
        gold={"train": 9, "test": 8},
    )

    plan = plan_summary(release)

    config = plan.configs["da_gpt"]
    assert (config.format, config.examples, config.datapoints) == ("pairs", 3, 5)
    assert config.first_prompt
    assert "Danish" in config.first_prompt
    train, test = config.splits["train"], config.splits["test"]
    assert (train.calls, train.answered, train.to_ask, train.datapoints) == (4, 0, 4, 20)
    assert (train.seeds_from, test.seeds_from) == ("train", "test")
    assert train.characters_to_send > 4 * 500
    assert json.loads(json.dumps(plan.as_json()))["configs"]["da_gpt"]["splits"]["test"]["to_ask"] == 2
    assert server.received == []
    assert not release.journal.exists()


def test_the_plan_knows_what_is_answered_already(tmp_path, server):
    generate(release_for(tmp_path, server, 4))

    train = plan_summary(release_for(tmp_path, server, 7)).configs["da_gpt"].splits["train"]

    assert (train.calls, train.answered, train.to_ask) == (7, 4, 3)
    assert train.characters_to_send > 0
    assert len(server.received) == 4


def test_the_status_comes_from_the_journal(tmp_path, server):
    release = release_for(tmp_path, server, 3, openai={"concurrency": 1})
    assert status(release)["da_gpt"].splits == {}
    assert not release.journal.exists()
    server.fault = lambda number: refusal(401, "no") if number == 2 else None
    with pytest.raises(EngineError):
        generate(release)

    found = status(release)["da_gpt"]

    assert found.as_json() == {
        "splits": {"train": {"planned": 3, "answered": 2, "failed": 0}},
        "failures": {},
        "finish_reasons": {"stop": 2},
        "cost": None,
    }


def test_the_process_gets_its_interrupts_back(tmp_path, server):
    before = signal.getsignal(signal.SIGINT)
    generate(release_for(tmp_path, server, 1))

    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
