"""What the terminal shows: progress on stderr, results on stdout, errors without a traceback.

Here is what all commands print with; each file beside this one prints what some of them found.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ...cards.markdown import legible
from ...schema.errors import SynthnerError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, ProgressColumn
    from rich.style import StyleType
    from rich.table import Table

    from ...sources.report import Problem

INTERRUPTED = 130

WIDEST_TABLE = 10_000

# Columns of tables that hold numbers.
_OF_NUMBERS = frozenset(
    {
        *("precision", "recall", "F1", "gold", "predicted", "correct"),
        *("calls", "answered", "to ask", "datapoints", "characters", "planned", "failed", "published"),
        *("prompt tokens", "answer tokens", "cost", "kept", "lost", "entities", "projected", "cells"),
    }
)
# Columns of tables that hold whole sentences, or nearly so: these are broken into lines.
_OF_SENTENCES = frozenset({"how it is known", "labels repaired", "dropped because"})
_LONGEST_LINE = 40

# JSON leaves these as they are, and some terminals obey them.
_FURTHER_CONTROLS = re.compile("[\x7f-\x9f]")


def prepare_streams() -> None:
    """Write UTF-8 whatever the locale says, and write nowhere where an output was closed.

    A Yoruba name must not end a run on a C-locale server, nor must a job runner that closes stderr.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


def styles() -> bool | None:
    """Say whether output has colours: False where NO_COLOR asks for none, None for what suits the output."""
    return False if os.environ.get("NO_COLOR") else None


def counted(count: int, unit: str) -> str:
    """Return a number with its unit: `1 call`, `1,200 calls`, `2 entities`."""
    plural = f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
    return f"{count:,} {unit if count == 1 else plural}"


def say(
    text: object = "", *, err: bool = False, nl: bool = True, color: bool | None = None, **style: Any
) -> None:
    """Print a text; all that is for people goes through here, so that no data in it commands their terminal.

    Args:
        text: What has no shape of its own in it is spelled out, but for tabs and the ends of lines.
        err: Whether it goes to stderr.
        nl: Whether the line ends after it.
        color: Whether styles are printed; by default as the command's context has it.
        style: How it looks, as `click.style` takes it.
    """
    shown = legible(str(text), keep="\n\t")
    click.echo(click.style(shown, **style) if style else shown, err=err, nl=nl, color=color)  # noqa: TID251


def print_counts(**counts: int) -> None:
    """Print numbers of things on one line, each under its unit."""
    say(", ".join(counted(count, unit) for unit, count in counts.items()))


def print_json(value: Any) -> None:
    """Print one JSON object on stdout, in UTF-8; only control characters are escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(_FURTHER_CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", written))  # noqa: TID251


def print_error(error: SynthnerError) -> None:
    """Print an error on stderr: where, what, and on a line of its own what to do."""
    say("Error: ", fg="red", bold=True, nl=False, err=True, color=styles())
    say(error, err=True)


def print_problems(problems: Sequence[Problem], *, err: bool = False) -> None:
    """Print what is irregular in data: one line a kind, errors first."""
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        first = problem.first
        token = f" `{first.token}`" if first.token is not None else ""
        label = f" ({first.label})" if first.label else ""
        say(f"{problem.severity:>6}  ", fg="red" if problem.severity == "error" else None, nl=False, err=err)
        say(f"{problem.count:>8,}  {problem.kind}: first at {first.file}:{first.line}{token}{label}", err=err)
    if not problems:
        say("Nothing irregular.", err=err)


def progress_bars(unit: str) -> Progress:
    """Return bars on stderr that count units, and go when they are done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f} {unit}/s" if task.speed else "")

    return Progress(
        _description(),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


@contextmanager
def at_work(on: str) -> Iterator[None]:
    """Show on a terminal's stderr what goes on, and for how long: where nobody knows how much there is to do.

    Args:
        on: What goes on, such as `Curating data.jsonl`.

    Raises:
        KeyboardInterrupt: If it is interrupted; with a message, for none of it can be taken up again.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TimeElapsedColumn

    terminal = Console(stderr=True)
    bars = Progress(_description(), BarColumn(), TimeElapsedColumn(), console=terminal, transient=True)
    bars.add_task(on, total=None)
    try:
        with bars if sys.stderr.isatty() else nullcontext():
            yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("Interrupted. Nothing was written, and nothing is kept.") from error


def _description() -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Description(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(legible(task.description))

    return Description()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def new_table(*columns: str) -> Table:
    """Return an empty table; names and numbers stay whole, and numbers are aligned to the right.

    As with `say`, no data in it commands the terminal.
    """
    from rich import box
    from rich.table import Table

    class LegibleTable(Table):
        def add_row(
            self,
            *renderables: RenderableType | None,
            style: StyleType | None = None,
            end_section: bool = False,
        ) -> None:
            shown = (legible(each) if isinstance(each, str) else each for each in renderables)
            super().add_row(*shown, style=style, end_section=end_section)

    table = LegibleTable(box=box.SIMPLE_HEAD)
    for column in columns:
        justify = "right" if column in _OF_NUMBERS else "left"
        sentences = column in _OF_SENTENCES
        table.add_column(
            column, justify=justify, no_wrap=not sentences, max_width=_LONGEST_LINE if sentences else None
        )
    return table


def print_table(table: Table) -> None:
    """Print a table on stdout.

    On a terminal that is too narrow its lines run over: of names that are cut off, two could look the same.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    unlimited = console.options.update(width=WIDEST_TABLE)
    console.width = max(console.width, console.measure(table, options=unlimited).maximum)
    console.print(table)
