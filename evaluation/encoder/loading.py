"""Models and tokenizers read from folders: no pickle, no code of their own, errors that say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...schema.errors import DataError, WrongUsageError

_PACKAGES = ("torch", "transformers", "accelerate")

FILES_OF_A_MODEL = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Configuration, tokenizer and weights: no pickle and no code."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def require_train_extra() -> None:
    """Make sure that what an encoder needs is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"an encoder needs packages that are not installed: {', '.join(missing)}",
            hint="Install them with `pip install 'synthner[train]'`.",
        )


def model_folder(model: str) -> Path:
    """Return the folder of a model, downloaded from the Hub where it is not a local one.

    Raises:
        DataError: If there is no such model, it cannot be reached, or its weights are pickled.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if _is_a_path(model):
            raise DataError(
                "there is no folder with a model here",
                where=model,
                hint="Name a folder that `save_pretrained` wrote, or a model of the Hub.",
            )
        folder = _downloaded(model)
    if not (folder / "config.json").is_file():
        raise DataError(
            "this is no model of transformers: there is no config.json",
            where=model,
            hint="Name a folder that `save_pretrained` wrote, or a model of the Hub.",
        )
    if not any(folder.glob("*.safetensors")):
        # Pickled weights of a model of the Hub are not downloaded.
        pickled = any(any(folder.glob(pattern)) for pattern in _PICKLES)
        raise DataError(
            "the weights are pickled, and loading a pickle may run any code"
            if pickled
            else "there are no weights as safetensors",
            where=model,
            hint="Take a model that has `model.safetensors`. Weights that you trust are converted by loading "
            "them with transformers and saving them with `save_pretrained`.",
        )
    return folder


def _is_a_path(model: str) -> bool:
    return model.startswith((".", "~")) or Path(model).is_absolute() or os.sep in model.partition("/")[2]


def _downloaded(model: str) -> Path:
    """Download a model, or find it in the cache; only files that hold no code and no pickle."""
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(model, allow_patterns=list(FILES_OF_A_MODEL), ignore_patterns=["*/*"]))
    except GatedRepoError as error:
        raise DataError(
            "the model is gated",
            where=model,
            hint="Ask for access on its page on the Hub, then log in with `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            "the Hub has no such model, or you may not see it",
            where=model,
            hint="Check the spelling `organisation/name`; for a private model log in with `hf auth login`.",
        ) from error
    except HFValidationError as error:
        raise DataError(
            f"this is neither a folder nor the id of a model: {_on_one_line(error)}",
            where=model,
            hint="Write the path of a folder, or `organisation/name`.",
        ) from error
    except (httpx2.TransportError, HfHubHTTPError, OSError) as error:
        raise DataError(
            f"the Hub cannot be reached, and the model is not in the cache: {_on_one_line(error)}",
            where=model,
            hint="Check the connection and that HF_HUB_OFFLINE is not set, or name a folder with the model.",
        ) from error


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


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Turn whatever a library finds wrong with a model's files into an error that says so."""
    try:
        yield
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise DataError(
                "the model needs code of its own, which is never run",
                where=model,
                hint="Take a model of an architecture that transformers has.",
            ) from error
        raise DataError(
            f"the model cannot be loaded: {_on_one_line(error)}",
            where=model,
            hint="Is it complete, and does transformers have its architecture for token classification?",
        ) from error


def _on_one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:500]


def positions(model: Any) -> int:
    """Return how many subwords a model can read at once; as good as any number where nothing limits it."""
    import torch

    limits = [
        # RoBERTa and its like count positions from the one after the padding's.
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding)
    ]
    return min(limits, default=1 << 30)
