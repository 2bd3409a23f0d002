"""The data of a grid: what each cell learns and is tested on, drawn from gold and the sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

from ...projection.parallel_text import Pair, ParallelText
from ...schema.errors import DataError
from ...schema.example import SoftExample
from ...sources.gold import Gold
from ...sources.tag_probabilities import TagProbabilities
from ..content_hash import hash_of_values
from ..crf import PreparedExample
from ..perturbation import Names, names_of_gold
from ..prediction_files import read_predictions
from ..soft_labels import as_labels
from .base_models import BaseModels
from .description import Grid, GridSource
from .gold import GridGold
from .made_of_gold import MadeOfGold, seeds_of_rows
from .notes import Note
from .once import Once
from .parts import Part
from .read_sources import ReadSource, SourceReader
from .source_files import SourceFiles

RELATED_AT_MOST = 8000
"""Gold sentences of a related language that are learned at most, as in Kamath & Vajjala (2025)."""

Predictions = list[tuple[str, ...]]

_Key = tuple[str, GridSource]
"""A source in a language."""


class GridData:
    """Gives what the cells of a grid need: each thing read once, each sample drawn once.

    Pickled, it holds all that has been read, and needs no file where it is unpickled.

    Args:
        grid: The grid.
        models: Knows the models of its encoders; by default nothing yet.

    Attributes:
        grid: The grid.
        models: Knows the models of its encoders.
    """

    def __init__(self, grid: Grid, models: BaseModels | None = None) -> None:
        self.grid = grid
        self.models = models or BaseModels(grid.folder)
        self._gold = GridGold(grid.gold, grid.iob2)
        self._files = SourceFiles(grid.folder, grid.dataset)
        self._reader = SourceReader(self._files, self._gold)
        self._sources: Once[_Key, ReadSource] = Once()
        self._probabilities: Once[_Key, list[TagProbabilities]] = Once()
        self._made: Once[_Key, MadeOfGold | None] = Once()
        self._predictions: Once[_Key, Predictions] = Once()
        self._names: Once[str, tuple[Names, str]] = Once()
        self._extra: Once[tuple[str, str], tuple[tuple[Pair, ...], str | None]] = Once()
        self._parts: Once[tuple[Any, ...], Part] = Once()
        self._prepared: tuple[str, Mapping[tuple[str, ...], PreparedExample]] = ("", {})

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made of the rest: features cannot be pickled, and samples are drawn again."""
        return {**self.__dict__, "_prepared": ("", {}), "_parts": Once()}

    @contextmanager
    def remembering_failures(self) -> Iterator[None]:
        """Try to read what cannot be read once only: each cell of a plan asks for it."""
        with self._gold.remembering_failures(), self._sources.remembering_failures():
            yield

    def gold(self, language: str) -> Gold:
        """Return the gold of a language.

        Raises:
            DataError: If it cannot be had.
        """
        return self._gold.of(language)

    def types(self, language: str) -> tuple[str, ...]:
        """Return the entity types of a language's gold, in their order."""
        return self._gold.types(language)

    def has_test(self, language: str) -> bool:
        """Say whether gold of a language has a test split.

        Raises:
            DataError: If gold cannot be had.
        """
        return "test" in self.gold(language).splits

    def test(self, language: str) -> Part:
        """Return the sentences that a language is tested on.

        Raises:
            DataError: If gold has no test split, or no mention there is of a type that gold train has.
        """
        return self._parts.value(("test", language), lambda: self._gold.test(language))

    def notes_on_source(self, language: str, source: GridSource) -> tuple[Note, ...]:
        """Say what of a source is not learned as it stands there; nothing of one that was not read."""
        found = self._sources.known((language, source))
        return found.notes if found else ()

    def notes_on_test(self, language: str) -> Iterator[Note]:
        """Say what of a language's gold is not tested as it stands there.

        Types that the release itself leaves out, by `labels`, are not mentioned.

        Raises:
            DataError: If gold has no test split that can be used.
        """
        return self._gold.notes_on_test(language)

    def prepared_test(self, language: str) -> Mapping[tuple[str, ...], PreparedExample]:
        """Return the test sentences, by their tokens, with the features that a CRF tags them by.

        Those of one language are kept: the cells of a grid come language by language.
        """
        if self._prepared[0] != language:
            examples = self.test(language).examples
            self._prepared = (language, {each.tokens: PreparedExample.of(each) for each in examples})
        return self._prepared[1]

    def names(self, language: str) -> Names:
        """Return the names of gold train, by type; none where gold has no train split."""
        return self._names_and_hash(language)[0]

    def names_hash(self, language: str) -> str:
        """Return the sha256 of `names`."""
        return self._names_and_hash(language)[1]

    def predictions(self, language: str, source: GridSource) -> Predictions:
        """Return the tags that a system which is not trained here has predicted for the test sentences.

        Raises:
            DataError: If the file cannot be read, or is not of these sentences.
        """

        def read() -> Predictions:
            path = self._files.named(source.predictions or "", language)
            return read_predictions(path, self.test(language).examples)

        return self._predictions.value((language, source), read)

    def predictions_hash(self, language: str, source: GridSource) -> str:
        """Return the sha256 of `predictions`."""
        return hash_of_values(self.predictions(language, source))

    def extra_text(self, language: str, source: str) -> tuple[tuple[Pair, ...], str | None]:
        """Return the parallel text by which words of translations are aligned besides, and its sha256.

        There is none, and no sha256, where the release names none.

        Args:
            language: The language tested.
            source: The language that it is translated into; its side comes first.

        Raises:
            DataError: If it cannot be read, or two files do not hold the same sentences.
        """
        return self._extra.value((language, source), lambda: self._read_extra_text(language, source))

    def sample(self, role: str, language: str, source: GridSource, size: int | None, seed: int) -> Part:
        """Return as many sentences of a source as are asked for, or all where it has fewer.

        With the same seed, the sentences of a smaller size are among those of a larger one.

        Raises:
            DataError: If the source cannot be read, or has nothing to learn from.
        """
        key = (role, language, source, size, seed)
        return self._parts.value(key, lambda: self._sample(role, language, source, size, seed))

    def sample_with_probabilities(
        self, language: str, source: GridSource, size: int | None, seed: int
    ) -> Part:
        """Return what `sample` does, with the probabilities of labels where the source has them.

        Raises:
            DataError: As `sample` does, or if a sentence has no probabilities, and others have.
        """
        return self._parts.value(
            ("probabilities", language, source, size, seed),
            lambda: self._with_probabilities(
                language, source, self.sample("source", language, source, size, seed)
            ),
        )

    def beside_gold(self, language: str, source: GridSource, gold: Part) -> Part:
        """Return what a source adds to a sample of gold: nothing that was made of other gold sentences.

        Raises:
            DataError: If the source or its provenance cannot be read.
        """
        whole = self.sample("source", language, source, None, 0)
        if source.config is None or len(gold.examples) == len(self.gold(language).splits["train"]):
            return whole
        made = self._made_of_gold(language, source, source.config)
        return replace(whole, examples=made.fitting(gold.examples)) if made else whole

    def available(self, language: str, source: GridSource) -> int:
        """Return how many sentences of a source can be learned from."""
        return len(self._source(language, source).train.examples)

    def validation(self, language: str, source: GridSource) -> Part | None:
        """Return the source's own validation sentences, if it has some."""
        found = self._source(language, source).validation
        if found is None or not found.examples:
            return None
        return self._parts.value(
            ("validation", language, source),
            lambda: Part(
                "validation",
                source.language_of_sentences(language),
                source.name,
                found.reference,
                found.revision,
                found.examples,
            ),
        )

    def related(self, language: str, related: str, at_most: int = RELATED_AT_MOST) -> Part:
        """Return gold train of a related language, with the types that the language's gold has.

        Raises:
            DataError: If the two have no type in common.
        """
        return self._parts.value(
            ("related", language, related, at_most), lambda: self._related(language, related, at_most)
        )

    def read_as(self, language: str, part: Part) -> Part:
        """Return sentences of another language with the types that the language's gold has.

        Raises:
            DataError: If the two have no type in common.
        """
        if part.language == language:
            return part
        return replace(
            part, examples=self._gold.read_as_gold(language, part.examples, part.reference).examples
        )

    def _source(self, language: str, source: GridSource) -> ReadSource:
        return self._sources.value((language, source), lambda: self._reader.read(language, source))

    def _sample(self, role: str, language: str, source: GridSource, size: int | None, seed: int) -> Part:
        found = self._source(language, source).train
        examples = found.examples
        if size is not None and size < len(examples):
            order = list(range(len(examples)))
            Random(f"{self.grid.seed} sample {seed}").shuffle(order)  # noqa: S311 - no secret is drawn
            examples = tuple(examples[place] for place in order[:size])
        spoken = source.language_of_sentences(language)
        return Part(role, spoken, source.name, found.reference, found.revision, examples)

    def _with_probabilities(self, language: str, source: GridSource, part: Part) -> Part:
        found = self._probabilities.value(
            (language, source), lambda: self._reader.probabilities(language, source)
        )
        if not found:
            return part
        names = self.gold(language).labels.names
        known = {id_: (each.labels, rows) for each in found for id_, rows in each.of_row.items()}
        examples = []
        for example in part.examples:
            labels, rows = known.get(example.id, ((), None))
            if rows is None or len(rows) != len(example.tokens):
                raise DataError(
                    f"`{example.id}` has no probabilities for each of its words, and other sentences have",
                    where=part.reference,
                    hint="Build the dataset again.",
                )
            read = as_labels(rows, labels, names).astype("float32")
            examples.append(SoftExample(example.id, example.tokens, example.ner_tags, names, read))
        return replace(part, examples=tuple(examples))

    def _made_of_gold(self, language: str, source: GridSource, config: str) -> MadeOfGold | None:
        def made() -> MadeOfGold | None:
            files = self._files.of_provenance(language, config)
            gold = self.gold(language)
            seeds = seeds_of_rows(files, gold.revision)
            whole = self.sample("source", language, source, None, 0).examples
            return MadeOfGold(whole, seeds, gold.splits["train"]) if seeds else None

        return self._made.value((language, source), made)

    def _related(self, language: str, related: str, at_most: int) -> Part:
        part = self._gold.part("related", related, "train")
        return self.read_as(language, replace(part, examples=part.examples[:at_most]))

    def _names_and_hash(self, language: str) -> tuple[Names, str]:
        def read() -> tuple[Names, str]:
            names = names_of_gold(self.gold(language).splits.get("train", ()))
            return names, hash_of_values(names.items())

        return self._names.value(language, read)

    def _read_extra_text(self, language: str, source: str) -> tuple[tuple[Pair, ...], str | None]:
        described = self.grid.translate_test
        named = described.extra if described else ()
        pairs: list[Pair] = []
        for files in named:
            first, second = (self._files.named(file.replace("{source}", source), language) for file in files)
            pairs += ParallelText(first, second).pairs()
        return tuple(pairs), hash_of_values(pairs) if named else None
