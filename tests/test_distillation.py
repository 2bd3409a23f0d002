"""Distillation: teachers tag a text, and a release goes from there to students that are evaluated."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe
from synthner.evaluation.recipes import train_on_gold
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import METHODS
from synthner.generation.methods.distillation import NO_PROBABILITIES, OTHER_LABELS
from synthner.generation.plan import method_context
from synthner.hub.verification import verify_folder
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.tests.command_line import start
from synthner.tests.curation_sentences import sentences, write
from synthner.tests.grid_release import planned_grid, results_in, run_here
from synthner.tests.in_process import done
from synthner.tests.tiny_encoder import save_tiny_encoder

LANGUAGES = {"en": "english", "fi": "finnish", "el": "greek"}


def distinct(count, name):
    """Return so many English sentences, each once, that do not stand in gold."""
    gold = {
        example.tokens for split, size in SPLITS.items() for example in sentences(size, name=f"en {split}")
    }
    found = {example.tokens: example for example in sentences(6 * count, name=name)}
    return [example for tokens, example in found.items() if tokens not in gold][:count]


SPLITS = {"train": 60, "validation": 15, "test": 30}
TEXT = distinct(70, "text")
CRF_ON_FINNISH = {"gold": "fi"}


def write_release(folder, teachers, *, settings=None, evaluation=None, text=TEXT, joint=None, **generator):
    """Write a release in which teachers tag English text, with gold of English, Finnish and Greek."""
    folder.mkdir(parents=True, exist_ok=True)
    languages = {}
    for code, language in LANGUAGES.items():
        files = {}
        for split, count in SPLITS.items():
            files[split] = f"{code}-{split}.jsonl"
            write(folder / files[split], sentences(count, name=f"{code} {split}", language=language))
        languages[code] = {"gold": {"files": files, "license": "cc0-1.0"}}
    write_text(folder / "text.jsonl", text)
    distillation = {"text": "text.jsonl", "license": "cc0-1.0", "teachers": teachers, **(settings or {})}
    value = {
        "name": "synth-ner",
        "seed": 7,
        "languages": languages,
        "generators": {
            "taught": {
                "method": "distillation",
                "languages": ["en"],
                "distillation": distillation,
                **generator,
            }
        },
        **({"evaluation": evaluation} if evaluation else {}),
        **({"joint": joint} if joint else {}),
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return read_release(path)


def write_text(path, examples):
    lines = (json.dumps({"tokens": example.tokens}, ensure_ascii=False) for example in examples)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows_of(release, config="en_taught", split="train") -> list[dict[str, Any]]:
    table = pq.read_table(release.dataset / config / f"{split}-00000-of-00001.parquet")
    return table.to_pylist()


def teacher_and_text(release) -> tuple[CrfTagger, dict[str, Any]]:
    gold = sentences(60, name="fi train", language="finnish")
    return train_on_gold(gold), {row["id"]: row for row in rows_of(release)}


def test_a_text_is_published_with_what_the_teacher_says_of_each_word(tmp_path):
    release = write_release(tmp_path, [CRF_ON_FINNISH])
    assert generate(release).is_complete
    manifest = build(release)
    names = manifest["configs"]["en_taught"]["labels"]
    teacher, rows = teacher_and_text(release)
    assert [tuple(row["tokens"]) for row in rows.values()] == [example.tokens for example in TEXT]
    for row in rows.values():
        (said,) = teacher.probabilities_of([row["tokens"]])
        for label, column in zip(names, zip(*row["tag_probabilities"], strict=True), strict=True):
            of_teacher = (
                said[:, teacher.label_names.index(label)] if label in teacher.labels else [0.0] * len(said)
            )
            assert column == pytest.approx(list(of_teacher), abs=1e-4)
        assert not violations([names[tag] for tag in row["ner_tags"]])
        assert [sum(each) for each in row["tag_probabilities"]] == pytest.approx(
            [1.0] * len(row["tokens"]), abs=1e-3
        )
    assert any(row["ner_tags"] != [0] * len(row["tokens"]) for row in rows.values())


def test_the_column_is_loaded_verified_and_described(tmp_path):
    release = write_release(tmp_path, [CRF_ON_FINNISH, {"gold": "el"}])
    generate(release)
    build(release)
    card = write_card(release.dataset).read_text(encoding="utf-8")
    (verified,) = verify_folder(release.dataset)
    assert verified.name == "en_taught"
    loaded = load_dataset(str(release.dataset), "en_taught", cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded.column_names == ["id", "tokens", "ner_tags", "tag_probabilities"]
    assert str(loaded.features["tag_probabilities"]) == "List(List(Value('float32')))"
    assert all(len(row["tag_probabilities"]) == len(row["tokens"]) for row in loaded.to_list())
    assert "**Distillation** (Wu et al., 2020)" in card
    assert "| CRF on gold of fi | fi       |  0.500 |" in card
    assert "In `en_taught` it also has `tag_probabilities`" in card
    assert "labelled by taggers" in card
    assert "`text.jsonl`" in card


def test_weights_make_a_convex_combination_of_teachers(tmp_path):
    made = {}
    for name, teachers, weights in (
        ("fi", [{"gold": "fi"}], None),
        ("el", [{"gold": "el"}], None),
        ("both", [{"gold": "fi"}, {"gold": "el"}], [3, 1]),
    ):
        release = write_release(tmp_path / name, teachers, settings={"weights": weights} if weights else None)
        generate(release)
        build(release)
        made[name] = [row["tag_probabilities"] for row in rows_of(release)]
    for fi, el, both in zip(made["fi"], made["el"], made["both"], strict=True):
        for of_fi, of_el, of_both in zip(fi, el, both, strict=True):
            expected = [0.75 * one + 0.25 * other for one, other in zip(of_fi, of_el, strict=True)]
            assert of_both == pytest.approx(expected, abs=2e-4)
    assert made["fi"] != made["el"]


def test_similarity_prefers_the_teacher_whose_language_is_nearer(tmp_path):
    text = sentences(40, name="text", language="finnish")
    release = write_release(
        tmp_path, [{"gold": "el"}, {"gold": "fi"}], settings={"weights": "similarity"}, text=text
    )
    generate(release)
    findings = build(release)["configs"]["en_taught"]["method_findings"]
    greek, finnish = (teacher["weight"] for teacher in findings["teachers"])
    assert finnish > 0.7
    assert greek + finnish == pytest.approx(1)
    assert findings["weights"] == "similarity"


def test_what_stands_in_gold_is_not_tagged_and_held_out_text_stays_held_out(tmp_path):
    gold = list({each.tokens: each for each in sentences(30, name="en test") if each.mentions}.values())
    validation = TEXT[:10]
    release = write_release(
        tmp_path,
        [CRF_ON_FINNISH],
        settings={"text": {"train": "text.jsonl", "validation": "validation.jsonl"}},
        text=[*TEXT, *gold[:3], TEXT[20]],
    )
    write_text(tmp_path / "validation.jsonl", validation)
    generate(release)
    findings = build(release)["configs"]["en_taught"]["method_findings"]
    assert findings["texts"]["train"]["left_out"] == {"in gold": 3, "repeated": 11}
    assert len(rows_of(release)) == len(TEXT) - len(validation)
    assert len(rows_of(release, split="validation")) == len(validation)


# Teachers that somebody else trained.


def encoder_teacher(folder, *, as_plain_model=False):
    """Save a tagger of Finnish: a tiny encoder that was fine-tuned."""
    gold = sentences(60, name="fi train", language="finnish")
    model = save_tiny_encoder(folder / "base", [each.tokens for each in (*gold, *TEXT)])
    settings = settings_by_recipe("paper", str(model), changes={"epochs": 2, "learning_rate": 3e-3})
    tagger = EncoderTagger.train(gold, settings=settings)
    tagger.save(folder / "tagger")
    if as_plain_model:
        # As somebody who has never heard of this program saves one.
        (folder / "tagger" / "tagger.json").unlink()
    return tagger


@pytest.mark.parametrize("as_plain_model", [False, True], ids=["saved tagger", "model of transformers"])
def test_an_encoder_teaches(tmp_path, as_plain_model):
    teacher = encoder_teacher(tmp_path, as_plain_model=as_plain_model)
    release = write_release(tmp_path, [{"model": "tagger"}])
    generate(release)
    names = build(release)["configs"]["en_taught"]["labels"]
    row = rows_of(release)[0]
    (said,) = teacher.probabilities_of([row["tokens"]])
    for place, label in enumerate(teacher.label_names):
        column = [each[names.index(label)] for each in row["tag_probabilities"]]
        assert column == pytest.approx(list(said[:, place]), abs=2e-4)


@pytest.mark.parametrize("place", ["crf", "crf/model.crfsuite"], ids=["folder", "file"])
def test_a_saved_crf_teaches(tmp_path, place):
    (tmp_path / "crf").mkdir()
    train_on_gold(sentences(60, name="fi train", language="finnish")).save(
        tmp_path / "crf" / "model.crfsuite"
    )
    release = write_release(tmp_path, [{"model": place}])
    generate(release)
    build(release)
    other = write_release(tmp_path / "trained here", [CRF_ON_FINNISH])
    generate(other)
    build(other)
    assert [row["tag_probabilities"] for row in rows_of(release)] == [
        row["tag_probabilities"] for row in rows_of(other)
    ]


def test_an_encoder_is_trained_on_gold_of_another_language_once(tmp_path):
    gold = [each.tokens for each in sentences(60, name="fi train", language="finnish")]
    save_tiny_encoder(tmp_path / "base", gold)
    teacher = {"gold": "fi", "encoder": "base", "settings": {"epochs": 1, "frozen_layers": 1}}
    release = write_release(tmp_path, [teacher])
    generate(release)
    (kept,) = (tmp_path / "work" / "teachers").iterdir()
    described = json.loads((kept / "tagger.json").read_text(encoding="utf-8"))
    assert described["training"]["epochs"] == 1
    trained = (kept / "model.safetensors").stat().st_mtime_ns
    # Further text is tagged by the same teacher.
    write_text(tmp_path / "text.jsonl", distinct(90, "more text"))
    assert generate(release).answered
    assert (kept / "model.safetensors").stat().st_mtime_ns == trained


def test_teachers_are_published_by_their_own_names_and_not_by_where_they_are(tmp_path):
    words = [each.tokens for each in sentences(20, name="fi train", language="finnish")]
    encoder = save_tiny_encoder(tmp_path / "private" / "tiny", words)
    train_on_gold(sentences(20, name="saved")).save(tmp_path / "private" / "saved" / "model.crfsuite")
    tiny = {"gold": "fi", "encoder": str(encoder), "settings": {"epochs": 1, "frozen_layers": 1}}
    release = write_release(tmp_path, [{"model": str(tmp_path / "private" / "saved")}, tiny])
    generate(release)
    findings = build(release)["configs"]["en_taught"]["method_findings"]
    assert [teacher["name"] for teacher in findings["teachers"]] == ["saved", "tiny on gold of fi"]
    assert str(tmp_path) not in write_card(release.dataset).read_text(encoding="utf-8")


# What cannot teach.


def pickled(folder):
    encoder_teacher(folder)
    (folder / "tagger" / "model.safetensors").rename(folder / "tagger" / "pytorch_model.bin")


def without_head(folder):
    encoder_teacher(folder, as_plain_model=True)
    path = folder / "tagger" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"architectures": ["XLMRobertaModel"]}), encoding="utf-8")


def with_other_labels(folder):
    save_tiny_encoder(folder / "tagger", [each.tokens for each in TEXT])


def with_other_types(folder):
    save_tiny_encoder(folder / "tagger", [each.tokens for each in TEXT], labels=["O", "B-GENE", "I-GENE"])


def with_own_code(folder):
    encoder_teacher(folder, as_plain_model=True)
    path = folder / "tagger" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    own = {"auto_map": {"AutoConfig": "own.Own"}, "model_type": "own"}
    path.write_text(json.dumps(config | own), encoding="utf-8")
    (folder / "tagger" / "own.py").write_text("raise SystemExit('own code was run')", encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda _folder: None, "there is no folder with a model here"),
        (pickled, "the weights are pickled"),
        (without_head, "this model gives no labels to words"),
        (with_other_labels, "`LABEL_0`, a label of this model, is no IOB2 label"),
        (with_other_types, "the teacher has the types GENE, and gold has LOC, PER"),
        (with_own_code, "code of its own|cannot be loaded"),
    ],
    ids=["missing", "pickled", "no head", "no labels", "no common type", "own code"],
)
def test_a_model_that_cannot_teach_is_refused(tmp_path, prepare, message):
    prepare(tmp_path)
    release = write_release(tmp_path, [{"model": "./tagger"}])
    with pytest.raises(DataError, match=message):
        generate(release)


@pytest.mark.parametrize(
    ("teachers", "settings", "message"),
    [
        ([{"gold": "sv"}], {}, "`sv` is no language of this release"),
        ([{"gold": "fi"}], {"weights": [1, 2]}, "2 weights for 1 teachers"),
        ([{"model": "crf"}, {"gold": "fi"}], {"weights": "similarity"}, "the language of the teacher `crf`"),
        ([{"gold": "fi", "encoder": "base", "recipe": "papper"}], {}, "there is no recipe `papper`"),
        ([{"gold": "fi", "encoder": "base", "settings": {"epoch": 1}}], {}, "no hyper-parameter `epoch`"),
    ],
    ids=["language", "weights", "similarity", "recipe", "hyper-parameter"],
)
def test_what_is_said_wrongly_of_teachers_is_refused_before_anything_is_made(
    tmp_path, teachers, settings, message
):
    (tmp_path / "crf").mkdir()
    train_on_gold(TEXT).save(tmp_path / "crf" / "model.crfsuite")
    save_tiny_encoder(tmp_path / "base", [each.tokens for each in TEXT])
    release = write_release(tmp_path, teachers, settings=settings)
    with pytest.raises(ReleaseError, match=message):
        generate(release)
    assert not (tmp_path / "work" / "teachers").exists()


@pytest.mark.parametrize(
    "teacher",
    [
        {},
        {"model": "x", "gold": "fi"},
        {"gold": "fi", "settings": {}},
        {"model": "x", "encoder": "y"},
        {"gold": "fi", "revision": "main"},
    ],
    ids=["nothing", "both", "settings of a crf", "encoder of a model", "revision of nothing"],
)
def test_a_teacher_is_a_model_or_gold(tmp_path, teacher):
    with pytest.raises(ReleaseError):
        write_release(tmp_path, [teacher])


def test_gold_without_a_common_type_teaches_nothing(tmp_path):
    release = write_release(tmp_path, [CRF_ON_FINNISH])
    write(tmp_path / "fi-train.jsonl", [Example("1", ("Nisin",), ("B-GENE",))])
    for split in ("validation", "test"):
        write(tmp_path / f"fi-{split}.jsonl", [Example("1", ("Nisin", "x"), ("B-GENE", "O"))])
    with pytest.raises(DataError, match="the teacher has the types GENE"):
        generate(release)


# Nothing is lost, nothing is made twice.


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    text = distinct(3000, "long text")
    whole = write_release(tmp_path / "whole", [CRF_ON_FINNISH], text=text)
    generate(whole)
    killed = write_release(tmp_path / "killed", [CRF_ON_FINNISH], text=text)
    process = start("generate", folder=tmp_path / "killed")
    begin = time.monotonic()
    while time.monotonic() - begin < 60 and answered(killed) == 0:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = answered(killed)
    rest = generate(killed).answered
    assert before + rest == answered(whole)
    assert texts_of(killed) == texts_of(whole)


def answered(release):
    if not release.journal.exists():
        return 0
    with Journal(release.journal) as journal:
        return sum(count.answered for count in journal.progress("en_taught").values())


def texts_of(release):
    with Journal(release.journal) as journal:
        return [(call.key, reply and reply.text) for call, reply in journal.answers("en_taught")]


def test_answers_of_other_labels_are_lost_with_their_reason(tmp_path):
    release = write_release(tmp_path, [CRF_ON_FINNISH])
    generate(release)
    value = json.loads(release.path.read_text(encoding="utf-8"))
    value["languages"]["en"]["labels"] = ["PER", "LOC", "ORG"]
    release.path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(DataError, match=OTHER_LABELS):
        build(read_release(release.path))


def test_a_journal_with_other_answers_loses_them_with_their_reason(tmp_path):
    release = write_release(tmp_path, [CRF_ON_FINNISH])
    generate(release)
    tokens, tags = list(TEXT[0].tokens), list(TEXT[0].ner_tags)
    broken = [
        {"tokens": tokens, "ner_tags": tags},
        {"tokens": tokens, "ner_tags": tags, "tag_probabilities": [[1.0]]},
        {"tokens": tokens, "ner_tags": tags, "tag_probabilities": [["1"] * 5] * len(tokens)},
        {"tokens": tokens, "ner_tags": tags, "tag_probabilities": [[7.0] * 5] * len(tokens)},
        {"tokens": tokens, "ner_tags": tags, "tag_probabilities": None},
    ]
    with Journal(release.journal) as journal:
        call, _ = next(iter(journal.answers("en_taught")))
        context = method_context(release.configs[0], release, {})
    reading = METHODS["distillation"].reading
    assert reading is not None
    read = reading(context)
    result = read(call, json.dumps({"datapoints": broken}))
    assert [found.fault for found in result.found] == [NO_PROBABILITIES] * len(broken)
    for text in ("", "null", "[1]", '{"datapoints": 3}', '{"datapoints": [{}]}', "{" * 5000, "No."):
        assert all(found.fault for found in read(call, text).found)


def test_curation_keeps_what_teachers_said_of_the_sentences_that_it_keeps(tmp_path):
    text = distinct(150, "curated")
    release = write_release(tmp_path, [{"gold": "en"}], text=text, curation=True)
    generate(release)
    build(release)
    said = {}
    with Journal(release.journal) as journal:
        for _, reply in journal.answers("en_taught"):
            for each in json.loads(reply.text if reply and reply.text else "{}")["datapoints"]:
                said[tuple(each["tokens"])] = each["tag_probabilities"]
    rows = rows_of(release)
    assert 0 < len(rows) < len(text)
    for row in rows:
        for ours, theirs in zip(row["tag_probabilities"], said[tuple(row["tokens"])], strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_joint_config_leaves_the_column_out(tmp_path):
    text = {"text": "text-{language}.jsonl"}
    release = write_release(
        tmp_path, [{"gold": "el"}], settings=text, languages=["en", "fi"], joint={"all": {}}
    )
    write_text(tmp_path / "text-en.jsonl", TEXT)
    write_text(tmp_path / "text-fi.jsonl", sentences(20, name="text", language="finnish"))
    generate(release)
    build(release)
    write_card(release.dataset)
    assert {each.name for each in verify_folder(release.dataset)} == {"en_taught", "fi_taught", "all_taught"}
    joint = load_dataset(str(release.dataset), "all_taught", cache_dir=str(tmp_path / "cache"))["train"]
    assert joint.column_names == ["id", "tokens", "ner_tags", "language"]
    assert len(joint) == len(rows_of(release)) + len(rows_of(release, "fi_taught"))


# Students.

QUICK = {"epochs": 15, "learning_rate": 8e-3, "frozen_layers": None, "batch_size": 16}


def students(folder, **evaluation):
    """Write a release whose distilled data is learned by CRFs and tiny encoders, and build it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tiny_encoder(folder / "tiny", [each.tokens for each in (*TEXT, *sentences(60, name="en train"))])
    release = write_release(
        folder,
        [{"gold": "en"}],
        evaluation={
            "languages": ["en"],
            "taggers": {
                "crf": {},
                "weighted": {"settings": {"soft_labels": True}},
                "labels": {"model": "tiny", "recipe": "student", "settings": {**QUICK, "soft_labels": False}},
                "student": {"model": "tiny", "recipe": "student", "settings": QUICK},
            },
            "settings": ["scratch"],
            "sizes": [30, 70],
            "seeds": 1,
            **evaluation,
        },
    )
    generate(release)
    build(release)
    return release


