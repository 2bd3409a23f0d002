"""How labels are projected, as the settings of a method say it, and the tagger that may take part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...projection.methods import Projector, projector
from ...projection.model_folders import NamedModel
from ...projection.outcome import ParallelSentence, Projection
from ...projection.tagged import Scoring, TaggedProjector, check_matches, tagged_projector
from ...schema.errors import ReleaseError, WrongUsageError
from ..calls import canonical_json
from ..engines.local_models import InMemory, in_memory
from .distillation_teachers import NamedTeacher, SavedTeacher, saved_teacher, trained_teacher
from .method import MethodContext

METHOD = "exact"

_KEY = "projection"
_TAGGER = f"{_KEY}.tagger"


@dataclass(frozen=True)
class Projecting:
    """How labels are projected. `projecting` makes it.

    Attributes:
        method: The name of the way of projecting.
        parameters: Its parameters.
        scoring: What candidates there are and what they score.
        tagger: The tagger of the target's language; None where none takes part.
        project: The way itself, without a tagger.
        types: The types that are projected.
    """

    method: str
    parameters: Mapping[str, Any]
    scoring: Scoring
    tagger: NamedTeacher | None
    project: Projector
    types: Sequence[str]

    def decides(self) -> list[Any]:
        """Return what of it decides labels, as JSON values.

        Raises:
            DataError: If a file cannot be read.
        """
        decides: list[Any] = [self.method, self.parameters]
        if self.tagger is not None:
            decides.append([self.scoring.candidates, self.scoring.scores, self.tagger.identity()])
        return decides

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        of_tagger = {}
        if self.tagger is not None:
            of_tagger = {
                "candidates": self.scoring.candidates,
                "scores": self.scoring.scores,
                "tagger": self.tagger_name,
            }
        return {"method": self.method, **self.parameters, **of_tagger}

    @property
    def described(self) -> str:
        """What is to be said of it in provenance."""
        if self.tagger is None:
            return self.method
        return (
            f"{self.method} ({self.scoring.candidates} candidates, {self.scoring.scores} scores, "
            f"tagger {self.tagger_name})"
        )

    @property
    def tagger_name(self) -> str | None:
        """The tagger's name as it is published: of a folder its own name, not where it is."""
        if isinstance(self.tagger, SavedTeacher):
            model = self.tagger.model
            path = model.folder if isinstance(model, NamedModel) else Path(self.tagger.name)
            return self.tagger.name if path is None else path.name
        return self.tagger and self.tagger.name

    def require(self) -> None:
        """Make sure that the tagger can be used; one that is trained here is.

        Raises:
            WrongUsageError: If what it needs is not installed.
            DataError: If it cannot be had, trained or loaded, or knows none of the types where that matters.
        """
        if self.tagger is not None:
            self._with_tagger()

    def of(self, sentences: Sequence[ParallelSentence]) -> list[Projection]:
        """Project sentences; their targets are tagged together.

        Raises:
            WrongUsageError, DataError: As `require` does.
        """
        if self.tagger is not None:
            return self._with_tagger().of(sentences)
        return [self.project(each.entities, each.alignment, each.target) for each in sentences]

    def _with_tagger(self) -> TaggedProjector:
        project = tagged_projector(
            self.method, self.parameters, self.scoring, self._holder.get(), self.tagger_name or ""
        )
        project.check_types(self.types)
        return project

    @cached_property
    def _holder(self) -> InMemory:
        tagger = self.tagger
        if tagger is None:
            raise ValueError("no tagger takes part")
        return in_memory(canonical_json([_TAGGER, tagger.identity()]), tagger.load)


def projecting(context: MethodContext) -> Projecting:
    """Read how labels are projected from the settings of a method.

    Raises:
        ReleaseError: If a parameter is another method's, or a tagger is missing, has no use, or cannot be.
        DataError: If there is no such model, or gold of a language cannot be had.
    """
    config = context.config
    value = dict(config.generator.method_settings.get(_KEY, {}))
    method: str = value.pop("method", METHOD)
    of_tagger = {key: value.pop(key) for key in ("candidates", "scores") if key in value}
    named = value.pop("tagger", None)
    scoring = Scoring(**of_tagger)
    try:
        project = projector(method, value)
        if of_tagger or named is not None:
            check_matches(method)
    except WrongUsageError as error:
        raise _wrong(context, _KEY, error.message, error.hint) from error
    if scoring.needs_tagger and named is None:
        raise _wrong(
            context,
            _KEY,
            "there is no tagger to choose candidates or to score them",
            "Name one as `tagger`: `{model: FOLDER}`, or `{gold: LANGUAGE}` for a CRF that learns gold train "
            "of a language of this release.",
        )
    if named is not None and not scoring.needs_tagger:
        raise _wrong(
            context,
            _TAGGER,
            "it has no use: candidates are n-grams, and scores are those of alignments",
            "Add `candidates: tagger`, `scores: ner` or `scores: fused`.",
        )
    return Projecting(
        method=method,
        parameters=value,
        scoring=scoring,
        tagger=_tagger(context, named) if named is not None else None,
        project=project,
        types=context.gold.labels.types,
    )


def _tagger(context: MethodContext, named: Mapping[str, Any]) -> NamedTeacher:
    if "model" in named:
        return saved_teacher(context, named)
    return trained_teacher(context, named, f"{context.config.generator.method}.{_TAGGER}")


def _wrong(context: MethodContext, key: str, message: str, hint: str | None) -> ReleaseError:
    config = context.config
    return ReleaseError(f"{config.generator.method}.{key}: {message}", where=config.name, hint=hint)
