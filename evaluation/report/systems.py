"""The results of a folder of runs, grouped: a system is all runs that only the seed distinguishes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from ...schema.errors import DataError
from ..grid.description import (
    ADDED_TO_GOLD,
    CRF,
    ORGANIC,
    PREDICTIONS,
    SCRATCH,
    SETTINGS,
    TRANSFER_ALONE,
)
from ..grid.parts import true_size
from ..grid.results import read_results
from ..recipes import GOLD_ONLY
from ..statistics import SeedSensitivity, sensitivity_to_seeds

_SETTINGS = (*SETTINGS, PREDICTIONS)
_ANOTHER_RELEASE = (
    "They are of different releases or grids: move the older ones out of the folder, or evaluate into a "
    "new one."
)


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: Where its predictions are.
        result: Its result, as its schema describes it.
    """

    folder: Path
    result: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.result["cell"]["seed"]

    @property
    def retry_of(self) -> int | None:
        """The seed of the collapsed run that this one repeats."""
        return self.result["cell"]["retry_of"]

    @property
    def collapsed(self) -> bool:
        """Whether training has failed."""
        return self.result["collapsed"]

    @property
    def f1(self) -> float:
        """Micro-F1."""
        return self.result["scores"]["micro"]["f1"]


@dataclass(frozen=True)
class System:
    """What replicates have in common, and the replicates.

    Attributes:
        language: The language tested.
        tagger: The tagger's name.
        setting: What it was trained on.
        source: Where the training sentences are from.
        size: Sentences asked for; None for all.
        runs: All runs, by their seed.
    """

    language: str
    tagger: str
    setting: str
    source: str
    size: int | None
    runs: tuple[Run, ...]

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, str, str, str, int | None]:
        """What tells the system from all others."""
        return self.language, self.tagger, self.setting, self.source, self.size

    @property
    def title(self) -> str:
        """The system in a few words, for errors."""
        size = "all" if self.size is None else self.size
        return f"{self.language}, {self.tagger}, {self.setting}, {self.source}, {size}"

    @cached_property
    def counted(self) -> tuple[Run, ...]:
        """The runs that figures are of: a collapsed run that was repeated gives way to its repetition."""
        repeated = {run.retry_of for run in self.runs}
        return tuple(run for run in self.runs if run.seed not in repeated)

    @property
    def collapsed(self) -> int:
        """How many of the counted runs have collapsed."""
        return sum(run.collapsed for run in self.counted)

    @property
    def has_failed(self) -> bool:
        """Whether all of the counted runs have collapsed."""
        return self.collapsed == len(self.counted)

    @property
    def is_organic(self) -> bool:
        """Whether it was trained on gold's own sentences."""
        return self.source == ORGANIC

    @property
    def is_training_known(self) -> bool:
        """Whether it is known what was learned: nobody knows it of predictions that were only scored."""
        return self.setting != PREDICTIONS

    @property
    def test(self) -> Mapping[str, Any]:
        """The facts of the test set."""
        return self.runs[0].result["data"]["test"]

    @cached_property
    def true_size(self) -> int | None:
        """How many sentences the size stands for: fewer than asked for where there were no more.

        Of a model of several languages it is what the language has that has most. None where the system was
        not trained on any that are counted.
        """
        return true_size(self.setting, self.language, self.runs[0].result["data"]["train"])

    @property
    def is_smaller(self) -> bool:
        """Whether there were fewer sentences than asked for."""
        return self.size is not None and self.true_size is not None and self.true_size < self.size

    @property
    def seed_matters(self) -> bool:
        """Whether another seed might have given other figures: it draws a sample, or trains an encoder."""
        if self.runs[0].result["cell"]["tagger"]["kind"] != CRF:
            return self.setting != PREDICTIONS
        # Nothing is drawn at random when a CRF is trained, and what is learned whole is no sample.
        is_whole = self.size is None or self.is_smaller
        return self.setting not in TRANSFER_ALONE and not is_whole

    @property
    def left_out(self) -> int:
        """In how many of the counted runs folds of gold decided not to learn the source that was added."""
        combinations = (run.result["combination"] for run in self.counted)
        return sum(each is not None and each["recipe"] == GOLD_ONLY for each in combinations)

    @cached_property
    def f1(self) -> SeedSensitivity:
        """Micro-F1 over the counted runs."""
        return sensitivity_to_seeds([run.f1 for run in self.counted])

    def spread(self, figure: Callable[[Mapping[str, Any]], float]) -> SeedSensitivity:
        """Describe one figure of the `scores` over the counted runs."""
        return sensitivity_to_seeds([figure(run.result["scores"]) for run in self.counted])

    def mean(self, figure: Callable[[Mapping[str, Any]], float]) -> float:
        """Return the mean of one figure of the `scores` over the counted runs."""
        return fmean(figure(run.result["scores"]) for run in self.counted)


