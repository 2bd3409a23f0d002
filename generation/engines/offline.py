"""The `offline` engine: methods that ask no model answer their calls themselves, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice

from ...release import Config
from ...schema.errors import EngineError
from ..calls import Call, Reply
from .engine import Endpoint, EngineContext, Record

CHUNK = 1000
"""Calls kept at a time: a commit waits for the disk, and they are made in no time."""


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
        raise EngineError(f"the method `{config.generator.method}` asks no model", where=config.name)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Answer every call; see `Engine.run`."""
        waiting = iter(calls)
        answer = None
        while chunk := list(islice(waiting, CHUNK)):
            answer = answer or self._context.answering()
            record.many([(call, _reply(answer(call))) for call in chunk])


def _reply(text: str) -> Reply:
    now = time.time()
    return Reply(
        raw=text, text=text, model=None, usage={}, finish_reason=None, error=None, started=now, finished=now
    )
