"""What a model says of a sentence, found again in the sentence's own tokens.

A model that labels text gives back words, not positions, and changes them: blanks, punctuation, case,
accents, composed or not. The tokens never change here; what the model names is looked for in them, in the
forms of `written_forms` from the strictest on, and the first form in which it stands there counts.

What stands in whole tokens is preferred. Else it is widened to the tokens that it lies in, if it has at least
half of the letters of the first and of the last of them: languages with endings write `Thyssa` where a model
says `Thy`. Anything less is refused.

Longer mentions are placed first, and one that overlaps a placed mention is refused. The same words named
again mean their next place in the sentence that is free. Named with the type `O` they mean a place that is no
mention, so that a list of mentions can say whatever labels can say (`listed_mentions`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import regex

from ..schema.iob2 import OUTSIDE, Mention, mentions, parse_tag, tags_of
from .written_forms import FORMS, Written, WrittenTokens, clusters, spaced, unaccented, written

NOT_FOUND = "its words do not stand in the sentence"
PART_OF_A_WORD = "it is a part of a longer word"
NAMED_TOO_OFTEN = "it is named more often than it stands in the sentence"
OVERLAPS = "it overlaps another mention"
TWO_TYPES = "it has another type already"
NO_TYPE = "its type can be no label"
NO_WORDS = "it has no words"
MARK_ALONE = "its mark is opened and not closed, or closed and not opened"
"""Why a mention is not placed."""

NONE_FOUND = "none of its mentions can be placed"
ANOTHER_SENTENCE = "the answer is another sentence"
CUT_SHORT = "the answer ends before the sentence does"
"""Why an answer is none to a sentence."""

_LEAST_SHARE_OF_A_WORD = 0.5
_LEAST_ALIKE = 0.75
# Of a text that is longer, a copy must have all letters.
_MOST_WORDS_COMPARED = 500
_TYPE = r"[^\W\d_][\w.\-]*"
_MARK = regex.compile(rf"<(?P<closes>/?)(?P<type>{_TYPE})>")
_SIGN = regex.compile("&(lt|gt|amp);")
_SIGNS = {"lt": "<", "gt": ">", "amp": "&"}
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}\p{Cf}]+")


@dataclass(frozen=True, slots=True)
class NamedMention:
    """A mention as an answer names it.

    Attributes:
        text: Its words.
        type: Its type, or `O` for a place that is no mention.
        near: The token that it stands near, where that is known; else its place follows from the order.
    """

    text: str
    type: str
    near: int | None = None


@dataclass(frozen=True, slots=True)
class LostMention:
    """A mention of an answer that is not placed.

    Attributes:
        mention: The mention as named.
        reason: Why.
    """

    mention: NamedMention
    reason: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """What an answer says of a sentence, on the sentence's tokens.

    Attributes:
        tags: One IOB2 tag a token.
        lost: Mentions that are not placed.
        widened: Mentions that are placed on more than their words: as named, and as placed.
        fault: Why the answer is none to this sentence; None where it is one.
    """

    tags: tuple[str, ...]
    lost: tuple[LostMention, ...] = ()
    widened: tuple[tuple[NamedMention, Mention], ...] = ()
    fault: str | None = None


def align_mentions(tokens: Sequence[str], named: Sequence[NamedMention]) -> Alignment:
    """Find the mentions that an answer names among a sentence's tokens, whatever they are.

    Example:
        >>> align_mentions(["Bo", "Krogh", "i", "Thy"], [NamedMention("bo krogh", "PER")]).tags
        ('B-PER', 'I-PER', 'O', 'O')
    """
    placing = _Placing(tokens)
    placing.take(named)
    return placing.result()


def align_marked(tokens: Sequence[str], answer: str, types: Iterable[str] = ()) -> Alignment:
    """Find the mentions that an answer marks in its own copy of a sentence, whatever it is.

    Where the copy has the letters of the sentence, a mention is where it is marked. Where words differ, a
    mention's words are looked for near the place where it is marked; where a quarter of them differ, or the
    last ones are missing, the answer has a fault.

    Args:
        tokens: The sentence.
        answer: The copy, with `<TYPE>…</TYPE>` round mentions. Marks may stand in marks. `&lt;`, `&gt;` and
            `&amp;` are signs.
        types: The entity types. A mark of any other type that has no other half is text.

    Example:
        >>> align_marked(["Bo", "sings", "."], "<PER>bo</PER> sings.").tags
        ('B-PER', 'O', 'O')
    """
    copy = _marked_copy(answer, frozenset(types))
    placing = _Placing(tokens)
    placing.lost += [LostMention(NamedMention("", type_), MARK_ALONE) for type_ in copy.alone]
    for form in FORMS:
        sentence = placing.tokens.in_form(form)
        theirs = Written.of((start, form(cluster)) for start, cluster in clusters(copy.text))
        if sentence.text and sentence.text == theirs.text:
            placing.take_at(
                (copy.named(span), _place(sentence, *theirs.between(span.start, span.end)))
                for span in copy.spans
            )
            return placing.result()
    comparison = _Comparison(tokens, copy.text)
    if comparison.fault is not None:
        return Alignment((OUTSIDE,) * len(tokens), fault=comparison.fault)
    placing.take([copy.named(span, comparison.token_near(span.start)) for span in copy.spans])
    return placing.result()


def listed_mentions(tokens: Sequence[str], tags: Sequence[str]) -> list[NamedMention]:
    """List the mentions of a labelled sentence so that `align_mentions` gives its tags, in their order.

    Where words are a mention and stand before as none, that place is listed as well, with the type `O`.

    Example:
        >>> [(named.text, named.type) for named in listed_mentions(["May", "May"], ["O", "B-PER"])]
        [('May', 'O'), ('May', 'PER')]
    """
    wanted = {(mention.start, mention.end): mention.type for mention in mentions(tags)}
    texts = {spaced(" ".join(tokens[start:end])) for start, end in wanted}
    placing = _Placing(tokens)
    listed: list[tuple[int, int, NamedMention]] = []
    for text in sorted(texts, key=_longest_first):
        spans = [place.span for place in placing.places(text) if place.is_whole]
        last = max((number for number, span in enumerate(spans) if span in wanted), default=-1)
        for span in spans[: last + 1]:
            type_ = wanted.get(span, OUTSIDE)
            if placing.is_free(span):
                listed.append((*span, NamedMention(text, type_)))
            if type_ != OUTSIDE:
                placing.put(Mention(*span, type_))
    return [named for _, _, named in sorted(listed, key=lambda each: each[:2])]


@dataclass(frozen=True, slots=True)
class _Place:
    """Tokens that some words lie in.

    Attributes:
        span: The first token, and the one behind the last.
        is_whole: Whether the words are all of them.
        is_most: Whether they are at least half of the letters of the first and of the last.
    """

    span: tuple[int, int]
    is_whole: bool
    is_most: bool


def _place(sentence: Written, start: int, end: int) -> _Place | None:
    """Return the tokens that some characters of a sentence lie in; None for no characters."""
    if start >= end:
        return None
    first, last = sentence.origins[start], sentence.origins[end - 1]
    begin, end_of_first = sentence.between(first, first + 1)
    begin_of_last, behind = sentence.between(last, last + 1)
    is_whole = start == begin and not sentence.text[end:behind].strip()
    of_first = (min(end, end_of_first) - start) / (end_of_first - begin)
    of_last = (end - max(start, begin_of_last)) / (behind - begin_of_last)
    return _Place((first, last + 1), is_whole, min(of_first, of_last) >= _LEAST_SHARE_OF_A_WORD)


def _longest_first(text: str) -> tuple[int, str]:
    return -len(text), text


class _Placing:
    """Places mentions among the tokens of a sentence, one after another.

    Attributes:
        tokens: The tokens in all forms.
        lost: What is not placed.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = WrittenTokens(tokens)
        self.lost: list[LostMention] = []
        self._owners: list[Mention | None] = [None] * len(tokens)
        self._placed: list[Mention] = []
        self._widened: list[tuple[NamedMention, Mention]] = []
        self._places: dict[str, list[_Place]] = {}

    def result(self) -> Alignment:
        """Return what is placed by now."""
        is_fault = not self._placed and any(each.mention.type != OUTSIDE for each in self.lost)
        return Alignment(
            tags=tuple(tags_of(self._placed, len(self._owners))),
            lost=tuple(self.lost),
            widened=tuple(self._widened),
            fault=NONE_FOUND if is_fault else None,
        )

    def take(self, named: Sequence[NamedMention]) -> None:
        """Place mentions where their words stand."""
        tried: dict[tuple[tuple[int, int], ...], int] = {}
        for mention in sorted(named, key=lambda each: _longest_first(spaced(each.text))):
            places = self.places(mention.text)
            usable = [place for place in places if place.is_whole or place.is_most]
            if not usable:
                self._lose(mention, self._why_no_place(mention.text, places))
                continue
            group = tuple(place.span for place in usable)
            number = self._next_place(group, mention.near, tried.get(group, 0))
            if number is None:
                self._lose(mention, self._why_not_free(mention, group))
                continue
            if mention.near is None:
                tried[group] = number + 1
            self._place(mention, usable[number])

    def take_at(self, found: Iterable[tuple[NamedMention, _Place | None]]) -> None:
        """Place mentions whose places are known."""
        for mention, place in sorted(found, key=lambda each: _longest_first(spaced(each[0].text))):
            if place is None:
                self._lose(mention, NO_WORDS)
            elif not (place.is_whole or place.is_most):
                self._lose(mention, PART_OF_A_WORD)
            elif not self.is_free(place.span):
                self._lose(mention, self._why_not_free(mention, [place.span]))
            else:
                self._place(mention, place)

    def places(self, text: str) -> list[_Place]:
        """Return where some words stand, in order: in whole tokens if they do, else in parts of tokens."""
        if text not in self._places:
            self._places[text] = self._find(text)
        return self._places[text]

    def is_free(self, span: tuple[int, int]) -> bool:
        """Say whether no mention is placed on a token."""
        return not any(self._owners[slice(*span)])

    def put(self, mention: Mention) -> None:
        """Place a mention on tokens that are free."""
        self._placed.append(mention)
        self._owners[mention.start : mention.end] = [mention] * (mention.end - mention.start)

    def _next_place(self, spans: Sequence[tuple[int, int]], near: int | None, tried: int) -> int | None:
        """Return the number of the free place that is nearest to a token, or the next that was not tried."""
        if near is None:
            return next((number for number in range(tried, len(spans)) if self.is_free(spans[number])), None)
        free = [number for number in range(len(spans)) if self.is_free(spans[number])]
        return min(free, key=lambda number: abs(spans[number][0] - near), default=None)

    def _find(self, text: str) -> list[_Place]:
        in_part: list[_Place] = []
        for sentence, needle in self._ways(text):
            found = (_place(sentence, *occurrence) for occurrence in sentence.occurrences(needle))
            places = [place for place in found if place is not None]
            if any(place.is_whole for place in places):
                return [place for place in places if place.is_whole]
            in_part = in_part or places
        return in_part

    def _ways(self, text: str) -> Iterator[tuple[Written, str]]:
        """Yield the sentence and some words in every form in which they can be compared."""
        yield self.tokens.spaced, spaced(text)
        for form in FORMS:
            yield self.tokens.in_form(form), written(text, form)

    def _place(self, named: NamedMention, place: _Place) -> None:
        if named.type == OUTSIDE:
            return
        if parse_tag(f"B-{named.type}") is None:
            self._lose(named, NO_TYPE)
            return
        mention = Mention(*place.span, named.type)
        self.put(mention)
        if not place.is_whole:
            self._widened.append((named, mention))

    def _lose(self, mention: NamedMention, reason: str) -> None:
        if mention.type != OUTSIDE:
            self.lost.append(LostMention(mention, reason))

    def _why_no_place(self, text: str, places: Sequence[_Place]) -> str:
        if places:
            return PART_OF_A_WORD
        return NOT_FOUND if spaced(text) else NO_WORDS

    def _why_not_free(self, named: NamedMention, spans: Sequence[tuple[int, int]]) -> str:
        owners = [self._owners[start] for start, _ in spans]
        same = [owner for owner in owners if owner and (owner.start, owner.end) in spans]
        if not same:
            return OVERLAPS
        return NAMED_TOO_OFTEN if any(owner.type == named.type for owner in same) else TWO_TYPES


