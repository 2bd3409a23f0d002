"""The tables of a report as people read them, in Markdown and in LaTeX. Programs read `records.py`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ..grid.description import FINE_TUNED, PREDICTIONS, SCRATCH, TRANSLATE_TEST, ZERO_SHOT
from ..mention_errors import KINDS
from ..statistics import SeedSensitivity
from .evidence import Comparison, Evidence
from .systems import System, in_order_of_sizes, in_order_of_sources, order_in_language, with_gold_alone
from .text import (
    Name,
    Word,
    count,
    decimal,
    interval,
    language_name,
    latex,
    markdown,
    mean_and_deviation,
    p_value,
    size_asked,
)

NONE = "–"
"""Stands where there is no figure."""

COLLAPSED = "†"
"""Marks a mean that a collapsed run is in."""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: That of its file.
        caption: What it shows, in a sentence or two.
        align: `l` or `r` for each column.
        header: One heading a column.
        rows: One cell a column each; a `Name` where it comes from a result.
    """

    name: str
    caption: str
    align: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def to_markdown(table: Table) -> str:
    """Lay a table out in Markdown; its columns line up in the source, too."""
    lines = [[markdown(cell) for cell in line] for line in (table.header, *table.rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(table.header))]

    def lay_out(line: Sequence[str]) -> str:
        cells = zip(line, widths, table.align, strict=True)
        padded = [text.rjust(width) if side == "r" else text.ljust(width) for text, width, side in cells]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + (":" if side == "r" else "-")
        for width, side in zip(widths, table.align, strict=True)
    ]
    return "\n".join([lay_out(lines[0]), f"| {' | '.join(rule)} |", *map(lay_out, lines[1:])])


