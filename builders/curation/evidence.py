"""What gold does: which words stand within mentions, at their edges, between them.

Every habit is a share among counted cases. A word that gold has little to say about borrows from words of its
shape; where gold has not shown enough of either, the answer is None, and nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from functools import lru_cache
from itertools import pairwise

from ...schema.iob2 import OUTSIDE, Mention, mentions
from .words import CAPITAL, CASELESS, FIRST_CAPITAL, NUMBER, PUNCTUATION, Sentence

PART = ""
"""Where a number is one word of a longer mention."""

LabelledSentence = tuple[Sentence, tuple[str, ...]]

# How many cases of its shape a word's own cases are weighed against.
_BORROWED = 2.0
# Cases of a shape that say something about a word that was never seen.
ENOUGH_OF_A_SHAPE = 20
ENOUGH_OF_A_WORD = 3

# Many sentences are labelled alike, and each is looked at by one repair after another.
_TAGGINGS_TO_REMEMBER = 1 << 13


@lru_cache(maxsize=_TAGGINGS_TO_REMEMBER)
def spans_of(tags: tuple[str, ...]) -> tuple[Mention, ...]:
    """Return the mentions of a tag sequence, as `schema.iob2.mentions` reads them."""
    return tuple(mentions(tags))


class Share:
    """How often something holds, by word, with the shape of the word to fall back on."""

    def __init__(self) -> None:
        self._cases: Counter[Hashable] = Counter()
        self._holds: Counter[Hashable] = Counter()

    def add(self, word: str, shape: str, holds: bool) -> None:
        """Count a case."""
        for key in (word, (shape,)):
            self._cases[key] += 1
            self._holds[key] += holds

    def cases(self, word: str) -> int:
        """Return how many cases of a word were counted."""
        return self._cases[word]

    def of(self, word: str, shape: str) -> float | None:
        """Return the share for a word, or None if too little is known of it and of its shape."""
        own, of_shape = self._cases[word], self._cases[(shape,)]
        if own < ENOUGH_OF_A_WORD and of_shape < ENOUGH_OF_A_SHAPE:
            return None
        expected = (self._holds[(shape,)] + 1) / (of_shape + 2)
        return (self._holds[word] + _BORROWED * expected) / (own + _BORROWED)


class Habits:
    """The habits of gold.

    Attributes:
        within: Words that stand within a mention; a word with a capital is another word than without.
        joins_next: Words before a mention's word that belong to the mention.
        joins_previous: Words after a mention's word that belong to the mention.
        between: Words between two mention words that belong to one mention with both.
        mention_count: Mentions by type.
    """

    def __init__(self, gold: Iterable[LabelledSentence]) -> None:
        self.within = Share()
        self.joins_next = Share()
        self.joins_previous = Share()
        self.between = Share()
        self.mention_count: Counter[str] = Counter()
        self._without_capital: Counter[str] = Counter()
        self._continued: Counter[str] = Counter()
        self._touching: Counter[tuple[str, str]] = Counter()
        self._pattern_types: dict[str, Counter[str]] = {}
        for sentence, tags in gold:
            self._learn(sentence, tags)

    def _learn(self, sentence: Sentence, tags: tuple[str, ...]) -> None:
        owner: list[int | None] = [None] * len(sentence)
        spans = spans_of(tags)
        for number, span in enumerate(spans):
            owner[span.start : span.end] = [number] * (span.end - span.start)
            self.mention_count[span.type] += 1
            self._without_capital[span.type] += not has_a_name_shape(sentence, span.start, span.end)
            self._continued[span.type] += span.end - span.start - 1
        for before, after in pairwise(spans):
            self._touching[before.type, after.type] += before.end == after.start
        for place, (folded, shape) in enumerate(zip(sentence.folded, sentence.shapes, strict=True)):
            mine = owner[place]
            self.within.add(sentence.cased[place], shape, mine is not None)
            if shape == NUMBER:
                types = self._pattern_types.setdefault(sentence.words[place].pattern, Counter())
                types[OUTSIDE if mine is None else _type_of_a_number(sentence, spans[mine])] += 1
            previous = owner[place - 1] if place else None
            following = owner[place + 1] if place + 1 < len(sentence) else None
            if following is not None:
                self.joins_next.add(folded, shape, mine == following)
            if previous is not None:
                self.joins_previous.add(folded, shape, mine == previous)
            if previous is not None and following is not None:
                self.between.add(folded, shape, mine == previous == following)

    @property
    def mentions(self) -> int:
        """The number of mentions."""
        return self.mention_count.total()

    def touches(self, before: str, after: str) -> float:
        """Return how often a mention of one type ends where one of another begins, rather than going on.

        Without any gold that is as rare as it is everywhere.
        """
        goes_on = self._continued[before] + (self._continued[after] if after != before else 0)
        touching = self._touching[before, after]
        return (touching + 0.5) / (touching + goes_on + 10)

    def without_capital(self, type_: str) -> float | None:
        """Return how often a mention of a type has neither a capital nor a digit.

        Of a type with few mentions, that is how often any mention has not; None if there are few of any.
        """
        if self.mention_count[type_] >= ENOUGH_OF_A_SHAPE:
            return self._without_capital[type_] / self.mention_count[type_]
        if self.mentions >= ENOUGH_OF_A_SHAPE:
            return self._without_capital.total() / self.mentions
        return None

    def types_of_numbers(self, pattern: str) -> Counter[str]:
        """Return what numbers of a pattern are in gold: a type, `O`, or `PART` of a mention with words."""
        return self._pattern_types.get(pattern, Counter())


def has_a_name_shape(sentence: Sentence, start: int, end: int) -> bool:
    """Say whether a span holds a capital, a digit or a letter of a script without capitals."""
    return any(shape in (CAPITAL, FIRST_CAPITAL, NUMBER, CASELESS) for shape in sentence.shapes[start:end])


def _type_of_a_number(sentence: Sentence, span: Mention) -> str:
    is_alone = all(shape == NUMBER for shape in sentence.shapes[span.start : span.end])
    return span.type if is_alone else PART


def is_punctuation(sentence: Sentence, place: int) -> bool:
    """Say whether a token has neither letters nor digits."""
    return sentence.shapes[place] == PUNCTUATION
