"""From a folder of runs to a report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...sources.files import atomic_path
from . import records
from .evidence import Evidence, weigh
from .figures import Picture, learning_curves, overview, require_report_extra
from .page import (
    closing_sections,
    has_overview,
    overview_sections,
    page,
    said_of,
    section_of_language,
    summary_of,
    taggers_of,
    written,
)
from .published import beside_published
from .published import records as published_records
from .systems import System, by_language, read_systems
from .tables import Table, to_latex
from .text import file_name
from .usable import usable_records

README = "README.md"
TABLES = "tables"
FIGURES = "figures"

GoldTags = Callable[[str, str], Mapping[str, Sequence[str]] | None]
"""Gives the gold tags of a language's test sentences by their id, in their order.

Its arguments are the language and the sha256 of the test set, as results have it; it returns None where it
has no such test set.
"""


@dataclass(frozen=True)
class Known:
    """What is known beside a folder of runs.

    Attributes:
        gold_tags: Gives gold, which is not in the folder. Without it systems are not compared.
        only: Ids of the results to report, where the folder holds those of other grids too; None for all.
        manifest: Of the dataset that was built; None where there is none.
        missing: How many cells of the grid have no result.
        left_out: What of the grid cannot be run.
    """

    gold_tags: GoldTags | None = None
    only: Collection[str] | None = None
    manifest: Mapping[str, Any] | None = None
    missing: int = 0
    left_out: tuple[str, ...] = ()


_TABLES_OF_A_LANGUAGE = {
    "results": records.results,
    "per-type": records.per_type,
    "errors": records.errors,
    "generalisation": records.generalisation,
    "comparisons": records.comparisons,
    "lift": records.lift,
}


@dataclass(frozen=True)
class ReportWritten:
    """A report that was written.

    Attributes:
        readme: The page.
        files: The other files, by name.
        runs: How many runs it is of.
        systems: How many systems.
        missing: How many cells of the grid have no result.
        left_out: What of the grid cannot be run.
        findings: What it says of each language, in Markdown.
        untested: Languages whose gold was not at hand, so that no systems were compared.
    """

    readme: Path
    files: tuple[Path, ...]
    runs: int
    systems: int
    missing: int
    left_out: tuple[str, ...]
    findings: Mapping[str, tuple[str, ...]]
    untested: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the facts as a command prints them."""
        return {
            "readme": str(self.readme),
            "files": [str(path) for path in self.files],
            "runs": self.runs,
            "systems": self.systems,
            "missing": self.missing,
            "left_out": list(self.left_out),
            "findings": {language: list(said) for language, said in self.findings.items()},
            "untested": list(self.untested),
        }


def write_report(
    runs: Path,
    folder: Path,
    *,
    title: str,
    seed: int,
    paper: bool = False,
    known: Known | None = None,
) -> ReportWritten:
    """Write the report of a folder of runs: a page, its tables and its figures.

    Whatever results there are is reported; a grid need not be complete.

    Args:
        runs: The folder of runs.
        folder: Where the report goes; a report that is there is replaced.
        title: Heading of the page.
        seed: Decides the resampled test sets of intervals and tests.
        paper: Whether to set the results beside those of Kamath & Vajjala (2025).
        known: What is known beside the runs.

    Raises:
        WrongUsageError: If the extra `report` is not installed.
        DataError: If there are no results, some do not belong together, or predictions are not of this gold.
    """
    require_report_extra()
    known = known or Known()
    gold_tags, manifest = known.gold_tags, known.manifest
    systems = read_systems(runs, known.only)
    evidence = [
        weigh(some, gold_tags(language, some[0].test["sha256"]) if gold_tags else None, seed=seed)
        for language, some in by_language(systems).items()
    ]
    said = said_of(evidence)
    sections = [
        *overview_sections(systems),
        *(section_of_language(each, said[each.systems[0].language]) for each in evidence),
        *closing_sections(systems, evidence, paper=paper, manifest=manifest),
    ]
    files = {
        **latex_files(table for each in sections for table in each.tables),
        **csv_files(_records(systems, evidence, known, paper=paper)),
        **_figures(systems, evidence),
    }
    summary = summary_of(systems, known.missing, known.left_out)
    write_files(folder, files, page(title, systems, [summary, *map(written, sections)], seed=seed))
    return ReportWritten(
        readme=folder / README,
        files=tuple(folder / name for name in sorted(files)),
        runs=sum(len(system.runs) for system in systems),
        systems=len(systems),
        missing=known.missing,
        left_out=known.left_out,
        findings=said,
        untested=tuple(each.systems[0].language for each in evidence if not each.has_gold),
    )


def latex_files(tables: Iterable[Table]) -> dict[str, bytes]:
    """Return the files of tables in LaTeX, by name."""
    return {f"{TABLES}/{table.name}.tex": to_latex(table).encode() for table in tables}


def csv_files(tables: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, bytes]:
    """Return the files of tables as programs read them, by name; one without a record has none."""
    return {f"{TABLES}/{name}.csv": records.to_csv(some).encode() for name, some in tables.items() if some}


def figure_files(stem: str, picture: Picture) -> dict[str, bytes]:
    """Return the files of a figure, by name."""
    return {f"{FIGURES}/{stem}.svg": picture.svg, f"{FIGURES}/{stem}.png": picture.png}


def write_files(folder: Path, files: Mapping[str, bytes], page_written: str) -> None:
    """Write a page and the files that it shows. It comes last: what it shows is there.

    Args:
        folder: Where they go.
        files: The files, by name.
        page_written: The page.
    """
    for name, content in (*files.items(), (README, page_written.encode())):
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)


def _records(
    systems: Sequence[System], evidence: Sequence[Evidence], known: Known, *, paper: bool
) -> dict[str, Sequence[Mapping[str, object]]]:
    tables: dict[str, Sequence[Mapping[str, object]]] = {
        "runs": list(records.runs(systems)),
        **{
            name: [record for each in evidence for record in records_of(each)]
            for name, records_of in _TABLES_OF_A_LANGUAGE.items()
        },
    }
    if paper:
        tables["published"] = published_records(beside_published(systems), evidence)
    if known.manifest is not None:
        tables["usable-share"] = list(usable_records(known.manifest))
    return tables


def _figures(systems: Sequence[System], evidence: Sequence[Evidence]) -> dict[str, bytes]:
    pictures = {
        f"overview-{file_name(tagger)}": overview(evidence, tagger)
        for tagger in taggers_of(systems)
        if has_overview(systems, tagger)
    }
    for each in evidence:
        pictures[f"learning-curves-{file_name(each.systems[0].language)}"] = learning_curves(each)
    return {
        name: content
        for stem, picture in pictures.items()
        for name, content in figure_files(stem, picture).items()
    }
