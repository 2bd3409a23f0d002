"""Translation by models that were converted for CTranslate2: the same as by those that they come from."""

import json
import shutil
import sys
from pathlib import Path

import ctranslate2
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSeq2SeqLM,
    MarianConfig,
    MarianMTModel,
    PreTrainedTokenizerFast,
    set_seed,
)

from synthner.projection.forced_decoding import ForcedDecoder
from synthner.projection.model_folders import named_model
from synthner.projection.neural_alignment import load_encoder
from synthner.projection.translation import (
    Decoding,
    Translation,
    TranslationModel,
    Translator,
    load_translation_model,
)
from synthner.schema.errors import DataError, WrongUsageError
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator

SENTENCES = ["bor i", "cykler ofte ved .", "", "nu", "synger straks nær ,", "bor i", "lever stadig på"]
POSITIONS = 64


def converted(folder: Path, to: Path) -> Path:
    """Convert a model as `ct2-transformers-converter` does, with the files of its tokenizer beside it."""
    tokenizer = [
        path.name
        for path in folder.iterdir()
        if path.name not in ("config.json", "generation_config.json") and path.suffix != ".safetensors"
    ]
    TransformersConverter(str(folder), copy_files=tokenizer).convert(str(to))
    return to


def with_a_longest(folder: Path, longest: int) -> Path:
    """Let the tokenizer say how much the model reads, which a converted one does not."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": longest}))
    return folder


def loaded(folder: Path) -> TranslationModel:
    return load_translation_model(named_model(str(folder), beside=folder))


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = save_tiny_translator(tmp_path_factory.mktemp("translator") / "model", positions=POSITIONS)
    return with_a_longest(folder, POSITIONS)


@pytest.fixture(scope="module")
def folder(original) -> Path:
    return converted(original, original.parent / "converted")


@pytest.fixture(scope="module")
def both(original, folder) -> tuple[TranslationModel, TranslationModel]:
    return loaded(original), loaded(folder)


def english(sentence: str) -> str:
    return " ".join(DICTIONARY[word] for word in sentence.split())


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("batch_size", [2, 32])
def test_it_translates_as_the_model_that_it_comes_from(both, beams, batch_size):
    plain, fast = (
        Translator(each, DANISH, ENGLISH, Decoding(beams=beams, batch_size=batch_size)).translate(SENTENCES)
        for each in both
    )
    assert fast == plain == [Translation(english(each), is_complete=True) for each in SENTENCES]


def test_it_translates_both_ways(both):
    _, fast = both
    back = Translator(fast, ENGLISH, DANISH).translate(["lives in"])
    assert back == Translator(both[0], ENGLISH, DANISH).translate(["lives in"])
    assert Translator(fast, DANISH, ENGLISH).translate(["bor i"]) == [Translation("lives in", True)]


def test_alternatives_begin_with_the_best_and_differ(both):
    plain, fast = (Translator(each, DANISH, ENGLISH).alternatives(["bor ofte i"], 5)[0] for each in both)
    assert fast[0] == plain[0] == Translation("lives often in", is_complete=True)
    assert len({each.text for each in fast}) == 5


def test_a_sentence_that_is_too_long_is_translated_in_parts_and_whole(both):
    sentence = " ".join(["bor ofte i .", "cykler stadig ved ,", "nu synger"] * 8)
    plain, fast = (Translator(each, DANISH, ENGLISH).translate([sentence]) for each in both)
    # Parts of this length were not in what the model learned from, and its translations of them may be wrong.
    assert [each.text.count(" ") for each in fast] == [each.text.count(" ") for each in plain]
    assert fast[0].is_complete


def test_what_is_drawn_follows_from_the_seed(both):
    translator = Translator(both[1], DANISH, ENGLISH, Decoding(temperature=3.0))
    one, same, other = (translator.translate(SENTENCES, seed=seed) for seed in (4, 4, 5))
    assert one == same != other
    three = translator.alternatives(["bor ofte i ."], 3, seed=4)
    assert len(three[0]) == 3
    assert three == translator.alternatives(["bor ofte i ."], 3, seed=4)


def test_a_translation_that_does_not_end_is_reported(tmp_path):
    model = save_tiny_translator(tmp_path / "model", steps=0)
    weights = AutoModelForSeq2SeqLM.from_pretrained(model)
    with torch.no_grad():
        weights.get_output_embeddings().weight[2] = 0
    weights.save_pretrained(model)
    endless = loaded(with_a_longest(converted(model, tmp_path / "converted"), 16))
    (translation,) = Translator(endless, DANISH, ENGLISH, Decoding(beams=1)).translate(["bor i"])
    assert not translation.is_complete


def test_a_model_that_does_not_say_how_much_it_reads_is_told_how_to(folder, tmp_path):
    silent = shutil.copytree(folder, tmp_path / "silent")
    model = loaded(with_a_longest(silent, 10**30))
    with pytest.raises(DataError, match=r"longer than the model reads\n.*`model_max_length`"):
        Translator(model, DANISH, ENGLISH).translate([" ".join(["bor"] * 100)])


def test_a_model_of_one_pair_takes_no_codes(tmp_path):
    folder = save_tiny_marian(tmp_path / "marian")
    sentences = ["bor i Thy .", "cykler ofte", "nu og nu og nu"]
    plain, fast = (
        Translator(loaded(each), decoding=Decoding(beams=2)).translate(sentences)
        for each in (folder, converted(folder, tmp_path / "converted"))
    )
    assert [each.text for each in fast] == [each.text for each in plain]
    assert any(each.text for each in fast)


def save_tiny_marian(folder: Path) -> Path:
    """Save a model of the kind of OPUS-MT's, of random weights, with a tokenizer of whole words."""
    words = ["</s>", "<unk>", *DICTIONARY, *dict.fromkeys(DICTIONARY.values()), "og", "Thy"]
    known = list(dict.fromkeys([*words, "<pad>"]))
    tokenizer = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(known)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", 0)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=48,
    ).save_pretrained(folder)
    padding = len(known) - 1
    set_seed(2)
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(known),
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=48,
            init_std=0.4,
            scale_embedding=True,
            pad_token_id=padding,
            eos_token_id=0,
            bos_token_id=None,
            decoder_start_token_id=padding,
            forced_eos_token_id=None,
        )
    )
    model.generation_config.bad_words_ids = [[padding]]
    model.save_pretrained(folder)
    return folder


