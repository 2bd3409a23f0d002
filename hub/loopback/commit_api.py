"""Calls that write: how files are to be sent, the bytes of large ones, and the commit itself."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .accounts import Identity, check_contributes, check_writes
from .blobs import WrongContentError
from .discussions import Discussion, now
from .exchange import Answer, Call, json_answer
from .file_api import xet_token
from .refusals import RefusedError, bad_request, no_revision, stale_parent
from .repositories import Commit, File, Message, Repository, large_file, without
from .service import Route, Service

LARGE = 10 * 1024 * 1024
LARGE_SUFFIXES = (".parquet",)


@dataclass(slots=True)
class Changes:
    """What a commit asks for, in the order it asks.

    Attributes:
        header: Its title, its description and the parent it expects.
        added: Files by path.
        deleted: Paths, and whether each is a folder.
    """

    header: dict[str, Any] = field(default_factory=dict)
    added: dict[str, File] = field(default_factory=dict)
    deleted: list[tuple[str, bool]] = field(default_factory=list)

    def applied_to(self, commit: Commit) -> dict[str, File]:
        """Return the files of a commit with these changes; what is added stays, whatever is deleted."""
        files = dict(commit.files)
        for path, folder in self.deleted:
            files = without(files, path, folder=folder, commit=commit.oid)
        return {**files, **self.added}


def preupload(hub: Service, call: Call) -> Answer:
    """Say how each file is to be sent, and what lies at its path so far."""
    _, repository = _writable(hub, call)
    files = hub.repositories.commit_at(repository, call.names["revision"]).files
    answers = []
    for announced in call.json().get("files", []):
        path = announced["path"]
        large = path.endswith(LARGE_SUFFIXES) or announced["size"] > LARGE
        answer = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if path in files:
            answer["oid"] = files[path].etag
        answers.append(answer)
    return json_answer({"files": answers})


def lfs_batch(hub: Service, call: Call) -> Answer:
    """Say which large files are missing, and where they are to be sent."""
    identity, repository = hub.repository(call)
    check_contributes(identity, repository)
    request = call.json()
    in_parts = "multipart" in request.get("transfers", [])
    verify = {"href": f"{hub.page_of(repository)}.git/info/lfs/objects/verify"}
    objects = []
    for announced in request.get("objects", []):
        sha256, size = announced["oid"], announced["size"]
        answer = {"oid": sha256, "size": size}
        if not hub.blobs.has(sha256, size):
            upload = hub.uploads.announce(sha256, size, hub.endpoint, in_parts=in_parts)
            answer["actions"] = {"upload": upload, "verify": verify}
        objects.append(answer)
    return json_answer({"transfer": "basic", "objects": objects})


def lfs_upload(hub: Service, call: Call) -> Answer:
    """Take in a large file."""
    hub.uploads.receive(call.names["upload"], call.body.pieces())
    return Answer()


def lfs_upload_part(hub: Service, call: Call) -> Answer:
    """Take in a part of a large file."""
    etag = hub.uploads.receive_part(call.names["upload"], int(call.names["part"]), call.body.pieces())
    return Answer(headers={"ETag": etag})


def lfs_complete(hub: Service, call: Call) -> Answer:
    """Put a large file together."""
    etags = {part["partNumber"]: part["etag"] for part in call.json().get("parts", [])}
    hub.uploads.complete(call.names["upload"], etags)
    return json_answer({})


def lfs_verify(hub: Service, call: Call) -> Answer:
    """Say whether a large file has arrived."""
    identity, repository = hub.repository(call)
    check_contributes(identity, repository)
    request = call.json()
    if not hub.blobs.has(str(request.get("oid")), request.get("size")):
        raise RefusedError(404, "The large file has not arrived")
    return json_answer({})


def write_token(hub: Service, call: Call) -> Answer:
    """Give access to the Xet storage to somebody who uploads."""
    _writable(hub, call)
    return xet_token(hub)


def commit(hub: Service, call: Call) -> Answer:
    """Add and delete files at once, on a branch or as a new pull request."""
    identity, repository = _writable(hub, call)
    changes = _read_changes(hub, call.body.lines())
    with hub.repositories.lock:
        _, repository = hub.repository(call)  # as it stands by now
        if call.flag("create_pr"):
            made, number = _open_pull_request(hub, repository, identity, call.names["revision"], changes)
        else:
            made, number = _commit(hub, repository, identity, call.names["revision"], changes), None
    answer = {
        "success": True,
        "commitOid": made.oid,
        "commitUrl": f"{hub.page_of(repository)}/commit/{made.oid}",
        "hookOutput": "",
    }
    if number is not None:
        answer["pullRequestUrl"] = f"{hub.page_of(repository)}/discussions/{number}"
    return json_answer(answer)


def _writable(hub: Service, call: Call) -> tuple[Identity, Repository]:
    """Return who commits, and where: anybody opens a pull request and adds to it; owners write anywhere."""
    identity, repository = hub.repository(call)
    is_theirs = identity is not None and any(
        found.is_pull_request and found.reference == call.names["revision"] and found.author == identity.name
        for found in repository.discussions
    )
    check = check_contributes if call.flag("create_pr") or is_theirs else check_writes
    return check(identity, repository), repository


def _commit(
    hub: Service, repository: Repository, identity: Identity, branch: str, changes: Changes
) -> Commit:
    reference = branch if branch in repository.refs else f"refs/heads/{branch}"
    if reference not in repository.refs or reference.startswith("refs/tags/"):
        raise no_revision(branch)
    head = hub.repositories.commit_at(repository, reference)
    if not head.oid.startswith(changes.header.get("parentCommit", "")):
        raise stale_parent()
    made = _write(hub, repository, identity, head, changes)
    discussions = tuple(
        found.committed(identity.name, made.title, made.oid) if found.reference == reference else found
        for found in repository.discussions
    )
    refs = {**repository.refs, reference: made.oid}
    hub.repositories.save(replace(repository, refs=refs, discussions=discussions))
    return made


def _open_pull_request(
    hub: Service, repository: Repository, identity: Identity, branch: str, changes: Changes
) -> tuple[Commit, int]:
    start = hub.repositories.commit_at(repository, changes.header.get("parentCommit", branch))
    made = _write(hub, repository, identity, start, changes)
    request = Discussion(
        len(repository.discussions) + 1, made.title, identity.name, now(), "open", start=start.oid
    )
    request = request.commented(identity.name, made.description).committed(
        identity.name, made.title, made.oid
    )
    refs = {**repository.refs, request.reference: made.oid}
    discussions = (*repository.discussions, request)
    hub.repositories.save(replace(repository, refs=refs, discussions=discussions))
    return made, request.number


def _write(
    hub: Service, repository: Repository, identity: Identity, parent: Commit, changes: Changes
) -> Commit:
    message = Message(
        str(changes.header.get("summary", "")), str(changes.header.get("description", "")), identity.name
    )
    return hub.repositories.write_commit(repository, parent.oid, message, changes.applied_to(parent))


def _read_changes(hub: Service, lines: Iterable[bytes]) -> Changes:
    """Read a commit line by line; the contents in it are stored on the way.

    Raises:
        RefusedError: If it cannot be read, or names a large file that has not been sent.
    """
    changes = Changes()
    for line in filter(None, lines):
        try:
            item = json.loads(line)
            _add_change(hub, changes, item["key"], item["value"])
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise bad_request(f"The commit cannot be read: {error}") from error
    if not changes.header.get("summary"):
        raise bad_request("The commit has no summary")
    return changes


def _add_change(hub: Service, changes: Changes, key: str, value: dict[str, Any]) -> None:
    match key:
        case "header":
            changes.header = value
        case "file":
            content = base64.b64decode(value["content"])
            changes.added[value["path"]] = hub.repositories.file([content])
        case "lfsFile":
            changes.added[value["path"]] = _sent_file(hub, value["oid"], value.get("size"))
        case "deletedFile" | "deletedFolder":
            changes.deleted.append((value["path"], key == "deletedFolder"))
        case _:
            raise bad_request(f"A commit cannot hold a `{key}`")


def _sent_file(hub: Service, sha256: str, size: int | None) -> File:
    try:
        sent = hub.blobs.has(sha256, size) or (
            hub.xet is not None and size is not None and hub.xet.take_in(sha256, size)
        )
    except WrongContentError as error:
        raise bad_request(str(error)) from error
    if not sent:
        raise bad_request(f"The large file {sha256} has not been sent")
    return large_file(sha256, hub.blobs.path(sha256).stat().st_size)


ROUTES = (
    Route("POST", "/api/{repository}/preupload/{revision}", "preupload", preupload),
    Route("POST", "/{page}.git/info/lfs/objects/batch", "lfs-batch", lfs_batch),
    Route("POST", "/{page}.git/info/lfs/objects/verify", "lfs-verify", lfs_verify),
    Route("PUT", "/lfs/{upload}", "lfs-upload", lfs_upload),
    Route("PUT", "/lfs/{upload}/{part}", "lfs-upload", lfs_upload_part),
    Route("POST", "/lfs/{upload}", "lfs-complete", lfs_complete),
    Route("GET", "/api/{repository}/xet-write-token/{revision}", "xet-token", write_token),
    Route("POST", "/api/{repository}/commit/{revision}", "commit", commit),
)
