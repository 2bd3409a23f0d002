"""How labels are projected, as the key `projection` of a release says it, and who may score besides.

`translate_train` and the setting `translate-test` of an evaluation have the same keys: they are read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..schema.errors import WrongUsageError
from . import scored
from .methods import projector
from .model_folders import NamedModel
from .scored import (
    NamedTagger,
    NamedTranslator,
    ScoredProjector,
    Scoring,
    Tagger,
    check_matches,
    scored_projector,
)
from .translation import BATCH_SIZE, TranslationModel, require_scoring_model
from .translation_scores import TranslationScores

KEY = "projection"
METHOD = "exact"

TAGGER, TRANSLATOR = "tagger", "translator"
"""The keys of those that score."""


class WrongProjectionError(WrongUsageError):
    """A way of projecting that cannot be.

    Args:
        message: What is wrong.
        key: The key in `projection` that is wrong; empty where it is not one alone.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, key: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key

    @property
    def path(self) -> str:
        """The key from `projection` on."""
        return f"{KEY}.{self.key}" if self.key else KEY


# Faults of scoring: the key, what is wrong with it, and what to do.
_FAULTS = {
    scored.NO_TAGGER: (
        "",
        scored.NO_TAGGER,
        "Name one as `tagger`: `{model: FOLDER}`, or `{gold: LANGUAGE}` for a CRF that learns gold train of "
        "a language of this release.",
    ),
    scored.NOTHING_TO_FUSE: (
        "",
        scored.NOTHING_TO_FUSE,
        "Name a `tagger`, `{gold: LANGUAGE}` for example, or a `translator`: `{}` is the model that "
        "translates.",
    ),
    scored.UNUSED_TAGGER: (
        TAGGER,
        "it has no use: it neither chooses candidates nor scores them",
        "Add `candidates: tagger`, `scores: ner` or `scores: fused`.",
    ),
    scored.UNUSED_TRANSLATOR: (
        TRANSLATOR,
        "it has no use: it does not score candidates",
        "Add `scores: nmt` or `scores: fused`.",
    ),
}


@dataclass(frozen=True)
class ProjectionSettings:
    """What a release says of projection. `projection_settings` reads it.

    Attributes:
        method: The name of the way of projecting.
        parameters: What is not usual of it.
        scoring: What candidates there are and what they score.
        tagger: The tagger of the target's language; None where none takes part.
        translator: The translation model that scores; None where none takes part.
    """

    method: str = METHOD
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)
    tagger: Mapping[str, Any] | None = None
    translator: Mapping[str, Any] | None = None


def projection_settings(said: Mapping[str, Any]) -> ProjectionSettings:
    """Read the key `projection`.

    Raises:
        WrongProjectionError: If a parameter is another method's, or a tagger or a translation model is
            missing or has no use.
    """
    value = dict(said)
    method: str = value.pop("method", METHOD)
    of_scoring = {key: value.pop(key) for key in ("candidates", "scores") if key in value}
    tagger, translator = value.pop(TAGGER, None), value.pop(TRANSLATOR, None)
    scoring = Scoring(**of_scoring)
    if translator is None and scoring.scores == scored.NMT:
        translator = {}
    try:
        projector(method, value)
        if of_scoring or tagger is not None or translator is not None:
            check_matches(method)
    except WrongUsageError as error:
        raise WrongProjectionError(error.message, hint=error.hint) from error
    fault = scoring.fault(tagger=tagger is not None, translator=translator is not None)
    if fault is not None:
        key, message, hint = _FAULTS[fault]
        raise WrongProjectionError(message, key=key, hint=hint)
    return ProjectionSettings(method, value, scoring, tagger, translator)


class TaggerOfLanguage(Protocol):
    """A tagger of the target's language, as a release names it."""

    @property
    def published_name(self) -> str:
        """Its name as it is published."""
        ...

    def identity(self) -> Sequence[Any]:
        """Return what decides what it says, as JSON values."""
        ...


@dataclass(frozen=True)
class ScoringModel:
    """The translation model that scores candidates. `scoring_model` makes one.

    Attributes:
        model: The model.
        languages: The codes of the source and of the target language, as it writes them.
        batch_size: Pairs of texts that it looks at side by side; None for the usual number.
    """

    model: NamedModel
    languages: tuple[str, str]
    batch_size: int | None

    @property
    def name(self) -> str:
        """The model's name as it is published: of a folder its own name, not where it is."""
        return self.model.published_name

    @property
    def revision(self) -> str | None:
        """What it is exactly, or which revision of it the release names."""
        kind, *_, revision = self.model.identity()
        return f"sha256:{revision}" if kind == "folder" else revision

    def identity(self) -> list[Any]:
        """Return what of it decides scores, as JSON values.

        Raises:
            DataError: If a file cannot be read.
        """
        return [self.model.identity(), self.languages, self.batch_size]

    def check(self) -> None:
        """Make sure that it can score, before its weights are loaded.

        Raises:
            DataError: If it cannot be had, or is of another kind.
        """
        require_scoring_model(self.model)

    def scores(self, loaded: TranslationModel) -> NamedTranslator:
        """Return what scores by it; what it has scored is remembered there.

        Raises:
            DataError: If it knows no such language.
        """
        scores = TranslationScores(loaded, *self.languages, self.batch_size or BATCH_SIZE)
        return NamedTranslator(scores, self.name, self.revision, self.languages)


