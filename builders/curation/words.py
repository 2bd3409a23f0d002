"""Words as curation compares them: folded, with a shape, whatever the script.

A sentence is looked at once; every repair then works on what was seen.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from sys import intern

from ...schema.accents import without_accents
from ...schema.example import Example
from ..vocabulary import normalised

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


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of an example, with what depends on their place.

    Attributes:
        words: Each word as it is anywhere.
        folded: Their folded forms.
        cased: Their folded forms, told apart by capitals.
        shapes: Their shapes; a capital at the beginning, which every sentence has, has a shape of its own.
    """

    words: tuple[Word, ...]
    folded: tuple[str, ...]
    cased: tuple[str, ...]
    shapes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)


def look_at(example: Example) -> Sentence:
    """Look at the words of an example."""
    words = tuple(map(word, example.tokens))
    shapes = [each.shape for each in words]
    start = next((place for place, shape in enumerate(shapes) if shape != PUNCTUATION), None)
    if start is not None and shapes[start] == CAPITAL:
        shapes[start] = FIRST_CAPITAL
    folded, cased = tuple(each.folded for each in words), tuple(each.cased for each in words)
    return Sentence(words, folded, cased, tuple(shapes))


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
