"""Whether synthetic data is added to gold: decided on gold alone, by cross-validation.

The gain of a recipe (`evaluation.recipes`) over gold alone is measured on folds of gold and weighed against
what such data gained elsewhere (`evaluation.folds`). Synthetic data is used if the odds that it gains are
three to one. Where gold is too small to judge, what was gained elsewhere decides. What was made of a gold
sentence takes no part where that is predicted, and what is mostly so made has a recipe of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from ..schema.example import Example
from .agreement import agreement_with_itself
from .folds import Expectation, Gain, can_judge, expectation, gains_on_folds
from .made_of import Variants, share_made_of
from .recipes import GOLD_ONLY, Prepared, prepared_for, recipe_for

# Enough sentences to judge by; more would only cost time.
SENTENCES_TO_LEARN = 3000


@dataclass(frozen=True, slots=True)
class Combination:
    """How to train on gold and synthetic data.

    Attributes:
        recipe: `gold only`, `adapted` or `put together`.
        expected: What synthetic data is expected to gain; None where there is none.
        tried: What the recipe that learns synthetic data gained over gold alone on folds of gold, also where
            that was not enough to use it; None where gold is too small to try it.
    """

    recipe: str = GOLD_ONLY
    expected: Expectation | None = None
    tried: Gain | None = None

    @property
    def use_synthetic(self) -> bool:
        """Whether synthetic data is used at all."""
        return self.recipe != GOLD_ONLY

    def as_json(self) -> dict[str, object]:
        """Return the combination by name."""
        return {
            "recipe": self.recipe,
            "expected": self.expected and self.expected.mean,
            "tried": self.tried and self.tried.as_json(),
        }


def choose_combination(gold: Sequence[Example], synthetic: Sequence[Example], *, seed: int) -> Combination:
    """Choose whether to train on gold and synthetic examples or on gold alone.

    Args:
        gold: Gold examples with IOB2 tags.
        synthetic: Synthetic examples with IOB2 tags of the same types.
        seed: Decides the folds, and the sample that judges many synthetic examples.

    Returns:
        The combination; gold alone if there are no synthetic examples.
    """
    if not synthetic:
        return Combination()
    random = Random(f"{seed} judged")  # noqa: S311 - no secret is drawn
    judged = random.sample(list(synthetic), min(len(synthetic), SENTENCES_TO_LEARN))
    made_of_gold = share_made_of(judged, gold)
    recipe = recipe_for(made_of_gold)
    before = expectation(len(gold), _agreement(tuple(synthetic), seed), made_of_gold)
    if not can_judge(gold):
        return Combination(recipe if before.probably_gains else GOLD_ONLY, before)
    variants = Variants(judged, gold)

    def prepared(_training: Sequence[Example], held_out: Collection[int]) -> dict[str, Prepared]:
        return {recipe: prepared_for(recipe, variants.apart_from(held_out))}

    [gain] = gains_on_folds(gold, prepared, before=before, seed=seed).values()
    return Combination(recipe if gain.expected.probably_gains else GOLD_ONLY, gain.expected, gain)


@lru_cache(maxsize=1)
def _agreement(synthetic: tuple[Example, ...], seed: int) -> float | None:
    # The cells of a grid ask for the same with other gold.
    return agreement_with_itself(synthetic, seed=seed)
