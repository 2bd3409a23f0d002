"""Word alignment by statistics of the parallel text alone: no model, no dictionary.

The models are those of eflomal (Östling & Tiedemann 2016): IBM 1, then HMM, then with fertilities, sampled
by Gibbs. The implementation is that of SIL's Thot, whose samplers are seeded. There is one model for each
direction, and the two alignments are made one.

In little text a word occurs once or twice. Two things help, and count for the statistics alone:

- A word that a sentence and its translation share, such as a name, is likely to be its own translation. It is
  added as a pair of its own.
- Inflected forms are counted together by their first or their last four letters, where that helps. What is
  right for a pair of languages is not known beforehand: each is tried with few samplers, and the one stays
  with which the two directions agree most.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import TypeAlias

import regex

from ..schema.errors import WrongUsageError
from .outcome import Alignment
from .parallel_text import Pair
from .symmetrization import SYMMETRIZATIONS

SEED = 1
SAMPLERS = 10
TRIAL_SAMPLERS = 2
SWEEPS = (8, 8, 32)
"""Sweeps of IBM 1, of HMM, and with fertilities."""

LARGE = 50_000
"""Beyond so many pairs of sentences words are counted as they are, and half the samplers do."""

LONGEST = 1024
"""The longest sentence that Thot takes, in words."""

SHARED_LETTERS = 4
"""A word that has fewer letters, and no digit, is no translation of itself: languages share `a` and `me`."""

FORM_LETTERS = 4

Advance: TypeAlias = Callable[[int, int | None], None]
"""Told how much is done, and of how much; None where that is not known."""

_LETTERS = regex.compile(r"\X")
_DIGIT = regex.compile(r"\p{N}")

_FORM: Mapping[str, Callable[[Sequence[str]], Sequence[str]]] = MappingProxyType(
    {
        "whole": lambda letters: letters,
        "first": lambda letters: letters[:FORM_LETTERS],
        "last": lambda letters: letters[-FORM_LETTERS:],
    }
)


@dataclass(frozen=True, slots=True)
class Forms:
    """What is counted as the same word.

    Attributes:
        source: In the source: `whole` words, or words with the same `first` or the same `last` letters.
        target: In the target, likewise.
    """

    source: str
    target: str


FORMS = tuple(
    Forms(*pair)
    for pair in (
        ("whole", "whole"),
        ("first", "first"),
        ("last", "last"),
        ("first", "last"),
        ("last", "first"),
    )
)
"""What is tried, in this order. Of equals the first stays."""


@dataclass(frozen=True, slots=True)
class StatisticalAlignments:
    """The alignments of a text, of both directions.

    Attributes:
        forward: For each pair of sentences the links where a target word has one source word at most.
        reverse: Those where a source word has one target word at most.
        forms: What was counted as the same word.
        agreement: The links that both directions have, as a share of a direction's on average.
        too_long: How many pairs have no link because a sentence is longer than the models take.
    """

    forward: Sequence[Alignment]
    reverse: Sequence[Alignment]
    forms: Forms
    agreement: float
    too_long: int

    def symmetrized(self, how: str = "intersection") -> list[Alignment]:
        """Return one alignment a pair of sentences.

        Args:
            how: A name in `SYMMETRIZATIONS`.
        """
        return [SYMMETRIZATIONS[how](*both) for both in zip(self.forward, self.reverse, strict=True)]


@dataclass(frozen=True, slots=True)
class StatisticalAligner:
    """Aligns the words of parallel text.

    Attributes:
        extra: Further parallel text to learn from.
        seed: Decides what is sampled: text, seed and version of Thot decide the alignments.

    Example:
        >>> text = [("et hus".split(), "a house".split()), (["hus"], ["house"])]
        >>> alignments = StatisticalAligner().align(text).symmetrized()
    """

    extra: Sequence[Pair] = field(default=(), repr=False)
    seed: int = SEED

    def align(
        self, pairs: Sequence[Pair], advance: Advance = lambda _done, _all: None
    ) -> StatisticalAlignments:
        """Align sentences; they are learned from, too.

        Args:
            pairs: Sentences with their translations.
            advance: Told of each sweep.

        Raises:
            WrongUsageError: If Thot is not installed.
        """
        require_thot()
        text = _Text([*pairs, *self.extra], len(pairs))
        is_large = len(pairs) + len(self.extra) > LARGE
        tried = FORMS[:1] if is_large else FORMS
        sampling = _Sampling(self.seed, advance, runs=2 if is_large else 2 * len(tried) + 2)
        forms = tried[0]
        if len(tried) > 1:
            forms = max(tried, key=lambda forms: _agreement(*sampling.both(text, forms, TRIAL_SAMPLERS)))
        forward, reverse = sampling.both(text, forms, SAMPLERS // 2 if is_large else SAMPLERS)
        return StatisticalAlignments(
            forward,
            reverse,
            forms,
            _agreement(forward, reverse),
            sum(max(map(len, pair)) > LONGEST for pair in pairs),
        )


def require_thot() -> None:
    """Make sure that Thot is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    if find_spec("thot") is None:
        raise WrongUsageError(
            "statistical alignment needs the package sil-thot, which is not installed",
            hint="Install it with `pip install 'synthner[align]'`, or by itself with `pip install sil-thot`.",
        )


