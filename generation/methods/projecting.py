"""How labels are projected, as the settings of a method say it, and who may score candidates besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...projection import scored
from ...projection.methods import Projector, projector
from ...projection.model_folders import NamedModel, require_train_extra
from ...projection.outcome import ParallelSentence, Projection
from ...projection.scored import (
    NamedTagger,
    NamedTranslator,
    ScoredProjector,
    Scoring,
    check_matches,
    scored_projector,
)
from ...schema.errors import ReleaseError, WrongUsageError
from ..calls import canonical_json
from ..engines.local_models import InMemory, in_memory
from .distillation_teachers import NamedTeacher, SavedTeacher, saved_teacher, trained_teacher
from .method import MethodContext
from .translated_gold import TOGETHER

METHOD = "exact"

_KEY = "projection"
_TAGGER = f"{_KEY}.tagger"
_TRANSLATOR = f"{_KEY}.translator"

_FAULTS = {
    scored.NO_TAGGER: (
        _KEY,
        scored.NO_TAGGER,
        "Name one as `tagger`: `{model: FOLDER}`, or `{gold: LANGUAGE}` for a CRF that learns gold train of "
        "a language of this release.",
    ),
    scored.NOTHING_TO_FUSE: (
        _KEY,
        scored.NOTHING_TO_FUSE,
        "Name a `tagger`, `{gold: LANGUAGE}` for example, or a `translator`: `{}` is the model that "
        "translates.",
    ),
    scored.UNUSED_TAGGER: (
        _TAGGER,
        "it has no use: it neither chooses candidates nor scores them",
        "Add `candidates: tagger`, `scores: ner` or `scores: fused`.",
    ),
    scored.UNUSED_TRANSLATOR: (
        _TRANSLATOR,
        "it has no use: it does not score candidates",
        "Add `scores: nmt` or `scores: fused`.",
    ),
}


@dataclass(frozen=True)
class ScoringModel:
    """The translation model that scores candidates.

    Attributes:
        model: The model.
        languages: The codes of the source and of the config's language, as it writes them.
        batch_size: Pairs of texts that it looks at side by side; None for the usual number.
    """

    model: NamedModel
    languages: tuple[str, str]
    batch_size: int | None

    @property
    def name(self) -> str:
        """The model's name as it is published: of a folder its own name, not where it is."""
        return self.model.name if self.model.folder is None else self.model.folder.name

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
        from ...projection.translation import require_scoring_model

        require_scoring_model(self.model)

    def load(self) -> InMemory:
        """Return the holder of the model, that of the model that translates where both are the same."""
        from ...projection.translation import load_translation_model

        name = canonical_json(["translation", self.model.identity()])
        return in_memory(name, lambda: load_translation_model(self.model))


@dataclass(frozen=True)
class Projecting:
    """How labels are projected. `projecting` makes it.

    Attributes:
        method: The name of the way of projecting.
        parameters: Its parameters.
        scoring: What candidates there are and what they score.
        tagger: The tagger of the target's language; None where none takes part.
        translator: The translation model that scores; None where none takes part.
        project: The way itself, by alignments alone.
        types: The types that are projected.
    """

    method: str
    parameters: Mapping[str, Any]
    scoring: Scoring
    tagger: NamedTeacher | None
    translator: ScoringModel | None
    project: Projector
    types: Sequence[str]

    def decides(self) -> list[Any]:
        """Return what of it decides labels, as JSON values.

        Raises:
            DataError: If a file cannot be read.
        """
        decides: list[Any] = [self.method, self.parameters]
        if self._is_scored:
            identity = self.tagger and self.tagger.identity()
            decides.append([self.scoring.candidates, self.scoring.scores, identity])
        if self.translator is not None:
            decides.append(self.translator.identity())
        return decides

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says of it.

        Raises:
            DataError: If a file cannot be read.
        """
        said: dict[str, Any] = {"method": self.method, **self.parameters}
        if self._is_scored:
            said |= {
                "candidates": self.scoring.candidates,
                "scores": self.scoring.scores,
                "weights": self.scoring.weights(**self._helpers),
            }
        if self.tagger is not None:
            said["tagger"] = self.tagger_name
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
        if not self._is_scored:
            return self.method
        parts = " + ".join(self.scoring.parts(**self._helpers))
        said = [f"{self.scoring.candidates} candidates", f"{parts} scores"]
        if self.tagger is not None:
            said.append(f"tagger {self.tagger_name}")
        if self.translator is not None:
            said.append(f"translation scores by {self.translator.name}")
        return f"{self.method} ({', '.join(said)})"

    @property
    def tagger_name(self) -> str | None:
        """The tagger's name as it is published: of a folder its own name, not where it is."""
        if isinstance(self.tagger, SavedTeacher):
            model = self.tagger.model
            path = model.folder if isinstance(model, NamedModel) else Path(self.tagger.name)
            return self.tagger.name if path is None else path.name
        return self.tagger and self.tagger.name

    @property
    def together(self) -> int:
        """How many sentences are projected at once; what is under way when a run is stopped is lost."""
        return TOGETHER if self.translator is None else scored.TOGETHER_TRANSLATED

    def require(self) -> None:
        """Make sure that tagger and translation model can be used; a tagger that is trained here is.

        Raises:
            WrongUsageError: If what they need is not installed.
            DataError: If one cannot be had, trained or loaded, the tagger knows none of the types where that
                matters, or the translation model knows no such language.
        """
        if self.translator is not None:
            require_train_extra(f"the key `{_TRANSLATOR}`")
            self.translator.check()
        if self._is_scored:
            self._scored()

    def of(self, sentences: Sequence[ParallelSentence]) -> list[Projection]:
        """Project sentences; they are tagged and scored together, by nothing but what they hold themselves.

        Raises:
            WrongUsageError, DataError: As `require` does.
        """
        if self._is_scored:
            return self._scored().of(sentences)
        return [self.project(each.entities, each.alignment, each.target) for each in sentences]

    @property
    def _is_scored(self) -> bool:
        return self.tagger is not None or self.translator is not None

    @property
    def _helpers(self) -> dict[str, bool]:
        return {"tagger": self.tagger is not None, "translator": self.translator is not None}

    def _scored(self) -> ScoredProjector:
        project = scored_projector(
            self.method,
            self.parameters,
            self.scoring,
            tagger=NamedTagger(self._tagger.get(), self.tagger_name or "") if self.tagger else None,
            translator=self._named_translator(self.translator) if self.translator else None,
        )
        project.check_types(self.types)
        return project

    def _named_translator(self, translator: ScoringModel) -> NamedTranslator:
        from ...projection.translation import BATCH_SIZE
        from ...projection.translation_scores import TranslationScores

        # New each time: what was scored before must not decide which pairs stand side by side.
        scores = TranslationScores(
            self._translator.get(), *translator.languages, translator.batch_size or BATCH_SIZE
        )
        return NamedTranslator(scores, translator.name, translator.revision, translator.languages)

    @cached_property
    def _tagger(self) -> InMemory:
        tagger = self.tagger
        if tagger is None:
            raise ValueError("no tagger takes part")
        if self.translator is not None:
            # They take turns, block by block: it stays beside the other model.
            return InMemory(tagger.load, lambda _tagger: None)
        return in_memory(canonical_json([_TAGGER, tagger.identity()]), tagger.load)

    @cached_property
    def _translator(self) -> InMemory:
        if self.translator is None:
            raise ValueError("no translation model takes part")
        return self.translator.load()


