"""Repairs of where mentions stand: fragments, shifted labels, boundaries, and words that are no mention."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from ...schema.iob2 import OUTSIDE, Mention, tags_of
from .consensus import surface
from .evidence import (
    ENOUGH_OF_A_WORD,
    Habits,
    LabelledSentence,
    Share,
    has_a_name_shape,
    is_punctuation,
    spans_of,
)
from .labelling import Labelling, SentenceRepair
from .words import Sentence

# Shares below `_HARDLY_EVER` and above `_NEARLY_ALWAYS` are habits.
_HARDLY_EVER = 0.1
_NEARLY_ALWAYS = 0.9
# In log-odds: what moving all labels by one must gain.
_SHIFT_GAIN = 4.0
_LARGEST_ODDS = 3.0
_WORDS_TO_REMEMBER = 1 << 14
# The share of gold's mentions without capital or digit below which such a mention is no mention.
_WITHOUT_CAPITAL = 0.08


def join_fragments(labelling: Labelling) -> SentenceRepair:
    """Join mentions that touch, or have only a word of names between them, where gold has one mention."""
    habits = labelling.habits
    alone = _forms_that_stand_alone(labelling.config)

    def are_one(sentence: Sentence, before: Mention, after: Mention) -> bool:
        if before.end != after.start:
            return _are_connected(habits, sentence, before, after)
        if is_punctuation(sentence, before.end - 1) or is_punctuation(sentence, after.start):
            return False
        if _belongs_to_nothing(habits, sentence, before) or _belongs_to_nothing(habits, sentence, after):
            return False
        if before.type != after.type and (surface(sentence, after), after.type) in alone:
            return False
        return habits.touches(before.type, after.type) < _HARDLY_EVER

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        spans = spans_of(tags)
        if len(spans) < 2:
            return None
        joined = [spans[0]]
        for span in spans[1:]:
            if are_one(sentence, joined[-1], span):
                joined[-1] = Mention(joined[-1].start, span.end, _longer(joined[-1], span).type)
            else:
                joined.append(span)
        return tags_of(joined, len(tags)) if len(joined) < len(spans) else None

    return repair


def _forms_that_stand_alone(config: Sequence[LabelledSentence]) -> set[tuple[str, str]]:
    """Return the forms, with their type, that are often mentions with no other mention beside them."""
    counts: Counter[tuple[str, str]] = Counter()
    for sentence, tags in config:
        for span in spans_of(tags):
            touched = (span.start and tags[span.start - 1] != OUTSIDE) or (
                span.end < len(tags) and tags[span.end] != OUTSIDE
            )
            if not touched:
                counts[surface(sentence, span), span.type] += 1
    return {form for form, count in counts.items() if count >= ENOUGH_OF_A_WORD}


def _are_connected(habits: Habits, sentence: Sentence, before: Mention, after: Mention) -> bool:
    """Say whether two mentions of a type have one word between them that gold has within mentions."""
    place = before.end
    if before.type != after.type or after.start - place > 1 or is_punctuation(sentence, place):
        return False
    if habits.between.cases(sentence.folded[place]) < ENOUGH_OF_A_WORD:
        return False
    return (habits.between.of(sentence.folded[place], sentence.shapes[place]) or 0) > _NEARLY_ALWAYS


def _belongs_to_nothing(habits: Habits, sentence: Sentence, span: Mention) -> bool:
    """Say whether a fragment is one word that gold hardly ever has within a mention."""
    return span.end - span.start == 1 and _is_seldom_within(habits, sentence, span.start)


def _is_seldom_within(habits: Habits, sentence: Sentence, place: int) -> bool:
    cased = sentence.cased[place]
    share = habits.within.of(cased, sentence.shapes[place])
    return habits.within.cases(cased) >= ENOUGH_OF_A_WORD and share is not None and share < _HARDLY_EVER


def _longer(before: Mention, after: Mention) -> Mention:
    return before if before.end - before.start >= after.end - after.start else after


def undo_shift(labelling: Labelling) -> SentenceRepair:
    """Move all labels of a sentence by one token where they then fall on words of mentions."""
    odds = _WithinOdds(labelling)

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        spans = spans_of(tags)
        if not spans:
            return None
        moved = [
            [replace(span, start=span.start + step, end=span.end + step) for span in spans]
            for step in (-1, 1)
            if spans[0].start + step >= 0 and spans[-1].end + step <= len(tags)
        ]
        if not moved:
            return None
        best = max(moved, key=lambda candidate: odds.of(sentence, candidate))
        there = odds.of(sentence, best)
        gain = there - odds.of(sentence, spans)
        return tags_of(best, len(tags)) if there > 0 and gain >= _SHIFT_GAIN else None

    return repair


class _WithinOdds:
    """How likely words are to stand within mentions, as log-odds, by gold alone."""

    def __init__(self, labelling: Labelling) -> None:
        self._within = labelling.habits.within
        self._of_word = lru_cache(maxsize=_WORDS_TO_REMEMBER)(self._odds)

    def of(self, sentence: Sentence, spans: Sequence[Mention]) -> float:
        """Return the sum of the log-odds of the words of some spans."""
        cased, shapes = sentence.cased, sentence.shapes
        return sum(
            self._of_word(cased[place], shapes[place])
            for span in spans
            for place in range(span.start, span.end)
        )

    def _odds(self, cased: str, shape: str) -> float:
        share = self._within.of(cased, shape)
        if share is None:
            return 0.0
        share = min(max(share, 1e-6), 1 - 1e-6)
        return max(-_LARGEST_ODDS, min(_LARGEST_ODDS, math.log(share / (1 - share))))


def move_boundaries(labelling: Labelling) -> SentenceRepair:
    """Take the words at the edges of mentions in, or leave them out, as gold does."""
    habits = labelling.habits

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        spans = spans_of(tags)
        if not spans:
            return None
        taken = [tag != OUTSIDE for tag in tags]
        moved = tuple(_fit(habits, sentence, span, taken) for span in spans)
        return tags_of(moved, len(tags)) if moved != spans else None

    return repair


def _fit(habits: Habits, sentence: Sentence, span: Mention, taken: list[bool]) -> Mention:
    start, end = span.start, span.end
    while end - start > 1 and _is_left_out(habits.joins_next, sentence, start):
        taken[start] = False
        start += 1
    while end - start > 1 and _is_left_out(habits.joins_previous, sentence, end - 1):
        end -= 1
        taken[end] = False
    while start > 0 and not taken[start - 1] and _is_taken_in(habits.joins_next, sentence, start - 1):
        start -= 1
        taken[start] = True
    while end < len(taken) and not taken[end] and _is_taken_in(habits.joins_previous, sentence, end):
        taken[end] = True
        end += 1
    return Mention(start, end, span.type)


def _is_left_out(joins: Share, sentence: Sentence, place: int) -> bool:
    share = joins.of(sentence.folded[place], sentence.shapes[place])
    if share is None:
        return is_punctuation(sentence, place)
    return share < _HARDLY_EVER


def _is_taken_in(joins: Share, sentence: Sentence, place: int) -> bool:
    share = joins.of(sentence.folded[place], sentence.shapes[place])
    return share is not None and share > _NEARLY_ALWAYS


def drop_what_is_no_mention(labelling: Labelling) -> SentenceRepair:
    """Take the label from words that gold leaves unlabelled, or that look like none of gold's mentions."""
    habits = labelling.habits

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        spans = spans_of(tags)
        kept = [span for span in spans if not _is_no_mention(habits, sentence, span)]
        return tags_of(kept, len(tags)) if len(kept) < len(spans) else None

    return repair


def _is_no_mention(habits: Habits, sentence: Sentence, span: Mention) -> bool:
    places = range(span.start, span.end)
    if all(is_punctuation(sentence, place) for place in places):
        return True
    if all(_is_seldom_within(habits, sentence, place) for place in places):
        return True
    if has_a_name_shape(sentence, span.start, span.end):
        return False
    share = habits.without_capital(span.type)
    return share is not None and share < _WITHOUT_CAPITAL
