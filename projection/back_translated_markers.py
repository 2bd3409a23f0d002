"""Labels for a translation from another one that has brackets, after Politov et al. (2025).

Brackets round entities make a translation worse, and without them nobody can tell which words belong to which
of the source. So a sentence is translated twice, as it is and with brackets. Both translations are in one
language: the entities are found by their brackets in the one, and by their letters in the other, which gets
the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..schema.iob2 import Mention, tags_of
from .candidates import LONGEST, n_grams
from .markers import (
    NO_TEXT,
    UNKNOWN,
    Carried,
    Likeness,
    Refused,
    SourceEntity,
    Split,
    bracketed,
    folded,
    has_letter,
    similarity,
    words_of,
)
from .matching import TIE, Row, exact

NOT_IN_BRACKETS = "a mention that nothing in brackets is like"
NOT_IN_PLAIN = "a mention that is not in the translation without brackets"

BY_BRACKETS = "brackets"

# Of places that are as much alike, the one that is nearer to where the brackets are. No two ratios of short
# texts differ by less.
_NEARNESS = 1e-6


@dataclass(frozen=True, slots=True)
class _Marked:
    """What stands in brackets, and where: the share of the words that come before it."""

    text: str
    place: float


def carry_back(plain: str, marked: str, entities: Sequence[SourceEntity], split: Split) -> Carried | Refused:
    """Label a translation by another one of the same sentence, with brackets round its entities.

    First entities are matched with what is in brackets, by how much it is like their translation alone or the
    source, whichever is more. Brackets that are like no entity, or have no other half, count for nothing.
    Then what is in brackets is matched with runs of words of the plain translation. Both matchings are exact:
    the sum of the similarities is as high as it can be, and nothing is given twice. Each must be more than
    `LEAST_SIMILARITY`. A translation is only labelled if every entity has its place: a name without a label
    would teach that it is none.

    Args:
        plain: The translation without brackets.
        marked: The translation with brackets.
        entities: The entities of the source.
        split: Splits translations into words.
    """
    words = words_of(plain, split)
    if not words:
        return Refused(NO_TEXT)
    found = _found(marked, len(entities), split)
    scores = [[_likeness(entity, each.text) for each in found] for entity in entities]
    chosen = {entity: place for entity, place, _ in exact(_by_place(scores)) or ()}
    if len(chosen) < len(entities):
        return Refused(NOT_IN_BRACKETS)
    if _is_ambiguous(entities, scores, chosen):
        return Refused(UNKNOWN)
    rows = [_candidates(found[chosen[number]], words) for number in range(len(entities))]
    placed = exact(rows) or []
    if len(placed) < len(entities):
        return Refused(NOT_IN_PLAIN)
    spans = [Mention(start, end, entities[number].type) for number, start, end in placed]
    return Carried(words, tuple(tags_of(spans, len(words))), (BY_BRACKETS,) * len(spans))


def _found(marked: str, count: int, split: Split) -> list[_Marked]:
    apart = bracketed(marked, count)
    words = split([piece.text for piece in apart.pieces])
    length = sum(map(len, words))
    found: list[_Marked] = []
    before = 0
    for piece, of_piece in zip(apart.pieces, words, strict=True):
        if piece.is_marked and any(map(has_letter, of_piece)):
            found.append(_Marked(" ".join(of_piece), before / length))
        before += len(of_piece)
    return found


def _likeness(entity: SourceEntity, text: str) -> float:
    return max(similarity(entity.translation, text), similarity(entity.text, text))


def _by_place(scores: Sequence[Sequence[float]]) -> list[Row]:
    return [[(place, place + 1, score) for place, score in enumerate(of_one) if score] for of_one in scores]


def _is_ambiguous(
    entities: Sequence[SourceEntity], scores: Sequence[Sequence[float]], chosen: dict[int, int]
) -> bool:
    """Say whether two entities of different types could as well have each other's brackets."""
    return any(
        entities[one].type != entities[other].type
        and scores[one][of_other] + scores[other][of_one]
        > scores[one][of_one] + scores[other][of_other] - TIE
        for one, of_one in chosen.items()
        for other, of_other in chosen.items()
        if one < other
    )


def _candidates(marked: _Marked, plain: Sequence[str]) -> Row:
    """Return the runs of words that are like what is in brackets, with how much they are.

    Marks at their ends count here: of `Thy` and `Thy .` one is more like what is in brackets.
    """
    wanted = folded(marked.text)
    likeness = Likeness(wanted)
    words = [folded(word) for word in plain]
    row: list[tuple[int, int, float]] = []
    for start, end in n_grams(plain, max(LONGEST, len(wanted.split()) + 1)):
        score = likeness(" ".join(words[start:end]))
        if score:
            row.append((start, end, score - _NEARNESS * abs(start / len(plain) - marked.place)))
    return row