def test_a_grid_trains_students_on_what_was_distilled(tmp_path):
    release = students(tmp_path, sizes=[60])
    assert run_here(release.path).complete
    results = {
        (result["cell"]["tagger"]["name"], result["cell"]["source"]): result
        for result in results_in(tmp_path).values()
    }
    for (tagger, source), result in results.items():
        (part,) = result["data"]["train"]
        learns = tagger in ("weighted", "student") and source == "taught"
        assert ("probabilities" in part) == learns
    taught = {name: results[name, "taught"] for name in ("crf", "weighted", "labels", "student")}
    assert len({result["id"] for result in taught.values()}) == 4
    assert len({result["data"]["train"][0]["sha256"] for result in taught.values()}) == 1
    assert taught["student"]["predictions"] != taught["labels"]["predictions"]
    assert all(result["scores"]["micro"]["f1"] > 0.4 for result in taught.values())
    # Gold has no probabilities: a student learns its labels.
    assert results["weighted", "organic"]["predictions"] == results["crf", "organic"]["predictions"]


def changed_rows(release, change):
    """Change the rows of the config that was built."""
    path = release.dataset / "en_taught" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for number, row in enumerate(rows):
        change(number, row)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def spoilt(number, row):
    """Give every third sentence wrong labels, and doubt them."""
    if number % 3 == 0:
        row["ner_tags"] = [1 + place % 4 for place in range(len(row["tokens"]))]
        row["tag_probabilities"] = [[0.1, 0.3, 0.2, 0.2, 0.2]] * len(row["tokens"])


