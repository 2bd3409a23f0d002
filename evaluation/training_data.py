"""Labelled sentences as a tagger can learn from them, and what was done to make them so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..schema.example import Example
from ..schema.iob2 import parse_tag, repair, tags_of
from ..sources.readers import read_examples
from ..sources.report import Report


@dataclass(frozen=True)
class TrainingData:
    """Examples to learn from.

    Attributes:
        examples: Examples with IOB2 tags of the types to learn.
        left_out: Sentences left out because a tag is no IOB2 tag or they have not one tag a token.
        repaired: Sentences with an I- tag that continues no mention; it was made a B- tag.
        foreign_mentions: Mentions of types that are not to be learned, which became `O`, by type.
    """

    examples: tuple[Example, ...]
    left_out: int = 0
    repaired: int = 0
    foreign_mentions: Mapping[str, int] = field(default_factory=dict)

    @property
    def types(self) -> frozenset[str]:
        """The types that have a mention."""
        return frozenset(mention.type for example in self.examples for mention in example.mentions)

    def as_json(self) -> dict[str, object]:
        """Return the counts by name."""
        return {
            "examples": len(self.examples),
            "left_out": self.left_out,
            "repaired": self.repaired,
            "foreign_mentions": dict(sorted(self.foreign_mentions.items())),
        }


def read_training_data(path: Path, *, types: AbstractSet[str] | None = None) -> TrainingData:
    """Read the sentences of a file that a tagger can learn from.

    Args:
        path: The file, in any format that `sources.readers` reads.
        types: The entity types to learn; by default all of them.

    Raises:
        DataError: If the file cannot be read or holds no sentences.
    """
    report = Report()
    data = training_data(read_examples(path, report=report), types=types)
    unread = report.count("lengths differ") + report.count("unreadable row")
    return replace(data, left_out=data.left_out + unread)


def training_data(examples: Iterable[Example], *, types: AbstractSet[str] | None = None) -> TrainingData:
    """Make examples such that a tagger can learn from them.

    Args:
        examples: Examples with tags as found.
        types: The entity types to learn; by default all of them.
    """
    preparation = Preparation(types)
    usable = tuple(filter(None, map(preparation.prepared, examples)))
    return TrainingData(usable, preparation.left_out, preparation.repaired, preparation.foreign_mentions)


class Preparation:
    """Makes one example after another such that a tagger can learn from it, and counts what was done.

    Args:
        types: The entity types to learn; by default all of them.

    Attributes:
        left_out: As in `TrainingData`.
        repaired: As in `TrainingData`.
        foreign_mentions: As in `TrainingData`.
    """

    def __init__(self, types: AbstractSet[str] | None = None) -> None:
        self._types = types
        self.left_out = 0
        self.repaired = 0
        self.foreign_mentions: Counter[str] = Counter()

    def prepared(self, example: Example) -> Example | None:
        """Return the example as a tagger can learn from it; None if a tag is no IOB2 tag."""
        if any(parse_tag(tag) is None for tag in example.ner_tags):
            self.left_out += 1
            return None
        tags = repair(example.ner_tags, "conlleval")
        self.repaired += bool(tags.changes)
        return self._of_types(replace(example, ner_tags=tags.tags))

    def _of_types(self, example: Example) -> Example:
        mentions = example.mentions
        known = [mention for mention in mentions if self._types is None or mention.type in self._types]
        if len(known) == len(mentions):
            return example
        self.foreign_mentions.update(mention.type for mention in mentions if mention not in known)
        return replace(example, ner_tags=tuple(tags_of(known, len(example.tokens))))
