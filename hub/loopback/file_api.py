"""Calls that read: a repository at a revision, its history, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .accounts import check_files
from .card_metadata import read_metadata
from .exchange import Answer, Call, file_answer, json_answer, page_answer
from .refusals import RefusedError, no_entry
from .repositories import MAIN, Commit, File, Repository, folders_of, pointer
from .service import Route, Service

README = "README.md"
PAGE = 1000
EXPANDED_PAGE = 50  # pages that say which commit changed a file last are shorter, as they are on the Hub


def info(hub: Service, call: Call) -> Answer:
    """Describe a repository at a revision."""
    _, repository = hub.repository(call)
    commit = hub.repositories.commit_at(repository, call.names.get("revision", MAIN))
    metadata = _metadata(hub, commit)
    description = {
        "author": repository.owner,
        "sha": commit.oid,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": metadata.get("tags", []),
        "cardData": metadata,
        "siblings": [_sibling(path, file, details=call.flag("blobs")) for path, file in commit.files.items()],
    }
    if "expand" in call.query:
        description = {key: description[key] for key in call.query["expand"] if key in description}
    return json_answer({"_id": repository.key, "id": repository.id, **description})


def list_commits(hub: Service, call: Call) -> Answer:
    """List a revision's history."""
    _, repository = hub.repository(call)
    head = hub.repositories.commit_at(repository, call.names["revision"])
    commits = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.description,
            "date": commit.date,
            "authors": [{"user": commit.author}],
        }
        for commit in hub.repositories.history(repository, head)
    ]
    return page_answer(call, hub.endpoint, commits, PAGE)


def list_tree(hub: Service, call: Call) -> Answer:
    """List the files and folders of a revision, or of a folder in it."""
    _, repository = hub.repository(call)
    commit = hub.repositories.commit_at(repository, call.names["revision"])
    expand, folder = call.flag("expand"), call.names["path"]
    prefix = f"{folder}/" if folder else ""
    inside = [path for path in _everything(commit.files) if path.startswith(prefix)]
    if folder and not inside:
        raise no_entry(folder, commit.oid)
    if not call.flag("recursive"):
        inside = [path for path in inside if "/" not in path[len(prefix) :]]
    items = _items(hub, repository, commit, inside, expand=expand)
    return page_answer(call, hub.endpoint, items, EXPANDED_PAGE if expand else PAGE)


def list_paths(hub: Service, call: Call) -> Answer:
    """Describe those of some paths that a revision has."""
    _, repository = hub.repository(call)
    commit = hub.repositories.commit_at(repository, call.names["revision"])
    form = call.form()
    everything = set(_everything(commit.files))
    paths = [path for path in form.get("paths", []) if path in everything]
    expand = form.get("expand", [""])[0].lower() == "true"
    return json_answer(_items(hub, repository, commit, paths, expand=expand))


def validate(_: Service, call: Call) -> Answer:
    """Check a card's metadata."""
    metadata, errors = read_metadata(str(call.json().get("content", "")))
    warnings = [] if metadata or errors else ["empty or missing yaml metadata in repo card"]
    answer = {
        "errors": [{"message": text} for text in errors],
        "warnings": [{"message": text} for text in warnings],
    }
    return json_answer(answer, 400 if errors else 200)


def resolve(hub: Service, call: Call) -> Answer:
    """Return a file, or what is known about it."""
    identity, repository = hub.repository(call)
    check_files(identity, repository)
    commit = hub.repositories.commit_at(repository, call.names["revision"])
    file = commit.files.get(call.names["path"])
    if file is None:
        raise no_entry(call.names["path"], commit.oid)
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.oid}
    if file.large:
        headers |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    if file.large and hub.xet and (xet_hash := hub.xet.hash_of(file.sha256)):
        route = f"{hub.endpoint}/api/{repository.type}s/{repository.id}/xet-read-token/{commit.oid}"
        headers |= {"X-Xet-Hash": xet_hash, "Link": f'<{route}>; rel="xet-auth"'}
    return file_answer(call, hub.repositories.content(file), headers)


