"""Calls about accounts and repositories as wholes: made, renamed, deleted, set, and their references."""

from __future__ import annotations

from dataclasses import replace

from .accounts import check_namespace, check_visible, check_writes, logged_in
from .exchange import Answer, Call, json_answer
from .refusals import RefusedError, bad_request, conflict, forbidden, no_revision
from .repositories import MAIN, TYPES, Repository
from .service import Route, Service


def whoami(hub: Service, call: Call) -> Answer:
    """Say whom the token belongs to.

    A CI job's belongs to nobody. What the Hub says then is not documented, so a release that needs to know
    is refused here.
    """
    identity = logged_in(hub.identity(call))
    if identity.resource is not None:
        raise forbidden("This token is a CI job's, not a user's")
    return json_answer(
        {
            "type": "user",
            "id": identity.name,
            "name": identity.name,
            "fullname": identity.name,
            "orgs": [
                {"type": "org", "name": name, "roleInOrg": identity.role} for name in identity.organizations
            ],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "loopback", "role": identity.role},
            },
        }
    )


def user_overview(hub: Service, call: Call) -> Answer:
    """Say what everybody may know about a user."""
    name = call.names["user"]
    organizations = hub.accounts.organizations_of(name)
    if organizations is None:
        raise RefusedError(404, "This user does not exist")
    return json_answer(
        {
            "user": name,
            "fullname": name,
            "type": "user",
            "orgs": [{"name": each, "fullname": each} for each in organizations],
        }
    )


def exchange_token(hub: Service, call: Call) -> Answer:
    """Exchange a CI job's token for one to the repository that trusts the job."""
    return json_answer(hub.accounts.exchange(call.json(), hub.endpoint))


def create(hub: Service, call: Call) -> Answer:
    """Make a repository."""
    request = call.json()
    identity, owner = check_namespace(hub.identity(call), request.get("organization"))
    kind, name = request.get("type", "model"), f"{owner}/{request.get('name')}"
    if kind not in TYPES:
        raise bad_request(f"There are no repositories of the type {kind}")
    with hub.repositories.lock:
        existing = hub.repositories.find(kind, name)
        if existing is not None and existing.id == name:
            raise conflict(f"You already created this {kind} repo", url=hub.page_of(existing))
        private = request.get("visibility") == "private"
        created = hub.repositories.create(kind, name, private=private, author=identity.name)
    return json_answer({"url": hub.page_of(created), "name": created.id})


def delete(hub: Service, call: Call) -> Answer:
    """Delete a repository."""
    request = call.json()
    identity = logged_in(hub.identity(call))
    name = f"{request.get('organization') or identity.name}/{request.get('name')}"
    with hub.repositories.lock:
        found = check_visible(identity, hub.repositories.find(request.get("type", "model"), name))
        check_writes(identity, found)
        hub.repositories.delete(found)
    return json_answer({})


def move(hub: Service, call: Call) -> Answer:
    """Rename a repository, or give it to another owner."""
    request = call.json()
    identity = logged_in(hub.identity(call))
    kind, target = request.get("type", "model"), str(request.get("toRepo"))
    with hub.repositories.lock:
        found = check_visible(identity, hub.repositories.find(kind, str(request.get("fromRepo"))))
        check_writes(identity, found)
        check_namespace(identity, target.partition("/")[0])
        taken = hub.repositories.find(kind, target)
        if taken is not None and taken.id == target:
            raise conflict(f"{target} is there already")
        hub.repositories.move(found, target)
    return json_answer({})


def change_settings(hub: Service, call: Call) -> Answer:
    """Make a repository private or public, gated or open."""
    request = call.json()
    with hub.repositories.lock:
        repository = _writable(hub, call)
        if "visibility" in request:
            repository = replace(repository, private=request["visibility"] == "private")
        if "gated" in request:
            repository = replace(repository, gated=request["gated"])
        hub.repositories.save(repository)
    return json_answer({"private": repository.private, "gated": repository.gated})


