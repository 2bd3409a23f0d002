"""What of gold is not tested as it stands there, and of a source not learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...sources.report import Problem
from ..training_data import TrainingData

NOT_TESTED_TYPES = (
    "mentions of types that gold train does not have are read as `O`. Name `labels` under the language to "
    "say which types are tested"
)
NOT_TESTED = (
    "test sentences are left out: their tokens or labels cannot be used. `synthner validate` says which"
)
NOT_LEARNED_TYPES = "mentions of types that gold does not have are read as `O`"
NOT_LEARNED = "sentences are left out: not every token has an IOB2 tag. `synthner validate` says where"

KINDS = (NOT_TESTED_TYPES, NOT_TESTED, NOT_LEARNED_TYPES, NOT_LEARNED)
"""What several notes of a kind have in common. What changes the scores of all sources comes first."""

_TYPES_SHOWN = 6


@dataclass(frozen=True)
class Note:
    """Something that a reader of the results should know of the data.

    Attributes:
        kind: What it has in common with others: one of `KINDS`.
        count: How many sentences or mentions it is of.
        text: All that there is to say, as a sentence without its end.
    """

    kind: str
    count: int
    text: str


def notes_on_test(language: str, tested: int, left_out: int, others: Problem | None) -> Iterator[Note]:
    """Say what of a language's gold is not tested as it stands there.

    Args:
        language: Its code.
        tested: How many sentences are tested.
        left_out: How many of the test split are not.
        others: The mentions of types that gold train does not have; None where there are none, or the release
            says that they are not tested.
    """
    if others is not None:
        yield Note(
            NOT_TESTED_TYPES,
            others.count,
            f"mentions of types that gold train does not have are read as `O` ({others.count:,}; the first "
            f"is `{others.first.label}` at {others.first.file}:{others.first.line}). Name `labels` under "
            f"`languages.{language}` to say which types are tested",
        )
    if left_out:
        yield Note(NOT_TESTED, left_out, f"{left_out:,} of {left_out + tested:,} {NOT_TESTED}")


def notes_on_source(data: TrainingData) -> Iterator[Note]:
    """Say what of a source is not learned as it stands there."""
    if data.foreign_mentions:
        foreign = [f"{type_} ({count:,})" for type_, count in sorted(data.foreign_mentions.items())]
        shown = ", ".join(foreign[:_TYPES_SHOWN]) + (" and more" if len(foreign) > _TYPES_SHOWN else "")
        yield Note(NOT_LEARNED_TYPES, sum(data.foreign_mentions.values()), f"{NOT_LEARNED_TYPES}: {shown}")
    if data.left_out:
        what = NOT_LEARNED.replace("sentences are", "sentence is", 1) if data.left_out == 1 else NOT_LEARNED
        yield Note(NOT_LEARNED, data.left_out, f"{data.left_out:,} {what}")
