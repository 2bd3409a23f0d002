"""The Hub's refusals: the status, the words and the code that its clients turn into their exceptions."""

from __future__ import annotations

from collections.abc import Mapping


class RefusedError(Exception):
    """A call is answered with an error.

    Args:
        status: The HTTP status.
        message: What the client's user reads.
        code: `X-Error-Code`, by which `huggingface_hub` chooses its exception.
        headers: Further headers of the answer.
        body: Further keys of the JSON body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, **(body or {})}
        self.headers = {"X-Error-Message": message.encode("ascii", "replace").decode(), **(headers or {})}
        if code is not None:
            self.headers["X-Error-Code"] = code


def bad_request(message: str) -> RefusedError:
    """Return the refusal of a call that cannot mean anything."""
    return RefusedError(400, message)


def wrong_token() -> RefusedError:
    """Return the refusal of a token that nobody was given, or that has expired."""
    return RefusedError(401, "Invalid credentials in Authorization header")


def login_needed() -> RefusedError:
    """Return the refusal of a call without a token where one is needed."""
    return RefusedError(401, "Invalid username or password.")


def forbidden(message: str) -> RefusedError:
    """Return the refusal of something that this token may not do."""
    return RefusedError(403, message)


def no_repository(*, known: bool) -> RefusedError:
    """Return the refusal for a repository that is not there or that the caller may not know of.

    Args:
        known: Whether the Hub knows who asks. Others are told 401, so that they cannot find private names.
    """
    if known:
        return RefusedError(404, "Repository not found", "RepoNotFound")
    return RefusedError(401, "Invalid username or password.", "RepoNotFound")


def gated(name: str, *, known: bool) -> RefusedError:
    """Return the refusal of the files of a gated repository."""
    if known:
        return RefusedError(403, f"Access to {name} is restricted and you are not in its list.", "GatedRepo")
    return RefusedError(401, f"Access to {name} is restricted. You must be authenticated.", "GatedRepo")


def no_revision(revision: str) -> RefusedError:
    """Return the refusal of a branch, tag or commit that is not there."""
    return RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def no_entry(path: str, commit: str, message: str = "Entry not found") -> RefusedError:
    """Return the refusal of a path that a commit does not have."""
    return RefusedError(404, f"{message}: {path}", "EntryNotFound", headers={"X-Repo-Commit": commit})


def conflict(message: str, **body: object) -> RefusedError:
    """Return the refusal of something that is there already."""
    return RefusedError(409, message, body=body)


def stale_parent() -> RefusedError:
    """Return the refusal of a commit on something that is no longer the newest."""
    return RefusedError(412, "A commit has happened since. Please refresh and try again.")


def moved(location: str) -> RefusedError:
    """Return the redirect from a repository's former name; the method and the body stay as they are."""
    return RefusedError(307, "The repository has been renamed", headers={"Location": location})
