"""The verification of a pull request in a process of its own: what it reads was written by anybody."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from ..evaluation.leaderboard.layout import Problem
from ..evaluation.leaderboard.verifying import Verification, verify
from ..hub.repository import quiet_client
from ..sources.processes import without_modules_here

MOST_SECONDS = 1_200
"""That the verification of one pull request may take: what it names may be where nobody answers."""
_SECONDS_TO_END = 60

_ENDED = Problem(
    "",
    "the process that verifies this was ended by what it read: a damaged file, or one that fills the memory",
    "Training data that a record names is read, too: mend it, or submit fewer results at once.",
)
_TOO_LONG = Problem(
    "",
    f"verifying this took more than {MOST_SECONDS // 60} minutes",
    "Training data that a record names is read, too: submit fewer results at once, with less of it.",
)


def verify_apart(
    merged: Path, changed: list[str], base: Path, *, most_seconds: float = MOST_SECONDS
) -> Verification:
    """Verify what a leaderboard would be with one pull request, which cannot end or hold up this process.

    Args:
        merged: The leaderboard with the pull request in it.
        changed: The files of the pull request.
        base: The leaderboard without it.
        most_seconds: How long it may take.

    Raises:
        DataError: If a benchmark, or its gold, cannot be used.
    """
    context = get_context("spawn")
    answer, to_answer = context.Pipe(duplex=False)
    process = context.Process(target=_verify, args=(to_answer, merged, changed, base))
    with without_modules_here():
        process.start()
    to_answer.close()
    try:
        if not answer.poll(most_seconds):
            return Verification((), (_TOO_LONG,))
        found = answer.recv()
        process.join(_SECONDS_TO_END)
    except EOFError:
        return Verification((), (_ENDED,))
    finally:
        process.kill()
        process.join()
        answer.close()
    if isinstance(found, Exception):
        raise found
    return found


# It stands in this module, and not beside the rest of a review: the new process imports no more than this.
def _verify(to_answer: Connection, merged: Path, changed: list[str], base: Path) -> None:
    found: Verification | Exception
    try:
        with quiet_client():
            found = verify(merged, changed=changed, base=base)
    except Exception as error:  # whatever it is, it is raised where it was asked for
        found = error
    to_answer.send(found)
