"""Curation: the synthetic sentences that help, with their labels put right, and a verdict on every other one.

Gold decides, and only gold: its labels, its folds. The steps, in order:

- `repeats`: a sentence that repeats or nearly repeats an earlier one, or one of gold, is dropped.
- `held-out`: a sentence that nearly repeats one of held-out gold is dropped; it would leak.
- `language`: a sentence that is not written like gold is dropped.
- `labels`: all sentences are dropped, if their labels agree with gold hardly better than chance does, or
  contradict one another.
- `repairs`: labels are repaired; nothing is dropped.
- `selection`: sentences are ranked by their agreement with gold, and as many are kept as help on its folds.

Each step goes through the sentences, as often as it needs; wherever they are kept, none holds them. In memory
are a few numbers a sentence.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat

from ...schema.example import Example
from ...schema.labels import LabelSet
from . import chance, likeness
from .chance import Agreement, agreement_on_mentions
from .contradiction import Consistency, consistency
from .labelling import LabelChange
from .likeness import unlike_gold
from .near_duplicates import near_copies, near_duplicates
from .repairs import REPAIRS, Conflict, repair_labels
from .selection import BY_CRF, Judging, Selection, select
from .spill import TextNumbers
from .verdicts import Verdict, Verdicts
from .views import Chosen

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

# Stands for no step.
_LEFT = len(STEPS)

# From this share of a config on, what is wrong with sentences is wrong with the config.
MOST = 0.5


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

    examples: Sequence[Example]
    verdicts: Sequence[Verdict]
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
    judging: Judging = BY_CRF,
) -> Curation:
    """Curate synthetic sentences against gold.

    Args:
        synthetic: Sentences with IOB2 labels of the label set.
        gold: Gold sentences to train on, labelled alike.
        labels: The label set.
        held_out: Gold that must not leak into the data, by the name of its split.
        seed: Decides halves, samples and folds.
        steps: The steps to take; they run in the order of `STEPS`.
        judging: Who judges labels in the selection, and what is known of the sentences.
    """
    work = _Work(synthetic)
    agreement = consistent = None
    if REPEATS in steps:
        work.drop(REPEATS, _repetitions(synthetic, gold))
    if HELD_OUT in steps:
        copies = near_copies(work.examples(), held_out)
        work.drop(
            HELD_OUT,
            (
                f"repeats a sentence of gold {copies[number]}" if number in copies else None
                for number in range(len(work.left))
            ),
        )
    if LANGUAGE in steps:
        unlike = set(unlike_gold(work.examples(), gold))
        work.drop(
            LANGUAGE,
            ("not written like gold" if number in unlike else None for number in range(len(work.left))),
        )
    if LABELS in steps:
        agreement = agreement_on_mentions(work.examples(), gold, seed=seed)
        consistent = consistency(work.examples(), gold, seed=seed)
        work.drop(LABELS, repeat(_why_no_labels(agreement, consistent), len(work.left)))
    repairs = REPAIRS if REPAIR in steps else ()
    judged, unrepaired = work.left, work.examples()
    repaired = repair_labels(unrepaired, gold, labels, repairs=repairs)
    work.steps[REPAIR] = StepOutcome(len(judged), 0, repaired.counts)
    examples = repaired.examples
    selected = Selection(range(len(examples)), array("d", [1.0]) * len(examples), 1.0)
    if SELECTION in steps:
        selected = select(
            examples,
            gold,
            unrepaired=unrepaired,
            repair=lambda some, by: repair_labels(some, by, labels, repairs=repairs).examples,
            seed=seed,
            judging=judging,
        )
    work.drop(SELECTION, _why_not_selected(examples, selected))
    findings = [
        *_findings_on_data(synthetic, work.steps),
        *_findings_on_labels(agreement, consistent),
        *_findings_on_gold(gold, agreement),
        *_findings_on_selection(selected, gold),
    ]
    return Curation(
        examples=Chosen(examples, selected.kept),
        verdicts=work.verdicts(judged, repaired.changes, selected.agreement),
        steps=work.steps,
        findings=(*findings, *repaired.unknown),
        conflicts=tuple(repaired.conflicts),
        selection=selected,
    )


def _repetitions(synthetic: Sequence[Example], gold: Sequence[Example]) -> Iterator[str | int | None]:
    """Say which sentences repeat an earlier one, or one of gold, which nothing can be learned from."""
    of_gold = near_copies(synthetic, {"gold": gold}, threshold=_SAME_AS_GOLD)
    return (
        "repeats a sentence of gold" if place in of_gold else earlier
        for place, earlier in enumerate(near_duplicates(synthetic))
    )


class _Work:
    """The sentences while steps drop some of them.

    Attributes:
        left: The places of those that are left.
        steps: What each step did.
    """

    def __init__(self, synthetic: Sequence[Example]) -> None:
        self._synthetic = synthetic
        self.left = array("q", range(len(synthetic)))
        self.steps: dict[str, StepOutcome] = {}
        # By sentence: the step that dropped it, if one did, and why: a reason, or the one that it repeats.
        self._step = bytearray([_LEFT]) * len(synthetic)
        self._why = array("q", [0]) * len(synthetic)
        self._reasons = TextNumbers()

    def examples(self) -> Sequence[Example]:
        """Return the sentences that are left."""
        return Chosen(self._synthetic, self.left)

    def drop(self, step: str, reasons: Iterable[str | int | None]) -> None:
        """Drop each sentence left that has a reason: a text, or the place of the sentence that it repeats."""
        before, self.left = self.left, array("q")
        for place, reason in zip(before, reasons, strict=True):
            if reason is None:
                self.left.append(place)
                continue
            self._step[place] = STEPS.index(step)
            self._why[place] = reason if isinstance(reason, int) else -1 - self._reasons[reason]
        self.steps[step] = StepOutcome(len(self.left), len(before) - len(self.left))

    def verdicts(
        self,
        judged: Sequence[int],
        changes: Iterable[tuple[LabelChange, ...]],
        agreement: Iterable[float],
    ) -> Verdicts:
        """Return the verdict on each sentence.

        Args:
            judged: The places of those whose labels were repaired and judged.
            changes: The changes of each of these.
            agreement: The agreement of each of these with gold.
        """
        verdicts = Verdicts()
        known = zip(judged, changes, agreement, strict=True)
        next_judged = next(known, None)
        for place in range(len(self._synthetic)):
            verdict = self._verdict(place)
            if next_judged is not None and next_judged[0] == place:
                verdict = replace(verdict, changes=next_judged[1], agreement=next_judged[2])
                next_judged = next(known, None)
            verdicts.add(verdict)
        return verdicts

    def _verdict(self, place: int) -> Verdict:
        if self._step[place] == _LEFT:
            return Verdict()
        why = self._why[place]
        reason = f"repeats {self._synthetic[why].id}" if why >= 0 else self._reasons.texts[-1 - why]
        return Verdict(False, STEPS[self._step[place]], reason)


def _why_no_labels(agreement: Agreement | None, consistent: Consistency | None) -> str | None:
    """Say what is wrong with the labels of all sentences, if something is."""
    if agreement is not None and agreement.is_chance:
        return "the labels of the data agree with gold hardly better than chance"
    if consistent is not None and consistent.contradicts:
        return "the labels of the data contradict one another"
    return None


def _why_not_selected(examples: Sequence[Example], selected: Selection) -> Iterator[str | None]:
    """Say of each sentence why it is not kept, if it is not."""
    kept = iter(selected.kept)
    next_kept = next(kept, None)
    for number, example in enumerate(examples):
        if number == next_kept:
            next_kept = next(kept, None)
            yield None
        elif not selected.share:
            yield "no share of the data is likely enough to help"
        elif example.mentions:
            yield "agrees less with gold than what is kept"
        else:
            yield "has no mention, and agrees less with gold than such sentences that are kept"


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
            f"With the best {100 * share:.0f} % of the sentences, folds of gold gain {gain.f1:+.3f} F1 "
            f"(standard error {gain.standard_error:.3f})."
        )
    if not any(selected.agreement) or (selected.share and selected.gains):
        return
    if not selected.gains:
        mentions = sum(len(example.mentions) for example in gold)
        yield (
            f"{len(gold)} gold sentences with {mentions} mentions are too few to tell how many help: "
            + (f"the better {100 * selected.share:.0f} % is kept." if selected.share else "nothing is kept.")
        )
    if not selected.share:
        yield "Nothing is kept: that it gains over gold alone is not likely enough."
    if selected.with_itself is not None:
        yield (
            "How well the labels agree with one another on where mentions are, from 0 (chance) to 1: "
            f"{selected.with_itself:.2f}."
        )
