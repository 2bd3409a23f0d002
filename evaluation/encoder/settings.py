"""How an encoder is fine-tuned: every hyper-parameter, and the named recipes.

- `paper`: Kamath & Vajjala (2025) to the letter.
- `santoso`: Santoso et al.: the subwords of a word are summed, and 300 batches are sampled.
- `fast`: the hyper-parameters of `paper`, computed in bf16 and on batches of sentences of like length; on a
  GPU, by steps that are recorded.
- `teacher`, `student`: Wu et al. (2020): the embedding and the three lowest layers stay as they are; the
  student learns the probabilities that the teacher gave.

Rows of the vocabulary that no sentence uses are left out in every recipe: it changes no result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from ...schema.errors import WrongUsageError
from ...schema.validation import nearest

FIRST = "first"
SUMMED = "summed"
LOSS = "loss"
F1 = "f1"
_CHOICES = {
    "head": (FIRST, SUMMED),
    "schedule": ("linear", "constant"),
    "precision": ("fp32", "bf16"),
    "best_epoch_by": (LOSS, F1),
}

# The least that makes sense, by field.
_LEAST = {
    "epochs": 1,
    "iterations": 1,
    "learning_rate": 0,
    "batch_size": 1,
    "weight_decay": 0,
    "longest_gradient": 0,
    "longest": 1,
    "width_multiple": 1,
    "related_epochs": 1,
    "related_sentences": 1,
    "frozen_layers": 0,
}


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """A model, and how it is fine-tuned; the defaults are the recipe `paper`.

    The optimizer is AdamW with the defaults of transformers' Trainer; without weight decay that is Adam.

    Attributes:
        model: A folder, or an id of the Hub such as `FacebookAI/xlm-roberta-large`.
        epochs: How often the examples are seen.
        iterations: Train on so many batches instead, each sampled anew from all examples.
        head: `first`: a word's label stands on its first subword; `summed`: the vectors of its subwords are
            summed before the linear layer.
        learning_rate: The learning rate at the beginning.
        schedule: `linear`: it falls to 0 in a line; `constant`.
        batch_size: Windows in a batch.
        weight_decay: Weight decay; biases and layer norms have none.
        longest_gradient: Gradients are made no longer than this; None leaves them as they are.
        best_epoch_by: What says which epoch is the best where there are validation examples: `loss`, the mean
            cross-entropy of their words' labels, or `f1`, micro-F1.
        longest: The most subwords in a window; fewer where the model cannot read so many.
        precision: `bf16` computes in bf16 where machine and model can, with weights in fp32.
        like_lengths: Batches are made of windows of like length.
        width_multiple: Batches are padded to a multiple of this, so that there are few widths.
        recorded_steps: On a GPU of Nvidia or AMD, steps for batches of a shape that comes often are recorded
            and played back, where a trial on a small model shows that only rounding differs.
        trim_vocabulary: Leave out the rows of the embedding that nothing uses. It changes no result.
        frozen_layers: The embedding and so many of the lowest layers stay as they are; None: all is trained.
        soft_labels: Learn the probabilities of labels, by the mean squared error, where all examples have
            them (`SoftExample`).
        related_epochs: The epochs of a first training on a related language.
        related_sentences: The most sentences of that training.
        seed: Decides the new weights, the order of the examples and dropout.

    Raises:
        WrongUsageError: If a value cannot mean anything.
    """

    model: str
    _: KW_ONLY
    epochs: int = 10
    iterations: int | None = None
    head: str = FIRST
    learning_rate: float = 2e-5
    schedule: str = "linear"
    batch_size: int = 16
    weight_decay: float = 0.01
    longest_gradient: float | None = 1.0
    best_epoch_by: str = LOSS
    longest: int = 256
    precision: str = "fp32"
    like_lengths: bool = False
    width_multiple: int = 1
    recorded_steps: bool = False
    trim_vocabulary: bool = True
    frozen_layers: int | None = None
    soft_labels: bool = False
    related_epochs: int = 5
    related_sentences: int = 8000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot mean anything."""
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise WrongUsageError(
                    f"`{getattr(self, name)}` is no {name} of an encoder",
                    hint=nearest(str(getattr(self, name)), known),
                )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise WrongUsageError(f"`{name}` of an encoder is {value}", hint=f"It is at least {least}.")

    def for_related_language(self) -> EncoderSettings:
        """Return the settings of the first training, on a related language."""
        return replace(self, epochs=self.related_epochs)


_HYPER_PARAMETERS = {
    each.name: each for each in fields(EncoderSettings) if each.name not in ("model", "seed")
}

_OF_WU = {"epochs": 3, "batch_size": 32, "longest": 128, "frozen_layers": 3, "best_epoch_by": F1}

RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": MappingProxyType({}),
        "santoso": MappingProxyType(
            {
                "head": SUMMED,
                "iterations": 300,
                "batch_size": 32,
                "weight_decay": 0.0,
                "schedule": "constant",
                "longest_gradient": None,
            }
        ),
        "fast": MappingProxyType(
            {"precision": "bf16", "like_lengths": True, "width_multiple": 8, "recorded_steps": True}
        ),
        "teacher": MappingProxyType({**_OF_WU, "learning_rate": 5e-5}),
        "student": MappingProxyType({**_OF_WU, "learning_rate": 1e-4, "soft_labels": True}),
    }
)
"""What each recipe changes of the defaults."""


def settings_by_recipe(
    recipe: str, model: str, *, changes: Mapping[str, Any] | None = None, seed: int = 0
) -> EncoderSettings:
    """Return the settings of a recipe.

    Args:
        recipe: A name in `RECIPES`.
        model: A folder, or an id of the Hub.
        changes: Hyper-parameters to change, by name, as they come from a file.
        seed: The seed.

    Raises:
        WrongUsageError: If there is no such recipe or hyper-parameter, or a value is of the wrong kind.

    Example:
        >>> settings_by_recipe("santoso", "some/model", changes={"iterations": 100}).batch_size
        32
    """
    if recipe not in RECIPES:
        raise WrongUsageError(f"there is no recipe `{recipe}`", hint=nearest(recipe, RECIPES))
    changed = {name: _checked(name, value) for name, value in (changes or {}).items()}
    return EncoderSettings(model, seed=seed, **{**RECIPES[recipe], **changed})


def _checked(name: str, value: Any) -> Any:
    """Return a value as its hyper-parameter takes it."""
    if name not in _HYPER_PARAMETERS:
        raise WrongUsageError(
            f"an encoder has no hyper-parameter `{name}`", hint=nearest(name, _HYPER_PARAMETERS)
        )
    kinds = str(_HYPER_PARAMETERS[name].type).split(" | ")
    if "float" in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    kind = "None" if value is None else type(value).__name__
    if kind not in kinds:
        raise WrongUsageError(f"`{name}` of an encoder is `{value}`", hint=f"It is of the kind {kinds[0]}.")
    return value
