"""The files of OpenAI's Batch API: a line a request in what is sent, a line a result in what comes back."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ..calls import Call, Reply, canonical_json
from .completion import UnusableError, decode, error_code, error_message, read_completion
from .openai_server import Server, as_json_bytes, request_body
from .refusals import short
from .replies import answer_of, failed

if TYPE_CHECKING:
    from openai.types import Batch

ENDPOINT = "/v1/chat/completions"

# The codes of requests that the server never came to. Nothing is paid for them.
_NOT_RUN = ("batch_expired", "batch_cancelled")

_KEY = re.compile(rb'"custom_id"\s*:\s*"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Limits:
    """What one batch holds at most.

    OpenAI takes 50,000 requests and 200 MB. Smaller batches end sooner, so what they answer is on the disk
    sooner, and less of them is in memory at a time.

    Attributes:
        calls: How many calls.
        bytes: How many bytes its file has; a call that is longer is a batch by itself.
    """

    calls: int = 10_000
    bytes: int = 50_000_000


@dataclass(slots=True)
class Results:
    """What a batch brought.

    Attributes:
        replies: By the keys of the calls: answers, and failures that the server names.
        not_run: Why the server never came to a call, by its key.
        unknown: Lines that belong to no call of the batch.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    unknown: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Left:
    """Why an ended batch has no reply to some of its calls.

    Attributes:
        batch: The batch.
        missing: Ids of its files that the server no longer has.
        results: What it brought.
        submitted: Unix time at which it was submitted.
    """

    batch: Batch
    missing: list[str]
    results: Results
    submitted: float

    def reply_to(self, call: Call) -> Reply:
        """Return the failure of a call."""
        if call.key in self.results.not_run:
            return failed(self.results.not_run[call.key], self.submitted)
        if self.missing:
            reason = f"the server no longer has the file {self.missing[0]} of the batch {self.batch.id}"
        elif self.batch.status == "completed":
            reason = f"the batch {self.batch.id} is completed and holds nothing for this call"
        else:
            return failed(f"the batch {self.batch.id} is {self.batch.status}", self.submitted)
        return failed(reason, self.submitted, lost_attempts=1)


def request_line(call: Call) -> bytes:
    """Return a call as a line of a batch's file."""
    request = {"custom_id": call.key, "method": "POST", "url": ENDPOINT, "body": request_body(call)}
    return as_json_bytes(request) + b"\n"


def in_batches(calls: Iterable[Call], limits: Limits) -> Iterator[list[Call]]:
    """Yield the calls in lists that are within the limits."""
    batch: list[Call] = []
    length = 0
    for call in calls:
        more = len(request_line(call))
        if batch and (len(batch) >= limits.calls or length + more > limits.bytes):
            yield batch
            batch, length = [], 0
        batch.append(call)
        length += more
    if batch:
        yield batch


def pack(calls: Iterable[Call]) -> str:
    """Write calls as a text that `unpack` reads: prompts repeat each other and pack to a small part."""
    packer = zlib.compressobj()
    packed = [packer.compress(f"{_as_json(call)}\n".encode("utf-8", "surrogatepass")) for call in calls]
    return base64.b64encode(b"".join([*packed, packer.flush()])).decode()


def unpack(text: str) -> dict[str, Call]:
    """Read calls that `pack` wrote, by their keys, in their order."""
    lines = zlib.decompress(base64.b64decode(text)).decode("utf-8", "surrogatepass").split("\n")
    calls = [_call(json.loads(line)) for line in lines if line]
    return {call.key: call for call in calls}


def read_results(
    contents: Iterable[bytes], calls: Mapping[str, Call], server: Server, submitted: float
) -> Results:
    """Read the files that a batch brought, in any order and without trust.

    A call's first answer counts, as in the journal; an answer counts more than an error.

    Args:
        contents: The file of answers and the file of errors.
        calls: The batch's calls by their keys.
        server: Where it ran.
        submitted: Unix time at which it was submitted.
    """
    results = Results()
    for content in contents:
        for line in content.split(b"\n"):
            if line.strip():
                _take_in(line, results, calls, (server, submitted))
    return results


def _as_json(call: Call) -> str:
    return canonical_json({each.name: getattr(call, each.name) for each in fields(call)})


def _call(value: dict[str, Any]) -> Call:
    value["messages"], value["seed_ids"] = tuple(value["messages"]), tuple(value["seed_ids"])
    return Call(**value)


def _take_in(line: bytes, results: Results, calls: Mapping[str, Call], sent: tuple[Server, float]) -> None:
    server, submitted = sent
    raw = server.without_key(decode(line))
    record = _record(raw)
    if record is None:
        # What is cut short at its end may still say whose it is.
        named = _KEY.search(line)
        key = named[1].decode() if named else None
        reply = failed("the line of the batch's output is broken", submitted, raw, lost_attempts=1)
    else:
        key = record.get("custom_id")
        reply = _reply(record, raw, submitted)
    if not isinstance(key, str) or key not in calls:
        results.unknown.append(line)
    elif isinstance(reply, str):
        results.not_run.setdefault(key, reply)
    else:
        former = results.replies.get(key)
        if former is None or (former.error is not None and reply.error is None):
            results.replies[key] = reply


def _record(raw: str) -> dict[str, Any] | None:
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _reply(record: dict[str, Any], raw: str, submitted: float) -> Reply | str:
    """Return the reply that a line holds, or why the server never came to the call.

    Some servers leave out the `body` around the completion.
    """
    response, error = record.get("response"), json.dumps({"error": record.get("error")})
    if not isinstance(response, dict):
        reason = _says(error_code(error), error_message(error)) or "the batch's output holds no response"
        return reason if error_code(error) in _NOT_RUN else failed(reason, submitted, raw)
    body, status = json.dumps(response.get("body", response)), response.get("status_code", 200)
    if status != 200 or record.get("error") is not None:
        return failed(_says(f"HTTP {status}", error_message(body) or error_message(error)), submitted, raw)
    try:
        completion = read_completion(body)
    except UnusableError as unusable:
        return failed(short(str(unusable)), submitted, raw, lost_attempts=1)
    return answer_of(completion, raw, submitted)


def _says(what: str, message: str) -> str:
    return ": ".join(part for part in (what, short(message)) if part)
