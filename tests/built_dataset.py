"""A small built dataset, made by hand: real parquet files and the manifest that describes them."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

from synthner.schema.labels import LabelSet
from synthner.schema.waterfall import Waterfall

LABELS = LabelSet.of_types(["PER", "LOC"])
NO_HASH = "0" * 64

Row = tuple[list[str], list[str]]

ROWS: dict[str, list[Row]] = {
    "train": [
        (["Adé", "lọ", "sí", "Ìbàdàn", "."], ["B-PER", "O", "O", "B-LOC", "O"]),
        (["Òjò", "rọ̀", "lánàá", "."], ["O", "O", "O", "O"]),
        (["Ṣadé", "Ọláyẹmí", "ti", "dé"], ["B-PER", "I-PER", "O", "O"]),
    ],
    "validation": [(["Mo", "wà", "ní", "Èkó"], ["O", "O", "O", "B-LOC"])],
}


def waterfall(published: int, lost: int) -> list[dict[str, object]]:
    """Make the steps of a split that published some datapoints and lost some to a wrong length."""
    steps = Waterfall()
    steps["requested"].kept = 5_000 + published + lost
    steps["returned"].kept = published + lost
    steps["returned"].lost["not returned"] = 5_000
    steps["lengths"].kept = published
    steps["lengths"].lost["fewer tags than words"] = lost
    steps["lengths"].show("Ayọ̀ | rí | Túndé → B-PER O")
    steps["iob2"].kept = published
    steps["iob2"].notes["repaired"] = 1
    steps["published"].kept = published
    return json.loads(json.dumps(steps.as_json()))


def manifest_of(configs: dict[str, dict[str, list[Row]]], **release: Any) -> dict[str, Any]:
    """Make the manifest of configs given as rows by split; hashes and sizes are those of no file."""
    return {
        "manifest_version": 2,
        "synthner": "0.1.0",
        "versions": {"unicode": "14.0.0", "pyarrow": "26.0.0", "datasets": "5.2.0"},
        "release": {
            "name": "example/synthetic-ner",
            "pretty_name": "Synthetic NER",
            "description": "A release for trying things out.",
            "authors": ["A. Author"],
            "contact": None,
            "seed": 20,
            "sha256": "a" * 64,
            **release,
        },
        "license": "cc-by-4.0",
        "license_from": "gold",
        "license_problem": None,
        "gates": {"iob2": "conlleval", "unicode": "keep", "script_share": 0.5},
        "configs": {name: _config(name, rows) for name, rows in configs.items()},
    }


def write_dataset(folder: Path, configs: dict[str, dict[str, list[Row]]]) -> dict[str, Any]:
    """Write the data files and the manifest of a dataset; return the manifest."""
    manifest = manifest_of(configs)
    for name, config in manifest["configs"].items():
        for split, facts in config["splits"].items():
            [shard] = facts["files"]
            _write_split(folder / shard["file"], configs[name][split])
            shard |= _described(folder / shard["file"])
        [shard] = config["provenance"]["files"]
        provenance = folder / shard["file"]
        provenance.parent.mkdir(parents=True, exist_ok=True)
        provenance.write_bytes(f"provenance of {name}".encode())
        shard |= _described(provenance)
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest into a folder."""
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


def _config(name: str, rows: dict[str, list[Row]]) -> dict[str, Any]:
    code, _, generator = name.partition("_")
    return {
        "language": {"code": code, "tag": "yo", "name": "Yoruba", "scripts": ["Latn"], "related": "ibo"},
        "method": "seeded",
        "engine": "openai",
        "model": f"model-{generator}",
        "model_snapshots": {f"model-{generator}-2026-08-01": 300},
        "format": "pairs",
        "examples": 10,
        "datapoints": 20,
        "seeds_from": {"train": "train", "validation": "train", "test": "train"},
        "sampling": {"temperature": 0.8},
        "base_url": "https://models.example/v1",
        "prompt": {"system": "You write datasets.", "user": "Help me make a Yoruba dataset."},
        "calls": {split: {"planned": 300, "answered": 299, "failed": 1} for split in rows},
        "usage": {"prompt_tokens": 123_456},
        "asked": {"first": 1_790_000_000.0, "last": 1_790_003_600.0},
        "gold": {
            "title": "Gold of Yoruba",
            "corpus": "goldcorpus",
            "hub": None,
            "files": None,
            "revision": "0123abc",
            "license": "cc-by-4.0",
            "citation": "@misc{gold, title={Gold}}",
            "splits": {"train": 6_877, "test": 1_964},
            "left_out": {},
        },
        "labels": list(LABELS.names),
        "splits": {split: _published(name, split, of_split) for split, of_split in rows.items()},
        "splits_left_out": {},
        "totals": {"requested": 10_016, "returned": 9_900, "published": 4},
        "waterfall": {split: waterfall(len(of_split), 7) for split, of_split in rows.items()},
        "contamination": {
            kind: {"exact": 2, "normalised": 1, "examples": []}
            for kind in ("seed_copies", "gold_train", "gold_validation", "gold_test")
        },
        "curation": None,
        "provenance": {
            "files": [
                {
                    "file": f"provenance/{name}.parquet",
                    "sha256": NO_HASH,
                    "bytes": 0,
                    "rows": sum(map(len, rows.values())),
                }
            ]
        },
        "rejects": 7,
    }


def _published(config: str, split: str, rows: list[Row]) -> dict[str, Any]:
    types = [tag[2:] for _, tags in rows for tag in tags if tag.startswith("B-")]
    return {
        "files": [
            {
                "file": f"{config}/{split}-00000-of-00001.parquet",
                "sha256": NO_HASH,
                "bytes": 2_000,
                "rows": len(rows),
            }
        ],
        "num_bytes": 1_000,
        "examples": len(rows),
        "tokens": sum(len(tokens) for tokens, _ in rows),
        "mentions": {type_: types.count(type_) for type_ in sorted(set(types))},
        "without_mentions": sum(set(tags) == {"O"} for _, tags in rows),
        "samples": [
            {"id": str(number), "tokens": copy.copy(tokens), "ner_tags": copy.copy(tags)}
            for number, (tokens, tags) in enumerate(rows[:3])
        ],
    }


def _write_split(path: Path, rows: list[Row]) -> None:
    from datasets import ClassLabel, Dataset, Features, List, Value

    features = Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(LABELS.names))),
        }
    )
    columns = {
        "id": [str(number) for number in range(len(rows))],
        "tokens": [tokens for tokens, _ in rows],
        "ner_tags": [LABELS.encode(tags) for _, tags in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(columns, features=features).to_parquet(path)


def _described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
