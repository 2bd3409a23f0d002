"""Whether steps can be recorded on the GPU at hand: a small model is trained there, both ways.

Drivers, versions and models differ, and a step that cannot be recorded leaves PyTorch's random numbers and
memory unusable in its process. So before a training records anything, a process of its own tries it on a
model of the same configuration with few layers and subwords. What it finds out is kept in the cache of the
Hub, for each kind of model, GPU and version.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Self

import torch
import transformers

from ... import __version__
from ...schema.errors import DataError
from ...schema.secrecy import without_secrets
from ...sources.files import write_atomically
from .heads import WordModel
from .settings import EncoderSettings

# Far more than to start Python and to learn 48 small batches takes.
_SECONDS = 600

# What a recorded step depends on. The learning rate it reads anew each time.
_DECISIVE = ("head", "batch_size", "weight_decay", "longest_gradient", "precision", "frozen_layers")

# What a model and its labels are called decides nothing.
_NAMES = ("_name_or_path", "architectures", "id2label", "label2id")


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Attributes:
        configuration: The configuration of the model as JSON, as transformers writes it.
        settings: How it is trained.
    """

    configuration: str
    settings: EncoderSettings

    @classmethod
    def of(cls, model: WordModel, settings: EncoderSettings) -> Self:
        """Return the trial of a training, without what plays no part in its steps."""
        configuration = json.loads(model.encoder.config.to_json_string(use_diff=False))
        decisive = {name: value for name, value in configuration.items() if name not in _NAMES}
        return cls(
            json.dumps(decisive, sort_keys=True),
            replace(EncoderSettings("trial"), **{name: getattr(settings, name) for name in _DECISIVE}),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a trial that `as_json` wrote."""
        written = json.loads(text)
        return cls(written["configuration"], EncoderSettings(**written["settings"]))

    def as_json(self) -> str:
        """Return the trial as another process reads it."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial showed.

    Attributes:
        trouble: Why steps cannot be recorded; None where they can.
    """

    trouble: str | None


@cache
def trouble_with_recording(trial: Trial) -> str | None:
    """Return why steps are not to be recorded on the GPU at hand; None where a trial showed that they can be.

    The first time this takes as long as the trial; from then on it is known, also to other processes.
    """
    file = _verdict_file(trial)
    with suppress(_NoVerdictError):
        return _kept_verdict(file).trouble
    try:
        verdict = _tried(trial)
    except _NoVerdictError as error:
        # Another process may come to one, so nothing is kept.
        return str(error)
    # Where it cannot be kept, the next process tries again.
    with suppress(DataError), write_atomically(file) as written:
        json.dump(asdict(verdict), written, ensure_ascii=False)
    return verdict.trouble


class _NoVerdictError(Exception):
    """There is no verdict, and why."""


def _tried(trial: Trial) -> Verdict:
    """Return what a process of its own finds out."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, by its name
            # A module is not sought in the folder that we happen to be in.
            [sys.executable, "-P", "-m", f"{__package__}.trial_training"],
            input=trial.as_json(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _NoVerdictError(
            f"to try it on a small model took more than {_SECONDS // 60} minutes"
        ) from error
    except OSError as error:
        raise _NoVerdictError(f"it cannot be tried on a small model: {error.strerror or error}") from error
    if ended.returncode:
        complaint = without_secrets("".join(ended.stderr.strip().splitlines()[-1:]))
        raise _NoVerdictError(f"to try it on a small model failed ({ended.returncode}): {complaint}")
    return _read_verdict("".join(ended.stdout.splitlines()[-1:]))


def _kept_verdict(file: Path) -> Verdict:
    try:
        return _read_verdict(file.read_text("utf-8"))
    except OSError as error:
        raise _NoVerdictError("there is none yet") from error


def _read_verdict(text: str) -> Verdict:
    try:
        return Verdict(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise _NoVerdictError("to try it on a small model told nothing") from error


def _verdict_file(trial: Trial) -> Path:
    """Return where the verdict is kept; it depends on the GPU and on all versions that take part."""
    from huggingface_hub.constants import HF_ASSETS_CACHE

    gpu = None
    if torch.cuda.is_available():
        gpu = (torch.cuda.get_device_name(), torch.cuda.get_device_capability())
    versions = (
        __version__,
        torch.__version__,
        torch.version.cuda,
        torch.version.hip,
        transformers.__version__,
    )
    decisive = json.dumps([trial.as_json(), gpu, versions])
    name = sha256(decisive.encode("utf-8")).hexdigest()[:24]
    return Path(HF_ASSETS_CACHE) / "synthner" / "recorded_steps" / f"{name}.json"
