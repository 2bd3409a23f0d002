"""The `ray` engine: vLLM on all GPUs of a Ray cluster, by Ray Data LLM.

The plan stays here. As many calls as keep the cluster busy are under way at a time; the next ones follow as
answers come, in whatever order. So each machine loads the model once, and never waits for a chunk to end.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ...release import Config
from ...schema.errors import EngineError, ReleaseError, SynthnerError
from ...schema.secrecy import without_secrets
from ..calls import Call, Reply
from .engine import Endpoint, EngineContext, Record
from .local import Answer, Chats, answered, local_endpoint
from .local_models import loading, model_source, require_packages
from .ray_cluster import (
    check_gpus,
    check_nodes,
    connected,
    gpus_alive,
    last_line,
    needs_of,
    quiet,
    ray_itself,
)
from .ray_shards import Leftovers, Result, ShardFolder, results_of
from .ray_stages import Asked, Batch, Model, Waiting, essence, finished, source_of
from .replies import failed
from .sampling import Samplings
from .stop_wish import StopWish
from .vllm import SAMPLING_NAMES, llm_arguments, sampling_arguments, vllm_schema

BATCH_SIZE = 128
"""Calls that go through the cluster together; a vLLM has eight batches at a time."""

# What Ray hands to a vLLM at most: what it answers, and as much again, so that it never waits.
_BATCHES_OF_A_WORKER = 16

# Tasks of the cluster that wait for calls to read, at a time.
_READERS = 4

# Where the plan has more batches, the model is loaded again: Ray wants to know all tasks beforehand.
_TASKS = 4096

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_CHECKS = 10.0
_SECONDS_TO_END = 10.0


class RayEngine:
    """Asks vLLM on a Ray cluster.

    Attributes:
        seconds_without_gpus: How long to wait for machines where none is left, before it is given up.
    """

    price_share = 1.0
    seconds_without_gpus = 300.0

    def __init__(self, context: EngineContext) -> None:
        self._config = context.config
        self._folder = context.folder
        self._stopping = context.stopping

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Return where the calls of a config go; see `Engine.endpoint`."""
        return local_endpoint(config, *SAMPLING_NAMES)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        require_packages(self._config, ["ray", "vllm"], "ray,vllm")
        source = model_source(self._config, self._folder)
        if Path(source).is_dir():
            source = str(Path(source).absolute())
        settings = self._config.generator.settings
        shards = _shard_folder(self._config, self._folder)
        with StopWish(self._stopping) as wish:
            answering = _Answering(self._config, source, record, shards)
            waiting = iter(calls)
            if shards:
                waiting = Leftovers(shards).kept_first(waiting, answering.keep)
            for first in waiting:
                with connected(self._config, settings.get("address")):
                    answering.check(first)
                    answering.answer(chain([first], waiting), wish, self.seconds_without_gpus)


