"""A leaderboard as a Gradio app: what the Space shows.

Rows are filtered, sorted and cut into pages on the server, so that a browser never has more than one page
of them. Gradio's own table would sort that page alone; ours says which heading was chosen, and all rows are
sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.themes import Default

from ...evaluation.leaderboard.rows import OVERALL
from ..markdown import cell, legible
from . import html_parts
from .columns import (
    COLUMNS,
    FILTERS,
    SUBMIT_FIELDS,
    SUBMIT_KINDS,
    SubmitField,
    default_scope,
    language_label,
    submit_command,
)
from .page import EXPLANATION, packaged
from .selection import BY_F1, Board, Series, Shown, Wanted, sentences_learned

if TYPE_CHECKING:
    import pandas as pd

PAGE_LENGTH = 50
_MOST_CURVES = 7
# After Okabe and Ito (2008), to be seen on light and on dark.
_COLOURS = ("#2f7fc1", "#d55e00", "#12966e", "#b565a7", "#a67c00", "#5b9bb5", "#c04a5a")
_LONGEST_NAME = 60
_CHOSEN_AT_FIRST = tuple(column.name for column in COLUMNS if column.shown)

_CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.sort) trigger('sort', { by: button.dataset.sort });
  if (button?.dataset.row) trigger('open', { row: button.dataset.row });
});
"""


def leaderboard_app(current: Callable[[], Shown], *, title: str, repository: str | None) -> gr.Blocks:
    """Return the app.

    Args:
        current: Gives the rows; it is asked at every step of a visitor, and has to be quick.
        title: The heading.
        repository: The leaderboard's id on the Hub, which files are linked in; None if it is not there.
    """
    return _App(current, title, repository).blocks


