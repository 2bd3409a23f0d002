"""What the Hub's client raises where something cannot be had, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import TYPE_CHECKING, Literal

from ..schema.errors import DataError
from ..schema.secrecy import without_secrets

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

Kind = Literal["dataset", "model"]

_LOG_IN = "log in with `hf auth login`"

# With these statuses a network or a proxy asks for a login; where the Hub means them, it sends no page.
_WANTS_A_LOGIN = (401, 403, 404, 407, 511)


@contextmanager
def hub_errors(kind: Kind, where: str, *, instead: str) -> Iterator[None]:
    """Turn what the Hub's client raises into errors that say what to do; any other error passes.

    No token gets into them.

    Args:
        kind: What is asked for.
        where: Which one, as errors name it.
        instead: What to do where the Hub is out of reach, and not only for now.

    Raises:
        DataError: If the Hub does not have it, does not give it away, refuses, or cannot be reached, or
            something else answers in its place.
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

    out_of_reach = (httpx2.TransportError, LocalEntryNotFoundError, ConnectionError, TimeoutError)
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
            f"this is neither a folder nor the id of a {kind}: {without_secrets(error)}",
            where=where,
            hint="Write the path of a folder, or `organisation/name`.",
        ) from error
    except HfHubHTTPError as error:
        raise _refused(kind, where, error, instead) from error
    except JSONDecodeError as error:
        raise _not_the_hub(where, f"sends {_kind_of(error.doc)} instead of JSON", instead) from error
    except httpx2.TooManyRedirects as error:
        raise _not_the_hub(where, "redirects without end", instead) from error
    except out_of_reach as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            # The client names an answer of the Hub a file that is not here.
            raise _refused(kind, where, error.__cause__, instead) from error
        raise DataError(
            f"the Hub cannot be reached, and the {kind} is not in the cache: {without_secrets(error)}",
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


def _not_the_hub(where: str, does: str, instead: str) -> DataError:
    """Return the error of an answer that the Hub does not give, for example a network's page to log in."""
    return DataError(
        f"what answers in the Hub's place {does}",
        where=where,
        hint="A network or a proxy may want a login: open a page in a browser, and check HTTPS_PROXY. Where "
        "HF_ENDPOINT is set, it must be the address of a Hub. With HF_HUB_OFFLINE=1 what is in the cache is "
        f"read; else {instead}.",
    )


def _kind_of(text: str) -> str:
    if not text.strip():
        return "nothing"
    return "a page of HTML" if text.lstrip("\ufeff \r\n\t").startswith("<") else "another text"


def _refused(kind: Kind, where: str, error: HfHubHTTPError, instead: str) -> DataError:
    """Return the error of what the Hub answered instead of giving what was asked for."""
    status = error.response.status_code
    if status in _WANTS_A_LOGIN and "html" in error.response.headers.get("content-type", ""):
        return _not_the_hub(where, f"sends a page of HTML instead of JSON, with status {status}", instead)
    said = without_secrets(error.server_message or error)
    if status in (401, 403):
        return DataError(
            f"the Hub does not let this token have the {kind}: {said}",
            where=where,
            hint=f"Check HF_TOKEN, or {_LOG_IN}.",
        )
    if status in (408, 429) or status >= 500:
        return DataError(
            f"the Hub answers {status}: {said}", where=where, hint="That may pass: ask again later."
        )
    return DataError(
        f"the Hub refuses to give the {kind}: it answers {status}: {said}",
        where=where,
        hint="Check how its name and its revision are spelt, and that HF_ENDPOINT is the address of a Hub.",
    )
