"""What a training was like, for the record of its result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What a training was like.

    Attributes:
        epochs: How often the examples were seen; None where batches were sampled instead.
        best_epoch: The epoch, counted from 1, whose weights were kept; None without validation examples.
        validation_f1: Micro-F1 on the validation examples after each epoch.
        validation_loss: The mean cross-entropy of their words' labels after each epoch.
        losses: The loss at each step of the optimizer; a saved tagger does not keep them.
        precision: What was computed with: `bf16` only where machine and model can.
        device: `cpu` or the kind of accelerator.
        not_recorded: Why steps were not or no longer recorded, where the settings ask for it and there is a
            GPU.
    """

    epochs: int | None = None
    best_epoch: int | None = None
    validation_f1: tuple[float, ...] = ()
    validation_loss: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    precision: str = "fp32"
    device: str = "cpu"
    not_recorded: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return what a result's record holds of a training."""
        facts: dict[str, object] = {
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "validation_f1": list(self.validation_f1),
            "validation_loss": list(self.validation_loss),
        }
        return facts if self.not_recorded is None else {**facts, "not_recorded": self.not_recorded}
