"""The Space of a leaderboard: it reads the rows from the Hub, now and then, and shows them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ..cards.leaderboard.selection import Board, Shown
from ..evaluation.leaderboard.rows import LEADERBOARD, read_rows
from ..schema.errors import SynthnerError
from ..schema.secrecy import without_secrets
from ..sources.hub_errors import hub_errors

SECONDS_BETWEEN_LOOKS = 300
_SECONDS_AFTER_FAILURE = 30

_log = logging.getLogger(__name__)


class LeaderboardOnHub:
    """The rows of a leaderboard on the Hub.

    The Hub is asked for a new commit every few minutes at most. While it does not answer, or what it has
    cannot be read, the last rows that could be read stay.

    Args:
        repository: The dataset repository.
        branch: Where its rows are.
        clock: Gives the seconds that have passed.
    """

    def __init__(
        self, repository: str, *, branch: str = "main", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repository = repository
        self._branch = branch
        self._clock = clock
        self._looking = Lock()
        self._next_look = float("-inf")
        self._shown: Shown | None = None

    def current(self) -> Shown:
        """Return the rows, from the Hub if it is time to look again.

        Whoever comes while another visitor's step looks is not kept waiting, unless there is nothing to show.
        """
        if self._clock() >= self._next_look and self._looking.acquire(blocking=self._shown is None):
            try:
                if self._clock() >= self._next_look:
                    self._look()
            finally:
                self._looking.release()
        return self._shown or _nothing()

    def _look(self) -> None:
        import httpx2

        try:
            self._shown = self._read()
            self._next_look = self._clock() + SECONDS_BETWEEN_LOOKS
        except (httpx2.HTTPError, OSError, SynthnerError) as error:
            _log.warning("%s could not be read: %s", self._repository, without_secrets(error))
            self._next_look = self._clock() + _SECONDS_AFTER_FAILURE
            if self._shown is not None:
                self._shown = _of_before(self._shown)

    def _read(self) -> Shown:
        from huggingface_hub import HfApi, hf_hub_download

        with hub_errors("dataset", self._repository, instead="wait until it answers"):
            revision = HfApi().dataset_info(self._repository, revision=self._branch).sha
            if self._shown is not None and self._shown.board.revision == revision:
                return Shown(self._shown.board)
            path = hf_hub_download(self._repository, LEADERBOARD, repo_type="dataset", revision=revision)
        return Shown(Board(read_rows(Path(path)), revision))


def _of_before(shown: Shown) -> Shown:
    revision = (shown.board.revision or "")[:12]
    return Shown(shown.board, f"The newest rows could not be read. These are of commit {revision}.")


def _nothing() -> Shown:
    return Shown(Board(()), "The rows could not be read. Load this page again in a minute.")


def serve(repository: str, *, branch: str = "main") -> None:
    """Show the leaderboard of a dataset repository until the process ends.

    Args:
        repository: The dataset repository.
        branch: Where its rows are.
    """
    from ..cards.leaderboard.app import launch_options, leaderboard_app
    from ..cards.leaderboard.page import TITLE

    source = LeaderboardOnHub(repository, branch=branch)
    app = leaderboard_app(source.current, title=TITLE, repository=repository)
    app.launch(ssr_mode=False, **launch_options())
