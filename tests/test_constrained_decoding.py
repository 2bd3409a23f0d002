"""Constrained decoding: the search against all placements there are, and a release made with it."""

import gzip
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    set_seed,
)

from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.plan import method_context, plan_summary
from synthner.projection.constrained_decoding import (
    BracketDecoder,
    Placement,
    Pruning,
    Search,
    arranged,
    projected,
)
from synthner.projection.forced_decoding import ForcedDecoder
from synthner.projection.model_folders import named_model
from synthner.projection.translation import TranslationModel, Translator, load_translation_model
from synthner.schema.errors import DataError, ReleaseError, SynthnerError, WrongUsageError
from synthner.schema.iob2 import Mention, violations
from synthner.schema.labels import LabelSet
from synthner.tests.command_line import files_in, start
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator
from synthner.tests.translated_release import (
    CODES,
    WITH_BRACKETS,
    answered,
    answers,
    english_gold,
    in_danish,
    labelled,
    manifest_of,
    write_release,
)

ENGLISH_WORDS = [word for word in WITH_BRACKETS.values() if word.isalpha()]
DANISH_WORDS = [word for word in WITH_BRACKETS if word.isalpha()]
EVERYWHERE = Search(pruning=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_translator(tmp_path_factory.mktemp("translator") / "tiny", dictionary=WITH_BRACKETS)


@pytest.fixture(scope="module")
def model(folder) -> TranslationModel:
    return load_translation_model(named_model(str(folder), beside=folder), "cpu")


@pytest.fixture(scope="module")
def untaught(tmp_path_factory) -> tuple[TranslationModel, TranslationModel]:
    """Two models that know nothing: one that takes codes, and a T5."""
    path = tmp_path_factory.mktemp("untaught")
    save_tiny_translator(path / "m2m", dictionary=WITH_BRACKETS, steps=0)
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(path / "m2m" / "tokenizer.json"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    fast.save_pretrained(path / "t5")
    set_seed(2)
    config = T5Config(vocab_size=len(fast), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    config.pad_token_id, config.eos_token_id, config.decoder_start_token_id = 1, 2, 1
    t5 = T5ForConditionalGeneration(config)
    for weights in t5.parameters():
        weights.data.normal_(0, 0.6)
    t5.save_pretrained(path / "t5")
    m2m, t5 = (load_translation_model(named_model(name, beside=path), "cpu") for name in ("m2m", "t5"))
    return m2m, t5


def decoder_of(model: TranslationModel, search: Search = EVERYWHERE, batch_size: int = 8) -> BracketDecoder:
    source, target = (ENGLISH, DANISH) if hasattr(model.tokenizer, "src_lang") else (None, None)
    return BracketDecoder(
        Translator(model, source, target), Translator(model, target, source), batch_size, search
    )


def everything(
    model: TranslationModel, source: Sequence[str], entity: Mention, target: Sequence[str]
) -> dict[tuple[int, int], float]:
    """Score every placement of brackets there is, each by a plain run of the model over its text."""
    tokenizer = model.tokenizer
    if hasattr(tokenizer, "src_lang"):
        tokenizer.src_lang, tokenizer.tgt_lang = ENGLISH, DANISH
        beginning = [2, tokenizer.convert_tokens_to_ids(DANISH)]
    else:
        beginning = [1]
    inside = source[entity.start : entity.end]
    marked = [*source[: entity.start], "[", *inside, "]", *source[entity.end :]]
    read = tokenizer(" ".join(marked), return_tensors="pt")["input_ids"]
    scores = {}
    for first in range(len(target)):
        for end in range(first + 1, len(target) + 1):
            text = " ".join([*target[:first], "[", *target[first:end], "]", *target[end:]])
            wanted = [*tokenizer(text_target=text, add_special_tokens=False)["input_ids"], 2]
            with torch.no_grad():
                logits = model.weights(
                    input_ids=read, decoder_input_ids=torch.tensor([[*beginning, *wanted[:-1]]])
                ).logits[0, len(beginning) - 1 :]
            logs = logits.log_softmax(-1).gather(1, torch.tensor(wanted).unsqueeze(1))
            scores[first, end] = logs.sum().item()
    return scores


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[str], Mention, list[str]]:
    source = draw(st.lists(st.sampled_from([*ENGLISH_WORDS, "[", "]"]), min_size=1, max_size=6))
    target = draw(st.lists(st.sampled_from([*DANISH_WORDS, "[", "]", "."]), min_size=1, max_size=7))
    start = draw(st.integers(0, len(source) - 1))
    return source, Mention(start, draw(st.integers(start + 1, len(source))), "PER"), target


@settings(max_examples=25, deadline=None)
@given(problem=problems(), number=st.integers(0, 1), kept=st.integers(1, 6), batch_size=st.integers(1, 12))
def test_without_pruning_the_best_of_all_placements_are_found(untaught, problem, number, kept, batch_size):
    source, entity, target = problem
    decoder = decoder_of(untaught[number], Search(kept, pruning=None), batch_size)
    (found,) = decoder.placements(source, [entity], target)
    scores = everything(untaught[number], source, entity, target)
    best = sorted(scores.values(), reverse=True)[:kept]
    assert sorted((each.score for each in found), reverse=True) == pytest.approx(best, abs=1e-3)
    for each in found:
        assert each.score == pytest.approx(scores[each.start, each.end], abs=1e-3)
    assert len({(each.start, each.end) for each in found}) == len(found)


@settings(max_examples=25, deadline=None)
@given(
    problem=problems(),
    number=st.integers(0, 1),
    change=st.floats(0, 2),
    near=st.floats(0, 1),
    distance=st.integers(0, 5),
)
def test_with_pruning_placements_are_valid_and_none_is_better(
    untaught, problem, number, change, near, distance
):
    source, entity, target = problem
    search = Search(5, Pruning(change, near, distance))
    (found,) = decoder_of(untaught[number], search).placements(source, [entity], target)
    scores = everything(untaught[number], source, entity, target)
    assert 1 <= len(found) <= 5
    for each in found:
        assert 0 <= each.start < each.end <= len(target)
        assert each.score == pytest.approx(scores[each.start, each.end], abs=1e-3)
        assert each.score <= max(scores.values()) + 1e-3


@pytest.mark.parametrize("search", [EVERYWHERE, Search()], ids=["everywhere", "pruned"])
@pytest.mark.parametrize(
    ("source", "entity", "target", "expected"),
    [
        ("Ada lives near Rome", (0, 1), "Ada lever nær Rom", "Ada"),
        ("Ada lives near Rome", (3, 4), "Ada lever nær Rom", "Rom"),
        ("Ada Krogh lives near", (0, 2), "Ada Krogh lever nær", "Ada Krogh"),
        ("Ada Krogh", (0, 2), "Ada Krogh", "Ada Krogh"),
        ("Rome", (0, 1), "Rom", "Rom"),
        ("Copenhagen often Bo now", (2, 3), "København tit Bo straks", "Bo"),
    ],
)
def test_the_entity_is_what_the_model_would_enclose(model, search, source, entity, target, expected):
    ((best, *_),) = decoder_of(model, search).placements(
        source.split(), [Mention(entity[0], entity[1], "PER")], target.split()
    )
    assert target.split()[best.start : best.end] == expected.split()


def test_entities_are_searched_for_one_by_one(model):
    source, target = ["Ada", "lives", "near", "Rome"], ["Ada", "lever", "nær", "Rom"]
    entities = [Mention(0, 1, "PER"), Mention(3, 4, "LOC")]
    together = decoder_of(model).placements(source, entities, target)
    alone = [decoder_of(model).placements(source, [entity], target)[0] for entity in entities]
    for one, other in zip(together, alone, strict=True):
        assert [(each.start, each.end) for each in one] == [(each.start, each.end) for each in other]
        assert [each.score for each in one] == pytest.approx([each.score for each in other], abs=1e-4)


def test_placements_are_ranked_by_the_way_back(model):
    source, target = ["Ada", "lives", "near", "Rome"], ["Ada", "lever", "nær", "Rom"]
    (found,) = decoder_of(model).placements(source, [Mention(3, 4, "LOC")], target)
    back = ForcedDecoder(Translator(model, DANISH, ENGLISH))
    for each in found:
        (logs,) = back.of_pairs([(" ".join(target[each.start : each.end]), "Rome")])
        assert each.back == pytest.approx(sum(logs) / len(logs), abs=1e-5)
    assert [each.back for each in found] == sorted((each.back for each in found), reverse=True)


def runs_of(model: TranslationModel, search: Search, words: int) -> int:
    """Count the translations that the decoder looks at for one entity of so many words of a sentence."""
    source = ["Ada", *(["lives"] * (words - 1))]
    target = ["Ada", *(["lever"] * (words - 1))]
    rows: list[int] = []

    def count(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        rows.append(len(kwargs["decoder_input_ids"]))

    hook = model.weights.register_forward_pre_hook(count, with_kwargs=True)
    try:
        decoder_of(model, search).placements(source, [Mention(0, 1, "PER")], target)
    finally:
        hook.remove()
    return sum(rows)


def test_bounds_spare_most_placements_and_pruning_spares_more(model):
    placements = 12 * 13 // 2
    exact, pruned = runs_of(model, EVERYWHERE, 12), runs_of(model, Search(1), 12)
    # Besides placements: an opening before each word, and five on the way back.
    assert exact < 12 + placements + 5
    assert pruned < exact


def test_a_translation_without_words_has_no_placement(model):
    assert decoder_of(model).placements(["Ada"], [Mention(0, 1, "PER")], []) == [[]]
    assert decoder_of(model).placements(["bor"], [], ["lives"]) == []


def test_what_the_model_cannot_read_or_write_does_not_fit(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "short")
    path = tmp_path / "short" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 10}))
    decoder = decoder_of(load_translation_model(named_model("short", beside=tmp_path), "cpu"))
    # The code, the end and both brackets take four places.
    assert decoder.fits(["now"] * 6, ["nu"] * 5)
    assert not decoder.fits(["now"] * 7, ["nu"])
    assert not decoder.fits(["now"], ["nu"] * 7)


