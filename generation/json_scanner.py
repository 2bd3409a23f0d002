"""Find the JSON values in a model's response, whatever stands around them and wherever it breaks off.

Models wrap JSON in prose, chat headers and code fences, forget a bracket, or are cut short. The scanner reads
forward once. Where a value breaks JSON's grammar it lets go of what is open, says so, and goes on behind the
fault, so a broken object costs itself and not its neighbours. A fault is mended only where the text has
exactly one reading, and never inside a string:

- a comma before a closing bracket;
- strings in straight single or in typographic quotes, as Python and word processors write them;
- a list that was not closed before the next `"key":`;
- members that no brace opens: `"key": [...], "other": [...]` up to a brace or to whatever is no member;
- control characters other than line breaks inside a string;
- Python's `None`, `True` and `False`.

The work grows linearly with the text, whatever the text is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

MAX_DEPTH = 64
"""Containers that may be open at once where the scanner works around faults; sound JSON may nest deeper."""

CUT = "cut at the end"
MALFORMED = "malformed object"
BAD_ESCAPE = "bad escape in a string"
ELIDED = "elided with `...`"


class RepeatedKeys(list[tuple[str, Any]]):
    """A JSON object in which a key stands more than once: its members in order."""


class MendedObject(dict[str, Any]):
    """A JSON object that could be read only by mending its syntax."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An outermost value that was found complete.

    Attributes:
        value: What `json.loads` returns for it; see also `RepeatedKeys` and `MendedObject`.
        start: Where it begins in the text.
        bare: Whether it is members that no brace opens.
    """

    value: Any
    start: int
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A container that could not be read to its end, with the values in it that are complete.

    Attributes:
        members: The complete members of an object, the elements of a list with the keys left empty.
        open_key: The key whose value was being read, if any; of a list, the key that it stands under.
        is_object: Whether it is an object.
        bare: Whether it is members that no brace opens.
        start: Where the outermost value around it begins.
        begin: Where it begins.
        end: Where reading stopped.
        reason: `CUT`, `MALFORMED`, `BAD_ESCAPE` or `ELIDED`.
        innermost: Whether it is the container in which reading stopped.
    """

    members: list[tuple[str | None, Any]]
    open_key: str | None
    is_object: bool
    bare: bool
    start: int
    begin: int
    end: int
    reason: str
    innermost: bool


def _keep_repetitions(members: list[tuple[str, Any]]) -> Any:
    """Build an object without losing what stands under a key a second time."""
    value = dict(members)
    return value if len(value) == len(members) else RepeatedKeys(members)


_DECODER = json.JSONDecoder(object_pairs_hook=_keep_repetitions)


def read_whole(text: str) -> Any:
    """Read a text that is one strict JSON value.

    Raises:
        ValueError: If it is not.
        RecursionError: If it nests too deep for the standard library.
    """
    return _DECODER.decode(text)


