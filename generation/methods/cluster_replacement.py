"""Cluster-constrained replacement: gold sentences with other mentions of the same kind in them.

After Ehsan & Solorio (2025): mentions of a type are grouped by their word vectors, each mention of a sentence
is replaced by another of its cluster, also one of a related language, and a tagger that has not seen the
sentence chooses among several such variants. A mention that is alone in its cluster, or in none, stays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ...schema.errors import DataError, ReleaseError
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE, mentions
from ...sources.gold import Gold
from ...sources.normal_forms import NormalForms
from ..calls import Call, canonical_json, sha256
from .method import Answers, MethodContext
from .offline_calls import SPLIT, gold_as_json, offline_calls, written

if TYPE_CHECKING:
    from ...evaluation.crf import CrfTagger
    from .mention_clusters import MentionClusters, Surface
    from .word_vectors import WordVectors

VERSION = 1
CANDIDATES = 5
FOLDS = 3

# A sentence whose mentions have few others to take their place runs out of different variants.
_ATTEMPTS_A_VARIANT = 4

_CLUSTERS_TO_REMEMBER = 16

Variant = tuple[tuple[str, ...], tuple[str, ...]]
"""Tokens and tags."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of the method.

    Attributes:
        volume: Variants a sentence; None for all whose mentions the tagger finds.
        candidates: Variants that the tagger chooses among.
        clusters: Clusters a type; None for the number with the best silhouette.
        vectors: The file of word vectors, with `{language}` where it depends on it; None to train them.
        related: Languages whose mentions are used, too.
        clusters_file: The file of the clusters, with `{language}`; None for none.
    """

    volume: int | None
    candidates: int
    clusters: int | None
    vectors: str | None
    related: tuple[str, ...]
    clusters_file: str | None

    @property
    def most(self) -> int:
        """Variants of a sentence, at most."""
        return self.candidates if self.volume is None else self.volume


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a call for each gold train sentence.

    Raises:
        ReleaseError: If the settings contradict one another, or there is no gold train.
        DataError: If gold of a related language, word vectors or the file of the clusters cannot be used.
    """
    settings = _settings(context)
    held_out = sorted(_all_gold(context, settings))
    yield from offline_calls(
        context,
        version=VERSION,
        datapoints=settings.most,
        inputs=[
            context.config.language.code,
            clusters_of(context).as_json(),
            sha256(canonical_json(held_out)),
        ],
    )


def answering(context: MethodContext) -> Answers:
    """Return what makes the variants of a gold sentence; write the clusters to where plans read them.

    Raises:
        ReleaseError, DataError: As `plan` does, or if the file cannot be written.
    """
    settings = _settings(context)
    clusters = clusters_of(context)
    path = clusters_path(context)
    wanted = path if path is not None else _kept_path(context, settings)
    if not wanted.exists():
        from .mention_clusters import write_clusters

        write_clusters(wanted, clusters)
    replacement = ClusterReplacement(clusters, _all_gold(context, settings))
    gold = context.gold.splits[SPLIT]
    taggers = _CrossFittedTaggers(gold, _seed_of(context, "folds"))

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        for call in calls:
            example = gold[call.index]
            variants = replacement.variants(example, _seed_of(context, call.index), settings.candidates)
            chosen = chosen_variants(variants, settings.volume, lambda example=example: taggers.of(example))
            yield written(chosen, [replaced_mentions(example, variant) for variant in chosen])

    return answers


def check(context: MethodContext) -> None:
    """Make sure that there is gold of the related languages.

    Raises:
        ReleaseError: If a setting is wrong, or one of them is no language of the release.
        DataError: If its gold cannot be used.
    """
    _related_gold(context, _settings(context))


def clusters_of(context: MethodContext) -> MentionClusters:
    """Return the clusters that a config's mentions are replaced within.

    They are read from the release's file of clusters if there is one, or from where `answering` has kept
    them, and else made.

    Raises:
        ReleaseError, DataError: As `plan` does.
    """
    from .mention_clusters import read_clusters

    settings = _settings(context)
    path = clusters_path(context)
    types = context.gold.labels.types
    if path is not None and path.exists():
        return read_clusters(path, types)
    kept = _kept_path(context, settings)
    if kept.exists():
        return read_clusters(kept, types)
    return _made_clusters(
        _languages(context, settings),
        types,
        settings.clusters,
        Random(_seed_of(context, "clusters")).getrandbits(32),  # noqa: S311 - no secret is drawn
    )


