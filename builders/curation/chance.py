"""Whether labels agree with gold better than chance does.

A tagger trained on gold alone reads the sentences. Where it finds mentions is compared with where the labels
have them, by Cohen's kappa: 1 is agreement token by token, 0 what labels strewn at random reach. Little gold
finds little, so the measure is what gold reaches on itself, fold by fold. Types play no part, and neither
does a shift by one token: repair puts both right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ...evaluation.agreement import kappa_on_mentions
from ...evaluation.crf import CrfSettings, CrfTagger, PreparedExample
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE

# Fewer gold sentences find too little to judge by.
FEWEST_GOLD = 20
SENTENCES_TO_JUDGE = 1000

# Labels that reach less than this part of gold's own agreement are as good as random. With 60 and 300 gold
# sentences, the papers' responses in Yoruba, Danish and Swedish reached 0.29 and more; the same labels
# shuffled within their sentences reached 0.19 at most.
LEAST_PART_OF_GOLD = 0.2
# Gold that agrees less than this with itself can judge nobody: with 12 mentions in 100 sentences its kappa
# was 0.3 to 0.4, and data that helped reached 0.17 of that.
LEAST_OF_GOLD = 0.5

_FOLDS = 3
_SETTINGS = CrfSettings(iterations=30)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well labels agree with what gold teaches about where mentions are.

    Attributes:
        kappa: Cohen's kappa of the labels.
        gold: Cohen's kappa of gold with itself.
    """

    kappa: float
    gold: float

    @property
    def can_judge(self) -> bool:
        """Whether gold agrees with itself well enough to judge others."""
        return self.gold >= LEAST_OF_GOLD

    @property
    def is_chance(self) -> bool:
        """Whether the labels might as well be random."""
        return self.can_judge and self.kappa < LEAST_PART_OF_GOLD * self.gold


def agreement_on_mentions(
    synthetic: Sequence[Example], gold: Sequence[Example], *, seed: int
) -> Agreement | None:
    """Measure how well labels agree with gold on where mentions are.

    Args:
        synthetic: Sentences with their labels as they came.
        gold: Gold sentences.
        seed: Decides samples and folds.

    Returns:
        The agreement; None where gold has fewer than `FEWEST_GOLD` sentences, or no label is a mention's.
    """
    if len(gold) < FEWEST_GOLD or not any(example.mentions for example in synthetic):
        return None
    random = Random(f"{seed} chance")  # noqa: S311 - no secret is drawn
    places = random.sample(range(len(synthetic)), min(len(synthetic), SENTENCES_TO_JUDGE))
    judged = [synthetic[place] for place in places]
    learned = random.sample(list(gold), min(len(gold), SENTENCES_TO_JUDGE))
    tagger = CrfTagger.train(learned, settings=_SETTINGS)
    found = tagger.tag(example.tokens for example in judged)
    labels = [example.ner_tags for example in judged]
    kappa = max(kappa_on_mentions(labels, [_shifted(tags, by) for tags in found]) for by in (-1, 0, 1))
    own = list(_predicted_by_folds(learned))
    return Agreement(kappa, kappa_on_mentions([tags for tags, _ in own], [tags for _, tags in own]))


def _predicted_by_folds(gold: Sequence[Example]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    prepared = [PreparedExample.of(example) for example in gold]
    for first in range(_FOLDS):
        others = [example for place, example in enumerate(prepared) if place % _FOLDS != first]
        tagger = CrfTagger.train(others, settings=_SETTINGS)
        held_out = prepared[first::_FOLDS]
        yield from zip((one.tags for one in held_out), tagger.tag_prepared(held_out), strict=True)


def _shifted(tags: Sequence[str], by: int) -> list[str]:
    places = range(-by, len(tags) - by)
    return [tags[place] if 0 <= place < len(tags) else OUTSIDE for place in places]
