"""What the data of each method that asks no chat model is worth to a CRF: lifts with intervals, as Markdown.

    python benchmarks/method_lifts.py FOLDER [--data-sets yor ai] [--sizes 1% 100 500] [--seeds 5]

A cell is a data set, a size, a seed and a method. The seed draws so many sentences of gold train; a release
of one generator makes data from them, by `generate` and `build` with all gates. What is published is used in
three ways: put together with gold, as papers on augmentation do; as `synthner train` uses it, which leaves it
out where folds of gold say that it does not help; and the same after curation. Lift is micro-F1 on gold test
less that of gold alone, with the same sentences and the same tagger.

The last columns show what folds of gold promised, and with how many seeds the data was used.

Gold test is in the release so that no method and no gate lets a copy of its sentences through; this script
stops if one came through. Sentences of gold train that gold test has, too, are never drawn. A data set with
fewer sentences than a size gives all that it has.

Each cell is a file of FOLDER/cells: what is there is not made again. Methods are listed in `METHODS`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from synthner.builders.build import build
from synthner.builders.curation.curate import curate
from synthner.evaluation.bootstrap import micro_f1, resampled_f1
from synthner.evaluation.combination import Combination, choose_combination
from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.recipes import GOLD_COUNTS, train_by_recipe, train_on_gold
from synthner.evaluation.scoring import score
from synthner.evaluation.student_t import critical_value
from synthner.evaluation.training_data import training_data
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.files import write_atomically
from synthner.sources.normal_forms import NormalForms
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SPLITS = ("train", "validation", "test")

METHODS: dict[str, dict[str, Any]] = {
    "simple_augmentation": {},
    "cluster_replacement": {},
}
"""The methods, by name, with their settings. One that needs a model is added here with the model's name."""

GOLD_ONLY = "gold only"
TOGETHER, TRAINED, CURATED = WAYS = ("put together", "`synthner train`", "curated, `synthner train`")

FEWEST_GOLD = 10
REPLICATES = 2_000


