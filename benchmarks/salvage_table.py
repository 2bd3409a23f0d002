"""What salvage makes of Kamath & Vajjala's raw responses, by the authors' rule and by ours.

Run: python benchmarks/salvage_table.py RESPONSES
RESPONSES is the folder of their raw responses, one folder a model. Prints the table in docs/salvage.md, over
the train calls of each language and model. A row of the authors is sound if our gates keep it too; rows are
compared by their tokens.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from synthner.builders.salvaging import salvage_file
from synthner.schema.labels import LabelSet

MODELS = {"gpt-4": "GPT-4.1", "Llama-3.1-8B-Instruct": "Llama-3.1-8B", "aya-expanse-32b": "aya-expanse-32b"}
TYPES = {"yor": ("PER", "ORG", "LOC", "DATE")}
LANGUAGES = ("yor", "da", "sv", "ta")
HEADER = (
    "model",
    "language",
    "calls",
    "returned",
    "authors' rule",
    "of these sound",
    "our rule",
    "more, sound",
)


def sentences(path: Path) -> Counter[tuple[str, ...]]:
    """Count the sentences of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        return Counter(tuple(json.loads(line)["tokens"]) for line in lines)


def figures(raw: Path, labels: LabelSet, folder: Path) -> tuple[int, ...]:
    """Return one line of the table."""
    theirs, ours = folder / "theirs.jsonl", folder / "ours.jsonl"
    paper = salvage_file(raw, theirs, labels, rule="paper")
    outcome = salvage_file(raw, ours, labels)
    sound = (sentences(theirs) & sentences(ours)).total()
    return (outcome.calls, outcome.returned, paper.usable, sound, outcome.usable, outcome.usable - sound)


def main() -> None:
    """Print the table."""
    responses = Path(sys.argv[1])
    print("| " + " | ".join(HEADER) + " |")
    print("|---|---|" + "---:|" * (len(HEADER) - 2))
    with tempfile.TemporaryDirectory() as folder:
        for model, name in MODELS.items():
            for language in LANGUAGES:
                raw = next(
                    path for path in (responses / model).glob(f"{language}_train_*") if "raw" in path.name
                )
                labels = LabelSet.of_types(TYPES.get(language, ("PER", "ORG", "LOC")))
                row = figures(raw, labels, Path(folder))
                print(f"| {name} | {language} | " + " | ".join(f"{figure:,}" for figure in row) + " |")


if __name__ == "__main__":
    main()
