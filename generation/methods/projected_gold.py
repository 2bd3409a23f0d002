"""Rounds that follow the translation of gold: what methods share that label translations one by one.

The first round translates each sentence of the source (`translated_gold`). Further rounds have a call for
each sentence, too; the last one answers with the labelled translation, or why there is none.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...projection.outcome import Projection
from ...schema.errors import DataError
from ...schema.example import Example
from ...schema.methods import OFFLINE
from ..calls import Call, Reply, canonical_json, sha256
from ..salvage import Found, Salvage
from .carried_gold import Fate, fates_as_json
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT, gold_as_json
from .shown_gold import words_of_gold
from .translated_gold import (
    TOGETHER,
    read_translation,
    sentences_of,
    source_gold,
    translated_words,
    translation_settings,
)
from .translation_rounds import TranslationRound

TRANSLATE = "translate"
"""The step of the first round."""

COMPLETE, ALL = "complete", "all"
"""Whether sentences that lost an entity are kept: not by default."""

CUT_SHORT = "the translation is cut short"
EMPTY = "the translation is empty"
TOO_LONG = "longer than the model can read"
UNREADABLE = "this is no labelled translation"


@dataclass(frozen=True, slots=True)
class TranslatedSentence:
    """A sentence of the source, and its translation.

    Attributes:
        example: The sentence.
        words: The words of the translation; none where there is no use in it.
        fault: Why there is no use in it; None if there is.
    """

    example: Example
    words: tuple[str, ...]
    fault: str | None = None


class GoldInTranslation(ABC):
    """Gold of the source, its translations, and the rounds that follow.

    Args:
        context: What the data is made from.

    Attributes:
        source: Gold of the source.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If gold cannot be used.
    """

    def __init__(self, context: MethodContext) -> None:
        self._context = context
        self.source = source_gold(context)

    @property
    @abstractmethod
    def translated_by(self) -> str:
        """What the translations are from, in a word: the name of a model or of a file."""

    @abstractmethod
    def about(self) -> Mapping[str, Any]:
        """Return what findings say of where the translations are from."""

    @abstractmethod
    def plan(self) -> Iterable[Call]:
        """Plan the calls of the first round: one a sentence."""

    @abstractmethod
    def translations(self) -> Answers:
        """Return what answers the calls of the first round."""

    @abstractmethod
    def read(self, example: Example, reply: Reply | None, known: Collection[str]) -> TranslatedSentence:
        """Read the answer to a call of the first round.

        Args:
            example: The sentence of the source.
            reply: The answer.
            known: Words that stay whole, those of gold.
        """

    @cached_property
    def translation_calls(self) -> list[Call]:
        """The calls of the first round."""
        return list(self.plan())

    @cached_property
    def sentences(self) -> list[TranslatedSentence] | None:
        """The sentences with their translations; None while these are missing."""
        replies = self._context.rounds.answers(self.translation_calls)
        if replies is None:
            return None
        known = words_of_gold(self._context.gold.splits.get(SPLIT, ()))
        return [
            self.read(example, reply, known)
            for example, reply in zip(self.source.examples, replies, strict=True)
        ]

    def translated(self) -> list[TranslatedSentence]:
        """Return the sentences with their translations, to a round that needs them.

        Raises:
            DataError: If translations are missing.
        """
        if self.sentences is None:
            raise answers_are_missing(self._context)
        return self.sentences

    def planned(self, further: Callable[[], Iterable[Call]]) -> Iterator[Call]:
        """Plan the first round; when translations are there, what follows.

        Args:
            further: Plans the rounds that follow.
        """
        yield from self.translation_calls
        if self.sentences is not None:
            yield from further()

    def answered(self, further: Callable[[], Iterable[Call]]) -> Sequence[Reply | None] | None:
        """Return the answers to the calls of a further round; None while it has not ended.

        Args:
            further: Plans it.
        """
        return None if self.sentences is None else self._context.rounds.answers(list(further()))

    def further_calls(
        self,
        *,
        step: str,
        after: int,
        decides: Sequence[Any],
        about: Sequence[Any] | None = None,
        datapoints: int = 0,
    ) -> Iterator[Call]:
        """Plan a further round: a call for each sentence.

        Args:
            step: What its calls are for.
            after: How many rounds come before it.
            decides: What decides all answers, as JSON values.
            about: What decides the answer to each call besides the sentence and its translation, likewise;
                by default nothing does.
            datapoints: Datapoints of an answer.

        Raises:
            DataError: If translations are missing.
        """
        sentences = self.translated()
        method, count = self._context.config.generator.method, len(sentences)
        about = [None] * count if about is None else about
        for start in range(0, count, TOGETHER):
            block = sentences[start : start + TOGETHER]
            of_block = [
                *(step, decides, gold_as_json(each.example for each in block)),
                *([[each.words, each.fault] for each in block], about[start : start + TOGETHER]),
            ]
            address = f"method:{method}#{sha256(canonical_json(of_block))}"
            for place, each in enumerate(block, start):
                yield Call(
                    config=self._context.config.name,
                    split=SPLIT,
                    index=after * count + place,
                    engine=OFFLINE,
                    model=self._context.config.generator.model,
                    messages=(),
                    schema=None,
                    sampling={},
                    base_url=address,
                    seed_ids=(each.example.id,),
                    seed_revision=self.source.revision,
                    datapoints=datapoints,
                    step=step,
                )


class TranslatedGold(GoldInTranslation):
    """Gold of the source, translated by a model.

    Args:
        context: What the data is made from.

    Attributes:
        settings: What translates.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """

    def __init__(self, context: MethodContext) -> None:
        self.settings = translation_settings(context)
        super().__init__(context)
        texts = sentences_of(self.source.examples)
        self._round = TranslationRound(context, self.settings, texts, TRANSLATE)

    @property
    def translated_by(self) -> str:
        """The name of the model."""
        return self.settings.model_name

    def about(self) -> Mapping[str, Any]:
        """Return the name of the model, for findings."""
        return {"model": self.settings.model_name}

    def plan(self) -> Iterable[Call]:
        """Plan the calls of the first round: one a sentence."""
        return self._round.calls

    def translations(self) -> Answers:
        """Return what answers the calls of the first round."""
        return self._round.answers()

    def read(self, example: Example, reply: Reply | None, known: Collection[str]) -> TranslatedSentence:
        """Read a translation and split it into words."""
        translation = read_translation(reply)
        if translation is None or not translation.is_complete:
            return TranslatedSentence(example, (), CUT_SHORT)
        words = tuple(translated_words(translation.text, known))
        return TranslatedSentence(example, words, None if words else EMPTY)


def answers_are_missing(context: MethodContext) -> DataError:
    """Return the error of a round whose calls are answered before those of an earlier one."""
    return DataError(
        "answers of an earlier round are missing",
        where=context.config.name,
        hint="Run `synthner generate` again, which makes them.",
    )


def written_projection(
    sentence: TranslatedSentence, projection: Projection, operation: str, **more: Any
) -> str:
    """Write a labelled translation as the answer to a call.

    Args:
        sentence: The sentence.
        projection: Its labels.
        operation: What was done, for provenance; how many entities arrived is added.
        more: What else the journal keeps, as JSON values.
    """
    entities = sentence.example.mentions
    arrived = len(entities) - len(projection.dropped)
    value = {
        "tokens": list(sentence.words),
        "ner_tags": projection.tags,
        "operation": f"{operation}: {arrived} of {len(entities)} entities",
        "lost": [[place, entities[place].type, reason] for place, reason in projection.dropped],
        **more,
    }
    return json.dumps(value, ensure_ascii=False)


def written_fault(reason: str) -> str:
    """Write why a sentence has no labelled translation as the answer to a call."""
    return json.dumps({"fault": reason}, ensure_ascii=False)


def projected_reading(context: MethodContext, step: str) -> Reading:
    """Return what reads answers: a labelled translation, or why there is none.

    Args:
        context: What the data is made from.
        step: The step whose answers are labelled translations.
    """
    keep = keeping(context)

    def read(call: Call, text: str) -> Salvage:
        if call.step != step:
            return Salvage([], Counter(), [], strict=True)
        value = read_answer(text)
        if not value:
            found = Found(0, None, None, "json", UNREADABLE, text)
        else:
            found = Found(0, value.get("tokens"), value.get("ner_tags"), "json", _why_not(value, keep), value)
        return Salvage([found], Counter(), [], strict=True)

    return read


def projected_findings(
    context: MethodContext, work: GoldInTranslation, replies: Sequence[Reply | None] | None
) -> dict[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type.

    Args:
        context: What the data is made from.
        work: The sentences.
        replies: The answers of the last round; None while it has not ended.
    """
    keep = keeping(context)
    found = {"source_gold": work.source.as_json(), **work.about(), "keep": keep}
    if replies is None:
        return found
    fates = (
        _fate(example, read_answer((reply and reply.text) or "") or {"fault": UNREADABLE}, keep)
        for example, reply in zip(work.source.examples, replies, strict=True)
    )
    return {**found, **fates_as_json(context.gold.labels.types, work.source.examples, fates)}


def keeping(context: MethodContext) -> str:
    """Return whether sentences that lost an entity are kept."""
    return context.config.generator.method_settings.get("keep", COMPLETE)


def read_answer(text: str) -> Mapping[str, Any]:
    """Read the answer to a call; nothing is in it if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fate(example: Example, value: Mapping[str, Any], keep: str) -> Fate:
    """Return what became of a sentence, by the answer to its call."""
    if "fault" in value:
        return Fate.of_none(example, str(value["fault"]))
    return Fate(_why_not(value, keep), _lost(value))


def _why_not(value: Mapping[str, Any], keep: str) -> str | None:
    """Return why a labelled translation is not kept; None if it is."""
    if "fault" in value:
        return str(value["fault"])
    lost = _lost(value)
    return f"an entity is lost: {lost[min(lost)]}" if lost and keep != ALL else None


def _lost(value: Mapping[str, Any]) -> dict[int, str]:
    """Return the reasons why entities were lost, by their places; what is written otherwise is none."""
    lost = value.get("lost")
    return {
        each[0]: str(each[2])
        for each in (lost if isinstance(lost, list) else ())
        if isinstance(each, list) and len(each) == 3 and isinstance(each[0], int)
    }
