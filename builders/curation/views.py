"""Sequences that hold no rows: each row is made when it is asked for, from a file or from other sequences."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

Row = TypeVar("Row")


class View(Sequence[Row]):
    """Rows that are made each time they are asked for. To go through them in order is what costs least."""

    @abstractmethod
    def one(self, place: int) -> Row:
        """Return the row at a place, from 0 up."""

    @abstractmethod
    def at(self, places: Sequence[int]) -> Iterator[Row]:
        """Yield the rows at some places; those that ascend take the least time."""

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> View[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | View[Row]:
        places = range(len(self))[place]
        return self.one(places) if isinstance(places, int) else Chosen(self, places)

    def __iter__(self) -> Iterator[Row]:
        return self.at(range(len(self)))


class Made(View[Row]):
    """Rows made from those at the same place of other sequences.

    Args:
        make: Makes a row; it gets one of each sequence.
        sources: Sequences of equal length.
    """

    def __init__(self, make: Callable[..., Row], *sources: Sequence[Any]) -> None:
        self._make = make
        self._sources = sources

    def __len__(self) -> int:
        return len(self._sources[0])

    def one(self, place: int) -> Row:
        """Return the row at a place."""
        return self._make(*(source[place] for source in self._sources))

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        """Yield the rows at some places."""
        return map(self._make, *(_rows_at(source, places) for source in self._sources))


class Chosen(View[Row]):
    """Some rows of a sequence.

    Args:
        rows: All rows.
        places: The places of those that are chosen, in their order.
    """

    def __init__(self, rows: Sequence[Row], places: Sequence[int]) -> None:
        self._rows = rows
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def one(self, place: int) -> Row:
        """Return the row at a place among those that are chosen."""
        return self._rows[self._places[place]]

    def at(self, places: Sequence[int]) -> Iterator[Row]:
        """Yield the rows at some places among those that are chosen."""
        if places == range(len(self)):
            return _rows_at(self._rows, self._places)
        return _rows_at(self._rows, array("q", map(self._places.__getitem__, places)))


def _rows_at(rows: Sequence[Row], places: Sequence[int]) -> Iterator[Row]:
    return rows.at(places) if isinstance(rows, View) else map(rows.__getitem__, places)
