"""From finite sizes to the limit: weighted least squares with an honest error bar and a test of the declared bias.

The mean over draws at size d is modelled as limit + slope h + ..., with h = (d_min / d)^(1 or 1/2). Three choices,
derived here:

* Weights come from a smoothed variance law (log variance linear in log size), not from the few draws of each size, so
  that a size does not gain weight by a lucky draw; the error bar is that of the resulting contrast with each size's
  own sample variance, and Student's t with Welch & Satterthwaite's degrees of freedom (Welch 1947, Biometrika 34).
* Lack of fit is Johansen's (1980, Biometrika 67) test of the contrasts that the model says vanish: it allows unequal,
  estimated variances.
* The orders are tried in turn; the first that passes at the lack-of-fit level is used. A higher order costs
  precision, never honesty.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from verify.equivalence import Decision, Judgement

Array = NDArray[np.float64]
Bias = Literal["1/d", "1/sqrt(d)", "none"]
POWERS: dict[str, float] = {"1/d": 1.0, "1/sqrt(d)": 0.5, "none": 0.0}
FIT_LEVEL = 0.01


class FitStatus(enum.Enum):
    """How far a fit over sizes may be trusted; the value is the advice."""

    FITS = "the declared bias, at the order used, passes its lack-of-fit test"
    ONE_SIZE = "one size only: nothing was extrapolated and the finite-size bias is not in the error bar; add sizes"
    UNTESTED = "as many coefficients as sizes: the declared bias is taken on trust; add a size to test it"
    RESCUED = (
        "the declared bias was rejected, the next order leaves nothing to test: it confirms, never refutes; add a size"
    )
    LACK_OF_FIT = "no order allowed describes these sizes: use larger sizes, or declare another bias"
    NOT_FINITE = "a draw was not finite: look at that draw before any statistics"
    NOT_POSITIVE = "a mean is not clearly positive, so its logarithm says nothing: more draws, or the rms"

    @property
    def usable(self) -> bool:
        """Whether a verdict other than open may rest on the fit."""
        return self not in (FitStatus.LACK_OF_FIT, FitStatus.NOT_FINITE, FitStatus.NOT_POSITIVE)


@dataclass(frozen=True, slots=True)
class SizeSummary:
    """Per-size sample statistics: (sizes,) arrays, sizes ascending; `variances` is of one draw, unbiased."""

    sizes: Array
    counts: Array
    means: Array
    variances: Array

    @property
    def freedom(self) -> Array:
        """Degrees of freedom per size."""
        return self.counts - 1

    @property
    def floored_variances(self) -> Array:
        """The variances, at least that of rounding: constant draws must not make weights or tests infinite."""
        return np.maximum(self.variances, max(1e-12 * float(np.max(np.abs(self.means))), 1e-150) ** 2)


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """The limit of an observable: estimate, its standard error and degrees of freedom, and how the fit fared.

    `lack_of_fit` is a p-value, None where nothing was left to test; `order` counts the powers of the bias in the fit.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: float
    lack_of_fit: float | None
    order: int
    status: FitStatus
    summary: SizeSummary


def extrapolate(
    values: Mapping[int, Array],
    /,
    *,
    bias: Bias,
    orders: Sequence[int] = (1, 2),
    fit_level: float = FIT_LEVEL,
) -> Extrapolation:
    """Return the limit of the mean as the size grows, from independent draws {size: (draws,) array}.

    Paired comparisons pass the differences of each draw. One size, or bias "none", means no extrapolation (order 0).
    Raises ValueError for no size, a size below 1, fewer than 2 draws at a size, an unknown bias, or orders that need
    more sizes.
    """
    summary = summarise(values)
    usable = list_orders(len(summary.sizes), bias, orders)
    designs = [build_design(summary.sizes, bias, order) for order in usable]
    limit = fit_first(designs, summary, 0, fit_level=fit_level)
    return Extrapolation(
        limit.value,
        limit.standard_error,
        limit.degrees_of_freedom,
        limit.lack_of_fit,
        usable[limit.place],
        limit.status,
        summary,
    )


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient of the first design that fits: value, error bar, p-value of the fit, and the design's place."""

    value: float
    standard_error: float
    degrees_of_freedom: float
    lack_of_fit: float | None
    place: int
    status: FitStatus


def fit_first(designs: Sequence[Array], summary: SizeSummary, column: int, /, *, fit_level: float) -> Coefficient:
    """Return the coefficient of `column` in the first of the (sizes, coefficients) designs that is not rejected."""
    if not np.all(np.isfinite([summary.means, summary.variances])):
        return Coefficient(np.nan, np.nan, np.nan, None, len(designs) - 1, FitStatus.NOT_FINITE)
    freedom, variances = summary.freedom, summary.floored_variances
    smoothed, _ = smooth_variances(summary.sizes, variances, freedom)
    p_values = [find_lack_of_fit(design, summary.means, variances / summary.counts, freedom) for design in designs]
    accepted = [place for place, p_value in enumerate(p_values) if p_value is None or p_value >= fit_level]
    place = accepted[0] if accepted else len(designs) - 1
    p_value = p_values[place]
    contrast = find_contrasts(designs[place], smoothed / summary.counts)[column]
    error, degrees = measure_error(contrast, variances / summary.counts, freedom)
    status = _name_status(len(summary.sizes), place, p_value, fit_level)
    return Coefficient(float(contrast @ summary.means), float(error), float(degrees), p_value, place, status)


