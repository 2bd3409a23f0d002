"""The sentences of a source, read from its files, a corpus or the Hub, with the types that gold has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...schema.errors import DataError
from ...schema.example import Example
from ...sources.gold import GoldSource
from ...sources.hub import read_hub
from ...sources.hub_reference import hub_reference
from ...sources.readers import read_sentences
from ...sources.report import Report
from ...sources.tag_probabilities import TagProbabilities, read_tag_probabilities
from .description import GridSource
from .gold import GridGold
from .notes import Note, notes_on_source
from .source_files import SourceFiles


@dataclass(frozen=True)
class ReadSplit:
    """A split of a source.

    Attributes:
        reference: Where it was read.
        revision: Its commit on the Hub; None where only the content is known.
        examples: Its sentences, their labels read as gold's types.
    """

    reference: str
    revision: str | None
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class ReadSource:
    """A source in a language.

    Attributes:
        train: What can be learned from.
        validation: Its own validation sentences; None where it has none.
        notes: What of it is not learned as it stands there.
    """

    train: ReadSplit
    validation: ReadSplit | None
    notes: tuple[Note, ...] = ()


class SourceReader:
    """Reads sources; what was read is not kept.

    Args:
        files: Where they are.
        gold: Gold of every language that plays a part.
    """

    def __init__(self, files: SourceFiles, gold: GridGold) -> None:
        self._files = files
        self._gold = gold

    def read(self, language: str, source: GridSource) -> ReadSource:
        """Read the sentences of a source in a language.

        Raises:
            DataError: If it cannot be read, or has nothing to learn from.
        """
        if source.is_organic:
            has_validation = "validation" in self._gold.of(language).splits
            return ReadSource(
                self._of_gold(language, "train"),
                self._of_gold(language, "validation") if has_validation else None,
            )
        if source.corpus is not None:
            return self._read_corpus(language, source.corpus)
        paths = {split: self._files.of_split(language, source, split) for split in ("train", "validation")}
        read = {split: self._read_files(language, found) for split, found in paths.items() if found}
        if "train" not in read:
            raise DataError(
                f"the source `{source.name}` has no train split in `{language}`",
                hint="Curation may have kept nothing of it: the dataset's card says why.",
            )
        train, notes = read["train"]
        validation, _ = read.get("validation", (None, ()))
        return ReadSource(train, validation, notes)

    def probabilities(self, language: str, source: GridSource) -> list[TagProbabilities]:
        """Return the probabilities of labels in the train split of a source; nothing where it has none.

        Raises:
            DataError: If a file cannot be read.
        """
        has_files = source.config is not None or source.train is not None
        paths = self._files.of_split(language, source, "train") if has_files else []
        read = [read_tag_probabilities(path) for path in paths]
        return [each for each in read if each is not None]

    def _of_gold(self, language: str, split: str) -> ReadSplit:
        part = self._gold.part("source", language, split)
        return ReadSplit(part.reference, part.revision, part.examples)

    def _read_files(self, language: str, paths: Sequence[Path]) -> tuple[ReadSplit, tuple[Note, ...]]:
        """Read a split; return it, and what of it is not learned as it stands there."""
        labels, report = self._gold.of(language).labels, Report()
        reference, revision = hub_reference(paths[0]), None
        if reference is None:
            sentences = (
                sentence for path in paths for sentence in read_sentences(path, labels=labels, report=report)
            )
        else:
            dataset = read_hub(reference.name, config=reference.config, revision=reference.revision)
            dataset.check_split(reference.split)
            sentences = dataset.sentences(reference.split, labels.names, report)
            revision = dataset.revision
        found = [sentence.as_example() if sentence.is_aligned else None for sentence in sentences]
        aligned = [example for example in found if example is not None]
        unread = len(found) - len(aligned) + report.count("unreadable row")
        data = self._gold.read_as_gold(language, aligned, str(paths[0]))
        notes = tuple(notes_on_source(replace(data, left_out=data.left_out + unread)))
        return ReadSplit(self._files.shown(paths[0]), revision, data.examples), notes

    def _read_corpus(self, language: str, name: str) -> ReadSource:
        found = self._gold.load(GoldSource(corpus=name), language)
        read = {
            split: self._gold.read_as_gold(language, examples, found.title)
            for split, examples in found.splits.items()
            if split in ("train", "validation")
        }
        if "train" not in read:
            raise DataError(f"the corpus {found.title} has no train split in `{language}`")
        train, validation = read["train"], read.get("validation")
        left_out = len(found.left_out.get("train", ()))
        reference = found.hub or found.title
        return ReadSource(
            ReadSplit(reference, found.revision, train.examples),
            ReadSplit(reference, found.revision, validation.examples) if validation else None,
            tuple(notes_on_source(replace(train, left_out=train.left_out + left_out))),
        )
