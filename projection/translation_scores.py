"""Scores by translation: how well a candidate translates an entity, and an entity a candidate.

After NMTScore (Vamvas & Sennrich, 2022), as T-Projection uses it: `½ (P(A|B)/P(A|A) + P(B|A)/P(B|B))`, each
probability for its length. One multilingual model says all four; the two of a text as its own translation
are asked for once a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from .forced_decoding import ForcedDecoder
from .scores import TranslationLogs, nmt_score
from .translation import BATCH_SIZE, TranslationModel, Translator

Pair: TypeAlias = tuple[str, str]
"""An entity and a candidate, as they are translated."""

# Beyond so many log-probabilities of a direction it begins anew: a few hundred MiB.
_REMEMBERED = 1 << 20


class _Log(NamedTuple):
    """The log-probability of a text, and its subwords."""

    total: float
    tokens: int


class TranslationScores:
    """Scores pairs of an entity of the source and a candidate of the target.

    What was scored before is remembered, so that names that come again and again cost nothing.

    Args:
        model: A multilingual model.
        source: The code of the source language, as the model writes it.
        target: The code of the target language, likewise.
        batch_size: Translations that are looked at side by side.

    Raises:
        DataError: If the model has no such code.

    Example:
        >>> scores = TranslationScores(model, "eng_Latn", "spa_Latn")
        >>> scores.of([("European Parliament", "Parlamento Europeo")])
        {('European Parliament', 'Parlamento Europeo'): 1.002}
    """

    def __init__(
        self, model: TranslationModel, source: str, target: str, batch_size: int = BATCH_SIZE
    ) -> None:
        def known(read: str, written: str) -> _Known:
            return _Known(ForcedDecoder(Translator(model, read, written), batch_size))

        self._there, self._back = known(source, target), known(target, source)
        self._of_sources, self._of_targets = known(source, source), known(target, target)

    def fits(self, source: str, target: str) -> bool:
        """Say whether the model can read and write two texts, and so whatever is a part of them."""
        return all(
            each.decoder.fits(read, len(each.decoder.written([written])[0]))
            for each, read, written in (
                (self._there, source, target),
                (self._back, target, source),
                (self._of_sources, source, source),
                (self._of_targets, target, target),
            )
        )

    def readable(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return the pairs that the model can read and write, in order."""
        wanted = list(pairs)
        # What can be read and written in its own language can be so in the other direction: codes and marks
        # of languages are a subword each.
        sources = self._of_sources.fitting(a for a, _ in wanted)
        targets = self._of_targets.fitting(b for _, b in wanted)
        return [(a, b) for a, b in wanted if a in sources and b in targets]

    def logs(self, pairs: Iterable[Pair]) -> dict[Pair, TranslationLogs]:
        """Return what the model says of each pair.

        Args:
            pairs: An entity and a candidate each, neither of them empty.

        Raises:
            DataError: If memory does not suffice.
        """
        wanted = list(dict.fromkeys(pairs))
        b_given_a = self._there.of(wanted)
        a_given_b = self._back.of([(b, a) for a, b in wanted])
        a_given_a = self._of_sources.of([(a, a) for a, _ in wanted])
        b_given_b = self._of_targets.of([(b, b) for _, b in wanted])
        return {
            (a, b): TranslationLogs(
                a_given_b=a_given_b[b, a].total,
                a_given_a=a_given_a[a, a].total,
                b_given_a=b_given_a[a, b].total,
                b_given_b=b_given_b[b, b].total,
                a_tokens=a_given_a[a, a].tokens,
                b_tokens=b_given_b[b, b].tokens,
            )
            for a, b in wanted
        }

    def of(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """Return the score of each pair; see `logs`."""
        return {pair: nmt_score(logs) for pair, logs in self.logs(pairs).items()}


class _Known:
    """Log-probabilities in one direction, each asked for once as long as it is remembered."""

    def __init__(self, decoder: ForcedDecoder) -> None:
        self.decoder = decoder
        self._found: dict[Pair, _Log] = {}

    def fitting(self, texts: Iterable[str]) -> set[str]:
        """Return the texts that the model can read, and write."""
        different = list(dict.fromkeys(texts))
        fit = self.decoder.fit([(text, text) for text in different])
        return {text for text, fits in zip(different, fit, strict=True) if fits}

    def of(self, pairs: Iterable[Pair]) -> Mapping[Pair, _Log]:
        """Return the log-probabilities of the second text of each pair after the first, at least."""
        if len(self._found) > _REMEMBERED:
            self._found = {}
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._found]
        for pair, logs in zip(unknown, self.decoder.of_pairs(unknown), strict=True):
            self._found[pair] = _Log(sum(logs), len(logs))
        return self._found
