"""The tables of a journal, as `docs/journal.md` has them, and how calls and replies stand in their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from .budget import Cost
from .calls import Call, Reply, canonical_json

VERSION = 3

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

# Texts are given as bytes, which SQLite would keep as such.
KEEP_REQUEST = "INSERT OR IGNORE INTO requests VALUES (?, CAST(? AS TEXT))"

PLAN_CALL = """
    INSERT INTO plan VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))
"""

KEEP_REPLY = """
    INSERT INTO replies (key, raw, text, model, usage, finish_reason, error, started, finished,
                         lost_attempts, cost, cost_at_most)
    VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
            CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?, ?)
"""

PLANNED = """
    SELECT plan.config, plan.split, plan.number, plan.engine, plan.seed_ids, plan.seed_revision,
           plan.datapoints, plan.step, plan.about, requests.request, plan.key
    FROM plan JOIN requests ON requests.key = plan.key
"""

REPLY_COLUMNS = (
    *("raw", "text", "model", "usage", "finish_reason", "error"),
    *("started", "finished", "lost_attempts"),
)


def statements_from(version: int) -> Iterator[str]:
    """Yield what brings the tables of a version to those of now; version 0 has none."""
    upgrades = [_UPGRADES[former] for former in range(version, VERSION)] if version else [_TABLES]
    return chain.from_iterable(upgrades)


def encoded(text: str | None) -> bytes | None:
    """Encode a text as SQLite keeps it, even what a model returned that is no valid Unicode."""
    return None if text is None else text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """Return a text as it was before `encoded`."""
    return data.decode("utf-8", "surrogatepass")


def request_row(call: Call) -> tuple[Any, ...]:
    """Return what `KEEP_REQUEST` takes."""
    return call.key, encoded(call.request)


def planned_row(config: str, call: Call) -> tuple[Any, ...]:
    """Return what `PLAN_CALL` takes."""
    return (
        config,
        call.split,
        call.index,
        call.key,
        call.engine,
        encoded(canonical_json(list(call.seed_ids))),
        encoded(call.seed_revision),
        call.datapoints,
        call.step,
        encoded(canonical_json(dict(call.about))),
    )


def planned_call(row: tuple[Any, ...]) -> Call:
    """Return the call that a row of `PLANNED` is."""
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


def reply_row(call: Call, reply: Reply, cost: Cost) -> tuple[Any, ...]:
    """Return what `KEEP_REPLY` takes."""
    texts = (reply.raw, reply.text, reply.model, canonical_json(dict(reply.usage)))
    return (
        call.key,
        *map(encoded, (*texts, reply.finish_reason, reply.error)),
        *(reply.started, reply.finished, reply.lost_attempts, cost.known, cost.at_most),
    )


def kept_reply(row: tuple[Any, ...]) -> Reply:
    """Return the reply that a row of `REPLY_COLUMNS` is."""
    raw, text, model, usage, *others = row
    return Reply(raw, text, model, json.loads(usage), *others)
