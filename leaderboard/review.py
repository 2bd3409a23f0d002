"""The owners' side of a leaderboard: pull requests are verified, answered and merged, then all is built.

What a pull request holds comes from anybody. Only files with the names of results are downloaded of it,
within limits, and nothing is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from ..cards.leaderboard.answer import render_answer
from ..cards.leaderboard.card import write_leaderboard
from ..cards.markdown import Markdown, code
from ..evaluation.leaderboard.layout import DERIVED, Problem, problem_of_path
from ..evaluation.leaderboard.ranking import read_leaderboard
from ..evaluation.leaderboard.strict_json import MOST_BYTES as MOST_BYTES_OF_RECORD
from ..evaluation.leaderboard.submitted_predictions import MOST_BYTES as MOST_BYTES_OF_PREDICTIONS
from ..evaluation.leaderboard.verifying import Verification
from ..hub.publish import Access, publish_on_hub
from ..hub.pull_requests import ChangedPullRequestError, PullRequest, PullRequests
from ..hub.repository import Repository, Snapshot, again, quiet_client
from ..schema.errors import DataError, PublishError, SynthnerError
from ..schema.secrecy import without_secrets
from .apart import verify_apart
from .repository import (
    Changes,
    check_leaderboard,
    copy_leaderboard,
    copy_results,
    leaderboard_now,
    open_leaderboard,
)

MOST_FILES = 2_000
"""That one pull request may change."""

MOST_BYTES = 1_000_000_000
"""Of all files of one pull request."""


@dataclass(frozen=True)
class Reviewed:
    """What became of a pull request.

    Attributes:
        request: The pull request.
        verification: What was found; nothing where it could not be verified.
        answered: Whether it got a comment now; its commit had one already where not.
        merged: Whether it was merged now.
        held: Why it was not merged though nothing is wrong; None where that does not apply.
        not_verified: Why it could not be verified; None where it was. It gets no answer then, for its author
            cannot mend that, and the next review tries again.
    """

    request: PullRequest
    verification: Verification
    answered: bool = False
    merged: bool = False
    held: str | None = None
    not_verified: str | None = None

    @property
    def is_acceptable(self) -> bool:
        """Whether it was verified, and nothing is wrong."""
        return self.not_verified is None and self.verification.is_acceptable

    def as_json(self) -> dict[str, Any]:
        """Return it as `synthner leaderboard review --json` prints it."""
        return {
            "number": self.request.number,
            "url": self.request.url,
            "commit": self.request.commit,
            "answered": self.answered,
            "merged": self.merged,
            "held": self.held,
            "not_verified": self.not_verified,
            **self.verification.as_json(),
            "acceptable": self.is_acceptable,
        }


@dataclass(frozen=True)
class ReviewOutcome:
    """What a review did.

    Attributes:
        repository: The leaderboard.
        url: Where people see it.
        reviewed: Its open pull requests, the oldest first.
        built: The commit with the derived files; None where they were as they should be, or were left alone.
        left_out: Results on the leaderboard with which something is wrong, where it was built.
        not_built: Why it could not be built; None where it could, or nobody asked for it.
    """

    repository: str
    url: str
    reviewed: tuple[Reviewed, ...]
    built: str | None
    left_out: tuple[Problem, ...]
    not_built: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every pull request could be verified, and the leaderboard be built where that was asked."""
        return self.not_built is None and all(each.not_verified is None for each in self.reviewed)

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner leaderboard review --json` prints it."""
        return {
            "repository": self.repository,
            "url": self.url,
            "pull_requests": [each.as_json() for each in self.reviewed],
            "built": self.built,
            "left_out": [problem.as_json() for problem in self.left_out],
            "not_built": self.not_built,
        }


def review(name: str, *, merge: bool) -> ReviewOutcome:
    """Verify every open pull request of a leaderboard, and answer each of its commits once.

    One that cannot be verified, because a benchmark or its gold cannot be used, holds up no other one.

    Args:
        name: The leaderboard: `organisation/name`.
        merge: Merge what is right and comes from whom it names, and build what is derived from all results.

    Raises:
        PublishError: If there is no such leaderboard, or the Hub refuses or fails too often.
    """
    with quiet_client():
        repository = open_leaderboard(name)
        requests = PullRequests(repository)
        leaderboard_now(repository)  # says so where there is none
        reviewed = tuple(_review(repository, requests, each, merge=merge) for each in requests.open())
        built, left_out, not_built = None, (), None
        if merge:
            try:
                built, left_out = _build(repository)
            except _StoppedError as error:
                not_built = str(error)
    return ReviewOutcome(repository.name, repository.url, reviewed, built, left_out, not_built)


def _review(repository: Repository, requests: PullRequests, request: PullRequest, *, merge: bool) -> Reviewed:
    main = leaderboard_now(repository)
    changes = Changes.of(repository, request, main)
    with TemporaryDirectory(prefix="synthner-") as folder:
        try:
            verification = _verified(repository, main, request, changes, Path(folder))
        except _StoppedError as error:
            return Reviewed(request, Verification((), ()), not_verified=str(error))
    held = _reason_to_hold(requests, request, verification)
    mark = f"<!-- synthner leaderboard review {request.commit} -->"
    answered = requests.comment_once(request.number, f"{mark}\n{_answer(verification, request, held)}", mark)
    merged = False
    if merge and verification.is_acceptable and held is None:
        held = _merge(repository, requests, request, main, changes)
        merged = held is None
    return Reviewed(request, verification, answered, merged, held)


class _StoppedError(Exception):
    """A pull request cannot be verified, or the leaderboard not be built; the text says why."""


def _verified(
    repository: Repository, main: Snapshot, request: PullRequest, changes: Changes, folder: Path
) -> Verification:
    """Verify what `main` would be with a pull request.

    Raises:
        _StoppedError: If that cannot be done.
    """
    too_large = _too_large(changes)
    if too_large or not changes.names:
        return Verification((), tuple(too_large) or (_NOTHING,))
    base, merged = folder / "main", folder / "merged"
    copy_leaderboard(repository, main, base, ["benchmarks/*", "results/*.json"])
    # Predictions of `main` stay where they are, but for those that are changed: they must be seen to be.
    copy_results(repository, main.commit, [name for name in changes.new if name in main.files], base)
    copytree(base, merged)
    for name in changes.removed:
        (merged / name).unlink(missing_ok=True)
    copy_results(repository, request.commit, changes.new, merged)
    try:
        return verify_apart(merged, changes.names, base)
    except Exception as error:  # whatever it is, the other pull requests are reviewed
        raise _StoppedError(_in_words(error, base, merged)) from error


def _in_words(error: Exception, *folders: Path) -> str:
    """Say what is wrong, in one line that names no temporary folder."""
    said = error if isinstance(error, SynthnerError) else f"{type(error).__name__}: {error}"
    text = without_secrets(said)
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return text


_NOTHING = Problem(
    "", "this changes nothing on the leaderboard: all of it is there already", "Close this pull request."
)


def _too_large(changes: Changes) -> list[Problem]:
    """Say what is too large to be downloaded."""
    if len(changes.names) > MOST_FILES:
        message = f"{len(changes.names):,} files are changed; at most {MOST_FILES:,} may be"
        return [Problem("", message, "Submit fewer results at once.")]
    found = [
        Problem(name, f"the file has {file.size:,} bytes; at most {most:,} are read", "")
        for name, file in sorted(changes.new.items())
        if problem_of_path(name) is None and file.size > (most := _most_bytes(name))
    ]
    total = sum(file.size for name, file in changes.new.items() if problem_of_path(name) is None)
    if not found and total > MOST_BYTES:
        message = f"the files have {total:,} bytes together; at most {MOST_BYTES:,} are read"
        found.append(Problem("", message, "Submit fewer results at once."))
    return found


def _most_bytes(name: str) -> int:
    return MOST_BYTES_OF_RECORD if name.endswith(".json") else MOST_BYTES_OF_PREDICTIONS


def _reason_to_hold(requests: PullRequests, request: PullRequest, verification: Verification) -> str | None:
    """Say why owners have to decide about results that are right: somebody may speak for others."""
    if not verification.is_acceptable:
        return None
    named = {result.checked.record.organization for result in verification.results if result.checked.record}
    if named <= {request.author}:
        return None
    others = sorted(named - {request.author} - requests.organizations_of(request.author))
    if not others:
        return None
    return f"its author is not seen to belong to {', '.join(others)}: an owner of the leaderboard decides"


def _answer(verification: Verification, request: PullRequest, held: str | None) -> Markdown:
    parts = [render_answer(verification)]
    if held is not None:
        parts.append(f"It waits: {held}.\n")
    parts.append(f"This is about commit {code(request.commit[:12])}.")
    return Markdown("\n".join(parts))


def _merge(
    repository: Repository, requests: PullRequests, request: PullRequest, main: Snapshot, changes: Changes
) -> str | None:
    """Merge what was verified, and nothing else; return why it was not merged, if it was not."""
    try:
        requests.merge(request)
    except ChangedPullRequestError as error:
        return error.message
    head = requests.head(request.number)
    if head != request.commit:
        # Between the look at its commit and the merge, its author was faster.
        taken_back = again(lambda: _take_back(repository, request, main, changes, head))
        raise PublishError(
            "what was merged is not all that was verified; the rest was taken back"
            if taken_back
            else "it was changed while it was merged",
            where=request.url,
            hint="Look at its last commits, and at the leaderboard's history.",
        )
    return None


def _take_back(
    repository: Repository, request: PullRequest, main: Snapshot, changes: Changes, head: str
) -> bool:
    """Take back what commits have brought that were never verified; return whether there was something."""
    verified, there = repository.files(request.commit), repository.files(head)
    expected, now = changes.merged_into(main), leaderboard_now(repository)
    foreign = sorted(
        name
        for name in verified.keys() | there.keys()
        if verified.get(name) != there.get(name) and now.files.get(name) != expected.get(name)
    )
    if not foreign:
        return False
    back = {
        name: repository.file(name, request.commit if name in changes.new else main.commit)
        for name in foreign
        if name in expected
    }
    gone = tuple(name for name in foreign if name not in expected)
    title = f"Take back what was not verified of pull request {request.number}"
    repository.commit(back, gone, parent=now.commit, title=title)
    return True


@dataclass(frozen=True)
class _Built:
    """The derived files of a leaderboard, as they are to be.

    Attributes:
        files: Them, by name.
        left_out: Results with which something is wrong.
        title: What the commit is called.
        removed: Nothing.
        tag: None.
        is_first: Never.
    """

    files: Mapping[str, Path | bytes]
    left_out: tuple[Problem, ...]
    title: str = "Build the leaderboard"
    removed: tuple[str, ...] = ()
    tag: None = None
    is_first: bool = False


def _build(repository: Repository) -> tuple[str | None, tuple[Problem, ...]]:
    """Build what is derived from all results, and commit what has changed.

    Returns:
        The commit, if there is one, and what is wrong with results that are on the leaderboard.

    Raises:
        _StoppedError: If a benchmark, its gold, or the card that is there cannot be used.
    """

    def prepare(snapshot: Snapshot | None) -> _Built:
        there = check_leaderboard(repository, snapshot)
        with TemporaryDirectory(prefix="synthner-") as folder:
            copy_leaderboard(repository, there, Path(folder))
            try:
                board = read_leaderboard(Path(folder))
                write_leaderboard(Path(folder), board, repository.name)
            except DataError as error:
                raise _StoppedError(_in_words(error, Path(folder))) from error
            files = {name: (Path(folder) / name).read_bytes() for name in DERIVED}
        return _Built(files, tuple(board.problems))

    done = publish_on_hub(
        repository, prepare, access=Access(), describe=lambda _: "From all results, scored again."
    )
    return done.commit.commit if done.commit else None, done.plan.release.left_out
