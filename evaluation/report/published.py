"""Published results, and ours beside them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..grid.description import ORGANIC, SIZES, ZERO_SHOT
from .evidence import Evidence
from .records import Record
from .systems import System, largest_of_sources
from .tables import Table
from .text import Name, Word, count, decimal, interval, language_name, language_tag

CITATION = (
    "Gaurav Kamath and Sowmya Vajjala (2025): Does Synthetic Data Help Named Entity Recognition for "
    "Low-Resource Languages?"
)

TABLE_5 = "Table 5"
RESULTS_FILES = "results files"
"""Where a number was published: in the paper, or in the files of results beside its code. They differ."""

# A source of a grid counts as one of the paper's if its name begins so, but for case and signs.
_BEGINNINGS = {
    "GPT-4": "gpt4",
    "GPT-4.1": "gpt4",
    "Llama-3.1-8B": "llama",
    "Aya Expanse 32B": "aya",
    "WikiANN": "wikiann",
}


@dataclass(frozen=True)
class PublishedResult:
    """A number of the paper.

    Attributes:
        language: As the paper's results name it.
        source: `organic`, or the name of a model or corpus.
        setting: `scratch`, `fine-tuned` or `zero-shot`.
        size: How many sentences; None where it is not stated.
        f1: Micro-F1 of one run.
        published_in: `Table 5`, or `results files`.
    """

    language: str
    source: str
    setting: str
    size: int | None
    f1: float
    published_in: str


@dataclass(frozen=True)
class BesidePublished:
    """A published number, and what of ours stands beside it.

    Attributes:
        published: The number.
        ours: Our systems of the same language, setting and size, on such a source; none where there are none.
    """

    published: PublishedResult
    ours: tuple[System, ...]


@cache
def published_results() -> tuple[PublishedResult, ...]:
    """Return the numbers of Kamath & Vajjala (2025)."""
    file = resources.files(__name__.rpartition(".")[0]).joinpath("kamath_vajjala.csv")
    with file.open(encoding="utf-8") as stream:
        return tuple(
            PublishedResult(
                language=row["language"],
                source=row["source"],
                setting=row["setting"],
                size=int(row["size"]) if row["size"] else None,
                f1=float(row["f1"]),
                published_in=row["published_in"],
            )
            for row in csv.DictReader(stream)
        )


def beside_published(systems: Sequence[System]) -> list[BesidePublished]:
    """Set systems beside the published numbers of the same languages and settings.

    Sizes are matched as asked for: where a source was smaller than a size, here or there, all of it was used.
    A number whose size is not stated stands beside the largest of ours.
    """
    settings = {system.setting for system in systems}
    tags = {language_tag(system.language) for system in systems}
    largest = set(largest_of_sources(systems))
    return [
        BesidePublished(
            published,
            tuple(system for system in systems if _matches(system, published, system in largest)),
        )
        for published in sorted(published_results(), key=lambda published: published.language)
        if published.setting in settings and language_tag(published.language) in tags
    ]


def table(pairs: Iterable[BesidePublished], evidence: Iterable[Evidence], name: str) -> Table:
    """Lay out ours beside the published numbers, as far as there are both."""
    intervals = {system: ends for each in evidence for system, ends in each.intervals.items()}
    rows = []
    for pair in pairs:
        published = pair.published
        left = (
            Word(language_name(published.language)),
            published.source,
            published.setting,
            count(published.size),
            published.published_in,
            decimal(published.f1),
        )
        rows += [
            (
                *left,
                Name(system.tagger),
                Name(system.source),
                count(system.true_size),
                decimal(system.f1.mean),
                interval(intervals[system]),
            )
            for system in pair.ours
        ]
    return Table(
        name=name,
        caption=f"Ours beside the published micro-F1. {CITATION}",
        align="lllrlrllrrr",
        header=(
            *("language", "published source", "setting", "size", "published in", "published F1"),
            *("our tagger", "our source", "our size", "our F1", "95 % interval"),
        ),
        rows=tuple(rows),
    )


def records(pairs: Iterable[BesidePublished], evidence: Iterable[Evidence]) -> list[Record]:
    """Return ours beside the published numbers as records."""
    intervals = {system: ends for each in evidence for system, ends in each.intervals.items()}
    found: list[Record] = []
    for pair in pairs:
        for system in pair.ours or (None,):
            published = pair.published
            low, high = intervals[system] if system else (None, None)
            found.append(
                {
                    "language": published.language,
                    "published_source": published.source,
                    "setting": published.setting,
                    "published_size": published.size,
                    "published_in": published.published_in,
                    "published_f1": published.f1,
                    "tagger": system.tagger if system else None,
                    "source": system.source if system else None,
                    "size": system.true_size if system else None,
                    "f1_mean": system.f1.mean if system else None,
                    "f1_low": low,
                    "f1_high": high,
                }
            )
    return found


def _matches(system: System, published: PublishedResult, largest: bool) -> bool:
    if system.setting != published.setting or language_tag(system.language) != language_tag(
        published.language
    ):
        return False
    if published.setting == ZERO_SHOT:
        return True
    if not _is_source(system.source, published.source):
        return False
    return largest if published.size is None else system.size == _asked(published.size)


def _asked(size: int) -> int:
    """Return the size that a published one was asked for: the next one, where a source had no more."""
    return next((each for each in SIZES if each >= size), size)


def _is_source(ours: str, published: str) -> bool:
    if published == ORGANIC:
        return ours == ORGANIC
    name = re.sub(r"[\W_]", "", ours).casefold()
    return name.startswith(_BEGINNINGS[published])
