"""The unit of every dataset here: a sentence of words with one IOB2 tag each."""

from __future__ import annotations

from dataclasses import dataclass

from .iob2 import Mention, mentions


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
