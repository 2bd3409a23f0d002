"""Publish a release on the Hub in one commit, on top of what was read.

The repository is always either the old release or the new one. What is prepared depends on what is published
(the version, what people wrote into the card), so after a stale parent or a failure that may have gone
unnoticed, everything is read and prepared again: a commit that did arrive leaves nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from ..schema.errors import PublishError
from .repository import Commit, Repository, Snapshot, StaleParentError, TransientError

ATTEMPTS = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a repository.

    Attributes:
        private: Whether only its owners can.
        gated: `auto` or `manual` where people must ask for access; None where not.
    """

    private: bool = False
    gated: Literal["auto", "manual"] | None = None


class Prepared(Protocol):
    """What is to be published, as far as a commit needs it."""

    @property
    def files(self) -> Mapping[str, Path | bytes]:
        """Every file of the release, by its name in the repository."""
        ...

    @property
    def removed(self) -> tuple[str, ...]:
        """Files of the published release that this one does not have."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...


Release = TypeVar("Release", bound=Prepared)


@dataclass(frozen=True)
class Plan(Generic[Release]):
    """What one commit would do.

    Attributes:
        release: What is to be published.
        parent: The commit that was read; None if there is no repository yet.
        sent: New and changed files.
        removed: Files that go.
        unchanged: Files that are there already.
        tagged: The commit of the release's tag, if that is there already.
    """

    release: Release
    parent: str | None
    sent: Mapping[str, Path | bytes]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    tagged: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not self.sent and not self.removed


@dataclass(frozen=True)
class PublishedOnHub(Generic[Release]):
    """What publishing did.

    Attributes:
        plan: What was done, in the end.
        commit: The commit; None if nothing was to be changed.
        revision: What the release is loaded by: its commit, or the pull request's reference.
        tag: The tag of its version; None for a pull request.
    """

    plan: Plan[Release]
    commit: Commit | None
    revision: str
    tag: str | None


def plan_commit(repository: Repository, prepare: Callable[[Snapshot | None], Release]) -> Plan[Release]:
    """Read a repository, and plan the commit that would publish a release there.

    Args:
        repository: Where to publish.
        prepare: Prepares the release beside what is published now.

    Raises:
        PublishError: If the repository cannot be read.
    """
    snapshot = repository.read()
    release = prepare(snapshot)
    there = snapshot.files if snapshot else {}
    unchanged = tuple(
        name for name, content in release.files.items() if name in there and there[name].has_content(content)
    )
    return Plan(
        release,
        snapshot.commit if snapshot else None,
        {name: content for name, content in release.files.items() if name not in set(unchanged)},
        tuple(name for name in release.removed if name in there),
        unchanged,
        snapshot.tags.get(f"v{release.version}") if snapshot else None,
    )


def publish_on_hub(
    repository: Repository,
    prepare: Callable[[Snapshot | None], Release],
    *,
    access: Access,
    describe: Callable[[Release], str],
    pull_request: bool = False,
) -> PublishedOnHub[Release]:
    """Publish a release in one commit, and tag it with its version.

    Args:
        repository: Where to publish; made if it is not there.
        prepare: Prepares the release beside what is published now; asked again after a stale parent.
        access: Who may see a new repository.
        describe: Says what the release changes, for the commit or the pull request.
        pull_request: Open a pull request instead of changing `main`; nothing is tagged.

    Raises:
        PublishError: If the Hub refuses, or fails too often.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _try_to_publish(repository, prepare, access, describe, pull_request)
        except TransientError as error:
            if attempt == ATTEMPTS - 1:
                raise PublishError(
                    f"{error.message} ({ATTEMPTS} times)", where=error.where, hint=error.hint
                ) from error
            # Whoever was first has published already; what the Hub cannot do now it may do soon.
            if not isinstance(error, StaleParentError):
                time.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
    raise AssertionError("the last attempt returns or raises")


def _try_to_publish(
    repository: Repository,
    prepare: Callable[[Snapshot | None], Release],
    access: Access,
    describe: Callable[[Release], str],
    pull_request: bool,
) -> PublishedOnHub[Release]:
    plan = plan_commit(repository, prepare)
    if plan.parent is None:
        repository.create(private=access.private, gated=access.gated)
        plan = plan_commit(repository, prepare)
    tag = f"v{plan.release.version}"
    commit = None
    if not plan.is_empty:
        commit = repository.commit(
            plan.sent,
            plan.removed,
            parent=plan.parent,
            title=f"Release {plan.release.version}",
            text=describe(plan.release),
            pull_request=pull_request,
        )
    revision = commit.revision if commit else str(plan.tagged or plan.parent)
    if pull_request:
        return PublishedOnHub(plan, commit, revision, None)
    if plan.tagged is None or commit:
        repository.tag(tag, revision)
    return PublishedOnHub(plan, commit, revision, tag)
