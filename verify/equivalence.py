"""The equivalence test: does an estimate agree with theory to within a declared tolerance?

`holds` and `fails` are both shown, never defaulted to. With estimate m, standard error s and f degrees of freedom,
and t(p) the p-quantile of Student's t with f degrees of freedom,

    holds    m -+ t((1 + hold_level) / 2) s   lies inside   theory -+ half_width
    fails    m -+ t((1 + fail_level) / 2) s   lies outside  theory -+ half_width
    open     otherwise: too imprecise, or a margin so thin (1e-6 of the half width) that rounding could decide.

At the default levels, when the truth differs from theory by the half width or more, `holds` has probability at most
5% (two one-sided tests, Schuirmann 1987, J. Pharmacokinet. Biopharm. 15); when it differs by the half width or less,
`fails` has probability at most 0.02%, and at most 0.01% once the interval is narrow against the tolerance.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy import special

HOLD_LEVEL = 0.90
FAIL_LEVEL = 0.9998
MARGIN = 1e-6


class Decision(enum.Enum):
    """What one equivalence test decides."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision, the two intervals it rests on (hold level, fail level), and the reason, empty for `holds`."""

    decision: Decision
    interval: tuple[float, float]
    fail_interval: tuple[float, float]
    reason: str


def find_quantile(level: float, degrees_of_freedom: float, /) -> float:
    """Return t such that |T| <= t has probability `level` for Student's t (infinite degrees of freedom: normal)."""
    tail = (1 - level) / 2
    if math.isinf(degrees_of_freedom):
        return -float(special.ndtri(tail))
    return -float(special.stdtrit(degrees_of_freedom, tail))


def judge(
    estimate: float,
    standard_error: float,
    degrees_of_freedom: float,
    theory: float,
    half_width: float,
    /,
    *,
    hold_level: float = HOLD_LEVEL,
    fail_level: float = FAIL_LEVEL,
) -> Judgement:
    """Return the judgement on theory -+ half_width; anything that is not finite is `open` with a reason.

    Raises ValueError when half_width is not positive or the levels are not 0 < hold_level <= fail_level < 1.
    """
    if half_width <= 0:
        raise ValueError(f"half_width was {half_width}; it must be positive")
    if not (math.isfinite(theory) and math.isfinite(half_width)):
        return undecided(f"theory {theory} with half width {half_width} is not finite")
    low, high = theory - half_width, theory + half_width
    return judge_range(
        estimate, standard_error, degrees_of_freedom, low, high, hold_level=hold_level, fail_level=fail_level
    )


def judge_range(
    estimate: float,
    standard_error: float,
    degrees_of_freedom: float,
    low: float,
    high: float,
    /,
    *,
    hold_level: float = HOLD_LEVEL,
    fail_level: float = FAIL_LEVEL,
) -> Judgement:
    """Return the judgement on the declared range [low, high]; an infinite end makes the claim one-sided.

    Raises ValueError when the range is empty or undefined, or the levels are not 0 < hold_level <= fail_level < 1.
    """
    if not 0 < hold_level <= fail_level < 1:
        raise ValueError(f"levels were {hold_level} and {fail_level}; allowed is 0 < hold_level <= fail_level < 1")
    if not low < high:
        raise ValueError(f"range was [{low}, {high}]; low must be less than high")
    if not (math.isfinite(estimate) and math.isfinite(standard_error)):
        return undecided(f"estimate {estimate} with standard error {standard_error} is not finite")
    if standard_error < 0 or not degrees_of_freedom > 0:
        return undecided(
            f"standard error {standard_error} with {degrees_of_freedom} degrees of freedom is no error bar"
        )
    reach = find_quantile(hold_level, degrees_of_freedom) * standard_error
    far_reach = find_quantile(fail_level, degrees_of_freedom) * standard_error
    interval, fail_interval = (estimate - reach, estimate + reach), (estimate - far_reach, estimate + far_reach)
    margin = MARGIN * (high - low) / 2 if math.isfinite(high - low) else MARGIN
    if low + margin <= interval[0] and interval[1] <= high - margin:
        return Judgement(Decision.HOLDS, interval, fail_interval, "")
    if fail_interval[1] <= low - margin or fail_interval[0] >= high + margin:
        reason = f"[{fail_interval[0]:.6g}, {fail_interval[1]:.6g}] lies outside [{low:.6g}, {high:.6g}]"
        return Judgement(Decision.FAILS, interval, fail_interval, reason)
    reason = f"[{interval[0]:.6g}, {interval[1]:.6g}] is neither inside nor clear of [{low:.6g}, {high:.6g}]"
    return Judgement(Decision.OPEN, interval, fail_interval, reason)


def undecided(reason: str, /) -> Judgement:
    """Return the open judgement that knows nothing."""
    everything = (-math.inf, math.inf)
    return Judgement(Decision.OPEN, everything, everything, reason)


def combine(decisions: Iterable[Decision], /) -> Decision:
    """Return the decision of a step: fails if any fails, holds if there is one and all hold, else open.

    With every observable at its own fixed level, a step with k of them falsely holds no more often than one does (an
    intersection of claims, Berger 1982, Technometrics 24), and falsely fails at most k times as often (Bonferroni).
    No other step enters.
    """
    seen = set(decisions)
    if Decision.FAILS in seen:
        return Decision.FAILS
    return Decision.HOLDS if seen == {Decision.HOLDS} else Decision.OPEN
