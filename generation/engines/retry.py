"""When to ask again, and how long to wait before."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_ATTEMPTS = 8

# A server that is asked too much refuses many calls before it takes one; it has not failed.
MAX_REFUSALS = 16

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0

# A server that wants to be left alone for longer has a quota, not a hiccup.
LONGEST_WAIT = 600.0


def is_temporary(status: int) -> bool:
    """Say whether an HTTP status may go away by itself: timeouts, conflicts, rate limits, server errors."""
    return status in (408, 409, 425, 429) or status >= 500


def is_pushback(status: int) -> bool:
    """Say whether an HTTP status asks to send less: rate limits and overload."""
    return status in (429, 503)


def backoff(attempt: int) -> float:
    """Return the seconds to wait after a failed attempt (from 0): doubling, with a random part.

    The random part keeps many calls that failed together from coming back together.
    """
    return min(FIRST_DELAY * 2**attempt, LONGEST_DELAY) * random.uniform(0.5, 1.0)  # noqa: S311


def pause(asked: float | None, attempt: int) -> float:
    """Return the seconds to wait after a failed attempt (from 0).

    Args:
        asked: The wait that the server asks for, or None. A second "now" in a row is not believed: all
            attempts would be over before the server is well.
        attempt: Which attempt it was.
    """
    return backoff(attempt) if asked is None or (asked <= 0 and attempt > 0) else asked


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, from `Retry-After` in seconds or as an HTTP date.

    A date is read by the server's own clock where it sends that, too: the one here may be wrong by hours.
    None where it asks for nothing that can be understood.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        moment = _moment(value)
        if moment is None:
            return None
        now = _moment(headers.get("date", "")) or datetime.now(UTC)
        seconds = (moment - now).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _moment(date: str) -> datetime | None:
    """Read an HTTP date; None where it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
