"""The `vllm` engine: vLLM in this process, without a server, for a machine with GPUs.

The plan is answered in chunks: vLLM batches the calls of a chunk by itself, and the whole chunk is in the
journal before the next one begins.

Answers follow their JSON Schema by llguidance, as with the `transformers` engine: of vLLM's backends it alone
can forbid escapes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import packages_distributions, version
from itertools import islice
from pathlib import Path
from typing import Any

from ...release import Config
from ...schema.errors import EngineError, ReleaseError
from ...schema.secrecy import without_secrets
from ..calls import Call, Reply, canonical_json
from ..formats import guiding_schema
from ..log_probabilities import TokenLogProbability, pieces
from .engine import Endpoint, EngineContext, Record
from .local import JSON_OPTIONS, Answer, Chats, answered, local_endpoint
from .local_models import InMemory, in_memory, loading, model_source, require_packages
from .replies import failed
from .sampling import LOG_PROBABILITIES, Sampling, Samplings
from .stop_wish import StopWish

CHUNK = 256
"""Calls in a chunk: enough to keep GPUs busy, and little to lose."""

SAMPLING_NAMES = ("presence_penalty", "frequency_penalty", "min_tokens", "stop_token_ids", "bad_words")
"""Sampling parameters that vLLM has besides those of every local engine."""

_PASSED_ON = (
    "tensor_parallel_size", "dtype", "quantization", "gpu_memory_utilization", "max_model_len", "revision",
)  # fmt: skip


class VllmEngine:
    """Asks vLLM in this process."""

    price_share = 1.0

    def __init__(self, context: EngineContext) -> None:
        # Not the context itself: it leads back here, and the model would outlive the run.
        self._config = context.config
        self._folder = context.folder
        self._stopping = context.stopping
        self._holder: InMemory | None = None

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Return where the calls of a config go; see `Engine.endpoint`."""
        return local_endpoint(config, LOG_PROBABILITIES, *SAMPLING_NAMES)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        require_packages(self._config, ["vllm"], "vllm")
        self._holder = model_in_memory(self._config, self._folder)
        with StopWish(self._stopping) as wish:
            answering = _Answering(self._config, self._holder.get())
            waiting = iter(calls)
            while chunk := list(islice(waiting, CHUNK)):
                wish.under_way = len(chunk)
                record.many(answering.answer(chunk))
                wish.under_way = 0
                if wish.is_there:
                    raise KeyboardInterrupt


def model_in_memory(config: Config, folder: Path) -> InMemory:
    """Return the holder of a config's model, which is loaded when it is first needed.

    Args:
        config: The config.
        folder: The release's folder.

    Raises:
        EngineError: If there is no such model.
    """
    arguments = llm_arguments(config, model_source(config, folder))
    return in_memory(canonical_json(["vllm", arguments]), lambda: _load(config, arguments), _end)


def llm_arguments(config: Config, source: str) -> dict[str, Any]:
    """Return the arguments of vLLM's `LLM` for a config.

    Args:
        config: The config.
        source: Where its model is.
    """
    settings = config.generator.settings
    arguments: dict[str, Any] = {
        "model": source,
        "trust_remote_code": False,
        "load_format": "safetensors",
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
    }
    arguments |= {name: settings[name] for name in _PASSED_ON if settings.get(name) is not None}
    if "revision" in arguments:
        arguments["tokenizer_revision"] = arguments["revision"]
    return arguments | settings.get("engine_args", {})


def sampling_arguments(sampling: Sampling, call: Call) -> dict[str, Any]:
    """Return the arguments of vLLM's `SamplingParams` for a call, but for its JSON Schema.

    Args:
        sampling: What every local engine has, as `read_sampling` read it.
        call: The call, for what is vLLM's alone.
    """
    given = call.sampling
    # Of no tokens besides the one that was drawn.
    log_probabilities = {"logprobs": 0} if sampling.logprobs else {}
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed_of(call),
        "stop": list(sampling.stop),
        **log_probabilities,
        **{name: given[name] for name in SAMPLING_NAMES if given.get(name) is not None},
    }


