"""Translations of gold that exist already: a file, instead of a model that translates.

They come from people, as those of a parallel corpus do, or from any system. Nothing is translated then, and
no model is loaded: a call of the first round takes its translation from the file, and all that follows is as
it would be with a model.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ...schema.errors import DataError, ReleaseError
from ...schema.example import Example
from ...schema.methods import OFFLINE
from ...sources.files import file_hash
from ...sources.given_translations import GivenTranslation, read_translations
from ..calls import Call, Reply, canonical_json, sha256
from .method import Answers, MethodContext
from .offline_calls import SPLIT
from .projected_gold import CUT_SHORT, TRANSLATE, GoldInTranslation, TranslatedGold, TranslatedSentence
from .translated_gold import TOGETHER, check_words_are_apart, source_language, translated_words

VERSION = 1

KEY = "translations"

NOT_TRANSLATED = "there is no translation"

_OF_MODELS = ("model", "model_revision", "codes", "beams", "temperature", "batch_size")


def gold_in_translation(context: MethodContext) -> GoldInTranslation:
    """Return gold of the source in translation: by a model, or from a file where the release names one.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If there is no such model, or the file has not one translation for each sentence.
    """
    if KEY in context.config.generator.method_settings:
        return GivenTranslations(context)
    return TranslatedGold(context)


class GivenTranslations(GoldInTranslation):
    """Gold of the source, and a file with its translations.

    Args:
        context: What the data is made from.

    Raises:
        ReleaseError: If a setting is wrong, or the source has nothing to train on.
        DataError: If the file cannot be read, or has not one translation for each sentence of the source.
    """

    def __init__(self, context: MethodContext) -> None:
        _check_no_model(context)
        # It must be another language.
        source_language(context)
        super().__init__(context)
        self._path = context.folder / context.filled(context.config.generator.method_settings[KEY])
        given = self._of_usable(list(read_translations(self._path)))
        if any(each.words is None for each in given):
            check_words_are_apart(context)
        self._given = [given[place] for place in self.source.places]

    @property
    def translated_by(self) -> str:
        """The name of the file."""
        return f"others ({self._path.name})"

    def about(self) -> Mapping[str, Any]:
        """Return which file it is, and how many sentences it has no translation of, for findings."""
        return {
            "translations": {
                "file": self._path.name,
                "sha256": file_hash(self._path),
                "missing": sum(not each.text for each in self._given),
            }
        }

    def plan(self) -> Iterator[Call]:
        """Plan the calls of the first round: one a sentence."""
        config = self._context.config
        for start in range(0, len(self._given), TOGETHER):
            block = self._given[start : start + TOGETHER]
            examples = self.source.examples[start : start + TOGETHER]
            sentences = [" ".join(example.tokens) for example in examples]
            decides = [VERSION, sentences, [[each.text, each.words] for each in block]]
            address = f"{KEY}/{VERSION}#{sha256(canonical_json(decides))}"
            for place, (example, sentence) in enumerate(zip(examples, sentences, strict=True), start):
                yield Call(
                    config=config.name,
                    split=SPLIT,
                    index=place,
                    engine=OFFLINE,
                    model=config.generator.model,
                    messages=(),
                    schema=None,
                    sampling={},
                    base_url=address,
                    seed_ids=(example.id,),
                    seed_revision=self.source.revision,
                    datapoints=0,
                    step=TRANSLATE,
                    about={"text": sentence},
                )

    def translations(self) -> Answers:
        """Return what answers the calls of the first round: it looks the translations up."""

        def answers(calls: Iterable[Call]) -> Iterator[str]:
            for call in calls:
                given = self._given[call.index]
                value = {"translation": given.text, "words": given.words}
                yield json.dumps(value, ensure_ascii=False)

        return answers

    def read(self, example: Example, reply: Reply | None, known: Collection[str]) -> TranslatedSentence:
        """Read a translation; one whose words the file does not tell is split into words."""
        try:
            value = json.loads((reply and reply.text) or "")
            text, words = value["translation"], value["words"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return TranslatedSentence(example, (), CUT_SHORT)
        found = tuple(translated_words(text, known) if words is None else words)
        return TranslatedSentence(example, found, None if found else NOT_TRANSLATED)

    def _of_usable(self, given: list[GivenTranslation]) -> list[GivenTranslation]:
        """Return the translations of the sentences of gold that can be used.

        A file may have those of the others, too: it was made from the file that gold is read from.
        """
        gold = self.source.gold
        expected, left_out = len(gold.splits[SPLIT]), gold.left_out.get(SPLIT, ())
        if len(given) == expected + len(left_out):
            unusable = frozenset(left_out)
            return [each for place, each in enumerate(given) if place not in unusable]
        if len(given) == expected:
            return given
        # The first that is too many, or the last that there is.
        place = min(expected + len(left_out), len(given) - 1)
        remark = f", and {len(left_out):,} more that cannot be used" if left_out else ""
        raise DataError(
            f"there are {len(given):,} translations, and gold train of `{self.source.language.code}` has "
            f"{expected:,} sentences{remark}",
            where=f"{self._path}:{given[place].line}" if given else str(self._path),
            hint="A plain text has a line for each sentence of gold train, in its order, and an empty line "
            "where there is no translation.",
        )


def _check_no_model(context: MethodContext) -> None:
    config = context.config
    for key in _OF_MODELS:
        if key in config.generator.method_settings:
            raise ReleaseError(
                f"the key `{config.generator.method}.{key}` has no use with `{KEY}`",
                where=config.name,
                hint=f"Leave it out: nothing is translated. Or leave `{KEY}` out, and a model translates.",
            )
