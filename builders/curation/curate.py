"""Curation: the synthetic sentences that help, with their labels put right, and a verdict on every other one.

Gold decides, and only gold: its labels, its folds. The steps, in order:

- `repeats`: a sentence that repeats or nearly repeats an earlier one is dropped.
- `held-out`: a sentence that nearly repeats one of held-out gold is dropped; it would leak.
- `language`: a sentence that is not written like gold is dropped.
- `repairs`: labels are repaired; nothing is dropped.
- `selection`: sentences are ranked by their agreement with gold, and as many are kept as help on its folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...schema.example import Example
from ...schema.labels import LabelSet
from .likeness import FEWEST_GOLD, unlike_gold
from .near_duplicates import near_copies, near_duplicates
from .repairs import Conflict, LabelChange, repair_labels
from .selection import Selection, select

STEPS = ("repeats", "held-out", "language", "repairs", "selection")

# From this share of a config on, what is wrong with sentences is wrong with the config.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What curation decided about one sentence.

    Attributes:
        kept: Whether it is in the curated data.
        step: The step that dropped it; empty where it is kept.
        reason: Why it was dropped.
        changes: How its labels were repaired.
        agreement: How well its labels agree with gold, from 0 to 1; None where it was dropped before.
    """

    kept: bool = True
    step: str = ""
    reason: str = ""
    changes: tuple[LabelChange, ...] = ()
    agreement: float | None = None


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one step did.

    Attributes:
        kept: Sentences that passed.
        lost: Sentences that did not.
        changed: Sentences whose labels were changed, by repair.
    """

    kept: int
    lost: int
    changed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Curation:
    """The outcome of a curation.

    Attributes:
        examples: The curated sentences, in the order given.
        verdicts: A verdict on each sentence given, in order.
        steps: What each step did, in order.
        findings: What was recognised, in words.
        conflicts: Surface forms that still have several types.
        selection: How many to keep was chosen like this.
    """

    examples: tuple[Example, ...]
    verdicts: tuple[Verdict, ...]
    steps: Mapping[str, StepOutcome]
    findings: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    selection: Selection


def curate(
    synthetic: Sequence[Example],
    gold: Sequence[Example],
    labels: LabelSet,
    *,
    held_out: Mapping[str, Sequence[Example]],
    seed: int,
) -> Curation:
    """Curate synthetic sentences against gold.

    Args:
        synthetic: Sentences with IOB2 labels of the label set.
        gold: Gold sentences to train on, labelled alike.
        labels: The label set.
        held_out: Gold that must not leak into the data, by the name of its split.
        seed: Decides halves, samples and folds.
    """
    verdicts: dict[int, Verdict] = {}
    steps: dict[str, StepOutcome] = {}

    def drop(step: str, reasons: Mapping[int, str]) -> list[int]:
        verdicts.update({place: Verdict(False, step, reason) for place, reason in reasons.items()})
        left = [place for place in range(len(synthetic)) if place not in verdicts]
        steps[step] = StepOutcome(len(left), len(reasons))
        return left

    left = drop("repeats", _repeats(synthetic))
    left = drop("held-out", _copies(synthetic, left, held_out))
    unlike = unlike_gold([synthetic[place] for place in left], gold)
    left = drop("language", {left[place]: "not written like gold" for place in unlike})
    repaired = repair_labels([synthetic[place] for place in left], gold, labels)
    steps["repairs"] = StepOutcome(len(left), 0, repaired.counts)
    examples = {place: one.example for place, one in zip(left, repaired.repaired, strict=True)}
    selection = select(list(examples.values()), gold, seed=seed)
    chosen = {left[number] for number in selection.kept}
    steps["selection"] = StepOutcome(len(chosen), len(left) - len(chosen))
    for place, one, agreement in zip(left, repaired.repaired, selection.agreement, strict=True):
        kept = place in chosen
        reason = "" if kept else _why_not_selected(selection)
        verdicts[place] = Verdict(kept, "" if kept else "selection", reason, one.changes, agreement)
    return Curation(
        examples=tuple(examples[place] for place in left if place in chosen),
        verdicts=tuple(verdicts[place] for place in range(len(synthetic))),
        steps=steps,
        findings=(*_findings(synthetic, gold, verdicts, selection), *repaired.unknown),
        conflicts=tuple(repaired.conflicts),
        selection=selection,
    )


def _repeats(synthetic: Sequence[Example]) -> dict[int, str]:
    return {
        place: f"repeats {synthetic[first].id}"
        for place, first in enumerate(near_duplicates(synthetic))
        if first is not None
    }


def _copies(
    synthetic: Sequence[Example], left: Sequence[int], held_out: Mapping[str, Sequence[Example]]
) -> dict[int, str]:
    copies = near_copies([synthetic[place] for place in left], held_out)
    return {left[number]: f"repeats a sentence of gold {split}" for number, split in copies.items()}


def _why_not_selected(selection: Selection) -> str:
    if not selection.share:
        return "no share of the data helps on folds of gold"
    return "agrees less with gold than what is kept, or has no mention where gold has few such sentences"


def _findings(
    synthetic: Sequence[Example],
    gold: Sequence[Example],
    verdicts: Mapping[int, Verdict],
    selection: Selection,
) -> list[str]:
    """Say in words what is wrong with the data as a whole."""
    if not synthetic:
        return ["There is nothing to curate."]
    lost = Counter(verdict.step for verdict in verdicts.values() if not verdict.kept)
    findings = [
        f"{lost[step] / len(synthetic):.0%} of the sentences {what}."
        for step, what in (
            ("repeats", "repeat another one"),
            ("held-out", "copy held-out gold: they would leak it"),
            ("language", "are not written in the language of gold"),
        )
        if lost[step] >= MOST * len(synthetic)
    ]
    if not any(example.mentions for example in synthetic):
        findings.append("No sentence has a mention: there is nothing to learn from but what is no name.")
    if len(gold) < FEWEST_GOLD:
        findings.append(
            f"{len(gold)} gold sentences are too few to judge language, or how much of the data helps."
        )
    for share, gain in selection.gains.items():
        findings.append(
            f"With the best {share:.0%} of the sentences with mentions, folds of gold gain {gain.f1:+.3f} F1 "
            f"(standard error {gain.standard_error:.3f})."
        )
    if selection.gains and not selection.share:
        findings.append("Nothing is kept: gold alone does better.")
    return findings
