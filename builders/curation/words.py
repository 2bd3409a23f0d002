"""Words as curation compares them: folded, with a shape, whatever the script.

Of a sentence only that is looked at which a repair asks for.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from sys import intern

from ...schema.accents import without_accents
from ...schema.example import Example
from ...sources.normal_forms import normalised

_WORDS_TO_REMEMBER = 1 << 16

PUNCTUATION, NUMBER, CAPITAL, SMALL, CASELESS = "punctuation", "number", "capital", "small", "caseless"
FIRST_CAPITAL = "capital, first in its sentence"


@dataclass(frozen=True, slots=True)
class Word:
    """A word, wherever it stands.

    Attributes:
        folded: Its letters and digits without case and accents; empty for punctuation.
        cased: `folded`, told apart by whether the word begins with a capital.
        shape: One of `punctuation`, `number`, `capital`, `small`, `caseless`.
        pattern: For a number how it is written, each digit as 0; else the shape.
    """

    folded: str
    cased: str
    shape: str
    pattern: str


_FOLDED, _CASED, _SHAPE = attrgetter("folded"), attrgetter("cased"), attrgetter("shape")


class Sentence:
    """The words of an example, with what depends on their place; looked at when they are asked for.

    Args:
        tokens: The words as they are written.
    """

    __slots__ = ("_cased", "_folded", "_shapes", "_tokens", "_words")

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._words: tuple[Word, ...] | None = None
        self._folded: tuple[str, ...] | None = None
        self._cased: tuple[str, ...] | None = None
        self._shapes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def words(self) -> tuple[Word, ...]:
        """Each word as it is anywhere."""
        if self._words is None:
            self._words = tuple(map(word, self._tokens))
        return self._words

    @property
    def folded(self) -> tuple[str, ...]:
        """Their folded forms."""
        if self._folded is None:
            self._folded = tuple(map(_FOLDED, self.words))
        return self._folded

    @property
    def cased(self) -> tuple[str, ...]:
        """Their folded forms, told apart by capitals."""
        if self._cased is None:
            self._cased = tuple(map(_CASED, self.words))
        return self._cased

    @property
    def shapes(self) -> tuple[str, ...]:
        """Their shapes; a capital at the beginning, which every sentence has, has a shape of its own."""
        if self._shapes is None:
            shapes = list(map(_SHAPE, self.words))
            start = next((place for place, shape in enumerate(shapes) if shape != PUNCTUATION), None)
            if start is not None and shapes[start] == CAPITAL:
                shapes[start] = FIRST_CAPITAL
            self._shapes = tuple(shapes)
        return self._shapes


def look_at(example: Example) -> Sentence:
    """Look at the words of an example."""
    return Sentence(example.tokens)


@lru_cache(maxsize=_WORDS_TO_REMEMBER)
def word(token: str) -> Word:
    """Look at one token.

    Example:
        >>> word("Ìbàdàn").folded, word("Ìbàdàn").shape, word("1998").pattern
        ('ibadan', 'capital', '0000')
    """
    folded = intern(unicodedata.normalize("NFC", without_accents(normalised(token))))
    shape = _shape(token, folded)
    pattern = (
        intern("".join("0" if each.isdigit() else each for each in folded)) if shape == NUMBER else shape
    )
    return Word(folded, intern(f"{'X' if shape == CAPITAL else 'x'}{folded}"), shape, pattern)


def _shape(token: str, folded: str) -> str:
    if not folded:
        return PUNCTUATION
    if any(each.isdigit() for each in folded) and not any(each.isupper() for each in token):
        return NUMBER
    letter = next((each for each in token if each.isalpha()), "")
    if letter.isupper() or letter.istitle():
        return CAPITAL
    if letter.islower():
        return CAPITAL if any(each.isupper() for each in token) else SMALL
    return CASELESS
