"""Models of the Hub, downloaded: only the files that are named, and errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..schema.errors import DataError, on_one_line


def downloaded_model(name: str, revision: str | None, files: Iterable[str]) -> Path:
    """Download a model, or find it in the cache.

    Args:
        name: Its id on the Hub.
        revision: Its commit, a tag or a branch; None for its main branch.
        files: Patterns of the names of the files that are wanted; those in folders of the model never are.

    Raises:
        DataError: If there is no such model, or it cannot be reached.
    """
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=list(files), ignore_patterns=["*/*"])
        )
    except RevisionNotFoundError as error:
        raise DataError(
            f"the model has no revision `{revision}`",
            where=name,
            hint="Name a commit, a tag or a branch that is on its page on the Hub.",
        ) from error
    except GatedRepoError as error:
        raise DataError(
            "the model is gated",
            where=name,
            hint="Ask for access on its page on the Hub, then log in with `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            "the Hub has no such model, or you may not see it",
            where=name,
            hint="Check the spelling `organisation/name`; for a private model log in with `hf auth login`.",
        ) from error
    except HFValidationError as error:
        raise DataError(
            f"this is neither a folder nor the id of a model: {on_one_line(error)}",
            where=name,
            hint="Write the path of a folder, or `organisation/name`.",
        ) from error
    except (httpx2.TransportError, HfHubHTTPError, OSError) as error:
        raise DataError(
            f"the Hub cannot be reached, and the model is not in the cache: {on_one_line(error)}",
            where=name,
            hint="Check the connection and that HF_HUB_OFFLINE is not set, or name a folder with the model.",
        ) from error
