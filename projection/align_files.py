"""What `synthner align` does: parallel text in, a line of links `i-j` a sentence out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from ..sources.files import write_atomically
from .alignment_error import AlignmentError, GoldAlignment, alignment_error, read_gold
from .neural_alignment import NeuralAligner
from .outcome import Alignment
from .parallel_text import Pair, ParallelText
from .statistical_alignment import LONGEST, Advance, StatisticalAligner


class FileAligner(Protocol):
    """Aligns all sentences of a text."""

    def __call__(self, pairs: Iterable[Pair], outcome: AlignOutcome, advance: Advance) -> Iterator[Alignment]:
        """Yield an alignment for each pair, and write down in the outcome what is to be known of it."""
        ...


@dataclass
class AlignOutcome:
    """What became of a text.

    Attributes:
        sentences: How many pairs of sentences there are.
        links: How many links were found.
        unaligned: How many pairs have none.
        details: What the aligner has to say, by name.
        remarks: What the user should know, in sentences.
        error: How far the alignments are from gold, where there is gold.
        seconds: How long it took.
    """

    sentences: int = 0
    links: int = 0
    unaligned: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    error: AlignmentError | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner align --json` prints it."""
        return {
            "sentences": self.sentences,
            "links": self.links,
            "unaligned": self.unaligned,
            **self.details,
            **({"error": self.error.as_json()} if self.error else {}),
            "remarks": self.remarks,
            "seconds": round(self.seconds, 3),
        }


def align_files(
    text: ParallelText,
    output: Path,
    align: FileAligner,
    *,
    gold: Path | None = None,
    one_based: bool = False,
    advance: Advance = lambda _done, _all: None,
) -> AlignOutcome:
    """Align the words of two files, and write a line a sentence, of links `i-j` in order.

    Args:
        text: The files.
        output: Where the alignments go; gzipped if its name ends with `.gz`.
        align: How.
        gold: Hand-made alignments of the same sentences to compare with.
        one_based: Gold counts words from 1.
        advance: Told how far it is, and of how much where that is known.

    Raises:
        WrongUsageError: If what the aligner needs is not installed.
        DataError: If a file cannot be read or written, or the files do not belong together.
    """
    start = time.perf_counter()
    outcome = AlignOutcome()
    pairs: Iterable[Pair] = text.pairs()
    right: list[GoldAlignment] | None = None
    if gold is not None:
        pairs = list(pairs)
        right = read_gold(gold, pairs, one_based=one_based)
    kept: list[Alignment] = []
    with write_atomically(output) as written:
        for alignment in align(pairs, outcome, advance):
            outcome.sentences += 1
            outcome.links += len(alignment)
            outcome.unaligned += not alignment
            written.write(" ".join(f"{source}-{target}" for source, target in sorted(alignment)) + "\n")
            if right is not None:
                kept.append(alignment)
    if right is not None:
        outcome.error = alignment_error(right, kept)
    outcome.seconds = time.perf_counter() - start
    return outcome


def statistically(symmetrization: str, extra: Iterable[ParallelText] = ()) -> FileAligner:
    """Return what aligns by statistics of the text.

    Args:
        symmetrization: How two directions become one.
        extra: Further text to learn from.
    """

    def align(pairs: Iterable[Pair], outcome: AlignOutcome, advance: Advance) -> Iterator[Alignment]:
        further = [pair for text in extra for pair in text.pairs()]
        found = StatisticalAligner(further).align(list(pairs), advance)
        outcome.details |= {
            "extra_sentences": len(further),
            "forms": {"source": found.forms.source, "target": found.forms.target},
            "agreement": round(found.agreement, 4),
        }
        if found.too_long:
            outcome.remarks.append(
                f"{found.too_long:,} pairs have no links, for a sentence has more than {LONGEST:,} words."
            )
        yield from found.symmetrized(symmetrization)

    return align


def neurally(load: Callable[[], NeuralAligner]) -> FileAligner:
    """Return what aligns by an encoder.

    Args:
        load: Loads it; called when there is a sentence to align, for a model may have to be downloaded.
    """

    def align(pairs: Iterable[Pair], outcome: AlignOutcome, advance: Advance) -> Iterator[Alignment]:
        remaining = iter(pairs)
        first = list(islice(remaining, 1))
        aligner = load()
        for done, alignment in enumerate(aligner.align(chain(first, remaining)), 1):
            advance(done, None)
            yield alignment
        if aligner.cut:
            outcome.remarks.append(
                f"{aligner.cut:,} sentences are too long for the model, and were read in overlapping parts."
            )
        outcome.details |= {
            "model": aligner.encoder.name,
            "layer": aligner.encoder.layer,
            "read_in_parts": aligner.cut,
        }

    return align
