"""Candidates: the spans of a target sentence that an entity may be projected to, half-open, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unicodedata import category

from ..schema.iob2 import OUTSIDE, Mention, mentions
from .outcome import Alignment, aligned_words

LONGEST = 10
NEVER_INSIDE = ("!", "?")

# Punctuation to Unicode, and words to whoever reads them aloud.
_SPOKEN = frozenset("%‰&@#§")


def n_grams(target: Sequence[str], longest: int = LONGEST) -> list[tuple[int, int]]:
    """Return every span of up to so many words that holds no `!` and no `?`."""
    found = []
    for start in range(len(target)):
        for end in range(start + 1, min(start + longest, len(target)) + 1):
            if target[end - 1] in NEVER_INSIDE:
                break
            found.append((start, end))
    return found


def n_grams_like(words: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Return the n-grams that may be a translation of an entity, for a model to judge.

    Each costs a run of the model or two. So they have at most twice the entity's words and two more, and
    neither begin nor end with punctuation, unless the entity has a word that is nothing else.

    Args:
        words: The words of the entity.
        target: The words of the target.
    """
    spans = n_grams(target, min(2 * len(words) + 2, max(LONGEST, len(words))))
    if any(map(_is_punctuation, words)):
        return spans
    marks = [_is_punctuation(word) for word in target]
    return [(start, end) for start, end in spans if not marks[start] and not marks[end - 1]]


def aligned_n_grams(entity: Mention, alignment: Alignment, target: Sequence[str]) -> list[tuple[int, int]]:
    """Return the n-grams that begin and end with a word aligned to an entity.

    Under alignment scores no other n-gram can win: without its first or last word, if that is not aligned, it
    scores more. An entity of more than ten words may go to as many.
    """
    words = aligned_words(entity, alignment)
    if len(words) == 1:
        return [] if target[words[0]] in NEVER_INSIDE else [(words[0], words[0] + 1)]
    has_marks = any(mark in target for mark in NEVER_INSIDE)
    longest = max(LONGEST, entity.end - entity.start)
    found = []
    for index, start in enumerate(words):
        for last in words[index:]:
            if last - start >= longest:
                break
            if has_marks and any(mark in target[start : last + 1] for mark in NEVER_INSIDE):
                break
            found.append((start, last + 1))
    return found


def tagged_spans(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Return the spans that a tagger labelled; what it labelled them as does not count."""
    return [(mention.start, mention.end) for mention in mentions(tags)]


def probable_spans(probabilities: Sequence[Mapping[str, float]]) -> list[tuple[int, int]]:
    """Return the spans that the most probable label of each word makes.

    Args:
        probabilities: For each target word, the probability of each label; the first of equals counts.
    """
    return tagged_spans(most_probable(probabilities))


def most_probable(probabilities: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the most probable label of each word, the first of equals."""
    return [max(word, key=word.__getitem__) if word else OUTSIDE for word in probabilities]


def _is_punctuation(word: str) -> bool:
    return all(category(character).startswith("P") and character not in _SPOKEN for character in word)