def test_certain_sentences_count_more_for_a_crf(tmp_path):
    taggers = {"crf": {}, "weighted": {"settings": {"soft_labels": True}}}
    release = students(tmp_path, taggers=taggers, sizes=[70], settings=["scratch", "gold+synthetic"])
    changed_rows(release, spoilt)
    assert run_here(release.path).complete
    f1 = {
        (result["cell"]["tagger"]["name"], result["cell"]["setting"]): result["scores"]["micro"]["f1"]
        for result in results_in(tmp_path).values()
        if result["cell"]["source"] == "taught"
    }
    assert f1["weighted", "scratch"] > f1["crf", "scratch"] + 0.05
    assert f1["weighted", "gold+synthetic"] == f1["crf", "gold+synthetic"]


def test_the_plan_says_what_is_learned(tmp_path):
    release = students(tmp_path, settings=["scratch", "gold+synthetic"])
    plan, _ = planned_grid(release.path)
    soft = {
        (each.cell.tagger.name, each.cell.setting, each.cell.source)
        for each in plan.cells
        if each.learns_probabilities
    }
    assert soft == {("weighted", "scratch", "taught"), ("student", "scratch", "taught")}
    said = done("evaluate", "--dry-run", folder=tmp_path)
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["student", "scratch", "taught,", "its", "probabilities", "2"] in lines
    assert ["labels", "scratch", "taught", "2"] in lines
    as_json = done("evaluate", "--dry-run", "--json", folder=tmp_path).json
    assert as_json["learn_probabilities"] == 4


