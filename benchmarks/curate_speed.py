"""Curate thousands of rows against 500 gold sentences; print seconds, by step, and peak memory.

    python benchmarks/curate_speed.py [--rows 20000 ...] [--large]

The rows are real responses in Danish, repeated and perturbed, where `../shared` is beside the checkout, else
made of invented words. Every size runs in a process of its own: `synthner curate` from file to file, start-up
and imports included.
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
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
GOLD = SHARED / "uner" / "da_ddt"
RESPONSES = SHARED / "llm_responses" / "kamath_vajjala"
LABELS = LabelSet.of_types(("PER", "ORG", "LOC"))
GOLD_SENTENCES = 500
ROWS = (2_000, 20_000)
MANY_ROWS = 200_000
SEED = 20

# What is timed: names of functions in `builders.curation.curate`.
STEPS = ("near_duplicates", "near_copies", "unlike_gold", "agreement_on_mentions", "repair_labels", "select")


def real_sentences() -> tuple[list[Example], list[Example]]:
    """Return gold train sentences, and the synthetic ones of three models."""
    [train] = GOLD.glob("*train*")
    return list(read_examples(train)), [
        example
        for path in sorted(RESPONSES.glob("*/final/da*train*"))
        for example in read_examples(path, labels=LABELS)
    ]


def invented_sentences(count: int, chance: random.Random) -> list[Example]:
    """Return sentences of invented words, in which one in ten is a name."""
    words = ["".join(chance.choices("abdefgiklmnoprstuvyæøå", k=chance.randint(2, 10))) for _ in range(5_000)]
    names = [("B-" + chance.choice(LABELS.types), word.capitalize()) for word in words[:500]]
    sentences = []
    for number in range(count):
        tagged = [
            chance.choice(names) if chance.random() < 0.1 else ("O", chance.choice(words)) for _ in range(12)
        ]
        tags, tokens = zip(*tagged, strict=True)
        sentences.append(Example(str(number), tokens, tags))
    return sentences


def write_data(folder: Path, rows: int) -> None:
    """Write gold, and as many synthetic rows as asked for."""
    chance = random.Random(SEED)
    if GOLD.is_dir() and RESPONSES.is_dir():
        gold, source = real_sentences()
    else:
        gold, source = invented_sentences(1_000, chance), invented_sentences(10_000, chance)
    words = [token for example in source for token in example.tokens]
    write_rows(folder / "gold.jsonl", chance.sample(gold, GOLD_SENTENCES))
    write_rows(
        folder / "data.jsonl",
        (perturbed(chance.choice(source), number, words, chance) for number in range(rows)),
    )


def perturbed(example: Example, number: int, words: list[str], chance: random.Random) -> Example:
    """Repeat one sentence in ten; put other words in two of five places of the others."""
    tokens = list(example.tokens)
    if chance.random() >= 0.1:
        for place in chance.sample(range(len(tokens)), len(tokens) * 2 // 5):
            if example.ner_tags[place] == "O":
                tokens[place] = chance.choice(words)
    return Example(str(number), tuple(tokens), example.ner_tags)


def write_rows(path: Path, examples: Any) -> None:
    """Write JSONL."""
    with path.open("w", encoding="utf-8") as lines:
        for example in examples:
            row = {"id": example.id, "tokens": example.tokens, "ner_tags": example.ner_tags}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def measure(folder: Path) -> dict[str, Any]:
    """Run the command in this process; return its figures and the seconds of each step."""
    begin = time.perf_counter()
    from click.testing import CliRunner

    from synthner.builders.curation import curate
    from synthner.cli import synthner

    seconds: dict[str, float] = dict.fromkeys(STEPS, 0.0)
    for name in STEPS:
        setattr(curate, name, timed(name, getattr(curate, name), seconds))
    command = ["curate", str(folder / "data.jsonl"), "--gold", str(folder / "gold.jsonl"), "--json"]
    command += ["--rejects", str(folder / "rejects.jsonl"), "-o", str(folder / "curated.jsonl")]
    ended = CliRunner().invoke(synthner, command, catch_exceptions=False)
    outcome = json.loads(ended.stdout)
    return {
        "input": outcome["input"],
        "output": outcome["output"],
        "seconds": time.perf_counter() - begin,
        "processor_seconds": time.process_time(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "steps": seconds,
    }


def timed(name: str, function: Callable[..., Any], seconds: dict[str, float]) -> Callable[..., Any]:
    """Return a function that also adds up the seconds it takes."""

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        result = function(*arguments, **options)
        seconds[name] += time.perf_counter() - begin
        return result

    return run


def main() -> None:
    """Measure and print a table, and the split of the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--large", action="store_true", help=f"Also {MANY_ROWS:,} rows.")
    parser.add_argument("--measure", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    print(f"rows from {'real responses' if RESPONSES.is_dir() else 'invented words'}, {os.cpu_count()} cores")
    print(
        f"{'rows':>10}{'kept':>10}{'seconds':>9}{'CPU s':>8}{'s per 1,000':>13}{'peak MiB':>10}"
        "  seconds by step"
    )
    for rows in [*arguments.rows, *([MANY_ROWS] if arguments.large else [])]:
        with tempfile.TemporaryDirectory() as folder:
            write_data(Path(folder), rows)
            command = [sys.executable, __file__, "--measure", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{result['input']:>10,}{result['output']:>10,}{result['seconds']:>9.1f}"
            f"{result['processor_seconds']:>8.1f}{1000 * result['seconds'] / rows:>13.2f}"
            f"{result['peak_mib']:>10,.0f}  "
            + ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["steps"].items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