# By name: the language, where the files are, and what train, validation and test are called there.
DATA_SETS = {
    "yor": ("yor", "masakhaner2/yor/{}.txt.gz", ("train", "dev", "test")),
    "swa": ("swa", "masakhaner2/swa/{}.txt.gz", ("train", "dev", "test")),
    "politics": ("en", "crossner/politics/{}.txt.gz", ("train", "dev", "test")),
    "ai": ("en", "crossner/ai/{}", ("train.txt", "dev.txt.gz", "test.txt.gz")),
    "wnut17": ("en", "wnut17/{}.gz", ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")),
}


@dataclass(frozen=True)
class Cell:
    """One training: how many gold sentences of which data set, drawn by which seed, and the method.

    The method of gold alone is `GOLD_ONLY`.
    """

    data_set: str
    size: int
    seed: int
    method: str

    def path(self, folder: Path) -> Path:
        """Return the file of its outcome."""
        return (
            folder / "cells" / f"{self.data_set}-{self.size}-{self.seed}-{self.method.replace(' ', '_')}.json"
        )


@dataclass(frozen=True)
class Gold:
    """A data set as a tagger learns from it.

    Attributes:
        language: Its language's code.
        types: The entity types of gold train.
        splits: Its sentences by split.
    """

    language: str
    types: tuple[str, ...]
    splits: Mapping[str, tuple[Example, ...]]

    def sample(self, size: int, seed: int) -> list[Example]:
        """Draw sentences to train on."""
        train = list(self.splits["train"])
        Random(f"{seed} gold").shuffle(train)
        return train[:size]


def read_gold(name: str, data: Path) -> Gold:
    """Read a data set; sentences of train that are in test, too, are left out."""
    (language, pattern, files), normal = DATA_SETS[name], NormalForms()
    found = {
        split: list(read_examples(data / pattern.format(file)))
        for split, file in zip(SPLITS, files, strict=True)
    }
    types = training_data(found["train"]).types
    splits = {
        split: tuple(
            replace(example, id=f"{split}-{number}")
            for number, example in enumerate(training_data(examples, types=types).examples)
        )
        for split, examples in found.items()
    }
    tested = {normal.comparable(example.tokens) for example in splits["test"]}
    train = tuple(example for example in splits["train"] if normal.comparable(example.tokens) not in tested)
    return Gold(language, tuple(sorted(types)), {**splits, "train": train})


def sizes_of(gold: Gold, sizes: Iterable[str]) -> list[int]:
    """Return how many sentences the sizes are; a size that is too small to learn from is left out."""
    available = len(gold.splits["train"])
    wanted = (
        round(available * float(size[:-1]) / 100) if size.endswith("%") else int(size) for size in sizes
    )
    return sorted({min(size, available) for size in wanted if size >= FEWEST_GOLD})


def made_by(method: str, sample: Sequence[Example], gold: Gold, seed: int) -> tuple[list[Example], str]:
    """Make data from gold sentences by a release with one generator.

    Returns:
        What is published, and why that is nothing where it is nothing.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        for split, examples in {**gold.splits, "train": sample}.items():
            write_jsonl(folder / f"{split}.jsonl", examples)
        value = {
            "name": "lifts",
            "seed": seed,
            "languages": {
                gold.language: {
                    "labels": list(gold.types),
                    "gold": {"files": {split: f"{split}.jsonl" for split in SPLITS}, "license": "other"},
                }
            },
            "generators": {
                "made": {"method": method, **({method: METHODS[method]} if METHODS[method] else {})}
            },
        }
        (folder / "release.yaml").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        release = read_release(folder)
        generate(release)
        try:
            manifest = build(release)
        except DataError as error:
            if "no datapoint is left" not in error.message:
                raise
            return [], str(error)
        config = manifest["configs"][f"{gold.language}_made"]
        rows = [
            row
            for file in config["splits"]["train"]["files"]
            for row in pq.read_table(release.dataset / file["file"]).to_pylist()
        ]
    names = config["labels"]
    return [
        Example(row["id"], tuple(row["tokens"]), tuple(names[number] for number in row["ner_tags"]))
        for row in rows
    ], ""


def write_jsonl(path: Path, examples: Iterable[Example]) -> None:
    """Write examples, one JSON object a line."""
    path.write_text(
        "".join(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples),
        encoding="utf-8",
    )


def taggers(
    sample: Sequence[Example], synthetic: Sequence[Example], curated: Sequence[Example], seed: int
) -> Iterator[tuple[str, CrfTagger, Combination | None]]:
    """Train a tagger for each way of using synthetic sentences; yield it with how that was chosen."""
    repeats = [GOLD_COUNTS] * len(sample) + [1] * len(synthetic)
    yield TOGETHER, CrfTagger.train([*sample, *synthetic], repeats=repeats), None
    for way, some in ((TRAINED, synthetic), (CURATED, curated)):
        combination = choose_combination(sample, some, seed=seed)
        yield way, train_by_recipe(sample, some, combination.recipe), combination


def outcome_of(cell: Cell, data: Path) -> dict[str, Any]:
    """Run a cell.

    Raises:
        AssertionError: If a method made a sentence of gold test.
    """
    gold, normal, begin = read_gold(cell.data_set, data), NormalForms(), time.process_time()
    sample = gold.sample(cell.size, cell.seed)
    test = gold.splits["test"]
    if cell.method == GOLD_ONLY:
        counts = {GOLD_ONLY: counts_on(train_on_gold(sample), test)}
        return {"counts": counts, "seconds": time.process_time() - begin}
    synthetic, why_nothing = made_by(cell.method, sample, gold, cell.seed)
    tested = {normal.comparable(example.tokens) for example in test}
    if any(normal.comparable(example.tokens) in tested for example in synthetic):
        raise AssertionError(f"{cell}: a sentence of gold test was made")
    made = time.process_time()
    held_out = {split: gold.splits[split] for split in ("validation", "test")}
    labels = LabelSet.of_types(gold.types)
    curated = (
        curate(synthetic, sample, labels, held_out=held_out, seed=cell.seed).examples if synthetic else ()
    )
    counts, combinations = {}, {}
    for way, tagger, combination in taggers(sample, synthetic, curated, cell.seed):
        counts[way] = counts_on(tagger, test)
        if combination is not None:
            combinations[way] = combination.as_json()
    return {
        "counts": counts,
        "combinations": combinations,
        "synthetic": len(synthetic),
        "curated": len(curated),
        "why_nothing": why_nothing,
        "seconds_to_make": made - begin,
        "seconds": time.process_time() - begin,
    }


def counts_on(tagger: CrfTagger, test: Sequence[Example]) -> list[list[int]]:
    """Return correct, predicted and gold mentions of each test sentence."""
    predicted = tagger.tag(example.tokens for example in test)
    return score([example.ner_tags for example in test], predicted).counts.tolist()


def run_cell(cell: Cell, folder: Path, data: Path) -> Cell:
    """Run a cell and keep its outcome, with the settings that it has."""
    outcome = {**asdict(cell), "settings": METHODS.get(cell.method), **outcome_of(cell, data)}
    with write_atomically(cell.path(folder)) as stream:
        json.dump(outcome, stream)
    return cell


def is_done(cell: Cell, folder: Path) -> bool:
    """Say whether a cell's outcome is there, with the settings that its method has now."""
    path = cell.path(folder)
    return path.exists() and read_outcome(cell, folder)["settings"] == METHODS.get(cell.method)


@dataclass(frozen=True)
class Lift:
    """How much higher micro-F1 is than that of gold alone, in points: the mean over seeds, its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Show it as in a table."""
        return f"{self.mean:+.1f} ({self.low:+.1f} … {self.high:+.1f})"


def lift(runs: np.ndarray, alone: np.ndarray) -> Lift:
    """Compute the mean lift over seeds, and its interval over seeds and test sentences.

    A seed's two runs have the same gold sentences and the same test sentences, so their difference is what is
    resampled: the test sentences, which all runs share, and the seeds, of which one fewer is drawn than there
    are (`evaluation.statistics.interval_over_runs` says why). Student's t has one degree of freedom fewer
    than there are seeds: rather too wide than too narrow. With one seed nothing is known of others.

    Args:
        runs: For each seed one row a test sentence: correct, predicted and gold mentions.
        alone: The same of gold alone.
    """
    seeds = len(runs)
    mean = float((micro_f1(runs.sum(axis=1)) - micro_f1(alone.sum(axis=1))).mean())
    resampled = resampled_f1(runs, replicates=REPLICATES, seed=0) - resampled_f1(
        alone, replicates=REPLICATES, seed=0
    )
    if seeds == 1:
        low, high = np.percentile(resampled, [2.5, 97.5])
        return Lift(100 * mean, 100 * float(low), 100 * float(high))
    drawn = np.random.default_rng([0, seeds]).multinomial(
        seeds - 1, np.full(seeds, 1 / seeds), size=REPLICATES
    )
    error = float(np.std((resampled * drawn).sum(axis=1) / (seeds - 1), ddof=1))
    margin = critical_value(0.05, seeds - 1) * error
    return Lift(100 * mean, 100 * (mean - margin), 100 * (mean + margin))


@dataclass(frozen=True)
class Row:
    """What a method is worth with so many sentences of a data set.

    Attributes:
        data_set: The data set.
        size: How many gold sentences.
        method: The method.
        alone: Micro-F1 of gold alone, in points: the mean over seeds.
        outcomes: The outcomes of its cells, one a seed.
        lifts: By way of using the data.
    """

    data_set: str
    size: int
    method: str
    alone: float
    outcomes: Sequence[Mapping[str, Any]]
    lifts: Mapping[str, Lift]

    def __str__(self) -> str:
        """Show it as a row of the table."""
        made, curated = (fmean(each[key] for each in self.outcomes) for key in ("synthetic", "curated"))
        cells = (
            self.data_set,
            f"{self.size:,}",
            f"{self.alone:.1f}",
            self.method,
            f"{made:,.0f}",
            f"{curated:,.0f}",
        )
        promised = (self._promised(way) for way in (TRAINED, CURATED))
        return f"| {' | '.join((*cells, *map(str, self.lifts.values()), *promised))} |"

    def _promised(self, way: str) -> str:
        """Show what folds of gold promised, and with how many seeds the data was used."""
        found = [outcome["combinations"][way] for outcome in self.outcomes]
        gains = [100 * each["tried"]["gain"] for each in found if each["tried"] is not None]
        used = sum(each["recipe"] != GOLD_ONLY for each in found)
        return f"{f'{fmean(gains):+.1f}' if gains else '–'}, used {used} of {len(found)}"


def rows_of(folder: Path, cells: Sequence[Cell]) -> Iterator[Row]:
    """Read the outcomes of cells that are done, and put together those that only the seed distinguishes."""
    for data_set, size, method in dict.fromkeys((cell.data_set, cell.size, cell.method) for cell in cells):
        if method == GOLD_ONLY:
            continue
        seeds = [
            cell for cell in cells if (cell.data_set, cell.size, cell.method) == (data_set, size, method)
        ]
        outcomes = [read_outcome(cell, folder) for cell in seeds]
        of_gold = [read_outcome(replace(cell, method=GOLD_ONLY), folder) for cell in seeds]
        alone = np.array([outcome["counts"][GOLD_ONLY] for outcome in of_gold])
        lifts = {way: lift(np.array([outcome["counts"][way] for outcome in outcomes]), alone) for way in WAYS}
        f1 = 100 * float(micro_f1(alone.sum(axis=1)).mean())
        yield Row(data_set, size, method, f1, outcomes, lifts)


def read_outcome(cell: Cell, folder: Path) -> dict[str, Any]:
    """Read what a cell that is done has left."""
    return json.loads(cell.path(folder).read_text(encoding="utf-8"))


def print_table(rows: Sequence[Row]) -> None:
    """Print all rows, the mean of each method, and where a method made nothing."""
    head = ("data", "gold", "F1 of gold", "method", "made", "curated", *WAYS, "on folds", "on folds, curated")
    lines = ("---" if name in ("data", "method") else "---:" for name in head)
    print(f"\n| {' | '.join(head)} |\n|{'|'.join(lines)}|")
    for row in rows:
        print(row)
    for method in dict.fromkeys(row.method for row in rows):
        means = ([row.lifts[way].mean for row in rows if row.method == method] for way in WAYS)
        shown = (f"{fmean(column):+.1f} (worst {min(column):+.1f})" for column in means)
        print(f"| mean | | | {method} | | | {' | '.join(shown)} | | |")
    for row in rows:
        for outcome in row.outcomes:
            if outcome["why_nothing"]:
                print(f"\n{row.data_set} {row.size} {row.method}: {outcome['why_nothing']}")


def main() -> None:
    """Run the cells that are not there yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--data-sets", nargs="+", choices=list(DATA_SETS), default=list(DATA_SETS))
    parser.add_argument("--sizes", nargs="+", default=["1%", "100", "500"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    folder, data = arguments.folder.resolve(), arguments.data.resolve()
    cells = [
        Cell(name, size, seed, method)
        for name in arguments.data_sets
        for size in sizes_of(read_gold(name, data), arguments.sizes)
        for method in (GOLD_ONLY, *arguments.methods)
        for seed in range(arguments.seeds)
    ]
    missing = [cell for cell in cells if not is_done(cell, folder)]
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(run_cell, cell, folder, data) for cell in missing]
        for number, done in enumerate(as_completed(running), 1):
            print(
                f"{number} of {len(missing)}, {time.perf_counter() - begin:.0f} s: {done.result()}",
                flush=True,
            )
    print_table(list(rows_of(folder, cells)))


if __name__ == "__main__":
    main()
