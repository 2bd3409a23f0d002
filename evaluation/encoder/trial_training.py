"""The trial itself, in a process of its own: reads a `Trial` from its input, and prints a `Verdict`."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import torch

from ...schema.errors import DataError
from ...schema.secrecy import without_secrets
from .batches import NO_LABEL, LabelledWindow
from .fine_tuning import FineTuning
from .heads import FirstSubwordModel, SummedSubwordsModel, WordModel
from .recorded_steps import NO_ROOM, ROUNDING, CudaGraphs, Recorder
from .recording_trial import Trial, Verdict
from .settings import SUMMED
from .training_state import copies, share_apart
from .windows import Window

_LAYERS = 2
_SUBWORDS = 512
_LABELS = 2

# Windows of two widths take turns, for recordings share memory. Each batch is padded a little.
_WIDTH_MULTIPLE = 8
_LENGTHS = ((19, 21, 22), (35, 37, 38))

# A shape comes twelve times: it is recorded at the fourth, compared at the fifth, and played back after that.
_BATCHES_OF_A_LENGTH = 2
_EPOCHS = 6


def main() -> None:
    """Try on the GPU at hand what the input says; print the verdict."""
    verdict = verdict_on(Trial.from_json(sys.stdin.read()), torch.device("cuda"), CudaGraphs)
    print(json.dumps(asdict(verdict)))  # noqa: T201 - another process reads it


def verdict_on(trial: Trial, device: torch.device, recorder: Callable[[], Recorder]) -> Verdict:
    """Train a small model step by step, and with a recorder.

    Args:
        trial: What is tried.
        device: Where it is trained.
        recorder: Makes what records steps.

    Returns:
        No trouble, if steps were played back and both trainings lead to the same weights but for rounding.
    """
    settings = replace(trial.settings, epochs=_EPOCHS, like_lengths=True, width_multiple=_WIDTH_MULTIPLE)
    try:
        model = _small_model(trial)
    except Exception as error:  # whatever a library says of a configuration that was changed
        return Verdict(f"no small model of its kind can be made to try it on: {without_secrets(error)}")
    model.to(device)
    begun = copies(model.parameters())
    ordinary, recorded = FineTuning(model, settings), FineTuning(deepcopy(model), settings, recorder())
    config = model.encoder.config
    windows, padding = _windows(settings.batch_size, config), config.pad_token_id
    ordinary.run(windows, padding, None)
    try:
        recorded.run(windows, padding, None)
    except DataError as error:
        return Verdict(error.message)
    if recorded.not_recorded == NO_ROOM:
        raise DataError(NO_ROOM)
    if recorded.not_recorded or not recorded.played_back:
        return Verdict(recorded.not_recorded or "no step was played back")
    apart = share_apart(recorded.model.parameters(), ordinary.model.parameters(), since=begun)
    if not apart <= ROUNDING:
        return Verdict(f"steps that were played back led to other weights, by {apart:.0%} of the way")
    return Verdict(None)


def _small_model(trial: Trial) -> WordModel:
    """Make a model with few layers and subwords, and all else as its configuration says."""
    from transformers import AutoModelForTokenClassification

    settings = trial.settings
    torch.manual_seed(settings.seed)
    model = AutoModelForTokenClassification.from_config(
        _small_configuration(trial, layers=_LAYERS + (settings.frozen_layers or 0)), trust_remote_code=False
    )
    return (SummedSubwordsModel if settings.head == SUMMED else FirstSubwordModel)(model)


def _small_configuration(trial: Trial, layers: int) -> Any:
    from transformers import AutoConfig

    written = json.loads(trial.configuration)
    config = AutoConfig.for_model(written.pop("model_type"), **written)
    values = dict(vars(config))
    if layers < (of_all := config.num_hidden_layers):
        config.num_hidden_layers = layers
        for name, value in values.items():
            # What is said of each layer.
            if isinstance(value, list) and len(value) == of_all:
                setattr(config, name, value[:layers])
    config.vocab_size = min(_SUBWORDS, values.get("vocab_size") or _SUBWORDS)
    for name, value in values.items():
        if name.endswith("_token_id") and not (isinstance(value, int) and value < config.vocab_size):
            setattr(config, name, 0)
    return config


def _windows(batch_size: int, config: Any) -> list[LabelledWindow]:
    """Return windows of random subwords, some batches of each length."""
    chance = random.Random(0)  # noqa: S311 - no secret
    subwords = [subword for subword in range(config.vocab_size) if subword != config.pad_token_id]
    return [
        _window(chance.choices(subwords, k=lengths[number % len(lengths)]), chance)
        for lengths in _LENGTHS
        for number in range(_BATCHES_OF_A_LENGTH * batch_size)
    ]


def _window(subwords: list[int], chance: random.Random) -> LabelledWindow:
    labels = [NO_LABEL, *chance.choices(range(_LABELS), k=len(subwords) - 1)]
    return LabelledWindow(Window(0, subwords, list(range(len(subwords))), []), labels)


if __name__ == "__main__":
    main()
