"""Whether labels contradict one another.

How well the labels of a data set can be learned from one another (`evaluation.agreement`) is compared with
how well those of gold can, from as many sentences. Names are easier to tell in some languages and genres than
in others; gold of the same language shows how easy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...evaluation.agreement import SENTENCES_TO_LEARN, agreement_with_itself
from ...schema.example import Example

# Labels that agree with one another less than this part of what gold's do contradict one another. With 100 to
# 500 gold sentences in Yoruba, Danish and Swedish, the papers' responses of Llama-3.1-8B reached 0.4 to 0.5
# of gold's own agreement, aya-expanse-32b 0.6 to 0.9, and GPT-4.1 more than gold.
LEAST_PART_OF_GOLD = 0.55

# Gold with fewer mentions does not show how well its labels agree.
FEWEST_MENTIONS = 60


@dataclass(frozen=True, slots=True)
class Consistency:
    """How well labels agree with one another, beside those of gold.

    Attributes:
        data: Cohen's kappa of the data with itself.
        gold: Cohen's kappa of gold with itself.
    """

    data: float
    gold: float

    @property
    def contradicts(self) -> bool:
        """Whether the labels contradict one another."""
        return self.data < LEAST_PART_OF_GOLD * self.gold


def consistency(synthetic: Sequence[Example], gold: Sequence[Example], *, seed: int) -> Consistency | None:
    """Measure how well labels agree with one another.

    Args:
        synthetic: Sentences with their labels as they came.
        gold: Gold sentences.
        seed: Decides the samples.

    Returns:
        The agreement of both; None where either is too little to tell.
    """
    if sum(len(example.mentions) for example in gold) < FEWEST_MENTIONS:
        return None
    learned = min(SENTENCES_TO_LEARN, len(gold) // 2)
    of_data, of_gold = (
        agreement_with_itself(examples, seed=seed, learned=learned) for examples in (synthetic, gold)
    )
    return None if of_data is None or of_gold is None else Consistency(of_data, of_gold)
