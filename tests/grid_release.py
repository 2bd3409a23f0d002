"""A tiny release whose `evaluation` is tested: gold and sources written for these tests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthner.evaluation.grid.cells import Plan, plan_cells
from synthner.evaluation.grid.data import GridData
from synthner.evaluation.grid.pool import run_claimed
from synthner.evaluation.grid.progress import GridStatus, grid_status
from synthner.evaluation.grid.results import read_results
from synthner.evaluation.grid.running import DONE, Report, unfinished
from synthner.release import read_release
from synthner.schema.example import Example
from synthner.tests.curation_sentences import sentences, write

SPLITS = {"train": 40, "validation": 12, "test": 20}
LANGUAGES = {"en": "english", "fi": "finnish", "el": "greek"}


def write_grid(
    folder: Path,
    evaluation: Mapping[str, Any] | None = None,
    *,
    languages: Sequence[str] = ("en",),
    gold: Mapping[str, int] | None = None,
) -> Path:
    """Write a release with gold and a synthetic source, `synthetic-{language}.jsonl`, and its evaluation.

    Args:
        folder: Where to.
        evaluation: What it changes of one small grid: gold and the synthetic source from scratch, sizes 10
            and 30, two seeds.
        languages: Those that have gold.
        gold: Sentences of each gold split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for code in languages:
        files = {split: f"{code}-{split}.jsonl" for split in gold or SPLITS}
        for split, count in (gold or SPLITS).items():
            write(folder / files[split], labelled(count, f"{code} {split}", code))
        write(folder / f"synthetic-{code}.jsonl", labelled(30, f"{code} synthetic", code))
        described[code] = {"gold": {"files": files}}
    value = {
        "name": "tiny",
        "seed": 5,
        "languages": described,
        "evaluation": {
            "sources": {"organic": "gold", "synthetic": {"train": "synthetic-{language}.jsonl"}},
            "settings": ["scratch"],
            "sizes": [10, 30],
            "seeds": 2,
            **(evaluation or {}),
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def write_related_grid(
    folder: Path, evaluation: Mapping[str, Any], *, gold: Mapping[str, int] | None = None
) -> Path:
    """Write a release that is tested on English, whose related language is Finnish; both have gold."""
    described = {"related": {"en": "fi"}, "languages": ["en"], "sizes": [10], "seeds": 1, **evaluation}
    return write_grid(folder, described, languages=["en", "fi"], gold=gold)


def labelled(count: int, name: str, code: str = "en") -> list[Example]:
    """Return sentences of a language."""
    return sentences(count, name=name, language=LANGUAGES[code])


def changed_grid(path: Path, **evaluation: Any) -> Path:
    """Change keys of a written release's evaluation; None takes one out."""
    value = json.loads(path.read_text(encoding="utf-8"))
    for key, new in evaluation.items():
        value["evaluation"][key] = new
        if new is None:
            del value["evaluation"][key]
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def planned_grid(path: Path) -> tuple[Plan, GridData]:
    """Plan the grid of a release."""
    data = GridData(read_release(path).grid)
    return plan_cells(data), data


def run_here(path: Path) -> GridStatus:
    """Run the cells of a release that have no result, in this process; none may fail."""
    plan, data = planned_grid(path)
    for cell in unfinished(plan, data):
        assert run_claimed(cell, data) == Report(DONE)
    return grid_status(plan, data)


def results_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all results of a release, by the ids of their cells; each is checked against its schema."""
    return {run.name: result for run, result in read_results(folder / "runs")}


@dataclass
class Told:
    """What a watcher was told, cell by cell."""

    started_: list[str]
    finished_: dict[str, float]
    failed_: dict[str, str]

    @classmethod
    def nothing(cls) -> "Told":
        """Return a watcher that was told nothing yet."""
        return cls([], {}, {})

    def started(self, planned: Any) -> None:
        self.started_.append(planned.id)

    def finished(self, planned: Any, f1: float, *, collapsed: bool) -> None:
        assert planned.id not in self.finished_, "a cell was counted twice"
        self.finished_[planned.id] = f1

    def failed(self, planned: Any, message: str) -> None:
        self.failed_[planned.id] = message
