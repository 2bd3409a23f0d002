"""Scores by translation: how well a candidate translates an entity, and an entity a candidate.

After NMTScore (Vamvas & Sennrich, 2022), as T-Projection uses it: `½ (P(A|B)/P(A|A) + P(B|A)/P(B|B))`, each
probability for its length. One multilingual model says all four; the two of a text as its own translation
are asked for once a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..schema.iob2 import Mention
from .candidates import n_grams
from .forced_decoding import ForcedDecoder
from .matching import Row
from .outcome import Alignment
from .scores import AlignScore, Fusion, NerScore, TranslationLogs, nmt_score
from .translation import BATCH_SIZE, TranslationModel, Translator

Pair = tuple[str, str]


class TranslationScores:
    """Scores pairs of an entity of the source and a candidate of the target.

    What was scored before is remembered.

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
                a_given_b=sum(a_given_b[b, a]),
                a_given_a=sum(a_given_a[a, a]),
                b_given_a=sum(b_given_a[a, b]),
                b_given_b=sum(b_given_b[b, b]),
                a_tokens=len(a_given_a[a, a]),
                b_tokens=len(b_given_b[b, b]),
            )
            for a, b in wanted
        }

    def of(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """Return the score of each pair; see `logs`."""
        return {pair: nmt_score(logs) for pair, logs in self.logs(pairs).items()}

    def table(self, candidates: Mapping[str, Iterable[str]]) -> dict[str, dict[str, float]]:
        """Return the score of each candidate for each entity, as `generated.best_free` takes them.

        Args:
            candidates: The candidates of each entity.
        """
        scores = self.of((a, b) for a, of_entity in candidates.items() for b in of_entity)
        return {a: {b: scores[a, b] for b in of_entity} for a, of_entity in candidates.items()}


def nmt_rows(
    scores: TranslationScores,
    entities: Sequence[Mention],
    source: Sequence[str],
    target: Sequence[str],
    spans: Sequence[tuple[int, int]] | None = None,
) -> list[Row]:
    """Return the matching problem of a sentence under translation scores, for `matching.exact` and `greedy`.

    Args:
        scores: Scores entities and candidates.
        entities: The source entities.
        source: The source words.
        target: The target words.
        spans: The candidates; by default all n-grams of up to ten words.
    """
    candidates = n_grams(target) if spans is None else spans
    written = [" ".join(target[start:end]) for start, end in candidates]
    named = [" ".join(source[entity.start : entity.end]) for entity in entities]
    found = scores.of((name, text) for name in named for text in written)
    return [
        [(start, end, found[name, text]) for (start, end), text in zip(candidates, written, strict=True)]
        for name in named
    ]


def fused_rows(
    rows: Sequence[Row],
    entities: Sequence[Mention],
    alignment: Alignment,
    probabilities: Sequence[Mapping[str, float]],
    fusion: Fusion | None = None,
) -> list[Row]:
    """Return a matching problem under the scores by alignment, a tagger and translation, put together.

    Args:
        rows: The problem under translation scores, as `nmt_rows` returns it.
        entities: The source entities.
        alignment: Which words are aligned.
        probabilities: For each target word, the probability of each label; see `NerScore`.
        fusion: How the scores are put together.
    """
    how = fusion or Fusion()
    fused: list[Row] = []
    for entity, row in zip(entities, rows, strict=True):
        align = AlignScore(entity, alignment, len(probabilities)).of
        ner = NerScore(probabilities, entity.type).of
        fused.append(
            [(start, end, how.of(align(start, end), ner(start, end), nmt)) for start, end, nmt in row]
        )
    return fused


class _Known:
    """Log-probabilities in one direction, each asked for once."""

    def __init__(self, decoder: ForcedDecoder) -> None:
        self.decoder = decoder
        self._found: dict[Pair, list[float]] = {}

    def of(self, pairs: Iterable[Pair]) -> Mapping[Pair, list[float]]:
        """Return the log-probabilities of the second text of each pair after the first, at least."""
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._found]
        self._found.update(zip(unknown, self.decoder.of_pairs(unknown), strict=True))
        return self._found
