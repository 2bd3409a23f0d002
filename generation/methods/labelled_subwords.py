"""Sentences as a masked language model reads them: words of mentions between labels, and what may be masked.

A label stands before and after each word of a mention. It is a row of its own in the model's embedding and no
text: whatever gold holds, no word is taken for one.

Where a word of a mention is replaced, its subwords are, one by one. Each has a subword of its own kind in its
place: one that begins a word, or one that continues it. So a word stays a word, and has as many subwords as
before. Subwords without a letter or digit, as the hyphen of a name, stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import regex

from ...schema.errors import DataError
from ...schema.iob2 import OUTSIDE

# How tokenizers mark subwords: what begins a word, or, for WordPiece, what continues it.
_OPENING_MARKS = ("▁", "Ġ")
_CONTINUING_MARK = "##"

_HALF_A_PAIR = regex.compile("[\ud800-\udfff]")
_SPOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]")
_BEGINS = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\p{Join_Control}]*")
_CONTINUES = regex.compile(r"[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}\p{Join_Control}]*")
_A_BYTE = regex.compile(r"<0x[0-9A-F]{2}>")

MARKERS_OF_A_TYPE = 4
"""Before and after a word that begins a mention, before and after one that continues it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subword is.

    Attributes:
        window: The window of the sentence.
        position: The place in that window.
    """

    window: int
    position: int


@dataclass(frozen=True, slots=True)
class Spelled:
    """A word of a mention that can be replaced.

    Attributes:
        word: Its place in the sentence.
        subwords: Its subwords, by id.
        changing: Which of them are replaced, by their places in the word.
        places: Where those are in the windows.
    """

    word: int
    subwords: tuple[int, ...]
    changing: tuple[int, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """A sentence as a model reads it.

    Attributes:
        windows: Ids of subwords and labels; a sentence that is too long for one window has several.
        spelled: The words that can be replaced, in order.
    """

    windows: tuple[tuple[int, ...], ...]
    spelled: tuple[Spelled, ...]


class SubwordKinds:
    """What each subword of a vocabulary is: the text that it stands for, and what it can stand in place of.

    Args:
        tokenizer: A fast tokenizer.
        name: The model's name in errors.

    Attributes:
        beginnings: The subwords that may be put where a word begins.
        continuations: Those that may be put where it goes on.

    Raises:
        DataError: If the tokenizer does not mark where words begin.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._tokens = {number: token for token, number in vocabulary.items()}
        self._decoder = tokenizer.backend_tokenizer.decoder
        counts = {
            mark: sum(token.startswith(mark) for token in vocabulary)
            for mark in (*_OPENING_MARKS, _CONTINUING_MARK)
        }
        self._mark = max(counts, key=counts.__getitem__)
        if not counts[self._mark]:
            raise DataError(
                "the model's tokenizer does not mark where words begin",
                where=name,
                hint="Take a model whose subwords come from SentencePiece, WordPiece or byte-level BPE, "
                "as those of XLM-R, BERT and RoBERTa do.",
            )
        special = set(tokenizer.all_special_ids)
        words = [number for number in sorted(self._tokens) if number not in special]
        self.beginnings = [
            number for number in words if self.begins(number) and _BEGINS.fullmatch(self.text(number))
        ]
        self.continuations = [
            number for number in words if not self.begins(number) and _CONTINUES.fullmatch(self.text(number))
        ]
        self._special = special

    def begins(self, subword: int) -> bool:
        """Say whether a subword begins a word."""
        return self._tokens[subword].startswith(self._mark) is not (self._mark == _CONTINUING_MARK)

    def text(self, subword: int) -> str:
        """Return the text that a subword stands for."""
        token = self._tokens[subword]
        if self._mark == "Ġ":
            return self._decoder.decode([token]).removeprefix(" ")
        return token.removeprefix(self._mark)

    def changing(self, subwords: Sequence[int]) -> tuple[int, ...]:
        """Return the places of a word's subwords that can be replaced; none if its text cannot be told."""
        texts = [self.text(subword) for subword in subwords]
        if any(
            subword in self._special or "\ufffd" in text or _A_BYTE.fullmatch(text)
            for subword, text in zip(subwords, texts, strict=True)
        ):
            return ()
        return tuple(place for place, text in enumerate(texts) if _SPOKEN.search(text))


class LabelledReader:
    """Turns labelled sentences into what a model reads.

    Args:
        tokenizer: A fast tokenizer.
        kinds: What its subwords are.
        types: The entity types.
        first_marker: The id of the first label; the others follow.
        longest: The most subwords and labels in a window.
    """

    def __init__(
        self, tokenizer: Any, kinds: SubwordKinds, types: Sequence[str], first_marker: int, longest: int
    ) -> None:
        self._tokenizer = tokenizer
        self._kinds = kinds
        self._markers: dict[str, tuple[int, int]] = {}
        for number, type_ in enumerate(types):
            first = first_marker + MARKERS_OF_A_TYPE * number
            self._markers[f"B-{type_}"] = (first, first + 1)
            self._markers[f"I-{type_}"] = (first + 2, first + 3)
        self._before, self._after = _special_around(tokenizer)
        self._room = longest - len(self._before) - len(self._after)

    def read(self, tokens: Sequence[str], tags: Sequence[str]) -> LabelledSentence:
        """Return a sentence as a model reads it."""
        windows: list[list[int]] = [[]]
        spelled: list[Spelled] = []
        for word, (subwords, tag) in enumerate(zip(self._subwords(tokens), tags, strict=True)):
            before, after = ([], []) if tag == OUTSIDE else ([each] for each in self._markers[tag])
            kept = subwords[: self._room - len(before) - len(after)]
            unit = [*before, *kept, *after] if kept else []
            if len(windows[-1]) + len(unit) > self._room:
                windows.append([])
            first = len(self._before) + len(windows[-1]) + len(before)
            windows[-1] += unit
            # Of a word that does not fit into a window, a part alone could be replaced.
            changing = self._kinds.changing(kept) if before and len(kept) == len(subwords) else ()
            if changing:
                places = tuple(Place(len(windows) - 1, first + place) for place in changing)
                spelled.append(Spelled(word, tuple(subwords), changing, places))
        return LabelledSentence(
            tuple((*self._before, *window, *self._after) for window in windows), tuple(spelled)
        )

    def respelled(self, word: Spelled, drawn: Sequence[int]) -> str:
        """Return a word with other subwords in place of those that change."""
        subwords = list(word.subwords)
        for place, subword in zip(word.changing, drawn, strict=True):
            subwords[place] = subword
        return "".join(map(self._kinds.text, subwords))

    def _subwords(self, tokens: Sequence[str]) -> list[list[int]]:
        """Return the subwords of each word, without special ones."""
        words = [_HALF_A_PAIR.sub("\ufffd", token) for token in tokens]
        [encoding] = self._tokenizer(
            [words], is_split_into_words=True, add_special_tokens=False, verbose=False
        ).encodings
        of_words: list[list[int]] = [[] for _ in words]
        for subword, word in zip(encoding.ids, encoding.word_ids, strict=True):
            if word is not None:
                of_words[word].append(subword)
        return of_words


def _special_around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return what a tokenizer puts before and after a sentence."""
    [encoding] = tokenizer([["a"]], is_split_into_words=True).encodings
    inner = [place for place, is_special in enumerate(encoding.special_tokens_mask) if not is_special]
    return encoding.ids[: inner[0]], encoding.ids[inner[-1] + 1 :]
