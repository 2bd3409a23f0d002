"""Translate-train: labelled sentences of another language, translated, and their labels projected.

Gold train of the source is translated sentence by sentence. When all of it is, the words of the whole
parallel text are aligned at once, as statistics need it, and the labels of each sentence are projected onto
its translation. `docs/methods.md` says what the papers found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ...projection.methods import Projector, projector
from ...projection.outcome import Alignment
from ...schema.errors import ReleaseError, WrongUsageError
from ..calls import Call, canonical_json, sha256
from .given_translations import gold_in_translation
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT
from .projected_gold import (
    TRANSLATE,
    projected_findings,
    projected_reading,
    written_fault,
    written_projection,
)
from .translated_gold import answers_by_step, source_gold
from .translation_alignment import WordAligner, word_aligner

VERSION = 1

PROJECT = "project"

_PROJECTION = "exact"


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each sentence of the source; when these are there, a projection of each.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model, a file cannot be read, or one with translations has not one for
            each sentence of the source.
    """
    work = _Work(context)
    yield from work.gold.translation_calls
    if work.gold.sentences is not None:
        yield from work.projection_calls()


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Return how many calls there are in the end."""
    return {SPLIT: 2 * len(source_gold(context).examples)}


def answering(context: MethodContext) -> Answers:
    """Return what translates, and what projects.

    Raises:
        ReleaseError, DataError: As `plan` does.
        WrongUsageError: If what translates or aligns is not installed.
    """
    work = _Work(context)
    # It would be a pity to learn of it when everything is translated.
    work.aligner.require()
    return answers_by_step({TRANSLATE: work.gold.translations, PROJECT: lambda: work.projections})


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    return projected_reading(context, PROJECT)


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    replies = None
    if work.gold.sentences is not None:
        replies = context.rounds.answers(list(work.projection_calls()))
    return {
        **projected_findings(context, work.gold, replies),
        "aligner": work.aligner.name,
        "projection": {"method": work.projection, **work.parameters},
    }


class _Work:
    """What the method does, with the settings of a config.

    Args:
        context: What the data is made from.

    Attributes:
        gold: Gold of the source, and its translations.
        aligner: Says which words belong together.
        projection: The name of the way of projecting.
        parameters: Its parameters.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """

    def __init__(self, context: MethodContext) -> None:
        self.gold = gold_in_translation(context)
        self.aligner: WordAligner = word_aligner(context)
        value = dict(context.config.generator.method_settings.get("projection", {}))
        self.projection: str = value.pop("method", _PROJECTION)
        self.parameters: Mapping[str, Any] = value
        self._project = _projector(context, self.projection, self.parameters)

    def projection_calls(self) -> Iterator[Call]:
        """Plan the second round: a call for each sentence, whose answer follows from all translations."""
        text = [[each.example.tokens, each.words] for each in self.gold.translated()]
        decides = [
            *(VERSION, self.aligner.decides(), self.projection, self.parameters),
            *(self.gold.translated_by, self.gold.source.language.code, sha256(canonical_json(text))),
        ]
        nothing = [None] * len(text)
        return self.gold.further_calls(step=PROJECT, after=1, decides=decides, about=nothing, datapoints=1)

    def projections(self, calls: Iterable[Call]) -> Iterator[str]:
        """Answer the calls of the second round.

        Raises:
            DataError: If translations are missing, or a model or file cannot be used.
        """
        sentences, source = self.gold.translated(), self.gold.source.language.code
        operation = (
            f"translated from {source} by {self.gold.translated_by}, aligned by {self.aligner.name}, "
            f"projected by {self.projection}"
        )
        for call in calls:
            place = call.index - len(sentences)
            sentence = sentences[place]
            if sentence.fault is not None:
                yield written_fault(sentence.fault)
                continue
            projection = self._project(sentence.example.mentions, self._alignments[place], sentence.words)
            yield written_projection(sentence, projection, operation)

    @cached_property
    def _alignments(self) -> Mapping[int, Alignment]:
        """The alignment of each sentence that has a translation, by its place."""
        aligned = {
            place: (each.example.tokens, each.words)
            for place, each in enumerate(self.gold.translated())
            if each.fault is None
        }
        return dict(zip(aligned, self.aligner.align(list(aligned.values())), strict=True))


def _projector(context: MethodContext, name: str, parameters: Mapping[str, Any]) -> Projector:
    try:
        return projector(name, parameters)
    except WrongUsageError as error:
        raise ReleaseError(
            f"translate_train.projection: {error.message}", where=context.config.name, hint=error.hint
        ) from error
