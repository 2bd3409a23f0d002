"""By which way the test sentences of a language are labelled: `translate-test`, as a release describes it.

They are translated into another language, whose gold has taught a tagger. It tags the translations, and what
it finds is projected onto the words that were translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...projection.model_folders import NamedModel, named_model
from ...projection.neural_alignment import MODELS
from ...projection.parallel_text import Pair
from ...projection.settings import (
    NamedProjection,
    ScoringModel,
    WrongProjectionError,
    projection_settings,
    scoring_model,
)
from ...projection.translation import Decoding
from ...schema.errors import DataError
from ...schema.languages import language as language_of
from ..teachers import SavedTeacher, saved_teacher
from .data import GridData
from .description import (
    ORGANIC,
    STATISTICAL,
    TRANSLATE_TEST,
    Grid,
    GridLanguage,
    GridSource,
    TranslateTest,
)
from .parts import Part

_KEY = "evaluation.translate_test"


@dataclass(frozen=True)
class TaggerOfGold:
    """A CRF that learns gold train of a language.

    Attributes:
        gold: What it learns, with the types that gold of the language tested has.
    """

    gold: Part = field(repr=False)

    @property
    def published_name(self) -> str:
        """What it is called."""
        return f"CRF on gold of {self.gold.language}"

    @property
    def revision(self) -> str:
        """What it has learned."""
        return f"sha256:{self.gold.facts['sha256']}"

    def identity(self) -> Sequence[Any]:
        """Return what decides it."""
        return ["gold", self.gold.facts["sha256"]]


@dataclass(frozen=True)
class Way:
    """From the test sentences of a language to their labels.

    Attributes:
        language: Code of the language tested.
        source: Code of the language that is translated into.
        model: What translates.
        codes: What the model calls the two languages; None for a model of one pair.
        decoding: How translations are found.
        aligner: `statistical`, `simalign` or `awesome`.
        aligner_model: The encoder that aligns words; None for the statistical aligner.
        extra: Further parallel text that is learned from, the language that is translated into first.
        extra_hash: The sha256 of it; None where there is none.
        projection: How labels are projected.
        tagger: The tagger of the language tested that takes part in it; None where none does.
    """

    language: str
    source: str
    model: NamedModel
    codes: tuple[str, str] | None
    decoding: Decoding
    aligner: str
    aligner_model: NamedModel | None
    extra: Sequence[Pair]
    extra_hash: str | None
    projection: NamedProjection
    tagger: SavedTeacher | TaggerOfGold | None

    def decisive_for_translations(self) -> dict[str, Any]:
        """Return all that decides how a sentence is translated.

        Raises:
            DataError: If a file of the model cannot be read.
        """
        return {
            "model": self.model.identity(),
            "codes": self.codes,
            "beams": self.decoding.beams,
            "batch_size": self.decoding.batch_size,
        }

    def decisive(self) -> dict[str, Any]:
        """Return all that decides the labels, but for the sentences and the tagger.

        Raises:
            DataError: If a file of a model cannot be read.
        """
        return {
            "source": self.source,
            "translation": self.decisive_for_translations(),
            "aligner": [self.aligner, self.aligner_model.identity() if self.aligner_model else None],
            "extra": self.extra_hash,
            "projection": self.projection.decides(),
        }


def transferred_from(language: GridLanguage, setting: str, grid: Grid) -> str | None:
    """Return the code of the language whose gold is learned in a setting of transfer; None without one."""
    described = grid.translate_test
    if setting == TRANSLATE_TEST and described is not None and described.source is not None:
        return described.source
    return language.related


def way_of(language: GridLanguage, data: GridData) -> Way:
    """Return the way that a release describes for a language.

    Raises:
        DataError: If it describes none, there is no language to translate into or its words are not written
            apart, a model, a tagger or a code is missing, a model cannot score, or parallel text cannot be
            read.
    """
    described = data.grid.translate_test
    if described is None:
        raise DataError(
            f"the key `{_KEY}` is missing",
            hint="Name there the `model` that translates the test sentences.",
        )
    source = _source(language, data.grid)
    extra, extra_hash = data.extra_text(language.code, source)
    name = _filled(described.model, language.code, source)
    model = named_model(name, described.model_revision, beside=data.grid.folder)
    projection, tagger = _projection(described, model, language.code, source, data)
    return Way(
        language=language.code,
        source=source,
        model=model,
        codes=_codes(described, language.code, source),
        decoding=Decoding(**described.decoding),
        aligner=described.aligner,
        aligner_model=_aligner_model(described, data.grid),
        extra=extra,
        extra_hash=extra_hash,
        projection=projection,
        tagger=tagger,
    )


def _source(language: GridLanguage, grid: Grid) -> str:
    """Return the code of the language that is translated into."""
    source = transferred_from(language, TRANSLATE_TEST, grid)
    if source is None:
        raise DataError(
            f"there is no language with gold that `{language.code}` could be translated into",
            hint=f"Name one as `{_KEY}.source` or under `evaluation.related`, and its gold under "
            "`languages`.",
        )
    if not language_of(source).puts_words_apart:
        raise DataError(
            f"words of {language_of(source).name} are not written apart, and nobody could say which words a "
            "translation has",
            hint=f"Name another language as `{_KEY}.source`.",
        )
    return source


def _projection(
    described: TranslateTest, model: NamedModel, language: str, source: str, data: GridData
) -> tuple[NamedProjection, SavedTeacher | TaggerOfGold | None]:
    """Return how labels are projected, and the tagger that takes part in it."""

    def named(name: str, revision: str | None) -> NamedModel:
        return named_model(_filled(name, language, source), revision, beside=data.grid.folder)

    try:
        settings = projection_settings(described.projection)
        translator = scoring_model(
            settings, (source, language), translates=model, codes=described.codes, named=named
        )
    except WrongProjectionError as error:
        raise DataError(f"`{_KEY}.{error.path}`: {error.message}", hint=error.hint) from error
    tagger = None if settings.tagger is None else _tagger(settings.tagger, language, source, data)
    _check_scoring(tagger, translator)
    return NamedProjection(settings, tagger, translator), tagger


def _filled(name: str, language: str, source: str) -> str:
    return name.replace("{language}", language).replace("{source}", source)


def _tagger(
    said: Mapping[str, Any], language: str, source: str, data: GridData
) -> SavedTeacher | TaggerOfGold:
    if "model" in said:
        name = _filled(said["model"], language, source)
        return saved_teacher(name, said.get("revision"), beside=data.grid.folder)
    code = _filled(said["gold"], language, source)
    gold = data.sample("tagger", code, GridSource(ORGANIC), None, 0)
    return TaggerOfGold(data.read_as(language, gold))


def _check_scoring(tagger: SavedTeacher | TaggerOfGold | None, translator: ScoringModel | None) -> None:
    """Make sure of those that score, as far as nothing need be downloaded for it."""
    for model in (
        tagger.model if isinstance(tagger, SavedTeacher) else None,
        translator.model if translator is not None else None,
    ):
        if isinstance(model, NamedModel) and model.folder is not None:
            model.fetch()


def _codes(described: TranslateTest, language: str, source: str) -> tuple[str, str] | None:
    if not described.codes:
        return None
    for code in (language, source):
        if code not in described.codes:
            raise DataError(
                f"the key `{_KEY}.codes.{code}` is missing",
                hint=f"Write what the model calls the language: `codes: {{{code}: …}}`.",
            )
    return described.codes[language], described.codes[source]


def _aligner_model(described: TranslateTest, grid: Grid) -> NamedModel | None:
    if described.aligner == STATISTICAL:
        return None
    return named_model(described.aligner_model or MODELS[described.aligner], beside=grid.folder)
