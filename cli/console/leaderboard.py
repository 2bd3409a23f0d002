"""What the commands of a leaderboard print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import counted, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...evaluation.leaderboard.importing import Skipped
    from ...evaluation.leaderboard.layout import Problem
    from ...evaluation.leaderboard.ranking import Leaderboard
    from ...evaluation.leaderboard.verifying import Verification


def print_verification(verification: Verification) -> None:
    """Say what is wrong with a submission, or that nothing is."""
    from ...evaluation.leaderboard.layout import shown

    for result in verification.results:
        score = "" if result.f1 is None else f", F1 {result.f1:.4f}"
        say(f"{shown(result.path)}: {result.checked.status}{score}")
        for notice in result.notices:
            say(f"  {shown(notice)}")
    print_problems(verification.problems)
    if verification.is_acceptable:
        say(f"{counted(len(verification.results), 'result')}, and nothing is wrong.")
    else:
        say(
            f"{counted(len(verification.results), 'result')}, "
            f"{counted(len(verification.problems), 'problem')}: this cannot be merged."
        )


def print_problems(problems: Iterable[Problem]) -> None:
    """Say on stderr what is wrong, where, and what to do about it."""
    from ...evaluation.leaderboard.layout import shown

    for problem in problems:
        say(f"{shown(problem.path)}: ", fg="red", nl=False, err=True)
        say(shown(problem.message), err=True)
        if problem.hint:
            say(f"  {shown(problem.hint)}", err=True)


def print_built(folder: Path, board: Leaderboard) -> None:
    """Say what a leaderboard was built from."""
    from ...evaluation.leaderboard.rows import LEADERBOARD

    print_problems(board.problems)
    ranked = sum(row.rank_first is not None for row in board.rows)
    say(
        f"{counted(board.results, 'result')} on {counted(len(board.benchmarks), 'benchmark')}: "
        f"{counted(len(board.rows), 'row')}, {ranked:,} of them ranked."
    )
    say(f"Wrote {folder / LEADERBOARD} and {folder / 'README.md'}.")
    if board.problems:
        say("Results with problems were left out.", err=True)


def print_imported(written: Sequence[str], skipped: Sequence[Skipped]) -> None:
    """Say what was imported, and what was not."""
    from ...evaluation.leaderboard.layout import shown

    for path in written:
        say(f"Wrote {path}")
    for each in skipped:
        say(f"Skipped {shown(each.what)}: ", fg="yellow", nl=False, err=True)
        say(shown(each.reason), err=True)
    say(
        f"{counted(len(written), 'result')} imported as self-reported, "
        f"{counted(len(skipped), 'figure')} skipped."
    )
