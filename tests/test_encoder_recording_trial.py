"""Steps are recorded only where a small model, trained with recording and without, learned the same."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    BertConfig,
    ModernBertConfig,
    XLMRobertaConfig,
)

from synthner.evaluation.encoder.heads import FirstSubwordModel
from synthner.evaluation.encoder.recording_trial import Trial, trouble_with_recording
from synthner.evaluation.encoder.settings import settings_by_recipe
from synthner.evaluation.encoder.trial_training import verdict_on
from synthner.schema.errors import DataError
from synthner.tests.same_memory import SameMemory

# For models so small several threads only wait for each other.
torch.set_num_threads(1)

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}


def trial_of(config, **changes):
    # Only its configuration plays a part.
    with torch.device("meta"):
        model = AutoModelForTokenClassification.from_config(config)
    return Trial.of(
        FirstSubwordModel(model),
        settings_by_recipe("fast", "some/model", changes={"batch_size": 4, **changes}),
    )


TRIAL = trial_of(XLMRobertaConfig(**SMALL))


class NoRoom(SameMemory):
    def has_room(self, further: int) -> bool:
        return False


class CannotRecord(SameMemory):
    def record(self, step):
        raise RuntimeError("operation not permitted when stream is capturing")


class LearnsNothing(SameMemory):
    def record(self, step):
        return lambda: torch.zeros(())


class LearnsNothingLater(SameMemory):
    """The playback that is compared is right, and all others learn nothing."""

    def record(self, step):
        playbacks = iter([step])

        def play():
            playback = next(playbacks, None)
            return torch.zeros(()) if playback is None else playback()

        return play


@pytest.mark.parametrize(
    "trial",
    [
        TRIAL,
        trial_of(XLMRobertaConfig(**SMALL), head="summed", precision="fp32"),
        trial_of(XLMRobertaConfig(**SMALL), frozen_layers=1, longest_gradient=None),
        trial_of(BertConfig(**SMALL, num_hidden_layers=1, vocab_size=40)),
        # Its padding is one of the last of 50,000 subwords, and each of its layers is of a kind.
        trial_of(ModernBertConfig(**SMALL)),
        trial_of(AutoConfig.for_model("distilbert", dim=32, n_heads=2, hidden_dim=64)),
    ],
    ids=["xlm-roberta", "summed", "frozen", "one layer", "modernbert", "distilbert"],
)
def test_where_both_trainings_learn_the_same_steps_can_be_recorded(trial):
    assert verdict_on(Trial.from_json(trial.as_json()), CPU, SameMemory).trouble is None


@pytest.mark.parametrize(
    ("recorder", "trouble"),
    [
        (CannotRecord, "a step of the training cannot be recorded: operation not permitted when stream is"),
        (LearnsNothing, "a step that was played back led to other weights, by 100% of the step"),
        (LearnsNothingLater, "steps that were played back led to other weights, by"),
    ],
)
def test_trouble_is_told(recorder, trouble):
    assert trouble in str(verdict_on(TRIAL, CPU, recorder).trouble)


def test_a_model_of_which_no_small_one_can_be_made_is_not_recorded():
    unknown = replace(TRIAL, configuration='{"model_type": "no-such-model"}')
    trouble = verdict_on(unknown, CPU, SameMemory).trouble
    assert str(trouble).startswith("no small model of its kind can be made to try it on: ")
    assert "no-such-model" in str(trouble)


def test_too_little_memory_for_a_trial_is_no_verdict():
    with pytest.raises(DataError, match="too little memory"):
        verdict_on(TRIAL, CPU, NoRoom)


def test_names_and_learning_rates_need_no_new_trial():
    names = XLMRobertaConfig(**SMALL, id2label={0: "O", 1: "B-PER", 2: "I-PER"})
    names.name_or_path = "models/other"
    assert trial_of(names, learning_rate=1e-4, epochs=3) == TRIAL
    assert trial_of(XLMRobertaConfig(**SMALL), precision="fp32") != TRIAL
    assert trial_of(XLMRobertaConfig(**{**SMALL, "hidden_size": 64})) != TRIAL


@pytest.fixture
def assets(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    trouble_with_recording.cache_clear()
    return tmp_path / "assets"


def test_a_verdict_is_kept_for_other_processes(assets):
    unknown = replace(TRIAL, configuration='{"model_type": "no-such-model"}')
    found = trouble_with_recording(unknown)
    assert str(found).startswith("no small model of its kind")
    (file,) = assets.rglob("*.json")
    assert json.loads(file.read_text("utf-8")) == {"trouble": found}

    file.write_text('{"trouble": null}', "utf-8")
    assert trouble_with_recording(unknown) == found, "this process knows it already"
    trouble_with_recording.cache_clear()
    assert trouble_with_recording(unknown) is None

    file.write_text('{"trou', "utf-8")
    trouble_with_recording.cache_clear()
    assert trouble_with_recording(unknown) == found
    assert json.loads(file.read_text("utf-8")) == {"trouble": found}


def test_where_a_verdict_cannot_be_kept_it_is_found_again(assets):
    assets.write_text("a file where the folder should be", "utf-8")
    unknown = replace(TRIAL, configuration='{"model_type": "no-such-model"}')
    assert str(trouble_with_recording(unknown)).startswith("no small model of its kind")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, and a trial comes to its end")
def test_a_trial_that_fails_is_told_and_not_kept(assets, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('somebody else wrote this module')", "utf-8")
    monkeypatch.chdir(tmp_path)
    trouble = trouble_with_recording(TRIAL)
    assert str(trouble).startswith("to try it on a small model failed (1): ")
    assert "CUDA" in str(trouble)
    assert not list(assets.rglob("*.json"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU whose steps could be recorded")
def test_on_a_gpu_a_trial_shows_that_steps_can_be_recorded(assets):
    assert trouble_with_recording(TRIAL) is None
    (file,) = assets.rglob("*.json")
    assert json.loads(file.read_text("utf-8")) == {"trouble": None}
