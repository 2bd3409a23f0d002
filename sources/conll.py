"""CoNLL-like text: one token a line with its tag in some column, sentences apart by blank lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..schema.errors import DataError
from .report import Report
from .sentences import MISSING_TAG, Sentence, first_of_several, is_label

LINES_TO_RECOGNISE = 2000
LONGEST_SENTENCE = 100_000

DOCSTART = "-DOCSTART-"

_CHUNKS = frozenset({"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"})
_LANGUAGE_PREFIX = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:")
_SENTENCE_ID = re.compile(r"#\s*sent_id\s*=\s*(\S+)\s*")
_SPACES = re.compile(r"[ \t]+")
_HINT = (
    "CoNLL files hold a token and its tag (O, B-TYPE, I-TYPE) a line, and a blank line after each sentence."
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file writes its columns.

    Attributes:
        separator: A tab or a space.
        columns: How many there are.
        token: Index of the token's column.
        tag: Index of the tag's column.
        other_tags: Further columns that hold tags and are not read.
        prefix: What every token begins with and is no part of it, for example `en:`.
    """

    separator: str
    columns: int
    token: int
    tag: int
    other_tags: tuple[int, ...] = ()
    prefix: str = ""

    def split(self, line: str) -> list[str]:
        """Split an irregular line into its columns."""
        return line.split("\t") if self.separator == "\t" else _SPACES.split(line.strip(" \t"))

    def tag_of(self, fields: list[str]) -> str:
        """Return the tag among the columns of a line, without spaces around it."""
        return fields[self.tag].strip(" ")


def read_conll(
    lines: Iterable[tuple[int, str]], path: Path, report: Report | None = None
) -> Iterator[Sentence]:
    """Read the sentences of a CoNLL-like file; its layout is recognised from its first lines.

    Args:
        lines: Lines with their numbers, without their ends.
        path: The file's name in errors and findings.
        report: Collects what is irregular.

    Raises:
        DataError: If no column holds tags, or a sentence has no end.
    """
    lines = iter(lines)
    beginning = []
    for numbered in lines:
        beginning.append(numbered)
        if len(beginning) == LINES_TO_RECOGNISE:
            break
    if not any(line.strip() for _, line in beginning):
        beginning.extend(lines)
    if not any(line.strip() for _, line in beginning):
        return
    layout = recognise_layout([line for _, line in beginning], path)
    yield from _Reader(layout, path, report or Report()).sentences(chain(beginning, lines))


def recognise_layout(lines: Iterable[str], path: Path) -> Layout:
    """Find out how a file writes its columns.

    Args:
        lines: Its first lines.
        path: Its name in errors.

    Raises:
        DataError: If the lines have one column, or none that holds tags.
    """
    rows = [line for line in lines if line.strip() and not line.startswith(DOCSTART)]
    if not rows:
        raise DataError("the file holds no sentences", where=str(path), hint=_HINT)
    without_comments = [line for line in rows if "\t" in line or not line.startswith("#")]
    with_tab = sum("\t" in line for line in without_comments)
    if with_tab and with_tab * 2 >= len(without_comments):
        separator, sample = "\t", without_comments
    else:
        separator, sample = " ", [line for line in rows if not line.startswith("# ")] or rows
    layout = Layout(separator, 0, 0, 0)
    split = [layout.split(line) for line in sample]
    columns = Counter(map(len, split)).most_common(1)[0][0]
    if columns == 1:
        raise DataError("the file has one column and no tags", where=str(path), hint=_HINT)
    regular = [fields for fields in split if len(fields) == columns]
    tag_columns = _tag_columns(regular, path)
    token = 1 if _first_column_counts(regular) else 0
    tags = [index for index in tag_columns if index != token]
    if not tags:
        # The tag comes first, then the token.
        tags, token = [token], token + 1
    return Layout(
        separator,
        columns,
        token,
        tags[0],
        other_tags=tuple(tags[1:]),
        prefix=_common_prefix([fields[token] for fields in regular]),
    )


def _tag_columns(rows: list[list[str]], path: Path) -> list[int]:
    """Return the columns that hold entity tags."""
    found = {}
    for index in range(len(rows[0])):
        values = [row[index].strip(" ") for row in rows]
        labels = [value for value in values if is_label(value) or first_of_several(value)]
        types = {label[2:] for label in labels} - {""}
        if labels and not (types and types <= _CHUNKS):
            found[index] = len(labels)
    if not found:
        shown = " ".join(rows[0])[:80]
        raise DataError(f"no column holds O, B-TYPE or I-TYPE (`{shown}`)", where=str(path), hint=_HINT)
    most = max(found.values())
    return [index for index, count in found.items() if count * 2 >= most]


def _first_column_counts(rows: list[list[str]]) -> bool:
    """Whether the first of three or more columns numbers the tokens."""
    counted = sum(row[0].isdecimal() for row in rows)
    return len(rows[0]) > 2 and counted * 20 >= len(rows) * 19


def _common_prefix(tokens: list[str]) -> str:
    match = _LANGUAGE_PREFIX.match(tokens[0])
    if match and len(tokens) > 1 and all(token.startswith(match[0]) for token in tokens):
        return match[0]
    return ""


