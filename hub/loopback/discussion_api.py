"""Calls about discussions and pull requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .accounts import Identity, check_contributes, check_writes
from .discussions import Discussion, now
from .exchange import Answer, Call, json_answer
from .merging import diff, merged_files
from .refusals import RefusedError, bad_request, conflict
from .repositories import MAIN, Message, Repository
from .service import Route, Service

HEAD = f"refs/heads/{MAIN}"


def list_discussions(hub: Service, call: Call) -> Answer:
    """List discussions, the newest first."""
    _, repository = hub.repository(call)
    wanted = [
        _summary(repository, found)
        for found in reversed(repository.discussions)
        if _matches(call, "status", "closed" if found.status in ("closed", "merged") else "open")
        and _matches(call, "type", "pull_request" if found.is_pull_request else "discussion")
        and _matches(call, "author", found.author)
    ]
    return json_answer({"discussions": wanted, "count": len(wanted), "start": 0})


def open_discussion(hub: Service, call: Call) -> Answer:
    """Open a discussion, or a pull request that is still empty."""
    request = call.json()
    with hub.repositories.lock:
        identity, repository = _contributor(hub, call)
        number, wanted = len(repository.discussions) + 1, bool(request.get("pullRequest"))
        status, start = ("draft", repository.refs[HEAD]) if wanted else ("open", None)
        opened = Discussion(number, str(request.get("title", "")), identity.name, now(), status, start)
        opened = opened.commented(identity.name, str(request.get("description", "")))
        refs = {**repository.refs, **({opened.reference: start} if start else {})}
        discussions = (*repository.discussions, opened)
        hub.repositories.save(replace(repository, refs=refs, discussions=discussions))
    return json_answer({"num": number, "url": f"{hub.page_of(repository)}/discussions/{number}"})


def read_discussion(hub: Service, call: Call) -> Answer:
    """Describe a discussion with its events; of a pull request, also what it changes."""
    _, repository = hub.repository(call)
    found = _discussion(repository, call)
    answer = {**_summary(repository, found), "events": list(found.events)}
    if found.start is not None:
        commits = hub.repositories
        start = commits.read_commit(repository, found.start).files
        proposed = commits.commit_at(repository, found.reference).files
        target = commits.commit_at(repository, HEAD).files
        answer["changes"] = {"base": HEAD, "mergeCommitId": found.merged}
        answer["filesWithConflicts"] = [] if found.merged else merged_files(start, target, proposed)[1]
        if call.flag("diff"):
            answer["diff"] = diff(commits, start, proposed)
    return json_answer(answer)


def comment(hub: Service, call: Call) -> Answer:
    """Add a comment."""
    text = str(call.json().get("comment", ""))
    with hub.repositories.lock:
        identity, repository = _contributor(hub, call)
        changed = _discussion(repository, call).commented(identity.name, text)
        hub.repositories.save(_with(repository, changed))
    return json_answer({"newMessage": changed.events[-1]})


def change_status(hub: Service, call: Call) -> Answer:
    """Open or close a discussion: its author may, and the repository's owners."""
    request = call.json()
    status = request.get("status")
    if status not in ("open", "closed"):
        raise bad_request(f"A discussion cannot be `{status}`")
    with hub.repositories.lock:
        identity, repository = _contributor(hub, call)
        found = _discussion(repository, call)
        if found.author != identity.name:
            check_writes(identity, repository)
        if found.status == "merged":
            raise bad_request("It is merged already")
        if request.get("comment"):
            found = found.commented(identity.name, str(request["comment"]))
        changed = found.changed(identity.name, status)
        hub.repositories.save(_with(repository, changed))
    return json_answer({"newStatus": changed.events[-1]})


def merge(hub: Service, call: Call) -> Answer:
    """Merge a pull request into the main branch, as one commit."""
    request = call.json()
    with hub.repositories.lock:
        identity, repository = hub.repository(call)
        identity = check_writes(identity, repository)
        found = _discussion(repository, call)
        if found.start is None or found.status in ("closed", "merged"):
            raise bad_request("It is no pull request that is open")
        commits = hub.repositories
        target = commits.commit_at(repository, HEAD)
        start = commits.read_commit(repository, found.start)
        proposed = commits.commit_at(repository, found.reference)
        files, conflicts = merged_files(start.files, target.files, proposed.files)
        if conflicts:
            raise conflict(f"Changed on both sides: {', '.join(conflicts)}")
        message = Message(f"{found.title} (#{found.number})", "", identity.name)
        made = commits.write_commit(repository, target.oid, message, files)
        if request.get("comment"):
            found = found.commented(identity.name, str(request["comment"]))
        merged = replace(found.changed(identity.name, "merged"), merged=made.oid)
        repository = replace(repository, refs={**repository.refs, HEAD: made.oid})
        commits.save(_with(repository, merged))
    return json_answer({})


def _contributor(hub: Service, call: Call) -> tuple[Identity, Repository]:
    identity, repository = hub.repository(call)
    return check_contributes(identity, repository), repository


def _discussion(repository: Repository, call: Call) -> Discussion:
    number = call.names["number"]
    if not number.isdecimal() or not 0 < int(number) <= len(repository.discussions):
        raise RefusedError(404, f"There is no discussion {number}")
    return repository.discussions[int(number) - 1]


def _with(repository: Repository, changed: Discussion) -> Repository:
    return replace(
        repository,
        discussions=tuple(
            changed if found.number == changed.number else found for found in repository.discussions
        ),
    )


def _matches(call: Call, parameter: str, value: str) -> bool:
    return call.query.get(parameter, [value])[0] in (value, "all")


def _summary(repository: Repository, found: Discussion) -> dict[str, Any]:
    return {
        "num": found.number,
        "title": found.title,
        "author": {"name": found.author},
        "createdAt": found.created,
        "status": found.status,
        "isPullRequest": found.is_pull_request,
        "repo": {"name": repository.id, "type": repository.type},
    }


ROUTES = (
    Route("GET", "/api/{repository}/discussions", "pull-request", list_discussions),
    Route("POST", "/api/{repository}/discussions", "pull-request", open_discussion),
    Route("GET", "/api/{repository}/discussions/{number}", "pull-request", read_discussion),
    Route("POST", "/api/{repository}/discussions/{number}/comment", "pull-request", comment),
    Route("POST", "/api/{repository}/discussions/{number}/status", "pull-request", change_status),
    Route("POST", "/api/{repository}/discussions/{number}/merge", "merge", merge),
)
