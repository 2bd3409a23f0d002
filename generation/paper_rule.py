"""The rule by which Kamath & Vajjala (2025) turned responses into datapoints.

It is kept to reproduce their sets and to compare with. It loses a whole response to one fault in it where the
model wrote structured output, and elsewhere a datapoint to one brace in a token; `salvage` does neither.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_FLAT_OBJECT = re.compile(r"\{(?:[^{}])*?\}")


@dataclass(frozen=True, slots=True)
class PaperSalvage:
    """What the rule makes of a response.

    Attributes:
        kept: The datapoints that it keeps, as tokens and tags. A token that is a number or null becomes text,
            as in the authors' tables.
        returned: How many objects with both tokens and tags it found.
        lost: What it found and dropped, by reason.
    """

    kept: list[tuple[list[str], list[int]]]
    returned: int
    lost: Counter[str]


def salvage_by_paper_rule(text: str, *, structured: bool, labels: int) -> PaperSalvage:
    """Apply the rule to a response.

    Args:
        text: The response.
        structured: Whether the model wrote structured output, as the paper's GPT did. Then the response is
            one JSON object, and the lists among its values hold the datapoints. Else every text between two
            braces is tried.
        labels: How many labels the gold training split uses; tags are the integers below it.
    """
    lost: Counter[str] = Counter()
    kept = []
    returned = 0
    for value in _objects_of_whole(text, lost) if structured else _objects_within(text, lost):
        tokens = value.get("tokens") if isinstance(value, dict) else None
        tags = value.get("ner_tags") if isinstance(value, dict) else None
        if tokens is None or tags is None:
            lost["no tokens or no tags"] += 1
            continue
        returned += 1
        fault = _fault(tokens, tags, labels)
        if fault is None:
            kept.append(([str(token) for token in tokens], tags))
        else:
            lost[fault] += 1
    return PaperSalvage(kept, returned, lost)


def _objects_of_whole(text: str, lost: Counter[str]) -> Iterator[Any]:
    try:
        response = json.loads(text)
    except (ValueError, RecursionError):
        response = None
    if not isinstance(response, dict):
        lost["the response is no JSON object"] += 1
        return
    for value in response.values():
        if isinstance(value, list):
            yield from value


def _objects_within(text: str, lost: Counter[str]) -> Iterator[Any]:
    for match in _FLAT_OBJECT.finditer(text):
        try:
            yield json.loads(match[0])
        except (ValueError, RecursionError):
            lost["malformed object"] += 1


def _fault(tokens: Any, tags: Any, labels: int) -> str | None:
    if not isinstance(tokens, list) or not isinstance(tags, list):
        return "tokens or tags are no list"
    if len(tokens) != len(tags):
        return "length mismatch"
    if not all(type(tag) is int and 0 <= tag < labels for tag in tags):
        return "tag that gold does not use"
    try:
        json.dumps(tokens, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "not encodable as UTF-8"
    return None
