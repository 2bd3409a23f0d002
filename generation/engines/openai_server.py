"""An OpenAI-compatible server: its address, its key, and a request as it wants it.

Whatever asks such a server begins here, call by call (`openai`) or in batches (`openai_batch`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...release import Config
from ...schema.errors import EngineError, ReleaseError
from ..calls import Call
from ..formats import guiding_schema

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"

# Which account of an organisation pays; OpenAI's own clients read these, too.
_ACCOUNT_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}

_NO_KEY = "no-key"

# Local servers take any word as a key; a word such as EMPTY may stand in an answer and is no secret.
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Server:
    """A server that one config asks.

    Attributes:
        config: The config.
        base_url: The address, without a slash at its end.
        key_variable: The environment variable that holds the key.
        key: The key; it is never printed.
    """

    config: str
    base_url: str
    key_variable: str
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if self.base_url == OPENAI_URL:
            headers |= {
                name: os.environ[variable]
                for variable, name in _ACCOUNT_HEADERS.items()
                if os.environ.get(variable)
            }
        return headers

    def without_key(self, text: str) -> str:
        """Remove the key from what a server sent, should it have sent it back."""
        return text.replace(self.key, "[key]") if len(self.key) >= _SHORTEST_SECRET else text

    def error(self, message: str, hint: str) -> EngineError:
        """Return an error that names the config and the address."""
        return EngineError(message, where=f"{self.config} ({self.base_url})", hint=hint)


def server_of(config: Config, settings: dict[str, Any]) -> Server:
    """Return the server of a config, with its key from the environment.

    Raises:
        ReleaseError: If the address cannot be used.
        EngineError: If there is no key, or none that can be sent.
    """
    variable = settings.get("api_key_variable", KEY_VARIABLE)
    return Server(config.name, base_url(config, settings), variable, _key(config, settings, variable))


def base_url(config: Config, settings: dict[str, Any]) -> str:
    """Return the address of a config's server, written one way.

    Raises:
        ReleaseError: If the release's address has no host, or holds a password or a query: it is
            published, a key is not.
    """
    address = str(settings.get("base_url", OPENAI_URL))
    engine = config.generator.engine
    try:
        parts = urlsplit(address)
        names_a_server = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ReleaseError(f"{engine}.base_url: {error}", where=config.name) from error
    if not names_a_server:
        raise ReleaseError(f"{engine}.base_url: the address names no server", where=config.name)
    if parts.username is not None or parts.query or parts.fragment:
        raise ReleaseError(
            f"{engine}.base_url: the address must not hold a user, a password or a query",
            where=config.name,
            hint=f"Put the key into an environment variable and name it in `{engine}.api_key_variable`.",
        )
    return address.rstrip("/")


def request_body(call: Call) -> dict[str, Any]:
    """Return a call as the body of a request for a chat completion."""
    return RequestBodies().of(call)


class RequestBodies:
    """Writes calls as bodies of requests; calls one after another mostly have the same schema."""

    def __init__(self) -> None:
        self._schema: Mapping[str, Any] | None = None
        self._in_writing_order: dict[str, Any] = {}

    def of(self, call: Call) -> dict[str, Any]:
        """Return a call as the body of a request for a chat completion."""
        body: dict[str, Any] = {"model": call.model, "messages": list(call.messages), **call.sampling}
        if call.schema is not None:
            if call.schema != self._schema:
                self._schema, self._in_writing_order = call.schema, guiding_schema(call.schema)
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "datapoints", "strict": True, "schema": self._in_writing_order},
            }
        return body


def as_json_bytes(value: Any) -> bytes:
    """Write JSON as UTF-8, unescaped but for half a surrogate pair, which has no UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _key(config: Config, settings: dict[str, Any], variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        if "base_url" in settings and "api_key_variable" not in settings:
            return _NO_KEY  # a server of one's own asks for none
        raise EngineError(
            f"there is no key: the environment variable {variable} is not set",
            where=config.name,
            hint=f"Set {variable}, or name another variable in `{config.generator.engine}.api_key_variable`.",
        )
    if not key.isascii() or not key.isprintable():
        raise EngineError(
            f"the environment variable {variable} holds characters that no key has",
            where=config.name,
            hint="Was it copied with something around it?",
        )
    return key
