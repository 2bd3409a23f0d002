import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.perturbation import (
    full_names,
    invariance,
    names_of_gold,
    names_of_texts,
    perturbed_sentences,
    template_test,
)
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.sources.readers import read_examples


def example(text, number="1"):
    tokens, tags = zip(*(pair.rsplit("/", 1) for pair in text.split()), strict=True)
    return Example(number, tokens, tags)


MET = example("Ada/B-PER Okoye/I-PER met/O Bola/B-PER in/O Jos/B-LOC ./O")


def tagger_of(tags_of_tokens):
    """Return a tagger that gives each sentence the tags of its tokens."""

    def tag(sentences):
        return [[tags_of_tokens.get(token, "O") for token in sentence] for sentence in sentences]

    return tag


def test_names_of_gold_are_those_of_its_mentions():
    again = example("Jos/B-LOC and/O Jos/I-LOC Town/I-LOC")
    assert names_of_gold([MET, again]) == {
        "LOC": [("Jos",), ("Jos", "Town")],
        "PER": [("Ada", "Okoye"), ("Bola",)],
    }


def test_names_of_texts_are_split_at_blanks():
    assert names_of_texts({"LOC": ["New  Bussa", "Jos"]}) == {"LOC": [("New", "Bussa"), ("Jos",)]}
    with pytest.raises(DataError, match="name 2 of the type LOC is empty"):
        names_of_texts({"LOC": ["Jos", " "]})


def test_full_names_are_drawn_once_each():
    names = full_names(["Ada", "Bola", "Ada"], ["Obi", "da Silva"], count=300, seed=1)
    assert sorted(names) == [
        ("Ada", "Obi"),
        ("Ada", "da", "Silva"),
        ("Bola", "Obi"),
        ("Bola", "da", "Silva"),
    ]
    assert full_names(["Ada", "Bola"], ["Obi"], count=1, seed=3) == full_names(
        ["Ada", "Bola"], ["Obi"], count=1, seed=3
    )


def test_each_name_is_replaced_by_itself():
    names = names_of_texts({"PER": ["Chidi"], "LOC": ["New Bussa"]})
    sentences, not_replaced = perturbed_sentences([MET], names, seed=1)
    assert [(" ".join(each.perturbed.tokens), " ".join(each.perturbed.ner_tags)) for each in sentences] == [
        ("Chidi met Bola in Jos .", "B-PER O B-PER O B-LOC O"),
        ("Ada Okoye met Chidi in Jos .", "B-PER I-PER O B-PER O B-LOC O"),
        ("Ada Okoye met Bola in New Bussa .", "B-PER I-PER O B-PER O B-LOC I-LOC O"),
    ]
    assert not_replaced == 0


def test_a_name_is_replaced_in_all_its_places():
    twice = example("Jos/B-LOC or/O Jos/B-LOC Jos/B-PER")
    sentences, not_replaced = perturbed_sentences([twice], {"LOC": [("New", "Bussa")]}, seed=1)
    assert [each.perturbed.tokens for each in sentences] == [("New", "Bussa", "or", "New", "Bussa", "Jos")]
    assert not_replaced == 1


@pytest.mark.parametrize(
    "names",
    [{}, {"LOC": []}, {"LOC": [("Jos",)]}, {"LOC": [()]}],
    ids=["no type", "no name", "the same name", "no token"],
)
def test_a_name_without_another_is_counted(names):
    found = invariance([example("in/O Jos/B-LOC")], names, tagger_of({}), seed=1)
    assert (found.cases, found.failed, found.not_replaced, found.error_rate) == (0, 0, 1, 0.0)


def test_names_that_the_sentence_has_are_not_put_in():
    sentence = example("Ada/B-PER met/O E\u0301de/B-PER")
    names = {"PER": [("\u00c9de",), ("Ada",), ("Uche",)]}
    for seed in range(20):
        sentences, _ = perturbed_sentences([sentence], names, seed=seed)
        assert [each.perturbed.tokens for each in sentences] == [
            ("Uche", "met", "E\u0301de"),
            ("Ada", "met", "Uche"),
        ]


