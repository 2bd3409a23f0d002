"""The study of a release: how the size of the training data moves the gap between two ways to transfer.

It is written beside the report, from the same results and by the same statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...schema.errors import DataError
from ...schema.methods import PROJECTION, TEACHER_STUDENT
from ..grid.cells import Plan
from ..grid.data import GridData
from .figures import require_report_extra
from .gaps import GapsOfLanguage, Ways, weigh_gaps
from .of_grid import gold_tags_of, ids_of_results
from .page import Section, written
from .study_figures import figure_of_gaps
from .study_findings import findings_of_gaps
from .study_tables import f1_with_interval, lines_of, records_of, table_of_curve
from .systems import System, by_language, read_systems
from .text import code, file_name, language_and_code, language_name, listed, prose, setting_name
from .write import README, csv_files, figure_files, latex_files, write_files

FOLDER = "study"
"""The folder of the study in that of the report."""


@dataclass(frozen=True)
class StudyWritten:
    """A study that was written.

    Attributes:
        readme: The page.
        files: The other files, by name.
        findings: What it says of each language, in Markdown.
    """

    readme: Path
    files: tuple[Path, ...]
    findings: Mapping[str, tuple[str, ...]]

    def as_json(self) -> dict[str, object]:
        """Return the facts as a command prints them."""
        return {
            "readme": str(self.readme),
            "files": [str(path) for path in self.files],
            "findings": {language: list(said) for language, said in self.findings.items()},
        }


def study_grid(plan: Plan, data: GridData, report: Path, *, title: str, ways: Ways) -> StudyWritten:
    """Write the study of a grid.

    Args:
        plan: The cells of the grid.
        data: Its data; gold is read from it, too.
        report: The folder of the report.
        title: What the data is called.
        ways: Which sources are a way to transfer, each with its kind.

    Raises:
        WrongUsageError: If the extra `report` is not installed.
        DataError: If no cell has a result, one cannot be used, or no language has results of both ways.
    """
    require_report_extra()
    gold_tags, seed = gold_tags_of(data), data.grid.seed
    found = []
    for language, systems in by_language(read_systems(data.grid.runs, ids_of_results(plan, data))).items():
        gold = gold_tags(language, systems[0].test["sha256"])
        if _has_both(systems, ways) and gold is not None:
            found.append(weigh_gaps(systems, ways, gold, seed=seed))
    if not found:
        raise DataError(
            "there is no language with results of both ways to transfer",
            where=str(data.grid.runs),
            hint="`synthner study --dry-run` shows the cells, and `synthner status` which have failed.",
        )
    return write_study(found, report / FOLDER, title=title, seed=seed)


def write_study(found: Sequence[GapsOfLanguage], folder: Path, *, title: str, seed: int) -> StudyWritten:
    """Write a study: a page, its tables and its figures.

    Args:
        found: What is known of the gap in each language.
        folder: Where it goes; a study that is there is replaced.
        title: What the data is called; any text.
        seed: That of the resampled test sets.
    """
    said = {each.language: tuple(findings_of_gaps(each)) for each in found}
    files = csv_files(records_of(found))
    parts = [f"# Projection or teacher and student: {prose(title)}", _what_it_is(found)]
    for each in found:
        parts.append(f"## {language_and_code(each.language)}")
        parts.append("\n".join(f"- {sentence}" for sentence in said[each.language]))
        for tagger, setting in dict.fromkeys((curve.tagger, curve.setting) for curve in each.curves):
            stem = "-".join(["gap", *map(file_name, (each.language, tagger, setting))])
            section = _section(each, tagger, setting, stem)
            parts.append(written(section, level=3))
            files |= figure_files(stem, figure_of_gaps(each, tagger, setting))
            files |= latex_files(section.tables)
    write_files(folder, files, "\n\n".join([*parts, _how_to_read(seed)]) + "\n")
    return StudyWritten(folder / README, tuple(folder / name for name in sorted(files)), said)


def _section(found: GapsOfLanguage, tagger: str, setting: str, stem: str) -> Section:
    """Return the part of the page about a tagger in a setting, with its figure, which has the stem."""
    curves = [curve for curve in found.curves if (curve.tagger, curve.setting) == (tagger, setting)]
    return Section(
        heading=f"{code(tagger)}, {setting_name(setting)}",
        paragraphs=tuple(_lines(found, tagger)),
        figure=(stem, f"F1 and gap by size in {language_name(found.language)}"),
        open_tables=tuple(table_of_curve(found, curve) for curve in curves),
    )


def _lines(found: GapsOfLanguage, tagger: str) -> list[str]:
    lines = [
        f"{system.setting} {f1_with_interval(found.evidence, system)}"
        for system in lines_of(found.evidence, tagger)
    ]
    return [f"From gold of the related language alone: {listed(lines)}."] if lines else []


def _what_it_is(found: Sequence[GapsOfLanguage]) -> str:
    curves = [curve for each in found for curve in each.curves]
    by_projection = sorted({curve.projection for curve in curves})
    by_teachers = sorted({curve.teaching for curve in curves})
    return (
        f"Labels come from another language in two ways: by {PROJECTION} onto translations "
        f"({listed([code(each) for each in by_projection])}), or as what a teacher says of text "
        f"({listed([code(each) for each in by_teachers])}, {TEACHER_STUDENT}). How does the size of the "
        "training data move the gap between the two? The gap is the F1 of the first minus that of the "
        "second, in points: above 0, projection is ahead."
    )


def _how_to_read(seed: int) -> str:
    return (
        "## How to read this\n\n"
        "- Intervals are 95 % intervals over test sentences and seeds, and tests are paired bootstraps over "
        "the same sentences, as in [the report](../README.md). p is adjusted by Holm's method for all gaps "
        f"of a language; intervals are not. 10,000 resampled test sets, seed {seed}.\n"
        "- Ahead or behind is said only where the adjusted p-value is below .05. What is not told apart need "
        "not be alike.\n"
        "- That one gap is told and another is not does not say that they differ. Whether the gap moves is a "
        "test of its own, of the gap at the largest size minus that at the smallest, adjusted for all such "
        "tests of the language.\n"
        "- A test of the same two sources in the report has another adjusted p-value: there are more tests "
        "there.\n"
        "- Curves and gaps are drawn at the true size. The numbers, unrounded, are in `tables/*.csv`."
    )


def _has_both(systems: Sequence[System], ways: Ways) -> bool:
    return {ways[system.source] for system in systems if system.source in ways} == {
        PROJECTION,
        TEACHER_STUDENT,
    }