_Languages = tuple[tuple[tuple[Example, ...], "_File | None"], ...]
"""Gold train and the file of word vectors of each language whose mentions are clustered."""


def _languages(context: MethodContext, settings: _Settings) -> _Languages:
    languages = {context.config.language.code: context.gold, **_related_gold(context, settings)}
    return tuple(
        (gold.splits.get(SPLIT, ()), _vectors_file(context, settings, code))
        for code, gold in languages.items()
    )


def _kept_path(context: MethodContext, settings: _Settings) -> Path:
    """Return where clusters are kept that were made, under a name that follows from all that decides them."""
    code = context.config.language.code
    decides = [
        VERSION,
        [
            [gold_as_json(examples), file and [str(file.path), file.size, file.changed]]
            for examples, file in _languages(context, settings)
        ],
        list(context.gold.labels.types),
        settings.clusters,
        _seed_of(context, "clusters"),
    ]
    name = f"{code}-{sha256(canonical_json(decides))[:24]}.json"
    return context.folder / "work" / "mention_clusters" / name


def clusters_path(context: MethodContext) -> Path | None:
    """Return the release's file of clusters for the language of a config; None where it names none.

    Raises:
        ReleaseError: If the settings contradict one another.
    """
    return _path(context.folder, _settings(context).clusters_file, context.config.language.code)


class ClusterReplacement:
    """Replaces mentions by others of their clusters.

    Args:
        clusters: The clusters.
        never: Sentences that are never made, by `comparable`.
    """

    def __init__(self, clusters: MentionClusters, never: frozenset[str]) -> None:
        self._never = never
        self._cluster_of: dict[tuple[str, Surface], _Members] = {}
        for type_, of_type in clusters.clusters.items():
            for cluster in of_type:
                members = tuple((surface, _normal(surface)) for surface in cluster)
                if len(members) > 1:
                    self._cluster_of.update({(type_, surface): members for surface in cluster})
        self._tags: dict[tuple[str, int], tuple[str, ...]] = {}
        # Seeded for each sentence: that takes less than to make another one.
        self._chance = Random()  # noqa: S311 - no secret is drawn

    def variants(self, example: Example, seed: str, count: int) -> list[Variant]:
        """Make different variants of a sentence, so many at most.

        Each mention that has others in its cluster is replaced by one of them, the same words alike wherever
        they are a mention. Different mentions stay different.

        Args:
            example: The sentence.
            seed: Decides what is drawn.
            count: How many.
        """
        slots = self._slots(example)
        if slots is None:
            return []
        chance = self._chance
        chance.seed(seed)
        found: dict[str, Variant] = {}
        for _ in range(count * _ATTEMPTS_A_VARIANT):
            tokens, tags, text = self._filled(slots, slots.draw(chance))
            if text not in found and text not in self._never:
                found[text] = (tokens, tags)
                if len(found) == count:
                    break
        return list(found.values())

    def _slots(self, example: Example) -> _Slots | None:
        tokens, tags = example.tokens, example.ner_tags
        if tags.count(OUTSIDE) == len(tags):
            return None
        spans = [(span, tokens[span.start : span.end]) for span in mentions(tags)]
        types: dict[Surface, str] = {}
        ambiguous = set()
        for span, surface in spans:
            if types.setdefault(surface, span.type) != span.type:
                # Words with two types in one sentence cannot be replaced alike and by their types.
                ambiguous.add(surface)
        others = {
            surface: cluster
            for surface, type_ in types.items()
            if (cluster := self._cluster_of.get((type_, surface))) and surface not in ambiguous
        }
        if not others:
            return None
        places = []
        done = 0
        for span, surface in spans:
            if surface in others:
                places.append((_piece(example, done, span.start), surface, span.type))
                done = span.end
        return _Slots(places, _piece(example, done, len(tokens)), others, types.keys() - others.keys())

    def _filled(self, slots: _Slots, drawn: Mapping[Surface, _Member]) -> tuple[Surface, Surface, str]:
        """Return tokens, tags and what `comparable` gives for the tokens."""
        tokens: list[str] = []
        tags: list[str] = []
        text = ""
        for (kept, kept_tags, kept_text), surface, type_ in slots.places:
            replacement, normal = drawn[surface]
            tokens += kept
            tokens += replacement
            tags += kept_tags
            tags += self._tags_of(type_, len(replacement))
            text += kept_text + normal
        kept, kept_tags, kept_text = slots.rest
        tokens += kept
        tags += kept_tags
        return tuple(tokens), tuple(tags), text + kept_text or "\n".join(tokens)

    def _tags_of(self, type_: str, length: int) -> tuple[str, ...]:
        tags = self._tags.get((type_, length))
        if tags is None:
            tags = self._tags[type_, length] = (f"B-{type_}", *[f"I-{type_}"] * (length - 1))
        return tags


