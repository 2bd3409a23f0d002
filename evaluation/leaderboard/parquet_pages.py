"""How large a parquet file is once it is unpacked, known before any of it is.

The metadata at the end of a file may lie: a page of a hundred bytes can unfold to a thousand million values,
and a reader believes the page. So the head of every page that a reader will see is read here first. Heads are
in Thrift's compact protocol (https://parquet.apache.org/docs/file-format/data-pages/).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

PLAIN_ENCODINGS = frozenset({0, 2, 3, 4, 8})
"""Plain, dictionary, run lengths, bits: each value takes room in the page or in the dictionary."""

_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_HEAD_OF_PAGE = {_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_V2: 8}
_VALUES, _ENCODING_OF = 1, {_DATA_PAGE: 2, _DICTIONARY_PAGE: 2, _DATA_PAGE_V2: 4}
_LONGEST_NUMBER = 10
_MOST_FIELDS = 64
_MOST_DEPTH = 6


class BrokenPageError(ValueError):
    """The head of a page cannot be read, or is none."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the head of a page says.

    Attributes:
        bytes: Its size when it is unpacked.
        values: How many values it holds.
        encoding: The number of their encoding.
        is_dictionary: Whether it holds the values that others refer to.
    """

    bytes: int
    values: int
    encoding: int
    is_dictionary: bool


def read_pages(data: bytes, metadata: FileMetaData) -> Iterator[tuple[int, Page]]:
    """Read the heads of all pages, column by column.

    Args:
        data: The file.
        metadata: Its metadata.

    Yields:
        The number of the column, and a page of it.

    Raises:
        BrokenPageError: If the pages of a column are not where they should be, or have no sound heads.
    """
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            begin = column.data_page_offset
            if column.has_dictionary_page and column.dictionary_page_offset:
                begin = min(begin, column.dictionary_page_offset)
            end = begin + column.total_compressed_size
            if not 4 <= begin <= end <= len(data):
                raise BrokenPageError("a column is outside of the file")
            while begin < end:
                reader = _Compact(data, begin, end)
                page, packed = _page(reader.struct(_MOST_DEPTH))
                yield number, page
                begin = reader.position + packed
            if begin != end:
                raise BrokenPageError("a page ends outside of its column")


def _page(head: dict[int, Any]) -> tuple[Page, int]:
    """Return a page, and how many bytes it takes in the file."""
    kind = head.get(1)
    if kind not in _HEAD_OF_PAGE:
        raise BrokenPageError("a page is of a kind that has no values")
    details = head.get(_HEAD_OF_PAGE[kind])
    if not isinstance(details, dict):
        raise BrokenPageError("the head of a page is not complete")
    numbers = [head.get(2), head.get(3), details.get(_VALUES), details.get(_ENCODING_OF[kind])]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise BrokenPageError("the head of a page is not complete")
    unpacked, packed, values, encoding = numbers
    return Page(unpacked, values, encoding, kind == _DICTIONARY_PAGE), packed


class _Compact:
    """Reads a struct in Thrift's compact protocol.

    Attributes:
        position: Where the next byte is.
    """

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.position = position
        self._data = data
        self._end = end

    def struct(self, levels: int) -> dict[int, Any]:
        """Read the fields of a struct by their numbers; values of other kinds than numbers are skipped."""
        if not levels:
            raise BrokenPageError("the head of a page is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        for _ in range(_MOST_FIELDS):
            head = self._byte()
            if not head:
                return fields
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15, levels)
        raise BrokenPageError("the head of a page has too many fields")

    def _value(self, kind: int, levels: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._skip(8)
            case 8:
                return self._skip(self._varint())
            case 12:
                return self.struct(levels - 1)
        raise BrokenPageError("the head of a page holds a value of an unknown kind")

    def _byte(self) -> int:
        if self.position >= self._end:
            raise BrokenPageError("a page is cut short")
        self.position += 1
        return self._data[self.position - 1]

    def _varint(self) -> int:
        value = 0
        for place in range(_LONGEST_NUMBER):
            byte = self._byte()
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value
        raise BrokenPageError("a number in the head of a page does not end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, count: int) -> None:
        if count > self._end - self.position:
            raise BrokenPageError("a page is cut short")
        self.position += count