def to_latex(table: Table) -> str:
    """Lay a table out as a LaTeX `tabular` with the rules of `booktabs`."""
    lines = [f"{' & '.join(map(latex, line))} \\\\" for line in (table.header, *table.rows)]
    # A comment ends with its line.
    caption = " ".join(table.caption.split())
    return "\n".join(
        [
            f"% {caption}",
            r"% \usepackage{booktabs,textcomp}",
            rf"\begin{{tabular}}{{@{{}}{table.align}@{{}}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def headline(systems: Sequence[System], tagger: str, name: str) -> Table | None:
    """Lay out F1 by language, source and size, as Table 5 of Kamath & Vajjala (2025) does.

    Translations that were tagged have a row of their own.

    Returns:
        The table; None where the tagger was neither trained from scratch nor fine-tuned.
    """
    trained = [
        system
        for system in systems
        if system.tagger == tagger and system.setting in (SCRATCH, FINE_TUNED, ZERO_SHOT)
    ]
    translated = {
        system.language: system
        for system in systems
        if system.tagger == tagger and system.setting == TRANSLATE_TEST
    }
    if not any(system.setting != ZERO_SHOT for system in trained):
        return None
    both = any(system.setting != SCRATCH for system in trained)
    sizes = in_order_of_sizes(system.size for system in (*trained, *translated.values()))
    found = {system.key: system for system in trained}
    rows: list[tuple[str, tuple[str, ...]]] = []
    for language, source in _languages_and_sources(trained):
        curves = [
            [_of_size(found, (language, tagger, setting, source, size)) for size in sizes]
            for setting in ((SCRATCH, FINE_TUNED) if both else (SCRATCH,))
        ]
        best = [
            max((each for each in curve if each and each.setting != ZERO_SHOT), key=_mean_f1, default=None)
            for curve in curves
        ]
        cells = [_cell(pair) for pair in zip(*curves, strict=True)]
        rows.append((language, (Word(language_name(language)), Name(source), *cells, _means(best))))
    for language, system in translated.items():
        cells = [_cell((system,)) if size == 0 else NONE for size in sizes]
        rows.append((language, (Word(language_name(language)), TRANSLATE_TEST, *cells, NONE)))
    how = "from scratch / fine-tuned; size 0 is zero-shot transfer" if both else "from scratch"
    return Table(
        name=name,
        caption=(
            f"Micro-F1 by the number of training sentences ({how}), mean over seeds. A number in brackets "
            f"is how many sentences a source had where it had fewer. {COLLAPSED}: a run collapsed."
            + (f" {TRANSLATE_TEST}: translations of the test sentences were tagged." if translated else "")
        ),
        align="ll" + "r" * (len(sizes) + 1),
        header=("language", "source", *map(size_asked, sizes), "best"),
        rows=tuple(row for _, row in sorted(rows, key=lambda each: each[0])),
    )


def results(evidence: Evidence, name: str) -> Table:
    """Lay out the results of a language by tagger, setting, source and size."""
    rows = [
        (
            *_about(system),
            str(len(system.counted)) + (f", {system.collapsed} collapsed" if system.collapsed else ""),
            _of(system.f1),
            interval(evidence.intervals[system]),
            _of(system.spread(lambda scores: scores["strict"]["f1"])),
            _of(system.spread(lambda scores: scores["macro"]["f1"])),
        )
        for system in evidence.systems
    ]
    return Table(
        name=name,
        caption="Micro-F1, its 95 % interval, strict and macro F1: mean ± standard deviation over runs.",
        align="lllrrrrrr",
        header=(*_ABOUT, "runs", "F1", "95 % interval", "strict F1", "macro F1"),
        rows=tuple(rows),
    )


def per_type(evidence: Evidence, name: str) -> Table:
    """Lay out F1 by entity type."""
    gold = types_of(evidence.systems)
    rows = [
        (
            *_about(system),
            *(
                _of(system.spread(of_type(type_, "f1"))) if system.mean(of_type(type_, "gold")) else NONE
                for type_ in gold
            ),
        )
        for system in evidence.systems
    ]
    return Table(
        name=name,
        caption="F1 by entity type of gold: mean ± standard deviation over runs.",
        align="lllr" + "r" * len(gold),
        header=(*_ABOUT, *map(Name, gold)),
        rows=tuple(rows),
    )


def errors(evidence: Evidence, name: str) -> Table:
    """Lay out mentions by what became of them."""
    rows = [
        (*_about(system), *(count(round(system.mean(_error(kind)), 1)) for kind in KINDS))
        for system in evidence.systems
    ]
    return Table(
        name=name,
        caption="Mentions of gold and of the predictions by what became of them, mean over runs.",
        align="lllr" + "r" * len(KINDS),
        header=(*_ABOUT, *KINDS),
        rows=tuple(rows),
    )


def generalisation(evidence: Evidence, name: str) -> Table:
    """Lay out recall of seen and of unseen mentions, and the error rate of the invariance test."""
    rows = []
    for system in evidence.systems:
        invariance = invariance_of(system)
        rows.append(
            (
                *_about(system),
                *(
                    _of(system.spread(recall(side)))
                    if system.is_training_known and system.mean(gold_of(side))
                    else NONE
                    for side in ("seen", "unseen")
                ),
                count(round(system.mean(gold_of("unseen")), 1)) if system.is_training_known else NONE,
                NONE if invariance is None else decimal(invariance["error_rate"]),
                NONE if invariance is None else count(invariance["cases"]),
            )
        )
    return Table(
        name=name,
        caption=(
            "Recall of mentions that the training data has and of those it has not, and how often "
            "predictions change with a name (INV, the invariance test of CheckList)."
        ),
        align="lllrrrrrr",
        header=(*_ABOUT, "recall, seen", "recall, unseen", "unseen mentions", "INV error rate", "INV cases"),
        rows=tuple(rows),
    )


def comparisons(compared: Sequence[Comparison], name: str) -> Table:
    """Lay out tests between sources with the same tagger, setting and size."""
    rows = [
        (
            Name(each.first.tagger if each.first.setting != PREDICTIONS else NONE),
            each.first.setting,
            size_of_pair(each),
            Name(each.first.source),
            Name(each.second.source),
            *_difference(each),
        )
        for each in compared
    ]
    return Table(
        name=name,
        caption=(
            "Paired tests between sources of the same size: difference of mean micro-F1, p-values "
            "adjusted by Holm's method for all pairs of this table. The t-test knows seeds alone."
        ),
        align="llrllrrrr",
        header=(
            *("tagger", "setting", "size", "source", "against"),
            *("difference", "95 % interval", "p", "p of the t-test"),
        ),
        rows=tuple(rows),
    )


def lift(evidence: Evidence, name: str) -> Table:
    """Lay out what a source adds to gold."""
    tested = {each.first.key: each for each in evidence.of_kind("lift")}
    rows = []
    for system, alone in with_gold_alone(evidence.systems):
        known = tested.get(system.key)
        rows.append(
            (
                *_about(system),
                _of(alone.f1),
                _of(system.f1),
                f"{system.left_out} of {len(system.counted)}",
                *(
                    _difference(known)
                    if known
                    else (signed(system.f1.mean - alone.f1.mean), NONE, NONE, NONE)
                ),
            )
        )
    return Table(
        name=name,
        caption=(
            "What a source adds to gold: micro-F1 of gold with all of the source minus that of as many gold "
            "sentences alone, and the 95 % interval of the difference. Left out: runs in which folds of gold "
            "decided not to learn the source. The t-test knows seeds alone."
        ),
        align="lllrrrrrrrr",
        header=(
            *(*_ABOUT[:3], "gold sentences", "gold alone", "with the source", "left out"),
            *("lift", "95 % interval", "p", "p of the t-test"),
        ),
        rows=tuple(rows),
    )


def micro_and_macro(systems: Sequence[System], name: str) -> Table:
    """Lay out micro and macro F1 with languages as columns, as Santoso et al. (2024) do for CrossNER."""
    languages = sorted({system.language for system in systems})
    found = {system.key: system for system in systems}
    lines = dict.fromkeys(
        (system.tagger, system.setting, system.source, system.size)
        for system in sorted(systems, key=order_in_language)
    )
    rows = []
    for tagger, setting, source, size in lines:
        cells = [found.get((language, tagger, setting, source, size)) for language in languages]
        figures = [_micro_macro(system) for system in cells if system]
        average = (
            " / ".join(decimal(fmean(values)) for values in zip(*figures, strict=True))
            if len(figures) == len(languages)
            else NONE
        )
        rows.append(
            (
                *(Name(tagger), setting, Name(source), size_asked(size)),
                *(" / ".join(map(decimal, _micro_macro(each))) if each else NONE for each in cells),
                average,
            )
        )
    return Table(
        name=name,
        caption=(
            "Micro / macro F1 by language, mean over seeds. The macro average is over the entity types of "
            "gold. The average is over all languages, where all were run."
        ),
        align="lllr" + "r" * (len(languages) + 1),
        header=(*_ABOUT, *(Word(language_name(each)) for each in languages), "average"),
        rows=tuple(rows),
    )


def collapsed(systems: Sequence[System], name: str) -> Table:
    """Lay out the runs whose training has failed, and their repetitions."""
    rows = []
    for system in systems:
        repetitions = {run.retry_of: run for run in system.runs if run.retry_of is not None}
        for run in system.runs:
            if not run.collapsed:
                continue
            again = repetitions.get(run.seed)
            rows.append(
                (
                    Word(language_name(system.language)),
                    *_about(system),
                    str(run.seed),
                    decimal(run.f1, 3),
                    NONE if again is None else f"seed {again.seed}: {decimal(again.f1, 3)}",
                    "yes" if again is None else "no, its repetition is",
                )
            )
    return Table(
        name=name,
        caption="Runs that collapsed: their F1 is so near 0 that training has failed.",
        align="llllrrrll",
        header=("language", *_ABOUT, "seed", "F1", "repeated as", "in the mean"),
        rows=tuple(rows),
    )


def size_of_pair(compared: Comparison) -> str:
    """Write the size that two systems have in common, and how many sentences each had where one had fewer."""
    first, second = compared.first, compared.second
    size = size_asked(first.size)
    if first.is_smaller or second.is_smaller:
        size += f" ({count(first.true_size)} against {count(second.true_size)})"
    return size


def types_of(systems: Iterable[System]) -> list[str]:
    """Return the entity types of a language's gold, in its order."""
    return list(dict.fromkeys(type_ for system in systems for type_ in system.runs[0].result["labels"]))


def of_type(type_: str, figure: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what reads a figure of an entity type from `scores`; a type without mentions has 0."""
    return lambda scores: scores["per_type"].get(type_, {}).get(figure, 0)


def recall(side: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what reads the recall of `seen` or `unseen` mentions from `scores`."""
    return lambda scores: scores[side]["recall"]


def gold_of(side: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what reads how many mentions of gold are `seen` or `unseen` from `scores`."""
    return lambda scores: scores[side]["gold"]


def invariance_of(system: System) -> dict[str, float] | None:
    """Return the invariance test over the runs it was made of; None where it was made of none."""
    made = [
        run.result["scores"]["invariance"] for run in system.counted if run.result["scores"]["invariance"]
    ]
    if not made:
        return None
    cases, failed = (sum(each[key] for each in made) for key in ("cases", "failed"))
    return {"error_rate": failed / cases if cases else 0.0, "cases": cases, "failed": failed}


_ABOUT = ("tagger", "setting", "source", "size")


def _about(system: System) -> tuple[str, ...]:
    size = size_asked(system.size)
    if system.true_size is not None and (system.is_smaller or system.size is None):
        size += f" ({count(system.true_size)})"
    return Name(system.tagger), system.setting, Name(system.source), size


def _of(spread: SeedSensitivity) -> str:
    return mean_and_deviation(spread.mean, spread.standard_deviation)


def _error(kind: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda scores: scores["errors"][kind]


def signed(difference: float) -> str:
    """Write a difference with its sign: `+.041`."""
    text = decimal(difference, 3)
    return text if text.startswith("−") or not text.strip(".0") else f"+{text}"


def _difference(compared: Comparison) -> tuple[str, str, str, str]:
    return (
        signed(compared.difference),
        interval(compared.interval, 3),
        p_value(compared.adjusted_p_value),
        p_value(compared.t_test.p_value if compared.t_test else None),
    )


def _languages_and_sources(systems: Sequence[System]) -> list[tuple[str, str]]:
    """Return what the headline has rows for: zero-shot alone is no row, it is in that of each source."""
    return [
        (language, source)
        for language in sorted({system.language for system in systems})
        for source in in_order_of_sources(system.source for system in systems if system.language == language)
    ]


def _of_size(
    found: Mapping[tuple[str, str, str, str, int | None], System],
    key: tuple[str, str, str, str, int | None],
) -> System | None:
    """Return a system; at size 0 fine-tuning is transfer alone, whichever the source would be."""
    language, tagger, setting, _, size = key
    if size == 0 and setting == FINE_TUNED:
        return next(
            (
                system
                for system in found.values()
                if (system.language, system.tagger, system.setting) == (language, tagger, ZERO_SHOT)
            ),
            None,
        )
    return found.get(key)


def _mean_f1(system: System) -> float:
    return system.f1.mean


def _cell(pair: tuple[System | None, ...]) -> str:
    if not any(pair):
        return NONE
    text = _of(pair[0].f1) + _mark(pair[0]) if len(pair) == 1 and pair[0] else _means(pair)
    smaller = [each.true_size for each in pair if each and each.is_smaller]
    return f"{text} ({count(smaller[0])})" if smaller else text


def _means(pair: Sequence[System | None]) -> str:
    return " / ".join(decimal(each.f1.mean) + _mark(each) if each else NONE for each in pair)


def _mark(system: System) -> str:
    return COLLAPSED if system.collapsed else ""


def _micro_macro(system: System) -> tuple[float, float]:
    return system.f1.mean, system.mean(lambda scores: scores["macro"]["f1"])
