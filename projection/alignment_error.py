"""How far alignments are from gold: alignment error rate, precision and recall (Och & Ney 2003)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ..schema.errors import DataError
from .alignments import check_range, read_alignments
from .outcome import Alignment
from .parallel_text import Pair


@dataclass(frozen=True, slots=True)
class GoldAlignment:
    """What annotators say of a pair of sentences.

    Attributes:
        sure: Links that must be found.
        possible: Links that may be found, sure ones among them.
    """

    sure: Alignment
    possible: Alignment


@dataclass(frozen=True, slots=True)
class AlignmentError:
    """Counts over all sentences, and what follows from them.

    Attributes:
        links: Links that were found.
        sure: Sure links of gold.
        found_possible: Links found that gold has, sure or possible.
        found_sure: Links found that are sure in gold.
    """

    links: int
    sure: int
    found_possible: int
    found_sure: int

    @property
    def precision(self) -> float:
        """The share of the links found that gold has; 1 where none was found."""
        return self.found_possible / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """The share of gold's sure links that were found; 1 where there is none."""
        return self.found_sure / self.sure if self.sure else 1.0

    @property
    def aer(self) -> float:
        """The alignment error rate, from 0 to 1."""
        both = self.links + self.sure
        return 1 - (self.found_sure + self.found_possible) / both if both else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return what there is to know, for `--json`."""
        return {"aer": self.aer, "precision": self.precision, "recall": self.recall, "sure_links": self.sure}


def alignment_error(gold: Iterable[GoldAlignment], alignments: Iterable[Alignment]) -> AlignmentError:
    """Compare alignments with gold.

    Raises:
        ValueError: If there are not as many of both.
    """
    links = sure = found_possible = found_sure = 0
    for right, alignment in zip(gold, alignments, strict=True):
        links += len(alignment)
        sure += len(right.sure)
        found_sure += len(right.sure & alignment)
        found_possible += len((right.possible | right.sure) & alignment)
    return AlignmentError(links, sure, found_possible, found_sure)


def read_gold(path: Path, pairs: Sequence[Pair], *, one_based: bool = False) -> list[GoldAlignment]:
    """Read gold: a line a sentence, `i-j` for a sure link and `ipj` for a possible one.

    Args:
        path: The file, plain or gzipped.
        pairs: The sentences that it is about.
        one_based: The first word is 1, not 0.

    Raises:
        DataError: If it cannot be read, has not a line for each pair, or names a word that is not there.
    """
    return list(_checked(path, pairs, one_based))


def _checked(path: Path, pairs: Sequence[Pair], one_based: bool) -> Iterator[GoldAlignment]:
    sure = read_alignments(path, one_based=one_based, sure_only=True)
    possible = read_alignments(path, one_based=one_based)
    for pair, sure_here, possible_here in zip_longest(pairs, sure, possible):
        if pair is None or sure_here is None or possible_here is None:
            there = f"gold has {'more' if pair is None else 'fewer'} lines than there are sentences"
            raise DataError(
                f"{there}, which are {len(pairs):,}",
                where=str(path),
                hint="It has a line for each sentence, an empty one where no word is aligned.",
            )
        line, links = possible_here
        check_range(links, len(pair[0]), len(pair[1]), f"{path}:{line}")
        yield GoldAlignment(sure_here[1], links)