def projecting(context: MethodContext, translates: NamedModel | None) -> Projecting:
    """Read how labels are projected from the settings of a method.

    Args:
        context: What the data is made from.
        translates: The model that translates, and scores where no other is named; None where none does.

    Raises:
        ReleaseError: If a parameter is another method's, or a tagger or a translation model is missing, has
            no use, or cannot be.
        DataError: If there is no such model, or gold of a language cannot be had.
    """
    config = context.config
    value = dict(config.generator.method_settings.get(_KEY, {}))
    method: str = value.pop("method", METHOD)
    of_scoring = {key: value.pop(key) for key in ("candidates", "scores") if key in value}
    tagger, translator = value.pop("tagger", None), value.pop("translator", None)
    scoring = Scoring(**of_scoring)
    if translator is None and scoring.scores == scored.NMT:
        translator = {}
    try:
        project = projector(method, value)
        if of_scoring or tagger is not None or translator is not None:
            check_matches(method)
    except WrongUsageError as error:
        raise _wrong(context, _KEY, error.message, error.hint) from error
    fault = scoring.fault(tagger=tagger is not None, translator=translator is not None)
    if fault is not None:
        raise _wrong(context, *_FAULTS[fault])
    return Projecting(
        method=method,
        parameters=value,
        scoring=scoring,
        tagger=_tagger(context, tagger) if tagger is not None else None,
        translator=_translator(context, translator, translates) if translator is not None else None,
        project=project,
        types=context.gold.labels.types,
    )


def _tagger(context: MethodContext, named: Mapping[str, Any]) -> NamedTeacher:
    if "model" in named:
        return saved_teacher(context, named)
    return trained_teacher(context, named, f"{context.config.generator.method}.{_TAGGER}")


def _translator(
    context: MethodContext, named: Mapping[str, Any], translates: NamedModel | None
) -> ScoringModel:
    """Return the translation model that is named; what is not said of it is as for the one that translates.

    Args:
        context: The config.
        named: What the release says of it.
        translates: The model that translates; None where none does.
    """
    config = context.config
    settings = config.generator.method_settings
    source, target = settings["source"], config.language.code
    model = translates
    if "model" in named:
        model = context.model(named["model"], named.get("revision"))
    if model is None:
        raise _wrong(
            context,
            _TRANSLATOR,
            "the key `model` is missing, and no model translates that could score",
            f"Name a multilingual one: `translator: {{model: …, codes: {{{source}: …, {target}: …}}}}`.",
        )
    codes = named.get("codes", settings.get("codes", {}))
    for code in (source, target):
        if code not in codes:
            raise _wrong(
                context,
                _TRANSLATOR,
                f"the key `codes.{code}` is missing",
                "A multilingual model scores, and is told both languages by its own codes: "
                f"`codes: {{{source}: …, {target}: …}}`. A model of one pair cannot score.",
            )
    return ScoringModel(model, (codes[source], codes[target]), named.get("batch_size"))


def _wrong(context: MethodContext, key: str, message: str, hint: str | None) -> ReleaseError:
    config = context.config
    return ReleaseError(f"{config.generator.method}.{key}: {message}", where=config.name, hint=hint)
