"""The model that an encoder begins with is part of its cell: by its content, or by its commit on the Hub."""

import json
import os
import shutil

import pytest

from synthner.evaluation.grid.base_models import BaseModels
from synthner.evaluation.grid.cells import cell_data, cell_id
from synthner.evaluation.grid.description import GridTagger
from synthner.evaluation.grid.repeating import check_repeatable, find_run
from synthner.evaluation.grid.results import RESULT
from synthner.evaluation.report.of_grid import report_on_grid
from synthner.schema.errors import DataError
from synthner.tests.grid_release import changed_grid, labelled, planned_grid, results_in, run_here, write_grid
from synthner.tests.tiny_encoder import save_tiny_encoder

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = {"model": "tiny", "settings": {"epochs": 1}}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    words = [example.tokens for example in labelled(60, "words")]
    return save_tiny_encoder(tmp_path_factory.mktemp("model") / "tiny", words)


def small_grid(folder, model, **evaluation):
    """Write a release with one cell of an encoder, whose model is in the folder `tiny`."""
    path = write_grid(
        folder,
        {
            "taggers": {"tiny": TINY},
            "sources": {"organic": "gold"},
            "sizes": [10],
            "seeds": 1,
            **evaluation,
        },
    )
    shutil.copytree(model, folder / "tiny")
    return path


def ids(path):
    return {each.cell.tagger.name: each.id for each in planned_grid(path)[0].cells}


def change_weights(folder):
    weights = folder / "tiny" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def as_before_models_were_known(path):
    """Make the one result of a release what earlier versions wrote; return its id."""
    plan, data = planned_grid(path)
    (planned,) = plan.cells
    folder = data.grid.runs / planned.id
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    del result["model_revision"]
    old = cell_id(planned.cell, cell_data(planned.cell, data), data, is_model_known=False)
    (folder / RESULT).write_text(json.dumps({**result, "id": old}), encoding="utf-8")
    folder.rename(data.grid.runs / old)
    return old


def test_other_weights_in_the_same_folder_make_other_cells_of_their_encoder_alone(tmp_path, model):
    path = small_grid(tmp_path, model, taggers={"crf": {}, "tiny": TINY})
    before = ids(path)
    (tmp_path / "tiny" / "README.md").write_text("what is no part of the model")
    assert ids(path) == before
    change_weights(tmp_path)
    assert ids(path)["crf"] == before["crf"]
    assert ids(path)["tiny"] != before["tiny"]


def test_a_result_says_which_model_it_began_with(tmp_path, model):
    path = small_grid(tmp_path, model, taggers={"crf": {}, "tiny": TINY})
    assert run_here(path).complete
    known = {
        result["cell"]["tagger"]["name"]: result["model_revision"] for result in results_in(tmp_path).values()
    }
    assert known == {"crf": None, "tiny": BaseModels(tmp_path).content(GridTagger("tiny", "encoder", "tiny"))}
    assert known["tiny"].startswith("sha256:")


def test_the_same_model_in_another_folder_is_the_same(tmp_path, model):
    first, second = (small_grid(tmp_path / name, model) for name in ("one", "two"))
    assert ids(first) == ids(second)


def test_a_model_of_the_hub_is_known_by_the_commit_in_the_cache(tmp_path, model, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cached = tmp_path / "cache" / "models--acme--tiny"
    shutil.copytree(model, cached / "snapshots" / COMMIT)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    path = small_grid(tmp_path / "release", model)
    changed_grid(path, taggers={"tiny": {**TINY, "model": "acme/tiny"}})
    assert run_here(path).complete
    (result,) = results_in(tmp_path / "release").values()
    assert result["model_revision"] == COMMIT
    assert result["cell"]["tagger"]["model"] == "acme/tiny"


def test_a_file_is_read_again_only_where_its_size_or_time_has_changed(tmp_path, model):
    shutil.copytree(model, tmp_path / "tiny")
    models, tagger = BaseModels(tmp_path), GridTagger("tiny", "encoder", "tiny")
    weights = tmp_path / "tiny" / "model.safetensors"
    before, facts = models.content(tagger), weights.stat()
    change_weights(tmp_path)
    os.utime(weights, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert models.content(tagger) == before
    os.utime(weights, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert models.content(tagger) != before


def test_results_that_do_not_know_their_model_can_still_be_read_and_made_again(tmp_path, model):
    path = small_grid(tmp_path, model)
    assert run_here(path).complete
    old = as_before_models_were_known(path)
    _, data = planned_grid(path)
    run = find_run(data.grid.runs, old)
    assert check_repeatable(run, data).id == old
    assert "model_revision" not in results_in(tmp_path)[old]
    # Nobody knows what it began with: it is not taken for a run of the model that is there now.
    assert run_here(path).complete
    assert len(results_in(tmp_path)) == 2


def test_a_report_shows_results_that_do_not_know_their_model(tmp_path, model):
    path = small_grid(tmp_path, model, taggers={"crf": {}})
    assert run_here(path).complete
    as_before_models_were_known(path)
    plan, data = planned_grid(path)
    assert report_on_grid(plan, data, tmp_path / "report", title="Old results").runs == 1


def test_a_run_of_other_weights_is_not_made_again(tmp_path, model):
    path = small_grid(tmp_path, model)
    assert run_here(path).complete
    change_weights(tmp_path)
    _, data = planned_grid(path)
    (id_,) = results_in(tmp_path)
    with pytest.raises(DataError, match=r"Changed: tiny \(the model that it began with\)"):
        check_repeatable(find_run(data.grid.runs, id_), data)
