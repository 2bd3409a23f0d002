"""Weights that training leaves as they are: the embedding, and the lowest layers of the encoder."""

from __future__ import annotations

from torch import nn

from ...schema.errors import WrongUsageError
from .heads import WordModel


def freeze(model: WordModel, layers: int, name: str) -> None:
    """Keep the embedding and the lowest layers of a model from being trained.

    Args:
        model: The model.
        layers: How many layers.
        name: The model's name in errors.

    Raises:
        WrongUsageError: If the model has no such layers.
    """
    found = _layers(model)
    if layers > len(found):
        raise WrongUsageError(
            f"`frozen_layers` is {layers}, and the model has {len(found)}",
            where=name,
            hint="Freeze fewer layers: those that are left are trained.",
        )
    embedding = getattr(model.encoder, "embeddings", None) or model.encoder.get_input_embeddings()
    for module in (embedding, *found[:layers]):
        module.requires_grad_(False)


def _layers(model: WordModel) -> list[nn.Module]:
    """Return the layers of an encoder, the lowest first; models differ in what they call them."""
    count = getattr(model.encoder.config, "num_hidden_layers", None)
    return next(
        (
            list(module)
            for module in model.encoder.modules()
            if isinstance(module, nn.ModuleList) and len(module) == count
        ),
        [],
    )
