"""Back-translation: gold sentences whose context says the same in other words; mentions stay as they are.

After Yaseen & Langer (2021): what stands between mentions is translated into a pivot language and back, each
segment by itself, unless it is too short to be said in another way. So no mention is lost and none must be
found again, as where whole sentences are translated (Sharma et al., 2023).

Translators take a segment for a sentence, and write it as one: `words_of` takes that back, and splits what
they wrote into words as gold does. The sentences that are translated together follow from their places in
gold: a run that was stopped goes on as it would have gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING, Any

import regex

from ...projection.model_folders import NamedModel, require_train_extra
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE
from ...sources.characters import blanks_for_controls
from ...sources.normal_forms import NormalForms
from ..calls import Call, canonical_json
from ..engines.local_models import in_memory
from .method import Answers, MethodContext
from .offline_calls import SPLIT, held_out_hash, in_blocks, offline_calls, written
from .shown_gold import texts_of_gold
from .translated_gold import check_words_are_apart

if TYPE_CHECKING:
    from ...projection.translation import Translation, Translator

VERSION = 1

LEAST_WORDS = 3
"""Words of a segment that is translated, at least, as in the authors' code."""

# Sentences that are translated together. What is under way when a run is stopped is translated again.
_TOGETHER = 128

_WORD = regex.compile(r"[\p{L}\p{N}]")
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{M}\p{N}]")

Words = tuple[str, ...]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the method.

    Attributes:
        there: The model that translates into the pivot language.
        back: The model that translates back; it may be the same.
        language: The code of the language, as the models write it; None for models of one pair.
        pivot: The code of the pivot language, likewise.
        variants: Variants of a sentence, at most.
        least_words: Words of a segment that is translated, at least.
        decoding: How translations are found: what `Decoding` is made with.
    """

    there: NamedModel
    back: NamedModel
    language: str | None = None
    pivot: str | None = None
    variants: int = 1
    least_words: int = LEAST_WORDS
    decoding: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """A gold sentence in other words.

    Attributes:
        tokens: The words.
        tags: Their tags.
        translated: Segments that became other words.
        cut_short: Segments that stayed because their translation was cut short.
    """

    tokens: Words
    tags: Words
    translated: int
    cut_short: int


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a call for each gold sentence to train on.

    Raises:
        ReleaseError: If gold has nothing to train on, a model or code is missing, or words of the language
            are not written apart.
        DataError: If there is no such model.
    """
    settings = _settings(context)
    yield from offline_calls(
        context,
        version=VERSION,
        datapoints=settings.variants,
        inputs=[
            context.config.language.code,
            settings.there.identity(),
            settings.back.identity(),
            held_out_hash(context),
        ],
    )


def answering(context: MethodContext) -> Answers:
    """Load the models, and return what makes the variants of gold sentences.

    Raises:
        ReleaseError, DataError: As `plan` does, or if a model cannot be used.
        WrongUsageError: If the extra `train` is not installed.
    """
    require_train_extra("the method `back_translation`", context.config.name)
    settings = _settings(context)
    name = canonical_json(["back_translation", settings.there.identity(), settings.back.identity()])
    holder = in_memory(name, lambda: _load(settings))
    gold = context.gold.splits[SPLIT]
    known = frozenset(token for example in gold for token in example.tokens)
    never = texts_of_gold(context.gold.splits, _NORMAL)
    seed = f"{context.seed}/{context.config.language.code}/back_translation"
    # What is wrong with a model or a code shows at once.
    _translators(settings, holder.get())

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        for first, asked in in_blocks(calls, _TOGETHER):
            there, back = _translators(settings, holder.get())
            translation = BackTranslation(settings, there, back, known, never)
            together = translation.variants(gold[first : first + _TOGETHER], f"{seed}/{first // _TOGETHER}")
            for call in asked:
                variants = together[call.index - first]
                yield written(
                    [(variant.tokens, variant.tags) for variant in variants],
                    [
                        f"segments translated: {variant.translated}, cut short: {variant.cut_short}"
                        for variant in variants
                    ],
                )

    return answers


