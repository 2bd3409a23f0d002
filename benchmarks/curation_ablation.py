"""What each part of curation is worth on the papers' responses; print mean lift and its 95 % interval.

    python benchmarks/curation_ablation.py [--languages yor da] [--models gpt-4] [--seeds 0 1] [--gold 100]

A cell is a language, a model and a seed. The seed draws the gold sentences to train on, the synthetic ones,
and the sentences to test on: gold *train* sentences outside the sample, never gold validation or test. Each
variant curates the same synthetic sentences with some steps switched off. A tagger is trained on gold and
what is kept (recipe `adapted`; the first variant just puts the two together), or on gold alone where nothing
is kept. Lift is its micro-F1 less that of gold alone, in points. The interval is a bootstrap over cells.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random
from statistics import mean

from synthner.builders.curation.curate import LABELS, REPAIR, SELECTION, STEPS, curate
from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.recipes import GOLD_COUNTS, Adaptation, train_on_gold
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
RESAMPLES = 10_000

_CLEANED = tuple(step for step in STEPS if step not in (LABELS, REPAIR, SELECTION))
PUT_TOGETHER = "all synthetic sentences, put together with gold"
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
    [train] = GOLD[language].glob("*train*.gz")
    [responses] = (RESPONSES / model / "final").glob(f"{language}-*train*")
    found = list(training_data(read_examples(train), types=set(labels.types)).examples)
    random.shuffle(found)
    gold, test = found[: sizes[0]], found[sizes[0] :][:TEST_SENTENCES]
    offered = training_data(read_examples(responses, labels=labels)).examples
    synthetic = random.sample(offered, min(sizes[1], len(offered)))
    alone = f1(train_on_gold(gold), test)
    together = CrfTagger.train([*gold, *synthetic], repeats=[GOLD_COUNTS] * len(gold) + [1] * len(synthetic))
    reached = [f1(together, test)]
    for steps in VARIANTS.values():
        kept = curate(synthetic, gold, labels, held_out={}, seed=seed, steps=steps).examples
        reached.append(f1(Adaptation(kept).train(gold), test) if kept else alone)
    return [100 * (each - alone) for each in reached]


def f1(tagger: CrfTagger, test: Sequence[Example]) -> float:
    """Return micro-F1 on the test sentences."""
    predicted = tagger.tag(example.tokens for example in test)
    return score([example.ner_tags for example in test], predicted).micro.f1


def interval(column: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean over cells."""
    random = Random(0)
    means = sorted(mean(random.choices(column, k=len(column))) for _ in range(RESAMPLES))
    return means[round(0.025 * RESAMPLES)], means[round(0.975 * RESAMPLES) - 1]


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
    print("\n| variant | mean lift | 95 % interval | worst cell |\n|---|---:|---:|---:|")
    for name, column in zip((PUT_TOGETHER, *VARIANTS), zip(*rows, strict=True), strict=True):
        low, high = interval(column)
        print(f"| {name} | {mean(column):+.1f} | {low:+.1f} … {high:+.1f} | {min(column):+.1f} |")


if __name__ == "__main__":
    main()
