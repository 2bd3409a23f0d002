"""Simple augmentation: gold sentences with words replaced or moved; no model is asked.

After Dai & Adel (2020). Each operation makes variants of its own, as in their "all": none works on what
another made. A sentence's variants come from gold and from random numbers of its own: they are the same in
whatever order they are made, and after whatever break.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from ...schema.errors import DataError, ReleaseError
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE
from ...sources.files import open_text_lines
from ...sources.normal_forms import NormalForms
from ..calls import Call
from .method import Answers, MethodContext
from .offline_calls import SPLIT, gold_as_json, gold_by_id, offline_calls, written
from .shown_gold import texts_of_gold

VERSION = 1
"""Version of the method: another one makes other variants of the same gold."""

TOKENS, SYNONYMS, MENTIONS, SHUFFLE = OPERATIONS = (
    "label_wise_token_replacement",
    "synonym_replacement",
    "mention_replacement",
    "shuffle_within_segments",
)
"""The operations, by name."""

PROBABILITY = 0.3
"""How likely a unit is changed; the paper tries .1, .3, .5 and .7."""

Words = tuple[str, ...]
Labelled = tuple[Sequence[str], Sequence[str]]
"""Tokens and their tags."""

Variant = tuple[Sequence[str], Sequence[str], str]
"""Tokens, their tags, and the operation that made them, by name."""

Synonyms = Mapping[str, Sequence[Words]]
"""The synonyms of a token, in order: a word each, or several."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the method.

    Attributes:
        operations: Names in `OPERATIONS`.
        probability: How likely each unit of a sentence is changed: a word that an operation may replace, a
            mention or a segment.
        variants: Variants that each operation makes of a sentence, at most.
        lexicon: The file of synonyms, as the release writes it.
    """

    operations: Sequence[str] = (TOKENS, MENTIONS, SHUFFLE)
    probability: float = PROBABILITY
    variants: int = 1
    lexicon: str | None = None


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a call for each gold sentence to train on.

    Raises:
        ReleaseError: If gold has nothing to train on, or a lexicon is given that nothing uses.
        DataError: If the lexicon cannot be used.
    """
    settings = _settings(context)
    others = {split: gold_as_json(gold) for split, gold in context.gold.splits.items() if split != SPLIT}
    lexicon = {word: list(synonyms) for word, synonyms in _synonyms(context, settings).items()}
    yield from offline_calls(
        context,
        version=VERSION,
        datapoints=settings.variants * len(settings.operations),
        inputs=[others, lexicon],
    )


def answering(context: MethodContext) -> Answers:
    """Count what gold holds, and return what makes the variants of a call's sentence.

    Raises:
        DataError: If the lexicon cannot be used.
    """
    settings = _settings(context)
    augmentation = SimpleAugmentation(settings, context.gold.splits, _synonyms(context, settings))
    gold = gold_by_id(context)
    seed = f"{context.seed}/{context.config.language.code}/simple_augmentation"

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        chance = random.Random()  # noqa: S311
        for call in calls:
            chance.seed(f"{seed}/{call.index}")
            variants = augmentation.variants(gold[call.seed_ids[0]], chance)
            yield written(
                ((tokens, tags) for tokens, tags, _ in variants), (operation for *_, operation in variants)
            )

    return answers


class SimpleAugmentation:
    """Makes variants of gold sentences.

    Args:
        settings: What is done.
        splits: Gold, by split: variants are made from `train`, and no sentence of any split comes out.
        synonyms: What synonym replacement replaces with, by word in NFC.

    Example:
        >>> gold = [Example("1", ("Ada", "sings"), ("B-PER", "O")), Example("2", ("Bo",), ("B-PER",))]
        >>> augmentation = SimpleAugmentation(Settings(("mention_replacement",), 1.0), {"train": gold})
        >>> augmentation.variants(gold[0], random.Random(1))
        [(['Bo', 'sings'], ['B-PER', 'O'], 'mention_replacement')]
    """

    def __init__(
        self,
        settings: Settings,
        splits: Mapping[str, Sequence[Example]],
        synonyms: Synonyms | None = None,
    ) -> None:
        train = splits.get(SPLIT, ())
        makers: dict[str, Callable[[], _Operation]] = {
            TOKENS: lambda: _TokenReplacement(settings.probability, train),
            SYNONYMS: lambda: _SynonymReplacement(settings.probability, train, synonyms or {}),
            MENTIONS: lambda: _MentionReplacement(settings.probability, train),
            SHUFFLE: lambda: _SegmentShuffle(settings.probability),
        }
        self._operations = [(name, makers[name]()) for name in settings.operations]
        self._variants = settings.variants
        self._normal = NormalForms()
        self._gold = texts_of_gold(splits, self._normal)

    def variants(self, example: Example, chance: random.Random) -> list[Variant]:
        """Make the variants of a gold sentence, different from each other and from all of gold.

        Each is tried once: where nothing was changed, or the outcome is there already, there are fewer.
        """
        made: list[Variant] = []
        known = set()
        draw = chance.random
        for _ in range(self._variants):
            for name, operation in self._operations:
                variant = operation(example, draw)
                if variant is None:
                    continue
                tokens, tags = variant
                text = self._normal.comparable(tokens)
                if text not in self._gold and text not in known:
                    known.add(text)
                    made.append((tokens, tags, name))
        return made


