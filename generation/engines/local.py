"""What the engines share that run a model on the user's own machines: `transformers`, `vllm` and `ray`.

They ask the same model the same way and keep its answers in the same shape, under the same address: what one
of them has answered, another does not ask again.
"""

from __future__ import annotations

import gc
import json
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Self
from weakref import WeakValueDictionary

from ...release import Config
from ...schema.errors import EngineError, ReleaseError, WrongUsageError
from ...schema.validation import nearest
from ..calls import Call, Reply, canonical_json
from .completion import read_completion
from .engine import Endpoint

LONGEST_ANSWER = 8192
"""Tokens of an answer at most, where neither the release nor the model limits it: some never end."""

LENGTH_NAMES = ("max_completion_tokens", "max_tokens", "max_new_tokens")
"""What limits an answer's length, by OpenAI's, vLLM's and transformers' name; the first given one counts."""

SAMPLING_NAMES = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop", *LENGTH_NAMES,
)  # fmt: skip
"""The sampling parameters that every local engine has."""

JSON_OPTIONS = {
    # Blanks between values are fixed: a model that may write them freely may write them for ever.
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # Text is written as it is. Models break escapes such as \u0b95, and words hold no line breaks.
    "json_allowed_escapes": '"\\',
}
"""How llguidance writes the JSON that a schema describes."""

PLAIN_TEMPLATE = (
    "{{ bos_token | default('', true) }}{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}"
)
"""The chat of a model that has no chat template: the texts of its messages, each before an empty line."""

# Settings that are part of what decides an answer, besides model, prompt, schema and sampling.
_DECISIVE = ("revision", "dtype", "quantization")

# Arguments of vLLM that make it faster or fit into memory, and change no answer.
_ONLY_SPEED = frozenset(
    {
        "block_size", "compilation_config", "cpu_offload_gb", "data_parallel_size",
        "disable_custom_all_reduce", "disable_log_stats", "distributed_executor_backend", "download_dir",
        "enable_chunked_prefill", "enable_prefix_caching", "enforce_eager", "kv_cache_memory_bytes",
        "max_num_batched_tokens", "max_num_seqs", "pipeline_parallel_size", "swap_space",
    }
)  # fmt: skip

# These would run code from the model's files, or are decided elsewhere.
_REFUSED = {
    "trust_remote_code": "Code that comes with a model is never run.",
    "load_format": "Weights are read from safetensors only.",
    "model": "It is the generator's `model`.",
    "seed": "Each call has a seed of its own; `sampling.seed` is one for all.",
}


def local_endpoint(config: Config, *sampling_names: str) -> Endpoint:
    """Return the place of a config's calls, once its settings and sampling are known to be in order.

    Args:
        config: The config.
        sampling_names: Sampling parameters that its engine has besides `SAMPLING_NAMES`.

    Raises:
        ReleaseError: If the engine has no such sampling parameter, or must not be given such an argument.
    """
    settings = config.generator.settings
    check_sampling_names(config, sampling_names)
    for name, reason in _REFUSED.items():
        if name in settings.get("engine_args", {}):
            raise ReleaseError(
                f"{config.generator.engine}.engine_args: `{name}` cannot be set here",
                where=config.name,
                hint=reason,
            )
    return Endpoint(local_address(settings), settings.get("structured_output", True))


def local_address(settings: Mapping[str, Any]) -> str:
    """Return what besides model, prompt, schema and sampling decides the answers of a local model.

    Whatever merely makes it faster is left out, so that it can be changed, and the engine with it, and
    nothing is asked again.
    """
    decisive = {name: settings.get(name) for name in _DECISIVE}
    for name, value in settings.get("engine_args", {}).items():
        if name not in _ONLY_SPEED:
            decisive[name] = value
    given = {name: value for name, value in decisive.items() if value not in (None, "auto")}
    return f"local:{canonical_json(given) if given else ''}"


