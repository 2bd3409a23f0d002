"""Test sentences that are translated, tagged in the other language, and labelled from there.

A translator of a few thousand weights knows a small dictionary in which no name is written alike in both
languages, and names stand anywhere: only who translates can tell people from towns.
"""

import json
import random
import sys
import time
from multiprocessing import get_context

import pytest

from synthner.evaluation.grid.pool import run_cells, run_claimed
from synthner.evaluation.grid.repeating import check_repeatable, find_run
from synthner.evaluation.grid.results import read_predicted_tags
from synthner.evaluation.grid.running import DONE, FAILED, Report
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.example import Example
from synthner.schema.validation import first_error
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import Told, changed_grid, planned_grid, results_in, run_here
from synthner.tests.in_process import done
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, ENGLISH, save_tiny_translator

PEOPLE = {"Aksel": "Mara", "Birte": "Tobias", "Dorte": "Ines", "Eskil": "Goran"}
FAMILIES = {"Bruun": "Okoro", "Holst": "Silva", "Krag": "Vale"}
TOWNS = {"Ribe": "Velden", "Skive": "Tarsk", "Odder": "Lowick", "Thisted": "Kelby"}
OTHERS = {"roser": "praises", "kender": "knows", "husker": "remembers", "ikke": "not", ".": "."}
DICTIONARY = {**PEOPLE, **FAMILIES, **TOWNS, **OTHERS}
TRANSLATE = {"model": "translator", "codes": {"da": DANISH, "en": ENGLISH}, "beams": 1}


def danish(count, name):
    """Return labelled sentences in Danish; the name decides which."""
    chance = random.Random(name)
    made = []
    for number in range(count):
        person = [(chance.choice(list(PEOPLE)), "B-PER")]
        if chance.random() < 0.5:
            person.append((chance.choice(list(FAMILIES)), "I-PER"))
        town = [(chance.choice(list(TOWNS)), "B-LOC")]
        sides = [person, town]
        chance.shuffle(sides)
        verb = [(chance.choice(["roser", "kender", "husker"]), "O")]
        tokens, tags = zip(*sides[0], *verb, *sides[1], (".", "O"), strict=True)
        made.append(Example(f"{name}-{number}", tokens, tags))
    return made


def english(count, name):
    """Return labelled sentences in English."""
    return [
        Example(each.id, tuple(DICTIONARY[token] for token in each.tokens), each.ner_tags)
        for each in danish(count, name)
    ]


@pytest.fixture(scope="session")
def translator(tmp_path_factory):
    return save_tiny_translator(tmp_path_factory.mktemp("models") / "translator", dictionary=DICTIONARY)