def scoring_model(
    settings: ProjectionSettings,
    languages: tuple[str, str],
    *,
    translates: NamedModel | None,
    codes: Mapping[str, str],
    named: Callable[[str, str | None], NamedModel],
) -> ScoringModel | None:
    """Return the translation model that scores; None where none does.

    What is not said of it is as for the model that translates.

    Args:
        settings: How labels are projected.
        languages: The codes of the source and of the target language, as the release has them.
        translates: The model that translates; None where none does.
        codes: What that one calls languages.
        named: Returns the model that is meant by a name and a revision.

    Raises:
        WrongProjectionError: If there is no model, or a code of a language is missing.
        DataError: If there is no such model.
    """
    said = settings.translator
    if said is None:
        return None
    source, target = languages
    model = named(said["model"], said.get("revision")) if "model" in said else translates
    if model is None:
        raise WrongProjectionError(
            "the key `model` is missing, and no model translates that could score",
            key=TRANSLATOR,
            hint=f"Name a multilingual one: `translator: {{model: …, codes: {{{source}: …, {target}: …}}}}`.",
        )
    known = said.get("codes", codes)
    for code in languages:
        if code not in known:
            raise WrongProjectionError(
                f"the key `codes.{code}` is missing",
                key=TRANSLATOR,
                hint="A multilingual model scores, and is told both languages by its own codes: "
                f"`codes: {{{source}: …, {target}: …}}`. A model of one pair cannot score.",
            )
    return ScoringModel(model, (known[source], known[target]), said.get("batch_size"))


@dataclass(frozen=True)
class NamedProjection:
    """How labels are projected, with those that score by their names: all that decides it, nothing loaded.

    Attributes:
        settings: What the release says.
        tagger: The tagger of the target's language; None where none takes part.
        translator: The translation model that scores; None where none takes part.
    """

    settings: ProjectionSettings
    tagger: TaggerOfLanguage | None = None
    translator: ScoringModel | None = None

    @property
    def is_scored(self) -> bool:
        """Whether anything but alignments has a say."""
        return self.tagger is not None or self.translator is not None

    def decides(self) -> list[Any]:
        """Return what of it decides labels, as JSON values.

        Raises:
            DataError: If a file cannot be read.
        """
        settings = self.settings
        decides: list[Any] = [settings.method, dict(settings.parameters)]
        if self.is_scored:
            identity = self.tagger and self.tagger.identity()
            decides.append([settings.scoring.candidates, settings.scoring.scores, identity])
        if self.translator is not None:
            decides.append(self.translator.identity())
        return decides

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest says of it.

        Raises:
            DataError: If a file cannot be read.
        """
        settings = self.settings
        said: dict[str, Any] = {"method": settings.method, **settings.parameters}
        if self.is_scored:
            said |= {
                "candidates": settings.scoring.candidates,
                "scores": settings.scoring.scores,
                "weights": settings.scoring.weights(**self._helpers),
            }
        if self.tagger is not None:
            said["tagger"] = self.tagger.published_name
        if self.translator is not None:
            said["translator"] = {
                "model": self.translator.name,
                "revision": self.translator.revision,
                "languages": list(self.translator.languages),
            }
        return said

    @property
    def described(self) -> str:
        """What is to be said of it in provenance."""
        settings = self.settings
        if not self.is_scored:
            return settings.method
        parts = " + ".join(settings.scoring.parts(**self._helpers))
        said = [f"{settings.scoring.candidates} candidates", f"{parts} scores"]
        if self.tagger is not None:
            said.append(f"tagger {self.tagger.published_name}")
        if self.translator is not None:
            said.append(f"translation scores by {self.translator.name}")
        return f"{settings.method} ({', '.join(said)})"

    def projector(self, tagger: Tagger | None, translator: NamedTranslator | None) -> ScoredProjector:
        """Return what projects where anything but alignments has a say.

        Args:
            tagger: The tagger, loaded; None where none takes part.
            translator: What scores by the translation model (`ScoringModel.scores`); None where none does.
        """
        settings, named = self.settings, None
        if self.tagger is not None and tagger is not None:
            named = NamedTagger(tagger, self.tagger.published_name)
        return scored_projector(
            settings.method, settings.parameters, settings.scoring, tagger=named, translator=translator
        )

    @property
    def _helpers(self) -> dict[str, bool]:
        return {"tagger": self.tagger is not None, "translator": self.translator is not None}
