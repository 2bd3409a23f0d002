"""What training leaves for a cell: a tagger, and what it did with the test sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

Tags = Sequence[Sequence[str]]
Tagging = Callable[[Sequence[Sequence[str]]], Tags]

NO_EPOCHS: Mapping[str, Any] = {"epochs": None, "best_epoch": None, "validation_f1": []}


@dataclass(frozen=True)
class Trained:
    """A tagger, as far as a cell needs it.

    Attributes:
        tag: Predicts the tags of sentences.
        combination: How gold and synthetic data were combined; None where only one was used.
        training: Epochs, as results have them.
        device: What it was trained on.
        model_revision: What the encoder was that it began with, as `BaseModels.revision` says it.
        save: Writes it into a folder; None where it needs the sentences that it was trained on to tag others.
    """

    tag: Tagging
    combination: dict[str, Any] | None = None
    training: Mapping[str, Any] = field(default_factory=lambda: {**NO_EPOCHS})
    device: str = "cpu"
    model_revision: str | None = None
    save: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Tested:
    """What a tagger did with the test sentences of a language.

    Attributes:
        predicted: Their tags.
        invariance: Whether predictions change with the names; None where that was not tested.
        combination: As `Trained` has it.
        training: As `Trained` has it.
        device: As `Trained` has it; `none` where nothing was trained.
        model_revision: As `Trained` has it.
        translate_test: How the tags came from translations, as results have it; None where they did not.
    """

    predicted: Tags
    invariance: Mapping[str, float | int] | None = None
    combination: Mapping[str, Any] | None = None
    training: Mapping[str, Any] = field(default_factory=lambda: {**NO_EPOCHS})
    device: str = "none"
    model_revision: str | None = None
    translate_test: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, trained: Trained, predicted: Tags, invariance: Mapping[str, float | int] | None) -> Self:
        """Return what a tagger did with the sentences themselves."""
        return cls(
            predicted,
            invariance,
            trained.combination,
            trained.training,
            trained.device,
            trained.model_revision,
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it, such that `Tested(**value)` is the same again."""
        return asdict(self)