def test_other_weights_are_another_model(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    identity = named_model(str(copy), beside=copy).identity()
    assert identity == named_model(str(folder), beside=folder).identity()
    weights = copy / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert named_model(str(copy), beside=copy).identity() != identity


def test_a_code_that_it_does_not_have_is_named(both):
    with pytest.raises(DataError, match="by the code `en`"):
        Translator(both[1], DANISH, "en")


def test_without_the_package_it_is_said_how_to_install_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(WrongUsageError, match=r"not installed\n.*synthner\[align\].*pip install ctranslate2"):
        loaded(folder)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("tokenizer_config.json", "there is no tokenizer beside the converted model"),
        ("tokenizer.json", "the tokenizer does not know what the model reads"),
        ("model.bin", "no weights as safetensors"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder, tmp_path, file, message):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / file).unlink()
    with pytest.raises(DataError, match=message):
        loaded(copy)


def test_broken_weights_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.bin").write_bytes((copy / "model.bin").read_bytes()[:1000])
    with pytest.raises(DataError, match="the model cannot be loaded"):
        loaded(copy)


def test_what_it_cannot_do_is_refused(folder, both):
    with pytest.raises(DataError, match="can do nothing but translate"):
        ForcedDecoder(Translator(both[1], DANISH, ENGLISH))
    with pytest.raises(DataError, match="nothing with it but translate"):
        load_encoder(named_model(str(folder), beside=folder))


def test_the_version_is_one_that_converts_models_of_transformers_5():
    assert tuple(map(int, ctranslate2.__version__.split(".")[:2])) >= (4, 8)
