"""Which synthetic sentences were made of which gold ones.

A variant of a gold sentence holds most of its words, and often its mentions, or those of another gold
sentence. Folds of gold that are predicted from variants of what they hold out would say that any such data
helps: it must be left out there.

Where it is known which gold sentence each was made of, that decides. Elsewhere sentences are compared: one
counts as made of the gold sentence with which it shares most words, or most of those outside of mentions, if
that is half of them. A few sentences that a model wrote by itself are alike enough, too; leaving them out of
one fold costs nothing. Where gold sentences are like one another, as questions to a timetable are, likeness
says nothing, and is not asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..schema.example import Example
from ..schema.iob2 import OUTSIDE

if TYPE_CHECKING:
    from scipy import sparse

SHARED_WORDS = 0.5
"""The share of the longer sentence's words from which one sentence counts as made of the other."""

FEWEST_PLAIN_WORDS = 3
"""With fewer words outside of its mentions, a sentence is compared as a whole alone."""

MOST_LIKE_ANOTHER = 0.3
"""With a greater share of gold sentences that are like another one, likeness says nothing.

In running text it is 0.00 to 0.16, growing with gold; in WikiANN, whose sentences are headings, 0.45 to 0.72.
"""

_ROWS_AT_ONCE = 512
_NONE = -1

SeedOf = Callable[[Example], str | None]
"""Returns the id of the one gold sentence that a synthetic one was made of; None where that is not known."""


def unknown_seed(_synthetic: Example) -> None:
    """Say of no sentence what it was made of."""


def made_of(
    synthetic: Sequence[Example], gold: Sequence[Example], seed_of: SeedOf = unknown_seed
) -> NDArray[np.int64]:
    """Return the place of the gold sentence that each synthetic one was made of; -1 for none of them.

    Args:
        synthetic: Synthetic sentences.
        gold: The gold sentences.
        seed_of: Returns what a sentence was made of, where that is known.

    Example:
        >>> gold = [Example("g", ("Ada", "lives", "in", "Oslo", "."), ("B-PER", "O", "O", "B-LOC", "O"))]
        >>> variant = Example("s", ("Bo", "lives", "in", "Bergen", "."), ("B-PER", "O", "O", "B-LOC", "O"))
        >>> made_of([variant], gold).tolist()
        [0]
    """
    if not gold or not synthetic:
        return np.full(len(synthetic), _NONE)
    places = {example.id: place for place, example in enumerate(gold)}
    seeds = [seed_of(example) for example in synthetic]
    found = np.array([_NONE if seed is None else places.get(seed, _NONE) for seed in seeds])
    unknown = np.flatnonzero([seed is None for seed in seeds])
    if len(unknown) and _share_like_another(gold) <= MOST_LIKE_ANOTHER:
        found[unknown] = _most_alike([synthetic[place] for place in unknown.tolist()], gold)
    return found


class Variants:
    """Says which synthetic sentences may take part where gold sentences are predicted.

    Args:
        synthetic: Synthetic sentences.
        gold: The gold sentences that they may be made of.
        seed_of: Returns what a sentence was made of, where that is known.
    """

    def __init__(
        self, synthetic: Sequence[Example], gold: Sequence[Example], seed_of: SeedOf = unknown_seed
    ) -> None:
        self._synthetic = synthetic
        self._seeds = made_of(synthetic, gold, seed_of).tolist()
        self._holders: dict[str, set[int]] = {}
        for place, example in enumerate(gold):
            for word in _words_of_mentions(example):
                self._holders.setdefault(word, set()).add(place)

    def apart_from(self, held_out: Collection[int]) -> list[Example]:
        """Return the sentences without those made of held-out gold, whole or in their mentions.

        A sentence that was made of gold leaks a mention that only held-out gold has; one that was not knows
        it from elsewhere, which is what it is worth.

        Args:
            held_out: The places of gold sentences.
        """
        leaking = {word for word, holders in self._holders.items() if holders <= set(held_out)}
        return [
            example
            for example, seed in zip(self._synthetic, self._seeds, strict=True)
            if seed == _NONE or (seed not in held_out and leaking.isdisjoint(_words_of_mentions(example)))
        ]


def _words_of_mentions(example: Example) -> Iterator[str]:
    return (
        _normal(token) for token, tag in zip(example.tokens, example.ner_tags, strict=True) if tag != OUTSIDE
    )


