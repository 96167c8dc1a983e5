"""The rate at which a positive quantity vanishes or grows with the size, and whether its exponent is as declared.

Weighted log-log regression of the mean (or root mean square) over draws against the size; the error of a log mean is
s / (mean sqrt(draws)) by the delta method, and intervals and the test of a pure power law are those of
`verify.extrapolation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from verify.equivalence import FAIL_LEVEL, Judgement, find_quantile, judge_range, undecided
from verify.extrapolation import FIT_LEVEL, Array, FitStatus, SizeSummary, fit_first, restrict, summarise

CLEAR = 3.0


@dataclass(frozen=True, slots=True)
class RateFit:
    """The exponent r in mean proportional to d^r, its two-sided interval at `level`, and how the fit fared.

    `corrected` says that a pure power law was rejected and a term 1/d entered; `summary` is of the logarithms.
    """

    exponent: float
    standard_error: float
    degrees_of_freedom: float
    level: float
    interval_low: float
    interval_high: float
    lack_of_fit: float | None
    corrected: bool
    status: FitStatus
    summary: SizeSummary


def fit_rate(
    values: Mapping[int, Array],
    /,
    *,
    level: float = 0.95,
    statistic: Literal["mean", "rms"] = "mean",
    fit_level: float = FIT_LEVEL,
) -> RateFit:
    """Return the exponent of a positive quantity against the size, from independent draws {size: (draws,) array}.

    If a pure power law is rejected, a correction 1/d enters and the interval grows. A mean that is not three standard
    errors above 0 has no usable logarithm: status NOT_POSITIVE. Raises ValueError as `extrapolate` does, and for
    fewer than two sizes.
    """
    if statistic not in ("mean", "rms"):
        raise ValueError(f"statistic was {statistic!r}; allowed are mean, rms")
    power = 2 if statistic == "rms" else 1
    raw = summarise({size: np.asarray(draws, dtype=float) ** power for size, draws in values.items()})
    if len(raw.sizes) < 2:
        raise ValueError(f"values had {len(raw.sizes)} size; a rate needs at least 2")
    if not np.all(np.isfinite([raw.means, raw.variances])):
        return _report_unusable(raw, level, FitStatus.NOT_FINITE)
    if not np.all(raw.means > CLEAR * np.sqrt(raw.variances / raw.counts)):
        return _report_unusable(raw, level, FitStatus.NOT_POSITIVE)
    logs = SizeSummary(raw.sizes, raw.counts, np.log(raw.means) / power, raw.variances / (power * raw.means) ** 2)
    h = raw.sizes[0] / raw.sizes
    full = np.stack([np.ones_like(h), -np.log(h), h], axis=1)
    designs = [full[:, :2], full] if len(h) > 2 else [full[:, :2]]
    slope = fit_first(designs, logs, 1, fit_level=fit_level)
    reach = find_quantile(level, slope.degrees_of_freedom) * slope.standard_error
    low, high = slope.value - reach, slope.value + reach
    error, freedom, p_value = slope.standard_error, slope.degrees_of_freedom, slope.lack_of_fit
    return RateFit(slope.value, error, freedom, level, low, high, p_value, slope.place > 0, slope.status, logs)


def _report_unusable(summary: SizeSummary, level: float, status: FitStatus) -> RateFit:
    nothing = math.nan
    return RateFit(nothing, nothing, nothing, level, -math.inf, math.inf, None, False, status, summary)


def judge_rate(fit: RateFit, low: float, high: float, /, *, fail_level: float = FAIL_LEVEL) -> Judgement:
    """Return the judgement on low <= exponent <= high; an infinite end makes the claim one-sided.

    It holds when the interval at the fit's own level lies in the range, and fails when the one at fail_level lies
    outside.
    """
    if not fit.status.usable:
        return undecided(fit.status.value)
    judgement = judge_range(
        fit.exponent, fit.standard_error, fit.degrees_of_freedom, low, high, hold_level=fit.level, fail_level=fail_level
    )
    return restrict(judgement, fit.status)
