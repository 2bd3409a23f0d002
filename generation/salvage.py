"""From a response's text to the datapoints in it, with what was lost and why.

A response that is strict JSON is read as such. Any other is scanned for the JSON in it (`json_scanner`).
In both, datapoints are recognised by their shape wherever they stand:

- an object with a list of tokens and a list of tags;
- an object with a list of pairs of token and label, or such a list alone;
- an object with a marked-up `sentence`, or a list of marked-up sentences.

Nothing is checked here but the shape: whether the lists are equally long, the tags known and the text sound
is for the gates to say. Nothing is invented: an object that broke off is lost, however little it lacks.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .json_scanner import CUT, Broken, MendedObject, Scanner, read_whole
from .shapes import (
    OWN_KEYS,
    TELLING_KEYS,
    TOKEN_KEYS,
    Shape,
    complete_groups,
    datapoints_in,
    datapoints_in_part,
)

PARSE_PATHS = ("json", "fenced", "embedded", "lines", "truncated", "mended", "listing", "typed_mentions")
"""How a datapoint was found, from the plainest way on:

- `json`: the whole response is strict JSON.
- `fenced`: in a code fence.
- `embedded`: with prose or a chat header around the one JSON value.
- `lines`: in one of several JSON values, be they run on, listed or numbered.
- `truncated`: in a value that the end of the response cut.
- `mended`: its own syntax had a fault with one reading only.
- `listing`: a sentence with its entities listed below, as `attribute_guided` asks for it.
- `typed_mentions`: a sentence whose entities are written with their types, as `entity_guided` asks for it.
"""

EMPTY = "empty response"
NO_DATAPOINT = "no datapoint in the response"

SOURCE_CHARACTERS = 2000
FRAGMENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A datapoint object found in a response, before any check of its contents.

    Attributes:
        item: Its position among the objects found in the response.
        tokens: The tokens as written, or None where there is no list of them.
        tags: The tags as written (`1`, `"1"` and `"B-PER"` are three things), or None.
        parse_path: One of `PARSE_PATHS`.
        fault: Why it is no datapoint by its shape; None when it has both lists.
        value: The parsed JSON value it was read from.
        changes: What was changed in tokens and tags when they were read, for provenance: `step`, `position`,
            `before` and `after` each.
    """

    item: int
    tokens: list[Any] | None
    tags: list[Any] | None
    parse_path: str
    fault: str | None
    value: Any
    changes: tuple[Mapping[str, Any], ...] = ()

    @property
    def source(self) -> str:
        """The object as JSON text, cut to a length fit for a list of rejects."""
        try:
            written = json.dumps(self.value, ensure_ascii=False)
        except RecursionError:
            written = "nested too deep to show"
        return _excerpt(written)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a response that could not be read.

    Attributes:
        reason: Why.
        source: The text, cut to a length fit for a list of rejects.
    """

    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a response held.

    Attributes:
        found: The datapoint objects, in order.
        lost: What was there and could not be read, by reason: objects, or the response as a whole where
            it is empty or holds no datapoint.
        fragments: The text of what was lost; of the first thousand pieces, if there are more.
        strict: Whether the whole response is strict JSON.
    """

    found: list[Found]
    lost: Counter[str]
    fragments: list[Fragment]
    strict: bool


def salvage(text: str) -> Salvage:
    """Recover every complete datapoint of a response.

    The work grows linearly with the text, whatever the text is.

    Example:
        >>> answer = 'Sure! {"tokens": ["Ilesa"], "ner_tags": [5]} {"tokens": ["Fun'
        >>> result = salvage(answer)
        >>> [datapoint.tokens for datapoint in result.found], dict(result.lost)
        ([['Ilesa']], {'cut at the end': 1})
    """
    salvager = _Salvager(text)
    try:
        value = read_whole(text.strip())
    except (ValueError, RecursionError):
        return salvager.of_pieces()
    return salvager.of_whole(value)


def _found(item: int, shape: Shape, parse_path: str) -> Found:
    return Found(item, shape.tokens, shape.tags, parse_path, shape.fault, shape.value)


# Chat templates mark roles and the end of a turn: `<|im_start|>assistant`, `<EOS_TOKEN>`, `</s>`.
_SPECIAL_TOKEN = re.compile(
    r"<\|start_header_id\|>\w*|<\|im_start\|>\w*|<\|[^|<>]{1,64}\|>|</?[A-Za-z_]{1,40}>"
)
_FENCE = re.compile("```")


