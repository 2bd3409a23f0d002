"""A leaderboard as one HTML file that asks no network for anything.

Style, program and numbers are inside. Text of submissions is data only: it is embedded as JSON whose every
`<`, `>` and `&` is escaped, and the program builds elements and never parses text. The page's own policy lets
nothing else run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ... import __version__
from ...evaluation.leaderboard.rows import OVERALL, Row
from ...sources.files import write_atomically
from ..markdown import legible
from .columns import (
    COLUMNS,
    FILTERS,
    HOW_TO_READ,
    HUB,
    PATTERNS,
    SEARCHED,
    STATUS_MEANINGS,
    SUBMIT_COMMAND,
    SUBMIT_FIELDS,
    SUBMIT_KINDS,
    WHOLE,
    default_scope,
    language_label,
    require_repository,
    row_ids,
)

TITLE = "Leaderboard of named entity recognition"
EXPLANATION = (
    "Named entity recognition where gold data are scarce: which taggers and which training data, synthetic "
    "data above all, find the most names on gold test sentences."
)

_PACKAGE = __name__.rpartition(".leaderboard.")[0]
_SCRIPTS = (
    "leaderboard_data.js",
    "leaderboard_elements.js",
    "leaderboard_plots.js",
    "leaderboard_page.js",
)
_STYLE = "leaderboard_page.css"
# Read when a row is opened or types are drawn; everything else is needed at once.
_DETAILS = frozenset({"per_type", "training", "results", "url", "model_revision"})
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_SIGNIFICANT_DIGITS = 6


def leaderboard_page(rows: Sequence[Row], *, title: str, repository: str | None) -> str:
    """Return the page of a leaderboard.

    Args:
        rows: What it shows.
        title: Its heading.
        repository: The leaderboard's id on the Hub, which files are linked in; None if it is not there.
    """
    columns = {field.name: _column([getattr(row, field.name) for row in rows]) for field in fields(Row)}
    program = "\n".join(map(packaged, _SCRIPTS))
    script = Markup(f'\n"use strict";\n(() => {{\n{program}}})();\n')  # noqa: S704 - this package's own
    style = Markup(f"\n{packaged(_STYLE)}")  # noqa: S704 - this package's own
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("leaderboard_page.html.jinja").render(
        title=legible(title),
        explanation=EXPLANATION,
        version=__version__,
        repository=repository and legible(repository),
        policy=_policy(script, style),
        style=style,
        script=script,
        facts=_embedded(_facts(rows, repository)),
        rows=_embedded(
            {"id": {"values": row_ids(rows)}}
            | {name: column for name, column in columns.items() if name not in _DETAILS}
        ),
        details=_embedded({name: column for name, column in columns.items() if name in _DETAILS}),
    )


def write_page(path: Path, rows: Sequence[Row], *, repository: str | None) -> None:
    """Write the page of a leaderboard.

    Args:
        path: Where it goes.
        rows: What it shows.
        repository: The leaderboard's id on the Hub; None if it is not there.

    Raises:
        WrongUsageError: If that is no id.
        DataError: If the page cannot be written.
    """
    if repository is not None:
        require_repository(repository)
    with write_atomically(path) as stream:
        stream.write(leaderboard_page(rows, title=TITLE, repository=repository))


def packaged(name: str) -> str:
    """Return a file of this package's templates as it is."""
    return (files(_PACKAGE) / "templates" / name).read_text(encoding="utf-8")


def _facts(rows: Sequence[Row], repository: str | None) -> Mapping[str, Any]:
    scopes = sorted({row.scope for row in rows})
    return {
        "rows": len(rows),
        "columns": [asdict(column) for column in COLUMNS],
        "filters": [asdict(each) for each in FILTERS],
        "searched": SEARCHED,
        "whole": WHOLE,
        "languages": {legible(scope): language_label(scope) for scope in scopes},
        "overall": OVERALL,
        "defaultScope": legible(default_scope(scopes)),
        "benchmarks": sorted({legible(row.benchmark) for row in rows if row.benchmark}),
        "statusMeanings": STATUS_MEANINGS,
        "howToRead": HOW_TO_READ,
        "repository": repository,
        "hub": HUB,
        "patterns": {name: f"^(?:{pattern.pattern})$" for name, pattern in PATTERNS.items()},
        "submit": {
            "command": SUBMIT_COMMAND,
            "kinds": SUBMIT_KINDS,
            "fields": [asdict(each) for each in SUBMIT_FIELDS],
        },
    }


def _column(values: Sequence[object]) -> Mapping[str, list[Any]]:
    """Return a column with each value written once, where that is shorter."""
    codes: dict[object, int] = {}
    coded = [codes.setdefault(value, len(codes)) for value in values]
    if 2 * len(codes) > len(values):
        return {"values": [_plain(value) for value in values]}
    return {"values": [_plain(value) for value in codes], "codes": coded}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, float):
        return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, int):
        return value
    return [_plain(getattr(value, field.name)) for field in fields(value)]


def _embedded(value: object) -> Markup:
    """Return JSON in which no browser sees the end of a script, a comment or an entity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPED))  # noqa: S704 - escaped for where it stands


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}'"
