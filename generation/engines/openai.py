"""The `openai` engine: any server that speaks OpenAI's chat completions.

Calls run side by side, as many as the server takes. What may go away by itself (rate limits, server errors,
dropped connections) is tried again; what cannot (a wrong key, no such model) stops the run. An interrupt
stops sending and waits for the calls under way, for they are paid for.

The requests go through aiohttp, not through OpenAI's own client: that one spends four times as much of a
processor on each, which at a hundred calls under way is what a laptop waits for.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ...release import Config
from ...schema.errors import EngineError
from ..calls import Call, Reply
from .committing import Committing
from .completion import UnusableError, decode, read_completion
from .concurrency import MOST, Concurrency
from .engine import Endpoint, EngineContext, Record
from .openai_server import RequestBodies, as_json_bytes, base_url, server_of
from .rate_limits import Limits
from .refusals import Failure, refusal, short
from .replies import answer_of, failed
from .retry import MAX_ATTEMPTS, MAX_REFUSALS, pause

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientResponse, ClientSession

TIMEOUT_SECONDS = 600.0
CONNECT_SECONDS = 10.0

# Interrupts that come while answers are being written at the end are put off, so long from the first one on.
PUT_OFF_SECONDS = 5.0

# So many calls in a row without a single answer are no accident: sending the rest would waste hours.
MAX_FAILURES_IN_A_ROW = 10

LONGEST_RESPONSE = 1 << 26
"""Bytes of the longest response that is read: far above any model's."""

# An answer that took this part of the time that it has is slow: more calls at once would make it slower.
_SLOW = 0.25

_BYTES_A_TOKEN = 4


