"""Labels with their probabilities: read as other labels, mixed, and turned into what a CRF can learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schema.example import SoftExample
from ..schema.iob2 import OUTSIDE
from .crf import CrfTagger
from .recipes import settings_for_gold

MOST_REPEATS = 4
"""How often a sentence counts whose labels are certain, where a CRF learns."""

Probabilities = NDArray[np.floating[Any]]
"""One row a word, one column a label."""


def as_labels(
    probabilities: Probabilities, known: Sequence[str], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Read probabilities as those of other labels: what these do not have becomes `O`.

    Args:
        probabilities: One row a word.
        known: Their labels.
        labels: The labels to read them as, `O` among them.

    Example:
        >>> as_labels(np.array([[0.5, 0.25, 0.25]]), ["O", "B-PER", "B-ORG"], ["O", "B-PER"]).tolist()
        [[0.75, 0.25]]
    """
    if tuple(known) == tuple(labels):
        return probabilities.astype(np.float64)
    read = np.zeros((len(probabilities), len(labels)))
    for place, label in enumerate(labels):
        if label != OUTSIDE and label in known:
            read[:, place] = probabilities[:, known.index(label)]
    read[:, labels.index(OUTSIDE)] = np.clip(1 - read.sum(1), 0, 1)
    return read


def mixed(of_teachers: Sequence[Probabilities], weights: Sequence[float]) -> NDArray[np.float64]:
    """Return the weighted mean of what several teachers say of a sentence; weights add up to 1."""
    return np.sum([weight * given for weight, given in zip(weights, of_teachers, strict=True)], axis=0)


def certainty(example: SoftExample) -> float:
    """Return the probability that all words of a sentence have their likeliest labels, word by word."""
    return float(np.prod(example.probabilities.max(axis=1), dtype=np.float64))


def repeats_by_certainty(examples: Sequence[SoftExample]) -> list[int]:
    """Return how often each example counts, from 0 to `MOST_REPEATS`, in proportion to its certainty.

    CRFsuite knows no weights but whole numbers of repetitions. Where all would be left out, all count once.
    """
    repeats = [round(MOST_REPEATS * certainty(example)) for example in examples]
    return repeats if any(repeats) else [1] * len(examples)


def train_student_crf(examples: Sequence[SoftExample]) -> CrfTagger:
    """Train a CRF on the labels of examples, of which those that are certain count more.

    It is trained as the recipe `gold only` is. The penalty on the model grows with the repetitions: it is the
    same for an example that counts as often as the mean.

    Raises:
        DataError: If there are no examples.
    """
    repeats = repeats_by_certainty(examples)
    mean = sum(repeats) / max(1, len(repeats))
    settings = settings_for_gold(len(examples))
    settings = replace(settings, l1=settings.l1 * mean, l2=settings.l2 * mean)
    return CrfTagger.train(examples, repeats=repeats, settings=settings)
