"""The openai engine against a real server that fails where it is told to."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from synthner.generation.calls import Reply
from synthner.generation.engines import openai, retry
from synthner.generation.engines.retry import backoff, retry_after
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.release import Release
from synthner.schema.errors import EngineError
from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.small_release import server_settings, write_release

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server():
    with ChatServer() as started:
        yield started


def release_for(folder, server: ChatServer, calls: int = 6, **settings: Any) -> Release:
    settings = {"openai": {"concurrency": 1}} | settings
    return write_release(folder, {"gpt": server_settings(server.base_url, calls, **settings)})


def replies(release: Release) -> list[Reply | None]:
    with Journal(release.journal) as journal:
        return [reply for _, reply in journal.answers("da_gpt")]


def faults(numbered: dict[int, Fault]):
    return numbered.get


def test_an_answer_is_kept_whole(tmp_path, server):
    server.answer = lambda number: completion(f"svar æøå {number}")
    before = time.time()
    release = release_for(tmp_path, server, calls=2)

    summary = generate(release)

    first, second = replies(release)
    assert first
    assert second
    assert (summary.answered, summary.failed) == (2, 0)
    assert [first.text, second.text] == ["svar æøå 0", "svar æøå 1"]
    assert first.raw == completion("svar æøå 0").decode()
    assert first.model == "model-of-the-day"
    assert first.usage == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert first.finish_reason == "stop"
    assert before <= first.started <= first.finished <= second.started


def test_the_request_is_what_was_planned_in_utf_8(tmp_path, server):
    generate(release_for(tmp_path, server, calls=1, sampling={"temperature": 0.8, "top_k": 40}))

    (request,) = server.received
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json["model"] == "small"
    assert request.json["temperature"] == 0.8
    assert request.json["top_k"] == 40
    strict = request.json["response_format"]
    assert strict["type"] == "json_schema"
    assert strict["json_schema"]["strict"] is True
    assert strict["json_schema"]["schema"]["required"] == ["datapoints"]
    # Models write properties in this order: a label must not come before its word.
    assert request.body.index(b'"token"') < request.body.index(b'"label"')
    datapoint = strict["json_schema"]["schema"]["properties"]["datapoints"]["items"]
    assert list(datapoint["properties"]["words"]["items"]["properties"]) == ["token", "label"]
    assert any(letter.encode() in request.body for letter in "æøåÆØÅ")
    assert b"\\u" not in request.body


def test_a_server_without_structured_output_gets_no_schema(tmp_path, server):
    generate(release_for(tmp_path, server, calls=1, openai={"structured_output": False}))

    assert "response_format" not in server.received[0].json


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refusal(429, "slow down", Retry_After="0"), id="rate limit"),
        pytest.param(refusal(500, "oops", Retry_After="0"), id="server error"),
        pytest.param(refusal(503, "overloaded", Retry_After="0"), id="overloaded"),
        pytest.param(refusal(408, "timeout", Retry_After="0"), id="timeout"),
        pytest.param(refusal(409, "conflict", Retry_After="0"), id="conflict"),
        pytest.param(Fault(drop=True), id="dropped connection"),
        pytest.param(Fault(body=b"<html>gateway</html>"), id="no JSON"),
        pytest.param(Fault(body=b"[1, 2"), id="cut short"),
        pytest.param(Fault(body=b'{"choices": []}'), id="no choice"),
        pytest.param(
            Fault(body=b'{"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}'),
            id="no choice, and nothing counted",
        ),
        pytest.param(
            Fault(body=b'{"choices": [], "usage": {"prompt_tokens": 9}, "error": {"message": "upstream"}}'),
            id="no choice, and an error",
        ),
        pytest.param(Fault(body=b'{"error": {"message": "upstream failed"}}'), id="an error with status 200"),
        pytest.param(Fault(body=b"[" * 100_000), id="nested without end"),
    ],
)
def test_what_may_go_away_is_tried_again(tmp_path, server, fault):
    server.fault = faults({1: fault})
    release = release_for(tmp_path, server, calls=3)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (3, 0)
    assert len(server.received) == 4
    assert server.received[1].body == server.received[2].body


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(lambda: "1", id="seconds"),
        # A date has no fractions of a second: two seconds ahead is at least one.
        pytest.param(
            lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True), id="date"
        ),
    ],
)
def test_retry_after_is_honoured_by_every_worker(tmp_path, server, header):
    arrivals = []

    def slow_down_once(number):
        arrivals.append(time.monotonic())
        if number == 1:
            time.sleep(0.5)  # the second worker comes back when the first one has been told to wait
        return refusal(429, "slow down", Retry_After=header()) if number == 0 else None

    server.fault = slow_down_once
    generate(release_for(tmp_path, server, calls=4, openai={"concurrency": 2}))

    assert sum(arrival < arrivals[0] + 0.9 for arrival in arrivals) <= 2
    assert len(arrivals) == 5


def test_a_server_that_says_now_again_and_again_is_given_time(tmp_path, server):
    """Else all attempts would be over in a moment, before it is well again."""
    well = time.monotonic() + 2
    server.fault = lambda _number: (
        refusal(429, "slow down", Retry_After="0") if time.monotonic() < well else None
    )

    assert generate(release_for(tmp_path, server, calls=4)).answered == 4


def test_a_call_that_keeps_failing_is_kept_as_failed_and_the_others_go_on(tmp_path, server, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.01)
    server.fault = lambda number: (
        refusal(500, "the prompt breaks me", Retry_After="0") if 1 <= number <= 8 else None
    )
    release = release_for(tmp_path, server, calls=4)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (3, 1)
    failed = replies(release)[1]
    assert failed
    assert failed.error == "HTTP 500: the prompt breaks me (8 attempts)"
    assert "the prompt breaks me" in failed.raw
    assert summary.configs["da_gpt"].failures == {failed.error: 1}

    again = generate(release)

    assert (again.answered, again.failed) == (1, 0)
    assert len(server.received) == 12


def test_a_refused_call_is_not_tried_again_in_the_same_run(tmp_path, server):
    server.fault = faults({1: refusal(400, "the prompt is too long")})
    release = release_for(tmp_path, server, calls=3)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (2, 1)
    assert len(server.received) == 3
    assert summary.configs["da_gpt"].failures == {"HTTP 400: the prompt is too long": 1}


def test_a_run_in_which_every_call_fails_ends_early(tmp_path, server):
    server.fault = lambda _number: refusal(400, "temperature must be below 2")
    release = release_for(tmp_path, server, calls=40)

    with pytest.raises(EngineError, match="temperature must be below 2"):
        generate(release)

    assert len(server.received) == 10


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        pytest.param(refusal(401, f"bad key {KEY}"), "does not accept the key", "OPENAI_API_KEY", id="401"),
        pytest.param(
            refusal(403, f"{KEY} may not"), r"HTTP 403: \[key\] may not", "OPENAI_API_KEY", id="403"
        ),
        pytest.param(refusal(404, "no such model"), "`small`.*no such model", "/v1", id="404"),
        pytest.param(refusal(402, "pay first"), "no credit left.*pay first", "again", id="402"),
        pytest.param(
            refusal(429, "quota", "insufficient_quota"), "no credit left", "again", id="insufficient quota"
        ),
        pytest.param(refusal(429, "tomorrow", Retry_After="86400"), "1,440 minutes", "again", id="long wait"),
        pytest.param(
            refusal(400, "unknown parameter: response_format"),
            "JSON Schema",
            "structured_output: false",
            id="no structured output",
        ),
    ],
)
def test_what_cannot_go_away_stops_the_run_and_says_what_to_do(tmp_path, server, fault, message, hint):
    server.fault = lambda number: fault if number >= 1 else None
    release = release_for(tmp_path, server)

    with pytest.raises(EngineError, match=message) as caught:
        generate(release)

    assert hint in (caught.value.hint or "")
    assert KEY not in str(caught.value)
    assert "da_gpt" in str(caught.value)
    assert len(server.received) == 2
    assert [reply and reply.error for reply in replies(release)] == [None] * 6
    assert sum(reply is not None for reply in replies(release)) == 1


def test_no_trace_of_an_engine_error_holds_the_key(tmp_path, server):
    server.fault = lambda _number: refusal(401, f"bad key {KEY}")

    with pytest.raises(EngineError) as caught:
        generate(release_for(tmp_path, server))

    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in f"{error} {error!r}"
        error = None if error.__suppress_context__ else error.__cause__ or error.__context__


def test_the_key_is_never_written_even_if_the_server_sends_it_back(tmp_path, server):
    server.answer = lambda _number: completion(f"your key is {KEY}")
    server.fault = faults({1: refusal(400, f"{KEY} is odd")})
    release = release_for(tmp_path, server, calls=3)

    generate(release)

    assert replies(release)[0]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_an_address_where_nothing_listens_stops_the_run_at_once(tmp_path):
    with ChatServer() as closed:
        address = closed.base_url
    release = write_release(tmp_path, {"gpt": server_settings(address)})
    began = time.monotonic()

    with pytest.raises(EngineError, match="no server answers") as caught:
        generate(release)

    assert address in str(caught.value)
    assert time.monotonic() - began < 10


def test_a_missing_key_names_the_variable(tmp_path, server, monkeypatch):
    release = release_for(tmp_path, server, openai={"api_key_variable": "SYNTHNER_TEST_KEY"})
    monkeypatch.delenv("SYNTHNER_TEST_KEY", raising=False)

    with pytest.raises(EngineError, match="SYNTHNER_TEST_KEY is not set"):
        generate(release)

    monkeypatch.setenv("SYNTHNER_TEST_KEY", " another-key\n")
    generate(release)
    assert {request.headers["authorization"] for request in server.received} == {"Bearer another-key"}


def test_a_server_of_ones_own_needs_no_key(tmp_path, server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    release = release_for(tmp_path, server, calls=1)

    assert generate(release).answered == 1


def without(body: bytes, name: str, value: object) -> bytes:
    """Return a completion with another value in the place of one of its parts."""
    return json.dumps(json.loads(body) | {name: value}).encode()


@pytest.mark.parametrize(
    ("body", "text", "finish_reason"),
    [
        pytest.param(completion(None, refusal="I cannot."), "I cannot.", "stop", id="refusal"),
        pytest.param(completion(None), None, "stop", id="no content"),
        pytest.param(completion(""), "", "stop", id="empty"),
        pytest.param(without(completion("x"), "choices", []), None, None, id="no choice, and counted"),
        pytest.param(without(completion("x"), "choices", None), None, None, id="null, and counted"),
        pytest.param(
            without(completion("x"), "choices", [{"index": 0, "finish_reason": "content_filter"}]),
            None,
            "content_filter",
            id="no message, and counted",
        ),
        pytest.param(
            completion([{"type": "thinking", "text": "hm"}, {"type": "text", "text": "{}"}]),
            "{}",
            "stop",
            id="parts",
        ),
        pytest.param(
            completion('{"data').replace(b'"finish_reason": "stop"', b'"finish_reason": "length"'),
            '{"data',
            "length",
            id="cut at length",
        ),
        pytest.param(
            completion("\ud800".encode("utf-8", "replace").decode() + "\0"), "?\0", "stop", id="NUL"
        ),
        pytest.param(b"\xef\xbb\xbf" + completion("{}"), "{}", "stop", id="byte order mark"),
        pytest.param(
            completion("a-z").replace(b"-", b"\xff"), "a\udcffz", "stop", id="a byte that is no UTF-8"
        ),
        pytest.param(
            completion("{}").replace(b'"prompt_tokens": 11', b'"prompt_tokens": ' + 400 * b"9"),
            "{}",
            "stop",
            id="a count that no number holds",
        ),
    ],
)
def test_whatever_was_paid_for_is_an_answer(tmp_path, server, body, text, finish_reason):
    server.answer = lambda _number: body
    release = release_for(tmp_path, server, calls=1, prices={"input": 2, "output": 8})

    assert generate(release).answered == 1

    (reply,) = replies(release)
    assert reply
    assert (reply.text, reply.finish_reason, reply.error) == (text, finish_reason, None)
    assert len(server.received) == 1
    counted = json.loads(body.removeprefix(b"\xef\xbb\xbf").replace(b"\xff", b""))["usage"]
    assert generate(release).spent == pytest.approx(
        (11 * 2 + 7 * 8) / 1e6 if counted["prompt_tokens"] == 11 else 0
    )
    sent = body.decode("utf-8", "surrogateescape")
    assert json.loads(reply.raw.removeprefix("\ufeff")) == json.loads(sent.removeprefix("\ufeff"))


def test_calls_run_side_by_side_and_no_more_than_told(tmp_path, server):
    server.hold_from = 0
    release = release_for(tmp_path, server, calls=9, openai={"concurrency": 4})
    # Not the main thread, which alone gets interrupts: a run works there as well.
    run = threading.Thread(target=generate, args=(release,))
    run.start()
    server.wait_for(4)
    time.sleep(0.2)
    at_once = len(server.received)
    server.let_go.set()
    run.join(timeout=20)

    assert at_once == 4
    assert len(server.received) == 9


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 0.5 ", 0.5, id="fraction"),
        pytest.param("-3", 0.0, id="negative"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, id="a date that is past"),
        pytest.param("soon", None, id="a word"),
        pytest.param("nan", None, id="nan"),
        pytest.param("inf", None, id="inf"),
        pytest.param("Wed, 99 Oct 2015 99:28:00 GMT", None, id="no date"),
        pytest.param(f"Mon, 01 Jan {20 * '9'} 00:00:00 GMT", None, id="a year that no number holds"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 +99999999999999", None, id="an offset that no number holds"),
        pytest.param("", None, id="empty"),
    ],
)
def test_retry_after_is_read_without_trust(value, seconds):
    assert retry_after({"retry-after": value}) == seconds


def test_a_date_to_wait_for_is_read_by_the_clock_of_the_server():
    """The clock here may be hours behind: that is no reason to wait for hours, or to give the run up."""
    ahead = datetime.now(UTC) + timedelta(hours=5)
    until = format_datetime(ahead + timedelta(seconds=30), usegmt=True)

    assert retry_after({"retry-after": until, "date": format_datetime(ahead, usegmt=True)}) == 30
    assert retry_after({"retry-after": until, "date": "today"}) == pytest.approx(5 * 3600 + 30, abs=5)


def test_what_arrived_of_an_answer_that_broke_off_is_kept_with_the_failure(tmp_path, server, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.01)
    body = completion("ærlig talt " * 50)
    server.fault = lambda _number: Fault(body=body, cut_at=300)
    release = release_for(tmp_path, server, calls=1)

    assert generate(release).failed == 1

    (reply,) = replies(release)
    assert reply
    assert reply.raw == body[:300].decode()


class _OneByOne(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(completion())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _WithoutAQueue(HTTPServer):
    request_queue_size = 0


def test_a_server_that_has_no_room_for_all_is_there_all_the_same(tmp_path, monkeypatch):
    """It answers one by one, and who waits outside waits longer than a connection may take."""
    monkeypatch.setattr(openai, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.2)
    one_by_one = _WithoutAQueue(("127.0.0.1", 0), _OneByOne)
    threading.Thread(target=one_by_one.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{one_by_one.server_address[1]}/v1"
    release = write_release(tmp_path, {"gpt": server_settings(address, 4)})

    assert generate(release).answered == 4
    one_by_one.shutdown()
    one_by_one.server_close()


def test_the_wait_doubles_up_to_a_limit():
    for attempt in range(12):
        longest = min(0.5 * 2.0**attempt, 60.0)
        assert longest / 2 <= backoff(attempt) <= longest
