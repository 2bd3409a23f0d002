"""What submitting to a leaderboard, and reviewing what was submitted, prints."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import counted, say

if TYPE_CHECKING:
    from ...leaderboard.review import Reviewed, ReviewOutcome
    from ...leaderboard.submission import SubmissionOutcome


def say_how_types_were_read(types: Mapping[str, str | None]) -> None:
    """Say on a terminal which types of a model stand for others, or for none."""
    if not sys.stderr.isatty():
        return
    for type_, read in types.items():
        if read is None:
            say(f"The benchmark has no type {type_}: its mentions are read as O.", err=True)
        elif read != type_:
            say(f"{type_} is read as {read}.", err=True)


def print_submission(outcome: SubmissionOutcome) -> None:
    """Say what was submitted where."""
    plan, release = outcome.plan, outcome.plan.release
    for url, title in outcome.open_before.items():
        say(f"It is open already: {url}\n{title}\n")
    if plan.is_empty:
        if release.opened:
            say("Nothing else to submit, and nothing was sent.")
        else:
            say(f"Nothing to submit: {outcome.repository} has {_all_of(len(release.results))} already.")
        return
    if outcome.done is None:
        say(f"Would open a pull request on {outcome.repository}: {release.title}\n")
    else:
        say(f"Opened {outcome.pull_request}\n{release.title}\n")
    for name in sorted(plan.sent):
        say(f"  + {name}")
    for result in release.verification.results if release.verification else ():
        for notice in result.notices:
            say(f"Note: {result.path}: {notice}.")
    if outcome.done is None:
        say("\nIt was verified as the leaderboard does. Nothing was sent.")
    else:
        say("\nIt was verified as the leaderboard does. Its owners review it next.")


def _all_of(number: int) -> str:
    return "this result" if number == 1 else f"all {number} results"


def print_review(outcome: ReviewOutcome) -> None:
    """Say what became of each pull request."""
    from ...evaluation.leaderboard.layout import shown

    say(f"{counted(len(outcome.reviewed), 'open pull request')} on {outcome.repository}.")
    for each in outcome.reviewed:
        say(f"  {each.request.url}: {_became(each)}")
    for problem in outcome.left_out:
        say(f"Left out: {problem.path}: {problem.message}")
    if outcome.not_built is not None:
        say(f"The leaderboard could not be built: {shown(outcome.not_built)}", err=True)
    if outcome.built:
        say(f"The leaderboard was built anew (commit {outcome.built[:12]}).")


def _became(reviewed: Reviewed) -> str:
    from ...evaluation.leaderboard.layout import shown

    if reviewed.not_verified is not None:
        return f"could not be verified, and was not answered: {shown(reviewed.not_verified)}"
    if reviewed.merged:
        return "right, and merged"
    if not reviewed.verification.is_acceptable:
        wrong = counted(len(reviewed.verification.problems), "problem")
        return f"{wrong}; {'answered' if reviewed.answered else 'its commit was answered before'}"
    return f"right; {reviewed.held or 'not merged, for nobody asked for it with --merge'}"
