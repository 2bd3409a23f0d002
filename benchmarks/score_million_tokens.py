"""Score a million tokens with `synthner` and with seqeval, in both modes; print seconds and ratios.

    python benchmarks/score_million_tokens.py [--tokens 1000000] [--repeats 5]

The tags are random and IOB2, one word in five is in a mention, and the predictions differ from gold in one
tag of twenty, which also misplaces I- tags. Each figure is the median of the repeats, which take turns;
making the tags and importing are not part of it. Our figure is that of one call, which gives both modes,
every type, the macro average and the counts of every sentence. It stops if a figure differs from seqeval's.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_default
from seqeval.metrics.v1 import precision_recall_fscore_support as seqeval_strict
from seqeval.scheme import IOB2

from synthner.evaluation.mention_errors import mention_errors
from synthner.evaluation.scoring import score
from synthner.evaluation.statistics import paired_tests

SEED = 20
TYPES = ("PER", "ORG", "LOC", "DATE")
TAGS = ("O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI"))
SENTENCE = 25
REPLICATES = 10_000
TESTED_SENTENCES = 1_300

Tags = list[list[str]]


def gold_tags(tokens: int, chance: random.Random) -> Tags:
    """Make sentences of IOB2 tags."""
    sentences = []
    for _ in range(tokens // SENTENCE):
        tags: list[str] = []
        while len(tags) < SENTENCE:
            if chance.random() < 0.1:
                name = chance.choice(TYPES)
                tags += [f"B-{name}", *([f"I-{name}"] * chance.randint(0, 2))]
            else:
                tags.append("O")
        sentences.append(tags[:SENTENCE])
    return sentences


def predicted_tags(gold: Tags, chance: random.Random) -> Tags:
    """Change one tag of twenty."""
    return [[chance.choice(TAGS) if chance.random() < 0.05 else tag for tag in tags] for tags in gold]


def seconds(run: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def check_agreement(gold: Tags, predicted: Tags) -> None:
    """Stop if a figure differs from seqeval's."""
    ours = score(gold, predicted)
    default = seqeval_default(gold, predicted, average="micro")[:3]
    strict = seqeval_strict(gold, predicted, average="micro", scheme=IOB2)[:3]
    if (*ours.micro.as_json().values(),) != default or (*ours.strict.as_json().values(),) != strict:
        raise SystemExit("a score differs from seqeval's")


def peak_of_paired_test() -> tuple[float, float]:
    """Return seconds, and then MiB of memory, of a paired test with ten thousand replicates."""
    chance = random.Random(SEED)
    gold = gold_tags(TESTED_SENTENCES * SENTENCE, chance)
    systems = {name: score(gold, predicted_tags(gold, chance)).counts[None] for name in ("first", "second")}

    def test() -> None:
        paired_tests(systems, replicates=REPLICATES, seed=SEED)

    taken = seconds(test)
    tracemalloc.start()
    test()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken, peak / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    chance = random.Random(SEED)
    gold = gold_tags(arguments.tokens, chance)
    predicted = predicted_tags(gold, chance)
    check_agreement(gold, predicted)
    sides: dict[str, Callable[[], Any]] = {
        "synthner, both modes": lambda: score(gold, predicted),
        "seqeval, default": lambda: seqeval_default(gold, predicted, average="micro"),
        "seqeval, strict": lambda: seqeval_strict(gold, predicted, average="micro", scheme=IOB2),
        "synthner, kinds of errors": lambda: mention_errors(gold, predicted),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.repeats):
        for name, run in sides.items():
            taken[name].append(seconds(run))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    ours = medians["synthner, both modes"]
    print(
        f"{sum(map(len, gold)):,} tokens, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"median of {arguments.repeats}"
    )
    for name, median in medians.items():
        print(f"{name:<28}{median:>8.2f} s{median / ours:>8.1f} times ours")
    test_seconds, test_memory = peak_of_paired_test()
    print(
        f"a paired test on {TESTED_SENTENCES:,} sentences with {REPLICATES:,} replicates: "
        f"{test_seconds:.2f} s, {test_memory:.0f} MiB"
    )


if __name__ == "__main__":
    main()
