"""Student's t distribution, for tests and intervals from a handful of runs."""

from __future__ import annotations

import math

_PRECISION = 1e-15
_TINY = 1e-300
# From here on the normal distribution differs less than rounding does.
_PRACTICALLY_NORMAL = 1e9
_MOST_STEPS = 100_000


def two_sided_p_value(statistic: float, degrees_of_freedom: float) -> float:
    """Return the probability of a t at least as far from 0 as `statistic`.

    Args:
        statistic: A value of t.
        degrees_of_freedom: Above 0; need not be whole.
    """
    if degrees_of_freedom >= _PRACTICALLY_NORMAL:
        return math.erfc(abs(statistic) / math.sqrt(2))
    square = statistic * statistic
    total = degrees_of_freedom + square
    return _incomplete_beta(degrees_of_freedom / 2, 0.5, degrees_of_freedom / total, square / total)


def critical_value(level: float, degrees_of_freedom: float) -> float:
    """Return the t that is exceeded in either direction with probability `level`.

    Args:
        level: A probability above 0 and up to 1, such as 0.05.
        degrees_of_freedom: Above 0; need not be whole.
    """
    high = 1.0
    while two_sided_p_value(high, degrees_of_freedom) > level:
        high *= 2
    low = 0.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if two_sided_p_value(middle, degrees_of_freedom) > level:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(a: float, b: float, x: float, one_minus_x: float) -> float:
    """Compute the regularised incomplete beta function (DLMF 8.17).

    `one_minus_x` is given by itself: where x is nearly 1, the difference would have lost its digits.
    """
    if x <= 0 or one_minus_x <= 0:
        return 0.0 if x <= 0 else 1.0
    logarithm = a * math.log(x) + b * math.log(one_minus_x) - _log_beta(a, b)
    if x < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _continued_fraction(a, b, x) / a
    return 1 - math.exp(logarithm) * _continued_fraction(b, a, one_minus_x) / b


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction DLMF 8.17.22 by the modified method of Lentz."""
    numerator, denominator = 1.0, _away_from_zero(1 - (a + b) * x / (a + 1))
    denominator = 1 / denominator
    value = denominator
    for step in range(1, _MOST_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for coefficient in (even, odd):
            denominator = 1 / _away_from_zero(1 + coefficient * denominator)
            numerator = _away_from_zero(1 + coefficient / numerator)
            value *= denominator * numerator
        if abs(denominator * numerator - 1) < _PRECISION:
            break
    return value


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
