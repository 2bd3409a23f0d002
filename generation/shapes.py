"""The shapes in which a datapoint stands in parsed JSON, recognised wherever it is nested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..schema.iob2 import parse_tag
from .inline_spans import SpanError, has_mention, parse_inline_spans
from .json_scanner import RepeatedKeys

TOKEN_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "labels")
SENTENCE_KEY = "sentence"
SENTENCE_LIST_KEYS = ("sentences", "datapoints")
PAIR_KEYS = (("token", "label"), ("token", "tag"), ("word", "label"), ("word", "tag"))

TELLING_KEYS = frozenset((*TOKEN_KEYS, "ner_tags", SENTENCE_KEY))
"""An object with one of these is a datapoint or was meant as one; `tags` and `labels` also name legends."""

OWN_KEYS = TELLING_KEYS | frozenset(TAG_KEYS)
"""What a datapoint consists of; the other members of an object may hold further ones."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A JSON value that is a datapoint, or was meant as one.

    Attributes:
        tokens: The tokens as written, or None where there is no list of them.
        tags: The tags as written, or None.
        fault: Why it is no datapoint; None when it has both lists.
        value: The JSON value.
    """

    tokens: list[Any] | None
    tags: list[Any] | None
    fault: str | None
    value: Any


def datapoints_in(value: Any, key: str | None = None) -> Iterator[Shape]:
    """Find the datapoints in a JSON value, in order, at any depth.

    Args:
        value: What a JSON parser gives.
        key: The key that the value stands under, where it was taken out of an object.
    """
    pending = [(key, value)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            shape = _shape_of_object(value)
            if shape is not None:
                yield shape
                if len(value) == 2 and shape.fault is None:
                    continue
            pending += _containers(reversed(value.items()), own_keys_too=shape is None)
        elif isinstance(value, RepeatedKeys):
            shapes = _shapes_of_repeated(value)
            yield from shapes
            pending += _containers(reversed(value), own_keys_too=not shapes)
        elif isinstance(value, list) and value:
            shape = _shape_of_pairs(value)
            if shape is not None:
                yield shape
            elif isinstance(value[0], str):
                yield from datapoints_in_part(value, key)
            else:
                pending += ((key, element) for element in reversed(value))


def datapoints_in_part(elements: list[Any], key: str | None) -> Iterator[Shape]:
    """Find the datapoints among the first elements of a list that is not known to its end.

    They may be sentences and objects of their own, but not the pairs of one datapoint: some may be missing.
    """
    marked = any(isinstance(element, str) and has_mention(element) for element in elements)
    for element in elements:
        if not isinstance(element, str):
            yield from datapoints_in(element, key)
        elif marked:
            yield _shape_of_sentence(element, element)
        elif key in SENTENCE_LIST_KEYS:
            yield Shape(None, None, "no markup", element)


def _containers(members: Any, *, own_keys_too: bool) -> Iterator[tuple[str, Any]]:
    """Pick the members that may hold datapoints, leaving out those that a datapoint consists of."""
    for key, value in members:
        if isinstance(value, dict | list) and (own_keys_too or key not in OWN_KEYS):
            yield key, value


def _shape_of_object(value: dict[str, Any]) -> Shape | None:
    tokens, tags = value.get("tokens"), value.get("ner_tags")
    if isinstance(tokens, list) and isinstance(tags, list):
        return Shape(tokens, tags, None, value)
    if TELLING_KEYS.isdisjoint(value):
        return None
    token_key = next((key for key in TOKEN_KEYS if key in value), None)
    tag_keys = [key for key in TAG_KEYS if key in value]
    if token_key is None:
        return Shape(None, None, "no tokens", value) if tag_keys else _shape_of_marked_up(value)
    return _shape_of_lists(value, token_key, tag_keys)


def _shape_of_lists(value: dict[str, Any], token_key: str, tag_keys: list[str]) -> Shape:
    tokens = value[token_key]
    if not isinstance(tokens, list):
        return Shape(None, None, "tokens are no list", value)
    if not tag_keys:
        return _shape_of_words(tokens, value)
    if len(tag_keys) > 1 and "ner_tags" not in tag_keys:
        return Shape(tokens, None, "several lists of tags", value)
    tags = value[tag_keys[0]]
    if not isinstance(tags, list):
        return Shape(tokens, None, "tags are no list", value)
    return Shape(tokens, tags, None, value)


def _shape_of_words(words: list[Any], value: dict[str, Any]) -> Shape:
    """Read `{"words": [[token, label], …]}`, where any label will do."""
    split = [_split_pair(word) for word in words]
    pairs = [pair for pair in split if pair is not None]
    if not pairs:
        return Shape(words, None, "no tags", value)
    return _shape_of_split(pairs, len(split), value)


def _shape_of_pairs(elements: list[Any]) -> Shape | None:
    """Read a list of pairs that stands by itself: its labels must look like labels."""
    first = elements[0]
    pair = _split_pair(first)
    if pair is None or (isinstance(first, list) and not _is_tag(pair[1])):
        return None
    pairs = [pair for pair in map(_split_pair, elements) if pair is not None]
    return _shape_of_split(pairs, len(elements), elements)


def _shape_of_split(pairs: list[tuple[Any, Any]], expected: int, value: Any) -> Shape:
    if len(pairs) < expected:
        return Shape(None, None, "not every word has a label", value)
    return Shape([token for token, _ in pairs], [label for _, label in pairs], None, value)


def _split_pair(pair: Any) -> tuple[Any, Any] | None:
    if isinstance(pair, list):
        return (pair[0], pair[1]) if len(pair) == 2 and isinstance(pair[0], str) else None
    if isinstance(pair, dict):
        for token, label in PAIR_KEYS:
            if token in pair and label in pair:
                return pair[token], pair[label]
    return None


def _is_tag(label: Any) -> bool:
    return isinstance(label, str) and parse_tag(label) is not None


def _shape_of_marked_up(value: dict[str, Any]) -> Shape:
    """Read `{"sentence": "…"}`.

    A sentence without markup beside further lists is annotated in some other way: that it holds no mention
    would be invented.
    """
    sentence = value[SENTENCE_KEY]
    if not isinstance(sentence, str):
        return Shape(None, None, "the sentence is no text", value)
    annotated = any(isinstance(member, dict | list) for member in value.values())
    if annotated and not has_mention(sentence):
        return Shape(None, None, "no markup", value)
    return _shape_of_sentence(sentence, value)


def _shape_of_sentence(sentence: str, value: Any) -> Shape:
    try:
        tokens, tags = parse_inline_spans(sentence)
    except SpanError as error:
        return Shape(None, None, error.reason, value)
    return Shape(list(tokens), list(tags), None, value)


def complete_groups(
    members: list[tuple[str | None, Any]], open_key: str | None
) -> tuple[list[Shape], list[tuple[str | None, Any]]]:
    """Part the members of a broken object into the datapoints that run into one another and the rest.

    A datapoint is complete where a repeated key begins the next one. Where it cannot be known which tokens
    and tags belong together, all is rest.

    Args:
        members: The complete members.
        open_key: The key whose value broke off, if any.
    """
    groups = _groups([*members, (open_key, None)] if open_key else members)
    shapes = [_shape_of_object(dict(group)) for group in groups[:-1]]
    whole = [shape for shape in shapes if shape is not None and shape.fault is None]
    if len(whole) < len(groups) - 1:
        return [], members
    return whole, members[sum(map(len, groups[:-1])) :]


def _groups(members: list[tuple[Any, Any]]) -> list[list[tuple[Any, Any]]]:
    """Begin a new group wherever a key stands a second time."""
    groups: list[list[tuple[Any, Any]]] = [[]]
    seen = set()
    for key, value in members:
        if key in seen:
            groups.append([])
            seen = set()
        seen.add(key)
        groups[-1].append((key, value))
    return groups


def _shapes_of_repeated(members: RepeatedKeys) -> list[Shape]:
    """Read an object whose keys stand more than once as the datapoints that run into one another in it.

    Each repetition begins a new datapoint. They are read if each is complete; else it cannot be known which
    tokens and tags belong together.
    """
    shapes = [shape for group in _groups(members) if (shape := _shape_of_object(dict(group))) is not None]
    if len(shapes) > 1 and any(shape.fault for shape in shapes):
        return [Shape(None, None, "repeated keys", members)]
    return shapes
