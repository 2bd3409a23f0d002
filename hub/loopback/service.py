"""What every call needs: the parts of a Hub, who calls, and which repository is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from .accounts import Accounts, Identity, check_visible
from .blobs import Blobs
from .exchange import Answer, Call
from .lfs import Uploads
from .refusals import moved
from .repositories import Repositories, Repository
from .xet import XetStorage

_NAME = r"(?P<owner>[^/]+)/(?P<name>[^/]+?)"
_REPOSITORY = rf"(?P<type>model|dataset|space)s/{_NAME}"
_PAGE = rf"(?:(?P<type>dataset|space)s/)?{_NAME}"  # a model's has no type before it


@dataclass(frozen=True, slots=True)
class Service:
    """A Hub without its connections.

    Attributes:
        endpoint: The address that clients know it by.
        accounts: Who may do what.
        repositories: The repositories.
        blobs: The contents of all files.
        uploads: Large files on their way in.
        xet: The Xet storage, where there is one.
    """

    endpoint: str
    accounts: Accounts
    repositories: Repositories
    blobs: Blobs
    uploads: Uploads
    xet: XetStorage | None

    def identity(self, call: Call) -> Identity | None:
        """Return who calls."""
        return self.accounts.identify(call.headers.get("Authorization"))

    def repository(self, call: Call) -> tuple[Identity | None, Repository]:
        """Return who calls, and the repository in the call's path.

        Raises:
            RefusedError: If it is not there for this caller, or has another name by now.
        """
        identity = self.identity(call)
        kind, name = call.names["type"] or "model", f"{call.names['owner']}/{call.names['name']}"
        repository = check_visible(identity, self.repositories.find(kind, name))
        if repository.id != name:
            raise moved(call.target.replace(f"/{name}", f"/{repository.id}", 1))
        return identity, repository

    def page_of(self, repository: Repository) -> str:
        """Return the address of a repository's page."""
        return f"{self.endpoint}/{repository.resource}"


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern of paths, and what answers them.

    In the pattern, `{repository}` stands for `datasets/owner/name` and the like, `{page}` for the same as it
    stands in a page's address, any other `{word}` for one part of the path, and `{word*}` for the rest of it.
    """

    method: str
    pattern: str
    kind: str
    handler: Callable[[Service, Call], Answer]

    def names(self, method: str, path: str) -> dict[str, str] | None:
        """Return what the pattern finds in a path; None if it does not fit."""
        if method != self.method:
            return None
        found = _expression(self.pattern).fullmatch(path)
        return found and {name: unquote(value or "") for name, value in found.groupdict().items()}


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    expression = pattern.replace("{repository}", _REPOSITORY).replace("{page}", _PAGE)
    expression = re.sub(r"\{(\w+)\*\}", r"(?:/(?P<\1>.*))?", expression)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", expression))
