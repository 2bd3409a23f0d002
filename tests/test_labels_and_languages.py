"""Label sets and the language table."""

import pytest

from synthner.schema.errors import DataError
from synthner.schema.labels import LabelSet
from synthner.schema.languages import RELATED, language


def test_a_label_set_numbers_types_as_the_corpora_do():
    labels = LabelSet.of_tags(["I-DATE", "O", "B-LOC", "B-PER", "I-PER", "B-TITLE", "broken"])

    assert labels.names == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-DATE", "I-DATE", "B-TITLE", "I-TITLE")
    assert labels.encode(["B-LOC", "O"]) == [3, 0]
    assert labels.decode([8, 1]) == ["I-TITLE", "B-PER"]


def test_a_label_set_reads_its_command_line_form():
    text = "O,B-PER,I-PER, B-LOC,I-LOC"

    assert LabelSet.parse(text) == LabelSet.of_types(["PER", "LOC"])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("B-PER,I-PER", "begins with"),
        ("", "begins with"),
        ("O,B-PER,I-PER,B-PER", "twice"),
        ("O,PER", "no IOB2 label"),
        ("O,B-PER", "both"),
    ],
)
def test_what_is_no_label_set_is_refused(text, what):
    with pytest.raises(DataError, match=what):
        LabelSet.parse(text)


@pytest.mark.parametrize(
    ("code", "tag", "name", "scripts"),
    [
        ("yor", "yo", "Yoruba", ("Latn",)),
        ("kn", "kn", "Kannada", ("Knda",)),
        ("pnb", "pnb", "Western Panjabi", ("Arab",)),
        ("sr-Latn", "sr-Latn", "Serbian (Latin)", ("Latn",)),
        ("ja", "ja", "Japanese", ("Hani", "Hira", "Kana")),
    ],
)
def test_any_language_is_found_by_its_code(code, tag, name, scripts):
    found = language(code)

    assert (found.tag, found.name, found.scripts) == (tag, name, scripts)


def test_the_papers_languages_know_their_relative():
    assert len(RELATED) == 11
    assert {code: language(code).related for code in RELATED} == RELATED
    assert language("en").related is None


@pytest.mark.parametrize("code", ["xx", "qqq", "english", "", "no such"])
def test_no_language_is_invented(code):
    with pytest.raises(DataError, match="code") as caught:
        language(code)
    assert "ISO 639-3" in str(caught.value)