def check_sampling_names(config: Config, more: Iterable[str] = ()) -> None:
    """Make sure that an engine has every sampling parameter of a config.

    Raises:
        ReleaseError: If it does not.
    """
    known = (*SAMPLING_NAMES, *more)
    for name in config.generator.sampling:
        if name not in known:
            raise ReleaseError(
                f"sampling: the engine `{config.generator.engine}` has no parameter `{name}`",
                where=config.name,
                hint=nearest(name, known),
            )


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn, in the release's own names; `read_sampling` fills in what it does not say.

    Attributes:
        temperature: 0 for the likeliest token.
        top_p: Share of probability that is drawn from; 1 for all.
        top_k: Number of tokens that is drawn from; 0 for all.
        min_p: Least probability, as a share of the likeliest token's; 0 for any.
        repetition_penalty: What tokens that have occurred are made less likely by; 1 for nothing.
        max_tokens: Tokens of an answer at most.
        seed: The seed of every call; None where each has its own.
        stop: Texts that end an answer, and are no part of it.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int = LONGEST_ANSWER
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def seed_of(self, call: Call) -> int:
        """Return the seed of a call: the release's, or one that follows from the call's key."""
        return int(call.key[:12], 16) if self.seed is None else self.seed


def read_sampling(config: Config, defaults: Mapping[str, Any]) -> Sampling:
    """Read the sampling parameters of a config.

    Args:
        config: The config.
        defaults: What the model's own `generation_config.json` says, for what the release does not.

    Raises:
        ReleaseError: If a value is none of its parameter.
    """
    values: dict[str, Any] = {}
    for source in (defaults, config.generator.sampling):
        values |= {
            name: source[name] for name in Sampling.__dataclass_fields__ if source.get(name) is not None
        }
        lengths = [source[name] for name in LENGTH_NAMES if source.get(name) is not None]
        values |= {"max_tokens": lengths[0]} if lengths else {}
    stop = values.get("stop", ())
    values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    if values.get("top_k") == -1:
        # vLLM's other way to say all tokens.
        values["top_k"] = 0
    sampling = Sampling(**values)
    for name, is_acceptable, what in _VALUES:
        value = getattr(sampling, name)
        if not is_acceptable(value):
            raise ReleaseError(
                f"sampling: `{name}` must be {what}, and is {value!r}",
                where=config.name,
                hint="Correct it in `sampling`; what is left out comes from the model's own configuration.",
            )
    return sampling


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_VALUES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("temperature", lambda value: _is_number(value) and 0 <= value <= 100, "a number from 0 on"),
    ("top_p", lambda value: _is_number(value) and 0 < value <= 1, "a number above 0 and at most 1"),
    ("top_k", lambda value: _is_whole(value, 0), "a whole number from 0 on"),
    ("min_p", lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    ("repetition_penalty", lambda value: _is_number(value) and value > 0, "a number above 0"),
    ("max_tokens", lambda value: _is_whole(value, 1), "a whole number from 1 on"),
    ("seed", lambda value: value is None or (_is_whole(value, 0) and value < 1 << 63), "a whole number"),
    ("stop", lambda value: all(isinstance(text, str) and text for text in value), "a text or several"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a local model wrote.

    Attributes:
        text: Its text.
        finish_reason: `stop` where it ended by itself, `length` where it was cut.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens that it wrote.
        seed: What its draws came from.
        engine: The library that ran it, with its version.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seed: int
    engine: str


def answered(call: Call, answer: Answer, started: float) -> Reply:
    """Return an answer as a reply, whose raw response is a chat completion such as servers send.

    Nothing in it changes from run to run: the same text makes the same response.
    """
    raw = json.dumps(
        {
            "object": "chat.completion",
            "model": call.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": answer.text},
                    "finish_reason": answer.finish_reason,
                }
            ],
            "usage": {
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
                "total_tokens": answer.prompt_tokens + answer.completion_tokens,
            },
            "seed": answer.seed,
            "system_fingerprint": answer.engine,
        },
        ensure_ascii=False,
    )
    completion = read_completion(raw)
    return Reply(
        raw=raw,
        text=completion.text,
        model=completion.model,
        usage=completion.usage,
        finish_reason=completion.finish_reason,
        error=None,
        started=started,
        finished=time.time(),
    )


def failed(reason: str, started: float) -> Reply:
    """Return the reply to a call that could not be answered."""
    return Reply(
        raw="",
        text=None,
        model=None,
        usage={},
        finish_reason=None,
        error=reason,
        started=started,
        finished=time.time(),
    )


