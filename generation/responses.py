"""Recorded raw responses: files of one JSON object a line, in the forms that APIs and scripts write.

Recognised are the output lines of OpenAI's Batch API, plain chat completions, and objects that hold the text
of a response under a name of its own, as scripts around vLLM write them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schema.errors import DataError
from ..sources.files import open_text_lines

BATCH = "batch"
CHAT_COMPLETION = "chat completion"
TEXT = "text"

TEXT_KEYS = ("raw_output", "text", "response", "content")
ID_KEYS = ("custom_id", "id", "call_idx")

LONGEST_RESPONSE = 1 << 26
"""Bytes of the longest line that is accepted: far above any model's output."""


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """One call's response as it was recorded.

    Attributes:
        index: Its position in the file, from 0.
        id: The identifier that the record gives, if any.
        text: What the model wrote, its refusal where it refused; None where it wrote nothing.
        model: The model, where the record names it.
        usage: The token counts as the API reports them.
        finish_reason: Why the model stopped, in the server's own word.
        error: Why the call failed; None where the model was heard, even if it had nothing to say.
        form: `batch`, `chat completion` or `text`.
        raw: The line.
    """

    index: int
    id: str | None
    text: str | None
    model: str | None
    usage: dict[str, Any] | None
    finish_reason: str | None
    error: str | None
    form: str
    raw: str

    @property
    def structured(self) -> bool:
        """Whether an API wrote the record that answers in structured output, as the paper's GPT did."""
        return self.form != TEXT


def read_responses(path: Path) -> Iterator[RecordedResponse]:
    """Read a file of recorded responses, plain or gzipped, one at a time; blank lines are skipped.

    Raises:
        DataError: With file and line, if a line is no JSON object or holds no response that is known.
    """
    with open_text_lines(path, longest_line=LONGEST_RESPONSE) as lines:
        index = 0
        for number, line in lines:
            if line.strip():
                yield _read_line(line, index, f"{path}:{number}")
                index += 1


def _read_line(line: str, index: int, where: str) -> RecordedResponse:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "this line is not JSON", where=where, hint="Recorded responses are JSONL: one JSON object a line."
        ) from error
    if not isinstance(record, dict):
        raise DataError("this line is no JSON object", where=where, hint=_HINT)
    identifier = next((str(record[key]) for key in ID_KEYS if record.get(key) is not None), None)
    if isinstance(record.get("choices"), list):
        return _of_completion(record, _Line(index, identifier, CHAT_COMPLETION, line, where))
    if isinstance(record.get("response"), dict) or "error" in record:
        return _of_batch(record, _Line(index, identifier, BATCH, line, where))
    text = next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)
    if text is None:
        raise DataError("this line holds no response", where=where, hint=_HINT)
    return RecordedResponse(
        index=index,
        id=identifier,
        text=text,
        model=_string(record.get("model")),
        usage=_object(record.get("usage")),
        finish_reason=_string(record.get("finish_reason")),
        error=None,
        form=TEXT,
        raw=line,
    )


_HINT = (
    "Known are lines of OpenAI's Batch API, chat completions, and objects with the text under "
    + ", ".join(f"`{key}`" for key in TEXT_KEYS)
    + "."
)


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a completion was recorded."""

    index: int
    id: str | None
    form: str
    raw: str
    where: str


def _of_batch(record: dict[str, Any], line: _Line) -> RecordedResponse:
    """Read a line of the Batch API; some tools leave out the `body` around the completion."""
    response = record.get("response")
    if record.get("error") is not None or not isinstance(response, dict):
        return _failed(line, record.get("error") or "no response")
    completion = response.get("body", response)
    if not isinstance(completion, dict):
        raise DataError("this line holds no response", where=line.where, hint=_HINT)
    if completion.get("error") is not None:
        return _failed(line, completion["error"])
    return _of_completion(completion, line)


def _of_completion(completion: dict[str, Any], line: _Line) -> RecordedResponse:
    choices = completion.get("choices")
    # A filter of the server may take all away; what that cost is counted all the same.
    filtered = {"message": {}} if choices == [] and completion.get("usage") else None
    choice = choices[0] if isinstance(choices, list) and choices else filtered
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise DataError("this line holds no response", where=line.where, hint=_HINT)
    text = _string(message.get("content"))
    refusal = _string(message.get("refusal"))
    return RecordedResponse(
        index=line.index,
        id=line.id,
        text=text if text is not None else refusal,
        model=_string(completion.get("model")),
        usage=_object(completion.get("usage")),
        finish_reason=_string(choice.get("finish_reason")),
        error=None,
        form=line.form,
        raw=line.raw,
    )


def _failed(line: _Line, error: Any) -> RecordedResponse:
    message = error.get("message") if isinstance(error, dict) else error
    return RecordedResponse(
        index=line.index,
        id=line.id,
        text=None,
        model=None,
        usage=None,
        finish_reason=None,
        error=message if isinstance(message, str) else json.dumps(error, ensure_ascii=False),
        form=line.form,
        raw=line.raw,
    )


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
