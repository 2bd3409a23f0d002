"""The parts that sentences play in a cell, and what a result says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from ...schema.example import Example, SoftExample
from ..content_hash import content_hash
from .description import ADDED_TO_GOLD, MULTILINGUAL, SEVERAL_LANGUAGES, TRANSFER_ALONE


@dataclass(frozen=True)
class Part:
    """Sentences that play a part in a cell, and where they are from.

    Attributes:
        role: `source`, `gold`, `related`, `validation` or `test`.
        language: Their language; `mul` for several.
        name: What the source is called.
        reference: Where they were read.
        revision: The commit on the Hub, or `sha256:…` of the files; None where only the content is known.
        examples: The sentences.
    """

    role: str
    language: str
    name: str
    reference: str
    revision: str | None
    examples: tuple[Example, ...] = field(repr=False)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a result says about the sentences; none of these themselves."""
        return {
            "role": self.role,
            "language": self.language,
            "name": self.name,
            "reference": self.reference,
            "revision": self.revision,
            "sha256": content_hash(self.examples),
            "sentences": len(self.examples),
            "tokens": sum(len(example.tokens) for example in self.examples),
            "mentions": sum(len(example.mentions) for example in self.examples),
            **({"probabilities": self.probabilities_hash} if self.probabilities_hash else {}),
        }

    @cached_property
    def probabilities_hash(self) -> str | None:
        """The sha256 of the probabilities that are learned instead of labels; None where labels are."""
        digest = sha256()
        for example in self.examples:
            if not isinstance(example, SoftExample):
                return None
            digest.update(example.probabilities.astype("<f4").tobytes())
        return digest.hexdigest() if self.examples else None


def true_size(setting: str, language: str, train: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how many sentences the size of a cell stands for: fewer than asked for where there are no more.

    Of a model of several languages it is what the language has that has most.

    Args:
        setting: The setting of the cell.
        language: The language tested.
        train: The facts of the parts that are learned.

    Returns:
        None where nothing is learned that a size counts.
    """
    role = "gold" if setting in ADDED_TO_GOLD else "source"
    parts = [part for part in train if part["role"] == role]
    if setting == MULTILINGUAL and parts:
        return max(part["sentences"] for part in parts)
    counted = [part["sentences"] for part in parts if part["language"] in (language, SEVERAL_LANGUAGES)]
    if counted:
        return sum(counted)
    return 0 if setting in TRANSFER_ALONE else None
