"""Project human labels by alignments made here, and score them against human labels of the target.

    python benchmarks/projection_quality.py FOLDER [--pairs en-sv,en-de]

FOLDER holds `uner/{en,sv}_pud`, `projection/europarl_ner` and `multiner_en_si_ta`: parallel sentences that
people labelled in each language. Words are aligned by statistics of these sentences alone, of both sides
and without their labels. Printed are tables in Markdown: micro-F1 of mentions, as seqeval counts them, for
each way of projecting; by the intersection of both directions, which `synthner align` takes by default, and
by grow-diag-final-and. Where FOLDER has other gold of the target's language, `uner/{sv_talbanken,en_ewt}`, a
CRF learns it and takes part, too.

The labels of two languages differ for other reasons than alignments: annotators disagree, and translations
are free. No way of projecting reaches 100.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.recipes import train_on_gold
from synthner.evaluation.scoring import score
from synthner.evaluation.training_data import read_training_data
from synthner.projection.methods import projector
from synthner.projection.outcome import Alignment, ParallelSentence
from synthner.projection.scored import (
    ALIGN,
    FUSED,
    NER,
    NGRAM,
    TAGGER,
    NamedTagger,
    Scoring,
    scored_projector,
)
from synthner.projection.statistical_alignment import StatisticalAligner
from synthner.schema.example import Example
from synthner.schema.iob2 import mentions
from synthner.sources.readers import read_examples

PUD = "uner/{0}_pud/{0}_pud-ud-test.iob2.gz"
EUROPARL = "projection/europarl_ner/{0}-europarl.test.conll02.gz"
MULTINER = "multiner_en_si_ta/Final_{0}.txt.gz"
PAIRS = {
    "en-sv": (PUD.format("en"), PUD.format("sv")),
    "sv-en": (PUD.format("sv"), PUD.format("en")),
    "en-de": (EUROPARL.format("en"), EUROPARL.format("de")),
    "en-es": (EUROPARL.format("en"), EUROPARL.format("es")),
    "en-si": (MULTINER.format("English"), MULTINER.format("Sinhala")),
    "en-ta": (MULTINER.format("English"), MULTINER.format("Tamil")),
}

# Other gold of the target's language.
TAGGERS = {
    "en-sv": "uner/sv_talbanken/sv_talbanken-ud-train.iob2.gz",
    "sv-en": "uner/en_ewt/en_ewt-train.from_hf_arrow.conll.gz",
}

METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "gf22, as its program": ("gf22", {"compat": True}),
    "gf22, as documented": ("gf22", {}),
    "politov d=1": ("politov", {"merge_distance": 1}),
    "politov d=1, k=1": ("politov", {"merge_distance": 1, "top_k": 1}),
    "politov d=0": ("politov", {"merge_distance": 0}),
    "greedy": ("greedy", {}),
    "exact": ("exact", {}),
}
WITH_TAGGER: Mapping[str, Scoring] = {
    f"exact, {candidates} candidates, {scores} scores": Scoring(candidates, scores)
    for candidates, scores in ((NGRAM, NER), (NGRAM, FUSED), (TAGGER, ALIGN), (TAGGER, NER), (TAGGER, FUSED))
}
THE_TAGGER = "the tagger alone"
SYMMETRIZATIONS = ("intersection", "grow-diag-final-and")


def projected(
    sources: Sequence[Example], targets: Sequence[Example], alignments: Sequence[Alignment], method: str
) -> list[list[str]]:
    """Return the tags of the targets that a way of projecting gives."""
    name, parameters = METHODS[method]
    project = projector(name, parameters)
    return [
        project(mentions(source.ner_tags), alignment, target.tokens).tags
        for source, target, alignment in zip(sources, targets, alignments, strict=True)
    ]


def projected_with(
    tagger: CrfTagger,
    scoring: Scoring,
    sources: Sequence[Example],
    targets: Sequence[Example],
    alignments: Sequence[Alignment],
) -> list[list[str]]:
    """Return the tags of the targets that exact matching gives with the help of a tagger."""
    sentences = [
        ParallelSentence(mentions(source.ner_tags), alignment, target.tokens)
        for source, target, alignment in zip(sources, targets, alignments, strict=True)
    ]
    project = scored_projector("exact", {}, scoring, tagger=NamedTagger(tagger, "CRF"))
    return [projection.tags for projection in project.of(sentences)]


def main() -> None:
    """Align, project, score and print."""
    parser = argparse.ArgumentParser(description="Project labels by alignments made here.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", default=",".join(PAIRS))
    arguments = parser.parse_args()
    pairs = arguments.pairs.split(",")
    scores: dict[tuple[str, str, str], float] = {}
    for pair in pairs:
        sources, targets = (list(read_examples(arguments.folder / path)) for path in PAIRS[pair])
        text = [(source.tokens, target.tokens) for source, target in zip(sources, targets, strict=True)]
        gold = [target.ner_tags for target in targets]
        begin = time.process_time()
        found = StatisticalAligner().align(text)
        print(
            f"{pair}: {len(text):,} sentences, forms {found.forms.source} and {found.forms.target}, "
            f"agreement {found.agreement:.3f}, {time.process_time() - begin:.0f} CPU seconds",
            flush=True,
        )
        for symmetrization, method in product(SYMMETRIZATIONS, METHODS):
            tags = projected(sources, targets, found.symmetrized(symmetrization), method)
            scores[symmetrization, method, pair] = 100 * score(gold, tags).micro.f1
        if pair not in TAGGERS:
            continue
        tagger = train_on_gold(read_training_data(arguments.folder / TAGGERS[pair]).examples)
        alone = 100 * score(gold, tagger.tag([target.tokens for target in targets])).micro.f1
        for symmetrization in SYMMETRIZATIONS:
            scores[symmetrization, THE_TAGGER, pair] = alone
            alignments = found.symmetrized(symmetrization)
            for name, scoring in WITH_TAGGER.items():
                tags = projected_with(tagger, scoring, sources, targets, alignments)
                scores[symmetrization, name, pair] = 100 * score(gold, tags).micro.f1
    for symmetrization in SYMMETRIZATIONS:
        print(f"\n| {symmetrization} | {' | '.join(pairs)} |\n|---|{'---:|' * len(pairs)}")
        for method in (*METHODS, *WITH_TAGGER, THE_TAGGER):
            row = [scores.get((symmetrization, method, pair)) for pair in pairs]
            print(f"| {method} | {' | '.join('' if each is None else f'{each:.1f}' for each in row)} |")


if __name__ == "__main__":
    main()
