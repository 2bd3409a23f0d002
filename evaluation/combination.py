"""Whether synthetic data is added to gold: decided on gold alone, by cross-validation.

The gain of the recipe `adapted` (`evaluation.recipes`) over gold alone is measured on folds of gold and
weighed against what is known before (`evaluation.folds`). Synthetic data is used if its expected gain is
above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..schema.example import Example
from .folds import FOLDS, Gain, gains_on_folds
from .recipes import ADAPTED, GOLD_ONLY, Adaptation

# Enough sentences to judge by; more would only cost time.
SENTENCES_TO_LEARN = 3000


@dataclass(frozen=True, slots=True)
class Combination:
    """How to train on gold and synthetic data.

    Attributes:
        recipe: `gold only` or `adapted`.
        tried: What `adapted` gained over gold alone on folds of gold, also where that was not enough to use
            it; None where it was not tried.
    """

    recipe: str = GOLD_ONLY
    tried: Gain | None = None

    @property
    def use_synthetic(self) -> bool:
        """Whether synthetic data is used at all."""
        return self.recipe != GOLD_ONLY

    def as_json(self) -> dict[str, object]:
        """Return the combination by name."""
        tried = self.tried and self.tried.as_json() | {"expected": self.tried.expected}
        return {"recipe": self.recipe, "tried": tried}


def choose_combination(gold: Sequence[Example], synthetic: Sequence[Example], *, seed: int) -> Combination:
    """Choose whether to train on gold and synthetic examples or on gold alone.

    Args:
        gold: Gold examples with IOB2 tags.
        synthetic: Synthetic examples with IOB2 tags of the same types.
        seed: Decides the folds, and the sample that judges many synthetic examples.

    Returns:
        The combination; gold alone if there are no synthetic or fewer than `FOLDS` gold examples.
    """
    if not synthetic or len(gold) < FOLDS:
        return Combination()
    random = Random(f"{seed} judged")  # noqa: S311 - no secret is drawn
    judged = random.sample(list(synthetic), min(len(synthetic), SENTENCES_TO_LEARN))
    adaptation = Adaptation(judged)
    [gain] = gains_on_folds(gold, lambda _: {ADAPTED: adaptation}, seed=seed).values()
    return Combination(ADAPTED if gain.expected > 0 else GOLD_ONLY, gain)
