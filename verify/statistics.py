"""The two-stage test that turns finite-size draws into a decision: a discarded pilot, a batch, at most one more.

1. Pilot (trial numbers from PILOT_TRIALS on): fixes the numbers of draws and is discarded, so that nothing is judged
   on the draws that chose the sample size. Aim: a standard error of the limit of a quarter of the half width for the
   most demanding observable.
2. Batch (trials 0, 1, ...), judged. Only if the step is still open: a further batch, a declared multiple of the
   first, judged pooled.

Levels. When a further batch is possible, the tails of both looks are halved, so that the two together keep the
declared levels: for each observable, P(holds | truth off by the half width or more) <= 5% and P(fails | truth within
the half width) <= 0.02%, whatever else is run. A step of k observables holds only if all do (no correction needed)
and fails if any does, so P(false fail) <= 0.0002 k, reported as `false_fail_bound`. A next order of the bias after a
rejected fit is a second chance to err: it adds at most the 1% of correct models that are rejected to false holds, and
nothing to false fails while three sizes are used (a rescued fit may confirm, not refute).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from verify.controls import FEWEST, adjust
from verify.equivalence import FAIL_LEVEL, HOLD_LEVEL, Decision, Judgement, combine, judge
from verify.extrapolation import Array, Bias, Extrapolation, extrapolate, restrict
from verify.planning import Plan, cubic_cost, plan_draws
from verify.rates import RateFit, fit_rate, judge_rate

__all__ = [
    "Decision",
    "Extrapolation",
    "ObservableRow",
    "Plan",
    "RateFit",
    "TestOutcome",
    "extrapolate",
    "fit_rate",
    "judge",
    "judge_rate",
    "run_test",
]

PILOT_TRIALS = 10**9
Draw = Callable[[int, int], Mapping[str, float]]
Execute = Callable[[Draw, Sequence[int], Sequence[int]], Iterable[Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class ObservableRow:
    """One observable of a test: theory -+ half_width as declared, what was seen, the decision. z is only displayed."""

    name: str
    theory: float
    half_width: float
    fit: Extrapolation
    interval: tuple[float, float]
    z: float
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What a two-stage test decided and everything it rests on.

    `draws` and `pilot_draws` map a size to a (draws, names) array as drawn, controls last, trials in order; `stage` is
    the look that decided (0: stopped at the pilot) of the `looks` declared; the levels are those of one look.
    """

    __test__: ClassVar[bool] = False  # pytest collects classes of this name otherwise

    decision: Decision
    reason: str
    rows: tuple[ObservableRow, ...]
    names: tuple[str, ...]
    draws: dict[int, Array]
    pilot_draws: dict[int, Array]
    stage: int
    looks: int
    hold_level: float
    fail_level: float
    false_fail_bound: float

    @property
    def counts(self) -> dict[int, int]:
        """The number of judged draws at each size."""
        return {size: len(block) for size, block in self.draws.items()}


def run_test(
    draw: Draw,
    sizes: Sequence[int],
    theory: Mapping[str, float],
    half_width: Mapping[str, float],
    /,
    *,
    bias: Bias,
    largest: int | Mapping[int, int],
    controls: Mapping[str, float] | None = None,
    plan: Plan | None = None,
    cost: Callable[[int], float] = cubic_cost,
    hold_level: float = HOLD_LEVEL,
    fail_level: float = FAIL_LEVEL,
    execute: Execute = map,
) -> TestOutcome:
    """Return the outcome of the two-stage test of theory -+ half_width, per observable name.

    `draw(size, trial)` returns the observables of one draw and must depend on nothing else; `execute` maps it over
    sizes and trials, in order (a pool's map). `largest` caps the judged draws per size, both batches together.
    `controls` names further observables of a draw with their exact means: control variates, never judged.

    Measured with normal draws of scale 0.4 / sqrt(d), bias 2 / d, sizes 50, 100, 200, tolerance 3%, default plan:
    an exact theory holds in 98.8% (five observables 99.4%) and never failed in 1000 seeds; one off by the half width
    holds in 4.8% (3000 seeds); off by twice it never holds and fails in 86 to 93%, else open; a true theory under a
    wrong bias (1/sqrt(d) simulated, 1/d declared) fails in 2.8%. Skewed draws (lognormal of unit log variance) lower
    the first figure to 93% and can double the edge figure on one side: average such observables within a draw.

    Raises ValueError for mismatched names, sizes that repeat, a cap under 2, a half width that is not positive, a
    draw without its observables.
    """
    plan, caps = plan or Plan(), _check_request(sizes, theory, half_width, largest)
    known = controls or {}
    if known:
        plan = replace(plan, pilot=max(plan.pilot, 6), fewest=max(plan.fewest, FEWEST))
    names = (*theory, *known)
    pilot = _collect(draw, execute, names, {size: range(PILOT_TRIALS, PILOT_TRIALS + plan.pilot) for size in caps})
    fault = _find_fault(pilot, names, theory, half_width)
    if fault:
        return TestOutcome(Decision.OPEN, fault, (), names, {}, pilot, 0, 0, hold_level, fail_level, 0.0)
    calm = adjust(pilot, known)
    columns = {name: {size: block[:, i] for size, block in calm.items()} for i, name in enumerate(theory)}
    level = 1 - (1 - hold_level) / (2 if plan.further else 1)
    first = plan_draws(columns, half_width, bias=bias, largest=caps, cost=cost, plan=plan, level=level)
    total = {size: min(count + math.ceil(plan.further * count), caps[size]) for size, count in first.items()}
    looks = 1 if first == total else 2
    levels = (1 - (1 - hold_level) / looks, 1 - (1 - fail_level) / looks)
    draws = {size: np.empty((0, len(names))) for size in caps}
    stage, decision, rows = 0, Decision.OPEN, tuple[ObservableRow, ...]()
    while stage < looks and decision is Decision.OPEN and not fault:
        target = total if stage else first
        batch = _collect(draw, execute, names, {size: range(len(draws[size]), target[size]) for size in caps})
        draws = {size: np.concatenate([draws[size], batch[size]]) for size in caps}
        fault = _find_fault(draws, names, theory, half_width) or _find_constancy(draws)
        rows = () if fault else _judge_rows(adjust(draws, known), theory, half_width, bias=bias, levels=levels)
        decision = combine(row.decision for row in rows)
        stage += 1
    reason = fault or "; ".join(f"{row.name}: {row.reason}" for row in rows if row.reason)
    bound = len(theory) * (1 - fail_level)
    return TestOutcome(decision, reason, rows, names, draws, pilot, stage, looks, *levels, bound)