def check_access(hub: Service, call: Call) -> Answer:
    """Say whether the caller may read a repository, or write to it."""
    identity, repository = hub.repository(call)
    if call.names["right"] == "write":
        check_writes(identity, repository)
    return json_answer({})


def list_references(hub: Service, call: Call) -> Answer:
    """List branches, tags and pull requests."""
    _, repository = hub.repository(call)
    answer: dict[str, list[dict[str, str]]] = {
        "branches": _references(repository, "refs/heads/"),
        "converts": _references(repository, "refs/convert/"),
        "tags": _references(repository, "refs/tags/"),
    }
    if call.flag("include_prs"):
        answer["pullRequests"] = _references(repository, "refs/pr/")
    return json_answer(answer)


def create_tag(hub: Service, call: Call) -> Answer:
    """Tag a revision."""
    name = f"refs/tags/{_reference_name(call.json().get('tag'))}"
    return _create_reference(hub, call, name, call.names["revision"])


def create_branch(hub: Service, call: Call) -> Answer:
    """Start a branch."""
    name = f"refs/heads/{_reference_name(call.names['branch'])}"
    return _create_reference(hub, call, name, call.json().get("startingPoint", MAIN))


def delete_tag(hub: Service, call: Call) -> Answer:
    """Delete a tag."""
    return _delete_reference(hub, call, f"refs/tags/{call.names['tag']}")


def delete_branch(hub: Service, call: Call) -> Answer:
    """Delete a branch."""
    if call.names["branch"] == MAIN:
        raise bad_request("The default branch cannot be deleted")
    return _delete_reference(hub, call, f"refs/heads/{call.names['branch']}")


def _create_reference(hub: Service, call: Call, name: str, revision: str) -> Answer:
    with hub.repositories.lock:
        repository = _writable(hub, call)
        commit = hub.repositories.commit_at(repository, revision)
        if name in repository.refs:
            raise conflict(f"{name} exists already")
        hub.repositories.save(replace(repository, refs={**repository.refs, name: commit.oid}))
    return json_answer({})


def _delete_reference(hub: Service, call: Call, name: str) -> Answer:
    with hub.repositories.lock:
        repository = _writable(hub, call)
        if name not in repository.refs:
            raise no_revision(name)
        kept = {other: oid for other, oid in repository.refs.items() if other != name}
        hub.repositories.save(replace(repository, refs=kept))
    return json_answer({})


def _writable(hub: Service, call: Call) -> Repository:
    identity, repository = hub.repository(call)
    check_writes(identity, repository)
    return repository


def _references(repository: Repository, prefix: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{prefix}{name}", "targetCommit": oid}
        for name, oid in repository.named(prefix).items()
    ]


def _reference_name(name: object) -> str:
    if (
        not isinstance(name, str)
        or not name
        or any(mark in name for mark in (" ", "..", "~", "^", ":", "\\"))
    ):
        raise bad_request(f"`{name}` is not a name that a branch or tag can have")
    return name


ROUTES = (
    Route("GET", "/api/whoami-v2", "whoami", whoami),
    Route("GET", "/api/users/{user}/overview", "user", user_overview),
    Route("POST", "/oauth/token", "oidc", exchange_token),
    Route("POST", "/api/repos/create", "create", create),
    Route("DELETE", "/api/repos/delete", "delete", delete),
    Route("POST", "/api/repos/move", "move", move),
    Route("PUT", "/api/{repository}/settings", "settings", change_settings),
    Route("GET", "/api/{repository}/auth-check{right*}", "auth-check", check_access),
    Route("GET", "/api/{repository}/refs", "refs", list_references),
    Route("POST", "/api/{repository}/tag/{revision}", "tag", create_tag),
    Route("DELETE", "/api/{repository}/tag/{tag}", "tag", delete_tag),
    Route("POST", "/api/{repository}/branch/{branch}", "branch", create_branch),
    Route("DELETE", "/api/{repository}/branch/{branch}", "branch", delete_branch),
)
