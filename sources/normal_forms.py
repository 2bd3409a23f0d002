"""What stays the same of a word however it is typed, and so of sentences that are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import regex

_NOT_COMPARED = regex.compile(r"[^\p{L}\p{M}\p{N}]+")


def normalised(token: str) -> str:
    """Return what stays the same however a word is typed: letters, marks and digits, NFKC, case folded."""
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
