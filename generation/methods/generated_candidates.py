"""Gold of another language, translated, and labelled by what a model takes for entities of the translation.

After T-Projection (García-Ferrero et al. 2023). Sentences are translated (`translate`). A model that was
fine-tuned on labelled sentences writes candidates for the entities of a translation (`generate`), given their
types in the source. Candidates that stand in the translation are scored by how well they translate the
source's entities, and each entity takes the best that is free (`match`).
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...projection.candidate_generation import BEAMS, SENTENCE, SLOTS, TYPE, CandidateGenerator, Prompt
from ...projection.generated import Words, best_free, generated_candidates
from ...projection.model_folders import NamedModel
from ...projection.outcome import labelled
from ...projection.translation import (
    BATCH_SIZE,
    TranslationModel,
    load_translation_model,
    require_scoring_model,
)
from ...projection.translation_scores import TranslationScores
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ..calls import Call, canonical_json
from ..engines.local_models import in_memory
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT, in_blocks
from .projected_gold import (
    TOO_LONG,
    TRANSLATE,
    TranslatedGold,
    TranslatedSentence,
    answers_are_missing,
    projected_findings,
    projected_reading,
    read_answer,
    written_fault,
    written_projection,
)
from .translated_gold import TOGETHER, answers_by_step, source_gold, translation_model
from .typed_mentions import type_names

VERSION = 1

GENERATE, MATCH = "generate", "match"

_ROUNDS = 3
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each sentence of the source; then its candidates; then its labels.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """
    work = _Work(context)
    yield from work.gold.planned(work.further_calls)


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Return how many calls there are in the end."""
    return {SPLIT: _ROUNDS * len(source_gold(context).examples)}


def answering(context: MethodContext) -> Answers:
    """Return what translates, what writes candidates, and what matches them.

    Raises:
        ReleaseError, DataError: As `plan` does.
        WrongUsageError: If the extra `train` is not installed.
    """
    work = _Work(context)
    translate, generate, match = work.gold.translations(), work.generation(), work.matching()
    # It would be a pity to learn of it when everything is translated.
    for model in (work.gold.settings.model, work.generator):
        require_scoring_model(model)
    return answers_by_step({TRANSLATE: lambda: translate, GENERATE: lambda: generate, MATCH: lambda: match})


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    return projected_reading(context, MATCH)


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    replies = None if work.texts is None else work.gold.answered(work.matching_calls)
    return {**projected_findings(context, work.gold, replies), "candidates": work.generator_name}


class _Work:
    """What the method does, with the settings of a config.

    Args:
        context: What the data is made from.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """

    def __init__(self, context: MethodContext) -> None:
        self._context = context
        self.gold = TranslatedGold(context)
        self._value = context.config.generator.method_settings
        settings = self.gold.settings
        if settings.source_code is None or settings.target_code is None:
            source, target = settings.source, context.config.language.code
            raise ReleaseError(
                "the key `generated_candidates.codes` is missing",
                where=context.config.name,
                hint="Candidates are scored by a multilingual model, in both directions and each language by "
                f"itself: `codes: {{{source}: …, {target}: …}}`.",
            )
        self._codes = settings.source_code, settings.target_code
        self.generator = self._named_generator()
        self.generator_name = replace(settings, model=self.generator).model_name
        self._names = self._names_of_types()
        self._check_prompt()

    def further_calls(self) -> Iterator[Call]:
        """Plan the second round; when its answers are there, the third."""
        yield from self._generation_calls
        if self.texts is not None:
            yield from self.matching_calls()

    @cached_property
    def texts(self) -> list[Mapping[str, Any]] | None:
        """The answers of the second round: what was written for each sentence; None while any is missing."""
        replies = self.gold.answered(lambda: self._generation_calls)
        if replies is None:
            return None
        return [read_answer((reply and reply.text) or "") for reply in replies]

    def matching_calls(self) -> Iterator[Call]:
        """Plan the third round.

        Raises:
            DataError: If answers of an earlier one are missing.
        """
        settings = self.gold.settings
        decides = [
            *(VERSION, settings.model.identity(), self._codes, self._names, self._keeps_punctuation),
            *(settings.source, settings.model_name, self.generator_name, self._batch_size),
        ]
        return self.gold.further_calls(
            step=MATCH, after=2, decides=decides, about=self._found_texts(), datapoints=1
        )

    def generation(self) -> Answers:
        """Return what answers the calls of the second round."""
        holder = in_memory(
            canonical_json(["generated_candidates", self.generator.identity()]),
            lambda: load_translation_model(self.generator),
        )

        def answers(calls: Iterable[Call]) -> Iterator[str]:
            sentences = self.gold.translated()
            for block, asked in in_blocks(calls, TOGETHER, len(sentences)):
                written = self._written(sentences[block : block + TOGETHER], holder.get())
                for call in asked:
                    yield written[call.index - len(sentences) - block]

        return answers

    def matching(self) -> Answers:
        """Return what answers the calls of the third round."""
        holder = translation_model(self._context, self.gold.settings)

        def answers(calls: Iterable[Call]) -> Iterator[str]:
            sentences, texts = self.gold.translated(), self._found_texts()
            for block, asked in in_blocks(calls, TOGETHER, 2 * len(sentences)):
                end = block + TOGETHER
                matched = self._matched(sentences[block:end], texts[block:end], holder.get())
                for call in asked:
                    yield matched[call.index - 2 * len(sentences) - block]

        return answers

    @cached_property
    def _generation_calls(self) -> list[Call]:
        """The calls of the second round."""
        decides = [VERSION, self.generator.identity(), self._names, *self._how()]
        return list(self.gold.further_calls(step=GENERATE, after=1, decides=decides))

    def _found_texts(self) -> Sequence[Mapping[str, Any]]:
        """Return the answers of the second round to what needs them."""
        if self.texts is None:
            raise answers_are_missing(self._context)
        return self.texts

    def _written(self, sentences: Sequence[TranslatedSentence], model: TranslationModel) -> list[str]:
        """Return what the model writes for the sentences of a block."""
        generator = CandidateGenerator(model, self._beams, self._batch_size)
        prompts = [self._prompt(sentence) for sentence in sentences]
        usable = [prompt for prompt in prompts if prompt is not None and generator.fits(prompt)]
        texts = dict(zip(usable, generator.texts(usable), strict=True))
        return [json.dumps(_texts_for(prompt, texts), ensure_ascii=False) for prompt in prompts]

    def _matched(
        self,
        sentences: Sequence[TranslatedSentence],
        texts: Sequence[Mapping[str, Any]],
        model: TranslationModel,
    ) -> list[str]:
        """Score the candidates of a block, and label its sentences."""
        scorer = TranslationScores(model, *self._codes, self._batch_size)
        found = [
            self._candidates(sentence, of_one) for sentence, of_one in zip(sentences, texts, strict=True)
        ]
        fit = [
            scorer.fits(" ".join(sentence.example.tokens), " ".join(sentence.words)) for sentence in sentences
        ]
        scores = scorer.of(
            (" ".join(words), " ".join(candidate))
            for sentence, candidates, is_fit in zip(sentences, found, fit, strict=True)
            for words, type_ in self._entities(sentence.example)
            for candidate in candidates.get(type_, ())
            if is_fit
        )
        return [
            self._labelled(sentence, candidates, of_one.get("fault") if is_fit else TOO_LONG, scores)
            for sentence, candidates, of_one, is_fit in zip(sentences, found, texts, fit, strict=True)
        ]

    def _candidates(
        self, sentence: TranslatedSentence, texts: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Words]]:
        types = {name: type_ for type_, name in self._names.items()}
        return generated_candidates(
            texts.get("texts", ()), sentence.words, types, keep_punctuation=self._keeps_punctuation
        )

    def _labelled(
        self,
        sentence: TranslatedSentence,
        candidates: Mapping[str, Sequence[Words]],
        fault: str | None,
        scores: Mapping[tuple[str, str], float],
    ) -> str:
        settings, entities = self.gold.settings, self._entities(sentence.example)
        done = (
            f"translated from {settings.source} by {settings.model_name}, candidates by {self.generator_name}"
        )
        if not entities and sentence.fault is None:
            return written_projection(sentence, labelled([], len(sentence.words), []), done)
        fault = sentence.fault or fault
        if fault is not None:
            return written_fault(fault)
        table: dict[str, dict[str, float]] = {}
        for words, type_ in entities:
            of_entity = table.setdefault(" ".join(words), {})
            for candidate in candidates.get(type_, ()):
                text = " ".join(candidate)
                of_entity[text] = scores[" ".join(words), text]
        projection = best_free(entities, candidates, table, sentence.words)
        rounded = {
            entity: {candidate: round(score, 4) for candidate, score in of_entity.items()}
            for entity, of_entity in table.items()
        }
        return written_projection(sentence, projection, done, scores=rounded)

    def _entities(self, example: Example) -> list[tuple[Words, str]]:
        """Return the entities of a sentence of the source as they are scored, with their types."""
        written = [
            (" ".join(example.tokens[mention.start : mention.end]), mention.type)
            for mention in example.mentions
        ]
        if not self._keeps_punctuation:
            written = [(text.translate(_NO_PUNCTUATION), type_) for text, type_ in written]
        return [(tuple(text.split()), type_) for text, type_ in written]

    @cached_property
    def _keeps_punctuation(self) -> bool:
        """Whether punctuation is part of candidates: only where it is a word of some entity."""
        return any(
            not token.translate(_NO_PUNCTUATION)
            for example in self.gold.source.examples
            for mention in example.mentions
            for token in example.tokens[mention.start : mention.end]
        )

    def _prompt(self, sentence: TranslatedSentence) -> str | None:
        """Return what the model is asked about a sentence; None where there is nothing to ask."""
        if sentence.fault is not None or not sentence.example.mentions:
            return None
        names = [self._names[mention.type] for mention in sentence.example.mentions]
        return self._form.of(sentence.words, names)

    @property
    def _form(self) -> Prompt:
        usual = Prompt()
        return Prompt(self._value.get("prompt", usual.whole), self._value.get("slot", usual.slot))

    def _how(self) -> list[Any]:
        """Return what of the settings decides what the model writes, as JSON values."""
        return [self._form.whole, self._form.slot, self._beams, self._batch_size]

    @property
    def _beams(self) -> int:
        return self._value.get("candidate_beams", BEAMS)

    @property
    def _batch_size(self) -> int:
        return self._value.get("batch_size", BATCH_SIZE)

    def _check_prompt(self) -> None:
        for key, text, needed in (
            ("prompt", self._form.whole, (SENTENCE, SLOTS)),
            ("slot", self._form.slot, (TYPE,)),
        ):
            for placeholder in needed:
                if placeholder not in text:
                    raise ReleaseError(
                        f"generated_candidates.{key}: `{placeholder}` is missing",
                        where=self._context.config.name,
                        hint="Write the prompt as the model was taught to be asked, with `{sentence}` and "
                        "`{slots}`; and a slot for an entity, with `{type}`.",
                    )

    def _names_of_types(self) -> dict[str, str]:
        """Return the name of each entity type in the model's marks.

        Raises:
            ReleaseError: If a name is of a type that there is not, or of two types.
        """
        types, given = self._context.gold.labels.types, self._value.get("names", {})
        known = {*types, *self.gold.source.gold.labels.types}
        unknown = next((type_ for type_ in given if type_ not in known), None)
        if unknown is not None:
            raise ReleaseError(
                f"generated_candidates.names: gold has no type `{unknown}`",
                where=self._context.config.name,
                hint=f"Its types are {', '.join(sorted(known))}.",
            )
        names = {type_: given.get(type_, name) for type_, name in type_names(types).items()}
        if len(set(names.values())) < len(names):
            raise ReleaseError(
                "generated_candidates.names: two types have the same name",
                where=self._context.config.name,
                hint="The model's marks must tell them apart.",
            )
        return names

    def _named_generator(self) -> NamedModel:
        return self._context.model(self._value["candidates"], self._value.get("candidates_revision"))


def _texts_for(prompt: str | None, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the answer to a call for candidates."""
    if prompt is not None and prompt not in texts:
        return {"fault": TOO_LONG}
    return {"texts": [] if prompt is None else list(dict.fromkeys(texts[prompt]))}
