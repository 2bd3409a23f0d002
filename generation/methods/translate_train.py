"""Translate-train: labelled sentences of another language, translated, and their labels projected.

Gold train of the source is translated sentence by sentence. When all of it is, the words of the whole
parallel text are aligned at once, as statistics need it, and the labels of each sentence are projected onto
its translation. `docs/methods.md` says what the papers found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ...projection.outcome import Alignment, ParallelSentence
from ..calls import Call, canonical_json, sha256
from .given_translations import KEY, GivenTranslations, gold_in_translation
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT, in_blocks
from .projected_gold import (
    TRANSLATE,
    TranslatedGold,
    projected_findings,
    projected_reading,
    read_answer,
    written_fault,
    written_projection,
)
from .projecting import Projecting, projecting
from .translated_gold import answers_by_step, check_source, source_gold
from .translation_alignment import WordAligner, word_aligner

VERSION = 1

PROJECT = "project"

# How many pairs of an entity and a candidate the translation model could not read, in an answer.
_UNREAD = "unread"


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each sentence of the source; when these are there, a projection of each.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model, a file cannot be read, or one with translations has not one for
            each sentence of the source.
    """
    work = _Work(context)
    yield from work.gold.planned(work.projection_calls)


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
    work.projecting.require()
    return answers_by_step({TRANSLATE: work.gold.translations, PROJECT: lambda: work.projections})


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    return projected_reading(context, PROJECT)


def check(context: MethodContext) -> None:
    """Make sure that there is gold of the source, and of its translations what is a file; no model.

    Raises:
        ReleaseError, DataError: As `plan` does.
    """
    if KEY in context.config.generator.method_settings:
        GivenTranslations(context)
    else:
        check_source(context)


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    replies = work.gold.answered(work.projection_calls)
    projection = work.projecting.named.as_json()
    if replies is not None and work.projecting.translator is not None:
        read = [read_answer((reply and reply.text) or "") for reply in replies]
        projection["unread"] = sum(each[_UNREAD] for each in read if isinstance(each.get(_UNREAD), int))
    return {
        **projected_findings(context, work.gold, replies),
        "aligner": work.aligner.name,
        "projection": projection,
    }


class _Work:
    """What the method does, with the settings of a config.

    Args:
        context: What the data is made from.

    Attributes:
        gold: Gold of the source, and its translations.
        aligner: Says which words belong together.
        projecting: How labels are projected.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """

    def __init__(self, context: MethodContext) -> None:
        self.gold = gold_in_translation(context)
        self.aligner: WordAligner = word_aligner(context)
        translates = self.gold.settings.model if isinstance(self.gold, TranslatedGold) else None
        self.projecting: Projecting = projecting(context, translates)

    def projection_calls(self) -> Iterator[Call]:
        """Plan the second round: a call for each sentence, whose answer follows from all translations."""
        text = [[each.example.tokens, each.words] for each in self.gold.translated()]
        decides = [
            *(VERSION, self.aligner.decides(), *self.projecting.named.decides()),
            *(self.gold.translated_by, self.gold.source.language.code, sha256(canonical_json(text))),
        ]
        return self.gold.further_calls(step=PROJECT, after=1, decides=decides, datapoints=1)

    def projections(self, calls: Iterable[Call]) -> Iterator[str]:
        """Answer the calls of the second round.

        Raises:
            DataError: If translations are missing, or a model or file cannot be used.
        """
        sentences, source = self.gold.translated(), self.gold.source.language.code
        operation = (
            f"translated from {source} by {self.gold.translated_by}, aligned by {self.aligner.name}, "
            f"projected by {self.projecting.named.described}"
        )
        together = self.projecting.together
        for start, asked in in_blocks(calls, together, first=len(sentences)):
            written = self._written(range(start, min(start + together, len(sentences))), operation)
            for call in asked:
                yield written[call.index - len(sentences)]

    def _written(self, places: Iterable[int], operation: str) -> dict[int, str]:
        """Project the sentences of a block; return the answers by their places."""
        sentences = {place: self.gold.translated()[place] for place in places}
        usable = [place for place, sentence in sentences.items() if sentence.fault is None]
        projections = self.projecting.of(
            [
                ParallelSentence(
                    sentences[place].example.mentions,
                    self._alignments[place],
                    sentences[place].words,
                    sentences[place].example.tokens,
                )
                for place in usable
            ]
        )
        written = {
            place: written_projection(
                sentences[place],
                projection,
                operation,
                **({_UNREAD: projection.unread} if projection.unread else {}),
            )
            for place, projection in zip(usable, projections, strict=True)
        }
        faults = {
            place: written_fault(sentence.fault)
            for place, sentence in sentences.items()
            if sentence.fault is not None
        }
        return {**written, **faults}

    @cached_property
    def _alignments(self) -> Mapping[int, Alignment]:
        """The alignment of each sentence that has a translation, by its place."""
        aligned = {
            place: (each.example.tokens, each.words)
            for place, each in enumerate(self.gold.translated())
            if each.fault is None
        }
        return dict(zip(aligned, self.aligner.align(list(aligned.values())), strict=True))
