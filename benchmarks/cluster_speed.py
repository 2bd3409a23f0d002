"""Replace mentions of gold sentences by others of their cluster; print sentences a second, on one core.

    python benchmarks/cluster_speed.py [--sentences 100000] [--tagged 5000]

Gold is Yoruba's where `../shared` is beside the checkout, else invented words. Its sentences are gone through
again and again, until there are as many as asked for. Making clusters and training taggers are timed apart.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from synthner.evaluation.recipes import train_on_gold
from synthner.generation.methods.cluster_replacement import ClusterReplacement, chosen_variants, comparable
from synthner.generation.methods.mention_clusters import Corpus, cluster_mentions
from synthner.generation.methods.word_vectors import vectors_of_corpus
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

GOLD = Path(__file__).resolve().parents[2] / "shared" / "data" / "masakhaner2" / "yor" / "train.txt.gz"
CANDIDATES = 5
SEED = 20


def gold_sentences() -> list[Example]:
    """Return gold to replace mentions in."""
    if GOLD.is_file():
        return list(read_examples(GOLD))
    chance = random.Random(SEED)
    words = ["".join(chance.choices("abdefgiklmnoprstuvyæøå", k=chance.randint(2, 10))) for _ in range(5_000)]
    names = [(word.capitalize(), f"B-{chance.choice(('PER', 'ORG', 'LOC'))}") for word in words[:1_000]]
    sentences = []
    for number in range(5_000):
        pairs = [
            chance.choice(names) if chance.random() < 0.1 else (chance.choice(words), "O") for _ in range(20)
        ]
        tokens, tags = zip(*pairs, strict=True)
        sentences.append(Example(str(number), tokens, tags))
    return sentences


def timed(what: str, work: Callable[[], Any]) -> tuple[Any, float]:
    """Do some work; print and return how many CPU seconds it took."""
    began = time.process_time()
    outcome = work()
    seconds = time.process_time() - began
    print(f"{what:<44}{seconds:>8.2f} CPU s", flush=True)
    return outcome, seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--tagged", type=int, default=5_000)
    arguments = parser.parse_args()
    gold = gold_sentences()
    types = LabelSet.of_tags(tag for example in gold for tag in example.ner_tags).types
    source = "Yoruba gold" if GOLD.is_file() else "invented words"
    print(f"{source}: {len(gold):,} sentences, {os.cpu_count()} cores")
    vectors, _ = timed("word vectors", lambda: vectors_of_corpus([example.tokens for example in gold], SEED))
    clusters, _ = timed(
        "clusters, their number by silhouette",
        lambda: cluster_mentions([Corpus(gold, vectors)], types, number=None, random_state=SEED),
    )
    replacement = ClusterReplacement(clusters, frozenset(comparable(example.tokens) for example in gold))
    for count in (1, 2, CANDIDATES):
        many = list(islice(cycle(gold), arguments.sentences))
        made, seconds = timed(
            f"replacing, {count} variants a sentence",
            lambda many=many, count=count: sum(
                len(replacement.variants(example, f"{SEED}/{number}", count))
                for number, example in enumerate(many)
            ),
        )
        print(f"    {len(many) / seconds:,.0f} gold sentences and {made / seconds:,.0f} variants a second")
    half = gold[: len(gold) // 2]
    tagger, _ = timed(f"a tagger of {len(half):,} sentences", lambda: train_on_gold(half))
    many = list(islice(cycle(gold[len(half) :]), arguments.tagged))
    for volume in (1, None):
        made, seconds = timed(
            f"{CANDIDATES} candidates, {'the best' if volume else 'all right ones'} by a tagger",
            lambda many=many, volume=volume: sum(
                len(
                    chosen_variants(
                        replacement.variants(example, f"{SEED}/{number}", CANDIDATES), volume, lambda: tagger
                    )
                )
                for number, example in enumerate(many)
            ),
        )
        print(f"    {len(many) / seconds:,.0f} gold sentences and {made / seconds:,.0f} variants a second")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
