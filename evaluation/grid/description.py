"""The description of a grid of experiments, as a release gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...sources.gold import GoldSource

if TYPE_CHECKING:
    from ..encoder.settings import EncoderSettings

SCRATCH = "scratch"
FINE_TUNED = "fine-tuned"
ZERO_SHOT = "zero-shot"
TRANSLATE_TEST = "translate-test"
GOLD_AND_SYNTHETIC = "gold+synthetic"
SYNTHETIC_THEN_GOLD = "synthetic-then-gold"
MULTILINGUAL = "multilingual"
PREDICTIONS = "predictions"

SEVERAL_LANGUAGES = "mul"
"""The language of sentences in several, by its code in ISO 639-2."""

SETTINGS = {
    SCRATCH: "trained on the source alone",
    FINE_TUNED: "trained on gold of a related language, then on the source",
    ZERO_SHOT: "trained on gold of a related language alone",
    TRANSLATE_TEST: "trained on gold of a related language, and tests translations of the test sentences",
    GOLD_AND_SYNTHETIC: "trained on gold with all of the source",
    SYNTHETIC_THEN_GOLD: "trained on all of the source, then on gold",
    MULTILINGUAL: "trained on the source in all languages at once",
}
"""What a tagger can be trained on, by the names that a release uses."""

ADDED_TO_GOLD = frozenset({GOLD_AND_SYNTHETIC, SYNTHETIC_THEN_GOLD})
"""The settings in which the size counts gold sentences, and all of the source is used."""

TRANSFER_ALONE = frozenset({ZERO_SHOT, TRANSLATE_TEST})
"""Settings in which gold of a related language is learned and nothing else."""

ORGANIC = "organic"
"""The source that is gold's own train split."""

SIZES = (100, 250, 500, 1000, 2500, 5000)
"""The sizes of Kamath & Vajjala (2025)."""

SEEDS = 5

CRF = "crf"
ENCODER = "encoder"

ENCODER_RECIPE = "paper"
"""The recipe of an encoder for which none is named."""

STATISTICAL = "statistical"
"""The aligner that needs no model."""


@dataclass(frozen=True)
class GridTagger:
    """A tagger that is trained.

    Attributes:
        name: As results and reports call it.
        kind: `crf` or `encoder`.
        model: An encoder's folder, or its id on the Hub; None for a CRF.
        recipe: Name of an encoder's recipe; None for a CRF.
        settings: Overrides of the recipe.
    """

    name: str
    kind: str = CRF
    model: str | None = None
    recipe: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the tagger as results have it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "model": self.model,
            "recipe": self.recipe,
            "settings": dict(self.settings),
        }

    def encoder_settings(self, seed: int = 0) -> EncoderSettings:
        """Return all hyper-parameters of an encoder.

        Raises:
            WrongUsageError: If the recipe is none, or what is changed of it.
        """
        from ..encoder.settings import settings_by_recipe

        return settings_by_recipe(
            self.recipe or ENCODER_RECIPE, self.model or "", changes=self.settings, seed=seed
        )

    @property
    def learns_probabilities(self) -> bool:
        """Whether it learns the probabilities of labels where it learns data alone that has them."""
        from ..encoder.settings import RECIPES

        of_recipe = RECIPES.get(self.recipe or "", {})
        return bool(self.settings.get("soft_labels", of_recipe.get("soft_labels", False)))


@dataclass(frozen=True)
class GridSource:
    """Where training sentences, or predictions, come from. `{language}` in a name stands for the language.

    Attributes:
        name: As results and reports call it.
        train: A file, or a split on the Hub; None where it is none of these.
        validation: As `train`; None where there is none.
        config: A config of the release's built dataset; one without `{language}` is a joint config.
        corpus: A corpus by name (`sources.corpora`), for example `wikiann`.
        predictions: A file of predicted tags for gold's test sentences: a system that is scored, not trained.
        languages: Only these; empty for all.
    """

    name: str
    train: str | None = None
    validation: str | None = None
    config: str | None = None
    corpus: str | None = None
    predictions: str | None = None
    languages: tuple[str, ...] = ()

    @property
    def is_organic(self) -> bool:
        """Whether it is gold's own train split."""
        return not (self.train or self.config or self.corpus or self.predictions)

    @property
    def is_joint(self) -> bool:
        """Whether it is one config with sentences in several languages."""
        return self.config is not None and "{language}" not in self.config

    def language_of_sentences(self, language: str) -> str:
        """Return the language that its sentences for a language are in."""
        return SEVERAL_LANGUAGES if self.is_joint else language


@dataclass(frozen=True)
class GridLanguage:
    """A language whose gold is tested on.

    Attributes:
        code: As the release writes it.
        related: Code of the related language that is transferred from; None where there is none with gold.
        is_named: Whether the release asks for it to be tested. One that it does not name is left out where
            its gold has no test split.
    """

    code: str
    related: str | None = None
    is_named: bool = True


@dataclass(frozen=True)
class TranslateTest:
    """How test sentences are translated, tagged in the other language, and labelled from there.

    In names `{language}` stands for the language tested, and `{source}` for that which is translated into.

    Attributes:
        model: The model that translates them: a folder, or an id of the Hub.
        model_revision: Commit, tag or branch of a model of the Hub.
        codes: What a multilingual model calls languages, by their codes; empty for a model of one pair.
        decoding: What is not usual of how translations are found: `beams`, `batch_size`.
        source: Code of the language that is translated into; None for each language's related one.
        aligner: `statistical`, `simalign` or `awesome`.
        aligner_model: The encoder that aligns words; None for that of the aligner's authors.
        extra: Further parallel text that the statistical aligner learns from: pairs of files, the language
            that is translated into first.
        projection: How labels are projected, as the release says it (`projection.settings`).
    """

    model: str
    model_revision: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    decoding: Mapping[str, int] = field(default_factory=dict)
    source: str | None = None
    aligner: str = STATISTICAL
    aligner_model: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    projection: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """Everything that decides which cells there are.

    Attributes:
        languages: The languages that are tested, by code.
        gold: Gold of every language that plays a part.
        sources: Where training sentences come from.
        taggers: What is trained.
        settings: Names in `SETTINGS`.
        sizes: How many sentences, ascending.
        seeds: How many seeds a cell is run with.
        seed: The one seed that all of these come from.
        dataset: The built dataset that configs are in.
        folder: What the names of files are relative to.
        runs: Where results go.
        retry_collapsed: Whether a run whose F1 is near 0 is repeated with another seed, beside the first.
        iob2: How misplaced I- tags of gold are repaired.
        translate_test: How test sentences are translated; None where the release does not say.
    """

    languages: tuple[GridLanguage, ...]
    gold: Mapping[str, GoldSource]
    sources: tuple[GridSource, ...]
    taggers: tuple[GridTagger, ...]
    settings: tuple[str, ...]
    sizes: tuple[int, ...]
    seeds: int
    seed: int
    dataset: Path
    folder: Path
    runs: Path
    retry_collapsed: bool = False
    iob2: str = "conlleval"
    translate_test: TranslateTest | None = None
