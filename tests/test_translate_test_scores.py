"""Translated test sentences whose labels a tagger or a translation model has a say in."""

import json
import shutil

import pytest

from synthner.evaluation.grid.pool import run_claimed
from synthner.evaluation.grid.running import FAILED
from synthner.evaluation.recipes import train_on_gold
from synthner.release import read_release
from synthner.schema.errors import ReleaseError
from synthner.schema.example import Example
from synthner.schema.validation import first_error
from synthner.tests.grid_release import changed_grid, planned_grid, results_in, run_here
from synthner.tests.in_process import done, synthner
from synthner.tests.test_translate_test import (
    DICTIONARY,
    TRANSLATE,
    batches,
    danish,
    f1,
    ids,
    left_out,
    translated_grid,
)
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, ENGLISH, save_tiny_translator

NMT = {"method": "exact", "scores": "nmt"}
FUSED = {"method": "exact", "scores": "fused"}
OF_GOLD = {**FUSED, "tagger": {"gold": "{language}"}}


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return save_tiny_translator(tmp_path_factory.mktemp("models") / "translator", dictionary=DICTIONARY)


def grid(folder, translator=None, projection=None, **changes):
    """Write a release that translates test sentences, as few as statistics cannot align."""
    described = {**TRANSLATE, "projection": projection} if projection else TRANSLATE
    changes = {"settings": ["translate-test"], "test": 4, **changes}
    return translated_grid(folder, translator, translate_test=described, **changes)


def result_of(path):
    assert run_here(path).complete
    (result,) = results_in(path.parent).values()
    return result


def test_translation_scores_find_what_statistics_of_little_text_do_not(tmp_path, translator):
    alone = result_of(grid(tmp_path / "alone", translator))
    scored = result_of(grid(tmp_path / "scored", translator, NMT))
    assert "scoring" not in alone["translate_test"]["projection"]
    assert f1(scored) > 0.95 > f1(alone)
    projection = scored["translate_test"]["projection"]
    revision = scored["translate_test"]["model_revision"]
    assert projection["scoring"] == {
        "candidates": "ngram",
        "scores": {"nmt": {"weight": 1.0, "threshold": 0.1}},
        "tagger": None,
        "tagger_revision": None,
        # It scores in the direction in which labels go: from the translation to the test sentence.
        "translator": {"model": "translator", "revision": revision, "languages": [ENGLISH, DANISH]},
        "unread": 0,
    }
    assert projection["parameters"] == {}
    wrong = {**projection, "scoring": {**projection["scoring"], "scores": {"align": 1}}}
    told = {**scored["translate_test"], "projection": wrong}
    assert first_error("result", {**scored, "translate_test": told}) is not None


def test_a_tagger_that_learns_gold_of_the_language_tested_has_its_say(tmp_path, translator):
    path = grid(tmp_path, translator, OF_GOLD)
    result = result_of(path)
    scoring = result["translate_test"]["projection"]["scoring"]
    assert list(scoring["scores"]) == ["align", "ner"]
    assert (scoring["tagger"], scoring["translator"]) == ("CRF on gold of da", None)
    assert scoring["tagger_revision"].startswith("sha256:")
    # That of English, which tags the translations, and that of Danish.
    assert len(list((tmp_path / "runs" / "models").glob("*.crfsuite"))) == 2
    assert f1(result) > f1(result_of(grid(tmp_path / "alone", translator)))
    before = result["id"]
    # Other gold train is another tagger.
    train = tmp_path / "da-train.jsonl"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]))
    assert ids(path)["translate-test"] != before


def test_all_three_are_fused_and_unread_pairs_are_counted(tmp_path):
    short = save_tiny_translator(tmp_path / "short", dictionary=DICTIONARY, positions=16)
    projection = {**OF_GOLD, "translator": {"model": str(short), "codes": {"da": DANISH, "en": ENGLISH}}}
    model = save_tiny_translator(tmp_path / "model", dictionary=DICTIONARY)
    path = grid(tmp_path / "grid", model, projection)
    # A word that takes more subwords than such a model reads is in candidates of the name beside it.
    long = {"tokens": ["Aksel", "roser", "BruunHolstKrag" * 3, "."], "ner_tags": ["B-PER", "O", "O", "O"]}
    with (path.parent / "da-test.jsonl").open("a", encoding="utf-8") as gold:
        gold.write(json.dumps(long) + "\n")
    scoring = result_of(path)["translate_test"]["projection"]["scoring"]
    assert list(scoring["scores"]) == ["align", "ner", "nmt"]
    assert scoring["unread"] > 0
    assert scoring["translator"]["model"] == "short"
    assert str(tmp_path) not in json.dumps(scoring)


