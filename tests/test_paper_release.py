"""The papers' recorded responses, four languages and three models, through the whole product at once."""

import gzip
import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from unicodedata import category

import pytest
from datasets import load_dataset

from synthner.schema.iob2 import violations
from synthner.tests.in_process import done

SHARED = Path(__file__).resolve().parents[2] / "shared"

UNREADABLE = {"Cc", "Cs", "Cn", "Co"}
MODELS = {"gpt4": "gpt-4", "llama": "Llama-3.1-8B-Instruct", "aya": "aya-expanse-32b"}
GOLD = {
    "yor": {
        split: f"masakhaner2/yor/{name}.txt.gz" for split, name in (("train", "train"), ("test", "test"))
    },
    "da": {split: f"uner/da_ddt/da_ddt-ud-{split}.iob2.gz" for split in ("train", "test")},
    "sv": {split: f"uner/sv_talbanken/sv_talbanken-ud-{split}.iob2.gz" for split in ("train", "test")},
    "ta": {"train": "multiner_en_si_ta/Final_Tamil.txt.gz"},
}
# Of each recording every fifth response is enough; but nearly all that GPT-4 has answered in Tamil is broken.
EVERY, ALL_OF = 5, ("ta", "gpt4")


@dataclass(frozen=True)
class Built:
    """The dataset that was built, and what the command said of it."""

    dataset: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Run a release over them; the recordings get one name a language, split and model."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the real corpora are not beside this checkout (../shared/data)")
    tmp_path = tmp_path_factory.mktemp("release")
    (tmp_path / "raw").mkdir()
    for generator, model in MODELS.items():
        for path in (data / "llm_responses/kamath_vajjala" / model).glob("*raw*"):
            language, split, _ = path.name.split("_", 2)
            suffix = "".join(suffix for suffix in path.suffixes if suffix in (".jsonl", ".gz"))
            read_or_write = gzip.open if suffix.endswith(".gz") else open
            name = f"{language}_{split}_{generator}{suffix}"
            with read_or_write(path, "rb") as recorded, read_or_write(tmp_path / "raw" / name, "wb") as cut:
                step = 1 if (language, generator) == ALL_OF else EVERY
                cut.writelines(islice(recorded, 0, None, step))
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
    return Built(tmp_path / "dataset", done("run", tmp_path, folder=tmp_path).stdout)


def test_twelve_configs_are_built_in_one_command(built):
    manifest = json.loads((built.dataset / "manifest.json").read_text(encoding="utf-8"))
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert list(manifest["configs"]) == [
        f"{language}_{generator}" for language in GOLD for generator in MODELS
    ]
    for name, config in manifest["configs"].items():
        assert f'load_dataset("{built.dataset}", "{name}")' in built.said
        totals = config["totals"]
        assert f"{totals['published']:,} of {totals['requested']:,} = " in card
        for step, after in zip(
            config["waterfall"]["train"][1:], config["waterfall"]["train"][2:], strict=False
        ):
            assert step["kept"] == after["kept"] + sum(after["lost"].values()), (name, after["step"])


def test_what_is_published_of_them_is_sound_and_in_one_split(built, tmp_path):
    for name in ("yor_gpt4", "da_llama", "sv_aya"):
        dataset = load_dataset(str(built.dataset), name, cache_dir=str(tmp_path))
        tags = dataset["train"].features["ner_tags"].feature.names
        sentences = {split: {tuple(tokens) for tokens in rows["tokens"]} for split, rows in dataset.items()}
        assert not sentences["train"] & sentences["validation"] | sentences["train"] & sentences["test"]
        for rows in dataset.values():
            for tokens, labels in zip(rows["tokens"], rows["ner_tags"], strict=True):
                assert violations([tags[label] for label in labels]) == []
                assert all(token.strip() for token in tokens)
                assert not UNREADABLE & {category(character) for token in tokens for character in token}
