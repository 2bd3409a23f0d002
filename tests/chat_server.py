"""A server of chat completions on this machine that fails where a test wants it to.

It counts what it is asked, so that "nothing is asked twice" is proved and not assumed.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

LONGEST_HOLD_SECONDS = 20.0


@dataclass(frozen=True)
class Fault:
    """What the server does instead of answering.

    Attributes:
        status: The HTTP status.
        body: The body, as it is sent.
        headers: Further headers.
        drop: Whether to close the connection without a word.
        cut_at: Bytes of the body after which the connection closes; None for all of it.
        stall: Seconds that the server sends nothing.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut_at: int | None = None
    stall: float = 0.0


def refusal(status: int, message: str, code: str | None = None, **headers: str) -> Fault:
    """Return a fault with an error body as OpenAI writes it."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Fault(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Received:
    """One request as the server saw it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def completion(content: object = '{"datapoints": []}', **message: object) -> bytes:
    """Return a chat completion with that content, as a server writes it."""
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "model-of-the-day",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content, **message},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": 7,
                "total_tokens": 18,
                "details": {"cached": 0},
            },
        },
        ensure_ascii=False,
    ).encode()


class ChatServer:
    """A context manager; requests are numbered from 0 in the order of their arrival.

    Attributes:
        received: Every request.
        fault: Says what goes wrong with a request; None answers it.
        answer: The body of the answer to a request.
        hold_from: Number of the first request that waits for `let_go` before it is answered.
        let_go: Lets held requests be answered.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.fault: Callable[[int], Fault | None] = lambda _number: None
        self.answer: Callable[[int], bytes] = lambda number: completion(
            f'{{"datapoints": [], "n": {number}}}'
        )
        self.hold_from: int | None = None
        self.let_go = threading.Event()
        self._arrival = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        cast(Any, self._server).chat = self

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

    def wait_for(self, requests: int, seconds: float = 30.0) -> None:
        """Wait until so many requests have arrived."""
        with self._arrival:
            arrived = self._arrival.wait_for(lambda: len(self.received) >= requests, seconds)
        assert arrived, f"{len(self.received)} of {requests} requests arrived"

    def take(self, request: Received) -> int:
        """Count a request and return its number."""
        with self._arrival:
            self.received.append(request)
            self._arrival.notify_all()
            return len(self.received) - 1


class _Server(ThreadingHTTPServer):
    # Connections that find no place in the queue are tried again after seconds, then minutes.
    request_queue_size = 1024


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        chat: ChatServer = cast(Any, self.server).chat
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        number = chat.take(Received(self.path, headers, body))
        if chat.hold_from is not None and number >= chat.hold_from:
            chat.let_go.wait(LONGEST_HOLD_SECONDS)
        fault = chat.fault(number)
        if fault:
            time.sleep(fault.stall)
        if fault and fault.drop:
            self.close_connection = True
            return
        self._send(fault or Fault(body=chat.answer(number)))

    def _send(self, response: Fault) -> None:
        try:
            self.send_response(response.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body[: response.cut_at])
            self.close_connection = self.close_connection or response.cut_at is not None
        except ConnectionError:
            self.close_connection = True  # the client was killed

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
