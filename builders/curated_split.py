"""The curation of a split inside a build.

Only the split to train on is curated; validation and test stay what the model wrote. Gold train decides, and
the other gold splits are only what must not leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import OUTSIDE
from ..schema.waterfall import EXAMPLES_A_STEP, StepCount, Waterfall
from ..sources.gold import Gold
from .columns import Batch
from .curation.curate import REPEATS, SELECTION, Curation, Verdict, curate
from .parquet import row_ids
from .rejects import Rejects, shown

STEP = "curation"
CURATED_SPLIT = "train"
CONFLICTS_SHOWN = 20


class SplitCuration:
    """Curates the sentences of one split, all together: until then they are held in memory.

    Args:
        config: Name of the config, which the ids of its sentences begin with.
        gold: Its gold data; train decides, the other splits must not leak.
        seed: Decides halves, samples and folds.

    Raises:
        DataError: If gold train has no mention to learn from.
    """

    def __init__(self, config: str, gold: Gold, seed: int) -> None:
        self._config = config
        self._labels = gold.labels
        self._gold = gold.splits.get(CURATED_SPLIT, ())
        if all(tag == OUTSIDE for example in self._gold for tag in example.ner_tags):
            raise DataError(
                "gold train has no mention that curation could learn from",
                where=config,
                hint="Leave `curation` out of its generator, or label more gold.",
            )
        self._held_out = {split: found for split, found in gold.splits.items() if split != CURATED_SPLIT}
        self._seed = seed
        self._batches: list[Batch] = []
        self._examples: list[Example] = []
        self._curation: Curation | None = None

    def hold(self, batch: Batch, texts: list[str]) -> None:
        """Add sentences that passed all gates.

        Args:
            batch: The sentences.
            texts: The tokens by number, as they are now; they may change afterwards.
        """
        words = [texts[number] for number in batch.tokens.tolist()]
        tags = self._labels.decode(batch.tags.tolist())
        ids, ends = row_ids(batch, self._config), pairwise(batch.starts.tolist())
        self._examples.extend(
            Example(id_, tuple(words[start:end]), tuple(tags[start:end]))
            for id_, (start, end) in zip(ids, ends, strict=True)
        )
        self._batches.append(replace(batch, texts=[], normal=[]))

    def curated(self, waterfall: Waterfall, rejects: Rejects) -> Iterator[tuple[Batch, list[str]]]:
        """Curate all sentences that are held; yield those that are kept, with their tokens by number.

        Args:
            waterfall: Counts what happens; it gets no step of curation where nothing was held.
            rejects: Keeps what is dropped.
        """
        if not self._examples:
            return
        self._curation = curate(
            self._examples, self._gold, self._labels, held_out=self._held_out, seed=self._seed
        )
        count = waterfall[STEP]
        curated_of_id = {example.id: example for example in self._curation.examples}
        judged = zip(self._examples, self._curation.verdicts, strict=True)
        for batch in self._batches:
            rows = [next(judged) for _ in batch.datapoints]
            for datapoint, (example, verdict) in zip(batch.datapoints, rows, strict=True):
                if not verdict.kept:
                    rejects.datapoint(datapoint, STEP, verdict.reason)
                    count.lost[self._counted_as(example, verdict)] += 1
            passed = batch.select(np.array([verdict.kept for _, verdict in rows], dtype=bool))
            kept = [(curated_of_id[example.id], verdict) for example, verdict in rows if verdict.kept]
            _count_in(count, kept)
            yield self._with_labels(passed, kept)

    @property
    def kept_nothing_because(self) -> str | None:
        """Why curation kept nothing; None if it kept something or had nothing to do."""
        if self._curation is None or self._curation.examples:
            return None
        last = [step for step, outcome in self._curation.steps.items() if outcome.lost][-1]
        reason = next(verdict.reason for verdict in self._curation.verdicts if verdict.step == last)
        return f"{STEP}: {reason}"

    def as_json(self) -> dict[str, Any] | None:
        """Return what the manifest says about the curation; None if there was nothing to curate."""
        if self._curation is None:
            return None
        return {
            **self._curation.selection.as_json(),
            "findings": list(self._curation.findings),
            "conflicts": [asdict(conflict) for conflict in self._curation.conflicts[:CONFLICTS_SHOWN]],
        }

    def _counted_as(self, example: Example, verdict: Verdict) -> str:
        """Return what many sentences share of why each was dropped."""
        if verdict.step == REPEATS:
            return "repeats another sentence"
        if verdict.step != SELECTION:
            return verdict.reason
        if self._curation is None or not self._curation.selection.share:
            return "nothing of it helps"
        return "agrees too little with gold" if example.mentions else verdict.reason

    def _with_labels(self, batch: Batch, kept: Sequence[tuple[Example, Verdict]]) -> tuple[Batch, list[str]]:
        """Return a batch with the labels that its sentences have now, and its tokens by number."""
        tokens = [token for example, _ in kept for token in example.tokens]
        tags = self._labels.encode([tag for example, _ in kept for tag in example.ner_tags])
        changes = [
            (row, asdict(change) | {"step": f"{STEP}: {change.step}"})
            for row, (_, verdict) in enumerate(kept)
            for change in verdict.changes
        ]
        labelled = replace(batch, tokens=np.arange(len(tokens)), tags=np.array(tags, dtype=batch.tags.dtype))
        return labelled.with_changes(changes), tokens


def _count_in(count: StepCount, kept: Sequence[tuple[Example, Verdict]]) -> None:
    count.kept += len(kept)
    for example, verdict in kept:
        for repair in {change.step for change in verdict.changes}:
            count.notes[f"repaired: {repair}"] += 1
        if verdict.changes and len(count.examples) < EXAMPLES_A_STEP:
            count.show(_shown_repair(example, verdict))


def _shown_repair(example: Example, verdict: Verdict) -> str:
    """Show the words whose labels were repaired, before and after."""
    before: dict[int, str] = {}
    for change in verdict.changes:
        before.setdefault(change.position, change.before)
    after = {place: example.ner_tags[place] for place in before}
    return shown(f"repaired: {_labelled(example, before)} → {_labelled(example, after)}")


def _labelled(example: Example, tag_of_place: Mapping[int, str]) -> str:
    return " ".join(f"{example.tokens[place]}/{tag}" for place, tag in sorted(tag_of_place.items()))
