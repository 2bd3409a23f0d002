import json
import os
import subprocess
import sys
from itertools import product
from random import Random

import pytest
import torch
from transformers import AutoModelForTokenClassification

from synthner.evaluation.encoder import EncoderSettings, EncoderTagger, model_folder
from synthner.evaluation.scoring import score
from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

NAMES = ["Ada", "Bola", "Chidi", "Dayo", "Emeka", "Funke"]
TOWNS = ["Lagos", "Kano", "Jos", "Enugu", "Owerri", "Abuja"]


def example(text, tags):
    return Example(text, tuple(text.split()), tuple(tags.split()))


def joined(examples):
    tokens = tuple(token for each in examples for token in each.tokens)
    return Example("joined", tokens, tuple(tag for each in examples for tag in each.ner_tags))


SHORT = [example(f"{name} travels to {town} .", "B-PER O O B-LOC O") for name, town in product(NAMES, TOWNS)]
LONG = joined(Random(3).choices(SHORT, k=200))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("model"), [each.tokens for each in SHORT])


def settings(model, **changes):
    return EncoderSettings(str(model), **{"epochs": 12, "learning_rate": 3e-3, **changes})


@pytest.fixture(scope="module")
def tagger(model):
    return EncoderTagger.train(SHORT, settings=settings(model))


def test_a_small_task_is_learned(tmp_path):
    gold, judged = sentences(150, name="gold"), sentences(60, name="judged")
    model = save_tiny_encoder(tmp_path, [each.tokens for each in gold])
    trained = EncoderTagger.train(gold, settings=settings(model))
    predicted = trained.tag(each.tokens for each in judged)
    assert trained.labels == {"O", "B-PER", "I-PER", "B-LOC"}
    assert score([each.ner_tags for each in judged], predicted).micro.f1 > 0.9


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_other_kinds_of_models_and_tokenizers_learn_too(tmp_path, kind):
    model = save_tiny_encoder(tmp_path, [each.tokens for each in SHORT], kind=kind)
    trained = EncoderTagger.train(SHORT, settings=settings(model, epochs=20))
    assert trained.tag(each.tokens for each in SHORT) == [list(each.ner_tags) for each in SHORT]


def test_the_same_seed_gives_the_same_tagger_and_another_seed_another(model, tagger):
    same, other = (EncoderTagger.train(SHORT, settings=settings(model, seed=seed)) for seed in (0, 1))
    assert [same.marginals(each) for each in SHORT] == [tagger.marginals(each) for each in SHORT]
    assert other.marginals(SHORT[0]) != tagger.marginals(SHORT[0])


def test_tags_come_in_the_order_of_the_sentences_whatever_their_lengths(tagger):
    some = [SHORT[0], joined(SHORT[:5]), example("Jos", "B-LOC"), joined(SHORT[7:10]), SHORT[20]] * 5
    tagged = tagger.tag([(), *(each.tokens for each in some)])
    assert tagged[0] == []
    assert [len(tags) for tags in tagged[1:]] == [len(each.tokens) for each in some]
    # Together with others or alone.
    assert tagged[1:] == [tags for each in some for tags in tagger.tag([each.tokens])]


def test_each_of_a_thousand_words_is_tagged(model):
    trained = EncoderTagger.train(SHORT, settings=settings(model, longest=12))
    assert len(LONG.tokens) == 1000
    assert trained.tag([LONG.tokens]) == [list(LONG.ner_tags)]
    assert min(trained.marginals(LONG)) > 0.5


def test_windows_agree_with_one_another_and_with_the_sentence_as_a_whole(model):
    training = [*SHORT, *(joined(SHORT[start : start + 5]) for start in range(0, 30, 2))]
    sentence = joined(SHORT[12:17])
    whole, windows = (
        EncoderTagger.train(training, settings=settings(model, longest=longest)) for longest in (256, 12)
    )
    assert whole.tag([sentence.tokens]) == windows.tag([sentence.tokens]) == [list(sentence.ner_tags)]


