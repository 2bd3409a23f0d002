import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.columns import Batch, Place
from synthner.builders.gates import iob2_gate, labels_gate, run_gates, text_gate
from synthner.builders.label_columns import LabelColumns, LabelNumbers
from synthner.builders.reading import Reader
from synthner.builders.rejects import Rejects, shown
from synthner.builders.vocabulary import Vocabulary
from synthner.generation.calls import canonical_json
from synthner.generation.salvage import salvage
from synthner.schema.iob2 import REPAIR_POLICIES, repair
from synthner.schema.labels import LabelSet
from synthner.schema.provenance import Origin
from synthner.schema.waterfall import Waterfall
from synthner.sources.characters import text_faults
from synthner.sources.normal_forms import normalised

LABELS = LabelSet.parse("O,B-PER,I-PER,B-LOC,I-LOC,B-ORG,I-ORG")
PLACE = Place("train", 0, Origin("key", "recorded", "a-model"))


def _read(datapoints: list[dict], vocabulary: Vocabulary) -> tuple[Batch, Waterfall]:
    waterfall = Waterfall()
    reader = Reader(LabelNumbers(LABELS), vocabulary, waterfall, Rejects(None))
    reader.read(salvage(canonical_json({"datapoints": datapoints})), PLACE, len(datapoints))
    return reader.take(), waterfall


def _through_text(
    tokens: list[str], *, scripts=("Latn",), share=0.5, compose=False
) -> tuple[list[str] | None, dict]:
    """Send one sentence through the text gate; return its tokens, and what the gate counted."""
    vocabulary = Vocabulary(scripts)
    batch, waterfall = _read([{"tokens": tokens, "ner_tags": [0] * len(tokens)}], vocabulary)
    gate = text_gate(vocabulary, script_share=share, compose=compose)
    passed = run_gates([("text", gate)], batch, waterfall, Rejects(None))
    count = waterfall["text"]
    return (
        [vocabulary.texts[number] for number in passed.tokens] if len(passed) else None,
        {**count.lost, **{note: number for note, number in count.notes.items() if number}},
    )


@pytest.mark.parametrize("policy", REPAIR_POLICIES)
@given(sentences=st.lists(st.lists(st.sampled_from(LABELS.names), min_size=1), min_size=1))
def test_columns_are_repaired_as_single_sentences_are(policy, sentences):
    flat = np.array(LABELS.encode([tag for tags in sentences for tag in tags]))
    starts = np.cumsum([0, *map(len, sentences)])[:-1]

    repaired = LabelColumns(LABELS).repair(flat, starts, policy)

    expected = [tag for tags in sentences for tag in repair(tags, policy).tags]
    assert LABELS.decode(repaired.tolist()) == expected


@pytest.mark.parametrize(
    ("token", "faults"),
    [
        pytest.param("", ["blank token"], id="empty"),
        pytest.param(" \u00a0\u3000", ["blank token"], id="spaces"),
        pytest.param("\u200b\u200d", ["blank token"], id="zero-width only"),
        pytest.param("\u3164", ["blank token"], id="filler letter"),
        pytest.param("\t", ["blank token", "control character"], id="tab"),
        pytest.param("Os\x07lo", ["control character"], id="bell"),
        pytest.param("Os\x7flo", ["control character"], id="delete"),
        pytest.param("Os\x85lo", ["control character"], id="C1"),
        pytest.param("a\nb", ["control character"], id="line feed"),
        pytest.param("a\u2028b", ["control character"], id="line separator"),
        pytest.param("\ud83d", ["half of a surrogate pair"], id="lone surrogate"),
        pytest.param("Malm\ufffd", ["replacement character U+FFFD"], id="U+FFFD"),
        pytest.param("\u0378x", ["unassigned character"], id="unassigned"),
        pytest.param("x\ue000", ["private-use character"], id="private use"),
        pytest.param("a\u202eb", ["character that overrides the writing direction"], id="override"),
        pytest.param("క్\u200cష", [], id="non-joiner in Telugu"),
        pytest.param("ශ්\u200dරී", [], id="joiner in Sinhala"),
        pytest.param("Ọ̀yọ́", [], id="decomposed"),
        pytest.param("1 000", [], id="space inside"),
        pytest.param("<b>|*x*: &amp;", [], id="markup"),
    ],
)
def test_faults_of_a_token(token, faults):
    assert text_faults(token) == faults


