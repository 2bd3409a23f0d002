import json
from itertools import islice
from random import Random

import pytest

from synthner.evaluation.combination import Combination, choose_combination
from synthner.evaluation.prediction_files import score_files
from synthner.evaluation.recipes import train_by_recipe
from synthner.evaluation.scoring import score
from synthner.evaluation.train import train_and_test
from synthner.evaluation.training_data import read_training_data, training_data
from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples
from synthner.tests.curation_sentences import relabelled
from synthner.tests.curation_sentences import sentences as curation_sentences

NAMES = ["Ada", "Bola", "Chidi", "Dayo", "Emeka", "Funke", "Gozie", "Hauwa"]
TOWNS = ["Lagos", "Kano", "Jos", "Enugu", "Owerri", "Abuja", "Zaria", "Benin"]


# Enough of them for folds of gold to judge by.
MANY_NAMES, MANY_TOWNS = (
    [f"{first}{last}" for first in starts for last in ("bara", "dena", "koro", "lisu")]
    for starts in (("A", "Be", "Chi", "Du"), ("E", "Fu", "Go", "Ha"))
)


def example(text, tags):
    return Example(text, tuple(text.split()), tuple(tags.split()))


def sentences(before, words, after):
    """Put each word between others that do not tell whether it is a name or a town."""
    return [
        Example(
            word,
            (*before.split(), word, *after.split()),
            (*["O"] * len(before.split()), tag, *["O"] * len(after.split())),
        )
        for word in words
        for tag in ["B-PER" if word in (*NAMES, *MANY_NAMES) else "B-LOC"]
    ]


def swapped(examples):
    other = {"B-PER": "B-LOC", "B-LOC": "B-PER", "O": "O"}
    return [Example(each.id, each.tokens, tuple(other[tag] for tag in each.ner_tags)) for each in examples]


def write(path, examples):
    path.write_text(
        "".join(
            "".join(f"{token} {tag}\n" for token, tag in zip(each.tokens, each.ner_tags, strict=True)) + "\n"
            for each in examples
        ),
        encoding="utf-8",
    )
    return path


@pytest.fixture
def gold():
    """Return gold in which every word stands once: what is held out cannot be known from the rest."""
    return sentences("today", [*NAMES[:6], *TOWNS[:6]], "was full of joy")


@pytest.fixture
def helpful():
    """Return synthetic sentences that teach which word is what."""
    words = [*NAMES, *TOWNS]
    return [*sentences("they spoke of", words, "again"), *sentences("nothing like", words, "anywhere")]


def test_synthetic_data_that_predicts_held_out_gold_is_used():
    words = [*MANY_NAMES, *MANY_TOWNS]
    gold = sentences("today", words, "was full of joy")
    chosen = choose_combination(gold, sentences("they spoke of", words, "again"), seed=1)
    assert chosen.recipe == "adapted"
    assert chosen.use_synthetic
    assert chosen.tried is not None
    assert chosen.tried.f1 > chosen.tried.standard_error


def test_synthetic_data_labelled_at_random_does_no_harm():
    random = Random(3)
    noise = relabelled(
        curation_sentences(200, name="noise"),
        lambda tags: random.choices(["O", "B-PER", "B-LOC"], k=len(tags)),
    )
    gold, test = curation_sentences(60, name="gold"), curation_sentences(300, name="test")

    def f1(recipe):
        predicted = train_by_recipe(gold, noise, recipe).tag(each.tokens for each in test)
        return score([each.ner_tags for each in test], predicted).micro.f1

    assert f1("adapted") > f1("gold only") - 0.02


def test_synthetic_data_that_tells_nothing_new_is_left_out(gold):
    chosen = choose_combination(gold * 9, gold[:5], seed=1)
    assert chosen.recipe == "gold only"
    assert chosen.tried is not None
    assert not chosen.tried.expected.probably_gains


def test_the_choice_is_the_same_every_time(gold, helpful):
    assert choose_combination(gold, helpful, seed=4) == choose_combination(gold, helpful, seed=4)


def test_gold_overrules_synthetic_data_that_contradicts_it(gold):
    tagger = train_by_recipe(gold, swapped(gold), "adapted")
    assert tagger.tag(each.tokens for each in gold) == [list(each.ner_tags) for each in gold]


def test_synthetic_data_teaches_words_that_gold_does_not_have(gold, helpful):
    unseen = sentences("today", [*NAMES[6:], *TOWNS[6:]], "was full of joy")
    wanted = [list(each.ner_tags) for each in unseen]
    assert train_by_recipe(gold, helpful, "adapted").tag(each.tokens for each in unseen) == wanted
    assert train_by_recipe(gold, helpful, "gold only").tag(each.tokens for each in unseen) != wanted


@pytest.mark.parametrize("strewn", [False, True], ids=["sound", "strewn"])
def test_gold_too_small_to_judge_by_leaves_it_to_the_agreement_of_the_data_with_itself(gold, strewn):
    synthetic = curation_sentences(200, name="synthetic")
    if strewn:
        random = Random(5)
        synthetic = relabelled(synthetic, lambda tags: random.sample(tags, len(tags)))
    chosen = choose_combination(gold[:2], synthetic, seed=1)
    assert chosen.tried is None
    assert chosen.expected is not None
    assert chosen.use_synthetic == chosen.expected.probably_gains == (not strewn)


