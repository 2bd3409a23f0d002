"""Plans in rounds: later calls of a plan follow from the answers to earlier ones.

Which answers count is settled when a round ends, and remembered in the journal. A call that failed then and
is answered by a later run gives its datapoints, but changes no prompt that was planned without it: what was
asked is never asked again in other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .calls import Call, Reply, canonical_json, sha256
from .journal import Journal

MOST_FAILED = 0.1
"""The share of a round's calls that may have failed where the next round begins."""


class Rounds:
    """The answers that a plan has so far, a round at a time.

    Args:
        journal: Where they are; None where nothing was asked yet.
        settle: Whether a round that has ended is settled: where the calls of the next are to be asked for.
    """

    def __init__(self, journal: Journal | None, *, settle: bool = False) -> None:
        self._journal = journal
        self._settle = settle

    def answers(self, calls: Sequence[Call]) -> list[Reply | None] | None:
        """Return the answers to the calls of a round, in their order; None for each that has none.

        Returns:
            None while the round has not ended: a call was not tried, or more than `MOST_FAILED` have failed.

        Raises:
            DataError: If the journal cannot be used.
        """
        if self._journal is None:
            return None
        keys = [call.key for call in calls]
        name = sha256(canonical_json(keys))
        end = self._journal.end_of_round(name)
        if end is not None:
            return self._journal.answers_until(keys, end)
        moment = self._journal.moment()
        answers = self._journal.answers_until(keys, moment)
        failed = [key for key, answer in zip(keys, answers, strict=True) if answer is None]
        if len(failed) > len(keys) * MOST_FAILED or not all(map(self._journal.is_tried, failed)):
            return None
        if self._settle:
            self._journal.end_round(name, moment)
        return answers

    def planned(self, config: str) -> Iterator[Call]:
        """Yield the calls of a config as they were planned, whatever they were planned from is now."""
        if self._journal is not None:
            yield from (call for call, _ in self._journal.answers(config))


NO_ROUNDS = Rounds(None)
"""Where nothing was asked yet."""