_Member = tuple["Surface", str]
"""A mention of a cluster: its words, and what is compared of them."""

_Members = tuple[_Member, ...]

_Piece = tuple[tuple[str, ...], tuple[str, ...], str]
"""Tokens, tags, and what is compared of the tokens."""


def _piece(example: Example, start: int, end: int) -> _Piece:
    tokens = example.tokens[start:end]
    return tokens, example.ner_tags[start:end], _normal(tokens)


@dataclass(frozen=True, slots=True)
class _Slots:
    """What can be replaced in a sentence.

    Attributes:
        places: Where, in order: what stands before, the words of the mention, and its type.
        rest: What stands after the last.
        others: By the words of a mention, its cluster.
        kept: The words of the mentions that stay.
    """

    places: Sequence[tuple[_Piece, Surface, str]]
    rest: _Piece
    others: Mapping[Surface, _Members]
    kept: Set[Surface]

    def draw(self, chance: Random) -> dict[Surface, _Member]:
        """Draw another mention for each, from a random place on; its own words where none is left."""
        drawn: dict[Surface, _Member] = {}
        taken = set(self.kept)
        for surface, cluster in self.others.items():
            first = int(chance.random() * len(cluster))
            member = cluster[first]
            if member[0] == surface or member[0] in taken:
                following = (*cluster[first + 1 :], *cluster[:first])
                free = (other for other in following if other[0] != surface and other[0] not in taken)
                member = next(free, (surface, _normal(surface)))
            drawn[surface] = member
            taken.add(member[0])
        return drawn


_NORMAL = NormalForms()

comparable = _NORMAL.comparable


def _normal(tokens: Sequence[str]) -> str:
    return "".join(map(_NORMAL.__getitem__, tokens))


def chosen_variants(
    variants: list[Variant], volume: int | None, tagger: Callable[[], CrfTagger]
) -> list[Variant]:
    """Choose the variants whose labels a tagger finds best.

    Args:
        variants: Variants of one sentence.
        volume: How many; None for all whose labels it finds as they are.
        tagger: Returns the tagger; it is not asked for where there is nothing to choose.
    """
    if not variants or (volume is not None and len(variants) <= volume):
        return variants
    judge = tagger()
    predicted = judge.tag(tokens for tokens, _ in variants)
    scores = [_f1(tags, found) for (_, tags), found in zip(variants, predicted, strict=True)]
    if volume is None:
        return [variant for variant, score in zip(variants, scores, strict=True) if score == 1]
    # Likelihood decides among equals, and costs as much as tagging: those below the last place need none.
    last = sorted(scores, reverse=True)[volume - 1]
    likelihoods = [
        judge.log_likelihood(Example("", *variant)) if score >= last else -math.inf
        for variant, score in zip(variants, scores, strict=True)
    ]
    order = sorted(range(len(variants)), key=lambda place: (-scores[place], -likelihoods[place], place))
    return [variants[place] for place in order[:volume]]


def replaced_mentions(example: Example, variant: Variant) -> str:
    """Tell which mentions of a sentence a variant has replaced by which, as JSON pairs, each pair once."""
    tokens, tags = variant
    pairs = [
        (example.tokens[old.start : old.end], tokens[new.start : new.end])
        for old, new in zip(mentions(example.ner_tags), mentions(tags), strict=True)
    ]
    different = dict.fromkeys((" ".join(old), " ".join(new)) for old, new in pairs if old != new)
    return json.dumps(list(different), ensure_ascii=False)


def _f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    expected, found = set(mentions(gold)), set(mentions(predicted))
    return 2 * len(expected & found) / max(len(expected) + len(found), 1)


class _CrossFittedTaggers:
    """Taggers that have not seen what they judge: each is trained on gold without one fold, when needed.

    A sentence that stands in gold several times is in one fold.

    Args:
        gold: Gold train.
        seed: Decides the folds.
    """

    def __init__(self, gold: Sequence[Example], seed: str) -> None:
        self._gold = gold
        texts = list(dict.fromkeys(comparable(example.tokens) for example in gold))
        Random(seed).shuffle(texts)  # noqa: S311 - no secret is drawn
        self._folds = {text: place % FOLDS for place, text in enumerate(texts)}
        self._trained: dict[int, CrfTagger] = {}

    def of(self, example: Example) -> CrfTagger:
        """Return the tagger that has not seen a gold sentence."""
        from ...evaluation.recipes import train_on_gold

        fold = self._fold(example)
        if fold not in self._trained:
            others = [other for other in self._gold if self._fold(other) != fold]
            self._trained[fold] = train_on_gold(others or [_WITHOUT_MENTIONS])
        return self._trained[fold]

    def _fold(self, example: Example) -> int:
        return self._folds[comparable(example.tokens)]


