"""Publish a release, of a dataset or of a model, on the Hub in one commit, on top of what was read.

The repository is always either the old release or the new one. What is prepared depends on what is published
(the version, what people wrote into the card), so after a stale parent or a failure that may have gone
unnoticed, everything is read and prepared again: a commit that did arrive leaves nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from ..schema.errors import PublishError
from .repository import Commit, Repository, Snapshot, StaleParentError, TransientError, again


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a repository.

    Attributes:
        private: Whether only its owners can.
        gated: `auto` or `manual` where people must ask for access; None where not.
    """

    private: bool = False
    gated: Literal["auto", "manual"] | None = None

    def allows_less(self, repository: Snapshot) -> bool:
        """Say whether a repository is open to more people than that."""
        return (self.private and not repository.private) or (
            self.gated is not None and self.gated != repository.gated
        )


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
    def title(self) -> str:
        """What the commit or the pull request is called."""
        ...

    @property
    def tag(self) -> str | None:
        """The tag that it gets; None where it gets none."""
        ...

    @property
    def is_first(self) -> bool:
        """Whether no release is published there yet."""
        ...


Release = TypeVar("Release", bound=Prepared)


@dataclass(frozen=True)
class Plan(Generic[Release]):
    """What one commit would do.

    Attributes:
        release: What is to be published.
        snapshot: The repository as it was read; None if there is none yet.
        sent: New and changed files.
        removed: Files that go.
        unchanged: Files that are there already.
    """

    release: Release
    snapshot: Snapshot | None
    sent: Mapping[str, Path | bytes]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not self.sent and not self.removed

    @property
    def tagged(self) -> str | None:
        """The commit that has the tag of the release, if there is one already."""
        tag = self.release.tag
        return self.snapshot.tags.get(tag) if self.snapshot and tag else None


@dataclass(frozen=True)
class PublishedOnHub(Generic[Release]):
    """What publishing did.

    Attributes:
        plan: What was done.
        commit: The commit; None if nothing was to be changed.
        revision: What the release is loaded by: its commit, or the pull request's reference.
    """

    plan: Plan[Release]
    commit: Commit | None
    revision: str


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
        snapshot,
        {name: content for name, content in release.files.items() if name not in set(unchanged)},
        tuple(name for name in release.removed if name in there),
        unchanged,
    )


def publish_on_hub(
    repository: Repository,
    prepare: Callable[[Snapshot | None], Release],
    *,
    access: Access,
    describe: Callable[[Release], str],
    pull_request: bool = False,
    find_opened: Callable[[Plan[Release]], Commit | None] | None = None,
) -> PublishedOnHub[Release]:
    """Publish a release in one commit; it has no tag yet.

    Args:
        repository: Where to publish; made if it is not there.
        prepare: Prepares the release beside what is published now; asked again after a stale parent.
        access: Who may see the repository at the first release; later that is left to its owners.
        describe: Says what the release changes, for the commit or the pull request.
        pull_request: Open a pull request instead of changing `main`, unless the same one is open.
        find_opened: Returns the open pull request that is the same; by default one after which the repository
            would hold just these files.

    Raises:
        PublishError: If the Hub refuses, or fails too often.
    """

    def find(plan: Plan[Release]) -> Commit | None:
        return repository.open_pull_request(plan.release.title, plan.release.files, _others(plan))

    find_same = find_opened or find
    unanswered: Plan[Release] | None = None

    def publish() -> PublishedOnHub[Release]:
        nonlocal unanswered
        plan = _plan_where_allowed(repository, prepare, access)
        head = plan.snapshot.commit if plan.snapshot else ""
        if plan.is_empty:
            if unanswered is None:
                return PublishedOnHub(plan, None, plan.tagged or head)
            # The commit had happened, only its answer was lost.
            return PublishedOnHub(unanswered, Commit(head, repository.url_of(head), None, head), head)
        if pull_request:
            opened = find_same(plan)
            if opened is not None:
                return PublishedOnHub(plan, opened, opened.revision)
        try:
            commit = repository.commit(
                plan.sent,
                plan.removed,
                parent=head,
                title=plan.release.title,
                text=describe(plan.release),
                pull_request=pull_request,
            )
        except TransientError as error:
            unanswered = None if isinstance(error, StaleParentError) else plan
            raise
        return PublishedOnHub(plan, commit, commit.revision)

    return again(publish)


def _plan_where_allowed(
    repository: Repository, prepare: Callable[[Snapshot | None], Release], access: Access
) -> Plan[Release]:
    """Plan the commit in a repository that is there, and that not more people see than may."""
    plan = plan_commit(repository, prepare)
    if plan.snapshot is None:
        repository.create(private=access.private)
        plan = plan_commit(repository, prepare)
    if plan.snapshot is None:
        raise PublishError(
            "the repository was made and cannot be seen", where=repository.name, hint="Publish again."
        )
    if plan.release.is_first and access.allows_less(plan.snapshot):
        repository.restrict(private=access.private, gated=access.gated)
    return plan


def _others(plan: Plan[Release]) -> set[str]:
    """Return the files of the repository that are not the release's."""
    there = plan.snapshot.files if plan.snapshot else {}
    return set(there) - plan.release.files.keys() - set(plan.removed)