@given(st.text(st.characters(exclude_categories=())))
def test_a_token_without_fault_is_sound(token):
    if text_faults(token):
        return
    assert token.strip()
    assert not {"Cc", "Cs", "Cn", "Co"} & {unicodedata.category(character) for character in token}
    assert "\ufffd" not in token


@given(st.text("aäøßíñ1மதுரை", min_size=1), st.sampled_from("-–.,'’ ()\u200b"))
def test_the_normalised_form_knows_no_case_punctuation_or_composition(text, punctuation):
    typed_otherwise = punctuation.join(unicodedata.normalize("NFD", text.upper()))

    assert normalised(typed_otherwise) == normalised(text) != ""


@pytest.mark.parametrize(
    ("one_way", "other_way"),
    [
        pytest.param("Maria\ufe0f", "Maria", id="variation selector"),
        pytest.param("Mar\u034fia", "Maria", id="grapheme joiner"),
        pytest.param("e\u034f\u0301", "é", id="grapheme joiner before an accent"),
        pytest.param("Sol\u3164by", "Solby", id="filler letter"),
        pytest.param("ʼyan", "'yan", id="apostrophe of Hausa"),
        pytest.param("sam’i", "samʼi", id="apostrophe inside"),
        pytest.param("Keʻolu", "Keolu", id="okina"),
        pytest.param("kaꞌan", "ka'an", id="saltillo"),
        pytest.param("سلـــمى", "سلمى", id="stretched Arabic"),
        pytest.param("ŉ", "'n", id="apostrophe in a letter"),
    ],
)
def test_the_normalised_form_knows_nothing_that_is_typed_as_one_pleases(one_way, other_way):
    assert normalised(one_way) == normalised(other_way) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("కల", "కాల", id="Telugu vowel"),
        pytest.param("ಕಲ", "ಕಲ್", id="Kannada virama"),
        pytest.param("மன", "மனை", id="Tamil vowel"),
        pytest.param("ගම", "ගැම", id="Sinhala vowel"),
        pytest.param("क़लम", "कलम", id="Hindi nukta"),
        pytest.param("مُدير", "مَدير", id="Arabic vowel points"),
        pytest.param("סֵפֶר", "סָפַר", id="Hebrew points"),
        pytest.param("ọkọ", "oko", id="Yoruba dots"),
        pytest.param("òkè", "oké", id="Yoruba tones"),
        pytest.param("ƴan", "yan", id="hooked letter of Hausa"),
        pytest.param("น้ำ", "นำ", id="Thai tone"),
        pytest.param("がき", "かき", id="Japanese voicing"),
    ],
)
def test_the_normalised_form_keeps_words_apart_that_marks_tell_apart(one, other):
    assert normalised(one) != normalised(other)


def test_the_normalised_form_folds_compatibility_forms():
    assert normalised("ﬁＮ²") == "fin2"


def test_zero_width_and_space_pass_unchanged_and_a_space_is_noted():
    assert _through_text(["New York", "க்\u200cஷ"]) == (["New York", "க்\u200cஷ"], {"a token with a space": 1})


@pytest.mark.parametrize(
    ("tokens", "scripts", "share", "passes"),
    [
        pytest.param(["மதுரை", "ok"], ("Taml",), 0.5, True, id="mostly Tamil"),
        pytest.param(["மதுரை", "completely"], ("Taml",), 0.5, False, id="mostly Latin"),
        pytest.param(["மதுரை", "completely"], ("Taml",), 0.1, True, id="a low bar"),
        pytest.param(["1984", "!", "…"], ("Taml",), 1.0, True, id="no letters"),
        pytest.param(["東京", "タワー", "へ"], ("Hani", "Hira", "Kana"), 1.0, True, id="a mixture"),
        pytest.param(["Ọ̀ṣun"], ("Latn",), 1.0, True, id="Yoruba"),
    ],
)
def test_share_of_the_expected_script(tokens, scripts, share, passes):
    kept, counts = _through_text(tokens, scripts=scripts, share=share)

    assert (kept is not None) is passes
    assert counts.get("letters of another script", 0) == (not passes)


