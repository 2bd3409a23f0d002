"""The masked entity model: what it may change and what not, what it learns, and a release made with it."""

import json
import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import regex
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    set_seed,
)

from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import METHODS
from synthner.generation.methods.entity_language_model import EntityLanguageModel, Training
from synthner.generation.methods.masked_entity_model import EntityReplacement, Settings, Variant
from synthner.generation.plan import method_context, plan_summary
from synthner.generation.watching import Outcome, Unwatched
from synthner.projection.model_folders import named_model
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import OUTSIDE, mentions, violations
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.normal_forms import NormalForms
from synthner.tests.in_process import done, refused

# For models so small several threads only wait for each other, the longer the more the machine has to do.
torch.set_num_threads(1)

PEOPLE = ("Ada", "Bodil", "Søren", "Krogh", "Åse", "Holm", "O'Brien")
PLACES = ("Thy", "Læsø", "Nørre", "Snede", "Ribe", "Saint-Denis")
CONTEXT = ("bor", "i", "nu", "synger", "ved", ".", ",", "Ada", "(", "Thy")
TYPES = ("PER", "LOC")
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
KINDS: dict[str, tuple[Any, Any]] = {
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaForMaskedLM),
    "roberta": (RobertaConfig, RobertaForMaskedLM),
    "bert": (BertConfig, BertForMaskedLM),
}
NORMAL = NormalForms()
SPEAKABLE = regex.compile(r"[\p{L}\p{M}\p{N}]")


def save_tiny_masked_model(folder: Path, *, kind: str = "xlm-roberta", positions: int = 258) -> Path:
    """Save a masked language model of one layer, and a tokenizer trained on the words above."""
    tokenizer = _tokenizer(kind)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
    ).save_pretrained(folder)
    config_class, model_class = KINDS[kind]
    set_seed(7)
    config = config_class(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.1,
        max_position_embeddings=positions,
        type_vocab_size=1,
        pad_token_id=1,
    )
    model_class(config).save_pretrained(folder)
    return folder