class _Reader:
    """Reads the sentences of one file in a known layout."""

    def __init__(self, layout: Layout, path: Path, report: Report) -> None:
        self._layout = layout
        self._path = path
        self._report = report
        self._labels: set[str] = set()

    def sentences(self, lines: Iterable[tuple[int, str]]) -> Iterator[Sentence]:
        """Read all sentences."""
        block: list[str] = []
        start = 1
        blank_lines = 0
        if self._layout.other_tags:
            self._report.add("several tag columns", file=self._path, line=1)
        for number, line in lines:
            if line and not line.isspace():
                if not block:
                    start = number
                    blank_lines = 0
                block.append(line)
                if len(block) > LONGEST_SENTENCE:
                    raise DataError(
                        f"no blank line in {LONGEST_SENTENCE:,} lines: no sentence is that long",
                        where=f"{self._path}:{start}",
                        hint=_HINT,
                    )
                continue
            if line:
                self._report.add("separator not empty", file=self._path, line=number)
            blank_lines += 1
            if blank_lines == 2:
                self._report.add("doubled blank line", file=self._path, line=number)
            if block:
                yield from self._read_block(block, start)
                block = []
        if block:
            yield from self._read_block(block, start)

    def _read_block(self, block: list[str], start: int) -> Iterator[Sentence]:
        own_id = ""
        comments = 0
        while comments < len(block) and block[comments][0] == "#" and self._is_comment(block[comments]):
            if match := _SENTENCE_ID.fullmatch(block[comments]):
                own_id = match[1]
            self._note_comment(block[comments], start + comments)
            comments += 1
        if comments:
            block = block[comments:]
            start += comments
        if not block:
            return
        sentence = self._read_regular(block, start, own_id)
        if sentence is None:
            yield from self._read_irregular(block, start, own_id)
        else:
            yield sentence

    def _read_regular(self, block: list[str], start: int, own_id: str) -> Sentence | None:
        """Read a sentence every line of which is as the layout says; None if one is not."""
        layout = self._layout
        rows = [line.split(layout.separator) for line in block]
        if set(map(len, rows)) != {layout.columns}:
            return None
        tags = tuple([row[layout.tag] for row in rows])
        if not self._labels.issuperset(tags):
            self._labels.update(tag for tag in set(tags) if is_label(tag))
            if not self._labels.issuperset(tags):
                return None
        tokens = tuple([row[layout.token] for row in rows])
        if DOCSTART in tokens or "" in tokens:
            return None
        if layout.prefix:
            tokens = tuple([self._without_prefix(token, start) for token in tokens])
        return Sentence(own_id or str(start), tokens, tags, start, range(start, start + len(tokens)))

    def _read_irregular(self, block: list[str], start: int, own_id: str) -> Iterator[Sentence]:
        """Read lines one by one, saying what is irregular about each."""
        tokens: list[str] = []
        tags: list[str] = []
        numbers: list[int] = []
        for number, line in enumerate(block, start):
            if line.startswith(DOCSTART):
                self._report.add("DOCSTART line", file=self._path, line=number)
                if tokens:
                    yield _sentence(own_id, tokens, tags, numbers)
                    tokens, tags, numbers, own_id = [], [], [], ""
            elif line[0] == "#" and self._is_comment(line):
                self._note_comment(line, number)
            else:
                token, tag = self._read_line(line, number)
                tokens.append(token)
                tags.append(tag)
                numbers.append(number)
        if tokens:
            yield _sentence(own_id, tokens, tags, numbers)

    def _read_line(self, line: str, number: int) -> tuple[str, str]:
        layout = self._layout
        fields = layout.split(line)
        spaced = layout.separator == " " and " ".join(fields) != line
        if len(fields) != layout.columns:
            self._report.add("wrong columns", file=self._path, line=number, token=line.strip())
            fields = self._fit(fields)
        token = fields[layout.token]
        tag = layout.tag_of(fields)
        if spaced or tag != fields[layout.tag]:
            self._report.add("extra space", file=self._path, line=number, token=token)
        first = None if is_label(tag) else first_of_several(tag)
        if first is not None:
            self._report.add("two tags", file=self._path, line=number, token=token, label=tag)
        return self._without_prefix(token, number), first or tag or MISSING_TAG

    def _fit(self, fields: list[str]) -> list[str]:
        """Make the columns of an irregular line as many as the layout has.

        A lone tag lacks its token. Where columns are apart by spaces and the tag is last, what is too much
        belongs to the token. What lacks at the end is empty.
        """
        layout = self._layout
        if len(fields) == 1 and is_label(fields[0]):
            fitted = [""] * layout.columns
            fitted[layout.tag] = fields[0]
            return fitted
        too_many = len(fields) - layout.columns
        if too_many > 0 and layout.separator == " " and layout.tag == layout.columns - 1:
            end = layout.token + too_many + 1
            return [*fields[: layout.token], " ".join(fields[layout.token : end]), *fields[end:]]
        return fields + [""] * -too_many

    def _is_comment(self, line: str) -> bool:
        """Whether a line that begins with `#` is a comment and not a token."""
        layout = self._layout
        if layout.separator == "\t" and "\t" not in line:
            return True
        fields = layout.split(line)
        if layout.separator == " " and not line.startswith("# "):
            return False
        if len(fields) != layout.columns:
            return True
        tag = layout.tag_of(fields)
        return not is_label(tag) and first_of_several(tag) is None

    def _note_comment(self, line: str, number: int) -> None:
        if self._layout.separator == " " or "\t" in line:
            self._report.add("comment", file=self._path, line=number, token=line)

    def _without_prefix(self, token: str, number: int) -> str:
        prefix = self._layout.prefix
        if not prefix or not token.startswith(prefix):
            return token
        self._report.add("prefix removed", file=self._path, line=number, token=token)
        return token[len(prefix) :]


def _sentence(own_id: str, tokens: list[str], tags: list[str], numbers: list[int]) -> Sentence:
    return Sentence(own_id or str(numbers[0]), tuple(tokens), tuple(tags), numbers[0], numbers)
