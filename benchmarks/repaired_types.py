"""How many mentions have the type that gold gives their form, before and after label repair.

    python benchmarks/repaired_types.py [--gold 100 500] [--seeds 0 1 2]

The papers' raw responses, salvaged, in three languages and by three models. Labels are repaired by a sample
of gold train. What is counted are mentions whose form stands in the rest of gold train, too: is their type
the one that gold mostly gives this form there? Gold validation and test play no part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from synthner.builders.curation.repairs import repair_labels
from synthner.evaluation.training_data import read_training_data, training_data
from synthner.evaluation.word_clusters import folded_word
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
GOLD = {
    "yor": SHARED / "masakhaner2" / "yor",
    "da": SHARED / "uner" / "da_ddt",
    "sv": SHARED / "uner" / "sv_talbanken",
}
MODELS = ("gpt-4", "Llama-3.1-8B-Instruct", "aya-expanse-32b")
TYPES = {"yor": ("PER", "ORG", "LOC", "DATE")}
USUAL_TYPES = ("PER", "ORG", "LOC")


def salvaged(language: str, model: str, folder: Path) -> Path:
    """Return a file of the datapoints of a model's training responses."""
    labels = LabelSet.of_types(TYPES.get(language, USUAL_TYPES))
    [raw] = (SHARED / "llm_responses" / "kamath_vajjala" / model).glob(f"{language}_train*raw*")
    output = folder / f"{language}_{model}.jsonl"
    arguments = ["salvage", str(raw), "-o", str(output), "--labels", ",".join(labels.names)]
    command = [sys.executable, "-c", "from synthner.cli import main; main()", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return output


def types_of_forms(examples: Iterable[Example]) -> dict[str, Counter[str]]:
    """Count the types of each surface form."""
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for mention in example.mentions:
            form = " ".join(map(folded_word, example.tokens[mention.start : mention.end]))
            types[form][mention.type] += 1
    return types


def share_right(examples: Iterable[Example], wanted: dict[str, str]) -> tuple[int, int]:
    """Return how many mentions have the type wanted for their form, and of how many it is known."""
    found = {form: types for form, types in types_of_forms(examples).items() if form in wanted}
    right = sum(types[wanted[form]] for form, types in found.items())
    return right, sum(types.total() for types in found.values())


def cell(language: str, data: Path, gold: int, seed: int) -> tuple[tuple[int, int], ...]:
    """Return the counts of one cell before and after repair."""
    [train] = GOLD[language].glob("*train*.gz")
    labels = LabelSet.of_types(TYPES.get(language, USUAL_TYPES))
    found = list(training_data(read_examples(train), types=set(labels.types)).examples)
    Random(seed).shuffle(found)
    sample, rest = found[:gold], found[gold:]
    wanted = {form: types.most_common(1)[0][0] for form, types in types_of_forms(rest).items()}
    synthetic: Sequence[Example] = read_training_data(data, types=set(labels.types)).examples
    repaired = repair_labels(synthetic, sample, labels).examples
    return share_right(synthetic, wanted), share_right(repaired, wanted)


def main() -> None:
    """Print the share of right types, cell by cell and on average."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--languages", nargs="+", default=list(GOLD))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--gold", nargs="+", type=int, default=[100, 500])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        files = {key: salvaged(*key, Path(folder)) for key in product(arguments.languages, arguments.models)}
        for gold in arguments.gold:
            shares = []
            for (language, model), data in files.items():
                for seed in arguments.seeds:
                    before, after = cell(language, data, gold, seed)
                    shares.append((before[0] / max(1, before[1]), after[0] / max(1, after[1])))
                    print(
                        f"{gold:4} {language:4} {model:24} {seed}  "
                        f"{shares[-1][0]:.2f} {shares[-1][1]:.2f}  of {before[1]:,}"
                    )
            mean = [sum(each[place] for each in shares) / len(shares) for place in (0, 1)]
            print(
                f"{gold} gold sentences, {len(shares)} cells: {mean[0]:.2f} written, {mean[1]:.2f} repaired"
            )


if __name__ == "__main__":
    main()
