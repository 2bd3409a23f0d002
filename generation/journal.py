"""The journal: every planned call and every response, in one SQLite file that survives a crash.

A response is committed before anything else happens to it, so a run that is killed and started again asks
for nothing that was already answered, and parsing can be repeated without a model. `docs/journal.md`
describes the file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..schema.splits import SPLITS
from .budget import NO_COST, Cost
from .calls import Call, Reply
from .disk_room import DiskRoom
from .journal_file import JournalFile
from .journal_tables import (
    KEEP_REPLY,
    KEEP_REQUEST,
    PLAN_CALL,
    PLANNED,
    REPLY_COLUMNS,
    encoded,
    kept_reply,
    planned_call,
    planned_row,
    reply_row,
    request_row,
)
from .process_lock import generating_alone

# Calls read at a time: enough to keep a server busy, and little memory.
_PAGE = 256

_IS_ANSWERED = "EXISTS (SELECT 1 FROM replies WHERE replies.key = plan.key AND (error IS NOT NULL) = 0)"
_IS_TRIED = "EXISTS (SELECT 1 FROM replies WHERE replies.key = plan.key)"

_LAST_ERROR = "SELECT error FROM replies WHERE replies.key = plan.key ORDER BY id DESC LIMIT 1"

# A request's first answer, which a further one never replaces; where there is none, its last failure.
_REPLY = (
    f"SELECT {', '.join(REPLY_COLUMNS)} FROM replies WHERE key = ? "  # noqa: S608
    "ORDER BY error IS NOT NULL, CASE WHEN error IS NULL THEN id ELSE -id END LIMIT 1"
)

_OF_CONFIG = "replies.key IN (SELECT key FROM plan WHERE config = ?)"

# A refusal stands where the text would, and the model stopped by itself. Quotes inside of texts are escaped.
_REASON = """
    CASE WHEN raw GLOB '*"refusal":"[^"]*' OR raw GLOB '*"refusal": "[^"]*' THEN 'refusal'
         ELSE finish_reason END
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the calls of one split are.

    Attributes:
        planned: Calls of the current plan.
        answered: Those that have an answer.
        failed: Those that were tried and have none; they are asked again.
    """

    planned: int
    answered: int
    failed: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What a reply was paid for, whether it is used or not.

    Attributes:
        key: The request that it replies to.
        cost: What it cost; None where that was not known when it came.
        usage: Tokens as the server counted them.
        may_be_answered: Whether the model was heard; where nobody counted tokens, it may have cost something.
        lost_attempts: Attempts that came to nothing and may have been paid for.
        seconds: How long it took; None where that is not known.
    """

    key: str
    cost: float | None
    usage: Mapping[str, int]
    may_be_answered: bool
    lost_attempts: int
    seconds: float | None


