"""The `transformers` engine: a causal language model in this process, without any server.

It is for a laptop: one model, a few calls at a time. Calls are answered in batches whose members follow from
the plan alone, so that a run that was stopped and goes on forms the batches that it would have formed, and
`token_drawing.py` draws for each call on its own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...release import Config
from ...schema.errors import EngineError
from ...schema.secrecy import without_secrets
from ..calls import Call, Reply, canonical_json
from ..log_probabilities import TokenLogProbability, pieces
from .engine import Endpoint, EngineContext, Record
from .local import Answer, Chats, answered, local_endpoint
from .local_models import InMemory, in_memory, loading, model_source, require_packages
from .replies import failed
from .sampling import LOG_PROBABILITIES, Sampling, Samplings
from .stop_wish import StopWish

if TYPE_CHECKING:
    from .token_drawing import Grammars, Row

BATCH_SIZE = 8

_PACKAGES = ("torch", "transformers", "accelerate", "llguidance")

# How libraries for several kinds of memory say that there is not enough.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class TransformersEngine:
    """Asks a model in this process."""

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
        return local_endpoint(config, LOG_PROBABILITIES)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call; see `Engine.run`."""
        require_packages(self._config, _PACKAGES, "local")
        self._holder = _holder(self._config, self._folder)
        with StopWish(self._stopping) as wish, _without_bars():
            answering = _Answering(self._config, self._holder.get())
            for batch in _batches(calls, answering.batch_size):
                wish.under_way = len(batch)
                for replies in answering.answer(batch):
                    record.many(replies)
                    wish.under_way -= len(replies)
                if wish.is_there:
                    raise KeyboardInterrupt


@dataclass(frozen=True, slots=True)
class _Model:
    """A loaded model.

    Attributes:
        weights: The model itself.
        tokenizer: Its tokenizer.
        chats: Writes calls as its prompts.
        ends: Tokens that end its answers.
        positions: Tokens that it can read at once.
        defaults: What its own configuration says of sampling.
        engine: The library that runs it, with its version.
    """

    weights: Any
    tokenizer: Any
    chats: Chats
    ends: frozenset[int]
    positions: int
    defaults: Mapping[str, Any]
    engine: str

    @property
    def vocabulary(self) -> int:
        """Tokens that it scores."""
        return self.weights.config.get_text_config().vocab_size


