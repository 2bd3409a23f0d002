"""From a sentence and the entities listed beside it to words and tags, with each change and why.

What a list says is taken as far as it fits the sentence: an entity must stand in it, in whole words, with a
type of the label set, and no two may overlap. What does not fit is dropped and said.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.iob2 import OUTSIDE, Mention, tags_of
from ..sources.word_splitting import split_words

NOT_THERE = "entity not in the sentence"
PART_OF_A_WORD = "entity is part of a word"
FOREIGN_TYPE = "type outside the label set"
OVERLAP = "entity overlaps a shorter one"
SEVERAL_TYPES = "entity has several types"
NO_NAME = "entity without a name"
OTHER_CASE = "entity written in other letters"
REPEATED_MENTION = "repeated mention"
EXTENDED = "mention extended to its word"
MARKS = "marks around an entity"

DROPS = (NOT_THERE, PART_OF_A_WORD, FOREIGN_TYPE, OVERLAP, SEVERAL_TYPES, NO_NAME)
"""Why a listed entity is dropped."""

TOO_LONG = "sentence too long"
NO_WORDS = "no words in the sentence"

_LONGEST_SENTENCE = 2000

_AROUND_NAMES = " \t\r\n\"'`“”„‘’«»[]{}<>*_"
_MARKS = (("[", "]"), ("{{", "}}"), ("**", "**"), ("<b>", "</b>"))
_APOSTROPHES = "'’ʼ"

# What models call types that customary label sets abbreviate.
_CALLED = {
    "person": "PER", "people": "PER", "name": "PER",
    "organization": "ORG", "organisation": "ORG", "company": "ORG",
    "location": "LOC", "place": "LOC",
    "date": "DATE", "time": "DATE",
    "miscellaneous": "MISC",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Annotated:
    """A sentence in words, with tags.

    Attributes:
        tokens: The words.
        tags: A tag each, valid IOB2.
        spans: The mentions, each with the number of the listed entity that it is of.
        changes: What was changed in the list, as `Found.changes` has it.
        sentence: The sentence that the words are of.
        places: Where each word begins and ends in it.
        fault: Why there are no words; None where there are.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    spans: tuple[tuple[Mention, int], ...]
    changes: tuple[Mapping[str, Any], ...]
    sentence: str = ""
    places: tuple[tuple[int, int], ...] = ()
    fault: str | None = None

    def characters(self, mention: Mention) -> tuple[int, int]:
        """Return where a mention begins and ends in the sentence."""
        return self.places[mention.start][0], self.places[mention.end - 1][1]


def annotate(
    sentence: str,
    entities: Sequence[tuple[str, str]],
    types: Sequence[str],
    known: Collection[str] = frozenset(),
) -> Annotated:
    """Mark the listed entities in a sentence.

    Args:
        sentence: The sentence.
        entities: Name and type of each entity, as they were written.
        types: The entity types of the label set.
        known: Words as gold writes them; they stay whole.
    """
    return _Annotating(sentence, entities, types, known).result()


def type_named(written: str, types: Sequence[str]) -> str | None:
    """Return the entity type that somebody means; None where it is none of these."""
    plain = written.strip(_AROUND_NAMES + "().:,").casefold()
    for type_ in types:
        if plain == type_.casefold():
            return type_
    called = _CALLED.get(plain)
    return called if called in types else None


def bare_name(written: str) -> str:
    """Return the name of an entity without blanks, quotes and brackets around it."""
    return " ".join(written.split()).strip(_AROUND_NAMES)