class BackTranslation:
    """Says the context of mentions in other words.

    Args:
        settings: What is translated.
        there: Translates into the pivot language.
        back: Translates back.
        known: The words of gold, by which translations are split into words.
        never: Sentences that are never made, by `comparable`.
    """

    def __init__(
        self,
        settings: Settings,
        there: Translator,
        back: Translator,
        known: AbstractSet[str],
        never: AbstractSet[str],
    ) -> None:
        self._settings = settings
        self._there = there
        self._back = back
        self._known = known
        self._never = never

    def variants(self, examples: Sequence[Example], seed: str) -> list[list[Variant]]:
        """Make the variants of sentences, different from each other and from all that is never made.

        Each is tried once. A segment whose translation is cut short, or empty, stays as it is.

        Args:
            examples: The sentences.
            seed: Decides what is drawn, where the decoding draws.
        """
        spans = [segments(example.ner_tags) for example in examples]
        said = self._said_otherwise(
            dict.fromkeys(
                example.tokens[start:end]
                for example, of_one in zip(examples, spans, strict=True)
                for start, end in of_one
                if self._is_translated(example.tokens[start:end])
            ),
            seed,
        )
        return [self._kept(example, of_one, said) for example, of_one in zip(examples, spans, strict=True)]

    def _is_translated(self, segment: Words) -> bool:
        return sum(bool(_WORD.search(word)) for word in segment) >= self._settings.least_words

    def _said_otherwise(self, found: Iterable[Words], seed: str) -> dict[Words, list[_Said]]:
        """Return the ways of saying each segment."""
        unsaid, count = list(found), self._settings.variants
        chance = Random(seed)  # noqa: S311 - no secret is drawn
        pivots = self._there.alternatives(
            [" ".join(segment) for segment in unsaid], count, seed=chance.getrandbits(32)
        )
        back = iter(
            self._back.translate(
                [pivot.text for ways in pivots for pivot in ways], seed=chance.getrandbits(32)
            )
        )
        return {
            segment: [self._usable(segment, pivot, next(back)) for pivot in ways]
            for segment, ways in zip(unsaid, pivots, strict=True)
        }

    def _usable(self, segment: Words, pivot: Translation, back: Translation) -> _Said:
        if not pivot.is_complete or not back.is_complete:
            return _Said(segment, is_cut_short=True)
        return _Said(words_of(back.text, segment, self._known) or segment, is_cut_short=False)

    def _kept(
        self, example: Example, spans: Sequence[Span], said: Mapping[Words, Sequence[_Said]]
    ) -> list[Variant]:
        kept: list[Variant] = []
        known = set()
        for way in range(self._settings.variants):
            variant = _variant(example, spans, said, way)
            text = _NORMAL.comparable(variant.tokens)
            if text not in self._never and text not in known:
                known.add(text)
                kept.append(variant)
        return kept


@dataclass(frozen=True, slots=True)
class _Said:
    """A segment as it is said now: in its own words where the translation is no use."""

    words: Words
    is_cut_short: bool


def segments(tags: Sequence[str]) -> list[Span]:
    """Return where the words between mentions begin and end."""
    found = []
    for is_outside, places in groupby(range(len(tags)), key=lambda place: tags[place] == OUTSIDE):
        if is_outside:
            first, *others = places
            found.append((first, others[-1] + 1 if others else first + 1))
    return found