class _Answering:
    """Answers the calls of a config.

    Args:
        config: The config.
        model: Its model.

    Attributes:
        batch_size: Calls that are answered side by side.

    Raises:
        ReleaseError: If a sampling parameter is none.
    """

    def __init__(self, config: Config, model: _Model) -> None:
        self.batch_size: int = config.generator.settings.get("batch_size", BATCH_SIZE)
        self._at_once = self.batch_size
        self._config = config
        self._model = model
        self._samplings = Samplings(config, model.defaults)
        self._grammars: Grammars | None = None

    def answer(self, calls: Sequence[Call]) -> Iterator[list[tuple[Call, Reply]]]:
        """Yield replies to all calls, as many at a time as memory has room for."""
        started = time.time()
        to_ask: list[tuple[Call, Row]] = []
        too_long: list[tuple[Call, Reply]] = []
        for call in calls:
            row = self._row(call)
            if row.longest > 0:
                to_ask.append((call, row))
            else:
                tokens, positions = len(row.prompt), self._model.positions
                reason = f"the prompt has {tokens:,} tokens, and the model takes {positions:,}"
                too_long.append((call, failed(reason, started)))
        if too_long:
            yield too_long
        while to_ask:
            some = to_ask[: self._at_once]
            replies = self._ask(some)
            if replies is not None:
                yield replies
                del to_ask[: len(some)]
            else:
                to_ask[: len(some)] = [(call, self._row(call)) for call, _ in some]

    def _ask(self, rows: Sequence[tuple[Call, Row]]) -> list[tuple[Call, Reply]] | None:
        """Return replies; None if memory has no room for so many at once, for half of them to be tried."""
        started = time.time()
        try:
            self._generate([row for _, row in rows], self._samplings.of(rows[0][0]))
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise EngineError(
                    f"the model failed: {without_secrets(error)}",
                    where=self._config.name,
                    hint="Try another `dtype` or `device`. What was answered before is kept.",
                ) from error
            reason = f"there is not enough memory for a single answer: {without_secrets(error)}"
        else:
            return [(call, self._reply(call, row, started)) for call, row in rows]
        _free_memory()
        if len(rows) > 1:
            self._at_once = (len(rows) + 1) // 2
            return None
        return [(call, failed(reason, started)) for call, _ in rows]

    def _row(self, call: Call) -> Row:
        from .token_drawing import Row

        prompt = self._model.chats.prompt(call)
        sampling = self._samplings.of(call)
        longest = min(sampling.max_tokens, self._model.positions - len(prompt))
        return Row(prompt, sampling.seed_of(call), longest, self._matcher(call))

    def _matcher(self, call: Call) -> Any:
        from .token_drawing import Grammars

        if call.schema is None:
            return None
        try:
            if self._grammars is None:
                self._grammars = Grammars(self._model.tokenizer, self._model.vocabulary)
            return self._grammars.matcher(call.schema)
        except (RuntimeError, TypeError, ValueError) as error:
            raise EngineError(
                f"the model cannot be made to follow a JSON Schema: {without_secrets(error)}",
                where=self._config.name,
                hint="Set `structured_output: false` in the settings of the engine.",
            ) from error

    def _generate(self, rows: Sequence[Row], sampling: Sampling) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from .token_drawing import AllRowsDone, TokenDrawing

        model, weights = self._model, self._model.weights
        padding = model.tokenizer.pad_token_id
        padding = next(iter(sorted(model.ends)), 0) if padding is None else padding
        width = max(len(row.prompt) for row in rows)
        lacking = [width - len(row.prompt) for row in rows]
        prompts = [[padding] * less + list(row.prompt) for less, row in zip(lacking, rows, strict=True)]
        mask = [[0] * less + [1] * (width - less) for less in lacking]
        drawing = TokenDrawing(rows, sampling, model.tokenizer, model.ends, padding)
        with torch.inference_mode():
            weights.generate(
                input_ids=torch.tensor(prompts, device=weights.device),
                attention_mask=torch.tensor(mask, device=weights.device),
                generation_config=_generation_config(weights, padding, max(row.longest for row in rows)),
                logits_processor=LogitsProcessorList([drawing]),
                stopping_criteria=StoppingCriteriaList([AllRowsDone(rows)]),
            )

    def _reply(self, call: Call, row: Row, started: float) -> Reply:
        if row.error is not None or row.finish_reason is None:
            return failed(row.error or "the model stopped without an end", started)
        text = self._model.tokenizer.decode(row.tokens, skip_special_tokens=True)
        ends = [place for stop in self._samplings.of(call).stop if (place := text.find(stop)) >= 0]
        answer = Answer(
            text=text[: min(ends, default=len(text))],
            finish_reason=row.finish_reason,
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
            seed=row.seed,
            engine=self._model.engine,
            log_probabilities=self._log_probabilities(row) if self._samplings.of(call).logprobs else None,
        )
        return answered(call, answer, started)

    def _log_probabilities(self, row: Row) -> list[TokenLogProbability]:
        decode = partial(self._model.tokenizer.decode, skip_special_tokens=True)
        texts = pieces(row.tokens, decode)
        return [
            TokenLogProbability(text, logprob)
            for text, logprob in zip(texts, row.log_probabilities, strict=True)
        ]


def _batches(calls: Iterable[Call], size: int) -> Iterator[list[Call]]:
    """Yield calls in batches whose members depend on the plan alone, and not on what is answered already.

    Numbers are rounded a little differently in another batch, and a draw may hang on it. Those of a batch are
    drawn alike.
    """

    def batch_of(call: Call) -> tuple[str, int, str]:
        return call.split, call.index // size, canonical_json(dict(call.sampling))

    for _, batch in groupby(calls, key=batch_of):
        yield list(batch)


def _holder(config: Config, folder: Path) -> InMemory:
    source = model_source(config, folder)
    loaded_as = {name: config.generator.settings.get(name) for name in ("dtype", "device", "revision")}
    name = canonical_json(["transformers", source, loaded_as])
    return in_memory(name, lambda: _load(config, source))


def _load(config: Config, source: str) -> _Model:
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = config.generator.settings
    revision = settings.get("revision", "main")
    with loading(config):
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
        weights = AutoModelForCausalLM.from_pretrained(
            source,
            revision=revision,
            dtype=settings.get("dtype", "auto"),
            device_map=settings.get("device", "auto"),
            use_safetensors=True,
            trust_remote_code=False,
        )
        weights.eval()
        chats = Chats(tokenizer)
    text_config = weights.config.get_text_config()
    own = weights.generation_config.to_diff_dict()
    ends = own.get("eos_token_id", text_config.eos_token_id)
    ends = ends if isinstance(ends, list) else [ends]
    return _Model(
        weights=weights,
        tokenizer=tokenizer,
        chats=chats,
        ends=frozenset(end for end in (*ends, tokenizer.eos_token_id) if end is not None),
        positions=getattr(text_config, "max_position_embeddings", None) or 1 << 30,
        defaults=own,
        engine=f"transformers {transformers.__version__}",
    )


def _generation_config(weights: Any, padding: int, longest: int) -> Any:
    """Return the model's own configuration, without what `TokenDrawing` does instead."""
    config = copy.deepcopy(weights.generation_config)
    config.update(
        # What `TokenDrawing` leaves is one token, and that is the likeliest.
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        max_length=None,
        max_new_tokens=longest,
        pad_token_id=padding,
    )
    return config


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars and logging anything but errors."""
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
