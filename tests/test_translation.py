"""Translation: a real model, taught a small dictionary, and what is said of models that are no use."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from synthner.projection.model_folders import NamedModel, named_model
from synthner.projection.translation import Decoding, Translation, Translator, load_translation_model
from synthner.schema.errors import DataError
from synthner.tests.tiny_translator import (
    DANISH,
    DICTIONARY,
    ENGLISH,
    save_tiny_translator,
    there_and_back,
)

SENTENCES = ["bor i", "cykler ofte ved .", "", "nu", "synger straks nær ,", "bor i", "lever stadig på"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_translator(tmp_path_factory.mktemp("translator"))


@pytest.fixture(scope="module")
def model(folder):
    return load_translation_model(named_model(str(folder), beside=folder))


def changed_copy(folder: Path, copy: Path, **config: object) -> NamedModel:
    """Copy a model, with other values in its configuration."""
    shutil.copytree(folder, copy)
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return named_model(str(copy), beside=copy)


def english(sentence: str) -> str:
    return " ".join(DICTIONARY[word] for word in sentence.split())


def texts(translations: list[Translation]) -> list[str]:
    return [translation.text for translation in translations]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_sentences_come_back_translated_and_in_order(model, batch_size):
    translator = Translator(model, DANISH, ENGLISH, Decoding(batch_size=batch_size))
    assert translator.translate(SENTENCES) == [Translation(english(each), True) for each in SENTENCES]


def test_one_model_translates_both_ways_whichever_way_was_last(model):
    there, back = Translator(model, DANISH, ENGLISH), Translator(model, ENGLISH, DANISH)
    for _ in range(2):
        pivots = texts(there.translate(SENTENCES))
        assert texts(back.translate(pivots)) == [" ".join(there_and_back(each.split())) for each in SENTENCES]


def test_no_sentence_at_all_is_no_error(model):
    assert Translator(model, DANISH, ENGLISH).translate([]) == []


def test_alternatives_begin_with_the_best_and_differ(model):
    translator = Translator(model, DANISH, ENGLISH)
    (found,) = translator.alternatives(["bor ofte i"], 7)
    assert found[0] == translator.translate(["bor ofte i"])[0]
    assert len(set(texts(found))) == 7


def test_what_is_drawn_follows_from_the_seed_and_leaves_other_draws_alone(model):
    translator = Translator(model, DANISH, ENGLISH, Decoding(temperature=3.0))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (translator.translate(SENTENCES, seed=seed) for seed in (4, 4, 5))
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sentence_that_is_too_long_is_translated_in_parts_and_whole(folder, tmp_path):
    short = load_translation_model(changed_copy(folder, tmp_path / "short", max_position_embeddings=16))
    sentence = " ".join(["bor ofte i .", "cykler stadig ved ,", "nu synger"] * 8)
    (translation,) = Translator(short, DANISH, ENGLISH).translate([sentence])
    assert translation == Translation(english(sentence), is_complete=True)


def test_a_text_without_blanks_is_cut_too(folder, tmp_path):
    short = load_translation_model(changed_copy(folder, tmp_path / "short", max_position_embeddings=16))
    lengths = []
    plain = short.weights.generate

    def measured(**arguments):
        lengths.append(arguments["input_ids"].shape[1])
        return plain(**arguments)

    short.weights.generate = measured
    Translator(short, DANISH, ENGLISH).translate(["borbor" * 20])
    assert max(lengths) <= 8


@pytest.mark.parametrize("forced", [None, 2], ids=["as it is", "with a forced end"])
def test_a_translation_that_does_not_end_is_reported(tmp_path, forced):
    folder = save_tiny_translator(tmp_path / "model", steps=0)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "forced_eos_token_id": forced}))
    with torch.no_grad():
        weights = AutoModelForSeq2SeqLM.from_pretrained(folder)
        # The end is never likely: its vector is of no length.
        weights.get_output_embeddings().weight[2] = 0
        weights.save_pretrained(folder)
        path.write_text(json.dumps({**json.loads(path.read_text()), "forced_eos_token_id": forced}))
    broken = load_translation_model(named_model(str(folder), beside=folder))
    (translation,) = Translator(broken, DANISH, ENGLISH, Decoding(beams=1)).translate(["bor i"])
    assert not translation.is_complete


@pytest.mark.parametrize("mark", [">>{}<<", "<2{}>"])
def test_a_mark_before_the_sentence_names_the_language_for_models_that_take_one(folder, tmp_path, mark):
    marked = tmp_path / "marked"
    shutil.copytree(folder, marked)
    backend = json.loads((marked / "tokenizer.json").read_text(encoding="utf-8"))
    backend["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
    }
    # What the model reads as "this is Danish" is what it needs to write English.
    text = json.dumps(backend, ensure_ascii=False)
    text = text.replace(f'"{DANISH}"', f'"{mark.format("en")}"')
    text = text.replace(f'"{ENGLISH}"', f'"{mark.format("da")}"')
    for path in marked.glob("*token*"):
        path.unlink()
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    ).save_pretrained(marked)

    model = load_translation_model(named_model(str(marked), beside=marked))
    assert texts(Translator(model, target="en").translate(["bor ofte i"])) == ["lives often in"]
    assert texts(Translator(model, target="da").translate(["lives often in"])) == ["lever tit på"]


def test_a_model_of_one_pair_takes_no_codes(tmp_path):
    tokenizer = save_tiny_translator(tmp_path / "multilingual", steps=0) / "tokenizer.json"
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer), eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    fast.save_pretrained(tmp_path)
    config = T5Config(
        vocab_size=len(fast), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, pad_token_id=1
    )
    config.eos_token_id = 2
    config.decoder_start_token_id = 1
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    model = load_translation_model(named_model(str(tmp_path), beside=tmp_path), device="cpu")

    assert len(Translator(model).translate(["bor i", "nu"])) == 2
    with pytest.raises(DataError, match=r"(?s)by the code `yor_Latn`.*takes no codes"):
        Translator(model, target="yor_Latn")


@pytest.mark.parametrize(("source", "target"), [("dan_Ltan", ENGLISH), (DANISH, "english")])
def test_a_code_that_the_model_does_not_have_is_named(model, source, target):
    wrong = source if target == ENGLISH else target
    with pytest.raises(DataError, match=f"(?s)by the code `{wrong}`.*`yor_Latn` for NLLB"):
        Translator(model, source, target)


def pickle_weights(folder: Path) -> None:
    torch.save(AutoModelForSeq2SeqLM.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def ask_for_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "its_own"
    config["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModelForSeq2SeqLM"), "code.Model")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('its code ran')")


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def take_another_tokenizer(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["another"])
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(pickle_weights, r"pickled(?s:.*)refs/pr/1", id="pickled"),
        pytest.param(ask_for_code, "code of its own, which is never run", id="code of its own"),
        pytest.param(cut_short, "cannot be loaded", id="cut short"),
        pytest.param(lambda at: (at / "config.json").unlink(), "no model of transformers", id="no model"),
        pytest.param(
            lambda at: (at / "model.safetensors").unlink(), "no weights as safetensors", id="no weights"
        ),
        pytest.param(take_another_tokenizer, "the model does not know", id="another tokenizer"),
    ],
)
def test_a_model_that_is_no_use_is_refused_with_its_name(folder, tmp_path, spoil, message):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    spoil(broken)
    with pytest.raises(DataError, match=message) as caught:
        load_translation_model(named_model("broken", beside=tmp_path))
    assert caught.value.where == "broken"


def test_a_name_is_a_folder_where_there_is_one_and_else_a_model_of_the_hub(folder, tmp_path):
    assert named_model("some/model", "v1", beside=tmp_path) == NamedModel("some/model", None, "v1")
    assert named_model("some/model", "v1", beside=tmp_path).identity() == ["hub", "some/model", "v1"]
    assert named_model(folder.name, beside=folder.parent).folder == folder
    with pytest.raises(DataError, match="no folder with a model"):
        named_model("./some/model", beside=tmp_path)
    with pytest.raises(DataError, match="has no revision `v1`"):
        named_model(str(folder), "v1", beside=tmp_path)


def test_a_model_is_another_one_when_what_its_files_hold_is(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    model = named_model(str(copy), beside=tmp_path)
    assert model.identity() == named_model(str(folder), beside=tmp_path).identity()
    (copy / "README.md").write_text("what people read")
    assert model.identity() == named_model(str(folder), beside=tmp_path).identity()
    (copy / "generation_config.json").write_text("{}")
    assert model.identity() != named_model(str(folder), beside=tmp_path).identity()


def test_without_a_connection_it_is_said_that_the_model_is_not_there(tmp_path):
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pathlib import Path\n"
            "from synthner.projection.model_folders import named_model\n"
            "from synthner.schema.errors import DataError\n"
            "try: named_model('some/model', beside=Path()).fetch()\n"
            "except DataError as error: print(error)",
        ],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert told.startswith("some/model: the Hub cannot be reached, and the model is not in the cache")
    assert "name a folder" in told
    assert "If it is a folder: there is none at some/model." in told
