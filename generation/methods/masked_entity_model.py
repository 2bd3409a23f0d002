"""Masked entity language modelling: words of mentions replaced by others that a trained model thinks of.

After Zhou et al. (2022), "MELM". A masked language model learns on gold train what stands between labels.
Then words of mentions are masked, and each of their subwords is drawn from those that the model finds
likeliest there, but for the first: with the label beside it, what it thinks of has that label.

Words are drawn subword by subword from left to right, each in the sight of those before it. Everything that a
sentence's variants depend on follows from gold, the settings and the seed; the sentences that are asked about
together with it follow from its place in gold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ...projection.model_folders import NamedModel, named_model, require_train_extra
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...sources.normal_forms import NormalForms
from ..calls import Call, canonical_json, sha256
from ..engines.local_models import in_memory
from .labelled_subwords import LabelledReader, LabelledSentence, Place, Spelled
from .method import Answers, MethodContext
from .offline_calls import SPLIT, held_out_hash, in_blocks, offline_calls, written
from .shown_gold import texts_of_gold

if TYPE_CHECKING:
    from .entity_language_model import EntityLanguageModel, Query, Training

VERSION = 1

# Sentences whose variants are made together. What is under way when a run is stopped is made again.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the method; the defaults are the paper's, but for `variants`.

    Attributes:
        model: The masked language model that is fine-tuned.
        epochs: How often it sees gold train.
        learning_rate: Its learning rate.
        batch_size: Sentences in a batch.
        training_mask_rate: How likely a subword of a mention is masked in training.
        mask_rate: How likely a word of a mention is replaced.
        variants: Variants of a sentence, at most.
    """

    model: NamedModel
    epochs: int = 20
    learning_rate: float = 1e-5
    batch_size: int = 16
    training_mask_rate: float = 0.7
    mask_rate: float = 0.5
    variants: int = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """A gold sentence with other words in its mentions.

    Attributes:
        tokens: The words.
        tags: Their tags, which are gold's.
        replaced: What was replaced by what.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    replaced: Mapping[str, str]


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a call for each gold sentence to train on.

    Raises:
        ReleaseError: If gold has nothing to train on, or no model is named.
        DataError: If there is no such model.
    """
    settings = _settings(context)
    yield from offline_calls(
        context,
        version=VERSION,
        datapoints=settings.variants,
        inputs=[
            context.config.language.code,
            settings.model.identity(),
            list(context.gold.labels.types),
            held_out_hash(context),
        ],
    )


def answering(context: MethodContext) -> Answers:
    """Train the model, unless it was before, and return what makes the variants of gold sentences.

    Raises:
        ReleaseError, DataError: As `plan` does, or if the model cannot be used or kept.
        WrongUsageError: If the extra `train` is not installed.
    """
    require_train_extra("the method `masked_entity_model`", context.config.name)
    settings = _settings(context)
    folder = _folder(context, settings)
    holder = in_memory(f"masked_entity_model {folder}", lambda: _model(context, settings, folder))
    gold = context.gold.splits[SPLIT]
    never = texts_of_gold(context.gold.splits, _NORMAL)
    seed = _seed_of(context)
    # It takes long, and what is wrong with it shows at once.
    holder.get()

    def answers(calls: Iterable[Call]) -> Iterator[str]:
        for first, asked in in_blocks(calls, _TOGETHER):
            replacement = EntityReplacement(holder.get(), settings, never)
            together = replacement.variants(gold[first : first + _TOGETHER], f"{seed}/{first // _TOGETHER}")
            for call in asked:
                variants = together[call.index - first]
                yield written(
                    [(variant.tokens, variant.tags) for variant in variants],
                    [_said(variant.replaced) for variant in variants],
                )

    return answers


