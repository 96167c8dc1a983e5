"""How many draws at each size: the least costly numbers that reach the aimed precision, from a discarded pilot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from verify.equivalence import HOLD_LEVEL
from verify.extrapolation import (
    Array,
    Bias,
    build_design,
    find_contrasts,
    list_orders,
    measure_error,
    smooth_variances,
    summarise,
)

GROWTH = 0.15


@dataclass(frozen=True, slots=True)
class Plan:
    """How a test may spend draws; numbers, never seconds.

    pilot          draws per size that fix the numbers of draws, then discarded
    fewest         draws per size below which no error bar is trusted
    precision      aim for the standard error of the limit, as a share of the half width
    fit_precision  aim for the standard error of the shift the next order would make: lets a wrong bias be seen
    caution        normal quantile by which the pilot's log variances are raised: a lucky pilot misleads
    further        size of the further batch as a multiple of the first; 0 for a single look at the full levels
    """

    pilot: int = 4
    fewest: int = 6
    precision: float = 0.25
    fit_precision: float = 0.5
    caution: float = 0.25
    further: float = 1.0

    def __post_init__(self) -> None:
        if self.pilot < 2 or self.fewest < 2:
            raise ValueError(f"pilot and fewest were {self.pilot} and {self.fewest}; both must be at least 2")
        if not (self.precision > 0 and self.fit_precision > 0 and self.further >= 0):
            raise ValueError(
                f"precision, fit_precision and further were {self.precision}, {self.fit_precision} and {self.further}; "
                "the first two must be positive, the last not negative"
            )


def cubic_cost(size: int, /) -> float:
    """Return size^3, the cost of one dense factorisation."""
    return float(size) ** 3


def plan_draws(
    pilot: Mapping[str, Mapping[int, Array]],
    half_width: Mapping[str, float],
    /,
    *,
    bias: Bias,
    largest: Mapping[int, int],
    cost: Callable[[int], float] = cubic_cost,
    plan: Plan | None = None,
    level: float = HOLD_LEVEL,
) -> dict[int, int]:
    """Return {size: draws}, from a pilot {observable: {size: (draws,) array}} and a cap {size: draws}.

    Greedy: from `fewest` draws per size, the size with the largest relative gain per cost grows by 15% until the most
    demanding observable meets both aims or every size is at its cap. A few draws have wide t quantiles: the aim is
    tightened by their excess over the normal one at `level`, so that the power is that of many draws.
    """
    plan = plan or Plan()
    summaries = [summarise(pilot[name]) for name in half_width]
    sizes = summaries[0].sizes
    caps = np.array([largest[int(size)] for size in sizes])
    prices = np.array([cost(int(size)) for size in sizes])
    variances = []
    for summary in summaries:
        smoothed, spread = smooth_variances(sizes, summary.floored_variances, summary.freedom)
        variances.append(smoothed * np.exp(plan.caution * spread))
    relative = np.array(variances) / np.array(list(half_width.values()))[:, None] ** 2
    designs = _list_designs(sizes, bias)
    counts = np.minimum(plan.fewest, caps)
    shortfall = _measure_shortfall(counts[None, :], relative, designs, plan, level)[0]
    while shortfall > 1 and np.any(counts < caps):
        grown = np.minimum(counts + np.maximum(1, np.ceil(GROWTH * counts).astype(int)), caps)
        added = grown - counts
        candidates = counts + np.diag(added)
        shortfalls = _measure_shortfall(candidates, relative, designs, plan, level)
        worth = np.where(added > 0, np.log(shortfall / shortfalls) / np.maximum(added * prices, 1e-300), -np.inf)
        best = int(np.argmax(worth))
        counts, shortfall = candidates[best], shortfalls[best]
    return {int(size): int(count) for size, count in zip(sizes, counts, strict=True)}


def _list_designs(sizes: Array, bias: Bias) -> list[Array]:
    """Return the design of the declared order and, where a size is left to test it, that of the next."""
    order = list_orders(len(sizes), bias, (1, 2))[0]
    orders = [order, order + 1] if order and order + 1 < len(sizes) else [order]
    return [build_design(sizes, bias, each) for each in orders]


def _measure_shortfall(counts: Array, relative: Array, designs: list[Array], plan: Plan, level: float) -> Array:
    """Return (candidates,): the largest planned error over its aim, from (candidates, sizes) counts.

    `relative` is the (observables, sizes) array of variances of one draw in units of the squared half width.
    """
    mean_variances, freedom = relative / counts[:, None, :], counts[:, None, :] - 1.0
    error, degrees = measure_error(find_contrasts(designs[0], mean_variances)[..., 0, :], mean_variances, freedom)
    tail = (1 - level) / 2
    excess = special.ndtri(tail) - special.stdtrit(degrees, tail)
    shortfall = error / plan.precision * (1 + plan.precision * excess)
    if len(designs) > 1:
        next_error, _ = measure_error(find_contrasts(designs[1], mean_variances)[..., 0, :], mean_variances, freedom)
        # The shift between orders is uncorrelated with the lower order's estimate, so the aims add in squares.
        shortfall = np.maximum(shortfall, next_error / np.hypot(plan.precision, plan.fit_precision))
    return np.asarray(np.max(shortfall, axis=-1), dtype=float)