def test_a_tokenizer_without_brackets_is_refused(tmp_path):
    path = save_tiny_translator(tmp_path / "model", dictionary=DICTIONARY, steps=0)
    with pytest.raises(DataError, match=r"has no subword for `\[` or `\]`"):
        decoder_of(load_translation_model(named_model(str(path), beside=path)))


def placed(*spans: tuple[int, int, float]) -> list[Placement]:
    return [Placement(start, end, -1.0, back) for start, end, back in spans]


def test_the_entity_that_translates_back_best_takes_its_words_first():
    entities = [Mention(0, 1, "PER"), Mention(1, 2, "LOC"), Mention(2, 3, "ORG")]
    placements = [
        placed((0, 2, -0.5), (0, 1, -0.9), (3, 4, -1.0)),
        placed((1, 2, -0.1), (0, 1, -2.0)),
        placed((1, 3, -0.2), (1, 2, -0.3)),
    ]
    found = arranged(placements)
    assert [each and (each.start, each.end) for each in found] == [(0, 1), (1, 2), None]
    projection = projected(entities, found, 5)
    assert projection.tags == ["B-PER", "B-LOC", "O", "O", "O"]
    assert projection.dropped == ((2, "collides with another entity"),)


def test_of_equals_the_earlier_entity_comes_first_and_one_without_placements_gets_none():
    found = arranged([[], placed((0, 1, -0.5)), placed((0, 1, -0.5), (1, 2, -0.6))])
    assert [each and each.start for each in found] == [None, 0, 1]