def words_of(text: str, segment: Sequence[str], known: AbstractSet[str]) -> Words:
    """Split a translation of a segment into words.

    A word that gold has stays whole; of others, punctuation at both ends is split off. Punctuation at the end
    is left out where the segment has none there, and a first letter is not made a capital.

    Args:
        text: The translation.
        segment: The words that were translated.
        known: The words of gold.

    Example:
        >>> words_of("Received the Dr. title, in fact.", ("got", "the", "Dr.", "title"), {"Dr."})
        ('received', 'the', 'Dr.', 'title', ',', 'in', 'fact')
    """
    words = [part for word in blanks_for_controls(text).split() for part in _without_punctuation(word, known)]
    if _LETTER_OR_DIGIT.search(segment[-1]):
        while words and not _LETTER_OR_DIGIT.search(words[-1]):
            words.pop()
    if words and segment[0][:1].islower() and words[0][:1].isupper() and not words[0][1:2].isupper():
        words[0] = words[0][0].lower() + words[0][1:]
    return tuple(words) if any(map(_LETTER_OR_DIGIT.search, words)) else ()


def _without_punctuation(word: str, known: AbstractSet[str]) -> list[str]:
    """Split a word and the punctuation around it."""
    before: list[str] = []
    after: list[str] = []
    while len(word) > 1 and word not in known:
        if not _LETTER_OR_DIGIT.match(word[0]):
            before.append(word[0])
            word = word[1:]
        elif not _LETTER_OR_DIGIT.match(word[-1]):
            after.append(word[-1])
            word = word[:-1]
        else:
            break
    return [*before, word, *reversed(after)]


def _variant(
    example: Example, spans: Iterable[Span], said: Mapping[Words, Sequence[_Said]], way: int
) -> Variant:
    tokens: list[str] = []
    tags: list[str] = []
    translated = cut_short = done = 0
    for start, end in spans:
        tokens += example.tokens[done:start]
        tags += example.ner_tags[done:start]
        segment = example.tokens[start:end]
        now = said[segment][way] if segment in said else _Said(segment, is_cut_short=False)
        translated += now.words != segment
        cut_short += now.is_cut_short
        tokens += now.words
        tags += [OUTSIDE] * len(now.words)
        done = end
    tokens += example.tokens[done:]
    tags += example.ner_tags[done:]
    return Variant(tuple(tokens), tuple(tags), translated, cut_short)


_NORMAL = NormalForms()


def _load(settings: Settings) -> tuple[Any, Any]:
    from ...projection.translation import load_translation_model

    there = load_translation_model(settings.there)
    is_same = settings.back.identity() == settings.there.identity()
    return there, there if is_same else load_translation_model(settings.back)


def _translators(settings: Settings, models: tuple[Any, Any]) -> tuple[Translator, Translator]:
    from ...projection.translation import Decoding, Translator

    there, back = models
    decoding = Decoding(**settings.decoding)
    return (
        Translator(there, settings.language, settings.pivot, decoding),
        Translator(back, settings.pivot, settings.language, decoding),
    )


def _settings(context: MethodContext) -> Settings:
    config = context.config
    value = config.generator.method_settings
    code = config.language.code
    check_words_are_apart(context)
    pivot = value.get("pivot")
    language = value.get("codes", {}).get(code)
    if (pivot is None) != (language is None):
        key = f"codes.{code}" if language is None else "pivot"
        raise ReleaseError(
            f"the key `back_translation.{key}` is missing",
            where=config.name,
            hint="A multilingual model is told both languages by its own codes: `pivot: eng_Latn` and "
            f"`codes: {{{code}: …}}`.",
        )
    needed = ("there",) if pivot is not None else ("there", "back")
    for key in needed:
        if key not in value:
            raise ReleaseError(
                f"the key `back_translation.{key}` is missing",
                where=config.name,
                hint="`there` translates into another language and `back` from it: folders, or ids of "
                "models on the Hub. One model is enough where it is multilingual and told a `pivot`.",
            )
    there = context.model(value["there"], value.get("there_revision"))
    return Settings(
        there=there,
        back=context.model(value["back"], value.get("back_revision")) if "back" in value else there,
        language=language,
        pivot=pivot,
        variants=value.get("variants", 1),
        least_words=value.get("least_words", LEAST_WORDS),
        decoding={key: value[key] for key in ("beams", "temperature", "batch_size") if key in value},
    )
