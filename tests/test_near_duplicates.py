"""Near-duplicates: the same text but for a few characters, in any script, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.builders.curation.near_duplicates import near_copies, near_duplicates
from synthner.schema.example import Example


def sentences(*texts: str) -> list[Example]:
    return [
        Example(str(number), tuple(text.split()), ("O",) * len(text.split()))
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        pytest.param(
            "The old mill in Solby was sold in May", "The old mill in Solby was sold in May .", id="stop"
        ),
        pytest.param("The old mill in Solby was sold", "the OLD mill , in Solby , was sold", id="case"),
        pytest.param("Ada rowed across the lake in 1998", "Ada rowed across the lake in 1999", id="a-year"),
        pytest.param(
            "The teacher said the children sing well",
            "The teachers said the children sing well",
            id="inflected",
        ),
        pytest.param("நதிக்கரையில் பழைய ஆலை விற்கப்பட்டது", "நதிக்கரையில் பழைய ஆலை விற்கப்பட்டது !", id="tamil"),
        pytest.param("Ada sings", "Ada sings !", id="short"),
        pytest.param("? !", "? !", id="no-letters"),
    ],
)
def test_the_same_text_but_for_little_is_a_near_duplicate(text, other):
    assert near_duplicates(sentences(text, other)) == [None, 0]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        pytest.param("Ada lives in Solby", "Bo lives in Nordvik", id="other-names"),
        pytest.param("Ada sings", "Bo sings", id="short"),
        pytest.param("? !", ". .", id="no-letters"),
        pytest.param(
            "The mill was sold", "The mill was sold to the miller of Nordvik last May", id="a-beginning"
        ),
    ],
)
def test_another_sentence_is_none(text, other):
    assert near_duplicates(sentences(text, other)) == [None, None]


def test_each_names_the_first_that_is_kept():
    text = "The old mill in Solby was sold to a baker"
    found = near_duplicates(sentences("Bo sings", text, "Eva rows", f"{text} .", f"{text} !"))
    assert found == [None, None, None, 1, 1]


def test_a_lower_threshold_finds_more():
    pair = sentences("Ada lives in the town of Solby", "Eva lives in the town of Elmby")
    assert near_duplicates(pair) == [None, None]
    assert near_duplicates(pair, threshold=0.4) == [None, 0]


def test_copies_of_held_out_sentences_name_their_split():
    held_out = {
        "validation": sentences("Bo sold the boat to Eva in May"),
        "test": sentences("The old mill in Solby was sold", "Bo sold the boat to Eva in May"),
    }
    config = sentences("Liv sings", "the old mill in Solby was sold !", "Bo sold the boat to Eva in May .")
    assert near_copies(config, held_out) == {1: "test", 2: "validation"}


@pytest.mark.parametrize(
    ("held_out", "text"),
    [
        ("แม่น้ำ สาย เก่า ไหล ผ่าน เมือง", "แ ม่ น้ำ ส า ย เ ก่ า ไ ห ล ผ่ า น เ มื อ ง"),
        ("古い 水車小屋 は 五月 に 売ら れ た", "古 い 水 車 小 屋 は 五 月 に 売 ら れ た 。"),
        ("The old mill in Solby was sold", "T he ol d mi ll in So l by w as sol d"),
        ("The old mill in Solby was sold", "TheoldmillinSolbywassold"),
    ],
    ids=["Thai", "Japanese", "pieces of words", "no blanks"],
)
def test_a_copy_is_one_however_it_is_cut_into_words(held_out, text):
    config = sentences("Liv sings", text)
    assert near_copies(config, {"test": sentences(held_out)}) == {1: "test"}


def test_nothing_held_out_is_no_copy():
    assert near_copies(sentences("Liv sings"), {}) == {}


words = st.sampled_from(["Ada", "Bo", "sold", "the", "old", "mill", "boat", "in", "Solby", "!"])


@settings(deadline=None)
@given(st.lists(st.lists(words, min_size=1, max_size=8).map(" ".join), max_size=20))
def test_what_is_named_comes_before_and_repeats_nothing_itself(texts):
    config = sentences(*texts)
    found = near_duplicates(config)
    assert found == near_duplicates(config)
    for number, first in enumerate(found):
        if first is not None:
            assert first < number
            assert found[first] is None
    first_of: dict[str, int] = {}
    for number, text in enumerate(texts):
        assert found[number] is not None or text not in first_of
        first_of.setdefault(text, number)
