"""Training a model in place: AdamW as transformers' Trainer runs it, without what short runs pay for.

`benchmarks/fine_tune_speed.py` tells what Trainer would cost. Nothing is written: the best weights are kept
in memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import nn

from ...projection import model_folders
from .batches import (
    NO_LABEL,
    Batch,
    LabelledWindow,
    labels_of,
    probabilities_of,
    steps_of,
    training_order,
)
from .freezing import freeze
from .heads import WordModel
from .recorded_steps import CudaGraphs, RecordedSteps, Recorder, Step
from .recording_trial import Trial, trouble_with_recording
from .settings import LOSS, EncoderSettings
from .training_state import TrainingState
from .vocabulary_trimming import decayed

# What transformers' Trainer exempts from weight decay, by name.
_WITHOUT_DECAY = re.compile(r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)")
_FUSED = ("cpu", "cuda", "mps")

Numbers = Sequence[LabelledWindow]


@dataclass(frozen=True, slots=True)
class Validation:
    """How good a model is on the validation examples.

    Attributes:
        f1: Micro-F1.
        loss: The mean cross-entropy of the labels of all words that it reads, in nats.
    """

    f1: float
    loss: float


Validate = Callable[[], Validation]


@dataclass(slots=True)
class FineTuning:
    """A training, and what it was like.

    Attributes:
        recorder: Records steps; by default what the settings ask for, where a trial shows that it works here.
        rates: The learning rate of each step up to the weights that were kept.
        best_epoch: The epoch whose weights were kept, where epochs were validated.
        validations: What validation gave after each epoch.
        losses: The loss at each step.
        not_recorded: Why steps were not or no longer recorded, where the settings ask for it and a GPU is
            there.
        played_back: How many steps were played back instead of being computed one by one.
    """

    model: WordModel
    settings: EncoderSettings
    recorder: Recorder | None = None
    rates: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    validations: list[Validation] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    not_recorded: str | None = None
    played_back: int = 0

    def run(self, windows: Numbers, padding: int, validate: Validate | None) -> None:
        """Train the model; leave it with the weights of the best epoch, else of the last one.

        Args:
            windows: What to learn.
            padding: The subword that fills up a batch.
            validate: Says how good the model is after an epoch; the first of equals is the best.
        """
        settings = self.settings
        if settings.frozen_layers is not None:
            freeze(self.model, settings.frozen_layers, settings.model)
        if self.recorder is None:
            self._record_where_it_works()
        with nullcontext() if self.recorder is None else self.recorder.stream():
            self._run(windows, padding, validate)

    def _record_where_it_works(self) -> None:
        """Record steps if that is wanted. How many soft labels there are differs in batches of one shape."""
        settings = self.settings
        if not settings.recorded_steps or settings.soft_labels or self._device.type != "cuda":
            return
        self.not_recorded = trouble_with_recording(Trial.of(self.model, settings))
        if self.not_recorded is None:
            self.recorder = CudaGraphs()

    def _run(self, windows: Numbers, padding: int, validate: Validate | None) -> None:
        settings = self.settings
        learned = [weights for weights in self.model.parameters() if weights.requires_grad]
        optimizer = self._optimizer(can_be_recorded=self.recorder is not None)
        learn: Step = partial(self._learn, optimizer)
        if self.recorder is not None:
            learn = RecordedSteps(learn, self.recorder, TrainingState(optimizer))
        steps = steps_of(len(windows), settings)
        order = torch.Generator().manual_seed(settings.seed)
        # After everything that draws numbers while a model is made: dropout must not depend on that.
        torch.manual_seed(settings.seed)
        best: list[torch.Tensor] = []
        rates: list[float] = []
        losses: list[torch.Tensor] = []
        last = 1 if settings.iterations else settings.epochs
        for epoch in range(1, last + 1):
            self.model.train()
            for numbers in training_order(windows, settings, order):
                rates.append(_rate(settings, len(rates), steps))
                _set_rate(optimizer, rates[-1])
                losses.append(self._step(learn, [windows[number] for number in numbers], padding))
            if validate is None:
                continue
            self.model.eval()
            self.validations.append(validate())
            if self._last_is_best():
                self.best_epoch, self.rates = epoch, list(rates)
                if epoch < last:
                    best = [weights.detach().clone() for weights in learned]
        self.losses = [float(loss) for loss in losses]
        if isinstance(learn, RecordedSteps):
            self.not_recorded, self.played_back = learn.refused, learn.played_back
        self.model.eval()
        self.model.zero_grad(set_to_none=True)
        if self.best_epoch is None:
            self.rates = rates
        elif self.rates != rates:
            with torch.no_grad():
                for weights, kept in zip(learned, best, strict=True):
                    weights.copy_(kept)

    def _last_is_best(self) -> bool:
        """Say whether the last epoch is better than all before."""
        by_loss = self.settings.best_epoch_by == LOSS
        *before, last = [-each.loss if by_loss else each.f1 for each in self.validations]
        return last > max(before, default=-math.inf)

    def decay(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows of the embedding as this training leaves those that it gives no gradient."""
        if self.settings.frozen_layers is not None:
            return rows
        return decayed(rows, self.rates, lambda weights: _adam([weights], self.settings, rows.device))

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _step(self, learn: Step, windows: Numbers, padding: int) -> torch.Tensor:
        batch = Batch.of([each.window for each in windows], padding, self.settings.width_multiple)
        labels = labels_of(windows, batch.subwords.shape[1])
        wanted = probabilities_of(windows)
        tensors = (*batch.to(self._device), labels.to(self._device))
        return learn(*tensors) if wanted is None else learn(*tensors, wanted.to(self._device))

    def _learn(
        self,
        optimizer: torch.optim.Optimizer,
        subwords: torch.Tensor,
        attention: torch.Tensor,
        owners: torch.Tensor,
        labels: torch.Tensor,
        wanted: torch.Tensor | None = None,
    ) -> torch.Tensor:
        with computing(self.settings, subwords.device):
            logits = self.model(subwords, attention, owners)
        loss = _loss(logits.float(), labels, wanted)
        loss.backward()
        if self.settings.longest_gradient is not None:
            _clip(self.model.parameters(), self.settings.longest_gradient)
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    def _optimizer(self, *, can_be_recorded: bool) -> torch.optim.Optimizer:
        norms = {
            id(weights)
            for module in self.model.modules()
            if isinstance(module, nn.LayerNorm)
            for weights in module.parameters()
        }
        with_decay, without = [], []
        for name, weights in self.model.named_parameters():
            if not weights.requires_grad:
                continue
            exempt = id(weights) in norms or _WITHOUT_DECAY.search(name.lower())
            (without if exempt else with_decay).append(weights)
        optimizer = _adam(with_decay, self.settings, self._device, can_be_recorded=can_be_recorded)
        if without:
            optimizer.add_param_group({"params": without, "weight_decay": 0.0})
        return optimizer