def test_what_is_put_in_depends_on_seed_sentence_and_name_alone():
    names = {"PER": [(f"Name{number}",) for number in range(50)]}
    other = example("Obi/B-PER left/O", "2")

    def drawn(examples, seed, names=names):
        sentences, _ = perturbed_sentences(examples, names, seed=seed)
        return {(each.original.id, each.spans[0][0]): each.perturbed.tokens for each in sentences}

    assert drawn([MET, other], 1) == {**drawn([other], 1), **drawn([MET], 1)}
    assert drawn([MET], 1) == drawn([MET], 1, {"PER": names["PER"][::-1]})
    assert drawn([MET], 1) != drawn([MET], 2)


@pytest.mark.parametrize(
    ("sentence", "name", "tags", "failed"),
    [
        ("Ada/B-PER left/O", "Bola", {"Ada": "B-PER", "Bola": "B-PER"}, False),
        ("Ada/B-PER left/O", "Bola", {"Ada": "B-PER"}, True),
        ("Ada/B-PER left/O", "Bola", {"Bola": "B-PER"}, True),
        ("Ada/B-PER left/O", "Bola", {"Ada": "B-PER", "Bola": "B-LOC"}, True),
        ("Ada/B-PER left/O", "Bola", {}, False),
        ("Ada/B-PER left/O", "Bola", {"Ada": "B-LOC", "Bola": "B-LOC", "left": "I-LOC"}, False),
        ("Ada/B-PER left/O", "Bola", {"Ada": "I-PER", "Bola": "B-PER"}, False),
        ("Ada/B-PER left/O", "Bola Obi", {"Ada": "B-PER", "Bola": "B-PER", "Obi": "I-PER"}, False),
        ("Ada/B-PER left/O", "Bola Obi", {"Ada": "B-PER", "Bola": "B-PER"}, True),
        ("Ada/B-PER left/O", "Bola Obi", {"Ada": "B-PER", "Bola": "B-PER", "Obi": "B-PER"}, True),
        ("Ada/B-PER Eze/I-PER", "Bola", {"Ada": "B-PER", "Eze": "I-PER", "Bola": "B-PER"}, False),
        ("Ada/B-PER Eze/I-PER", "Bola Obi", {"Ada": "B-PER", "Bola": "B-PER"}, False),
        ("Ada/B-PER Eze/I-PER", "Bola Obi", {"Ada": "B-PER", "Obi": "B-PER"}, True),
        ("Ada/B-PER Eze/I-PER", "X Y Z", {"Ada": "B-PER", "X": "B-PER", "Y": "I-PER"}, False),
        ("Ada/B-PER Eze/I-PER in/O Jos/B-LOC", "Bola", {"Jos": "B-LOC"}, False),
        ("Ada/B-PER in/O Jos/B-LOC Ada/B-PER Jos/B-LOC", "X Y", {"Jos": "B-LOC"}, False),
    ],
    ids=[
        "both found", "lost", "gained", "other type", "found in neither", "wrong in the same way",
        "I- and B- begin alike", "longer name", "longer name cut", "longer name in two", "shorter name",
        "both cut alike", "cut elsewhere", "cut within, of other length", "what follows a shorter name",
        "what follows longer names",
    ],
)  # fmt: skip
def test_a_case_fails_if_the_predicted_mentions_change(sentence, name, tags, failed):
    found = invariance([example(sentence)], names_of_texts({"PER": [name]}), tagger_of(tags), seed=1)
    assert (found.cases, found.failed) == (1, int(failed))


def test_a_change_in_the_rest_of_the_sentence_fails():
    def tag(sentences):
        return [["O", "O", "B-LOC" if sentence[0] == "Ada" else "O"] for sentence in sentences]

    found = invariance([example("Ada/B-PER in/O Jos/O")], {"PER": [("Bola",)]}, tag, seed=1)
    assert found.as_json() == {"error_rate": 1.0, "cases": 1, "failed": 1}
    assert [each.as_json() for each in found.examples] == [
        {
            "id": "1",
            "tokens": ["Ada", "in", "Jos"],
            "predicted": ["O", "O", "B-LOC"],
            "tokens_after": ["Bola", "in", "Jos"],
            "predicted_after": ["O", "O", "O"],
        }
    ]


