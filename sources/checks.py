"""What can be wrong with sentences themselves: their characters, their tags, and their repetition."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from ..schema.iob2 import OUTSIDE, mentions, parse_tag, violations
from ..schema.labels import LabelSet
from .characters import BLANK, is_blank, unreadable
from .report import Report
from .sentences import MISSING_TAG, Sentence

# A vocabulary is far smaller than its text; one that is not is forgotten now and then.
LARGEST_VOCABULARY = 1_000_000

_KIND_OF_VIOLATION = {"orphan": "orphan I- tag", "type change": "I- tag of another type"}


def problems_of_token(token: str) -> tuple[str, ...]:
    """Return the kinds of problem that a token has, in no order that means anything.

    Example:
        >>> problems_of_token("Lagos")
        ()
        >>> problems_of_token("New York")
        ('space in a token',)
    """
    if token.isascii() and token.isprintable() and " " not in token and token:
        return ()
    if all(map(is_blank, token)):
        return (BLANK,)
    found = dict.fromkeys(
        problem for character in token if (problem := unreadable(character).problem) is not None
    )
    if token != token.strip():
        found["space around a token"] = None
    if any(map(str.isspace, token.strip())):
        found["space in a token"] = None
    if not unicodedata.is_normalized("NFC", token):
        found["not NFC"] = None
    return tuple(found)


class Checker:
    """Checks sentences of one file after another and reports what it finds.

    Args:
        report: Collects the findings.
        labels: The labels that tags may be; None for any IOB2 tag.
    """

    def __init__(self, report: Report, labels: LabelSet | None = None) -> None:
        self._report = report
        self._labels = frozenset(labels.names) if labels else None
        self._file: str | Path = ""
        self._sound_tokens: set[str] = set()
        self._problems_of_token: dict[str, tuple[str, ...]] = {}
        self._sound_pairs: set[tuple[str, str]] = set()
        self._sentences: dict[bytes, bytes] = {}
        self._earlier_sentences: dict[bytes, bytes] = {}
        self._tags: set[str] = set()
        self._earlier_types: set[str] | None = None

    def start_file(self, file: str | Path) -> None:
        """Say that the sentences from here on are of another file or split."""
        if self._file:
            self._earlier_sentences = self._sentences | self._earlier_sentences
            self._earlier_types = (self._earlier_types or set()) | set(map(_type, self._tags))
        self._sentences = {}
        self._tags = set()
        self._file = file

    def check(self, sentence: Sentence) -> int:
        """Check a sentence.

        Returns:
            How many mentions it has, read as the CoNLL scorer reads them.
        """
        if not self._sound_tokens.issuperset(sentence.tokens):
            self._check_tokens(sentence)
        self._check_repetition(sentence)
        if not sentence.is_aligned:
            self._report.add("lengths differ", file=self._file, line=sentence.line)
            return len(mentions(sentence.tags))
        return self._check_tags(sentence)

    def _check_tokens(self, sentence: Sentence) -> None:
        if len(self._sound_tokens) + len(self._problems_of_token) > LARGEST_VOCABULARY:
            self._sound_tokens.clear()
            self._problems_of_token.clear()
        for position, token in enumerate(sentence.tokens):
            if token in self._sound_tokens:
                continue
            kinds = self._problems_of_token.get(token)
            if kinds is None:
                kinds = problems_of_token(token)
                if not kinds:
                    self._sound_tokens.add(token)
                    continue
                self._problems_of_token[token] = kinds
            for kind in kinds:
                self._report.add(kind, file=self._file, line=sentence.line_of(position), token=token)

    def _check_tags(self, sentence: Sentence) -> int:
        tags = sentence.tags
        if tags.count(OUTSIDE) == len(tags):
            return 0
        if not self._tags.issuperset(tags):
            self._meet_tags(sentence)
        if self._labels is not None and not self._labels.issuperset(tags):
            self._check_label_set(sentence, self._labels)
        pairs = set(zip((OUTSIDE, *tags), tags, strict=False))
        if not self._sound_pairs.issuperset(pairs):
            found = violations(tags)
            if found:
                for violation in found:
                    self._report.add(
                        "tag missing" if violation.tag == MISSING_TAG else _kind(violation.kind),
                        file=self._file,
                        line=sentence.line_of(violation.position),
                        token=sentence.tokens[violation.position],
                        label=None if violation.tag == MISSING_TAG else violation.tag,
                    )
                return len(mentions(tags))
            self._sound_pairs |= pairs
        # In IOB2 every mention has exactly one B- tag.
        return sum(tag[0] == "B" for tag in tags)

    def _check_label_set(self, sentence: Sentence, labels: frozenset[str]) -> None:
        for position, tag in enumerate(sentence.tags):
            if tag not in labels and parse_tag(tag) is not None:
                self._report.add(
                    "label not in the set",
                    file=self._file,
                    line=sentence.line_of(position),
                    token=sentence.tokens[position],
                    label=tag,
                )

    def _meet_tags(self, sentence: Sentence) -> None:
        """Note tags that this file did not have until now, and types that no earlier file had."""
        known_types = set(map(_type, self._tags))
        self._tags.update(sentence.tags)
        if self._earlier_types is None:
            return
        for position, tag in enumerate(sentence.tags):
            type_ = _type(tag)
            if type_ and type_ not in known_types and type_ not in self._earlier_types:
                known_types.add(type_)
                self._report.add(
                    "type not in an earlier file",
                    file=self._file,
                    line=sentence.line_of(position),
                    token=sentence.tokens[position],
                    label=tag,
                )

    def _check_repetition(self, sentence: Sentence) -> None:
        text, labelling = _digest(sentence.tokens), _digest(sentence.tags)
        known = self._earlier_sentences.get(text)
        if known is not None:
            self._report.add("sentence in an earlier file", file=self._file, line=sentence.line)
        else:
            known = self._sentences.get(text)
            if known is not None:
                self._report.add("sentence repeated", file=self._file, line=sentence.line)
        if known is not None and known != labelling:
            self._report.add("two labellings", file=self._file, line=sentence.line)
        self._sentences.setdefault(text, labelling)


def _kind(violation: str) -> str:
    return _KIND_OF_VIOLATION.get(violation, "invalid tag")


def _type(tag: str) -> str:
    parsed = parse_tag(tag)
    return parsed[1] if parsed else ""


def _digest(texts: Sequence[str]) -> bytes:
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
