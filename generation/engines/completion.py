"""A chat completion as a server sends it, read without trusting it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...schema.prices import CACHED_TOKENS

# No call takes a billion tokens: what says so has not counted, and would be a cost that nobody asked.
_MOST_TOKENS = 1_000_000_000


class UnusableError(Exception):
    """A response that holds no completion: no JSON, or JSON of something else."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The parts of a completion that the journal has columns for.

    Attributes:
        text: What the model wrote; its refusal where it refused, None where it wrote nothing.
        model: The model snapshot that the server names.
        usage: The server's token counts.
        finish_reason: Why the model stopped, in the server's own word.
    """

    text: str | None
    model: str | None
    usage: Mapping[str, int]
    finish_reason: str | None


def decode(content: bytes) -> str:
    r"""Read what a server sent as UTF-8, whatever its header says; a byte that is none becomes `\udcXX`.

    In JSON that is an escape, of half a surrogate pair: the rest of an answer with a bad byte can be read.
    """
    return content.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode("utf-8")


def read_completion(raw: str) -> Completion:
    """Read a chat completion.

    One without a message whose tokens were counted is an answer without a text, as one is whose text a filter
    of the server took away: it is paid for, and whoever asks again mostly gets the same.

    Raises:
        UnusableError: If it is none; the message says what it is instead.
    """
    try:
        # Some servers begin with a byte order mark. What they answered is paid for all the same.
        value: Any = json.loads(raw.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise UnusableError("the response is no JSON") from None
    if not isinstance(value, dict):
        raise UnusableError("the response is no JSON object")
    usage = token_counts(value.get("usage"))
    choice = _choice(value)
    message = choice.get("message")
    text = refusal = None
    if isinstance(message, dict):
        text, refusal = _content(message.get("content")), _text_or_none(message.get("refusal"))
    elif value.get("error") is not None or not any(usage.values()):
        raise UnusableError(_instead(value))
    return Completion(
        text=text or refusal or text,
        model=_text_or_none(value.get("model")),
        usage=usage,
        finish_reason=_text_or_none(choice.get("finish_reason")),
    )


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    """Return what a completion offers first; nothing where it offers nothing."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def token_counts(usage: object) -> dict[str, int]:
    """Return the plain counts of a `usage` object, and how many tokens of the prompt came from a cache.

    The raw response keeps the other nested ones.
    """
    if not isinstance(usage, dict):
        return {}
    counts = {name: count for name, count in usage.items() if _is_count(count)}
    for name in ("prompt_tokens_details", "input_tokens_details"):
        details = usage.get(name)
        if isinstance(details, dict) and _is_count(details.get(CACHED_TOKENS)):
            counts[CACHED_TOKENS] = details[CACHED_TOKENS]
    return counts


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS


def error_message(raw: str) -> str:
    """Return what a server says is wrong, from the error bodies that servers are known to send."""
    try:
        value: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    error = value.get("error", value) if isinstance(value, dict) else None
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail")
    return error if isinstance(error, str) else ""


def error_code(raw: str) -> str:
    """Return the code that a server gives an error, for example `insufficient_quota`."""
    try:
        code = json.loads(raw)["error"]["code"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return code if isinstance(code, str) else ""


def _instead(value: dict[str, Any]) -> str:
    message = error_message(json.dumps(value))
    return f"the response is an error: {message}" if message else "the response holds no completion"


def _content(value: object) -> str | None:
    """Read a message's content: a text, or a list of parts of which those of type `text` count."""
    if isinstance(value, list):
        texts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(text for text in texts if isinstance(text, str))
    return _text_or_none(value)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
