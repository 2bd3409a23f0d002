"""Labels carried through a translation by brackets, after EasyProject (Chen et al. 2023).

Each entity of a sentence is put between brackets, and the sentence is translated with them. What stands
between brackets in the translation are its entities. Which is which must be found out where they are of
several types, for a translation may have them in another order: each entity is also translated alone, and
what is in brackets is compared with that.

Whatever a model writes is read or refused with a reason; nothing here raises on any text.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import unescape
from itertools import pairwise
from typing import TypeAlias

import regex

from ..schema.iob2 import Mention, tags_of
from ..sources.characters import blanks_for_controls

OPENING, CLOSING = "[", "]"

LEAST_SIMILARITY = 0.5
"""Texts are taken for translations of the same entity if they are more alike than this, as by the authors."""

NO_TEXT = "the translation is empty"
OWN_BRACKETS = "the sentence has brackets of its own"
UNPAIRED = "a bracket without its other half"
FEWER = "fewer pairs of brackets than mentions"
MORE = "more pairs of brackets than mentions"
NOTHING_INSIDE = "no word between brackets"
UNKNOWN = "mentions of several types cannot be told apart"
OTHER_TYPES = "mentions have other types than in the source"

BY_ORDER = "order"
BY_TRANSLATION = "its translation"
BY_SOURCE = "the source"
LIKE_TRANSLATION = "like its translation"
LIKE_SOURCE = "like the source"
LEFT_OVER = "left over"

Split: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Splits texts that follow one another in a sentence, each into its own words."""

# What translators write in place of square brackets.
_OTHER_BRACKETS = str.maketrans("《》【】［］〖〗⟦⟧", "[][][][][]")
# Numbers of more digits than any character has are no reference: to read them takes long, or fails.
_REFERENCE = regex.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_REPEATED_OPENING = regex.compile(r"\[(?:\s*\[)+")
_REPEATED_CLOSING = regex.compile(r"\](?:\s*\])+")
_BRACKET = regex.compile(r"[\[\]]")
_ENDING = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{N}]")
_MARKS_AROUND = regex.compile(r"\A[^\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+\Z")


@dataclass(frozen=True, slots=True)
class SourceEntity:
    """An entity of the sentence that is translated.

    Attributes:
        type: Its type.
        text: Its words.
        translation: Its translation alone, without the sentence; empty where there is none.
    """

    type: str
    text: str
    translation: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """A translation with labels.

    Attributes:
        words: Its words.
        tags: A tag for each.
        known_by: For each mention in order, by what its type is known.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    known_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A translation that got no labels.

    Attributes:
        reason: Why.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a translation.

    Attributes:
        text: The text, without brackets.
        is_marked: Whether it stands between brackets.
    """

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Pieces:
    """A translation, taken apart at its brackets.

    Attributes:
        pieces: Its parts, in order.
        unpaired: Brackets without their other half, which are left out.
    """

    pieces: tuple[Piece, ...]
    unpaired: int

    @property
    def marked(self) -> list[str]:
        """The texts between brackets."""
        return [piece.text for piece in self.pieces if piece.is_marked]


def mark(tokens: Sequence[str], entities: Sequence[Mention]) -> str:
    """Write a sentence with brackets round its entities.

    Example:
        >>> mark(("Ada", "Krogh", "bor", "i", "Thy", "."), [Mention(0, 2, "PER"), Mention(4, 5, "LOC")])
        '[ Ada Krogh ] bor i [ Thy ] .'
    """
    starts = {entity.start for entity in entities}
    ends = {entity.end for entity in entities}
    written: list[str] = []
    for place, token in enumerate(tokens):
        written += [OPENING] * (place in starts)
        written.append(token)
        written += [CLOSING] * (place + 1 in ends)
    return " ".join(written)


def has_brackets(tokens: Sequence[str]) -> bool:
    """Say whether a sentence has brackets of its own, which could not be told from those round entities."""
    return _BRACKET.search(decoded(" ".join(tokens))) is not None


def carry(text: str, entities: Sequence[SourceEntity], split: Split) -> Carried | Refused:
    """Label the translation of a sentence with brackets.

    There must be as many pairs of brackets as entities. Where all entities are of one type, so are all that
    is in brackets. Else the text in brackets is looked for among the entities translated alone, then among
    those of the source; then the one most like it is taken, of the translated ones if any is enough alike. If
    several types come into question, it is unknown. One unknown is what is left over; several are refused,
    and so is a translation whose types are not those of the source.

    Args:
        text: The translation.
        entities: The entities of the source.
        split: Splits it into words.
    """
    apart = bracketed(text, len(entities))
    marked = apart.marked
    if apart.unpaired:
        return Refused(UNPAIRED)
    if len(marked) != len(entities):
        return Refused(FEWER if len(marked) < len(entities) else MORE)
    words = split([piece.text for piece in apart.pieces])
    if not any(words):
        return Refused(NO_TEXT)
    if any(
        piece.is_marked and not any(map(has_letter, of_piece))
        for piece, of_piece in zip(apart.pieces, words, strict=True)
    ):
        return Refused(NOTHING_INSIDE)
    known = _types(marked, entities)
    if isinstance(known, Refused):
        return known
    return _labelled(apart, words, known)


def bracketed(text: str, count: int) -> Pieces:
    """Take a translation apart at its brackets.

    Doubled brackets count once, and references such as `&#91;` are what they stand for. Brackets of another
    form (`《》`, `【】`, `［］`) count where square ones alone do not make the pairs that are expected: some
    languages quote with them. Letters that follow a bracket directly are an ending, and belong to what is
    in it.

    Args:
        text: The translation.
        count: The pairs that are expected.
    """
    text = decoded(text)
    found = _apart(text)
    if found.unpaired or len(found.marked) != count:
        squared = text.translate(_OTHER_BRACKETS)
        if squared != text:
            return _apart(squared)
    return found