@pytest.mark.parametrize("kind", ["crf", "encoder"])
def test_a_saved_tagger_chooses_candidates_and_is_named_without_its_place(tmp_path, translator, kind):
    tagger = tmp_path / "taggers" / "da"
    gold = danish(60, "tagger")
    if kind == "crf":
        train_on_gold(gold).save(tagger / "model.crfsuite")
    else:
        labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
        save_tiny_encoder(tagger, [each.tokens for each in gold], labels=labels)
    projection = {
        "method": "greedy",
        "candidates": "tagger",
        "tagger": {"model": str(tmp_path / "taggers" / "{language}")},
    }
    result = result_of(grid(tmp_path / "grid", translator, projection, test=40))
    scoring = result["translate_test"]["projection"]["scoring"]
    assert (scoring["candidates"], list(scoring["scores"]), scoring["tagger"]) == ("tagger", ["align"], "da")
    assert scoring["tagger_revision"].startswith("sha256:")
    assert str(tmp_path) not in json.dumps(result["translate_test"])
    if kind == "crf":
        assert f1(result) > 0.9


def test_cells_without_the_new_keys_are_those_that_they_were(tmp_path):
    # The id that this cell had before anything but alignments could have a say.
    before = {"translate-test": "b58469efc40d6e1b692a60b8"}
    for number, projection in enumerate((None, {"method": "exact"}, {"method": "exact", "scores": "align"})):
        path = grid(tmp_path / str(number), None, projection, test=40)
        value = json.loads(path.read_text(encoding="utf-8"))["evaluation"]["translate_test"]
        assert ids(changed_grid(path, translate_test={**value, "model": "some/translator"})) == before


def test_whatever_decides_scores_decides_the_cell(tmp_path, translator):
    train_on_gold(danish(20, "one")).save(tmp_path / "one" / "model.crfsuite")
    train_on_gold(danish(20, "other")).save(tmp_path / "other" / "model.crfsuite")
    other = shutil.copytree(translator, tmp_path / "another-translator")
    (other / "generation_config.json").write_text('{"max_length": 9}')
    projections = [
        None,
        NMT,
        {**NMT, "translator": {"batch_size": 8}},
        {**NMT, "translator": {"codes": {"da": ENGLISH, "en": DANISH}}},
        {**NMT, "translator": {"model": "another-translator"}},
        {**NMT, "method": "greedy"},
        {**FUSED, "translator": {}},
        OF_GOLD,
        {**OF_GOLD, "translator": {}},
        {**OF_GOLD, "scores": "ner"},
        {**OF_GOLD, "candidates": "tagger"},
        {**FUSED, "tagger": {"gold": "en"}},
        {**FUSED, "tagger": {"model": "one"}},
        {**FUSED, "tagger": {"model": "other"}},
    ]
    path = grid(tmp_path, translator)
    found = []
    for projection in projections:
        described = {**TRANSLATE, "projection": projection} if projection else TRANSLATE
        found.append(ids(changed_grid(path, translate_test=described))["translate-test"])
    assert len(set(found)) == len(found)
    # The same in other words.
    for projection, same in (
        ({**NMT, "translator": {}}, 1),
        ({**NMT, "translator": {"model": "translator"}}, 1),
        ({**FUSED, "tagger": {"gold": "da"}}, 7),
        ({**FUSED, "tagger": {"gold": "{source}"}}, 11),
    ):
        changed = ids(changed_grid(path, translate_test={**TRANSLATE, "projection": projection}))
        assert changed["translate-test"] == found[same]