@given(
    placements=st.lists(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, 4), st.floats(-9, 0)).map(
                lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
            ),
            max_size=5,
        ),
        max_size=4,
    )
)
def test_no_word_is_given_twice(placements):
    entities = [Mention(place, place + 1, "PER") for place in range(len(placements))]
    found = arranged([placed(*spans) for spans in placements])
    taken = [word for each in found if each for word in range(each.start, each.end)]
    assert len(taken) == len(set(taken))
    projection = projected(entities, found, 9)
    assert violations(projection.tags) == []
    assert projection.mentions + len(projection.dropped) == len(entities)


def settings_of(model: Path | str, **more: object) -> dict[str, object]:
    return {"source": "en", "model": str(model), "codes": CODES, "beams": 1, **more}


def rows_of(release, split: str = "train") -> list[tuple[list[str], list[str]]]:
    (path,) = (release.dataset / "da_mt").glob(f"{split}-*.parquet")
    labels = LabelSet.of_types(["PER", "LOC"])
    return [(row["tokens"], labels.decode(row["ner_tags"])) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("release")
    release = write_release(path, "constrained_decoding", settings_of(folder))
    summary = done("generate", "--json", folder=path).json
    assert (summary["answered"], summary["failed"]) == (60, 0)
    done("build", folder=path)
    return release


def test_translations_get_the_labels_of_their_sentences(built):
    expected = [in_danish(sentence) for sentence in english_gold(30)]
    rows = rows_of(built)
    assert len(rows) >= 20
    assert sum(row in expected for row in rows) >= 0.9 * len(rows)
    (path,) = (built.dataset / "provenance").glob("da_mt*")
    origins = pq.read_table(path).to_pylist()
    assert origins[0]["operation"].startswith("translated from en by ")
    assert ", brackets by " in origins[0]["operation"]
    assert {origin["seed_ids"][0] for origin in origins} <= {
        example.id for example in method_context(built.configs[0], built, {}).gold_of("en").splits["train"]
    }


def test_the_manifest_and_the_card_say_what_became_of_entities(built):
    findings = manifest_of(built)["method_findings"]
    assert findings["sentences"]["kept"] + sum(findings["sentences"]["dropped"].values()) == 30
    assert findings["types"]["PER"]["entities"] == 20
    assert findings["types"]["PER"]["projected"] >= 18
    assert findings["source_gold"]["types_left_out"] == {"DATE": 10}
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Constrained decoding** (CODEC; Le et al., 2024)" in card
    assert "| PER | 20 |" in re.sub(" +", " ", card)


def test_nothing_is_left_to_do_until_something_changes(built, folder):
    assert plan_summary(built).configs["da_mt"].splits["train"].to_ask == 0
    scores = [json.loads(text)["scores"] for text in answers(built, "decode")]
    assert all(score <= 0 and back <= 0 for of_one in scores for score, back in of_one)


def test_a_run_that_was_killed_goes_on_to_identical_data(built, folder, tmp_path):
    release = write_release(tmp_path, "constrained_decoding", settings_of(folder))
    process = start("generate", folder=tmp_path)
    while process.poll() is None and not answered(release):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done("generate", folder=tmp_path)
    done("build", folder=tmp_path)
    assert answers(release, "decode") == answers(built, "decode")
    assert rows_of(release) == rows_of(built)
    mine, others = files_in(release.dataset), files_in(built.dataset)
    assert mine["provenance/da_mt.parquet"] == others["provenance/da_mt.parquet"]


@pytest.mark.parametrize("kept", [7, 30, 43])
def test_an_answer_does_not_hang_on_where_a_run_stopped(built, folder, tmp_path, kept):
    release = write_release(tmp_path, "constrained_decoding", settings_of(folder))
    with Journal(built.journal) as journal, Journal(release.journal) as other:
        for call, reply in islice(list(journal.answers("da_mt")), kept):
            assert reply
            other.record(call, reply)
    assert generate(release).answered == 60 - kept
    assert answers(release, "decode") == answers(built, "decode")


def test_another_model_for_brackets_translates_nothing_anew(built, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "generation_config.json").write_text('{"decoder_start_token_id": 2}')
    shutil.copytree(built.folder, tmp_path / "release")
    release = write_release(
        tmp_path / "release",
        "constrained_decoding",
        settings_of(folder, marker_model=str(tmp_path / "other"), back=str(folder)),
    )
    summary = generate(release)
    assert summary.answered == 30
    decoded = [json.loads(text)["ner_tags"] for text in answers(release, "decode")]
    assert decoded == [json.loads(text)["ner_tags"] for text in answers(built, "decode")]


ODD_SENTENCES = (
    labelled("Ada/B-PER Krogh/I-PER"),
    labelled("now often still"),
    labelled("Ada/B-PER [ lives ]"),
    labelled(" ".join(["Ada/B-PER", *["lives"] * 60])),
    labelled("Rome/B-LOC Thy/B-LOC Bo/B-PER Ada/B-PER"),
)


def test_sentences_of_all_kinds_come_through_or_have_their_reason(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 32}))
    release = write_release(
        tmp_path, "constrained_decoding", settings_of("model", keep="all"), english=ODD_SENTENCES
    )
    generate(release)
    whole, none, own, long, crowded = map(json.loads, answers(release, "decode"))
    assert (whole["tokens"], whole["ner_tags"]) == (["Ada", "Krogh"], ["B-PER", "I-PER"])
    assert none["ner_tags"] == ["O"] * 3
    assert own["tokens"][0] == "Ada"
    assert violations(own["ner_tags"]) == []
    assert long == {"fault": "longer than the model can read"}
    assert len(crowded["ner_tags"]) == len(crowded["tokens"])
    done("build", folder=tmp_path)
    dropped = manifest_of(release)["method_findings"]["sentences"]["dropped"]
    assert dropped == {"longer than the model can read": 1}
    (rejects,) = (tmp_path / "work" / "rejects").iterdir()
    assert "longer than the model can read" in gzip.decompress(rejects.read_bytes()).decode()


