"""Clusters of words that stand in the same places: what text tells without labels.

A tagger that has never seen a word can still treat it like the words of its cluster, which is worth most
where gold is small (Turian, Ratinov & Bengio 2010). Words are compared by their neighbours: positive
pointwise mutual information with the most frequent words directly before and after, reduced by a singular
value decomposition (Levy & Goldberg 2014), then k-means. Synthetic sentences are such text even where their
labels are poor.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..schema.accents import without_accents

SIZES = (32, 128)
"""How many clusters there are, coarse and fine."""

FEWEST_OCCURRENCES = 3
LARGEST_VOCABULARY = 8000
NEIGHBOURS = 400
DIMENSIONS = 50

_ROUNDS = 30
_WORDS_TO_REMEMBER = 1 << 16
# On folds of gold the same halves of the sentences come again with other labels, and choices of them.
_TEXTS_TO_REMEMBER = 4


class WordClusters:
    """Which clusters a word belongs to.

    Args:
        sentences: Tokenised sentences to learn from.

    Example:
        >>> from_text = WordClusters([["a", "cat", "sat"], ["a", "dog", "sat"]] * 3)
        >>> from_text.of("Cat") == from_text.of("cat"), from_text.of("zebra")
        (True, ())
    """

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        folded = [[folded_word(token) for token in tokens] for tokens in sentences]
        counts = Counter(word for words in folded for word in words)
        # The most frequent first, equally frequent ones in alphabetical order: not in the order of the text.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        frequent = [word for word in ranked if counts[word] >= FEWEST_OCCURRENCES]
        vocabulary = frequent[:LARGEST_VOCABULARY]
        self._clusters: dict[str, tuple[str, ...]] = {}
        if len(vocabulary) < 2:
            return
        # Several threads add up in another order, and wait for each other where the cores are busy.
        with threadpool_limits(limits=1):
            vectors = _vectors(folded, vocabulary)
            by_size = [_clusters_of(vectors, size) for size in SIZES]
        for word, *numbers in zip(vocabulary, *by_size, strict=True):
            self._clusters[word] = tuple(
                f"{size}:{number}" for size, number in zip(SIZES, numbers, strict=True)
            )

    def of(self, token: str) -> tuple[str, ...]:
        """Return the clusters of a word, coarse before fine; none if it was hardly seen."""
        return self._clusters.get(folded_word(token), ())


@lru_cache(maxsize=_TEXTS_TO_REMEMBER)
def clusters_of_text(sentences: tuple[tuple[str, ...], ...]) -> WordClusters:
    """Return `WordClusters(sentences)`; those of the last texts are remembered, since labels play no part."""
    return WordClusters(sentences)


@lru_cache(maxsize=_WORDS_TO_REMEMBER)
def folded_word(token: str) -> str:
    """Return a word without case and accents, as words are compared."""
    return without_accents(unicodedata.normalize("NFC", token).casefold())


def _vectors(sentences: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> NDArray[np.float64]:
    """Return a vector of length one for each word, from what stands before and after it."""
    number_of = {word: number for number, word in enumerate(vocabulary)}
    neighbours = min(NEIGHBOURS, len(vocabulary))
    edge = 2 * neighbours
    counts = np.zeros((len(vocabulary), edge + 2))
    for words in sentences:
        numbers = [number_of.get(word, -1) for word in words]
        for place, number in enumerate(numbers):
            if number < 0:
                continue
            before = numbers[place - 1] if place else None
            after = numbers[place + 1] if place + 1 < len(numbers) else None
            if before is None:
                counts[number, edge] += 1
            elif 0 <= before < neighbours:
                counts[number, before] += 1
            if after is None:
                counts[number, edge + 1] += 1
            elif 0 <= after < neighbours:
                counts[number, neighbours + after] += 1
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    information = np.log(np.maximum(counts / np.where(by_chance > 0, by_chance, 1), 1))
    _, directions = np.linalg.eigh(information.T @ information)
    return _of_length_one(information @ directions[:, ::-1][:, :DIMENSIONS])


def _clusters_of(vectors: NDArray[np.float64], size: int) -> list[int]:
    """Return the number of each word's cluster, by k-means from the most frequent words.

    scikit-learn's k-means adds up in the order in which its threads end; this gives the same clusters always.
    """
    centres = vectors[:size]
    size = len(centres)
    nearest = np.zeros(len(vectors), dtype=np.int64)
    for _ in range(_ROUNDS):
        found = np.argmax(vectors @ centres.T, axis=1)
        if np.array_equal(found, nearest):
            break
        nearest = found
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        empty = np.bincount(nearest, minlength=size) == 0
        centres = _of_length_one(np.where(empty[:, None], centres, sums))
    return nearest.tolist()


def _of_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
