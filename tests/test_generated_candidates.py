"""Generated candidates: what a tiny model writes, and a release made with it."""

import json
import os
import re
import shutil
import signal
import sys
import time
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.plan import plan_summary
from synthner.projection.candidate_generation import CandidateGenerator, Prompt
from synthner.projection.generated import generated_candidates
from synthner.projection.model_folders import named_model
from synthner.projection.translation import TranslationModel, load_translation_model
from synthner.schema.errors import ReleaseError, SynthnerError, WrongUsageError
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet
from synthner.tests.command_line import files_in, start
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_candidate_model import save_tiny_candidate_model
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DICTIONARY, ENGLISH, save_tiny_translator
from synthner.tests.translated_release import (
    CODES,
    NAMES,
    answered,
    answers,
    english_gold,
    in_danish,
    labelled,
    manifest_of,
    write_release,
)

METHOD = "generated_candidates"
NAMES_OF_TYPES = {"Person": ["Ada", "Krogh", "Bo"], "Location": ["Thy", "Rom", "København"]}
TYPES = {"Person": "PER", "Location": "LOC"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two models: one that translates and scores, and one that writes candidates."""
    path = tmp_path_factory.mktemp("models")
    save_tiny_translator(path / "translator", dictionary={**DICTIONARY, **NAMES})
    save_tiny_candidate_model(path / "candidates", NAMES_OF_TYPES, list(DICTIONARY), steps=200)
    return path


@pytest.fixture(scope="module")
def model(folder) -> TranslationModel:
    return load_translation_model(named_model("candidates", beside=folder), "cpu")


def prompts() -> list[str]:
    return [
        Prompt().of(["Ada", "bor", "i", "Thy", "."], ["Person", "Location"]),
        Prompt().of(["Rom", "lever", "Bo"], ["Person"]),
        Prompt().of(["København", "tit"], ["Location"]),
        Prompt().of(["Ada", "bor", "i", "Thy", "."], ["Person", "Location"]),
    ]


def test_a_prompt_is_the_sentence_and_a_slot_for_each_entity():
    assert Prompt().of(["Ada", "bor", "i", "Thy"], ["Person", "Location"]) == (
        "Ada bor i Thy <Person>[None]</Person><Location>[None]</Location>"
    )
    other = Prompt("Find {slots}: {sentence}|", "{type}?")
    # What a sentence has of a placeholder is text.
    assert other.of(["{slots}", "{sentence}"], ["A", "B"]) == "Find A?B?: {slots} {sentence}|"


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_texts_come_in_order_however_they_are_batched(model, batch_size):
    texts = CandidateGenerator(model, 5, batch_size).texts(prompts())
    assert [len(of_one) for of_one in texts] == [5] * 4
    assert texts[0] == texts[3]
    assert texts == CandidateGenerator(model, 5).texts(prompts())
    assert generated_candidates(texts[1], ["Rom", "lever", "Bo"], TYPES)["PER"][0] == ("Bo",)
    both = generated_candidates(texts[0], ["Ada", "bor", "i", "Thy", "."], TYPES)
    assert (both["PER"][0], both["LOC"][0]) == (("Ada",), ("Thy",))


def test_marks_that_are_special_to_the_tokenizer_stay(folder, tmp_path):
    shutil.copytree(folder / "candidates", tmp_path / "special")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "special")
    marks = [mark for type_ in TYPES for mark in (f"<{type_}>", f"</{type_}>")]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.save_pretrained(tmp_path / "special")
    special = load_translation_model(named_model("special", beside=tmp_path), "cpu")
    (texts,) = CandidateGenerator(special, 2).texts(prompts()[1:2])
    assert generated_candidates(texts, ["Rom", "lever", "Bo"], TYPES)["PER"][0] == ("Bo",)


def test_nothing_to_ask_is_no_error_and_what_is_too_long_does_not_fit(model):
    generator = CandidateGenerator(model, 2)
    assert generator.texts([]) == []
    assert generator.fits(prompts()[0])
    assert not generator.fits("nu " * 65)


def settings_of(folder: Path, **more: object) -> dict[str, object]:
    return {
        "source": "en",
        "model": str(folder / "translator"),
        "candidates": str(folder / "candidates"),
        "codes": CODES,
        "beams": 1,
        "candidate_beams": 5,
        **more,
    }


def rows_of(release) -> list[tuple[list[str], list[str]]]:
    (path,) = (release.dataset / "da_mt").glob("train-*.parquet")
    labels = LabelSet.of_types(["PER", "LOC"])
    return [(row["tokens"], labels.decode(row["ner_tags"])) for row in pq.read_table(path).to_pylist()]


ENGLISH_GOLD = [sentence for sentence in english_gold(60) if "I-PER" not in sentence[1]][:30]


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("release")
    release = write_release(path, METHOD, settings_of(folder), english=ENGLISH_GOLD)
    summary = done("generate", "--json", folder=path).json
    assert (summary["answered"], summary["failed"]) == (90, 0)
    done("build", folder=path)
    return release


def test_translations_get_the_labels_of_their_sentences(built):
    expected = [in_danish(sentence) for sentence in ENGLISH_GOLD]
    rows = rows_of(built)
    assert len(rows) >= 15
    assert sum(row in expected for row in rows) >= 0.9 * len(rows)
    (path,) = (built.dataset / "provenance").glob("da_mt*")
    assert ", candidates by " in pq.read_table(path).to_pylist()[0]["operation"]


def test_the_manifest_and_the_card_say_what_became_of_entities(built):
    findings = manifest_of(built)["method_findings"]
    assert findings["sentences"]["kept"] + sum(findings["sentences"]["dropped"].values()) == 30
    of_places = findings["types"]["LOC"]
    assert of_places["entities"] == of_places["projected"] + sum(of_places["dropped"].values())
    assert of_places["projected"] > 0.8 * of_places["entities"]
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Generated candidates** (T-Projection; García-Ferrero et al., 2023)" in card
    assert f"| LOC | {of_places['entities']} |" in re.sub(" +", " ", card)


def test_what_the_model_wrote_and_how_it_was_scored_is_kept(built):
    assert plan_summary(built).configs["da_mt"].splits["train"].to_ask == 0
    written = [json.loads(text)["texts"] for text in answers(built, "generate")]
    assert all(1 <= len(texts) <= 5 for texts in written)
    scores = json.loads(answers(built, "match")[0])["scores"]
    assert all(score > 0 for of_entity in scores.values() for score in of_entity.values())


def test_other_beams_translate_nothing_anew(built, folder, tmp_path):
    shutil.copytree(built.folder, tmp_path / "release")
    other = settings_of(folder, candidate_beams=3)
    release = write_release(tmp_path / "release", METHOD, other, english=ENGLISH_GOLD)
    assert generate(release).answered == 60
    assert {len(json.loads(text)["texts"]) for text in answers(release, "generate")} <= {1, 2, 3}


@pytest.mark.parametrize("kept", [7, 30, 47, 60, 75])
def test_an_answer_does_not_hang_on_where_a_run_stopped(built, folder, tmp_path, kept):
    release = write_release(tmp_path, METHOD, settings_of(folder), english=ENGLISH_GOLD)
    with Journal(built.journal) as journal, Journal(release.journal) as other:
        for call, reply in islice(list(journal.answers("da_mt")), kept):
            assert reply
            other.record(call, reply)
    assert generate(release).answered == 90 - kept
    assert answers(release, "match") == answers(built, "match")


def test_a_run_that_was_killed_goes_on_to_identical_data(built, folder, tmp_path):
    release = write_release(tmp_path, METHOD, settings_of(folder), english=ENGLISH_GOLD)
    process = start("generate", folder=tmp_path)
    while process.poll() is None and answered(release) < 40:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done("generate", folder=tmp_path)
    done("build", folder=tmp_path)
    assert rows_of(release) == rows_of(built)
    mine, others = files_in(release.dataset), files_in(built.dataset)
    assert mine["provenance/da_mt.parquet"] == others["provenance/da_mt.parquet"]


ODD_SENTENCES = (
    labelled("now often still"),
    labelled(" ".join(["Ada/B-PER", *["lives"] * 80])),
    labelled("Ada/B-PER ./I-PER"),
    labelled("Ada/B-PER Ada/B-PER Ada/B-PER"),
    labelled("now/B-LOC"),
)


def test_sentences_of_all_kinds_come_through_or_have_their_reason(folder, tmp_path):
    release = write_release(tmp_path, METHOD, settings_of(folder, keep="all"), english=ODD_SENTENCES)
    generate(release)
    none, long, marked, crowded, strange = map(json.loads, answers(release, "match"))
    assert none["ner_tags"] == ["O"] * 3
    assert long == {"fault": "longer than the model can read"}
    assert violations(marked["ner_tags"]) == []
    assert len(crowded["lost"]) + crowded["ner_tags"].count("B-PER") == 3
    assert len(strange["lost"]) + strange["ner_tags"].count("B-LOC") == 1
    done("build", folder=tmp_path)
    assert manifest_of(release)["method_findings"]["types"]["PER"]["entities"] == 5


def test_sentences_that_lost_an_entity_are_dropped_unless_they_are_to_be_kept(folder, tmp_path):
    # The model looks for what its marks call people, and finds nobody by another name.
    names = {"PER": "Animal"}
    for keep, number in (("complete", 10), ("all", 0)):
        changed = settings_of(folder, names=names, keep=keep)
        release = write_release(tmp_path / keep, METHOD, changed, english=english_gold(30))
        generate(release)
        done("build", folder=tmp_path / keep)
        findings = manifest_of(release)["method_findings"]
        assert findings["types"]["PER"]["dropped"] == {"no candidate": 20}
        dropped = findings["sentences"]["dropped"].get("an entity is lost: no candidate", 0)
        assert dropped >= number if keep == "complete" else dropped == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": {"en": ENGLISH}}, "the key `generated_candidates.codes.da` is missing"),
        ({"prompt": "{sentence}"}, "generated_candidates.prompt: `{slots}` is missing"),
        ({"slot": "[]"}, "generated_candidates.slot: `{type}` is missing"),
        ({"names": {"ORG": "Firm"}}, "generated_candidates.names: gold has no type `ORG`"),
        ({"names": {"PER": "Location"}}, "generated_candidates.names: two types have the same name"),
        ({"candidates": "./none"}, "there is no folder with a model here"),
        ({"codes": {"en": "english", "da": "dansk"}}, "by the code `dansk`"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(folder, tmp_path, changes, message):
    release = write_release(tmp_path, METHOD, settings_of(folder, **changes))
    with pytest.raises(SynthnerError, match=re.escape(message)):
        generate(release)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidate_beams": 101}, "candidate_beams"),
        ({"names": {"PER": "A person"}}, "names"),
        ({"prompts": "{sentence}"}, "Did you mean `prompt`"),
    ],
)
def test_a_wrong_setting_is_named(folder, tmp_path, changes, message):
    with pytest.raises(ReleaseError, match=message):
        write_release(tmp_path, METHOD, settings_of(folder, **changes))


def test_without_the_extra_it_is_said_how_to_install_it(folder, tmp_path, monkeypatch):
    release = write_release(tmp_path, METHOD, settings_of(folder))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WrongUsageError, match=r"synthner\[train\]"):
        generate(release)


def test_a_model_that_writes_no_candidates_is_named_before_anything_is_translated(folder, tmp_path):
    save_tiny_encoder(tmp_path / "encoder", [list(DICTIONARY)])
    release = write_release(tmp_path, METHOD, settings_of(folder, candidates="encoder"))
    message = refused("generate", folder=tmp_path)
    assert "encoder: the model is of another kind: xlm-roberta" in message
    assert not answered(release)