def words_of(text: str, split: Split) -> tuple[str, ...]:
    """Split a translation without brackets into words, with characters in place of references."""
    (words,) = split([decoded(text)])
    return tuple(words)


class Likeness:
    """How much alike texts are to one of them, from 0 to 1; 0 where it is not more than `LEAST_SIMILARITY`.

    Args:
        text: The one that others are compared with.
    """

    def __init__(self, text: str) -> None:
        self._matcher = SequenceMatcher(None, "", text, autojunk=False)

    def __call__(self, other: str) -> float:
        """Compare it with another text."""
        self._matcher.set_seq1(other)
        value = 0.0
        # Upper bounds first: to compare a name with a text that does not end would take long.
        for ratio in (self._matcher.real_quick_ratio, self._matcher.quick_ratio, self._matcher.ratio):
            value = ratio()
            if value <= LEAST_SIMILARITY:
                return 0.0
        return value


def similarity(entity: str, found: str) -> float:
    """Return how much alike two texts are in any case and spacing, and with any marks at both ends."""
    return Likeness(comparable(entity))(comparable(found))


def comparable(text: str) -> str:
    """Return what is the same of a text in any case and spacing, and with any marks at both ends."""
    text = folded(text)
    return _MARKS_AROUND.sub("", text) or text


def folded(text: str) -> str:
    """Return what is the same of a text in any case and spacing, and however its letters are composed."""
    return " ".join(unicodedata.normalize("NFC", decoded(text)).casefold().split())


def decoded(text: str) -> str:
    """Return a text with characters in place of references, and blanks in place of what is no text."""
    return blanks_for_controls(_REFERENCE.sub(lambda reference: unescape(reference.group()), text))


def has_letter(text: str) -> bool:
    """Say whether a text has a letter or a digit, as every entity has."""
    return _LETTER_OR_DIGIT.search(text) is not None


def _apart(text: str) -> Pieces:
    text = _REPEATED_CLOSING.sub(CLOSING, _REPEATED_OPENING.sub(OPENING, text))
    pairs: list[tuple[int, int]] = []
    unpaired = 0
    opened = None
    for bracket in _BRACKET.finditer(text):
        if bracket.group() == OPENING:
            unpaired += opened is not None
            opened = bracket.start()
        elif opened is None:
            unpaired += 1
        else:
            pairs.append((opened, bracket.start()))
            opened = None
    unpaired += opened is not None
    pieces: list[Piece] = []
    done = 0
    for (start, end), (following, _) in pairwise([*pairs, (len(text), len(text))]):
        pieces.append(_piece(text[done:start], is_marked=False))
        ending = _ENDING.match(text, end + 1, following)
        done = ending.end() if ending else end + 1
        pieces.append(_piece(text[start + 1 : end].rstrip() + text[end + 1 : done], is_marked=True))
    pieces.append(_piece(text[done:], is_marked=False))
    return Pieces(tuple(pieces), unpaired)


def _piece(text: str, *, is_marked: bool) -> Piece:
    return Piece(_BRACKET.sub(" ", text).strip(), is_marked)


@dataclass(frozen=True, slots=True)
class _Known:
    """The types of what is in brackets, in order, and by what they are known."""

    types: list[str]
    by: list[str]


def _types(marked: Sequence[str], entities: Sequence[SourceEntity]) -> _Known | Refused:
    expected = Counter(entity.type for entity in entities)
    if len(expected) <= 1:
        return _Known([entity.type for entity in entities], [BY_ORDER] * len(entities))
    found = [_type_of(text, entities) for text in marked]
    types = [type_ for type_, _ in found]
    if types.count("") > 1:
        return Refused(UNKNOWN)
    if "" in types:
        left_over = list((expected - Counter(types)).elements())
        found[types.index("")] = (left_over[0], LEFT_OVER)
        types = [type_ for type_, _ in found]
    if Counter(types) != expected:
        return Refused(OTHER_TYPES)
    return _Known(types, [by for _, by in found])


def _type_of(text: str, entities: Sequence[SourceEntity]) -> tuple[str, str]:
    """Return the type of a text in brackets and by what it is known; an empty type if it is not."""
    key = comparable(text)
    for texts, by in (
        ([entity.translation for entity in entities], BY_TRANSLATION),
        ([entity.text for entity in entities], BY_SOURCE),
    ):
        types = {
            entity.type for entity, other in zip(entities, texts, strict=True) if comparable(other) == key
        }
        if types:
            return (types.pop() if len(types) == 1 else "", by)
    for texts, by in (
        ([entity.translation for entity in entities], LIKE_TRANSLATION),
        ([entity.text for entity in entities], LIKE_SOURCE),
    ):
        alike = [similarity(other, text) for other in texts]
        most = max(alike)
        if most:
            types = {entity.type for entity, each in zip(entities, alike, strict=True) if each == most}
            return (types.pop() if len(types) == 1 else "", by)
    return "", ""


def _labelled(apart: Pieces, words: Sequence[Sequence[str]], known: _Known) -> Carried:
    types = iter(known.types)
    spans: list[Mention] = []
    done = 0
    for piece, of_piece in zip(apart.pieces, words, strict=True):
        if piece.is_marked:
            spans.append(Mention(done, done + len(of_piece), next(types)))
        done += len(of_piece)
    flat = tuple(word for of_piece in words for word in of_piece)
    return Carried(flat, tuple(tags_of(spans, done)), tuple(known.by))
