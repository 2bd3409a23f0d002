"""The `openai_batch` engine: OpenAI's Batch API, which answers within a day at half the price.

Every batch is remembered, with its calls, before it is made; it is forgotten when all that it brought is
kept. So a process may end at any moment, and the next one fetches what is under way and submits only the
rest. Where a process ended after a batch was made and before its id was remembered, the batch is found in
the server's list, by a name in its metadata.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...release import Config
from ..calls import Call, sha256
from .batch_api import BatchAPI, NotThereError, errors_of
from .batch_files import Left, Limits, Results, in_batches, pack, read_results, unpack
from .completion import decode
from .engine import Endpoint, EngineContext, Record
from .openai_server import base_url, server_of
from .refusals import short

if TYPE_CHECKING:
    from openai.types import Batch

MAX_SUBMISSIONS = 3
"""So often calls are submitted that the server does not come to within a day."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

_ENDED = ("completed", "expired", "cancelled", "failed")

# More is waiting at the server than the account may have there; it is not the batch that is wrong.
_TOO_MUCH_WAITING = "token_limit_exceeded"

_ERRORS_SHOWN = 5

_MEMORY = "openai_batch "


class OpenAIBatchEngine:
    """Submits calls in batches and waits for them.

    Attributes:
        limits: What one batch holds at most.
    """

    price_share = 0.5
    limits = Limits()

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._batches: _Batches | None = None

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Return where the calls of a config go: the place that the `openai` engine names, too."""
        settings = dict(config.generator.settings)
        return Endpoint(
            base_url(config, settings), settings.get("structured_output", True), log_probabilities=True
        )

    def submit(self, calls: Iterable[Call], record: Record) -> None:
        """Submit every call, and return; see `SubmittingEngine.submit`."""
        self._batches = _Batches(self._context, record, self.limits)
        with _saying_what_goes_on(self._batches):
            self._batches.fetch_former()
            self._batches.submit(calls)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        if self._batches is None:
            self.submit(calls, record)
        batches, self._batches = self._batches, None
        if batches is None:
            return
        with _saying_what_goes_on(batches):
            batches.submit(calls)
            batches.wait()


def keys_of(name: str, text: str) -> frozenset[str] | None:
    """Return the keys of the calls that a remembered text is about; None if another engine wrote it."""
    return frozenset(unpack(json.loads(text)["calls"])) if name.startswith(_MEMORY) else None


@contextmanager
def _saying_what_goes_on(batches: _Batches) -> Iterator[None]:
    """Tell whoever interrupts what goes on without this process."""
    try:
        yield
    except KeyboardInterrupt:
        if not batches.under_way:
            raise
        raise KeyboardInterrupt(
            f"Batches that go on at the server: {batches.under_way:,}. Run the same command again to fetch "
            "what is answered by then."
        ) from None


@dataclass(frozen=True, slots=True)
class _Submission:
    """Calls that are submitted together.

    Attributes:
        calls: The calls, packed.
        first: The first of them.
        submitted: Unix time of it.
        number: How often these calls were submitted, this time included.
        batch: The server's id of the batch; empty until it is known.
    """

    calls: str
    first: Call
    submitted: float
    number: int
    batch: str = ""


class _Batches:
    """The batches of a config: those under way, and those that wait until there is room for them."""

    def __init__(self, context: EngineContext, record: Record, limits: Limits) -> None:
        self._server = server_of(context.config, dict(context.config.generator.settings))
        self._api = BatchAPI(self._server)
        self._spending = context.spending
        self._memory = context.memory
        self._record = record
        self._limits = limits
        self._under_way: dict[str, _Submission] = {}
        self._keys: set[str] = set()
        self._waiting: deque[str] = deque()  # calls, packed
        self._problems: list[tuple[str, str]] = []  # each with what to do

    @property
    def under_way(self) -> int:
        """How many batches the server is at."""
        return len(self._under_way)

    def fetch_former(self) -> None:
        """Go on with the batches that a former process submitted here."""
        for name, text in self._memory.read().items():
            former = json.loads(text) if name.startswith(_MEMORY) else {}
            if former.pop("base_url", None) != self._server.base_url:
                continue  # the calls of another address are other calls
            calls = unpack(former["calls"])
            submission = _Submission(first=next(iter(calls.values())), **former)
            if not submission.batch:
                found = self._api.find(name.removeprefix(_MEMORY), submission.submitted, submission.first)
                if found is None:
                    self._memory.forget(name)
                    continue
                submission = replace(submission, batch=found)
                self._remember(name, submission)
            self._under_way[name] = submission
            self._keys.update(calls)
            for call in calls.values():
                self._spending.under_way(call)

    def submit(self, calls: Iterable[Call]) -> None:
        """Submit the calls that are not under way yet."""
        new = (call for call in calls if call.key not in self._keys)
        for batch in in_batches(new, self._limits):
            self._submit(batch)

    def wait(self) -> None:
        """Wait for every batch and keep what it brings.

        Raises:
            EngineError: If the server found a batch at fault, or sent what nobody asked for.
        """
        pause = FIRST_PAUSE
        while self._under_way:
            ended = [name for name in list(self._under_way) if self._ends(name)]
            if self._problems:
                messages, hints = zip(*self._problems, strict=True)
                raise self._server.error("; ".join(messages), " ".join(dict.fromkeys(hints)))
            if ended:
                pause = FIRST_PAUSE
            else:
                time.sleep(pause)
                pause = min(1.5 * pause, LONGEST_PAUSE)

    def _submit(self, calls: list[Call], number: int = 1) -> None:
        submitted = time.time()
        # The same calls may be submitted again some day: the time makes it another name.
        digest = sha256("\n".join([repr(submitted), *(call.key for call in calls)]))
        name = _MEMORY + digest
        submission = _Submission(pack(calls), calls[0], submitted, number)
        self._remember(name, submission)
        batch = self._api.submit(calls, digest, calls[0])
        self._keys.update(call.key for call in calls)
        self._under_way[name] = replace(submission, batch=batch)
        self._remember(name, self._under_way[name])

    def _remember(self, name: str, submission: _Submission) -> None:
        text = {
            "base_url": self._server.base_url,
            "batch": submission.batch,
            "submitted": submission.submitted,
            "number": submission.number,
            "calls": submission.calls,
        }
        self._memory.write(name, json.dumps(text))

    def _forget(self, name: str) -> None:
        self._memory.forget(name)
        del self._under_way[name]

    def _ends(self, name: str) -> bool:
        """Say whether a batch has ended, and if so take in what it brought."""
        submission = self._under_way[name]
        try:
            batch = self._api.look(submission.batch, submission.first)
        except NotThereError:
            self._problems.append(self._lost(name, submission.batch))
            return False
        if batch.status not in _ENDED:
            return False
        if batch.status == "failed":
            self._put_back(name, batch)
            has_room = not self._under_way
        else:
            self._take_in(name, batch)
            has_room = True
        if has_room and self._waiting and not self._problems:
            self._submit(list(unpack(self._waiting.popleft()).values()))
        return True

    def _take_in(self, name: str, batch: Batch) -> None:
        """Keep what a batch brought, and submit anew what the server did not come to."""
        submission = self._under_way[name]
        calls = unpack(submission.calls)
        contents, missing = self._contents(batch, submission.first)
        results = read_results(contents, calls, self._server, submission.submitted)
        replies = [(calls[key], reply) for key, reply in results.replies.items()]
        left = [call for key, call in calls.items() if key not in results.replies]
        # Never what may have been answered.
        is_for_later = batch.status == "expired" and submission.number < MAX_SUBMISSIONS and not missing
        if not is_for_later:
            why = Left(batch, missing, results, submission.submitted)
            replies += [(call, why.reply_to(call)) for call in left]
        with self._memory.together():
            self._record.many(replies)
            self._forget(name)
        if results.unknown:
            self._problems.append(self._unknown(batch, results))
        elif is_for_later and left:
            self._submit(left, submission.number + 1)

    def _contents(self, batch: Batch, call: Call) -> tuple[list[bytes], list[str]]:
        """Return the files of a batch, and the ids of those that the server no longer has."""
        contents, missing = [], []
        for file in (batch.output_file_id, batch.error_file_id):
            if not file:
                continue
            try:
                contents.append(self._api.download(file, call))
            except NotThereError:
                missing.append(file)
        return contents, missing

    def _put_back(self, name: str, batch: Batch) -> None:
        """Give up a batch of which nothing was run; its calls stay without an answer."""
        submission = self._under_way[name]
        self._forget(name)
        if any(code == _TOO_MUCH_WAITING for code, _ in errors_of(batch)):
            if self._under_way:
                self._waiting.append(submission.calls)
                return
            calls = list(unpack(submission.calls).values())
            if len(calls) > 1:
                half = len(calls) // 2
                self._waiting.extendleft((pack(calls[half:]), pack(calls[:half])))
                return
        says = [message for _, message in errors_of(batch)] or ["it does not say why"]
        more = f"; and {len(says) - _ERRORS_SHOWN:,} more" if len(says) > _ERRORS_SHOWN else ""
        reasons = self._server.without_key("; ".join(says[:_ERRORS_SHOWN]))
        self._problems.append(
            (
                f"the server does not take the batch {batch.id}: {reasons}{more}",
                "Nothing of it was run. Correct what is wrong, then run the command again: other batches go "
                "on meanwhile.",
            )
        )

    def _unknown(self, batch: Batch, results: Results) -> tuple[str, str]:
        first = short(self._server.without_key(decode(results.unknown[0])))
        return (
            f"the batch {batch.id} brought lines that belong to none of its calls "
            f"({len(results.unknown):,}); the first: {first}",
            "What belongs to its calls is kept. Run the command again for the rest.",
        )

    def _lost(self, name: str, batch: str) -> tuple[str, str]:
        return (
            f"the server does not know the batch {batch}, which was submitted there",
            f"Was it with another key than the one in {self._server.key_variable}? If the batch is gone for "
            f"good, remove the row named `{name}` from the table `memory` of work/journal.sqlite: its calls "
            "are asked again then.",
        )
