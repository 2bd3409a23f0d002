"""The `openai` engine: any server that speaks OpenAI's chat completions.

Calls run side by side. What may go away by itself (rate limits, server errors, dropped connections) is tried
again; what cannot (a wrong key, no such model) stops the run. An interrupt stops sending and waits for the
calls under way, for they are paid for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...release import Config
from ...schema.errors import EngineError, ReleaseError
from ..calls import Call, Reply
from .completion import UnusableError, error_code, error_message, read_completion
from .retry import LONGEST_WAIT, MAX_ATTEMPTS, backoff, is_temporary, retry_after

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

    from . import Record

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
CONCURRENCY = 8
TIMEOUT_SECONDS = 600.0
CONNECT_SECONDS = 10.0

# So many calls in a row without a single answer are no accident: sending the rest would waste hours.
MAX_FAILURES_IN_A_ROW = 10

_MESSAGE_CHARACTERS = 500
_NO_KEY = "no-key"

# Local servers take any word as a key; a word such as EMPTY may stand in an answer and is no secret.
_SHORTEST_SECRET = 8
_ABOUT_STRUCTURED_OUTPUT = ("response_format", "json_schema", "json schema", "structured output", "guided")


def base_url(config: Config) -> str:
    """Return the address of a config's server, written one way.

    Raises:
        ReleaseError: If the release's address has no host, or holds a password or a query: it is
            published, a key is not.
    """
    address = str(config.generator.settings.get("base_url", OPENAI_URL))
    try:
        parts = urlsplit(address)
        names_a_server = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ReleaseError(f"openai.base_url: {error}", where=config.name) from error
    if not names_a_server:
        raise ReleaseError("openai.base_url: the address names no server", where=config.name)
    if parts.username is not None or parts.query or parts.fragment:
        raise ReleaseError(
            "openai.base_url: the address must not hold a user, a password or a query",
            where=config.name,
            hint="Put the key into an environment variable and name it in `openai.api_key_variable`.",
        )
    return address.rstrip("/")


class OpenAIEngine:
    """Asks a server for chat completions."""

    def __init__(self, config: Config, stopping: Callable[[int], None]) -> None:
        self._config = config
        self._stopping = stopping

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        conversation = _Conversation(self._config, _key(self._config), record, self._stopping)
        with _interrupts(conversation), suppress(asyncio.CancelledError):
            asyncio.run(conversation.hold(calls))
        if conversation.interrupted:
            raise KeyboardInterrupt


class _TryAgainError(Exception):
    """An attempt failed in a way that may go away.

    Attributes:
        reason: What happened, for people.
        raw: What the server sent, if anything.
        wait: Seconds that the server asks to wait, or None.
    """

    def __init__(self, reason: str, raw: str = "", wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw
        self.wait = wait


class _Conversation:
    """One run against one server: who is asked, what is under way, when to stop."""

    def __init__(self, config: Config, key: str, record: Record, stopping: Callable[[int], None]) -> None:
        self.interrupted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = stopping
        self._under_way = 0
        self._config = config
        self._base_url = base_url(config)
        self._key = key
        self._record = record
        self._stop = asyncio.Event()
        self._reached = False
        self._failures_in_a_row = 0
        self._closed_until = 0.0

    async def hold(self, calls: Iterable[Call]) -> None:
        """Ask for every call; at most `concurrency` are under way at once."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        queue = iter(calls)
        async with self._client() as client:
            workers = [
                asyncio.create_task(self._work(client, queue))
                for _ in range(self._config.generator.settings.get("concurrency", CONCURRENCY))
            ]
            try:
                await asyncio.gather(*workers)
            except Exception:
                # What is under way may be paid for: take it in before giving up.
                self._stop.set()
                await asyncio.wait(workers)
                raise

    def interrupt(self) -> None:
        """Stop sending at the first interrupt; at the second one, drop what is under way as well.

        Safe in a signal handler.
        """
        if self._loop is None or self._loop.is_closed():
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._give_up if self.interrupted else self._stop_sending)
        self.interrupted = True

    def _stop_sending(self) -> None:
        self._stop.set()
        self._stopping(self._under_way)

    def _give_up(self) -> None:
        if self._task:
            self._task.cancel()

    def _client(self) -> AsyncOpenAI:
        import httpx2
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
        )

    async def _work(self, client: AsyncOpenAI, queue: Iterator[Call]) -> None:
        while not self._stop.is_set() and (call := next(queue, None)) is not None:
            reply = await self._ask(client, call)
            if reply is None:
                return
            self._record(call, reply)
            self._failures_in_a_row = self._failures_in_a_row + 1 if reply.error else 0
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise self._error(
                    f"{self._failures_in_a_row} calls in a row failed; the last one: {reply.error}",
                    "Run the command again when the server is well: nothing answered is asked again.",
                )

    async def _ask(self, client: AsyncOpenAI, call: Call) -> Reply | None:
        """Return the reply to a call, or None if the run stops before there is one."""
        started = time.time()
        failure = _TryAgainError("not tried")
        for attempt in range(MAX_ATTEMPTS):
            if await self._stops_within(self._closed_until - time.monotonic()):
                return None
            try:
                self._under_way += 1
                return await self._send(client, call)
            except _TryAgainError as error:
                failure = error
            finally:
                self._under_way -= 1
            if attempt + 1 < MAX_ATTEMPTS and await self._stops_within(self._delay(failure, attempt)):
                return None
        return _failed(f"{failure.reason} ({MAX_ATTEMPTS} attempts)", failure.raw, started)

    def _delay(self, failure: _TryAgainError, attempt: int) -> float:
        if failure.wait is None:
            return backoff(attempt)
        # The server means everyone who asks it, not this call alone.
        self._closed_until = max(self._closed_until, time.monotonic() + failure.wait)
        return failure.wait

    async def _stops_within(self, seconds: float) -> bool:
        if seconds > 0 and not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), seconds)
            except TimeoutError:
                return False
        return self._stop.is_set()

    async def _send(self, client: AsyncOpenAI, call: Call) -> Reply:
        import httpx2
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        started = time.time()
        # No error is raised from the client's own: that one may hold the key, which servers quote.
        try:
            response = await client.post("/chat/completions", body=_body(call), cast_to=httpx2.Response)
        except APIStatusError as error:
            response = error.response
        except APITimeoutError:
            raise _TryAgainError("the server did not answer in time") from None
        except APIConnectionError as error:
            if not self._reached and isinstance(error.__cause__, httpx2.ConnectError):
                raise self._error(
                    "no server answers at this address",
                    "Is it running, and is `openai.base_url` right? Is the network there?",
                ) from None
            raise _TryAgainError("the connection broke") from None
        self._reached = True
        raw = self._without_key(_decode(response.content))
        if not response.is_success:
            return self._refused(call, response, raw, started)
        try:
            completion = read_completion(raw)
        except UnusableError as error:
            raise _TryAgainError(_short(str(error)), raw) from None
        return Reply(
            raw=raw,
            text=completion.text,
            model=completion.model,
            usage=completion.usage,
            finish_reason=completion.finish_reason,
            error=None,
            started=started,
            finished=time.time(),
        )

    def _refused(self, call: Call, response: Response, raw: str, started: float) -> Reply:
        """Decide what an error status means: ask again, stop the run, or give this call up."""
        status = response.status_code
        message = _short(error_message(raw))
        says = f"HTTP {status}" + (f": {message}" if message else "")
        self._stop_if_hopeless(call, status, raw, says)
        if is_temporary(status):
            wait = retry_after(response.headers)
            if wait is not None and wait > LONGEST_WAIT:
                raise self._error(
                    f"the server asks to wait {wait / 60:,.0f} minutes ({says})",
                    "Run the command again then: nothing answered is asked again.",
                )
            raise _TryAgainError(says, raw, wait)
        return _failed(says, raw, started)

    def _stop_if_hopeless(self, call: Call, status: int, raw: str, says: str) -> None:
        variable = self._config.generator.settings.get("api_key_variable", KEY_VARIABLE)
        if status == 401:
            # Servers quote parts of the key in this message.
            raise self._error(
                "the server does not accept the key (HTTP 401)",
                f"Set the environment variable {variable} to a valid key of this server.",
            )
        if status == 403:
            raise self._error(
                f"the server does not allow this ({says})",
                f"May the key in {variable} use the model `{call.model}`?",
            )
        if status == 402 or error_code(raw) == "insufficient_quota":
            raise self._error(
                f"the account has no credit left ({says})",
                "Add credit, then run the command again: nothing answered is asked again.",
            )
        if status == 404:
            raise self._error(
                f"the server does not know the model `{call.model}`, or this is not its address ({says})",
                "Check `model` and `openai.base_url`; the address usually ends in /v1.",
            )
        if call.schema is not None and status in (400, 422) and _is_about_structured_output(raw):
            raise self._error(
                f"the server does not take the JSON Schema of the answer ({says})",
                "Set `structured_output: false` under `openai` in the generator.",
            )

    def _error(self, message: str, hint: str) -> EngineError:
        return EngineError(message, where=f"{self._config.name} ({self._base_url})", hint=hint)

    def _without_key(self, text: str) -> str:
        """Remove the key from what a server sent, should it have sent it back."""
        return text.replace(self._key, "[key]") if len(self._key) >= _SHORTEST_SECRET else text


