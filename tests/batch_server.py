"""A server with OpenAI's Batch API on this machine that fails where a test wants it to.

It keeps every batch with the calls in it, so that "nothing is submitted twice" is proved and not assumed.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from synthner.tests.chat_server import Fault, completion, refusal

LONGEST_HOLD_SECONDS = 20.0

Lines = Callable[[list[dict[str, Any]]], list[bytes]]


def answered(request: dict[str, Any], body: bytes | None = None) -> bytes:
    """Return the line of a request that was answered."""
    content = json.loads(body or completion('{"datapoints": []}'))
    return _line(request, {"status_code": 200, "request_id": "req_1", "body": content}, None)


def refused(request: dict[str, Any], status: int, message: str) -> bytes:
    """Return the line of a request that was refused."""
    body = {"error": {"message": message, "type": "error", "code": None}}
    return _line(request, {"status_code": status, "request_id": "req_1", "body": body}, None)


def not_run(request: dict[str, Any], code: str, message: str) -> bytes:
    """Return the line of a request that the server did not come to."""
    return _line(request, None, {"code": code, "message": message})


def _line(request: dict[str, Any], response: Any, error: Any) -> bytes:
    line = {"id": "batch_req_1", "custom_id": request["custom_id"], "response": response, "error": error}
    return json.dumps(line, ensure_ascii=False).encode()


def answers_to_all(requests: list[dict[str, Any]]) -> list[bytes]:
    """Return the lines of answers to all requests, the last one first."""
    return [answered(request) for request in reversed(requests)]


def nothing(_requests: list[dict[str, Any]]) -> list[bytes]:
    """Return no lines: such a batch has no such file."""
    return []


@dataclass(frozen=True)
class Ending:
    """How a batch ends.

    Attributes:
        status: Its last status.
        output: The lines of its output file.
        errors: The lines of its error file.
        faults: What validation found, as the server lists it.
        looks: How often it is looked at before it has ended.
    """

    status: str = "completed"
    output: Lines = answers_to_all
    errors: Lines = nothing
    faults: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0


class BatchServer:
    """A context manager.

    What clients do are the steps `upload`, `create`, `list`, `look` and `download`, each numbered from 0 in
    the order of arrival.

    Attributes:
        batches: Every batch as the server shows it, in the order in which they were made.
        calls: The requests of each batch by its id.
        headers: The headers of every request.
        steps: How often each step was taken.
        ending: Says how a batch ends, by its number.
        fault: Says what goes wrong instead of a step; None for nothing.
        loses: Whether the answer to a step is lost on its way, though it was taken.
        holds: Whether a step waits for `let_go`, before it is taken or before it is answered.
        held: Set when a step waits.
        page: Batches listed at a time.
        gone: Ids of files and batches that the server no longer has.
    """

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.calls: dict[str, list[dict[str, Any]]] = {}
        self.headers: list[dict[str, str]] = []
        self.steps: Counter[str] = Counter()
        self.ending: Callable[[int], Ending] = lambda _number: Ending()
        self.fault: Callable[[str, int], Fault | None] = lambda _step, _number: None
        self.loses: Callable[[str, int], bool] = lambda _step, _number: False
        self.holds: tuple[str, str] | None = None
        self.held = threading.Event()
        self.let_go = threading.Event()
        self.page = 2
        self.gone: set[str] = set()
        self._files: dict[str, bytes] = {}
        self._endings: dict[str, Ending] = {}
        self._looks: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        cast(Any, self._server).batch = self

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def submitted(self) -> list[str]:
        """Return the custom id of every call of every batch."""
        return [call["custom_id"] for calls in self.calls.values() for call in calls]

    def end_all(self) -> None:
        """Let every batch be completed when it is looked at."""
        self._endings = dict.fromkeys(self._endings, Ending())

    def answer(self, method: str, address: str, headers: dict[str, str], body: bytes) -> Fault | None:
        """Take a step; None where its answer is lost."""
        parts = urlsplit(address)
        path = parts.path.removeprefix("/v1").strip("/").split("/")
        step = _step(method, path)
        with self._lock:
            number = self.steps[step]
            self.steps[step] += 1
            self.headers.append(headers)
        self._hold(step, "before")
        fault = self.fault(step, number)
        if fault:
            return None if fault.drop else fault
        with self._lock:
            answer = getattr(self, f"_{step}")(path, parse_qs(parts.query), headers, body)
        self._hold(step, "after")
        return None if self.loses(step, number) else answer

    def _hold(self, step: str, when: str) -> None:
        if self.holds == (step, when):
            self.held.set()
            self.let_go.wait(LONGEST_HOLD_SECONDS)

    def _upload(self, _path: Any, _query: Any, headers: dict[str, str], body: bytes) -> Fault:
        form = message_from_bytes(b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.walk()}
        assert cast(Any, parts["purpose"]).get_payload() == "batch"
        identifier = self._keep(cast(bytes, cast(Any, parts["file"]).get_payload(decode=True)))
        return _json({"id": identifier, "object": "file", "purpose": "batch"})

    def _create(self, _path: Any, _query: Any, _headers: Any, body: bytes) -> Fault:
        wanted = json.loads(body)
        assert (wanted["endpoint"], wanted["completion_window"]) == ("/v1/chat/completions", "24h")
        number = len(self.batches)
        batch = {
            "id": f"batch_{number}",
            "object": "batch",
            "created_at": int(time.time()),
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
            **wanted,
        }
        self.batches.append(batch)
        self.calls[batch["id"]] = [
            json.loads(line) for line in self._files[wanted["input_file_id"]].splitlines()
        ]
        self._endings[batch["id"]] = self.ending(number)
        return _json(batch)

    def _list(self, _path: Any, query: dict[str, list[str]], _headers: Any, _body: Any) -> Fault:
        newest_first = self.batches[::-1]
        after = query.get("after", [None])[0]
        first = next((n + 1 for n, batch in enumerate(newest_first) if batch["id"] == after), 0)
        page = newest_first[first : first + self.page]
        return _json({"object": "list", "data": page, "has_more": first + self.page < len(newest_first)})

    def _look(self, path: list[str], _query: Any, _headers: Any, _body: Any) -> Fault:
        batch = next((batch for batch in self.batches if batch["id"] == path[1]), None)
        if batch is None or batch["id"] in self.gone:
            return refusal(404, f"No batch found with id '{path[1]}'.")
        ending = self._endings[batch["id"]]
        self._looks[batch["id"]] += 1
        if self._looks[batch["id"]] <= ending.looks:
            batch["status"] = "in_progress"
        elif batch["status"] != ending.status:
            requests = self.calls[batch["id"]]
            output, errors = ending.output(requests), ending.errors(requests)
            batch |= {
                "status": ending.status,
                "output_file_id": self._keep(b"\n".join(output)) if output else None,
                "error_file_id": self._keep(b"\n".join(errors)) if errors else None,
                "errors": {"object": "list", "data": ending.faults} if ending.faults else None,
            }
        return _json(batch)

    def _download(self, path: list[str], _query: Any, _headers: Any, _body: Any) -> Fault:
        if path[1] in self.gone:
            return refusal(404, f"No such File object: {path[1]}")
        return Fault(body=self._files[path[1]], headers={"Content-Type": "application/octet-stream"})

    def _keep(self, content: bytes) -> str:
        identifier = f"file-{len(self._files)}"
        self._files[identifier] = content
        return identifier


def _step(method: str, path: list[str]) -> str:
    if path[0] == "files":
        return "upload" if method == "POST" else "download"
    if method == "POST":
        return "create"
    return "look" if len(path) > 1 else "list"


def _json(value: Any) -> Fault:
    return Fault(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server: BatchServer = cast(Any, self.server).batch
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = server.answer(self.command, self.path, headers, body)
        if answer is None:
            self.close_connection = True
            return
        try:
            self.send_response(answer.status)
            for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        except ConnectionError:
            self.close_connection = True  # the client was killed

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while length := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
