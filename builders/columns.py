"""Datapoints as columns: a batch of sentences as flat arrays of token and label numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..schema.methods import OFFLINE

if TYPE_CHECKING:
    from ..generation.salvage import Found
    from ..schema.provenance import Origin
    from .vocabulary import Vocabulary

TAG_PROBABILITIES = "tag_probabilities"

# Labels that are in no label set; further numbers below 0 are not used.
UNKNOWN_LABEL = -1


@dataclass(frozen=True, slots=True)
class Place:
    """The call that datapoints of a batch come from.

    Attributes:
        split: Its split; empty for a response outside of any release.
        index: Its place in the plan of the split.
        origin: What its datapoints' provenance shares.
        config: The config that its datapoints are published in; empty for the one that is being built.
    """

    split: str
    index: int
    origin: Origin
    config: str = ""


class Datapoint(NamedTuple):
    """A datapoint as it came, for the list of rejects and for provenance.

    Attributes:
        place: The call that it comes from.
        found: What was found there, both of its lists of equal length.
    """

    place: Place
    found: Found


def operation_of(engine: str, found: Found) -> str | None:
    """Return what a method that asks no chat model says it did to make a datapoint, if it says that.

    What a chat model writes beside its datapoints is no provenance.

    Args:
        engine: Who answered the call.
        found: The datapoint as it came.
    """
    if engine != OFFLINE or not isinstance(found.value, dict):
        return None
    operation = found.value.get("operation")
    if not isinstance(operation, str):
        return None
    # Half of a surrogate pair, which gold may hold, has no UTF-8; its escape has.
    return operation.encode("utf-8", "backslashreplace").decode("utf-8")


def tag_probabilities_of(found: Found) -> list[list[float]]:
    """Return the probability of every label for each word, as a method that gives soft labels says it.

    Repairs change labels and never these: they are what the teachers said.
    """
    return found.value[TAG_PROBABILITIES]


@dataclass(frozen=True)
class Batch:
    """Sentences as columns; every array is by word unless said otherwise.

    Attributes:
        datapoints: The sentences as they came, by sentence.
        starts: Index of each sentence's first word, by sentence, and at the end the number of words.
        tokens: Numbers of the tokens in the vocabulary.
        tags: Numbers of the labels, or `UNKNOWN_LABEL`.
        repairs: What was changed, as provenance has it, by the number of the sentence in `datapoints`.
        texts: The sentences' tokens, a line feed between them; empty until they are needed.
        normal: The sentences' normalised texts; empty until they are needed.
    """

    datapoints: list[Datapoint]
    starts: np.ndarray
    tokens: np.ndarray
    tags: np.ndarray
    repairs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    normal: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.datapoints)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words of each sentence."""
        return np.diff(self.starts)

    @cached_property
    def sentence_of(self) -> np.ndarray:
        """The sentence that each word stands in."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def any_of(self, of_word: np.ndarray) -> np.ndarray:
        """Say for each sentence whether `of_word` holds for one of its words."""
        return np.logical_or.reduceat(of_word, self.starts[:-1]) if len(self) else np.zeros(0, dtype=bool)

    def sum_of(self, of_word: np.ndarray) -> np.ndarray:
        """Add `of_word` up over each sentence."""
        return np.add.reduceat(of_word, self.starts[:-1]) if len(self) else np.zeros(0, dtype=of_word.dtype)

    def bits_of(self, of_word: np.ndarray) -> np.ndarray:
        """Unite the bits of `of_word` over each sentence."""
        return (
            np.bitwise_or.reduceat(of_word, self.starts[:-1])
            if len(self)
            else np.zeros(0, dtype=of_word.dtype)
        )

    def select(self, keep: np.ndarray) -> Batch:
        """Return the batch of the sentences for which `keep` is true."""
        if keep.all():
            return self
        words = np.repeat(keep, self.lengths)
        starts = np.zeros(int(keep.sum()) + 1, dtype=np.int64)
        np.cumsum(self.lengths[keep], out=starts[1:])
        number = np.cumsum(keep) - 1
        return Batch(
            datapoints=list(compress(self.datapoints, keep.tolist())),
            starts=starts,
            tokens=self.tokens[words],
            tags=self.tags[words],
            repairs={int(number[row]): changes for row, changes in self.repairs.items() if keep[row]},
            texts=list(compress(self.texts, keep.tolist())),
            normal=list(compress(self.normal, keep.tolist())),
        )

    def with_tags(self, tags: np.ndarray) -> Batch:
        """Return the batch with other label numbers."""
        return replace(self, tags=tags)

    def with_tokens(self, tokens: np.ndarray) -> Batch:
        """Return the batch with other token numbers."""
        return replace(self, tokens=tokens)

    def with_texts(self, vocabulary: Vocabulary) -> Batch:
        """Return the batch with the texts of its sentences, as they are and normalised."""
        starts = self.starts.tolist()
        numbers = self.tokens.tolist()
        words = [vocabulary.texts[number] for number in numbers]
        normal = [vocabulary.normal[number] for number in numbers]
        ends = list(pairwise(starts))
        return replace(
            self,
            texts=["\n".join(words[start:end]) for start, end in ends],
            normal=["".join(normal[start:end]) for start, end in ends],
        )

    def with_changes(self, changes: Sequence[tuple[int, dict[str, Any]]]) -> Batch:
        """Return the batch with further repairs: pairs of sentence and change, in order."""
        repairs = {row: list(known) for row, known in self.repairs.items()}
        for row, change in changes:
            repairs.setdefault(row, []).append(change)
        return replace(self, repairs=repairs)