def test_the_error_rate_is_the_share_of_cases():
    sentences = [example(f"Ada{number}/B-PER left/O", str(number)) for number in range(40)]
    tags = {f"Ada{number}": "B-PER" for number in range(30)}
    found = invariance(sentences, {"PER": [("Bola",)]}, tagger_of(tags), seed=1)
    assert (found.cases, found.failed, found.error_rate, len(found.examples)) == (40, 30, 0.75, 5)


@pytest.mark.parametrize("tags", [[], [["O"]]], ids=["sentences missing", "tags missing"])
def test_a_tagger_must_tag_every_token(tags):
    with pytest.raises(DataError, match="one tag to each token"):
        invariance([MET], {"PER": [("Chidi",)]}, lambda _: tags, seed=1)


TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc"), TAGS), min_size=1, max_size=8), max_size=4),
    st.lists(st.lists(st.sampled_from("xyz"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4),
)
def test_whoever_tags_as_gold_does_is_invariant(tagged, names):
    examples = [
        Example(str(number), tuple(token for token, _ in pairs), tuple(tag for _, tag in pairs))
        for number, pairs in enumerate(tagged)
    ]
    of_types = {"PER": names, "LOC": names}
    sentences, _ = perturbed_sentences(examples, of_types, seed=0)
    for each in sentences:
        assert len(each.perturbed.tokens) == len(each.perturbed.ner_tags)
        assert len(violations(each.perturbed.ner_tags)) <= len(violations(each.original.ner_tags))
        assert len(each.perturbed.mentions) == len(each.original.mentions)
    originals = list(dict.fromkeys(each.original for each in sentences))
    answers = [list(each.ner_tags) for each in (*originals, *(each.perturbed for each in sentences))]
    found = invariance(examples, of_types, lambda _: answers, seed=0)
    assert (found.cases, found.failed) == (len(sentences), 0)
    names_in_gold = {
        (number, mention.type, each.tokens[mention.start : mention.end])
        for number, each in enumerate(examples)
        for mention in each.mentions
    }
    assert found.cases + found.not_replaced == len(names_in_gold)


def test_a_template_is_tried_with_every_name():
    tag = tagger_of({"Ada": "B-PER", "Obi": "I-PER", "met": "O", "Jos": "B-PER"})
    names = [("Ada", "Obi"), ("Ada", "Eze"), ("Jos",)]
    found = template_test("I met with NAME last night", names, "PER", tag)
    assert (found.cases, found.failed) == (3, 1)
    [failed] = found.examples
    assert failed.as_json()["tokens_after"] == ["I", "met", "with", "Ada", "Eze", "last", "night"]


def test_in_a_template_nothing_but_the_name_may_be_found():
    found = template_test("NAME left Jos", [("Ada",)], "PER", tagger_of({"Ada": "B-PER", "Jos": "B-LOC"}))
    assert found.error_rate == 1.0


@pytest.mark.parametrize("template", ["I met you", "NAME met NAME"], ids=["none", "two"])
def test_a_template_holds_one_place_for_a_name(template):
    with pytest.raises(DataError, match="NAME once"):
        template_test(template, [("Ada",)], "PER", tagger_of({}))


def test_a_crf_on_real_data_fails_on_some_names(shared):
    folder = shared / "data" / "uner" / "da_ddt"
    [train_file], [test_file] = folder.glob("*train*"), folder.glob("*test*")
    train, test = (list(read_examples(path)) for path in (train_file, test_file))
    tagger = CrfTagger.train(train[:300])
    lists = json.loads(gzip.decompress((shared / "data" / "checklist" / "names.json.gz").read_bytes()))
    names = {"PER": full_names(lists["women"], lists["last"], count=300, seed=1)}
    found = invariance(test, names, tagger.tag, seed=1)
    assert found.cases > 100
    assert 0 < found.error_rate < 1
    by_gold = invariance(test, names_of_gold(train), tagger.tag, seed=1)
    assert by_gold.cases > found.cases
    assert by_gold.not_replaced < by_gold.cases / 10
