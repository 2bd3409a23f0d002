"""A text in a form in which it can be compared, and where each of its characters comes from.

The forms, from the strictest on:

- `spaced`: as written, with one blank between words;
- `squeezed`: without blanks;
- `folded`: decomposed (NFKD), case folded, without formatting characters such as joiners;
- `bare`: letters, marks and digits of that;
- `unaccented`: without accents and vowel points that scripts share; vowel signs of Indic scripts stay.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import regex

Form = Callable[[str], str]
"""Writes a character with the marks that belong to it in some form; nothing may be left of it."""

_CLUSTER = regex.compile(r"\P{M}\p{M}*|\p{M}+")
_BLANKS = regex.compile(r"\s+")
_FORMATTING = regex.compile(r"[\s\p{Cf}]+")
_NOT_BARE = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
_SHARED_MARKS = regex.compile(r"(?V1)[\p{M}&&\p{Script=Inherited}]+")
_CLUSTERS_REMEMBERED = 1 << 15


@lru_cache(_CLUSTERS_REMEMBERED)
def squeezed(cluster: str) -> str:
    """Leave blanks out."""
    return _BLANKS.sub("", cluster)


@lru_cache(_CLUSTERS_REMEMBERED)
def folded(cluster: str) -> str:
    """Decompose and fold case; leave formatting characters out."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cluster).casefold())
    return _FORMATTING.sub("", decomposed)


@lru_cache(_CLUSTERS_REMEMBERED)
def bare(cluster: str) -> str:
    """Leave letters, marks and digits, folded."""
    return _NOT_BARE.sub("", folded(cluster))


@lru_cache(_CLUSTERS_REMEMBERED)
def unaccented(cluster: str) -> str:
    """Leave letters, digits and the marks of a single script, folded."""
    return _SHARED_MARKS.sub("", bare(cluster))


FORMS: tuple[Form, ...] = (squeezed, folded, bare, unaccented)
"""The forms without blanks, from the strictest on."""


def clusters(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character with the marks that follow it, and where it begins."""
    return ((match.start(), match.group()) for match in _CLUSTER.finditer(text))


def written(text: str, form: Form) -> str:
    """Write a text in a form."""
    return "".join(form(cluster) for _, cluster in clusters(text))


def spaced(text: str) -> str:
    """Write a text with one blank between words."""
    return " ".join(text.split())


@dataclass(frozen=True)
class Written:
    """A text in some form.

    Attributes:
        text: The text.
        origins: For each of its characters the number of what it comes from, in ascending order: of a token,
            or of a character of the original.
    """

    text: str
    origins: Sequence[int]

    @classmethod
    def of(cls, pieces: Iterable[tuple[int, str]]) -> Written:
        """Put pieces together that come from somewhere."""
        texts, origins = [], []
        for origin, piece in pieces:
            texts.append(piece)
            origins += [origin] * len(piece)
        return cls("".join(texts), origins)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Return the characters that come from `start` up to, not including, `end`."""
        return bisect_left(self.origins, start), bisect_left(self.origins, end)

    def occurrences(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield every place where a text stands, overlapping ones as well."""
        start = self.text.find(text) if text else -1
        while start >= 0:
            yield start, start + len(text)
            start = self.text.find(text, start + 1)


class WrittenTokens:
    """The tokens of a sentence, in every form."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._in_form: dict[Form, Written] = {}

    @cached_property
    def spaced(self) -> Written:
        """One blank between tokens; it belongs to the token before."""
        pieces: list[tuple[int, str]] = []
        for number, token in enumerate(self._tokens):
            text = spaced(token)
            if text and pieces:
                pieces.append((pieces[-1][0], " "))
            if text:
                pieces.append((number, text))
        return Written.of(pieces)

    def in_form(self, form: Form) -> Written:
        """Return the tokens in one of `FORMS`, run together."""
        if form not in self._in_form:
            self._in_form[form] = Written.of(
                (number, form(cluster))
                for number, token in enumerate(self._tokens)
                for _, cluster in clusters(token)
            )
        return self._in_form[form]
