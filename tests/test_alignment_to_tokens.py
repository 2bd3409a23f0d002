"""Mentions that an answer names or marks, found again in a sentence's tokens."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.generation.alignment_to_tokens import (
    ANOTHER_SENTENCE,
    CUT_SHORT,
    MARK_ALONE,
    NAMED_TOO_OFTEN,
    NO_TYPE,
    NO_WORDS,
    NONE_FOUND,
    NOT_FOUND,
    OVERLAPS,
    PART_OF_A_WORD,
    TWO_TYPES,
    Alignment,
    NamedMention,
    align_marked,
    align_mentions,
    listed_mentions,
)
from synthner.generation.inline_spans import render_inline_spans
from synthner.schema.iob2 import OUTSIDE, mentions, tags_of, violations
from synthner.sources.gold import GoldSource, load_gold

TYPES = ("PER", "LOC")


def named(text: str) -> list[NamedMention]:
    """Read `Bo Krogh=PER, Thy=LOC`."""
    pairs = (pair.rpartition("=") for pair in text.split(", ") if pair)
    return [NamedMention(words, type_) for words, _, type_ in pairs]


def shown(tokens: list[str], alignment: Alignment) -> str:
    """Write the mentions of an alignment as `named` reads them, each with the place where it begins."""
    found = mentions(alignment.tags)
    return ", ".join(f"{span.start}:{' '.join(tokens[span.start : span.end])}={span.type}" for span in found)


@pytest.mark.parametrize(
    ("sentence", "answer", "expected"),
    [
        pytest.param(
            "Bo Krogh bor i Thy", "Bo Krogh=PER, Thy=LOC", "0:Bo Krogh=PER, 4:Thy=LOC", id="as written"
        ),
        pytest.param(
            "Bo Krogh bor i Thy", "Thy=LOC, Bo Krogh=PER", "0:Bo Krogh=PER, 4:Thy=LOC", id="any order"
        ),
        pytest.param(
            "O' Brien ( U.S. ) bor", "O'Brien=PER, (U.S.)=LOC", "0:O' Brien=PER, 2:( U.S. )=LOC", id="blanks"
        ),
        pytest.param("Bo KROGH bor", "bo Krogh=PER", "0:Bo KROGH=PER", id="case"),
        pytest.param("ja us U.S. us", "u.s.=LOC", "2:U.S.=LOC", id="case before punctuation"),
        pytest.param("Bo-Krogh , jr. bor", "Bo Krogh jr=PER", "0:Bo-Krogh , jr.=PER", id="punctuation"),
        pytest.param("i Ọ̀yọ́ nu", "Oyo=LOC", "1:Ọ̀yọ́=LOC", id="accents"),
        pytest.param("क्‍या राम", "क्या=PER", "0:क्‍या=PER", id="joiners"),
        pytest.param("राम और", "रम=PER", "", id="vowel signs are no accents"),
        pytest.param("Thy og Thy", "Thy=LOC", "0:Thy=LOC", id="the first"),
        pytest.param("Thy og Thy", "Thy=LOC, Thy=LOC", "0:Thy=LOC, 2:Thy=LOC", id="both"),
        pytest.param("Thy og Thy", "Thy=O, Thy=LOC", "2:Thy=LOC", id="the second"),
        pytest.param("Thy og Thy", "Thy=LOC, Thy=PER", "0:Thy=LOC, 2:Thy=PER", id="with two types"),
        pytest.param(
            "Nørre Snede og Snede",
            "Nørre Snede=LOC, Snede=PER",
            "0:Nørre Snede=LOC, 3:Snede=PER",
            id="in a longer one",
        ),
        pytest.param("Thy og THY", "thy=LOC, thy=LOC", "0:Thy=LOC, 2:THY=LOC", id="both, in another case"),
        pytest.param("Thyborøn og Thy", "Thy=LOC", "2:Thy=LOC", id="whole words first"),
        pytest.param("i Ankara'da er", "Ankara=LOC", "1:Ankara'da=LOC", id="an ending"),
        pytest.param("i Bo nu", "O=O", "", id="a place that is none"),
        pytest.param("nej", "", "", id="no mention"),
    ],
)
def test_mentions_are_found(sentence, answer, expected):
    tokens = sentence.split()
    assert shown(tokens, align_mentions(tokens, named(answer))) == expected


def test_a_mention_that_is_widened_is_told():
    alignment = align_mentions(["i", "Thyssa"], [NamedMention("Thys", "LOC")])
    [(mention, span)] = alignment.widened
    assert (mention.text, span.start, span.end) == ("Thys", 1, 2)
    assert align_mentions(["i", "Thy"], [NamedMention("thy", "LOC")]).widened == ()


@pytest.mark.parametrize(
    ("sentence", "answer", "reason"),
    [
        pytest.param("Bo bor i Thy", "Bo=PER, Maja=PER", NOT_FOUND, id="not there"),
        pytest.param("Bo bor i Thyborønsvejen", "Bo=PER, Thy=LOC", PART_OF_A_WORD, id="begins a word"),
        pytest.param("Bo bor i Nordthyborg", "Bo=PER, thy=LOC", PART_OF_A_WORD, id="within a word"),
        pytest.param("Bo bor", "Bo=PER, Bo=PER", NAMED_TOO_OFTEN, id="repeated"),
        pytest.param("Bo bor", "Bo=PER, Bo=LOC", TWO_TYPES, id="two types"),
        pytest.param("Bo Krogh bor", "Bo=LOC, Bo Krogh=PER", OVERLAPS, id="in a longer one"),
        pytest.param("Bo bor", "Bo=PER, bor=", NO_TYPE, id="no type"),
        pytest.param("Bo bor", "Bo=PER,  =LOC", NO_WORDS, id="no words"),
    ],
)
def test_a_mention_that_cannot_be_placed_is_lost_with_its_reason(sentence, answer, reason):
    tokens = sentence.split()
    alignment = align_mentions(tokens, named(answer))
    assert [lost.reason for lost in alignment.lost] == [reason]
    assert (len(mentions(alignment.tags)), alignment.fault) == (1, None)


def test_an_answer_of_which_nothing_stands_in_the_sentence_is_none():
    assert align_mentions(["Bo", "bor"], named("Maja=PER, Thy=LOC")).fault == NONE_FOUND
    assert align_mentions(["Bo", "bor"], []).fault is None


SENTENCE = [
    *["Bo", "Krogh", "flyttede", "til", "Thy", "i", "1999"],
    *[",", "men", "nu", "bor", "Maja", "i", "Thy", "."],
]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("{} {}", "0:Bo Krogh=PER, 13:Thy=LOC", id="copied"),
        pytest.param("  {}   {}\n", "0:Bo Krogh=PER, 13:Thy=LOC", id="other blanks"),
    ],
)
def test_the_marked_place_is_meant(answer, expected):
    parts = "<PER>Bo Krogh</PER> flyttede til Thy i 1999 , men nu bor Maja i", "<LOC>Thy</LOC> ."
    assert shown(SENTENCE, align_marked(SENTENCE, answer.format(*parts), TYPES)) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            "<PER>bo krogh</PER> flyttede til thy i 1999, men nu bor <PER>maja</PER> i <LOC>thy</LOC>",
            "0:Bo Krogh=PER, 11:Maja=PER, 13:Thy=LOC",
            id="case and punctuation",
        ),
        pytest.param(
            "Bo Krogh rejste til Thy i 1999, men nu bor Maja i <LOC>Thy</LOC>.",
            "13:Thy=LOC",
            id="a word changed",
        ),
        pytest.param(
            "Bo Krogh flyttede til <LOC>Thy</LOC> i, men nu bor Maja i Thy.",
            "4:Thy=LOC",
            id="a word left out",
        ),
        pytest.param(
            "Bo Krogh flyttede jo til Thy i år 1999, men nu bor Maja i <LOC>Thy</LOC>.",
            "13:Thy=LOC",
            id="words more",
        ),
        pytest.param(
            "Bo Krogh flyttede til Thy i 1999, men nu bor <PER>Maja</PER> <b>i Thy.",
            "11:Maja=PER",
            id="a foreign mark",
        ),
    ],
)
def test_marks_in_a_changed_copy_are_found(answer, expected):
    alignment = align_marked(SENTENCE, answer, TYPES)
    assert (shown(SENTENCE, alignment), alignment.lost) == (expected, ())


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param("<PER>Bo Krogh</PER> flyttede til <LOC>Thy</LOC> i 1999, men", CUT_SHORT, id="cut"),
        pytest.param(
            "<PER>Bo Krogh</PER> flyttede til <LOC>Thy</LOC> i 1999, men nu bor Ma", CUT_SHORT, id="in a word"
        ),
        pytest.param("<PER>Maja</PER> sover nu .", ANOTHER_SENTENCE, id="another sentence"),
        pytest.param("I cannot label sentences.", ANOTHER_SENTENCE, id="refused"),
        pytest.param("", ANOTHER_SENTENCE, id="empty"),
        pytest.param("Bo " * 500, ANOTHER_SENTENCE, id="one word for ever"),
    ],
)
def test_what_is_no_copy_is_refused(answer, fault):
    alignment = align_marked(SENTENCE, answer, TYPES)
    assert (alignment.fault, set(alignment.tags)) == (fault, {OUTSIDE})


@pytest.mark.parametrize(
    ("answer", "expected", "reasons"),
    [
        pytest.param("<PER>Bo <LOC>Thy</LOC></PER> .", "0:Bo Thy=PER", [OVERLAPS], id="nested"),
        pytest.param("<PER>Bo</PER> <LOC>Thy .", "0:Bo=PER", [MARK_ALONE], id="left open"),
        pytest.param("<PER>Bo</PER> Thy</LOC> .", "0:Bo=PER", [MARK_ALONE], id="closed only"),
        pytest.param("<PER>Bo</PER><LOC></LOC> Thy .", "0:Bo=PER", [NO_WORDS], id="round nothing"),
        pytest.param("<PER>Bo</PER> <GPE>Thy</GPE> .", "0:Bo=PER, 1:Thy=GPE", [], id="unknown type"),
        pytest.param("<PER>Bo</PER> Th<LOC>y</LOC> .", "0:Bo=PER", [PART_OF_A_WORD], id="part of a word"),
    ],
)
def test_broken_marks_cost_themselves(answer, expected, reasons):
    tokens = ["Bo", "Thy", "."]
    alignment = align_marked(tokens, answer, TYPES)
    assert shown(tokens, alignment) == expected
    assert [lost.reason for lost in alignment.lost] == reasons


def test_signs_in_tokens_are_no_marks():
    tokens, tags = ["<PER>", "Bo", "&lt;", "<", "</PER>"], ["O", "B-PER", "O", "B-LOC", "O"]
    assert align_marked(tokens, render_inline_spans(tokens, tags), TYPES).tags == tuple(tags)


WORDS = st.sampled_from(
    ["Bo", "bo", "Thy", "THY", "i", ".", "-", "Bo-Thy", "a b", "é", "e\u0301", "<PER>", "&"]
)
ANY_WORD = st.text(min_size=1, max_size=6).filter(
    lambda word: any(map(str.isalnum, word)) and word.isprintable()
)


@st.composite
def labelled_sentences(draw, words=WORDS):
    tokens = draw(st.lists(words, min_size=1, max_size=12))
    spans, start = [], 0
    while start < len(tokens):
        length = draw(st.integers(1, 3))
        type_ = draw(st.sampled_from([OUTSIDE, *TYPES]))
        end = min(start + length, len(tokens))
        if type_ != OUTSIDE:
            spans.append((start, end, type_))
        start = end
    tags = [OUTSIDE] * len(tokens)
    for start, end, type_ in spans:
        tags[start:end] = [f"B-{type_}", *[f"I-{type_}"] * (end - start - 1)]
    return tokens, tags


@settings(max_examples=400)
@given(labelled_sentences() | labelled_sentences(ANY_WORD))
def test_a_perfect_answer_gives_exactly_the_labels(sentence):
    tokens, tags = sentence
    listed = align_mentions(tokens, listed_mentions(tokens, tags))
    marked = align_marked(tokens, render_inline_spans(tokens, tags), TYPES)
    for alignment in (listed, marked):
        assert list(alignment.tags) == tags
        assert (alignment.lost, alignment.widened, alignment.fault) == ((), (), None)


@given(labelled_sentences(), st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_another_composition_or_case_of_the_copy_changes_nothing(sentence, form, lower):
    tokens, tags = sentence
    answer = [unicodedata.normalize(form, token) for token in tokens]
    answer = [token.lower() if lower else token for token in answer]
    assert list(align_marked(tokens, render_inline_spans(answer, tags), TYPES).tags) == tags


TEXTS = st.text(max_size=20) | st.sampled_from(["Bo", "thy bo", "bo-", "\ud800", "\u0301", "<PER>", "O"])


@given(st.lists(st.text(max_size=5) | WORDS, max_size=8), st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_listed_mentions_may_be_anything(tokens, pairs):
    alignment = align_mentions(tokens, [NamedMention(text, type_) for text, type_ in pairs])
    assert len(alignment.tags) == len(tokens)
    assert violations(alignment.tags) == []
    placed = len(mentions(alignment.tags))
    assert placed + len(alignment.lost) == sum(type_ != OUTSIDE for _, type_ in pairs)


PIECES = st.lists(
    st.sampled_from(["<PER>", "</PER>", "<LOC>", "</LOC>", "<b>", "&lt;", " ", "Bo", "Thy", "é", "i", "."])
    | TEXTS
)


@given(st.lists(st.text(max_size=5) | WORDS, max_size=8), PIECES)
def test_a_marked_answer_may_be_anything(tokens, pieces):
    alignment = align_marked(tokens, "".join(pieces), TYPES)
    assert len(alignment.tags) == len(tokens)
    assert violations(alignment.tags) == []
    tags_of(mentions(alignment.tags), len(tokens))


@pytest.mark.parametrize(
    ("name", "language"),
    [
        pytest.param("masakhaner2/yor/test.txt.gz", "yor", id="Yoruba"),
        pytest.param("il_ner/Hindi/Hindi-train.txt.gz", "hi", id="Hindi"),
        pytest.param("multiner_en_si_ta/Final_Tamil.txt.gz", "ta", id="Tamil"),
        pytest.param("uner/sv_talbanken/sv_talbanken-ud-test.iob2.gz", "sv", id="Swedish, blanks in tokens"),
    ],
)
def test_perfect_answers_give_real_gold(shared, name, language):
    gold = load_gold(GoldSource(files={"train": shared / "data" / name}), language).splits["train"][:1_500]
    assert sum(bool(example.mentions) for example in gold) > 100
    for example in gold:
        listed = align_mentions(example.tokens, listed_mentions(example.tokens, example.ner_tags))
        marked = align_marked(example.tokens, render_inline_spans(example.tokens, example.ner_tags))
        assert listed.tags == marked.tags == example.ner_tags
