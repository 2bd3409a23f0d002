"""The curation of a split inside a build.

Only the split to train on is curated; validation and test stay what the model wrote. Gold train decides, and
the other gold splits are only what must not leak.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..generation.salvage import Found
from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import OUTSIDE
from ..schema.waterfall import EXAMPLES_A_STEP, StepCount, Waterfall
from ..sources.files import write_atomically
from ..sources.gold import Gold
from .columns import TAG_PROBABILITIES, Batch, Datapoint, Place, operation_of
from .curation.curate import HELD_OUT, REPAIR, REPEATS, SELECTION, Curation, curate
from .curation.judges import encoder_judge
from .curation.near_duplicates import near_copies
from .curation.selection import Judging
from .curation.spill import Spill, SpilledExamples
from .curation.verdicts import Verdict
from .parquet import row_ids
from .quoting import Quoting
from .rejects import Rejects, shown

STEP = "curation"
CURATED_SPLIT = "train"
CONFLICTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CurationStep:
    """What one step of curation did, as the manifest has it.

    Attributes:
        name: The step; a repair stands by itself.
        kept: Sentences that are left after it.
        lost: Sentences that it dropped.
        changed: Sentences whose labels it changed.
        examples: Some of those it dropped or changed.
    """

    name: str
    kept: int
    lost: int
    changed: int
    examples: list[str]


def check_gold(config: str, gold: Gold) -> None:
    """Make sure that there is gold to curate a config by, before anything that takes long.

    Args:
        config: Its name.
        gold: Its gold data.

    Raises:
        DataError: If gold train has no mention.
    """
    if all(tag == OUTSIDE for example in gold.splits.get(CURATED_SPLIT, ()) for tag in example.ner_tags):
        raise DataError(
            "gold train has no mention that curation could learn from",
            where=config,
            hint="Leave `curation` out of its generator, or label more gold.",
        )


class SplitCuration:
    """Curates the sentences of one split, all together: until then they are held on disk.

    Args:
        config: Name of the config, which the ids of its sentences begin with.
        gold: Its gold data; train decides, the other splits must not leak.
        seed: Decides halves, samples and folds.
        quoting: Knows which sentences may be examples.
        judge: An encoder that judges labels, by its folder or id on the Hub; None for a CRF.

    Raises:
        DataError: If the encoder cannot be had.
        WrongUsageError: If an encoder is to judge and the extra `train` is not installed.
    """

    def __init__(
        self, config: str, gold: Gold, seed: int, quoting: Quoting, judge: str | None = None
    ) -> None:
        self._config = config
        self._quoting = quoting
        self._labels = gold.labels
        self._revision = gold.revision
        self._gold = gold.splits.get(CURATED_SPLIT, ())
        self._held_out = {split: found for split, found in gold.splits.items() if split != CURATED_SPLIT}
        self._seed = seed
        self._judge = encoder_judge(judge, seed) if judge else None
        self._batches = _SpilledBatches()
        self._examples = SpilledExamples()
        self._seeds: dict[int, str] = {}
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
        for id_, (start, end), datapoint in zip(ids, ends, batch.datapoints, strict=True):
            origin = datapoint.place.origin
            # The ids of other gold, of another language for example, name other sentences.
            if len(origin.seed_ids) == 1 and origin.seed_revision == self._revision:
                self._seeds[datapoint.place.index] = origin.seed_ids[0]
            self._examples.add(Example(id_, tuple(words[start:end]), tuple(tags[start:end])))
        self._batches.add(batch)

    def curated(self, waterfall: Waterfall, rejects: Rejects) -> Iterator[tuple[Batch, list[str]]]:
        """Curate all sentences that are held; yield those that are kept, with their tokens by number.

        Args:
            waterfall: Counts what happens; it gets no step of curation where nothing was held.
            rejects: Keeps what is dropped.
        """
        if not len(self._examples):
            return
        self._curation = curate(
            self._examples,
            self._gold,
            self._labels,
            held_out=self._held_out,
            seed=self._seed,
            judging=Judging(self._judge, self._seed_of),
        )
        count = waterfall[STEP]
        curated = iter(self._curation.examples)
        judged = zip(self._examples, self._curation.verdicts, strict=True)
        for batch in self._batches:
            rows = list(islice(judged, len(batch)))
            for row, (example, verdict) in enumerate(rows):
                if not verdict.kept:
                    rejects.datapoint(
                        batch.datapoints[row],
                        f"{STEP}: {verdict.step}",
                        verdict.reason,
                        changes=[*batch.repairs.get(row, ()), *_changes(verdict)],
                        agreement=verdict.agreement,
                    )
                    count.lost[self._counted_as(example, verdict)] += 1
            passed = batch.select(np.array([verdict.kept for _, verdict in rows], dtype=bool))
            kept = [(next(curated), verdict) for _, verdict in rows if verdict.kept]
            _count_in(count, kept)
            yield self._with_labels(passed, kept)

    def _seed_of(self, example: Example) -> str | None:
        """Return the one gold sentence that was shown in a sentence's call: it was made of that."""
        _, call, _ = example.id.rsplit("-", 2)
        return self._seeds.get(int(call))

    @property
    def kept_nothing_because(self) -> str | None:
        """Why curation kept nothing; None if it kept something or had nothing to do."""
        if self._curation is None or self._curation.examples:
            return None
        last = [step for step, outcome in self._curation.steps.items() if outcome.lost][-1]
        reason = next(verdict.reason for verdict in self._curation.verdicts if verdict.step == last)
        return f"{STEP}: {reason}"

    @property
    def agreement(self) -> Iterator[tuple[str, float]]:
        """The id of each sentence that is kept, and how well its labels agree with gold, from 0 to 1."""
        if self._curation is None:
            return
        for example, verdict in zip(self._examples, self._curation.verdicts, strict=True):
            if verdict.kept and verdict.agreement is not None:
                yield example.id, verdict.agreement

    def as_json(self) -> dict[str, Any] | None:
        """Return what the manifest says about the curation; None if there was nothing to curate."""
        if self._curation is None:
            return None
        return {
            **self._curation.selection.as_json(),
            "steps": [asdict(step) for step in self._steps(self._curation)],
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

    def _steps(self, curation: Curation) -> Iterator[CurationStep]:
        """Say what each step did, each repair by itself."""
        dropped, repaired = self._shown_rows(curation)
        for name, outcome in curation.steps.items():
            if name == REPAIR:
                for repair, changed in outcome.changed.items():
                    shown_repairs = _at_their_length(repaired.get(repair, ()))
                    yield CurationStep(f"{REPAIR}: {repair}", outcome.kept, 0, changed, shown_repairs)
                continue
            pairs = dropped.get(name, [])
            quoted = self._without_held_out_text(name, [example for example, _ in pairs])
            texts = (
                _shown_loss(example, verdict, may_be_quoted)
                for (example, verdict), may_be_quoted in zip(pairs, quoted, strict=True)
            )
            yield CurationStep(name, outcome.kept, outcome.lost, 0, _at_their_length(texts))

    def _shown_rows(
        self, curation: Curation
    ) -> tuple[dict[str, list[tuple[Example, Verdict]]], dict[str, list[str]]]:
        """Return the first sentences that each step dropped, and the first changes by each repair."""
        dropped: dict[str, list[tuple[Example, Verdict]]] = {}
        repaired: dict[str, list[str]] = {}
        for example, verdict in zip(self._examples, curation.verdicts, strict=True):
            if not verdict.kept and len(of_step := dropped.setdefault(verdict.step, [])) < EXAMPLES_A_STEP:
                of_step.append((example, verdict))
            for repair in {change.step for change in verdict.changes}:
                if len(of_repair := repaired.setdefault(repair, [])) < EXAMPLES_A_STEP:
                    text = _shown_repair(example, verdict, repair)
                    of_repair.extend([text] if text and self._quoting.allows(text) else [])
        return dropped, repaired

    def _without_held_out_text(self, step: str, dropped: Sequence[Example]) -> list[bool]:
        """Say which sentences may be quoted: the card must not print what gold held out.

        What repeats another sentence was dropped before it was compared with held-out gold.
        """
        if step == HELD_OUT:
            return [False] * len(dropped)
        copies = near_copies(dropped, self._held_out) if step == REPEATS and dropped else {}
        return [
            number not in copies and self._quoting.allows(" ".join(example.tokens))
            for number, example in enumerate(dropped)
        ]

    def _with_labels(self, batch: Batch, kept: Sequence[tuple[Example, Verdict]]) -> tuple[Batch, list[str]]:
        """Return a batch with the labels that its sentences have now, and its tokens by number."""
        tokens = [token for example, _ in kept for token in example.tokens]
        tags = self._labels.encode([tag for example, _ in kept for tag in example.ner_tags])
        changes = [(row, change) for row, (_, verdict) in enumerate(kept) for change in _changes(verdict)]
        labelled = replace(batch, tokens=np.arange(len(tokens)), tags=np.array(tags, dtype=batch.tags.dtype))
        return labelled.with_changes(changes), tokens


class _SpilledBatches:
    """Batches on disk, to be read once again."""

    def __init__(self) -> None:
        self._rows = Spill()

    def add(self, batch: Batch) -> None:
        # Curation needs no texts, and of a datapoint only its lists and where it comes from.
        datapoints = [Datapoint(place, _without_text(place, found)) for place, found in batch.datapoints]
        self._rows.add(pickle.dumps(replace(batch, datapoints=datapoints, texts=[], normal=[])))

    def __iter__(self) -> Iterator[Batch]:
        return map(pickle.loads, self._rows)


def _without_text(place: Place, found: Found) -> Found:
    """Leave of a datapoint's text what provenance and the rows still need."""
    operation = operation_of(place.origin.engine, found)
    value = {} if operation is None else {"operation": operation}
    if isinstance(found.value, dict) and TAG_PROBABILITIES in found.value:
        value[TAG_PROBABILITIES] = found.value[TAG_PROBABILITIES]
    return replace(found, value=value or None)


def agreement_file(rejects: Path) -> Path:
    """Return where the agreement of a config's published rows with gold is kept, given its rejects."""
    return rejects.parent.parent / "agreement" / rejects.name


def write_agreement(curation: SplitCuration | None, rejects: Path) -> None:
    """Keep how well each row that is published agrees with gold, where curation measured that.

    Args:
        curation: What curated the config, if anything did.
        rejects: The file of its rejects.

    Raises:
        DataError: If the file cannot be written.
    """
    judged = curation.agreement if curation else iter(())
    first = next(judged, None)
    if first is None:
        return
    with write_atomically(agreement_file(rejects)) as stream:
        for id_, agreement in chain((first,), judged):
            stream.write(json.dumps({"id": id_, "agreement": agreement}, ensure_ascii=False) + "\n")


def _changes(verdict: Verdict) -> list[dict[str, Any]]:
    """Return how labels were repaired, as provenance has it."""
    return [asdict(change) | {"step": f"{STEP}: {change.step}"} for change in verdict.changes]


def _count_in(count: StepCount, kept: Sequence[tuple[Example, Verdict]]) -> None:
    count.kept += len(kept)
    for _, verdict in kept:
        for repair in {change.step for change in verdict.changes}:
            count.notes[f"repaired: {repair}"] += 1


def _at_their_length(texts: Iterable[str]) -> list[str]:
    """Return examples cut to the length at which they are shown."""
    count = StepCount()
    for text in texts:
        count.show(text)
    return count.examples


def _shown_loss(example: Example, verdict: Verdict, may_be_quoted: bool) -> str:
    """Show a sentence that was dropped, and why, with the labels that it was judged by."""
    agreement = "" if verdict.agreement is None else f" (agreement {verdict.agreement:.2f})"
    reason = f"{example.id}: {verdict.reason}{agreement}"
    if not may_be_quoted:
        return shown(reason)
    tags = list(example.ner_tags)
    for change in verdict.changes:
        tags[change.position] = change.after
    words = zip(example.tokens, tags, strict=True)
    return shown(
        f"{reason}: " + " ".join(token if tag == OUTSIDE else f"{token}/{tag}" for token, tag in words)
    )


def _shown_repair(example: Example, verdict: Verdict, repair: str) -> str | None:
    """Show the words whose labels one repair changed, before and after; None if it changed none."""
    before: dict[int, str] = {}
    after: dict[int, str] = {}
    for change in verdict.changes:
        if change.step == repair:
            before.setdefault(change.position, change.before)
            after[change.position] = change.after
    if before == after:
        return None
    labelled = (
        " ".join(f"{example.tokens[place]}/{tag}" for place, tag in sorted(tag_of_place.items()))
        for tag_of_place in (before, after)
    )
    return shown(f"{example.id}: {' → '.join(labelled)}")
