"""Gold of another language, translated, and brackets put into the translations where a model wants them.

After CODEC (Le et al. 2024). A sentence is translated as it is (`translate`), so that nothing spoils the
translation. Then each of its entities is put between brackets, and a model that translates this may write
nothing but the translation with brackets in it (`decode`): see `projection.constrained_decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...projection.constrained_decoding import BracketDecoder, arranged, projected
from ...projection.model_folders import NamedModel
from ...projection.outcome import labelled
from ...projection.translation import (
    BATCH_SIZE,
    TranslationModel,
    Translator,
    load_translation_model,
    require_scoring_model,
)
from ...schema.errors import ReleaseError
from ..calls import Call, canonical_json
from ..engines.local_models import in_memory
from .method import Answers, MethodContext, Reading
from .offline_calls import SPLIT
from .projected_gold import (
    TOO_LONG,
    TRANSLATE,
    TranslatedGold,
    TranslatedSentence,
    projected_findings,
    projected_reading,
    written_fault,
    written_projection,
)
from .translated_gold import answers_by_step, source_gold, translation_model

VERSION = 1

DECODE = "decode"


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a translation of each sentence of the source; when these are there, its labels.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model.
    """
    work = _Work(context)
    yield from work.gold.planned(work.decoding_calls)


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Return how many calls there are in the end."""
    return {SPLIT: 2 * len(source_gold(context).examples)}


def answering(context: MethodContext) -> Answers:
    """Return what translates, and what puts brackets into translations.

    Raises:
        ReleaseError, DataError: As `plan` does.
        WrongUsageError: If the extra `train` is not installed.
    """
    work = _Work(context)
    translate, decode = work.gold.translations(), work.decoding()
    # It would be a pity to learn of it when everything is translated.
    for model in work.scoring_models:
        require_scoring_model(model)
    return answers_by_step({TRANSLATE: lambda: translate, DECODE: lambda: decode})


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: a labelled sentence, or why there is none."""
    return projected_reading(context, DECODE)


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say where the sentences come from, and what became of them and of their entities, by type."""
    work = _Work(context)
    replies = work.gold.answered(work.decoding_calls)
    return {**projected_findings(context, work.gold, replies), "marker_model": work.marker_name}


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
        self.marker_model = self._named("marker_model") or self.gold.settings.model
        self.marker_name = replace(self.gold.settings, model=self.marker_model).model_name
        back = self._named("back")
        if back is None and self.gold.settings.target_code is None:
            raise ReleaseError(
                "the key `constrained_decoding.back` is missing",
                where=context.config.name,
                hint="What is between brackets is translated back. A multilingual model does both, if it is "
                "told `codes`; a model of one pair of languages needs another one for the way back.",
            )
        self._back = back or self.marker_model

    def decoding_calls(self) -> Iterator[Call]:
        """Plan the second round."""
        settings = self.gold.settings
        decides = [
            *(VERSION, self.marker_model.identity(), self._back.identity()),
            # The model's name is in provenance.
            *(settings.source_code, settings.target_code, settings.source, settings.model_name),
            *(self.marker_name, self._batch_size),
        ]
        return self.gold.further_calls(step=DECODE, after=1, decides=decides, datapoints=1)

    @property
    def scoring_models(self) -> Sequence[NamedModel]:
        """The models that say how likely brackets and their way back are."""
        return self.marker_model, self._back

    def decoding(self) -> Answers:
        """Return what answers the calls of the second round."""
        models = self._models()

        def answers(calls: Iterable[Call]) -> Iterator[str]:
            sentences = self.gold.translated()
            decoder = self._decoder(*models())
            for call in calls:
                yield self._answer(sentences[call.index - len(sentences)], decoder)

        return answers

    def _answer(self, sentence: TranslatedSentence, decoder: BracketDecoder) -> str:
        source, entities = sentence.example.tokens, sentence.example.mentions
        settings = self.gold.settings
        done = f"translated from {settings.source} by {settings.model_name}, brackets by {self.marker_name}"
        if sentence.fault is not None:
            return written_fault(sentence.fault)
        if not entities:
            return written_projection(sentence, labelled([], len(sentence.words), []), done)
        if not decoder.fits(source, sentence.words):
            return written_fault(TOO_LONG)
        placed = arranged(decoder.placements(source, entities, sentence.words))
        scores = [place and [round(place.score, 3), round(place.back, 3)] for place in placed]
        return written_projection(
            sentence, projected(entities, placed, len(sentence.words)), done, scores=scores
        )

    def _decoder(self, marker: TranslationModel, back: TranslationModel) -> BracketDecoder:
        source, target = self.gold.settings.source_code, self.gold.settings.target_code
        for model in (marker, back):
            if target is None and hasattr(model.tokenizer, "src_lang"):
                raise ReleaseError(
                    f"the key `constrained_decoding.codes` is missing, and the model {model.name} is "
                    "multilingual",
                    where=self._context.config.name,
                    hint="Name both languages as the model writes them.",
                )
        return BracketDecoder(
            Translator(marker, source, target), Translator(back, target, source), self._batch_size
        )

    @property
    def _batch_size(self) -> int:
        return self._value.get("batch_size", BATCH_SIZE)

    def _models(self) -> Callable[[], Sequence[TranslationModel]]:
        """Return what loads the model that puts brackets, and the one that translates back."""
        identities = [self.marker_model.identity(), self._back.identity()]
        if identities[0] == identities[1]:
            holder = translation_model(self._context, replace(self.gold.settings, model=self.marker_model))
            return lambda: (holder.get(), holder.get())

        def load() -> tuple[TranslationModel, TranslationModel]:
            return load_translation_model(self.marker_model), load_translation_model(self._back)

        both = in_memory(canonical_json(["constrained_decoding", *identities]), load)
        return both.get

    def _named(self, key: str) -> NamedModel | None:
        """Return the model that a setting names; None where it names none."""
        name, revision = self._value.get(key), self._value.get(f"{key}_revision")
        if name is None:
            if revision is not None:
                raise ReleaseError(
                    f"the key `constrained_decoding.{key}` is missing, and there is its revision",
                    where=self._context.config.name,
                    hint="Name the model, or leave out its revision.",
                )
            return None
        return self._context.model(name, revision)
