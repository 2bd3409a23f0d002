"""Cells of encoders of a few thousand weights, in every setting."""

import json

import pytest

from synthner.tests.grid_release import labelled, results_in, run_here, write_related_grid
from synthner.tests.in_process import done
from synthner.tests.tiny_encoder import save_tiny_encoder

SETTINGS = {"epochs": 6, "related_epochs": 6, "learning_rate": 6e-3}
GOLD = {"train": 70, "validation": 20, "test": 40}


def encoder_grid(folder, **evaluation):
    """Write a release whose tagger is a tiny encoder in the folder `tiny`."""
    folder.mkdir(exist_ok=True)
    words = [example.tokens for code in ("en", "fi") for example in labelled(100, f"{code} words", code)]
    save_tiny_encoder(folder / "tiny", words)
    return write_related_grid(
        folder,
        {"taggers": {"tiny": {"model": "tiny", "settings": SETTINGS}}, "sizes": [60], **evaluation},
        gold=GOLD,
    )


def run(path):
    """Run every cell here; return the results by setting and source."""
    assert run_here(path).complete
    return {
        (result["cell"]["setting"], result["cell"]["source"], result["cell"]["seed"]): result
        for result in results_in(path.parent).values()
    }


def f1(result):
    return result["scores"]["micro"]["f1"]


def related_models(folder):
    return [path for path in (folder / "runs" / "models").iterdir() if path.is_dir()]


def test_from_scratch_the_best_epoch_is_chosen_on_the_sources_validation(tmp_path):
    results = run(encoder_grid(tmp_path))
    organic, synthetic = results["scratch", "organic", 0], results["scratch", "synthetic", 0]
    assert f1(organic) > 0.5
    assert organic["data"]["validation"]["sentences"] == 20
    # Each part names its own file, and no other of gold's.
    parts = (organic["data"]["train"][0], organic["data"]["validation"], organic["data"]["test"])
    assert [part["reference"] for part in parts] == ["en-train.jsonl", "en-validation.jsonl", "en-test.jsonl"]
    assert len(organic["training"]["validation_f1"]) == organic["training"]["epochs"] == 6
    best = organic["training"]["best_epoch"]
    assert min(organic["training"]["validation_loss"]) == organic["training"]["validation_loss"][best - 1]
    # The files of this source have no validation.
    assert synthetic["data"]["validation"] is None
    assert synthetic["training"]["best_epoch"] is None
    assert organic["measured"]["versions"].keys() >= {"torch", "transformers"}
    assert organic["cell"]["tagger"]["model"] == "tiny"
    assert organic["scores"]["invariance"]["cases"] > 0


def test_a_related_model_is_trained_once_for_all_cells_that_begin_with_it(tmp_path):
    results = run(encoder_grid(tmp_path, settings=["zero-shot", "fine-tuned"], seeds=2))
    assert {key[0]: sum(each[0] == key[0] for each in results) for key in results} == {
        "zero-shot": 1,
        "fine-tuned": 4,
    }
    (model,) = related_models(tmp_path)
    described = json.loads((model / "tagger.json").read_text(encoding="utf-8"))
    assert described["training"]["epochs"] == 6
    zero_shot = results["zero-shot", "organic", 0]
    assert [part["role"] for part in zero_shot["data"]["train"]] == ["related"]
    fine_tuned = results["fine-tuned", "organic", 0]
    assert [part["role"] for part in fine_tuned["data"]["train"]] == ["related", "source"]
    assert f1(fine_tuned) > 0.5
    assert results["fine-tuned", "organic", 1]["predictions"] != fine_tuned["predictions"]


def test_a_related_model_that_is_there_is_not_trained_again(tmp_path):
    path = encoder_grid(tmp_path, settings=["zero-shot"])
    run(path)
    (model,) = related_models(tmp_path)
    weights = (model / "model.safetensors").stat().st_mtime_ns
    for result in (tmp_path / "runs").glob("*/result.json"):
        result.unlink()
    run(path)
    assert (model / "model.safetensors").stat().st_mtime_ns == weights


def test_related_sentences_are_as_many_as_the_settings_say(tmp_path):
    path = encoder_grid(
        tmp_path,
        settings=["zero-shot"],
        taggers={"tiny": {"model": "tiny", "settings": {**SETTINGS, "related_sentences": 25}}},
    )
    assert run_here(path).complete
    (result,) = results_in(tmp_path).values()
    assert result["data"]["train"][0]["sentences"] == 25


@pytest.mark.parametrize(
    ("setting", "roles", "recipe"),
    [
        ("gold+synthetic", ["gold", "source"], "put together"),
        ("synthetic-then-gold", ["source", "gold"], "synthetic-then-gold"),
    ],
)
def test_gold_and_synthetic_data_are_combined(tmp_path, setting, roles, recipe):
    results = run(encoder_grid(tmp_path, settings=[setting]))
    assert [key[1] for key in results] == ["synthetic"]
    result = results[setting, "synthetic", 0]
    assert [part["role"] for part in result["data"]["train"]] == roles
    assert result["combination"] == {"recipe": recipe}
    assert result["data"]["validation"]["name"] == "organic"
    assert f1(result) > 0.5


def test_languages_are_learned_together(tmp_path):
    path = encoder_grid(
        tmp_path, settings=["multilingual"], sources={"organic": "gold"}, languages=["en", "fi"]
    )
    assert run_here(path).complete
    for result in results_in(tmp_path).values():
        assert [part["language"] for part in result["data"]["train"]] == ["en", "fi"]
        assert f1(result) > 0.5


def test_encoders_and_crfs_share_a_grid_in_as_many_processes_as_are_asked_for(tmp_path):
    encoder_grid(
        tmp_path,
        taggers={"crf": {}, "tiny": {"model": "tiny", "settings": {**SETTINGS, "epochs": 1}}},
        sources={"organic": "gold"},
        sizes=[20],
    )
    ended = done("evaluate", "--workers", "2", "--json", folder=tmp_path, OMP_NUM_THREADS="1")
    assert ended.json["done"] == 2
    assert {each["cell"]["tagger"]["kind"] for each in results_in(tmp_path).values()} == {"crf", "encoder"}
