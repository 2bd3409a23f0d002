"""The contamination gate: no published sentence stands in the gold data.

Two sentences are the same exactly where their tokens are, and normalised where they differ in nothing but
case, compatibility forms, spacing and punctuation. A sentence without letters and digits has no normalised
text and is compared exactly only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from ..schema.example import Example
from ..schema.waterfall import EXAMPLES_A_STEP
from ..sources.gold import Gold
from ..sources.normal_forms import normalised
from .columns import Batch, Datapoint, Place
from .gates import PASSES, Verdict, batch_text

KINDS = ("seed_copies", "gold_train", "gold_validation", "gold_test")
_NAMES = {
    "seed_copies": "copy of a seed in its prompt",
    "gold_train": "in gold train",
    "gold_validation": "in gold validation",
    "gold_test": "in gold test",
}
_HELD_OUT = ("gold_validation", "gold_test")
_REASONS = tuple(_NAMES[kind] + how for how in ("", ", normalised") for kind in KINDS)


class _Sentences:
    """A set of sentences to compare with."""

    def __init__(self, examples: Iterable[Example]) -> None:
        sentences = [example.tokens for example in examples]
        self.texts = {"\n".join(tokens) for tokens in sentences}
        self.normal = {"".join(map(normalised, tokens)) for tokens in sentences} - {""}

    def holds(self, text: str, normal: str) -> tuple[bool, bool]:
        """Say whether a sentence is here exactly, and whether it is here normalised."""
        return text in self.texts, normal in self.normal


class ContaminationGate:
    """Drops sentences that stand in the prompt they answer or in a gold split; each counts once.

    Exact matches come before normalised ones, seeds before gold train, validation and test.

    Args:
        gold: What to compare with.
        seeds_from: The gold split that the shown examples of each split come from.
    """

    def __init__(self, gold: Gold, seeds_from: Mapping[str, str]) -> None:
        self._gold = {f"gold_{split}": _Sentences(examples) for split, examples in gold.splits.items()}
        self._by_id = {
            split: {example.id: example for example in examples} for split, examples in gold.splits.items()
        }
        self._known_texts = frozenset().union(*(sentences.normal for sentences in self._gold.values()))
        self._revision = gold.revision
        self._seeds_from = seeds_from
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {kind: [] for kind in KINDS}

    @property
    def counts(self) -> dict[str, dict[str, object]]:
        """What was dropped, by kind, with up to three examples."""
        return {
            kind: {
                "exact": self._counts[_NAMES[kind]],
                "normalised": self._counts[f"{_NAMES[kind]}, normalised"],
                "examples": self._examples[kind],
            }
            for kind in KINDS
        }

    def __call__(self, batch: Batch) -> Verdict:
        """Judge a batch that has its texts."""
        reason_of = np.full(len(batch), PASSES)
        text_of = batch_text(batch)

        def show(row: int) -> str:
            kind = KINDS[reason_of[row] % len(KINDS)]
            return _withheld(batch.datapoints[row]) if kind in _HELD_OUT else text_of(row)

        seeds: dict[str, _Sentences] = {}
        for row, normal in enumerate(batch.normal):
            if normal and normal not in self._known_texts:
                continue
            sets = {"seed_copies": self._seeds(batch.datapoints[row].place, seeds), **self._gold}
            reason = _first_match(sets, batch.texts[row], normal)
            if reason is not None:
                reason_of[row] = reason
                self._note(reason, show(row))
        return Verdict(batch, _REASONS, reason_of, show=show)

    def _seeds(self, place: Place, known: dict[str, _Sentences]) -> _Sentences:
        """Return the gold sentences that the prompt of a call showed."""
        origin = place.origin
        if origin.call_key not in known:
            # The ids of another revision may name other sentences.
            ids = origin.seed_ids if origin.seed_revision == self._revision else ()
            gold = self._by_id.get(self._seeds_from.get(place.split, "train"), {})
            known[origin.call_key] = _Sentences(gold[id_] for id_ in ids if id_ in gold)
        return known[origin.call_key]

    def _note(self, reason: int, sentence: str) -> None:
        self._counts[_REASONS[reason]] += 1
        examples = self._examples[KINDS[reason % len(KINDS)]]
        if len(examples) < EXAMPLES_A_STEP:
            examples.append(sentence)


def _withheld(datapoint: Datapoint) -> str:
    """Name a datapoint without quoting it: what this gate shows is published, held-out gold must not be."""
    place = datapoint.place
    of_config = f" of {place.config}" if place.config else ""
    where = f"item {datapoint.found.item} of {place.split} call {place.index}{of_config}"
    return f"{where}; held-out gold is not quoted"


def _first_match(sets: Mapping[str, _Sentences], text: str, normal: str) -> int | None:
    matches = {kind: sentences.holds(text, normal) for kind, sentences in sets.items()}
    for how in (0, 1):
        for number, kind in enumerate(KINDS):
            if kind in matches and matches[kind][how]:
                return how * len(KINDS) + number
    return None