def test_without_synthetic_data_gold_is_used_alone(gold):
    assert choose_combination(gold, (), seed=1) == Combination()


def test_training_and_testing_on_files(tmp_path, gold, helpful):
    gold_file = write(tmp_path / "gold.conll", gold)
    test_file = write(tmp_path / "test.conll", sentences("today", [*NAMES[6:], *TOWNS[6:]], "was quiet"))
    synthetic_file = write(tmp_path / "synthetic.conll", helpful)
    predictions = tmp_path / "predictions.conll"
    outcome = train_and_test(gold_file, test_file, synthetic=synthetic_file, seed=1, predictions=predictions)
    found = json.loads(json.dumps(outcome.as_json()))

    assert found["recipe"] == outcome.combination.recipe != "gold only"
    assert found["train_examples"] == len(gold) + found["synthetic"]["examples"]
    assert found["micro"]["f1"] == pytest.approx(1.0)
    assert found["interval"][0] <= found["micro"]["f1"] <= found["interval"][1]
    assert set(found["per_type"]) == {"LOC", "PER"}
    assert found["seconds"] > 0
    scored = score_files(test_file, predictions).as_json()
    assert {key: found[key] for key in scored} == scored


def test_training_on_gold_alone(tmp_path, gold):
    gold_file = write(tmp_path / "gold.conll", gold)
    outcome = train_and_test(gold_file, gold_file)
    assert outcome.combination.recipe == "gold only"
    assert outcome.train_examples == len(gold)
    assert outcome.as_json()["synthetic"] is None


def test_an_empty_synthetic_file_is_what_curation_leaves_that_keeps_nothing(tmp_path, gold):
    gold_file, empty = write(tmp_path / "gold.conll", gold), tmp_path / "curated.jsonl"
    empty.write_text("", encoding="utf-8")
    outcome = train_and_test(gold_file, gold_file, synthetic=empty)
    assert outcome.combination.recipe == "gold only"
    assert outcome.score.as_json() == train_and_test(gold_file, gold_file).score.as_json()


def test_types_that_gold_does_not_have_become_outside_and_are_counted(tmp_path, gold):
    gold_file = write(tmp_path / "gold.conll", gold)
    synthetic_file = write(
        tmp_path / "synthetic.conll", [example("Ada of Acme Works", "B-PER O B-ORG I-ORG")] * 2
    )
    outcome = train_and_test(gold_file, gold_file, synthetic=synthetic_file)
    assert outcome.synthetic is not None
    assert outcome.synthetic.foreign_mentions == {"ORG": 2}
    assert outcome.synthetic.examples[0].ner_tags == ("B-PER", "O", "O", "O")


def test_what_training_data_needed_is_counted():
    data = training_data(
        [
            example("Ada left", "B-PER O"),
            example("with Ada", "O I-PER"),
            example("no tag", "O ?"),
            example("bad tag", "LOC O"),
        ]
    )
    assert [each.ner_tags for each in data.examples] == [("B-PER", "O"), ("O", "B-PER")]
    assert (data.repaired, data.left_out) == (1, 2)
    assert data.types == {"PER"}


def test_rows_that_cannot_be_read_are_counted(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(
        '{"tokens": ["Ada"], "ner_tags": ["B-PER"]}\n{"tokens": ["a", "b"], "ner_tags": ["O"]}\nno row\n',
        encoding="utf-8",
    )
    data = read_training_data(path)
    assert (len(data.examples), data.left_out) == (1, 2)


def test_a_test_sentence_is_never_left_out(tmp_path, gold):
    test_file = tmp_path / "test.jsonl"
    test_file.write_text('{"tokens": ["a", "b"], "ner_tags": ["O"]}\n', encoding="utf-8")
    with pytest.raises(DataError, match="2 tokens and 1 tags"):
        train_and_test(write(tmp_path / "gold.conll", gold), test_file)


def test_gold_without_a_usable_sentence_is_an_error(tmp_path):
    path = tmp_path / "gold.conll"
    path.write_text("Ada PER\nleft O\n", encoding="utf-8")
    with pytest.raises(DataError, match="no sentence can be trained on"):
        train_and_test(path, path)


def test_an_unknown_tagger_is_wrong_usage(tmp_path):
    with pytest.raises(WrongUsageError, match="no tagger `crff`"):
        train_and_test(tmp_path / "a", tmp_path / "b", tagger="crff")


def test_recorded_synthetic_data_is_judged_by_gold(shared):
    data = shared / "data"
    gold = read_training_data(data / "masakhaner2" / "yor" / "train.txt.gz").examples[:60]
    labels = LabelSet.of_types(("PER", "ORG", "LOC", "DATE"))
    responses = data / "llm_responses" / "kamath_vajjala" / "gpt-4" / "final"
    rows = read_examples(responses / "yor-gpt-4.1-2025-04-14_train.jsonl.gz", labels=labels)
    chosen = choose_combination(gold, training_data(islice(rows, 80)).examples, seed=0)
    assert chosen.tried is not None
    assert chosen.use_synthetic == chosen.tried.expected.probably_gains
