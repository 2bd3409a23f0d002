"""Log-probabilities of translations, against plain runs of real models; scores and problems made of them."""

import json
import shutil
from math import exp
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration, set_seed

from synthner.projection import matching
from synthner.projection.candidates import n_grams
from synthner.projection.forced_decoding import ForcedDecoder
from synthner.projection.model_folders import named_model
from synthner.projection.scores import AlignScore, Fusion, NerScore
from synthner.projection.translation import TranslationModel, Translator, load_translation_model
from synthner.projection.translation_scores import TranslationScores, fused_rows, nmt_rows
from synthner.schema.errors import DataError
from synthner.schema.iob2 import Mention
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator
from synthner.tests.translated_release import NAMES

PAIRS = [
    ("bor i", "lives in"),
    ("cykler ofte ved .", "rides often near ."),
    ("nu", "rides often near , now"),
    ("bor i", "often"),
    ("synger straks nær ,", ""),
    ("bor i", "lives in"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_translator(tmp_path_factory.mktemp("translator"), dictionary={**DICTIONARY, **NAMES})


@pytest.fixture(scope="module")
def model(folder) -> TranslationModel:
    return load_translation_model(named_model(str(folder), beside=folder), "cpu")


@pytest.fixture(scope="module")
def one_pair(folder, tmp_path_factory) -> TranslationModel:
    """A T5 that knows nothing, and takes no codes."""
    path = tmp_path_factory.mktemp("t5")
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    fast.save_pretrained(path)
    set_seed(2)
    config = T5Config(vocab_size=len(fast), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    config.pad_token_id, config.eos_token_id, config.decoder_start_token_id = 1, 2, 1
    T5ForConditionalGeneration(config).save_pretrained(path)
    return load_translation_model(named_model(str(path), beside=path), "cpu")


def by_a_plain_run(model: TranslationModel, translator: Translator, pair: tuple[str, str]) -> list[float]:
    """Run the whole model on one pair as its users do, and read the log-probabilities off."""
    tokenizer = model.tokenizer
    if hasattr(tokenizer, "src_lang"):
        tokenizer.src_lang, tokenizer.tgt_lang = DANISH, ENGLISH
    text, translation = pair
    read = tokenizer(text, return_tensors="pt")["input_ids"]
    beginning = translator.beginning()
    wanted = [*tokenizer(text_target=translation, add_special_tokens=False)["input_ids"], 2]
    with torch.no_grad():
        logits = model.weights(
            input_ids=read,
            attention_mask=torch.ones_like(read),
            decoder_input_ids=torch.tensor([[*beginning, *wanted[:-1]]]),
        ).logits[0]
    logs = logits.log_softmax(-1)
    return [logs[place, subword].item() for place, subword in enumerate(wanted, len(beginning) - 1)]


@pytest.mark.parametrize("name", ["multilingual", "of one pair"])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_log_probabilities_are_those_of_a_plain_run_however_they_are_batched(
    model, one_pair, name, batch_size
):
    used, codes = (model, (DANISH, ENGLISH)) if name == "multilingual" else (one_pair, (None, None))
    translator = Translator(used, *codes)
    found = ForcedDecoder(translator, batch_size).of_pairs(PAIRS)
    for pair, logs in zip(PAIRS, found, strict=True):
        assert logs == pytest.approx(by_a_plain_run(used, translator, pair), abs=1e-5)


def test_a_text_that_is_read_once_gives_the_same_for_each_of_its_translations(model):
    decoder = ForcedDecoder(Translator(model, DANISH, ENGLISH), 2)
    texts = ["lives in", "often", "rides often near .", "lives in now", "now"]
    verdicts = decoder.of_reading(decoder.read("bor i"), decoder.written(texts), beside=decoder.end)
    alone = decoder.of_pairs([("bor i", text) for text in texts])
    for verdict, logs in zip(verdicts, alone, strict=True):
        assert verdict.subwords == pytest.approx(logs, abs=1e-5)
        # The subword beside is the end, which is also the last.
        assert verdict.beside[-1] == verdict.subwords[-1]
        assert len(verdict.beside) == len(verdict.subwords)


def test_the_code_of_the_language_does_not_count(model):
    (logs,) = ForcedDecoder(Translator(model, DANISH, ENGLISH)).of_pairs([("bor i", "lives in")])
    # Two words and the end; the model is sure of what it was taught.
    assert len(logs) == 3
    assert exp(sum(logs)) > 0.5


def test_nothing_to_look_at_is_no_error(model):
    decoder = ForcedDecoder(Translator(model, DANISH, ENGLISH))
    assert decoder.of_pairs([]) == []
    assert decoder.of_reading(decoder.read("bor"), []) == []


def test_what_is_too_long_does_not_fit(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "short")
    path = tmp_path / "short" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 8}))
    short = load_translation_model(named_model("short", beside=tmp_path))
    decoder = ForcedDecoder(Translator(short, DANISH, ENGLISH))
    # The code and the end are read, too.
    assert decoder.fits("nu " * 6, 6)
    assert not decoder.fits("nu " * 7, 6)
    assert not decoder.fits("nu", 7)
    scores = TranslationScores(short, ENGLISH, DANISH)
    assert scores.fits("now " * 4, "nu " * 4)
    assert not scores.fits("now", "nu " * 6)


