"""Accents, which writers and models often leave out: words are compared without them."""

from __future__ import annotations

import unicodedata

# Accents stand above or below their letter. Vowel signs of Indic scripts, which belong to the spelling, have
# lower combining classes.
_LOWEST_ACCENT_CLASS = 200


def without_accents(text: str) -> str:
    """Leave out the accents above and below letters; what else is composed is left decomposed (NFD).

    Example:
        >>> without_accents("ọ̀yọ́")
        'oyo'
    """
    if text.isascii():
        return text
    return "".join(
        character
        for character in unicodedata.normalize("NFD", text)
        if unicodedata.combining(character) < _LOWEST_ACCENT_CLASS
    )