_Draw = Callable[[], float]

_Operation = Callable[[Example, _Draw], Labelled | None]
"""Makes a variant of a sentence, from random numbers between 0 and 1; None where nothing was changed."""


_Unit = TypeVar("_Unit", str, Words)


class _Population(Generic[_Unit]):
    """Units of one kind, as often as gold has them, to draw from.

    Every occurrence has its place in a list, and those of one unit stand together: a draw by frequency is one
    random number, and a unit is left out by stepping over its places.

    Attributes:
        occurrences: The units in order, each as often as gold has it.
        count: Their number.
    """

    def __init__(self, counts: Mapping[_Unit, int]) -> None:
        self._counts = counts
        self._first: dict[_Unit, int] = {}
        self.occurrences: list[_Unit] = []
        for unit in sorted(counts):
            self._first[unit] = len(self.occurrences)
            self.occurrences += [unit] * counts[unit]
        self.count = len(self.occurrences)

    def other_than(self, unit: _Unit, draw: _Draw) -> _Unit | None:
        """Draw another unit by frequency; None where there is no other."""
        first, count = self._first.get(unit, 0), self._counts.get(unit, 0)
        if count == self.count:
            return None
        place = int(draw() * (self.count - count))
        return self.occurrences[place if place < first else place + count]


class _TokenReplacement:
    """Replaces tokens by others of the same label.

    A unit is a word of the sentence, wherever it stands. One that has several labels there stays: what is
    replaced is replaced alike, and hardly a word fits all of them.
    """

    def __init__(self, probability: float, train: Iterable[Example]) -> None:
        self._probability = probability
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for example in train:
            for token, tag in zip(example.tokens, example.ner_tags, strict=True):
                counts[tag][token] += 1
        self._populations = {tag: _Population(counts[tag]) for tag in counts}

    def __call__(self, example: Example, draw: _Draw) -> Labelled | None:
        probability, populations = self._probability, self._populations
        tokens, tags = example.tokens, example.ner_tags
        label_of = dict(zip(tokens, tags, strict=True))
        replaced: dict[str, str] = {}
        for token in [token for token in label_of if draw() < probability]:
            population = populations[label_of[token]]
            # Where a word's own places are takes longer to look up than to draw: only if one of them is hit.
            other = population.occurrences[int(draw() * population.count)]
            if other == token:
                other = population.other_than(token, draw)
            if other is not None:
                replaced[token] = other
        # `label_of` holds the last label of a word: some word has several where not all are their last one.
        if len(label_of) < len(tokens) and tuple(map(label_of.__getitem__, tokens)) != tags:
            for token, tag in zip(tokens, tags, strict=True):
                if label_of[token] != tag:
                    replaced.pop(token, None)
        if not replaced:
            return None
        return list(map(replaced.get, tokens, tokens)), tags


class _SynonymReplacement:
    """Replaces tokens by synonyms; the labels stay, and a mention grows with the words of its token.

    A unit is a word of the sentence that has synonyms, wherever it stands.
    """

    def __init__(self, probability: float, train: Iterable[Example], synonyms: Synonyms) -> None:
        self._probability = probability
        self._synonyms: dict[str, Sequence[Words]] = {}
        for token in {token for example in train for token in example.tokens}:
            if found := synonyms.get(unicodedata.normalize("NFC", token)):
                self._synonyms[token] = found

    def __call__(self, example: Example, draw: _Draw) -> Labelled | None:
        probability, synonyms = self._probability, self._synonyms
        replaced: dict[str, Words] = {}
        for token in dict.fromkeys(example.tokens):
            if token in synonyms and draw() < probability:
                choices = synonyms[token]
                replaced[token] = choices[int(draw() * len(choices))]
        if not replaced:
            return None
        tokens: list[str] = []
        tags: list[str] = []
        for token, tag in zip(example.tokens, example.ner_tags, strict=True):
            words = replaced.get(token)
            if words is None:
                tokens.append(token)
                tags.append(tag)
            else:
                tokens += words
                tags.append(tag)
                tags += [_continued(tag)] * (len(words) - 1)
        return tokens, tags