class Chats:
    """Calls as chats that a model's chat template can write.

    Args:
        tokenizer: A tokenizer of transformers.

    Attributes:
        template: `PLAIN_TEMPLATE` for a model that has none; None for its own.

    Raises:
        ValueError: If its own cannot write a chat.
    """

    def __init__(self, tokenizer: Any) -> None:
        # Mistral's own tokenizers have no template to look at, and know how to write a chat.
        has_templates = hasattr(tokenizer, "chat_template")
        self.template = PLAIN_TEMPLATE if has_templates and not tokenizer.chat_template else None
        self._tokenizer = tokenizer
        self._takes_system_prompts = not has_templates or self._can_write(["system", "user"])
        if not self._takes_system_prompts and not self._can_write(["user"]):
            raise ValueError("its chat template cannot write a chat")

    def messages(self, call: Call) -> list[dict[str, str]]:
        """Return the messages of a call; where there is no system role, its text opens the user's message."""
        messages = [dict(message) for message in call.messages]
        if self._takes_system_prompts or messages[0]["role"] != "system" or len(messages) == 1:
            return messages
        system, user, *others = messages
        return [{**user, "content": f"{system['content']}\n\n{user['content']}"}, *others]

    def prompt(self, call: Call) -> list[int]:
        """Return the tokens of a call's prompt, up to where the model's answer begins."""
        text = self._write(self.messages(call))
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _can_write(self, roles: list[str]) -> bool:
        from jinja2 import TemplateError

        try:
            self._write([{"role": role, "content": "?"} for role in roles])
        except TemplateError:
            return False
        return True

    def _write(self, messages: list[dict[str, str]]) -> str:
        return self._tokenizer.apply_chat_template(
            messages, chat_template=self.template, tokenize=False, add_generation_prompt=True
        )


class InMemory:
    """A model in memory. Other models cannot stay beside it: loading one lets it go.

    Args:
        load: Loads it.
        end: Ends what goes on for it, before it goes.
    """

    def __init__(self, load: Callable[[], Any], end: Callable[[Any], None]) -> None:
        self._load = load
        self._end = end
        self._model: Any = None

    def get(self) -> Any:
        """Return the model, loaded where it is not in memory."""
        if self._model is None:
            for other in list(_IN_MEMORY.values()):
                other.let_go()
            self._model = self._load()
        return self._model

    def let_go(self) -> None:
        """Free the memory that the model takes, all of it and at once: whatever comes next may need it."""
        if self._model is not None:
            self._end(self._model)
            self._model = None
            gc.collect()

    def __del__(self) -> None:
        self.let_go()


# Configs of one generator share its model; it goes when the last of their engines does.
_IN_MEMORY: WeakValueDictionary[str, InMemory] = WeakValueDictionary()


def in_memory(
    name: str, load: Callable[[], Any], end: Callable[[Any], None] = lambda _model: None
) -> InMemory:
    """Return the holder of a model, the one that there is for the name where there is one.

    Args:
        name: What it is: equal names are the same model, loaded the same way.
        load: Loads it.
        end: Ends what goes on for it, before it goes.
    """
    holder = _IN_MEMORY.get(name)
    if holder is None:
        holder = _IN_MEMORY[name] = InMemory(load, end)
    return holder


def model_source(config: Config, folder: Path) -> str:
    """Return where a config's model is: a folder, as a path from the release's, or its id on the Hub.

    Raises:
        EngineError: If it is written like a path, and there is no such folder.
    """
    model = config.generator.model
    path = folder / Path(model).expanduser()
    if path.is_dir():
        return str(path)
    if model.startswith((".", "~", "/")) or model.count("/") > 1:
        raise EngineError(
            f"there is no folder with a model at {path}",
            where=config.name,
            hint="`model` is a folder, relative to release.yaml, or the id of a model on the Hub.",
        )
    return model


def require_packages(config: Config, packages: Iterable[str], extra: str) -> None:
    """Make sure that an engine's packages are installed.

    Raises:
        WrongUsageError: If they are not.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"the engine `{config.generator.engine}` needs packages that are not installed: "
            f"{', '.join(missing)}",
            where=config.name,
            hint=f"Install them with `pip install 'synthner[{extra}]'`.",
        )


@contextmanager
def loading(config: Config) -> Iterator[None]:
    """Turn whatever a library finds wrong with a model into an error that says so.

    Raises:
        EngineError: If it finds anything.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise EngineError(
                f"the model {config.generator.model} needs code of its own, which is never run",
                where=config.name,
                hint="Take a model of an architecture that the library has.",
            ) from error
        raise EngineError(
            f"the model {config.generator.model} cannot be loaded: {on_one_line(error)}",
            where=config.name,
            hint="Is its name right, are its weights safetensors, and do they fit into memory? A model of "
            "the Hub needs a connection once; a gated one needs `hf auth login`.",
        ) from error


def on_one_line(error: BaseException) -> str:
    """Return what an error says, without line breaks and not too long."""
    return (" ".join(str(error).split()) or type(error).__name__)[:500]


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
