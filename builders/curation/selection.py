"""Selection against gold: which synthetic sentences agree with what gold teaches, and how many of them help.

Two taggers are trained on gold and one half of the synthetic sentences each, gold overruling (the recipe
`adapted` of `evaluation.recipes`). Each judges the half that it has not seen, as an annotator of gold would
label it: no sentence scores itself. A sentence's agreement is the probability of its least likely label, the
score by which cleanlab ranks sentences too (Wang & Mueller 2022). Another judge than the CRF can be given: an
encoder (`judges`).

How many to keep is decided on gold: its folds are predicted by taggers trained on the other folds with each
share of the ranking, and with none, by the recipe for such data. For each fold labels are repaired and
sentences ranked anew, by the gold of the other folds alone, and what was made of its own sentences is left
out: judged by repairs that have seen the answers, or by variants of the questions, everything would seem to
help. The folds are weighed against what data gained elsewhere whose labels agree as well with one another
(`evaluation.folds`); where gold is too small to judge, that alone decides. Nothing is kept, if no share
probably gains. The smaller share is kept, if it probably gains and the greater one does not clearly gain
more: what agrees least with gold is what one would not want to publish.

On the folds the CRF ranks, whichever judge is given: an encoder would have to be fine-tuned six times more,
to choose between two shares. The judge that is given decides which sentences the chosen share is made of.

Sentences without a mention are ranked for themselves, and kept at most twice as often as gold has them.
Otherwise types and lengths are left as the ranking has them: balancing them towards gold was tried, and
gained nothing (`docs/curation.md`).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from ...evaluation.agreement import agreement_with_itself
from ...evaluation.folds import Expectation, Gain, can_judge, expectation, gains_on_folds
from ...evaluation.made_of import SeedOf, Variants, share_made_of, unknown_seed
from ...evaluation.recipes import Prepared, prepared_for, recipe_for
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE
from .judges import CrfJudge, Judge
from .views import Chosen

SHARES = (0.75, 1.0)
"""Shares of the ranked sentences that are tried, the preferred one first."""

# Another share must gain this many of its standard errors more.
CLEARLY_MORE = 2

# A model that labels too little writes many sentences without a mention. Some teach what is no name.
_WITHOUT_MENTIONS = 2

# More sentences than these would only cost time: to learn from, and to judge all by.
SENTENCES_TO_LEARN = 3000
GOLD_TO_LEARN = 5000
SENTENCES_TO_JUDGE = 1500

RepairByGold = Callable[[Sequence[Example], Sequence[Example]], Sequence[Example]]
"""Repairs the labels of synthetic sentences, the first argument, by those of gold, the second."""


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judges sentences, and what is known of them.

    Attributes:
        judge: Ranks the sentences that are kept or dropped; None for a CRF, which also ranks on the folds.
        seed_of: Returns the id of the one gold sentence that a sentence was made of, where that is known.
    """

    judge: Judge | None = None
    seed_of: SeedOf = unknown_seed


BY_CRF = Judging()


