"""The `offline` engine: methods that ask no chat model answer their calls themselves, in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from ...release import Config
from ...schema.errors import EngineError
from ..calls import Call, Reply
from .engine import Endpoint, EngineContext, Record

MOST_KEPT_AT_ONCE = 1000
"""A commit waits for the disk, and answers of methods that compute little are made in no time."""

MOST_SECONDS_UNKEPT = 1.0
"""Answers of methods that compute much are kept this often: so much is lost with a process that dies."""


class OfflineEngine:
    """Lets a config's method answer."""

    price_share = 0.0

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Say that there is no place that prompts could be sent to.

        Raises:
            EngineError: Always.
        """
        raise EngineError(f"the method `{config.generator.method}` asks no chat model", where=config.name)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Answer every call; see `Engine.run`."""
        waiting = iter(calls)
        first = next(waiting, None)
        if first is None:
            # To make what answers may take long, a model that is trained for example.
            return
        taken: deque[Call] = deque()
        answers = self._context.answering()(_noting(chain([first], waiting), taken))
        made: list[tuple[Call, Reply]] = []
        kept = time.monotonic()
        try:
            for text in answers:
                made.append((taken.popleft(), _reply(text)))
                if len(made) == MOST_KEPT_AT_ONCE or time.monotonic() - kept > MOST_SECONDS_UNKEPT:
                    finished, made = made, []
                    record.many(finished)
                    kept = time.monotonic()
        finally:
            if made:
                record.many(made)


def _noting(calls: Iterable[Call], taken: deque[Call]) -> Iterator[Call]:
    for call in calls:
        taken.append(call)
        yield call


def _reply(text: str) -> Reply:
    now = time.time()
    return Reply(
        raw=text, text=text, model=None, usage={}, finish_reason=None, error=None, started=now, finished=now
    )
