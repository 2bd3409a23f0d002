"""One cell, from its data to its result."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ... import __version__
from ...schema.errors import DataError
from ...schema.example import Example
from ..bootstrap import bootstrap_interval
from ..combination import choose_combination
from ..crf import CrfTagger, PreparedExample
from ..mention_errors import mention_errors
from ..perturbation import invariance
from ..recipes import ADAPTED, settings_for_gold, train_by_recipe
from ..scoring import score
from ..seen_mentions import seen_mentions
from .cells import FORMAT, Cell, CellData, PlannedCell, cell_data, cell_id, source_of, tests_invariance
from .data import GridData
from .description import CRF, GOLD_AND_SYNTHETIC, PREDICTIONS
from .encoder_cells import fine_tuned
from .results import Outcome, encode_predictions

COLLAPSED_BELOW = 0.02
"""Micro-F1 under which training has failed; 59 of the 232 from-scratch cells of the paper are there."""

CRF_MODEL = "model.crfsuite"
"""The file that a CRF is saved in."""

Tags = Sequence[Sequence[str]]
Tagging = Callable[[Sequence[Sequence[str]]], Tags]

_NO_EPOCHS: dict[str, Any] = {"epochs": None, "best_epoch": None, "validation_f1": []}


@dataclass(frozen=True)
class Trained:
    """A tagger, as far as a cell needs it.

    Attributes:
        tag: Predicts the tags of sentences.
        combination: How gold and synthetic data were combined; None where only one was used.
        training: Epochs, as results have them.
        device: What it was trained on.
        save: Writes it into a folder; None where it needs the sentences that it was trained on to tag others.
    """

    tag: Tagging
    combination: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=_NO_EPOCHS.copy)
    device: str = "cpu"
    save: Callable[[Path], None] | None = None


def run_cell(planned: PlannedCell, data: GridData) -> Outcome:
    """Train, tag the test sentences once, and score.

    Raises:
        DataError: As `train_and_score` does.
    """
    return train_and_score(planned, data)[1]


def train_and_score(planned: PlannedCell, data: GridData) -> tuple[Trained | None, Outcome]:
    """Do what `run_cell` does, and return the tagger, too, where one is trained.

    Raises:
        DataError: If the data cannot be had or is not what the cell was planned with, or a tagger cannot be
            trained on it.
    """
    cell, sentences = planned.cell, cell_data(planned.cell, data)
    if cell_id(cell, sentences, data) != planned.id:
        raise DataError(
            "the data has changed since the evaluation began", hint="Run `synthner evaluate` again."
        )
    begin = time.perf_counter()
    trained, predicted = _trained(cell, sentences, data)
    seconds = time.perf_counter() - begin
    test, types = sentences.test.examples, data.types(cell.language)
    scored = score([example.ner_tags for example in test], predicted, types=types)
    seen = seen_mentions([example for part in sentences.train for example in part.examples], test, predicted)
    result = {
        "format": FORMAT,
        "id": planned.id,
        "cell": cell.as_json(),
        "data": sentences.as_json(),
        "labels": list(types),
        "scores": {
            **scored.as_json(),
            "errors": mention_errors([example.ner_tags for example in test], predicted).as_json(),
            **seen.as_json(),
            "invariance": _invariance(cell, sentences, data, trained),
        },
        "interval": list(bootstrap_interval(scored.counts, seed=data.grid.seed)),
        "combination": trained.combination if trained else None,
        "training": trained.training if trained else _NO_EPOCHS,
        "collapsed": scored.micro.f1 < COLLAPSED_BELOW and any(example.mentions for example in test),
        "measured": {
            "seconds": round(seconds, 3),
            "device": trained.device if trained else "none",
            "versions": _versions(cell.tagger.kind),
        },
    }
    return trained, Outcome(result, encode_predictions(test, predicted))


def _trained(cell: Cell, sentences: CellData, data: GridData) -> tuple[Trained | None, Tags]:
    """Return the tagger of a cell, where one is trained, and the predicted tags of the test sentences."""
    test = sentences.test.examples
    if cell.setting == PREDICTIONS:
        return None, data.predictions(cell.language, source_of(cell, data.grid))
    trained = (
        _train_crf(cell, sentences, data)
        if cell.tagger.kind == CRF
        else _train_encoder(cell, sentences, data)
    )
    return trained, trained.tag([example.tokens for example in test])


def _train_encoder(cell: Cell, sentences: CellData, data: GridData) -> Trained:
    tagger, combination = fine_tuned(cell, sentences, data)
    return Trained(tagger.tag, combination, tagger.facts.as_json(), tagger.facts.device, tagger.save)


def _train_crf(cell: Cell, sentences: CellData, data: GridData) -> Trained:
    if cell.setting != GOLD_AND_SYNTHETIC:
        return _train_together([each for part in sentences.train for each in part.examples], cell, data)
    gold, synthetic = (part.examples for part in sentences.train)
    combination = choose_combination(gold, synthetic, seed=data.grid.seed)
    if combination.recipe != ADAPTED:
        return replace(_train_together(gold, cell, data), combination=combination.as_json())
    return Trained(train_by_recipe(gold, synthetic, ADAPTED).tag, combination.as_json())


def _train_together(examples: Sequence[Example], cell: Cell, data: GridData) -> Trained:
    """Train as the recipe `gold only` does."""
    tagger = CrfTagger.train(examples, settings=settings_for_gold(len(examples)))
    known = data.prepared_test(cell.language)

    def tag(sentences: Sequence[Sequence[str]]) -> Tags:
        prepared = (
            known.get(tuple(tokens)) or PreparedExample.of(Example("", tuple(tokens), ()))
            for tokens in sentences
        )
        return tagger.tag_prepared(prepared)

    return Trained(tag, save=lambda folder: tagger.save(folder / CRF_MODEL))


def _invariance(
    cell: Cell, sentences: CellData, data: GridData, trained: Trained | None
) -> dict[str, float | int] | None:
    """Test whether predictions change with the names, those of gold train; for one seed only."""
    if trained is None or not tests_invariance(cell):
        return None
    names = data.names(cell.language)
    return invariance(sentences.test.examples, names, trained.tag, seed=data.grid.seed).as_json()


def _versions(kind: str) -> dict[str, str]:
    packages = ["python-crfsuite"] if kind == CRF else ["torch", "transformers"]
    found = {"synthner": __version__, "python": platform.python_version()}
    for package in packages if kind != PREDICTIONS else ():
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
