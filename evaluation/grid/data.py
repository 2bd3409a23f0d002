"""The data of a grid: each source read once, sampled into nested sizes, and known by its content."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from ...projection.parallel_text import Pair, ParallelText
from ...schema.errors import DataError, SynthnerError
from ...schema.example import Example, SoftExample
from ...schema.iob2 import parse_tag
from ...schema.manifest import read_manifest
from ...sources.gold import Gold, GoldSource, load_gold
from ...sources.hub import read_hub
from ...sources.hub_reference import PREFIX, hub_reference
from ...sources.readers import read_sentences
from ...sources.report import Problem, Report
from ...sources.tag_probabilities import TagProbabilities, read_tag_probabilities
from ..crf import PreparedExample
from ..perturbation import Names, names_of_gold
from ..prediction_files import read_predictions
from ..soft_labels import as_labels
from ..training_data import TrainingData, training_data
from .base_models import BaseModels
from .description import Grid, GridSource
from .made_of_gold import MadeOfGold, seeds_of_rows

Examples = tuple[Example, ...]

RELATED_AT_MOST = 8000
"""Gold sentences of a related language that are learned at most, as in Kamath & Vajjala (2025)."""

_TYPES_SHOWN = 6

_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
    examples: Examples = field(repr=False)

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


def content_hash(examples: Examples) -> str:
    """Return the sha256 of sentences and their labels, in their order; their ids play no part."""
    return _hash_of_lines([example.tokens, example.ner_tags] for example in examples)


def _hash_of_lines(values: Iterable[object]) -> str:
    digest = sha256()
    for value in values:
        digest.update(_write_json(value).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class _Source:
    """A source in a language, its labels read as gold's types."""

    reference: str
    revision: str | None
    train: Examples
    validation: Examples | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Split:
    """A split of a source, and its commit where it is on the Hub."""

    data: TrainingData
    revision: str | None


Predictions = list[tuple[str, ...]]

_Read = TypeVar("_Read")