def vllm_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a call as vLLM is given it, with how its JSON is written."""
    return {**guiding_schema(schema), "x-guidance": JSON_OPTIONS}


class _Answering:
    """Answers the calls of a config.

    Args:
        config: The config.
        llm: vLLM with its model.

    Raises:
        ReleaseError: If a sampling parameter is none.
    """

    def __init__(self, config: Config, llm: Any) -> None:
        self._config = config
        self._llm = llm
        with loading(config):
            self._tokenizer = llm.get_tokenizer()
            self._chats = Chats(self._tokenizer)
        self._samplings = Samplings(config, llm.model_config.get_diff_sampling_param())
        self._engine = f"vllm {_version()}"

    def answer(self, chunk: Sequence[Call]) -> list[tuple[Call, Reply]]:
        """Return replies to calls, all of which vLLM has at once."""
        started = time.time()
        replies: list[tuple[Call, Reply]] = []
        asked: list[Call] = []
        for call in chunk:
            parameters = self._parameters(call)
            try:
                self._enqueue(call, parameters)
            except _refusals() as error:
                # Above all a prompt that is longer than the model can read.
                replies.append((call, failed(without_secrets(error), started)))
            else:
                asked.append(call)
        if asked:
            outputs = self._wait()
            replies += [
                (call, self._reply(call, output, started))
                for call, output in zip(asked, outputs, strict=True)
            ]
        return replies

    def _enqueue(self, call: Call, parameters: Any) -> None:
        self._llm.enqueue_chat(
            [self._chats.messages(call)],
            [parameters],
            chat_template=self._chats.template,
            add_generation_prompt=True,
            use_tqdm=False,
        )

    def _parameters(self, call: Call) -> Any:
        from vllm import SamplingParams  # pyright: ignore[reportAttributeAccessIssue]
        from vllm.sampling_params import StructuredOutputsParams  # pyright: ignore[reportMissingImports]

        arguments = sampling_arguments(self._samplings.of(call), call)
        if call.schema is not None:
            arguments["structured_outputs"] = StructuredOutputsParams(
                json=vllm_schema(call.schema), disable_any_whitespace=True
            )
        try:
            return SamplingParams(**arguments)
        except (TypeError, *_refusals()) as error:
            raise ReleaseError(
                f"sampling: {without_secrets(error)}",
                where=self._config.name,
                hint="Correct it in `sampling`; what is left out comes from the model's own configuration.",
            ) from error

    def _wait(self) -> list[Any]:
        """Return what vLLM wrote, in the order in which it was asked."""
        from vllm import RequestOutput  # pyright: ignore[reportAttributeAccessIssue]

        try:
            return self._llm.wait_for_completion(RequestOutput, use_tqdm=False)
        except Exception as error:
            raise EngineError(
                f"vLLM has stopped: {without_secrets(error)}",
                where=self._config.name,
                hint="Its own messages, above, say why. What was answered before is kept. Where memory was "
                "the reason, lower `max_model_len` or `gpu_memory_utilization`.",
            ) from error

    def _reply(self, call: Call, output: Any, started: float) -> Reply:
        (completion,) = output.outputs
        if completion.finish_reason not in ("stop", "length"):
            return failed(f"vLLM ended the answer: {completion.finish_reason}", started)
        answer = Answer(
            text=completion.text,
            finish_reason=completion.finish_reason,
            prompt_tokens=len(output.prompt_token_ids),
            completion_tokens=len(completion.token_ids),
            seed=self._samplings.of(call).seed_of(call),
            engine=self._engine,
            log_probabilities=self._log_probabilities(completion),
        )
        return answered(call, answer, started)

    def _log_probabilities(self, completion: Any) -> list[TokenLogProbability] | None:
        """Return those of an answer's tokens, None where vLLM gave none."""
        if completion.logprobs is None:
            return None
        tokens = list(completion.token_ids)
        texts = pieces(tokens, partial(self._tokenizer.decode, skip_special_tokens=True))
        return [
            TokenLogProbability(text, at_token[token].logprob)
            for token, text, at_token in zip(tokens, texts, completion.logprobs, strict=False)
        ]


def _refusals() -> tuple[type[Exception], ...]:
    """Return what vLLM raises where a request is not acceptable."""
    from vllm.exceptions import VLLMClientError  # pyright: ignore[reportMissingImports]

    return ValueError, VLLMClientError


def _version() -> str:
    """Return the version of vLLM, whose package for CPUs has another name."""
    (name, *_) = packages_distributions()["vllm"]
    return version(name)


def _load(config: Config, arguments: Mapping[str, Any]) -> Any:
    """Load a model, in a thread of its own.

    Frames that vLLM remembers from its start would hold all that led there, and the model with it.
    """
    with loading(config), ThreadPoolExecutor(1) as thread:
        return thread.submit(_new_llm, arguments).result()


def _new_llm(arguments: Mapping[str, Any]) -> Any:
    # An interrupt at a terminal goes to the processes that vLLM starts, too, and would end them with calls
    # under way. They keep the mask of the thread that starts them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    from vllm import LLM  # pyright: ignore[reportAttributeAccessIssue]

    return LLM(**arguments)


def _end(llm: Any) -> None:
    """End the processes of vLLM, which hold the memory."""
    llm.llm_engine.engine_core.shutdown()
