"""One call and its answer, on the wire: bodies in pieces, JSON, ranges, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from .blobs import PIECE, read_pieces
from .refusals import RefusedError, bad_request


class ConnectionCutError(Exception):
    """The connection ends here: a fault wants it so, or the client has gone.

    Args:
        sent: How many bytes of the answer's content went out; None if no answer had begun.
    """

    def __init__(self, sent: int | None = None) -> None:
        super().__init__(sent)
        self.sent = sent


class Body:
    """The body of a call, read once and in pieces.

    Attributes:
        received: Bytes so far.
        cut_after: The connection is cut after that many bytes.
    """

    def __init__(self, stream: BufferedReader, headers: Message) -> None:
        self.received = 0
        self.cut_after: int | None = None
        chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        length = int(headers.get("Content-Length", 0))
        self._pieces = _chunks(stream) if chunked else _pieces(stream, length)

    def pieces(self) -> Iterator[bytes]:
        """Read on.

        Raises:
            ConnectionCutError: If a fault or the client ends it too early.
        """
        while (piece := self._next()) is not None:
            self.received += len(piece)
            if self.cut_after is not None and self.received >= self.cut_after:
                raise ConnectionCutError
            yield piece

    def lines(self) -> Iterator[bytes]:
        """Read on by lines; memory is bounded by the longest."""
        pending = bytearray()
        for piece in self.pieces():
            pending += piece
            if b"\n" in piece:
                *lines, pending = pending.split(b"\n")
                yield from map(bytes, lines)
        if pending:
            yield bytes(pending)

    def drain(self) -> None:
        """Read what is left: a client that is still sending does not hear an answer."""
        for _ in self.pieces():
            pass

    def _next(self) -> bytes | None:
        try:
            return next(self._pieces, None)
        except ConnectionError as error:
            raise ConnectionCutError from error


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came in.

    Attributes:
        method: GET, HEAD, POST, PUT or DELETE.
        target: The path and the query, still percent-encoded.
        query: Every value of every parameter.
        headers: The headers.
        body: The body.
        names: What the route's pattern found in the path.
    """

    method: str
    target: str
    query: Mapping[str, Sequence[str]]
    headers: Message
    body: Body
    names: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; an empty one is empty."""
        content = b"".join(self.body.pieces())
        try:
            value = json.loads(content or b"{}") or {}
        except ValueError as error:
            raise bad_request(f"The body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise bad_request("The body is not a JSON object")
        return value

    def form(self) -> Mapping[str, Sequence[str]]:
        """Read the body as a form."""
        return parse_qs(b"".join(self.body.pieces()).decode("utf-8"))

    def flag(self, name: str) -> bool:
        """Say whether a parameter is set, in any of the ways that clients write it."""
        return self.query.get(name, [""])[0].lower() in ("1", "true")


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file, or a part of one, as an answer's content."""

    path: Path
    start: int
    length: int

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | FilePart = b""


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with a JSON body."""
    content = json.dumps(value, ensure_ascii=False).encode("utf-8")
    return Answer(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, content)


def refusal_answer(refusal: RefusedError) -> Answer:
    """Return the answer that a refusal is."""
    return json_answer(refusal.body, refusal.status, refusal.headers)


def file_answer(call: Call, path: Path, headers: Mapping[str, str]) -> Answer:
    """Return a file, or the range of it that the call asks for."""
    size = path.stat().st_size
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("Range", ""))
    if wanted is None or wanted.groups() == ("", ""):
        return Answer(200, headers, FilePart(path, 0, size))
    first, last = wanted.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        raise RefusedError(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Answer(206, headers, FilePart(path, start, end - start + 1))


def page_answer(call: Call, endpoint: str, items: Sequence[object], size: int) -> Answer:
    """Return one page of a list; a `Link` header leads to the next, as clients follow it."""
    start = int(call.query.get("cursor", ["0"])[0])
    headers = {}
    if start + size < len(items):
        query = urlencode({**call.query, "cursor": [str(start + size)]}, doseq=True)
        headers["Link"] = f'<{endpoint}{call.target.partition("?")[0]}?{query}>; rel="next"'
    return json_answer(items[start : start + size], headers=headers)


def send(handler: BaseHTTPRequestHandler, answer: Answer, cut_after: int | None) -> None:
    """Write an answer.

    Args:
        handler: The connection.
        answer: The answer.
        cut_after: How many bytes of the content go out before the connection is cut.

    Raises:
        ConnectionCutError: If it was cut, or the client has gone.
    """
    content = answer.content
    limit = len(content) if cut_after is None else max(0, min(cut_after, len(content) - 1))
    if cut_after is not None and limit == 0:
        raise ConnectionCutError
    sent = 0
    try:
        handler.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in _content_pieces(content, limit) if handler.command != "HEAD" else ():
            handler.wfile.write(piece)
            sent += len(piece)
    except ConnectionError as error:
        raise ConnectionCutError(sent) from error
    if cut_after is not None:
        raise ConnectionCutError(sent)


def _content_pieces(content: bytes | FilePart, limit: int) -> Iterable[bytes]:
    if isinstance(content, bytes):
        return [content[:limit]]
    return read_pieces(content.path, content.start, limit)


def _pieces(stream: BufferedReader, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = stream.read1(min(PIECE, length))
        if not piece:
            raise ConnectionCutError
        length -= len(piece)
        yield piece


def _chunks(stream: BufferedReader) -> Iterator[bytes]:
    """Read a body that comes in chunks, each with its size before it (RFC 9112, section 7.1)."""
    while True:
        announced = stream.readline(1024)
        if not announced:
            raise ConnectionCutError
        size = int(announced.split(b";")[0], 16)
        if size == 0:
            break
        yield from _pieces(stream, size)
        stream.readline(1024)
    while stream.readline(1024).strip():
        pass
