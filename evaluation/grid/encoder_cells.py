"""The cells of encoders: what is fine-tuned first, and what then.

A model of a related language is trained once for all cells that begin with it, and kept beside the runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ...schema.errors import WrongUsageError
from ...schema.example import Example
from .cells import Cell, CellData
from .data import GridData
from .description import (
    ENCODER,
    FINE_TUNED,
    GOLD_AND_SYNTHETIC,
    SYNTHETIC_THEN_GOLD,
    TRANSFER_ALONE,
    Grid,
    GridTagger,
)
from .parts import Part

if TYPE_CHECKING:
    from ..encoder.settings import EncoderSettings
    from ..encoder.tagger import EncoderTagger

MODELS = "models"


def check_taggers(grid: Grid) -> None:
    """Check the recipes and hyper-parameters of a grid's encoders: every cell would fail of them.

    Raises:
        WrongUsageError: If one is none.
    """
    for tagger in grid.taggers:
        if tagger.kind == ENCODER:
            try:
                tagger.encoder_settings()
            except WrongUsageError as error:
                where = f"evaluation.taggers.{tagger.name}"
                raise WrongUsageError(error.message, where=where, hint=error.hint) from error


def fine_tuned(
    cell: Cell, sentences: CellData, data: GridData, *, also_tagged: Sequence[Part] = ()
) -> tuple[EncoderTagger, dict[str, Any] | None]:
    """Fine-tune the encoder of a cell, and say how gold and synthetic data were combined.

    Args:
        cell: The cell.
        sentences: Its data.
        data: The data of the grid.
        also_tagged: Sentences that will be tagged beside those of its test split.

    Raises:
        DataError: If the model or the data cannot be used, or memory does not suffice.
        WrongUsageError: If the extra `train` is not installed, or the recipe is not one.
    """
    settings = replace(cell.tagger.encoder_settings(cell.seed), model=str(data.models.folder(cell.tagger)))
    labels = list(data.gold(cell.language).labels.names)
    parts = sentences.train
    if cell.setting in TRANSFER_ALONE:
        return _load(_related_model(cell.tagger, parts[0], labels, data)), None
    if cell.setting == FINE_TUNED:
        start = _related_model(cell.tagger, parts[0], labels, data)
        return _train(parts[1].examples, settings, labels, sentences, start), None
    if cell.setting == SYNTHETIC_THEN_GOLD:
        synthetic, gold = parts
        with TemporaryDirectory(prefix="synthner-") as folder:
            first = _train(synthetic.examples, settings, labels, sentences, None)
            first.save(Path(folder) / "model")
            second = _train(gold.examples, settings, labels, sentences, Path(folder) / "model")
        return second, {"recipe": SYNTHETIC_THEN_GOLD}
    together = [example for part in parts for example in part.examples]
    combination = {"recipe": "put together"} if cell.setting == GOLD_AND_SYNTHETIC else None
    return _train(together, settings, labels, sentences, None, also_tagged), combination


def _train(
    examples: Sequence[Example],
    settings: EncoderSettings,
    labels: list[str],
    sentences: CellData,
    start: Path | None,
    also_tagged: Sequence[Part] = (),
) -> EncoderTagger:
    from ..encoder.tagger import EncoderTagger

    return EncoderTagger.train(
        examples,
        settings=settings,
        labels=labels,
        validation=sentences.validation.examples if sentences.validation else (),
        test_tokens=[example.tokens for part in (sentences.test, *also_tagged) for example in part.examples],
        start=start,
    )


def _load(folder: Path) -> EncoderTagger:
    from ..encoder.tagger import EncoderTagger

    return EncoderTagger.load(folder)


def _related_model(tagger: GridTagger, related: Part, labels: list[str], data: GridData) -> Path:
    """Return the folder of the model of a related language, trained now if nobody has yet."""
    from filelock import FileLock

    from ..encoder.tagger import EncoderTagger

    settings = replace(
        tagger.encoder_settings(data.grid.seed), model=str(data.models.folder(tagger))
    ).for_related_language()
    revision = data.models.revision(tagger)
    decisive = [tagger.as_json() | {"name": None}, revision, data.grid.seed, labels, related.facts["sha256"]]
    name = sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:24]
    models = data.grid.runs / MODELS
    models.mkdir(parents=True, exist_ok=True)
    folder = models / name
    # Whoever waits here waits for a training; the lock is gone when its process is.
    with FileLock(models / f"{name}.lock"):
        if not folder.is_dir():
            EncoderTagger.train(related.examples, settings=settings, labels=labels).save(folder)
    return folder
