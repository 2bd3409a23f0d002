"""The labels in a tagger's answer, on the tokens of the sentences that it was asked about.

An answer may be anything: mentions listed in JSON, sentences with marks, either of them within prose, cut,
with wrong numbers. Each sentence that was asked about gets its labels, or the reason why it has none: a
sentence without an answer is no sentence without mentions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from ..alignment_to_tokens import Alignment, NamedMention, align_marked, align_mentions
from ..json_scanner import Broken, Scanner, read_whole

NOT_ANSWERED = "no answer for the sentence"
NO_LIST = "its mentions are no list of texts and types"
TWO_ANSWERS = "two answers that differ"
WRONG_NUMBERS = "no mention in it, and numbers in the answer are wrong"

_NUMBERED = regex.compile(r"[\s>*#(\[-]*(?P<number>\d{1,4})\s*[*.):\]]+\s+(?P<text>\S.*)")
_ENTRY_KEYS = ("sentence", "mentions")
_LONGEST_NUMBER = 10


@dataclass(frozen=True, slots=True)
class SentenceAnswer:
    """What an answer says of one sentence.

    Attributes:
        alignment: Its labels; None where there are none.
        fault: Why there are none; None where there are.
        said: What the answer says, as parsed from JSON, or a line of text; None where it says nothing.
    """

    alignment: Alignment | None
    fault: str | None
    said: Any


@dataclass(frozen=True, slots=True)
class TaggingAnswer:
    """What an answer says.

    Attributes:
        sentences: What it says of each sentence that was asked about.
        strays: What it says of sentences that were not.
        way: How it was read: `json`, `embedded` or `truncated` JSON, or `lines`.
    """

    sentences: tuple[SentenceAnswer, ...]
    strays: tuple[Any, ...]
    way: str


def read_tagging(text: str, sentences: Sequence[Sequence[str]], types: Sequence[str]) -> TaggingAnswer:
    """Read the labels in an answer; it may be any text.

    Args:
        text: The answer.
        sentences: The tokens of the sentences that were asked about, in the order of their numbers.
        types: The entity types.
    """
    found, way = _entries_in_json(text, is_single=len(sentences) == 1)
    if not found.said and not found.broken:
        found, way = _entries_in_lines(text, sentences), "lines"
    answers = tuple(
        _answer_for(tokens, found.said.get(number, ()), found.broken.get(number), types)
        for number, tokens in enumerate(sentences, 1)
    )
    others = (number for number in found.said if not 1 <= number <= len(sentences))
    strays = tuple(said for number in others for said in found.said[number])
    if strays:
        # Only its mentions tell which sentence a list is about.
        answers = tuple(
            SentenceAnswer(None, WRONG_NUMBERS, answer.said) if answer.said == [] else answer
            for answer in answers
        )
    return TaggingAnswer(answers, strays, way)


@dataclass(frozen=True, slots=True)
class _Entries:
    """What is said of which number.

    Attributes:
        said: What is said, all of it, by number: a list of mentions, or a copy with marks.
        broken: Why what is said could not be read, by number.
        is_single: Whether one sentence was asked about, which needs no number.
    """

    said: dict[int, list[Any]]
    broken: dict[int, str]
    is_single: bool = False

    def add(self, number: int, said: Any) -> None:
        """Take in what is said of a number."""
        self.said.setdefault(number, []).append(said)

    def number_of(self, value: Mapping[str, Any]) -> int | None:
        """Return the number of the sentence that an object is about; None where it is about none."""
        number = value.get("sentence")
        if isinstance(number, str) and number.strip().isdecimal() and len(number) < _LONGEST_NUMBER:
            return int(number)
        if type(number) is int:
            return number
        return 1 if self.is_single and "mentions" in value else None


def _entries_in_json(text: str, *, is_single: bool) -> tuple[_Entries, str]:
    entries = _Entries({}, {}, is_single)
    try:
        value = read_whole(text.strip())
    except (ValueError, RecursionError):
        value = None
    if value is not None:
        _add_entries(value, entries)
        return entries, "json"
    is_cut = False
    for piece in Scanner(text).scan():
        if not isinstance(piece, Broken):
            _add_entries(piece.value, entries)
            continue
        is_cut = True
        members = {key: value for key, value in piece.members if key is not None}
        number = entries.number_of(members)
        if number is not None and "mentions" not in members:
            entries.broken[number] = piece.reason
        elif number is not None:
            entries.add(number, members["mentions"])
        for key, value in piece.members:
            if key not in _ENTRY_KEYS:
                _add_entries(value, entries)
    return entries, "truncated" if is_cut else "embedded"


def _add_entries(value: Any, entries: _Entries) -> None:
    """Take in every object with the number of a sentence and its mentions, at any depth."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            number = entries.number_of(value)
            if number is not None and "mentions" in value:
                entries.add(number, value["mentions"])
            else:
                pending += reversed(list(value.values()))
        elif isinstance(value, list | tuple):
            # An object with a key that stands twice is a list of pairs.
            pending += reversed(value)


def _entries_in_lines(text: str, sentences: Sequence[Sequence[str]]) -> _Entries:
    """Take in the lines that begin with a number; where one sentence was asked about, any line may be it."""
    entries = _Entries({}, {})
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines:
        if match := _NUMBERED.fullmatch(line):
            entries.add(int(match["number"]), match["text"].strip())
    if len(sentences) == 1 and 1 not in entries.said:
        copies = [line.strip() for line in lines if align_marked(sentences[0], line).fault is None]
        return _Entries({1: copies or [text.strip()]} if lines else {}, {})
    return entries


def _answer_for(
    tokens: Sequence[str], all_said: Sequence[Any], broken: str | None, types: Sequence[str]
) -> SentenceAnswer:
    if not all_said:
        return SentenceAnswer(None, broken or NOT_ANSWERED, None)
    read = [_read(tokens, said, types) for said in all_said]
    labelled = [answer for answer in read if answer.alignment is not None]
    if not labelled:
        return read[0]
    if len({answer.alignment.tags for answer in labelled if answer.alignment}) > 1:
        return SentenceAnswer(None, TWO_ANSWERS, list(all_said))
    return labelled[0]


def _read(tokens: Sequence[str], said: Any, types: Sequence[str]) -> SentenceAnswer:
    if isinstance(said, str):
        alignment = align_marked(tokens, said, types)
    else:
        named = _named_mentions(said)
        if named is None:
            return SentenceAnswer(None, NO_LIST, said)
        alignment = align_mentions(tokens, named)
    if alignment.fault is not None:
        return SentenceAnswer(None, alignment.fault, said)
    return SentenceAnswer(alignment, None, said)


def _named_mentions(said: Any) -> list[NamedMention] | None:
    """Return the mentions of a list; None where it is none, or an element is no text with a type."""
    if not isinstance(said, list):
        return None
    named = []
    for element in said:
        text, type_ = (
            (element.get("text"), element.get("type")) if isinstance(element, dict) else (None, None)
        )
        if not isinstance(text, str) or not isinstance(type_, str):
            return None
        named.append(NamedMention(text, type_))
    return named
