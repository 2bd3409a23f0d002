import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

GOLD = sentences(60, name="gold")
OTHERS = sentences(40, name="others")
COMPOUND = Example("", ("Yusufqvist", "refusedagain", "to", "speak"), ("B-PER", "O", "O", "O"))
LABELS = ["O", "B-PER", "I-PER", "B-LOC"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return save_tiny_encoder(folder, [each.tokens for each in sentences(300, name="text")])


def settings(model, head="first", **changes):
    changes = {"epochs": 3, "learning_rate": 3e-3, "head": head, **changes}
    return settings_by_recipe("paper", str(model), changes=changes)


@pytest.fixture(scope="module", params=["first", "summed"])
def tagger(request, model):
    return EncoderTagger.train(GOLD, settings=settings(model, request.param), labels=LABELS)


def test_a_tagger_comes_back_as_it_was(tagger, tmp_path):
    expected = tagger.marginals_of(OTHERS)
    tagger.save(tmp_path / "new" / "tagger")
    loaded = EncoderTagger.load(tmp_path / "new" / "tagger")
    assert loaded.labels == tagger.labels
    assert loaded.facts == replace(tagger.facts, losses=())
    assert loaded.marginals_of(OTHERS) == expected
    assert loaded.tag(each.tokens for each in OTHERS) == tagger.tag(each.tokens for each in OTHERS)


def test_transformers_loads_a_model_with_the_head_first(model, tmp_path):
    tagger = EncoderTagger.train(GOLD, settings=settings(model), labels=LABELS)
    tagger.save(tmp_path)
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    assert theirs.config.id2label == dict(enumerate(LABELS))
    probabilities, words = read_by_transformers(tmp_path, GOLD[0], lambda inputs: theirs(**inputs).logits)
    places = [words.index(word) for word in range(len(GOLD[0].tokens))]
    of_tags = [
        float(probabilities[place, LABELS.index(tag)])
        for place, tag in zip(places, GOLD[0].ner_tags, strict=True)
    ]
    assert tagger.marginals(GOLD[0]) == pytest.approx(of_tags, abs=1e-6)


def test_a_model_with_the_head_summed_is_an_encoder_and_a_linear_layer_on_summed_subwords(model, tmp_path):
    tagger = EncoderTagger.train(GOLD, settings=settings(model, "summed"), labels=LABELS)
    tagger.save(tmp_path)
    encoder = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    head = load_file(tmp_path / "head.safetensors")

    def logits(inputs):
        vectors = encoder(**inputs).last_hidden_state[0]
        summed = [
            vectors[[place for place, owner in enumerate(words) if owner == word]].sum(0)
            for word in range(len(COMPOUND.tokens))
        ]
        return (torch.stack(summed) @ head["weight"].T + head["bias"])[None]

    words = AutoTokenizer.from_pretrained(tmp_path)(
        list(COMPOUND.tokens), is_split_into_words=True
    ).word_ids()
    assert len(words) - 2 > len(COMPOUND.tokens)
    probabilities, _ = read_by_transformers(tmp_path, COMPOUND, logits)
    of_tags = [
        float(of_word[LABELS.index(tag)])
        for of_word, tag in zip(probabilities, COMPOUND.ner_tags, strict=True)
    ]
    assert tagger.marginals(COMPOUND) == pytest.approx(of_tags, abs=1e-6)


def read_by_transformers(folder, example, logits):
    """Return the probabilities for a sentence and the words of its subwords."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer([list(example.tokens)], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        return logits(dict(inputs))[0].softmax(-1), inputs.encodings[0].word_ids


def test_nothing_is_pickled_and_the_folder_says_what_it_is(tagger, tmp_path):
    tagger.save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "tagger.json"}
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    told = json.loads((tmp_path / "tagger.json").read_text(encoding="utf-8"))
    assert told["labels"] == LABELS
    assert told["settings"]["head"] == ("summed" if "head.safetensors" in names else "first")
    assert told["training"] | {"epochs": 3, "best_epoch": None, "validation_f1": []} == told["training"]


def test_training_goes_on_from_a_saved_tagger_with_its_head(tagger, model, tmp_path):
    tagger.save(tmp_path / "related")
    head = "summed" if (tmp_path / "related" / "head.safetensors").is_file() else "first"
    still = settings("no/model", head, epochs=1, learning_rate=0.0)
    # The labels in another order are the same labels.
    goes_on = EncoderTagger.train(GOLD, settings=still, labels=LABELS[::-1], start=tmp_path / "related")
    assert goes_on.marginals_of(OTHERS) == tagger.marginals_of(OTHERS)
    further = EncoderTagger.train(
        GOLD, settings=settings("no/model", head), labels=LABELS, start=tmp_path / "related"
    )
    assert (
        further.facts.losses[0]
        < EncoderTagger.train(GOLD, settings=settings(model, head), labels=LABELS).facts.losses[0]
    )


@pytest.mark.parametrize("other", ["labels", "head"])
def test_with_other_labels_or_another_head_only_the_encoder_goes_on(tagger, tmp_path, other):
    tagger.save(tmp_path)
    own = "summed" if (tmp_path / "head.safetensors").is_file() else "first"
    head = {"first": "summed", "summed": "first"}[own] if other == "head" else own
    labels = ["O", "B-X", "B-PER", "I-PER", "B-LOC"] if other == "labels" else LABELS
    still = settings("no/model", head, epochs=1, learning_rate=0.0)
    started = EncoderTagger.train(GOLD, settings=still, labels=labels, start=tmp_path)
    # A new head is undecided.
    probabilities = [one for each in started.marginals_of(OTHERS) for one in each]
    assert sum(probabilities) / len(probabilities) == pytest.approx(1 / len(labels), abs=0.15)
    assert started.labels == set(labels)


def test_an_earlier_tagger_is_replaced_and_anything_else_is_not(tagger, tmp_path):
    folder = tmp_path / "tagger"
    tagger.save(folder)
    (folder / "note.txt").write_text("old", encoding="utf-8")
    tagger.save(folder)
    assert not (folder / "note.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tagger"]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="something else than a tagger"):
        tagger.save(tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_a_folder_that_cannot_be_made_is_said(tagger, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be written"):
        tagger.save(tmp_path / "file" / "tagger")


def test_a_model_that_is_no_saved_tagger_is_said(model):
    with pytest.raises(DataError, match=r"there is no tagger\.json"):
        EncoderTagger.load(model)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ('{"format": 9}', "another format"),
        ("[]", "another format"),
        ('{"format": 1}', "does not say how"),
        ('{"format": 1, "settings": {"colour": "red"}, "labels": []}', "does not say how"),
    ],
)
def test_a_description_that_cannot_be_used_is_said(tagger, tmp_path, text, told):
    tagger.save(tmp_path / "tagger")
    (tmp_path / "tagger" / "tagger.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        EncoderTagger.load(tmp_path / "tagger")


def test_a_lost_head_is_said(model, tmp_path):
    tagger = EncoderTagger.train(GOLD[:5], settings=settings(model, "summed", epochs=1))
    tagger.save(tmp_path / "tagger")
    (tmp_path / "tagger" / "head.safetensors").unlink()
    with pytest.raises(DataError, match="cannot be loaded"):
        EncoderTagger.load(tmp_path / "tagger")
    shutil.rmtree(tmp_path / "tagger")
    with pytest.raises(DataError, match="no folder with a model here"):
        EncoderTagger.load(tmp_path / "tagger")


def test_many_sentences_are_judged_together_as_they_are_alone(tagger):
    together = tagger.marginals_of(OTHERS)
    for example, marginals in zip(OTHERS, together, strict=True):
        assert marginals == pytest.approx(tagger.marginals(example), abs=1e-6)
    assert tagger.marginals_of([]) == []
