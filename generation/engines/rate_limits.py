"""Limits that a server sets by the minute, kept to by spacing what is sent."""

from __future__ import annotations

import time
from collections.abc import Callable

_MINUTE = 60.0


class RateLimit:
    """So many units a minute, spread evenly: a server that counts by the second is content as well.

    Args:
        per_minute: Units a minute; None for no limit.
        clock: Tells the time in seconds.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_a_unit = _MINUTE / per_minute if per_minute else 0.0
        self._clock = clock
        self._free_from = clock()

    def wait_for(self, units: float) -> float:
        """Take units, and return the seconds to wait before they may be used."""
        now = self._clock()
        starts = max(self._free_from, now)
        self._free_from = starts + units * self._seconds_a_unit
        return starts - now

    def correct(self, units: float) -> None:
        """Count so many units more than were taken, or fewer where negative: the server has told."""
        self._free_from += units * self._seconds_a_unit


class Limits:
    """The limits of one server: requests and tokens a minute.

    Args:
        requests: Requests a minute; None for no limit.
        tokens: Tokens a minute, of prompts and answers; None for no limit.
    """

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._requests = RateLimit(requests)
        self._tokens = RateLimit(tokens)
        self._tokens_of_an_answer = 0.0
        self._answers = 0

    def wait_for(self, prompt_tokens: float) -> tuple[float, float]:
        """Take a request with a prompt of about so many tokens.

        Returns:
            The seconds to wait before it may be sent, and the tokens that were taken for it: those of the
            prompt, and of an answer as they were on average so far.
        """
        expected = prompt_tokens + self._tokens_of_an_answer
        return max(self._requests.wait_for(1), self._tokens.wait_for(expected)), expected

    def told(self, expected: float, prompt_tokens: int, answer_tokens: int) -> None:
        """Take in what the server counted for a request of which `expected` tokens were taken."""
        self._answers += 1
        self._tokens_of_an_answer += (answer_tokens - self._tokens_of_an_answer) / self._answers
        self._tokens.correct(prompt_tokens + answer_tokens - expected)
