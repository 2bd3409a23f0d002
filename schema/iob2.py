"""IOB2: mentions as `B-TYPE I-TYPE …`, everything else `O`.

An `I-TYPE` that does not continue a mention of its own type breaks IOB2. What such a sequence means is a
policy, never a silent choice: every repair says which positions it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

OUTSIDE = "O"


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A typed span of words.

    Attributes:
        start: Index of the first word.
        end: Index after the last word.
        type: The entity type, for example `PER`.
    """

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A place where a tag sequence is not IOB2.

    Attributes:
        position: Index of the word.
        tag: The offending tag.
        kind: `orphan` (an I- tag after O or at the start), `type change` (an I- tag after a mention of
            another type) or `invalid` (no IOB2 tag at all).
    """

    position: int
    tag: str
    kind: str


@dataclass(frozen=True, slots=True)
class Change:
    """One tag that a repair replaced."""

    position: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Repair:
    """The outcome of a repair: the tags, and what was changed where."""

    tags: tuple[str, ...]
    changes: tuple[Change, ...]


@lru_cache(maxsize=4096)
def parse_tag(tag: str) -> tuple[str, str] | None:
    """Split a tag into prefix and type.

    Returns:
        `("O", "")`, `("B", type)`, `("I", type)`, or None when the tag is not IOB2.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, type_ = tag.partition("-")
    if dash and prefix in ("B", "I") and type_ and type_.strip() == type_:
        return prefix, type_
    return None


def violations(tags: Sequence[str]) -> list[Violation]:
    """List every place where `tags` is not IOB2, in order."""
    found = []
    open_type = ""
    for position, tag in enumerate(tags):
        parsed = parse_tag(tag)
        if parsed is None:
            found.append(Violation(position, tag, "invalid"))
            open_type = ""
            continue
        prefix, type_ = parsed
        if prefix == "I" and type_ != open_type:
            found.append(Violation(position, tag, "type change" if open_type else "orphan"))
        open_type = type_
    return found


def _open_a_mention(type_: str, _open_type: str) -> str:
    return f"B-{type_}"


def _drop(_type: str, _open_type: str) -> str:
    return OUTSIDE


def _trust_the_beginning(type_: str, open_type: str) -> str:
    return f"I-{open_type}" if open_type else f"B-{type_}"


REPAIR_POLICIES: dict[str, Callable[[str, str], str]] = {
    "conlleval": _open_a_mention,
    "discard": _drop,
    "begin": _trust_the_beginning,
}
"""How a misplaced `I-TYPE` is read, by policy name:

- `conlleval`: it opens a new mention, as the CoNLL scorer and seqeval's default mode read it.
- `discard`: it and what it would have begun become `O`, as seqeval's strict mode reads it.
- `begin`: the tag that opened the running mention decides its type; after `O` it opens a mention.
"""


def repair(tags: Sequence[str], policy: str) -> Repair:
    """Make a sequence of valid tags IOB2.

    Args:
        tags: Tags, each of them `O`, `B-TYPE` or `I-TYPE`.
        policy: A name in `REPAIR_POLICIES`.

    Returns:
        The tags and the changes; no changes when the sequence was IOB2 already.

    Raises:
        ValueError: If a tag is not `O`, `B-TYPE` or `I-TYPE`: no policy can know what it meant.
    """
    replace = REPAIR_POLICIES[policy]
    repaired: list[str] = []
    changes = []
    open_type = ""
    for position, tag in enumerate(tags):
        parsed = parse_tag(tag)
        if parsed is None:
            raise ValueError(f"`{tag}` at position {position} is not O, B-TYPE or I-TYPE")
        prefix, type_ = parsed
        after = tag
        if prefix == "I" and type_ != open_type:
            after = replace(type_, open_type)
            changes.append(Change(position, tag, after))
        open_type = "" if after == OUTSIDE else after[2:]
        repaired.append(after)
    return Repair(tuple(repaired), tuple(changes))


def mentions(tags: Sequence[str]) -> list[Mention]:
    """Read the mentions of a tag sequence as the CoNLL scorer does: a misplaced I- tag opens a mention.

    A tag that is not IOB2 ends a mention and opens none.
    """
    found = []
    start, open_type = 0, ""
    for position, tag in enumerate((*tags, OUTSIDE)):
        prefix, type_ = parse_tag(tag) or (OUTSIDE, "")
        if open_type and (prefix != "I" or type_ != open_type):
            found.append(Mention(start, position, open_type))
        if prefix == "B" or (prefix == "I" and type_ != open_type):
            start = position
        open_type = type_
    return found


def tags_of(spans: Sequence[Mention], length: int) -> list[str]:
    """Write mentions as IOB2 tags over `length` words.

    Raises:
        ValueError: If two mentions overlap or one reaches outside the sentence.
    """
    tags = [OUTSIDE] * length
    for span in spans:
        if not 0 <= span.start < span.end <= length:
            raise ValueError(f"{span} is not within {length} words")
        if any(tag != OUTSIDE for tag in tags[span.start : span.end]):
            raise ValueError(f"{span} overlaps another mention")
        tags[span.start] = f"B-{span.type}"
        tags[span.start + 1 : span.end] = [f"I-{span.type}"] * (span.end - span.start - 1)
    return tags
