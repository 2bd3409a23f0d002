"""Types by consensus: what a surface form is, from gold, from all its labels, and from what it looks like.

The labels of a config are the votes of a noisy annotator. How it errs, for example that it writes PER for
every third ORG, is estimated together with the true types by expectation maximisation (Dawid & Skene 1979),
anchored in the surface forms that gold knows. A form with few votes leans on its first and last word and on
the words around it, as far as gold and the rest of the config say what these go with (naive Bayes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...schema.iob2 import Mention
from .evidence import LabelledSentence, spans_of
from .words import Sentence

Floats = NDArray[np.float64]

_ROUNDS = 12
# A gold label is wrong about once in 20: corpora disagree with themselves.
_GOLD_IS_RIGHT = 0.95
# What the annotator is taken to do before anything is counted, as this many labels of each type.
_PRIOR_LABELS = 10.0
_PRIOR_ACCURACY = 0.6
# How many occurrences that are like all others a look is weighed against.
_BORROWED = 2.0
# Looks are not independent of each other.
_LOOKS_WEIGHT = 0.6
_GOLD_OCCURRENCE_WEIGHT = 3.0
_SUFFIX = 3
# A type that has this share of a form's gold labels is one that the form may have.
_POSSIBLE_IN_GOLD = 0.2


def surface(sentence: Sentence, span: Mention) -> str:
    """Return the surface form of a mention as forms are compared: folded words, punctuation left out."""
    return " ".join(filter(None, sentence.folded[span.start : span.end]))


class TypeConsensus:
    """The most likely type of each surface form.

    Args:
        config: The sentences whose labels are votes.
        gold: The sentences whose labels are nearly right.
        types: The entity types.
    """

    def __init__(
        self, config: Iterable[LabelledSentence], gold: Iterable[LabelledSentence], types: Sequence[str]
    ) -> None:
        self._types = tuple(types)
        self._number = {type_: number for number, type_ in enumerate(types)}
        self._votes: dict[str, Counter[str]] = {}
        self._gold: dict[str, Counter[str]] = {}
        self._looks: dict[str, Counter[str]] = {}
        gold_looks: Counter[tuple[str, str]] = Counter()
        for sentence, span in _spans(config):
            form = surface(sentence, span)
            self._votes.setdefault(form, Counter())[span.type] += 1
            self._looks.setdefault(form, Counter()).update(_looks(sentence, span))
        for sentence, span in _spans(gold):
            self._gold.setdefault(surface(sentence, span), Counter())[span.type] += 1
            gold_looks.update((look, span.type) for look in _looks(sentence, span))
        self._probability = self._estimate(gold_looks) if self._votes else {}

    def better_type(self, form: str, written: str, certainty: float) -> str | None:
        """Return the type that a form has instead of the one written, or None to leave it.

        Args:
            form: A surface form of the config.
            written: The type that a mention of it has.
            certainty: How probable the other type must be.
        """
        in_gold = self._gold.get(form)
        if in_gold and in_gold[written] >= _POSSIBLE_IN_GOLD * in_gold.total():
            return None
        probabilities = self._probability[form]
        best = int(np.argmax(probabilities))
        if self._types[best] == written or probabilities[best] < certainty:
            return None
        return self._types[best]

    def _estimate(self, gold_looks: Counter[tuple[str, str]]) -> dict[str, Floats]:
        # Sorted, so that sums of floats do not depend on the order of the sentences.
        forms = sorted(self._votes)
        votes = self._table(self._votes, forms)
        in_gold = self._table(self._gold, forms)
        looks = _LooksTable([self._looks[form] for form in forms], gold_looks, self._number)
        count = len(self._types)
        wrong = (1 - _GOLD_IS_RIGHT) / max(count - 1, 1)
        gold_vote = np.log(np.where(np.eye(count) > 0, _GOLD_IS_RIGHT, wrong))
        from_gold = in_gold @ gold_vote
        habit = _PRIOR_LABELS * np.where(
            np.eye(count) > 0, _PRIOR_ACCURACY, (1 - _PRIOR_ACCURACY) / max(count - 1, 1)
        )
        confusion = habit / habit.sum(axis=1, keepdims=True)
        all_gold = self._table(self._gold, sorted(self._gold)).sum(axis=0)
        posterior = _normalised(from_gold + votes @ np.log(confusion).T)
        for _ in range(_ROUNDS):
            written = posterior.T @ votes + habit
            confusion = written / written.sum(axis=1, keepdims=True)
            prior = posterior.sum(axis=0) + all_gold + 1
            log_prior = np.log(prior / prior.sum())
            posterior = _normalised(
                log_prior
                + from_gold
                + votes @ np.log(confusion).T
                + _LOOKS_WEIGHT * looks.evidence(posterior * votes.sum(axis=1, keepdims=True))
            )
        return dict(zip(forms, posterior, strict=True))

    def _table(self, counts: Mapping[str, Counter[str]], forms: Sequence[str]) -> Floats:
        table = np.zeros((len(forms), len(self._types)))
        for row, form in enumerate(forms):
            for type_, count in counts.get(form, {}).items():
                if type_ in self._number:
                    table[row, self._number[type_]] = count
        return table


class _LooksTable:
    """What the forms look like, and how strongly each look speaks for each type."""

    def __init__(
        self,
        looks_of_forms: Sequence[Counter[str]],
        gold_looks: Counter[tuple[str, str]],
        number_of_type: Mapping[str, int],
    ) -> None:
        names = sorted({look for looks in looks_of_forms for look in looks})
        column = {name: number for number, name in enumerate(names)}
        self._forms = len(looks_of_forms)
        entries = [
            (row, column[look], count)
            for row, looks in enumerate(looks_of_forms)
            for look, count in sorted(looks.items())
        ]
        self._rows, self._columns, counts = (np.array(part) for part in zip(*entries, strict=True))
        occurrences = np.maximum(np.bincount(self._rows, weights=counts, minlength=self._forms), 1)
        self._shares = counts * len(_KINDS) / occurrences[self._rows]
        self._gold = np.zeros((len(names), len(number_of_type)))
        for (look, type_), count in gold_looks.items():
            if look in column and type_ in number_of_type:
                self._gold[column[look], number_of_type[type_]] = count * _GOLD_OCCURRENCE_WEIGHT

    def evidence(self, occurrences: Floats) -> Floats:
        """Return for each form the log-odds of its looks, without what the form itself added to them.

        Args:
            occurrences: How many occurrences of each form are of each type, as believed now.
        """
        added = occurrences[self._rows] * (self._shares / len(_KINDS))[:, None]
        total = self._gold.copy()
        np.add.at(total, self._columns, added)
        of_types = (total.sum(axis=0) + 1) / (total.sum() + total.shape[1])
        others = np.maximum(total[self._columns] - added, 0.0)
        share = (others + _BORROWED * of_types) / (others.sum(axis=1, keepdims=True) + _BORROWED)
        evidence = np.zeros((self._forms, total.shape[1]))
        odds = np.log(share) - np.log(of_types)
        np.add.at(evidence, self._rows, odds * (self._shares / len(_KINDS))[:, None])
        return evidence


_KINDS = ("first", "last", "end", "before", "after", "length")


def _looks(sentence: Sentence, span: Mention) -> Iterator[str]:
    folded = sentence.folded
    last = folded[span.end - 1]
    yield f"first:{folded[span.start]}"
    yield f"last:{last}"
    yield f"end:{last[-_SUFFIX:]}"
    yield f"before:{folded[span.start - 1] if span.start else '^'}"
    yield f"after:{folded[span.end] if span.end < len(folded) else '$'}"
    length = min(span.end - span.start, 3)
    yield f"length:{length}:{sentence.words[span.start].pattern}:{sentence.words[span.end - 1].pattern}"


def _spans(sentences: Iterable[LabelledSentence]) -> Iterator[tuple[Sentence, Mention]]:
    for sentence, tags in sentences:
        for span in spans_of(tags):
            yield sentence, span


def _normalised(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
