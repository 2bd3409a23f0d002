"""The benchmarks of a leaderboard: what their owners test on, and its gold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...schema.errors import DataError, ReleaseError, WrongUsageError
from ...schema.example import Example
from ...schema.labels import LabelSet
from ...schema.validation import first_error
from ...schema.yaml_source import YamlSource
from ...sources.gold import GoldSource, load_gold
from ...sources.hub import PARQUET_REVISION
from ...sources.hub_reference import hub_reference
from ...sources.normal_forms import NormalForms
from ..content_hash import content_hash
from ..mention_arrays import Integers
from .records import schema_error

BENCHMARKS = "benchmarks"
"""The folder of all benchmarks."""

SCHEMA = "leaderboard_benchmark"

_TEST = "test"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|[-_.](?=[a-z0-9])){0,63}")
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class HubGold:
    """Gold on the Hub.

    Attributes:
        hub: Its dataset.
        config: Its config; None for a dataset that has one only.
        split: The split that is tested on.
        revision: Its commit, or the branch on which the Hub keeps a parquet copy.
    """

    hub: str
    config: str | None
    split: str
    revision: str


@dataclass(frozen=True)
class Benchmark:
    """What is tested on.

    Attributes:
        name: By which results call it.
        title: What people call it.
        language: The code of its language.
        gold: Where gold is on the Hub, or which file it is.
        types: The entity types; the macro average is over these.
        sha256: Of the test sentences and their labels.
        license: The Hub's id of gold's licence.
        baselines: Organisations whose verified results are baselines.
        in_overall: Whether it counts in the mean over languages.
    """

    name: str
    title: str
    language: str
    gold: HubGold | Path
    types: tuple[str, ...]
    sha256: str
    license: str
    baselines: frozenset[str]
    in_overall: bool

    @property
    def where(self) -> str:
        """Its file in the leaderboard."""
        return f"{BENCHMARKS}/{self.name}.yaml"


@dataclass(frozen=True)
class TestSet:
    """The gold of a benchmark, read.

    Attributes:
        benchmark: The benchmark.
        examples: Its test sentences, in their order.
    """

    benchmark: Benchmark
    examples: tuple[Example, ...] = field(repr=False)

    # Its name begins with Test, and it is none of pytest's.
    __test__ = False

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of the sentences."""
        return tuple(example.id for example in self.examples)

    @cached_property
    def tags(self) -> tuple[tuple[str, ...], ...]:
        """The gold tags."""
        return tuple(example.ner_tags for example in self.examples)

    @cached_property
    def lengths(self) -> Integers:
        """How many words each sentence has."""
        return np.array([len(example.tokens) for example in self.examples], dtype=np.int64)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The tags that may be predicted."""
        return frozenset(LabelSet.of_types(self.benchmark.types).names)

    @cached_property
    def comparable(self) -> tuple[str, ...]:
        """What is the same for sentences that the contamination gate takes for the same."""
        forms = NormalForms()
        return tuple(forms.comparable(example.tokens) for example in self.examples)


class Benchmarks:
    """The benchmarks of a leaderboard. Gold is read when it is asked for, once.

    Args:
        folder: The leaderboard.
        mirror: Data sets as `ORGANISATION/NAME`, laid out as on the Hub; what is there is read from there.

    Raises:
        DataError: If a benchmark cannot be used.
    """

    def __init__(self, folder: Path, mirror: Path | None = None) -> None:
        self._mirror = mirror
        self._read: dict[str, TestSet] = {}
        place = folder / BENCHMARKS
        found = sorted(place.glob("*.yaml")) if place.is_dir() else []
        if not found:
            raise DataError(
                "there is no benchmark here",
                where=str(place),
                hint="A leaderboard has a folder `benchmarks` with a YAML file for each: docs/leaderboard.md "
                "shows one.",
            )
        self.by_name: Mapping[str, Benchmark] = {path.stem: _read_benchmark(path) for path in found}

    def of_test_data(self, test_sha256: str) -> Benchmark | None:
        """Return the benchmark whose gold has a content hash; that of a result is `data.test.sha256`."""
        return next((each for each in self.by_name.values() if each.sha256 == test_sha256), None)

    def test_set(self, name: str) -> TestSet:
        """Return the gold of a benchmark.

        Raises:
            DataError: If it cannot be read, or is not what the benchmark says.
        """
        if name not in self._read:
            self._read[name] = self._load(self.by_name[name])
        return self._read[name]

    def _load(self, benchmark: Benchmark) -> TestSet:
        labels = LabelSet.of_types(benchmark.types)
        if isinstance(benchmark.gold, Path):
            split, source = _TEST, GoldSource(files={_TEST: benchmark.gold}, labels=labels)
        else:
            split = benchmark.gold.split
            mirrored = in_mirror(self._mirror, benchmark.gold.hub)
            source = GoldSource(
                hub=str(mirrored or benchmark.gold.hub),
                config=benchmark.gold.config,
                revision=None if mirrored else benchmark.gold.revision,
                labels=labels,
            )
        gold = load_gold(source, benchmark.language)
        if split not in gold.splits:
            raise DataError(f"gold has no split `{split}`", where=benchmark.where)
        examples = gold.splits[split]
        if (found := content_hash(examples)) != benchmark.sha256:
            raise DataError(
                f"gold is not what it was when the benchmark was made: its sha256 is {found}",
                where=benchmark.where,
                hint="Results on other gold cannot be compared: make another benchmark of it, with a name of "
                "its own.",
            )
        return TestSet(benchmark, examples)


def in_mirror(mirror: Path | None, hub: str) -> Path | None:
    """Return the folder of a data set in a mirror; None where it is not there."""
    if mirror is None:
        return None
    place = mirror / hub
    return place if place.is_dir() else None


def _read_benchmark(path: Path) -> Benchmark:
    if _NAME.fullmatch(path.stem) is None:
        raise DataError(
            "the name of a benchmark is of lower-case ASCII letters, digits, `-`, `_` and `.`",
            where=str(path),
        )
    if path.is_symlink():
        raise DataError("a benchmark is a file, not a link to one", where=str(path))
    try:
        source = YamlSource(path)
    except ReleaseError as error:
        raise DataError(error.message, where=error.where) from error
    problem = first_error(SCHEMA, source.value)
    if problem is not None:
        raise schema_error(problem, source.where(tuple(problem.absolute_path)))
    value = source.value
    return Benchmark(
        name=path.stem,
        title=value["title"],
        language=value["language"],
        gold=_gold(value["gold"], path),
        types=tuple(value["types"]),
        sha256=value["sha256"],
        license=value["license"],
        baselines=frozenset(value.get("baselines", ())),
        in_overall=value.get("overall", True),
    )


def _gold(written: Any, path: Path) -> HubGold | Path:
    if isinstance(written, str):
        try:
            found = hub_reference(Path(written))
        except WrongUsageError as error:
            raise DataError(error.message, where=str(path), hint=error.hint) from error
        if found is None or not _is_pinned(found.revision):
            raise DataError(
                "gold has no pinned revision",
                where=str(path),
                hint="Write hub:ORG/NAME/CONFIG/SPLIT@ and the 40 digits of a commit.",
            )
        return HubGold(found.name, found.config, found.split, str(found.revision))
    if "file" in written:
        return path.parent / written["file"]
    return HubGold(written["hub"], written.get("config"), written.get("split", _TEST), written["revision"])


def _is_pinned(revision: str | None) -> bool:
    return revision == PARQUET_REVISION or bool(revision and _COMMIT.fullmatch(revision))
