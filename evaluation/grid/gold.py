"""The gold of a grid's languages: its splits, its types, and other sentences read with these types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from ...schema.errors import DataError
from ...schema.example import Example
from ...schema.iob2 import parse_tag
from ...sources.gold import Gold, GoldSource, load_gold
from ...sources.report import Problem
from ..training_data import TrainingData, training_data
from .notes import Note, notes_on_test
from .once import Once
from .parts import Part


class GridGold:
    """Reads the gold of each language once.

    Args:
        sources: Where it comes from, by language.
        iob2: How misplaced I- tags are repaired.
    """

    def __init__(self, sources: Mapping[str, GoldSource], iob2: str) -> None:
        self._sources = sources
        self._iob2 = iob2
        self._gold: Once[str, Gold] = Once()

    def remembering_failures(self) -> AbstractContextManager[None]:
        """Try to read what cannot be read once only."""
        return self._gold.remembering_failures()

    def of(self, language: str) -> Gold:
        """Return the gold of a language.

        Raises:
            DataError: If it cannot be had.
        """
        return self._gold.value(language, lambda: self.load(self._sources[language], language))

    def load(self, source: GoldSource, language: str) -> Gold:
        """Read other data the way that gold is read.

        Raises:
            DataError: If it cannot be had.
        """
        return load_gold(source, language, iob2_policy=self._iob2)

    def types(self, language: str) -> tuple[str, ...]:
        """Return the entity types of a language's gold, in their order."""
        return tuple(
            dict.fromkeys(
                parsed[1]
                for tag in self.of(language).labels.names
                if (parsed := parse_tag(tag)) and parsed[1]
            )
        )

    def part(self, role: str, language: str, split: str) -> Part:
        """Return a split in the part that it plays.

        Raises:
            DataError: If gold has no such split.
        """
        gold = self.of(language)
        if split not in gold.splits:
            raise DataError(
                f"gold of `{language}` has no {split} split",
                where=gold.title,
                hint=f"Name one that has it under `languages.{language}.gold` in release.yaml.",
            )
        file = (self._sources[language].files or {}).get(split)
        reference = gold.hub or (file.name if file else gold.title)
        return Part(role, language, "gold", reference, gold.revision, gold.splits[split])

    def test(self, language: str) -> Part:
        """Return the sentences that a language is tested on.

        Raises:
            DataError: If gold has no test split, or no mention there is of a type that gold train has.
        """
        part = self.part("test", language, "test")
        others = self._types_read_as_outside(language)
        if others is not None and not any(example.mentions for example in part.examples):
            raise DataError(
                "no mention of the test split is of a type that is learned, "
                f"{_listed(self.types(language))}: the first is `{others.first.label}`",
                where=f"{others.first.file}:{others.first.line}",
                hint="Rename the types of one of the splits: what one split does not have, the other cannot "
                "teach or test.",
            )
        return part

    def notes_on_test(self, language: str) -> Iterator[Note]:
        """Say what of a language's gold is not tested as it stands there.

        Types that the release itself leaves out, by `labels`, are not mentioned.

        Raises:
            DataError: If gold has no test split that can be used.
        """
        tested = len(self.test(language).examples)
        left_out = len(self.of(language).left_out.get("test", ()))
        names_labels = self._sources[language].labels is not None
        others = None if names_labels else self._types_read_as_outside(language)
        return notes_on_test(language, tested, left_out, others)

    def read_as_gold(self, language: str, examples: Sequence[Example], where: str) -> TrainingData:
        """Read labels as the types of a language's gold; what gold does not have becomes `O`.

        Args:
            language: The language whose gold has the types.
            examples: Sentences with labels as found.
            where: Where they were found.

        Raises:
            DataError: If there is nothing to learn from, or no type in common.
        """
        if not examples:
            raise DataError("there is no sentence to learn from", where=where)
        wanted = frozenset(self.types(language))
        data = training_data(examples, types=wanted)
        if not data.examples:
            raise DataError(
                "there is no sentence to learn from: each has a tag that is no IOB2 tag", where=where
            )
        if not data.types and data.foreign_mentions:
            raise DataError(
                f"its types are {_listed(data.foreign_mentions)}, and gold has {_listed(wanted)}",
                where=where,
                hint="Rename them as gold names them.",
            )
        return data

    def _types_read_as_outside(self, language: str) -> Problem | None:
        problems = self.of(language).report.problems
        return next((each for each in problems if each.kind == "type read as O"), None)


def _listed(types: Iterable[str]) -> str:
    return ", ".join(sorted(types))