def _check_request(
    sizes: Sequence[int], theory: Mapping[str, float], half_width: Mapping[str, float], largest: int | Mapping[int, int]
) -> dict[int, int]:
    """Return {size: cap}, sizes ascending, or raise ValueError."""
    if not sizes or len(set(sizes)) != len(sizes):
        raise ValueError(f"sizes was {list(sizes)}; at least one size is needed and none may repeat")
    if not theory or set(theory) != set(half_width):
        raise ValueError(
            f"half_width named {sorted(half_width)}; it must name the observables of theory, {sorted(theory)}"
        )
    for name, width in half_width.items():
        if width <= 0:
            raise ValueError(f"half_width[{name!r}] was {width}; it must be positive")
    caps = {size: largest if isinstance(largest, int) else largest.get(size, 0) for size in sorted(sizes)}
    for size, cap in caps.items():
        if cap < 2:
            raise ValueError(f"largest was {cap} at size {size}; at least 2 draws must be allowed")
    return caps


def _collect(draw: Draw, execute: Execute, names: Sequence[str], trials: Mapping[int, range]) -> dict[int, Array]:
    """Return {size: (draws, names) array}; the requests go out in one list so that a pool balances them."""
    requests = [(size, trial) for size in trials for trial in trials[size]]
    rows = []
    for (size, trial), values in zip(
        requests, execute(draw, [size for size, _ in requests], [trial for _, trial in requests]), strict=True
    ):
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(f"draw({size}, {trial}) returned {sorted(values)}; it must also return {missing}")
        rows.append([float(values[name]) for name in names])
    table = np.array(rows).reshape(len(rows), len(names))
    ends = np.cumsum([len(each) for each in trials.values()])
    return dict(zip(trials, np.split(table, ends[:-1]), strict=True))


def _find_fault(
    draws: Mapping[int, Array], names: Sequence[str], theory: Mapping[str, float], half_width: Mapping[str, float]
) -> str:
    """Return why no statistics can be done on these draws, or an empty string."""
    for name in theory:
        if not (math.isfinite(theory[name]) and math.isfinite(half_width[name])):
            return f"{name}: theory {theory[name]} with half width {half_width[name]} is not finite"
    for size, block in draws.items():
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            return f"{names[bad[0][1]]}: {len(bad)} values at size {size} are not finite, the first in draw {bad[0][0]}"
    return ""


def _find_constancy(draws: Mapping[int, Array]) -> str:
    """Return a complaint when every draw of a size is the same: its error bar of 0 would confirm or refute anything."""
    for size, block in draws.items():
        if np.all(block == block[0]):
            return f"all {len(block)} draws at size {size} are identical: nothing random was sampled"
    return ""


def _judge_rows(
    draws: Mapping[int, Array],
    theory: Mapping[str, float],
    half_width: Mapping[str, float],
    /,
    *,
    bias: Bias,
    levels: tuple[float, float],
) -> tuple[ObservableRow, ...]:
    rows = []
    for i, (name, target) in enumerate(theory.items()):
        values = {size: block[:, i] for size, block in draws.items()}
        width = half_width[name]
        fit = extrapolate(values, bias=bias)
        verdict = restrict(_judge_fit(fit, target, width, levels), fit.status)
        if verdict.decision is Decision.FAILS:
            verdict = _cross_examine(verdict, values, target, width, bias=bias)
        z = (fit.estimate - target) / fit.standard_error if fit.standard_error > 0 else math.nan
        rows.append(ObservableRow(name, target, width, fit, verdict.interval, z, verdict.decision, verdict.reason))
    return tuple(rows)


def _judge_fit(fit: Extrapolation, theory: float, half_width: float, levels: tuple[float, float], /) -> Judgement:
    estimate, error, freedom = fit.estimate, fit.standard_error, fit.degrees_of_freedom
    return judge(estimate, error, freedom, theory, half_width, hold_level=levels[0], fail_level=levels[1])


def _cross_examine(
    verdict: Judgement,
    values: Mapping[int, Array],
    theory: float,
    half_width: float,
    /,
    *,
    bias: Bias,
) -> Judgement:
    """Return the refutation, unless the sizes allow the other bias and under it the estimate agrees with theory.

    Over a fourfold range of sizes 1/d and 1/sqrt(d) can look alike and have limits several tolerances apart; without
    this a wrongly declared bias would refute a true theorem.
    """
    if bias == "none" or len(values) == 1:
        return verdict
    rival: Bias = "1/sqrt(d)" if bias == "1/d" else "1/d"
    fit = extrapolate(values, bias=rival, orders=(1,))
    if not fit.status.usable or abs(fit.estimate - theory) > half_width:
        return verdict
    reason = f"refuted if the bias is {bias}, in agreement if it is {rival}; the sizes do not tell which"
    return Judgement(Decision.OPEN, verdict.interval, verdict.fail_interval, reason)
