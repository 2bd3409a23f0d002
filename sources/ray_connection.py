"""The connection to a Ray cluster, for whatever works on one."""

from __future__ import annotations

import socket
from typing import Any

from ..schema.errors import DataError
from ..schema.secrecy import without_secrets

_SECONDS_TO_ANSWER = 10.0


def connect(address: str, *, logging_level: int, **settings: Any) -> None:
    """Connect to a Ray cluster; `ray.shutdown` ends the connection.

    Args:
        address: The address of the cluster's head; `auto` finds one that runs on this machine, and `local`
            begins one.
        logging_level: What Ray tells of itself at least.
        settings: Further settings of `ray.init`.

    Raises:
        DataError: If there is no such cluster, or it asks for a token that is not at hand.
    """
    import ray  # pyright: ignore[reportMissingImports]
    from ray.exceptions import RayError  # pyright: ignore[reportMissingImports]

    try:
        _check_address(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging_level, **settings)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        raise _no_connection(address, error) from error


def _no_connection(address: str, error: Exception) -> DataError:
    """Say why there is none; that it was refused, Ray tells in the text of a cause alone."""
    if any("AuthenticationError" in repr(each) for each in (error, error.__cause__)):
        return DataError(
            "the Ray cluster asks for a token, and this is not at hand or is another one",
            where=address,
            hint="Have the token of the cluster's head (`ray get-auth-token`, there) in `~/.ray/auth_token`, "
            "`export RAY_AUTH_MODE=token`, and run again.",
        )
    return DataError(
        f"there is no Ray cluster to connect to: {without_secrets(error)}",
        where=address,
        hint="Start one with `ray start --head`, or name the address of its head.",
    )


def _check_address(address: str) -> None:
    """Knock at the head's door: Ray itself waits for minutes where nobody is at home."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
