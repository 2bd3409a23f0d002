"""Models as releases name them, in folders and on the Hub: never a pickle, never code of their own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from ..schema.errors import DataError, WrongUsageError
from ..schema.secrecy import without_secrets
from ..sources.files import file_hash
from ..sources.model_downloads import downloaded_model

# What CTranslate2 calls the weights that were converted for it; nothing unpickles them.
_CONVERTED = "model.bin"
VOCABULARIES = ("shared_vocabulary.*", "source_vocabulary.*", "source_1_vocabulary.*")
"""What the file is called that holds the subwords which a converted model reads."""

# Configuration, tokenizer and weights: no pickle and no code.
_FILES = ("*.json", "*.txt", "*.model", "*.spm", "*.safetensors", _CONVERTED)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")

_HOW_TO_NAME = "Name a folder that `save_pretrained` wrote, or a model of the Hub."

# How transformers says that a model is of another kind, before it lists the dozens that there are.
_OTHER_KIND = re.compile(
    r"Unrecognized configuration class <class '[\w.]*?(?P<is>\w+)Config'> for this kind of AutoModel: "
    r"(?P<needed>\w+)"
)

# On a processor torch tells a lack of memory only by words.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model as somebody names it. `named_model` makes one.

    Attributes:
        name: A folder as it was written, or an id of the Hub.
        folder: The folder; None for a model of the Hub.
        revision: Commit, tag or branch of a model of the Hub; None for its main branch.
        nowhere: Where a folder of this name would be and is not, for errors.
    """

    name: str
    folder: Path | None = None
    revision: str | None = None
    nowhere: Path | None = field(default=None, compare=False)

    @property
    def published_name(self) -> str:
        """Its name as it is published: of a folder its own name, not where it is."""
        return self.name if self.folder is None else self.folder.name

    def identity(self) -> list[str | None]:
        """Return what tells it from other models: what its files hold, or its id and revision.

        Raises:
            DataError: If a file cannot be read.
        """
        if self.folder is None:
            return ["hub", self.name, self.revision]
        try:
            files = sorted({path for pattern in _FILES for path in self.folder.glob(pattern)})
            states = [(path, path.stat()) for path in files]
            hashed = [
                f"{path.name} {_sha256(path, state.st_size, state.st_mtime_ns)}" for path, state in states
            ]
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", where=str(self.folder)) from error
        return ["folder", hashlib.sha256("\n".join(hashed).encode()).hexdigest()]

    def fetch(self, *, converted: bool = False) -> Path:
        """Return its folder, downloaded from the Hub where it is not a local one.

        Args:
            converted: Whether it may be one that was converted for CTranslate2.

        Raises:
            DataError: If it cannot be had, is no model of transformers, or its weights are pickled.
        """
        folder = self.folder or self._downloaded()
        if is_converted(folder):
            if converted:
                return folder
            raise DataError(
                "the model is converted for CTranslate2, which can do nothing with it but translate",
                where=self.name,
                hint="Name the model of transformers that it was converted from.",
            )
        check_model_folder(
            folder,
            self.name,
            elsewhere=" On the Hub it may be in a pull request: name its revision, `refs/pr/1` for example.",
        )
        return folder

    def revision_in(self, folder: Path) -> str | None:
        """Return what it is exactly: `sha256:…` of a local folder's files, or its commit on the Hub.

        Args:
            folder: Where it is, as `fetch` says it.

        Raises:
            DataError: If a file cannot be read.
        """
        if self.folder is not None:
            return f"sha256:{self.identity()[-1]}"
        return folder.name if folder.parent.name == "snapshots" else None

    def _downloaded(self) -> Path:
        try:
            return downloaded_model(self.name, self.revision, _FILES)
        except DataError as error:
            if self.nowhere is None:
                raise
            hint = f"{error.hint} If it is a folder: there is none at {self.nowhere}."
            raise DataError(error.message, where=error.where, hint=hint) from error


def check_model_folder(folder: Path, name: str, *, elsewhere: str = "") -> None:
    """Make sure that a folder holds a model of transformers whose weights are no pickle.

    Args:
        folder: The folder.
        name: The model's name in errors.
        elsewhere: Where there may be weights as safetensors, for the hint.

    Raises:
        DataError: If it does not.
    """
    if not (folder / "config.json").is_file():
        raise DataError(
            "this is no model of transformers: there is no config.json", where=name, hint=_HOW_TO_NAME
        )
    if not any(folder.glob("*.safetensors")):
        # Pickled weights of a model of the Hub are not downloaded.
        pickled = any(any(folder.glob(pattern)) for pattern in _PICKLES)
        raise DataError(
            "the weights are pickled, and loading a pickle may run any code"
            if pickled
            else "there are no weights as safetensors",
            where=name,
            hint=f"Take a model that has `model.safetensors`.{elsewhere} Weights that you trust are "
            "converted by loading them with transformers and saving them with `save_pretrained`.",
        )


