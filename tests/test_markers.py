"""Labels carried through a translation by brackets: what comes back, and what is refused."""

import random
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.projection import markers
from synthner.projection.markers import (
    Carried,
    Refused,
    SourceEntity,
    bracketed,
    carry,
    comparable,
    has_brackets,
    mark,
    similarity,
    words_of,
)
from synthner.schema.iob2 import Mention, mentions, violations

REASONS = {
    markers.NO_TEXT,
    markers.UNPAIRED,
    markers.FEWER,
    markers.MORE,
    markers.NOTHING_INSIDE,
    markers.UNKNOWN,
    markers.OTHER_TYPES,
}

Block = tuple[str, tuple[str, ...]]
"""A type, empty for words outside of mentions, and words."""


def by_blanks(texts: Sequence[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def entities(*described: str) -> list[SourceEntity]:
    """Read `PER Ada Krogh = Ada Kroghs`, where the translation alone may be missing."""
    found = []
    for one in described:
        type_, _, rest = one.partition(" ")
        text, _, translation = rest.partition(" = ")
        found.append(SourceEntity(type_, text, translation))
    return found


def shown(outcome: Carried | Refused) -> str:
    if isinstance(outcome, Refused):
        return outcome.reason
    return " ".join(
        word if tag == "O" else f"{word}/{tag}" for word, tag in zip(outcome.words, outcome.tags, strict=True)
    )


def mentions_of(tokens: Sequence[str], tags: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.type, tuple(tokens[each.start : each.end])) for each in mentions(tags)]


# Whatever a script writes, but for what takes a sentence apart: blanks, brackets, and the sign of references.
_WORDS = st.text(
    st.characters(categories=("L", "M", "N", "P", "S"), exclude_characters="[]《》【】［］〖〗⟦⟧&"),
    min_size=1,
    max_size=6,
).filter(lambda word: word.split() == [word])
_TYPES = st.sampled_from(["PER", "LOC", "ORG"])


@st.composite
def blocks(draw: st.DrawFn, *, most: int = 8) -> list[Block]:
    """Draw a sentence whose mentions all differ: each has a number."""
    found: list[Block] = []
    for number in range(draw(st.integers(1, most))):
        words = tuple(draw(st.lists(_WORDS, min_size=1, max_size=3)))
        type_ = draw(st.one_of(st.just(""), _TYPES))
        found.append((type_, (*words, f"n{number}") if type_ else words))
    return found


def sentence(found: Sequence[Block]) -> tuple[list[str], list[Mention]]:
    tokens: list[str] = []
    spans: list[Mention] = []
    for type_, words in found:
        if type_:
            spans.append(Mention(len(tokens), len(tokens) + len(words), type_))
        tokens += words
    return tokens, spans


def of_source(found: Sequence[Block], *, alone: bool) -> list[SourceEntity]:
    return [
        SourceEntity(type_, " ".join(words), " ".join(words) if alone else "")
        for type_, words in found
        if type_
    ]


@settings(max_examples=300)
@given(found=blocks(), alone=st.booleans())
def test_what_is_marked_and_stays_as_it_is_comes_back(found, alone):
    tokens, spans = sentence(found)
    outcome = carry(mark(tokens, spans), of_source(found, alone=alone), by_blanks)
    assert isinstance(outcome, Carried)
    assert list(outcome.words) == tokens
    assert mentions(outcome.tags) == spans
    assert len(outcome.known_by) == len(spans)


@settings(max_examples=300)
@given(found=blocks(), alone=st.booleans(), chance=st.randoms(use_true_random=False))
def test_mentions_in_another_order_keep_their_types(found, alone, chance):
    source = of_source(found, alone=alone)
    chance.shuffle(found)
    tokens, spans = sentence(found)
    outcome = carry(mark(tokens, spans), source, by_blanks)
    assert isinstance(outcome, Carried)
    assert list(outcome.words) == tokens
    if len({entity.type for entity in source}) > 1:
        assert mentions_of(outcome.words, outcome.tags) == mentions_of(tokens, outcome.tags)
        assert mentions(outcome.tags) == spans


_ANYTHING = st.lists(
    st.one_of(
        st.sampled_from(
            [*"[]《》【】［］〖〗⟦⟧&;# .", "&#91;", "&#93;", "&amp;#91;", "Ada", "Thy", "\x00", "\ud800"]
        ),
        st.text(max_size=4),
    ),
    max_size=20,
).map("".join)


@settings(max_examples=500)
@given(
    text=_ANYTHING,
    source=st.lists(st.builds(SourceEntity, _TYPES, _ANYTHING, _ANYTHING), max_size=4),
)
def test_whatever_is_written_is_labelled_soundly_or_refused_with_a_reason(text, source):
    outcome = carry(text, source, by_blanks)
    if isinstance(outcome, Refused):
        assert outcome.reason in REASONS
        return
    assert len(outcome.words) == len(outcome.tags) > 0
    assert violations(outcome.tags) == []
    found = mentions(outcome.tags)
    assert Counter(mention.type for mention in found) == Counter(entity.type for entity in source)
    assert not any("[" in word or "]" in word for word in outcome.words)


@settings(max_examples=300)
@given(text=_ANYTHING, count=st.integers(0, 3))
def test_a_text_that_is_taken_apart_loses_nothing_but_brackets(text, count):
    apart = bracketed(text, count)
    letters = "".join("".join(piece.text.split()) for piece in apart.pieces)
    kept = "".join("".join(words_of(text, by_blanks)))
    brackets = str.maketrans(dict.fromkeys("[]《》【】［］〖〗⟦⟧"))
    assert letters.translate(brackets) == kept.translate(brackets)
    assert not any("[" in piece.text or "]" in piece.text for piece in apart.pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ Ada ] bor i [ Thy ]", "Ada/B-PER bor i Thy/B-LOC"),
        ("[Ada] bor i [Thy]", "Ada/B-PER bor i Thy/B-LOC"),
        ("[[ Ada ]] bor i [ [ Thy ] ]", "Ada/B-PER bor i Thy/B-LOC"),
        ("《Ada》 bor i 《Thy》", "Ada/B-PER bor i Thy/B-LOC"),
        ("【 Ada 】 bor i [ Thy ]", "Ada/B-PER bor i Thy/B-LOC"),
        ("［Ada］ bor i ⟦Thy⟧", "Ada/B-PER bor i Thy/B-LOC"),
        ("&#91; Ada &#93; bor i &#x5B;Thy&rsqb;", "Ada/B-PER bor i Thy/B-LOC"),
        ("[ Thy ] [ Ada ]", "Thy/B-LOC Ada/B-PER"),
        ("[ Ada ] læser 《Bogen》 i [ Thy ]", "Ada/B-PER læser 《Bogen》 i Thy/B-LOC"),
        ("[ Ada ] &amp; [ Thy ] &quot;her&quot;", 'Ada/B-PER & Thy/B-LOC "her"'),
        ("[ Ada ]s hus i [ Thy]ssa .", "Adas/B-PER hus i Thyssa/B-LOC ."),
        ("[ Ada ], [ Thy ].", "Ada/B-PER , Thy/B-LOC ."),
        ("[ Ada\x07 ] bor\u200b i [ Thy ]", "Ada/B-PER bor i Thy/B-LOC"),
    ],
)
def test_brackets_are_found_however_they_are_written(text, expected):
    assert shown(carry(text, entities("PER Ada", "LOC Thy"), by_blanks)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ada bor i Thy", markers.FEWER),
        ("[ Ada ] bor i Thy", markers.FEWER),
        ("[ Ada ] bor i [ Thy", markers.UNPAIRED),
        ("[ Ada bor i Thy ]", markers.FEWER),
        ("[ Ada [ bor ] i Thy ]", markers.UNPAIRED),
        ("] Ada [ bor i ] Thy [", markers.UNPAIRED),
        ("[ Ada ] [ bor ] i [ Thy ]", markers.MORE),
        ("[ Ada ] bor i [ ]", markers.NOTHING_INSIDE),
        ("[ Ada ] bor i [ . ] Thy", markers.NOTHING_INSIDE),
        ("[ Bo ] bor i [ Ribe ]", markers.UNKNOWN),
        ("[ Ada ] bor i [ Ada ]", markers.OTHER_TYPES),
        ("", markers.FEWER),
    ],
)
def test_what_cannot_be_labelled_is_refused_with_its_reason(text, reason):
    assert carry(text, entities("PER Ada", "LOC Thy"), by_blanks) == Refused(reason)


