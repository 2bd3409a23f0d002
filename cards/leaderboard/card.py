"""The card of a leaderboard: `README.md`, rendered from its rows, and the two derived files written.

Names on it come from submitters: every one passes through a function of `markdown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.leaderboard.benchmarks import Benchmark, HubGold
from ...evaluation.leaderboard.layout import CARD
from ...evaluation.leaderboard.ranking import Leaderboard
from ...evaluation.leaderboard.rows import BASELINE, LEADERBOARD, OVERALL, SELF_REPORTED, Row, write_rows
from ...schema.errors import DataError
from ...schema.languages import language
from ...sources.files import write_atomically
from ..front_matter import one_line
from ..kept_text import kept_text
from ..markdown import Markdown, cell, code, count, fenced, table
from ..money import money
from ..rendering import rendered_card, template

MOST_ROWS = 20
"""Of a table on the card; all rows are in the parquet file."""

CONFIG = "leaderboard"

_NONE = Markdown("–")
_DEFAULT_TITLE = "NER leaderboard"
_UNKNOWN_REPOSITORY = "organization/name-of-this-dataset"
_HEADER = ("Rank", "System", "Kind", "Setting", "Source", "Tagger", "Size", "F1", "Seeds", "Gold", "Cost")


@dataclass(frozen=True)
class _Scope:
    """The rows of a language, or over all languages, as the card shows them.

    Attributes:
        title: Its heading.
        gold: What is tested on; empty over languages.
        best: The table of ranked rows.
        more: How many rows are not in it.
        reported: The table of self-reported rows; empty where there are none.
    """

    title: str
    gold: str
    best: Markdown
    more: int
    reported: Markdown


def write_leaderboard(folder: Path, board: Leaderboard, repository: str | None = None) -> None:
    """Write `leaderboard.parquet` and `README.md` of a leaderboard. The same rows give the same bytes.

    Text of the card outside its generated part is kept, and so are metadata keys that are not generated.

    Args:
        folder: Where to.
        board: The leaderboard.
        repository: Its name on the Hub, which the card loads it by; None where nobody knows.

    Raises:
        DataError: If the card is there and its marks or metadata are broken, or a file cannot be written.
    """
    existing, where = _existing_card(folder), str(folder / CARD)
    metadata = _front_matter(board, existing, where)
    body = _body(board, metadata, repository or _UNKNOWN_REPOSITORY)
    card = rendered_card(metadata, body, existing, where)
    write_rows(folder / LEADERBOARD, board.rows)
    with write_atomically(folder / CARD) as stream:
        stream.write(card)


def check_leaderboard_files(folder: Path) -> None:
    """Make sure that the derived files can take the place of those that are there: before results are scored.

    Raises:
        DataError: As `write_leaderboard` does.
    """
    kept_text(_existing_card(folder), str(folder / CARD))


def _existing_card(folder: Path) -> str | None:
    path = folder / CARD
    if path.is_symlink() or (folder / LEADERBOARD).is_symlink():
        raise DataError("a derived file is a link: it would be written elsewhere", where=str(folder))
    try:
        return path.read_bytes().decode("utf-8") if path.exists() else None
    except UnicodeDecodeError as error:
        raise DataError("the card is not UTF-8 text", where=str(path), hint="Mend or remove it.") from error


def _front_matter(board: Leaderboard, existing: str | None, where: str) -> dict[str, Any]:
    """Return the keys of the card's metadata, in the order in which they are written."""
    tags = sorted({language(each.language).tag.partition("-")[0] for each in board.benchmarks.values()})
    title = kept_text(existing, where).metadata.get("pretty_name")
    return {
        "pretty_name": one_line(title) if isinstance(title, str) and title.strip() else _DEFAULT_TITLE,
        "language": tags,
        "tags": ["leaderboard", "named-entity-recognition", "synthner"],
        "configs": [
            {
                "config_name": CONFIG,
                "data_files": [{"split": "train", "path": LEADERBOARD}],
                "default": True,
            }
        ],
    }


def _body(board: Leaderboard, metadata: Mapping[str, Any], repository: str) -> str:
    filters = {"cell": cell, "code": code, "count": count, "fenced": fenced}
    scopes = dict.fromkeys((row.scope, row.benchmark) for row in board.rows)
    return template("leaderboard_card.md.jinja", filters).render(
        title=metadata["pretty_name"],
        repository=repository,
        results=board.results,
        systems=len({(row.organization, row.system) for row in board.rows}),
        benchmarks=board.benchmarks,
        scopes=[_scope(board, *scope) for scope in scopes],
        benchmark_table=_benchmark_table(board.benchmarks),
    )


def _scope(board: Leaderboard, scope: str, benchmark: str) -> _Scope:
    rows = [row for row in board.rows if (row.scope, row.benchmark) == (scope, benchmark)]
    ranked = [row for row in rows if row.status != SELF_REPORTED]
    reported = [row for row in rows if row.status == SELF_REPORTED]
    # The best of each competition first: a card that only shows the first one would hide all others.
    best = sorted(ranked, key=lambda row: row.rank_first or 0)[:MOST_ROWS]
    shown = [row for row in ranked if row in best]
    more = len(rows) - len(shown) - len(reported[:MOST_ROWS])
    if scope == OVERALL:
        title, gold = "All languages", "The mean over languages, of systems that were tested on all of them."
    else:
        known = board.benchmarks[benchmark]
        title, gold = language(known.language).name, known.title
    return _Scope(title, gold, _table(shown), more, _table(reported[:MOST_ROWS]) if reported else Markdown())


def _table(rows: Sequence[Row]) -> Markdown:
    if not rows:
        return Markdown("No result has been scored yet.")
    header = [Markdown(name) for name in _HEADER]
    return table(header, [_cells(row) for row in rows], "rlllllrrrrr")


def _cells(row: Row) -> list[Markdown]:
    name = cell(f"{row.organization}/{row.system}")
    return [
        _rank(row),
        Markdown(f"{name} (baseline)") if row.status == BASELINE else name,
        cell(row.kind),
        code(row.setting),
        cell(row.source),
        cell(row.tagger),
        Markdown("all") if row.size is None else count(row.size),
        _f1(row),
        count(row.seeds),
        _NONE if row.gold_sentences is None else count(row.gold_sentences),
        _NONE if row.cost is None else cell(money(row.cost, row.currency or "")),
    ]


def _rank(row: Row) -> Markdown:
    if row.rank_first is None:
        return _NONE
    if row.rank_first == row.rank_last:
        return count(row.rank_first)
    return Markdown(f"{row.rank_first}–{row.rank_last}")


def _f1(row: Row) -> Markdown:
    if row.low is None or row.high is None:
        return Markdown(f"{row.f1:.3f}")
    return Markdown(f"{row.f1:.3f} ({row.low:.3f} to {row.high:.3f})")


def _benchmark_table(benchmarks: Mapping[str, Benchmark]) -> Markdown:
    header = [Markdown(name) for name in ("Benchmark", "Title", "Language", "Gold", "Types", "Licence")]
    rows = [
        [
            code(each.name),
            cell(each.title),
            cell(language(each.language).name),
            _gold(each),
            cell(", ".join(each.types)),
            cell(each.license),
        ]
        for each in benchmarks.values()
    ]
    return table(header, rows, "llllll")


def _gold(benchmark: Benchmark) -> Markdown:
    gold = benchmark.gold
    if not isinstance(gold, HubGold):
        return code(gold.name)
    config = f"/{gold.config}" if gold.config else ""
    return code(f"{gold.hub}{config}, {gold.split}, {gold.revision[:12]}")