def no_folder(name: str, folder: Path | str) -> DataError | None:
    """Return what is wrong with a name that is written like a path and is none; None for an id of the Hub.

    Args:
        name: The name.
        folder: Where the folder should be.
    """
    if name.startswith((".", "~")) or Path(name).is_absolute() or os.sep in name.partition("/")[2]:
        return DataError("there is no folder with a model here", where=str(folder), hint=_HOW_TO_NAME)
    return None


def name_without_folder(name: str) -> str:
    """Return a model's name as it is published: of a path on this machine, only the last part.

    Any other name stays: it may be an id of the Hub, or what a server calls its model.
    """
    if PurePath(name).is_absolute() or name.startswith((".", "~")):
        return PurePath(name).name or name
    return name


def is_converted(folder: Path) -> bool:
    """Say whether a folder holds a model that was converted for CTranslate2."""
    return (folder / _CONVERTED).is_file() and any(any(folder.glob(name)) for name in VOCABULARIES)


def named_model(name: str, revision: str | None = None, *, beside: Path) -> NamedModel:
    """Return the model that is meant by a name.

    Args:
        name: A folder, or an id of the Hub such as `FacebookAI/xlm-roberta-base`.
        revision: Commit, tag or branch of a model of the Hub.
        beside: What the paths of folders are relative to.

    Raises:
        DataError: If it is written like a path and there is no such folder, or a folder has a revision.
    """
    folder = beside / Path(name).expanduser()
    if not folder.is_dir():
        if (error := no_folder(name, folder)) is not None:
            raise error
        return NamedModel(name, revision=revision, nowhere=folder)
    if revision is not None:
        raise DataError(
            f"a folder has no revision `{revision}`",
            where=str(folder),
            hint="Leave the revision out: what the files hold is looked at.",
        )
    return NamedModel(name, folder=folder)


def require_train_extra(what: str, where: str | None = None) -> None:
    """Make sure that what runs a model is installed.

    Args:
        what: What needs it, for the error.
        where: The place, for the error.

    Raises:
        WrongUsageError: If it is not.
    """
    missing = [name for name in ("torch", "transformers", "accelerate") if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"{what} needs packages that are not installed: {', '.join(missing)}",
            where=where,
            hint="Install them with `pip install 'synthner[train]'`.",
        )


def device_here() -> Any:
    """Return the accelerator of this machine, else its processor, as torch names it."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


@contextmanager
def loading(model: str, hint: str = "Is it complete, and of the kind that is needed here?") -> Iterator[None]:
    """Turn whatever a library finds wrong with a model's files into an error that says so.

    Args:
        model: The model's name.
        hint: What to look at where nothing more is known.

    Raises:
        DataError: If it finds anything.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise DataError(
                "the model needs code of its own, which is never run",
                where=model,
                hint="Take a model of an architecture that transformers has.",
            ) from error
        if "sentencepiece" in str(error).lower() and find_spec("sentencepiece") is None:
            raise DataError(
                "the model's tokenizer needs the package sentencepiece, which is not installed",
                where=model,
                hint="Install it with `pip install sentencepiece`.",
            ) from error
        if (kinds := _OTHER_KIND.search(str(error))) is not None:
            raise DataError(
                f"the model is of another kind: {kinds['is']} is no architecture of {kinds['needed']}",
                where=model,
                hint=hint,
            ) from error
        raise DataError(
            f"the model cannot be loaded: {without_secrets(error)}", where=model, hint=hint
        ) from error


@contextmanager
def enough_memory(model: str, hint: str = "Lower `batch_size`, or take a smaller model.") -> Iterator[None]:
    """Say what to lower where memory does not suffice.

    Args:
        model: The model, as it was named.
        hint: What to lower.

    Raises:
        DataError: If it does not.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch tells a lack of memory by words alone: by a class of errors only on a GPU.
        is_lack = isinstance(error, MemoryError) or any(
            words in str(error).lower() for words in _OUT_OF_MEMORY
        )
        if not is_lack:
            raise
        raise DataError(
            "there is not enough memory for this model and these batches",
            where=model,
            hint=hint,
        ) from error


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    """Return the sha256 of a file, read once as long as it stays as it is."""
    return file_hash(path)