@dataclass(frozen=True, slots=True)
class _MarkedCopy:
    """A sentence as an answer has it.

    Attributes:
        text: The sentence without marks.
        spans: Its mentions, by characters.
        alone: Types of marks without another half.
    """

    text: str
    spans: Sequence[Mention]
    alone: Sequence[str]

    def named(self, span: Mention, near: int | None = None) -> NamedMention:
        """Return a mention by its words."""
        return NamedMention(self.text[span.start : span.end], span.type, near)


def _marked_copy(answer: str, types: frozenset[str]) -> _MarkedCopy:
    marks = list(_MARK.finditer(answer))
    pairs = _pairs([(mark["type"], bool(mark["closes"])) for mark in marks])
    halves = set(pairs) | set(pairs.values())
    text, position = "", 0
    starts: dict[int, int] = {}
    spans, alone = [], []
    opened_by = {closing: opening for opening, closing in pairs.items()}
    for number, mark in enumerate(marks):
        if number not in halves and mark["type"] not in types:
            continue
        text += _with_signs(answer[position : mark.start()])
        position = mark.end()
        if number not in halves:
            alone.append(mark["type"])
        elif number in pairs:
            starts[number] = len(text)
        else:
            spans.append(Mention(starts[opened_by[number]], len(text), mark["type"]))
    return _MarkedCopy(text + _with_signs(answer[position:]), spans, alone)


