"""Verify and build a leaderboard of thousands of small results, beside scoring each once with seqeval.

    python benchmarks/leaderboard_speed.py [--results 10000] [--seqeval 300]

Each result is a record and the predictions for two hundred sentences. seqeval scores a sample of them, in
its default mode and strictly, from the same files; its time is for as many as there are results.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

TYPES = ("PER", "ORG", "LOC", "DATE")
LANGUAGES = ("yor", "swa", "da", "kn", "ibo")
SENTENCES, WORDS, SEEDS = 200, 12, 5


def make(folder: Path, results: int) -> None:
    """Write a leaderboard with results of systems of all qualities."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from synthner.evaluation.bootstrap import bootstrap_interval
    from synthner.evaluation.content_hash import content_hash
    from synthner.evaluation.leaderboard.records import write_record
    from synthner.evaluation.scoring import score
    from synthner.schema.example import Example

    random = Random(1)
    gold: dict[str, list[Example]] = {}
    for language in LANGUAGES:
        examples = []
        for number in range(SENTENCES):
            tags = ["O"] * WORDS
            for start in range(0, WORDS - 2, 4):
                type_ = random.choice(TYPES)
                tags[start], tags[start + 1] = f"B-{type_}", random.choice(("O", f"I-{type_}"))
            tokens = tuple(f"{language}{random.randrange(5000)}" for _ in range(WORDS))
            examples.append(Example(f"{language}-{number}", tokens, tuple(tags)))
        gold[language] = examples
        place = folder / "benchmarks" / "gold" / f"{language}.jsonl"
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"id": each.id, "tokens": each.tokens, "ner_tags": each.ner_tags}) for each in examples
        ]
        place.write_text("\n".join(lines))
        described = {
            "format": 1,
            "title": language,
            "language": language,
            "gold": {"file": f"gold/{language}.jsonl"},
            "types": list(TYPES),
            "sha256": content_hash(tuple(examples)),
            "license": "cc0-1.0",
        }
        (folder / "benchmarks" / f"{language}.yaml").write_text(json.dumps(described))
    for number in range(results):
        language = LANGUAGES[number % len(LANGUAGES)]
        system, seed = divmod(number // len(LANGUAGES), SEEDS)
        quality = 0.4 + 0.5 * (system % 97) / 97
        test = gold[language]
        predicted = [
            [tag if random.random() < quality else "O" for tag in example.ner_tags] for example in test
        ]
        scored = score([example.ner_tags for example in test], predicted, types=TYPES)
        sink = io.BytesIO()
        table = pa.table({"id": [example.id for example in test], "predicted": predicted})
        pq.write_table(table, sink, compression="zstd")
        record: dict[str, Any] = {
            "format": 1,
            "kind": "dataset",
            "submitter": {"organization": f"org{system % 50}", "name": f"data{system}", "url": None},
            "model": None,
            "benchmark": language,
            "cell": {
                "language": language,
                "setting": "scratch",
                "source": "gpt4",
                "size": (100, 500, 1000, 5000)[system % 4],
                "seed": seed,
                "tagger": {"name": "crf", "kind": "crf", "model": None, "recipe": None, "settings": {}},
                "retry_of": None,
            },
            "training": [],
            "cost": None,
            "scores": {
                **{name: each for name, each in scored.as_json().items() if name != "macro_types"},
                "seen": None,
                "unseen": None,
            },
            "interval": list(bootstrap_interval(scored.counts, seed=number)),
            "predictions": {"sha256": sha256(sink.getvalue()).hexdigest()},
            "source": None,
            "date": "2026-01-01",
            "synthner": None,
        }
        write_record(folder, record, sink.getvalue())


def with_seqeval(folder: Path, limit: int) -> int:
    """Score a sample of the results as scripts do: read both files, then seqeval in both modes."""
    import pyarrow.parquet as pq
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    gold = {
        path.stem: [json.loads(line)["ner_tags"] for line in path.read_text().splitlines()]
        for path in (folder / "benchmarks" / "gold").glob("*.jsonl")
    }
    paths = sorted(folder.glob("results/*/*/*.json"))[:limit]
    for path in paths:
        record = json.loads(path.read_bytes())
        predicted = pq.read_table(path.with_suffix(".parquet"))["predicted"].to_pylist()
        found: Any = f1_score(gold[record["benchmark"]], predicted)
        f1_score(gold[record["benchmark"]], predicted, mode="strict", scheme=IOB2)
        if abs(float(found) - record["scores"]["micro"]["f1"]) > 1e-9:
            raise SystemExit(f"seqeval differs: {path}")
    return len(paths)


def timed(*command: str) -> tuple[float, float]:
    """Run a command in a process of its own; return its seconds, on the clock and of processors."""
    before, begin = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - begin, cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=10_000)
    parser.add_argument("--seqeval", type=int, default=300)
    parser.add_argument("--only-seqeval", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_seqeval:
        with_seqeval(options.only_seqeval, options.seqeval)
        return
    with TemporaryDirectory() as folder:
        board = Path(folder) / "board"
        make(board, options.results)
        synthner = str(Path(sys.executable).parent / "synthner")
        measured = {
            "verify": timed(synthner, "leaderboard", "verify", str(board)),
            "build": timed(synthner, "leaderboard", "build", str(board)),
        }
        sample = min(options.seqeval, options.results)
        wall, cpu = timed(sys.executable, __file__, "--only-seqeval", str(board), "--seqeval", str(sample))
        times = options.results / sample
        measured["seqeval alone"] = (wall * times, cpu * times)
    for name, (wall, cpu) in measured.items():
        ratio = measured["seqeval alone"][1] / cpu
        print(f"{name:15} {wall:8.1f} s {cpu:8.1f} CPU s {ratio:6.2f} times as fast as seqeval alone")


if __name__ == "__main__":
    main()