_WITHOUT_MENTIONS = Example("", ("",), (OUTSIDE,))
"""What a tagger is trained on where gold is one sentence: it finds nothing, and prefers nothing."""


def _settings(context: MethodContext) -> _Settings:
    config = context.config
    value = config.generator.method_settings
    volume = value.get("volume", 1)
    settings = _Settings(
        volume=None if volume == "all" else volume,
        candidates=value.get("candidates", CANDIDATES),
        clusters=value.get("clusters"),
        vectors=value.get("vectors"),
        related=tuple(code for code in value.get("related", ()) if code != config.language.code),
        clusters_file=value.get("clusters_file"),
    )
    if settings.most > settings.candidates:
        raise ReleaseError(
            f"cluster_replacement: {settings.most} variants of a sentence cannot be chosen among "
            f"{settings.candidates}",
            where=config.name,
            hint="Let `candidates` be `volume` or more.",
        )
    name = settings.clusters_file
    if name is not None and "{language}" not in name and len(config.generator.languages) > 1:
        raise ReleaseError(
            f"cluster_replacement.clusters_file: `{name}` would hold the clusters of several languages",
            where=config.name,
            hint="Write {language} into the name, which is filled in.",
        )
    return settings


def _related_gold(context: MethodContext, settings: _Settings) -> dict[str, Gold]:
    return {code: _gold_of(context, code) for code in settings.related}


def _gold_of(context: MethodContext, code: str) -> Gold:
    try:
        return context.gold_of(code)
    except KeyError as error:
        raise ReleaseError(
            f"cluster_replacement.related: no config of this release is in `{code}`",
            where=context.config.name,
            hint="Name it under `languages`, with its gold, and let a generator use it.",
        ) from error


def _all_gold(context: MethodContext, settings: _Settings) -> frozenset[str]:
    """Return every sentence of gold, held out or not, in this language and the related ones."""
    every = (context.gold, *_related_gold(context, settings).values())
    return frozenset(
        comparable(example.tokens)
        for gold in every
        for examples in gold.splits.values()
        for example in examples
    )


def _vectors_file(context: MethodContext, settings: _Settings, code: str) -> _File | None:
    path = _path(context.folder, settings.vectors, code)
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(
            f"the word vectors cannot be read: {error.strerror}",
            where=str(path),
            hint="Paths in release.yaml are relative to that file.",
        ) from error
    return _File(path, status.st_size, status.st_mtime_ns)


def _path(folder: Path, name: str | None, code: str) -> Path | None:
    return None if name is None else folder / name.replace("{language}", code)


def _seed_of(context: MethodContext, what: str | int) -> str:
    config = context.config
    return f"{context.seed}/{config.language.code}/{config.generator.method}/{what}"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is now."""

    path: Path
    size: int
    changed: int


@lru_cache(maxsize=_CLUSTERS_TO_REMEMBER)
def _made_clusters(
    languages: _Languages,
    types: tuple[str, ...],
    number: int | None,
    random_state: int,
) -> MentionClusters:
    """Make clusters, once for a run that plans with them and then replaces with them."""
    from .mention_clusters import Corpus, cluster_mentions
    from .word_vectors import vectors_of_corpus

    # One space for all languages: what they share, words and parts of words, brings them together.
    trained = vectors_of_corpus(
        [example.tokens for examples, file in languages if file is None for example in examples], random_state
    )
    corpora = [
        Corpus(examples, trained if file is None else _read_vectors(examples, file.path))
        for examples, file in languages
    ]
    return cluster_mentions(corpora, types, number=number, random_state=random_state)


def _read_vectors(examples: Sequence[Example], path: Path) -> WordVectors:
    """Read the vectors of the words of mentions."""
    from .word_vectors import forms, read_vectors

    wanted = {
        form
        for example in examples
        for mention in example.mentions
        for word in example.tokens[mention.start : mention.end]
        for form in forms(word)
    }
    return read_vectors(path, wanted)
