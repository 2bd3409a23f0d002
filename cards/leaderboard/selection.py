"""The rows of a leaderboard that a visitor wants to see, found among ten thousand while they type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...evaluation.leaderboard.rows import Row
from .columns import COLUMNS, FILTERS, SEARCHED, WHOLE, language_label, row_ids

BY_F1 = "-f1"
_NAMES = frozenset(column.name for column in COLUMNS)


@dataclass(frozen=True)
class Wanted:
    """What a visitor has chosen.

    Attributes:
        query: Words that are all looked for.
        chosen: A choice for each filter, by its name; no entry or an empty one is no choice.
        sort: The column that rows are sorted by, with `-` before it for the highest first. Without one it is
            F1, and what has no rank stands after all others, whatever it claims.
    """

    query: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    sort: str | None = None


@dataclass(frozen=True)
class Series:
    """The rows of one system, source, setting and tagger: one curve."""

    name: str
    rows: tuple[int, ...]


class Board:
    """The rows of a leaderboard, ready to be searched.

    Attributes:
        rows: All of them.
        ids: What each is known by in addresses.
        revision: The commit that they are of; None if they are of no repository.
    """

    def __init__(self, rows: Sequence[Row], revision: str | None = None) -> None:
        self.rows = tuple(rows)
        self.revision = revision
        self.ids = row_ids(self.rows)
        self._places = {identifier: place for place, identifier in enumerate(self.ids)}
        self._texts = [_searched(row) for row in self.rows]
        self._choices = {
            each.name: [as_choice(getattr(row, each.name)) for row in self.rows] for each in FILTERS
        }

    def place(self, identifier: str) -> int | None:
        """Return where the row with an id is; None if there is none."""
        return self._places.get(identifier)

    def choices(self, name: str) -> list[tuple[str, str]]:
        """Return what a filter offers: labels and values."""
        values = {value for value in self._choices[name] if value}
        return sorted(((label(name, value), value) for value in values), key=_natural)

    def find(self, wanted: Wanted) -> list[int]:
        """Return the places of the rows that are wanted, sorted. What is empty comes last."""
        columns = [
            (self._choices[each.name], choice)
            for each in FILTERS
            if (choice := wanted.chosen.get(each.name, ""))
        ]
        words = wanted.query.lower().split()
        found = [
            place
            for place, text in enumerate(self._texts)
            if all(values[place] == choice for values, choice in columns)
            and all(word in text for word in words)
        ]
        return self._sorted(found, wanted.sort)

    def series(self, found: Sequence[int], most: int) -> tuple[list[Series], int]:
        """Return the curves with the highest F1 among rows, and how many curves there are."""
        curves: dict[tuple[str, ...], list[int]] = {}
        for place in found:
            row = self.rows[place]
            key = (row.system, row.setting, row.source, row.tagger, row.organization)
            curves.setdefault(key, []).append(place)
        ordered = sorted(curves.items(), key=lambda item: (-max(self.rows[p].f1 for p in item[1]), item[0]))
        names = _series_names([key for key, _ in ordered[:most]])
        series = [Series(name, tuple(places)) for name, (_, places) in zip(names, ordered, strict=False)]
        return series, len(curves)

    def _sorted(self, found: list[int], sort: str | None) -> list[int]:
        found.sort(key=lambda place: -self.rows[place].f1)
        if sort is None or sort.removeprefix("-") not in _NAMES:
            return sorted(found, key=lambda place: self.rows[place].rank_first is None)
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        keys: dict[int, Any] = {place: _sort_key(name, getattr(self.rows[place], name)) for place in found}
        filled = [place for place in found if keys[place] is not None]
        filled.sort(key=keys.__getitem__, reverse=descending)
        return filled + [place for place in found if keys[place] is None]


@dataclass(frozen=True)
class Shown:
    """Rows that are shown, and what is to be said of them.

    Attributes:
        board: The rows.
        note: What visitors should know about their age; empty if they are up to date.
    """

    board: Board
    note: str = ""


def as_choice(value: str | int | None) -> str:
    """Return a value as a filter's choice has it: `all` where everything was learned."""
    return WHOLE if value is None else str(value)


def label(name: str, value: str) -> str:
    """Return what a filter's choice is called."""
    if name == "scope":
        return language_label(value)
    return f"{int(value):,}" if name == "size" and value.isdecimal() else value


def sentences_learned(row: Row) -> int:
    """Return the size of a row for a learning curve; 0 for what has learned nothing."""
    return row.size if row.size is not None else (row.synthetic_sentences or row.gold_sentences or 0)


def _searched(row: Row) -> str:
    words = [getattr(row, name) or "" for name in SEARCHED]
    return "\n".join([*words, language_label(row.scope)]).lower()


def _sort_key(name: str, value: Any) -> Any:
    if name == "scope":
        return language_label(value).lower()
    if name == "size":
        return float("inf") if value is None else value
    if isinstance(value, str):
        return value.lower() or None
    return value


def _natural(choice: tuple[str, str]) -> tuple[bool, int, str]:
    text, value = choice
    is_number = value.isdecimal()
    return not is_number, int(value) if is_number else 0, text.lower()


def _series_names(keys: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a name for each curve: its system, and what else it takes to tell it from the others."""
    names = [key[0] for key in keys]
    for part in range(1, len(keys[0]) if keys else 0):
        alike = [
            [other for other, its_name in zip(keys, names, strict=True) if its_name == name] for name in names
        ]
        names = [
            f"{name} · {key[part]}" if len({other[part] for other in group}) > 1 else name
            for name, key, group in zip(names, keys, alike, strict=True)
        ]
    return names
