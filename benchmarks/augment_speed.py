"""Augment gold sentences by each operation of `simple_augmentation`; print sentences a second on one core.

    python benchmarks/augment_speed.py [--repeats 5] [--profile]

The sentences are gold train of Universal NER Danish and MasakhaNER Yoruba where `../shared` is beside the
checkout, else invented. Measured is the method itself, from a gold sentence to tokens and tags: its random
numbers seeded, the operation, and the comparison with all of gold. Reading gold, counting its words, JSON and
the journal are not part of it. Beside it stands what one writes first: the same job with `random.choices`
over cumulative weights, `random.shuffle`, and every word normalised as it comes. Seconds are the processor's;
the two sides take turns, and each figure is of the fastest repeat, as other work can only slow one down.

What bounds it is the interpreter: with all three operations a word takes 0.8 microseconds, which are some
fifteen dictionary accesses, random numbers and list entries. Seeding random numbers for each sentence is a
fifth of the time, and looking up normal forms for the comparison with gold another fifth. Memory is not the
bound: fifty sentences again and again, which fit the caches, take 13 % less.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import platform
import pstats
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from synthner.generation.methods.simple_augmentation import (
    MENTIONS,
    SHUFFLE,
    TOKENS,
    Settings,
    SimpleAugmentation,
)
from synthner.schema.example import Example
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.normal_forms import normalised

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CORPORA = {"da": "uner/da_ddt/da_ddt-ud-{}.iob2.gz", "yor": "masakhaner2/yor/{}.txt.gz"}
FILES = {"train": "train", "validation": "dev", "test": "test"}
OPERATIONS = (TOKENS, MENTIONS, SHUFFLE)
PROBABILITY = 0.3
SEED = 20

Splits = Mapping[str, Sequence[Example]]
Labelled = tuple[Sequence[str], Sequence[str]]
Variants = Callable[[Example, random.Random], Sequence[object]]


class Plainly:
    """The same job as it is written first.

    Args:
        operations: Their names.
        splits: Gold.
    """

    def __init__(self, operations: Sequence[str], splits: Splits) -> None:
        words: dict[str, Counter[str]] = defaultdict(Counter)
        mentions: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for example in splits["train"]:
            for token, tag in zip(example.tokens, example.ner_tags, strict=True):
                words[tag][token] += 1
            for mention in example.mentions:
                mentions[mention.type][example.tokens[mention.start : mention.end]] += 1
        self._words = {
            tag: (list(counts), list(accumulate(counts.values()))) for tag, counts in words.items()
        }
        self._mentions = {
            type_: (list(counts), list(accumulate(counts.values()))) for type_, counts in mentions.items()
        }
        self._gold = {_text(example.tokens) for gold in splits.values() for example in gold}
        makers = {TOKENS: self._tokens, MENTIONS: self._replaced_mentions, SHUFFLE: self._shuffled}
        self._operations = [makers[name] for name in operations]

    def variants(self, example: Example, chance: random.Random) -> list[Labelled]:
        """Make the variants of a gold sentence."""
        made: list[Labelled] = []
        texts: set[str] = set()
        for operation in self._operations:
            tokens, tags = operation(example, chance)
            text = _text(tokens)
            if text not in self._gold and text not in texts:
                texts.add(text)
                made.append((tokens, tags))
        return made

    def _tokens(self, example: Example, chance: random.Random) -> Labelled:
        tags_of: dict[str, set[str]] = defaultdict(set)
        for token, tag in zip(example.tokens, example.ner_tags, strict=True):
            tags_of[token].add(tag)
        replaced = {}
        for token, tags in tags_of.items():
            if len(tags) == 1 and chance.random() < PROBABILITY:
                replaced[token] = _another(token, *self._words[next(iter(tags))], chance)
        return [replaced.get(token, token) for token in example.tokens], example.ner_tags

    def _replaced_mentions(self, example: Example, chance: random.Random) -> Labelled:
        types_of: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for mention in example.mentions:
            types_of[example.tokens[mention.start : mention.end]].add(mention.type)
        replaced = {}
        for words, types in types_of.items():
            if len(types) == 1 and chance.random() < PROBABILITY:
                replaced[words] = _another(words, *self._mentions[next(iter(types))], chance)
        tokens, tags = list(example.tokens), list(example.ner_tags)
        for mention in reversed(example.mentions):
            words = example.tokens[mention.start : mention.end]
            if words in replaced:
                other = replaced[words]
                tokens[mention.start : mention.end] = other
                tags[mention.start : mention.end] = [
                    f"B-{mention.type}",
                    *[f"I-{mention.type}"] * (len(other) - 1),
                ]
        return tokens, tags

    def _shuffled(self, example: Example, chance: random.Random) -> Labelled:
        tokens = list(example.tokens)
        ends = [end for mention in example.mentions for end in (mention.start, mention.end)]
        for start, end in pairwise([0, *ends, len(tokens)]):
            if end - start > 1 and chance.random() < PROBABILITY:
                segment = tokens[start:end]
                chance.shuffle(segment)
                tokens[start:end] = segment
        return tokens, example.ner_tags


def _text(tokens: Sequence[str]) -> str:
    return "".join(map(normalised, tokens)) or "\n".join(tokens)


def _another(unit: Any, units: Sequence[Any], weights: Sequence[int], chance: random.Random) -> Any:
    """Draw until it is another one, if there is one."""
    other = unit
    while other == unit and len(units) > 1:
        other = chance.choices(units, cum_weights=weights)[0]
    return other


def invented_gold() -> dict[str, Splits]:
    """Return sentences of made-up words, of which one in ten is a name."""
    chance = random.Random(SEED)
    words = ["".join(chance.choices("abdefgiklmnoprstuvyæøå", k=chance.randint(2, 10))) for _ in range(5_000)]
    examples = []
    for number in range(5_000):
        tags = ["B-PER" if chance.random() < 0.1 else "O" for _ in range(20)]
        drawn = [words[int(len(words) * chance.random() ** 3)] for _ in tags]
        tokens = [word if tag == "O" else word.capitalize() for word, tag in zip(drawn, tags, strict=True)]
        examples.append(Example(str(number), tuple(tokens), tuple(tags)))
    return {"invented": {"train": examples[:4_000], "test": examples[4_000:]}}


def gold() -> dict[str, Splits]:
    """Return gold by language, the real one where it is there."""
    if not SHARED.is_dir():
        return invented_gold()
    return {
        language: load_gold(
            GoldSource(files={split: SHARED / names.format(name) for split, name in FILES.items()}), language
        ).splits
        for language, names in CORPORA.items()
    }


def run(variants: Variants, examples: Sequence[Example]) -> tuple[float, int]:
    """Return the processor's seconds and the number of variants."""
    made = 0
    begin = time.process_time()
    chance = random.Random()
    for index, example in enumerate(examples):
        chance.seed(f"{SEED}/xx/simple_augmentation/{index}")
        made += len(variants(example, chance))
    return time.process_time() - begin, made


