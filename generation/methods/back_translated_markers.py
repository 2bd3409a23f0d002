"""Sentences of another language, translated as they are, with labels from a translation with brackets.

After Politov et al. (2025), whose program calls it `tgt2tgt`. First all sentences are translated
(`translate`), and their entities alone (`entities`), each text once; then those with entities once more, with
brackets (`sentences`). `projection.back_translated_markers` finds the entities of the translation with
brackets in the one without. Answers are translations as they came, and labels are read from them when the
dataset is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...projection.back_translated_markers import carry_back
from ...projection.markers import OWN_BRACKETS, Refused, Split, has_brackets
from ..calls import Call, Reply
from ..salvage import Salvage
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT
from .projected_gold import TRANSLATE
from .translated_gold import sentences_of, source_gold, translation_settings
from .translated_markers import (
    ENTITIES,
    NO_SENTENCE,
    NOT_TRANSLATED,
    SENTENCES,
    Outcome,
    about_entities,
    as_findings,
    complete_text,
    entities_of,
    entity_texts,
    marked_texts,
    replies_so_far,
    salvaged,
    splitter,
    translated_alone,
    translated_by,
)
from .translation_rounds import TranslationRound, answers_of


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each sentence and each entity; then one of each sentence with brackets.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model, or a file cannot be read.
    """
    work = _Work(context)
    yield from work.plain_calls
    yield from work.entities.calls
    plain = context.rounds.answers(work.plain_calls)
    alone = translated_alone(work.entities)
    if plain is not None and alone is not None:
        yield from work.marked_calls(plain, alone)


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
    return answers_of(work.sentences, work.marked, work.entities)


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    split = splitter(context)
    done = f"{translated_by(translation_settings(context))}, entities found by brackets"

    def read(call: Call, text: str) -> Salvage:
        outcome = _outcome(call, text, split)
        return NO_SENTENCE if outcome is None else salvaged(outcome, text, done)

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    split = splitter(context)
    answered = {
        call.index: _outcome(call, reply.text or "", split) for call, reply in replies_so_far(context)
    }
    number_of_marked = iter(range(work.marked.first, work.marked.end))
    became: list[Outcome] = []
    for place, example in enumerate(work.source.examples):
        if not example.mentions:
            number = place
        elif has_brackets(example.tokens):
            became.append(Refused(OWN_BRACKETS))
            continue
        else:
            number = next(number_of_marked)
        became.append(answered.get(number) or Refused(NOT_TRANSLATED))
    return as_findings(context, work.settings, work.source, became)


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
        self._with_entities = [
            (place, example)
            for place, example in enumerate(self.source.examples)
            if example.mentions and not has_brackets(example.tokens)
        ]
        examples = [example for _, example in self._with_entities]
        # As `translate_train` translates them: whoever has both in a release translates them once.
        plain = sentences_of(self.source.examples)
        self.sentences = TranslationRound(context, self.settings, plain, TRANSLATE)
        self.marked = TranslationRound(
            context, self.settings, marked_texts(examples), SENTENCES, first=self.sentences.end
        )
        self.entities = TranslationRound(
            context, self.settings, entity_texts(examples), ENTITIES, first=self.marked.end
        )

    @cached_property
    def plain_calls(self) -> list[Call]:
        """The calls for sentences as they are; one without entities is a datapoint."""
        return [
            call if example.mentions else replace(call, datapoints=1)
            for call, example in zip(self.sentences.calls, self.source.examples, strict=True)
        ]

    def marked_calls(self, plain: Sequence[Reply | None], alone: Mapping[str, str]) -> Iterator[Call]:
        """Plan the second round.

        Args:
            plain: The answers to `plain_calls`.
            alone: The translations of entities.
        """
        return self.marked.datapoint_calls(
            {**about_entities(example, alone), "plain": _text(plain[place])}
            for place, example in self._with_entities
        )


def _text(reply: Reply | None) -> str:
    return (reply and reply.text) or ""


def _outcome(call: Call, text: str, split: Split) -> Outcome | None:
    """Return what became of a sentence; None for an answer that only serves other calls."""
    if call.step == SENTENCES:
        plain, marked = complete_text(call.about["plain"]), complete_text(text)
        entities = entities_of(call)
    elif call.step == TRANSLATE and call.datapoints:
        plain, marked = complete_text(text), ""
        entities = []
    else:
        return None
    if isinstance(plain, Refused):
        return plain
    if isinstance(marked, Refused):
        return marked
    return carry_back(plain, marked, entities, split)
