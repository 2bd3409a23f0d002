"""Replies kept by a thread of its own, all that have arrived at once.

A commit waits for the disk. Done in the event loop, it would hold up all calls; done for each reply by
itself, the disk would be slower than the servers.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from ...schema.errors import DataError
from ..calls import Call, Reply
from .engine import Record

# Waiting for a few replies more before each commit costs a call little, and the processor half of the work.
_GATHERING_SECONDS = 0.004


class Committing:
    """Keeps replies while others arrive.

    Args:
        record: Keeps them.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._arrived: list[tuple[Call, Reply]] = []
        self._refused: list[tuple[Call, Reply]] = []
        self._left_alone: tuple[Future[None], list[tuple[Call, Reply]]] | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._thread = ThreadPoolExecutor(1, "journal")
        self._task: asyncio.Task[None] | None = None

    async def keep(self, call: Call, reply: Reply) -> None:
        """Return when a reply is kept.

        Raises:
            DataError: If it cannot be written.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived.append((call, reply))
        self._waiting.append(kept)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit())
        await kept

    def leave(self, call: Call, reply: Reply) -> None:
        """Leave a reply to `commit_the_rest`, for who cannot wait."""
        self._arrived.append((call, reply))

    def commit_the_rest(self) -> None:
        """Keep what arrived and was not kept when the event loop ended, what could not be written included.

        Raises:
            DataError: If some of it cannot be written now, either. As much as can be is.
        """
        self._thread.shutdown()
        if self._left_alone is not None:
            writing, left = self._left_alone
            if isinstance(writing.exception(), DataError):
                self._refused += left
        arrived, self._refused, self._arrived = [*self._refused, *self._arrived], [], []
        if not arrived:
            return
        with suppress(DataError):
            self._record.many(arrived)
            return
        refused: DataError | None = None
        for call, reply in arrived:
            # One by one: on a disk that is nearly full there may be room for some, and none for all at once.
            try:
                self._record(call, reply)
            except DataError as error:
                refused = error
        if refused is not None:
            raise refused

    async def _commit(self) -> None:
        while self._waiting:
            await asyncio.sleep(_GATHERING_SECONDS)
            arrived, self._arrived = self._arrived, []
            waiting, self._waiting = self._waiting, []
            writing = self._thread.submit(self._record.many, arrived)
            try:
                await asyncio.shield(asyncio.wrap_future(writing))
            except asyncio.CancelledError:
                # Whoever does not want to wait any more: what is being written is written, if it can be.
                self._left_alone = writing, arrived
                raise
            except Exception as error:
                if isinstance(error, DataError):
                    # It is paid for, and tried again at the end: a disk may be full for a moment only.
                    self._refused += arrived
                for kept in waiting:
                    _fail(kept, error)
            else:
                for kept in waiting:
                    if not kept.done():
                        kept.set_result(None)


def _fail(kept: asyncio.Future[None], error: Exception) -> None:
    if not kept.done():
        kept.set_exception(error)
        # Who waited may be gone; nobody is to be told of it at the end, then.
        kept.exception()