def test_a_sentence_without_mentions_has_none():
    assert shown(carry("Her regner det .", [], by_blanks)) == "Her regner det ."
    assert carry(" ", [], by_blanks) == Refused(markers.NO_TEXT)
    assert carry("Her [ regner ] det .", [], by_blanks) == Refused(markers.MORE)


@pytest.mark.parametrize(
    ("source", "text", "expected", "known_by"),
    [
        (
            ["PER Ann", "PER Ben"],
            "[ Bo ] og [ Åse ]",
            "Bo/B-PER og Åse/B-PER",
            [markers.BY_ORDER, markers.BY_ORDER],
        ),
        (
            ["PER Ann = Åse", "LOC Jutland = Jylland"],
            "i [ jylland. ] bor [ ÅSE ]",
            "i jylland./B-LOC bor ÅSE/B-PER",
            [markers.BY_TRANSLATION, markers.BY_TRANSLATION],
        ),
        (
            ["PER Ann = Anne", "LOC Thy = Dit"],
            "i [ Thy ] bor [ Ann ]",
            "i Thy/B-LOC bor Ann/B-PER",
            [markers.BY_SOURCE, markers.BY_SOURCE],
        ),
        (
            ["PER Ann Holm", "LOC Copenhagen = København"],
            "i [ Københavns Kommune ] bor [ Anna Holm ]",
            "i Københavns/B-LOC Kommune/I-LOC bor Anna/B-PER Holm/I-PER",
            [markers.LIKE_TRANSLATION, markers.LIKE_SOURCE],
        ),
        (
            ["PER Ann", "LOC Germany"],
            "i [ Tyskland ] bor [ Ann ]",
            "i Tyskland/B-LOC bor Ann/B-PER",
            [markers.LEFT_OVER, markers.BY_SOURCE],
        ),
        (
            # The first that is alike enough would be the person.
            ["PER Karl Holm", "LOC Karl Holms Plads"],
            "på [ Karl Holms Pladsen ] bor [ Karl Holmen ]",
            "på Karl/B-LOC Holms/I-LOC Pladsen/I-LOC bor Karl/B-PER Holmen/I-PER",
            [markers.LIKE_SOURCE, markers.LIKE_SOURCE],
        ),
    ],
    ids=["order", "translation", "source", "alike", "left over", "most alike"],
)
def test_types_are_known_by_what_is_in_brackets(source, text, expected, known_by):
    outcome = carry(text, entities(*source), by_blanks)
    assert shown(outcome) == expected
    assert isinstance(outcome, Carried)
    assert list(outcome.known_by) == known_by


