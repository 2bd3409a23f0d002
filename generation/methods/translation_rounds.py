"""Rounds of a plan whose calls are translations: what is planned and what answers it, from one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from ..calls import Call
from .method import Answers, MethodContext
from .translated_gold import (
    SourceText,
    TranslationSettings,
    answers_by_step,
    translation_calls,
    translations,
)


@dataclass(frozen=True)
class TranslationRound:
    """Texts that are translated for one purpose.

    Attributes:
        context: What the data is made from.
        settings: What translates.
        texts: The texts.
        step: What their calls are for, a short word.
        first: The index of the first call; those of all rounds of a plan differ.
    """

    context: MethodContext
    settings: TranslationSettings
    texts: Sequence[SourceText]
    step: str
    first: int = 0

    @property
    def end(self) -> int:
        """The index behind that of the last call."""
        return self.first + len(self.texts)

    @cached_property
    def calls(self) -> list[Call]:
        """The calls, one for each text.

        Raises:
            ReleaseError: If the source is no language of the release.
            DataError: If the model or gold cannot be read.
        """
        return list(self._planned())

    def datapoint_calls(self, about: Iterable[Mapping[str, Any]]) -> Iterator[Call]:
        """Plan the calls of a round whose answers become datapoints.

        Args:
            about: What must be known of each text to read its answer, as JSON.

        Raises:
            ReleaseError, DataError: As `calls` does.
        """
        texts = [replace(text, about=of_one) for text, of_one in zip(self.texts, about, strict=True)]
        for call in replace(self, texts=texts)._planned():
            yield replace(call, datapoints=1)

    def answers(self) -> Answers:
        """Return what answers the calls. Nothing is loaded before the first is answered.

        Raises:
            WrongUsageError: If what translates is not installed.
        """
        return translations(self.context, self.settings, self.texts, step=self.step, first=self.first)

    def _planned(self) -> Iterator[Call]:
        return translation_calls(self.context, self.settings, self.texts, step=self.step, first=self.first)


def answers_of(*rounds: TranslationRound) -> Answers:
    """Return what answers the calls of several rounds; their model stays in memory between them.

    Raises:
        WrongUsageError: If what translates is not installed.
    """
    answers = {each.step: each.answers() for each in rounds}
    return answers_by_step({step: partial(answers.__getitem__, step) for step in answers})
