"""Judges of labels: taggers that tell how likely a synthetic sentence's labels are, as gold would have them.

A judge learns from gold and from synthetic sentences that it is not asked about, and gold counts for more.
The CRF needs seconds and no download. An encoder has read much text before; it needs a GPU, or patience.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...evaluation.crf import CrfSettings, CrfTagger
from ...evaluation.encoder import EncoderSettings, EncoderTagger, model_folder, require_train_extra
from ...evaluation.recipes import GOLD_COUNTS, MUCH_GOLD, Adaptation
from ...schema.example import Example

# Fewer iterations than a tagger has that is to be used: what is compared are sentences.
_CRF_SETTINGS = CrfSettings(iterations=30)


class TrainedJudge(Protocol):
    """A tagger that tells how likely labels are."""

    def marginals_of(self, examples: Iterable[Example]) -> Iterable[list[float]]:
        """Give for each example the probability of each of its tags, 0 for one never trained on."""
        ...


class Judge(Protocol):
    """What makes a tagger that judges."""

    def train(self, gold: Sequence[Example], synthetic: Sequence[Example]) -> TrainedJudge:
        """Train a tagger.

        Args:
            gold: Gold examples.
            synthetic: Synthetic examples with IOB2 tags of the same types, none of them to be judged.
        """
        ...


@dataclass(frozen=True, slots=True)
class CrfJudge:
    """A CRF trained by the recipe `adapted` of `evaluation.recipes`."""

    def train(self, gold: Sequence[Example], synthetic: Sequence[Example]) -> TrainedJudge:
        """Train a tagger on gold and synthetic sentences, gold overruling."""
        return _OneByOne(Adaptation(synthetic).train(gold, settings=_CRF_SETTINGS))


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """A CRF that judges one sentence after another, whose probabilities nobody has to hold together."""

    tagger: CrfTagger

    def marginals_of(self, examples: Iterable[Example]) -> Iterator[list[float]]:
        return map(self.tagger.marginals, examples)


@dataclass(frozen=True, slots=True)
class EncoderJudge:
    """An encoder fine-tuned on gold and synthetic sentences, each of gold as often as the recipes count it.

    Args:
        settings: The model, and how to train it.

    Raises:
        WrongUsageError: If the extra `train` is not installed.
    """

    settings: EncoderSettings

    def __post_init__(self) -> None:
        """Tell what is not installed before hours are spent on what comes first."""
        require_train_extra()

    def train(self, gold: Sequence[Example], synthetic: Sequence[Example]) -> EncoderTagger:
        """Fine-tune the model.

        Raises:
            DataError: If the model cannot be had or used.
        """
        times = 1 if len(gold) > MUCH_GOLD else GOLD_COUNTS
        return EncoderTagger.train(
            [*gold, *synthetic],
            settings=self.settings,
            repeats=[times] * len(gold) + [1] * len(synthetic),
        )


def encoder_judge(model: str, seed: int) -> EncoderJudge:
    """Return an encoder as a judge, once its model is there: curation would otherwise notice after minutes.

    Raises:
        WrongUsageError: If the extra `train` is not installed.
        DataError: If the model cannot be had.
    """
    judge = EncoderJudge(EncoderSettings(model, seed=seed))
    model_folder(model)
    return judge