def test_the_same_words_with_two_types_are_not_guessed():
    source = entities("PER Thy", "LOC Thy", "ORG UN")
    assert carry("[ Thy ] , [ Thy ] , [ UN ]", source, by_blanks) == Refused(markers.UNKNOWN)


def test_own_brackets_of_a_sentence_are_seen():
    assert has_brackets(("Ada", "[", "sic", "]"))
    assert has_brackets(("&#91;",))
    assert not has_brackets(("Ada", "(", "sic", ")", "《"))


def test_likeness_does_not_depend_on_case_spacing_and_marks_around():
    assert comparable(" “Ada  KROGH.” ") == "ada krogh"
    assert similarity("Ada Krogh", "ada krogh!") == 1.0
    assert similarity("Ada", "Thy") == 0.0
    assert similarity("abcd", "abxy") == 0.0


def test_a_text_that_does_not_end_takes_no_time():
    chance = random.Random(3)
    texts = [
        "[ Ada " * 100_000,
        "[ " * 200_000 + "Ada" + " ]" * 200_000,
        "[ Ada ] " + "la " * 200_000 + "[ " + "thy " * 200_000 + "]",
        "&#" + "9" * 400_000 + "; [ Ada ] [ Thy ]",
        "".join(chance.choices("[]《》 ab", k=400_000)),
    ]
    start = time.process_time()
    outcomes = [carry(text, entities("PER Ada", "LOC Thy"), by_blanks) for text in texts]
    assert time.process_time() - start < 10
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused, Carried, Carried, Refused]
