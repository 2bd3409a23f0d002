"""How many calls are under way at once: as many as the server takes, found out while it answers.

After the way TCP finds its rate: one more for each answer, half as many when the server pushes back, once for
all that was sent before. Growing fast matters: where one call in ten is refused for no good reason, growing
by one a round would end near one call at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

FIRST = 64
"""Calls under way before anything is known of the server."""

MOST = 128
"""Calls under way at most, where the release does not say."""

# Of the latest outcomes this share is refused where a server means everyone, and not one call in passing.
_MEANS_EVERYONE = 0.3
_LATEST = 16


class Concurrency:
    """Lets calls in, as long as there is room.

    Args:
        most: Calls under way at most.

    Attributes:
        limit: Calls that may be under way now.
        under_way: Calls that are.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(FIRST, most)
        self.under_way = 0
        self._most = most
        self._lowered = float("-inf")
        self._latest: deque[bool] = deque(maxlen=_LATEST)
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    async def enter(self) -> None:
        """Wait until there is room, and take it."""
        await self._room.wait()
        self.under_way += 1
        self._look()

    def leave(self) -> None:
        """Give the room of one call back."""
        self.under_way -= 1
        self._look()

    def close(self) -> None:
        """Keep nobody waiting any more: who enters now is to look whether it should."""
        self._closed = True
        self._look()

    def answered(self, was_slow: bool = False) -> None:
        """Let one more in, for a call was answered; but not where answers are slow already."""
        self._latest.append(False)
        if not was_slow:
            self.limit = min(self.limit + 1, self._most)
        self._look()

    def pushed_back(self, sent: float) -> None:
        """Halve the calls under way, if the call that was refused had been sent after they were halved last.

        Args:
            sent: `time.monotonic()` when it was sent.
        """
        self._latest.append(True)
        if sent >= self._lowered:
            self.limit = max(self.limit // 2, 1)
            self._lowered = time.monotonic()
        self._look()

    @property
    def everyone_is_refused(self) -> bool:
        """Whether so many calls are refused of late that the server means all of them."""
        return sum(self._latest) >= _MEANS_EVERYONE * len(self._latest) > 0

    def _look(self) -> None:
        if self._closed or self.under_way < self.limit:
            self._room.set()
        else:
            self._room.clear()
