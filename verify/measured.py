"""How a measured value is written: with its standard error in its last digits."""

from __future__ import annotations

import math


def write_measured(value: float, error: float, /) -> str:
    """A value with its standard error in the last two digits, e.g. `0.8316(21)`."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.5g}"
    places = 1 - math.floor(math.log10(error))
    digits = round(error * 10**places)
    if places < 0 or abs(value) >= 1e6 or places > 12:
        return f"{value:.5g} ± {error:.2g}"
    return f"{value:.{places}f}({digits})"
