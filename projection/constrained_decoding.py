"""CODEC: brackets are put into a translation where a model would have written them.

After Le et al. (2024). A source sentence with brackets around one entity is read, and the model that
translates it may write nothing but the translation that there is, an opening and a closing bracket. What they
enclose is the entity. Of the best placements that one is taken from which the entity translates back best.

The best placements are found exactly. As a log-probability is at most 0, what a placement scores up to its
closing bracket bounds what it can score; one run of the decoder for each opening gives these bounds for all
closings. Placements are then tried in the order of their bounds, until no bound reaches the best that there
are. Brackets stand between words: a label has no other place.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from ..schema.errors import DataError
from ..schema.iob2 import Mention
from .forced_decoding import ForcedDecoder, Reading
from .outcome import COLLISION, Projection, labelled
from .translation import Translator

OPENING, CLOSING = "[", "]"

# Runs of the decoder side by side differ by less.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class Pruning:
    """Where an opening bracket is tried: where brackets in the source change what the model expects.

    A word counts by that of its subwords whose log-probability changes most.

    Attributes:
        change: How much a word's log-probability changes, at least.
        near: How much that of a word near such a word does, at least.
        distance: How many words away is near, at most.
    """

    change: float = 0.5
    near: float = 0.1
    distance: int = 5


@dataclass(frozen=True, slots=True)
class Search:
    """How placements are searched.

    Attributes:
        kept: Placements that are kept for the ranking.
        pruning: Where an opening bracket is tried; None for everywhere, and so it is where no word changes.
    """

    kept: int = 5
    pruning: Pruning | None = Pruning()


PAPER = Search()
"""The paper's search."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Brackets around words of a translation.

    Attributes:
        start: The first word between them.
        end: The word after the last one.
        score: The log-probability of the translation with the brackets.
        back: The mean log-probability of the entity's subwords, as a translation of these words; 0 where it
            was not looked at.
    """

    start: int
    end: int
    score: float
    back: float = 0.0


class BracketDecoder:
    """Puts brackets into translations.

    Args:
        translator: Translates sentences with brackets.
        back: Translates what is between brackets back.
        batch_size: Translations that are looked at side by side.
        search: How placements are searched.

    Raises:
        DataError: If one of the model's vocabularies has no brackets.

    Example:
        >>> words = "Faransi ni Angiletɛri dɔrɔn".split()
        >>> decoder = BracketDecoder(translator, back, 32)
        >>> ((best, *_),) = decoder.placements(["Only", "Britain"], [Mention(1, 2, "LOC")], words)
        >>> words[best.start : best.end]
        ['Angiletɛri']
    """

    def __init__(
        self, translator: Translator, back: Translator, batch_size: int, search: Search = PAPER
    ) -> None:
        self._translator = translator
        self._decoder = ForcedDecoder(translator, batch_size)
        self._back = ForcedDecoder(back, batch_size)
        self._batch_size = batch_size
        self._search = search
        self._brackets = _brackets(translator)

    def fits(self, source: Sequence[str], target: Sequence[str]) -> bool:
        """Say whether the models can read and write a sentence and its translation, brackets and all."""
        (subwords,) = self._decoder.written([" ".join((OPENING, *target, CLOSING))])
        (back,) = self._back.written([" ".join(source)])
        return self._decoder.fits(" ".join((OPENING, *source, CLOSING)), len(subwords)) and self._back.fits(
            " ".join(target), len(back)
        )

    def placements(
        self, source: Sequence[str], entities: Sequence[Mention], target: Sequence[str]
    ) -> list[list[Placement]]:
        """Return the best placements of each entity of a sentence, ranked by the way back.

        Args:
            source: The words of the source sentence, which has to fit.
            entities: Its entities. Each is searched for by itself.
            target: The words of its translation. Brackets among them are words like others.

        Returns:
            The placements of each entity, the best first; none if the translation has no word.

        Raises:
            DataError: If memory does not suffice.
        """
        if not target or not entities:
            return [[] for _ in entities]
        template = _Template(self._translator, target, self._brackets, self._decoder.end)
        unmarked = self._plain(self._decoder.read(" ".join(source)), template)
        found = []
        for entity in entities:
            reading = self._decoder.read(_marked(source, entity))
            openings = self._openings(reading, template, unmarked)
            found.append(self._best(reading, template, openings))
        return self._ranked(source, entities, target, found)

    def _plain(self, reading: Reading, template: _Template) -> list[float]:
        """Return the log-probabilities of a translation without brackets, where they are needed."""
        if self._search.pruning is None:
            return []
        (verdict,) = self._decoder.of_reading(reading, [template.subwords(template.plain())])
        return verdict.subwords

    def _openings(self, reading: Reading, template: _Template, unmarked: Sequence[float]) -> Sequence[int]:
        """Return the words that an opening bracket may stand before."""
        pruning, everywhere = self._search.pruning, range(len(template))
        if pruning is None:
            return everywhere
        changes = _changes(template.plain(), unmarked, self._plain(reading, template))
        sure = [place for place in everywhere if changes[place] >= pruning.change]
        near = {
            place
            for one in sure
            for place in range(one - pruning.distance, one + pruning.distance + 1)
            if place in everywhere and changes[place] >= pruning.near
        }
        return sorted(near.union(sure)) or everywhere

    def _best(self, reading: Reading, template: _Template, openings: Sequence[int]) -> list[Placement]:
        """Return the placements that score most, the best first; of equals the first, then the shortest."""
        best: list[Placement] = []
        bounds = sorted(self._bounds(reading, template, openings), key=_order)
        for start in range(0, len(bounds), self._batch_size):
            batch = bounds[start : start + self._batch_size]
            if len(best) == self._search.kept:
                batch = [each for each in batch if each.score + _ROUNDING >= best[-1].score]
            if not batch:
                break
            verdicts = self._decoder.of_reading(
                reading,
                [template.subwords(template.with_brackets(each.start, each.end)) for each in batch],
            )
            for each, verdict in zip(batch, verdicts, strict=True):
                insort(best, replace(each, score=sum(verdict.subwords)), key=_order)
            del best[self._search.kept :]
        return best

    def _bounds(self, reading: Reading, template: _Template, openings: Sequence[int]) -> Iterator[Placement]:
        """Yield each placement with the most that it can score."""
        opened = [template.with_opening(start) for start in openings]
        verdicts = self._decoder.of_reading(
            reading, list(map(template.subwords, opened)), beside=self._brackets.closing[0]
        )
        for start, pieces, verdict in zip(openings, opened, verdicts, strict=True):
            sums = list(accumulate(verdict.subwords, initial=0.0))
            # The bracket is a piece, too.
            for end, behind in enumerate(_ends(pieces)[start + 2 :], start + 1):
                yield Placement(start, end, sums[behind] + verdict.beside[behind])

    def _ranked(
        self,
        source: Sequence[str],
        entities: Sequence[Mention],
        target: Sequence[str],
        found: Sequence[Sequence[Placement]],
    ) -> list[list[Placement]]:
        """Rank the placements of each entity by how well it translates what they enclose."""
        pairs = [
            (" ".join(target[each.start : each.end]), " ".join(source[entity.start : entity.end]))
            for entity, of_entity in zip(entities, found, strict=True)
            for each in of_entity
        ]
        logs = iter(self._back.of_pairs(pairs))
        ranked = []
        for of_entity in found:
            scored = [replace(each, back=_mean(next(logs))) for each in of_entity]
            ranked.append(sorted(scored, key=lambda each: (-each.back, *_order(each))))
        return ranked


def arranged(placements: Sequence[Sequence[Placement]]) -> list[Placement | None]:
    """Place the entities of a sentence that were searched for one by one, so that no two share a word.

    The entity whose best placement translates back best comes first, the earlier one of equals. Each takes
    the best of its placements that is free.

    Args:
        placements: The placements of each entity, the best first.

    Returns:
        The placement of each entity; None where none is free.
    """
    order = sorted(
        (number for number, of_entity in enumerate(placements) if of_entity),
        key=lambda number: (-placements[number][0].back, number),
    )
    placed: list[Placement | None] = [None] * len(placements)
    taken = 0
    for number in order:
        free = next((each for each in placements[number] if not taken & _bits(each)), None)
        if free is not None:
            taken |= _bits(free)
            placed[number] = free
    return placed


def projected(entities: Sequence[Mention], placed: Sequence[Placement | None], length: int) -> Projection:
    """Label a translation of so many words with entities as `arranged` placed them."""
    return labelled(
        [
            (place.start, place.end, entity.type)
            for entity, place in zip(entities, placed, strict=True)
            if place is not None
        ],
        length,
        [(number, COLLISION) for number, place in enumerate(placed) if place is None],
    )


@dataclass(frozen=True, slots=True)
class _Brackets:
    """The subwords of brackets: after a blank, and of an opening one that begins the sentence."""

    opening: list[int]
    closing: list[int]
    first_opening: list[int]


class _Template:
    """A translation in subwords, word by word, with the brackets that go into it.

    Args:
        translator: Knows the subwords of words.
        words: The words of the translation.
        brackets: The subwords of the brackets.
        end: The subword that ends a translation.
    """

    def __init__(self, translator: Translator, words: Sequence[str], brackets: _Brackets, end: int) -> None:
        # Some tokenizers have other subwords where a sentence begins than after a blank.
        self._first, *self._words = translator.as_written([words[0], *(f" {word}" for word in words)])
        self._brackets = brackets
        self._end = end

    def __len__(self) -> int:
        return len(self._words)

    def plain(self) -> list[list[int]]:
        """Return the subwords of each word."""
        return [self._first, *self._words[1:]]

    def with_opening(self, start: int) -> list[list[int]]:
        """Return the subwords of each word, and of an opening bracket among them."""
        if start == 0:
            return [self._brackets.first_opening, *self._words]
        words = self.plain()
        return [*words[:start], self._brackets.opening, *words[start:]]

    def with_brackets(self, start: int, end: int) -> list[list[int]]:
        """Return the subwords of each word, and of both brackets among them."""
        pieces = self.with_opening(start)
        return [*pieces[: end + 1], self._brackets.closing, *pieces[end + 1 :]]

    def subwords(self, pieces: Sequence[Sequence[int]]) -> list[int]:
        """Return the translation that some pieces make."""
        return [*(subword for piece in pieces for subword in piece), self._end]


def _brackets(translator: Translator) -> _Brackets:
    """Return the subwords of brackets in a translation.

    Raises:
        DataError: If there are none.
    """
    found = _Brackets(*translator.as_written([f" {OPENING}", f" {CLOSING}", OPENING]))
    read = translator.as_read([f"{OPENING} {CLOSING}"])["input_ids"].flatten().tolist()
    written = [*found.opening, *found.closing, *found.first_opening]
    if translator.model.tokenizer.unk_token_id in (*written, *read):
        raise DataError(
            f"the model's tokenizer has no subword for `{OPENING}` or `{CLOSING}`",
            where=translator.model.name,
            hint="Brackets mark entities here. Take another model: those of NLLB and M2M100 know brackets.",
        )
    return found


def _ends(pieces: Sequence[Sequence[int]]) -> list[int]:
    """Return where each piece ends, counted in subwords, with a 0 before."""
    return list(accumulate(map(len, pieces), initial=0))


def _changes(
    pieces: Sequence[Sequence[int]], unmarked: Sequence[float], marked: Sequence[float]
) -> list[float]:
    """Return how much the log-probability of each word changes from one reading to another."""
    return [
        max((abs(marked[place] - unmarked[place]) for place in range(start, end)), default=0.0)
        for start, end in pairwise(_ends(pieces))
    ]


def _marked(source: Sequence[str], entity: Mention) -> str:
    inside = source[entity.start : entity.end]
    return " ".join((*source[: entity.start], OPENING, *inside, CLOSING, *source[entity.end :]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _order(placement: Placement) -> tuple[float, int, int]:
    return -placement.score, placement.start, placement.end


def _bits(placement: Placement) -> int:
    return ((1 << (placement.end - placement.start)) - 1) << placement.start
