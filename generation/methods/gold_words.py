"""Free text split into words as gold has them.

Prompts show gold with blanks between its tokens, and most answers come back so. Where a model glues
punctuation to words all the same, gold says what is a word: its own tokens are never split, and a mark that
it writes as part of words stays with them. So does a mark that the text itself also writes as a word: who
puts blanks before full stops means `Dr.` as it stands. Text without blanks between words, as in Thai or
Chinese, is not split: there a model must write the blanks that the examples have.

This is not `sources.word_splitting`, which is for running text that nobody has split: it takes apart what
stands between blanks, too (`mand/kvinde`), and knows of gold only which words stay whole. Here words are
split already, but for marks at their ends, and how often gold writes a mark as a word decides about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence

import regex

# Apostrophes, hyphens and signs such as % belong to words in some languages: only gold could tell.
_ENDS_WORD = regex.compile(r"(?V1)[[\p{Pe}\p{Pf}\p{Po}\"]--[%‰'’‛#&@*/\\†‡§¶·׳״]]")
_BEGINS_WORD = regex.compile(r"(?V1)[[\p{Ps}\p{Pi}\"¿¡]--[‘‚‛]]")
_COMBINING = regex.compile(r"\p{M}")
_OPENING_OF = {")": "(", "]": "[", "}": "{"}
_CLOSING_OF = {opening: closing for closing, opening in _OPENING_OF.items()}

# `J.`, `U.S.`, `a.m.`: the last full stop belongs to them.
_INITIALS = regex.compile(r"(?:\p{L}\p{M}*\.)+\Z")
_ORDINAL = regex.compile(r"\d{1,2}\.\Z")

# Nobody writes longer words, with punctuation or without; a model that is stuck does.
_LONGEST_WORD = 500


class GoldWords:
    """Splits text into words as gold has them.

    Args:
        gold: Tokens of each gold sentence.

    Example:
        >>> GoldWords([("Ada", "sang", ".")]).split("Ada sang, and J. Bo left.")
        ['Ada', 'sang', ',', 'and', 'J.', 'Bo', 'left', '.']
    """

    def __init__(self, gold: Iterable[Sequence[str]]) -> None:
        tokens = Counter(token for sentence in gold for token in sentence)
        self._known = frozenset(tokens)
        self._has_ordinals = any(map(_ORDINAL.match, tokens))
        glued: Counter[str] = Counter()
        for token, times in tokens.items():
            if len(token) > 1 and _ENDS_WORD.match(token[-1]) and not _INITIALS.match(token):
                glued[token[-1]] += times
        self._part_of_words = {mark for mark, times in glued.items() if times > tokens[mark]}

    def split(self, text: str, *, apart: Container[str] = ()) -> list[str]:
        """Return the words of a text: what stands between blanks, without the punctuation around it.

        Args:
            text: The text.
            apart: What stands between blanks in the whole that the text is a part of. Marks that are among it
                are written as words there, and so belong to the words that they are glued to.
        """
        return [word for between_blanks in text.split() for word in self._words(between_blanks, apart)]

    def _words(self, word: str, apart: Container[str]) -> list[str]:
        if len(word) > _LONGEST_WORD:
            return [word]
        before: list[str] = []
        after: list[str] = []
        while word not in self._known:
            if mark := self._mark_at_end(word, apart):
                after.append(mark)
                word = word[: -len(mark)]
            elif (mark := _mark_at_start(word)) and mark not in apart:
                before.append(mark)
                word = word[len(mark) :]
            else:
                break
        return [*before, word, *reversed(after)]

    def _mark_at_end(self, word: str, apart: Container[str]) -> str:
        """Return the mark that ends a word and is a word of its own, as often as it is repeated."""
        mark, rest = word[-1], word.rstrip(word[-1])
        if not rest or not _ENDS_WORD.match(mark) or mark in self._part_of_words or mark in apart:
            return ""
        if _INITIALS.match(word) or (self._has_ordinals and _ORDINAL.match(word)):
            return ""
        opening = _OPENING_OF.get(mark)
        return "" if opening and word.count(opening, 1) >= word.count(mark) else word[len(rest) :]


def _mark_at_start(word: str) -> str:
    mark, rest = word[0], word.lstrip(word[0])
    # A letter takes no vowel sign or accent from a bracket.
    if not rest or not _BEGINS_WORD.match(mark) or _COMBINING.match(rest):
        return ""
    closing = _CLOSING_OF.get(mark)
    is_within = closing and word.count(closing, 0, len(word) - 1) >= word.count(mark)
    return "" if is_within else word[: len(word) - len(rest)]
