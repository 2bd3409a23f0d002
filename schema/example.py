"""The unit of every dataset here: a sentence of words with one IOB2 tag each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .iob2 import Mention, mentions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence and its labels; published as the columns `id`, `tokens`, `ner_tags`, in that order.

    Attributes:
        id: Unique within its config and split; for gold, within its file.
        tokens: The words.
        ner_tags: One label name a word.
    """

    id: str
    tokens: tuple[str, ...]
    ner_tags: tuple[str, ...]

    @property
    def mentions(self) -> list[Mention]:
        """The mentions, read as the CoNLL scorer reads them."""
        return mentions(self.ner_tags)


@dataclass(frozen=True, slots=True)
class SoftExample(Example):
    """A sentence whose labels come with their probabilities; published as the column `tag_probabilities`.

    Attributes:
        labels: The labels that there are probabilities of, in order.
        probabilities: One row a word, one column a label. What two examples say of this plays no part in
            whether they are equal.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32] = field(compare=False, repr=False)
