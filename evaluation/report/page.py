"""The page of a report: what is in its README, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..grid.description import PREDICTIONS
from . import published
from .evidence import Evidence
from .findings import findings
from .systems import System
from .tables import (
    Table,
    collapsed,
    comparisons,
    errors,
    generalisation,
    headline,
    lift,
    micro_and_macro,
    per_type,
    results,
    to_markdown,
)
from .text import Name, count, counted, file_name, language_and_code, language_name, listed, markdown, prose
from .usable import usable_share


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        heading: Its heading, in Markdown.
        paragraphs: What it says, in Markdown.
        figure: The stem of the figure that it shows, and what is said of that figure where it cannot be seen.
        open_tables: Tables that are shown.
        folded_tables: Tables that are shown when asked for, each with its heading.
    """

    heading: str
    paragraphs: tuple[str, ...] = ()
    figure: tuple[str, str] | None = None
    open_tables: tuple[Table, ...] = ()
    folded_tables: tuple[tuple[str, Table], ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """All its tables."""
        return *self.open_tables, *(table for _, table in self.folded_tables)


def overview_sections(systems: Sequence[System]) -> list[Section]:
    """Return what comes first: for each tagger all languages, and the micro and macro averages."""
    sections = []
    for tagger in taggers_of(systems):
        table = headline(systems, tagger, f"headline-{file_name(tagger)}")
        sections.append(
            Section(
                heading=f"All languages: {markdown(Name(tagger))}",
                figure=(
                    (f"overview-{file_name(tagger)}", "Learning curves of all languages")
                    if has_overview(systems, tagger)
                    else None
                ),
                open_tables=(table,) if table else (),
                paragraphs=_ABOUT_BEST if table else (),
            )
        )
    sections.append(
        Section(
            heading="Micro and macro averages",
            folded_tables=(("Micro and macro F1 by language", micro_and_macro(systems, "micro-and-macro")),),
        )
    )
    return sections


def section_of_language(evidence: Evidence, said: Sequence[str]) -> Section:
    """Return the part of the page about one language.

    Args:
        evidence: What is known of its systems.
        said: The findings.
    """
    code_of_language = evidence.systems[0].language
    name, stem = language_name(code_of_language), file_name(code_of_language)
    test = evidence.systems[0].test
    folded = [
        ("F1 by entity type", per_type(evidence, f"per-type-{stem}")),
        ("Errors by kind", errors(evidence, f"errors-{stem}")),
        ("Seen and unseen mentions, and invariance", generalisation(evidence, f"generalisation-{stem}")),
    ]
    if tested := evidence.of_kind("sources"):
        folded.append(("Tests between sources", comparisons(tested, f"comparisons-{stem}")))
    lifts = lift(evidence, f"lift-{stem}")
    return Section(
        heading=language_and_code(code_of_language),
        paragraphs=(
            f"Tested on {counted(test['sentences'], 'sentence')} of gold with "
            f"{counted(test['mentions'], 'mention')}.",
            "\n".join(f"- {sentence}" for sentence in said),
        ),
        figure=(f"learning-curves-{stem}", f"Learning curves of {name}"),
        open_tables=(results(evidence, f"results-{stem}"), *((lifts,) if lifts.rows else ())),
        folded_tables=tuple(folded),
    )


def closing_sections(
    systems: Sequence[System],
    evidence: Sequence[Evidence],
    *,
    paper: bool,
    manifest: Mapping[str, Any] | None = None,
) -> list[Section]:
    """Return what comes last: how much could be used, collapsed runs, and the published numbers."""
    sections = []
    if manifest is not None:
        sections.append(Section("Usable share", open_tables=(usable_share(manifest, "usable-share"),)))
    failed = collapsed(systems, "collapsed")
    if failed.rows:
        sections.append(Section("Collapsed runs", open_tables=(failed,)))
    if paper:
        pairs = published.beside_published(systems)
        table = published.table(pairs, evidence, "published")
        sections.append(
            Section(
                "Beside the published numbers",
                paragraphs=(_ABOUT_PUBLISHED,) if table.rows else (_NOTHING_PUBLISHED,),
                open_tables=(table,) if table.rows else (),
            )
        )
    return sections


def page(title: str, systems: Sequence[System], parts: Sequence[str], *, seed: int) -> str:
    """Write the page.

    Args:
        title: Its heading; any text.
        systems: All systems.
        parts: What is between the heading and how to read it, in Markdown.
        seed: That of the resampled test sets.
    """
    parts = [f"# {prose(title)}", *parts, _method(systems, seed)]
    return "\n\n".join(parts) + "\n"


def said_of(evidence: Sequence[Evidence]) -> dict[str, tuple[str, ...]]:
    """Return the findings of each language, in Markdown."""
    return {each.systems[0].language: tuple(findings(each)) for each in evidence}


def taggers_of(systems: Sequence[System]) -> list[str]:
    """Return the taggers that were trained."""
    return sorted({system.tagger for system in systems if system.setting != PREDICTIONS})


def has_overview(systems: Sequence[System], tagger: str) -> bool:
    """Say whether a tagger has a figure of all languages: of a single one, its own shows the same."""
    return len({system.language for system in systems if system.tagger == tagger}) > 1


_ABOUT_BEST = (
    "The best size is chosen by F1 on the test set itself, and so flatters every row; the other columns "
    "do not.",
)

_ABOUT_PUBLISHED = (
    f"Published numbers are of one run each. {published.CITATION} Those of `{published.TABLE_5}` are as "
    f"rounded in the paper; those of `{published.RESULTS_FILES}` are from the files beside the authors' "
    "code. For organic data and for GPT-4 the two differ in places: Yoruba from 5,000 requested GPT-4 "
    "sentences, from scratch, is .53 in the table and .37 in the files. The paper's tagger is "
    "XLM-R-large; beside another tagger the numbers compare sources, they are no reproduction. Where the "
    "paper states no size, our largest stands beside it, which may be far smaller. Numbers of these "
    "languages that nothing of ours stands beside are in `tables/published.csv`."
)

_NOTHING_PUBLISHED = "Nothing was published of these languages, settings, sources and sizes."


def summary_of(systems: Sequence[System], missing: int, left_out: Sequence[str]) -> str:
    """Say how much there is, and what of the grid there is not.

    Args:
        systems: All systems.
        missing: How many cells of the grid have no result.
        left_out: What of it cannot be run.
    """
    runs = [run for system in systems for run in system.runs]
    languages = {system.language for system in systems}
    seeds = sorted({len(system.counted) for system in systems if system.setting != PREDICTIONS})
    lines = [
        f"{counted(len(runs), 'run')} of {counted(len(systems), 'system')} in "
        f"{counted(len(languages), 'language')}. A system is a tagger trained in one setting on so many "
        "sentences of one source; its runs differ in their seed."
    ]
    if seeds == [1]:
        lines.append(
            "**One seed was run.** There is no standard deviation, and the intervals know other test "
            "sentences but not other seeds."
        )
    elif seeds:
        lines.append(f"Runs of a system: {listed([count(number) for number in seeds])}.")
    if missing:
        lines.append(f"**The grid is not finished**: {counted(missing, 'cell')} had no result.")
    if left_out:
        lines.append(f"Could not be run: {listed([prose(name) for name in left_out])}.")
    return " ".join(lines)


def written(section: Section, level: int = 2) -> str:
    """Write a part of a page; its figure is in `figures`, and its tables are in `tables`.

    Args:
        section: The part.
        level: The level of its heading.
    """
    parts = [f"{'#' * level} {section.heading}", *section.paragraphs]
    if section.figure:
        stem, alternative = section.figure
        parts.append(f"![{prose(alternative)}](figures/{stem}.svg)")
    for table in section.open_tables:
        parts += [_caption(table), to_markdown(table)]
    for heading, table in section.folded_tables:
        parts += [
            f"<details><summary>{heading}</summary>",
            _caption(table),
            to_markdown(table),
            "</details>",
        ]
    return "\n\n".join(parts)


def _caption(table: Table) -> str:
    return f"{table.caption} ([LaTeX](tables/{table.name}.tex))"


def _method(systems: Sequence[System], seed: int) -> str:
    tests = sorted({(system.language, system.test["sha256"][:12]) for system in systems})
    shown = listed([f"{prose(language)} `{digest}`" for language, digest in tests])
    return "\n\n".join(
        [
            "## How to read this",
            (
                "- F1 is seqeval's in default mode, over mentions. ± is the standard deviation of a "
                "sample of runs (divided by runs − 1).\n"
                "- Intervals are 95 % intervals over test sentences and seeds; of a single run, over "
                "sentences. Tests are paired bootstraps over the same sentences, adjusted by Holm's "
                "method for all comparisons of one kind in a language. 10,000 resampled test sets, seed "
                f"{seed}.\n"
                "- A system is called better or worse only where the adjusted p-value is below .05. "
                "Systems that are not separated need not be alike.\n"
                "- The interval of a difference is not adjusted for the number of comparisons; its p is. "
                "A difference whose interval leaves out 0 may therefore not be separated.\n"
                "- A collapsed run that was repeated gives way to its repetition; one that was not stays "
                "in the mean. Two systems of which every run has collapsed are not compared.\n"
                f"- Test sets, by the beginning of their sha256: {shown}.\n"
                "- The numbers, unrounded, are in `tables/*.csv`."
            ),
        ]
    )
