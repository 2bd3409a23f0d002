"""What of gold a prompt may show, what must not be made of it anew, and how it writes words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...schema.example import Example
from ...sources.gold import Gold
from ...sources.normal_forms import NormalForms
from ...sources.word_splitting import split_words

_HELD_OUT = ("validation", "test")


def showable(gold: Gold, split: str) -> list[Example]:
    """Return the sentences of a gold split that do not stand in another one that is held out.

    What a prompt shows comes back in answers; sentences that systems are tested on must not.
    """
    forms = NormalForms()
    held_out = {
        forms.comparable(example.tokens)
        for other in _HELD_OUT
        if other != split
        for example in gold.splits.get(other, ())
    }
    return [
        example for example in gold.splits.get(split, ()) if forms.comparable(example.tokens) not in held_out
    ]


def texts_of_gold(splits: Mapping[str, Sequence[Example]], forms: NormalForms) -> frozenset[str]:
    """Return what is compared of the sentences of all splits, held out or not: none of them is made anew.

    Args:
        splits: Gold, by split.
        forms: Compares them.
    """
    return frozenset(forms.comparable(example.tokens) for gold in splits.values() for example in gold)


def words_of_gold(gold: Sequence[Example]) -> frozenset[str]:
    """Return the words of gold sentences that splitting would take apart, so that they stay whole."""
    words = {token for example in gold for token in example.tokens}
    return frozenset(word for word in words if split_words(word) != [word])