@contextmanager
def _interrupts(conversation: _Conversation) -> Iterator[None]:
    """Hand interrupts to a conversation; only the main thread gets any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, lambda _number, _frame: conversation.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _key(config: Config) -> str:
    settings = config.generator.settings
    variable = settings.get("api_key_variable", KEY_VARIABLE)
    key = os.environ.get(variable, "").strip()
    if not key:
        if "base_url" in settings and "api_key_variable" not in settings:
            return _NO_KEY  # a server of one's own asks for none
        raise EngineError(
            f"there is no key: the environment variable {variable} is not set",
            where=config.name,
            hint=f"Set {variable}, or name another variable in `openai.api_key_variable`.",
        )
    if not key.isascii() or not key.isprintable():
        raise EngineError(
            f"the environment variable {variable} holds characters that no key has",
            where=config.name,
            hint="Was it copied with something around it?",
        )
    return key


def _body(call: Call) -> dict[str, Any]:
    body: dict[str, Any] = {"model": call.model, "messages": list(call.messages), **call.sampling}
    if call.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "datapoints", "strict": True, "schema": call.schema},
        }
    return body


def _failed(reason: str, raw: str, started: float) -> Reply:
    return Reply(
        raw=raw,
        text=None,
        model=None,
        usage={},
        finish_reason=None,
        error=reason,
        started=started,
        finished=time.time(),
    )


def _is_about_structured_output(raw: str) -> bool:
    return any(words in raw.lower() for words in _ABOUT_STRUCTURED_OUTPUT)


def _decode(content: bytes) -> str:
    """Read a body as UTF-8, whatever its header says; bytes that are none become visible escapes."""
    return content.decode("utf-8", "backslashreplace")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MESSAGE_CHARACTERS else text[: _MESSAGE_CHARACTERS - 1] + "…"
