"""How many sentences a second each way of projecting labels, and how many an integer program matches.

Run: python benchmarks/projection_speed.py EUROPARL [--alignments de=FILE --alignments es=FILE]
EUROPARL is the folder of the Europarl NER corpus: the same 799 sentences in English, German and Spanish, here
repeated. Alignments are read where they are given, one line a sentence; else they are made up: the diagonal
with noise, from a seed. Prints tables of sentences a second of processor time on one core. Speed is all that
made-up alignments can tell.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from synthner.projection.alignments import read_alignments
from synthner.projection.files import ParallelFiles, ParallelSentence, project_files
from synthner.projection.matched import align_rows
from synthner.projection.matching import exact, integer_program
from synthner.projection.methods import projector
from synthner.projection.outcome import Alignment
from synthner.sources.readers import read_examples

WAYS = {
    "gf22": ("gf22", {}),
    "gf22 --compat": ("gf22", {"compat": True}),
    "politov": ("politov", {}),
    "greedy": ("greedy", {}),
    "exact": ("exact", {}),
}


def sentences_of(folder: Path, language: str, alignments: Path | None, seed: int) -> list[ParallelSentence]:
    """Return the English sentences with their translations."""
    english, target = (
        list(read_examples(next(folder.glob(f"{code}-europarl*")))) for code in ("en", language)
    )
    lengths = [(len(left.tokens), len(right.tokens)) for left, right in zip(english, target, strict=True)]
    if alignments is None:
        generator = random.Random(seed)
        aligned = [made_up(*length, generator) for length in lengths]
    else:
        aligned = [pairs for _, pairs in read_alignments(alignments)]
    return [
        ParallelSentence(left.mentions, pairs, right.tokens)
        for left, right, pairs in zip(english, target, aligned, strict=True)
    ]


def made_up(source: int, target: int, generator: random.Random) -> Alignment:
    """Return the diagonal of two sentences: one word in ten is not aligned, one in seven to a second word."""
    pairs = set()
    for word in range(source):
        beside = round(word * target / source) + generator.choice((0, 0, 0, 0, 1, -1))
        if 0 <= beside < target and generator.random() < 0.9:
            pairs.add((word, beside))
        if generator.random() < 0.15:
            pairs.add((word, generator.randrange(target)))
    return frozenset(pairs)


def rate(work: Callable[[], object], sentences: int) -> float:
    """Return how many sentences a second of processor time some work does."""
    start = time.process_time()
    work()
    return sentences / (time.process_time() - start)


def project_all(sentences: Sequence[ParallelSentence], way: str, rounds: int) -> None:
    """Project all sentences, as often as is said."""
    name, parameters = WAYS[way]
    project = projector(name, parameters)
    for _ in range(rounds):
        for sentence in sentences:
            project(sentence.entities, sentence.alignment, sentence.target)


def project_files_of(
    source: Path, sentences: Sequence[ParallelSentence], rounds: int, folder: Path
) -> Callable[[], object]:
    """Write the sentences to files, and return what projects these."""
    alignments = folder / "alignments.txt"
    files = ParallelFiles(folder / "source.conll", folder / "target.txt", alignments)
    text = "".join(
        "".join(f"{word} {tag}\n" for word, tag in zip(example.tokens, example.ner_tags, strict=True)) + "\n"
        for example in read_examples(next(source.glob("en-europarl*")))
    )
    files.source.write_text(text * rounds, encoding="utf-8")
    target = "".join(" ".join(sentence.target) + "\n" for sentence in sentences)
    files.target.write_text(target * rounds, encoding="utf-8")
    aligned = "".join(
        " ".join(f"{left}-{right}" for left, right in sorted(sentence.alignment)) + "\n"
        for sentence in sentences
    )
    alignments.write_text(aligned * rounds, encoding="utf-8")
    return lambda: project_files(files, projector("gf22", {}), folder / "projected.conll")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--alignments", action="append", default=[], metavar="LANGUAGE=FILE")
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    given = {code: Path(path) for code, _, path in (each.partition("=") for each in arguments.alignments)}
    languages = {
        f"en-{code}": sentences_of(arguments.folder, code, given.get(code), arguments.seed)
        for code in ("de", "es")
    }
    print("| sentences/s | " + " | ".join(languages) + " |")
    print("|---|" + "---:|" * len(languages))
    for way in WAYS:
        rates = []
        for sentences in languages.values():
            rounds = max(1, arguments.sentences // len(sentences))
            rates.append(rate(partial(project_all, sentences, way, rounds), len(sentences) * rounds))
        print(f"| {way} | " + " | ".join(f"{each:,.0f}" for each in rates) + " |")
    rates = []
    for sentences in languages.values():
        rounds = max(1, arguments.sentences // len(sentences))
        with tempfile.TemporaryDirectory() as folder:
            work = project_files_of(arguments.folder, sentences, rounds, Path(folder))
            rates.append(rate(work, len(sentences) * rounds))
    print("| gf22, from file to file | " + " | ".join(f"{each:,.0f}" for each in rates) + " |")
    print("\n| matching alone, sentences with entities | exact | integer program | ratio |")
    print("|---|---:|---:|---:|")
    for name, sentences in languages.items():
        problems = [align_rows(each.entities, each.alignment, each.target) for each in sentences]
        problems = [[row for row in rows if row] for rows in problems if any(rows)]
        fast = rate(lambda p=problems: [exact(rows) for rows in p for _ in range(10)], 10 * len(problems))
        integer_program(problems[0])  # imports scipy
        slow = rate(lambda p=problems: [integer_program(rows) for rows in p], len(problems))
        print(f"| {name} | {fast:,.0f} | {slow:,.0f} | {fast / slow:,.0f} |")


if __name__ == "__main__":
    main()
