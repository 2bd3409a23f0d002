"""Discussions and pull requests, and the events in them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Discussion:
    """A discussion, or a pull request.

    Attributes:
        number: Counts from 1 in its repository.
        title: What it is about.
        author: Who opened it.
        created: When.
        status: `draft`, `open`, `closed` or `merged`.
        start: The commit that a pull request starts from; None for a discussion.
        merged: The commit that merged it.
        events: What happened in it, as the Hub writes it.
    """

    number: int
    title: str
    author: str
    created: str
    status: str
    start: str | None = None
    merged: str | None = None
    events: tuple[dict[str, Any], ...] = ()

    @property
    def is_pull_request(self) -> bool:
        """Whether it proposes changes."""
        return self.start is not None

    @property
    def reference(self) -> str:
        """Where its commits are."""
        return f"refs/pr/{self.number}"

    def commented(self, author: str, text: str) -> Discussion:
        """Return it with a comment."""
        return self._with("comment", author, {"edited": False, "hidden": False, "latest": {"raw": text}})

    def changed(self, author: str, status: str) -> Discussion:
        """Return it with another status."""
        return replace(self, status=status)._with("status-change", author, {"status": status})

    def committed(self, author: str, subject: str, oid: str) -> Discussion:
        """Return it with a commit."""
        return self._with("commit", author, {"subject": subject, "oid": oid})

    def _with(self, kind: str, author: str, data: dict[str, Any]) -> Discussion:
        event = {
            "id": secrets.token_hex(12),
            "type": kind,
            "createdAt": now(),
            "author": {"name": author},
            "data": data,
        }
        return replace(self, events=(*self.events, event))


def now() -> str:
    """Return the time as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
