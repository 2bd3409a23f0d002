"""One cell, from its data to its result."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ... import __version__
from ...schema.errors import DataError
from ...schema.example import Example, SoftExample
from ..bootstrap import bootstrap_interval
from ..combination import choose_combination
from ..crf import CRF_MODEL, CrfTagger, PreparedExample
from ..mention_errors import mention_errors
from ..perturbation import invariance
from ..recipes import ADAPTED, GOLD_ONLY, settings_for_gold, train_by_recipe
from ..scoring import score
from ..seen_mentions import seen_mentions
from ..soft_labels import train_student_crf
from .cells import (
    FORMAT,
    Cell,
    CellData,
    PlannedCell,
    cell_data,
    cell_id,
    language_of,
    runs_a_large_model,
    source_of,
    tests_invariance,
)
from .data import GridData
from .description import (
    CRF,
    GOLD_AND_SYNTHETIC,
    MULTILINGUAL,
    PREDICTIONS,
    STATISTICAL,
    TRANSFER_ALONE,
    TRANSLATE_TEST,
)
from .encoder_cells import fine_tuned
from .joint_models import Together, tested_together
from .parts import Part
from .projected_tags import translated_test
from .related_crf import related_crf
from .results import Outcome, encode_predictions, is_gold_only
from .trained import Tags, Tested, Trained
from .translate_test import way_of

COLLAPSED_BELOW = 0.02
"""Micro-F1 under which training has failed; 59 of the 232 from-scratch cells of the paper are there."""


def run_cell(planned: PlannedCell, data: GridData) -> Outcome:
    """Train, tag the test sentences once, and score. A model of several languages is trained once for all.

    Raises:
        DataError: If the data cannot be had or is not what the cell was planned with, or a tagger cannot be
            trained on it.
    """
    cell, sentences = planned.cell, cell_data(planned.cell, data)
    if cell_id(cell, sentences, data) != planned.id:
        raise _changed(cell)
    if cell.setting != MULTILINGUAL:
        return train_and_score(planned, data)[1]
    begin = time.perf_counter()
    tested = tested_together(cell, sentences, data, lambda together: _train_and_test(together, data))
    return _outcome(planned, sentences, data, tested, time.perf_counter() - begin)


def train_and_score(planned: PlannedCell, data: GridData) -> tuple[Trained | None, Outcome]:
    """Train a tagger, tag the test sentences once, and score; return the tagger, too, where one is trained.

    Raises:
        DataError: If the data cannot be had, or a tagger cannot be trained on it.
    """
    cell, sentences = planned.cell, cell_data(planned.cell, data)
    begin = time.perf_counter()
    if cell.setting == PREDICTIONS:
        trained, predicted, told = None, data.predictions(cell.language, source_of(cell, data.grid)), None
    elif cell.setting == TRANSLATE_TEST:
        trained, predicted, told = _train_and_tag_translations(cell, sentences, data)
    else:
        trained = _train(cell, sentences, data)
        predicted, told = _tagged(trained, sentences), None
    seconds = time.perf_counter() - begin
    tested = Tested(predicted)
    if trained is not None:
        tested = Tested.of(trained, predicted, _invariance(cell, sentences, data, trained))
    return trained, _outcome(planned, sentences, data, replace(tested, translate_test=told), seconds)


def _train_and_tag_translations(
    cell: Cell, sentences: CellData, data: GridData
) -> tuple[Trained, Tags, dict[str, Any]]:
    """Translate and align first: what translates need not be in memory beside what is trained."""
    way = way_of(language_of(cell, data.grid), data)
    translated = translated_test(way, sentences.train[0].examples, data)
    trained = _train(cell, sentences, data)
    return trained, *translated.tags(trained.tag)


def _changed(cell: Cell) -> DataError:
    if not runs_a_large_model(cell):
        return DataError(
            "the data has changed since the evaluation began", hint="Run `synthner evaluate` again."
        )
    return DataError(
        "the data has changed since the evaluation began, or the model's folder has",
        hint="Run `synthner evaluate` again. On a cluster, every node needs the same model in this folder.",
    )


def _outcome(
    planned: PlannedCell, sentences: CellData, data: GridData, tested: Tested, seconds: float
) -> Outcome:
    cell = planned.cell
    test, types = sentences.test.examples, data.types(cell.language)
    gold, predicted = [example.ner_tags for example in test], tested.predicted
    scored = score(gold, predicted, types=types)
    learned = [
        example
        for part in sentences.train
        if part.role == "gold" or not is_gold_only(tested.combination)
        for example in part.examples
    ]
    seen = seen_mentions(learned, test, predicted)
    result = {
        "format": FORMAT,
        "id": planned.id,
        "cell": cell.as_json(),
        "model_revision": tested.model_revision,
        "data": sentences.as_json(),
        "labels": list(types),
        "scores": {
            **scored.as_json(),
            "errors": mention_errors(gold, predicted).as_json(),
            **seen.as_json(),
            "invariance": tested.invariance,
        },
        "interval": list(bootstrap_interval(scored.counts, seed=data.grid.seed)),
        "combination": tested.combination,
        "training": tested.training,
        "collapsed": scored.micro.f1 < COLLAPSED_BELOW and any(example.mentions for example in test),
        "measured": {
            "seconds": round(seconds, 3),
            "device": tested.device,
            "versions": _versions(cell, tested),
        },
    }
    if tested.translate_test is not None:
        result["translate_test"] = tested.translate_test
    return Outcome(result, encode_predictions(test, predicted))


def _train_and_test(together: Together, data: GridData) -> list[Tested]:
    """Train the model that cells of several languages have in common, and test it on each."""
    (cell, sentences), *others = together
    trained = _train(cell, sentences, data, also_tagged=[its.test for _, its in others])
    return [
        Tested.of(trained, _tagged(trained, its), _invariance(each, its, data, trained))
        for each, its in together
    ]


def _tagged(trained: Trained, sentences: CellData) -> Tags:
    return trained.tag([example.tokens for example in sentences.test.examples])


def _train(cell: Cell, sentences: CellData, data: GridData, also_tagged: Sequence[Part] = ()) -> Trained:
    if cell.tagger.kind == CRF:
        return _train_crf(cell, sentences, data)
    revision = data.models.revision(cell.tagger)
    tagger, combination = fine_tuned(cell, sentences, data, also_tagged=also_tagged)
    return Trained(
        tagger.tag, combination, tagger.facts.as_json(), tagger.facts.device, revision, tagger.save
    )


def _train_crf(cell: Cell, sentences: CellData, data: GridData) -> Trained:
    if cell.setting in TRANSFER_ALONE:
        return _tagging(related_crf(sentences.train[0], data), cell, data)
    if cell.setting != GOLD_AND_SYNTHETIC:
        return _train_together([each for part in sentences.train for each in part.examples], cell, data)
    gold, synthetic = (part.examples for part in sentences.train)
    combination = choose_combination(gold, synthetic, seed=data.grid.seed)
    if combination.recipe == GOLD_ONLY:
        return replace(_train_together(gold, cell, data), combination=combination.as_json())
    tagger = train_by_recipe(gold, synthetic, combination.recipe)
    if combination.recipe == ADAPTED:
        # What it knows of names and words is in no file of weights.
        return Trained(tagger.tag, combination.as_json())
    return Trained(tagger.tag, combination.as_json(), save=lambda folder: tagger.save(folder / CRF_MODEL))


def _train_together(examples: Sequence[Example], cell: Cell, data: GridData) -> Trained:
    """Train as the recipe `gold only` does."""
    soft = [example for example in examples if isinstance(example, SoftExample)]
    tagger = (
        train_student_crf(soft)
        if soft
        else CrfTagger.train(examples, settings=settings_for_gold(len(examples)))
    )
    return _tagging(tagger, cell, data)


def _tagging(tagger: CrfTagger, cell: Cell, data: GridData) -> Trained:
    known = data.prepared_test(cell.language)

    def tag(sentences: Sequence[Sequence[str]]) -> Tags:
        prepared = (
            known.get(tuple(tokens)) or PreparedExample.of(Example("", tuple(tokens), ()))
            for tokens in sentences
        )
        return tagger.tag_prepared(prepared)

    return Trained(tag, save=lambda folder: tagger.save(folder / CRF_MODEL))


def _invariance(
    cell: Cell, sentences: CellData, data: GridData, trained: Trained
) -> dict[str, float | int] | None:
    """Test whether predictions change with the names, those of gold train; for one seed only."""
    if not tests_invariance(cell):
        return None
    names = data.names(cell.language)
    return invariance(sentences.test.examples, names, trained.tag, seed=data.grid.seed).as_json()


def _versions(cell: Cell, tested: Tested) -> dict[str, str]:
    kind = cell.tagger.kind
    packages = ["python-crfsuite"] if kind == CRF else []
    if runs_a_large_model(cell):
        packages += ["torch", "transformers"]
    if tested.translate_test is not None and tested.translate_test["aligner"]["method"] == STATISTICAL:
        packages.append("sil-thot")
    found = {"synthner": __version__, "python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
