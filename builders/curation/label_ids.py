"""What labels outside the set mean: ids and names that a model wrote though nobody gave it any.

A foreign label is read by the words that it stands on: if nearly all of them have one and the same label in
gold, or else in the rest of the config, it means that label, which may be `O`. A wrong reading would put
wrong labels into hundreds of sentences. So only overwhelming evidence counts: a confidence bound on the
share, repetitions of a word not counted, and more than the label's own frequency explains. B- and I- labels
are labels like any other: each foreign label must show by itself which one it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

from ...schema.example import Example
from ..rejects import shown
from .words import NUMBER, word

Occurrences = Mapping[tuple[str, str], int]
"""Occurrences by token and label as it was written."""

# The share of the words that must speak for one label, by the lower end of its confidence interval.
NEARLY_ALL = 0.95
# One-sided 95 %. Nearly all is reached by 52 words that speak with one voice, and by no fewer.
_Z = 1.645
# A word says the same each time, so that further occurrences of it are no further evidence.
_MOST_OF_A_WORD = 3
_LEAST_KNOWN = 0.5
# Words that speak for another label must be at most this part of what a label strewn at random would have.
_LEAST_PART_OF_CHANCE = 0.5

# Gold that has a word this often needs nobody else; one occurrence in gold counts as so many elsewhere.
_ENOUGH_IN_GOLD = 2
_GOLD_OCCURRENCE_WEIGHT = 3
_ENOUGH_OF_A_WORD = 3
# The share of a word's occurrences that makes it a word of one label.
_CLEARLY = 0.8
_SEVERAL = ""
_NONE: Counter[str] = Counter()

_CHARACTERS_SHOWN = 40

TOO_FEW = "it stands on too few words that are known"
UNKNOWN_WORDS = "most of its words are not known"
NO_ONE_LABEL = "its words have no one label elsewhere"

WHY_NOT_MAPPED = (TOO_FEW, UNKNOWN_WORDS, NO_ONE_LABEL)
"""Why a label outside the set is not read as one of the set."""


@dataclass(frozen=True, slots=True)
class ForeignLabel:
    """What is known about one label outside the set.

    Attributes:
        written: The label, an id as text.
        occurrences: Tokens that it stands on.
        words: Different words among them.
        counted: Occurrences that are evidence: of each word only the first few.
        known: Those of `counted` whose word gold or the config knows.
        speaking: Those of `known` whose word has the label `likeliest`.
        likeliest: The label that most words have; empty where no word has one.
        required: The share of `known` that had to speak for it, by the lower end of the confidence interval.
        reason: Why the label is not read as `likeliest`; empty where it is.
    """

    written: str
    occurrences: int
    words: int
    counted: int
    known: int
    speaking: int
    likeliest: str
    required: float
    reason: str

    @property
    def label(self) -> str | None:
        """The label that it means; None if that is not known."""
        return None if self.reason else self.likeliest


@dataclass(frozen=True)
class LabelMapping:
    """What the labels outside the set mean.

    Attributes:
        evidence: What is known about each of them, the most frequent first.
    """

    evidence: tuple[ForeignLabel, ...] = ()

    @cached_property
    def meanings(self) -> dict[str, str]:
        """The labels of the set that foreign labels mean, where that is known."""
        return {each.written: each.label for each in self.evidence if each.label is not None}

    def why_not(self, written: str) -> str:
        """Say why a foreign label is not read as one of the set: a text in `WHY_NOT_MAPPED`."""
        return self._reasons.get(written) or TOO_FEW

    @cached_property
    def _reasons(self) -> dict[str, str]:
        return {each.written: each.reason for each in self.evidence}


def count_labels(examples: Iterable[Example]) -> Counter[tuple[str, str]]:
    """Count the labels of each token."""
    return Counter(
        pair for example in examples for pair in zip(example.tokens, example.ner_tags, strict=True)
    )


def map_labels(foreign: Occurrences, gold: Occurrences, config: Occurrences) -> LabelMapping:
    """Decide what each label outside the set means.

    Args:
        foreign: The tokens that labels outside the set stand on; an id is its number as text.
        gold: The labels of gold's tokens.
        config: The labels of the tokens in the config's sentences without a foreign label.

    Returns:
        The mapping. It does not depend on the order of the counts.

    Example:
        >>> towns = [f"Town{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]
        >>> gold = {(town, "B-LOC"): 2 for town in towns} | {("in", "O"): 40}
        >>> map_labels({(town, "7"): 3 for town in towns}, gold, {}).meanings
        {'7': 'B-LOC'}
    """
    if not foreign:
        return LabelMapping()
    known = _KnownWords(gold, config)
    tokens_of: dict[str, Counter[str]] = {}
    for (token, written), count in foreign.items():
        tokens_of.setdefault(written, Counter())[token] += count
    evidence = (_weigh(written, tokens, known) for written, tokens in tokens_of.items())
    return LabelMapping(tuple(sorted(evidence, key=lambda each: (-each.occurrences, each.written))))


def shown_meaning(written: str, label: str) -> str:
    """Return a foreign label and its meaning as people may see them: on one line, and not too long."""
    return f"{_shown(written)} → {label}"


def _shown(written: str) -> str:
    text = shown(written)
    return text if len(text) <= _CHARACTERS_SHOWN else text[: _CHARACTERS_SHOWN - 1] + "…"


def _weigh(written: str, tokens: Counter[str], known: _KnownWords) -> ForeignLabel:
    occurrences_of: Counter[str] = Counter()
    label_of: dict[str, str | None] = {}
    for token, count in tokens.items():
        cased = word(token).cased
        occurrences_of[cased] += count
        label_of[cased] = known.label_of(token)
    counted = {each: min(count, _MOST_OF_A_WORD) for each, count in occurrences_of.items()}
    votes: Counter[str] = Counter()
    for each, count in counted.items():
        label = label_of[each]
        if label is not None:
            votes[label] += count
    spoken = {label: count for label, count in votes.items() if label != _SEVERAL}
    likeliest, speaking = min(spoken.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    required = max(NEARLY_ALL, 1 - _LEAST_PART_OF_CHANCE * (1 - known.share_of(likeliest)))
    total, of_known = sum(counted.values()), votes.total()
    if _at_least(total, total) >= NEARLY_ALL and of_known < _LEAST_KNOWN * total:
        reason = UNKNOWN_WORDS
    elif _at_least(of_known, of_known) < NEARLY_ALL:
        reason = TOO_FEW
    else:
        reason = "" if _at_least(speaking, of_known) >= required else NO_ONE_LABEL
    return ForeignLabel(
        written=written,
        occurrences=tokens.total(),
        words=len(counted),
        counted=total,
        known=of_known,
        speaking=speaking,
        likeliest=likeliest,
        required=required,
        reason=reason,
    )


class _KnownWords:
    """The labels that words have in gold and in the config."""

    def __init__(self, gold: Occurrences, config: Occurrences) -> None:
        self._gold = _by_word(gold)
        self._config = _by_word(config)
        occurrences: Counter[str] = Counter()
        for counts in (gold, config):
            for (token, _), count in counts.items():
                occurrences[self.label_of(token) or _SEVERAL] += count
        self._occurrences = occurrences

    def label_of(self, token: str) -> str | None:
        """Return the label of a word; `_SEVERAL` if it has no one label, None if it is not known.

        Gold is asked before the config, and a number as it stands before all those that are written alike.
        """
        keys = _keys(token)
        for key in keys:
            if self._gold.get(key, _NONE).total() >= _ENOUGH_IN_GOLD:
                return _label_of(self._gold[key])
        for key in keys:
            counts = self._counts(key)
            if counts.total() >= _ENOUGH_OF_A_WORD:
                return _label_of(counts)
        return None

    def share_of(self, label: str) -> float:
        """Return the share of all tokens whose word has a label: what random use of an id would reach."""
        return self._occurrences[label] / self._occurrences.total() if self._occurrences else 0.0

    def _counts(self, key: str) -> Counter[str]:
        counts = Counter(self._config.get(key, _NONE))
        for label, count in self._gold.get(key, _NONE).items():
            counts[label] += count * _GOLD_OCCURRENCE_WEIGHT
        return counts


def _label_of(counts: Counter[str]) -> str:
    label, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return label if count >= _CLEARLY * counts.total() else _SEVERAL


def _by_word(counts: Occurrences) -> dict[str, Counter[str]]:
    by_word: dict[str, Counter[str]] = {}
    for (token, label), count in counts.items():
        for key in _keys(token):
            by_word.setdefault(key, Counter())[label] += count
    return by_word


def _keys(token: str) -> tuple[str, ...]:
    looked_at = word(token)
    return (looked_at.cased, looked_at.pattern) if looked_at.shape == NUMBER else (looked_at.cased,)


def _at_least(speaking: int, total: int) -> float:
    """Return the lower end of the confidence interval of a share (Wilson 1927)."""
    if not total:
        return 0.0
    share, spread = speaking / total, _Z * _Z / total
    return (share + spread / 2 - _Z * sqrt(share * (1 - share) / total + spread / total / 4)) / (1 + spread)