@dataclass(frozen=True)
class Selection:
    """Which sentences to keep.

    Attributes:
        kept: Their places, in order.
        agreement: Each sentence's agreement with gold, from 0 to 1.
        share: The share of the ranking that is kept; 0 for none.
        gains: What each share gained over gold alone on held-out gold; none where gold is too small to tell.
        with_itself: How well the labels agree with one another as they came; None where that is not known.
    """

    kept: Sequence[int]
    agreement: Sequence[float]
    share: float
    gains: Mapping[float, Gain] = field(default_factory=dict)
    with_itself: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the share and what decided it, as the manifest and `synthner curate --json` have them."""
        return {
            "share": self.share,
            "agreement_with_itself": self.with_itself,
            "gains": {str(share): gain.as_json() for share, gain in self.gains.items()},
        }


def select(
    repaired: Sequence[Example],
    gold: Sequence[Example],
    *,
    unrepaired: Sequence[Example],
    repair: RepairByGold,
    seed: int,
    judging: Judging = BY_CRF,
) -> Selection:
    """Rank synthetic sentences by their agreement with gold, and choose how many to keep.

    Args:
        repaired: Sentences with labels of gold's types, repaired by all of gold.
        gold: Gold sentences.
        unrepaired: The same sentences with their labels as they came.
        repair: Repairs these.
        seed: Decides halves, samples and folds.
        judging: Who ranks the sentences that are kept or dropped, and what is known of them.

    Returns:
        The selection; nothing, if no sentence has a mention.
    """
    if not any(map(_has_mention, repaired)):
        return Selection((), array("d", [0.0]) * len(repaired), 0.0)
    agreement = array("d", agreement_with_gold(repaired, gold, seed=seed, judge=judging.judge))
    with_itself = agreement_with_itself(unrepaired, seed=seed)
    sample = _sample(unrepaired, seed)
    made_of_gold = share_made_of(sample, gold, judging.seed_of)
    before = expectation(len(gold), with_itself, made_of_gold)
    recipe = recipe_for(made_of_gold)
    variants = Variants(sample, gold, judging.seed_of)

    def choices(training: Sequence[Example], held_out: Collection[int]) -> dict[float, Prepared]:
        shares = _best_shares(repair(variants.apart_from(held_out), training), training, seed)
        return {share: prepared_for(recipe, best) for share, best in shares.items()}

    gains = gains_on_folds(gold, choices, before=before, seed=seed) if can_judge(gold) else {}
    share = _chosen_share({share: gains[share].expected if gains else before for share in SHARES}, gains)
    kept = _best(repaired, gold, agreement, share) if share else ()
    return Selection(kept, agreement, share, gains, with_itself)


def agreement_with_gold(
    synthetic: Sequence[Example], gold: Sequence[Example], *, seed: int, judge: Judge | None = None
) -> list[float]:
    """Return how well each sentence's labels agree with gold, judged by a tagger that has not seen it.

    Args:
        synthetic: Sentences with labels of gold's types.
        gold: Gold sentences.
        seed: Decides the halves.
        judge: Makes the taggers; by default a CRF.
    """
    judge = judge or CrfJudge()
    order = array("q", range(len(synthetic)))
    Random(f"{seed} halves").shuffle(order)  # noqa: S311 - no secret is drawn
    halves = (order[::2], order[1::2])
    agreement = array("d", [0.0]) * len(synthetic)
    for judged, learned in (halves, halves[::-1]):
        taught = [synthetic[place] for place in learned[:SENTENCES_TO_LEARN]]
        tagger = judge.train(gold[:GOLD_TO_LEARN], taught)
        of_tags = tagger.marginals_of(Chosen(synthetic, judged))
        for place, probabilities in zip(judged, of_tags, strict=True):
            agreement[place] = min(probabilities, default=0.0)
    return agreement.tolist()


def _best(
    synthetic: Sequence[Example], gold: Sequence[Example], agreement: Sequence[float], share: float
) -> Sequence[int]:
    """Return the places of the best share of the sentences with mentions, and of those without."""
    ranked = np.argsort(-np.asarray(agreement), kind="stable")
    has_mention = np.fromiter(map(_has_mention, synthetic), dtype=bool, count=len(synthetic))[ranked]
    kept, plain = (
        places[: math.ceil(share * len(places))] for places in (ranked[has_mention], ranked[~has_mention])
    )
    share_of_gold = sum(map(_has_mention, gold)) / len(gold)
    if share_of_gold:
        plain = plain[: round(_WITHOUT_MENTIONS * len(kept) * (1 - share_of_gold) / share_of_gold)]
    return array("q", np.sort(np.concatenate([kept, plain])).tobytes())


def _has_mention(example: Example) -> bool:
    return any(tag != OUTSIDE for tag in example.ner_tags)


def _sample(synthetic: Sequence[Example], seed: int) -> list[Example]:
    """Draw the sentences that are judged on folds of gold."""
    random = Random(f"{seed} judged")  # noqa: S311 - no secret is drawn
    places = random.sample(range(len(synthetic)), min(len(synthetic), SENTENCES_TO_JUDGE))
    return [synthetic[place] for place in sorted(places)]


def _best_shares(
    repaired: Sequence[Example], gold: Sequence[Example], seed: int
) -> dict[float, list[Example]]:
    """Rank sentences by gold, and return each share of them."""
    agreement = agreement_with_gold(repaired, gold, seed=seed)
    return {share: [repaired[place] for place in _best(repaired, gold, agreement, share)] for share in SHARES}


def _chosen_share(expected: Mapping[float, Expectation], gains: Mapping[float, Gain]) -> float:
    """Return the first share that probably gains, or one that clearly gains more."""
    chosen = 0.0
    for share in SHARES:
        if not expected[share].probably_gains:
            continue
        if not chosen or (gains and _gains_clearly_more(gains[share], gains[chosen])):
            chosen = share
    return chosen


def _gains_clearly_more(one: Gain, other: Gain) -> bool:
    return one.f1 - CLEARLY_MORE * one.standard_error > other.f1
