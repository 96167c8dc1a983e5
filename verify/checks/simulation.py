"""Simulation: finite-size draws, extrapolated in the size, tested for equivalence with the theory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from derivations.core import Step
from derivations.evidence import Simulation
from derivations.relations import Convergence
from numerics.solver import Solver
from verify.context import Context
from verify.draws import Draw, build_draw, build_setting, evaluate_at
from verify.measured import write_measured
from verify.statistics import Decision, ObservableRow, Plan, TestOutcome, run_test
from verify.verdict import Finding, Outcome

PLAN = Plan(fit_precision=1.0, further=3.0)
"""Draws go where they narrow the limit; the lack-of-fit test is what they leave over (1.7 times cheaper than half)."""


def draw_cost(size: int, /) -> float:
    """What a draw costs, up to a factor: cubic once the sizes are large, nearly flat below."""
    return float(size + 60) ** 3


def check(step: Step, evidence: Simulation, context: Context, /) -> Finding:
    """Holds when the interval of every observable lies inside the tolerance, fails when one lies clearly outside."""
    claim = step.claim
    if not isinstance(claim, Convergence):
        raise TypeError(f"a simulation tests what observables tend to; the claim is a {type(claim).__name__}")
    setting = find_setting(step, evidence)
    draw = build_draw(step, evidence, setting, context)
    theory = predict(claim, evidence, setting)
    return confront(theory, evidence, setting, draw, largest=evidence.most, keep_draws=context.keep_draws)


def find_setting(step: Step, evidence: Simulation, /) -> Any:
    """What the experiment sees, by name, with the defaults of the claim's model or of `defaults_of` filled in."""
    model = getattr(step.claim, "model", None) or (evidence.defaults_of and evidence.defaults_of())
    return build_setting(step, evidence.at, model or None)


def confront(
    theory: Mapping[str, float],
    evidence: Simulation,
    setting: Any,
    draw: Draw,
    /,
    *,
    largest: int | Mapping[int, int],
    keep_draws: bool = False,
) -> Finding:
    """The finding on theory, observable by observable, against the draws; `largest` caps them."""
    unknown = [name for name, value in theory.items() if not math.isfinite(value)]
    if unknown:
        return Finding(Outcome.open, "simulation", f"the theory has no finite value for {', '.join(unknown)} here")
    scales, widths = find_widths(theory, evidence, setting)
    known = {name: evaluate_at(mean, evidence.at, setting) for name, mean in evidence.controls.items()}
    test = run_test(
        draw,
        evidence.sizes,
        theory,
        widths,
        bias=evidence.bias,
        largest=largest,
        controls=known,
        plan=PLAN,
        cost=draw_cost,
    )
    kept = _collect_draws(test) if keep_draws else {}
    return Finding(Outcome(test.decision.value), "simulation", describe(test, evidence.at, scales), draws=kept)


def find_widths(
    theory: Mapping[str, float], evidence: Simulation, setting: Any, /
) -> tuple[dict[str, float], dict[str, float]]:
    """The natural unit of each observable, and the half width of its test."""
    scales = {name: evaluate_at(evidence.scale.get(name, 0), evidence.at, setting) for name in theory}
    return scales, {name: _half_width(name, max(abs(theory[name]), scales[name]), evidence) for name in theory}


def predict(claim: Convergence, evidence: Simulation, setting: Any, /) -> dict[str, float]:
    """The limits as floats: closed forms at the setting, or the model's observables at its root (NaN without one)."""
    if claim.model is None:
        return {name: evaluate_at(limit, evidence.at, setting) for name, limit in claim.limits.items()}
    names = {item.name for item in claim.model.parameters}
    solution = Solver(claim.model)(**{name: getattr(setting, name) for name in names})
    if str(solution.status.flat[0]) == "not_converged":
        return dict.fromkeys(claim.limits, math.nan)
    observables = {name: float(values.flat[0]) for name, values in solution.observables.items()}
    return {
        name: float(limit.xreplace({Symbol(key): value for key, value in observables.items()}))
        for name, limit in claim.limits.items()
    }


def _half_width(name: str, unit: float, evidence: Simulation) -> float:
    tolerance = evidence.tolerance[name] if isinstance(evidence.tolerance, Mapping) else evidence.tolerance
    return float(tolerance) * unit


def describe(test: TestOutcome, at: Mapping[Any, Any], scales: Mapping[str, float], /) -> str:
    """In one line: the point, each observable against its theory and tolerance, sizes and numbers of draws."""
    counts = test.counts
    point = ", ".join(
        f"{name}={value if isinstance(value, str) else f'{float(value):.4g}'}" for name, value in at.items()
    )
    parts = [point] * bool(point)
    parts += [f"{row.name} {_write_row(row, scales[row.name])}" for row in test.rows]
    if counts:
        draws = "/".join(str(count) for count in counts.values())
        parts.append(f"d={','.join(str(size) for size in counts)}, draws {draws}")
    if test.decision is not Decision.HOLDS and test.reason:
        parts.append(test.reason)
    return "; ".join(parts)


def _write_row(row: ObservableRow, scale: float) -> str:
    seen = write_measured(row.fit.estimate, row.fit.standard_error)
    relative = abs(row.theory) > scale
    width = f"±{100 * row.half_width / abs(row.theory):.3g}%" if relative else f"±{row.half_width:.3g}"
    mark = "" if row.decision is Decision.HOLDS else f" ({row.decision.value})"
    return f"{seen} vs {row.theory:.5g} {width}{mark}"


def _collect_draws(test: TestOutcome) -> dict[str, Any]:
    """Arrays by name: `names`, `draws_SIZE` and `pilot_SIZE`, each (draws, names)."""
    kept: dict[str, Any] = {"names": list(test.names)}
    for prefix, blocks in (("draws", test.draws), ("pilot", test.pilot_draws)):
        kept.update({f"{prefix}_{size}": block for size, block in blocks.items()})
    return kept