def translated_grid(folder, translator=None, *, test=40, translate_test=TRANSLATE, **evaluation):
    """Write a release that is tested on Danish; English has gold, too, and is related to it."""
    folder.mkdir(exist_ok=True)
    for code, sentences, splits in (
        ("da", danish, {"train": 12, "validation": 6, "test": test}),
        ("en", english, {"train": 80}),
    ):
        for split, count in splits.items():
            write(folder / f"{code}-{split}.jsonl", sentences(count, f"{code} {split}"))
    if translator is not None:
        (folder / "translator").symlink_to(translator)
    value = {
        "name": "tiny",
        "seed": 5,
        "languages": {
            "da": {
                "gold": {"files": {split: f"da-{split}.jsonl" for split in ("train", "validation", "test")}}
            },
            "en": {"gold": {"files": {"train": "en-train.jsonl"}}},
        },
        "evaluation": {
            "languages": ["da"],
            "related": {"da": "en"},
            "sources": {"organic": "gold"},
            "settings": ["zero-shot", "translate-test"],
            "sizes": [10],
            "seeds": 2,
            "translate_test": translate_test,
            **evaluation,
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def by_setting(folder):
    return {
        (result["cell"]["tagger"]["name"], result["cell"]["setting"]): result
        for result in results_in(folder).values()
    }


def f1(result):
    return result["scores"]["micro"]["f1"]


def batches(folder):
    return sorted((folder / "runs" / "translations").glob("*/*.json"))


def times(paths):
    return {path: path.stat().st_mtime_ns for path in paths}


def test_labels_come_from_translations_that_a_tagger_of_the_other_language_has_tagged(tmp_path, translator):
    translated_grid(tmp_path, translator)
    ended = done("evaluate", "--workers", "1", folder=tmp_path)
    assert "2 of 2 cells done." in ended.stdout
    results = by_setting(tmp_path)
    zero_shot, translated = results["crf", "zero-shot"], results["crf", "translate-test"]
    assert f1(zero_shot) < 0.7
    assert f1(translated) > 0.9
    # The CRF of English is one file for both.
    assert len(list((tmp_path / "runs" / "models").glob("*.crfsuite"))) == 1
    assert zero_shot["data"]["train"] == translated["data"]["train"]
    assert "translate_test" not in zero_shot
    told = translated["translate_test"]
    assert (told["source"], told["model"], told["codes"]) == ("en", "translator", [DANISH, ENGLISH])
    assert told["model_revision"].startswith("sha256:")
    projection = told["projection"]
    assert projection["entities"] == projection["projected"] + sum(projection["dropped"].values()) > 60
    assert (projection["method"], projection["mentions"]) == ("exact", projection["projected"])
    assert translated["scores"]["invariance"] is None
    assert {"python-crfsuite", "torch", "sil-thot"} <= translated["measured"]["versions"].keys()
    assert "2 of 2 cells done" in done("status", folder=tmp_path).stdout


def test_a_dry_run_says_how_many_sentences_are_translated(tmp_path, translator):
    translated_grid(tmp_path, translator)
    ended = done("evaluate", "--dry-run", folder=tmp_path)
    assert "40 test sentences to translate" in ended.stdout
    assert not (tmp_path / "runs").exists()


def test_taggers_share_the_translations_and_an_encoder_its_related_model(tmp_path, translator):
    words = [each.tokens for each in english(60, "words")]
    save_tiny_encoder(tmp_path / "tiny", words)
    settings = {"epochs": 1, "related_epochs": 8, "learning_rate": 3e-3}
    path = translated_grid(tmp_path, translator, settings=["translate-test"])
    assert run_here(path).complete
    before = times(batches(tmp_path))
    assert len(before) == 2
    changed_grid(
        path,
        taggers={"crf": {}, "tiny": {"model": "tiny", "settings": settings}},
        settings=["zero-shot", "translate-test"],
    )
    assert run_here(path).done == 4
    assert times(batches(tmp_path)) == before
    (model,) = [each for each in (tmp_path / "runs" / "models").iterdir() if each.is_dir()]
    assert (model / "tagger.json").is_file()
    results = by_setting(tmp_path)
    assert f1(results["tiny", "translate-test"]) > 0.5 + f1(results["tiny", "zero-shot"]) / 2
    first, second = (results[name, "translate-test"]["translate_test"] for name in ("crf", "tiny"))
    assert {**first, "projection": None} == {**second, "projection": None}


def test_a_killed_translation_goes_on_where_it_was(tmp_path, translator):
    slow = {**TRANSLATE, "batch_size": 1, "beams": 5}
    for name in ("killed", "undisturbed"):
        translated_grid(
            tmp_path / name, translator, test=80, translate_test=slow, settings=["translate-test"]
        )
    folder = tmp_path / "killed"
    process = get_context("fork").Process(target=run_here, args=(folder / "release.yaml",))
    process.start()
    while len(batches(folder)) < 3:
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    kept = times(batches(folder))
    assert not results_in(folder)

    assert run_here(folder / "release.yaml").complete
    assert kept.items() <= times(batches(folder)).items()
    assert len(kept) < len(batches(folder))
    assert run_here(tmp_path / "undisturbed" / "release.yaml").complete
    (found,), (expected,) = (results_in(tmp_path / name).values() for name in ("killed", "undisturbed"))
    for key in ("id", "scores", "translate_test", "predictions"):
        assert found[key] == expected[key]


def test_a_damaged_batch_and_one_of_another_revision_are_made_again(tmp_path, translator):
    path = translated_grid(tmp_path, translator, settings=["translate-test"], test=24)
    changed_grid(path, translate_test={**TRANSLATE, "batch_size": 6})
    assert run_here(path).complete
    (before,) = results_in(tmp_path).values()
    files = batches(tmp_path)
    assert len(files) > 3
    kept = [each.read_text(encoding="utf-8") for each in files]
    files[0].write_text(kept[0][:-5], encoding="utf-8")
    files[1].write_text(json.dumps({**json.loads(kept[1]), "translations": []}), encoding="utf-8")
    files[2].write_text(json.dumps({**json.loads(kept[2]), "model_revision": "another"}), encoding="utf-8")
    untouched = times(files[3:])
    (tmp_path / "runs" / before["id"] / "result.json").unlink()
    assert run_here(path).complete
    assert [each.read_text(encoding="utf-8") for each in files] == kept
    assert times(files[3:]) == untouched
    (after,) = results_in(tmp_path).values()
    assert after["predictions"] == before["predictions"]


def left_out(path):
    plan, _ = planned_grid(path)
    return {each.setting: str(each.error) for each in plan.left_out}, {
        each.cell.setting for each in plan.cells
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"translate_test": None}, "the key `evaluation.translate_test` is missing"),
        ({"translate_test": {**TRANSLATE, "model": "./none"}}, "there is no folder with a model here"),
        ({"translate_test": {**TRANSLATE, "codes": {"da": DANISH}}}, "translate_test.codes.en` is missing"),
        (
            {
                "translate_test": {
                    **TRANSLATE,
                    "extra": [{"source": "{source}.txt", "target": "{language}.txt"}],
                }
            },
            "en.txt: there is no such file",
        ),
        ({"translate_test": {**TRANSLATE, "model_revision": "main"}}, "a folder has no revision `main`"),
        ({"related": None}, "no gold of a language related to `da`"),
    ],
    ids=["no description", "no model", "no code", "no extra text", "revision of a folder", "no related gold"],
)
def test_what_cannot_be_translated_is_left_out_with_its_reason(tmp_path, translator, change, reason):
    path = changed_grid(
        translated_grid(tmp_path, translator, settings=["scratch", "translate-test"]), **change
    )
    reasons, planned_ = left_out(path)
    assert reason in reasons["translate-test"]
    assert planned_ == {"scratch"}


