"""How a local model draws tokens, in the names that releases have for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...release import Config
from ...schema.errors import ReleaseError
from ...schema.validation import nearest
from ..calls import Call, canonical_json

LONGEST_ANSWER = 8192
"""Tokens of an answer at most, where neither the release nor the model limits it: some never end."""

LENGTH_NAMES = ("max_completion_tokens", "max_tokens", "max_new_tokens")
"""What limits an answer's length, by OpenAI's, vLLM's and transformers' name; the first given one counts."""

SAMPLING_NAMES = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop", *LENGTH_NAMES,
)  # fmt: skip
"""The sampling parameters that every local engine has."""

LOG_PROBABILITIES = "logprobs"
"""What asks for the log-probability of each token of an answer, by OpenAI's name."""


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
        logprobs: Whether the raw response is to have the log-probability of each token.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int = LONGEST_ANSWER
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False

    def seed_of(self, call: Call) -> int:
        """Return the seed of a call: the release's, or one that follows from the call's key."""
        return int(call.key[:12], 16) if self.seed is None else self.seed


class Samplings:
    """How tokens are drawn for each call of a config: a method may ask some of them in another way.

    Args:
        config: The config.
        defaults: What the model's own `generation_config.json` says, for what the release does not.

    Attributes:
        of_release: How they are drawn where a method does not say otherwise.

    Raises:
        ReleaseError: If a value is none of its parameter.
    """

    def __init__(self, config: Config, defaults: Mapping[str, Any]) -> None:
        self._config = config
        self._defaults = dict(defaults)
        self._known: dict[str, Sampling] = {}
        self.of_release = read_sampling(config, defaults)

    def of(self, call: Call) -> Sampling:
        """Return how the tokens of a call are drawn."""
        name = canonical_json(dict(call.sampling))
        if name not in self._known:
            self._known[name] = read_sampling(self._config, self._defaults, call.sampling)
        return self._known[name]


def read_sampling(
    config: Config, defaults: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Sampling:
    """Read sampling parameters.

    Args:
        config: The config.
        defaults: What the model's own `generation_config.json` says, for what the release does not.
        given: The parameters; by default the config's.

    Raises:
        ReleaseError: If a value is none of its parameter.
    """
    values: dict[str, Any] = {}
    for source in (defaults, config.generator.sampling if given is None else given):
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
    ("logprobs", lambda value: isinstance(value, bool), "true or false"),
    ("stop", lambda value: all(isinstance(text, str) and text for text in value), "a text or several"),
)
