"""Failures on request: which of the next calls go wrong, and how."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass

from ...schema.errors import WrongUsageError
from .refusals import RefusedError

KINDS = (
    "whoami",  # who a token belongs to
    "user",  # what everybody may know about a user
    "create",  # a repository is made
    "delete",  # a repository is deleted
    "move",  # a repository is renamed
    "settings",  # visibility and gating
    "auth-check",  # may this token read, or write?
    "info",  # a repository at a revision
    "tree",  # the files of a revision, page by page
    "paths-info",  # some files of a revision
    "validate",  # the metadata of a card
    "preupload",  # how each file is to be sent
    "lfs-batch",  # which large files are missing
    "lfs-upload",  # the bytes of a large file, or of a part of one
    "lfs-complete",  # the parts of a large file are put together
    "lfs-verify",  # a large file has arrived
    "commit",  # files added and deleted, at once
    "commits",  # the history of a revision
    "refs",  # branches, tags and pull requests
    "tag",  # a tag is made or deleted
    "branch",  # a branch is made or deleted
    "pull-request",  # discussions and pull requests: opened, read, commented on, closed
    "merge",  # a pull request is merged
    "resolve",  # a file is asked about (HEAD) or downloaded (GET)
    "xet-token",  # access to the Xet storage
    "oidc",  # a CI job's token is exchanged
    "other",  # whatever the Hub does not have here
)
"""The kinds of calls, as `LoopbackHub.fail` takes them and `Request.kind` names them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    Attributes:
        status: The status to answer with; nothing is carried out.
        retry_after: Seconds for `Retry-After`.
        after_bytes: The connection is cut after that many bytes: of an upload while it comes in, of any
            other call's answer once it has been carried out, and at the latest before the answer's last byte.
        hang: Seconds to wait first.
    """

    status: int | None = None
    retry_after: float | None = None
    after_bytes: int | None = None
    hang: float | None = None


class Faults:
    """The failures that are still to come, each kind's in the order they were asked for."""

    def __init__(self) -> None:
        self._coming: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()

    def plan(self, kind: str, fault: Fault, times: int) -> None:
        """Let the next calls of a kind fail.

        Raises:
            WrongUsageError: If there is no such kind of call.
        """
        if kind not in KINDS:
            raise WrongUsageError(f"there is no kind of call `{kind}`", hint=f"One of: {', '.join(KINDS)}.")
        with self._lock:
            self._coming[kind].extend([fault] * times)

    def take(self, kind: str) -> Fault | None:
        """Return what goes wrong with a call of this kind that has just come in."""
        with self._lock:
            return self._coming[kind].popleft() if self._coming[kind] else None


def failure(fault: Fault) -> RefusedError:
    """Return the answer of a call that fails with a status."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return RefusedError(fault.status or 500, "This call fails because a test wants it to", headers=headers)
