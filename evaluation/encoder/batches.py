"""Windows made into tensors, and the order in which training sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .settings import EncoderSettings
from .windows import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Loss is not counted here.
NO_LABEL = -100

# Batches of windows of like length are cut from so many batches' windows, sorted: fewer would waste more on
# padding, more would put the same windows together every time.
_BATCHES_SORTED = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows as a model takes them, one a row."""

    subwords: torch.Tensor
    attention: torch.Tensor
    owners: torch.Tensor

    @classmethod
    def of(cls, windows: Sequence[Window], padding: int, width_multiple: int = 1) -> Batch:
        """Fill windows up to the longest one, or to a multiple that is as long."""
        width = max(len(window.subwords) for window in windows)
        width += -width % width_multiple
        return cls(
            torch.tensor([_filled(window.subwords, padding, width) for window in windows]),
            torch.tensor([_filled([1] * len(window.subwords), 0, width) for window in windows]),
            torch.tensor([[*window.owners, *range(len(window.owners), width)] for window in windows]),
        )

    def to(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a model is called with, on a device."""
        return self.subwords.to(device), self.attention.to(device), self.owners.to(device)


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """A window to learn, with a label at the first subword of each word that it decides.

    Attributes:
        window: The window.
        labels: The label at each subword, or `NO_LABEL`.
        probabilities: Those of all labels, a row for each word that it decides; None to learn the labels.
    """

    window: Window
    labels: list[int]
    probabilities: NDArray[np.float32] | None = None


def labels_of(windows: Sequence[LabelledWindow], width: int) -> torch.Tensor:
    """Return the labels of windows, filled up to a width."""
    return torch.tensor([_filled(each.labels, NO_LABEL, width) for each in windows])


def probabilities_of(windows: Sequence[LabelledWindow]) -> torch.Tensor | None:
    """Return the probabilities of windows, a row for each label that they have; None to learn the labels."""
    found = [each.probabilities for each in windows if each.probabilities is not None]
    return torch.cat([torch.from_numpy(rows) for rows in found]) if len(found) == len(windows) else None


def training_order(
    windows: Sequence[LabelledWindow], settings: EncoderSettings, chance: torch.Generator
) -> Iterator[list[int]]:
    """Yield the windows of each batch of an epoch, or of all iterations, by number."""
    count, size = len(windows), settings.batch_size
    if settings.iterations is not None:
        for _ in range(settings.iterations):
            yield torch.randperm(count, generator=chance)[:size].tolist()
        return
    order = torch.randperm(count, generator=chance).tolist()
    if not settings.like_lengths:
        yield from _cut(order, size)
        return
    batches = [
        batch
        for part in _cut(order, size * _BATCHES_SORTED)
        for batch in _cut(sorted(part, key=lambda number: len(windows[number].window.subwords)), size)
    ]
    for number in torch.randperm(len(batches), generator=chance).tolist():
        yield batches[number]


def steps_of(windows: int, settings: EncoderSettings) -> int:
    """Return how many batches a whole training has."""
    return settings.iterations or settings.epochs * -(-windows // settings.batch_size)


def _cut(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _filled(numbers: list[int], filler: int, width: int) -> list[int]:
    return numbers + [filler] * (width - len(numbers))
