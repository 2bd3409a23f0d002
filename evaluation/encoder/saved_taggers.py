"""Taggers as folders: a transformers model, its tokenizer, and `tagger.json`.

With the head `first` the folder is a model for token classification like any other. With the head `summed`
the model is the encoder alone, and `head.safetensors` has the linear layer's `weight` and `bias`:
transformers, which would read labels at first subwords, cannot take it for something else.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...schema.errors import DataError
from ...schema.iob2 import parse_tag
from .heads import FirstSubwordModel, SummedSubwordsModel, WordModel
from .loading import loading
from .settings import FIRST, SUMMED, EncoderSettings

FORMAT = 1
_DESCRIPTION = "tagger.json"
_HEAD = "head.safetensors"


def load_word_model(
    folder: Path, settings: EncoderSettings, labels: list[str]
) -> tuple[WordModel, list[str]]:
    """Load a model with a head for the labels; return it with the labels in the order of the head.

    A head that was trained on the very same labels is kept, as when a tagger of a related language is
    fine-tuned. Any other is begun anew, even where it has as many labels.

    Raises:
        DataError: If the model cannot be loaded.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification, set_seed

    with loading(settings.model):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        of_head = _labels_in_order(config)
        same = len(of_head) == len(labels) and set(of_head) == set(labels)
        labels = of_head if same else labels
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
        set_seed(settings.seed)
        loaded = AutoModelForTokenClassification.from_pretrained(
            folder,
            config=config,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )
        kept = same and _head_in(folder) == settings.head
        if settings.head == SUMMED:
            model = SummedSubwordsModel(loaded)
            if kept:
                _load_head(model.classifier, folder / _HEAD)
            return model, labels
    model = FirstSubwordModel(loaded)
    if not kept:
        model.begin_head_anew()
    return model, labels


def is_saved_tagger(folder: Path) -> bool:
    """Say whether a folder holds what a tagger was saved to."""
    return (folder / _DESCRIPTION).is_file()


def labels_of_model(folder: Path) -> list[str]:
    """Return the labels that a model for token classification gives, in the order of its head.

    Raises:
        DataError: If it is another model, or its labels are no IOB2 labels.
    """
    from transformers import AutoConfig

    with loading(str(folder)):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if not any(name.endswith("ForTokenClassification") for name in config.architectures or ()):
        raise DataError(
            "this model gives no labels to words",
            where=str(folder),
            hint="Name a tagger that was saved, or a model for token classification.",
        )
    labels = _labels_in_order(config)
    for label in labels:
        if parse_tag(label) is None:
            raise DataError(
                f"`{label}`, a label of this model, is no IOB2 label",
                where=str(folder),
                hint="Its labels must be `O`, `B-TYPE` and `I-TYPE`; `id2label` in config.json names them.",
            )
    return labels


def _labels_in_order(config: Any) -> list[str]:
    return [label for _, label in sorted((config.id2label or {}).items())]


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `tagger.json` says.

    Raises:
        DataError: If there is none that this version can read.
    """
    path = folder / _DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"this is no saved tagger: there is no {_DESCRIPTION}",
            where=str(folder),
            hint="Name a folder that a tagger was saved to.",
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise DataError(
            "this was saved in another format",
            where=str(path),
            hint="Train the tagger again, or update synthner.",
        )
    return description


def write_tagger(folder: Path, model: WordModel, tokenizer: Any, description: Mapping[str, Any]) -> None:
    """Write a tagger, whole or not at all; an earlier tagger there is replaced.

    Raises:
        DataError: If the folder holds something else, or cannot be written.
    """
    from safetensors.torch import save_file

    with _new_folder(folder) as new:
        if isinstance(model, FirstSubwordModel):
            model.model.save_pretrained(new)
        else:
            model.encoder.save_pretrained(new)
            save_file(
                {
                    name: each.detach().cpu().contiguous()
                    for name, each in model.classifier.named_parameters()
                },
                new / _HEAD,
            )
        tokenizer.save_pretrained(new)
        text = json.dumps({"format": FORMAT, **description}, ensure_ascii=False, indent=2)
        (new / _DESCRIPTION).write_text(text + "\n", encoding="utf-8")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _DESCRIPTION).is_file():
        raise DataError(
            "the folder holds something else than a tagger", where=str(folder), hint="Name a new folder."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".synthner-", dir=folder.parent) as beside:
            new = Path(beside) / "tagger"
            new.mkdir()
            yield new
            if folder.is_dir():
                shutil.rmtree(folder)
            new.replace(folder)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}",
            where=str(folder),
            hint="Nothing is half-written: mend this and run again.",
        ) from error


def _head_in(folder: Path) -> str:
    return read_description(folder)["settings"]["head"] if is_saved_tagger(folder) else FIRST


def _load_head(layer: torch.nn.Linear, path: Path) -> None:
    from safetensors.torch import load_file

    layer.load_state_dict(load_file(path))
