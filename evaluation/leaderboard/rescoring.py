"""The scores of a result, computed again from its predictions, and what was claimed beside them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ...schema.iob2 import parse_tag
from ..mention_arrays import ComparedMentions, Integers, MentionArrays
from ..scoring import Score, score_mentions
from .benchmarks import TestSet
from .submitted_predictions import Predictions

ROUNDING = 0.00005
"""How far a claimed score may be from the true one: four decimals are enough."""

INTERVAL_SLACK = 0.25
"""How far the ends of a claimed interval may be from ours, as a share of its width: draws are random."""

_LEAST_SLACK = 0.01


class Scorer:
    """Scores predictions for the test sentences of a benchmark, whose mentions are read once.

    Args:
        test: The test sentences.
    """

    def __init__(self, test: TestSet) -> None:
        self.test = test
        self._types = {type_: number for number, type_ in enumerate(test.benchmark.types, start=1)}

    def score(self, predictions: Predictions) -> Score:
        """Score predictions as `scoring.score` does, with the benchmark's types."""
        codes = np.array([self._code(tag) for tag in predictions.tags], dtype=np.int64)
        flat = codes[predictions.numbers] if len(codes) else np.zeros(0, dtype=np.int64)
        predicted = MentionArrays.read(flat, self.test.lengths, len(self._types))
        read = ComparedMentions(self._gold, predicted, self.test.lengths, ("", *self._types))
        return score_mentions(read, types=self.test.benchmark.types)

    @cached_property
    def _gold(self) -> MentionArrays:
        flat: Integers = np.array(
            [self._code(tag) for tags in self.test.tags for tag in tags], dtype=np.int64
        )
        return MentionArrays.read(flat, self.test.lengths, len(self._types))

    def _code(self, tag: str) -> int:
        prefix, type_ = parse_tag(tag) or ("O", "")
        return 2 * self._types[type_] - (prefix == "B") if type_ else 0


def false_claims(claimed: Mapping[str, Any], scored: Score) -> list[str]:
    """Compare the scores of a record with those of its predictions.

    What nobody claims is not compared, and what was measured with training data cannot be computed again: of
    that the counts must add up.

    Args:
        claimed: The `scores` of a record.
        scored: The scores of its predictions.

    Returns:
        What is not true, in words.
    """
    false: list[str] = []
    found = scored.as_json()
    for name in ("micro", "macro", "strict"):
        false += _differing(name, claimed[name], found[name])
    if claimed["per_type"] is not None:
        per_type: Any = found["per_type"]
        if unknown := sorted(set(claimed["per_type"]) - set(per_type)):
            false.append(f"per_type: the benchmark has no type `{unknown[0][:60]}`")
        for type_, figures in per_type.items():
            if type_ in claimed["per_type"]:
                false += _differing(f"per_type.{type_}", claimed["per_type"][type_], figures)
            else:
                false.append(f"per_type: `{type_}` is missing")
    return false + _false_recall(claimed, scored)


def _differing(name: str, claimed: Mapping[str, Any] | None, found: Any) -> list[str]:
    return [
        f"{name}.{figure} is claimed to be {value:.6g}, and the predictions have {found[figure]:.6g}"
        for figure, value in (claimed or {}).items()
        if value is not None and abs(value - found[figure]) > _tolerance(value) + 1e-9
    ]


def _tolerance(value: float) -> float:
    # Counts are whole numbers.
    return 0.0 if isinstance(value, int) and value > 1 else ROUNDING


def _false_recall(claimed: Mapping[str, Any], scored: Score) -> list[str]:
    seen, unseen = claimed["seen"], claimed["unseen"]
    if seen is None and unseen is None:
        return []
    if seen is None or unseen is None:
        return ["seen and unseen mentions can only be compared together, and one of them is null"]
    gold, correct = int(scored.counts[:, 2].sum()), int(scored.counts[:, 0].sum())
    false = []
    for name, part in (("seen", seen), ("unseen", unseen)):
        share = part["correct"] / part["gold"] if part["gold"] else 0.0
        if part["correct"] > part["gold"] or abs(share - part["recall"]) > ROUNDING + 1e-9:
            false.append(f"{name}.recall is not its correct mentions divided by gold's")
    if (seen["gold"] + unseen["gold"], seen["correct"] + unseen["correct"]) != (gold, correct):
        false.append(
            f"seen and unseen mentions add up to {seen['gold'] + unseen['gold']}, of which "
            f"{seen['correct'] + unseen['correct']} are correct; gold has {gold}, of which {correct} are"
        )
    return false


def false_interval(claimed: list[float], interval: tuple[float, float]) -> str | None:
    """Say what is not true of a claimed interval, if anything is.

    Args:
        claimed: Its two ends.
        interval: As computed again, from other draws.
    """
    slack = max(_LEAST_SLACK, INTERVAL_SLACK * (interval[1] - interval[0]))
    if all(abs(end - ours) <= slack for end, ours in zip(claimed, interval, strict=True)):
        return None
    return (
        f"interval is claimed to be {claimed[0]:.4f} to {claimed[1]:.4f}, and the predictions have "
        f"{interval[0]:.4f} to {interval[1]:.4f}"
    )