def read_systems(runs: Path, only: Collection[str] | None = None) -> tuple[System, ...]:
    """Read the results of a folder of runs and group the replicates.

    Args:
        runs: The folder.
        only: Ids of the results to read; all by default.

    Raises:
        DataError: If there is none, one cannot be used, or some do not belong in one report.
    """
    grouped: defaultdict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for folder, result in read_results(runs):
        if only is not None and result["id"] not in only:
            continue
        cell = result["cell"]
        key = (cell["language"], cell["tagger"]["name"], cell["setting"], cell["source"], cell["size"])
        grouped[key].append(Run(folder, result))
    if not grouped:
        raise DataError(
            "there are no results to report", where=str(runs), hint="Run `synthner evaluate` first."
        )
    systems = [
        System(*key, runs=tuple(sorted(some, key=lambda run: run.seed))) for key, some in grouped.items()
    ]
    _check_seeds(systems)
    _check_same("the language `{}` was tested on different gold", systems, _of_language)
    _check_same("the name `{}` stands for different taggers", systems, _of_tagger)
    return tuple(sorted(systems, key=lambda system: (system.language, order_in_language(system))))


def by_language(systems: Iterable[System]) -> dict[str, tuple[System, ...]]:
    """Return the systems of each language."""
    grouped: defaultdict[str, list[System]] = defaultdict(list)
    for system in systems:
        grouped[system.language].append(system)
    return {language: tuple(some) for language, some in grouped.items()}


def order_in_language(system: System) -> tuple[Any, ...]:
    """Return what the systems of a language are sorted by: gold before other sources, small before large."""
    return (
        system.tagger,
        _SETTINGS.index(system.setting),
        system.source != ORGANIC,
        system.source,
        _size_order(system.size),
    )


def largest_of_sources(systems: Iterable[System]) -> list[System]:
    """Return, for each language, tagger, setting and source, the system that had most sentences."""
    largest: dict[tuple[str, str, str, str], System] = {}
    for system in sorted(systems, key=order_in_language):
        largest[system.key[:4]] = system
    return list(largest.values())


def with_gold_alone(systems: Iterable[System]) -> list[tuple[System, System]]:
    """Return the systems that add a source to gold, each with that of as many gold sentences alone.

    Args:
        systems: Those of one language.
    """
    found = {(system.tagger, system.setting, system.source, system.size): system for system in systems}
    return [
        (system, alone)
        for system in found.values()
        if system.setting in ADDED_TO_GOLD
        and (alone := found.get((system.tagger, SCRATCH, ORGANIC, system.size)))
    ]


def in_order_of_sources(names: Iterable[str]) -> list[str]:
    """Return names of sources, gold first."""
    return sorted(set(names), key=lambda name: (name != ORGANIC, name))


def in_order_of_settings(names: Iterable[str]) -> list[str]:
    """Return names of settings, in the order that a release's schema has them."""
    return sorted(set(names), key=_SETTINGS.index)


def in_order_of_sizes(sizes: Iterable[int | None]) -> list[int | None]:
    """Return sizes, ascending; all comes last."""
    return sorted(set(sizes), key=_size_order)


def _size_order(size: int | None) -> float:
    return float("inf") if size is None else size


def _check_seeds(systems: Iterable[System]) -> None:
    for system in systems:
        for run, following in zip(system.runs, system.runs[1:], strict=False):
            if run.seed == following.seed:
                raise DataError(
                    f"two results have the same cell ({system.title}, seed {run.seed})",
                    where=f"{run.folder} and {following.folder.name}",
                    hint=_ANOTHER_RELEASE,
                )


def _check_same(message: str, systems: Iterable[System], identity: Callable[[Run], tuple[str, str]]) -> None:
    known: dict[str, tuple[str, Run]] = {}
    for run in _all_runs(systems):
        name, value = identity(run)
        other, first = known.setdefault(name, (value, run))
        if value != other:
            raise DataError(
                message.format(name), where=f"{first.folder} and {run.folder.name}", hint=_ANOTHER_RELEASE
            )


def _all_runs(systems: Iterable[System]) -> Iterator[Run]:
    for system in systems:
        yield from system.runs


def _of_language(run: Run) -> tuple[str, str]:
    return run.result["cell"]["language"], run.result["data"]["test"]["sha256"]


def _of_tagger(run: Run) -> tuple[str, str]:
    tagger = run.result["cell"]["tagger"]
    return tagger["name"], json.dumps(tagger, sort_keys=True)