def test_nfc_is_a_policy():
    decomposed = unicodedata.normalize("NFD", "Ọ̀yọ́ ré")

    assert _through_text([decomposed], compose=False)[0] == [decomposed]
    kept, counts = _through_text([decomposed], compose=True)
    assert kept == [unicodedata.normalize("NFC", decomposed)]
    assert counts["composed to NFC"] == 1


def test_labels_are_numbers_numbers_as_text_or_names():
    vocabulary = Vocabulary(("Latn",))
    batch, waterfall = _read(
        [
            {"tokens": ["Ada", "Oslo"], "ner_tags": [1, 3]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": ["1", "3"]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": ["B-PER", "B-LOC"]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": [1, 7]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": [-1, 3]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": ["B-GPE", "O"]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": [10**30, 0]},
            {"tokens": ["Ada", "Oslo"], "ner_tags": ["01", "٣"]},
        ],
        vocabulary,
    )

    kept = run_gates([("labels", labels_gate(LABELS))], batch, waterfall, Rejects(None))

    assert kept.tags.tolist() == [1, 3] * 3
    count = waterfall["labels"]
    assert count.lost == {"label outside the set": 5}
    assert count.notes == {"label numbers written as text": 1}
    assert count.examples[0] == "label outside the set: label id 7 is not in the set"


@pytest.mark.parametrize(
    ("datapoint", "step", "reason"),
    [
        ({"tokens": [], "ner_tags": []}, "schema", "no tokens"),
        (
            {"tokens": ["Ada", 7.0], "ner_tags": [1, 0]},
            "schema",
            "a token is neither a text nor a whole number",
        ),
        (
            {"tokens": ["Ada", None], "ner_tags": [1, 0]},
            "schema",
            "a token is neither a text nor a whole number",
        ),
        ({"tokens": ["Ada"], "ner_tags": [True]}, "schema", "a tag is neither a name nor a whole number"),
        ({"tokens": ["Ada"], "ner_tags": [1.0]}, "schema", "a tag is neither a name nor a whole number"),
        ({"tokens": ["Ada"], "ner_tags": [[1]]}, "schema", "a tag is neither a name nor a whole number"),
        ({"tokens": ["Ada", "Oslo"], "ner_tags": [1]}, "lengths", "one tag too few"),
        ({"tokens": ["Ada"], "ner_tags": [1, 0]}, "lengths", "one tag too many"),
        ({"tokens": ["Ada"], "ner_tags": [1, 0, 0]}, "lengths", "several tags too many"),
    ],
)
def test_shape_and_lengths(datapoint, step, reason):
    batch, waterfall = _read([datapoint], Vocabulary(("Latn",)))

    assert len(batch) == 0
    assert waterfall[step].lost == {reason: 1}


def test_a_whole_number_as_token_is_read_as_text_and_said():
    vocabulary = Vocabulary(("Latn",))
    batch, waterfall = _read([{"tokens": ["May", 2011], "ner_tags": [0, 0]}], vocabulary)

    assert [vocabulary.texts[number] for number in batch.tokens] == ["May", "2011"]
    assert batch.repairs == {0: [{"step": "schema", "position": 1, "before": 2011, "after": "2011"}]}
    assert waterfall["schema"].notes == {"a whole number as token, read as text": 1}


def test_a_sentence_without_mentions_is_a_datapoint():
    batch, waterfall = _read([{"tokens": ["It", "rains", "."], "ner_tags": [0, 0, 0]}], Vocabulary(("Latn",)))

    kept = run_gates([("iob2", iob2_gate(LABELS, "conlleval"))], batch, waterfall, Rejects(None))

    assert len(kept) == 1
    assert waterfall["iob2"].notes == {"valid": 1}


def test_a_vocabulary_that_grows_too_large_is_forgotten(monkeypatch):
    monkeypatch.setattr("synthner.builders.vocabulary.LARGEST_VOCABULARY", 100)
    vocabulary = Vocabulary(("Latn",))
    for number in range(101):
        vocabulary[f"word{number}"]

    vocabulary.make_room()

    assert len(vocabulary) == 0
    assert vocabulary.texts[vocabulary["again"]] == "again"


def test_examples_show_what_cannot_be_seen():
    assert shown("a\x00b\ud800c\u202e") == "a\\x00b\\ud800c\\u202e"
    assert shown("Ọ̀yọ́ க்\u200cஷ") == "Ọ̀yọ́ க்\u200cஷ"
