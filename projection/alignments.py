"""Files of word alignments: a line a sentence, of pairs `i-j` of a source word and a target word.

`ipj` is a possible link, as hand-made gold has them beside the sure ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..schema.errors import DataError
from ..sources.files import open_text_lines
from .outcome import Alignment

_LINE = re.compile(r"[ \t]*(?:[0-9]{1,9}[-p][0-9]{1,9}(?:[ \t]+|$))*")
_TO_SPACES = str.maketrans("-p", "  ")
_HINT = "A line holds pairs of a source and a target word, as in `0-0 1-2 2-1`; possible links are `0p0`."


def read_alignments(
    path: Path, *, one_based: bool = False, sure_only: bool = False
) -> Iterator[tuple[int, Alignment]]:
    """Read alignments, plain or gzipped, each with the number of its line.

    An empty line is a sentence without any aligned word.

    Args:
        path: The file.
        one_based: The first word is 1, not 0.
        sure_only: Leave out the possible links.

    Raises:
        DataError: If the file cannot be read or a line holds anything else.
    """
    with open_text_lines(path) as lines:
        for number, line in lines:
            yield number, _parsed(line, f"{path}:{number}", one_based, sure_only)


def check_range(alignment: Alignment, source: int, target: int, where: str) -> None:
    """Make sure that the words of an alignment are there.

    Args:
        alignment: The alignment of a sentence.
        source: The number of source words.
        target: The number of target words.
        where: The place, for the error.

    Raises:
        DataError: If a word is not there.
    """
    if not alignment or (max(alignment)[0] < source and max([right for _, right in alignment]) < target):
        return
    left, right = min((left, right) for left, right in alignment if left >= source or right >= target)
    side, index, words = ("source", left, source) if left >= source else ("target", right, target)
    raise DataError(
        f"the pair {left} and {right} (from 0) is out of range: the {side} sentence has {words} words, "
        f"and no word {index}",
        where=where,
        hint="Do the three files belong together, is each line of the target a sentence, and does the file "
        "count words from 0? From 1 is `--one-based`.",
    )


def _parsed(line: str, where: str, one_based: bool, sure_only: bool) -> Alignment:
    if not _LINE.fullmatch(line):
        wrong = next(pair for pair in [*line.split(), line] if not _LINE.fullmatch(pair))
        raise DataError(f"`{wrong[:40]}` is no pair of aligned words", where=where, hint=_HINT)
    if sure_only and "p" in line:
        line = " ".join(pair for pair in line.split() if "p" not in pair)
    numbers = list(map(int, line.translate(_TO_SPACES).split()))
    if not one_based:
        return frozenset(zip(numbers[::2], numbers[1::2], strict=True))
    if 0 in numbers:
        raise DataError("there is a word 0, though words are counted from 1", where=where, hint=_HINT)
    return frozenset((left - 1, right - 1) for left, right in zip(numbers[::2], numbers[1::2], strict=True))
