"""What the engines share that run a model on the user's own machines: `transformers`, `vllm` and `ray`.

They ask the same model the same way and keep its answers in the same shape, under the same address: what one
of them has answered, another does not ask again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...release import Config
from ...schema.errors import ReleaseError
from ..calls import Call, Reply, canonical_json
from ..log_probabilities import TokenLogProbability
from .completion import read_completion
from .engine import Endpoint
from .replies import answer_of
from .sampling import LOG_PROBABILITIES, check_sampling_names

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
    return Endpoint(
        local_address(settings),
        settings.get("structured_output", True),
        log_probabilities=LOG_PROBABILITIES in sampling_names,
    )


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
        log_probabilities: Those of its tokens; None where they were not asked for.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seed: int
    engine: str
    log_probabilities: Sequence[TokenLogProbability] | None = None


def answered(call: Call, answer: Answer, started: float) -> Reply:
    """Return an answer as a reply, whose raw response is a chat completion such as servers send.

    Nothing in it changes from run to run: the same text makes the same response.
    """
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": answer.text},
        "finish_reason": answer.finish_reason,
    }
    if answer.log_probabilities is not None:
        choice["logprobs"] = {"content": [token.as_json() for token in answer.log_probabilities]}
    raw = json.dumps(
        {
            "object": "chat.completion",
            "model": call.model,
            "choices": [choice],
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
    return answer_of(read_completion(raw), raw, started)


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
