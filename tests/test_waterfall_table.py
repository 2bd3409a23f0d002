"""The waterfall's rows, and that the card, the terminal and CI show the same ones."""

import io
import re

from rich.console import Console

from synthner.cards.waterfall_table import RowKind, waterfall_markdown, waterfall_rows, waterfall_table
from synthner.schema.waterfall import Waterfall


def two_splits():
    train, test = Waterfall(), Waterfall()
    train["requested"].kept = 5_000
    train["returned"].kept = 4_900
    train["returned"].lost["not returned"] = 100
    train["text"].kept = 4_880
    train["text"].lost.update({"wrong script": 15, "control character": 5})
    train["text"].notes["composed to NFC"] = 1_234
    train["published"].kept = 4_880
    test["requested"].kept = 1_000
    test["returned"].lost["call failed"] = 1_000
    test["published"].kept = 0
    return {"train": train.as_json(), "test": test.as_json()}


def test_rows_stand_in_the_order_of_the_steps_with_their_reasons_below():
    rows = [(row.kind, row.label, row.counts) for row in waterfall_rows(two_splits())]

    assert rows == [
        (RowKind.KEPT, "requested", (5_000, 1_000)),
        (RowKind.KEPT, "returned", (4_900, 0)),
        (RowKind.LOST, "call failed", (None, 1_000)),
        (RowKind.LOST, "not returned", (100, None)),
        (RowKind.KEPT, "text", (4_880, None)),
        (RowKind.LOST, "control character", (5, None)),
        (RowKind.LOST, "wrong script", (15, None)),
        (RowKind.NOTED, "composed to NFC", (1_234, None)),
        (RowKind.KEPT, "published", (4_880, 0)),
    ]


def test_a_config_that_was_asked_for_nothing_has_no_rows():
    assert waterfall_rows({}) == []


def test_markdown_and_terminal_show_the_same_labels_and_numbers():
    waterfall = two_splits()
    terminal = io.StringIO()
    Console(file=terminal, width=100).print(waterfall_table(waterfall, title="yor_gpt4"))
    shown = terminal.getvalue()

    for row in waterfall_rows(waterfall):
        numbers = [f"{number:,}" for number in row.counts if number is not None]
        in_markdown = [line for line in waterfall_markdown(waterfall).splitlines() if row.label in line]
        in_terminal = [line for line in shown.splitlines() if row.label in line]
        assert in_markdown[0].replace("|", " ").split()[-len(numbers) :] == numbers
        assert in_terminal[0].split()[-len(numbers) :] == numbers


def test_columns_of_the_markdown_source_line_up():
    lines = waterfall_markdown(two_splits()).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert re.fullmatch(r"\| -+ \| -+: \| -+: \|", lines[1])


def test_reasons_cannot_style_the_terminal_or_break_the_table():
    steps = Waterfall()
    steps["schema"].lost["[bold]a|b[/bold]\x1b[31m\n<script>"] = 3
    waterfall = {"train": steps.as_json()}
    terminal = io.StringIO()
    Console(file=terminal, width=100).print(waterfall_table(waterfall, title="x"))

    assert "[bold]a|b[/bold]⟨U+001B⟩[31m⟨U+000A⟩<script>" in terminal.getvalue()
    assert "&#91;bold&#93;a&#124;b" in waterfall_markdown(waterfall)
    assert "<script" not in waterfall_markdown(waterfall)
    assert len(waterfall_markdown(waterfall).splitlines()) == 4
