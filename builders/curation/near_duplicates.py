"""Sentences that nearly repeat another: the same text but for a few characters.

Two sentences are compared by the share of their character 4-grams that they have in common (Jaccard), which
tells inflected and respelled words from different ones in any script. A template filled with other names
shares too little to count. MinHash with locality-sensitive hashing finds the candidates; the share itself is
then computed exactly, so that nothing is called a near-duplicate by chance.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ...schema.example import Example
from ...sources.normal_forms import normalised
from .spill import Spill

_GRAM = 4
_PERMUTATIONS = 128
_SEED = 1
# Candidates are checked, so a candidate too many costs little and one too few is lost.
_COST_OF_FALSE_CANDIDATES, _COST_OF_LOST_CANDIDATES = 0.1, 0.9
# The grams of a sentence take about 10 KB.
_TEXTS_TO_REMEMBER = 1 << 10

_SENTENCES_AT_ONCE = 1 << 9
_ALONE = _NOBODY = -1

# Any odd number with bits all over: its powers weigh the values of a band.
_MULTIPLIER = 0x9E3779B97F4A7C15


def near_duplicates(examples: Sequence[Example], *, threshold: float = 0.8) -> list[int | None]:
    """Find the examples that nearly repeat an earlier one.

    Args:
        examples: Examples, those to be preferred first.
        threshold: The share of 4-grams, from 0 to 1, from which two sentences count as the same.

    Returns:
        For each example the index of the first earlier one that it nearly repeats, or None. That one repeats
        no other itself, so what is None can be kept and all else dropped.

    Example:
        >>> texts = ["Ada moved to the old mill in May", "Ada moved to the old mill in May !", "Ada sings"]
        >>> near_duplicates([Example(text, tuple(text.split()), ()) for text in texts])
        [None, 0, None]
    """
    bands = _Bands(threshold)
    keys = Spill()
    for example in examples:
        keys.add(bands.keys(example).tobytes())
    shared = _SharedKeys(keys, bands.count)
    index = _Index(examples, threshold, len(shared))
    found: list[int | None] = []
    for number, (example, common) in enumerate(zip(examples, shared.numbers(), strict=True)):
        first = index.first_like(example, common)
        found.append(first)
        if first is None:
            index.add(number, common)
    return found


def near_copies(
    examples: Iterable[Example], held_out: Mapping[str, Sequence[Example]], *, threshold: float = 0.8
) -> dict[int, str]:
    """Find the examples that nearly repeat a sentence of held-out data.

    What has the same letters and digits repeats it, however it is cut into words: where words are not written
    apart, two tokenisations of a sentence may share no 4-gram.

    Args:
        examples: Synthetic examples.
        held_out: Gold validation, test or any other data, by the name of its split.
        threshold: As for `near_duplicates`.

    Returns:
        The name of the split by the index of the example; the first split in the order given that has one.
    """
    sentences = [(split, example) for split, held in held_out.items() for example in held]
    if not sentences:
        return {}
    bands = _Bands(threshold)
    keys = [bands.keys(example).tolist() for _, example in sentences]
    number_of_key = {key: number for number, key in enumerate(dict.fromkeys(chain.from_iterable(keys)))}
    index = _Index([example for _, example in sentences], threshold, len(number_of_key))
    for number, own in enumerate(keys):
        index.add(number, map(number_of_key.__getitem__, own))
    first_with: dict[str, int] = {}
    for number, (_, example) in enumerate(sentences):
        first_with.setdefault(_letters(example), number)
    found = {}
    for number, example in enumerate(examples):
        known = filter(number_of_key.__contains__, bands.keys(example).tolist())
        alike = index.first_like(example, map(number_of_key.__getitem__, known))
        same = first_with.get(_letters(example))
        first = min((place for place in (alike, same) if place is not None), default=None)
        if first is not None:
            found[number] = sentences[first][0]
    return found


class _Bands:
    """Gives the keys of a sentence: those that are alike enough have one in common, nearly always.

    Attributes:
        count: How many keys a sentence has.
    """

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH

        best = MinHashLSH(
            threshold=threshold,
            num_perm=_PERMUTATIONS,
            weights=(_COST_OF_FALSE_CANDIDATES, _COST_OF_LOST_CANDIDATES),
        )
        self.count = best.b
        self._length = best.r
        self._weights = np.array(
            [pow(_MULTIPLIER, place, 1 << 64) for place in range(best.r)], dtype=np.uint64
        )
        self._empty = MinHash(num_perm=_PERMUTATIONS, seed=_SEED, hashfunc=crc32)

    def keys(self, example: Example) -> NDArray[np.uint64]:
        """Return the keys of a sentence: one for each band of its MinHash.

        Different bands may have the same key, which costs a comparison.
        """
        sketch = self._empty.copy()
        sketch.update_batch(_grams(_text(example)))
        values = sketch.hashvalues[: self.count * self._length].astype(np.uint64)
        return values.reshape(self.count, self._length) @ self._weights


class _SharedKeys:
    """The keys that more than one sentence has, numbered: what one has alone finds nobody, and most of it is.

    Args:
        keys: The keys of each sentence, as bytes.
        count: How many keys a sentence has.
    """

    def __init__(self, keys: Spill, count: int) -> None:
        self._keys = keys
        self._count = count
        # One band at a time, so that only its keys are in memory.
        self._shared = [_repeated(self._of_band(band)) for band in range(count)]
        self._starts = np.cumsum([0, *map(len, self._shared)]).tolist()

    def __len__(self) -> int:
        return self._starts[-1]

    def numbers(self) -> Iterator[list[int]]:
        """Yield for each sentence the numbers of those of its keys that another one has."""
        for rows in self._rows():
            numbers = np.full(rows.shape, _ALONE)
            for band, (shared, start) in enumerate(zip(self._shared, self._starts, strict=False)):
                places = np.searchsorted(shared, rows[:, band])
                is_shared = (
                    shared[np.minimum(places, len(shared) - 1)] == rows[:, band] if len(shared) else False
                )
                numbers[:, band] = np.where(is_shared, start + places, _ALONE)
            for row in numbers.tolist():
                yield [number for number in row if number != _ALONE]

    def _of_band(self, band: int) -> NDArray[np.uint64]:
        columns = [rows[:, band].copy() for rows in self._rows()]
        return np.concatenate(columns) if columns else np.zeros(0, dtype=np.uint64)

    def _rows(self) -> Iterator[NDArray[np.uint64]]:
        """Yield the keys of many sentences at once, one sentence a row."""
        rows = iter(self._keys)
        while block := b"".join(islice(rows, _SENTENCES_AT_ONCE)):
            yield np.frombuffer(block, dtype=np.uint64).reshape(-1, self._count)


def _repeated(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the keys that occur more than once, in order."""
    keys.sort()
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