class _MentionReplacement:
    """Replaces mentions by others of the same type, of whatever length.

    A unit is a mention's words, wherever they are a mention of the sentence. Where they are of several types
    there, they stay: what is replaced is replaced alike, and hardly a mention is all of them.
    """

    def __init__(self, probability: float, train: Iterable[Example]) -> None:
        self._probability = probability
        counts: dict[str, Counter[Words]] = defaultdict(Counter)
        for example in train:
            for start, end, tag in _segments(example.ner_tags):
                if tag != OUTSIDE:
                    counts[tag][example.tokens[start:end]] += 1
        self._populations = {tag: _Population(counts[tag]) for tag in counts}

    def __call__(self, example: Example, draw: _Draw) -> Labelled | None:
        spans = [segment for segment in _segments(example.ner_tags) if segment[2] != OUTSIDE]
        if not spans:
            return None
        tags_of: dict[Words, set[str]] = {}
        for start, end, tag in spans:
            tags_of.setdefault(example.tokens[start:end], set()).add(tag)
        replaced: dict[Words, Words] = {}
        for words, types in tags_of.items():
            if draw() < self._probability and len(types) == 1:
                other = self._populations[next(iter(types))].other_than(words, draw)
                if other is not None:
                    replaced[words] = other
        if not replaced:
            return None
        tokens, tags = list(example.tokens), list(example.ner_tags)
        for start, end, tag in reversed(spans):
            words = replaced.get(example.tokens[start:end])
            if words is not None:
                tokens[start:end] = words
                tags[start:end] = [tag, *[_continued(tag)] * (len(words) - 1)]
        return tokens, tags


class _SegmentShuffle:
    """Shuffles the words of segments, which are the mentions and what stands between them; the tags stay.

    A unit is a segment's words, wherever they are a segment of the sentence.
    """

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def __call__(self, example: Example, draw: _Draw) -> Labelled | None:
        shuffled: dict[Words, Words] = {}
        tokens = list(example.tokens)
        for start, end, _ in _segments(example.ner_tags):
            if end - start == 1:
                continue
            words = example.tokens[start:end]
            if words not in shuffled:
                shuffled[words] = _in_any_order(words, draw) if draw() < self._probability else words
            tokens[start:end] = shuffled[words]
        return None if tuple(tokens) == example.tokens else (tokens, example.ner_tags)


def _in_any_order(words: Words, draw: _Draw) -> Words:
    return tuple(sorted(words, key=lambda _word: draw()))


_Segment = tuple[int, int, str]


@lru_cache(maxsize=1)
def _segments(tags: tuple[str, ...]) -> tuple[_Segment, ...]:
    """Split IOB2 tags into mentions and runs of O: start, end and first tag of each.

    What was split last is remembered: several operations work on one sentence.
    """
    segments = []
    start, length = 0, len(tags)
    while start < length:
        tag = tags[start]
        continued = _continued(tag)
        end = start + 1
        while end < length and tags[end] == continued:
            end += 1
        segments.append((start, end, tag))
        start = end
    return tuple(segments)


@lru_cache(maxsize=4096)
def _continued(tag: str) -> str:
    """Return the tag of what continues the mention, or the O, of a tag."""
    return tag if tag == OUTSIDE else f"I{tag[1:]}"


def _settings(context: MethodContext) -> Settings:
    settings = Settings(**context.config.generator.method_settings)
    if settings.lexicon is not None and SYNONYMS not in settings.operations:
        raise ReleaseError(
            f"simple_augmentation.lexicon: only `{SYNONYMS}` uses it, which is not among the operations",
            where=context.config.name,
            hint=f"Name `{SYNONYMS}` in `operations`, or leave the lexicon out.",
        )
    return settings


def _synonyms(context: MethodContext, settings: Settings) -> Synonyms:
    if settings.lexicon is None:
        return {}
    return read_synonyms(context.folder / context.filled(settings.lexicon))


def read_synonyms(path: Path) -> dict[str, list[Words]]:
    """Read a file of synonyms: a set a line, with tabs between its members.

    A member is a word or several, with spaces between them; each is a synonym of all others on its line. Only
    single words can be replaced.

    Returns:
        The synonyms of each single word, in alphabetical order, all in NFC.

    Raises:
        DataError: If it cannot be read, a line has not two different members, or there is no single word.
    """
    found: dict[str, set[Words]] = defaultdict(set)
    with open_text_lines(path) as lines:
        for number, line in lines:
            if not line.strip():
                continue
            members = {tuple(unicodedata.normalize("NFC", member).split()) for member in line.split("\t")}
            if len(members) < 2 or () in members:
                raise DataError(
                    "this is no set of synonyms",
                    where=f"{path}:{number}",
                    hint="A line is a word, a tab and a synonym; further synonyms follow after tabs.",
                )
            for member in members:
                if len(member) == 1:
                    found[member[0]] |= members - {member}
    if not found:
        raise DataError("there is no single word that has a synonym", where=str(path))
    return {word: sorted(found[word]) for word in sorted(found)}
