"""Money as people read it: in whole cents, or with the decimals that a small amount needs."""

from __future__ import annotations

import math

_CENTS = 2
_DIGITS_OF_SMALL_AMOUNTS = 2
_MOST_DECIMALS = 9


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency: `1,250.00 USD`, `0.0034 USD`, `0 USD`."""
    if amount == 0:
        return f"0 {currency}"
    needed = _DIGITS_OF_SMALL_AMOUNTS - 1 - math.floor(math.log10(abs(amount)))
    decimals = min(max(needed, _CENTS), _MOST_DECIMALS)
    units, _, rest = f"{amount:,.{decimals}f}".partition(".")
    return f"{units}.{rest.rstrip('0'):0<{_CENTS}} {currency}"
