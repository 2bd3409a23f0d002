"""What the `ray` engine runs on the machines of a cluster, before and after vLLM.

Calls come from a `Waiting` on the driver's machine, a batch for each task that reads: the plan is never in
the cluster as a whole. A task that Ray runs again gets the batch that it had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...schema.secrecy import without_secrets
from ..calls import Call
from .local import Chats
from .ray_cluster import installed_version, ray_itself
from .ray_shards import Result, ShardFolder, table_of

if TYPE_CHECKING:
    import pyarrow as pa

ERROR = "__inference_error__"
"""Where Ray Data LLM says why a call failed; empty where it did not. It passes over what failed before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, as the cluster is given it.

    Attributes:
        call: The call.
        sampling: The arguments of vLLM's `SamplingParams`.
        at: Unix time of it.
    """

    call: Call
    sampling: dict[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls that go through the cluster together.

    Attributes:
        number: Its number, of no other batch of a run.
        asked: The calls.
    """

    number: int
    asked: Sequence[Asked]


@dataclass(frozen=True, slots=True)
class Model:
    """What the steps around vLLM must know of its model.

    Attributes:
        source: Its folder or its id on the Hub.
        revision: Its revision there; None for the newest.
        ends: Tokens that end an answer.
        stop: Texts that end one.
    """

    source: str
    revision: str | None
    ends: frozenset[int]
    stop: tuple[str, ...]


class Waiting:
    """An actor: batches that wait for tasks to read them."""

    def __init__(self) -> None:
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._taken: dict[int, Batch] = {}  # by task
        self._tasks: dict[int, int] = {}  # by batch
        self._done: set[int] = set()  # tasks

    async def put(self, batch: Batch) -> None:
        """Let a batch wait."""
        self._batches.put_nowait(batch)

    async def take(self, task: int) -> Batch | None:
        """Return the batch of a task, when there is one; None where none is to come or its is answered."""
        if task not in self._taken and task not in self._done:
            batch = await self._batches.get()
            if batch is None:
                self._batches.put_nowait(None)
                return None
            self._taken[task] = batch
            self._tasks[batch.number] = task
        return self._taken.get(task)

    async def forget(self, number: int) -> None:
        """Forget a batch, every call of which is answered."""
        task = self._tasks.pop(number, None)
        if task is not None:
            self._taken.pop(task)
            self._done.add(task)

    async def close(self) -> None:
        """Let no more batches come, and those go that no task has taken yet."""
        while not self._batches.empty():
            self._batches.get_nowait()
        self._batches.put_nowait(None)


def source_of(waiting: Any, tasks: int, model: Model) -> Any:
    """Return a source of data of Ray: tasks that read a batch each from a `Waiting`.

    Args:
        waiting: The handle of the actor.
        tasks: How many tasks.
        model: The model that they write prompts for.
    """
    from ray.data import Datasource, ReadTask  # pyright: ignore[reportMissingImports]
    from ray.data.block import BlockMetadata  # pyright: ignore[reportMissingImports]

    unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)

    class _Source(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
            return [ReadTask(_Reading(waiting, task, model), unknown) for task in range(tasks)]

    return _Source()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A task that reads a batch.

    Attributes:
        waiting: Where from.
        task: Its number.
        model: The model that it writes prompts for.
    """

    waiting: Any
    task: int
    model: Model

    def __call__(self) -> list[pa.Table]:
        batch = ray_itself().get(self.waiting.take.remote(self.task))
        return [] if batch is None else [prompts(batch, self.model)]


def prompts(batch: Batch, model: Model) -> pa.Table:
    """Return calls as Ray Data LLM takes them; what cannot be written as a chat has failed already."""
    import pyarrow as pa

    chats = Chats(_tokenizer(model.source, model.revision))
    rows = []
    for asked in batch.asked:
        tokens, problem = [], ""
        try:
            tokens = chats.prompt(asked.call)
        except Exception as error:  # a template may raise anything, and the other calls go on
            problem = f"its prompt cannot be written: {without_secrets(error)}"
        rows.append(
            {
                "key": asked.call.key,
                "asked_at": asked.at,
                "tokenized_prompt": tokens,
                "sampling_params": asked.sampling,
                ERROR: problem,
            }
        )
    return pa.Table.from_pylist(rows)


def essence(row: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of a row that vLLM has answered."""
    names = ("key", "asked_at", "generated_text", "generated_tokens", "num_input_tokens")
    return {name: row[name] for name in names}


def finished(table: pa.Table, model: Model, folder: ShardFolder | None) -> pa.Table:
    """Return what Ray Data LLM has made of calls as a table of results, or as the name of a shard of them."""
    import pyarrow as pa

    results = table_of(_result(row, model) for row in table.to_pylist())
    if folder is None:
        return results
    return pa.table({"shard": pa.array([folder.write(results)] if results.num_rows else [], pa.string())})


def _result(row: dict[str, Any], model: Model) -> Result:
    problem = row.get(ERROR)
    tokens = [] if problem else list(row["generated_tokens"])
    return Result(
        key=row["key"],
        text=None if problem else row["generated_text"],
        finish_reason=None if problem else _finish_reason(tokens, model),
        prompt_tokens=0 if problem else row["num_input_tokens"],
        completion_tokens=len(tokens),
        error=problem or None,
        engine=f"vllm {installed_version('vllm')}",
        started=row["asked_at"],
        finished=time.time(),
    )


def _finish_reason(tokens: Sequence[int], model: Model) -> str:
    """Say why an answer ended, which Ray Data LLM does not: one that was not ended was cut."""
    if tokens and tokens[-1] in model.ends:
        return "stop"
    if model.stop:
        # vLLM cuts the text where the stop begins, and leaves its tokens.
        text = _tokenizer(model.source, model.revision).decode(tokens, skip_special_tokens=True)
        if any(stop in text for stop in model.stop):
            return "stop"
    return "length"


@lru_cache(maxsize=1)
def _tokenizer(source: str, revision: str | None) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
