"""Models and tokenizers read from folders: no pickle, no code of their own, errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ...projection import model_folders
from ...schema.errors import DataError
from ...sources import model_downloads

FILES_OF_A_MODEL = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Configuration, tokenizer and weights: no pickle and no code."""

# What models call the table that has a row for each place in a sentence.
_POSITIONS = ("position_embeddings", "embed_positions", "wpe")


def require_train_extra() -> None:
    """Make sure that what an encoder needs is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    model_folders.require_train_extra("an encoder")


def model_folder(model: str) -> Path:
    """Return the folder of a model, downloaded from the Hub where it is not a local one.

    Raises:
        DataError: If there is no such model, it cannot be reached, or its weights are pickled.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if (error := model_folders.no_folder(model, model)) is not None:
            raise error
        folder = downloaded_model(model)
    model_folders.check_model_folder(folder, model)
    return folder


def downloaded_model(model: str, revision: str | None = None, further: Sequence[str] = ()) -> Path:
    """Download a model, or find it in the cache; only files that hold no code and no pickle.

    Args:
        model: Its id on the Hub.
        revision: Its commit; by default the newest.
        further: Names of other files that are wanted.

    Raises:
        DataError: If there is no such model, or it cannot be reached.
    """
    return model_downloads.downloaded_model(model, revision, [*FILES_OF_A_MODEL, *further])


def load_tokenizer(folder: Path, name: str) -> Any:
    """Return the tokenizer of a model.

    Raises:
        DataError: If it cannot be loaded or is not a fast one.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import AutoTokenizer

    with loading(name):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise DataError(
            "the tokenizer of the model is not a fast one, and only those tell which word a subword is of",
            where=name,
            hint="Take a model that has a `tokenizer.json`.",
        )
    # Words are split already: each stands after a space, and such tokenizers must see it.
    before = tokenizer.backend_tokenizer.pre_tokenizer
    if isinstance(before, ByteLevel):
        before.add_prefix_space = True
    return tokenizer


def loading(model: str) -> AbstractContextManager[None]:
    """Turn whatever a library finds wrong with a model's files into an error that says so."""
    return model_folders.loading(
        model, "Is it complete, and does transformers have its architecture for token classification?"
    )


def positions(model: Any) -> int:
    """Return how many subwords a model can read at once; as good as any number where nothing limits it."""
    import torch

    limits = [
        # RoBERTa and its like count positions from the one after the padding's.
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith(_POSITIONS) and isinstance(module, torch.nn.Embedding)
    ]
    return min(limits, default=1 << 30)
