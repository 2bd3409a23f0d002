"""Pull requests of a repository: found, read at one commit, answered once, and merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..schema.errors import PublishError
from .repository import Repository, again, hub_errors

OPEN = "open"
MERGED = "merged"


class ChangedPullRequestError(PublishError):
    """A pull request is not what was read any more."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request that is open, as it was when it was read.

    Attributes:
        number: Counts the repository's discussions and pull requests.
        title: What its author calls it.
        author: The user who opened it.
        url: Where people see it.
        commit: Its newest commit.
        start: The newest commit of `main` that it was made on top of.
    """

    number: int
    title: str
    author: str
    url: str
    commit: str
    start: str


class PullRequests:
    """The pull requests of a repository.

    Args:
        repository: The repository.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._client = repository.client

    def open(self) -> list[PullRequest]:
        """Return those that are open and no drafts, the oldest first.

        Raises:
            PublishError: If they cannot be read.
        """
        return again(lambda: sorted(self._open(), key=lambda found: found.number))

    def comments(self, number: int) -> list[tuple[str, str]]:
        """Return the comments on one: who wrote them, and their text.

        Raises:
            PublishError: If they cannot be read.
        """
        return again(lambda: self._comments(number))

    def comment_once(self, number: int, text: str, mark: str) -> bool:
        """Comment, unless this user has left a comment with the mark already.

        Args:
            number: The pull request.
            text: The comment; the mark is in it.
            mark: What such a comment is known by.

        Returns:
            Whether there was none yet.

        Raises:
            PublishError: If the user may not comment.
        """
        user = self.user()

        def comment() -> bool:
            # Also after an answer that was lost: the comment may be there.
            if any(author == user and mark in written for author, written in self._comments(number)):
                return False
            with hub_errors(self._repository.name):
                self._client.comment_discussion(
                    self._repository.name, number, text, repo_type=self._repository.repo_type
                )
            return True

        return again(comment)

    def merge(self, pull_request: PullRequest) -> None:
        """Merge one, if it is still at the commit that was read.

        Raises:
            ChangedPullRequestError: If its author has changed it since.
            PublishError: If the user may not, or it cannot be merged.
        """

        def merge() -> None:
            if self._status(pull_request.number) == MERGED:
                return  # only the answer was lost
            if self._head(pull_request.number) != pull_request.commit:
                raise ChangedPullRequestError(
                    "it was changed after it was read", where=pull_request.url, hint="Read it again."
                )
            with hub_errors(self._repository.name):
                self._client.merge_pull_request(
                    self._repository.name, pull_request.number, repo_type=self._repository.repo_type
                )

        again(merge)

    def head(self, number: int) -> str:
        """Return the newest commit of one.

        Raises:
            PublishError: If it cannot be read.
        """
        return again(lambda: self._head(number))

    def user(self) -> str:
        """Return whose token this is.

        Raises:
            PublishError: If there is none, or the Hub does not say.
        """

        def ask() -> str:
            with hub_errors(self._repository.name):
                return str(self._client.whoami()["name"])

        return again(ask)

    def organizations_of(self, user: str) -> frozenset[str]:
        """Return the names of the organisations that a user belongs to, as everybody may see them.

        Raises:
            PublishError: If the Hub does not say.
        """
        from huggingface_hub.errors import HfHubHTTPError

        def ask() -> frozenset[str]:
            with hub_errors(self._repository.name):
                try:
                    found = self._client.get_user_overview(user)
                except HfHubHTTPError as error:
                    if error.response is not None and error.response.status_code == 404:
                        return frozenset()  # the account is gone
                    raise
            return frozenset(organization.name for organization in found.orgs)

        return again(ask)

    def _open(self) -> Iterator[PullRequest]:
        name, kind = self._repository.name, self._repository.repo_type
        with hub_errors(name):
            found = [
                each
                for each in self._client.get_repo_discussions(
                    name, repo_type=kind, discussion_type="pull_request", discussion_status="open"
                )
                if each.status == OPEN
            ]
            if not found:
                return
            of_main = {commit.commit_id for commit in self._client.list_repo_commits(name, repo_type=kind)}
            for each in found:
                commits = [
                    commit.commit_id
                    for commit in self._client.list_repo_commits(
                        name, repo_type=kind, revision=f"refs/pr/{each.num}"
                    )
                ]
                start = next((commit for commit in commits if commit in of_main), "")
                yield PullRequest(each.num, each.title, each.author, each.url, commits[0], start)

    def _comments(self, number: int) -> list[tuple[str, str]]:
        from huggingface_hub import DiscussionComment

        with hub_errors(self._repository.name):
            found = self._client.get_discussion_details(
                self._repository.name, number, repo_type=self._repository.repo_type
            )
        return [
            (event.author, event.content) for event in found.events if isinstance(event, DiscussionComment)
        ]

    def _status(self, number: int) -> str:
        with hub_errors(self._repository.name):
            return self._client.get_discussion_details(
                self._repository.name, number, repo_type=self._repository.repo_type
            ).status

    def _head(self, number: int) -> str:
        with hub_errors(self._repository.name):
            return str(
                self._client.repo_info(
                    self._repository.name,
                    repo_type=self._repository.repo_type,
                    revision=f"refs/pr/{number}",
                ).sha
            )