# A container begins with a bracket that something of JSON follows: `[see above]` and `{name}` are prose.
_BEGINNING = re.compile(
    r"""
      \{(?=\s*+["'“}])
    | \[(?=\s*+(?:\[\s*+){0,2}(?:["'“]|\{\s*+["'“}]))
    | (?P<key>"[\w\ -]{1,40}+"\s*+:\s*+[\[{])
    """,
    re.VERBOSE,
)
_LEXEME = re.compile(
    r"""\s*+(?:
      (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<comma>,)
    | (?P<colon>:)
    | (?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*+")
    | (?P<quoted>'(?:[^'\\\r\n]|\\[^\r\n])*+'|“[^“”\r\n]*+”)
    | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?(?![\w.]))
    | (?P<word>(?:true|false|null|True|False|None|NaN)(?!\w))
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_JSON_INSIDE = re.compile(r"""["“”]\s*[\]}:,]|[\[{,:]\s*["“”]""")
_ESCAPE = re.compile(r"\\.|\"", re.DOTALL)
_PUNCTUATION = re.compile(r"""[\s\[\]{},:]*""")


class _Expect(Enum):
    VALUE_OR_CLOSE = auto()
    VALUE = auto()
    KEY_OR_CLOSE = auto()
    COLON = auto()
    COMMA_OR_CLOSE = auto()


class _Fault(Exception):  # noqa: N818 - it never leaves this module
    """The text breaks JSON's grammar here."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Frame:
    """A container that is open."""

    is_object: bool
    begin: int
    key: str | None
    members: list[tuple[str | None, Any]]
    expect: _Expect
    open_key: str | None = None
    mended: bool = False
    bare: bool = False

    @property
    def pending_key(self) -> str | None:
        """The key whose value is not complete."""
        return self.open_key if self.expect in (_Expect.COLON, _Expect.VALUE) else None

    @property
    def may_end(self) -> bool:
        """Whether members without a brace are complete here, so that anything may follow."""
        return self.bare and self.expect in (_Expect.COMMA_OR_CLOSE, _Expect.KEY_OR_CLOSE)

    def add(self, value: Any) -> None:
        self.members.append((self.open_key, value))
        self.expect = _Expect.COMMA_OR_CLOSE

    def value(self) -> Any:
        if not self.is_object:
            return [value for _, value in self.members]
        value = _keep_repetitions(self.members)  # type: ignore[arg-type] - an object's keys are strings
        return MendedObject(value) if self.mended and isinstance(value, dict) else value


class Scanner:
    """Reads one text; `scan` is its only use."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = len(text.rstrip())
        self._position = 0
        self._last_string: int | None = None
        self._frames: list[_Frame] = []
        self._start = 0
        # Sound values are read at the speed of the standard library. A failed attempt costs what it read, and
        # its exception counts the lines up to the fault: this bounds the sum of both.
        self._attempts_left = 8 * len(text) + 1000

    def scan(self) -> Iterator[Piece | Broken]:
        """Yield the outermost values in order; of a broken one, its open containers from outside inwards."""
        while (beginning := _BEGINNING.search(self._text, self._position)) is not None:
            self._start = self._position = beginning.start()
            self._last_string = None
            bare = beginning["key"] is not None
            try:
                value = self._read_members() if bare else self._read_container()
            except _Fault as fault:
                if len(self._frames) == 1 and self._frames[0].may_end:
                    yield Piece(self._frames.pop().value(), self._start, bare)
                else:
                    yield from self._let_go(fault.reason)
            else:
                yield Piece(value, self._start, bare)

    def _read_container(self) -> Any:
        ready, value = self._attempt(self._position)
        return value if ready else self._read_on()

    def _read_members(self) -> Any:
        """Read the members of an object that no brace opens."""
        self._frames.append(
            _Frame(True, self._position, None, [], _Expect.KEY_OR_CLOSE, mended=True, bare=True)
        )
        return self._read_on()

    def _read_on(self) -> Any:
        """Read up to the end of the outermost container."""
        while True:
            lexeme = _LEXEME.match(self._text, self._position)
            if lexeme is None:
                raise self._fault_of_unknown_text()
            kind = lexeme.lastgroup or ""
            begin = lexeme.start(kind)
            closed = self._take(kind, begin, lexeme.end())
            if closed is not None:
                return closed.value()

    def _take(self, kind: str, begin: int, end: int) -> _Frame | None:
        """Take one lexeme in; return the outermost container when this closes it."""
        frame = self._frames[-1] if self._frames else None
        if kind == "open":
            self._open(frame, begin)
            return None
        assert frame is not None  # noqa: S101 - a text begins with an opening bracket
        if kind == "close":
            if self._close(frame, self._text[begin], end):
                return frame
        elif kind == "comma":
            if frame.expect is not _Expect.COMMA_OR_CLOSE:
                raise _Fault(MALFORMED)
            frame.expect = _Expect.KEY_OR_CLOSE if frame.is_object else _Expect.VALUE_OR_CLOSE
        elif kind == "colon":
            self._colon(frame)
        else:
            self._scalar(frame, kind, self._text[begin:end], begin)
        self._last_string = begin if kind in ("string", "quoted") else None
        self._position = end
        return None

    def _open(self, parent: _Frame | None, begin: int) -> None:
        if parent is not None:
            if parent.expect not in (_Expect.VALUE, _Expect.VALUE_OR_CLOSE):
                raise _Fault(MALFORMED)
            ready, value = self._attempt(begin)
            if ready:
                parent.add(value)
                self._last_string = None
                return
        if len(self._frames) == MAX_DEPTH:
            raise _Fault(MALFORMED)
        is_object = self._text[begin] == "{"
        key = (parent.open_key if parent.is_object else parent.key) if parent else None
        expect = _Expect.KEY_OR_CLOSE if is_object else _Expect.VALUE_OR_CLOSE
        self._frames.append(_Frame(is_object, begin, key, [], expect))
        self._position = begin + 1
        self._last_string = None

    def _close(self, frame: _Frame, bracket: str, end: int) -> bool:
        if (bracket == "}") is not frame.is_object or frame.expect in (_Expect.COLON, _Expect.VALUE):
            raise _Fault(MALFORMED)
        if frame.members and frame.expect is not _Expect.COMMA_OR_CLOSE:
            frame.mended = True
        self._frames.pop()
        if not self._frames:
            self._position = end
            return True
        self._hand_up(frame)
        return False

    def _hand_up(self, frame: _Frame) -> None:
        """Give a closed container to the one around it."""
        parent = self._frames[-1]
        parent.add(frame.value())
        if not frame.is_object:
            parent.mended |= frame.mended

    def _colon(self, frame: _Frame) -> None:
        if frame.expect is not _Expect.COLON:
            frame = self._close_forgotten_list(frame)
        frame.expect = _Expect.VALUE

    def _close_forgotten_list(self, frame: _Frame) -> _Frame:
        """Read `["a", "b", "key": …` as `["a", "b"], "key": …`; no list can hold a colon.

        Not where the last element is nothing but JSON punctuation: `["a", "]", "key": …` may as well be the
        bracket itself, misquoted.
        """
        parent = self._frames[-2] if len(self._frames) > 1 else None
        strings = [value for _, value in frame.members[-2:] if isinstance(value, str)]
        follows_string = self._last_string is not None and frame.expect is _Expect.COMMA_OR_CLOSE
        if (
            parent is None
            or not parent.is_object
            or frame.is_object
            or not follows_string
            or len(strings) < 2
        ):
            raise _Fault(MALFORMED)
        if _PUNCTUATION.fullmatch(strings[0]):
            raise _Fault(MALFORMED)
        frame.members.pop()
        frame.mended = True
        self._frames.pop()
        self._hand_up(frame)
        parent.open_key = strings[1]
        return parent

    def _scalar(self, frame: _Frame, kind: str, written: str, begin: int) -> None:
        if frame.expect in (_Expect.COLON, _Expect.COMMA_OR_CLOSE):
            raise _Fault(MALFORMED)
        if kind in ("string", "quoted"):
            self._position = begin
            value: Any = _unquote(written)
            frame.mended |= kind == "quoted"
        elif kind == "number":
            value = _number(written)
        else:
            value = _WORDS.get(written, float("nan"))
            frame.mended |= written in ("None", "True", "False")
        if frame.expect is not _Expect.KEY_OR_CLOSE:
            frame.add(value)
        elif isinstance(value, str):
            frame.open_key = value
            frame.expect = _Expect.COLON
        else:
            raise _Fault(MALFORMED)

    def _attempt(self, begin: int) -> tuple[bool, Any]:
        """Try to read a whole value as strict JSON, as long as failed attempts have not cost too much."""
        if self._attempts_left <= 0:
            return False, None
        try:
            value, self._position = _DECODER.raw_decode(self._text, begin)
        except json.JSONDecodeError as error:
            unterminated = error.msg.startswith("Unterminated")
            self._attempts_left -= len(self._text) if unterminated else error.pos
        except (RecursionError, ValueError):
            self._attempts_left = 0
        else:
            return True, value
        return False, None

    def _fault_of_unknown_text(self) -> _Fault:
        """Tell a text that ends here from one that is broken."""
        space = _SPACE.match(self._text, self._position)
        self._position = begin = space.end() if space else self._position
        rest = self._text[begin : begin + 6]
        if rest.startswith(("...", "…")):
            return _Fault(ELIDED)
        begins_a_word = len(rest) < 6 and any(word.startswith(rest) for word in (*_WORDS, "NaN", "-"))
        return _Fault(CUT if begins_a_word or self._is_cut_string(begin) else MALFORMED)

    def _is_cut_string(self, begin: int) -> bool:
        """Tell whether a string begins here that nothing but the end of the text ends."""
        if self._text[begin] not in "\"'“" or _BEGINNING.search(self._text, begin):
            return False
        return all(self._text.find(line_break, begin, self._end) < 0 for line_break in "\r\n")

    def _let_go(self, reason: str) -> Iterator[Piece | Broken]:
        """Report what is open, then set the position behind the fault.

        A string just before the fault may be one that a missing quote has turned inside out, and may have
        swallowed the beginning of the next object, or may be a key: reading goes on with it.
        """
        end = self._position
        frames, self._frames = self._frames, []
        for frame in frames:
            is_list_in_doubt = not frame.is_object and frame is frames[-1] and reason != CUT
            if is_list_in_doubt and self._last_string is not None:
                frame.members.pop()  # a stray quote may have ended the string: no comma or bracket follows
            yield Broken(
                frame.members,
                frame.pending_key if frame.is_object else frame.key,
                frame.is_object,
                frame.bare,
                self._start,
                frame.begin,
                end,
                reason,
                frame is frames[-1],
            )
        behind = end if self._last_string is None else self._last_string
        self._position = max(behind, self._start + 1)


def _unquote(written: str) -> str:
    """Read a string literal.

    Raises:
        _Fault: If an escape means nothing in JSON, or the string seems to have swallowed a piece of JSON.
    """
    content = written[1:-1]
    if written[0] != '"':
        if _JSON_INSIDE.search(content):
            raise _Fault(MALFORMED)
        content = _ESCAPE.sub(lambda found: {'"': '\\"', "\\'": "'"}.get(found[0], found[0]), content)
    if "\\" not in content:
        return content
    try:
        return json.JSONDecoder(strict=False).decode(f'"{content}"')
    except ValueError as error:
        raise _Fault(BAD_ESCAPE) from error


def _number(written: str) -> int | float:
    try:
        return float(written) if any(mark in written for mark in ".eE") else int(written)
    except ValueError as error:  # thousands of digits
        raise _Fault(MALFORMED) from error
