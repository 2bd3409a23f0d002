"""What stays the same of a word however it is typed, and so of sentences that are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import regex

_WORDS_TO_REMEMBER = 1 << 16

# What Unicode has among letters and marks that is typed or not as one pleases: what has no shape of its own,
# as variation selectors and joiners; apostrophes and stress marks; and what only makes a word longer.
_INVISIBLE = r"\p{Default_Ignorable_Code_Point}"
_APOSTROPHES = r"\u02b9-\u02bf\u02c8\u02ee\u07f4\u07f5\ua78b\ua78c"
_STRETCHING = r"\u0640\u07fa"
_NOT_COMPARED = regex.compile(
    rf"(?V1)[[^\p{{L}}\p{{M}}\p{{N}}]{_INVISIBLE}{_APOSTROPHES}{_STRETCHING}]+",
)


@lru_cache(maxsize=_WORDS_TO_REMEMBER)
def normalised(token: str) -> str:
    """Return what stays the same however a word is typed: letters, marks and digits, NFKC, case folded.

    Apostrophes that Unicode has among letters, and what is not seen, count as little as punctuation.
    """
    if token.isascii() and token.isalnum():
        return token.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", token).casefold())
    return unicodedata.normalize("NFC", _NOT_COMPARED.sub("", folded))


class NormalForms(dict[str, str]):
    """The normal form of each token, worked out once; gold has no more tokens than fit in memory."""

    def __missing__(self, token: str) -> str:
        """Work out the normal form of a token."""
        normal = self[token] = normalised(token)
        return normal

    def comparable(self, tokens: Sequence[str]) -> str:
        """Return what is the same for sentences that the contamination gate takes for the same.

        A sentence without letters, marks and digits is compared as it is.
        """
        return "".join(map(self.__getitem__, tokens)) or "\n".join(tokens)
