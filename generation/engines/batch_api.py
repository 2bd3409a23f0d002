"""OpenAI's Batch API as the engine wants it: requests are tried again, and no batch is made twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TypeVar

from ...schema.errors import EngineError
from ..calls import Call
from .batch_files import ENDPOINT, request_line
from .completion import decode
from .openai_server import OPENAI_URL, Server
from .refusals import Failure, refusal, short
from .retry import MAX_ATTEMPTS, MAX_REFUSALS, pause

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch, FileObject

T = TypeVar("T")

NAME = "synthner_calls"
"""The key of a batch's metadata that tells which calls it holds."""

# A server that was never heard is asked so often: most likely there is none.
_ATTEMPTS_AT_FIRST = 3

# A batch may be in the list a little later than it is made.
SETTLING_SECONDS = 2.0

# Clocks differ: a batch that is older than this by the server's clock was not made just now.
_DAY = 86_400

_PAGE = 100

_AGAIN = "Run the command again when the server is well: batches go on meanwhile, and nothing is asked twice."
_CORRECT = "Correct what is wrong, then run the command again: batches go on meanwhile."


class NotThereError(Exception):
    """The server does not know a batch or a file."""


class BatchAPI:
    """Asks one server.

    Args:
        server: The server.

    Every method raises an `EngineError` if the server cannot be asked, now or ever.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = _client(server)
        self._reached = False

    def submit(self, calls: Iterable[Call], name: str, call: Call) -> str:
        """Make a batch of calls and return its id.

        Args:
            calls: The calls.
            name: What the batch is found by; no other batch has it.
            call: One of the calls.
        """
        with TemporaryFile(suffix=".jsonl") as file:
            file.writelines(request_line(each) for each in calls)

            def upload() -> FileObject:
                file.seek(0)
                return self._client.files.create(file=("calls.jsonl", file), purpose="batch")

            input_file = self._ask(upload, call).id

        def create() -> Batch:
            return self._client.batches.create(
                completion_window="24h",
                endpoint=ENDPOINT,
                input_file_id=input_file,
                metadata={NAME: name, "synthner_config": self._server.config},
            )

        began = time.time()
        # Where the answer is lost on its way the batch may be there, and another one would be paid for, too.
        return self._ask(create, call, recover=lambda: self._found(name, began, call)).id

    def find(self, name: str, since: float, call: Call) -> str | None:
        """Return the id of the batch of that name; None if there is none.

        Args:
            name: As it was submitted.
            since: Unix time before which it was not made.
            call: One of its calls.
        """
        found = self._found(name, since, call)
        return found.id if found else None

    def look(self, batch: str, call: Call) -> Batch:
        """Return how a batch is.

        Raises:
            NotThereError: If the server does not know it.
        """
        return self._ask(lambda: self._client.batches.retrieve(batch), call, names_something=True)

    def download(self, file: str, call: Call) -> bytes:
        """Return the content of a file.

        Raises:
            NotThereError: If the server does not have it.
        """
        return self._ask(lambda: self._client.files.content(file).read(), call, names_something=True)

    def _found(self, name: str, since: float, call: Call) -> Batch | None:
        for wait in (0.0, SETTLING_SECONDS):
            time.sleep(wait)
            for batch in self._listed(since, call):
                if isinstance(batch.metadata, dict) and batch.metadata.get(NAME) == name:
                    return batch
        return None

    def _listed(self, since: float, call: Call) -> Iterable[Batch]:
        """Yield the batches that the server lists, the newest first, as far back as a time."""
        last: str | None = None
        while True:
            after = {} if last is None else {"after": last}
            page = self._ask(lambda after=after: self._client.batches.list(limit=_PAGE, **after), call)
            yield from page.data
            if not page.data or not page.has_next_page() or page.data[-1].id == last:
                return
            last, made = page.data[-1].id, page.data[-1].created_at
            if isinstance(made, int) and made < since - _DAY:
                return

    def _ask(
        self,
        send: Callable[[], T],
        call: Call,
        *,
        recover: Callable[[], T | None] = lambda: None,
        names_something: bool = False,
    ) -> T:
        """Send a request until it is answered, or there is no hope.

        Args:
            send: Sends it.
            call: A call that it is about.
            recover: Looks before another attempt whether the last one was answered after all.
            names_something: Whether the request names a batch or a file that may be unknown.
        """
        attempts = refusals = 0
        while True:
            outcome = self._attempt(send, call, names_something=names_something)
            if not isinstance(outcome, Failure):
                return outcome
            attempts, refusals = attempts + (not outcome.is_pushback), refusals + outcome.is_pushback
            if not self._reached and attempts >= _ATTEMPTS_AT_FIRST:
                raise self._server.error(
                    "no server answers at this address",
                    f"Is it running, and is `{call.engine}.base_url` right? Is the network there?",
                )
            if outcome.is_final:
                raise self._server.error(f"the server refuses: {outcome.reason}", _CORRECT)
            if attempts >= MAX_ATTEMPTS or refusals >= MAX_REFUSALS:
                reason = f"{outcome.reason} ({attempts + refusals} attempts)"
                raise self._server.error(f"the server cannot be asked: {reason}", _AGAIN)
            time.sleep(pause(outcome.wait, attempts + refusals - 1))
            recovered = recover()
            if recovered is not None:
                return recovered

    def _attempt(self, send: Callable[[], T], call: Call, *, names_something: bool) -> T | Failure:
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        # The client's own errors may hold the key: none of them is passed on.
        try:
            answer = send()
        except APITimeoutError:
            return Failure("the server did not answer in time")
        except APIConnectionError:
            return Failure("the connection broke")
        except APIStatusError as error:
            response = error.response
        except ValueError:
            self._reached = True
            return Failure("the response is no JSON")
        else:
            self._reached = True
            return Failure("the response is not what was asked for") if _is_odd(answer) else answer
        self._reached = True
        raw = self._server.without_key(decode(response.content))
        if response.status_code == 404 and names_something:
            raise NotThereError(short(raw))
        if response.status_code in (404, 405, 501):
            raise self._no_batches(response.status_code, call)
        return refusal(self._server, call, response.status_code, response.headers, raw)

    def _no_batches(self, status: int, call: Call) -> EngineError:
        return self._server.error(
            f"the server has no batches, or this is not its address (HTTP {status})",
            f"Check `{call.engine}.base_url`; the address usually ends in /v1. "
            "Any chat server can be asked call by call: `engine: openai`.",
        )


def errors_of(batch: Batch) -> list[tuple[str, str]]:
    """Return the errors of a batch, each as its code and what it says; some servers send plain texts."""
    listed = getattr(batch.errors, "data", batch.errors)
    errors = []
    for error in listed if isinstance(listed, list) else ():
        code, line, message = (getattr(error, name, None) for name in ("code", "line", "message"))
        says = short(str(message or code or error))
        errors.append((str(code), f"line {line}: {says}" if line else says))
    return errors


def _client(server: Server) -> OpenAI:
    from openai import OpenAI

    # The client would name the account at OpenAI to every server, where it is set.
    account = None if server.base_url == OPENAI_URL else ""
    return OpenAI(
        api_key=server.key, base_url=server.base_url, max_retries=0, organization=account, project=account
    )


def _is_odd(answer: object) -> bool:
    """Say whether a server answered with something else: the client takes any text and any object."""
    if isinstance(answer, bytes):
        return False
    if hasattr(answer, "data"):
        return not isinstance(getattr(answer, "data", None), list)
    identifier = getattr(answer, "id", None)
    return not isinstance(identifier, str) or not identifier
