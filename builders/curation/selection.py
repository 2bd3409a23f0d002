"""Selection against gold: which synthetic sentences agree with what gold teaches, and how many of them help.

Two taggers are trained on gold and one half of the synthetic sentences each, gold overruling (the recipe
`adapted` of `evaluation.combination`). Each judges the half that it has not seen, as an annotator of gold
would label it: no sentence scores itself. A sentence's agreement is the probability of its least likely
label.

How many to keep is decided on gold: its folds are predicted by taggers trained on the other folds with each
share of the ranking, and with none. What a share probably gains weighs these folds against what synthetic
data gained elsewhere (`evaluation.combination`); nothing is kept, if no share probably gains. All is kept, if
all probably gains and no smaller share clearly gains more: folds of little gold too often prefer the wrong
one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from ...evaluation.bootstrap import micro_f1, standard_error_of_gain
from ...evaluation.combination import Gain, features_of_gold, features_of_synthetic
from ...evaluation.crf import CrfSettings, CrfTagger, PreparedExample
from ...evaluation.scoring import score
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE

SHARES = (0.5, 1.0)
"""Shares of the ranked sentences with mentions that are tried."""

# A smaller share must gain this many of its standard errors more than a greater one.
CLEARLY_MORE = 2

FOLDS = 3
FEWEST_GOLD = 10

# Judging by more sentences than these would only cost time.
SENTENCES_TO_LEARN = 3000
SENTENCES_TO_JUDGE = 600

_SETTINGS = CrfSettings(iterations=50)


@dataclass(frozen=True)
class Selection:
    """Which sentences to keep.

    Attributes:
        kept: Their places, in order.
        agreement: Each sentence's agreement with gold, from 0 to 1.
        share: The share of the ranking that is kept; 0 for none.
        gains: What each share gained over gold alone on held-out gold.
    """

    kept: tuple[int, ...]
    agreement: tuple[float, ...]
    share: float
    gains: Mapping[float, Gain]

    def as_json(self) -> dict[str, Any]:
        """Return the share and the gains, as the manifest and `synthner curate --json` have them."""
        return {
            "share": self.share,
            "gains": {
                str(share): {"gain": gain.f1, "standard_error": gain.standard_error}
                for share, gain in self.gains.items()
            },
        }


def select(synthetic: Sequence[Example], gold: Sequence[Example], *, seed: int) -> Selection:
    """Rank synthetic sentences by their agreement with gold, and choose how many to keep.

    Args:
        synthetic: Sentences with labels of gold's types.
        gold: Gold sentences.
        seed: Decides halves, samples and folds.

    Returns:
        The selection; nothing, if no sentence has a mention.
    """
    if not synthetic:
        return Selection((), (), 0.0, {})
    if not any(map(_has_mention, synthetic)):
        return Selection((), (0.0,) * len(synthetic), 0.0, {})
    agreement = agreement_with_gold(synthetic, gold, seed=seed)
    gains = {}
    if len(gold) >= FEWEST_GOLD:
        chosen = {share: _best(synthetic, gold, agreement, share) for share in SHARES}
        gains = _gains(synthetic, gold, chosen, seed)
        share = _chosen_share(gains)
    else:
        share = SHARES[0]
    kept = _best(synthetic, gold, agreement, share) if share else ()
    return Selection(tuple(kept), tuple(agreement), share, gains)


def agreement_with_gold(synthetic: Sequence[Example], gold: Sequence[Example], *, seed: int) -> list[float]:
    """Return how well each sentence's labels agree with gold, judged by a tagger that has not seen it."""
    order = list(range(len(synthetic)))
    Random(f"{seed} halves").shuffle(order)  # noqa: S311 - no secret is drawn
    halves = (order[::2], order[1::2])
    prepared_gold = [PreparedExample(example, features_of_gold) for example in gold]
    agreement = [0.0] * len(synthetic)
    for judged, learned in (halves, halves[::-1]):
        taught = [
            PreparedExample(synthetic[place], features_of_synthetic) for place in learned[:SENTENCES_TO_LEARN]
        ]
        tagger = CrfTagger.train([*prepared_gold, *taught], settings=_SETTINGS, features=features_of_gold)
        for place in judged:
            agreement[place] = min(tagger.marginals(synthetic[place]), default=0.0)
    return agreement


def _best(
    synthetic: Sequence[Example], gold: Sequence[Example], agreement: Sequence[float], share: float
) -> list[int]:
    """Return the places of the best share of the sentences with mentions, and as many without as gold has."""
    ranked = sorted(range(len(synthetic)), key=lambda place: (-agreement[place], place))
    with_mentions = [place for place in ranked if _has_mention(synthetic[place])]
    without = [place for place in ranked if not _has_mention(synthetic[place])]
    kept = with_mentions[: math.ceil(share * len(with_mentions))]
    share_of_gold = sum(map(_has_mention, gold)) / len(gold)
    if share_of_gold:
        without = without[: round(len(kept) * (1 - share_of_gold) / share_of_gold)]
    return sorted([*kept, *without])


def _has_mention(example: Example) -> bool:
    return any(tag != OUTSIDE for tag in example.ner_tags)


def _gains(
    synthetic: Sequence[Example], gold: Sequence[Example], chosen: Mapping[float, Sequence[int]], seed: int
) -> dict[float, Gain]:
    """Predict gold by folds, with each share of the synthetic sentences and with none."""
    random = Random(f"{seed} folds")  # noqa: S311 - no secret is drawn
    order = random.sample(range(len(gold)), len(gold))
    plain = [PreparedExample(example) for example in gold]
    doubled = [PreparedExample(example, features_of_gold) for example in gold]
    added: dict[float, list[PreparedExample]] = {}
    for share, places in chosen.items():
        sample = random.sample(list(places), min(len(places), SENTENCES_TO_LEARN))
        added[share] = [PreparedExample(synthetic[place], features_of_synthetic) for place in sorted(sample)]
    counts = {share: np.zeros((len(gold), 3), dtype=np.int64) for share in (0.0, *chosen)}
    judged = 0
    for first in range(FOLDS):
        if judged >= SENTENCES_TO_JUDGE:
            break
        held_out = order[first::FOLDS]
        judged += len(held_out)
        left_out = set(held_out)
        for share, counted in counts.items():
            prepared = doubled if share else plain
            training = [prepared[place] for place in range(len(gold)) if place not in left_out]
            tagger = CrfTagger.train([*training, *added.get(share, ())], settings=_SETTINGS)
            asked = [prepared[place] for place in held_out]
            counted[held_out] = score([one.tags for one in asked], tagger.tag_prepared(asked)).counts
    alone = counts.pop(0.0)
    return {
        share: Gain(
            float(micro_f1(counted.sum(axis=0)) - micro_f1(alone.sum(axis=0))),
            standard_error_of_gain(counted, alone, seed=seed),
        )
        for share, counted in counts.items()
    }


def _chosen_share(gains: Mapping[float, Gain]) -> float:
    """Return the greatest share that probably gains, or one that clearly gains more."""
    helpful = {share: gain for share, gain in gains.items() if gain.expected > 0}
    if not helpful:
        return 0.0
    chosen = max(helpful)
    for share, gain in helpful.items():
        if gain.f1 - CLEARLY_MORE * gain.standard_error > helpful[chosen].f1:
            chosen = share
    return chosen