def test_what_stands_at_the_end_of_a_long_sentence_is_learned(model):
    late = example("Ada travels to Mars .", "B-PER O O B-PLANET O")
    long = [joined([*SHORT[start : start + 12], late]) for start in range(24)]
    trained = EncoderTagger.train(long, settings=settings(model, longest=12))
    assert trained.tag([long[5].tokens]) == [list(long[5].ner_tags)]


@pytest.mark.parametrize("kind", ["xlm-roberta", "roformer"])
def test_windows_are_no_longer_than_the_model_can_read(tmp_path, kind):
    model = save_tiny_encoder(tmp_path, [each.tokens for each in SHORT], kind=kind, positions=14)
    trained = EncoderTagger.train([*SHORT, LONG], settings=settings(model, epochs=6))
    [tags] = trained.tag([LONG.tokens])
    assert tags == list(LONG.ner_tags)


def test_a_word_longer_than_a_window_gets_a_tag(model):
    trained = EncoderTagger.train(SHORT, settings=settings(model, longest=20, epochs=1))
    assert [len(tags) for tags in trained.tag([("Ada", "x" * 500, "travels", "y" * 500)])] == [4]


def test_windows_without_room_are_refused(model):
    with pytest.raises(WrongUsageError, match="no room for a word"):
        EncoderTagger.train(SHORT, settings=settings(model, longest=2))


def test_probabilities_of_all_labels_add_up_to_one_and_the_right_ones_are_higher(tagger):
    right = SHORT[3]
    of_labels = {
        label: tagger.marginals(Example("", right.tokens, (label,) * len(right.tokens)))
        for label in tagger.labels
    }
    assert [sum(of_word) for of_word in zip(*of_labels.values(), strict=True)] == pytest.approx([1] * 5)
    for place, tag in enumerate(right.ner_tags):
        assert max(of_labels, key=lambda label, place=place: of_labels[label][place]) == tag
    assert tagger.marginals(right) == [of_labels[tag][place] for place, tag in enumerate(right.ner_tags)]


def test_a_tag_never_trained_on_is_impossible(tagger):
    found = tagger.marginals(example("Ada travels", "B-DATE O"))
    assert found[0] == 0
    assert found[1] > 0.5


def test_words_without_a_subword_are_outside(tagger):
    [tags] = tagger.tag([("Ada", "", "travels", "", "to", "Jos")])
    assert tags == ["B-PER", "O", "O", "O", "O", "B-LOC"]
    assert tagger.tag([("", "")]) == [["O", "O"]]
    assert tagger.marginals(Example("", ("", ""), ("O", "B-PER"))) == [1, 0]


@pytest.mark.parametrize(
    "word",
    ["\ud83d", "\u200d", "\x00", "<s>", "</s>", "<pad>", "Ada travels", "ಹಂಪಿ", "e\u0301" * 40],
    ids=ascii,
)
def test_any_text_gets_one_valid_tag_a_word(tagger, word):
    [tags] = tagger.tag([("Ada", word, "travels")])
    assert len(tags) == 3
    assert violations(tags) == []


def test_predictions_are_iob2_even_where_the_model_prefers_otherwise(model):
    orphans = [Example(str(number), ("to", "Ada"), ("O", "I-PER")) for number in range(40)]
    trained = EncoderTagger.train(orphans, settings=settings(model))
    assert trained.tag([("to", "Ada")]) == [["O", "B-PER"]]


def test_repeats_are_the_example_given_several_times(model):
    few = settings(model, epochs=2)
    repeated = EncoderTagger.train(SHORT[:3], settings=few, repeats=[3, 1, 0])
    written_out = EncoderTagger.train([*[SHORT[0]] * 3, SHORT[1]], settings=few)
    assert repeated.marginals(SHORT[2]) == written_out.marginals(SHORT[2])
    foreign = example("in May", "O B-DATE")
    assert EncoderTagger.train([SHORT[0], foreign], settings=few, repeats=[1, 0]).labels == {
        "O",
        "B-PER",
        "B-LOC",
    }


