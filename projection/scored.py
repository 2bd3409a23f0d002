"""Projection by matching under scores of several kinds: alignments, a tagger, and a translation model.

After Politov et al. (2025). A tagger of the target's language labels the target by itself: where it sees
mentions says where an entity may have gone, and how likely it takes words for a mention of the entity's type
says how well they fit. A multilingual translation model says how well words of the target translate an
entity (`translation_scores`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from ..schema.errors import DataError, WrongUsageError
from ..schema.iob2 import OUTSIDE, Mention, parse_tag
from .candidates import LONGEST, n_grams, n_grams_like, probable_spans
from .matched import exact, greedy
from .matching import Row
from .methods import METHODS, projector
from .outcome import NO_CANDIDATE, NOT_ALIGNED, ParallelSentence, Projection, labelled
from .scores import AlignScore, Fusion, NerScore
from .translation_scores import Pair, TranslationScores

NGRAM, TAGGER = "ngram", "tagger"
"""Candidates: runs of words, or the mentions that the tagger sees."""

ALIGN, NER, NMT, FUSED = "align", "ner", "nmt", "fused"
"""Scores: by alignments, by the tagger, by the translation model, or all that there are of these."""

NO_TAGGER = "there is no tagger to choose candidates or to score them"
NO_TRANSLATOR = "there is no translation model to score candidates"
NOTHING_TO_FUSE = "there is nothing to fuse with alignments: neither a tagger nor a translation model"
UNUSED_TAGGER = "the tagger has no use: it neither chooses candidates nor scores them"
UNUSED_TRANSLATOR = "the translation model has no use: it does not score candidates"

TOGETHER = 128
"""Sentences that are tagged together."""

TOGETHER_TRANSLATED = 16
"""Sentences whose candidates a translation model scores together: thousands of pairs."""

Probabilities: TypeAlias = Sequence[Mapping[str, float]]
"""For each word, the probability of each label."""

_Span: TypeAlias = tuple[int, int]

_FUSIONS: Mapping[str, Fusion] = MappingProxyType(
    {
        ALIGN: Fusion(align_weight=1.0, ner_weight=0.0, nmt_weight=0.0),
        NER: Fusion(align_weight=0.0, ner_weight=1.0, nmt_weight=0.0),
        NMT: Fusion(align_weight=0.0, ner_weight=0.0, nmt_weight=1.0),
        FUSED: Fusion(),
    }
)


class Tagger(Protocol):
    """A tagger that says how likely each label is."""

    label_names: tuple[str, ...]

    def probabilities_of(self, sentences: Iterable[Sequence[str]]) -> Sequence[Any]:
        """Return each word's probability of every label: an array with a row a word, a column a label."""
        ...


@dataclass(frozen=True, slots=True)
class NamedTagger:
    """A tagger of the target's language, and what it is called in errors and reports."""

    tagger: Tagger
    name: str


@dataclass(frozen=True, slots=True)
class NamedTranslator:
    """A translation model that scores, and what is reported of it.

    Attributes:
        scores: Scores pairs of texts.
        name: The name of the model.
        revision: What it is exactly, where that is known.
        languages: The codes of the source and of the target language, as the model writes them.
    """

    scores: TranslationScores
    name: str
    revision: str | None
    languages: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scoring:
    """What entities may be projected to, and what counts.

    Attributes:
        candidates: `NGRAM` or `TAGGER`.
        scores: `ALIGN`, `NER`, `NMT` or `FUSED`.
    """

    candidates: str = NGRAM
    scores: str = ALIGN

    def fault(self, *, tagger: bool, translator: bool) -> str | None:
        """Return what is wrong with what there is to score with; None if nothing is.

        Args:
            tagger: Whether there is a tagger.
            translator: Whether there is a translation model.
        """
        if not tagger and (self.candidates == TAGGER or self.scores == NER):
            return NO_TAGGER
        if not translator and self.scores == NMT:
            return NO_TRANSLATOR
        if not tagger and not translator and self.scores == FUSED:
            return NOTHING_TO_FUSE
        if tagger and self.candidates != TAGGER and self.scores not in (NER, FUSED):
            return UNUSED_TAGGER
        if translator and self.scores not in (NMT, FUSED):
            return UNUSED_TRANSLATOR
        return None

    def parts(self, *, tagger: bool, translator: bool) -> tuple[str, ...]:
        """Return the scores that go in: fused are those by alignments and by all that there is besides."""
        if self.scores != FUSED:
            return (self.scores,)
        return (ALIGN, *[NER] * tagger, *[NMT] * translator)

    def weights(self, *, tagger: bool, translator: bool) -> dict[str, dict[str, float]]:
        """Return the weight of each score that goes in, and below what it counts nothing."""
        how = asdict(_FUSIONS[self.scores])
        return {
            part: {"weight": how[f"{part}_weight"], "threshold": how.get(f"{part}_threshold", 0.0)}
            for part in self.parts(tagger=tagger, translator=translator)
        }