class _Answering:
    """Answers the calls of a config.

    Args:
        config: The config.
        source: Where its model is.
        record: Keeps replies.
        shards: Where workers leave results, if they do.

    Raises:
        ReleaseError: If a sampling parameter is none.
        EngineError: If there is no such model.
    """

    def __init__(self, config: Config, source: str, record: Record, shards: ShardFolder | None) -> None:
        settings = config.generator.settings
        self._config = config
        self._source = source
        self._record = record
        self._shards = shards
        self._batch_size: int = settings.get("batch_size", BATCH_SIZE)
        self._gpus_of_one: int = settings.get("tensor_parallel_size", 1)
        self._samplings, self._model = self._read_model(settings.get("revision"))
        self._under_way: dict[str, tuple[Call, int]] = {}  # by key, with the number of its batch
        self._left: dict[int, int] = {}  # by batch, calls that are under way
        self._batches_so_far = 0
        self._answered = 0
        self._next_check = self._gpus_seen = time.monotonic()

    def keep(self, found: Sequence[tuple[Call, Result]]) -> None:
        """Keep what workers have made of calls."""
        if found:
            self._record.many([(call, self._reply(call, result)) for call, result in found])

    def check(self, call: Call) -> None:
        """Make sure that the cluster, which this program is connected to, can do what is asked.

        Args:
            call: The first call.

        Raises:
            ReleaseError: If vLLM does not take the sampling parameters.
            EngineError: If the cluster cannot.
            DataError: If the folder of shards cannot be written to.
        """
        self._check_sampling(call)
        least, _ = self._workers()
        check_gpus(self._config, least, self._gpus_of_one)
        check_nodes(self._config, needs_of(self._source, self._shards))

    def answer(self, calls: Iterator[Call], wish: StopWish, patience: float) -> None:
        """Ask for calls until all are answered.

        Args:
            calls: The calls.
            wish: The user's wish to stop.
            patience: Seconds to wait for machines where none is left.

        Raises:
            EngineError: If the cluster cannot answer.
            KeyboardInterrupt: If the user wishes to stop.
        """
        for first in calls:
            again = [first]
            while again:
                answered_before = self._answered
                self._answer_once(chain(again, calls), wish, patience)
                if wish.is_there:
                    raise KeyboardInterrupt
                # What went down with a machine, and Ray knew nothing of any more.
                again = [call for call, _ in self._under_way.values()]
                self._under_way.clear()
                self._left.clear()
                if self._answered == answered_before:
                    raise EngineError(
                        f"the Ray cluster has come back without an answer to {len(again):,} calls",
                        where=self._config.name,
                        hint="What was answered before is kept; run the command again for the rest.",
                    )

    def _answer_once(self, calls: Iterator[Call], wish: StopWish, patience: float) -> None:
        """Ask for calls, as many as Ray takes in one go, each once."""
        ray = ray_itself()
        _, workers = self._workers()
        at_once = workers * _BATCHES_OF_A_WORKER + _READERS
        batches = islice(self._batches(calls), _TASKS)
        first = list(islice(batches, at_once))
        tasks = _TASKS if len(first) == at_once else len(first)
        waiting = ray.remote(Waiting).options(num_cpus=0, scheduling_strategy=_on_this_machine()).remote()
        for batch in first:
            waiting.put.remote(batch)
        with self._explained():
            stream = _Stream(self._dataset(waiting, tasks))
            try:
                while self._under_way and (table := stream.next()) is not _ENDED:
                    self._check_machines(patience)
                    if table is not None:
                        self._take_in(table, waiting, batches, wish)
                    if wish.is_there:
                        waiting.close.remote()
            finally:
                wish.under_way = 0
                waiting.close.remote()
                stream.end()
                with suppress(ray.exceptions.RayError):
                    ray.kill(waiting)

    def _take_in(self, table: Any, waiting: Any, batches: Iterator[Batch], wish: StopWish) -> None:
        """Keep results, and let as many batches follow as are complete."""
        for done in self._keep_results(table):
            waiting.forget.remote(done)
            batch = None if wish.is_there else next(batches, None)
            if batch is not None:
                waiting.put.remote(batch)
        wish.under_way = len(self._under_way)

    def _keep_results(self, table: Any) -> list[int]:
        """Keep what has come, and return the numbers of the batches that are complete with it."""
        complete = []
        for shard, found in self._results(table):
            new = {result.key: result for result in found if result.key in self._under_way}
            self.keep([(self._under_way[key][0], result) for key, result in new.items()])
            self._answered += len(new)
            for key in new:
                _, number = self._under_way.pop(key)
                self._left[number] -= 1
                if not self._left[number]:
                    del self._left[number]
                    complete.append(number)
            if shard and self._shards:
                self._shards.remove(shard)
        return complete

    def _results(self, table: Any) -> Iterator[tuple[str | None, list[Result]]]:
        if self._shards is None:
            yield None, results_of(table)
            return
        for shard in table["shard"].to_pylist():
            yield shard, self._shards.read(shard)

    def _batches(self, calls: Iterator[Call]) -> Iterator[Batch]:
        while chunk := list(islice(calls, self._batch_size)):
            number = self._batches_so_far
            self._batches_so_far += 1
            self._under_way |= {call.key: (call, number) for call in chunk}
            self._left[number] = len(chunk)
            now = time.time()
            yield Batch(number, [Asked(call, self._sampling_of(call), now) for call in chunk])

    def _sampling_of(self, call: Call) -> dict[str, Any]:
        arguments = sampling_arguments(self._samplings.of(call), call)
        # As a text: in a table, objects of different keys would each get the keys of all.
        schema = call.schema and {
            "json": json.dumps(vllm_schema(call.schema), ensure_ascii=False),
            "disable_any_whitespace": True,
        }
        return {**arguments, "structured_outputs": schema}

    def _dataset(self, waiting: Any, tasks: int) -> Any:
        """Return the calls as a dataset of Ray, which nothing is done with before it is looked at."""
        from ray import data  # pyright: ignore[reportAttributeAccessIssue, reportMissingImports]
        from ray.data.llm import (  # pyright: ignore[reportMissingImports]
            build_processor,
            vLLMEngineProcessorConfig,
        )

        least, most = self._workers()
        arguments = llm_arguments(self._config, self._source)
        with quiet():
            processor = build_processor(
                vLLMEngineProcessorConfig(
                    model_source=arguments.pop("model"),
                    engine_kwargs=arguments,
                    batch_size=self._batch_size,
                    concurrency=(least, most),
                    should_continue_on_error=True,
                    log_engine_metrics=False,
                    # Prompts come as tokens, and answers as texts.
                    chat_template_stage=False,
                    tokenize_stage=False,
                    detokenize_stage=False,
                ),
                postprocess=essence,
            )
        context = data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        with data.DataContext.current(context):
            source = source_of(waiting, tasks, self._model)
            asked = data.read_datasource(source, override_num_blocks=tasks, concurrency=_READERS)
            finish = partial(finished, model=self._model, folder=self._shards)
            return processor(asked).map_batches(finish, batch_size=None, batch_format="pyarrow")

    def _reply(self, call: Call, result: Result) -> Reply:
        if result.error is not None or result.text is None or result.finish_reason is None:
            reply = failed(result.error or "there is no text", result.started)
        else:
            answer = Answer(
                text=result.text,
                finish_reason=result.finish_reason,
                prompt_tokens=result.prompt_tokens,
                completion_tokens=result.completion_tokens,
                seed=self._samplings.of(call).seed_of(call),
                engine=result.engine,
            )
            reply = answered(call, answer, result.started)
        return replace(reply, finished=result.finished)

    def _workers(self) -> tuple[int, int]:
        """Return how many vLLMs there are to be at least and at most."""
        given = self._config.generator.settings.get("workers")
        if given is None:
            given = max(1, gpus_alive() // self._gpus_of_one)
        least, most = given if isinstance(given, list | tuple) else (given, given)
        if least > most:
            raise ReleaseError(
                f"ray.workers: the least number, {least}, is above the greatest, {most}",
                where=self._config.name,
            )
        return least, most

    def _read_model(self, revision: str | None) -> tuple[Samplings, Model]:
        """Return how tokens are drawn, and what ends an answer."""
        with loading(self._config):
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(
                self._source, revision=revision, trust_remote_code=False
            )
            Chats(tokenizer)
            defaults = _generation_defaults(self._config, self._source)
        samplings = Samplings(self._config, defaults)
        given = defaults.get("eos_token_id")
        ends = {
            tokenizer.eos_token_id,
            *(given if isinstance(given, list) else [given]),
            *self._config.generator.sampling.get("stop_token_ids", ()),
        }
        stop = samplings.of_release.stop
        return samplings, Model(self._source, revision, frozenset(ends - {None}), stop)

    def _check_sampling(self, call: Call) -> None:
        """Make sure that vLLM takes the sampling parameters, which it would refuse for every call."""
        from vllm import SamplingParams  # pyright: ignore[reportAttributeAccessIssue]
        from vllm.exceptions import VLLMClientError  # pyright: ignore[reportMissingImports]

        try:
            SamplingParams(**sampling_arguments(self._samplings.of(call), call))
        except (TypeError, ValueError, VLLMClientError) as error:
            raise ReleaseError(
                f"sampling: {without_secrets(error)}",
                where=self._config.name,
                hint="Correct it in `sampling`; what is left out comes from the model's own configuration.",
            ) from error

    def _check_machines(self, patience: float) -> None:
        """Look now and then whether there is any machine left; Ray would wait for one for ever.

        Raises:
            EngineError: If there has been none for some time.
        """
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + _SECONDS_BETWEEN_CHECKS
        if gpus_alive() >= self._gpus_of_one:
            self._gpus_seen = now
        elif now - self._gpus_seen >= patience:
            raise EngineError(
                f"the Ray cluster has had too few GPUs for a vLLM for {patience:.0f} seconds",
                where=self._config.name,
                hint="What was answered before is kept; run the command again when its machines are back.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SynthnerError:
            raise
        except Exception as error:
            raise EngineError(
                f"the Ray cluster has stopped: {last_line(error)}",
                where=self._config.name,
                hint="What was answered before is kept. Messages of vLLM are in Ray's logs on the machine "
                "that it ran on, in /tmp/ray/session_latest/logs. Where memory was the reason, lower "
                "`max_model_len` or `gpu_memory_utilization`.",
            ) from error


_ENDED = object()


class _Stream:
    """A dataset as it comes, read by a thread of its own: whoever takes from it need not wait.

    Args:
        dataset: The dataset, of Ray.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._come: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._is_wanted = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self) -> Any:
        """Return the next table; None where none has come for a moment, `_ENDED` where none is to come."""
        try:
            come = self._come.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            return None
        if isinstance(come, BaseException):
            raise come
        return come

    def end(self) -> None:
        """Want no more; what is under way in the cluster ends."""
        self._is_wanted = False
        # Ray has no public way to end what another thread waits for.
        executor = getattr(self._dataset, "_current_executor", None)
        if executor is not None and self._thread.is_alive():
            executor.shutdown(force=True)
        self._thread.join(_SECONDS_TO_END)

    def _read(self) -> None:
        try:
            for table in self._dataset.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                if not self._is_wanted:
                    break
                self._come.put(table)
            self._come.put(_ENDED)
        except BaseException as error:  # told to whoever takes
            self._come.put(error)


def _generation_defaults(config: Config, source: str) -> dict[str, Any]:
    """Return what vLLM takes from the model's own files for what the release does not say."""
    from vllm.transformers_utils.config import (  # pyright: ignore[reportMissingImports]
        try_get_generation_config,
    )

    settings = config.generator.settings
    arguments = settings.get("engine_args", {})
    place = arguments.get("generation_config", "auto")
    found = None
    if place != "vllm":
        found = try_get_generation_config(
            source if place == "auto" else place, trust_remote_code=False, revision=settings.get("revision")
        )
    return {
        **(found.to_diff_dict() if found is not None else {}),
        **arguments.get("override_generation_config", {}),
    }


def _on_this_machine() -> Any:
    from ray.util.scheduling_strategies import (  # pyright: ignore[reportMissingImports]
        NodeAffinitySchedulingStrategy,
    )

    return NodeAffinitySchedulingStrategy(ray_itself().get_runtime_context().get_node_id(), soft=True)


def _shard_folder(config: Config, folder: Path) -> ShardFolder | None:
    place = config.generator.settings.get("shards")
    if place is None:
        return None
    if "://" not in place:
        place = str((folder / Path(place).expanduser()).absolute())
    return ShardFolder(f"{place.rstrip('/')}/{config.name}")
