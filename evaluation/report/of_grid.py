"""The report of a release's grid: its results as its data is now, with its gold at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from ...schema.manifest import MANIFEST, read_manifest
from ..grid.cells import Plan
from ..grid.data import GridData
from ..grid.progress import repetition, result_of
from .write import GoldTags, Known, ReportWritten, write_report


def report_on_grid(
    plan: Plan, data: GridData, folder: Path, *, title: str, paper: bool = False
) -> ReportWritten:
    """Write the report of a grid.

    Results of other grids, or of data that has changed since, are left out.

    Args:
        plan: The cells of the grid.
        data: Its data; gold is read from it, too.
        folder: Where the report goes; a report that is there is replaced.
        title: Heading of the page.
        paper: Whether to set the results beside those of Kamath & Vajjala (2025).

    Raises:
        WrongUsageError: If the extra `report` is not installed.
        DataError: If no cell has a result, or one cannot be used.
    """
    only = ids_of_results(plan, data)
    known = Known(
        gold_tags=gold_tags_of(data),
        only=only,
        manifest=_manifest(data.grid.dataset),
        missing=sum(cell.id not in only for cell in plan.cells),
        left_out=tuple(each.name for each in plan.left_out),
    )
    return write_report(
        data.grid.runs,
        folder,
        title=title,
        seed=data.grid.seed,
        paper=paper,
        known=known,
    )


def ids_of_results(plan: Plan, data: GridData) -> list[str]:
    """Return the ids of the results that a grid has, those of repeated runs included.

    Raises:
        DataError: If there is none.
    """
    runs = data.grid.runs
    only = []
    for cell in plan.cells:
        result = result_of(cell, runs)
        if result is None:
            continue
        only.append(cell.id)
        again = repetition(cell, result, data)
        if again is not None and result_of(again, runs) is not None:
            only.append(again.id)
    if not only:
        raise DataError(
            "there is nothing to report: no cell has a result yet",
            where=str(runs),
            hint="Run `synthner evaluate`.",
        )
    return only


def gold_tags_of(data: GridData) -> GoldTags:
    """Return what gives the gold tags of a grid's test sentences."""

    def gold_tags(language: str, test_sha256: str) -> Mapping[str, Sequence[str]] | None:
        test = data.test(language)
        if test.facts["sha256"] != test_sha256:
            return None
        return {example.id: example.ner_tags for example in test.examples}

    return gold_tags


def _manifest(dataset: Path) -> Mapping[str, Any] | None:
    return read_manifest(dataset) if (dataset / MANIFEST).exists() else None