def _says_something(text: str) -> bool:
    return re.search(r"\w", _SPECIAL_TOKEN.sub("", text)) is not None


def _excerpt(text: str) -> str:
    """Cut a text to length and make it writable: a lone surrogate becomes its escape."""
    return text[:SOURCE_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")


class _Salvager:
    """Gathers what one response holds."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shapes: list[tuple[Shape, int, bool]] = []
        self._lost: Counter[str] = Counter()
        self._fragments: list[Fragment] = []

    def of_whole(self, value: Any) -> Salvage:
        """Salvage a response that is one strict JSON value."""
        found = [_found(item, shape, "json") for item, shape in enumerate(datapoints_in(value))]
        return self._result(found, strict=True)

    def of_pieces(self) -> Salvage:
        """Salvage a response that has JSON in it."""
        within_lost = False
        for piece in Scanner(self._text).scan():
            if not isinstance(piece, Broken):
                shapes = datapoints_in(piece.value)
                # What no brace holds together is a datapoint only when all of it is there.
                self._keep((shape for shape in shapes if not piece.bare or shape.fault is None), piece.start)
                continue
            if not within_lost:
                within_lost = self._sift_object(piece) if piece.is_object else self._sift_list(piece)
            if piece.innermost:
                within_lost = False
        fences = [fence.start() for fence in _FENCE.finditer(self._text)]
        several = len({start for _, start, _ in self._shapes}) > 1
        found = [
            _found(
                item,
                shape,
                _parse_path(shape, cut=cut, fenced=bisect_right(fences, start) % 2 == 1, several=several),
            )
            for item, (shape, start, cut) in enumerate(self._shapes)
        ]
        return self._result(found, strict=False)

    def _result(self, found: list[Found], *, strict: bool) -> Salvage:
        if not found and not self._lost:
            self._lose(NO_DATAPOINT if strict or _says_something(self._text) else EMPTY, 0, len(self._text))
        return Salvage(found, self._lost, self._fragments, strict)

    def _keep(self, shapes: Iterable[Shape], start: int, *, cut: bool = False) -> None:
        self._shapes += ((shape, start, cut) for shape in shapes)

    def _lose(self, reason: str, begin: int, end: int) -> None:
        self._lost[reason] += 1
        if len(self._fragments) < FRAGMENTS_KEPT:
            end = min(end, begin + SOURCE_CHARACTERS)
            self._fragments.append(Fragment(reason, _excerpt(self._text[begin:end])))

    def _sift_list(self, broken: Broken) -> bool:
        """Take the complete elements of a broken list. What is open in it is sifted by itself."""
        shapes = list(datapoints_in_part([value for _, value in broken.members], broken.open_key))
        self._keep(shapes, broken.start, cut=broken.reason == CUT)
        if broken.innermost and any(isinstance(shape.value, str) for shape in shapes):
            self._lose(broken.reason, broken.begin, broken.end)  # the sentence after those that are complete
        return False

    def _sift_object(self, broken: Broken) -> bool:
        """Take the complete datapoints of a broken object; tell whether its open parts are lost with it."""
        cut = broken.reason == CUT
        whole, rest = complete_groups(broken.members, broken.open_key)
        self._keep(whole, broken.start, cut=cut)
        if _was_datapoint(broken, rest):
            self._lose(broken.reason, broken.begin, broken.end)
        for key, value in rest:
            if key not in OWN_KEYS:
                self._keep(datapoints_in(value, key), broken.start, cut=cut)
        return broken.open_key in OWN_KEYS


def _parse_path(shape: Shape, *, cut: bool, fenced: bool, several: bool) -> str:
    if isinstance(shape.value, MendedObject):
        return "mended"
    if cut:
        return "truncated"
    if fenced:
        return "fenced"
    return "lines" if several else "embedded"


def _was_datapoint(broken: Broken, members: list[tuple[str | None, Any]]) -> bool:
    """Tell whether a datapoint was lost with a broken object.

    Members without a brace are often what a fault left over of an object that is counted already: tags alone
    do not count there. An object that was cut before its first list began counts; one around others does not.
    """
    names = {key for key, _ in members} | {broken.open_key}
    if broken.bare:
        return not names.isdisjoint(TOKEN_KEYS)
    wraps = any(isinstance(value, dict | list) for _, value in members)
    return not names.isdisjoint(TELLING_KEYS) or (broken.reason == CUT and broken.innermost and not wraps)
