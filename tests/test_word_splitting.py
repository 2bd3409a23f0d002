"""Plain text in words: what is a word of its own, and that nothing is lost."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.sources.word_splitting import split_each, split_words

ZERO_WIDTH = "\u200b\ufeff"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Bo bor i Thy.", "Bo|bor|i|Thy|.", id="full stop"),
        pytest.param(
            "“Ja!” sagde Bo (39), «nej»", "“|Ja|!|”|sagde|Bo|(|39|)|,|«|nej|»", id="quotes, brackets"
        ),
        pytest.param("Nå... ja --  hvad?!", "Nå|...|ja|--|hvad|?|!", id="repeated marks"),
        pytest.param("3,5 1.000,50 12:30 1/2 50% 10.", "3,5|1.000,50|12:30|1/2|50|%|10|.", id="numbers"),
        pytest.param("den 5. maj 1999. Der kom", "den|5.|maj|1999|.|Der|kom", id="ordinals"),
        pytest.param("U.S. og f.eks. Bo, e.g. a.m.", "U.S.|og|f.eks.|Bo|,|e.g.|a.m.", id="inner periods"),
        pytest.param("Dr. A. Bo bor kl. 5 ca. her.", "Dr.|A.|Bo|bor|kl.|5|ca.|her|.", id="abbreviations"),
        pytest.param("Han kom. Hun gik.", "Han|kom|.|Hun|gik|.", id="two sentences"),
        pytest.param(
            "se https://a.example/b?c=d_e, www.a.example. bo@a.example!",
            "se|https://a.example/b?c=d_e|,|www.a.example|.|bo@a.example|!",
            id="addresses",
        ),
        pytest.param("@bo_b elsker #thy2026!", "@bo_b|elsker|#thy2026|!", id="tweets"),
        pytest.param("l'homme d’ici e-mail AT&T col·lega", "l'homme|d’ici|e-mail|AT&T|col·lega", id="inside"),
        pytest.param("Ọ̀yọ́ ni, Ẹ̀kó.", "Ọ̀yọ́|ni|,|Ẹ̀kó|.", id="Yoruba"),
        pytest.param("राम ने कहा। डॉ. सीता, ठीक?", "राम|ने|कहा|।|डॉ.|सीता|,|ठीक|?", id="Hindi"),
        pytest.param("நான் சென்னை. அது", "நான்|சென்னை|.|அது", id="Tamil"),
        pytest.param("ක්‍රීඩා, ශ්‍රී", "ක්‍රීඩා|,|ශ්‍රී", id="joiners of Sinhala"),
        pytest.param("می‌خواهم، خوب؟", "می‌خواهم|،|خوب|؟", id="non-joiners of Persian"),
        pytest.param("ok 👩‍👩‍👧!", "ok|👩‍👩‍👧|!", id="emoji"),
        pytest.param("a\u00a0b\u200bc\ufeff d\te", "a|b|c|d|e", id="blanks of all kinds"),
        pytest.param(" \u200b\u200e ", "", id="nothing"),
    ],
)
def test_a_line_is_split(text, words):
    assert split_words(text) == [word for word in words.split("|") if word]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("'yan sanda 'yan.", ["'yan", "sanda", "'yan", "."], id="before and behind marks"),
        pytest.param("(Nr. 5, 'yan)", ["(", "Nr.", "5", ",", "'yan", ")"], id="in brackets"),
        pytest.param("Yahoo! vandt", ["Yahoo!", "vandt"], id="a mark that belongs to a name"),
        pytest.param("mand/kvinde", ["mand/kvinde"], id="as gold has it"),
    ],
)
def test_a_known_word_stays_whole(text, words):
    assert split_words(text, {"'yan", "Yahoo!", "mand/kvinde", "Nr."}) == words
    assert split_words(text) != words or text.startswith("(")


def test_texts_of_one_line_are_split_each_by_itself():
    assert split_each(["Dr.", "Bo's", "", "hus."]) == [["Dr."], ["Bo's"], [], ["hus", "."]]


def is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


@given(st.text(), st.sets(st.text(min_size=1, max_size=4), max_size=5))
def test_nothing_is_lost_but_blanks(text, known):
    words = split_words(text, known)
    kept = [character for character in "".join(words) if not is_blank(character)]
    assert kept == [character for character in text if not is_blank(character)]
    for word in words:
        assert not all(map(is_blank, word))
        assert not any(character.isspace() or character in ZERO_WIDTH for character in word)


@given(st.lists(st.text(alphabet="aÉ.,'-1( @/"), max_size=6))
def test_splitting_each_is_splitting_the_line(texts):
    assert [word for words in split_each(texts) for word in words] == split_words(" ".join(texts))


@pytest.mark.parametrize("piece", ["-+", "a", "a.", ".", "www.", "a@", "'a", "1,", "('", "a\u0301", "://"])
def test_a_long_line_takes_no_time_that_grows_with_its_square(piece):
    started = time.process_time()
    split_words(piece * 30_000, {"x"})
    assert time.process_time() - started < 5
