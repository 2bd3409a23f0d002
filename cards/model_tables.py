"""The tables of the model card. Their numbers are those of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from .markdown import Markdown, cell, code, count, table

Result = Mapping[str, Any]

NONE = Markdown("–")

AVERAGES = {
    "micro": "**Micro, default mode**",
    "strict": "Micro, strict IOB2",
    "macro": "Macro over the types",
}

ERRORS = {
    "correct": "Found as they are",
    "boundary": "Found with wrong boundaries",
    "type": "Found with the wrong type",
    "boundary and type": "Found with wrong boundaries and the wrong type",
    "missed": "Not found",
    "spurious": "Found where gold has none",
}

Use = tuple[str, Mapping[str, Any]]
"""What sentences were used for, and what a result says about them."""


def figure(value: float) -> Markdown:
    """Show a score with three decimals."""
    return Markdown(f"{value:.3f}")


def scores_table(result: Result) -> Markdown:
    """Show precision, recall and F1 by each average and each type."""
    scores = result["scores"]
    header = [
        Markdown(text) for text in ("", "Precision", "Recall", "F1", "95 % interval", "Mentions in gold")
    ]
    low, high = result["interval"]
    rows = [
        [
            Markdown(title),
            *_figures(scores[average]),
            Markdown(f"{low:.3f} to {high:.3f}") if average == "micro" else NONE,
            NONE,
        ]
        for average, title in AVERAGES.items()
    ]
    rows += [
        [cell(type_), *_figures(figures), NONE, count(figures["gold"])]
        for type_, figures in scores["per_type"].items()
    ]
    return table(header, rows, "lrrrrr")


def seen_table(result: Result) -> Markdown:
    """Show how many mentions are found that training had with the type, and how many of the others."""
    rows = [
        [
            Markdown(title),
            figure(facts["recall"]) if facts["gold"] else NONE,
            count(facts["correct"]),
            count(facts["gold"]),
        ]
        for title, facts in (
            ("Seen in training", result["scores"]["seen"]),
            ("Not seen", result["scores"]["unseen"]),
        )
    ]
    return table([Markdown(text) for text in ("Mentions", "Recall", "Found", "In gold")], rows, "lrrr")


def errors_table(result: Result) -> Markdown:
    """Show what became of the mentions of gold and of the prediction."""
    errors = result["scores"]["errors"]
    rows = [[Markdown(title), count(errors[kind])] for kind, title in ERRORS.items()]
    return table([Markdown("Mentions"), Markdown("Number")], rows, "lr")


def seeds_table(results: Sequence[Result], pushed: str) -> Markdown:
    """Show what each seed reaches, and the spread of them.

    Args:
        results: Runs that only the seed distinguishes.
        pushed: The id of the cell that is pushed.
    """
    rows = [
        [
            count(result["cell"]["seed"]) + (" (this one)" if result["id"] == pushed else ""),
            figure(result["scores"]["micro"]["f1"]),
            Markdown(f"{result['interval'][0]:.3f} to {result['interval'][1]:.3f}"),
            Markdown("; ".join(_remarks(result))),
        ]
        for result in results
    ]
    header = ("Seed", "Micro-F1", "95 % interval", "")
    return table(
        [Markdown(text) for text in header], [[Markdown(text) for text in row] for row in rows], "lrrl"
    )


def _remarks(result: Result) -> Iterator[str]:
    if result["cell"]["retry_of"] is not None:
        yield f"repeats seed {count(result['cell']['retry_of'])}"
    if result["collapsed"]:
        yield "training failed"


def spread(results: Sequence[Result]) -> Markdown:
    """Show mean and standard deviation of micro-F1 over seeds."""
    f1 = [result["scores"]["micro"]["f1"] for result in results]
    return Markdown(f"{fmean(f1):.3f} ± {stdev(f1):.3f}")


def data_table(uses: Sequence[Use]) -> Markdown:
    """Show which sentences were used for what."""
    header = ("Used for", "Language", "Name", "Read from", "Revision", "Sentences", "Words", "Mentions")
    rows = [
        [
            cell(use),
            cell(part["language"]),
            cell(part["name"]),
            code(part["reference"]),
            code(part["revision"]) if part["revision"] else NONE,
            count(part["sentences"]),
            count(part["tokens"]),
            count(part["mentions"]),
        ]
        for use, part in uses
    ]
    return table([Markdown(text) for text in header], rows, "lllllrrr")


def hashes_table(uses: Sequence[Use]) -> Markdown:
    """Show the checksum of each part's sentences and labels."""
    rows = [[cell(part["name"]), cell(use), code(part["sha256"])] for use, part in uses]
    header = ("Name", "Used for", "sha256 of the sentences with their labels, in their order")
    return table([Markdown(text) for text in header], rows, "lll")


def settings_table(settings: Mapping[str, Any], changed: Mapping[str, Any]) -> Markdown:
    """Show hyper-parameters."""
    rows = [
        [code(name), cell("none" if value is None else value), Markdown("changed" if name in changed else "")]
        for name, value in settings.items()
    ]
    return table([Markdown("Hyper-parameter"), Markdown("Value"), Markdown("")], rows, "lll")


def versions_table(result: Result) -> Markdown:
    """Show what the model was trained with."""
    measured = result["measured"]
    rows = [[cell(name), cell(version)] for name, version in measured["versions"].items()]
    rows.append([Markdown("device"), cell(measured["device"])])
    return table([Markdown("With"), Markdown("Version")], rows, "ll")


def _figures(figures: Mapping[str, float]) -> list[Markdown]:
    return [figure(figures[name]) for name in ("precision", "recall", "f1")]