class OpenAIEngine:
    """Asks a server for chat completions."""

    price_share = 1.0

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Return where the calls of a config go; see `Engine.endpoint`."""
        settings = dict(config.generator.settings)
        return Endpoint(
            base_url(config, settings), settings.get("structured_output", True), log_probabilities=True
        )

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        conversation = _Conversation(self._context, record)
        with _interrupts(conversation), suppress(asyncio.CancelledError):
            try:
                asyncio.run(conversation.hold(calls))
            finally:
                conversation.keep_the_rest()
        if conversation.interrupted:
            raise KeyboardInterrupt


class _Conversation:
    """One run against one server: who is asked, what is under way, when to stop."""

    def __init__(self, context: EngineContext, record: Record) -> None:
        settings = dict(context.config.generator.settings)
        self.interrupted = False
        self._put_off_until = float("inf")
        self._context = context
        self._server = server_of(context.config, settings)
        self._timeout = float(settings.get("timeout", TIMEOUT_SECONDS))
        self._concurrency = Concurrency(settings.get("concurrency", MOST))
        self._limits = Limits(settings.get("requests_per_minute"), settings.get("tokens_per_minute"))
        self._committing = Committing(record)
        self._bodies = RequestBodies()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._error: Exception | None = None
        self._reached = False
        self._failures_in_a_row = 0
        self._closed_until = 0.0

    async def hold(self, calls: Iterable[Call]) -> None:
        """Ask for every call, as many at once as the server takes."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        tasks: set[asyncio.Task[None]] = set()
        async with self._session() as session:
            try:
                try:
                    for call in calls:
                        await self._concurrency.enter()
                        if self._stop.is_set():
                            break
                        task = asyncio.create_task(self._settle(session, call))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                except Exception as error:
                    self._fail(error)
                # What is under way may be paid for: take it in before giving up.
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
        if self._error is not None:
            raise self._error

    def interrupt(self) -> None:
        """Stop sending at the first interrupt; at the second one, drop what is under way as well.

        When all is over but for what is still to be kept, they are put off until it is: that takes a moment,
        and whoever presses the keys in haste would lose what is paid for. Safe in a signal handler.
        """
        if self._loop is None:
            raise KeyboardInterrupt
        if self._loop.is_closed():
            now = time.monotonic()
            if now > self._put_off_until:
                raise KeyboardInterrupt
            self.interrupted, self._put_off_until = True, min(self._put_off_until, now + PUT_OFF_SECONDS)
            return
        self._loop.call_soon_threadsafe(self._give_up if self.interrupted else self._stop_sending)
        self.interrupted = True

    def keep_the_rest(self) -> None:
        """Keep the replies that arrived and were not kept when the loop ended."""
        self._committing.commit_the_rest()

    def _fail(self, error: Exception) -> None:
        """End the run with an error, the first one that there is."""
        self._error = self._error or error
        self._end()

    def _end(self) -> None:
        """Let no further call begin; those under way go on."""
        self._stop.set()
        self._concurrency.close()

    def _stop_sending(self) -> None:
        self._end()
        self._context.stopping(self._concurrency.under_way)

    def _give_up(self) -> None:
        if self._task:
            self._task.cancel()

    def _session(self) -> ClientSession:
        import aiohttp

        watched = aiohttp.TraceConfig()
        watched.on_connection_create_end.append(self._connected)
        return aiohttp.ClientSession(
            trace_configs=[watched],
            connector=aiohttp.TCPConnector(limit=0, ssl=_trusted(self._server.base_url)),
            headers=self._server.headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=CONNECT_SECONDS),
            trust_env=True,
        )

    async def _connected(self, *_: object) -> None:
        # There is a server, though it may be minutes until it answers, and have no room for more till then.
        self._reached = True

    async def _settle(self, session: ClientSession, call: Call) -> None:
        """Ask for a call and keep its reply; the room it takes is free when it is kept."""
        try:
            reply = await self._ask(session, call)
            if reply is None:
                return
            await self._committing.keep(call, reply)
            self._failures_in_a_row = self._failures_in_a_row + 1 if reply.error else 0
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW and not self._stop.is_set():
                raise self._server.error(
                    f"{self._failures_in_a_row} calls in a row failed; the last one: {reply.error}",
                    "Run the command again when the server is well: nothing answered is asked again.",
                )
        except Exception as error:
            self._fail(error)
        finally:
            self._concurrency.leave()

    async def _ask(self, session: ClientSession, call: Call) -> Reply | None:
        """Return the reply to a call, or None if the run stops before there is one."""
        started = time.time()
        body = as_json_bytes(self._bodies.of(call))
        attempts = refusals = lost = 0
        delay = 0.0
        former: Failure | None = None
        while True:
            try:
                outcome = await self._attempt(session, call, body, delay)
            except asyncio.CancelledError:
                reason = "the run was stopped while this call was under way"
                self._committing.leave(call, failed(reason, started, lost_attempts=lost + 1))
                raise
            except EngineError:
                if former and lost:
                    self._committing.leave(call, failed(former.reason, started, former.raw, lost))
                raise
            if outcome is None:
                # What may have been paid for is told, though the run stops before it is asked again.
                return failed(former.reason, started, former.raw, lost) if former and lost else None
            if isinstance(outcome, Reply):
                return replace(outcome, lost_attempts=lost)
            attempts, refusals = attempts + (not outcome.is_pushback), refusals + outcome.is_pushback
            lost += outcome.may_be_paid
            reason = _why_given_up(outcome, attempts, refusals)
            if reason is None and outcome.may_be_paid and not self._context.spending.once_more(call):
                reason = f"{outcome.reason}; asking again could cost more than `max_cost` allows"
            if reason is not None:
                return failed(reason, started, outcome.raw, lost)
            delay, former = self._delay(outcome, attempts + refusals - 1), outcome

    async def _attempt(
        self, session: ClientSession, call: Call, body: bytes, delay: float
    ) -> Reply | Failure | None:
        """Send a call once, after so many seconds at least; None if the run stops before."""
        if await self._stops_within(delay):
            return None
        if await self._stops_within(self._closed_until - time.monotonic()):
            return None
        wait, expected = self._limits.wait_for(len(body) / _BYTES_A_TOKEN)
        if await self._stops_within(wait):
            return None
        sent = time.monotonic()
        outcome = await self._send(session, call, body)
        seconds = time.monotonic() - sent
        if isinstance(outcome, Reply):
            usage = outcome.usage
            if "prompt_tokens" in usage:
                self._limits.told(expected, usage["prompt_tokens"], usage.get("completion_tokens", 0))
            self._concurrency.answered(was_slow=seconds > _SLOW * self._timeout)
        elif outcome.is_pushback or seconds >= self._timeout:
            self._concurrency.pushed_back(sent)
        return outcome

    def _delay(self, failure: Failure, attempt: int) -> float:
        if failure.wait is not None and self._concurrency.everyone_is_refused:
            self._closed_until = max(self._closed_until, time.monotonic() + failure.wait)
        return pause(failure.wait, attempt)

    async def _stops_within(self, seconds: float) -> bool:
        if seconds > 0 and not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    async def _send(self, session: ClientSession, call: Call, body: bytes) -> Reply | Failure:
        import aiohttp

        started = time.time()
        parts: list[bytes] = []
        url = f"{self._server.base_url}/chat/completions"
        # No error is raised from the client's own: that one may hold the key.
        try:
            async with session.post(url, data=body, allow_redirects=False) as response:
                await _read(response, parts)
        except aiohttp.ClientSSLError as error:
            raise self._server.error(
                f"the server cannot be trusted: {type(error).__name__}",
                "Is its certificate valid, and known to this computer? Is a proxy in between?",
            ) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            if not self._reached:
                raise self._server.error(
                    "no server answers at this address",
                    f"Is it running, and is `{call.engine}.base_url` right? Is the network there?",
                ) from None
            return Failure("the server cannot be reached")
        except TimeoutError:
            return Failure("the server did not answer in time", self._raw(parts), may_be_paid=True)
        except (aiohttp.ClientError, OSError):
            return Failure("the connection broke", self._raw(parts), may_be_paid=True)
        raw = self._raw(parts)
        if not 200 <= response.status < 300:
            return refusal(self._server, call, response.status, response.headers, raw)
        try:
            completion = read_completion(raw)
        except UnusableError as error:
            return Failure(short(str(error)), raw, may_be_paid=True)
        return answer_of(completion, raw, started)

    def _raw(self, parts: Iterable[bytes]) -> str:
        return self._server.without_key(decode(b"".join(parts)))


def _trusted(base_url: str) -> SSLContext | bool:
    """Return which servers are trusted: those that the system trusts, as with huggingface_hub and openai."""
    if not base_url.startswith("https:"):
        return True
    import ssl

    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def _read(response: ClientResponse, parts: list[bytes]) -> None:
    """Read a body into `parts`, as far as anyone would want to; if it breaks off, they hold what came."""
    length = 0
    async for part in response.content.iter_any():
        parts.append(part)
        length += len(part)
        if length > LONGEST_RESPONSE:
            break


def _why_given_up(failure: Failure, attempts: int, refusals: int) -> str | None:
    """Say why a call is given up after so many attempts that failed or were refused; None to go on."""
    if failure.is_final:
        return failure.reason
    if attempts >= MAX_ATTEMPTS or refusals >= MAX_REFUSALS:
        return f"{failure.reason} ({attempts + refusals} attempts)"
    return None


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