class Journal:
    """The journal of a release: a context manager over one SQLite file in WAL mode.

    Requests are planned by config; replies belong to requests. A new plan never removes a reply, and two
    configs that ask for exactly the same share the answer.
    """

    def __init__(self, path: Path) -> None:
        """Open a journal, or begin one.

        Raises:
            DataError: If the file is no journal, is damaged, or was made by a newer version.
        """
        self.path = path
        self._file = JournalFile(path)
        self._room = DiskRoom(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was recorded is committed already."""
        self._file.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what happens inside at once, or none of it; inside another transaction, with that one.

        Many replies that cost nothing are kept a hundred times faster this way.
        """
        return self._file.transaction()

    def only_this_process(self) -> AbstractContextManager[None]:
        """Keep every other process from asking for the calls of this journal: two would pay twice.

        Raises:
            DataError: If another process is at it; the message names it.
        """
        return generating_alone(self._file)

    def check_room(self) -> None:
        """Make sure that there is room on the disk for answers that are yet to come.

        Raises:
            DataError: If the disk is nearly full: what could not be kept would be paid for in vain.
        """
        self._room.check()

    def plan(self, config: str, calls: Iterable[Call]) -> None:
        """Make `calls` the plan of a config, in place of the former one. Answers stay."""
        with self.transaction():
            self._file.execute("DELETE FROM plan WHERE config = ?", (config,))
            for call in calls:
                self._file.execute(KEEP_REQUEST, request_row(call))
                self._file.execute(PLAN_CALL, planned_row(config, call))
            self._forget_requests_never_sent()

    def pending(self, config: str, *, untried_since: int | None = None) -> Iterator[Call]:
        """Yield the planned calls that have no answer, failed ones included, in the order of `answers`.

        What is recorded meanwhile does not disturb it.

        Args:
            config: The config.
            untried_since: Leave out those that were tried since this moment, as `moment` named it.
        """
        places = f"config = ? AND split = ? AND number > ? AND NOT {_IS_ANSWERED}"
        parameters: tuple[Any, ...] = ()
        if untried_since is not None:
            places += (
                " AND NOT EXISTS (SELECT 1 FROM replies WHERE replies.key = plan.key AND replies.id > ?)"
            )
            parameters = (untried_since,)
        for split in SPLITS:
            last = -1
            while True:
                rows = self._file.rows(
                    f"{PLANNED} WHERE {places} ORDER BY number LIMIT {_PAGE}",
                    (config, split, last, *parameters),
                )
                for row in rows:
                    call = planned_call(row)
                    last = call.index
                    yield call
                if len(rows) < _PAGE:
                    break

    def record(self, call: Call, reply: Reply, cost: Cost = NO_COST) -> None:
        """Keep a reply; it is on the disk when this returns. A further reply never replaces an answer.

        Raises:
            DataError: If it cannot be written, for example because the disk is full.
        """
        self.record_all([(call, reply, cost)])

    def record_all(self, replies: Iterable[tuple[Call, Reply, Cost]]) -> None:
        """Keep many replies, all or none; see `record`."""
        with self.transaction():
            for call, reply, cost in replies:
                self._file.execute(KEEP_REQUEST, request_row(call))
                self._file.execute(KEEP_REPLY, reply_row(call, reply, cost))

    def answers(self, config: str, splits: Iterable[str] = SPLITS) -> Iterator[tuple[Call, Reply | None]]:
        """Yield every planned call with its reply, by split in the order of `splits`, then index.

        A call that only failed comes with its failure; one never tried comes with None.
        """
        for split in splits:
            with self._file.explained():
                rows = self._file.execute(
                    f"{PLANNED} WHERE plan.config = ? AND plan.split = ? ORDER BY plan.number",
                    (config, split),
                )
                for row in rows:
                    call = planned_call(row)
                    reply = self._file.execute(_REPLY, (call.key,)).fetchone()
                    yield call, kept_reply(reply) if reply else None

    def planned_keys(self, config: str) -> set[str]:
        """Return the keys of all calls in a config's plan."""
        return {key for (key,) in self._file.rows("SELECT key FROM plan WHERE config = ?", (config,))}

    def answered_keys(self, config: str) -> set[str]:
        """Return the keys of the calls in a config's plan that have an answer."""
        answered = f"SELECT key FROM plan WHERE config = ? AND {_IS_ANSWERED}"  # noqa: S608
        return {key for (key,) in self._file.rows(answered, (config,))}

    def is_answered(self, key: str) -> bool:
        """Say whether a request has an answer, whatever plan it belongs to."""
        reply = self._file.row(_REPLY, (key,))
        return reply is not None and reply[REPLY_COLUMNS.index("error")] is None

    def is_tried(self, key: str) -> bool:
        """Say whether a request was sent at all, whatever came of it."""
        return self._file.row(_REPLY, (key,)) is not None

    def moment(self) -> int:
        """Return a number that stands for now: replies kept later are after it."""
        ((last,),) = self._file.rows("SELECT max(id) FROM replies")
        return last or 0

    def answers_until(self, keys: Iterable[str], moment: int) -> list[Reply | None]:
        """Return the answer that each request had at a moment, as `moment` named it, or None."""
        first = _REPLY.replace("WHERE key = ?", "WHERE key = ? AND (error IS NOT NULL) = 0 AND id <= ?")
        found = (self._file.row(first, (key, moment)) for key in keys)
        return [kept_reply(reply) if reply else None for reply in found]

    def end_of_round(self, name: str) -> int | None:
        """Return the last moment of a round that has ended; None while it has not."""
        row = self._file.row("SELECT last_reply FROM rounds WHERE name = ?", (name,))
        return row[0] if row else None

    def end_round(self, name: str, moment: int) -> None:
        """Remember that a round has ended: what is answered after this moment does not belong to it."""
        with self.transaction():
            self._file.execute("INSERT OR IGNORE INTO rounds VALUES (?, ?)", (name, moment))

    def progress(self, config: str) -> dict[str, Progress]:
        """Count the planned, answered and failed calls of a config, by split."""
        counts = (
            f"SELECT split, count(*), sum({_IS_ANSWERED}), sum({_IS_TRIED} AND NOT {_IS_ANSWERED}) "  # noqa: S608
            "FROM plan WHERE config = ? GROUP BY split"
        )
        rows = self._file.rows(counts, (config,))
        found = {split: Progress(planned, answered, failed) for split, planned, answered, failed in rows}
        return {split: found[split] for split in SPLITS if split in found}

    def failures(self, config: str) -> dict[str, int]:
        """Count the failed calls by the reason of their last failure, the most frequent reason first."""
        counts = (
            f"SELECT ({_LAST_ERROR}) AS reason, count(*) FROM plan "  # noqa: S608
            f"WHERE config = ? AND {_IS_TRIED} AND NOT {_IS_ANSWERED} "
            "GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._file.rows(counts, (config,)))

    def finish_reasons(self, config: str) -> dict[str, int]:
        """Count a config's answers by why the model stopped, the most frequent reason first.

        A refusal counts as `refusal`. Answers whose server gives no reason are left out.
        """
        counts = (
            f"SELECT (SELECT {_REASON} FROM replies WHERE replies.key = plan.key "  # noqa: S608
            "AND (error IS NOT NULL) = 0 ORDER BY id LIMIT 1) AS reason, count(*) "
            "FROM plan WHERE config = ? GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return {reason: count for reason, count in self._file.rows(counts, (config,)) if reason}

    def spent(self) -> float:
        """Return what all replies together have cost at most, by the prices that the release had.

        Replies of a time when it had none are left out; `unpriced` has them.
        """
        ((spent,),) = self._file.rows("SELECT total(coalesce(cost_at_most, cost)) FROM replies")
        return spent

    def unpriced(self, config: str) -> Iterator[tuple[int, Call, Reply]]:
        """Yield the replies to a config's calls that came when no prices were known, each with its `id`."""
        columns = ", ".join(f"replies.{name}" for name in REPLY_COLUMNS)
        found = (
            f"SELECT replies.id, {columns}, planned.* FROM ({PLANNED} WHERE config = ?) AS planned "  # noqa: S608
            "JOIN replies USING (key) WHERE cost_at_most IS NULL AND cost IS NULL AND started > 0"
        )
        with self._file.explained():
            for number, *row in self._file.execute(found, (config,)):
                reply = kept_reply(tuple(row[: len(REPLY_COLUMNS)]))
                yield number, planned_call(tuple(row[len(REPLY_COLUMNS) :])), reply

    def paid(self, config: str) -> Iterator[Paid]:
        """Yield all replies to a config's calls, failed and further ones too, call by call."""
        with self._file.explained():
            rows = self._file.execute(
                "SELECT key, cost, usage, error IS NULL, lost_attempts, "
                "CASE WHEN started > 0 THEN finished - started END "
                "FROM plan JOIN replies USING (key) WHERE config = ? ORDER BY split, number",
                (config,),
            )
            for key, cost, usage, is_answer, lost_attempts, seconds in rows:
                counts = json.loads(usage)
                yield Paid(key, cost, counts, bool(is_answer or counts), lost_attempts, seconds)

    def latest_usage(self, config: str, most: int) -> Iterator[tuple[Call, Mapping[str, int]]]:
        """Yield the latest answered calls of a config with the tokens that the server counted."""
        latest = (
            f"SELECT id, key FROM replies WHERE {_OF_CONFIG} AND (error IS NOT NULL) = 0 "  # noqa: S608
            "ORDER BY id DESC LIMIT ?"
        )
        found = (
            f"SELECT replies.usage, planned.* FROM ({latest}) AS latest "  # noqa: S608
            f"JOIN ({PLANNED}) AS planned ON planned.key = latest.key AND planned.config = ? "
            "JOIN replies ON replies.id = latest.id ORDER BY latest.id DESC"
        )
        for usage, *planned in self._file.rows(found, (config, most, config)):
            yield planned_call(tuple(planned)), json.loads(usage)

    def remembered(self, config: str) -> dict[str, str]:
        """Return what an engine remembers of a config, by name, in the order of the names."""
        return dict(
            self._file.rows("SELECT name, text FROM memory WHERE config = ? ORDER BY name", (config,))
        )

    def remember(self, config: str, name: str, text: str | None) -> None:
        """Keep a text for an engine, in place of the former one of this name; None removes it."""
        with self.transaction():
            self._file.execute("DELETE FROM memory WHERE config = ? AND name = ?", (config, name))
            if text is not None:
                self._file.execute(
                    "INSERT INTO memory VALUES (?, ?, CAST(? AS TEXT))", (config, name, encoded(text))
                )

    def remembered_for_others(self, running: Collection[str]) -> list[tuple[str, str, str]]:
        """Return what engines remember of configs that are not run now: config, name and text of each."""
        rows = self._file.rows("SELECT config, name, text FROM memory ORDER BY config, name")
        return [(config, name, text) for config, name, text in rows if config not in running]

    def remember_for(self, config: str, former: str, name: str) -> None:
        """Let a config have what was remembered for another one under a name."""
        with self.transaction():
            self._file.execute(
                "UPDATE memory SET config = ? WHERE config = ? AND name = ?", (config, former, name)
            )

    def _forget_requests_never_sent(self) -> None:
        self._file.execute(
            "DELETE FROM requests WHERE key NOT IN (SELECT key FROM plan) "
            "AND key NOT IN (SELECT key FROM replies)"
        )
