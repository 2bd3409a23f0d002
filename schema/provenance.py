"""Where a published datapoint comes from: one provenance row a datapoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """What all datapoints of one call share.

    Attributes:
        call_key: The journal's key: sha256 of the complete request.
        engine: Name of the engine that answered.
        model: The model snapshot as the response names it, else as the request does.
        seed_ids: Ids of the gold examples shown in the prompt; empty where they are not known.
        seed_revision: Revision (or content hash) of the gold data that they come from; `eng@…` where that is
            gold of another language.
        prompt_sha256: sha256 of the messages as sent; None where they are not known.
        sampling: The sampling parameters as sent.
        finish_reason: Why the model stopped, in the server's own word.
    """

    call_key: str
    engine: str
    model: str
    seed_ids: tuple[str, ...] = ()
    seed_revision: str = ""
    prompt_sha256: str | None = None
    sampling: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None


PROVENANCE_COLUMNS = (
    "id",
    "split",
    "engine",
    "model",
    "call_key",
    "item",
    "seed_ids",
    "seed_revision",
    "operation",
    "prompt_sha256",
    "sampling",
    "finish_reason",
    "parse_path",
    "repairs",
)
"""Columns of `provenance/<config>.parquet`, in order.

`item` is the datapoint's position in its response, `parse_path` how it was found there, `sampling` and
`repairs` are JSON texts; a repair is `{"step", "position", "before", "after"}`. `operation` is what a method
that asks no chat model says it did to the gold sentence.
"""
