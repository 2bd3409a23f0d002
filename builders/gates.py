"""The gates that look at one datapoint: labels, IOB2 and text. Each is a small function over a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..schema.labels import LabelSet
from ..schema.waterfall import EXAMPLES_A_STEP, Waterfall
from ..sources.characters import TEXT_FAULTS
from .columns import UNKNOWN_LABEL, Batch
from .curation.label_ids import WHY_NOT_MAPPED, LabelMapping, shown_meaning
from .label_columns import LabelColumns, LabelNumbers
from .rejects import Rejects, shown
from .vocabulary import Vocabulary

PASSES = -1

OUTSIDE_THE_SET = "label outside the set"


@dataclass(frozen=True)
class Verdict:
    """What a gate says about a batch.

    Attributes:
        batch: The batch, changed where the gate's policy changes it.
        reasons: Why a sentence is dropped.
        reason_of: For each sentence the number of its reason, or `PASSES`.
        notes: Sentences that pass after something was done to them or noticed, by what.
        show: Describes a sentence that is dropped or changed, given its number.
        changed: Numbers of sentences that pass changed, to be shown where none was dropped.
    """

    batch: Batch
    reasons: tuple[str, ...]
    reason_of: np.ndarray
    notes: Mapping[str, int] = field(default_factory=dict)
    show: Callable[[int], str] | None = None
    changed: np.ndarray | None = None


Gate = Callable[[Batch], Verdict]

_Change = tuple[int, dict[str, Any]]


def run_gates(
    gates: Iterable[tuple[str, Gate]], batch: Batch, waterfall: Waterfall, rejects: Rejects
) -> Batch:
    """Send a batch through gates, in order.

    Args:
        gates: Each with its step of the waterfall.
        batch: The sentences.
        waterfall: Counts what happens.
        rejects: Keeps what is dropped.

    Returns:
        The sentences that pass all gates.
    """
    for step, gate in gates:
        verdict = gate(batch)
        dropped = verdict.reason_of != PASSES
        count = waterfall[step]
        count.kept += len(batch) - int(dropped.sum())
        for note, number in verdict.notes.items():
            if number:
                count.notes[note] += number
        for row in np.flatnonzero(dropped).tolist():
            reason = verdict.reasons[int(verdict.reason_of[row])]
            count.lost[reason] += 1
            rejects.datapoint(batch.datapoints[row], step, reason, changes=batch.repairs.get(row, ()))
            if len(count.examples) < EXAMPLES_A_STEP:
                count.show(f"{reason}: {(verdict.show or batch_text(batch))(row)}")
        if verdict.changed is not None and len(count.examples) < EXAMPLES_A_STEP:
            for row in np.flatnonzero(verdict.changed & ~dropped)[:EXAMPLES_A_STEP].tolist():
                count.show((verdict.show or batch_text(batch))(row))
        batch = verdict.batch.select(~dropped)
    return batch


def batch_text(batch: Batch) -> Callable[[int], str]:
    """Return what describes a sentence of a batch by its words, as they came."""
    return lambda row: shown(" ".join(map(str, batch.datapoints[row].found.tokens or ())))


def labels_gate(labels: LabelSet, mapping: LabelMapping | None = None) -> Gate:
    """Drop sentences with a label outside the set; a number written as a text is read as that number.

    Args:
        labels: The label set.
        mapping: What labels outside the set mean, where that was asked: one with a known meaning is read as
            that, and for any other the reason says why it has none.
    """
    size = len(labels.names)
    meanings = {} if mapping is None else mapping.meanings
    numbers = LabelNumbers(labels, meanings)
    reasons = (OUTSIDE_THE_SET,)
    if mapping is not None:
        reasons = tuple(f"{OUTSIDE_THE_SET}: {why}" for why in WHY_NOT_MAPPED)

    def first_outside(batch: Batch, row: int) -> str | int:
        tags: list[Any] = batch.datapoints[row].found.tags or []
        return next(tag for tag in tags if numbers[tag] == UNKNOWN_LABEL)

    def show(batch: Batch, row: int) -> str:
        outside = first_outside(batch, row)
        kind = "label id" if isinstance(outside, int) else "label"
        return f"{kind} {shown(str(outside))} is not in the set"

    def gate(batch: Batch) -> Verdict:
        outside = batch.any_of(batch.tags == UNKNOWN_LABEL)
        reason_of = np.where(outside, 0, PASSES)
        if mapping is not None:
            for row in np.flatnonzero(outside).tolist():
                reason_of[row] = WHY_NOT_MAPPED.index(mapping.why_not(str(first_outside(batch, row))))
        mapped, changes = _with_meanings(batch, labels, meanings)
        quoted = mapped.tags >= size
        notes = Counter({"label numbers written as text": int((batch.any_of(quoted) & ~outside).sum())})
        if quoted.any():
            mapped = mapped.with_tags(np.where(quoted, mapped.tags - size, mapped.tags))
        read_as = {(row, shown_meaning(str(one["before"]), one["after"])) for row, one in changes}
        notes.update(f"mapped: {reading}" for row, reading in sorted(read_as) if not outside[row])
        return Verdict(mapped, reasons, reason_of, notes, lambda row: show(batch, row))

    return gate


def _with_meanings(
    batch: Batch, labels: LabelSet, meanings: Mapping[str, str]
) -> tuple[Batch, list[_Change]]:
    """Give words under a label outside the set the label that it means; list the changes."""
    if not meanings:
        return batch, []
    surplus = 2 * len(labels.names)
    is_mapped = batch.tags >= surplus
    places = np.flatnonzero(is_mapped)
    rows = batch.sentence_of[places]
    tags = np.where(is_mapped, batch.tags - surplus, batch.tags)
    changes = []
    for row, position in zip(rows.tolist(), (places - batch.starts[rows]).tolist(), strict=True):
        written = (batch.datapoints[row].found.tags or [])[position]
        change = {
            "step": "labels",
            "position": position,
            "before": shown(written) if isinstance(written, str) else written,
            "after": meanings[str(written)],
        }
        changes.append((row, change))
    return batch.with_tags(tags).with_changes(changes), changes


def iob2_gate(labels: LabelSet, policy: str) -> Gate:
    """Repair misplaced I- labels by a policy; every repair goes to provenance. Nothing is dropped."""
    columns = LabelColumns(labels)

    def show(batch: Batch, row: int) -> str:
        tags = batch.tags[batch.starts[row] : batch.starts[row + 1]].tolist()
        words = zip(batch.datapoints[row].found.tokens or (), tags, strict=True)
        return "repaired: " + shown(" ".join(f"{token}/{labels.names[tag]}" for token, tag in words))

    def gate(batch: Batch) -> Verdict:
        repaired = columns.repair(batch.tags, batch.starts[:-1], policy)
        changes = _changes(batch, "iob2", batch.tags, repaired, labels.names)
        changed = _rows_of(changes, batch)
        number = int(changed.sum())
        return Verdict(
            batch.with_tags(repaired).with_changes(changes) if changes else batch,
            (),
            np.full(len(batch), PASSES),
            {"valid": len(batch) - number, "repaired": number},
            lambda row: show(batch, row),
            changed,
        )

    return gate


def text_gate(vocabulary: Vocabulary, *, script_share: float, compose: bool) -> Gate:
    """Drop sentences with a faulty token or too few letters in the expected scripts.

    Args:
        vocabulary: Knows the tokens and the expected scripts.
        script_share: Least share of a sentence's letters in these scripts; a sentence without letters passes.
        compose: Whether tokens are brought to NFC.
    """
    reasons = (*TEXT_FAULTS, "letters of another script")

    def gate(batch: Batch) -> Verdict:
        facts = vocabulary.facts()
        faults = batch.bits_of(facts.faults[batch.tokens])
        reason_of = np.full(len(batch), PASSES)
        letters = batch.sum_of(facts.letters[batch.tokens])
        expected = batch.sum_of(facts.expected[batch.tokens])
        reason_of[expected < script_share * letters] = len(TEXT_FAULTS)
        for number in reversed(range(len(TEXT_FAULTS))):
            reason_of[faults & (1 << number) != 0] = number
        passes = reason_of == PASSES
        notes = {"a token with a space": int((batch.any_of(facts.has_space[batch.tokens]) & passes).sum())}
        if not compose:
            return Verdict(batch, reasons, reason_of, notes)
        composed = facts.composed[batch.tokens]
        changes = _changes(batch, "text", batch.tokens, composed, vocabulary.texts)
        notes["composed to NFC"] = int((_rows_of(changes, batch) & passes).sum())
        return Verdict(batch.with_tokens(composed).with_changes(changes), reasons, reason_of, notes)

    return gate


def _changes(
    batch: Batch, step: str, before: np.ndarray, after: np.ndarray, names: Sequence[str]
) -> list[_Change]:
    """List the words at which a column changed, as provenance has them, with their sentences."""
    differs = np.flatnonzero(before != after)
    rows = batch.sentence_of[differs]
    columns = (rows, differs - batch.starts[rows], before[differs], after[differs])
    return [
        (row, {"step": step, "position": position, "before": names[old], "after": names[new]})
        for row, position, old, new in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _rows_of(changes: Sequence[_Change], batch: Batch) -> np.ndarray:
    changed = np.zeros(len(batch), dtype=bool)
    changed[[row for row, _ in changes]] = True
    return changed