def _pairs(marks: Sequence[tuple[str, bool]]) -> dict[int, int]:
    """Return the mark that closes each mark that is closed, by their numbers."""
    open_marks: dict[str, list[int]] = {}
    pairs = {}
    for number, (type_, closes) in enumerate(marks):
        if not closes:
            open_marks.setdefault(type_, []).append(number)
        elif open_marks.get(type_):
            pairs[open_marks[type_].pop()] = number
    return pairs


def _with_signs(text: str) -> str:
    return _SIGN.sub(lambda sign: _SIGNS[sign[1]], text)


class _Comparison:
    """The words of a sentence beside those of a copy that has some others.

    Attributes:
        fault: Why the copy is none; None where it is one.
    """

    def __init__(self, tokens: Sequence[str], copy: str) -> None:
        ours = [(number, word) for number, token in enumerate(tokens) for _, word in _words(token)]
        theirs = list(_words(copy))
        self._token_of = [number for number, _ in ours]
        self._starts = [start for start, _ in theirs]
        self._near: list[int] = []
        self.fault = self._compare([word for _, word in ours], [word for _, word in theirs])

    def token_near(self, start: int) -> int:
        """Return the token that stands where a character of the copy does."""
        word = max(0, bisect_right(self._starts, start) - 1)
        return self._token_of[self._near[word]]

    def _compare(self, ours: list[str], theirs: list[str]) -> str | None:
        if not ours or not theirs or len(theirs) > 2 * len(ours) + 10 or len(ours) > _MOST_WORDS_COMPARED:
            return ANOTHER_SENTENCE
        blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()[:-1]
        alike = sum(block.size for block in blocks)
        if not blocks:
            return ANOTHER_SENTENCE
        behind, behind_copy = blocks[-1].a + blocks[-1].size, blocks[-1].b + blocks[-1].size
        rest = theirs[behind_copy:]
        if behind < len(ours) and (not rest or (len(rest) == 1 and ours[behind].startswith(rest[0]))):
            begins_alike = alike >= _LEAST_ALIKE * len(theirs)
            return CUT_SHORT if begins_alike else ANOTHER_SENTENCE
        if 2 * alike < _LEAST_ALIKE * (len(ours) + len(theirs)):
            return ANOTHER_SENTENCE
        near = 0
        matched = {block.b + step: block.a + step for block in blocks for step in range(block.size)}
        for number in range(len(theirs)):
            near = matched.get(number, near)
            self._near.append(near)
        return None


def _words(text: str) -> list[tuple[int, str]]:
    """Return the words of a text without accents, and where each begins."""
    words = ((match.start(), written(match.group(), unaccented)) for match in _WORD.finditer(text))
    return [(start, word) for start, word in words if word]