@dataclass(frozen=True, slots=True)
class ScoredProjector:
    """Projects sentences under scores of several kinds. `scored_projector` makes one.

    Attributes:
        project: `greedy` or `exact`, with its parameters.
        scoring: Candidates and scores.
        tagger: The tagger of the target's language; None where none takes part.
        translator: The translation model; None where none takes part.
    """

    project: Callable[..., Projection]
    scoring: Scoring
    tagger: NamedTagger | None = None
    translator: NamedTranslator | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The scores that go in."""
        return self.scoring.parts(tagger=self.tagger is not None, translator=self.translator is not None)

    @property
    def together(self) -> int:
        """How many sentences are best projected at once."""
        return TOGETHER if self.translator is None else TOGETHER_TRANSLATED

    def of(self, sentences: Sequence[ParallelSentence]) -> list[Projection]:
        """Project sentences; those with entities are tagged and scored together.

        Raises:
            DataError: If the tagger cannot tag them, or the translation model has not enough memory.
        """
        asked = [sentence for sentence in sentences if sentence.entities]
        said = self._said(asked)
        spans = [self._spans(sentence, of_one) for sentence, of_one in zip(asked, said, strict=True)]
        translated = self._translated(asked, spans)
        projections = (
            self._projected(sentence, of_one, self._rows(sentence, of_one, of_tagger, translated), translated)
            for sentence, of_one, of_tagger in zip(asked, spans, said, strict=True)
        )
        return [
            next(projections) if sentence.entities else labelled([], len(sentence.target), [])
            for sentence in sentences
        ]

    def check_types(self, types: Iterable[str]) -> None:
        """Make sure that the tagger knows one of the types that are projected, where that matters.

        Raises:
            DataError: If it does not.
        """
        if self.tagger is None or NER not in self.parts:
            return
        wanted = set(types)
        parsed = (parse_tag(label) for label in self.tagger.tagger.label_names if label != OUTSIDE)
        known = {parts[1] for parts in parsed if parts and parts[1]}
        if not wanted or known & wanted:
            return
        raise DataError(
            f"the tagger has the types {', '.join(sorted(known)) or 'none'}, and the source has "
            f"{', '.join(sorted(wanted))}",
            where=self.tagger.name,
            hint="Its scores are those of labels with the types of the source, by the same names. Rename one "
            f"of them, or score without the tagger, by `{ALIGN}` for example.",
        )

    def as_json(self) -> dict[str, Any]:
        """Return what is reported of it."""
        tagger, translator = self.tagger, self.translator
        return {
            "candidates": self.scoring.candidates,
            "scores": self.scoring.weights(tagger=tagger is not None, translator=translator is not None),
            "tagger": tagger and tagger.name,
            "translator": translator
            and {
                "model": translator.name,
                "revision": translator.revision,
                "languages": list(translator.languages),
            },
        }

    def _said(self, sentences: Sequence[ParallelSentence]) -> Sequence[Probabilities]:
        """Return what the tagger says of each sentence: nothing, where none takes part."""
        if self.tagger is None or not sentences:
            return [()] * len(sentences)
        labels = self.tagger.tagger.label_names
        return [
            [dict(zip(labels, of_word, strict=True)) for of_word in of_sentence.tolist()]
            for of_sentence in self.tagger.tagger.probabilities_of(each.target for each in sentences)
        ]

    def _spans(self, sentence: ParallelSentence, said: Probabilities) -> list[list[_Span]]:
        """Return the candidates of each entity."""
        if self.scoring.candidates == TAGGER:
            return [probable_spans(said)] * len(sentence.entities)
        if NMT in self.parts:
            return [
                n_grams_like(sentence.source[entity.start : entity.end], sentence.target)
                for entity in sentence.entities
            ]
        return [
            n_grams(sentence.target, max(LONGEST, entity.end - entity.start)) for entity in sentence.entities
        ]

    def _translated(
        self, sentences: Sequence[ParallelSentence], spans: Sequence[Sequence[Sequence[_Span]]]
    ) -> Mapping[Pair, float]:
        """Return the scores by translation of all pairs that the model can read."""
        if self.translator is None:
            return {}
        scores = self.translator.scores
        pairs = dict.fromkeys(
            pair
            for sentence, of_sentence in zip(sentences, spans, strict=True)
            for entity, of_entity in zip(sentence.entities, of_sentence, strict=True)
            for pair in _pairs(sentence, entity, of_entity)
        )
        return scores.of(scores.readable(pairs))

    def _rows(
        self,
        sentence: ParallelSentence,
        spans: Sequence[Sequence[_Span]],
        said: Probabilities,
        translated: Mapping[Pair, float],
    ) -> list[Row]:
        """Return the matching problem of a sentence; what scores nothing is no candidate."""
        parts, fusion = self.parts, _FUSIONS[self.scoring.scores]
        rows: list[Row] = []
        for entity, of_entity in zip(sentence.entities, spans, strict=True):
            align = AlignScore(entity, sentence.alignment, len(sentence.target)).of
            ner = NerScore(said, entity.type).of if NER in parts else _nothing
            nmt = (
                [translated.get(pair, 0.0) for pair in _pairs(sentence, entity, of_entity)]
                if NMT in parts
                else [0.0] * len(of_entity)
            )
            scored = (
                (start, end, fusion.of(align(start, end), ner(start, end), by_translation))
                for (start, end), by_translation in zip(of_entity, nmt, strict=True)
            )
            rows.append([candidate for candidate in scored if candidate[2] > 0])
        return rows

    def _projected(
        self,
        sentence: ParallelSentence,
        spans: Sequence[Sequence[_Span]],
        rows: Sequence[Row],
        translated: Mapping[Pair, float],
    ) -> Projection:
        projection = self.project(
            sentence.entities, sentence.alignment, sentence.target, rows=lambda *_sentence: rows
        )
        if NMT in self.parts:
            unread = sum(
                pair not in translated
                for entity, of_entity in zip(sentence.entities, spans, strict=True)
                for pair in _pairs(sentence, entity, of_entity)
            )
            projection = replace(projection, unread=unread)
        if ALIGN in self.parts:
            return projection
        # Nobody asked whether it is aligned.
        dropped = [
            (number, NO_CANDIDATE if reason == NOT_ALIGNED else reason)
            for number, reason in projection.dropped
        ]
        return replace(projection, dropped=tuple(dropped))


def check_matches(method: str) -> None:
    """Make sure that a method matches entities with candidates, which can be chosen and scored.

    Raises:
        WrongUsageError: If it does not.
    """
    matching = [name for name, each in METHODS.items() if each.project in (greedy, exact)]
    if method not in matching:
        raise WrongUsageError(
            f"the method `{method}` has no candidates, and no use for what chooses or scores them",
            hint=f"Take {' or '.join(f'`{name}`' for name in matching)}, or leave candidates, scores, tagger "
            "and translation model out.",
        )


def scored_projector(
    method: str,
    parameters: Mapping[str, object],
    scoring: Scoring,
    *,
    tagger: NamedTagger | None = None,
    translator: NamedTranslator | None = None,
) -> ScoredProjector:
    """Return a method with its parameters set, and with what chooses and scores candidates.

    Raises:
        WrongUsageError: If there is no such method, it has no such parameter or no candidates, or a tagger or
            a translation model is missing or has no use.
    """
    project = projector(method, parameters)
    check_matches(method)
    fault = scoring.fault(tagger=tagger is not None, translator=translator is not None)
    if fault is not None:
        raise WrongUsageError(fault)
    return ScoredProjector(project, scoring, tagger, translator)


def _pairs(sentence: ParallelSentence, entity: Mention, spans: Iterable[_Span]) -> list[Pair]:
    """Return an entity with each of its candidates, as they are translated."""
    text = " ".join(sentence.source[entity.start : entity.end])
    return [(text, " ".join(sentence.target[start:end])) for start, end in spans]


def _nothing(_start: int, _end: int) -> float:
    return 0.0
