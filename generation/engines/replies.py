"""Replies as engines make them: of a completion that arrived, and of a call that came to nothing."""

from __future__ import annotations

import time

from ..calls import Reply
from .completion import Completion


def answer_of(completion: Completion, raw: str, started: float) -> Reply:
    """Return a completion as a reply that is complete now.

    Args:
        completion: What was read.
        raw: What it was read from.
        started: Unix time at which the request was sent.
    """
    return Reply(
        raw=raw,
        text=completion.text,
        model=completion.model,
        usage=completion.usage,
        finish_reason=completion.finish_reason,
        error=None,
        started=started,
        finished=_now_after(started),
    )


def failed(reason: str, started: float, raw: str = "", lost_attempts: int = 0) -> Reply:
    """Return the reply to a call that was given up now.

    Args:
        reason: Why, for people.
        started: Unix time at which the request was first sent.
        raw: What came back, if anything.
        lost_attempts: Attempts that may have been paid for.
    """
    return Reply(
        raw=raw,
        text=None,
        model=None,
        usage={},
        finish_reason=None,
        error=reason,
        started=started,
        finished=_now_after(started),
        lost_attempts=lost_attempts,
    )


def _now_after(started: float) -> float:
    """Return the Unix time, but none before a call began: the clock may have been set back meanwhile."""
    return max(started, time.time())
