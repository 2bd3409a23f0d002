"""Models of several languages: trained once, tested on each, every result a cell of its own."""

import json

import pytest

from synthner.evaluation.grid.cells import cell_data
from synthner.evaluation.grid.effort import effort_of
from synthner.evaluation.grid.pool import run_cells, run_claimed
from synthner.evaluation.grid.results import read_predicted_tags
from synthner.evaluation.grid.run_cell import train_and_score
from synthner.evaluation.grid.running import DONE, Report
from synthner.schema.example import Example
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import Told, labelled, planned_grid, results_in, run_here, write_grid
from synthner.tests.tiny_encoder import save_tiny_encoder

CODES = ["en", "fi", "el"]
ENCODER = {"tiny": {"model": "tiny", "settings": {"epochs": 2, "learning_rate": 3e-3}}}


def joint_grid(folder, *, languages=CODES, **evaluation):
    described = {"settings": ["multilingual"], "sources": {"organic": "gold"}, "sizes": [10], "seeds": 1}
    return write_grid(folder, {**described, **evaluation}, languages=languages)


def joint_encoder_grid(folder):
    folder.mkdir(exist_ok=True)
    words = [example.tokens for code in ("en", "fi") for example in labelled(60, f"{code} words", code)]
    save_tiny_encoder(folder / "tiny", words)
    return joint_grid(folder, languages=["en", "fi"], taggers=ENCODER)


def kept(folder):
    return sorted((folder / "runs" / "models").glob("*.json"))


def forget_results(folder):
    for path in (folder / "runs").glob("*/result.json"):
        path.unlink()


def without_measured(folder):
    return {
        id_: {key: value for key, value in each.items() if key != "measured"}
        for id_, each in results_in(folder).items()
    }


def test_a_model_is_trained_once_a_seed_and_tested_on_every_language(tmp_path):
    path = joint_grid(tmp_path, seeds=2)
    plan, data = planned_grid(path)
    (effort,) = effort_of(plan, data)
    assert (effort.cells, effort.sentences) == (6, 2 * 3 * 10)
    assert run_claimed(plan.cells[0], data) == Report(DONE)
    # What the other languages need is there already, and is not touched again.
    (first,) = kept(tmp_path)
    of_first_seed = {each.id for each in plan.cells if each.cell.seed == 0}
    assert set(json.loads(first.read_text(encoding="utf-8"))) == of_first_seed
    time = first.stat().st_mtime_ns
    assert run_here(path).done == 6
    assert len(kept(tmp_path)) == 2
    assert first.stat().st_mtime_ns == time
    assert {each["cell"]["language"] for each in results_in(tmp_path).values()} == set(CODES)


@pytest.mark.parametrize("write_joint", [joint_grid, joint_encoder_grid], ids=["crf", "encoder"])
def test_each_result_is_that_of_a_model_trained_for_it_alone(tmp_path, write_joint):
    path = write_joint(tmp_path)
    assert run_here(path).complete
    assert len(kept(tmp_path)) == 1
    plan, data = planned_grid(path)
    for each in plan.cells:
        _, alone = train_and_score(each, data)
        found = results_in(tmp_path)[each.id]
        for key in ("cell", "data", "scores", "interval", "training", "model_revision"):
            assert found[key] == json.loads(json.dumps(alone.result[key])), key


def test_an_encoder_chooses_its_epoch_on_all_languages_and_says_so(tmp_path):
    plan, data = planned_grid(joint_encoder_grid(tmp_path))
    assert len(plan.cells) == 2
    for each in plan.cells:
        described = cell_data(each.cell, data).as_json()["validation"]
        assert (described["language"], described["sentences"]) == ("mul", 24)


def test_languages_of_other_types_do_not_share_a_model(tmp_path):
    path = joint_grid(tmp_path)
    for split, count in (("train", 40), ("validation", 12), ("test", 20)):
        examples = labelled(count, f"el {split}", "el")
        renamed = [
            Example(each.id, each.tokens, tuple(tag.replace("LOC", "TOWN") for tag in each.ner_tags))
            for each in examples
        ]
        write(tmp_path / f"el-{split}.jsonl", renamed)
    assert run_here(path).complete
    assert sorted(len(json.loads(each.read_text(encoding="utf-8"))) for each in kept(tmp_path)) == [1, 2]


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"x": ', '{"%s": {"no": 1}}'], ids=["empty", "list", "cut", "other"]
)
def test_a_damaged_file_of_a_model_is_made_again(tmp_path, damage):
    path = joint_grid(tmp_path, languages=["en", "fi"])
    run_here(path)
    before = without_measured(tmp_path)
    (file,) = kept(tmp_path)
    file.write_text(damage.replace("%s", next(iter(before))))
    forget_results(tmp_path)
    assert run_here(path).complete
    assert without_measured(tmp_path) == before


def test_another_test_split_is_tested_anew_by_the_same_sentences(tmp_path):
    path = joint_grid(tmp_path, languages=["en", "fi"])
    run_here(path)
    write(tmp_path / "fi-test.jsonl", labelled(15, "fi another test", "fi"))
    assert run_here(path).complete
    assert len(kept(tmp_path)) == 1
    tested = [len(read_predicted_tags(tmp_path / "runs" / id_)) for id_ in results_in(tmp_path)]
    assert sorted(tested) == [15, 20, 20]


def test_processes_wait_for_one_another_and_find_the_same(tmp_path):
    for name in ("processes", "here"):
        joint_grid(tmp_path / name, seeds=2)
    run_cells(*planned_grid(tmp_path / "processes" / "release.yaml"), workers=2, watcher=Told.nothing())
    run_here(tmp_path / "here" / "release.yaml")
    assert len(kept(tmp_path / "processes")) == 2
    assert without_measured(tmp_path / "processes") == without_measured(tmp_path / "here")