def test_other_probabilities_make_other_cells_of_those_that_learn_them_alone(tmp_path):
    release = students(tmp_path)
    before = ids(release)
    changed_rows(release, doubted)
    after = ids(release)
    assert {key for key in before if before[key] != after[key]} <= {
        ("weighted", "taught", 30),
        ("weighted", "taught", 70),
        ("student", "taught", 30),
        ("student", "taught", 70),
    }
    assert before["student", "taught", 70] != after["student", "taught", 70]


def doubted(number, row):
    if number == 0:
        row["tag_probabilities"][0] = [0.5, 0.5, 0.0, 0.0, 0.0]


def ids(release):
    plan, _ = planned_grid(release.path)
    return {(each.cell.tagger.name, each.cell.source, each.cell.size): each.id for each in plan.cells}


def test_a_file_with_the_column_is_a_source_like_a_config(tmp_path):
    release = students(tmp_path)
    shutil.copy(release.dataset / "en_taught" / "train-00000-of-00001.parquet", tmp_path / "theirs.parquet")
    value = json.loads(release.path.read_text(encoding="utf-8"))
    value["evaluation"]["sources"] = {
        "taught": {"generator": "taught"},
        "theirs": {"train": "theirs.parquet"},
    }
    value["evaluation"]["taggers"] = {"weighted": {"settings": {"soft_labels": True}}}
    value["evaluation"]["sizes"] = [70]
    release.path.write_text(json.dumps(value), encoding="utf-8")
    assert run_here(release.path).complete
    ours, theirs = results_in(tmp_path).values()
    assert ours["data"]["train"][0]["probabilities"] == theirs["data"]["train"][0]["probabilities"]
    assert ours["predictions"] == theirs["predictions"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [[2.0] * 5 for _ in rows], "does not hold one probability a label"),
        (lambda rows: rows[:-1], "has no probabilities for each of its words"),
        (lambda _rows: None, "does not hold one probability a label"),
    ],
    ids=["not a probability", "a word without", "nothing"],
)
def test_a_column_that_is_broken_is_said_to_be(tmp_path, change, message):
    release = students(tmp_path)

    def broken(number, row):
        if number == 0:
            row["tag_probabilities"] = change(row["tag_probabilities"])

    changed_rows(release, broken)
    plan, _ = planned_grid(release.path)
    assert {(each.source, each.setting) for each in plan.left_out} == {("taught", "scratch")}
    assert message in str(plan.left_out[0].error)


def test_a_crf_has_no_other_settings(tmp_path):
    with pytest.raises((ReleaseError, WrongUsageError), match="epochs"):
        write_release(
            tmp_path, [CRF_ON_FINNISH], evaluation={"taggers": {"crf": {"settings": {"epochs": 3}}}}
        )


def test_the_whole_way_by_the_command_line(tmp_path):
    students(tmp_path, taggers={"weighted": {"settings": {"soft_labels": True}}}, sizes=[70])
    shutil.rmtree(tmp_path / "work")
    shutil.rmtree(tmp_path / "dataset")
    for command in (("generate",), ("build",), ("evaluate", "--workers", "1")):
        done(*command, folder=tmp_path)
    assert Path(tmp_path / "dataset" / "README.md").is_file()
    assert {result["cell"]["source"] for result in results_in(tmp_path).values()} == {"organic", "taught"}