class _Text:
    """Parallel text as it is learned from: in lower case, and words that are shared added as pairs.

    Args:
        pairs: The sentences with their translations.
        asked: How many of them, from the first, are to be aligned.
    """

    def __init__(self, pairs: Sequence[Pair], asked: int) -> None:
        normal: dict[str, str] = {}
        self._pairs: list[Pair] = []
        shared: list[Pair] = []
        for pair in pairs:
            source, target = (
                [normal[word] if word in normal else normal.setdefault(word, _normal(word)) for word in words]
                for words in pair
            )
            self._pairs.append((source, target))
            both = set(source).intersection(target)
            shared += [([word], [word]) for word in sorted(both) if _translates_itself(word)]
        self._pairs += shared
        self.asked = asked

    def numbered(self, forms: Forms) -> list[tuple[list[str], list[str]]]:
        """Return the pairs in words that are numbers, the same for what is counted as the same word.

        A few words mean something to Thot; numbers do not.
        """
        source, target = _Numbers(forms.source), _Numbers(forms.target)
        return [
            ([source[word] for word in pair[0]], [target[word] for word in pair[1]]) for pair in self._pairs
        ]


class _Numbers(dict[str, str]):
    """Numbers of words, written out: those of the same form have the same."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._shortened = _FORM[form]
        self._numbers: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        # The digits of a year or a sum are no inflection.
        form = word if _DIGIT.search(word) else "".join(self._shortened(_LETTERS.findall(word)))
        number = self[word] = self._numbers.setdefault(form, str(len(self._numbers)))
        return number


class _Sampling:
    """Runs the samplers.

    Args:
        seed: Decides what they draw.
        advance: Told of each sweep.
        runs: How many runs there will be, two for `both`.
    """

    def __init__(self, seed: int, advance: Advance, runs: int) -> None:
        self._seed = seed
        self._advance = advance
        self._sweeps = runs * sum(SWEEPS)
        self._done = 0

    def both(self, text: _Text, forms: Forms, samplers: int) -> tuple[list[Alignment], list[Alignment]]:
        """Return the alignments of both directions, each of links from the source to the target."""
        numbered = text.numbered(forms)
        forward = self._direction(numbered, text.asked, samplers)
        turned = self._direction(((target, source) for source, target in numbered), text.asked, samplers)
        reverse = (((source, target) for target, source in links) for links in turned)
        return list(map(frozenset, forward)), list(map(frozenset, reverse))

    def _direction(
        self, pairs: Iterable[Pair], asked: int, samplers: int
    ) -> Iterator[Iterable[tuple[int, int]]]:
        """Yield the links of the first pairs; each word of the second side has one at most."""
        from thot.alignment import EflomalAlignmentModel

        model = EflomalAlignmentModel()
        model.seed = self._seed
        model.num_samplers = samplers
        model.auto_iterations = False
        model.set_iterations(*SWEEPS)
        # Each sampler has a seed and counts of its own: how many threads there are decides nothing.
        model.deterministic = False
        model.emit_training_alignments = True
        for source, target in pairs:
            model.add_sentence_pair(source, target)
        model.start_training()
        for _ in range(model.scheduled_iterations):
            model.train()
            self._done += 1
            self._advance(self._done, self._sweeps)
        model.end_training()
        for number in range(asked):
            matrix = model.get_training_alignment(number)[1].to_numpy()
            yield zip(*(side.tolist() for side in matrix.nonzero()), strict=True)


def _normal(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _translates_itself(word: str) -> bool:
    return bool(_DIGIT.search(word)) or len(_LETTERS.findall(word)) >= SHARED_LETTERS


def _agreement(forward: Sequence[Alignment], reverse: Sequence[Alignment]) -> float:
    links = sum(map(len, forward)) + sum(map(len, reverse))
    both = sum(len(one & other) for one, other in zip(forward, reverse, strict=True))
    return 2 * both / links if links else 0.0
