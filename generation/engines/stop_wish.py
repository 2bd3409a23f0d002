"""The user's wish to stop, for engines that answer in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self


class StopWish:
    """The user's wish to stop: the first interrupt is one, the second one waits for nothing.

    Args:
        tell: Told of the wish, with the number of calls under way.

    Attributes:
        is_there: Whether the user wishes to stop.
        under_way: Calls under way; where there are none, there is nothing to wait for.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.is_there = False
        self.under_way = 0
        self._tell = tell
        self._former: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_there or not self.under_way:
            raise KeyboardInterrupt
        self.is_there = True
        self._tell(self.under_way)
