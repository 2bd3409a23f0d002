"""A dataset on the Hub, tested on a benchmark here: standard taggers are trained on one of its configs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..evaluation.grid.cells import Plan, plan_cells
from ..evaluation.grid.data import GridData
from ..evaluation.grid.description import (
    CRF,
    ENCODER,
    ENCODER_RECIPE,
    SCRATCH,
    SEEDS,
    SIZES,
    Grid,
    GridLanguage,
    GridSource,
    GridTagger,
)
from ..evaluation.grid.pool import run_cells
from ..evaluation.grid.progress import Watcher
from ..evaluation.grid.results import PREDICTIONS_FILE, is_done, read_failure
from ..evaluation.leaderboard.benchmarks import HubGold, TestSet
from ..evaluation.leaderboard.contamination import MOST_CONTAMINATED, TrainingData
from ..evaluation.leaderboard.records import DATASET, record_of_run
from ..hub.repository import again, hub_errors
from ..schema.errors import DataError
from ..schema.labels import LabelSet
from ..sources.gold import GoldSource
from ..sources.hub import read_hub
from .submission import Says, SubmittedResult

Watched = Callable[[Plan, GridData], AbstractContextManager[Watcher]]

_SEED = 0
_TEST = "test"


@dataclass(frozen=True)
class HubConfig:
    """A config of a dataset on the Hub.

    Attributes:
        id: `organisation/name`.
        config: The config; None for a dataset that has one only.
        revision: Its commit.
    """

    id: str
    config: str | None
    revision: str

    def split(self, name: str) -> str:
        """Return how a split of it is named where a file could be."""
        config = f"/{self.config}/{name}" if self.config else ""
        return f"hub:{self.id}{config}@{self.revision}"


def known_config(id_: str, config: str | None, revision: str | None) -> HubConfig:
    """Ask the Hub for the commit of a dataset.

    Raises:
        PublishError: If there is no such dataset or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    def ask() -> HubConfig:
        with hub_errors(id_):
            info = HfApi().dataset_info(id_, revision=revision)
        return HubConfig(info.id, config, str(info.sha))

    return again(ask)


def train_on_dataset(
    data: HubConfig, tagger: str, test: TestSet, says: Says, *, folder: Path, watched: Watched
) -> list[SubmittedResult]:
    """Train a tagger on samples of a config in the standard sizes, with the standard seeds, and test each.

    Args:
        data: The config.
        tagger: `crf`, or an encoder: a folder, or an id of the Hub.
        test: The test sentences.
        says: What the submitter says.
        folder: Where results are kept: after an interruption, what is done is not run again.
        watched: Shows how it goes.

    Raises:
        DataError: If the config holds test sentences or has nothing to learn from, or training fails.
    """
    gold = _gold(test)  # before anything is downloaded: not every benchmark can be tested on here
    _refuse_test_sentences(data, test)
    grid_data = GridData(_grid(data, tagger, test.benchmark.language, gold, folder))
    plan = plan_cells(grid_data)
    if plan.left_out:
        raise plan.left_out[0].error
    with watched(plan, grid_data) as watcher:
        run_cells(plan, grid_data, workers=None, watcher=watcher)
    runs = [grid_data.grid.runs / planned.id for planned in plan.cells]
    for run in runs:
        if not is_done(run):
            raise DataError(
                f"a tagger could not be trained: {read_failure(run) or 'it was interrupted'}",
                where=f"{data.id}, cell {run.name}",
                hint="Run the same command again: what is done is not run again.",
            )
    submission = says.submission(DATASET)
    return [
        SubmittedResult(
            record_of_run(run, test.benchmark.name, submission), (run / PREDICTIONS_FILE).read_bytes()
        )
        for run in runs
    ]


def _refuse_test_sentences(data: HubConfig, test: TestSet) -> None:
    """Refuse data with the test sentences before hours are spent on it."""
    part = {
        "role": "source",
        "name": data.id,
        "hub": data.id,
        "config": data.config,
        "split": "train",
        "revision": data.revision,
    }
    for overlap in TrainingData().overlaps({"training": [part]}, test):
        if overlap.is_refused:
            raise DataError(
                f"{overlap.shared} of {overlap.sentences} test sentences are in this data; up to "
                f"{MOST_CONTAMINATED:.0%} may be chance",
                where=overlap.part,
                hint="Take them out of the data and publish it again: `synthner build` does so.",
            )


def _grid(data: HubConfig, tagger: str, language: str, gold: GoldSource, folder: Path) -> Grid:
    splits = read_hub(data.id, config=data.config, revision=data.revision).splits
    has_validation = "validation" in splits and data.config is not None
    source = GridSource(
        name=f"{data.id}/{data.config}" if data.config else data.id,
        train=data.split("train"),
        validation=data.split("validation") if has_validation else None,
    )
    return Grid(
        languages=(GridLanguage(language),),
        gold={language: gold},
        sources=(source,),
        taggers=(_tagger(tagger),),
        settings=(SCRATCH,),
        sizes=SIZES,
        seeds=SEEDS,
        seed=_SEED,
        dataset=folder / "dataset",
        folder=folder,
        runs=folder / "runs",
    )


def _tagger(written: str) -> GridTagger:
    if written == CRF:
        return GridTagger(CRF)
    return GridTagger(Path(written).name, ENCODER, written, ENCODER_RECIPE)


def _gold(test: TestSet) -> GoldSource:
    gold, labels = test.benchmark.gold, LabelSet.of_types(test.benchmark.types)
    if not isinstance(gold, HubGold):
        return GoldSource(files={_TEST: gold}, labels=labels)
    if gold.split != _TEST:
        raise DataError(
            f"the benchmark tests on the split `{gold.split}`, which taggers would be trained with here",
            where=test.benchmark.where,
            hint="Run `synthner evaluate` with a release of your own, and submit its runs.",
        )
    return GoldSource(hub=gold.hub, config=gold.config, revision=gold.revision, labels=labels)
