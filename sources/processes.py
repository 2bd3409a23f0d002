"""Processes of ours: what they import is ours, whatever lies in the folder where they are started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def without_modules_here() -> Iterator[None]:
    """Let a process that is started inside not seek modules in the folder that we are in.

    `multiprocessing` starts Python with `-c`, which seeks them there first: a `random.py` of a user's own
    would be imported, or one that somebody submitted.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before
