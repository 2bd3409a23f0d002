"""The duplicates gate: one sentence once, in one split of the release.

A sentence is known by a 64-bit BLAKE2 digest. Among n sentences the odds that any two different ones share a
digest are about n² / 2⁶⁵: 3 in 100 million for a million sentences. Such a sentence would be taken for a
duplicate, and still be found among the rejects.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import pairwise
from zlib import crc32

import numpy as np

from .columns import Batch
from .gates import PASSES, Verdict

# Test first: what stands in several splits stays in test, and train gives way.
PRIORITY = ("test", "validation", "train")

_AGAIN = "duplicate"
_OTHER_LABELS = "duplicate with other labels"
_REASONS = (
    _AGAIN,
    _OTHER_LABELS,
    *(f"also in {split}" for split in PRIORITY),
    *(f"also in {split} but for case, spacing or punctuation" for split in PRIORITY),
)
_SPLIT_BITS = 2


class DigestIndex:
    """Remembers 64-bit digests, each with a number: 16 bytes an entry.

    It holds sorted runs, each at least twice as long as the next, so a batch is looked up in few searches and
    adding costs little.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def find(self, digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for each digest whether it is known, and its number where it is."""
        known = np.zeros(len(digests), dtype=bool)
        numbers = np.zeros(len(digests), dtype=np.uint64)
        for keys, values in self._runs:
            places = np.minimum(np.searchsorted(keys, digests), len(keys) - 1)
            here = keys[places] == digests
            numbers[here] = values[places[here]]
            known |= here
        return known, numbers

    def add(self, digests: np.ndarray, numbers: np.ndarray) -> None:
        """Add digests that are different from each other and from all that are known."""
        if not len(digests):
            return
        order = np.argsort(digests)
        self._runs.append((digests[order], numbers[order]))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            (last, last_numbers), (before, before_numbers) = self._runs.pop(), self._runs.pop()
            digests, numbers = np.concatenate((before, last)), np.concatenate((before_numbers, last_numbers))
            order = np.argsort(digests, kind="stable")
            self._runs.append((digests[order], numbers[order]))


class DuplicatesGate:
    """Drops a sentence that came before, in its own split or in one of more weight.

    Splits are to be sent through in the order of `PRIORITY`. Within a split only the same tokens are a
    duplicate; across splits also what differs in nothing but case, spacing or punctuation.
    """

    def __init__(self) -> None:
        self._sentences = DigestIndex()
        self._texts_of_other_splits = DigestIndex()
        self._split = 0

    def begin_split(self, split: str) -> None:
        """Say that the batches from here on belong to `split`."""
        self._split = PRIORITY.index(split)

    def __call__(self, batch: Batch) -> Verdict:
        """Judge a batch that has its texts, and remember its sentences."""
        reason_of = np.full(len(batch), PASSES)
        sentences = _digests(batch.texts)
        own = _labellings(batch) << np.uint64(_SPLIT_BITS) | np.uint64(self._split)
        _, first, group = np.unique(sentences, return_index=True, return_inverse=True)
        first_of = first[group]
        known, holders = self._sentences.find(sentences)
        repeated = ~known & (first_of != np.arange(len(batch)))
        holders = np.where(repeated, own[first_of], holders)
        came_before = known | repeated
        other_split = came_before & ((holders ^ own) & np.uint64((1 << _SPLIT_BITS) - 1) != 0)
        reason_of[came_before] = np.where(holders == own, 0, 1)[came_before]
        splits = (holders & np.uint64((1 << _SPLIT_BITS) - 1)).astype(np.int64)
        reason_of[other_split] = 2 + splits[other_split]
        self._look_across_splits(batch, reason_of)
        self._sentences.add(sentences[~came_before], own[~came_before])
        return Verdict(batch, _REASONS, reason_of)

    def _look_across_splits(self, batch: Batch, reason_of: np.ndarray) -> None:
        """Compare normalised texts with those of the splits before; keep this split's for the next."""
        comparable = np.fromiter(map(bool, batch.normal), bool, len(batch)) & (reason_of == PASSES)
        rows = np.flatnonzero(comparable)
        texts = _digests(batch.normal[row] for row in rows.tolist())
        known, splits = self._texts_of_other_splits.find(texts)
        elsewhere = known & (splits != self._split)
        reason_of[rows[elsewhere]] = 2 + len(PRIORITY) + splits[elsewhere].astype(np.int64)
        if PRIORITY[self._split] != PRIORITY[-1]:
            new = np.unique(texts[~known])
            self._texts_of_other_splits.add(new, np.full(len(new), self._split, dtype=np.uint64))


def _digests(texts: Iterable[str]) -> np.ndarray:
    digests = b"".join(blake2b(text.encode("utf-8"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _labellings(batch: Batch) -> np.ndarray:
    """Return a checksum of each sentence's labels; it decides only how a duplicate is called."""
    tags = batch.tags.astype("<i2").tobytes()
    starts = (batch.starts * 2).tolist()
    checksums = (crc32(tags[start:end]) for start, end in pairwise(starts))
    return np.fromiter(checksums, np.uint64, len(batch))
