"""All that a step of a training changes: to put it back, and to tell how far apart two steps end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.optim import Optimizer

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class StateCopy:
    """A training's state at one moment.

    Attributes:
        weights: What is learned.
        averages: What the optimizer keeps of the gradients, and its counts of steps.
        chance: Where the random numbers of the device stand, which dropout draws.
    """

    weights: Tensors
    averages: Tensors
    chance: torch.Tensor


class TrainingState:
    """The state of a training on one device, in the memory where the training has it.

    Args:
        optimizer: The optimizer of the training; it took a step before.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._weights = tuple(
            weights
            for group in optimizer.param_groups
            for weights in group["params"]
            if weights.requires_grad
        )
        self._device = self._weights[0].device

    @property
    def bytes_to_compare(self) -> int:
        """The memory that a copy of the state takes, and a second one of the weights."""
        tensors = (*self._weights, *self._weights, *self._averages())
        return sum(tensor.nbytes for tensor in tensors)

    def copy(self) -> StateCopy:
        """Return a copy of the state."""
        return StateCopy(self.weights(), copies(self._averages()), self._chance())

    def weights(self) -> Tensors:
        """Return a copy of what is learned."""
        return copies(self._weights)

    def put_back(self, copy: StateCopy) -> None:
        """Make the state what it was, in the memory where it is."""
        with torch.no_grad():
            for place, value in zip(self._weights, copy.weights, strict=True):
                place.copy_(value)
            for place, value in zip(self._averages(), copy.averages, strict=True):
                place.copy_(value)
        self._set_chance(copy.chance)

    def distance(self, others: Tensors, *, since: Tensors) -> float:
        """Return how far the weights are from others, as a share of the way that they went.

        Args:
            others: Weights to which another step led.
            since: The weights before that step.
        """
        return share_apart(self._weights, others, since=since)

    def _averages(self) -> Tensors:
        return tuple(
            kept
            for weights in self._weights
            for _, kept in sorted(self._optimizer.state.get(weights, {}).items())
            if isinstance(kept, torch.Tensor)
        )

    def _chance(self) -> torch.Tensor:
        if self._device.type == "cuda":
            return torch.cuda.get_rng_state(self._device)
        return torch.get_rng_state()

    def _set_chance(self, chance: torch.Tensor) -> None:
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(chance, self._device)
        else:
            torch.set_rng_state(chance)


def share_apart(here: Iterable[torch.Tensor], there: Iterable[torch.Tensor], *, since: Tensors) -> float:
    """Return how far weights are from others, as a share of the way that they went since an earlier time."""
    here = tuple(here)
    way = _length(here, since)
    return float(_length(here, there) / way.clamp(min=torch.finfo(way.dtype).tiny))


def copies(tensors: Iterable[torch.Tensor]) -> Tensors:
    """Return tensors as they are now, whatever becomes of those."""
    return tuple(tensor.detach().clone() for tensor in tensors)


def _length(here: Iterable[torch.Tensor], there: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the Euclidean distance of all weights here from those there."""
    lengths = [
        torch.linalg.vector_norm(one.detach() - other, dtype=torch.float64)
        for one, other in zip(here, there, strict=True)
    ]
    return torch.linalg.vector_norm(torch.stack(lengths))