class EntityReplacement:
    """Replaces words of mentions.

    Args:
        model: The trained model.
        settings: How much is replaced.
        never: Sentences that are never made, by `comparable`.
    """

    def __init__(self, model: EntityLanguageModel, settings: Settings, never: frozenset[str]) -> None:
        self._model = model
        self._settings = settings
        self._never = never

    def variants(self, examples: Sequence[Example], seed: str) -> list[list[Variant]]:
        """Make the variants of sentences, different from each other and from all that is never made.

        Each is tried once. The same words are replaced alike wherever they stand in a sentence's mentions.

        Args:
            examples: The sentences.
            seed: Decides what is masked and drawn.
        """
        drafts: list[list[_Draft]] = []
        for place, example in enumerate(examples):
            sentence = self._model.reader.read(example.tokens, example.ner_tags)
            units = _units(example, sentence)
            drafts.append(
                [
                    _Draft(example, sentence, units, Random(f"{seed}/{place}/{number}"))  # noqa: S311
                    for number in range(self._settings.variants)
                ]
                if units
                else []
            )
        self._draw([draft for of_one in drafts for draft in of_one])
        return [self._kept(of_one) for of_one in drafts]

    def _draw(self, drafts: Sequence[_Draft]) -> None:
        """Mask words of all drafts, and draw subwords of all of them side by side, from left to right."""
        for draft in drafts:
            draft.mask(self._settings.mask_rate, self._model.mask)
        step = 0
        while asked := [
            (draft, unit) for draft in drafts for unit in draft.masked if step < len(unit.word.changing)
        ]:
            likely = self._model.likely(
                [draft.query(unit, step, self._model.begins) for draft, unit in asked],
                self._settings.batch_size,
            )
            for (draft, unit), subwords in zip(asked, likely, strict=True):
                draft.fill(unit, step, subwords)
            step += 1

    def _kept(self, drafts: Sequence[_Draft]) -> list[Variant]:
        kept: list[Variant] = []
        known = set()
        for draft in drafts:
            variant = draft.variant(self._model.reader)
            text = _NORMAL.comparable(variant.tokens)
            if text not in self._never and text not in known:
                known.add(text)
                kept.append(variant)
        return kept


@dataclass(frozen=True, slots=True)
class _Unit:
    """A word of a sentence's mentions, wherever it stands in them.

    Attributes:
        word: Its first occurrence.
        others: Its other occurrences.
    """

    word: Spelled
    others: tuple[Spelled, ...]

    @property
    def occurrences(self) -> tuple[Spelled, ...]:
        """All its occurrences."""
        return (self.word, *self.others)


def _units(example: Example, sentence: LabelledSentence) -> list[_Unit]:
    """Return the words of a sentence's mentions that can be replaced alike wherever they stand in them."""
    types: dict[str, set[str]] = {}
    in_mentions: dict[str, int] = {}
    for mention in example.mentions:
        for word in example.tokens[mention.start : mention.end]:
            types.setdefault(word, set()).add(mention.type)
            in_mentions[word] = in_mentions.get(word, 0) + 1
    occurrences: dict[str, list[Spelled]] = {}
    for spelled in sentence.spelled:
        occurrences.setdefault(example.tokens[spelled.word], []).append(spelled)
    return [
        _Unit(first, tuple(others))
        for word, (first, *others) in occurrences.items()
        # Hardly a word fits two types, and what is not spelled alike cannot be replaced alike.
        if len(types[word]) == 1
        and len(others) + 1 == in_mentions[word]
        and all(other.subwords == first.subwords for other in others)
    ]


