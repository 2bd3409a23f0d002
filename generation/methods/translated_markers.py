"""Sentences of another language, translated with brackets round their entities.

After EasyProject (Chen et al. 2023). First the entities of sentences with several types are translated alone
(`entities`), each text once; when all are, the sentences with their brackets (`sentences`). What stands
between brackets in a translation gets the labels, and which is which is said by `projection.markers`. Answers
are translations as they came: the journal keeps what a model wrote, and labels are read from it when the
dataset is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ...projection.markers import (
    OWN_BRACKETS,
    Carried,
    Refused,
    SourceEntity,
    Split,
    carry,
    has_brackets,
    mark,
)
from ...schema.example import Example
from ...sources.word_splitting import split_each
from ..calls import Call, Reply
from ..salvage import Found, Salvage
from .carried_gold import Fate, fates_as_json
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT
from .projected_gold import CUT_SHORT
from .shown_gold import words_of_gold
from .translated_gold import (
    SourceGold,
    SourceText,
    TranslationSettings,
    read_translation,
    source_gold,
    translation_settings,
)
from .translation_rounds import TranslationRound, answers_of

ENTITIES = "entities"
SENTENCES = "sentences"

UNREADABLE = "this is no translation"
NOT_TRANSLATED = "not translated yet"

Outcome: TypeAlias = Carried | Refused
"""What became of a sentence."""


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each entity whose type must be found out; then one of each sentence.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model, or a file cannot be read.
    """
    work = _Work(context)
    yield from work.entities.calls
    alone = translated_alone(work.entities)
    if alone is not None:
        yield from work.sentences.datapoint_calls(about_entities(each, alone) for each in work.examples)


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Return how many calls there are in the end."""
    return {SPLIT: _Work(context).entities.end}


def answering(context: MethodContext) -> Answers:
    """Return what translates.

    Raises:
        ReleaseError, DataError: As `plan` does.
        WrongUsageError: If what translates is not installed.
    """
    work = _Work(context)
    return answers_of(work.sentences, work.entities)


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    split = splitter(context)
    done = f"{translated_by(translation_settings(context))} with brackets round its entities"

    def read(call: Call, text: str) -> Salvage:
        if call.step != SENTENCES:
            return NO_SENTENCE
        return salvaged(_outcome(call, text, split), text, done)

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    split = splitter(context)
    answered = {
        call.index: _outcome(call, reply.text or "", split)
        for call, reply in replies_so_far(context)
        if call.step == SENTENCES
    }
    became = (answered.get(place, Refused(NOT_TRANSLATED)) for place in range(len(work.examples)))
    outcomes = [
        Refused(OWN_BRACKETS) if has_brackets(example.tokens) else next(became)
        for example in work.source.examples
    ]
    return as_findings(context, work.settings, work.source, outcomes)


class _Work:
    """What the method does, with the settings of a config.

    Args:
        context: What the data is made from.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """

    def __init__(self, context: MethodContext) -> None:
        self.settings = translation_settings(context)
        self.source = source_gold(context)
        self.examples = [example for example in self.source.examples if not has_brackets(example.tokens)]
        self.sentences = TranslationRound(context, self.settings, marked_texts(self.examples), SENTENCES)
        # Where all entities of a sentence are of one type, nobody asks which is which.
        asked = entity_texts(
            example for example in self.examples if len({each.type for each in example.mentions}) > 1
        )
        # They come first and are numbered last: further gold changes the numbers that come behind, and
        # sentences take longer to translate anew.
        self.entities = TranslationRound(context, self.settings, asked, ENTITIES, first=self.sentences.end)


def marked_texts(examples: Iterable[Example]) -> list[SourceText]:
    """Return sentences with brackets round their entities, as they are translated."""
    return [SourceText(mark(example.tokens, example.mentions), example.id) for example in examples]


def entity_texts(examples: Iterable[Example]) -> list[SourceText]:
    """Return the entities of sentences, as they are translated alone: each text once."""
    found: dict[str, SourceText] = {}
    for example in examples:
        for entity in _entities(example):
            found.setdefault(entity, SourceText(entity, example.id))
    return list(found.values())


def translated_alone(entities: TranslationRound) -> Mapping[str, str] | None:
    """Return the translations of entities alone, as far as they are complete; None while some are missing."""
    replies = entities.context.rounds.answers(entities.calls) if entities.calls else []
    if replies is None:
        return None
    found = zip(entities.texts, map(read_translation, replies), strict=True)
    return {
        text.text: translation.text
        for text, translation in found
        if translation is not None and translation.is_complete
    }


def about_entities(example: Example, alone: Mapping[str, str]) -> dict[str, Any]:
    """Return what must be known of a sentence to label its translation: `entities_of` reads it."""
    texts = _entities(example)
    return {
        "entities": [
            [mention.type, text, alone.get(text, "")]
            for mention, text in zip(example.mentions, texts, strict=True)
        ]
    }


def entities_of(call: Call) -> list[SourceEntity]:
    """Return the entities of the sentence that a call is about."""
    return [SourceEntity(*entity) for entity in call.about["entities"]]


def splitter(context: MethodContext) -> Split:
    """Return what splits translations into words, as gold of the config's language has them."""
    known = words_of_gold(context.gold.splits.get(SPLIT, ()))
    return lambda texts: split_each(texts, known)


