"""What the Hub's client raises where something cannot be had, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ..schema.errors import DataError, on_one_line

Kind = Literal["dataset", "model"]

_LOG_IN = "log in with `hf auth login`"


@contextmanager
def hub_errors(kind: Kind, where: str, *, instead: str) -> Iterator[None]:
    """Turn what the Hub's client raises into errors that say what to do; any other error passes.

    Args:
        kind: What is asked for.
        where: Which one, as errors name it.
        instead: What to do where the Hub is out of reach, and not only for now.

    Raises:
        DataError: If the Hub does not have it, does not give it away, or cannot be reached.
    """
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    out_of_reach = (httpx2.TransportError, HfHubHTTPError, LocalEntryNotFoundError)
    try:
        yield
    except GatedRepoError as error:
        raise gated_on_the_hub(kind, where) from error
    except RevisionNotFoundError as error:
        raise DataError(
            f"the {kind} has no such revision",
            where=where,
            hint="Name a commit, tag or branch that is on its page on the Hub.",
        ) from error
    except RepositoryNotFoundError as error:
        raise unknown_to_the_hub(kind, where) from error
    except HFValidationError as error:
        raise DataError(
            f"this is neither a folder nor the id of a {kind}: {on_one_line(error)}",
            where=where,
            hint="Write the path of a folder, or `organisation/name`.",
        ) from error
    except (*out_of_reach, ConnectionError, TimeoutError) as error:
        raise DataError(
            f"the Hub cannot be reached, and the {kind} is not in the cache: {on_one_line(error)}",
            where=where,
            hint=f"Check the connection and that HF_HUB_OFFLINE is not set, or {instead}.",
        ) from error


def gated_on_the_hub(kind: Kind, where: str) -> DataError:
    """Return the error of what is given only to those who asked for it."""
    return DataError(
        f"the {kind} is gated",
        where=where,
        hint=f"Ask for access on its page on the Hub, then {_LOG_IN}.",
    )


def unknown_to_the_hub(kind: Kind, where: str) -> DataError:
    """Return the error of a name that the Hub does not have, or does not show to whoever asks."""
    return DataError(
        f"the Hub has no such {kind}, or you may not see it",
        where=where,
        hint=f"Check the spelling `organisation/name`; for a private {kind} {_LOG_IN}.",
    )