def test_a_language_whose_words_are_not_apart_is_not_translated_into(tmp_path, translator):
    path = translated_grid(tmp_path, translator, translate_test={**TRANSLATE, "source": "th"})
    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"]["th"] = value["languages"]["en"]
    path.write_text(json.dumps(value), encoding="utf-8")
    reasons, planned_ = left_out(path)
    assert "words of Thai are not written apart" in reasons["translate-test"]
    assert planned_ == {"zero-shot"}


def test_a_multilingual_model_without_codes_fails_alone(tmp_path, translator):
    plan, data = planned_grid(translated_grid(tmp_path, translator, translate_test={"model": "translator"}))
    reports = {each.cell.setting: run_claimed(each, data) for each in plan.cells}
    assert reports["zero-shot"] == Report(DONE)
    failed = reports["translate-test"]
    assert failed.what == FAILED
    assert "does not say what it calls those of here" in failed.message
    assert "codes: {da: …, en: …}" in failed.message


@pytest.mark.parametrize("package", ["transformers", "thot"])
def test_a_package_that_is_missing_is_named(tmp_path, translator, package, monkeypatch):
    plan, data = planned_grid(translated_grid(tmp_path, translator))
    (cell,) = [each for each in plan.cells if each.cell.setting == "translate-test"]
    if package == "thot":
        assert run_claimed(cell, data) == Report(DONE)
        (tmp_path / "runs" / cell.id / "result.json").unlink()
    monkeypatch.setitem(sys.modules, package, None)
    report = run_claimed(cell, data)
    assert report.what == FAILED
    assert "not installed" in report.message
    assert f"pip install 'synthner[{'align' if package == 'thot' else 'train'}]'" in report.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"projection": {"method": "exact", "top_k": 1}}, "has no parameter `top_k`"),
        ({"projection": {"method": "exakt"}}, "exakt"),
        ({"aligner_model": "tiny"}, "the aligner `statistical` has no use for it"),
        ({"aligner": "simalign", "extra": [{"source": "a", "target": "b"}]}, "`simalign` has no use for it"),
        ({"source": "sv"}, "`sv` is no language of this release"),
        ({"codes": {"dan": DANISH}}, "`dan` is no language of this release"),
        ({"beam": 3}, "beam"),
    ],
    ids=["parameter", "method", "aligner's model", "extra text", "source", "codes", "key"],
)
def test_mistakes_in_the_description_are_refused_with_their_line(tmp_path, change, reason):
    path = translated_grid(tmp_path, translate_test={**TRANSLATE, **change})
    with pytest.raises(ReleaseError) as caught:
        read_release(path)
    assert reason in str(caught.value)
    assert (caught.value.where or "").startswith(f"{path}:")


