"""Libraries repeat tokens in their errors; none gets into a message, a journal or a result of ours."""

import json
from pathlib import Path

import pytest

from synthner.evaluation.encoder import EncoderSettings, EncoderTagger
from synthner.evaluation.grid.running import what_went_wrong
from synthner.generation.engines.ray_cluster import last_line
from synthner.generation.generate import generate
from synthner.schema.errors import DataError, EngineError
from synthner.schema.example import Example
from synthner.tests.small_release import write_release
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_language_model import save_tiny_language_model

TOKEN = "hf_QwErTy0123456789AsDfGh"
SENTENCE = Example("1", ("Åse", "synger"), ("B-PER", "O"))


def with_unknown_activation(folder: Path) -> Path:
    """Change a model so that transformers does not know what it is made of, and repeats it."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"hidden_act": TOKEN}), encoding="utf-8")
    return folder


def test_a_model_that_cannot_be_loaded_gives_no_token_away(tmp_path):
    model = with_unknown_activation(save_tiny_encoder(tmp_path / "model", [SENTENCE.tokens]))
    with pytest.raises(DataError, match=r"cannot be loaded: .*…") as caught:
        EncoderTagger.train([SENTENCE], settings=EncoderSettings(model=str(model), epochs=1))
    assert TOKEN not in str(caught.value)


def test_a_language_model_that_cannot_be_loaded_gives_no_token_away(tmp_path):
    model = with_unknown_activation(save_tiny_language_model(tmp_path / "model"))
    settings = {
        "engine": "transformers",
        "model": str(model),
        "examples": 1,
        "datapoints": 2,
        "calls": {"train": 1},
    }
    with pytest.raises(EngineError, match=r"cannot be loaded: .*…") as caught:
        generate(write_release(tmp_path / "release", {"tiny": settings}))
    assert TOKEN not in str(caught.value)


def test_an_engine_that_cannot_be_imported_gives_no_token_away(tmp_path, monkeypatch):
    installed = tmp_path / "site" / "leaky-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Name: leaky\nVersion: 1.0\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text(
        "[synthner.engines]\nleaky = leaky_engine:Engine\n", encoding="utf-8"
    )
    (tmp_path / "site" / "leaky_engine.py").write_text(
        f"raise RuntimeError('Authorization: Bearer {TOKEN} was refused')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    settings = {"engine": "leaky", "model": "m", "examples": 1, "datapoints": 2, "calls": {"train": 1}}
    with pytest.raises(EngineError, match="Bearer … was refused") as caught:
        generate(write_release(tmp_path / "release", {"leaky": settings}))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("say", [what_went_wrong, last_line], ids=["a cell of a grid", "a Ray cluster"])
def test_what_a_worker_fails_with_gives_no_token_away(say):
    def ask() -> None:
        raise ValueError(f"401 for {TOKEN}")

    with pytest.raises(ValueError, match="401") as caught:
        ask()
    said = say(caught.value)
    assert "401 for …" in said
    assert TOKEN not in said