def computable(settings: EncoderSettings, model: WordModel) -> EncoderSettings:
    """Return settings that a model can compute with: a few, as the first DeBERTa, cannot in bf16.

    It is tried on the CPU, whatever the machine has, so that a tagger is the same model everywhere.
    """
    if settings.precision == "fp32":
        return settings
    # One place is masked: what masks it is what fails.
    subwords, attention, owners = torch.tensor([[0, 0]]), torch.tensor([[1, 0]]), torch.tensor([[0, 1]])
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            model(subwords, attention, owners)
    except RuntimeError:
        return replace(settings, precision="fp32")
    return settings


def precision_here(settings: EncoderSettings, device: torch.device) -> str:
    """Return what is computed with: `bf16` only where the machine has it."""
    if settings.precision == "fp32":
        return "fp32"
    if device.type == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_it = device.type == "cpu" and (
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
    return "bf16" if has_it else "fp32"


def computing(settings: EncoderSettings, device: torch.device) -> torch.autocast:
    """Return the context in which a model computes as the settings say."""
    bf16 = precision_here(settings, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def enough_memory(settings: EncoderSettings) -> AbstractContextManager[None]:
    """Say what to lower where memory does not suffice, by a `DataError`."""
    return model_folders.enough_memory(
        settings.model,
        f"Lower `batch_size` ({settings.batch_size}) or `longest` ({settings.longest}), run fewer at once, "
        "or take a smaller model.",
    )


def _loss(logits: torch.Tensor, labels: torch.Tensor, wanted: torch.Tensor | None) -> torch.Tensor:
    """Return how far logits are from labels, or from the probabilities that are wanted where labels stand."""
    if wanted is None:
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=NO_LABEL)
    given = logits[labels != NO_LABEL].softmax(-1)
    return nn.functional.mse_loss(given, wanted)


def _adam(
    weights: list[nn.Parameter],
    settings: EncoderSettings,
    device: torch.device,
    *,
    can_be_recorded: bool = False,
) -> torch.optim.Optimizer:
    rate = settings.learning_rate
    return torch.optim.AdamW(
        weights,
        # A recorded step reads its learning rate from the device's memory.
        lr=torch.tensor(rate, device=device) if can_be_recorded else rate,
        capturable=can_be_recorded,
        weight_decay=settings.weight_decay,
        fused=device.type in _FUSED,
    )


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _rate(settings: EncoderSettings, step: int, steps: int) -> float:
    falling = (steps - step) / steps if settings.schedule == "linear" else 1.0
    return settings.learning_rate * falling


def _clip(parameters: Iterator[nn.Parameter], longest: float) -> None:
    """Make gradients no longer than they may be.

    Their length is summed in double precision: in single precision it would depend on where among rows of
    zeros the others stand, and so on whether the vocabulary was trimmed.
    """
    gradients = [weights.grad for weights in parameters if weights.grad is not None]
    lengths = torch.stack([torch.linalg.vector_norm(gradient, dtype=torch.float64) for gradient in gradients])
    factor = (longest / (torch.linalg.vector_norm(lengths) + 1e-6)).clamp(max=1.0).float()
    for gradient in gradients:
        gradient.mul_(factor)
