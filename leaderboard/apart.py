"""The verification of a pull request in a process of its own: what it reads was written by anybody."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from ..evaluation.leaderboard.layout import Problem
from ..evaluation.leaderboard.verifying import Verification, verify
from ..hub.repository import quiet_client

_ENDED = Problem(
    "",
    "the process that verifies this was ended by what it read: a damaged file, or one that fills the memory",
    "Training data that a record names is read, too: mend it, or submit fewer results at once.",
)


def verify_apart(merged: Path, changed: list[str], base: Path) -> Verification:
    """Verify what a leaderboard would be with one pull request; nothing in it can end this process.

    Args:
        merged: The leaderboard with the pull request in it.
        changed: The files of the pull request.
        base: The leaderboard without it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_verify, merged, changed, base).result()
        except BrokenProcessPool:
            return Verification((), (_ENDED,))


# It stands in this module, and not beside the rest of a review: the new process imports no more than this.
def _verify(merged: Path, changed: list[str], base: Path) -> Verification:
    with quiet_client():
        return verify(merged, changed=changed, base=base)
