"""What a grid takes, estimated before anything of it is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .cells import Plan, PlannedCell, cell_data
from .data import GridData
from .description import (
    CRF,
    FINE_TUNED,
    GOLD_AND_SYNTHETIC,
    MULTILINGUAL,
    PREDICTIONS,
    TRANSFER_ALONE,
    TRANSLATE_TEST,
    GridTagger,
)
from .parts import Part
from .results import is_done

# Parameters that every subword passes through: all but the embedding.
_PARAMETERS = {
    "FacebookAI/xlm-roberta-large": 303e6,
    "xlm-roberta-large": 303e6,
    "FacebookAI/xlm-roberta-base": 86e6,
    "xlm-roberta-base": 86e6,
    "distilbert/distilbert-base-cased": 43e6,
    "cis-lmu/glot500-base": 86e6,
}
# Learning takes six operations a parameter and subword, tagging two.
_OPERATIONS = 6
# XLM-R cuts the sentences of the paper's eleven languages into 42 subwords on average, their words into 1.7.
_SUBWORDS_A_WORD = 1.7
# What a GPU of the H100 kind keeps up: in bf16 half of the about 790e12 that it reaches in multiplying
# matrices. In fp32 its tensor cores play no part, and it has 67e12 at most.
_OPERATIONS_A_SECOND = {"bf16": 400e12, "fp32": 45e12}
# One core took 9 s for 5,000 sentences of 24 words.
_CRF_SECONDS_A_WORD = 7.5e-5
# Tagging and scoring 45,000 words took 0.3 s.
_CRF_SECONDS_A_TEST_WORD = 7e-6
# Gold and synthetic data together have twice the features, and are learned on each fold of gold before.
_CRF_FOLDS = 11


@dataclass(frozen=True)
class Effort:
    """What the cells of a tagger take that have no result yet.

    Attributes:
        tagger: Its name.
        cells: How many there are.
        sentences: Sentences that are learned from, each as often as it is seen.
        seconds: On one core for a CRF, on one GPU for an encoder; None where the encoder's size is not known.
        on: `one core` or `one H100`.
        translated: Test sentences that are translated before, if nobody has. How long that takes is not
            known.
    """

    tagger: str
    cells: int
    sentences: int
    seconds: float | None
    on: str
    translated: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the effort by name."""
        return {
            "tagger": self.tagger,
            "cells": self.cells,
            "sentences": self.sentences,
            "seconds": self.seconds,
            "on": self.on,
            "translated": self.translated,
        }


def effort_of(plan: Plan, data: GridData) -> list[Effort]:
    """Estimate what the cells without a result take, tagger by tagger."""
    by_tagger: dict[str, list[PlannedCell]] = defaultdict(list)
    for planned in plan.cells:
        if planned.cell.setting != PREDICTIONS and not is_done(data.grid.runs / planned.id):
            by_tagger[planned.cell.tagger.name].append(planned)
    taggers = {tagger.name: tagger for tagger in data.grid.taggers}
    return [
        _of_crf(name, cells, data) if taggers[name].kind == CRF else _of_encoder(taggers[name], cells, data)
        for name, cells in by_tagger.items()
    ]


def _of_crf(name: str, cells: Sequence[PlannedCell], data: GridData) -> Effort:
    sentences, seconds = 0, 0.0
    joint: set[tuple[Any, ...]] = set()
    for planned in cells:
        found = cell_data(planned.cell, data)
        parts = _still_to_learn(planned, found.train, joint)
        folds = _CRF_FOLDS if planned.cell.setting == GOLD_AND_SYNTHETIC else 1
        sentences += _sentences(parts)
        seconds += _words(parts) * _CRF_SECONDS_A_WORD * folds
        seconds += found.test.facts["tokens"] * _CRF_SECONDS_A_TEST_WORD
    return Effort(name, len(cells), sentences, seconds, "one core", _translated(cells, data))


def _of_encoder(tagger: GridTagger, cells: Sequence[PlannedCell], data: GridData) -> Effort:
    settings = tagger.encoder_settings()
    sentences = words = 0.0
    related: dict[str, Part] = {}
    joint: set[tuple[Any, ...]] = set()
    for planned in cells:
        found = cell_data(planned.cell, data)
        parts = _still_to_learn(planned, found.train, joint)
        if planned.cell.setting in TRANSFER_ALONE or planned.cell.setting == FINE_TUNED:
            related[parts[0].facts["sha256"]] = parts[0]
            parts = parts[1:]
        epochs = settings.epochs
        if settings.iterations is not None:
            epochs = settings.iterations * settings.batch_size / max(1, _sentences(parts))
        sentences += _sentences(parts) * epochs
        words += _words(parts) * epochs
        # Tagging costs a third of learning.
        if parts and found.validation:
            words += found.validation.facts["tokens"] * epochs / 3
        words += found.test.facts["tokens"] / 3
    for part in related.values():
        sentences += len(part.examples) * settings.related_epochs
        words += part.facts["tokens"] * settings.related_epochs
    parameters = _PARAMETERS.get(tagger.model or "")
    operations = parameters and parameters * words * _SUBWORDS_A_WORD * _OPERATIONS
    seconds = operations and operations / _OPERATIONS_A_SECOND[settings.precision]
    translated = _translated(cells, data)
    return Effort(tagger.name, len(cells), round(sentences), seconds, "one H100", translated)


def _translated(cells: Sequence[PlannedCell], data: GridData) -> int:
    return sum(
        len(data.test(planned.cell.language).examples)
        for planned in cells
        if planned.cell.setting == TRANSLATE_TEST
    )


def _still_to_learn(
    planned: PlannedCell, parts: tuple[Part, ...], joint: set[tuple[Any, ...]]
) -> tuple[Part, ...]:
    """Return what a cell learns; nothing where its model serves other cells, too, and is among those met."""
    is_shared = planned.cell.setting == MULTILINGUAL or (
        planned.cell.setting in TRANSFER_ALONE and planned.cell.tagger.kind == CRF
    )
    if not is_shared:
        return parts
    model = (planned.cell.seed, *(part.facts["sha256"] for part in parts))
    is_known = model in joint
    joint.add(model)
    return () if is_known else parts


def _sentences(parts: Sequence[Part]) -> int:
    return sum(len(part.examples) for part in parts)


def _words(parts: Sequence[Part]) -> int:
    return sum(part.facts["tokens"] for part in parts)