@pytest.mark.parametrize(
    ("projection", "reason"),
    [
        ({**NMT, "translator": {"model": "./none"}}, "there is no folder with a model here"),
        ({**NMT, "translator": {"model": "empty"}}, "there is no config.json"),
        ({**NMT, "translator": {"model": "converted"}}, "is converted for CTranslate2"),
        (
            {**NMT, "translator": {"codes": {"da": DANISH}}},
            "`evaluation.translate_test.projection.translator`: the key `codes.en` is missing",
        ),
        ({**FUSED, "tagger": {"model": "./none"}}, "there is no folder with a model here"),
        ({**FUSED, "tagger": {"model": "empty"}}, "there is no config.json"),
        ({**FUSED, "tagger": {"model": "crf", "revision": "main"}}, "a CRF has no revision `main`"),
        ({**FUSED, "tagger": {"gold": "fi"}}, "NEP"),
    ],
    ids=[
        *("no translator", "no model", "converted", "no code", "no tagger", "no model of a tagger"),
        *("revision of a CRF", "no common type"),
    ],
)
def test_who_cannot_score_is_said_by_a_dry_run(tmp_path, translator, projection, reason):
    path = grid(tmp_path, translator, projection, settings=["zero-shot", "translate-test"])
    (tmp_path / "empty").mkdir()
    train_on_gold(danish(8, "crf")).save(tmp_path / "crf" / "model.crfsuite")
    shutil.copytree(translator, tmp_path / "converted")
    for name in ("model.bin", "shared_vocabulary.json"):
        (tmp_path / "converted" / name).write_text("[]")
    (tmp_path / "fi.conll").write_text("Anu B-NEP\nlaulaa O\n\n", encoding="utf-8")
    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"]["fi"] = {"gold": {"files": {"train": "fi.conll"}}}
    path.write_text(json.dumps(value), encoding="utf-8")
    reasons, planned = left_out(path)
    assert reason in reasons["translate-test"]
    assert planned == {"zero-shot"}
    ended = synthner("evaluate", "--dry-run", folder=tmp_path)
    assert reason in ended.stdout + ended.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        (FUSED, "translate_test.projection: there is nothing to fuse with alignments"),
        ({"method": "exact", "scores": "ner"}, "translate_test.projection: there is no tagger"),
        ({"method": "exact", "tagger": {"gold": "da"}}, "translate_test.projection.tagger: it has no use"),
        ({"method": "exact", "translator": {}}, "translate_test.projection.translator: it has no use"),
        ({**OF_GOLD, "method": "politov"}, "the method `politov` has no candidates"),
        ({**FUSED, "tagger": {"gold": "sv"}}, "projection.tagger.gold: `sv` is no language of this release"),
        ({**FUSED, "tagger": {"gold": "{lang}"}}, "`{lang}` is no language of this release"),
        ({**NMT, "translator": {"codes": {"dan": DANISH}}}, "`dan` is no language of this release"),
        ({**FUSED, "tagger": {"model": "a/b", "gold": "da"}}, "exactly one of `model` or `gold`"),
        ({**NMT, "scores": "nnt"}, "Did you mean `nmt`?"),
        ({**NMT, "top_k": 1}, "the method `exact` has no parameter `top_k`"),
    ],
)
def test_a_projection_that_cannot_be_is_refused_with_its_line(tmp_path, projection, message):
    path = grid(tmp_path, None, projection)
    with pytest.raises(ReleaseError) as caught:
        read_release(path)
    assert message in str(caught.value)
    assert (caught.value.where or "").startswith(f"{path}:")


@pytest.mark.parametrize("who", ["tagger", "translator"])
def test_who_cannot_score_after_all_fails_before_anything_is_translated(tmp_path, translator, who):
    codes = {"da": "xxx_Latn", "en": ENGLISH}
    projection = {
        "tagger": {**FUSED, "tagger": {"model": "crf"}},
        "translator": {**NMT, "translator": {"codes": codes}},
    }[who]
    train_on_gold([Example("1", ("Ada", "bor"), ("B-NEP", "O"))]).save(tmp_path / "crf" / "model.crfsuite")
    plan, data = planned_grid(grid(tmp_path, translator, projection))
    (cell,) = plan.cells
    report = run_claimed(cell, data)
    assert report.what == FAILED
    expected = {
        "tagger": "crf: the tagger has the types NEP, and the source has LOC, PER",
        "translator": "xxx_Latn",
    }
    assert expected[who] in report.message
    assert not batches(tmp_path)
    assert not (tmp_path / "runs" / "models").exists()


def test_the_command_says_what_a_scored_cell_came_to(tmp_path, translator):
    grid(tmp_path, translator, NMT)
    assert "1 of 1 cell done." in done("evaluate", "--workers", "1", folder=tmp_path).stdout
