"""Models of the Hub, downloaded: only the files that are named, and errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..schema.errors import DataError
from ..schema.secrecy import without_secrets
from .hub_errors import hub_errors


def downloaded_model(name: str, revision: str | None, files: Iterable[str]) -> Path:
    """Download a model, or find it in the cache.

    Args:
        name: Its id on the Hub.
        revision: Its commit, a tag or a branch; None for its main branch.
        files: Patterns of the names of the files that are wanted; those in folders of the model never are.

    Raises:
        DataError: If there is no such model, it cannot be reached, or it cannot be kept here.
    """
    from huggingface_hub import snapshot_download

    where = name if revision is None else f"{name} at {revision}"
    try:
        with hub_errors("model", where, instead="name a folder with the model"):
            found = snapshot_download(
                name, revision=revision, allow_patterns=list(files), ignore_patterns=["*/*"]
            )
    except OSError as error:
        raise DataError(f"the model cannot be downloaded: {without_secrets(error)}", where=where) from error
    return Path(found)
