"""The formats in which prompts show datapoints, and their inline markup."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from synthner.generation.formats import FORMATS, render_datapoint, response_schema
from synthner.generation.inline_spans import SpanError, parse_inline_spans, render_inline_spans
from synthner.generation.salvage import salvage
from synthner.schema.iob2 import Mention, tags_of
from synthner.schema.labels import LabelSet

LABELS = LabelSet.of_types(("PER", "LOC"))
TOKENS = ["Ọláyínká", "Ojo", "&", "co", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "O"]

word = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda text: not any(character.isspace() for character in text)
) | st.sampled_from(["<", ">", "<PER>", "</PER>", "&lt;", "&amp;lt;", "AT&T", "<3", "a<b>c"])


@st.composite
def sentences(draw):
    words = draw(st.lists(word, max_size=8))
    spans, start = [], 0
    while start < len(words):
        end = draw(st.integers(start + 1, len(words)))
        if draw(st.booleans()):
            spans.append(
                Mention(start, end, draw(st.sampled_from(["PER", "creative-work", "NEP", "Ẹnìyàn"])))
            )
        start = end
    return words, tags_of(spans, len(words))


@given(sentences())
def test_markup_is_read_back_exactly(sentence):
    words, tags = sentence
    assert parse_inline_spans(render_inline_spans(words, tags)) == (words, tags)


@pytest.mark.parametrize(
    ("text", "tokens", "tags"),
    [
        ("", [], []),
        ("  a   b ", ["a", "b"], ["O", "O"]),
        (
            "<PER>Funmi Ojo</PER>, <LOC>Ilesa</LOC>.",
            ["Funmi", "Ojo", ",", "Ilesa", "."],
            ["B-PER", "I-PER", "O", "B-LOC", "O"],
        ),
        ("<PER> a </PER><PER>b</PER>", ["a", "b"], ["B-PER", "B-PER"]),
        (
            "1 < 2 <- </ > <a b> <_> <3>",
            ["1", "<", "2", "<-", "</", ">", "<a", "b>", "<_>", "<3>"],
            ["O"] * 10,
        ),
        ("a &lt;b&gt; &amp;lt; &quot;", ["a", "<b>", "&lt;", "&quot;"], ["O"] * 4),
    ],
)
def test_sentences_are_split_at_spaces_and_markup(text, tokens, tags):
    assert parse_inline_spans(text) == (tokens, tags)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<PER>a <LOC>b</LOC></PER>", "markup inside markup"),
        ("<PER>a", "markup not closed"),
        ("a</PER>", "markup closed that is not open"),
        ("<PER>a</LOC>", "markup closed that is not open"),
        ("<PER> </PER> a", "markup round no word"),
    ],
)
def test_markup_that_has_no_one_reading_is_refused(text, reason):
    with pytest.raises(SpanError) as caught:
        parse_inline_spans(text)
    assert caught.value.reason == reason


def test_a_type_that_cannot_stand_in_markup_is_refused():
    with pytest.raises(SpanError, match="creative work"):
        render_inline_spans(["a"], ["B-creative work"])


@pytest.mark.parametrize(
    ("format_", "written"),
    [
        ("paper", '{"tokens": ["Ọláyínká", "Ojo", "&", "co", "."], "ner_tags": [1, 2, 0, 0, 0]}'),
        (
            "pairs",
            '{"words": [["Ọláyínká", "B-PER"], ["Ojo", "I-PER"], ["&", "O"], ["co", "O"], [".", "O"]]}',
        ),
        ("spans", '{"sentence": "<PER>Ọláyínká Ojo</PER> &amp; co ."}'),
    ],
)
def test_datapoints_are_written_as_utf8(format_, written):
    assert render_datapoint(format_, TOKENS, TAGS, LABELS) == written


def objects_of(schema):
    if schema["type"] == "object":
        yield schema
        for child in schema["properties"].values():
            yield from objects_of(child)
    elif schema["type"] == "array":
        yield from objects_of(schema["items"])


@pytest.mark.parametrize("format_", FORMATS)
def test_schemas_keep_to_strict_structured_output(format_):
    schema = response_schema(format_, LABELS, 2)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    for one in objects_of(schema):
        assert one["required"] == list(one["properties"])
        assert one["additionalProperties"] is False
    assert "prefixItems" not in json.dumps(schema)


ANSWERS = {
    "paper": {"ner_datapoints": [{"tokens": ["Ojo", "!"], "ner_tags": [1, 0]}] * 2},
    "pairs": {
        "datapoints": [{"words": [{"token": "Ojo", "label": "B-PER"}, {"token": "!", "label": "O"}]}] * 2
    },
    "spans": {"datapoints": [{"sentence": "<PER>Ojo</PER> !"}] * 2},
}


@pytest.mark.parametrize("format_", FORMATS)
def test_an_answer_by_the_schema_is_salvaged(format_):
    validator = Draft202012Validator(response_schema(format_, LABELS, 2))
    assert validator.is_valid(ANSWERS[format_])
    (root,) = ANSWERS[format_]
    assert not validator.is_valid({root: ANSWERS[format_][root] * 2})
    found = salvage(json.dumps(ANSWERS[format_])).found
    tags = [1, 0] if format_ == "paper" else ["B-PER", "O"]
    assert [(one.tokens, one.tags, one.fault) for one in found] == [(["Ojo", "!"], tags, None)] * 2


def test_labels_outside_the_set_do_not_fit_the_schema():
    answer = {"datapoints": [{"words": [{"token": "Ojo", "label": "B-MISC"}]}]}
    assert not Draft202012Validator(response_schema("pairs", LABELS, 1)).is_valid(answer)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="xml"):
        render_datapoint("xml", TOKENS, TAGS, LABELS)
    with pytest.raises(ValueError, match="xml"):
        response_schema("xml", LABELS, 1)
