"""What an error status of a server means: ask again, stop the run, or give this call up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...schema.errors import EngineError
from ..calls import Call
from .completion import error_code, error_message
from .openai_server import Server
from .retry import LONGEST_WAIT, is_pushback, is_temporary, retry_after

_MESSAGE_CHARACTERS = 500
_ABOUT_STRUCTURED_OUTPUT = ("response_format", "json_schema", "json schema", "structured output", "guided")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought no answer.

    Attributes:
        reason: What happened, for people.
        raw: What the server sent, if anything.
        wait: Seconds that the server asks to wait, or None.
        is_final: Whether asking again would be in vain.
        is_pushback: Whether the server asks to send less.
        may_be_paid: Whether the server may have answered, and charged, though nothing arrived.
    """

    reason: str
    raw: str = ""
    wait: float | None = None
    is_final: bool = False
    is_pushback: bool = False
    may_be_paid: bool = False


def refusal(server: Server, call: Call, status: int, headers: Mapping[str, str], raw: str) -> Failure:
    """Say what an error status means for a call.

    Raises:
        EngineError: If no call can be answered, or not for a long time.
    """
    message = short(error_message(raw))
    says = f"HTTP {status}" + (f": {message}" if message else "")
    error = _hopeless(server, call, status, raw, says)
    if error is not None:
        raise error
    if not is_temporary(status):
        return Failure(says, raw, is_final=True)
    wait = retry_after(headers)
    if wait is not None and wait > LONGEST_WAIT:
        raise server.error(
            f"the server asks to wait {wait / 60:,.0f} minutes ({says})",
            "Run the command again then: nothing answered is asked again.",
        )
    return Failure(says, raw, wait, is_pushback=is_pushback(status))


def short(text: str) -> str:
    """Return a server's message in one line, at a length that can be read."""
    text = " ".join(text.split())
    return text if len(text) <= _MESSAGE_CHARACTERS else text[: _MESSAGE_CHARACTERS - 1] + "…"


def _hopeless(server: Server, call: Call, status: int, raw: str, says: str) -> EngineError | None:
    """Return what to tell the user where no call can be answered."""
    if status == 401:
        # Servers quote parts of the key in this message.
        message = "the server does not accept the key (HTTP 401)"
        hint = f"Set the environment variable {server.key_variable} to a valid key of this server."
    elif status == 403:
        message = f"the server does not allow this ({says})"
        hint = f"May the key in {server.key_variable} use the model `{call.model}`?"
    elif status == 402 or error_code(raw) == "insufficient_quota":
        message = f"the account has no credit left ({says})"
        hint = "Add credit, then run the command again: nothing answered is asked again."
    elif status == 404:
        message = f"the server does not know the model `{call.model}`, or this is not its address ({says})"
        hint = f"Check `model` and `{call.engine}.base_url`; the address usually ends in /v1."
    elif 300 <= status < 400:
        message = f"the server sends to another address ({says})"
        hint = f"Set `{call.engine}.base_url` to the address that it means: a key is not sent elsewhere."
    elif call.schema is not None and status in (400, 422) and _is_about_structured_output(raw):
        message = f"the server does not take the JSON Schema of the answer ({says})"
        hint = f"Set `structured_output: false` under `{call.engine}` in the generator."
    else:
        return None
    return server.error(message, hint)


def _is_about_structured_output(raw: str) -> bool:
    return any(words in raw.lower() for words in _ABOUT_STRUCTURED_OUTPUT)
