"""Runs to report on: simulated taggers of a wanted quality, written as `synthner evaluate` writes results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from synthner.evaluation.bootstrap import bootstrap_interval
from synthner.evaluation.content_hash import content_hash
from synthner.evaluation.grid.results import Outcome, encode_predictions, write_outcome
from synthner.evaluation.mention_errors import mention_errors
from synthner.evaluation.scoring import score
from synthner.schema.example import Example
from synthner.schema.validation import first_error

PEOPLE = ("Ada", "Bola", "Chidi", "Dayo", "Efe", "Femi", "Gozie")
PLACES = ("Lagos", "Ibadan", "Kano", "Jos", "Owo")
TYPES = ("PER", "LOC")


def gold_sentences(language: str = "yor", count: int = 120) -> list[Example]:
    """Return the test sentences of a language; each has a person and most have a place."""
    examples = []
    for number in range(count):
        tokens = [PEOPLE[number % 7], "Oye", "went", "to", PLACES[number % 5], f"on-day-{number}-{language}"]
        tags = ["B-PER", "I-PER", "O", "O", "B-LOC" if number % 4 else "O", "O"]
        examples.append(Example(f"{language}-{number}", tuple(tokens), tuple(tags)))
    return examples


def predicted_tags(gold: Sequence[Example], quality: float, random: Random) -> list[tuple[str, ...]]:
    """Return what a tagger predicts that gets each mention right with a probability of `quality`."""
    predicted = []
    for example in gold:
        tags = list(example.ner_tags)
        if random.random() > quality:
            tags[0], tags[1] = random.choice((("O", "O"), ("B-PER", "O"), ("B-LOC", "I-LOC")))
        if tags[4] != "O" and random.random() > quality:
            tags[4] = random.choice(("O", "B-PER"))
        predicted.append(tuple(tags))
    return predicted


@dataclass
class Runs:
    """A folder of runs that results are written to.

    Attributes:
        folder: The folder.
        languages: The test sentences of each language.
    """

    folder: Path
    languages: dict[str, list[Example]] = field(default_factory=dict)

    def test(self, language: str) -> list[Example]:
        return self.languages.setdefault(language, gold_sentences(language))

    def gold_tags(self, language: str, test_sha256: str) -> Mapping[str, Sequence[str]] | None:
        test = self.languages.get(language)
        if test is None or content_hash(tuple(test)) != test_sha256:
            return None
        return {example.id: example.ner_tags for example in test}

    def add(self, quality: float, seeds: Sequence[int] = (0, 1, 2), **cell: Any) -> None:
        """Write one run a seed of a system, of a quality that varies a little with the seed."""
        for seed in seeds:
            self.add_run(seed, quality, **cell)

    def add_run(self, seed: int, quality: float, **cell: Any) -> dict[str, Any]:
        """Write a run.

        Args:
            seed: Its seed.
            quality: How probably it gets a mention right.
            cell: What the cell has that is not the usual; `available`, how many sentences its source has;
                `recipe`, how gold and synthetic data were combined; `found`, in how many sentences all is
                right, while nothing is found in the others.
        """
        language = cell.get("language", "yor")
        test = self.test(language)
        gold = [example.ner_tags for example in test]
        random = Random(f"{seed} {sorted(cell.items())}")
        predicted = predicted_tags(test, quality, random)
        if "found" in cell:
            predicted = [
                tags if number < cell["found"] else ("O",) * len(tags) for number, tags in enumerate(gold)
            ]
        elif cell.get("collapsed", quality == 0):
            predicted = [("O",) * len(tags) for tags in gold]
        scored = score(gold, predicted, types=TYPES)
        described = _cell(seed, cell)
        id_ = sha256(repr((described, cell.get("release"))).encode("utf-8", "surrogatepass")).hexdigest()[:24]
        result = {
            "format": 1,
            "id": id_,
            "cell": described,
            "data": {
                "train": _train(described, cell.get("available")),
                "validation": None,
                "test": _part("test", language, test),
            },
            "labels": list(TYPES),
            "scores": {
                **scored.as_json(),
                "errors": mention_errors(gold, predicted).as_json(),
                "seen": {"recall": 0.5, "gold": 40, "correct": 20},
                "unseen": {"recall": 0.25, "gold": 80, "correct": 20},
                "invariance": {"error_rate": 0.1, "cases": 50, "failed": 5} if seed == 0 else None,
            },
            "interval": list(bootstrap_interval(scored.counts, seed=0)),
            "combination": {"recipe": cell["recipe"]} if "recipe" in cell else None,
            "training": {"epochs": None, "best_epoch": None, "validation_f1": []},
            "collapsed": scored.micro.f1 < 0.02,
            "measured": {"seconds": 1.5, "device": "cpu", "versions": {"synthner": "0"}},
        }
        write_outcome(self.folder / id_, Outcome(result, encode_predictions(test, predicted)))
        assert (
            first_error(
                "result", {**result, "predictions": {"file": "predictions.parquet", "sha256": "0" * 64}}
            )
            is None
        )
        return result


def _cell(seed: int, cell: Mapping[str, Any]) -> dict[str, Any]:
    setting = cell.get("setting", "scratch")
    return {
        "language": cell.get("language", "yor"),
        "setting": setting,
        "source": cell.get("source", "organic"),
        "size": cell.get("size", 0 if setting in ("zero-shot", "translate-test") else 100),
        "seed": seed,
        "tagger": {
            "name": cell.get("tagger", "crf"),
            "kind": "predictions" if setting == "predictions" else "crf",
            "model": cell.get("model"),
            "recipe": None,
            "settings": {},
        },
        "retry_of": cell.get("retry_of"),
    }


def _train(cell: Mapping[str, Any], available: int | None) -> list[dict[str, Any]]:
    size = cell["size"]
    sentences = min(size, available) if size and available else (size or available or 0)
    of_source = [("source", cell["language"], cell["source"], sentences)]
    related = [("related", "ibo", "gold", 8000)]
    parts = {
        "predictions": [],
        "zero-shot": related,
        "translate-test": related,
        "fine-tuned": related + of_source,
        "gold+synthetic": [
            ("gold", cell["language"], "organic", sentences),
            ("source", cell["language"], cell["source"], 2500),
        ],
    }.get(cell["setting"], of_source)
    return [_facts(role, language, name, count) for role, language, name, count in parts]


def _facts(role: str, language: str, name: str, sentences: int) -> dict[str, Any]:
    return {
        "role": role,
        "language": language,
        "name": name,
        "reference": "train.conll",
        "revision": None,
        "sha256": "a" * 64,
        "sentences": sentences,
        "tokens": 9 * sentences,
        "mentions": sentences,
    }


def _part(role: str, language: str, examples: Sequence[Example]) -> dict[str, Any]:
    return {
        **_facts(role, language, "gold", len(examples)),
        "sha256": content_hash(tuple(examples)),
        "mentions": sum(len(example.mentions) for example in examples),
    }
