"""The journal: every planned call and every response, in one SQLite file that survives a crash.

A response is committed before anything else happens to it, so a run that is killed and started again asks
for nothing that was already answered, and parsing can be repeated without a model. `docs/journal.md`
describes the file.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from ..schema.errors import DataError, SynthnerError
from ..schema.splits import SPLITS
from .budget import NO_COST, Cost
from .calls import Call, Reply, canonical_json

VERSION = 3
BUSY_SECONDS = 30.0

LEAST_ROOM = 32 << 20
"""Bytes that must be free on the disk before another call is asked: room for the answers under way."""

_WRITTEN_AT_ONCE = 1 << 20

# Calls read at a time: enough to keep a server busy, and little memory.
_PAGE = 256

_MEMORY = """
    CREATE TABLE memory (config TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL,
                         PRIMARY KEY (config, name)) WITHOUT ROWID
"""

_ROUNDS = """
    CREATE TABLE rounds (name TEXT PRIMARY KEY, last_reply INTEGER NOT NULL) WITHOUT ROWID
"""

_TABLES = (
    "CREATE TABLE requests (key TEXT PRIMARY KEY, request TEXT NOT NULL)",
    """
    CREATE TABLE plan (
        config TEXT NOT NULL,
        split TEXT NOT NULL,
        number INTEGER NOT NULL,
        key TEXT NOT NULL REFERENCES requests (key),
        engine TEXT NOT NULL,
        seed_ids TEXT NOT NULL,
        seed_revision TEXT NOT NULL,
        datapoints INTEGER NOT NULL,
        step TEXT NOT NULL DEFAULT '',
        about TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (config, split, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE replies (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL REFERENCES requests (key),
        raw TEXT NOT NULL,
        text TEXT,
        model TEXT,
        usage TEXT NOT NULL,
        cost REAL,
        finish_reason TEXT,
        error TEXT,
        started REAL NOT NULL,
        finished REAL NOT NULL,
        lost_attempts INTEGER NOT NULL DEFAULT 0,
        cost_at_most REAL
    )
    """,
    "CREATE INDEX replies_of_a_request ON replies (key, error IS NOT NULL)",
    "CREATE TABLE generating (process INTEGER NOT NULL)",
    _MEMORY,
    _ROUNDS,
)

# What each version added to the one before.
_UPGRADES = {
    1: (
        "ALTER TABLE replies ADD COLUMN lost_attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE replies ADD COLUMN cost_at_most REAL",
        _MEMORY,
    ),
    2: (
        "ALTER TABLE plan ADD COLUMN step TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE plan ADD COLUMN about TEXT NOT NULL DEFAULT '{}'",
        _ROUNDS,
    ),
}

_PLANNED = """
    SELECT plan.config, plan.split, plan.number, plan.engine, plan.seed_ids, plan.seed_revision,
           plan.datapoints, plan.step, plan.about, requests.request, plan.key
    FROM plan JOIN requests ON requests.key = plan.key
"""
_IS_ANSWERED = "EXISTS (SELECT 1 FROM replies WHERE replies.key = plan.key AND (error IS NOT NULL) = 0)"
_IS_TRIED = "EXISTS (SELECT 1 FROM replies WHERE replies.key = plan.key)"

_LAST_ERROR = "SELECT error FROM replies WHERE replies.key = plan.key ORDER BY id DESC LIMIT 1"

_REPLY_COLUMNS = (
    *("raw", "text", "model", "usage", "finish_reason", "error"),
    *("started", "finished", "lost_attempts"),
)

# A request's first answer, which a further one never replaces; where there is none, its last failure.
_REPLY = (
    f"SELECT {', '.join(_REPLY_COLUMNS)} FROM replies WHERE key = ? "  # noqa: S608
    "ORDER BY error IS NOT NULL, CASE WHEN error IS NULL THEN id ELSE -id END LIMIT 1"
)

_OF_CONFIG = "replies.key IN (SELECT key FROM plan WHERE config = ?)"

# A refusal stands where the text would, and the model stopped by itself. Quotes inside of texts are escaped.
_REASON = """
    CASE WHEN raw GLOB '*"refusal":"[^"]*' OR raw GLOB '*"refusal": "[^"]*' THEN 'refusal'
         ELSE finish_reason END
"""

_HINTS = {
    sqlite3.SQLITE_NOTADB: "Is this another file? Move it away to begin a new journal.",
    sqlite3.SQLITE_CORRUPT: "Restore a copy, or recover what is left: `sqlite3 FILE .recover | sqlite3 NEW`.",
    sqlite3.SQLITE_FULL: "Make room, then run the same command again: what was answered is not asked again.",
    sqlite3.SQLITE_BUSY: "Another process is writing to it: wait for that one, then run the command again.",
    sqlite3.SQLITE_READONLY: "Its file and its folder must be writable.",
    sqlite3.SQLITE_CANTOPEN: "Its folder must exist and be writable.",
    sqlite3.SQLITE_IOERR: "The disk or its network connection failed; nothing committed is lost.",
}


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
        self._writing = threading.RLock()
        self._tells_room = True
        self._lock_path = path.with_name(f"{path.name}.lock")
        # A process that has generated has written to it; an empty file is what a crash of the disk left.
        if _is_empty(path) and os.path.exists(self._lock_path):  # noqa: PTH110 - this one raises nothing
            raise DataError(
                "the journal is an empty file, and it was not",
                where=str(path),
                hint="Restore a copy, or remove it to begin a new one, which asks for everything again.",
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the folder cannot be made: {error.strerror}", where=str(path.parent)) from error
        with self._explained():
            # An engine may keep replies by a thread of its own; SQLite lets one at a time in.
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        self._database.text_factory = _decode
        try:
            with self._explained():
                self._prepare()
        except SynthnerError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was recorded is committed already."""
        self._database.close()

    def plan(self, config: str, calls: Iterable[Call]) -> None:
        """Make `calls` the plan of a config, in place of the former one. Answers stay."""
        with self.transaction():
            self._database.execute("DELETE FROM plan WHERE config = ?", (config,))
            for call in calls:
                self._keep_request(call)
                self._database.execute(
                    "INSERT INTO plan VALUES "
                    "(?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))",
                    (
                        config,
                        call.split,
                        call.index,
                        call.key,
                        call.engine,
                        _encode(canonical_json(list(call.seed_ids))),
                        _encode(call.seed_revision),
                        call.datapoints,
                        call.step,
                        _encode(canonical_json(dict(call.about))),
                    ),
                )
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
                with self._explained():
                    rows = self._database.execute(
                        f"{_PLANNED} WHERE {places} ORDER BY number LIMIT {_PAGE}",
                        (config, split, last, *parameters),
                    ).fetchall()
                for row in rows:
                    call = _call(row)
                    last = call.index
                    yield call
                if len(rows) < _PAGE:
                    break

    def moment(self) -> int:
        """Return a number that stands for now: replies kept later are after it."""
        with self._explained():
            (last,) = self._database.execute("SELECT max(id) FROM replies").fetchone()
        return last or 0

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
                self._record(call, reply, cost)

    def _record(self, call: Call, reply: Reply, cost: Cost) -> None:
        texts = (reply.raw, reply.text, reply.model, canonical_json(dict(reply.usage)))
        self._keep_request(call)
        self._database.execute(
            """
            INSERT INTO replies (key, raw, text, model, usage, finish_reason, error, started, finished,
                                 lost_attempts, cost, cost_at_most)
            VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
                    CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?, ?)
            """,
            (
                call.key,
                *map(_encode, (*texts, reply.finish_reason, reply.error)),
                *(reply.started, reply.finished, reply.lost_attempts, cost.known, cost.at_most),
            ),
        )

    def answers(self, config: str, splits: Iterable[str] = SPLITS) -> Iterator[tuple[Call, Reply | None]]:
        """Yield every planned call with its reply, by split in the order of `splits`, then index.

        A call that only failed comes with its failure; one never tried comes with None.
        """
        for split in splits:
            with self._explained():
                rows = self._database.execute(
                    f"{_PLANNED} WHERE plan.config = ? AND plan.split = ? ORDER BY plan.number",
                    (config, split),
                )
                for row in rows:
                    call = _call(row)
                    yield call, _reply(self._database.execute(_REPLY, (call.key,)).fetchone())

    def progress(self, config: str) -> dict[str, Progress]:
        """Count the planned, answered and failed calls of a config, by split."""
        counts = (
            f"SELECT split, count(*), sum({_IS_ANSWERED}), sum({_IS_TRIED} AND NOT {_IS_ANSWERED}) "  # noqa: S608
            "FROM plan WHERE config = ? GROUP BY split"
        )
        with self._explained():
            rows = self._database.execute(counts, (config,)).fetchall()
        found = {split: Progress(planned, answered, failed) for split, planned, answered, failed in rows}
        return {split: found[split] for split in SPLITS if split in found}

    def spent(self) -> float:
        """Return what all replies together have cost at most, by the prices that the release had.

        Replies of a time when it had none are left out; `unpriced` has them.
        """
        with self._explained():
            (spent,) = self._database.execute(
                "SELECT total(coalesce(cost_at_most, cost)) FROM replies"
            ).fetchone()
        return spent

    def unpriced(self, config: str) -> Iterator[tuple[int, Call, Reply]]:
        """Yield the replies to a config's calls that came when no prices were known, each with its `id`."""
        columns = ", ".join(f"replies.{name}" for name in _REPLY_COLUMNS)
        found = (
            f"SELECT replies.id, {columns}, planned.* FROM ({_PLANNED} WHERE config = ?) AS planned "  # noqa: S608
            "JOIN replies USING (key) WHERE cost_at_most IS NULL AND cost IS NULL AND started > 0"
        )
        with self._explained():
            for number, *row in self._database.execute(found, (config,)):
                reply = _reply(tuple(row[: len(_REPLY_COLUMNS)]))
                if reply is not None:
                    yield number, _call(tuple(row[len(_REPLY_COLUMNS) :])), reply

    def paid(self, config: str) -> Iterator[Paid]:
        """Yield all replies to a config's calls, failed and further ones too, call by call."""
        with self._explained():
            rows = self._database.execute(
                "SELECT key, cost, usage, error IS NULL, lost_attempts, "
                "CASE WHEN started > 0 THEN finished - started END "
                "FROM plan JOIN replies USING (key) WHERE config = ? ORDER BY split, number",
                (config,),
            )
            for key, cost, usage, is_answer, lost_attempts, seconds in rows:
                counts = json.loads(usage)
                yield Paid(key, cost, counts, bool(is_answer or counts), lost_attempts, seconds)

    def finish_reasons(self, config: str) -> dict[str, int]:
        """Count a config's answers by why the model stopped, the most frequent reason first.

        A refusal counts as `refusal`. Answers whose server gives no reason are left out.
        """
        counts = (
            f"SELECT (SELECT {_REASON} FROM replies WHERE replies.key = plan.key "  # noqa: S608
            "AND (error IS NOT NULL) = 0 ORDER BY id LIMIT 1) AS reason, count(*) "
            "FROM plan WHERE config = ? GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        with self._explained():
            found = dict(self._database.execute(counts, (config,)).fetchall())
        return {reason: count for reason, count in found.items() if reason}

    def latest_usage(self, config: str, most: int) -> Iterator[tuple[Call, Mapping[str, int]]]:
        """Yield the latest answered calls of a config with the tokens that the server counted."""
        latest = (
            f"SELECT id, key FROM replies WHERE {_OF_CONFIG} AND (error IS NOT NULL) = 0 "  # noqa: S608
            "ORDER BY id DESC LIMIT ?"
        )
        found = (
            f"SELECT replies.usage, planned.* FROM ({latest}) AS latest "  # noqa: S608
            f"JOIN ({_PLANNED}) AS planned ON planned.key = latest.key AND planned.config = ? "
            "JOIN replies ON replies.id = latest.id ORDER BY latest.id DESC"
        )
        with self._explained():
            rows = self._database.execute(found, (config, most, config)).fetchall()
        for usage, *planned in rows:
            yield _call(tuple(planned)), json.loads(usage)

    def answered_keys(self, config: str) -> set[str]:
        """Return the keys of the calls in a config's plan that have an answer."""
        with self._explained():
            rows = self._database.execute(
                f"SELECT key FROM plan WHERE config = ? AND {_IS_ANSWERED}",  # noqa: S608
                (config,),
            )
            return {key for (key,) in rows}

    def is_answered(self, key: str) -> bool:
        """Say whether a request has an answer, whatever plan it belongs to."""
        with self._explained():
            reply = self._database.execute(_REPLY, (key,)).fetchone()
        return reply is not None and reply[5] is None

    def is_tried(self, key: str) -> bool:
        """Say whether a request was sent at all, whatever came of it."""
        with self._explained():
            return self._database.execute(_REPLY, (key,)).fetchone() is not None

    def answers_until(self, keys: Iterable[str], moment: int) -> list[Reply | None]:
        """Return the answer that each request had at a moment, as `moment` named it, or None."""
        first = _REPLY.replace("WHERE key = ?", "WHERE key = ? AND (error IS NOT NULL) = 0 AND id <= ?")
        with self._explained():
            return [_reply(self._database.execute(first, (key, moment)).fetchone()) for key in keys]

    def end_of_round(self, name: str) -> int | None:
        """Return the last moment of a round that has ended; None while it has not."""
        with self._explained():
            row = self._database.execute("SELECT last_reply FROM rounds WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def end_round(self, name: str, moment: int) -> None:
        """Remember that a round has ended: what is answered after this moment does not belong to it."""
        with self.transaction():
            self._database.execute("INSERT OR IGNORE INTO rounds VALUES (?, ?)", (name, moment))

    def failures(self, config: str) -> dict[str, int]:
        """Count the failed calls by the reason of their last failure, the most frequent reason first."""
        counts = (
            f"SELECT ({_LAST_ERROR}) AS reason, count(*) FROM plan "  # noqa: S608
            f"WHERE config = ? AND {_IS_TRIED} AND NOT {_IS_ANSWERED} "
            "GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        with self._explained():
            return dict(self._database.execute(counts, (config,)).fetchall())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside at once, or none of it; inside another transaction, with that one.

        Many replies that cost nothing are kept a hundred times faster this way.
        """
        with self._writing:
            if self._database.in_transaction:
                yield
                return
            with self._explained():
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._database.execute("COMMIT")
                finally:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")

    def remembered(self, config: str) -> dict[str, str]:
        """Return what an engine remembers of a config, by name, in the order of the names."""
        with self._explained():
            rows = self._database.execute(
                "SELECT name, text FROM memory WHERE config = ? ORDER BY name", (config,)
            ).fetchall()
        return dict(rows)

    def remember(self, config: str, name: str, text: str | None) -> None:
        """Keep a text for an engine, in place of the former one of this name; None removes it."""
        with self.transaction():
            self._database.execute("DELETE FROM memory WHERE config = ? AND name = ?", (config, name))
            if text is not None:
                self._database.execute(
                    "INSERT INTO memory VALUES (?, ?, CAST(? AS TEXT))", (config, name, _encode(text))
                )

    def check_room(self) -> None:
        """Make sure that there is room on the disk for answers that are yet to come.

        Raises:
            DataError: If the disk is nearly full: what could not be kept would be paid for in vain.
        """
        if not self._tells_room:
            return
        with suppress(OSError):
            disk = shutil.disk_usage(self.path.parent)
            if disk.free >= LEAST_ROOM:
                return
            # Some file systems say that nothing is free, and mean that they do not know.
            if _has_room(self.path.parent):
                self._tells_room = False
                return
            raise DataError(
                f"the disk is nearly full ({disk.free / 1e6:,.0f} MB are free), and answers that it has "
                "no room for would be lost",
                where=str(self.path),
                hint=_HINTS[sqlite3.SQLITE_FULL],
            )

    def remembered_for_others(self, running: Collection[str]) -> list[tuple[str, str, str]]:
        """Return what engines remember of configs that are not run now: config, name and text of each."""
        with self._explained():
            rows = self._database.execute("SELECT config, name, text FROM memory ORDER BY config, name")
            return [row for row in rows if row[0] not in running]

    def remember_for(self, config: str, former: str, name: str) -> None:
        """Let a config have what was remembered for another one under a name."""
        with self.transaction():
            self._database.execute(
                "UPDATE memory SET config = ? WHERE config = ? AND name = ?", (config, former, name)
            )

    def planned_keys(self, config: str) -> set[str]:
        """Return the keys of all calls in a config's plan."""
        with self._explained():
            rows = self._database.execute("SELECT key FROM plan WHERE config = ?", (config,))
            return {key for (key,) in rows}

    @contextmanager
    def only_this_process(self) -> Iterator[None]:
        """Keep every other process from asking for the calls of this journal: two would pay twice.

        Raises:
            DataError: If another process is at it; the message names it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._lock_path, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise DataError(
                f"{self._generating_process()} is generating for this journal already",
                where=str(self.path),
                hint="Wait for it or stop it, then run the command again: nothing answered is asked again.",
            ) from error
        except OSError as error:
            raise DataError(
                f"the file that keeps other processes away cannot be used: {error.strerror}",
                where=lock.lock_file,
                hint="Its folder must be writable; remove the file if another user made it.",
            ) from error
        try:
            with self.transaction():
                self._database.execute("DELETE FROM generating")
                self._database.execute("INSERT INTO generating VALUES (?)", (os.getpid(),))
            yield
        finally:
            lock.release()

    def _generating_process(self) -> str:
        with self._explained():
            row = self._database.execute("SELECT process FROM generating").fetchone()
        return f"process {row[0]}" if row else "another process"

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise DataError(
                f"this journal has version {version}; this synthner reads up to {VERSION}",
                where=str(self.path),
                hint="Use the newer synthner that made it.",
            )
        if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise DataError(
                "this SQLite file is no journal of synthner",
                where=str(self.path),
                hint=_HINTS[sqlite3.SQLITE_NOTADB],
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        # A response is paid for: it must outlive a power cut, not only a crash.
        self._database.execute("PRAGMA synchronous = FULL")
        if version < VERSION:
            self._begin()

    def _begin(self) -> None:
        """Make the tables, or what a former version of them lacks."""
        with self.transaction():
            # Another process may have been faster.
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            upgrades = [_UPGRADES[former] for former in range(version, VERSION)] if version else [_TABLES]
            for statement in chain.from_iterable(upgrades):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {VERSION}")

    def _keep_request(self, call: Call) -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO requests VALUES (?, CAST(? AS TEXT))", (call.key, _encode(call.request))
        )

    def _forget_requests_never_sent(self) -> None:
        self._database.execute(
            "DELETE FROM requests WHERE key NOT IN (SELECT key FROM plan) "
            "AND key NOT IN (SELECT key FROM replies)"
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise DataError(
                f"the journal cannot be used: {error}", where=str(self.path), hint=_HINTS.get(code)
            ) from error


def _is_empty(path: Path) -> bool:
    try:
        return not path.stat().st_size
    except OSError:
        return False


def _has_room(folder: Path) -> bool:
    """Try whether there is room for as much as must be free."""
    try:
        with TemporaryFile(dir=folder) as file:
            # What cannot be packed: some disks pack what they hold.
            for _ in range(0, LEAST_ROOM, _WRITTEN_AT_ONCE):
                file.write(os.urandom(_WRITTEN_AT_ONCE))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _encode(text: str | None) -> bytes | None:
    """Encode a text as SQLite keeps it, even what a model returned that is no valid Unicode."""
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _call(row: tuple[Any, ...]) -> Call:
    config, split, number, engine, seed_ids, seed_revision, datapoints, step, about, request, key = row
    sent = json.loads(request)
    call = Call(
        config=config,
        split=split,
        index=number,
        engine=engine,
        model=sent["model"],
        messages=tuple(sent["messages"]),
        schema=sent["schema"],
        sampling=sent["sampling"],
        base_url=sent["base_url"],
        seed_ids=tuple(json.loads(seed_ids)),
        seed_revision=seed_revision,
        datapoints=datapoints,
        step=step,
        about=json.loads(about) if about != "{}" else {},
    )
    # Known already; making them again would cost more than all else here.
    vars(call).update(request=request, key=key)
    return call


def _reply(row: tuple[Any, ...] | None) -> Reply | None:
    if row is None:
        return None
    raw, text, model, usage, *others = row
    return Reply(raw, text, model, json.loads(usage), *others)
