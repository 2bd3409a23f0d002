"""A leaderboard to test with: gold, taggers of a wanted quality, records as others would write them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthner.evaluation.bootstrap import bootstrap_interval
from synthner.evaluation.content_hash import content_hash
from synthner.evaluation.leaderboard.records import record_path
from synthner.evaluation.leaderboard.strict_json import canonical_json
from synthner.evaluation.scoring import score
from synthner.schema.example import Example
from synthner.tests.report_runs import TYPES, gold_sentences, predicted_tags

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOLD = "gold-keepers/tiny-gold"

Change = Callable[[dict[str, Any]], None]


def parquet(ids: Sequence[str], predicted: Sequence[Sequence[str] | None], **options: Any) -> bytes:
    """Return predictions as others would write them."""
    table = pa.table(
        {"id": list(ids), "predicted": [None if tags is None else list(tags) for tags in predicted]}
    )
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def write_split(path: Path, examples: Sequence[Example]) -> None:
    """Write sentences as a split of a data set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "id": [example.id for example in examples],
            "tokens": [list(example.tokens) for example in examples],
            "ner_tags": [list(example.ner_tags) for example in examples],
        }
    )
    pq.write_table(table, path)


@dataclass
class LeaderboardFolder:
    """A leaderboard.

    Attributes:
        folder: Where it is.
        gold: The test sentences of each benchmark.
    """

    folder: Path
    gold: dict[str, list[Example]] = field(default_factory=dict)

    @property
    def mirror(self) -> Path:
        """Where data sets are that would be on the Hub."""
        return self.folder.parent / f"{self.folder.name}-data"

    def add_benchmark(
        self,
        name: str = "tiny-yor",
        language: str = "yor",
        *,
        count: int = 120,
        on_hub: bool = False,
        **more: Any,
    ) -> None:
        """Write a benchmark, its gold in a file, or in the mirror of the Hub."""
        gold = self.gold[name] = gold_sentences(language, count)
        if on_hub:
            write_split(self.mirror / GOLD / language / "test.parquet", gold)
            write_split(
                self.mirror / GOLD / language / "train.parquet", gold_sentences(f"{language}-train", 40)
            )
            card = {
                "configs": [
                    {
                        "config_name": language,
                        "data_files": [
                            {"split": split, "path": f"{language}/{split}.parquet"}
                            for split in ("train", "test")
                        ],
                    }
                ]
            }
            (self.mirror / GOLD / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n")
            place: Any = {"hub": GOLD, "config": language, "split": "test", "revision": COMMIT}
        else:
            lines = [
                json.dumps(
                    {"id": each.id, "tokens": each.tokens, "ner_tags": each.ner_tags}, ensure_ascii=False
                )
                for each in gold
            ]
            file = self.folder / "benchmarks" / "gold" / f"{name}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            place = {"file": f"gold/{name}.jsonl"}
        described = {
            "format": 1,
            "title": f"Tiny gold in {language}",
            "language": language,
            "gold": place,
            "types": list(TYPES),
            "sha256": content_hash(tuple(gold)),
            "license": "cc-by-4.0",
            **more,
        }
        path = self.folder / "benchmarks" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")

    def predictions(self, quality: float, seed: int, benchmark: str = "tiny-yor") -> list[tuple[str, ...]]:
        """Return what a tagger of a quality predicts."""
        return predicted_tags(self.gold[benchmark], quality, Random(f"{quality} {seed} {benchmark}"))

    def record(
        self, predicted: Sequence[Sequence[str]], data: bytes, *, benchmark: str = "tiny-yor", **cell: Any
    ) -> dict[str, Any]:
        """Return the record of predictions.

        Args:
            predicted: The predictions.
            data: Their file.
            benchmark: The benchmark.
            cell: What the cell has that is not the usual, and `organization`, `name`, `kind`, `cost`, `date`.
        """
        gold = self.gold[benchmark]
        scored = score([each.ner_tags for each in gold], predicted, types=TYPES)
        language = json.loads((self.folder / "benchmarks" / f"{benchmark}.yaml").read_text())["language"]
        size = cell.get("size", 100)
        return {
            "format": 1,
            "kind": cell.get("kind", "dataset"),
            "submitter": {
                "organization": cell.get("organization", "ada"),
                "name": cell.get("name", "names-of-lagos"),
                "url": "https://example.org/ada",
            },
            "model": None,
            "benchmark": benchmark,
            "cell": {
                "language": language,
                "setting": cell.get("setting", "scratch"),
                "source": cell.get("source", "gpt4"),
                "size": size,
                "seed": cell.get("seed", 0),
                "tagger": {"name": "crf", "kind": "crf", "model": None, "recipe": None, "settings": {}},
                "retry_of": cell.get("retry_of"),
            },
            "training": cell.get(
                "training", [part("source", language, name="gpt4", sentences=90 if size is None else size)]
            ),
            "cost": cell.get("cost"),
            "scores": {
                "micro": scored.micro.as_json(),
                "macro": scored.macro.as_json(),
                "strict": scored.strict.as_json(),
                "per_type": {name: each.as_json() for name, each in scored.per_type.items()},
                "seen": None,
                "unseen": None,
            },
            "interval": list(bootstrap_interval(scored.counts, seed=7)),
            "predictions": {"sha256": sha256(data).hexdigest()},
            "source": None,
            "date": cell.get("date", "2026-03-01"),
            "synthner": None,
        }

    def submit(
        self, quality: float = 0.8, *, change: Change | None = None, benchmark: str = "tiny-yor", **cell: Any
    ) -> str:
        """Write a result, and return the path of its record.

        Args:
            quality: How probably the tagger gets a mention right.
            change: Changes the record before it is named.
            benchmark: The benchmark.
            cell: As `record` takes it.
        """
        predicted = self.predictions(quality, cell.get("seed", 0), benchmark)
        data = parquet([each.id for each in self.gold[benchmark]], predicted)
        record = deepcopy(self.record(predicted, data, benchmark=benchmark, **cell))
        if change is not None:
            change(record)
        return self.put(record, data)

    def report(self, f1: float, **cell: Any) -> str:
        """Write a self-reported result."""

        def without_predictions(record: dict[str, Any]) -> None:
            none = dict.fromkeys(("macro", "strict", "per_type", "seen", "unseen"))
            record |= {"predictions": None, "interval": None, "training": []}
            record["scores"] = {"micro": {"precision": None, "recall": None, "f1": f1}, **none}

        path = self.submit(change=without_predictions, **cell)
        (self.folder / path.replace(".json", ".parquet")).unlink()
        return path

    def put(self, record: dict[str, Any], data: bytes, path: str | None = None) -> str:
        """Write a record and a file of predictions where they belong, or where a path says."""
        path = path or record_path(record)
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(canonical_json(record))
        place.with_suffix(".parquet").write_bytes(data)
        return path


def part(role: str, language: str, **more: Any) -> dict[str, Any]:
    """Return a part of the training data of a record."""
    return {
        "role": role,
        "language": language,
        "name": "gpt4",
        "hub": None,
        "config": None,
        "split": None,
        "revision": None,
        "sha256": "a" * 64,
        "sentences": 100,
        **more,
    }
