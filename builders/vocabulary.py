"""What is known about a token whatever sentence it stands in, worked out once a token.

Sentences are kept as numbers of tokens. A million sentences hold few different tokens, so the characters
of each are looked at once and every gate is arithmetic on arrays.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex

from ..sources.characters import TEXT_FAULTS, text_faults
from ..sources.normal_forms import normalised

LARGEST_VOCABULARY = 400_000
LARGEST_VOCABULARY_CHARACTERS = 40_000_000

_BIT = {fault: 1 << number for number, fault in enumerate(TEXT_FAULTS)}

_LETTER = regex.compile(r"(?V1)[\p{L}--[\p{sc=Zyyy}\p{sc=Zinh}]]")


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """Facts by token number.

    Attributes:
        faults: One bit for each of `TEXT_FAULTS`.
        has_space: Whether the token holds a space.
        letters: Letters, those shared by all scripts left out.
        expected: Those of them that are in the expected scripts.
        composed: Number of the token's NFC form: its own where it is composed already.
    """

    faults: np.ndarray
    has_space: np.ndarray
    letters: np.ndarray
    expected: np.ndarray
    composed: np.ndarray


class Vocabulary(dict[str, int]):
    """Numbers tokens as they are met: `vocabulary[token]`.

    Args:
        scripts: ISO 15924 codes of the scripts that letters are expected in; empty where that is not known.

    Attributes:
        texts: The tokens by number.
        normal: Their normalised forms by number.
    """

    def __init__(self, scripts: Sequence[str]) -> None:
        super().__init__()
        classes = "".join(rf"\p{{scx={script}}}" for script in scripts) or r"^\p{Any}"
        self._expected_letter = regex.compile(rf"(?V1)[[{classes}]&&{_LETTER.pattern.removeprefix('(?V1)')}]")
        self.texts: list[str] = []
        self.normal: list[str] = []
        self._characters = 0
        self._forget()

    def __missing__(self, token: str) -> int:
        number = self[token] = len(self.texts)
        self.texts.append(token)
        self.normal.append(normalised(token))
        self._characters += len(token)
        self._composed.append(number)
        if token.isascii() and token.isprintable() and token.strip():
            self._faults.append(0)
            letters = sum(map(str.isalpha, token))
            self._letters.append(letters)
            self._expected.append(letters if self._expects_latin else 0)
        else:
            self._faults.append(sum(_BIT[fault] for fault in text_faults(token)))
            self._letters.append(len(_LETTER.findall(token)))
            self._expected.append(len(self._expected_letter.findall(token)))
            if not unicodedata.is_normalized("NFC", token):
                self._composed[number] = self[unicodedata.normalize("NFC", token)]
        self._has_space.append(" " in token)
        return number

    def make_room(self) -> None:
        """Forget every token if there are too many: what was numbered before must not be used any more."""
        if len(self.texts) > LARGEST_VOCABULARY or self._characters > LARGEST_VOCABULARY_CHARACTERS:
            self._forget()

    def facts(self) -> TokenFacts:
        """Return the facts of every token numbered so far."""
        return TokenFacts(
            faults=np.array(self._faults),
            has_space=np.array(self._has_space, dtype=bool),
            letters=np.array(self._letters),
            expected=np.array(self._expected),
            composed=np.array(self._composed),
        )

    def _forget(self) -> None:
        self.clear()
        self.texts.clear()
        self.normal.clear()
        self._characters = 0
        self._expects_latin = self._expected_letter.match("a") is not None
        self._faults = array("B")
        self._has_space = array("B")
        self._letters = array("q")
        self._expected = array("q")
        self._composed = array("q")
