"""What a submitter reads under a pull request: whether it is accepted, and if not, what to do."""

from __future__ import annotations

from ...evaluation.leaderboard.layout import shown
from ...evaluation.leaderboard.verifying import Verification, VerifiedResult
from ..markdown import Markdown, cell, code, table

MOST_PROBLEMS = 50
MOST_RESULTS = 100
LONGEST_PATH = 320
"""No result has a longer one; a comment that is longer than the Hub takes would hold up the review."""


def render_answer(verification: Verification) -> str:
    """Render the outcome of a verification as Markdown. Whatever a submission holds is shown as text."""
    parts = [_verdict(verification)]
    if verification.problems:
        parts.append(_problems(verification))
    if verification.results:
        parts.append(_results(verification.results))
    notices = [
        f"- {_file(result.path)}: {cell(notice)}."
        for result in verification.results[:MOST_RESULTS]
        for notice in result.notices
    ]
    if notices:
        parts.append("\n".join(["### Good to know", "", *notices[:MOST_PROBLEMS], *_more(len(notices))]))
    return "\n\n".join(parts) + "\n"


def _verdict(verification: Verification) -> str:
    results = len(verification.results)
    if not verification.is_acceptable:
        count = len(verification.problems)
        return (
            f"## This cannot be merged yet: {count} {'thing is' if count == 1 else 'things are'} wrong\n\n"
            "Each is named below with its file. Push a commit that mends it, and the check runs again."
        )
    if not results:
        return "## There is no result in this submission"
    return (
        f"## {results} {'result is' if results == 1 else 'results are'} as they should be\n\n"
        "What has predictions was scored again on gold at its pinned revision, and has the claimed scores."
    )


def _problems(verification: Verification) -> str:
    lines = ["### What is wrong", ""]
    for problem in verification.problems[:MOST_PROBLEMS]:
        hint = f" {cell(problem.hint)}" if problem.hint else ""
        lines.append(f"- {_file(problem.path)}: {cell(problem.message)}.{hint}")
    return "\n".join([*lines, *_more(len(verification.problems))])


def _file(path: str) -> Markdown:
    text = shown(path)
    return code(text if len(text) <= LONGEST_PATH else f"{text[: LONGEST_PATH - 1]}…")


def _more(count: int) -> list[str]:
    return [f"- and {count - MOST_PROBLEMS} more."] if count > MOST_PROBLEMS else []


def _results(results: tuple[VerifiedResult, ...]) -> str:
    header = [Markdown(name) for name in ("Result", "Status", "F1", "Acceptable")]
    rows = [
        [
            _file(result.path),
            cell(result.checked.status),
            Markdown("–" if result.f1 is None else f"{result.f1:.4f}"),
            Markdown("yes" if result.checked.is_sound else "**no**"),
        ]
        for result in results[:MOST_RESULTS]
    ]
    more = f"\n\nAnd {len(results) - MOST_RESULTS} more." if len(results) > MOST_RESULTS else ""
    return f"### Results\n\n{table(header, rows, 'llrl')}{more}"