def complete_text(text: str) -> str | Refused:
    """Return the translation that is the answer to a call, or why there is none."""
    translation = read_translation(Reply(text, text, None, {}, None, None, 0, 0))
    if translation is None:
        return Refused(UNREADABLE)
    return translation.text if translation.is_complete else Refused(CUT_SHORT)


def translated_by(settings: TranslationSettings) -> str:
    """Return what is to be said of every sentence in provenance."""
    return f"translated from {settings.source} by {settings.model_name}"


def salvaged(outcome: Outcome, text: str, done: str) -> Salvage:
    """Return the datapoint that a sentence became, or why it became none.

    Args:
        outcome: What became of it.
        text: The answer.
        done: What was done, for provenance.
    """
    if isinstance(outcome, Refused):
        found = Found(0, None, None, "json", outcome.reason, text)
    else:
        ways = Counter(outcome.known_by)
        known = "; ".join(f"{count} by {way}" for way, count in sorted(ways.items())) or "none"
        value = {"operation": f"{done}; types known: {known}"}
        found = Found(0, list(outcome.words), list(outcome.tags), "json", None, value)
    return Salvage([found], Counter(), [], strict=True)


NO_SENTENCE = Salvage([], Counter(), [], strict=True)
"""What is in an answer that only serves other calls."""


def replies_so_far(context: MethodContext) -> Iterator[tuple[Call, Reply]]:
    """Yield the planned calls that are answered, with their replies."""
    for call in context.rounds.planned(context.config.name):
        (reply,) = context.rounds.answers([call]) or [None]
        if reply is not None:
            yield call, reply


def as_findings(
    context: MethodContext,
    settings: TranslationSettings,
    source: SourceGold,
    outcomes: Iterable[Outcome],
) -> dict[str, Any]:
    """Return what is to be known of sentences and their entities, for the manifest.

    Args:
        context: What the data is made from.
        settings: What translated.
        source: The source.
        outcomes: What became of each of its sentences, in order.
    """
    became = list(outcomes)
    fates = (
        Fate.of_none(example, outcome.reason) if isinstance(outcome, Refused) else Fate()
        for example, outcome in zip(source.examples, became, strict=True)
    )
    known_by = Counter(way for outcome in became if isinstance(outcome, Carried) for way in outcome.known_by)
    return {
        "source_gold": source.as_json(),
        "model": settings.model_name,
        **fates_as_json(context.gold.labels.types, source.examples, fates),
        "known_by": dict(sorted(known_by.items())),
    }


def _entities(example: Example) -> list[str]:
    return [" ".join(example.tokens[mention.start : mention.end]) for mention in example.mentions]


def _outcome(call: Call, text: str, split: Split) -> Outcome:
    translation = complete_text(text)
    if isinstance(translation, Refused):
        return translation
    return carry(translation, entities_of(call), split)