def test_a_translation_that_does_not_end_gives_nothing(tmp_path):
    never = save_tiny_translator(tmp_path / "never", dictionary=WITH_BRACKETS, steps=0)
    weights = AutoModelForSeq2SeqLM.from_pretrained(never)
    with torch.no_grad():
        # The end is never likely: its vector is of no length.
        weights.get_output_embeddings().weight[2] = 0
    weights.save_pretrained(never)
    release = write_release(tmp_path / "one", "constrained_decoding", settings_of(never))
    generate(release)
    assert set(answers(release, "decode")) == {'{"fault": "the translation is cut short"}'}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": None}, "the key `constrained_decoding.back` is missing"),
        ({"codes": None, "back": "MODEL"}, "the key `constrained_decoding.codes` is missing"),
        ({"codes": {"en": ENGLISH}}, "the key `constrained_decoding.codes.da` is missing"),
        (
            {"back_revision": "v1"},
            "the key `constrained_decoding.back` is missing, and there is its revision",
        ),
        ({"marker_model": "./none"}, "there is no folder with a model here"),
        ({"source": "fo"}, "`fo` is no language of this release"),
        ({"source": "da"}, "names the language itself"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(folder, tmp_path, changes, message):
    value = {
        key: str(folder) if each == "MODEL" else each
        for key, each in {**settings_of(folder), **changes}.items()
        if each is not None
    }
    release = write_release(tmp_path, "constrained_decoding", value)
    with pytest.raises(SynthnerError, match=re.escape(message)):
        generate(release)


def test_a_wrong_setting_is_named(tmp_path):
    with pytest.raises(ReleaseError, match="Did you mean `marker_model`"):
        write_release(tmp_path, "constrained_decoding", settings_of("a/model", marker_modell="a/model"))


def test_words_that_are_not_written_apart_are_refused(folder, tmp_path):
    codes = {"en": ENGLISH, "th": DANISH}
    write_release(tmp_path, "constrained_decoding", settings_of(folder, codes=codes), target="th")
    assert "constrained_decoding: words of Thai are not written apart" in refused("generate", folder=tmp_path)


def test_a_model_without_brackets_is_refused_with_its_name(tmp_path):
    model = save_tiny_translator(tmp_path / "model", steps=0)
    release = write_release(tmp_path, "constrained_decoding", settings_of(model))
    with pytest.raises(DataError, match=r"has no subword for `\[` or `\]`") as caught:
        generate(release)
    assert caught.value.where == str(model)


def test_without_the_extra_it_is_said_how_to_install_it(folder, tmp_path, monkeypatch):
    release = write_release(tmp_path, "constrained_decoding", settings_of(folder))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WrongUsageError, match=r"synthner\[train\]"):
        generate(release)


@pytest.mark.parametrize("key", ["marker_model", "back"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("encoder", "encoder: the model is of another kind: xlm-roberta"),
        ("./none", "there is no folder with a model here"),
    ],
)
def test_models_that_cannot_be_are_named_before_anything_is_translated(folder, tmp_path, key, name, message):
    save_tiny_encoder(tmp_path / "encoder", [ENGLISH_WORDS])
    value = {"source": "en", "model": str(folder), "codes": CODES, key: name}
    release = write_release(tmp_path, "constrained_decoding", value)
    assert message in refused("generate", folder=tmp_path)
    assert not answered(release)
