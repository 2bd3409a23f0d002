"""Who is told how a run of `generate` goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Outcome = Literal["answered", "failed"]


class Watcher(Protocol):
    """Who is told how a run goes."""

    def begin(self, config: str, to_ask: Mapping[str, int]) -> None:
        """A config begins, or a further round of it, with so many calls to ask for, by split."""
        ...

    def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
        """A call of a config was answered, or has failed for this run; None where its cost is not known."""
        ...

    def set_aside(self, config: str, answers: int) -> None:
        """So many answers that a config has are to calls that are no longer planned: others are asked."""
        ...

    def preparing(self, config: str, what: str) -> None:
        """A config is at work on what its calls are answered with; until that is done, none of them is."""
        ...

    def stopping(self, under_way: int) -> None:
        """The user asked to stop; so many calls are under way, paid for and waited for.

        A second interrupt does not wait for them.
        """
        ...


class Unwatched:
    """A watcher that tells nobody."""

    def begin(self, config: str, to_ask: Mapping[str, int]) -> None:
        """Do nothing."""

    def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
        """Do nothing."""

    def set_aside(self, config: str, answers: int) -> None:
        """Do nothing."""

    def preparing(self, config: str, what: str) -> None:
        """Do nothing."""

    def stopping(self, under_way: int) -> None:
        """Do nothing."""
