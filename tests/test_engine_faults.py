"""The openai engine against a server that goes wrong in every way at once: nothing is lost, nothing twice."""

import json
import random
import signal
import time
from multiprocessing import get_context

import pytest

from synthner.generation.engines import retry
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.release import Release
from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.small_release import server_settings, write_release

CALLS = 150
ANSWER = completion('{"datapoints": [{"sentence": "<PER>Åse</PER> synger"}]}')

FAULTS = {
    "rate limit": refusal(429, "slow down"),
    "rate limit with a time": refusal(429, "slow down", Retry_After="0.2"),
    "server error": refusal(500, "oops"),
    "overloaded": refusal(503, "overloaded"),
    "dropped connection": Fault(drop=True),
    "stall": Fault(stall=1.5, drop=True),
    "truncated body": Fault(body=ANSWER, cut_at=len(ANSWER) // 2),
    "invalid JSON": Fault(body=b'{"choices": [{"message": {"content": "'),
    "wrong schema": Fault(body=b'{"answers": []}'),
}


@pytest.fixture
def server():
    with ChatServer() as started:
        started.answer = lambda _number: ANSWER
        yield started


def release_for(folder, server: ChatServer, calls: int, **openai) -> Release:
    settings = server_settings(server.base_url, calls, openai={"timeout": 1.0, **openai})
    return write_release(folder, {"gpt": settings})


def at_random(share: float, faults: list[Fault]):
    """Let each request fail with this probability, in one of the ways."""
    chance = random.Random(5)
    return lambda _number: chance.choice(faults) if chance.random() < share else None


@pytest.mark.parametrize("fault", FAULTS)
def test_one_request_in_ten_fails_and_no_call_is_lost(tmp_path, server, fault):
    server.fault = at_random(0.1, [FAULTS[fault]])
    release = release_for(tmp_path, server, 100, concurrency=32)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (100, 0)
    assert_all_answered_once(release, server, 100)


def test_everything_fails_at_once_and_no_call_is_lost(tmp_path, server):
    server.fault = at_random(0.3, list(FAULTS.values()))
    release = release_for(tmp_path, server, CALLS, concurrency=64)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (CALLS, 0)
    assert_all_answered_once(release, server, CALLS)


def test_what_a_server_never_answers_ends_as_failed_with_its_last_error(tmp_path, server, monkeypatch):
    """Every tenth prompt breaks the server, however often it is sent."""
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.001)
    broken: set[bytes] = set()

    def fault(number: int) -> Fault | None:
        body = server.received[number].body
        if number % 10 == 3:
            broken.add(body)
        return refusal(500, "this prompt breaks me", Retry_After="0") if body in broken else None

    server.fault = fault
    release = release_for(tmp_path, server, 40, concurrency=4)

    summary = generate(release)

    assert summary.answered + summary.failed == 40
    assert summary.failed >= 3
    failures = summary.configs["da_gpt"].failures
    assert failures == {"HTTP 500: this prompt breaks me (8 attempts)": summary.failed}
    with Journal(release.journal) as journal:
        replies = [reply for _, reply in journal.answers("da_gpt")]
    assert sum(reply is not None and reply.error is None for reply in replies) == summary.answered


def test_a_server_with_a_limit_is_not_overrun(tmp_path, server):
    """Two requests at a time are served; more are refused. Most of what is sent must be served."""
    under_way = []

    def fault(number: int) -> Fault | None:
        under_way.append(number)
        full = len(under_way) > 2
        time.sleep(0.02)
        under_way.pop()
        return refusal(429, "two at a time") if full else None

    server.fault = fault
    release = release_for(tmp_path, server, 120, concurrency=128)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (120, 0)
    assert len(server.received) < 3 * 120


def test_requests_a_minute_are_kept_to(tmp_path, server):
    arrivals = []
    server.fault = lambda _number: arrivals.append(time.monotonic())
    release = release_for(tmp_path, server, 20, requests_per_minute=1200)

    generate(release)

    # 1,200 a minute is one each 50 ms.
    assert arrivals[-1] - arrivals[0] >= 19 * 0.05 * 0.9


def test_tokens_a_minute_are_kept_to_by_what_the_server_counts(tmp_path, server):
    arrivals = []
    server.fault = lambda _number: arrivals.append(time.monotonic())
    # Each answer counts 18 tokens, so this is ten a second; prompts are taken for far longer at first.
    release = release_for(tmp_path, server, 12, tokens_per_minute=18 * 60 * 10, concurrency=1)

    generate(release)

    assert 11 * 0.1 * 0.8 <= arrivals[-1] - arrivals[0] <= 11 * 0.1 * 3


def test_kill_9_at_twenty_moments_asks_again_only_for_what_was_under_way(tmp_path, server):
    calls, kills, concurrency = 500, 20, 8
    server.fault = lambda _number: Fault(body=ANSWER, stall=0.04)
    release = release_for(tmp_path, server, calls, concurrency=concurrency)
    chance = random.Random(17)
    for _ in range(kills):
        before = len(server.received)
        process = get_context("fork").Process(target=generate, args=(release,))
        process.start()
        server.wait_for(before + chance.randint(1, 20))
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    summary = generate(release)

    assert summary.failed == 0
    with Journal(release.journal) as journal:
        answers = [reply for _, reply in journal.answers("da_gpt")]
    assert len(answers) == calls
    assert all(reply is not None and reply.error is None for reply in answers)
    assert len({request.body for request in server.received}) == calls
    assert len(server.received) <= calls + kills * concurrency


def assert_all_answered_once(release: Release, server: ChatServer, calls: int) -> None:
    """Check that each planned call has exactly one answer, and that it was asked for."""
    with Journal(release.journal) as journal:
        answers = list(journal.answers("da_gpt"))
        answered = journal.moment()
    assert [call.index for call, _ in answers] == list(range(calls))
    assert all(reply is not None and json.loads(reply.raw) == json.loads(ANSWER) for _, reply in answers)
    assert answered == calls
    assert len({request.body for request in server.received}) == calls
