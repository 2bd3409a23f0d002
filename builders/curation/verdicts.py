"""The verdict on a sentence, and the verdicts on very many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .labelling import LabelChange
from .spill import Spill
from .views import View


@dataclass(frozen=True, slots=True)
class Verdict:
    """What curation decided about one sentence.

    Attributes:
        kept: Whether it is in the curated data.
        step: The step that dropped it; empty where it is kept.
        reason: Why it was dropped.
        changes: How its labels were repaired.
        agreement: How well its labels agree with gold, from 0 to 1; None where it was dropped before.
    """

    kept: bool = True
    step: str = ""
    reason: str = ""
    changes: tuple[LabelChange, ...] = ()
    agreement: float | None = None


class Verdicts(View[Verdict]):
    """Verdicts on disk."""

    def __init__(self) -> None:
        self._rows = Spill()

    def add(self, verdict: Verdict) -> None:
        """Write a verdict behind the others."""
        changes = tuple((each.step, each.position, each.before, each.after) for each in verdict.changes)
        self._rows.add((verdict.kept, verdict.step, verdict.reason, changes, verdict.agreement))

    def __len__(self) -> int:
        return len(self._rows)

    def one(self, place: int) -> Verdict:
        """Read the verdict at a place."""
        return _verdict(self._rows.one(place))

    def at(self, places: Sequence[int]) -> Iterator[Verdict]:
        """Read the verdicts at some places."""
        return map(_verdict, self._rows.at(places))


def _verdict(row: tuple[Any, ...]) -> Verdict:
    kept, step, reason, changes, agreement = row
    return Verdict(kept, step, reason, tuple(LabelChange(*each) for each in changes), agreement)
