"""A call to a model and its answer: what the journal keeps and the engines exchange."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


def canonical_json(value: Any) -> str:
    """Write JSON with sorted keys, no blanks and unescaped text: one text for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    """Return the hexadecimal sha256 of a text's UTF-8 bytes; lone surrogates hash too."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Call:
    """One planned call: the complete request, and what it is for.

    Attributes:
        config: The config that its datapoints belong to.
        split: The split that its datapoints belong to.
        index: Its place in the plan of that config and split, from 0.
        engine: Name of the engine that answers.
        model: The model as asked for.
        messages: The chat as sent, system prompt included: `{"role", "content"}` each. Empty for a recorded
            response, whose prompt is not known.
        schema: The JSON Schema that the answer must follow, or None.
        sampling: Sampling parameters, as sent.
        base_url: Address of the server; for a recorded response the name and hash of its file.
        seed_ids: Ids of the gold examples shown in the prompt.
        seed_revision: Revision of the gold data that they come from.
        datapoints: How many datapoints are asked for; 0 where that is not known, or where the answer serves
            later calls.
        step: What the call is for, for a method whose calls are not all alike.
        about: What the method must know to read the answer, as JSON; it is not sent.
    """

    config: str
    split: str
    index: int
    engine: str
    model: str
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None
    sampling: Mapping[str, Any]
    base_url: str | None
    seed_ids: tuple[str, ...]
    seed_revision: str
    datapoints: int
    step: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def request(self) -> str:
        """Everything that decides the answer, as canonical JSON; what the key is the hash of.

        The config's name and the engine's are left out: renaming a generator, or asking the same server
        another way, must not pay for the same answer again.
        """
        return canonical_json(
            {
                "split": self.split,
                "index": self.index,
                "model": self.model,
                "messages": list(self.messages),
                "schema": self.schema,
                "sampling": dict(self.sampling),
                "base_url": self.base_url,
            }
        )

    @cached_property
    def key(self) -> str:
        """The journal's key: sha256 of the complete request."""
        return sha256(self.request)

    @property
    def prompt_sha256(self) -> str | None:
        """sha256 of the messages as sent; None where they are not known."""
        return sha256(canonical_json(list(self.messages))) if self.messages else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a call.

    Attributes:
        raw: The complete response as received; empty where none came.
        text: The assistant's text; None if there is none.
        model: The model snapshot that the server names.
        usage: Tokens as the server counts them, for example `{"prompt_tokens": …}`.
        finish_reason: Why the model stopped, in the server's own word.
        error: Why there is no answer; None if there is one. A reply with an error is asked for again.
        started: Unix time at which the request was sent; 0 for a recorded response, whose time is not known.
        finished: Unix time at which the response was complete; 0 as well.
        lost_attempts: Attempts that came to nothing and may have been paid for: the server had the request,
            and no answer arrived.
    """

    raw: str
    text: str | None
    model: str | None
    usage: Mapping[str, int]
    finish_reason: str | None
    error: str | None
    started: float
    finished: float
    lost_attempts: int = 0