def written_entity(name: str, type_: str) -> str:
    """Write an entity as changes name it."""
    return f"{name} ({type_})"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Words from start to end where an entity may be marked, its type, and its number in the list."""

    start: int
    end: int
    type: str
    entity: int


class _Annotating:
    """Marks the entities of one sentence; see `annotate`."""

    def __init__(
        self,
        sentence: str,
        entities: Sequence[tuple[str, str]],
        types: Sequence[str],
        known: Collection[str],
    ) -> None:
        self._changes: list[dict[str, Any]] = []
        self._written = entities
        self._known = known
        self._types = types
        self._sentence = " ".join(sentence.split())
        self._words: list[tuple[int, int]] = []

    def result(self) -> Annotated:
        if len(self._sentence) > _LONGEST_SENTENCE:
            return Annotated((), (), (), (), fault=TOO_LONG)
        entities = self._usable()
        self._remove_marks({name for name, _ in entities.values()})
        self._words = _places_of_words(self._sentence, self._known)
        if not self._words:
            return Annotated((), (), (), (), fault=NO_WORDS)
        candidates = self._candidates(entities)
        chosen = self._without_overlaps(candidates, entities)
        tokens = tuple(self._sentence[start:end] for start, end in self._words)
        spans = tuple(
            (Mention(each.start, each.end, each.type), each.entity)
            for each in sorted(chosen, key=lambda each: each.start)
        )
        tags = tags_of([mention for mention, _ in spans], len(tokens))
        self._say_repeated(spans, entities)
        return Annotated(tokens, tuple(tags), spans, tuple(self._changes), self._sentence, tuple(self._words))

    def _usable(self) -> dict[int, tuple[str, str]]:
        """Return name and type of the entities that have both, by their number in the list."""
        usable = {}
        for number, (name, written) in enumerate(self._written):
            bare, type_ = bare_name(name), type_named(written, self._types)
            if not bare:
                self._drop(NO_NAME, name, written)
            elif type_ is None:
                self._drop(FOREIGN_TYPE, bare, written)
            else:
                usable[number] = (bare, type_)
        return usable

    def _remove_marks(self, names: Collection[str]) -> None:
        """Remove brackets and the like that a model puts around an entity in the sentence itself."""
        for name in sorted(names):
            for opening, closing in _MARKS:
                marked = f"{opening}{name}{closing}"
                if marked in self._sentence:
                    self._sentence = self._sentence.replace(marked, name)
                    self._change(MARKS, None, marked, name)

    def _candidates(self, entities: Mapping[int, tuple[str, str]]) -> list[_Candidate]:
        """Return every place of every entity that stands in the sentence in whole words."""
        numbers: dict[str, list[int]] = {}
        for number, (name, _) in entities.items():
            numbers.setdefault(name, []).append(number)
        places = {
            name: self._places_of(name, [entities[number][1] for number in of_name])
            for name, of_name in numbers.items()
        }
        # Words may have been split at a later name: now they are all that there will be.
        starts = {start: word for word, (start, _) in enumerate(self._words)}
        ends = {end: word + 1 for word, (_, end) in enumerate(self._words)}
        candidates = []
        for name, of_name in numbers.items():
            found = [(starts[start], ends[end]) for start, end in places[name]]
            if not found:
                continue
            kinds = [entities[number][1] for number in of_name]
            if len(set(kinds)) > 1 and len(found) != len(of_name):
                for number in of_name:
                    self._drop(SEVERAL_TYPES, *entities[number])
                continue
            for place, (start, end) in enumerate(found):
                number = of_name[place] if len(found) == len(of_name) else of_name[0]
                candidates.append(_Candidate(start, end, entities[number][1], number))
        return candidates

    def _places_of(self, name: str, types: Sequence[str]) -> list[tuple[int, int]]:
        """Return where a name stands in the sentence in whole words, by characters; say why it does not."""
        is_part = False
        for spelling in dict.fromkeys(
            (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
        ):
            found, part = self._whole_words(self._sentence, spelling)
            is_part = is_part or part
            if found:
                return found
        lowered = self._sentence.lower()
        if len(lowered) == len(self._sentence):
            found, part = self._whole_words(lowered, name.lower())
            is_part = is_part or part
            if found:
                start, end = found[0]
                self._change(OTHER_CASE, self._word_at(start), name, self._sentence[start:end])
                return found
        for type_ in types:
            self._drop(PART_OF_A_WORD if is_part else NOT_THERE, name, type_)
        return []

    def _whole_words(self, text: str, name: str) -> tuple[list[tuple[int, int]], bool]:
        """Return where a name stands in whole words, and whether it stands in part of one.

        A word that goes on behind the name with a mark is split there, or belongs to the mention as a whole.
        """
        found, is_part = [], False
        at = text.find(name)
        while at >= 0:
            place = self._fitted(at, at + len(name))
            if place is None:
                is_part = True
                at = text.find(name, at + 1)
            else:
                found.append(place)
                at = text.find(name, max(place[1], at + len(name)))
        return found, is_part

    def _fitted(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the characters of whole words for a name that stands at some; None if it is part of one.

        A word that goes on with a mark is split there: `Thy-based`. One that goes on with an apostrophe is
        split if gold has such endings as words (`'s`); elsewhere they are part of the name's form.
        """
        first, last = self._word_at(start), self._word_at(end - 1)
        if first is None or last is None:
            return None
        word_start, word_end = self._words[first][0], self._words[last][1]
        before, behind = self._sentence[word_start:start], self._sentence[end:word_end]
        if (before and not _is_mark(before[-1])) or (behind and not _is_mark(behind[0])):
            return None
        places = (start, end)
        if behind and self._is_of_the_name(behind, behind[0]):
            places = (places[0], word_end)
        elif behind:
            self._split(last, end)
        if before and self._is_of_the_name(before, before[-1]):
            places = (word_start, places[1])
        elif before:
            self._split(first, start)
        if places != (start, end):
            whole = self._sentence[places[0] : places[1]]
            self._change(EXTENDED, first, self._sentence[start:end], whole)
        return places

    def _is_of_the_name(self, part: str, mark: str) -> bool:
        return mark in _APOSTROPHES and part not in self._known

    def _split(self, word: int, at: int) -> None:
        """Split a word in two, and what is not of the name as words are split."""
        start, end = self._words[word]
        places = []
        for part_start, part_end in ((start, at), (at, end)):
            part = self._sentence[part_start:part_end]
            pieces = split_words(part, self._known)
            places += _places(self._sentence, pieces if "".join(pieces) == part else [part], part_start)
        self._words[word : word + 1] = places

    def _word_at(self, character: int) -> int | None:
        return next((word for word, (start, end) in enumerate(self._words) if start <= character < end), None)

    def _without_overlaps(
        self, candidates: Sequence[_Candidate], entities: Mapping[int, tuple[str, str]]
    ) -> list[_Candidate]:
        """Choose among overlapping places: what also stands by itself is not marked inside of another.

        Of the others the longer one is dropped, as Heng et al. (2024) do: a list with both means the shorter.
        """
        covered = Counter(word for each in candidates for word in range(each.start, each.end))
        ordered = sorted(candidates, key=lambda each: (each.end - each.start, each.entity, each.start))
        contested = {
            each for each in ordered if any(covered[word] > 1 for word in range(each.start, each.end))
        }
        alone = {each.entity for each in ordered if each not in contested}
        chosen, taken = [], set()
        for each in sorted(ordered, key=lambda each: each.entity in alone and each in contested):
            words = set(range(each.start, each.end))
            if not words & taken:
                chosen.append(each)
                taken |= words
        marked = {each.entity for each in chosen}
        names = {entities[number] for number in marked}
        for number in dict.fromkeys(each.entity for each in candidates):
            if number not in marked and entities[number] not in names:
                self._drop(OVERLAP, *entities[number])
        return chosen

    def _say_repeated(
        self, spans: Sequence[tuple[Mention, int]], entities: Mapping[int, tuple[str, str]]
    ) -> None:
        """Say which mentions are of an entity that is listed less often than it stands there."""
        listed = Counter(entities.values())
        seen: Counter[tuple[str, str]] = Counter()
        for mention, number in spans:
            seen[entities[number]] += 1
            if seen[entities[number]] > listed[entities[number]]:
                self._change(REPEATED_MENTION, mention.start, OUTSIDE, f"B-{mention.type}")

    def _drop(self, reason: str, name: str, type_: str) -> None:
        self._change(reason, None, written_entity(name, type_), None)

    def _change(self, step: str, position: int | None, before: str, after: str | None) -> None:
        self._changes.append({"step": step, "position": position, "before": before, "after": after})


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"


def _places_of_words(sentence: str, known: Collection[str]) -> list[tuple[int, int]]:
    """Return where each word of a sentence begins and ends."""
    return list(_places(sentence, split_words(sentence, known), 0))


def _places(sentence: str, words: Sequence[str], at: int) -> Iterator[tuple[int, int]]:
    for word in words:
        start = sentence.find(word, at)
        if start < 0:
            continue
        at = start + len(word)
        yield start, at