def launch_options() -> dict[str, Any]:
    """Return how the app is launched: its look, without anything from other hosts."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif"]
    theme = Default(
        primary_hue="blue", font=fonts, font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"]
    )
    return {"theme": theme, "css": packaged("leaderboard_app.css"), "footer_links": ["gradio", "settings"]}


class _App:
    """The components, and what each step of a visitor changes."""

    def __init__(self, current: Callable[[], Shown], title: str, repository: str | None) -> None:
        self._current = current
        self._repository = repository
        with gr.Blocks(title=legible(title), analytics_enabled=False, fill_width=True) as self.blocks:
            gr.Markdown(f"# {cell(title)}\n\n{EXPLANATION}", elem_classes="intro")
            self._note = gr.Markdown(visible=False, elem_classes="note")
            self._sort = gr.State(None)
            self._page = gr.State(1)
            self._build_controls()
            with gr.Tabs() as self._tabs:
                self._build_tabs()
            self._connect()

    def _build_controls(self) -> None:
        with gr.Group():
            self._search = gr.Textbox(
                label="Search",
                placeholder="Search systems, organizations, sources; words are all wanted",
                elem_id="search",
            )
            with gr.Row(elem_classes="filters"):
                self._filters = [
                    gr.Dropdown(
                        [(each.everything, "")],
                        value="",
                        label=each.label,
                        min_width=130,
                        elem_id=f"filter-{each.name}",
                    )
                    for each in FILTERS
                ]

    def _build_tabs(self) -> None:
        with gr.Tab("Leaderboard", id="leaderboard"):
            with gr.Accordion("Columns", open=False):
                self._columns = gr.CheckboxGroup(
                    [(column.label, column.name) for column in COLUMNS if column.name != "system"],
                    value=[name for name in _CHOSEN_AT_FIRST if name != "system"],
                    show_label=False,
                    container=False,
                )
            self._found = gr.Markdown(elem_id="found")
            self._table = gr.HTML(js_on_load=_CLICKS, elem_id="results", apply_default_css=False)
            with gr.Row(elem_classes="pager"):
                self._previous = gr.Button("Previous", size="sm", min_width=80, scale=0)
                self._pages = gr.Markdown()
                self._next = gr.Button("Next", size="sm", min_width=80, scale=0)
        with gr.Tab("Learning curves", id="curves"):
            self._curves_note = gr.Markdown()
            self._curves = gr.LinePlot(
                x="sentences", y="F1", color="system", tooltip=["system", "sentences", "F1", "interval"],
                x_title="training sentences", y_lim=[0, 1], height=420, elem_id="curves",
            )  # fmt: skip
            with gr.Accordion("The numbers, with intervals", open=False):
                self._curves_table = gr.HTML(apply_default_css=False)
        with gr.Tab("Per type", id="types"):
            self._types_note = gr.Markdown()
            self._types = gr.ScatterPlot(
                x="type", y="F1", color="system", tooltip=["system", "type", "F1", "gold"],
                x_title="entity type", y_lim=[0, 1], height=420, elem_id="types",
            )  # fmt: skip
        with gr.Tab("Row", id="row"):
            self._row = gr.HTML(
                "<p>Choose a system in the leaderboard.</p>", elem_id="row", apply_default_css=False
            )
        with gr.Tab("Submit", id="submit"):
            self._build_form()
        with gr.Tab("About", id="about"):
            gr.HTML(html_parts.about(), elem_id="about", apply_default_css=False)

    def _build_form(self) -> None:
        gr.Markdown(
            "A submission is a pull request to the repository of this leaderboard. It holds the results and "
            "the predictions, which are scored again before a row counts as verified."
        )
        with gr.Row():
            self._kind = gr.Dropdown(
                [(text, kind) for kind, text in SUBMIT_KINDS.items()],
                value=_FIRST_KIND,
                label="What is submitted",
                elem_id="submit-kind",
            )
            self._answers = [_answer(each) for each in SUBMIT_FIELDS]
        self._command = gr.Code(
            submit_command(_FIRST_KIND, self._repository, {}),
            language="shell",
            label="The command",
            interactive=False,
            elem_id="command",
        )

    def _connect(self) -> None:
        wanted = [self._search, *self._filters]
        state = [self._sort, self._page, self._columns, *wanted]
        listed = [self._found, self._table, self._pages, self._previous, self._next, self._page]
        plotted = [self._curves_note, self._curves, self._curves_table, self._types_note, self._types]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

        # What is pasted or cleared with a mouse is a change, and no input.
        choosing = [self._search.change, *(each.input for each in self._filters)]
        gr.on(choosing, self._list_first, state, listed, trigger_mode="always_last", **quiet).then(
            self._plot, wanted, plotted, **quiet
        )
        self._columns.input(self._list, state, listed, **quiet)
        self._table.sort(self._sorted_by, None, [self._sort, self._page], **quiet).then(
            self._list, state, listed, **quiet
        )
        self._table.open(self._open, None, [self._row, self._tabs], **quiet)
        for button, step in ((self._previous, -1), (self._next, 1)):
            button.click(_stepping(step), self._page, self._page, **quiet).then(
                self._list, state, listed, **quiet
            )
        form = [self._kind, *self._answers]
        gr.on(
            [each.change for each in form],
            self._write_command,
            form,
            [self._command, *self._answers],
            **quiet,
        )
        benchmarks = next(each for each in self._answers if isinstance(each, gr.Dropdown))
        self.blocks.load(
            self._begin,
            None,
            [self._note, *self._filters, benchmarks, self._search, self._row, self._tabs],
            **quiet,
        ).then(self._list, state, listed, **quiet).then(self._plot, wanted, plotted, **quiet)

    def _begin(self, request: gr.Request) -> list[Any]:
        """Fill what depends on the rows, as the address of the page has it."""
        shown = self._current()
        board = shown.board
        asked = {name: str(value)[:200] for name, value in request.query_params.items()}
        updates = []
        for each in FILTERS:
            choices = [
                (each.everything, ""),
                *((_fitting(text), value) for text, value in board.choices(each.name)),
            ]
            fallback = default_scope(row.scope for row in board.rows) if each.name == "scope" else ""
            values = {value for _, value in choices}
            value = asked.get(each.name, fallback)
            updates.append(gr.update(choices=choices, value=value if value in values else fallback))
        benchmarks = [("Choose one", ""), *board.choices("benchmark")]
        place = board.place(asked.get("row", ""))
        opened = gr.skip() if place is None else html_parts.row_page(board, place, self._repository)
        return [
            gr.update(value=cell(shown.note), visible=bool(shown.note)),
            *updates,
            gr.update(choices=benchmarks, value=""),
            asked.get("q", ""),
            opened,
            gr.skip() if place is None else gr.Tabs(selected="row"),
        ]

    def _list_first(
        self, sort: str | None, page: int, columns: Sequence[str], query: str, *chosen: str
    ) -> list[Any]:
        """List the first page: whoever chooses something else wants to see the best of it."""
        del page
        return self._list(sort, 1, columns, query, *chosen)

    def _list(
        self, sort: str | None, page: int, columns: Sequence[str], query: str, *chosen: str
    ) -> list[Any]:
        board = self._current().board
        found = board.find(_wanted(query, chosen, sort))
        pages = max(1, -(-len(found) // PAGE_LENGTH))
        page = min(max(1, page), pages)
        hidden = "scope" if chosen[0] else None
        visible = [
            column
            for column in COLUMNS
            if column.name == "system" or (column.name in columns and column.name != hidden)
        ]
        shown = found[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
        table = html_parts.table(board, shown, visible, sort or BY_F1) if shown else _NOTHING
        return [
            f"{len(found):,} of {len(board.rows):,} results",
            table,
            f"Page {page} of {pages}",
            gr.update(interactive=page > 1),
            gr.update(interactive=page < pages),
            page,
        ]

    def _sorted_by(self, event: gr.EventData) -> tuple[str, int]:
        return str(event.by), 1

    def _open(self, event: gr.EventData) -> tuple[Any, Any]:
        board = self._current().board
        place = board.place(str(event.row))
        if place is None:
            return "<p>This row has been replaced by a newer one.</p>", gr.Tabs(selected="row")
        return html_parts.row_page(board, place, self._repository), gr.Tabs(selected="row")

    def _plot(self, query: str, *chosen: str) -> list[Any]:
        board = self._current().board
        found = board.find(_wanted(query, chosen, None))
        scopes = {board.rows[place].scope for place in found}
        scope = OVERALL if OVERALL in scopes else min(scopes, default="", key=language_label)
        of_scope = [place for place in found if board.rows[place].scope == scope]
        series, number = board.series(of_scope, _MOST_CURVES)
        typed = [place for place in found if board.rows[place].per_type] or [
            place
            for place in board.find(_wanted(query, ("", *chosen[1:]), None))
            if board.rows[place].per_type
        ]
        typed_scope = min((board.rows[place].scope for place in typed), default="", key=language_label)
        of_types = [place for place in typed if board.rows[place].scope == typed_scope]
        type_series, type_number = board.series(of_types, _MOST_CURVES)
        curves, types = _curves(board, series), _types(board, type_series)
        return [
            _plot_note(scope, series, number, "curves"),
            gr.LinePlot(
                curves,
                color_map=_colour_map(series),
                sort=list(dict.fromkeys(curves["sentences"])),
            ),
            html_parts.numbers(board, [place for each in series for place in each.rows]),
            _plot_note(typed_scope, type_series, type_number, "systems"),
            gr.ScatterPlot(types, color_map=_colour_map(type_series)),
        ]

    def _write_command(self, kind: str, *answers: str | None) -> list[Any]:
        given = {each.name: answer or "" for each, answer in zip(SUBMIT_FIELDS, answers, strict=True)}
        asked = [gr.update(visible=kind in each.kinds) for each in SUBMIT_FIELDS]
        return [submit_command(kind, self._repository, given), *asked]


def _answer(asked: SubmitField) -> gr.Textbox | gr.Dropdown:
    shown: dict[str, Any] = {
        "label": asked.label,
        "visible": _FIRST_KIND in asked.kinds,
        "elem_id": f"submit-{asked.name}",
    }
    if asked.name == "benchmark":
        return gr.Dropdown([("Choose one", "")], value="", **shown)
    return gr.Textbox(placeholder=asked.example, **shown)


_FIRST_KIND = next(iter(SUBMIT_KINDS))
_NOTHING = '<p class="nothing">Nothing is like that. Take a filter away.</p>'


def _stepping(step: int) -> Callable[[int], int]:
    return lambda page: page + step


def _wanted(query: str, chosen: Sequence[str], sort: str | None) -> Wanted:
    filters: Mapping[str, str] = {each.name: value or "" for each, value in zip(FILTERS, chosen, strict=True)}
    return Wanted(query or "", filters, sort)


def _fitting(text: str) -> str:
    shown = legible(text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _curves(board: Board, series: Sequence[Series]) -> pd.DataFrame:
    """Return the points of learning curves. Sizes are names: 100 and 1,000 are no closer than 10 and 100."""
    import pandas as pd

    points = [
        (sentences_learned(board.rows[place]), _fitting(each.name), board.rows[place])
        for each in series
        for place in each.rows
        if sentences_learned(board.rows[place])
    ]
    points.sort(key=lambda point: (point[0], point[1]))
    return pd.DataFrame(
        [
            (f"{size:,}", name, round(row.f1, 4), html_parts.interval(row) or "not known")
            for size, name, row in points
        ],
        columns=["sentences", "system", "F1", "interval"],
    )


def _types(board: Board, series: Sequence[Series]) -> pd.DataFrame:
    """Return F1 of each type, of each system at its best size."""
    import pandas as pd

    best = [
        (each, max((board.rows[place] for place in each.rows), key=lambda row: row.f1)) for each in series
    ]
    return pd.DataFrame(
        [
            (_fitting(figure.type), _fitting(each.name), round(figure.f1, 4), figure.gold)
            for each, row in best
            for figure in sorted(row.per_type, key=lambda figure: figure.type)
        ],
        columns=["type", "system", "F1", "gold"],
    )


def _colour_map(series: Sequence[Series]) -> dict[str, str]:
    return {_fitting(each.name): colour for each, colour in zip(series, _COLOURS, strict=False)}


def _plot_note(scope: str, series: Sequence[Series], number: int, what: str) -> str:
    if not series:
        return "Nothing is like that. Take a filter away."
    drawn = f" {len(series)} of {number:,} {what} are drawn: those with the highest F1." * (
        number > len(series)
    )
    return f"**{cell(language_label(scope))}.** Choose a language for another.{drawn}"
