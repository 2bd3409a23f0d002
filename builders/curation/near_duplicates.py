"""Sentences that nearly repeat another: the same text but for a few characters.

Two sentences are compared by the share of their character 4-grams that they have in common (Jaccard), which
tells inflected and respelled words from different ones in any script. A template filled with other names
shares too little to count. MinHash with locality-sensitive hashing finds the candidates; the share itself is
then computed exactly, so that nothing is called a near-duplicate by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

from ...schema.example import Example
from ..vocabulary import normalised

_GRAM = 4
_PERMUTATIONS = 128
_SEED = 1
# Candidates are checked, so a candidate too many costs little and one too few is lost.
_COST_OF_FALSE_CANDIDATES, _COST_OF_LOST_CANDIDATES = 0.1, 0.9
_TEXTS_TO_REMEMBER = 1 << 14


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
    index = _Index(threshold)
    found: list[int | None] = []
    for number, example in enumerate(examples):
        grams = _grams(_text(example))
        first = index.first_like(grams)
        found.append(first)
        if first is None:
            index.add(number, example, grams)
    return found


def near_copies(
    examples: Iterable[Example], held_out: Mapping[str, Sequence[Example]], *, threshold: float = 0.8
) -> dict[int, str]:
    """Find the examples that nearly repeat a sentence of held-out data.

    Args:
        examples: Synthetic examples.
        held_out: Gold validation, test or any other data, by the name of its split.
        threshold: As for `near_duplicates`.

    Returns:
        The name of the split by the index of the example; the first split in the order given that has one.
    """
    index = _Index(threshold)
    splits = []
    for split, sentences in held_out.items():
        for example in sentences:
            index.add(len(splits), example, _grams(_text(example)))
            splits.append(split)
    like = ((number, index.first_like(_grams(_text(example)))) for number, example in enumerate(examples))
    return {number: splits[first] for number, first in like if first is not None}


class _Index:
    """Sentences that can be found by their likeness."""

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        self._candidates = MinHashLSH(
            threshold=threshold,
            num_perm=_PERMUTATIONS,
            weights=(_COST_OF_FALSE_CANDIDATES, _COST_OF_LOST_CANDIDATES),
        )
        self._empty = MinHash(num_perm=_PERMUTATIONS, seed=_SEED, hashfunc=crc32)
        self._texts: dict[int, str] = {}

    def add(self, number: int, example: Example, grams: frozenset[bytes]) -> None:
        """Add a sentence under a number that is larger than those before."""
        self._texts[number] = _text(example)
        self._candidates.insert(number, self._sketch(grams), check_duplication=False)

    def first_like(self, grams: frozenset[bytes]) -> int | None:
        """Return the smallest number of a sentence that is alike enough."""
        candidates = self._candidates.query(self._sketch(grams))
        for number in sorted(number for number in candidates if isinstance(number, int)):
            others = _grams(self._texts[number])
            shared = len(grams & others)
            if shared >= self._threshold * (len(grams) + len(others) - shared):
                return number
        return None

    def _sketch(self, grams: frozenset[bytes]):
        sketch = self._empty.copy()
        sketch.update_batch(sorted(grams))
        return sketch


def _text(example: Example) -> str:
    """Return the text that is compared; where it has neither letters nor digits, the tokens as they are."""
    return " ".join(filter(None, map(normalised, example.tokens))) or " ".join(example.tokens)


@lru_cache(maxsize=_TEXTS_TO_REMEMBER)
def _grams(text: str) -> frozenset[bytes]:
    padded = f" {text} "
    last = max(len(padded) - _GRAM, 0)
    return frozenset(
        padded[place : place + _GRAM].encode("utf-8", "surrogatepass") for place in range(last + 1)
    )
