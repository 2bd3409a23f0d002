"""A dataset repository on the Hub: read at one commit, and changed by one commit on top of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..schema.errors import PublishError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

REPO_TYPE = "dataset"


class TransientError(PublishError):
    """The Hub did not do what was asked, and may do it if asked again."""


class StaleParentError(TransientError):
    """Somebody else committed in between."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        size: Its bytes.
        blob: Git's name for its content; that of a pointer, for a file in large file storage.
        sha256: Of its content, for a file in large file storage.
    """

    size: int
    blob: str
    sha256: str | None

    def has_content(self, content: Path | bytes) -> bool:
        """Say whether a local file, or bytes, are its content."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        if size != self.size:
            return False
        if self.sha256 is not None:
            return _digest(content, hashlib.sha256()) == self.sha256
        return _digest(content, hashlib.sha1(b"blob %d\0" % size)) == self.blob  # noqa: S324 - git's own name


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit.

    Attributes:
        commit: The commit.
        files: Its files by name.
        tags: The commit of each tag.
    """

    commit: str
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Commit:
    """What a commit did.

    Attributes:
        commit: Its id.
        url: Where it can be seen.
        pull_request: The address of the pull request it opened; None if it went to `main`.
        revision: What it is loaded by: the id, or the pull request's reference.
    """

    commit: str
    url: str
    pull_request: str | None
    revision: str


class Repository:
    """A dataset repository on the Hub.

    The endpoint and the token are huggingface_hub's own: `hf auth login`, `HF_TOKEN`, `HF_ENDPOINT`, or the
    trusted publisher of a CI job (`HF_OIDC_RESOURCE`).

    Args:
        name: `name` or `organisation/name`; without an organisation it is the user's own.

    Raises:
        PublishError: If the Hub cannot be reached or does not know the user.
    """

    def __init__(self, name: str) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars

        if not sys.stderr.isatty():
            disable_progress_bars()
        self._api: HfApi = HfApi(library_name="synthner")
        if "/" not in name:
            with hub_errors(name):
                name = f"{self._api.whoami()['name']}/{name}"
        self.name = name

    @property
    def url(self) -> str:
        """Where people see it."""
        return f"{self._api.endpoint}/datasets/{self.name}"

    def read(self) -> Snapshot | None:
        """Return the repository as it is now; None if there is none.

        Raises:
            PublishError: If it cannot be read.
        """
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.name):
            try:
                info = self._api.dataset_info(self.name)
                self.name = info.id
                commit = str(info.sha)
                tree = self._api.list_repo_tree(
                    self.name, repo_type=REPO_TYPE, revision=commit, recursive=True
                )
                files = {
                    entry.path: RemoteFile(entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
                    for entry in tree
                    if isinstance(entry, RepoFile)
                }
                tags = self._api.list_repo_refs(self.name, repo_type=REPO_TYPE).tags
            except GatedRepoError:
                raise
            except RepositoryNotFoundError as error:
                # A private repository of others, and a wrong token, look like one that is not there.
                if error.response is not None and error.response.status_code == 401:
                    raise
                return None
        return Snapshot(commit, files, {tag.name: tag.target_commit for tag in tags})

    def create(self, *, private: bool, gated: Literal["auto", "manual"] | None) -> None:
        """Make the repository, if it is not there yet.

        Raises:
            PublishError: If the user may not.
        """
        with hub_errors(self.name):
            self._api.create_repo(self.name, repo_type=REPO_TYPE, private=private, exist_ok=True)
            if gated is not None:
                self._api.update_repo_settings(self.name, repo_type=REPO_TYPE, gated=gated)

    def file(self, name: str, commit: str) -> Path:
        """Return a local copy of a file at a commit.

        Raises:
            PublishError: If it cannot be had.
        """
        with hub_errors(f"{self.name}/{name}"):
            return Path(self._api.hf_hub_download(self.name, name, repo_type=REPO_TYPE, revision=commit))

    def commit(
        self,
        files: Mapping[str, Path | bytes],
        removed: tuple[str, ...],
        *,
        parent: str | None,
        title: str,
        text: str = "",
        pull_request: bool = False,
    ) -> Commit:
        """Change files in one commit: all of them or none.

        Args:
            files: What is new or changed, by name.
            removed: What is to go.
            parent: The commit that was read; if it is not the newest any more, nothing is changed.
            title: The commit's or pull request's title.
            text: What else there is to say.
            pull_request: Open a pull request instead of changing `main`.

        Raises:
            StaleParentError: If somebody else committed in between.
            TransientError: If the Hub failed, and may not fail again.
            PublishError: If it refused.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations = [
            *(
                CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
                for name, content in files.items()
            ),
            *(CommitOperationDelete(name) for name in removed),
        ]
        with hub_errors(self.name):
            done = self._api.create_commit(
                self.name,
                operations,
                commit_message=title,
                commit_description=text,
                repo_type=REPO_TYPE,
                parent_commit=parent,
                create_pr=pull_request,
            )
        revision = done.pr_revision if pull_request and done.pr_revision else done.oid
        return Commit(done.oid, done.commit_url, done.pr_url, revision)

    def tag(self, name: str, commit: str) -> None:
        """Tag a commit; a tag that is there already stays where it is.

        Raises:
            PublishError: If the Hub refuses.
        """
        with hub_errors(self.name):
            self._api.create_tag(self.name, tag=name, revision=commit, repo_type=REPO_TYPE, exist_ok=True)


@contextmanager
def hub_errors(where: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into errors that say what to do. No token gets into them."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    log_in = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write here."
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise PublishError("HF_HUB_OFFLINE is set", where=where, hint="Unset it to publish.") from error
    except LocalTokenNotFoundError as error:
        raise PublishError("you are not logged in to the Hub", where=where, hint=log_in) from error
    except HFValidationError as error:
        raise PublishError(
            "this is no name of a repository", where=where, hint="Write organisation/name."
        ) from error
    except GatedRepoError as error:
        raise PublishError(
            "the repository is gated, and this token has no access", where=where, hint=log_in
        ) from error
    except RepositoryNotFoundError as error:
        raise PublishError(
            "there is no such repository, or this token may not see it", where=where, hint=log_in
        ) from error
    except (httpx2.TransportError, LocalEntryNotFoundError) as error:
        raise TransientError(
            f"the Hub cannot be reached: {_short(error)}", where=where, hint="Publish again."
        ) from error
    except HfHubHTTPError as error:
        raise _of_status(error, where, log_in) from error


def _of_status(error: Exception, where: str, log_in: str) -> PublishError:
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else 0
    message = getattr(error, "server_message", None) or _short(error)
    if status == 412:
        return StaleParentError("somebody else changed the repository", where=where, hint="Publish again.")
    if status == 401:
        return PublishError("the Hub does not accept this token", where=where, hint=log_in)
    if status == 403:
        return PublishError(f"this token may not do that: {message}", where=where, hint=log_in)
    if status in (408, 409, 429) or status >= 500:
        return TransientError(
            f"the Hub answers {status}: {message}",
            where=where,
            hint="Publish again later: what was uploaded is not sent twice.",
        )
    return PublishError(f"the Hub refuses: {message}", where=where, hint="Mend that, and publish again.")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _digest(content: Path | bytes, digest: hashlib._Hash) -> str:
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    with content.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