def measure(language: str, splits: Splits, repeats: int) -> None:
    """Print a table of each operation, and of all together."""
    train = splits["train"]
    words = sum(len(example.tokens) for example in train) / len(train)
    print(f"\n{language}: {len(train):,} sentences of {words:.1f} words")
    print(f"{'':<30}{'sentences/s':>12}{'variants/s':>12}{'plainly':>12}{'times':>7}{'variants each':>22}")
    for names in (*((name,) for name in OPERATIONS), OPERATIONS):
        sides: list[Variants] = [
            SimpleAugmentation(Settings(names, PROBABILITY), splits).variants,
            Plainly(names, splits).variants,
        ]
        taken: list[list[float]] = [[], []]
        made = [0, 0]
        for _ in range(repeats):
            for side, variants in enumerate(sides):
                seconds, made[side] = run(variants, train)
                taken[side].append(seconds)
        ours, plain = map(min, taken)
        each = f"{made[0] / len(train):.2f} and {made[1] / len(train):.2f}"
        name = names[0] if len(names) == 1 else "all together"
        print(
            f"{name:<30}{len(train) / ours:>12,.0f}{made[0] / ours:>12,.0f}{len(train) / plain:>12,.0f}"
            f"{plain / ours:>7.1f}{each:>22}"
        )


def show_profile(splits: Splits) -> None:
    """Print where the time goes with all operations; a profile slows calls down, and loops not."""
    variants = SimpleAugmentation(Settings(OPERATIONS, PROBABILITY), splits).variants
    with cProfile.Profile() as profile:
        run(variants, splits["train"])
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, one of them used; Python {platform.python_version()}")
    for language, splits in gold().items():
        if arguments.profile:
            show_profile(splits)
        else:
            measure(language, splits, arguments.repeats)


if __name__ == "__main__":
    main()
