"""Projection with a tagger of the target's language: its spans are candidates, or it scores candidates.

After Politov et al. (2025). The tagger labels the target by itself. Where it sees mentions says where an
entity may have gone; how likely it takes words for a mention of the entity's type says how well they fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

from ..schema.errors import DataError, WrongUsageError
from ..schema.iob2 import OUTSIDE, Mention, parse_tag
from .candidates import LONGEST, n_grams, probable_spans
from .matched import exact, greedy
from .matching import Row
from .methods import METHODS, projector
from .outcome import NO_CANDIDATE, NOT_ALIGNED, Alignment, ParallelSentence, Projection, labelled
from .scores import AlignScore, Fusion, NerScore

NGRAM, TAGGER = "ngram", "tagger"
"""Candidates: all runs of words, or the mentions that the tagger sees."""

ALIGN, NER, FUSED = "align", "ner", "fused"
"""Scores: by alignments, by the tagger, or by both."""

TOGETHER = 128
"""Sentences that are tagged together."""

Probabilities: TypeAlias = Sequence[Mapping[str, float]]
"""For each word, the probability of each label."""

_FUSION = Fusion()


class Tagger(Protocol):
    """A tagger that says how likely each label is."""

    label_names: tuple[str, ...]

    def probabilities_of(self, sentences: Iterable[Sequence[str]]) -> Sequence[Any]:
        """Return each word's probability of every label: an array with a row a word, a column a label."""
        ...


@dataclass(frozen=True, slots=True)
class Scoring:
    """What entities may be projected to, and what counts.

    Attributes:
        candidates: `NGRAM` or `TAGGER`.
        scores: `ALIGN`, `NER` or `FUSED`.
    """

    candidates: str = NGRAM
    scores: str = ALIGN

    @property
    def needs_tagger(self) -> bool:
        """Whether a tagger takes part."""
        return self.candidates == TAGGER or self.counts_types

    @property
    def counts_types(self) -> bool:
        """Whether it matters which types the tagger knows."""
        return self.scores != ALIGN

    def rows(
        self,
        entities: Sequence[Mention],
        alignment: Alignment,
        target: Sequence[str],
        *,
        probabilities: Probabilities,
    ) -> list[Row]:
        """Return the matching problem of a sentence; what scores nothing is no candidate.

        Args:
            entities: The source entities.
            alignment: Which words are aligned.
            target: The target words.
            probabilities: For each of them, the probability of each label.
        """
        if self.candidates == TAGGER:
            candidates = probable_spans(probabilities)
        else:
            longest = max((entity.end - entity.start for entity in entities), default=0)
            candidates = n_grams(target, max(LONGEST, longest))
        rows: list[Row] = []
        for entity in entities:
            align = AlignScore(entity, alignment, len(target)).of
            ner = NerScore(probabilities, entity.type).of if self.counts_types else _nothing
            scored = (
                (start, end, self._score(align(start, end), ner(start, end))) for start, end in candidates
            )
            most = max(LONGEST, entity.end - entity.start)
            rows.append(
                [
                    (start, end, score)
                    for start, end, score in scored
                    if score > 0 and (self.candidates == TAGGER or end - start <= most)
                ]
            )
        return rows

    def _score(self, align: float, ner: float) -> float:
        if self.scores == ALIGN:
            return align
        if self.scores == NER:
            return ner if ner >= _FUSION.ner_threshold else 0.0
        return _FUSION.of(align, ner, 0.0)


@dataclass(frozen=True, slots=True)
class TaggedProjector:
    """Projects sentences with the help of a tagger. `tagged_projector` makes one.

    Attributes:
        project: `greedy` or `exact`, with its parameters.
        scoring: Candidates and scores.
        tagger: The tagger of the target's language.
        name: What it is called in errors.
    """

    project: Callable[..., Projection]
    scoring: Scoring
    tagger: Tagger
    name: str

    def of(self, sentences: Sequence[ParallelSentence]) -> list[Projection]:
        """Project sentences; the targets of those with entities are tagged together.

        Raises:
            DataError: If the tagger cannot tag them.
        """
        targets = [sentence.target for sentence in sentences if sentence.entities]
        said = iter(self.tagger.probabilities_of(targets) if targets else ())
        return [
            self._projected(sentence, next(said).tolist())
            if sentence.entities
            else labelled([], len(sentence.target), [])
            for sentence in sentences
        ]

    def check_types(self, types: Iterable[str]) -> None:
        """Make sure that the tagger knows one of the types that are projected, where that matters.

        Raises:
            DataError: If it does not.
        """
        wanted = set(types)
        parsed = (parse_tag(label) for label in self.tagger.label_names if label != OUTSIDE)
        known = {parts[1] for parts in parsed if parts and parts[1]}
        if not wanted or known & wanted or not self.scoring.counts_types:
            return
        raise DataError(
            f"the tagger has the types {', '.join(sorted(known)) or 'none'}, and the source has "
            f"{', '.join(sorted(wanted))}",
            where=self.name,
            hint="Its scores are those of labels with the types of the source, by the same names. Rename one "
            f"of them, or score by alignments alone, `{ALIGN}`.",
        )

    def _projected(self, sentence: ParallelSentence, of_words: Sequence[Sequence[float]]) -> Projection:
        labels = self.tagger.label_names
        probabilities = [dict(zip(labels, of_word, strict=True)) for of_word in of_words]
        rows = partial(self.scoring.rows, probabilities=probabilities)
        projection = self.project(sentence.entities, sentence.alignment, sentence.target, rows=rows)
        if self.scoring.scores != NER:
            return projection
        # Nobody asked whether it is aligned.
        dropped = [
            (number, NO_CANDIDATE if reason == NOT_ALIGNED else reason)
            for number, reason in projection.dropped
        ]
        return replace(projection, dropped=tuple(dropped))


def check_matches(method: str) -> None:
    """Make sure that a method matches entities with candidates, which a tagger can choose or score.

    Raises:
        WrongUsageError: If it does not.
    """
    matching = [name for name, each in METHODS.items() if each.project in (greedy, exact)]
    if method not in matching:
        raise WrongUsageError(
            f"the method `{method}` has no candidates, and no use for a tagger",
            hint=f"Take {' or '.join(f'`{name}`' for name in matching)}, or leave candidates, scores and the "
            "tagger out.",
        )


def tagged_projector(
    method: str, parameters: Mapping[str, object], scoring: Scoring, tagger: Tagger, name: str
) -> TaggedProjector:
    """Return a method with its parameters set, and with a tagger.

    Raises:
        WrongUsageError: If there is no such method, it has no such parameter, or no use for a tagger.
    """
    project = projector(method, parameters)
    check_matches(method)
    return TaggedProjector(project, scoring, tagger, name)


def _nothing(_start: int, _end: int) -> float:
    return 0.0