class _Draft:
    """A variant in the making.

    Attributes:
        masked: The words that are being replaced.
    """

    def __init__(
        self, example: Example, sentence: LabelledSentence, units: Sequence[_Unit], chance: Random
    ) -> None:
        self._example = example
        self._windows = [list(window) for window in sentence.windows]
        self._units = units
        self._chance = chance
        self._drawn: dict[int, list[int]] = {}
        self.masked: list[_Unit] = []

    def mask(self, rate: float, mask: int) -> None:
        """Mask words at a rate, and one at least."""
        self.masked = [unit for unit in self._units if self._chance.random() < rate]
        if not self.masked:
            self.masked = [self._units[int(self._chance.random() * len(self._units))]]
        for unit in self.masked:
            for word in unit.occurrences:
                for place in word.places:
                    self._windows[place.window][place.position] = mask

    def query(self, unit: _Unit, step: int, begins: Callable[[int], bool]) -> Query:
        """Return what is asked to draw the next subword of a word."""
        place = unit.word.places[step]
        former = unit.word.subwords[unit.word.changing[step]]
        return tuple(self._windows[place.window]), place.position, begins(former)

    def fill(self, unit: _Unit, step: int, likely: Sequence[int]) -> None:
        """Draw the next subword of a word; let the word stay where there is none to draw."""
        if likely:
            drawn = likely[int(self._chance.random() * len(likely))]
            self._drawn.setdefault(unit.word.word, []).append(drawn)
            for word in unit.occurrences:
                self._put(word.places[step], drawn)
            return
        self.masked.remove(unit)
        self._drawn.pop(unit.word.word, None)
        for word in unit.occurrences:
            for changing, place in zip(word.changing, word.places, strict=True):
                self._put(place, word.subwords[changing])

    def variant(self, reader: LabelledReader) -> Variant:
        """Return the sentence with what was drawn."""
        tokens = list(self._example.tokens)
        replaced: dict[str, str] = {}
        for unit in self.masked:
            before, after = tokens[unit.word.word], reader.respelled(unit.word, self._drawn[unit.word.word])
            if after != before:
                replaced[before] = after
            for word in unit.occurrences:
                tokens[word.word] = after
        return Variant(tuple(tokens), self._example.ner_tags, replaced)

    def _put(self, place: Place, subword: int) -> None:
        self._windows[place.window][place.position] = subword


_NORMAL = NormalForms()


def _said(replaced: Mapping[str, str]) -> str:
    return "; ".join(f"{before} -> {after}" for before, after in replaced.items())


def _settings(context: MethodContext) -> Settings:
    value = dict(context.config.generator.method_settings)
    if "model" not in value:
        raise ReleaseError(
            "the key `masked_entity_model.model` is missing",
            where=context.config.name,
            hint="Name a masked language model: a folder, or an id of the Hub such as "
            "FacebookAI/xlm-roberta-base.",
        )
    model = named_model(value.pop("model"), value.pop("revision", None), beside=context.folder)
    return Settings(model, **value)


def _training(context: MethodContext, settings: Settings) -> Training:
    from .entity_language_model import Training

    return Training(
        model=settings.model,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        mask_rate=settings.training_mask_rate,
        seed=Random(f"{_seed_of(context)}/training").getrandbits(32),  # noqa: S311 - no secret is drawn
    )


def _model(context: MethodContext, settings: Settings, folder: Path) -> EntityLanguageModel:
    """Return the trained model, the one that an earlier run has kept where there is one."""
    from .entity_language_model import EntityLanguageModel

    types = context.gold.labels.types
    if not folder.is_dir():
        training = _training(context, settings)
        trained = EntityLanguageModel.train(context.gold.splits[SPLIT], types, training, context.preparing)
        trained.save(folder)
    # Loaded in either case: what is asked is what is kept.
    return EntityLanguageModel.load(folder, types)


def _folder(context: MethodContext, settings: Settings) -> Path:
    """Return where the trained model is kept, under a name that follows from all that decides it."""
    decides = [
        VERSION,
        settings.model.identity(),
        [settings.epochs, settings.learning_rate, settings.batch_size, settings.training_mask_rate],
        list(context.gold.labels.types),
        [[list(each.tokens), list(each.ner_tags)] for each in context.gold.splits.get(SPLIT, ())],
        _seed_of(context),
    ]
    name = f"{context.config.language.code}-{sha256(canonical_json(decides))[:24]}"
    return context.folder / "work" / "masked_entity_models" / name


def _seed_of(context: MethodContext) -> str:
    return f"{context.seed}/{context.config.language.code}/masked_entity_model"
