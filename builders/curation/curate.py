"""Curation: the synthetic sentences that help, with their labels put right, and a verdict on every other one.

Gold decides, and only gold: its labels, its folds. The steps, in order:

- `repeats`: a sentence that repeats or nearly repeats an earlier one, or one of gold, is dropped.
- `held-out`: a sentence that nearly repeats one of held-out gold is dropped; it would leak.
- `language`: a sentence that is not written like gold is dropped.
- `labels`: all sentences are dropped, if their labels agree with gold hardly better than chance does, or
  contradict one another.
- `repairs`: labels are repaired; nothing is dropped.
- `selection`: sentences are ranked by their agreement with gold, and as many are kept as help on its folds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...schema.example import Example
from ...schema.labels import LabelSet
from . import chance, likeness
from .chance import Agreement, agreement_on_mentions
from .contradiction import Consistency, consistency
from .judges import Judge
from .likeness import unlike_gold
from .near_duplicates import near_copies, near_duplicates
from .repairs import REPAIRS, Conflict, LabelChange, repair_labels
from .selection import Selection, select

REPEATS, HELD_OUT, LANGUAGE, LABELS, REPAIR, SELECTION = STEPS = (
    "repeats",
    "held-out",
    "language",
    "labels",
    "repairs",
    "selection",
)

# Prompts show gold sentences, and a model may well vary one: that is no copy yet.
_SAME_AS_GOLD = 0.95

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
    steps: Collection[str] = STEPS,
    judge: Judge | None = None,
) -> Curation:
    """Curate synthetic sentences against gold.

    Args:
        synthetic: Sentences with IOB2 labels of the label set.
        gold: Gold sentences to train on, labelled alike.
        labels: The label set.
        held_out: Gold that must not leak into the data, by the name of its split.
        seed: Decides halves, samples and folds.
        steps: The steps to take; they run in the order of `STEPS`.
        judge: Judges labels in the selection; by default a CRF.
    """
    work = _Work(synthetic)
    agreement = consistent = None
    if REPEATS in steps:
        work.drop(REPEATS, _repetitions(synthetic, gold))
    if HELD_OUT in steps:
        copies = near_copies(work.examples(), held_out)
        work.drop(
            HELD_OUT,
            [
                f"repeats a sentence of gold {copies[number]}" if number in copies else None
                for number in range(len(work.left))
            ],
        )
    if LANGUAGE in steps:
        unlike = set(unlike_gold(work.examples(), gold))
        work.drop(
            LANGUAGE,
            ["not written like gold" if number in unlike else None for number in range(len(work.left))],
        )
    if LABELS in steps:
        agreement = agreement_on_mentions(work.examples(), gold, seed=seed)
        consistent = consistency(work.examples(), gold, seed=seed)
        work.drop(LABELS, [_why_no_labels(agreement, consistent)] * len(work.left))
    repairs = REPAIRS if REPAIR in steps else ()
    repaired = repair_labels(work.examples(), gold, labels, repairs=repairs)
    work.steps[REPAIR] = StepOutcome(len(work.left), 0, repaired.counts)
    examples = repaired.examples
    selected = Selection(tuple(range(len(examples))), (1.0,) * len(examples), 1.0)
    if SELECTION in steps:
        selected = select(
            examples,
            gold,
            unrepaired=work.examples(),
            repair=lambda some, by: repair_labels(some, by, labels, repairs=repairs).examples,
            seed=seed,
            judge=judge,
        )
    for place, one, judged in zip(work.left, repaired.repaired, selected.agreement, strict=True):
        work.verdicts[place] = Verdict(changes=one.changes, agreement=judged)
    kept = set(selected.kept)
    work.drop(
        SELECTION,
        [
            None if number in kept else _why_not_selected(example, selected)
            for number, example in enumerate(examples)
        ],
    )
    findings = [
        *_findings_on_data(synthetic, work.steps),
        *_findings_on_labels(agreement, consistent),
        *_findings_on_gold(gold, agreement),
        *_findings_on_selection(selected, gold),
    ]
    return Curation(
        examples=tuple(examples[number] for number in selected.kept),
        verdicts=tuple(work.verdicts),
        steps=work.steps,
        findings=(*findings, *repaired.unknown),
        conflicts=tuple(repaired.conflicts),
        selection=selected,
    )


def _repetitions(synthetic: Sequence[Example], gold: Sequence[Example]) -> list[str | None]:
    """Say which sentences repeat an earlier one, or one of gold, which nothing can be learned from."""
    of_gold = near_copies(synthetic, {"gold": gold}, threshold=_SAME_AS_GOLD)
    return [
        "repeats a sentence of gold"
        if place in of_gold
        else None
        if earlier is None
        else f"repeats {synthetic[earlier].id}"
        for place, earlier in enumerate(near_duplicates(synthetic))
    ]


class _Work:
    """The sentences while steps drop some of them."""

    def __init__(self, synthetic: Sequence[Example]) -> None:
        self._synthetic = synthetic
        self.left = list(range(len(synthetic)))
        self.verdicts = [Verdict()] * len(synthetic)
        self.steps: dict[str, StepOutcome] = {}

    def examples(self) -> list[Example]:
        """Return the sentences that are left."""
        return [self._synthetic[place] for place in self.left]

    def drop(self, step: str, reasons: Sequence[str | None]) -> None:
        """Drop each sentence left that has a reason."""
        before, self.left = self.left, []
        for place, reason in zip(before, reasons, strict=True):
            if reason is None:
                self.left.append(place)
            else:
                self.verdicts[place] = replace(self.verdicts[place], kept=False, step=step, reason=reason)
        self.steps[step] = StepOutcome(len(self.left), len(before) - len(self.left))


def _why_no_labels(agreement: Agreement | None, consistent: Consistency | None) -> str | None:
    """Say what is wrong with the labels of all sentences, if something is."""
    if agreement is not None and agreement.is_chance:
        return "the labels of the data agree with gold hardly better than chance"
    if consistent is not None and consistent.contradicts:
        return "the labels of the data contradict one another"
    return None


def _why_not_selected(example: Example, selected: Selection) -> str:
    if not selected.share:
        return "no share of the data is likely enough to help"
    if example.mentions:
        return "agrees less with gold than what is kept"
    return "has no mention, and agrees less with gold than such sentences that are kept"


def _findings_on_data(synthetic: Sequence[Example], steps: Mapping[str, StepOutcome]) -> Iterator[str]:
    """Say what is wrong with most of the sentences."""
    if not synthetic:
        yield "There is nothing to curate."
        return
    for step, what in (
        (REPEATS, "repeat another one"),
        (HELD_OUT, "copy held-out gold: they would leak it"),
        (LANGUAGE, "are not written in the language of gold"),
    ):
        if step in steps:
            lost, reached = steps[step].lost, steps[step].lost + steps[step].kept
            if lost and lost >= MOST * reached:
                yield f"{lost:,} of {reached:,} sentences {what}."
    if not any(example.mentions for example in synthetic):
        yield "No sentence has a mention: there is nothing to learn from but what is no name."


def _findings_on_labels(agreement: Agreement | None, consistent: Consistency | None) -> Iterator[str]:
    if agreement is not None and agreement.is_chance:
        yield (
            "Labels agree with gold on where mentions are hardly better than chance: nothing is kept. "
            f"Kappa is {agreement.kappa:.2f}; gold reaches {agreement.gold:.2f} with itself."
        )
    elif consistent is not None and consistent.contradicts:
        yield (
            "Labels contradict one another on where mentions are: nothing is kept. A tagger that has learned "
            f"some of them agrees with the others with a kappa of {consistent.data:.2f}; in gold, from as "
            f"many sentences, it is {consistent.gold:.2f}."
        )


def _findings_on_gold(gold: Sequence[Example], agreement: Agreement | None) -> Iterator[str]:
    """Say what gold is too small to tell."""
    few = f"{len(gold)} gold sentences are too few to tell"
    if len(gold) < likeness.FEWEST_GOLD:
        yield f"{few} whether the sentences are in their language."
    if len(gold) < chance.FEWEST_GOLD or (agreement is not None and not agreement.can_judge):
        yield f"{few} whether labels are better than random ones."


def _findings_on_selection(selected: Selection, gold: Sequence[Example]) -> Iterator[str]:
    for share, gain in selected.gains.items():
        yield (
            f"With the best {share:.0%} of the sentences, folds of gold gain {gain.f1:+.3f} F1 "
            f"(standard error {gain.standard_error:.3f})."
        )
    if not any(selected.agreement) or (selected.share and selected.gains):
        return
    if not selected.gains:
        mentions = sum(len(example.mentions) for example in gold)
        yield (
            f"{len(gold)} gold sentences with {mentions} mentions are too few to tell how many help: "
            + (f"the better {selected.share:.0%} is kept." if selected.share else "nothing is kept.")
        )
    if not selected.share:
        yield "Nothing is kept: that it gains over gold alone is not likely enough."
    if selected.with_itself is not None:
        yield (
            "How well the labels agree with one another on where mentions are, from 0 (chance) to 1: "
            f"{selected.with_itself:.2f}."
        )
