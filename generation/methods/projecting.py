"""How labels are projected, as the settings of a method say it, and who may score candidates besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...projection import scored
from ...projection.methods import projector
from ...projection.model_folders import NamedModel, require_train_extra
from ...projection.outcome import ParallelSentence, Projection
from ...projection.scored import ScoredProjector
from ...projection.settings import (
    KEY,
    TAGGER,
    TRANSLATOR,
    NamedProjection,
    ScoringModel,
    WrongProjectionError,
    projection_settings,
    scoring_model,
)
from ...schema.errors import ReleaseError
from ..calls import canonical_json
from ..engines.local_models import InMemory, in_memory
from .distillation_teachers import NamedTeacher, saved_teacher, trained_teacher
from .method import MethodContext
from .translated_gold import TOGETHER

_TAGGER = f"{KEY}.{TAGGER}"
_TRANSLATOR = f"{KEY}.{TRANSLATOR}"


@dataclass(frozen=True)
class Projecting:
    """How labels are projected. `projecting` makes it.

    Attributes:
        tagger: The tagger of the target's language; None where none takes part.
        named: The way, and those that score by their names.
        types: The types that are projected.
    """

    tagger: NamedTeacher | None
    named: NamedProjection
    types: Sequence[str]

    @property
    def translator(self) -> ScoringModel | None:
        """The translation model that scores; None where none takes part."""
        return self.named.translator

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
        if self.named.is_scored:
            self._scored()

    def of(self, sentences: Sequence[ParallelSentence]) -> list[Projection]:
        """Project sentences; they are tagged and scored together, by nothing but what they hold themselves.

        Raises:
            WrongUsageError, DataError: As `require` does.
        """
        if self.named.is_scored:
            return self._scored().of(sentences)
        project = projector(self.named.settings.method, self.named.settings.parameters)
        return [project(each.entities, each.alignment, each.target) for each in sentences]

    def _scored(self) -> ScoredProjector:
        # New each time: what was scored before must not decide which pairs stand side by side.
        project = self.named.projector(
            self._tagger.get() if self.tagger is not None else None,
            self.translator.scores(self._translator.get()) if self.translator is not None else None,
        )
        project.check_types(self.types)
        return project

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
        """The holder of the model that scores, that of the model that translates where both are the same."""
        from ...projection.translation import load_translation_model

        translator = self.translator
        if translator is None:
            raise ValueError("no translation model takes part")
        name = canonical_json(["translation", translator.model.identity()])
        return in_memory(name, lambda: load_translation_model(translator.model))


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
    said = config.generator.method_settings
    with _naming_the_config(context):
        settings = projection_settings(said.get(KEY, {}))
        tagger = None if settings.tagger is None else _tagger(context, settings.tagger)
        translator = scoring_model(
            settings,
            (said["source"], config.language.code),
            translates=translates,
            codes=said.get("codes", {}),
            named=context.model,
        )
    return Projecting(tagger, NamedProjection(settings, tagger, translator), context.gold.labels.types)


def _tagger(context: MethodContext, named: Mapping[str, Any]) -> NamedTeacher:
    if "model" in named:
        return saved_teacher(context, named)
    of_gold = {"gold": context.filled(named["gold"])}
    return trained_teacher(context, of_gold, f"{context.config.generator.method}.{_TAGGER}")


@contextmanager
def _naming_the_config(context: MethodContext) -> Iterator[None]:
    config = context.config
    try:
        yield
    except WrongProjectionError as error:
        raise ReleaseError(
            f"{config.generator.method}.{error.path}: {error.message}", where=config.name, hint=error.hint
        ) from error