def _name_status(number_of_sizes: int, place: int, p_value: float | None, fit_level: float) -> FitStatus:
    if number_of_sizes == 1:
        return FitStatus.ONE_SIZE
    if p_value is None:
        return FitStatus.RESCUED if place else FitStatus.UNTESTED
    return FitStatus.FITS if p_value >= fit_level else FitStatus.LACK_OF_FIT


def restrict(judgement: Judgement, status: FitStatus, /) -> Judgement:
    """Return the judgement that the fit can carry: an unusable fit decides nothing, a rescued one refutes nothing."""
    if not status.usable or (status is FitStatus.RESCUED and judgement.decision is Decision.FAILS):
        return Judgement(Decision.OPEN, judgement.interval, judgement.fail_interval, status.value)
    return judgement


def summarise(values: Mapping[int, Array], /) -> SizeSummary:
    """Return counts, means and variances per size, ascending. Raises ValueError as `extrapolate` does."""
    if not values:
        raise ValueError("values was empty; it needs at least one size")
    sizes = sorted(values)
    draws = [np.asarray(values[size], dtype=float) for size in sizes]
    for size, sample in zip(sizes, draws, strict=True):
        if size < 1:
            raise ValueError(f"size was {size}; it must be at least 1")
        if sample.ndim != 1 or len(sample) < 2:
            raise ValueError(f"values[{size}] had shape {sample.shape}; at least 2 draws in one dimension are needed")
    with np.errstate(invalid="ignore", over="ignore"):  # a draw that is not finite is reported by its status
        means = np.array([np.mean(sample) for sample in draws])
        variances = np.array([np.var(sample, ddof=1) for sample in draws])
    counts = np.array([float(len(sample)) for sample in draws])
    return SizeSummary(np.array(sizes, dtype=float), counts, means, variances)


def list_orders(number_of_sizes: int, bias: Bias, orders: Sequence[int], /) -> list[int]:
    """Return the orders that this many sizes can carry. Raises ValueError for an unknown bias or when none is left."""
    if bias not in POWERS:
        raise ValueError(f"bias was {bias!r}; allowed are {', '.join(POWERS)}")
    if bias == "none" or number_of_sizes == 1:
        return [0]
    usable = [order for order in orders if 0 <= order < number_of_sizes]
    if not usable:
        raise ValueError(
            f"orders was {tuple(orders)}; {number_of_sizes} sizes allow at most order {number_of_sizes - 1}"
        )
    return usable


def build_design(sizes: Array, bias: Bias, order: int, /) -> Array:
    """Return the (sizes, order + 1) array of the powers 0, 1, ..., order of h = (d_min / d)^(1 or 1/2)."""
    h = (sizes[0] / sizes) ** POWERS[bias]
    return np.asarray(h[:, None] ** np.arange(order + 1), dtype=float)


def smooth_variances(sizes: Array, variances: Array, freedom: Array, /) -> tuple[Array, Array]:
    """Return (sizes,) arrays: smoothed variances of one draw, and the standard deviation of their logarithms.

    Bayes on log variance = a + b log size with a flat and b normal about -1 with variance 1; a log sample variance
    has the mean and variance of a log chi-square (digamma, trigamma). With many draws the data rule, with four the
    prior steadies the exponent.
    """
    half = freedom / 2
    observed = np.log(variances) - (special.digamma(half) - np.log(half))
    precision = 1 / special.polygamma(1, half)
    rows = np.stack([np.ones_like(sizes), np.log(sizes / sizes[0])], axis=1)
    prior = np.diag([0.0, 1.0])
    covariance = np.linalg.inv(rows.T @ (precision[:, None] * rows) + prior)
    centre = covariance @ (rows.T @ (precision * observed) + prior @ np.array([0.0, -1.0]))
    spread = np.sqrt(np.einsum("ki,ij,kj->k", rows, covariance, rows))
    return np.exp(rows @ centre), spread


def find_contrasts(design: Array, mean_variances: Array, /) -> Array:
    """Return the (coefficients, sizes) array that maps means to weighted least-squares coefficients; batches lead."""
    weighted = np.swapaxes(design / mean_variances[..., None], -1, -2)
    return np.asarray(np.linalg.solve(weighted @ design, weighted), dtype=float)


def measure_error(contrast: Array, mean_variances: Array, freedom: Array, /) -> tuple[Array, Array]:
    """Return the standard error of contrast @ means and Welch & Satterthwaite's degrees of freedom; batches lead."""
    parts = contrast**2 * mean_variances
    total = np.sum(parts, axis=-1)
    # shares, not squares: the parts of an observable that never varies underflow when squared
    shares = parts / np.maximum(total, np.finfo(float).tiny)[..., None]
    return np.sqrt(total), 1 / np.maximum(np.sum(shares**2 / freedom, axis=-1), 1e-12)


def find_lack_of_fit(design: Array, means: Array, mean_variances: Array, freedom: Array, /) -> float | None:
    """Return Johansen's p-value for means = design @ coefficients, or None when nothing is left to test."""
    sizes, coefficients = design.shape
    q = sizes - coefficients
    if q == 0:
        return None
    residual = np.linalg.svd(design)[0][:, coefficients:].T
    gain = np.linalg.solve((residual * mean_variances) @ residual.T, residual)
    statistic = float((residual @ means) @ (gain @ means))
    leverage = np.einsum("ki,ik->k", mean_variances[:, None] * residual.T, gain)
    a = float(np.sum(leverage**2 / freedom))
    scale = q + 2 * a - 6 * a / (q + 2)
    return float(special.fdtrc(q, q * (q + 2) / (3 * a), statistic / scale))
