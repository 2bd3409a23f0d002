"""Dates and numbers by gold's habit: labelled as gold labels numbers written alike, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from ...schema.iob2 import OUTSIDE, Mention, tags_of
from .evidence import PART, spans_of
from .labelling import Labelling, SentenceRepair
from .words import NUMBER, PUNCTUATION, SMALL, Sentence

_ENOUGH = 5
_NEARLY_ALWAYS = 0.85
_HARDLY_EVER = 0.1
# A number that mostly belongs to a longer mention would be half a mention if it were labelled alone.
_MOSTLY = 0.6


def repair_numbers(labelling: Labelling) -> SentenceRepair:
    """Label numbers of a pattern that gold labels, and take the label from those that gold leaves alone."""
    habits = labelling.habits

    def habit(sentence: Sentence, place: int) -> str | None:
        """Return what gold has for a number written so: a type, `O`, or None if it has no habit."""
        types = habits.types_of_numbers(sentence.words[place].pattern)
        if types.total() < _ENOUGH:
            return None
        if types[OUTSIDE] > (1 - _HARDLY_EVER) * types.total():
            return OUTSIDE
        if types[OUTSIDE] > (1 - _NEARLY_ALWAYS) * types.total():
            return None
        type_, count = min(types.items(), key=lambda item: (-item[1], item[0]))
        return type_ if type_ != PART and count >= _MOSTLY * types.total() else None

    def is_left_alone(sentence: Sentence, span: Mention) -> bool:
        shapes = sentence.shapes[span.start : span.end]
        numbers = [place for place in range(span.start, span.end) if sentence.shapes[place] == NUMBER]
        if not numbers or any(shape not in (NUMBER, PUNCTUATION, SMALL) for shape in shapes):
            return False
        return all(habit(sentence, place) == OUTSIDE for place in numbers)

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        if NUMBER not in sentence.shapes:
            return None
        kept = [span for span in spans_of(tags) if not is_left_alone(sentence, span)]
        repaired = tags_of(kept, len(tags))
        for place, shape in enumerate(sentence.shapes):
            type_ = habit(sentence, place) if shape == NUMBER and repaired[place] == OUTSIDE else None
            if type_ is None or type_ == OUTSIDE:
                continue
            goes_on = place > 0 and repaired[place - 1][2:] == type_
            repaired[place] = f"{'I' if goes_on else 'B'}-{type_}"
            if place + 1 < len(repaired) and repaired[place + 1] == f"B-{type_}":
                repaired[place + 1] = f"I-{type_}"
        return repaired

    return repair
