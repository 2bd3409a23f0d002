"""Who may do what: users, organisations, tokens, and CI jobs that a repository trusts.

Accounts are not kept: a Hub that is opened again is told its users anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ...schema.errors import WrongUsageError
from .refusals import RefusedError, forbidden, gated, login_needed, no_repository, wrong_token
from .repositories import Repository

ROLES = ("read", "write")
HOUR = 3600
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  the name of a request
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  the name of a kind of token
ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks for.

    Attributes:
        name: The user, or the CI job's subject.
        organizations: The organisations that the user belongs to.
        role: `read` or `write`.
        resource: The one repository that the token is for, as `datasets/owner/name`; None for a user's.
        expires: When the token ends, in seconds since 1970.
    """

    name: str
    organizations: tuple[str, ...] = ()
    role: str = "write"
    resource: str | None = None
    expires: float = float("inf")

    def owns(self, repository: Repository) -> bool:
        """Say whether the repository is theirs to read, private or not."""
        if self.resource is not None:
            return self.resource == repository.resource
        return repository.owner in (self.name, *self.organizations)


class Accounts:
    """Tokens and what they are for."""

    def __init__(self) -> None:
        self._identities: dict[str, Identity] = {}
        self._trusted: set[tuple[str, str]] = set()
        self._secret = secrets.token_bytes(32)

    def add_user(self, name: str, organizations: Sequence[str], role: str) -> str:
        """Return a new token of a user.

        Raises:
            WrongUsageError: If there is no such role.
        """
        if role not in ROLES:
            raise WrongUsageError(f"a token cannot have the role `{role}`", hint="Choose read or write.")
        return self._token("hf_", Identity(name, tuple(organizations), role))

    def organizations_of(self, name: str) -> tuple[str, ...] | None:
        """Return the organisations of a user; None if there is no such user."""
        found = [known for known in self._identities.values() if known.name == name and not known.resource]
        return (
            tuple(dict.fromkeys(each for known in found for each in known.organizations)) if found else None
        )

    def identify(self, authorization: str | None) -> Identity | None:
        """Return whom an `Authorization` header speaks for; without one, nobody.

        Raises:
            RefusedError: If the token is unknown or has expired.
        """
        if not authorization:
            return None
        identity = self._identities.get(authorization.removeprefix("Bearer "))
        if identity is None or identity.expires < time.time():
            raise wrong_token()
        return identity

    def trust(self, resource: str, subject: str, audience: str) -> str:
        """Let a CI job publish to a repository; return the OIDC token that the job would get."""
        self._trusted.add((resource, subject))
        claims = {"iss": ISSUER, "sub": subject, "aud": audience, "exp": int(time.time()) + HOUR}
        body = f"{_base64({'alg': 'HS256', 'typ': 'JWT'})}.{_base64(claims)}"
        return f"{body}.{self._signature(body)}"

    def exchange(self, request: dict[str, str], audience: str) -> dict[str, object]:
        """Exchange a CI job's OIDC token for a token to one repository (RFC 8693).

        Raises:
            RefusedError: If the token is forged or stale, or the repository does not trust that job.
        """
        if request.get("grant_type") != TOKEN_EXCHANGE:
            raise _refused("unsupported_grant_type", "Only the token exchange of RFC 8693 is supported")
        if request.get("subject_token_type") != ID_TOKEN:
            raise _refused("invalid_request", f"subject_token_type must be {ID_TOKEN}")
        claims = self._claims(request.get("subject_token", ""))
        resource = request.get("resource", "")
        if claims["aud"] != audience or claims["exp"] < time.time():
            raise _refused("invalid_grant", "The token is stale or meant for somebody else")
        if (resource, claims["sub"]) not in self._trusted:
            raise _refused("invalid_grant", f"No trusted publisher of {resource} matches the token")
        identity = Identity(claims["sub"], resource=resource, expires=time.time() + HOUR)
        return {
            "access_token": self._token("hf_jwt_", identity),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "bearer",
            "expires_in": HOUR,
        }

    def _token(self, prefix: str, identity: Identity) -> str:
        token = prefix + secrets.token_hex(17)
        self._identities[token] = identity
        return token

    def _claims(self, token: str) -> dict:
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise _refused("invalid_grant", "The token's signature is not valid")
        return json.loads(base64.urlsafe_b64decode(body.partition(".")[2] + "=="))

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def logged_in(identity: Identity | None) -> Identity:
    """Return who calls.

    Raises:
        RefusedError: If nobody is logged in.
    """
    if identity is None:
        raise login_needed()
    return identity


def check_visible(identity: Identity | None, repository: Repository | None) -> Repository:
    """Return a repository that the caller may know of.

    Raises:
        RefusedError: If it is not there, or private and not theirs: the two cannot be told apart.
    """
    if repository is None or (repository.private and not (identity and identity.owns(repository))):
        raise no_repository(known=identity is not None)
    return repository


def check_files(identity: Identity | None, repository: Repository) -> None:
    """Check that the caller may have the files.

    Raises:
        RefusedError: If the repository is gated and not theirs.
    """
    if repository.gated and not (identity and identity.owns(repository)):
        raise gated(repository.resource, known=identity is not None)


def check_contributes(identity: Identity | None, repository: Repository) -> Identity:
    """Return a caller who may open pull requests.

    Raises:
        RefusedError: If the token cannot write, or only to another repository.
    """
    identity = logged_in(identity)
    if identity.role != "write":
        raise forbidden("This token is read-only: a token with the write role is needed")
    if identity.resource not in (None, repository.resource):
        raise forbidden(f"This token is for {identity.resource} only")
    return identity


def check_writes(identity: Identity | None, repository: Repository) -> Identity:
    """Return a caller who may change a repository.

    Raises:
        RefusedError: If the token cannot write, or the repository belongs to others.
    """
    identity = check_contributes(identity, repository)
    if not identity.owns(repository):
        raise forbidden(f"You don't have the rights to change {repository.resource}")
    return identity


def check_namespace(identity: Identity | None, owner: str | None) -> tuple[Identity, str]:
    """Return a caller who may make repositories, and for which owner; by default for themselves.

    Raises:
        RefusedError: If the token cannot, or the owner is somebody else.
    """
    identity = logged_in(identity)
    if identity.resource is not None:
        raise RefusedError(401, "A token for one repository cannot make others")
    if identity.role != "write":
        raise forbidden("This token is read-only: a token with the write role is needed")
    owner = owner or identity.name
    if owner not in (identity.name, *identity.organizations):
        raise forbidden(f"You don't have the rights to create a repository under the namespace {owner}")
    return identity, owner


def _refused(error: str, description: str) -> RefusedError:
    return RefusedError(400, description, body={"error": error, "error_description": description})


def _base64(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