def test_labels_may_be_more_than_the_examples_have_and_not_fewer(model):
    few = settings(model, epochs=1)
    trained = EncoderTagger.train(SHORT, settings=few, labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    assert trained.labels == {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}
    with pytest.raises(DataError, match="`B-LOC`, which is not among the labels"):
        EncoderTagger.train(SHORT, settings=few, labels=["O", "B-PER"])


@pytest.mark.parametrize(
    "examples",
    [[], [Example("empty", (), ())], [Example("blank", ("", ""), ("O", "B-PER"))]],
    ids=["none", "no words", "no subwords"],
)
def test_nothing_to_train_on_is_an_error(model, examples):
    with pytest.raises(DataError, match="no examples"):
        EncoderTagger.train(examples, settings=settings(model))


def test_a_head_for_the_same_labels_is_kept_and_any_other_begun_anew(tmp_path):
    def places_without_training(labels):
        folder = save_tiny_encoder(tmp_path / labels[0], [each.tokens for each in SHORT], labels=labels)
        model = AutoModelForTokenClassification.from_pretrained(folder)
        with torch.no_grad():
            model.classifier.bias[0] += 100
        model.save_pretrained(folder)
        unchanged = EncoderTagger.train(SHORT, settings=settings(folder, learning_rate=0.0, epochs=1))
        return unchanged.marginals(example("Ada travels", "B-LOC B-LOC"))

    assert places_without_training(["B-LOC", "O", "B-PER"]) == pytest.approx([1, 1])
    assert places_without_training(["O", "B-LOC", "B-PER"]) == pytest.approx([0, 0])
    assert places_without_training(["X", "Y", "Z"]) == pytest.approx([1 / 3, 1 / 3], abs=0.1)


def test_training_and_tagging_print_nothing_and_leave_no_file(model, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    EncoderTagger.train(SHORT[:4], settings=settings(model, epochs=1)).tag([LONG.tokens])
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["./no-model", "/no/model/here", "~/no-model-here", "one/two/three"])
def test_no_model_at_a_path_is_said(name):
    with pytest.raises(DataError, match="no folder with a model here") as caught:
        EncoderTagger.train(SHORT, settings=settings(name))
    assert caught.value.where == name
    assert "save_pretrained" in str(caught.value)


def test_what_is_neither_a_path_nor_an_id_is_said():
    with pytest.raises(DataError, match="neither a folder nor the id"):
        EncoderTagger.train(SHORT, settings=settings("no model--"))


def test_a_folder_without_a_model_is_said(tmp_path):
    with pytest.raises(DataError, match=r"no config\.json"):
        EncoderTagger.train(SHORT, settings=settings(tmp_path))


def copy_of(model, folder, without=()):
    folder.mkdir()
    for path in model.iterdir():
        if path.name not in without:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


class _Trap:
    """Runs code where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickled_weights_are_refused_and_never_loaded(model, tmp_path):
    folder = copy_of(model, tmp_path / "model", without=["model.safetensors"])
    torch.save(_Trap(str(tmp_path / "sprung")), folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="the weights are pickled") as caught:
        EncoderTagger.train(SHORT, settings=settings(folder))
    assert "model.safetensors" in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_no_weights_at_all_are_said(model, tmp_path):
    folder = copy_of(model, tmp_path / "model", without=["model.safetensors"])
    with pytest.raises(DataError, match="no weights as safetensors"):
        EncoderTagger.train(SHORT, settings=settings(folder))


def test_damaged_weights_are_said(model, tmp_path):
    folder = copy_of(model, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        EncoderTagger.train(SHORT, settings=settings(folder))
    assert caught.value.where == str(folder)


def test_an_architecture_without_token_classification_is_said(model, tmp_path):
    folder = copy_of(model, tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "clip"}', encoding="utf-8")
    with pytest.raises(DataError, match="of another kind: CLIP"):
        EncoderTagger.train(SHORT, settings=settings(folder))


def test_code_of_a_model_is_never_run(model, tmp_path):
    folder = copy_of(model, tmp_path / "model")
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(own), encoding="utf-8")
    sprung = tmp_path / "sprung"
    (folder / "own.py").write_text(f"open({str(sprung)!r}, 'w')\nclass Own: ...\n", encoding="utf-8")
    with pytest.raises(DataError, match="needs code of its own, which is never run"):
        EncoderTagger.train(SHORT, settings=settings(folder))
    assert not sprung.exists()


def test_a_tokenizer_that_is_not_fast_is_refused(model, tmp_path):
    folder = copy_of(model, tmp_path / "model", without=["tokenizer.json"])
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CanineTokenizer"}', encoding="utf-8")
    with pytest.raises(DataError, match="not a fast one"):
        EncoderTagger.train(SHORT, settings=settings(folder))


def test_a_tokenizer_of_another_model_is_refused(model, tmp_path):
    larger = save_tiny_encoder(tmp_path / "larger", [each.tokens for each in sentences(300, name="text")])
    folder = copy_of(model, tmp_path / "model", without=["tokenizer.json"])
    (folder / "tokenizer.json").write_bytes((larger / "tokenizer.json").read_bytes())
    with pytest.raises(DataError, match="subwords that the model does not know"):
        EncoderTagger.train(sentences(50, name="gold"), settings=settings(folder))


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("missing", ["torch", "transformers", "accelerate"])
def test_without_the_extra_it_is_said_how_to_install_it(missing):
    told = run(
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from synthner.evaluation.encoder import EncoderSettings, EncoderTagger\n"
        "from synthner.schema.errors import WrongUsageError\n"
        "try: EncoderTagger.train([], settings=EncoderSettings('some/model'))\n"
        "except WrongUsageError as error: print(error)\n"
    )
    assert f"not installed: {missing}" in told
    assert "pip install 'synthner[train]'" in told


def test_importing_the_module_imports_nothing_heavy():
    heavy = run(
        "import sys, synthner.evaluation.encoder\n"
        "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_a_model_that_cannot_be_reached_is_said(tmp_path):
    told = run(
        "from synthner.evaluation.encoder import model_folder\n"
        "from synthner.schema.errors import DataError\n"
        "try: model_folder('nobody/no-such-model')\n"
        "except DataError as error: print(error)\n",
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path),
    )
    assert "the model is not in the cache" in told
    assert "HF_HUB_OFFLINE" in told


def test_a_local_folder_is_taken_as_it_is(model):
    assert model_folder(str(model)) == model


def test_a_validation_example_with_another_label_is_said(model):
    few = settings(model, epochs=1)
    with pytest.raises(DataError, match="a validation example has the tag `B-DATE`") as caught:
        EncoderTagger.train(SHORT, settings=few, validation=[example("in May", "O B-DATE")])
    assert "`B-PER`" in str(caught.value)


def test_too_little_memory_says_what_to_lower(model):
    told = run(
        "import resource\n"
        "from synthner.evaluation.encoder import EncoderSettings, EncoderTagger\n"
        "from synthner.schema.errors import DataError\n"
        "from synthner.schema.example import Example\n"
        "words = ('Ada',) * 150\n"
        f"settings = EncoderSettings({str(model)!r}, epochs=1, batch_size=1000)\n"
        "examples = [Example('1', words, ('O',) * 150)]\n"
        "EncoderTagger.train(examples, settings=settings)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (50 << 20),) * 2)\n"
        "try: EncoderTagger.train(examples * 300, settings=settings)\n"
        "except DataError as error: print(error)\n"
    )
    assert "not enough memory" in told
    assert "Lower `batch_size` (1000) or `longest` (256)" in told
