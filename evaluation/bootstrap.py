"""How far a score could be off because the test set is a sample: sentences drawn again with replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64] | NDArray[np.float64]
"""One row a sentence: correct, predicted and gold mentions, as `Score.counts` holds them."""

# Weights drawn at a time: 32 MB of them, however many sentences and replicates there are.
_WEIGHTS_AT_A_TIME = 4_000_000


def bootstrap_interval(counts: Counts, *, replicates: int = 1000, seed: int) -> tuple[float, float]:
    """Compute the 95 % percentile interval of micro-F1 over resampled sentences.

    The resampling is that of Koehn (2004), the interval the percentile one of Efron and Tibshirani (1993).

    Args:
        counts: One row a sentence: correct, predicted and gold mentions.
        replicates: How many resampled test sets.
        seed: Decides the samples.

    Returns:
        The 2.5th and the 97.5th percentile; `(0.0, 0.0)` where there are no sentences.
    """
    if not len(counts):
        return 0.0, 0.0
    low, high = np.percentile(micro_f1(_resampled_sums(counts, replicates, seed)), [2.5, 97.5])
    return float(low), float(high)


def standard_error_of_gain(counts: Counts, baseline: Counts, *, replicates: int = 1000, seed: int) -> float:
    """Compute the standard error of the difference of two systems' micro-F1 on the same sentences.

    Args:
        counts: One row a sentence: correct, predicted and gold mentions.
        baseline: The other system's, row by row the same sentences.
        replicates: How many resampled test sets; the systems share each of them.
        seed: Decides the samples.
    """
    if len(counts) < 2:
        return 0.0
    both = np.hstack([counts, baseline]).astype(np.float64)
    sums = _resampled_sums(both, replicates, seed)
    return float(np.std(micro_f1(sums[:, :3]) - micro_f1(sums[:, 3:]), ddof=1))


def micro_f1(sums: Counts) -> NDArray[np.float64]:
    """Compute the F1 of each row of correct, predicted and gold mentions; 0 where there are none at all."""
    mentions = sums[..., 1] + sums[..., 2]
    return 2 * sums[..., 0] / np.where(mentions > 0, mentions, 1)


def resampled_f1(runs: Counts, *, replicates: int, seed: int) -> NDArray[np.float64]:
    """Compute the micro-F1 of each run on resampled test sets that all runs share.

    The samples depend on the seed and the number of sentences alone: whatever is compared, and with whatever
    else, is compared on the same ones.

    Args:
        runs: For each run, one row a sentence: correct, predicted and gold mentions.
        replicates: How many resampled test sets.
        seed: Decides the samples.

    Returns:
        One row a resampled test set, one column a run.
    """
    count, sentences, _ = runs.shape
    if not sentences:
        return np.zeros((replicates, count))
    table = np.moveaxis(runs, 1, 0).reshape(sentences, -1).astype(np.float64)
    random = np.random.default_rng(seed)
    at_a_time = max(1, _WEIGHTS_AT_A_TIME // sentences)
    f1 = [
        micro_f1((_sentence_weights(random, rows, sentences) @ table).reshape(rows, count, 3))
        for rows in (min(at_a_time, replicates - done) for done in range(0, replicates, at_a_time))
    ]
    return np.concatenate(f1)


def _sentence_weights(random: np.random.Generator, rows: int, sentences: int) -> NDArray[np.float64]:
    """Draw test sets with replacement: how often each, one a row, holds each sentence."""
    drawn = random.integers(0, sentences, size=(rows, sentences))
    drawn += np.arange(rows)[:, None] * sentences
    weights = np.bincount(drawn.ravel(), minlength=rows * sentences)
    return weights.reshape(rows, sentences).astype(np.float64)


def _resampled_sums(counts: Counts, replicates: int, seed: int) -> NDArray[np.float64]:
    """Sum the counts of each resampled test set.

    Sentences with the same counts are one category of the multinomial draw: the distribution is the same as
    if each were its own, and there are far fewer numbers to draw.
    """
    rows, frequency = np.unique(counts, axis=0, return_counts=True)
    total = int(frequency.sum())
    random = np.random.default_rng(seed)
    at_a_time = max(1, _WEIGHTS_AT_A_TIME // len(rows))
    sums = [
        random.multinomial(total, frequency / total, size=size).astype(np.float64) @ rows.astype(np.float64)
        for size in (min(at_a_time, replicates - done) for done in range(0, replicates, at_a_time))
    ]
    return np.concatenate(sums)