def share_made_of(
    synthetic: Sequence[Example], gold: Sequence[Example], seed_of: SeedOf = unknown_seed
) -> float:
    """Return the share of synthetic sentences that were made of gold, from 0 to 1.

    Where that is told by likeness, the share of gold sentences that are as like one another is taken off.

    Args:
        synthetic: Synthetic sentences.
        gold: The gold sentences.
        seed_of: Returns what a sentence was made of, where that is known.
    """
    if not gold or not synthetic:
        return 0.0
    share = float((made_of(synthetic, gold, seed_of) != _NONE).mean())
    if all(seed_of(example) is not None for example in synthetic):
        return share
    usual = min(_share_like_another(gold), MOST_LIKE_ANOTHER)
    return max(0.0, (share - usual) / (1 - usual))


def _share_like_another(gold: Sequence[Example]) -> float:
    return float((_most_alike(gold, gold, are_the_same=True) != _NONE).mean())


def _most_alike(
    sentences: Sequence[Example], gold: Sequence[Example], *, are_the_same: bool = False
) -> NDArray[np.int64]:
    """Return the place of the gold sentence that each sentence is most alike; -1 if it is like none.

    Args:
        sentences: The sentences.
        gold: The gold sentences.
        are_the_same: Whether these are the same sentences, of which none is compared with itself.
    """
    comparisons = [_Comparison(sentences, gold, words_of) for words_of in (_all_words, _plain_words)]
    found = np.full(len(sentences), _NONE)
    for first in range(0, len(sentences), _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, len(sentences)))
        shares = np.maximum(*(comparison.shares(rows) for comparison in comparisons))
        if are_the_same:
            shares[rows - first, rows] = 0
        found[rows] = np.where(shares.max(axis=1) >= SHARED_WORDS, shares.argmax(axis=1), _NONE)
    return found


class _Comparison:
    """Compares sentences with gold sentences by some of their words.

    Args:
        sentences: The sentences.
        gold: The gold sentences.
        words_of: Returns the words of a sentence that are compared.
    """

    def __init__(
        self,
        sentences: Sequence[Example],
        gold: Sequence[Example],
        words_of: Callable[[Example], Iterable[str]],
    ) -> None:
        numbers: dict[str, int] = {}
        for example in gold:
            for word in words_of(example):
                numbers.setdefault(word, len(numbers))
        of_gold, self._sizes_of_gold = _words(gold, words_of, numbers)
        self._words, self._sizes = _words(sentences, words_of, numbers)
        self._gold = of_gold.T.tocsc()

    def shares(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what each of some sentences shares with each of gold, of the longer one's words."""
        common = (self._words[rows] @ self._gold).toarray()
        return common / np.maximum(1, np.maximum(self._sizes[rows, None], self._sizes_of_gold[None, :]))


def _words(
    examples: Sequence[Example], words_of: Callable[[Example], Iterable[str]], numbers: dict[str, int]
) -> tuple[sparse.csr_matrix, NDArray[np.int32]]:
    """Return which known words each sentence holds, and how many different words it has."""
    from scipy import sparse

    sets = [set(words_of(example)) for example in examples]
    known = [[numbers[word] for word in words if word in numbers] for words in sets]
    starts = np.cumsum([0, *map(len, known)])
    columns = np.fromiter(chain.from_iterable(known), dtype=np.int32, count=int(starts[-1]))
    matrix = sparse.csr_matrix(
        (np.ones(len(columns), dtype=np.int32), columns, starts), shape=(len(examples), max(len(numbers), 1))
    )
    return matrix, np.array([len(words) for words in sets], dtype=np.int32)


def _all_words(example: Example) -> Iterable[str]:
    return map(_normal, example.tokens)


def _plain_words(example: Example) -> Iterable[str]:
    """Return the words outside of mentions; none, where they are as few as in `… and …`."""
    words = {
        _normal(token)
        for token, tag in zip(example.tokens, example.ner_tags, strict=True)
        if tag == OUTSIDE and any(map(str.isalpha, token))
    }
    return words if len(words) >= FEWEST_PLAIN_WORDS else ()


def _normal(token: str) -> str:
    return unicodedata.normalize("NFC", token).casefold()
