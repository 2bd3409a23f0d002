"""What was irregular in the data that was read: one count and the first place of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ERROR = "error"
NOTICE = "notice"

# A place is shown to people: a token as long as a page would hide the rest of the report.
LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of irregularity.

    Attributes:
        severity: `error` for what must be mended before the labels can be trusted, else `notice`.
        explanation: What it is and, where reading changes something, what it was read as.
    """

    severity: str
    explanation: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "unreadable row": Kind(ERROR, "The row holds no list of texts with one label each; it is left out."),
        "wrong columns": Kind(ERROR, "The line has more or fewer columns than most lines of the file."),
        "lengths differ": Kind(ERROR, "The row has more tokens than tags, or more tags than tokens."),
        "tag missing": Kind(ERROR, "The token has no tag; read as `?`, which is no label."),
        "invalid tag": Kind(ERROR, "The tag is none of `O`, `B-TYPE`, `I-TYPE`; kept as found."),
        "two tags": Kind(ERROR, "The token has several tags, as in `B-a,B-b`; the first is read."),
        "orphan I- tag": Kind(ERROR, "An `I-TYPE` that continues no mention."),
        "I- tag of another type": Kind(ERROR, "An `I-TYPE` right after a mention of another type."),
        "label not in the set": Kind(ERROR, "The tag is none of the labels given."),
        "blank token": Kind(ERROR, "The token is empty or holds nothing visible."),
        "control character": Kind(ERROR, "The token holds a control character."),
        "replacement character": Kind(
            ERROR, "The token holds U+FFFD: text that an earlier tool could not read."
        ),
        "unassigned character": Kind(ERROR, "The token holds a code point that is no character of Unicode."),
        "two labellings": Kind(NOTICE, "The same sentence stands in the data before with other tags."),
        "sentence in an earlier file": Kind(
            NOTICE, "The same sentence stands in a file or split before this one."
        ),
        "sentence repeated": Kind(NOTICE, "The same sentence stands in this file before."),
        "type not in an earlier file": Kind(
            NOTICE, "An entity type that no file or split before this one has."
        ),
        "type read as O": Kind(
            NOTICE, "Mentions of a type that is none of the label set's were read as `O`."
        ),
        "I- tag repaired": Kind(NOTICE, "A misplaced I- tag was repaired by the policy asked for."),
        "sentence left out": Kind(NOTICE, "A sentence whose labels or tokens cannot be used was left out."),
        "several tag columns": Kind(NOTICE, "More than one column holds tags; the first of them is read."),
        "prefix removed": Kind(
            NOTICE, "Every token began with a language code, as in `en:`; it was removed."
        ),
        "id repeated": Kind(NOTICE, "The id stands twice in the file; a number was added to the second."),
        "zero-width character": Kind(NOTICE, "The token holds an invisible formatting character."),
        "space in a token": Kind(NOTICE, "The token holds a space between other characters."),
        "space around a token": Kind(NOTICE, "The token begins or ends with a space; kept as found."),
        "not NFC": Kind(NOTICE, "The token is not in Unicode's composed form NFC."),
        "byte order mark": Kind(NOTICE, "The file begins with a byte order mark, which was left out."),
        "CRLF line end": Kind(NOTICE, "The line ends with carriage return and line feed."),
        "DOCSTART line": Kind(NOTICE, "The line begins a document and is no token."),
        "comment": Kind(NOTICE, "A `#` line in a layout where it could be a token was read as a comment."),
        "extra space": Kind(
            NOTICE, "The line has a space at its beginning or end, or several between columns."
        ),
        "separator not empty": Kind(NOTICE, "The line between two sentences holds spaces or tabs."),
        "doubled blank line": Kind(NOTICE, "More than one blank line between two sentences."),
    }
)
"""Every kind there is, in the order of a report."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found.

    Attributes:
        file: The file, or the Hub dataset and split.
        line: Line of a text file, row of a table; from 1.
        token: The token, where it is about one.
        label: The tag, where it is about one.
    """

    file: str
    line: int
    token: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """All findings of one kind.

    Attributes:
        kind: A key of `KINDS`.
        count: How often it was found.
        severity: `error` or `notice`.
        first: Where it was found first.
    """

    kind: str
    count: int
    severity: str
    first: Place


class Report:
    """Collects findings; its size does not grow with their number.

    Example:
        >>> report = Report()
        >>> report.add("invalid tag", file="train.conll", line=7, token="Lagos", label="LOC")
        >>> report.problems[0].first.line
        7
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, Place] = {}

    def add(
        self,
        kind: str,
        *,
        file: str | Path,
        line: int,
        token: str | None = None,
        label: str | None = None,
        count: int = 1,
    ) -> None:
        """Count findings of a kind.

        Args:
            kind: A key of `KINDS`.
            file: The file.
            line: Line or row of the first of them.
            token: Its token, if it is about one.
            label: Its tag, if it is about one.
            count: How many there are.
        """
        if kind in self._counts:
            self._counts[kind] += count
            return
        if kind not in KINDS:
            raise KeyError(kind)
        self._counts[kind] = count
        self._first[kind] = Place(str(file), line, _shown(token), _shown(label))

    def count(self, kind: str) -> int:
        """Return how often a kind was found."""
        return self._counts.get(kind, 0)

    @property
    def problems(self) -> list[Problem]:
        """What was found, in the order of `KINDS`."""
        return [
            Problem(name, self._counts[name], kind.severity, self._first[name])
            for name, kind in KINDS.items()
            if name in self._counts
        ]

    @property
    def has_errors(self) -> bool:
        """Whether something must be mended before the labels can be trusted."""
        return any(KINDS[kind].severity == ERROR for kind in self._counts)

    def as_json(self) -> list[dict[str, object]]:
        """Return the problems as `synthner validate --json` prints them."""
        return [
            {
                "kind": problem.kind,
                "count": problem.count,
                "severity": problem.severity,
                "first": {
                    "file": problem.first.file,
                    "line": problem.first.line,
                    "token": problem.first.token,
                    "label": problem.first.label,
                },
            }
            for problem in self.problems
        ]


def _shown(text: str | None) -> str | None:
    """Return a text that every terminal and JSON file can hold: no half of a character pair, no page."""
    if text is None:
        return None
    if len(text) > LONGEST_SHOWN:
        text = text[: LONGEST_SHOWN - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
