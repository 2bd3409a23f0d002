"""How far a score could be off because the test set is a sample: sentences drawn again with replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64] | NDArray[np.float64]
"""One row a sentence: correct, predicted and gold mentions, as `Score.counts` holds them."""


def bootstrap_interval(counts: Counts, *, replicates: int = 1000, seed: int) -> tuple[float, float]:
    """Compute the 95 % percentile interval of micro-F1 over resampled sentences.

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


def _resampled_sums(counts: Counts, replicates: int, seed: int) -> NDArray[np.float64]:
    """Sum the counts of each resampled test set.

    Sentences with the same counts are one category of the multinomial draw: the distribution is the same as
    if each were its own, and there are far fewer numbers to draw.
    """
    rows, frequency = np.unique(counts, axis=0, return_counts=True)
    total = int(frequency.sum())
    weights = np.random.default_rng(seed).multinomial(total, frequency / total, size=replicates)
    return weights.astype(np.float64) @ rows.astype(np.float64)