def read_token(hub: Service, call: Call) -> Answer:
    """Give access to the Xet storage to somebody who downloads."""
    identity, repository = hub.repository(call)
    check_files(identity, repository)
    return xet_token(hub)


def xet_token(hub: Service) -> Answer:
    """Return a new token to the Xet storage.

    Raises:
        RefusedError: If this Hub has none.
    """
    if hub.xet is None:
        raise RefusedError(404, "This Hub has no Xet storage. Set HF_HUB_DISABLE_XET=1.")
    token = hub.xet.token()
    headers = {
        "X-Xet-Cas-Url": str(token["casUrl"]),
        "X-Xet-Access-Token": str(token["accessToken"]),
        "X-Xet-Token-Expiration": str(token["exp"]),
    }
    return json_answer(token, headers=headers)


def _metadata(hub: Service, commit: Commit) -> dict[str, Any]:
    if README not in commit.files:
        return {}
    readme = hub.repositories.content(commit.files[README]).read_text(encoding="utf-8", errors="replace")
    metadata = read_metadata(readme)[0]
    return json.loads(json.dumps(metadata, default=str))  # YAML has dates, JSON has none


def _everything(files: Mapping[str, File]) -> list[str]:
    return sorted({*files, *(folder for path in files for folder in folders_of(path))})


def _items(
    hub: Service, repository: Repository, commit: Commit, paths: Iterable[str], *, expand: bool
) -> list[dict[str, Any]]:
    items = [_item(hub, commit, path) for path in paths]
    if expand:
        last = _last_commits(hub, repository, commit)
        for item in items:
            item["lastCommit"] = last[item["path"]]
    return items


def _item(hub: Service, commit: Commit, path: str) -> dict[str, Any]:
    file = commit.files.get(path)
    if file is None:
        return {"type": "directory", "oid": commit.oid, "size": 0, "path": path}
    item: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
    if file.large:
        item["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": _pointer_size(file)}
        if hub.xet and (xet_hash := hub.xet.hash_of(file.sha256)):
            item["xetHash"] = xet_hash
    return item


def _last_commits(hub: Service, repository: Repository, head: Commit) -> dict[str, dict[str, str]]:
    """Return the newest commit that changed each file, or a file in each folder."""
    last: dict[str, dict[str, str]] = {}
    history = [*hub.repositories.history(repository, head)]
    for commit, parent in zip(history, [*history[1:], None], strict=True):
        before = parent.files if parent else {}
        for path in {*commit.files, *before}:
            if commit.files.get(path) != before.get(path):
                for name in (path, *folders_of(path)):
                    last.setdefault(name, {"id": commit.oid, "title": commit.title, "date": commit.date})
    return last


def _sibling(path: str, file: File, *, details: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path}
    if details:
        sibling |= {"size": file.size, "blobId": file.oid}
        if file.large:
            sibling["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": _pointer_size(file)}
    return sibling


def _pointer_size(file: File) -> int:
    return len(pointer(file.sha256, file.size))


ROUTES = (
    Route("GET", "/api/{repository}", "info", info),
    Route("GET", "/api/{repository}/revision/{revision}", "info", info),
    Route("GET", "/api/{repository}/commits/{revision}", "commits", list_commits),
    Route("GET", "/api/{repository}/tree/{revision}{path*}", "tree", list_tree),
    Route("POST", "/api/{repository}/paths-info/{revision}", "paths-info", list_paths),
    Route("POST", "/api/validate-yaml", "validate", validate),
    Route("GET", "/api/{repository}/xet-read-token/{revision}", "xet-token", read_token),
    Route("GET", "/{page}/resolve/{revision}{path*}", "resolve", resolve),
    Route("HEAD", "/{page}/resolve/{revision}{path*}", "resolve", resolve),
)
