"""What each part of curation is worth on the papers' responses; print mean lift and its standard error.

    python benchmarks/curation_ablation.py [--languages yor da] [--models gpt-4] [--seeds 0 1] [--gold 100]

A cell is a language, a model and a seed. The seed draws the gold sentences to train on, the synthetic ones,
and the sentences to test on: gold *train* sentences outside the sample, never gold validation or test. Each
variant curates the same synthetic sentences with some steps switched off. A tagger is trained on gold and
what is kept (recipe `adapted`), or on gold alone where nothing is kept. Lift is its micro-F1 less that of
gold alone, in points.
"""

from __future__ import annotations

import argparse
import math
from itertools import product
from pathlib import Path
from random import Random
from statistics import mean, stdev

from synthner.builders.curation.curate import LABELS, REPAIR, SELECTION, STEPS, curate
from synthner.evaluation.recipes import ADAPTED, GOLD_ONLY, train_by_recipe
from synthner.evaluation.scoring import score
from synthner.evaluation.training_data import training_data
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
RESPONSES = SHARED / "llm_responses" / "kamath_vajjala"
GOLD = {
    "yor": SHARED / "masakhaner2" / "yor",
    "da": SHARED / "uner" / "da_ddt",
    "sv": SHARED / "uner" / "sv_talbanken",
}
TYPES = {"yor": ("PER", "ORG", "LOC", "DATE")}
TEST_SENTENCES = 1_000

_CLEANED = tuple(step for step in STEPS if step not in (LABELS, REPAIR, SELECTION))
VARIANTS = {
    "all synthetic sentences": (),
    "duplicates and foreign sentences dropped": _CLEANED,
    "… and labels repaired": (*_CLEANED, LABELS, REPAIR),
    "… and selected, not repaired": (*_CLEANED, LABELS, SELECTION),
    "all steps": STEPS,
}


def lifts(language: str, model: str, seed: int, sizes: tuple[int, int]) -> list[float]:
    """Return the lift of each variant in one cell, in points of micro-F1."""
    random = Random(f"{language} {seed}")
    labels = LabelSet.of_types(TYPES.get(language, ("PER", "ORG", "LOC")))
    [train] = GOLD[language].glob("*train*")
    [responses] = (RESPONSES / model / "final").glob(f"{language}-*train*")
    found = list(training_data(read_examples(train), types=set(labels.types)).examples)
    random.shuffle(found)
    gold, test = found[: sizes[0]], found[sizes[0] :][:TEST_SENTENCES]
    offered = training_data(read_examples(responses, labels=labels)).examples
    synthetic = random.sample(offered, min(sizes[1], len(offered)))
    alone = f1(gold, [], test)
    return [
        100
        * (
            f1(gold, curate(synthetic, gold, labels, held_out={}, seed=seed, steps=steps).examples, test)
            - alone
        )
        for steps in VARIANTS.values()
    ]


def f1(gold: list[Example], synthetic: list[Example] | tuple[Example, ...], test: list[Example]) -> float:
    """Train, and return micro-F1 on the test sentences."""
    tagger = train_by_recipe(gold, synthetic, ADAPTED if synthetic else GOLD_ONLY)
    predicted = tagger.tag(example.tokens for example in test)
    return score([example.ner_tags for example in test], predicted).micro.f1


def main() -> None:
    """Measure cell by cell, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", nargs="+", choices=list(GOLD), default=list(GOLD))
    parser.add_argument("--models", nargs="+", default=["gpt-4", "Llama-3.1-8B-Instruct", "aya-expanse-32b"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--gold", type=int, default=100, help="Gold sentences to train on.")
    parser.add_argument("--synthetic", type=int, default=1_000, help="Synthetic sentences offered.")
    arguments = parser.parse_args()
    rows = []
    for seed, language, model in product(arguments.seeds, arguments.languages, arguments.models):
        rows.append(lifts(language, model, seed, (arguments.gold, arguments.synthetic)))
        print(f"{language} {model} seed {seed}:", *(f"{lift:+.1f}" for lift in rows[-1]), flush=True)
    print("\n| variant | mean lift | standard error |\n|---|---:|---:|")
    for name, column in zip(VARIANTS, zip(*rows, strict=True), strict=True):
        error = f"{stdev(column) / math.sqrt(len(column)):.1f}" if len(column) > 1 else ""
        print(f"| {name} | {mean(column):+.1f} | {error} |")


if __name__ == "__main__":
    main()
