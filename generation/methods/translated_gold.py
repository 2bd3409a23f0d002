"""Labelled sentences of another language, and their translation: what methods across languages share.

A method of that kind takes gold train of a source language, carries over the labels that its own language
has, and lets a sequence-to-sequence model translate. Translations are calls like any others, a sentence each:
they are kept in the journal, and nothing is translated twice, whatever is done with it afterwards. So the key
of such a call says nothing of the method, and two generators that differ only in what follows share them.

Sentences are translated in blocks by their places, each with what decides it in its key: a run that was
stopped goes on as it would have gone, and further gold at the end leaves earlier blocks as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING, Any

from ...projection.model_folders import NamedModel, require_train_extra
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE
from ...schema.languages import Language, language
from ...schema.methods import OFFLINE
from ...sources.characters import blanks_for_controls
from ...sources.gold import Gold
from ...sources.word_splitting import split_words
from ..calls import Call, Reply, canonical_json, sha256
from ..engines.local_models import InMemory, in_memory
from .method import Answers, MethodContext
from .offline_calls import SPLIT
from .shown_gold import showable

if TYPE_CHECKING:
    from ...projection.translation import Translation, Translator

VERSION = 1
"""Version of how sentences are translated: with another one, everything is translated anew."""

TOGETHER = 128
"""Sentences of a block. What is under way when a run is stopped is translated again."""

DECODING = ("beams", "temperature", "batch_size")


@dataclass(frozen=True, slots=True)
class TranslationSettings:
    """What translates, from which language.

    Attributes:
        model: The model.
        source: Code of the source language, as the release writes it.
        source_code: Its code, as a multilingual model writes it; None for models of one pair.
        target_code: The code of the config's language, likewise.
        decoding: How translations are found: what `Decoding` is made with.
    """

    model: NamedModel
    source: str
    source_code: str | None = None
    target_code: str | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """The model's name as it is published: of a folder its own name, not where it is."""
        return self.model.published_name

    def decides(self) -> list[Any]:
        """Return what of them decides a translation, as JSON values.

        Raises:
            DataError: If a file of the model cannot be read.
        """
        return [self.model.identity(), self.source_code, self.target_code, dict(self.decoding)]


