"""Training a tagger on files and testing it on another: one number for what the data is worth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..schema.errors import DataError, WrongUsageError
from ..schema.example import Example
from ..schema.validation import nearest
from ..sources.report import Report
from .bootstrap import bootstrap_interval
from .combination import Combination, choose_combination
from .prediction_files import read_to_score, write_predictions
from .recipes import train_by_recipe
from .scoring import Score, score
from .training_data import TrainingData, read_training_data

TAGGERS = ("crf",)


@dataclass(frozen=True)
class TrainOutcome:
    """What a tagger trained on the data reaches on the test file.

    Attributes:
        score: Its score; the macro average is over the types of the test file.
        interval: 95 % bootstrap interval of micro-F1 over the test sentences.
        seconds: Wall time of choosing the combination, training and tagging.
        train_examples: Examples trained on: gold, and synthetic ones if they were used.
        combination: How gold and synthetic data were combined.
        gold: The gold data.
        synthetic: The synthetic data, if there was any.
        tagger: The kind of tagger.
        seed: What decided the folds of cross-validation and the samples of the interval.
    """

    score: Score
    interval: tuple[float, float]
    seconds: float
    train_examples: int
    combination: Combination
    gold: TrainingData
    synthetic: TrainingData | None
    tagger: str
    seed: int

    def as_json(self) -> dict[str, object]:
        """Return the outcome as `synthner train --json` prints it."""
        return {
            **self.score.as_json(),
            "interval": list(self.interval),
            "seconds": self.seconds,
            "train_examples": self.train_examples,
            "recipe": self.combination.recipe,
            "combination": self.combination.as_json(),
            "gold": self.gold.as_json(),
            "synthetic": self.synthetic.as_json() if self.synthetic else None,
            "tagger": self.tagger,
            "seed": self.seed,
        }


def train_and_test(
    gold: Path,
    test: Path,
    *,
    synthetic: Path | None = None,
    tagger: str = "crf",
    seed: int = 0,
    predictions: Path | None = None,
) -> TrainOutcome:
    """Train a tagger on gold, with synthetic data where that helps on gold, and test it.

    The test file decides nothing: it is tagged once, at the end.

    Args:
        gold: Gold sentences to train on.
        test: Gold sentences to test on.
        synthetic: Synthetic sentences; whether and how they are used is chosen by cross-validation on gold.
        tagger: A name in `TAGGERS`.
        seed: Decides the folds of cross-validation and the samples of the interval.
        predictions: Where to write the predicted tags of the test sentences, as CoNLL.

    Raises:
        WrongUsageError: If there is no such tagger.
        DataError: If a file cannot be read or written, or gold holds nothing to learn from.
    """
    if tagger not in TAGGERS:
        raise WrongUsageError(f"there is no tagger `{tagger}`", hint=nearest(tagger, TAGGERS))
    gold_data = read_training_data(gold)
    if not gold_data.examples:
        raise DataError("no sentence can be trained on: each has a tag that is no IOB2 tag", where=str(gold))
    synthetic_data = _read_synthetic(synthetic, gold_data) if synthetic else None
    test_examples = [sentence.as_example() for sentence in read_to_score(test, report=Report())]

    begin = time.perf_counter()
    added = synthetic_data.examples if synthetic_data else ()
    combination = choose_combination(gold_data.examples, added, seed=seed)
    trained = train_by_recipe(gold_data.examples, added, combination.recipe)
    predicted = trained.tag(example.tokens for example in test_examples)
    seconds = time.perf_counter() - begin

    if predictions is not None:
        write_predictions(predictions, _with_tags(test_examples, predicted))
    result = score([example.ner_tags for example in test_examples], predicted)
    return TrainOutcome(
        score=result,
        interval=bootstrap_interval(result.counts, seed=seed),
        seconds=seconds,
        train_examples=len(gold_data.examples) + (len(added) if combination.use_synthetic else 0),
        combination=combination,
        gold=gold_data,
        synthetic=synthetic_data,
        tagger=tagger,
        seed=seed,
    )


def _read_synthetic(path: Path, gold: TrainingData) -> TrainingData:
    if path.is_file() and not path.stat().st_size:
        return TrainingData(())  # curation kept nothing, which is no mistake
    return read_training_data(path, types=gold.types)


def _with_tags(examples: Sequence[Example], predicted: Sequence[Sequence[str]]) -> list[Example]:
    return [replace(example, ner_tags=tuple(tags)) for example, tags in zip(examples, predicted, strict=True)]
