"""The teachers that a release names: saved taggers, and taggers trained here on gold of some language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from ...projection.model_folders import NamedModel, named_model, require_train_extra
from ...schema.errors import ReleaseError, SynthnerError
from ...schema.validation import nearest
from ...sources.gold import Gold
from ..calls import canonical_json, sha256
from .method import MethodContext
from .offline_calls import SPLIT, gold_as_json

if TYPE_CHECKING:
    from ...evaluation.encoder.settings import EncoderSettings
    from ...evaluation.teachers import SavedTeacher, Teacher

VERSION = 1

RECIPE = "teacher"
"""The recipe of an encoder that is trained here, where the release names none."""

UNIFORM, SIMILARITY = "uniform", "similarity"

_DECIMALS = 4


@dataclass(frozen=True)
class TrainedTeacher:
    """A tagger that is trained here, once.

    Attributes:
        name: What it is called.
        language: Whose gold it is trained on.
        gold: That gold.
        encoder: The model that is fine-tuned; None for a CRF.
        settings: How it is fine-tuned; None for a CRF.
        trained: Where it is kept, before its name.
    """

    name: str
    language: str
    gold: Gold = field(repr=False)
    encoder: NamedModel | None
    settings: EncoderSettings | None
    trained: Path

    @property
    def published_name(self) -> str:
        """Its name as it is published: of a folder with an encoder its own name, not where it is."""
        return _name_of_trained(self.encoder and self.encoder.published_name, self.language)

    def identity(self) -> Sequence[Any]:
        """Return what decides it.

        Raises:
            DataError: If a file of the encoder cannot be read.
        """
        settings = self.settings and {
            name: getattr(self.settings, name) for name in self.settings.__slots__ if name != "model"
        }
        gold = sha256(canonical_json(gold_as_json(self.gold.splits[SPLIT])))
        return [VERSION, self.language, gold, self.encoder and self.encoder.identity(), settings]

    def load(self) -> Teacher:
        """Load it, trained now if nobody has yet.

        Raises:
            DataError: If it cannot be trained or kept.
        """
        from ...evaluation.teachers import crf_in, load_teacher

        folder = self.trained / f"{self.language}-{sha256(canonical_json(self.identity()))[:24]}"
        # An encoder's folder is written whole or not at all.
        is_there = folder.is_dir() if self.encoder else crf_in(folder) is not None
        if not is_there:
            self._train(folder)
        return load_teacher(folder)

    def _train(self, folder: Path) -> None:
        gold = self.gold.splits[SPLIT]
        if self.encoder is None or self.settings is None:
            from ...evaluation.crf import CRF_MODEL
            from ...evaluation.recipes import train_on_gold

            train_on_gold(gold).save(folder / CRF_MODEL)
            return
        from dataclasses import replace

        from ...evaluation.encoder.tagger import EncoderTagger

        settings = replace(self.settings, model=str(self.encoder.fetch()))
        labels = self.gold.labels.names
        EncoderTagger.train(gold, settings=settings, labels=labels).save(folder)


NamedTeacher: TypeAlias = "SavedTeacher | TrainedTeacher"


def named_teachers(context: MethodContext) -> list[NamedTeacher]:
    """Return the teachers of a config.

    Raises:
        ReleaseError: If none is named, or one cannot be what it is said to be.
        DataError: If gold of a language cannot be had, or there is no such model.
    """
    named = context.config.generator.method_settings.get("teachers", ())
    if not named:
        raise ReleaseError(
            "no teacher is named",
            where=context.config.name,
            hint="Name them as `teachers` among the generator's settings `distillation`: `{gold: LANGUAGE}` "
            "or `{model: FOLDER}`.",
        )
    return [
        saved_teacher(context, value)
        if "model" in value
        else _of_common_types(context, trained_teacher(context, value, f"distillation.teachers.{place}"))
        for place, value in enumerate(named)
    ]


def check_gold_of_teachers(context: MethodContext) -> None:
    """Make sure that there is gold for the teachers that are trained here; no model is looked for.

    Raises:
        ReleaseError: If a language is none of the release, or has nothing to train on.
        DataError: If its gold cannot be used.
    """
    for place, value in enumerate(context.config.generator.method_settings.get("teachers", ())):
        if "gold" in value:
            _gold_of(context, value["gold"], f"distillation.teachers.{place}.gold")


def saved_teacher(context: MethodContext, value: Mapping[str, Any]) -> SavedTeacher:
    """Return a tagger that somebody has trained.

    Args:
        context: The config.
        value: What the release says of it.

    Raises:
        DataError: If there is none.
        WrongUsageError: If what it needs is not installed.
    """
    from ...evaluation import teachers

    name = context.filled(value["model"])
    found = teachers.saved_teacher(
        name, value.get("revision"), beside=context.folder, language=value.get("language")
    )
    if isinstance(found.model, NamedModel):
        require_train_extra("a tagger that is an encoder", context.config.name)
    return found


def trained_teacher(context: MethodContext, value: Mapping[str, Any], key: str) -> TrainedTeacher:
    """Return a tagger that is trained here.

    Args:
        context: The config.
        value: What the release says of it.
        key: Where it says so, for errors.

    Raises:
        ReleaseError: If a setting is wrong, or there is nothing to learn.
        DataError: If gold of its language cannot be had, or there is no such encoder.
        WrongUsageError: If what it needs is not installed.
    """
    language, encoder = value["gold"], value.get("encoder")
    gold = _gold_of(context, language, f"{key}.gold")
    model = settings = None
    if encoder is not None:
        require_train_extra("a tagger that is an encoder", context.config.name)
        from ...evaluation.encoder.settings import settings_by_recipe

        model = named_model(encoder, value.get("revision"), beside=context.folder)
        seed = Random(f"{context.seed}/{language}/teacher").getrandbits(32)  # noqa: S311 - no secret
        try:
            settings = settings_by_recipe(
                value.get("recipe", RECIPE), model.name, changes=value.get("settings"), seed=seed
            )
        except SynthnerError as error:
            raise ReleaseError(
                f"{key}: {error.message}", where=context.config.name, hint=error.hint
            ) from error
    return TrainedTeacher(
        _name_of_trained(encoder, language),
        language,
        gold,
        model,
        settings,
        context.folder / "work" / "teachers",
    )


def _name_of_trained(encoder: str | None, language: str) -> str:
    return f"{encoder or 'CRF'} on gold of {language}"


def weights_of(
    context: MethodContext, teachers: Sequence[NamedTeacher], text: Sequence[Sequence[str]]
) -> list[float]:
    """Return how much each teacher counts; together 1.

    Args:
        context: The config.
        teachers: Its teachers.
        text: The sentences that are labelled, which similarity is measured on.

    Raises:
        ReleaseError: If there are not as many weights as teachers, or a teacher's language is not known.
        DataError: If gold of a language cannot be had.
    """
    said = context.config.generator.method_settings.get("weights", UNIFORM)
    where = context.config.name
    if said == UNIFORM:
        return [1 / len(teachers)] * len(teachers)
    if said == SIMILARITY:
        return _by_similarity(context, teachers, text)
    if len(said) != len(teachers):
        raise ReleaseError(
            f"distillation.weights: {len(said)} weights for {len(teachers)} teachers",
            where=where,
            hint="Name one for each, in their order.",
        )
    return [weight / sum(said) for weight in said]


def _by_similarity(
    context: MethodContext, teachers: Sequence[NamedTeacher], text: Sequence[Sequence[str]]
) -> list[float]:
    from ...evaluation.language_similarity import similarities

    languages = [teacher.language for teacher in teachers]
    of_languages: dict[str, list[Sequence[str]]] = {}
    for teacher in teachers:
        if teacher.language is None:
            raise ReleaseError(
                f"distillation.weights: the language of the teacher `{teacher.name}` is not known",
                where=context.config.name,
                hint="Name it as the teacher's `language`: gold of it tells what the language looks like.",
            )
        gold = _gold_of(context, teacher.language, f"distillation.{teacher.name}")
        of_languages[teacher.language] = [example.tokens for example in gold.splits[SPLIT]]
    found = similarities(text, of_languages)
    # Teachers of the same language share its weight. What is rounded is the same on any machine.
    rounded = [
        round(found[language] / languages.count(language), _DECIMALS) for language in languages if language
    ]
    return [weight / sum(rounded) for weight in rounded]


def _of_common_types(context: MethodContext, teacher: TrainedTeacher) -> TrainedTeacher:
    from ...evaluation.teachers import check_types

    labels = context.gold.labels.names
    check_types(f"{context.config.name}: {teacher.name}", teacher.gold.labels.names, labels)
    return teacher


def _gold_of(context: MethodContext, language: str, key: str) -> Gold:
    try:
        gold = context.gold_of(language)
    except KeyError as error:
        raise ReleaseError(
            f"{key}: `{language}` is no language of this release",
            where=context.config.name,
            hint="Name it and its gold under `languages`; a generator leaves it out by its own `languages`.",
        ) from error
    if not gold.splits.get(SPLIT):
        raise ReleaseError(
            f"{key}: gold of `{language}` has no train split to learn from",
            where=context.config.name,
            hint=nearest(SPLIT, gold.splits),
        )
    return gold