@dataclass(frozen=True, slots=True)
class SourceGold:
    """Gold train of the source language, as it may be carried over.

    Attributes:
        language: The source language.
        gold: Its gold data.
        examples: Its sentences to train on, without those that stand in its held-out gold, with the types
            that the config's language has; all else is `O`.
        types_left_out: How many mentions of each other type became `O`.
        held_out: How many sentences were left out because held-out gold has them, too.
        places: Where each of the sentences stands in gold train, from 0.
    """

    language: Language
    gold: Gold
    examples: tuple[Example, ...]
    types_left_out: Mapping[str, int]
    held_out: int
    places: tuple[int, ...]

    @property
    def revision(self) -> str:
        """The revision of the source gold, for provenance."""
        return _revision(self.language.code, self.gold)

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {
            "language": self.language.code,
            "name": self.language.name,
            "title": self.gold.title,
            "revision": self.revision,
            "license": self.gold.license,
            "citation": self.gold.citation,
            "sentences": len(self.examples),
            "held_out": self.held_out,
            "types_left_out": dict(self.types_left_out),
        }


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text that is to be translated.

    Attributes:
        text: The text.
        seed_id: Id of the gold sentence of the source that it comes from.
        about: What the method must know to read the answer, as JSON.
    """

    text: str
    seed_id: str
    about: Mapping[str, Any] = field(default_factory=dict)


def translation_settings(context: MethodContext) -> TranslationSettings:
    """Read the settings of a method that say what translates, from which language.

    Raises:
        ReleaseError: If a code is missing, the source is the language itself or no language of the release,
            or words of the language are not written apart.
        DataError: If there is no such model.
    """
    check_words_are_apart(context)
    config = context.config
    method, value = config.generator.method, config.generator.method_settings
    source, target = source_language(context), config.language.code
    codes = value.get("codes", {})
    for code in (source, target):
        if codes and code not in codes:
            raise ReleaseError(
                f"the key `{method}.codes.{code}` is missing",
                where=config.name,
                hint="A multilingual model is told both languages by its own codes: "
                f"`codes: {{{source}: …, {target}: …}}`.",
            )
    return TranslationSettings(
        model=context.model(value["model"], value.get("model_revision")),
        source=source,
        source_code=codes.get(source),
        target_code=codes.get(target),
        decoding={key: value[key] for key in DECODING if key in value},
    )


def source_language(context: MethodContext) -> str:
    """Return the code of the language whose gold is carried over.

    Raises:
        ReleaseError: If it is the language itself, or no language of the release.
        DataError: If its gold cannot be used.
    """
    config = context.config
    method, source = config.generator.method, config.generator.method_settings["source"]
    if source == config.language.code:
        raise ReleaseError(
            f"the key `{method}.source` names the language itself, and nothing is translated into the same",
            where=config.name,
            hint=f"Leave `{source}` out of the generator's `languages`, or name another source.",
        )
    _gold_of(context, source)
    return source


def check_source(context: MethodContext) -> None:
    """Make sure that there is gold of the source language to carry over; no model is looked for.

    Raises:
        ReleaseError: If the source is the language itself or no language of the release, has nothing to train
            on or none of the types, or words of the language are not written apart.
        DataError: If its gold cannot be used.
    """
    check_words_are_apart(context)
    source_language(context)
    source_gold(context)


def check_words_are_apart(context: MethodContext) -> None:
    """Refuse a language whose words are not written apart.

    Raises:
        ReleaseError: If it is one.
    """
    config = context.config
    if not config.language.puts_words_apart:
        raise ReleaseError(
            f"{config.generator.method}: words of {config.language.name} are not written apart, and nobody "
            "could say which words a translation has",
            where=config.name,
            hint="Leave the language out of the generator's `languages`.",
        )


def source_gold(context: MethodContext) -> SourceGold:
    """Return gold train of the source language, with the labels that the config's language has.

    Raises:
        ReleaseError: If the source is no language of the release, has nothing to train on, or has none of the
            types.
        DataError: If its gold cannot be used.
    """
    config = context.config
    source = config.generator.method_settings["source"]
    gold = _gold_of(context, source)
    # What systems of the source language are tested on must not come out in another language either.
    found = showable(gold, SPLIT)
    if not found:
        raise ReleaseError(
            f"the method `{config.generator.method}` translates gold train of `{source}`, and there is none "
            "that its held-out gold does not have, too",
            where=config.name,
            hint=f"Name another train split in the `gold` of `{source}`.",
        )
    types = frozenset(context.gold.labels.types)
    left_out = Counter(
        mention.type for example in found for mention in example.mentions if mention.type not in types
    )
    if left_out.total() == sum(len(example.mentions) for example in found):
        raise ReleaseError(
            f"gold train of `{source}` has no mention of a type that gold of `{config.language.code}` has",
            where=config.name,
            hint=f"There the types are {', '.join(sorted(left_out)) or 'none'}, here "
            f"{', '.join(sorted(types))}. They are matched by name.",
        )
    return SourceGold(
        language=language(source),
        gold=gold,
        examples=tuple(_with_types(example, types) for example in found),
        types_left_out=dict(sorted(left_out.items())),
        held_out=len(gold.splits[SPLIT]) - len(found),
        places=_places_of(found, gold.splits[SPLIT]),
    )


def sentences_of(examples: Iterable[Example]) -> list[SourceText]:
    """Return sentences as they are translated: their words with blanks between them."""
    return [SourceText(" ".join(example.tokens), example.id) for example in examples]


def translation_calls(
    context: MethodContext,
    settings: TranslationSettings,
    texts: Sequence[SourceText],
    *,
    step: str,
    first: int = 0,
) -> Iterator[Call]:
    """Plan a call for each text of a round of translations. Its answer is read by `read_translation`.

    Args:
        context: What the data is made from.
        settings: What translates.
        texts: What is translated.
        step: What the calls are for, a short word.
        first: The index of the first call; those of all rounds of a plan differ.

    Raises:
        ReleaseError: If the source is no language of the release.
        DataError: If the model or gold cannot be read.
    """
    revision = _revision(settings.source, _gold_of(context, settings.source))
    decides = [VERSION, *settings.decides()]
    for start in range(0, len(texts), TOGETHER):
        block = texts[start : start + TOGETHER]
        of_block = [*decides, _seed_of_block(context, settings, step, start), [each.text for each in block]]
        address = f"translation/{VERSION}#{sha256(canonical_json(of_block))}"
        for place, each in enumerate(block, start):
            yield Call(
                config=context.config.name,
                split=SPLIT,
                index=first + place,
                engine=OFFLINE,
                model=context.config.generator.model,
                messages=(),
                schema=None,
                sampling={},
                base_url=address,
                seed_ids=(each.seed_id,),
                seed_revision=revision,
                datapoints=0,
                step=step,
                about={"text": each.text, **each.about},
            )


def translations(
    context: MethodContext,
    settings: TranslationSettings,
    texts: Sequence[SourceText],
    *,
    step: str,
    first: int = 0,
) -> Answers:
    """Return what answers the calls that `translation_calls` plans, with the same arguments.

    Nothing is loaded before the first call is answered.

    Raises:
        WrongUsageError: If the extra `train` is not installed.
    """
    holder = translation_model(context, settings)

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        for block, asked in groupby(calls, key=lambda call: (call.index - first) // TOGETHER):
            start = block * TOGETHER
            seed = Random(  # noqa: S311 - no secret is drawn
                _seed_of_block(context, settings, step, start)
            ).getrandbits(32)
            together = translator(context, settings, holder).translate(
                [each.text for each in texts[start : start + TOGETHER]], seed=seed
            )
            for call in asked:
                yield written_translation(together[call.index - first - start])

    return answers


def translation_model(context: MethodContext, settings: TranslationSettings) -> InMemory:
    """Return the holder of the model, for `translator`; whoever keeps it keeps the model in memory.

    Raises:
        WrongUsageError: If the extra `train` is not installed.
    """
    from ...projection.translation import load_translation_model

    require_train_extra(f"the method `{context.config.generator.method}`", context.config.name)
    name = canonical_json(["translation", settings.model.identity()])
    return in_memory(name, lambda: load_translation_model(settings.model))


def translator(
    context: MethodContext, settings: TranslationSettings, holder: InMemory, *, back: bool = False
) -> Translator:
    """Return what translates from the source language into the config's, or back.

    Raises:
        ReleaseError: If the model is multilingual and is told no codes.
        DataError: If the model cannot be loaded, or has no such code.
    """
    from ...projection.translation import Decoding, Translator

    model = holder.get()
    if settings.target_code is None and hasattr(model.tokenizer, "src_lang"):
        source, target = settings.source, context.config.language.code
        raise ReleaseError(
            f"the key `{context.config.generator.method}.codes` is missing, and the model "
            f"{settings.model.name} is multilingual",
            where=context.config.name,
            hint=f"Name both languages as the model writes them: `codes: {{{source}: …, {target}: …}}`.",
        )
    codes = (settings.source_code, settings.target_code)
    source_code, target_code = reversed(codes) if back else codes
    return Translator(model, source_code, target_code, Decoding(**settings.decoding))


def written_translation(translation: Translation) -> str:
    """Write a translation as the answer to a call."""
    return json.dumps(
        {"translation": translation.text, "is_complete": translation.is_complete}, ensure_ascii=False
    )


def read_translation(reply: Reply | None) -> Translation | None:
    """Read the answer to a call; None if there is none, or it is no translation."""
    from ...projection.translation import Translation

    try:
        value = json.loads((reply and reply.text) or "")
        text, is_complete = value["translation"], value["is_complete"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Translation(text, bool(is_complete)) if isinstance(text, str) else None


def translated_words(text: str, known: Collection[str]) -> list[str]:
    """Split a translation into words.

    Args:
        text: The translation.
        known: Words that stay whole, those of gold: `words_of_gold` returns them.

    Example:
        >>> translated_words("Dr. Bo bor i Thy.", {"Dr."})
        ['Dr.', 'Bo', 'bor', 'i', 'Thy', '.']
    """
    return split_words(blanks_for_controls(text), known)


def answers_by_step(by_step: Mapping[str, Callable[[], Answers]]) -> Answers:
    """Return what answers calls of several steps, each in its own way.

    Args:
        by_step: Makes what answers the calls of a step. It is asked for where there is such a call.
    """

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        for step, some in groupby(calls, key=lambda call: call.step):
            yield from by_step[step]()(some)

    return answers


def _gold_of(context: MethodContext, code: str) -> Gold:
    try:
        return context.gold_of(code)
    except KeyError as error:
        raise ReleaseError(
            f"{context.config.generator.method}.source: `{code}` is no language of this release",
            where=context.config.name,
            hint="Name it under `languages`, with its gold. The generator's own `languages` say for which "
            "languages it makes data.",
        ) from error


def _revision(code: str, gold: Gold) -> str:
    """Return the revision of the gold of another language, with the language: a repository may hold several.

    Ids of sentences would else be taken for those of the config's own gold.
    """
    return f"{code}@{gold.revision}"


def _places_of(some: Sequence[Example], examples: Sequence[Example]) -> tuple[int, ...]:
    """Return where sentences stand among others, which have the same order."""
    places = iter(enumerate(examples))
    return tuple(next(place for place, other in places if other is each) for each in some)


def _with_types(example: Example, types: Collection[str]) -> Example:
    """Return a sentence in whose tags all types but some are `O`."""
    tags = [OUTSIDE] * len(example.tokens)
    for mention in example.mentions:
        if mention.type in types:
            tags[mention.start : mention.end] = [
                f"B-{mention.type}",
                *[f"I-{mention.type}"] * (mention.end - mention.start - 1),
            ]
    return Example(example.id, example.tokens, tuple(tags))


def _seed_of_block(
    context: MethodContext, settings: TranslationSettings, step: str, start: int
) -> str | None:
    """Return what decides what is drawn for a block; None where nothing is drawn."""
    if "temperature" not in settings.decoding:
        return None
    return f"{context.seed}/{context.config.language.code}/{step}/{start}"
