"""The openai_batch engine against a real server that fails where it is told to, in one process and in two."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from synthner.generation.calls import Call, Reply
from synthner.generation.engines import batch_api
from synthner.generation.engines.batch_files import Limits
from synthner.generation.engines.openai_batch import OpenAIBatchEngine
from synthner.generation.generate import GenerateSummary, generate
from synthner.generation.journal import Journal
from synthner.release import Release, read_release
from synthner.schema.errors import EngineError, ReleaseError
from synthner.tests.batch_server import BatchServer, Ending, answered, not_run, nothing, refused
from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.small_release import write_release

KEY = "sk-secret-0123456789"

SCRIPT = """
import sys
from pathlib import Path
from synthner.generation.engines.batch_files import Limits
from synthner.generation.engines.openai_batch import OpenAIBatchEngine
from synthner.generation.generate import generate
from synthner.release import read_release

OpenAIBatchEngine.limits = Limits(calls=4)
try:
    generate(read_release(Path(sys.argv[1])))
except KeyboardInterrupt as interrupt:
    print(interrupt)
    sys.exit(130)
"""

TOO_MUCH = {
    "code": "token_limit_exceeded",
    "line": None,
    "message": "Enqueued token limit reached",
    "param": None,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(OpenAIBatchEngine, "limits", Limits(calls=4))
    monkeypatch.setattr(batch_api, "SETTLING_SECONDS", 0.3)


@pytest.fixture
def server():
    with BatchServer() as started:
        yield started


def release_for(folder: Path, server: BatchServer | ChatServer, calls: int = 10, **settings: Any) -> Release:
    engine = settings.pop("engine", "openai_batch")
    generator = {
        "engine": engine,
        "examples": 3,
        "datapoints": 5,
        "calls": {"train": calls},
        engine: {"base_url": server.base_url},
        **settings,
    }
    return write_release(folder, {"gpt": generator})


def limited(release: Release, max_cost: float) -> Release:
    value = json.loads(release.path.read_text(encoding="utf-8"))
    release.path.write_text(json.dumps(value | {"max_cost": max_cost}), encoding="utf-8")
    return read_release(release.path)


def replies(release: Release) -> list[tuple[Call, Reply | None]]:
    with Journal(release.journal) as journal:
        return list(journal.answers("da_gpt"))


def texts(release: Release) -> list[str | None]:
    return [reply.text if reply else None for _, reply in replies(release)]


def remembered(release: Release) -> dict[str, str]:
    with Journal(release.journal) as journal:
        return journal.remembered("da_gpt")


def killed_while_held(release: Release, server: BatchServer) -> None:
    """Generate in a process of its own, and kill that when the server holds a request of it."""
    process = get_context("fork").Process(target=generate, args=(release,))
    process.start()
    assert server.held.wait(20)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    server.holds = None
    server.let_go.set()


def start(release: Release) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(release.path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def once_each(server: BatchServer, release: Release) -> bool:
    """Say whether every planned call was submitted, and none twice."""
    return sorted(server.submitted()) == sorted(call.key for call, _ in replies(release))


def counts(summary: GenerateSummary) -> tuple[int, int]:
    return summary.answered, summary.failed


def numbered(requests: list[dict[str, Any]]) -> list[bytes]:
    return [answered(each, completion(f"svar æ {each['custom_id']}")) for each in reversed(requests)]


def test_answers_in_any_order_come_to_their_calls_and_are_kept_whole(tmp_path, server):
    server.ending = lambda _number: Ending(output=numbered)
    before = time.time()
    release = release_for(tmp_path, server)

    summary = generate(release)

    assert counts(summary) == (10, 0)
    for call, reply in replies(release):
        assert reply
        assert reply.text == f"svar æ {call.key}"
        assert json.loads(reply.raw)["custom_id"] == call.key
        assert (reply.model, reply.finish_reason) == ("model-of-the-day", "stop")
        assert reply.usage == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        assert before <= reply.started <= reply.finished
    assert remembered(release) == {}
    assert once_each(server, release)


def test_a_plan_beyond_the_limits_is_several_batches_side_by_side(tmp_path, server):
    server.ending = lambda _number: Ending(looks=1)

    generate(release_for(tmp_path, server))

    assert [len(server.calls[batch["id"]]) for batch in server.batches] == [4, 4, 2]
    assert server.steps["look"] == 6


def test_the_bytes_of_a_file_are_limited_too(tmp_path, server, monkeypatch):
    generate(release_for(tmp_path, server, calls=4))
    longest = max(len(json.dumps(call, ensure_ascii=False).encode()) for call in server.calls["batch_0"])
    monkeypatch.setattr(OpenAIBatchEngine, "limits", Limits(calls=100, bytes=2 * longest + 50))

    generate(release_for(tmp_path, server, calls=4, sampling={"seed": 4}))

    assert [len(server.calls[batch["id"]]) for batch in server.batches] == [4, 2, 2]


def test_a_request_is_what_the_openai_engine_would_send(tmp_path, server):
    with ChatServer() as chat:
        generate(release_for(tmp_path / "chat", chat, 3, engine="openai", sampling={"temperature": 0.8}))
        sent = [request.json for request in chat.received]
    generate(release_for(tmp_path / "batch", server, 3, sampling={"temperature": 0.8}))

    calls = server.calls["batch_0"]
    assert sorted(json.dumps(call["body"]) for call in calls) == sorted(map(json.dumps, sent))
    assert {(call["method"], call["url"]) for call in calls} == {("POST", "/v1/chat/completions")}
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}


def test_what_one_engine_answered_the_other_does_not_ask(tmp_path, server):
    generate(release_for(tmp_path, server))

    again = generate(release_for(tmp_path, server, engine="openai"))

    assert counts(again) == (0, 0)


def test_the_account_at_openai_is_not_told_to_other_servers(tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-mine")

    generate(release_for(tmp_path, server))

    assert "of-mine" not in str(server.headers)


def test_it_costs_half_and_keeps_to_what_may_be_spent(tmp_path, server):
    prices = {"input": 1000.0, "output": 10_000.0}
    settings = {"prices": prices, "sampling": {"max_tokens": 50}}
    release = release_for(tmp_path, server, calls=3, **settings)

    summary = generate(release)

    each = (11 * 1000 + 7 * 10_000) / 1_000_000 / 2
    with sqlite3.connect(release.journal) as journal:
        costs = [cost for (cost,) in journal.execute("SELECT cost FROM replies")]
    assert costs == [pytest.approx(each)] * 3
    assert summary.cost == pytest.approx(3 * each)


def test_calls_under_way_count_as_dear_as_they_may_be_in_the_next_process_too(tmp_path, server):
    settings = {"prices": {"input": 0.0, "output": 1_000_000.0}, "sampling": {"max_tokens": 10}}
    release = limited(release_for(tmp_path, server, **settings), max_cost=31.0)
    server.holds = ("look", "before")
    killed_while_held(release, server)
    # At half the price a call costs 5 at most: six may be under way.
    assert len(server.submitted()) == 6
    server.fault = lambda step, number: refusal(401, "no") if step == "look" else None

    with pytest.raises(EngineError):
        generate(release)

    assert len(server.submitted()) == 6
    server.fault = lambda _step, _number: None
    summary = generate(release)
    # Seven tokens each were written: 3.5 a call; what is left then pays for others, while it may.
    assert summary.spent <= 31.0
    assert (summary.answered, summary.beyond_max_cost) == (8, 2)


@pytest.mark.parametrize(
    ("step", "when"),
    [
        pytest.param("upload", "before", id="before the upload"),
        pytest.param("upload", "after", id="after the upload"),
        pytest.param("create", "before", id="while a batch is being made"),
        pytest.param("create", "after", id="before its id is remembered"),
        pytest.param("look", "before", id="while waiting"),
        pytest.param("download", "before", id="while the answers are fetched"),
    ],
)
def test_after_kill_9_the_next_process_submits_nothing_twice(tmp_path, server, step, when):
    server.holds = (step, when)
    release = release_for(tmp_path, server)
    killed_while_held(release, server)

    summary = generate(release)

    assert counts(summary) == (10, 0)
    assert once_each(server, release)
    assert remembered(release) == {}


def test_a_batch_is_found_on_a_later_page_of_the_list(tmp_path, server):
    server.holds = ("create", "after")
    release = release_for(tmp_path, server, calls=4)
    killed_while_held(release, server)
    generate(release_for(tmp_path / "other", server, calls=20))

    assert generate(release).answered == 4
    assert server.steps["create"] == 6
    assert server.steps["list"] > 2


def test_an_interrupt_leaves_the_batches_to_the_server(tmp_path, server):
    server.ending = lambda _number: Ending(looks=1000)
    release = release_for(tmp_path, server)
    with start(release) as process:
        while server.steps["look"] < 3:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "go on at the server: 3" in output
    assert "Traceback" not in errors
    server.end_all()
    assert counts(generate(release)) == (10, 0)
    assert once_each(server, release)


def test_what_is_no_longer_planned_is_fetched_all_the_same(tmp_path, server):
    server.holds = ("look", "before")
    release = release_for(tmp_path, server, calls=4)
    killed_while_held(release, server)

    generate(release_for(tmp_path, server, calls=4, sampling={"temperature": 0.1}))
    assert len(server.batches) == 2

    assert counts(generate(release_for(tmp_path, server, calls=4))) == (0, 0)
    assert len(texts(release)) == 4


def first_half(requests: list[dict[str, Any]]) -> list[bytes]:
    return [answered(request) for request in requests[: len(requests) // 2]]


def second_half_expired(requests: list[dict[str, Any]]) -> list[bytes]:
    return [not_run(request, "batch_expired", "not in time") for request in requests[len(requests) // 2 :]]


@pytest.mark.parametrize(
    "errors", [pytest.param(nothing, id="silently"), pytest.param(second_half_expired, id="with a line each")]
)
def test_what_an_expired_batch_left_is_submitted_anew(tmp_path, server, errors):
    server.ending = lambda number: Ending("expired", first_half, errors) if number == 0 else Ending()
    release = release_for(tmp_path, server, calls=4)

    summary = generate(release)

    assert counts(summary) == (4, 0)
    assert server.calls["batch_1"] == server.calls["batch_0"][2:]
    assert remembered(release) == {}


def test_calls_that_expire_again_and_again_fail_with_the_reason(tmp_path, server):
    server.ending = lambda _number: Ending("expired", nothing, nothing)
    release = release_for(tmp_path, server, calls=2)

    summary = generate(release)

    assert counts(summary) == (0, 2)
    assert len(server.batches) == 3
    assert summary.configs["da_gpt"].failures == {"the batch batch_2 is expired": 2}
    server.ending = lambda _number: Ending()
    assert counts(generate(release)) == (2, 0)


def test_the_next_process_knows_how_often_calls_have_expired(tmp_path, server):
    server.ending = lambda _number: Ending("expired", nothing, nothing)
    server.fault = lambda step, number: refusal(401, "no") if (step, number) == ("look", 2) else None
    release = release_for(tmp_path, server, calls=2)
    with pytest.raises(EngineError):
        generate(release)
    server.fault = lambda _step, _number: None

    assert counts(generate(release)) == (0, 2)
    assert len(server.batches) == 3


def test_what_a_cancelled_batch_answered_is_kept_and_the_rest_has_failed(tmp_path, server):
    server.ending = lambda _number: Ending("cancelled", first_half, nothing)
    release = release_for(tmp_path, server, calls=4)

    summary = generate(release)

    assert counts(summary) == (2, 2)
    assert summary.configs["da_gpt"].failures == {"the batch batch_0 is cancelled": 2}
    assert len(server.batches) == 1


def test_a_batch_at_fault_stops_the_run_and_quotes_the_server(tmp_path, server):
    faults = [
        {"code": "invalid_json_line", "line": line, "message": f"line {line} holds {KEY}", "param": None}
        for line in range(1, 8)
    ]
    server.ending = lambda number: Ending("failed", faults=faults) if number == 1 else Ending(looks=2)
    release = release_for(tmp_path, server)

    with pytest.raises(EngineError, match=r"batch_1: line 1: line 1 holds \[key\];.*and 2 more"):
        generate(release)

    assert [reply for _, reply in replies(release)] == [None] * 10
    server.ending = lambda _number: Ending()
    assert counts(generate(release)) == (10, 0)
    assert [len(server.calls[batch["id"]]) for batch in server.batches] == [4, 4, 2, 4]


def test_a_batch_for_which_there_is_no_room_is_submitted_in_parts(tmp_path, server):
    def ending(number: int) -> Ending:
        return Ending("failed", faults=[TOO_MUCH]) if len(server.calls[f"batch_{number}"]) > 2 else Ending()

    server.ending = ending
    release = release_for(tmp_path, server, calls=4)

    assert counts(generate(release)) == (4, 0)
    assert [len(server.calls[batch["id"]]) for batch in server.batches] == [4, 2, 2]


def test_a_batch_waits_until_another_one_has_ended(tmp_path, server):
    server.ending = lambda number: Ending("failed", faults=[TOO_MUCH]) if number == 1 else Ending(looks=1)
    release = release_for(tmp_path, server, calls=8)

    assert counts(generate(release)) == (8, 0)
    assert [len(server.calls[batch["id"]]) for batch in server.batches] == [4, 4, 4]


def test_a_single_call_for_which_there_is_no_room_stops_the_run(tmp_path, server):
    server.ending = lambda _number: Ending("failed", faults=[TOO_MUCH])

    with pytest.raises(EngineError, match="Enqueued token limit reached"):
        generate(release_for(tmp_path, server, calls=4))

    assert [len(calls) for calls in server.calls.values()] == [4, 2, 1]


def test_a_refused_call_fails_with_its_message_and_the_others_are_kept(tmp_path, server):
    server.ending = lambda _number: Ending(
        output=first_half,
        errors=lambda requests: [refused(requests[2], 400, "too long"), refused(requests[3], 500, "oops")],
    )
    release = release_for(tmp_path, server, calls=4)

    summary = generate(release)

    assert counts(summary) == (2, 2)
    assert summary.configs["da_gpt"].failures == {"HTTP 400: too long": 1, "HTTP 500: oops": 1}
    assert all(reply and reply.raw for _, reply in replies(release))


def damaged(damage):
    """Return an output whose second line is damaged."""
    return lambda requests: [
        line for n, each in enumerate(requests) for line in (damage(each) if n == 1 else [answered(each)])
    ]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(
            lambda each: [answered(each)[:150]], "the line of the batch's output is broken", id="cut"
        ),
        pytest.param(
            lambda each: [answered(each, b'{"choices": []}')], "the response holds no completion", id="empty"
        ),
        pytest.param(lambda each: [answered(each, b"[]")], "the response is no JSON object", id="a list"),
        pytest.param(
            lambda each: [json.dumps({"custom_id": each["custom_id"]}).encode()],
            "the batch's output holds no response",
            id="no response",
        ),
        pytest.param(
            lambda _each: [],
            "the batch batch_0 is completed and holds nothing for this call",
            id="no line",
        ),
    ],
)
def test_a_call_whose_line_cannot_be_used_has_failed(tmp_path, server, damage, reason):
    server.ending = lambda _number: Ending(output=damaged(damage))
    release = release_for(tmp_path, server, calls=3)

    summary = generate(release)

    assert counts(summary) == (2, 1)
    assert summary.configs["da_gpt"].failures == {reason: 1}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\xff\xfe garbage", id="garbage"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b'{"custom_id": ["a"], "response": null}', id="an odd id"),
        pytest.param(answered({"custom_id": "0" * 64}), id="the id of another call"),
    ],
)
def test_lines_of_no_call_are_named_when_everything_else_is_kept(tmp_path, server, line):
    server.ending = lambda _number: Ending(output=damaged(lambda each: [line, answered(each)]))
    release = release_for(tmp_path, server, calls=3)

    with pytest.raises(EngineError, match=r"belong to none of its calls \(1\)"):
        generate(release)

    assert texts(release) == ['{"datapoints": []}'] * 3
    assert counts(generate(release)) == (0, 0)


def test_the_first_answer_of_a_call_counts_and_an_answer_counts_more_than_an_error(tmp_path, server):
    server.ending = lambda _number: Ending(
        output=lambda requests: [
            refused(requests[0], 500, "oops"),
            answered(requests[0], completion("first")),
            answered(requests[0], completion("second")),
            refused(requests[0], 500, "oops"),
        ]
    )
    release = release_for(tmp_path, server, calls=1)

    assert counts(generate(release)) == (1, 0)
    assert texts(release) == ["first"]
    with sqlite3.connect(release.journal) as journal:
        assert journal.execute("SELECT count(*) FROM replies").fetchone() == (1,)


def test_calls_whose_output_is_gone_have_failed_and_may_have_been_paid_for(tmp_path, server):
    server.gone = {"file-1"}
    release = release_for(tmp_path, server, calls=2)

    summary = generate(release)

    assert counts(summary) == (0, 2)
    assert summary.configs["da_gpt"].failures == {
        "the server no longer has the file file-1 of the batch batch_0": 2
    }
    assert [reply.lost_attempts for _, reply in replies(release) if reply] == [1, 1]


def test_a_batch_that_the_server_does_not_know_is_not_submitted_again(tmp_path, server):
    server.gone = {"batch_0"}
    release = release_for(tmp_path, server, calls=6)

    with pytest.raises(EngineError, match="does not know the batch batch_0"):
        generate(release)
    with pytest.raises(EngineError) as caught:
        generate(release)

    (name,) = remembered(release)
    assert name in (caught.value.hint or "")
    assert len(server.batches) == 2
    assert [text is not None for text in texts(release)] == [False] * 4 + [True] * 2


def test_every_batch_at_fault_is_named(tmp_path, server):
    server.ending = lambda number: Ending("failed", faults=[{"line": 7, "message": f"no {number}"}])

    with pytest.raises(EngineError, match=r"batch_0: line 7: no 0; .*batch_2: line 7: no 2"):
        generate(release_for(tmp_path, server))


@pytest.mark.parametrize("step", ["upload", "create", "look", "download"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refusal(429, "slow down", Retry_After="0"), id="rate limit"),
        pytest.param(refusal(500, "oops", Retry_After="0"), id="server error"),
        pytest.param(Fault(drop=True), id="dropped connection"),
    ],
)
def test_what_may_go_away_is_tried_again_at_every_step(tmp_path, server, step, fault):
    server.fault = lambda taken, number: fault if (taken, number) == (step, 0) else None
    release = release_for(tmp_path, server, calls=2)

    assert counts(generate(release)) == (2, 0)
    assert once_each(server, release)


@pytest.mark.parametrize("step", ["upload", "create", "look"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b"[]", id="list"),
    ],
)
def test_a_response_that_is_something_else_is_asked_for_again(tmp_path, server, step, body):
    server.fault = lambda taken, number: Fault(body=body) if (taken, number) == (step, 0) else None

    assert counts(generate(release_for(tmp_path, server, calls=2))) == (2, 0)
    assert len(server.batches) == 1


def test_a_batch_is_not_made_again_when_the_answer_to_its_making_is_lost(tmp_path, server):
    server.loses = lambda step, number: (step, number) == ("create", 0)
    release = release_for(tmp_path, server, calls=2)

    assert counts(generate(release)) == (2, 0)
    assert once_each(server, release)


@pytest.mark.parametrize(
    ("step", "fault", "message"),
    [
        pytest.param("upload", refusal(401, f"bad key {KEY}"), "does not accept the key", id="401"),
        pytest.param("create", refusal(403, f"{KEY} may not"), r"HTTP 403: \[key\] may not", id="403"),
        pytest.param("create", refusal(429, "quota", "insufficient_quota"), "no credit left", id="quota"),
        pytest.param("list", refusal(400, f"{KEY} is odd"), r"HTTP 400: \[key\] is odd", id="400"),
        pytest.param("look", refusal(429, "tomorrow", Retry_After="86400"), "1,440 minutes", id="long wait"),
        pytest.param("download", refusal(401, f"bad key {KEY}"), "does not accept the key", id="at the end"),
    ],
)
def test_what_cannot_go_away_stops_the_run_and_loses_nothing(tmp_path, server, step, fault, message):
    server.loses = lambda taken, number: step == "list" and (taken, number) == ("create", 0)
    server.fault = lambda taken, _number: fault if taken == step else None
    release = release_for(tmp_path, server, calls=2)

    with pytest.raises(EngineError, match=message) as caught:
        generate(release)

    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in f"{error} {error!r}"
        error = None if error.__suppress_context__ else error.__cause__ or error.__context__
    server.fault = lambda _step, _number: None
    assert counts(generate(release)) == (2, 0)
    assert once_each(server, release)


def test_a_server_without_batches_says_so(tmp_path):
    with ChatServer() as chat:
        chat.fault = lambda _number: refusal(404, "Not Found")
        release = release_for(tmp_path, chat)
        with pytest.raises(EngineError, match=r"(?s)has no batches.*engine: openai"):
            generate(release)


def test_an_address_where_nothing_listens_stops_the_run_soon(tmp_path):
    with BatchServer() as closed:
        release = release_for(tmp_path, closed)
    began = time.monotonic()

    with pytest.raises(EngineError, match="no server answers"):
        generate(release)

    assert time.monotonic() - began < 10


def test_the_key_is_never_written_even_if_the_server_sends_it_back(tmp_path, server):
    server.ending = lambda _number: Ending(
        output=lambda requests: [answered(requests[0], completion(f"your key is {KEY}"))],
        errors=lambda requests: [refused(requests[1], 400, f"{KEY} is odd")],
    )
    release = release_for(tmp_path, server, calls=2)

    generate(release)

    assert texts(release) == ["your key is [key]", None]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_two_generators_that_ask_the_same_pay_once(tmp_path, server):
    generator = {
        "engine": "openai_batch",
        "calls": {"train": 6},
        "openai_batch": {"base_url": server.base_url},
    }
    release = write_release(tmp_path, {"gpt": generator, "curated": {**generator, "curation": True}})

    summary = generate(release)

    assert len(server.submitted()) == len(set(server.submitted())) == 6
    assert [config.splits["train"].answered for config in summary.configs.values()] == [6, 6]


def test_what_is_under_way_for_one_generator_no_other_one_asks_for(tmp_path, server):
    batch = {"engine": "openai_batch", "calls": {"train": 6}, "openai_batch": {"base_url": server.base_url}}
    server.holds = ("look", "before")
    killed_while_held(write_release(tmp_path, {"gpt": batch}), server)
    one_by_one = {"calls": {"train": 6}, "openai": {"base_url": server.base_url}}

    summary = generate(write_release(tmp_path, {"a": one_by_one, "b": batch, "gpt": batch}))

    assert server.steps["create"] == 2  # all batches; every other POST would count as one
    assert [config.splits["train"].answered for config in summary.configs.values()] == [6, 6, 6]


def test_a_generator_can_be_renamed_while_its_batches_are_under_way(tmp_path, server):
    generator = {
        "engine": "openai_batch",
        "calls": {"train": 6},
        "openai_batch": {"base_url": server.base_url},
    }
    server.holds = ("look", "before")
    killed_while_held(write_release(tmp_path, {"gpt": generator}), server)

    summary = generate(write_release(tmp_path, {"new": generator}))

    assert counts(summary) == (6, 0)
    assert len(server.submitted()) == 6


def test_a_generator_takes_over_only_the_batches_that_answer_it(tmp_path, server):
    """The others stay with the generator that submitted them, which would submit them again."""
    server.ending = lambda number: Ending(looks=0 if number == 0 else 10**6)
    server.holds = ("look", "before")
    release = write_release(tmp_path, {"gpt": _asking(server, 8), "fewer": _asking(server, 4)})
    killed_while_held(release, server)

    assert counts(generate(release, only=["da_fewer"])) == (4, 0)
    server.end_all()

    assert counts(generate(release, only=["da_gpt"])) == (4, 0)
    assert len(server.submitted()) == 8


def test_an_engine_that_cannot_fetch_what_is_under_way_takes_it_from_nobody(tmp_path, server):
    server.holds = ("look", "before")
    alone = write_release(tmp_path, {"gpt": _asking(server, 4)})
    killed_while_held(alone, server)
    one_by_one = {"calls": {"train": 4}, "openai": {"base_url": server.base_url}}
    release = write_release(tmp_path, {"gpt": _asking(server, 4), "live": one_by_one})

    with pytest.raises(ReleaseError, match="another engine has handed over calls of this config, for da_gpt"):
        generate(release, only=["da_live"])

    assert counts(generate(release)) == (4, 0)
    assert len(server.submitted()) == 4


def _asking(server: BatchServer, calls: int) -> dict[str, Any]:
    return {
        "engine": "openai_batch",
        "calls": {"train": calls},
        "openai_batch": {"base_url": server.base_url},
    }
