"""Build a million rows, and the same gates row by row with `datasets`; print rates and peak memory.

    python benchmarks/build_million_rows.py [--rows 1000000] [--naive-rows 50000]

The rows are real ones, repeated and perturbed, where `../shared` is beside the checkout, else made of
invented words. Every measurement runs in a process of its own. Both sides start from recorded responses and
end with parquet of rows and of provenance and with the rejects; both salvage with the same function.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
RESPONSES = SHARED / "llm_responses" / "kamath_vajjala"
LABELS = "O,B-PER,I-PER,B-ORG,I-ORG,B-LOC,I-LOC"
DATAPOINTS_A_CALL = 20
SHARE_OF_SPLIT = {"train": 0.8, "validation": 0.1, "test": 0.1}
SEED = 20


def source_rows() -> list[dict[str, Any]]:
    """Return the datapoint objects that the real Danish responses hold, or invented ones."""
    from synthner.generation.responses import read_responses
    from synthner.generation.salvage import salvage

    files = sorted(RESPONSES.glob("*/da_train_*_raw*"))
    if not files:
        return list(_invented_rows(10_000))
    return [
        {"tokens": found.tokens, "ner_tags": found.tags}
        for file in files
        for response in read_responses(file)
        for found in salvage(response.text or "").found
        if found.fault is None
    ]


def _invented_rows(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(SEED)
    words = [
        "".join(chance.choices("abdefgiklmnoprstuvyæøå", k=chance.randint(2, 10))) for _ in range(20_000)
    ]
    for _ in range(count):
        length = chance.randint(4, 14)
        tags = chance.choices(range(8), weights=(60, 5, 4, 5, 4, 5, 4, 1), k=length + (chance.random() < 0.1))
        yield {"tokens": chance.choices(words, k=length), "ner_tags": tags}


def write_release(folder: Path, rows: int) -> None:
    """Write a release whose recorded responses hold `rows` datapoint objects."""
    source = source_rows()
    words = [token for row in source for token in row["tokens"] if isinstance(token, str)]
    chance = random.Random(SEED)
    for split, share in SHARE_OF_SPLIT.items():
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as lines:
            for _ in range(round(rows * share / DATAPOINTS_A_CALL)):
                datapoints = [
                    _perturbed(chance.choice(source), words, chance) for _ in range(DATAPOINTS_A_CALL)
                ]
                text = json.dumps({"ner_datapoints": datapoints}, ensure_ascii=False)
                lines.write(json.dumps({"raw_output": text}) + "\n")
    gold = SHARED / "uner" / "da_ddt"
    files = {split: str(gold / f"{split}.iob2.gz") for split in ("train", "dev", "test")}
    if not all(Path(file).is_file() for file in files.values()):
        found = {split: next(iter(sorted(gold.glob(f"*{split}*"))), None) for split in files}
        files = {
            split: str(file) if file else str(_invented_gold(folder, split)) for split, file in found.items()
        }
    release = {
        "name": "benchmark/danish",
        "seed": 1,
        "languages": {
            "da": {
                "labels": ["PER", "ORG", "LOC"],
                "gold": {
                    "files": {"train": files["train"], "validation": files["dev"], "test": files["test"]},
                    "license": "cc-by-sa-4.0",
                },
            }
        },
        "generators": {
            "recorded": {
                "method": "seeded",
                "engine": "recorded",
                "model": "recorded",
                "recorded": {"responses": "{split}.jsonl"},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")


def _perturbed(row: dict[str, Any], words: list[str], chance: random.Random) -> dict[str, Any]:
    """Repeat one row in ten; in the others put other words in two places."""
    if chance.random() < 0.1:
        return row
    tokens = list(row["tokens"])
    for _ in range(2 if tokens else 0):
        tokens[chance.randrange(len(tokens))] = chance.choice(words)
    return {"tokens": tokens, "ner_tags": row["ner_tags"]}


def _invented_gold(folder: Path, split: str) -> Path:
    path = folder / f"gold-{split}.txt"
    sentences = (row["tokens"] for row in _invented_rows(1000))
    text = "\n\n".join(
        "\n".join(f"{token} {'O' if i else 'B-PER'}" for i, token in enumerate(s)) for s in sentences
    )
    path.write_text(text + "\n", encoding="utf-8")
    return path


def measure_import(folder: Path) -> dict[str, Any]:
    """Put the recorded responses into the journal."""
    from synthner.generation.generate import generate
    from synthner.release import read_release

    begin = time.perf_counter()
    generate(read_release(folder))
    return {"seconds": time.perf_counter() - begin}


def measure_build(folder: Path) -> dict[str, Any]:
    """Build the release."""
    from synthner.builders.build import build
    from synthner.release import read_release

    begin = time.perf_counter()
    manifest = build(read_release(folder))
    seconds = time.perf_counter() - begin
    config = manifest["configs"]["da_recorded"]
    rows = sum(steps[2]["kept"] for steps in config["waterfall"].values())
    return {
        "seconds": seconds,
        "rows": rows,
        "published": sum(split["examples"] for split in config["splits"].values()),
    }


def measure_naive(folder: Path) -> dict[str, Any]:
    """Send the same responses through the same gates, one row at a time with `datasets`."""
    from datasets import Dataset, disable_progress_bars

    from synthner.release import read_release
    from synthner.sources.gold import load_gold

    disable_progress_bars()
    begin = time.perf_counter()
    gates = NaiveGates(load_gold(read_release(folder).configs[0].gold, "da"))
    rows = published = 0
    for split in ("test", "validation", "train"):
        gates.split = split
        data = Dataset.from_json(str(folder / f"{split}.jsonl"), cache_dir=str(folder / "cache"))
        data = data.map(
            gates.parse, batched=True, batch_size=50, with_indices=True, remove_columns=data.column_names
        )
        rows += len(data)
        for gate in (
            gates.lengths,
            gates.labels,
            gates.iob2,
            gates.text,
            gates.duplicates,
            gates.contamination,
        ):
            data = data.map(gate)
            rejected = data.filter(lambda row: row["reason"] != "")
            rejected.to_json(folder / f"rejects-{split}-{gate.__name__}.jsonl.gz")
            data = data.filter(lambda row: row["reason"] == "")
        published += len(data)
        data.select_columns(["id", "tokens", "ner_tags"]).to_parquet(folder / f"naive-{split}.parquet")
        data.select_columns(["id", "call", "parse_path", "repairs"]).to_parquet(
            folder / f"from-{split}.parquet"
        )
    return {"seconds": time.perf_counter() - begin, "rows": rows, "published": published}


class NaiveGates:
    """The gates as one would write them for `Dataset.map`: each gives a row its reason, or none."""

    def __init__(self, gold: Any) -> None:
        self.split = ""
        self._names = gold.labels.names
        sentences = [example.tokens for examples in gold.splits.values() for example in examples]
        self._gold = {self._normal(tokens) for tokens in sentences}
        self._seen: set[tuple[str, ...]] = set()
        self._seen_in: dict[str, str] = {}

    def parse(self, batch: dict[str, list[Any]], indices: list[int]) -> dict[str, list[Any]]:
        """Read the datapoints of responses."""
        from synthner.generation.salvage import salvage

        names = ("id", "call", "parse_path", "repairs", "tokens", "ner_tags", "reason")
        rows: dict[str, list[Any]] = {name: [] for name in names}
        for index, text in zip(indices, batch["raw_output"], strict=True):
            for found in salvage(text).found:
                tokens = found.tokens or []
                sound = bool(tokens) and all(type(token) in (str, int) for token in tokens)
                rows["id"].append(f"{self.split}-{index}-{found.item}")
                rows["call"].append(index)
                rows["parse_path"].append(found.parse_path)
                rows["repairs"].append("[]")
                rows["tokens"].append([str(token) for token in tokens])
                rows["ner_tags"].append([str(tag) for tag in found.tags or []])
                rows["reason"].append("" if sound else "schema")
        return rows

    def lengths(self, row: dict[str, Any]) -> dict[str, Any]:
        """Lengths agree."""
        row["reason"] = row["reason"] or ("" if len(row["tokens"]) == len(row["ner_tags"]) else "lengths")
        return row

    def labels(self, row: dict[str, Any]) -> dict[str, Any]:
        """Labels are in the set."""
        known = all(tag.isdecimal() and int(tag) < len(self._names) for tag in row["ner_tags"])
        row["reason"] = "" if known else "labels"
        return row

    def iob2(self, row: dict[str, Any]) -> dict[str, Any]:
        """Labels are IOB2."""
        from synthner.schema.iob2 import repair

        repaired = repair([self._names[int(tag)] for tag in row["ner_tags"]], "conlleval")
        row["ner_tags"] = [str(self._names.index(tag)) for tag in repaired.tags]
        row["repairs"] = json.dumps(
            [(change.position, change.before, change.after) for change in repaired.changes]
        )
        return row

    def text(self, row: dict[str, Any]) -> dict[str, Any]:
        """Tokens are sound and in Latin script."""
        row["reason"] = self._text_fault(row["tokens"])
        return row

    def duplicates(self, row: dict[str, Any]) -> dict[str, Any]:
        """The sentence came not before, nor in another split in another case or punctuation."""
        tokens = tuple(row["tokens"])
        normal = self._normal(tokens)
        elsewhere = bool(normal) and self._seen_in.get(normal, self.split) != self.split
        row["reason"] = "duplicate" if tokens in self._seen or elsewhere else ""
        self._seen.add(tokens)
        self._seen_in.setdefault(normal, self.split)
        return row

    def contamination(self, row: dict[str, Any]) -> dict[str, Any]:
        """The sentence is not in gold, whatever its case and punctuation."""
        normal = self._normal(row["tokens"])
        row["reason"] = "gold" if normal and normal in self._gold else ""
        return row

    @staticmethod
    def _text_fault(tokens: list[str]) -> str:
        letters = latin = 0
        for token in tokens:
            if not token.strip():
                return "blank token"
            for character in token:
                category = unicodedata.category(character)
                if category in ("Cc", "Cn", "Co", "Cs") or character == "\ufffd":
                    return "character"
                if category[0] == "L":
                    letters += 1
                    latin += unicodedata.name(character, "").startswith("LATIN")
        return "" if latin >= 0.5 * letters else "script"

    @staticmethod
    def _normal(tokens: Any) -> str:
        folded = unicodedata.normalize("NFKC", "".join(tokens)).casefold()
        return "".join(character for character in folded if unicodedata.category(character)[0] in "LMN")


MEASUREMENTS = {"import": measure_import, "build": measure_build, "naive": measure_naive}


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run a measurement in a process of its own; add its peak memory."""
    command = [sys.executable, __file__, "--measure", name, str(folder)]
    environment = {**os.environ, "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--naive-rows", type=int, default=50_000)
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, folder = arguments.measure
        result = MEASUREMENTS[name](Path(folder))
        result["processor_seconds"] = time.process_time()
        result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))
        return
    print(f"rows from {'real responses' if RESPONSES.is_dir() else 'invented words'}, {os.cpu_count()} cores")
    print(f"{'':22}{'rows':>10}{'published':>11}{'seconds':>9}{'CPU s':>8}{'rows/CPU s':>12}{'peak MiB':>10}")
    sizes = {
        "synthner": ("build", [arguments.rows // 10, arguments.rows]),
        "datasets, row by row": ("naive", [arguments.naive_rows // 2, arguments.naive_rows]),
    }
    largest = {}
    for title, (name, counts) in sizes.items():
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                write_release(Path(folder), count)
                if name == "build":
                    measure("import", Path(folder))
                result = largest[name] = measure(name, Path(folder))
            print(
                f"{title:22}{result['rows']:>10,}{result['published']:>11,}{result['seconds']:>9.1f}"
                f"{result['processor_seconds']:>8.1f}{result['rows'] / result['processor_seconds']:>12,.0f}"
                f"{result['peak_mib']:>10,.0f}",
                flush=True,
            )
    ratios = [
        (largest["build"]["rows"] / largest["build"][unit])
        / (largest["naive"]["rows"] / largest["naive"][unit])
        for unit in ("seconds", "processor_seconds")
    ]
    print(
        f"\n{ratios[0]:.1f} times the rows a second, {ratios[1]:.1f} times by processor time; "
        f"the row-by-row rate is that of {arguments.naive_rows:,} rows"
    )


if __name__ == "__main__":
    main()