def ids(path):
    return {each.cell.setting: each.id for each in planned_grid(path)[0].cells}


def test_what_decides_the_translated_labels_decides_the_cell_and_no_other(tmp_path, translator):
    path = translated_grid(tmp_path / "first", translator, translate_test=None)
    bare = ids(changed_grid(path, translate_test=None, settings=["zero-shot"]))
    path = translated_grid(tmp_path / "second", translator)
    first = ids(path)
    assert first["zero-shot"] == bare["zero-shot"]
    for name, text in (("en.txt", "Mara knows Velden\n"), ("da.txt", "Aksel kender Ribe\n")):
        (path.parent / name).write_text(text, encoding="utf-8")
    save_tiny_encoder(path.parent / "tiny", [each.tokens for each in english(60, "words")])
    changes = [
        {"beams": 2},
        {"batch_size": 7},
        {"codes": {"da": ENGLISH, "en": DANISH}},
        {"extra": [{"source": "{source}.txt", "target": "{language}.txt"}]},
        {"aligner": "simalign"},
        {"aligner": "simalign", "aligner_model": "tiny"},
        {"aligner": "awesome", "aligner_model": "tiny"},
        {"projection": {"method": "gf22"}},
        {"projection": {"method": "gf22", "compat": True}},
    ]
    found = [first["translate-test"]]
    for change in changes:
        changed = ids(changed_grid(path, translate_test={**TRANSLATE, **change}))
        assert changed["zero-shot"] == first["zero-shot"]
        found.append(changed["translate-test"])
    (path.parent / "en.txt").write_text("Mara praises Velden\n", encoding="utf-8")
    found.append(ids(changed_grid(path, translate_test={**TRANSLATE, **changes[3]}))["translate-test"])
    assert len(set(found)) == len(found)


def test_another_content_of_the_model_makes_another_cell(tmp_path, translator):
    path = translated_grid(tmp_path)
    copied = tmp_path / "translator"
    copied.mkdir()
    for each in translator.iterdir():
        (copied / each.name).write_bytes(each.read_bytes())
    before = ids(path)
    elsewhere = translated_grid(tmp_path / "elsewhere", translator)
    assert ids(elsewhere) == before
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    after = ids(path)
    assert after["translate-test"] != before["translate-test"]
    assert after["zero-shot"] == before["zero-shot"]


