"""Sentences as a model reads them: windows of subwords that together hold every word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...schema.errors import DataError, WrongUsageError

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

Span = tuple[int, int]
"""The first word of a window, and the word after its last one."""


@dataclass(frozen=True, slots=True)
class Window:
    """Words of a sentence as a model reads them.

    Attributes:
        sentence: The sentence's number.
        subwords: The ids of the subwords, special ones among them.
        owners: For each subword where the first subword of its word is; itself for a special one.
        decides: The words whose tags are learned and predicted here, and where each has its first subword.
    """

    sentence: int
    subwords: list[int]
    owners: list[int]
    decides: list[Span]


class WindowReader:
    """Turns sentences into windows.

    Args:
        tokenizer: A fast tokenizer.
        name: The model's name in errors.
        longest: The most subwords in a window.
        subwords_known: How many subwords the model knows.

    Raises:
        WrongUsageError: If windows have no room for a word.
    """

    def __init__(self, tokenizer: Any, name: str, *, longest: int, subwords_known: int) -> None:
        self.tokenizer = tokenizer
        self._name = name
        self._subwords_known = subwords_known
        self._longest = min(longest, tokenizer.model_max_length)
        self._room = self._longest - tokenizer.num_special_tokens_to_add()
        if self._room < 1:
            raise WrongUsageError(
                f"windows of {self._longest} subwords have no room for a word", hint="Allow longer windows."
            )

    @property
    def padding(self) -> int:
        """The subword that fills up a batch; any will do for a model that has none of its own."""
        return 0 if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id

    def windows(self, sentences: Sequence[Sequence[str]]) -> list[Window]:
        """Return the windows of sentences, in order; none of a sentence without a subword.

        Raises:
            DataError: If tokenizer and model do not belong together.
        """
        numbers = [number for number, words in enumerate(sentences) if words]
        if not numbers:
            return []
        readable = [[_HALF_A_PAIR.sub("\ufffd", word) for word in sentences[number]] for number in numbers]
        encodings = self.tokenizer(readable, is_split_into_words=True).encodings
        if max(max(encoding.ids, default=0) for encoding in encodings) >= self._subwords_known:
            raise DataError(
                "the tokenizer gives subwords that the model does not know",
                where=self._name,
                hint="Do the tokenizer and the weights belong together?",
            )
        return [
            window
            for number, words, encoding in zip(numbers, readable, encodings, strict=True)
            for window in self._windows_of(number, words, encoding)
            if window.decides
        ]

    def _windows_of(self, sentence: int, words: Sequence[str], encoding: Any) -> Iterator[Window]:
        if len(encoding.ids) <= self._longest:
            first = _first_subwords(encoding.word_ids)
            yield Window(sentence, encoding.ids, _owners(encoding.word_ids, first), list(first.items()))
            return
        sizes = [0] * len(words)
        for word in encoding.word_ids:
            if word is not None:
                sizes[word] = min(sizes[word] + 1, self._room)
        spans = _overlapping(sizes, self._room)
        decided_by = _most_context(spans, len(words))
        for number, (start, end) in enumerate(spans):
            [part] = self.tokenizer(
                [words[start:end]], is_split_into_words=True, truncation=True, max_length=self._longest
            ).encodings
            first = _first_subwords(part.word_ids)
            decides = [
                (start + word, place) for word, place in first.items() if decided_by[start + word] == number
            ]
            yield Window(sentence, part.ids, _owners(part.word_ids, first), decides)


def _first_subwords(word_ids: Sequence[int | None]) -> dict[int, int]:
    """Return where each word has its first subword."""
    first: dict[int, int] = {}
    for place, word in enumerate(word_ids):
        if word is not None:
            first.setdefault(word, place)
    return first


def _owners(word_ids: Sequence[int | None], first: dict[int, int]) -> list[int]:
    return [place if word is None else first[word] for place, word in enumerate(word_ids)]


def _overlapping(sizes: Sequence[int], room: int) -> list[Span]:
    """Cover words by spans of at most `room` subwords, each overlapping the next by up to half.

    Args:
        sizes: How many subwords each word has, at most `room`.
        room: The most subwords in a span.
    """
    spans = []
    start = end = used = 0
    while True:
        while end < len(sizes) and used + sizes[end] <= room:
            used += sizes[end]
            end += 1
        spans.append((start, end))
        if end == len(sizes):
            return spans
        # The next span must reach further than this one.
        while used > room // 2 or used + sizes[end] > room:
            used -= sizes[start]
            start += 1


def _most_context(spans: Sequence[Span], words: int) -> list[int]:
    """Return for each word the span with most words on its poorer side; a sentence's edge lacks nothing."""
    best = [(-1, 0)] * words
    for number, (start, end) in enumerate(spans):
        for word in range(start, end):
            before = word - start if start else words
            after = end - 1 - word if end < words else words
            if min(before, after) > best[word][0]:
                best[word] = (min(before, after), number)
    return [number for _, number in best]
