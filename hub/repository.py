"""A repository on the Hub: read at one commit, and changed by one commit on top of it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from ..schema.errors import PublishError
from ..schema.secrecy import without_secrets

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi, errors

Result = TypeVar("Result")

RepoType = Literal["dataset", "model"]

ATTEMPTS = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

UPLOAD_AT_ONCE = 1_000_000_000
"""Bytes that go up together. With Xet, what a killed upload had sent may have to be sent again."""

# How long the Hub may take to say something; huggingface_hub would wait for ever.
_PATIENCE = 60.0

_SEND_AGAIN = "Publish again later: what was uploaded is not sent twice."
_NOT_THE_HUB = (
    "Something between here and the Hub may want a login, or HF_ENDPOINT may be another server's address. "
    "Then publish again."
)
_TRUST = (
    "Check HF_OIDC_RESOURCE, the job's permission `id-token: write`, and the trusted publishers in the "
    "repository's settings."
)
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write here."


class TransientError(PublishError):
    """The Hub did not do what was asked, and may do it if asked again.

    Attributes:
        retry_after: Seconds to wait first, if the Hub said so.
    """

    retry_after: float | None = None


class StaleParentError(TransientError):
    """Somebody else committed in between."""


def again(do: Callable[[], Result]) -> Result:
    """Do something that can be done twice until the Hub has done it.

    Raises:
        PublishError: If the Hub refuses, or fails too often.
    """
    for attempt in range(ATTEMPTS):
        try:
            return do()
        except TransientError as error:
            if attempt == ATTEMPTS - 1:
                raise PublishError(
                    f"{error.message} ({ATTEMPTS} times)", where=error.where, hint=error.hint
                ) from error
            time.sleep(_pause(error, attempt))
    raise AssertionError("the last attempt returns or raises")


def _pause(error: TransientError, attempt: int) -> float:
    if isinstance(error, StaleParentError):
        return 0  # whoever was first has finished
    pause = _FIRST_PAUSE * 2**attempt if error.retry_after is None else error.retry_after
    return min(pause, _LONGEST_PAUSE)


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
        private: Whether only its owners see it.
        gated: `auto` or `manual` where people must ask for access; None where not.
    """

    commit: str
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]
    private: bool
    gated: str | None


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
    """A repository on the Hub.

    The endpoint and the token are huggingface_hub's own: `hf auth login`, `HF_TOKEN`, `HF_ENDPOINT`, or the
    trusted publisher of a CI job (`HF_OIDC_RESOURCE`).

    Args:
        name: `name` or `organisation/name`; without an organisation it is the user's own.
        repo_type: What it holds.
        upload_at_once: How many bytes of files go up together, before it is the next ones' turn.

    Raises:
        PublishError: If the Hub cannot be reached or does not know the user.
    """

    def __init__(
        self, name: str, *, repo_type: RepoType = "dataset", upload_at_once: int = UPLOAD_AT_ONCE
    ) -> None:
        from huggingface_hub import HfApi, constants

        _check_address(constants.ENDPOINT)
        token = again(lambda: _token(name))
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise PublishError(
                "the token for the Hub holds a character that no token has", where=name, hint=_LOG_IN
            )
        self._api: HfApi = HfApi(library_name="synthner")
        self._type: RepoType = repo_type
        self._upload_at_once = upload_at_once
        self.name = name if "/" in name else again(lambda: self._of_the_user(name))

    def _of_the_user(self, name: str) -> str:
        try:
            with hub_errors(name):
                return f"{self._api.whoami()['name']}/{name}"
        except TransientError:
            raise
        except PublishError as error:
            hint = f"{error.hint}\nOr name it with its organisation: organisation/{name}."
            raise PublishError(error.message, where=error.where, hint=hint) from error

    @property
    def client(self) -> HfApi:
        """Makes the calls; for what is not done here."""
        return self._api

    @property
    def repo_type(self) -> RepoType:
        """What it holds."""
        return self._type

    @property
    def url(self) -> str:
        """Where people see it."""
        kind = "datasets/" if self._type == "dataset" else ""
        return f"{self._api.endpoint}/{kind}{self.name}"

    def url_of(self, commit: str) -> str:
        """Return where people see a commit."""
        return f"{self.url}/commit/{commit}"

    def read(self) -> Snapshot | None:
        """Return the repository as it is now; None if there is none.

        Raises:
            PublishError: If it cannot be read.
        """
        return again(self._read)

    def _read(self) -> Snapshot | None:
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        with hub_errors(self.name):
            try:
                info = self._api.repo_info(self.name, repo_type=self._type, timeout=_patience())
                self.name = info.id
                commit = str(info.sha)
                files = self._files(commit)
                tags = self._api.list_repo_refs(self.name, repo_type=self._type).tags
            except GatedRepoError:
                raise
            except RepositoryNotFoundError as error:
                # A private repository of others looks like one that is not there, and so does every one
                # that is not there to somebody who is not logged in.
                if error.response is not None and error.response.status_code == 401:
                    raise
                return None
        return Snapshot(
            commit,
            files,
            {tag.name: tag.target_commit for tag in tags},
            private=bool(info.private),
            gated=info.gated or None,
        )

    def files(self, revision: str) -> Mapping[str, RemoteFile]:
        """Return the files at a commit, or at another revision, by name.

        Raises:
            PublishError: If they cannot be read.
        """

        def read() -> Mapping[str, RemoteFile]:
            with hub_errors(self.name):
                return self._files(revision)

        return again(read)

    def _files(self, revision: str) -> dict[str, RemoteFile]:
        from huggingface_hub.hf_api import RepoFile

        tree = self._api.list_repo_tree(self.name, repo_type=self._type, revision=revision, recursive=True)
        return {
            entry.path: RemoteFile(entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
            for entry in tree
            if isinstance(entry, RepoFile)
        }

    def create(self, *, private: bool) -> None:
        """Make the repository, if it is not there yet.

        Raises:
            PublishError: If the user may not.
        """

        def create() -> None:
            with hub_errors(self.name):
                self._api.create_repo(self.name, repo_type=self._type, private=private, exist_ok=True)

        try:
            again(create)
        except PublishError as error:
            hint = f"{error.hint}\nA CI job's token can make none: make the repository yourself first."
            raise PublishError(
                f"the repository cannot be made: {error.message}", where=self.name, hint=hint
            ) from error

    def restrict(self, *, private: bool, gated: Literal["auto", "manual"] | None) -> None:
        """Make the repository private or gated; what it is already it stays.

        Raises:
            PublishError: If the user may not.
        """

        def restrict() -> None:
            with hub_errors(self.name):
                self._api.update_repo_settings(
                    self.name, repo_type=self._type, private=private or None, gated=gated
                )

        again(restrict)

    def file(self, name: str, revision: str) -> Path:
        """Return a local copy of a file at a commit, or at another revision.

        Raises:
            PublishError: If it cannot be had.
        """

        def download() -> Path:
            with hub_errors(f"{self.name}/{name}"):
                return Path(
                    self._api.hf_hub_download(self.name, name, repo_type=self._type, revision=revision)
                )

        return again(download)

    def open_pull_request(
        self, title: str, files: Mapping[str, Path | bytes], others: set[str]
    ) -> Commit | None:
        """Return an open pull request after which the repository would hold just these files.

        Args:
            title: The pull request's title.
            files: Files with their content.
            others: Names of the files that it would hold besides.

        Raises:
            PublishError: If pull requests cannot be read.
        """
        return again(lambda: self._open_pull_request(title, files, others))

    def _open_pull_request(
        self, title: str, files: Mapping[str, Path | bytes], others: set[str]
    ) -> Commit | None:
        with hub_errors(self.name):
            for found in self._api.get_repo_discussions(
                self.name, repo_type=self._type, discussion_type="pull_request", discussion_status="open"
            ):
                reference = found.git_reference
                if found.title != title or reference is None:
                    continue
                there = self._files(reference)
                if there.keys() == files.keys() | others and all(
                    there[name].has_content(content) for name, content in files.items()
                ):
                    info = self._api.repo_info(
                        self.name, repo_type=self._type, revision=reference, timeout=_patience()
                    )
                    return Commit(str(info.sha), found.url, found.url, reference)
        return None

    def commit(
        self,
        files: Mapping[str, Path | bytes],
        removed: tuple[str, ...],
        *,
        parent: str,
        title: str,
        text: str = "",
        pull_request: bool = False,
    ) -> Commit:
        """Change files in one commit: all of them or none.

        Large files go up before, some at a time: after a failure, those that arrived are not sent again.

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

        additions = [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in files.items()
        ]
        operations = [*additions, *(CommitOperationDelete(name) for name in removed)]
        with hub_errors(self.name):
            groups = _in_groups(additions, self._upload_at_once)
            for group in groups if len(groups) > 1 else ():
                self._api.preupload_lfs_files(
                    self.name, group, repo_type=self._type, create_pr=pull_request, free_memory=False
                )
            done = self._api.create_commit(
                self.name,
                operations,
                commit_message=title,
                commit_description=text,
                repo_type=self._type,
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

        def tag() -> None:
            with hub_errors(self.name):
                self._api.create_tag(
                    self.name, tag=name, revision=commit, repo_type=self._type, exist_ok=True
                )

        again(tag)


@contextmanager
def quiet_client() -> Iterator[None]:
    """Keep huggingface_hub from writing to stderr: no bar where there is no terminal, and no addresses.

    It takes a table beside a model for a mistake, too.
    """
    from huggingface_hub import logging
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity, were_shown = logging.get_verbosity(), not are_progress_bars_disabled()
    # It complains if it is told what this variable has decided.
    hide = were_shown and not sys.stderr.isatty() and not os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    logging.set_verbosity_error()
    if hide:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*commit a data file")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if hide:
            enable_progress_bars()


@contextmanager
def hub_errors(where: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into errors that say what to do. No token gets into them."""
    from huggingface_hub import get_session

    session = get_session()
    if session.timeout.read is None:
        session.timeout = _patience()
    try:
        yield
    except PublishError:
        raise
    except json.JSONDecodeError as error:
        raise _not_the_hub(where) from error
    except Exception as error:
        explained = explain(error, where)
        if explained is None:
            raise
        raise explained from error


def explain(error: BaseException, where: str) -> PublishError | None:
    """Return what an error of the Hub's clients, or one that it comes from, means; None if it is no such."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        explained = _explain(link, where)
        if explained is not None:
            return explained
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    if isinstance(error, RuntimeError | ConnectionError | TimeoutError):
        # Xet has no errors of its own.
        message = f"the transfer failed: {without_secrets(error)}"
        return TransientError(message, where=where, hint=_SEND_AGAIN)
    return None


def _explain(error: BaseException, where: str) -> PublishError | None:
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError) and not isinstance(error, errors.GatedRepoError):
        return _of_status(error, where)
    if isinstance(error, errors.LocalTokenNotFoundError):
        return _not_accepted(where)
    if isinstance(error, httpx2.TooManyRedirects):
        return _not_the_hub(where)
    is_unreachable = isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is None
    if isinstance(error, httpx2.TransportError) or is_unreachable:
        message = f"the Hub cannot be reached: {without_secrets(error)}"
        return TransientError(message, where=where, hint=_SEND_AGAIN)
    for kind, message, hint in (
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set", "Unset it to publish."),
        (errors.GatedRepoError, "the repository is gated, and this token has no access", _LOG_IN),
        (errors.HFValidationError, "this is no name of a repository", "Write organisation/name."),
        (errors.OIDCError, without_secrets(error), _TRUST),
    ):
        if isinstance(error, kind):
            return PublishError(message, where=where, hint=hint)
    return None


def _of_status(error: errors.HfHubHTTPError, where: str) -> PublishError:
    from huggingface_hub.errors import RepositoryNotFoundError

    status = error.response.status_code
    message = without_secrets(error.server_message or error)
    if status == 401:
        return _not_accepted(where)
    if isinstance(error, RepositoryNotFoundError):
        return PublishError(
            "there is no such repository, or this token may not see it", where=where, hint=_LOG_IN
        )
    if status == 412:
        return StaleParentError("somebody else changed the repository", where=where, hint="Publish again.")
    if status == 403:
        return PublishError(f"this token may not do that: {message}", where=where, hint=_LOG_IN)
    if status in (408, 409, 429) or status >= 500:
        transient = TransientError(f"the Hub answers {status}: {message}", where=where, hint=_SEND_AGAIN)
        named = error.response.headers.get("Retry-After", "")
        transient.retry_after = float(named) if named.isdecimal() else None
        return transient
    return PublishError(f"the Hub refuses: {message}", where=where, hint="Mend that, and publish again.")


def _not_the_hub(where: str) -> TransientError:
    return TransientError("what answers is not the Hub", where=where, hint=_NOT_THE_HUB)


def _not_accepted(where: str) -> PublishError:
    from huggingface_hub import get_token

    message = "the Hub does not accept this token" if get_token() else "you are not logged in to the Hub"
    return PublishError(message, where=where, hint=_LOG_IN)


def _check_address(endpoint: str) -> None:
    """Refuse an address that no Hub has; one that logs in by itself would keep the token from being sent."""
    try:
        address = urlsplit(endpoint)
        is_one = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        logs_in = "@" in address.netloc
    except ValueError:
        is_one = logs_in = False
    if logs_in or not is_one:
        raise PublishError(
            "the address of the Hub holds a user or a password" if logs_in else "this is no address of a Hub",
            where="HF_ENDPOINT",
            hint="Unset it, or write https://, the server and nothing else; tokens go into HF_TOKEN.",
        )


def _in_groups(additions: Sequence[CommitOperationAdd], most_bytes: int) -> list[list[CommitOperationAdd]]:
    """Part files, in their order, into groups of so many bytes; a larger file is a group of its own."""
    groups: list[list[CommitOperationAdd]] = []
    size = 0
    for addition in additions:
        size += addition.upload_info.size
        if not groups or size > most_bytes:
            groups.append([])
            size = addition.upload_info.size
        groups[-1].append(addition)
    return groups


def _token(where: str) -> str | None:
    from huggingface_hub import get_token

    try:
        with hub_errors(where):
            return get_token()
    except TransientError:
        raise
    except PublishError as error:
        # Only a CI job's token comes from the Hub.
        message = error.message.removeprefix("the Hub refuses: ")
        raise PublishError(f"the CI job gets no token: {message}", where=where, hint=_TRUST) from error


def _patience() -> float:
    return float(os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT") or _PATIENCE)


def _digest(content: Path | bytes, digest: hashlib._Hash) -> str:
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    with content.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
