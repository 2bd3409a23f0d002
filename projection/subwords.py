"""Sentences as an encoder reads them: subwords, and windows where a sentence is too long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.errors import DataError

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Subwords:
    """The subwords of a sentence, without special ones.

    Attributes:
        ids: Their numbers.
        words: For each the word that it is of.
    """

    ids: Sequence[int]
    words: Sequence[int]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sentence that the model can read, and the subwords that it is read for.

    Attributes:
        start: Its first subword.
        end: The one after its last.
        decides_from: The first subword whose vector is taken from here.
        decides_to: The one after the last such.
    """

    start: int
    end: int
    decides_from: int
    decides_to: int


class SubwordReader:
    """Turns sentences that are split into words into subwords.

    Args:
        tokenizer: The tokenizer of a model.
        model: The model's name in errors.

    Attributes:
        before: Special subwords that stand before those of a sentence.
        after: Special subwords that stand after them.

    Raises:
        DataError: If the tokenizer does not tell which word a subword is of.
    """

    def __init__(self, tokenizer: Any, model: str) -> None:
        from tokenizers.pre_tokenizers import ByteLevel

        if not tokenizer.is_fast:
            raise DataError(
                "the tokenizer is not a fast one, and only those tell which word a subword is of",
                where=model,
                hint="Take a model that has a `tokenizer.json`.",
            )
        # Words are split already: each stands after a space, and such tokenizers must see it.
        splitting = tokenizer.backend_tokenizer.pre_tokenizer
        if isinstance(splitting, ByteLevel):
            splitting.add_prefix_space = True
        self._tokenizer = tokenizer
        [alone] = tokenizer([["a"]], is_split_into_words=True).encodings
        special = alone.special_tokens_mask
        inside = special.index(0) if 0 in special else len(special)
        self.before: list[int] = alone.ids[:inside]
        self.after: list[int] = [
            id_ for id_, is_special in zip(alone.ids[inside:], special[inside:], strict=True) if is_special
        ]

    @property
    def padding(self) -> int:
        """The subword that fills up a batch; any will do for a model that has none of its own."""
        return self._tokenizer.pad_token_id or 0

    @property
    def longest(self) -> int:
        """How many subwords the tokenizer allows for, special ones among them."""
        return self._tokenizer.model_max_length

    def read(self, sentences: Sequence[Sequence[str]]) -> list[Subwords]:
        """Return the subwords of sentences; a word of unknown characters may have none."""
        readable = [[_HALF_A_PAIR.sub("\ufffd", word) for word in words] for words in sentences]
        encodings = self._tokenizer(readable, is_split_into_words=True, add_special_tokens=False).encodings
        return [Subwords(encoding.ids, encoding.word_ids) for encoding in encodings]


def windows_of(length: int, room: int) -> Iterator[Window]:
    """Yield windows that overlap by half; each subword is read where it stands furthest from an end.

    Args:
        length: The subwords of a sentence.
        room: How many a window holds.
    """
    start = decided = 0
    while start + room < length:
        following = min(start + max(room // 2, 1), length - room)
        # In the middle of what both hold.
        middle = (following + start + room + 1) // 2
        yield Window(start, start + room, decided, middle)
        start, decided = following, middle
    yield Window(start, length, decided, length)