def test_a_score_is_that_of_both_ways_by_each_text_itself(model):
    pair = ("Rome", "Rom bor")
    (logs,) = TranslationScores(model, ENGLISH, DANISH).logs([pair]).values()

    def log(read: str, written: str, source: str, target: str) -> float:
        return sum(ForcedDecoder(Translator(model, source, target)).of_pairs([(read, written)])[0])

    a, b = pair
    assert logs.a_given_b == pytest.approx(log(b, a, DANISH, ENGLISH), abs=1e-5)
    assert logs.a_given_a == pytest.approx(log(a, a, ENGLISH, ENGLISH), abs=1e-5)
    assert logs.b_given_a == pytest.approx(log(a, b, ENGLISH, DANISH), abs=1e-5)
    assert logs.b_given_b == pytest.approx(log(b, b, DANISH, DANISH), abs=1e-5)
    # With the end, which is a subword like others.
    assert (logs.a_tokens, logs.b_tokens) == (2, 3)
    expected = (exp((logs.a_given_b - logs.a_given_a) / 2) + exp((logs.b_given_a - logs.b_given_b) / 3)) / 2
    assert TranslationScores(model, ENGLISH, DANISH).of([pair])[pair] == pytest.approx(expected)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_scores_do_not_depend_on_what_else_is_scored(model, batch_size):
    candidates = {"Rome": ["Rom", "København", "Rom ofte"], "Ada": ["Ada", "Ada Krogh"]}
    table = TranslationScores(model, ENGLISH, DANISH, batch_size).table(candidates)
    for entity, of_entity in table.items():
        for candidate, score in of_entity.items():
            alone = TranslationScores(model, ENGLISH, DANISH).of([(entity, candidate)])
            assert score == pytest.approx(alone[entity, candidate], abs=1e-5)


def test_a_translation_scores_more_than_what_is_none(model):
    table = TranslationScores(model, ENGLISH, DANISH).table({"Rome": ["Rom", "København", "Rom ofte", "nu"]})
    assert max(table["Rome"], key=table["Rome"].__getitem__) == "Rom"


def test_what_was_scored_is_not_scored_again(model):
    rows: list[int] = []

    def count(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        rows.append(len(kwargs["decoder_input_ids"]))

    hook = model.weights.register_forward_pre_hook(count, with_kwargs=True)
    try:
        scores = TranslationScores(model, ENGLISH, DANISH)
        first = scores.of([("Rome", "Rom"), ("Rome", "nu"), ("Rome", "Rom")])
        # Two pairs both ways, one entity and two candidates by themselves.
        assert sum(rows) == 4 + 1 + 2
        assert scores.of(first) == first
        assert sum(rows) == 7
        scores.of([("Rome", "tit")])
        assert sum(rows) == 7 + 2 + 1
    finally:
        hook.remove()


SOURCE = ["Ada", "lives", "in", "Rome"]
TARGET = ["Ada", "bor", "i", "Rom", "!"]
ENTITIES = [Mention(0, 1, "PER"), Mention(3, 4, "LOC")]


def test_entities_are_matched_by_translation_scores_alone(model):
    rows = nmt_rows(TranslationScores(model, ENGLISH, DANISH), ENTITIES, SOURCE, TARGET)
    assert [(start, end) for start, end, _ in rows[0]] == n_grams(TARGET)
    assert matching.exact(rows) == [(0, 0, 1), (1, 3, 4)]
    some = nmt_rows(TranslationScores(model, ENGLISH, DANISH), ENTITIES, SOURCE, TARGET, [(1, 3), (2, 4)])
    assert [[(start, end) for start, end, _ in row] for row in some] == [[(1, 3), (2, 4)]] * 2


def test_scores_of_all_three_kinds_are_put_together(model):
    rows = nmt_rows(TranslationScores(model, ENGLISH, DANISH), ENTITIES, SOURCE, TARGET)
    alignment = frozenset({(0, 0), (3, 3)})
    probabilities = [{"O": 1.0}, {"O": 1.0}, {"O": 1.0}, {"O": 0.2, "B-LOC": 0.8}, {"O": 1.0}]
    fused = fused_rows(rows, ENTITIES, alignment, probabilities)
    for entity, row, fused_row in zip(ENTITIES, rows, fused, strict=True):
        align, ner = AlignScore(entity, alignment, 5), NerScore(probabilities, entity.type)
        assert [score for _, _, score in fused_row] == pytest.approx(
            [Fusion().of(align.of(start, end), ner.of(start, end), nmt) for start, end, nmt in row]
        )
    assert matching.exact(fused) == [(0, 0, 1), (1, 3, 4)]
    # Without any say of the translation, a candidate that is not aligned is worth nothing.
    silent = fused_rows(rows, ENTITIES, frozenset(), [{"O": 1.0}] * 5, Fusion(nmt_weight=0.0))
    assert matching.exact(silent) == []


def test_a_code_that_the_model_does_not_have_is_named(model):
    with pytest.raises(DataError, match="by the code `english`"):
        TranslationScores(model, "english", DANISH)
