import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.evaluation.crf import CrfTagger, PreparedExample
from synthner.evaluation.scoring import score
from synthner.evaluation.token_features import sentence_features
from synthner.evaluation.training_data import read_training_data
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations

NAMES = ["Ada", "Bola", "Chidi", "Dayo", "Emeka", "Funke"]
TOWNS = ["Lagos", "Kano", "Jos", "Enugu", "Owerri", "Abuja"]


def example(text, tags):
    return Example(text, tuple(text.split()), tuple(tags.split()))


@pytest.fixture(scope="module")
def examples():
    return [
        example(f"{name} travels to {town} .", "B-PER O O B-LOC O") for name, town in product(NAMES, TOWNS)
    ]


@pytest.fixture(scope="module")
def tagger(examples):
    return CrfTagger.train(examples)


def test_words_never_seen_are_tagged_by_their_place_and_shape(tagger):
    assert tagger.tag([("Gozie", "travels", "to", "Zaria", ".")]) == [["B-PER", "O", "O", "B-LOC", "O"]]


def test_the_same_examples_give_the_same_model(examples, tagger, tmp_path):
    tagger.save(tmp_path / "first")
    CrfTagger.train(examples).save(tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_saved_model_tags_as_before(tagger, tmp_path):
    path = tmp_path / "model.crfsuite"
    tagger.save(path)
    sentences = [("Ada", "travels", "to", "Owerri", "."), ("to", "Jos")]
    assert CrfTagger.load(path).tag(sentences) == tagger.tag(sentences)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.crfsuite"]


@pytest.mark.parametrize("damage", [lambda model: model[:-100], lambda model: b"x" * 100, lambda _: b""])
def test_a_damaged_model_is_refused(tagger, tmp_path, damage):
    path = tmp_path / "model.crfsuite"
    tagger.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="no CRFsuite model"):
        CrfTagger.load(path)


def test_repeats_are_the_example_given_several_times(examples, tmp_path):
    few = examples[:3]
    CrfTagger.train(few, repeats=[3, 1, 0]).save(tmp_path / "repeated")
    CrfTagger.train([few[0], few[0], few[0], few[1]]).save(tmp_path / "written out")
    assert (tmp_path / "repeated").read_bytes() == (tmp_path / "written out").read_bytes()


def test_prepared_examples_are_examples(examples, tagger):
    prepared = [PreparedExample.of(each) for each in examples]
    again = CrfTagger.train(prepared)
    assert again.tag_prepared(prepared) == tagger.tag(each.tokens for each in examples)


def test_probabilities_of_all_taggings_add_up_to_one(tagger):
    tokens = ("Ada", "travels")
    taggings = list(product(sorted(tagger.labels), repeat=2))
    probabilities = [tagger.probability(Example("", tokens, tags)) for tags in taggings]
    assert sum(probabilities) == pytest.approx(1)
    chosen = Example("", tokens, ("B-PER", "O"))
    assert max(zip(probabilities, taggings, strict=True))[1] == chosen.ner_tags
    assert tagger.log_likelihood(chosen) == pytest.approx(math.log(max(probabilities)))
    first = sum(p for p, tags in zip(probabilities, taggings, strict=True) if tags[0] == "B-PER")
    assert tagger.marginals(chosen)[0] == pytest.approx(first)


def test_a_tag_never_trained_on_is_impossible(tagger):
    unknown = example("Ada travels", "B-DATE O")
    assert tagger.probability(unknown) == 0
    assert tagger.log_likelihood(unknown) == -math.inf
    assert tagger.marginals(unknown)[0] == 0
    assert tagger.marginals(unknown)[1] > 0


def test_predictions_are_iob2_even_where_the_model_prefers_otherwise():
    # Trained on nothing but orphans, the model predicts them.
    orphans = [Example(str(number), ("a", "b"), ("O", "I-PER")) for number in range(20)]
    assert CrfTagger.train(orphans).tag([("a", "b")]) == [["O", "B-PER"]]


def test_nothing_to_train_on_is_an_error():
    with pytest.raises(DataError, match="no examples"):
        CrfTagger.train([])


def test_data_without_mentions_gives_a_tagger_that_finds_none():
    tagger = CrfTagger.train([example("nobody is here", "O O O")])
    assert tagger.tag([("Ada",), ()]) == [["O"], []]


@settings(max_examples=100, deadline=None)
@given(sentence=st.lists(st.text(max_size=8), max_size=6))
def test_any_text_gets_one_valid_tag_a_token(tagger, sentence):
    [tags] = tagger.tag([sentence])
    assert len(tags) == len(sentence)
    assert violations(tags) == []


def test_half_of_a_character_pair_is_tagged_like_any_token(tagger):
    assert len(tagger.tag([("\ud83d", "travels")])[0]) == 2


def test_accents_and_their_encoding_do_not_separate_words():
    composed, decomposed, without = (set(sentence_features([word])[0]) for word in ("ọ̀yọ́", "ọ̀yọ́", "oyo"))
    assert composed == decomposed
    assert b"f:oyo" in composed & without


def test_vowel_signs_of_indic_scripts_are_kept():
    assert sentence_features(["ಹಂಪಿ"])[0].count("f:ಹಂಪಿ".encode()) == 1


def test_features_tell_neighbours_and_edges():
    first, middle, last = (set(features) for features in sentence_features(["Ada", "left", "Kano"]))
    assert b"first" in first
    assert b"last" in last
    assert {b"-f:ada", b"+f:kano"} <= middle
    assert b"++f:kano" in first
    assert b"--f:ada" in last


def test_five_hundred_yoruba_sentences_are_enough_to_find_most_mentions(shared):
    folder = shared / "data" / "masakhaner2" / "yor"
    gold = read_training_data(folder / "train.txt.gz").examples
    judged = read_training_data(folder / "dev.txt.gz").examples
    tagger = CrfTagger.train(gold[::13][:500])
    result = score([each.ner_tags for each in judged], tagger.tag(each.tokens for each in judged))
    assert result.micro.f1 > 0.5
    assert result.strict == result.micro