class GridData:
    """Reads what a grid needs, each thing once.

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
        self._gold: dict[str, Gold] = {}
        self._names: dict[str, tuple[Names, str]] = {}
        self._sources: dict[tuple[str, GridSource], _Source] = {}
        self._predictions: dict[tuple[str, GridSource], Predictions] = {}
        self._failures: dict[object, SynthnerError] | None = None
        self._extra: dict[tuple[str, str], tuple[tuple[Pair, ...], str | None]] = {}
        self._probabilities: dict[tuple[str, GridSource], list[TagProbabilities]] = {}
        self._made: dict[tuple[str, GridSource], MadeOfGold | None] = {}
        self._parts: dict[tuple[Any, ...], Part] = {}
        self._prepared: tuple[str, Mapping[tuple[str, ...], PreparedExample]] = ("", {})

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made of the rest: features cannot be pickled, and samples are drawn again."""
        return {**self.__dict__, "_prepared": ("", {}), "_parts": {}}

    @contextmanager
    def remembering_failures(self) -> Iterator[None]:
        """Try to read what cannot be read once only: each cell of a plan asks for it."""
        self._failures = {}
        try:
            yield
        finally:
            self._failures = None

    def _read_once(self, key: object, read: Callable[[], _Read]) -> _Read:
        if self._failures and key in self._failures:
            raise self._failures[key]
        try:
            return read()
        except SynthnerError as error:
            if self._failures is not None:
                self._failures[key] = error
            raise

    def gold(self, language: str) -> Gold:
        """Return the gold of a language.

        Raises:
            DataError: If it cannot be had.
        """
        if language not in self._gold:
            self._gold[language] = self._read_once(
                language,
                lambda: load_gold(self.grid.gold[language], language, iob2_policy=self.grid.iob2),
            )
        return self._gold[language]

    def types(self, language: str) -> tuple[str, ...]:
        """Return the entity types of a language's gold, in their order."""
        return tuple(
            dict.fromkeys(
                parsed[1]
                for tag in self.gold(language).labels.names
                if (parsed := parse_tag(tag)) and parsed[1]
            )
        )

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
        return self._once(("test", language), lambda: self._test(language))

    def _test(self, language: str) -> Part:
        part = self._gold_part("test", language, "test")
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

    def notes_on_source(self, language: str, source: GridSource) -> tuple[str, ...]:
        """Say what of a source is not learned as it stands there; nothing of one that was not read."""
        found = self._sources.get((language, source))
        return found.notes if found else ()

    def notes_on_test(self, language: str) -> Iterator[str]:
        """Say what of a language's gold is not tested as it stands there.

        Types that the release itself leaves out, by `labels`, are not mentioned.

        Raises:
            DataError: If gold has no test split that can be used.
        """
        tested = len(self.test(language).examples)
        if left_out := len(self.gold(language).left_out.get("test", ())):
            yield (
                f"{left_out:,} of {left_out + tested:,} test sentences are left out: their tokens or labels "
                "cannot be used. `synthner validate` says which"
            )
        others = self._types_read_as_outside(language)
        if others is not None and self.grid.gold[language].labels is None:
            yield (
                f"mentions of types that gold train does not have are read as `O` ({others.count:,}; the "
                f"first is `{others.first.label}` at {others.first.file}:{others.first.line}). Name `labels` "
                f"under `languages.{language}` to say which types are tested"
            )

    def _types_read_as_outside(self, language: str) -> Problem | None:
        problems = self.gold(language).report.problems
        return next((each for each in problems if each.kind == "type read as O"), None)

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

    def _names_and_hash(self, language: str) -> tuple[Names, str]:
        if language not in self._names:
            names = names_of_gold(self.gold(language).splits.get("train", ()))
            self._names[language] = names, _hash_of_lines(names.items())
        return self._names[language]

    def predictions(self, language: str, source: GridSource) -> Predictions:
        """Return the tags that a system which is not trained here has predicted for the test sentences.

        Raises:
            DataError: If the file cannot be read, or is not of these sentences.
        """
        key = (language, source)
        if key not in self._predictions:
            path = self._path(source.predictions or "", language)
            self._predictions[key] = read_predictions(path, self.test(language).examples)
        return self._predictions[key]

    def predictions_hash(self, language: str, source: GridSource) -> str:
        """Return the sha256 of `predictions`."""
        return _hash_of_lines(self.predictions(language, source))

    def extra_text(self, language: str, source: str) -> tuple[tuple[Pair, ...], str | None]:
        """Return the parallel text by which words of translations are aligned besides, and its sha256.

        There is none, and no sha256, where the release names none.

        Args:
            language: The language tested.
            source: The language that it is translated into; its side comes first.

        Raises:
            DataError: If it cannot be read, or two files do not hold the same sentences.
        """
        key = (language, source)
        if key not in self._extra:
            described = self.grid.translate_test
            named = described.extra if described else ()
            pairs: list[Pair] = []
            for files in named:
                first, second = (self._path(file.replace("{source}", source), language) for file in files)
                pairs += ParallelText(first, second).pairs()
            self._extra[key] = tuple(pairs), _hash_of_lines(pairs) if named else None
        return self._extra[key]

    def sample(self, role: str, language: str, source: GridSource, size: int | None, seed: int) -> Part:
        """Return as many sentences of a source as are asked for, or all where it has fewer.

        With the same seed, the sentences of a smaller size are among those of a larger one.

        Raises:
            DataError: If the source cannot be read, or has nothing to learn from.
        """
        key = (role, language, source, size, seed)
        return self._once(key, lambda: self._sample(role, language, source, size, seed))

    def sample_with_probabilities(
        self, language: str, source: GridSource, size: int | None, seed: int
    ) -> Part:
        """Return what `sample` does, with the probabilities of labels where the source has them.

        Raises:
            DataError: As `sample` does, or if a sentence has no probabilities, and others have.
        """
        return self._once(
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
        made = self._made_of_gold(language, source)
        return replace(whole, examples=made.fitting(gold.examples)) if made else whole

    def _made_of_gold(self, language: str, source: GridSource) -> MadeOfGold | None:
        key = (language, source)
        if key not in self._made:
            config = (source.config or "").replace("{language}", language)
            files = [
                self.grid.dataset / shard["file"]
                for shard in self._manifest_of(config)["provenance"]["files"]
            ]
            gold = self.gold(language)
            seeds = seeds_of_rows(files, gold.revision)
            whole = self.sample("source", language, source, None, 0).examples
            self._made[key] = MadeOfGold(whole, seeds, gold.splits["train"]) if seeds else None
        return self._made[key]

    def available(self, language: str, source: GridSource) -> int:
        """Return how many sentences of a source can be learned from."""
        return len(self._source(language, source).train)

    def validation(self, language: str, source: GridSource) -> Part | None:
        """Return the source's own validation sentences, if it has some."""
        found = self._source(language, source)
        if not found.validation:
            return None
        examples = found.validation
        return self._once(
            ("validation", language, source),
            lambda: Part(
                "validation",
                source.language_of_sentences(language),
                source.name,
                found.reference,
                found.revision,
                examples,
            ),
        )

    def related(self, language: str, related: str, at_most: int = RELATED_AT_MOST) -> Part:
        """Return gold train of a related language, with the types that the language's gold has.

        Raises:
            DataError: If the two have no type in common.
        """
        return self._once(
            ("related", language, related, at_most), lambda: self._related(language, related, at_most)
        )

    def _related(self, language: str, related: str, at_most: int) -> Part:
        part = self._gold_part("related", related, "train")
        return self.read_as(language, replace(part, examples=part.examples[:at_most]))

    def read_as(self, language: str, part: Part) -> Part:
        """Return sentences of another language with the types that the language's gold has.

        Raises:
            DataError: If the two have no type in common.
        """
        if part.language == language:
            return part
        return replace(part, examples=self._with_types(language, part.examples, part.reference))

    def _once(self, key: tuple[Any, ...], make: Callable[[], Part]) -> Part:
        if key not in self._parts:
            self._parts[key] = make()
        return self._parts[key]

    def _sample(self, role: str, language: str, source: GridSource, size: int | None, seed: int) -> Part:
        found = self._source(language, source)
        examples = found.train
        if size is not None and size < len(examples):
            order = list(range(len(examples)))
            Random(f"{self.grid.seed} sample {seed}").shuffle(order)  # noqa: S311 - no secret is drawn
            examples = tuple(examples[place] for place in order[:size])
        spoken = source.language_of_sentences(language)
        return Part(role, spoken, source.name, found.reference, found.revision, examples)

    def _with_probabilities(self, language: str, source: GridSource, part: Part) -> Part:
        found = self._probabilities_of(language, source)
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

    def _probabilities_of(self, language: str, source: GridSource) -> list[TagProbabilities]:
        key = (language, source)
        if key not in self._probabilities:
            files = source.config is not None or source.train is not None
            paths = self._paths(language, source, "train") if files else []
            read = [read_tag_probabilities(path) for path in paths]
            self._probabilities[key] = [each for each in read if each is not None]
        return self._probabilities[key]

    def _gold_part(self, role: str, language: str, split: str) -> Part:
        gold = self.gold(language)
        if split not in gold.splits:
            raise DataError(
                f"gold of `{language}` has no {split} split",
                where=gold.title,
                hint=f"Name one that has it under `languages.{language}.gold` in release.yaml.",
            )
        return Part(role, language, "gold", gold.hub or gold.title, gold.revision, gold.splits[split])

    def _source(self, language: str, source: GridSource) -> _Source:
        key = (language, source)
        if key not in self._sources:
            self._sources[key] = self._read_once(key, lambda: self._read(language, source))
        return self._sources[key]

    def _read(self, language: str, source: GridSource) -> _Source:
        if source.is_organic:
            part = self._gold_part("source", language, "train")
            validation = self.gold(language).splits.get("validation")
            return _Source(part.reference, part.revision, part.examples, validation)
        if source.corpus is not None:
            return self._read_corpus(language, source.corpus)
        paths = {split: self._paths(language, source, split) for split in ("train", "validation")}
        read = {split: self._read_files(language, found) for split, found in paths.items() if found}
        if "train" not in read:
            raise DataError(
                f"the source `{source.name}` has no train split in `{language}`",
                hint="Curation may have kept nothing of it: the dataset's card says why.",
            )
        train, validation = read["train"], read.get("validation")
        return _Source(
            self._shown(paths["train"]),
            train.revision,
            train.data.examples,
            validation.data.examples if validation else None,
            tuple(_notes_on(train.data)),
        )

    def _read_files(self, language: str, paths: Sequence[Path]) -> _Split:
        labels, report = self.gold(language).labels, Report()
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
        data = self._read_as_gold(language, aligned, str(paths[0]))
        return _Split(replace(data, left_out=data.left_out + unread), revision)

    def _read_corpus(self, language: str, name: str) -> _Source:
        found = load_gold(GoldSource(corpus=name), language, iob2_policy=self.grid.iob2)
        read = {
            split: self._read_as_gold(language, examples, found.title)
            for split, examples in found.splits.items()
            if split in ("train", "validation")
        }
        if "train" not in read:
            raise DataError(f"the corpus {found.title} has no train split in `{language}`")
        train, validation = read["train"], read.get("validation")
        left_out = len(found.left_out.get("train", ()))
        return _Source(
            found.hub or found.title,
            found.revision,
            train.examples,
            validation.examples if validation else None,
            tuple(_notes_on(replace(train, left_out=train.left_out + left_out))),
        )

    def _paths(self, language: str, source: GridSource, split: str) -> list[Path]:
        """Return where a split of a source stands; nothing where it has none."""
        if source.config is not None:
            return self._files_of_config(source.config.replace("{language}", language), split)
        written = source.train if split == "train" else source.validation
        return [self._path(written, language)] if written is not None else []

    def _path(self, written: str, language: str) -> Path:
        path = written.replace("{language}", language)
        return Path(path) if path.startswith(PREFIX) else self.grid.folder / path

    def _files_of_config(self, config: str, split: str) -> list[Path]:
        table = self._manifest_of(config)["splits"].get(split)
        return [self.grid.dataset / shard["file"] for shard in table["files"]] if table else []

    def _manifest_of(self, config: str) -> Mapping[str, Any]:
        configs = read_manifest(self.grid.dataset)["configs"]
        if config not in configs:
            raise DataError(
                f"the dataset has no config `{config}`",
                where=str(self.grid.dataset),
                hint="Run `synthner build`.",
            )
        return configs[config]

    def _shown(self, paths: Sequence[Path]) -> str:
        """Return a path as results have it: no folder of this machine."""
        path = paths[0]
        return (
            path.relative_to(self.grid.folder).as_posix()
            if path.is_relative_to(self.grid.folder)
            else (path.as_posix() if hub_reference(path) else path.name)
        )

    def _with_types(self, language: str, examples: Sequence[Example], where: str) -> Examples:
        return self._read_as_gold(language, examples, where).examples

    def _read_as_gold(self, language: str, examples: Sequence[Example], where: str) -> TrainingData:
        """Read labels as gold's types; what gold does not have becomes `O`."""
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


def _notes_on(data: TrainingData) -> Iterator[str]:
    """Say what of a source is not learned as it stands there."""
    if data.left_out:
        sentences = "1 sentence is" if data.left_out == 1 else f"{data.left_out:,} sentences are"
        yield f"{sentences} left out: not every token has an IOB2 tag. `synthner validate` says where"
    if data.foreign_mentions:
        foreign = [f"{type_} ({count:,})" for type_, count in sorted(data.foreign_mentions.items())]
        shown = ", ".join(foreign[:_TYPES_SHOWN]) + (" and more" if len(foreign) > _TYPES_SHOWN else "")
        yield f"mentions of types that gold does not have are read as `O`: {shown}"


def _listed(types: Iterable[str]) -> str:
    return ", ".join(sorted(types))
