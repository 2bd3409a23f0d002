"""The papers' recorded responses, four languages and three models, through the whole product at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from unicodedata import category

import pytest
from datasets import load_dataset

from synthner.schema.iob2 import violations

SHARED = Path(__file__).resolve().parents[2] / "shared"

UNREADABLE = {"Cc", "Cs", "Cn", "Co"}
SYNTHNER = Path(sys.executable).parent / "synthner"
MODELS = {"gpt4": "gpt-4", "llama": "Llama-3.1-8B-Instruct", "aya": "aya-expanse-32b"}
GOLD = {
    "yor": {
        split: f"masakhaner2/yor/{name}.txt.gz" for split, name in (("train", "train"), ("test", "test"))
    },
    "da": {split: f"uner/da_ddt/da_ddt-ud-{split}.iob2.gz" for split in ("train", "test")},
    "sv": {split: f"uner/sv_talbanken/sv_talbanken-ud-{split}.iob2.gz" for split in ("train", "test")},
    "ta": {"train": "multiner_en_si_ta/Final_Tamil.txt.gz"},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run a release over all of it; the recordings get one name a language, split and model."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the real corpora are not beside this checkout (../shared/data)")
    tmp_path = tmp_path_factory.mktemp("release")
    (tmp_path / "raw").mkdir()
    for generator, model in MODELS.items():
        for path in (data / "llm_responses/kamath_vajjala" / model).glob("*raw*"):
            language, split, _ = path.name.split("_", 2)
            suffix = "".join(suffix for suffix in path.suffixes if suffix in (".jsonl", ".gz"))
            shutil.copyfile(path, tmp_path / "raw" / f"{language}_{split}_{generator}{suffix}")
    description = {
        "name": "tests/four-languages",
        "seed": 1,
        "license": "cc-by-nc-4.0",
        "languages": {
            language: {
                "gold": {"files": {split: str(data / name) for split, name in files.items()}},
                "labels": ["PER", "ORG", "LOC", *(["DATE"] if language == "yor" else [])],
            }
            for language, files in GOLD.items()
        },
        "generators": {
            generator: {
                "method": "seeded",
                "engine": "recorded",
                "model": model,
                "recorded": {"responses": "raw/{language}_{split}_{generator}.jsonl"},
            }
            for generator, model in MODELS.items()
        },
    }
    (tmp_path / "release.yaml").write_text(json.dumps(description), encoding="utf-8")  # JSON is YAML
    return subprocess.run(
        [SYNTHNER, "run", tmp_path], capture_output=True, text=True, encoding="utf-8", check=False
    )


def dataset_of(built: subprocess.CompletedProcess[str]) -> Path:
    return Path(built.args[-1]) / "dataset"


def test_twelve_configs_are_built_in_one_command(built):
    assert built.returncode == 0, built.stderr
    folder = dataset_of(built)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert list(manifest["configs"]) == [
        f"{language}_{generator}" for language in GOLD for generator in MODELS
    ]
    for name, config in manifest["configs"].items():
        assert f'load_dataset("{folder}", "{name}")' in built.stdout
        totals = config["totals"]
        assert f"{totals['published']:,} of {totals['requested']:,} = " in card
        for step, after in zip(
            config["waterfall"]["train"][1:], config["waterfall"]["train"][2:], strict=False
        ):
            assert step["kept"] == after["kept"] + sum(after["lost"].values()), (name, after["step"])


def test_what_is_published_of_them_is_sound_and_in_one_split(built, tmp_path):
    for name in ("yor_gpt4", "da_llama", "sv_aya"):
        dataset = load_dataset(str(dataset_of(built)), name, cache_dir=str(tmp_path))
        tags = dataset["train"].features["ner_tags"].feature.names
        sentences = {split: {tuple(tokens) for tokens in rows["tokens"]} for split, rows in dataset.items()}
        assert not sentences["train"] & sentences["validation"] | sentences["train"] & sentences["test"]
        for rows in dataset.values():
            for tokens, labels in zip(rows["tokens"], rows["ner_tags"], strict=True):
                assert violations([tags[label] for label in labels]) == []
                assert all(token.strip() for token in tokens)
                assert not UNREADABLE & {category(character) for token in tokens for character in token}
