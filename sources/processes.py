"""Processes of ours: what they import is ours, whatever lies in the folder where they are started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Let processes that are started inside find a variable in their environment."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def without_modules_here() -> AbstractContextManager[None]:
    """Let a process that is started inside not seek modules in the folder that we are in.

    `multiprocessing` starts Python with `-c`, which seeks them there first: a `random.py` of a user's own
    would be imported, or one that somebody submitted.
    """
    return environment_variable("PYTHONSAFEPATH", "1")
