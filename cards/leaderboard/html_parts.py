"""Rows of a leaderboard as HTML, for components that show HTML. Every text of a submission stays text."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from ...evaluation.leaderboard.rows import SELF_REPORTED, VERIFIED, Row
from ..markdown import legible
from ..money import money
from .columns import (
    COLUMNS,
    HOW_TO_READ,
    STATUS_MEANINGS,
    WHOLE,
    Column,
    dataset_address,
    language_label,
    model_address,
    result_address,
    safe_address,
)
from .selection import Board

_LONGEST_TEXT = 80
_DASH = "–"
# Gradio fills placeholders in a component's HTML: what looks like one in a text must not be one.
_PLACEHOLDERS = str.maketrans({character: f"&#{ord(character)};" for character in "{}$`\\"})


class Html(str):
    """Text that is HTML: written by this program, or made safe by a function of this module."""

    __slots__ = ()


def text(value: object) -> Html:
    """Show a text as it is, in its own direction."""
    return Html(f"<bdi>{_escaped(str(value))}</bdi>")


def short(value: str) -> Html:
    """Show a text where there is little room."""
    shown = legible(value)
    return text(shown if len(shown) <= _LONGEST_TEXT else f"{shown[: _LONGEST_TEXT - 1]}…")


def table(board: Board, shown: Sequence[int], columns: Sequence[Column], sort: str) -> Html:
    """Return a page of the table. Its headings and systems are buttons that say what was chosen."""
    first, last = _range(board.rows[place] for place in shown)
    heads = "".join(_heading(column, sort) for column in columns)
    lines = "".join(
        "<tr>" + "".join(_cell(board, place, column, (first, last)) for column in columns) + "</tr>"
        for place in shown
    )
    return Html(
        f'<div class="scroll" tabindex="0" role="region" aria-label="Results"><table class="results">'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        f'<p class="note">The bars of F1 run from {first:.1f} to {last:.1f}.</p>'
    )


def row_page(board: Board, place: int, repository: str | None) -> Html:
    """Return all that is known about a row."""
    row = board.rows[place]
    return Html(
        f"<h2>{text(row.system)}</h2>"
        f'<p class="who">by {text(row.organization)} {_badge(row.kind)}{_badge(row.status)}</p>'
        f"<p>{_escaped(STATUS_MEANINGS.get(row.status, ''))}</p>"
        f"{_facts(row)}{_types(row)}{_recalls(row)}{_training(row)}{_results(row, repository)}"
    )


def numbers(board: Board, places: Iterable[int]) -> Html:
    """Return the rows of a plot as a table, with intervals."""
    lines = [
        [
            short(row.system),
            text(language_label(row.scope)),
            short(row.source),
            short(row.setting),
            Html(_size(row)),
            Html(f"{row.f1:.3f}"),
            Html(interval(row) or _DASH),
        ]
        for row in (board.rows[place] for place in places)
    ]
    return _plain(("System", "Language", "Source", "Setting", "Size", "F1", "95 % interval"), lines)


def about() -> Html:
    """Return how to read all this."""
    read = [*HOW_TO_READ, *STATUS_MEANINGS.items()]
    entries = "".join(
        f"<dt>{_escaped(term)}</dt><dd>{_escaped(said)}</dd>"
        for term, said in [*read, *((column.label, column.meaning) for column in COLUMNS)]
    )
    return Html(f"<dl>{entries}</dl>")


def interval(row: Row) -> str:
    """Return the interval of F1; nothing where it is not known."""
    return "" if row.low is None or row.high is None else f"{row.low:.3f}–{row.high:.3f}"


def _escaped(value: str) -> str:
    return html.escape(legible(value)).translate(_PLACEHOLDERS)


def _heading(column: Column, sort: str) -> str:
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    is_sorted = name == column.name
    goes_down = not descending if is_sorted else column.form not in {"text", "rank"}
    order = ("descending" if descending else "ascending") if is_sorted else "none"
    arrow = ("▼" if descending else "▲") if is_sorted else "▽"
    return (
        f'<th scope="col" class="{column.form} of-{column.name}" aria-sort="{order}">'
        f'<button type="button" data-sort="{"-" if goes_down else ""}{column.name}" '
        f'title="{_escaped(column.meaning)}">{_escaped(column.label)}'
        f'<span class="arrow" aria-hidden="true">{arrow}</span></button></th>'
    )


def _cell(board: Board, place: int, column: Column, ends: tuple[float, float]) -> str:
    shown = _content(board, place, column, ends)
    return f'<td class="{column.form} of-{column.name}" data-label="{_escaped(column.label)}">{shown}</td>'


def _content(board: Board, place: int, column: Column, ends: tuple[float, float]) -> str:
    row = board.rows[place]
    value = getattr(row, column.name)
    match column.name:
        case "rank_first":
            return _rank(row)
        case "system":
            status = "" if row.status == VERIFIED else _badge(row.status)
            return (
                f'<button type="button" class="open" data-row="{board.ids[place]}">'
                f"{short(row.system)}</button>"
                f'<small class="who">{short(row.organization)} {_badge(row.kind)}{status}</small>'
            )
        case "scope":
            return text(language_label(row.scope))
        case "size" | "cost":
            return _size(row) if column.name == "size" else _cost(row)
        case "f1":
            return (
                f'<span class="numbers"><b>{row.f1:.3f}</b> <small>{interval(row)}</small></span>'
                f"{_bar(row.f1, row.low, row.high, ends)}"
            )
    return short(value or _DASH) if isinstance(value, str) else _number(value, column.form)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return _DASH
    return {"score": f"{value:.3f}", "count": f"{value:,}"}.get(form, f"{value:.3g}")


def _rank(row: Row) -> str:
    if row.rank_first is None:
        return _DASH
    tied = row.rank_last not in {None, row.rank_first}
    return f"{row.rank_first}–{row.rank_last}" if tied else str(row.rank_first)


def _size(row: Row) -> str:
    return WHOLE if row.size is None else f"{row.size:,}"


def _cost(row: Row) -> str:
    return _DASH if row.cost is None else _escaped(money(row.cost, row.currency or "").strip())


def _badge(name: str) -> str:
    kind = name if name in {VERIFIED, SELF_REPORTED} else ""
    return f'<span class="badge {kind}">{_escaped(name)}</span>'


def _bar(value: float, low: float | None, high: float | None, ends: tuple[float, float] = (0, 1)) -> str:
    first, last = ends

    def at(figure: float) -> float:
        return 100 * (figure - first) / (last - first)

    band = ""
    if low is not None and high is not None:
        band = f'<span class="band" style="left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%"></span>'
    point = f'<span class="point" style="left:{at(value):.2f}%"></span>'
    return f'<span class="bar" aria-hidden="true">{band}{point}</span>'


def _range(rows: Iterable[Row]) -> tuple[float, float]:
    """Return the tenths between which all intervals lie."""
    known = [end for row in rows for end in (row.low, row.f1, row.high) if end is not None]
    first, last = math.floor(10 * min(known, default=0) + 1e-9), math.ceil(10 * max(known, default=1) - 1e-9)
    return (first / 10, last / 10) if last > first else (0.0, 1.0)


def _facts(row: Row) -> str:
    revision = f" at <code>{_escaped(row.model_revision)}</code>" if row.model_revision else ""
    entries = (
        ("Rank", _rank(row)),
        ("F1", f"<b>{row.f1:.3f}</b> {interval(row)}"),
        ("Macro F1", _number(row.macro_f1, "score")),
        ("Strict F1", _number(row.strict_f1, "score")),
        ("Precision", _number(row.precision, "score")),
        ("Recall", _number(row.recall, "score")),
        ("Seeds", str(row.seeds)),
        ("Language", text(language_label(row.scope))),
        ("Benchmark", text(row.benchmark or _DASH)),
        ("Setting", text(row.setting)),
        ("Source", text(row.source)),
        ("Tagger", text(row.tagger)),
        ("Size", _size(row)),
        ("Gold sentences", _number(row.gold_sentences, "count")),
        ("Synthetic sentences", _number(row.synthetic_sentences, "count")),
        ("Cost, as claimed", _cost(row)),
        ("F1 per cost", _number(row.f1_per_cost, "ratio")),
        ("F1 per gold sentence", _number(row.f1_per_gold_sentence, "ratio")),
        ("Model", _outward(model_address(row.model, row.model_revision), row.model or _DASH) + revision),
        ("Submitted", text(row.submitted)),
        ("More about it", _outward(safe_address(row.url), row.url or _DASH)),
    )
    return "<dl>" + "".join(f"<dt>{term}</dt><dd>{shown}</dd>" for term, shown in entries) + "</dl>"


def _types(row: Row) -> str:
    lines = [
        [
            short(each.type),
            Html(f"{each.f1:.3f}"),
            Html(_bar(each.f1, 0, each.f1)),
            Html(_number(each.gold, "count")),
        ]
        for each in row.per_type
    ]
    return _section("Entity types", ("Type", "F1", "", "Gold mentions"), lines)


def _recalls(row: Row) -> str:
    recalls = (("Seen", row.seen_recall), ("Unseen", row.unseen_recall))
    lines = [
        [Html(label), Html(f"{recall:.3f}"), Html(_bar(recall, 0, recall))]
        for label, recall in recalls
        if recall is not None
    ]
    return _section("Names seen in training, and others", ("Names", "Recall", ""), lines)


def _training(row: Row) -> str:
    lines = [
        [
            text(part.role),
            _outward(dataset_address(part.id, part.revision), part.id),
            text(part.config or _DASH),
            Html(f"<code>{_escaped(part.revision or _DASH)}</code>"),
            Html(f"{part.sentences:,}"),
        ]
        for part in row.training
    ]
    return _section("Training data", ("Role", "Data", "Config", "Revision", "Sentences"), lines)


def _results(row: Row, repository: str | None) -> str:
    if not row.results:
        return ""
    items = "".join(f"<li>{_outward(result_address(repository, path), path)}</li>" for path in row.results)
    return f'<h3>Result files</h3><ul class="files">{items}</ul>'


def _section(title: str, heads: Sequence[str], lines: Sequence[Sequence[Html]]) -> str:
    return f"<h3>{title}</h3>{_plain(heads, lines)}" if lines else ""


def _plain(heads: Sequence[str], lines: Sequence[Sequence[Html]]) -> Html:
    head = "".join(f'<th scope="col">{each}</th>' if each else "<td></td>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines)
    return Html(
        f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _outward(address: str | None, shown: str) -> Html:
    if address is None:
        return text(shown)
    return Html(f'<a href="{_escaped(address)}" rel="noopener nofollow" target="_blank">{text(shown)}</a>')
