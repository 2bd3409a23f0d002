"""From responses to columns: what was found in them, and the checks of a datapoint's shape and lengths."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from ..generation.salvage import EMPTY, NO_DATAPOINT, Found, Salvage
from ..schema.waterfall import StepCount, Waterfall
from .columns import Batch, Datapoint, Place
from .label_columns import LabelNumbers
from .rejects import Rejects, shown
from .vocabulary import Vocabulary

# Enough to make the work on arrays count, few enough to fit the processor's cache.
BATCH_SENTENCES = 8192
BATCH_WORDS = 1 << 18

NO_TOKENS = "no tokens"
TOKEN_IS_NO_TEXT = "a token is neither a text nor a whole number"  # noqa: S105 - a word, not a secret
TAG_IS_NO_LABEL = "a tag is neither a name nor a whole number"

_TEXTS = {str}
_WHOLE_NUMBERS = {int}
_TEXTS_OR_WHOLE_NUMBERS = frozenset((str, int))
_WHOLE_RESPONSE = frozenset((EMPTY, NO_DATAPOINT))


def shape_fault(tokens: list[Any], tags: list[Any]) -> str | None:
    """Say why two lists are no tokens and tags, None if they are.

    A whole number among the tokens, as in `["May", 2011]`, has only one reading. `true` and `1.0` are no
    labels, and `1.0` is no token: how it was written is not known.
    """
    if not tokens:
        return NO_TOKENS
    kinds = set(map(type, tokens))
    if kinds != _TEXTS and not kinds <= _TEXTS_OR_WHOLE_NUMBERS:
        return TOKEN_IS_NO_TEXT
    kinds = set(map(type, tags))
    if kinds != _WHOLE_NUMBERS and not kinds <= _TEXTS_OR_WHOLE_NUMBERS:
        return TAG_IS_NO_LABEL
    return None


def length_fault(tokens: list[Any], tags: list[Any]) -> str | None:
    """Say how the lengths of tokens and tags differ, None if they do not."""
    surplus = len(tags) - len(tokens)
    if surplus == 0:
        return None
    if abs(surplus) == 1:
        return "one tag too many" if surplus > 0 else "one tag too few"
    return "several tags too many" if surplus > 0 else "several tags too few"


class Reader:
    """Collects the datapoints of responses, one split at a time, until there are enough for a batch.

    Args:
        labels: How labels are written, and their numbers.
        vocabulary: Numbers the tokens.
        waterfall: Counts the steps from `returned` to `lengths`.
        rejects: Keeps what does not come through.
    """

    def __init__(
        self, labels: LabelNumbers, vocabulary: Vocabulary, waterfall: Waterfall, rejects: Rejects
    ) -> None:
        self._labels = labels
        self._vocabulary = vocabulary
        self._rejects = rejects
        self._returned = waterfall["returned"]
        self._parsed = waterfall["parsed"]
        self._schema = waterfall["schema"]
        self._lengths = waterfall["lengths"]
        self._begin_batch()

    @property
    def is_full(self) -> bool:
        """Whether it is time to take the batch."""
        return len(self._datapoints) >= BATCH_SENTENCES or len(self._tokens) >= BATCH_WORDS

    def read(self, result: Salvage, place: Place, requested: int) -> None:
        """Take the datapoints of a response in.

        Args:
            result: What the response held.
            place: The call that it answers.
            requested: Datapoints asked for; 0 where that is not known.
        """
        unread = {reason: count for reason, count in result.lost.items() if reason not in _WHOLE_RESPONSE}
        returned = len(result.found) + sum(unread.values())
        self._count_returned(returned, requested, next(iter(result.lost), "not returned"))
        shown_of = dict.fromkeys(unread, 0)
        for fragment in result.fragments:
            self._rejects.source(place, None, fragment.reason, fragment.source)
            if fragment.reason in shown_of:
                shown_of[fragment.reason] += 1
                self._parsed.show(f"{fragment.reason}: {shown(fragment.source)}")
        for reason, count in unread.items():
            self._parsed.lost[reason] += count
            if count > shown_of[reason]:
                self._rejects.further(place, reason, count - shown_of[reason])
        self._parsed.kept += len(result.found)
        if result.strict and result.found:
            self._parsed.notes["strict"] += len(result.found)
        for found in result.found:
            if not result.strict:
                self._parsed.notes[f"salvaged: {found.parse_path}"] += 1
            for step in {change["step"] for change in found.changes}:
                self._parsed.notes[f"changed: {step}"] += 1
            if _is_plain(found):
                self._schema.kept += 1
                self._lengths.kept += 1
                self._keep(found, place, found.tokens or [])
            else:
                self._examine(found, place)

    def take(self) -> Batch:
        """Return what was collected since the last time, and begin anew."""
        batch = Batch(
            datapoints=self._datapoints,
            starts=np.fromiter(accumulate(self._sizes, initial=0), np.int64, len(self._sizes) + 1),
            tokens=np.array(self._tokens, dtype=np.int64),
            tags=np.array(self._tags, dtype=np.int64),
            repairs=self._repairs,
        )
        self._begin_batch()
        return batch

    def _begin_batch(self) -> None:
        self._datapoints: list[Datapoint] = []
        self._sizes: list[int] = []
        self._tokens: list[int] = []
        self._tags: list[int] = []
        self._repairs: dict[int, list[dict[str, Any]]] = {}

    def _count_returned(self, returned: int, requested: int, reason: str) -> None:
        self._returned.kept += returned
        if returned < requested:
            self._returned.lost["not returned" if returned else reason] += requested - returned
        elif returned > requested > 0:
            self._returned.notes["more than requested"] += returned - requested

    def _examine(self, found: Found, place: Place) -> None:
        """Take a datapoint in, or say why it is none."""
        tokens, tags = found.tokens, found.tags
        if found.fault is not None or tokens is None or tags is None:
            fault = found.fault or "not both lists"
            _lose(self._schema, fault, found)
            self._rejects.source(place, found.item, fault, found.source)
            return
        fault = shape_fault(tokens, tags)
        if fault is not None:
            _lose(self._schema, fault, found)
            self._rejects.datapoint(Datapoint(place, found), "schema", fault)
            return
        self._schema.kept += 1
        repairs = list(map(dict, found.changes))
        as_text = [
            {"step": "schema", "position": position, "before": token, "after": str(token)}
            for position, token in enumerate(tokens)
            if type(token) is int
        ]
        repairs += as_text
        if as_text:
            self._schema.notes["a whole number as token, read as text"] += 1
        fault = length_fault(tokens, tags)
        if fault is not None:
            _lose(self._lengths, fault, found)
            self._rejects.datapoint(Datapoint(place, found), "lengths", fault)
            return
        self._lengths.kept += 1
        if repairs:
            self._repairs[len(self._datapoints)] = repairs
        self._keep(found, place, list(map(str, tokens)))

    def _keep(self, found: Found, place: Place, tokens: list[str]) -> None:
        self._datapoints.append(Datapoint(place, found))
        self._sizes.append(len(tokens))
        self._tokens.extend(map(self._vocabulary.__getitem__, tokens))
        self._tags.extend(map(self._labels.__getitem__, found.tags or ()))


def _is_plain(found: Found) -> bool:
    """Say whether a datapoint is texts and as many whole numbers, as nearly all are."""
    tokens, tags = found.tokens, found.tags
    return (
        found.fault is None
        and tokens is not None
        and tags is not None
        and not found.changes
        and tokens != []
        and len(tokens) == len(tags)
        and set(map(type, tokens)) == _TEXTS
        and set(map(type, tags)) == _WHOLE_NUMBERS
    )


def _lose(step: StepCount, reason: str, found: Found) -> None:
    step.lost[reason] += 1
    if len(step.examples) < 3:
        step.show(f"{reason}: {shown(found.source)}")