class _Index:
    """Sentences that can be found by their likeness.

    Args:
        examples: What may be added, by number.
        threshold: The share of 4-grams from which two sentences are alike enough.
        keys: How many keys there are; they are numbers from 0 up.
    """

    def __init__(self, examples: Sequence[Example], threshold: float, keys: int) -> None:
        self._examples = examples
        self._threshold = threshold
        # Of most keys one sentence is held: what is like it is not added.
        self._first = array("q", [_NOBODY]) * keys
        self._others: dict[int, list[int]] = {}

    def add(self, number: int, keys: Iterable[int]) -> None:
        """Let a sentence be found by some of its keys."""
        for key in keys:
            if self._first[key] == _NOBODY:
                self._first[key] = number
            else:
                self._others.setdefault(key, []).append(number)

    def first_like(self, example: Example, keys: Iterable[int]) -> int | None:
        """Return the smallest number of a sentence that has one of the keys and is alike enough."""
        candidates: set[int] = set()
        for key in keys:
            if self._first[key] != _NOBODY:
                candidates.update((self._first[key], *self._others.get(key, ())))
        if not candidates:
            return None
        grams = _grams(_text(example))
        for number in sorted(candidates):
            others = _grams(_text(self._examples[number]))
            shared = len(grams & others)
            if shared >= self._threshold * (len(grams) + len(others) - shared):
                return number
        return None


def _text(example: Example) -> str:
    """Return the text that is compared; where it has neither letters nor digits, the tokens as they are."""
    return " ".join(filter(None, map(normalised, example.tokens))) or " ".join(example.tokens)


def _letters(example: Example) -> str:
    """Return what is the same however a text is cut into words; of one without letters, the tokens."""
    return "".join(map(normalised, example.tokens)) or "\n".join(example.tokens)


@lru_cache(maxsize=_TEXTS_TO_REMEMBER)
def _grams(text: str) -> frozenset[bytes]:
    padded = f" {text} "
    last = max(len(padded) - _GRAM, 0)
    return frozenset(
        padded[place : place + _GRAM].encode("utf-8", "surrogatepass") for place in range(last + 1)
    )