def test_extra_text_is_learned_from_and_an_encoder_can_align(tmp_path, translator):
    extra = {**TRANSLATE, "extra": [{"source": "{source}.txt", "target": "{language}.txt"}]}
    path = translated_grid(tmp_path, translator, settings=["translate-test"], test=10, translate_test=extra)
    for code, sentences in (("da", danish), ("en", english)):
        lines = [" ".join(each.tokens) for each in sentences(50, "extra")]
        (tmp_path / f"{code}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run_here(path).complete
    (result,) = results_in(tmp_path).values()
    assert result["translate_test"]["aligner"]["extra_sentences"] == 50
    assert f1(result) > 0.9

    save_tiny_encoder(tmp_path / "tiny", [each.tokens for each in (*english(60, "a"), *danish(60, "b"))])
    gf22 = {"aligner": "simalign", "aligner_model": "tiny", "projection": {"method": "gf22", "compat": True}}
    changed_grid(path, translate_test={**TRANSLATE, **gf22})
    assert run_here(path).complete
    (aligned,) = [each for id_, each in results_in(tmp_path).items() if id_ != result["id"]]
    told = aligned["translate_test"]
    assert (told["aligner"]["method"], told["aligner"]["model"]) == ("simalign", "tiny")
    assert told["aligner"]["model_revision"].startswith("sha256:")
    assert told["projection"]["parameters"] == {"compat": True}
    # Vectors of an encoder that has learned nothing link few words rightly, and what is lost has its reason.
    assert told["projection"]["entities"] == told["projection"]["projected"] + sum(
        told["projection"]["dropped"].values()
    )
    assert "sil-thot" not in aligned["measured"]["versions"]


def test_a_result_says_what_models_are_called_and_not_where_they_are(tmp_path, translator):
    words = [each.tokens for each in (*english(60, "a"), *danish(60, "b"))]
    aligner = save_tiny_encoder(tmp_path / "private" / "tiny", words)
    there = {"model": str(translator), "aligner": "simalign", "aligner_model": str(aligner)}
    path = translated_grid(
        tmp_path / "release", settings=["translate-test"], test=10, translate_test={**TRANSLATE, **there}
    )
    assert run_here(path).complete
    (result,) = results_in(path.parent).values()
    told = result["translate_test"]
    assert (told["model"], told["aligner"]["model"]) == ("translator", "tiny")
    assert not [place for place in (tmp_path, translator.parent) if str(place) in json.dumps(result)]


def test_the_language_that_is_translated_into_has_no_cell(tmp_path, translator):
    path = translated_grid(
        tmp_path,
        translator,
        languages=["da", "en"],
        related={"da": "en", "en": "da"},
        translate_test={**TRANSLATE, "source": "en"},
    )
    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"]["en"]["gold"]["files"]["test"] = "en-train.jsonl"
    path.write_text(json.dumps(value), encoding="utf-8")
    plan, _ = planned_grid(path)
    assert not plan.left_out
    assert {(each.cell.language, each.cell.setting) for each in plan.cells} == {
        ("da", "zero-shot"),
        ("da", "translate-test"),
        ("en", "zero-shot"),
    }


def test_a_result_without_the_new_key_stays_valid_and_the_tagger_alone_is_not_pushed(tmp_path, translator):
    path = translated_grid(tmp_path, translator, test=10)
    assert run_here(path).complete
    result = by_setting(tmp_path)["crf", "translate-test"]
    assert first_error("result", result) is None
    older = {key: value for key, value in result.items() if key != "translate_test"}
    assert first_error("result", older) is None
    assert first_error("result", {**result, "translate_test": {"source": "en"}}) is not None
    with pytest.raises(DataError, match="no tagger has this result alone") as caught:
        check_repeatable(find_run(tmp_path / "runs", result["id"]), planned_grid(path)[1])
    assert "zero-shot" in (caught.value.hint or "")


def test_the_pool_translates_once_where_two_taggers_come_at_the_same_time(tmp_path, translator):
    path = translated_grid(tmp_path, translator, settings=["translate-test"], taggers={"one": {}, "two": {}})
    plan, data = planned_grid(path)
    told = Told.nothing()
    run_cells(plan, data, workers=2, watcher=told)
    assert set(told.finished_) == {each.id for each in plan.cells}
    assert len({each.parent for each in batches(tmp_path)}) == 1
    one, two = (read_predicted_tags(tmp_path / "runs" / each.id) for each in plan.cells)
    assert one == two