def _tokenizer(kind: str) -> Tokenizer:
    learned: dict[str, Any] = {"vocab_size": 160, "special_tokens": SPECIAL, "show_progress": False}
    if kind == "bert":
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(**learned)
    elif kind == "roberta":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(**{**learned, "vocab_size": 400}, initial_alphabet=alphabet)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(**learned)
    tokenizer.train_from_iterator([" ".join((*PEOPLE, *PLACES, *CONTEXT, "person", "location"))] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def labelled(text: str) -> Example:
    """Read `Ada/B-PER sings`, in which a word without a label is O."""
    words = [word.rpartition("/") if "/" in word else (word, "", "") for word in text.split()]
    return Example(text, tuple(word for word, _, _ in words), tuple(tag or OUTSIDE for _, _, tag in words))


def shown(variant: Variant) -> str:
    return " ".join(
        word if tag == OUTSIDE else f"{word}/{tag}"
        for word, tag in zip(variant.tokens, variant.tags, strict=True)
    )


GOLD = [
    labelled("Ada/B-PER Krogh/I-PER bor i Thy/B-LOC ."),
    labelled("Bodil/B-PER synger ved Nørre/B-LOC Snede/I-LOC nu"),
    labelled("nu bor Søren/B-PER Holm/I-PER , Åse/B-PER O'Brien/I-PER i Læsø/B-LOC"),
    labelled("( Ribe/B-LOC ) synger ved Saint-Denis/B-LOC ."),
    labelled("nu synger i ."),
]


def training(folder: Path, *, epochs: int = 1, learning_rate: float = 1e-3, seed: int = 3) -> Training:
    model = named_model(str(folder), beside=folder)
    return Training(model, epochs, learning_rate, batch_size=16, mask_rate=0.7, seed=seed)


def replacement(
    model: EntityLanguageModel, gold: Sequence[Example], *, mask_rate: float = 0.5, variants: int = 3
) -> EntityReplacement:
    named = named_model("some/model", beside=Path())
    never = frozenset(NORMAL.comparable(example.tokens) for example in gold)
    return EntityReplacement(model, Settings(named, mask_rate=mask_rate, variants=variants), never)


@pytest.fixture(scope="module", params=list(KINDS))
def model(request, tmp_path_factory) -> EntityLanguageModel:
    folder = save_tiny_masked_model(tmp_path_factory.mktemp(request.param), kind=request.param)
    return EntityLanguageModel.train(GOLD, TYPES, training(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_masked_model(tmp_path_factory.mktemp("xlm-roberta"))


@pytest.fixture(scope="module")
def trained(folder) -> EntityLanguageModel:
    return EntityLanguageModel.train(GOLD, TYPES, training(folder))


def check(example: Example, made: Sequence[Variant], gold: Sequence[Example]) -> None:
    """Check what must hold for the variants of any sentence."""
    texts = [NORMAL.comparable(variant.tokens) for variant in made]
    assert len(set(texts)) == len(texts)
    assert {NORMAL.comparable(each.tokens) for each in gold}.isdisjoint(texts)
    for variant in made:
        assert tuple(variant.tags) == example.ner_tags
        assert violations(variant.tags) == []
        assert len(variant.tokens) == len(example.tokens)
        in_mentions = set()
        for before, after, tag in zip(example.tokens, variant.tokens, variant.tags, strict=True):
            if tag == OUTSIDE:
                assert before == after
                continue
            in_mentions.add((before, after))
            assert after == before or variant.replaced[before] == after
            assert SPEAKABLE.search(after) or after == before
            assert after.split() == [after]
            assert all(letter in before for letter in after if not SPEAKABLE.match(letter))
        assert len({before for before, _ in in_mentions}) == len(in_mentions)


@st.composite
def sentences(draw: st.DrawFn) -> Example:
    tokens, tags = [], []
    for type_ in draw(st.lists(st.sampled_from(["", "PER", "LOC"]), min_size=1, max_size=6)):
        words = {"": CONTEXT, "PER": PEOPLE, "LOC": (*PLACES, "Ada")}[type_]
        part = draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))
        tokens += part
        tags += [f"B-{type_}", *[f"I-{type_}"] * (len(part) - 1)] if type_ else [OUTSIDE] * len(part)
    return Example("", tuple(tokens), tuple(tags))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(gold=st.lists(sentences(), min_size=1, max_size=6), mask_rate=st.sampled_from([0.2, 0.5, 1.0]))
def test_words_of_mentions_change_alike_and_nothing_else_does(model, gold, mask_rate):
    replacing = replacement(model, gold, mask_rate=mask_rate)
    made = replacing.variants(gold, "seed")
    for example, of_one in zip(gold, made, strict=True):
        assert len(of_one) <= 3
        check(example, of_one, gold)
    assert replacing.variants(gold, "seed") == made


def test_most_sentences_get_variants_and_others_with_another_seed(model):
    replacing = replacement(model, GOLD)
    made = replacing.variants(GOLD, "one")
    assert list(map(bool, made)) == [True, True, True, True, False]
    assert replacing.variants(GOLD, "two") != made


def test_a_sentence_gets_the_same_whatever_stands_beside_it(trained):
    replacing = replacement(trained, GOLD)
    assert replacing.variants(GOLD[:1], "seed") == replacing.variants(GOLD, "seed")[:1]


def test_a_name_that_stands_twice_is_replaced_twice(trained):
    source = labelled("Ada/B-PER Krogh/I-PER bor , Ada/B-PER Krogh/I-PER synger ved Krogh/B-PER")
    (made,) = replacement(trained, [source], mask_rate=1.0, variants=8).variants([source], "seed")
    assert made
    for variant in made:
        first, second = variant.tokens[:2]
        assert (first, second) != ("Ada", "Krogh")
        assert variant.tokens[4:6] == (first, second)
        assert variant.tokens[8] == second


def test_subwords_without_a_letter_stay(trained):
    source = labelled("nu/O O'Brien/B-PER Ada.-/I-PER bor/O")
    (made,) = replacement(trained, [source], mask_rate=1.0, variants=8).variants([source], "seed")
    assert made
    assert all(variant.tokens[2].endswith(".-") for variant in made)


def test_a_word_with_two_types_stays(trained):
    source = labelled("Thy/B-LOC og Thy/B-PER Holm/I-PER")
    (made,) = replacement(trained, [source], mask_rate=1.0).variants([source], "seed")
    assert made
    assert all(variant.tokens[0] == variant.tokens[2] == "Thy" for variant in made)
    assert all(variant.tokens[3] != "Holm" for variant in made)


@pytest.mark.parametrize(
    "text", ["日本/B-LOC", "!/B-PER ?/I-PER", "nu synger", "\u200b/B-PER", "\ud800/B-PER"], ids=ascii
)
def test_what_the_model_cannot_spell_stays(trained, text):
    source = labelled(text)
    assert replacement(trained, [source]).variants([source], "seed") == [[]]


def test_text_that_looks_like_a_label_or_a_mask_is_text(trained):
    source = Example(
        "1", ("<mask>", "<B-PER>", "Ada", "</s>", "bor", "<I-LOC>"), ("O", "O", "B-PER", "O", "O", "B-LOC")
    )
    (made,) = replacement(trained, [source], mask_rate=1.0).variants([source], "seed")
    check(source, made, [source])
    assert made


def test_a_long_sentence_is_replaced_from_end_to_end(tmp_path):
    folder = save_tiny_masked_model(tmp_path, positions=26)
    source = labelled(" ".join(["Ada/B-PER bor i Thy/B-LOC . Søren/B-PER Holm/I-PER synger"] * 6))
    model = EntityLanguageModel.train([source], TYPES, training(folder))
    assert len(model.reader.read(source.tokens, source.ner_tags).windows) > 3
    (made,) = replacement(model, [source], mask_rate=1.0, variants=8).variants([source], "seed")
    check(source, made, [source])
    assert any({"Thy", "Holm"}.isdisjoint(variant.tokens) for variant in made)


def test_no_word_is_too_long(trained):
    source = labelled(f"{'Ada' * 200}/B-PER bor {'Thy' * 200} i Thy/B-LOC")
    (made,) = replacement(trained, [source], mask_rate=1.0).variants([source], "seed")
    check(source, made, [source])
    assert made
    assert all(variant.tokens[0] == "Ada" * 200 for variant in made)


def test_the_label_says_what_is_drawn(tmp_path):
    """Names and places stand in the same contexts: only their labels tell them apart."""
    folder = save_tiny_masked_model(tmp_path)
    names = {"PER": PEOPLE[:6], "LOC": PLACES[:5]}
    chance = random.Random(1)
    gold = [
        labelled(
            " ".join(
                f"{chance.choice(CONTEXT[:5])} {chance.choice(names[type_])}/B-{type_}"
                for type_ in chance.sample(TYPES, 2)
            )
        )
        for _ in range(100)
    ]
    model = EntityLanguageModel.train(gold, TYPES, training(folder, epochs=20, learning_rate=5e-3))
    drawn: dict[str, list[str]] = {type_: [] for type_ in TYPES}
    for of_one in replacement(model, [], mask_rate=1.0).variants(gold[:40], "seed"):
        for variant in of_one:
            for mention in mentions(variant.tags):
                drawn[mention.type].append(variant.tokens[mention.start])
    for type_ in TYPES:
        assert len(set(drawn[type_])) > 3
        assert sum(name in names[type_] for name in drawn[type_]) > 0.9 * len(drawn[type_])


def test_the_same_training_gives_the_same_model_and_another_seed_another(folder, trained, tmp_path):
    same = EntityLanguageModel.train(GOLD, TYPES, training(folder))
    other = EntityLanguageModel.train(GOLD, TYPES, training(folder, seed=4))
    weights = []
    for name, each in (("trained", trained), ("same", same), ("other", other)):
        each.save(tmp_path / name)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def write_release(folder: Path, method_settings: str, *, seed: int = 4, sentences: int = 70) -> Path:
    """Write a release with some Danish gold."""
    blocks = []
    for number in range(sentences):
        lines = [f"{PEOPLE[number % 7]} B-PER", "bor O", f"{CONTEXT[number % 5]} O"]
        lines += [f"{PLACES[number % 5]} B-LOC", "siden O", f"{1900 + number} O", ""]
        blocks.append("\n".join(lines))
    (folder / "train.conll").write_text("\n".join(blocks), encoding="utf-8")
    (folder / "test.conll").write_text("Ada B-PER\nbor O\n", encoding="utf-8")
    path = folder / "release.yaml"
    path.write_text(
        f"""\
name: synth-ner
seed: {seed}
languages:
  da:
    gold:
      files: {{train: train.conll, test: test.conll}}
      license: cc0-1.0
generators:
  masked:
    method: masked_entity_model
    masked_entity_model: {method_settings}
""",
        encoding="utf-8",
    )
    return path


def quick(folder: Path, more: str = "") -> str:
    return f"{{model: {folder}, epochs: 1, learning_rate: 0.001{more}}}"


def answers(release: Release) -> list[str | None]:
    with Journal(release.journal) as journal:
        return [reply.text for _, reply in journal.answers("da_masked") if reply is not None]


def to_make(release: Release) -> int:
    return plan_summary(release).configs["da_masked"].splits["train"].to_ask


def kept_models(release: Release) -> dict[str, int]:
    """Return when each trained model was written."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in (release.work / "masked_entity_models").glob("*/model.safetensors")
    }


def test_a_release_is_made_and_built_from_the_command_line(folder, tmp_path):
    write_release(tmp_path, quick(folder))
    summary = done("generate", "--json", folder=tmp_path).json
    assert (summary["answered"], summary["failed"]) == (70, 0)
    done("build", folder=tmp_path)

    release = read_release(tmp_path)
    assert to_make(release) == 0
    rows = pq.read_table(release.dataset / "da_masked").to_pylist()
    origins = pq.read_table(release.dataset / "provenance" / "da_masked.parquet").to_pylist()
    gold = load_gold(release.configs[0].gold, "da")
    by_id = {example.id: example for example in gold.splits["train"]}
    assert len(rows) > 140
    for row, origin in zip(rows, origins, strict=True):
        source = by_id[origin["seed_ids"][0]]
        assert gold.labels.decode(row["ner_tags"]) == list(source.ner_tags)
        replaced = dict(each.split(" -> ") for each in origin["operation"].split("; "))
        assert row["tokens"] == [
            word if tag == OUTSIDE else replaced.get(word, word)
            for word, tag in zip(source.tokens, source.ner_tags, strict=True)
        ]
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Masked entity language modelling** (Zhou et al., 2022)" in card
    assert "by a language model that put other words into their mentions" in card


def test_whoever_waits_is_told_how_far_the_training_is(folder, tmp_path):
    told = []

    class Listening(Unwatched):
        def preparing(self, config: str, what: str) -> None:
            told.append((config, what))

        def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
            told.append((config, "answered"))

    settings = quick(folder).replace("epochs: 1", "epochs: 2")
    generate(read_release(write_release(tmp_path, settings)), watcher=Listening())

    first, second, *others = (what for _, what in told)
    assert first == "training the masked language model, epoch 1 of 2"
    assert second == "training the masked language model, epoch 2 of 2"
    assert set(others) == {"answered"}
    assert {config for config, _ in told} == {"da_masked"}


def test_the_trained_model_is_kept_and_used_again(folder, tmp_path):
    release = read_release(write_release(tmp_path, quick(folder)))
    generate(release)
    first, written = answers(release), kept_models(release)
    assert len(written) == 1

    # As after a run that was stopped before it answered anything; the model that it began with is gone.
    release.journal.unlink()
    generate(release)
    assert answers(release) == first
    assert kept_models(release) == written

    # How much is replaced has nothing to do with how the model is trained.
    release = read_release(write_release(tmp_path, quick(folder, ", mask_rate: 1.0, variants: 1")))
    generate(release)
    assert kept_models(release) == written

    release = read_release(write_release(tmp_path, quick(folder, ", training_mask_rate: 0.5")))
    generate(release)
    assert len(kept_models(release)) == 2
    assert list(release.work.glob("masked_entity_models/.*")) == []


def test_a_kept_model_that_is_damaged_is_named(folder, tmp_path):
    release = read_release(write_release(tmp_path, quick(folder)))
    generate(release)
    release.journal.unlink()
    (weights,) = release.work.glob("masked_entity_models/*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        generate(release)
    assert caught.value.where == str(weights.parent)


def test_an_answer_does_not_hang_on_which_others_are_there_already(folder, tmp_path):
    release = read_release(write_release(tmp_path, quick(folder)))
    context = method_context(release.configs[0], release, {})
    calls = list(METHODS["masked_entity_model"].plan(context))
    answering = METHODS["masked_entity_model"].answering
    assert answering is not None
    everything = list(answering(context)(calls))
    some = [0, 7, 63, 64, 69]
    assert list(answering(context)(calls[number] for number in some)) == [everything[n] for n in some]
    assert len(set(everything)) > 60


def test_the_same_seed_gives_the_same_and_another_other_sentences(folder, tmp_path):
    made = []
    for name, seed in (("one", 4), ("same", 4), ("other", 5)):
        (tmp_path / name).mkdir()
        release = read_release(write_release(tmp_path / name, quick(folder), seed=seed))
        generate(release)
        made.append(answers(release))
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("changed", ["train.conll", "test.conll", "model/config.json"])
def test_what_decides_the_outcome_is_made_anew_where_it_changed(folder, tmp_path, changed):
    shutil.copytree(folder, tmp_path / "model")
    release = read_release(write_release(tmp_path, quick(Path("model"))))
    generate(release)
    assert to_make(release) == 0
    path = tmp_path / changed
    path.write_text(path.read_text(encoding="utf-8").replace("bor", "boede").replace("{", "{ "))
    assert to_make(release) == 70


@pytest.mark.parametrize(
    ("method_settings", "message"),
    [
        ("{}", "the key `model` is missing"),
        ("{model: a/model, epoch: 3}", "Did you mean `epochs`?"),
        ("{model: a/model, mask_rate: 0}", "mask_rate"),
        ("{model: a/model, training_mask_rate: 1.5}", "training_mask_rate"),
        ("{model: a/model, variants: 0}", "variants"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path, method_settings, message):
    path = write_release(tmp_path, method_settings)
    with pytest.raises(ReleaseError) as caught:
        read_release(path)
    assert "release.yaml:11: generators.masked.masked_entity_model" in str(caught.value)
    assert message in str(caught.value)


def test_a_model_must_be_named(tmp_path):
    path = write_release(tmp_path, "{}")
    path.write_text(path.read_text().replace("    masked_entity_model: {}\n", ""))
    assert "the key `masked_entity_model.model` is missing" in refused("generate", folder=tmp_path)


def without_a_mask(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["mask_token"]
    path.write_text(json.dumps(config))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_marks_of_words(folder: Path) -> None:
    path = folder / "tokenizer.json"
    backend = json.loads(path.read_text(encoding="utf-8"))
    letters = {token: number for number, token in enumerate((*SPECIAL, *"AdaboriThy"))}
    backend["model"] = {**backend["model"], "vocab": letters, "merges": []}
    backend["pre_tokenizer"] = None
    path.write_text(json.dumps(backend, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_a_mask, "the model has no mask"),
        (pickled, "the weights are pickled"),
        (without_marks_of_words, "does not mark where words begin"),
    ],
)
def test_a_model_that_is_no_use_is_refused_with_its_name(folder, tmp_path, spoil, message):
    shutil.copytree(folder, tmp_path / "broken")
    spoil(tmp_path / "broken")
    release = read_release(write_release(tmp_path, quick(Path("broken"))))
    with pytest.raises(DataError, match=message) as caught:
        generate(release)
    assert caught.value.where == "broken"
    assert kept_models(release) == {}


def test_gold_without_a_mention_teaches_nothing(folder, tmp_path):
    path = write_release(tmp_path, quick(folder))
    gold = tmp_path / "train.conll"
    gold.write_text(regex.sub(r" [BI]-\w+", " O", gold.read_text(encoding="utf-8")) + "\n日本 B-PER\n")
    with pytest.raises(DataError, match="no word of a mention of gold train can be masked"):
        generate(read_release(path))


def test_without_the_extra_it_is_said_how_to_install_it(folder, tmp_path, monkeypatch):
    release = read_release(write_release(tmp_path, quick(folder)))
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert to_make(release) == 70
    with pytest.raises(WrongUsageError, match=r"da_masked: .*not installed: accelerate\n.*synthner\[train\]"):
        generate(release)


def test_real_gold_is_changed_only_in_its_mentions(shared: Path, tmp_path):
    source = GoldSource(files={"train": shared / "data" / "masakhaner2" / "yor" / "train.txt.gz"})
    read = load_gold(source, "yor")
    gold = read.splits["train"][:150]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        [" ".join(each.tokens) for each in gold],
        trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIAL, show_progress=False),
    )
    folder = save_tiny_masked_model(tmp_path)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", mask_token="<mask>"
    ).save_pretrained(folder)
    XLMRobertaForMaskedLM(
        XLMRobertaConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=64, pad_token_id=1,
        )
    ).save_pretrained(folder)  # fmt: skip
    model = EntityLanguageModel.train(gold, read.labels.types, training(folder))
    made = replacement(model, gold).variants(gold, "seed")
    assert sum(map(len, made)) > 200
    for example, of_one in zip(gold, made, strict=True):
        check(example, of_one, gold)
