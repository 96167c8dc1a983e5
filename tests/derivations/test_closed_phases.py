"""Every closed form of every model, branches included, is the limit of the formulas beside it, in all observables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sympy import Expr, Symbol, lambdify

from derivations.core import Derivation, Model, Phase
from derivations.discover import load_all
from derivations.random_features import limits, linear_regression, robust_risk
from derivations.random_features.phases import collapse_program, critical_epsilon
from derivations.random_features.symbols import derivative_energy, linear_coefficient, nonlinear_energy
from numerics.activations import compile_activation
from numerics.solution import Solution
from numerics.solver import solve

DERIVATIONS = {derivation.id: derivation for derivation in load_all() if derivation.has_model}


def closed_phases(model: Model) -> Iterator[Phase]:
    """Those of the model and of its branches."""
    yield from (phase for phase in model.phases if phase.status != "outside_domain")
    for branch in model.branches:
        yield from closed_phases(branch.model)


CLOSED = {
    (derivation.id, phase.name): phase
    for derivation in DERIVATIONS.values()
    for phase in closed_phases(derivation.model)
}
UNUSUAL = {"epsilon_test": 0.7, "noise": 0.4, "signal": 1.3}
TANH = {**UNUSUAL, "activation": "tanh(t)"}


@dataclass(frozen=True)
class Approach:
    """A point of the phase, what moves it just outside, and how far the observables may then be, by their size.

    `beside` is the phase or branch outside.
    """

    inside: Mapping[str, Any]
    outside: Mapping[str, Any]
    distance: float = 1e-6
    beside: str = "regular"


def critical_radius_of_features(at: Mapping[str, Any]) -> float:
    constants = compile_activation(at["activation"])
    found: dict[Symbol, Any] = {
        linear_coefficient: constants.linear_coefficient,
        nonlinear_energy: constants.nonlinear_energy,
        derivative_energy: constants.derivative_energy,
    }
    value: Expr = critical_epsilon
    for name, definition in reversed(collapse_program()):
        value = value.xreplace({name: definition})
    found |= {symbol: at[symbol.name] for symbol in value.free_symbols - set(found)}
    return float(lambdify(list(found), value, "math")(*found.values()))


def critical_radius_of_inputs(at: Mapping[str, Any]) -> float:
    value = linear_regression.critical_epsilon
    return float(value.subs({symbol: at[symbol.name] for symbol in value.free_symbols}))


WIDE = {**TANH, "psi1": 4, "psi2": 1.5, "ridge": 0}
COLLAPSING = {**TANH, "psi1": 3, "psi2": 2, "ridge": 0.1}
INPUTS = {**UNUSUAL, "psi2": 2, "ridge": 0.1}
COLLAPSE, COLLAPSE_OF_INPUTS = critical_radius_of_features(COLLAPSING), critical_radius_of_inputs(INPUTS)
ABOVE, BELOW = 1 + 1e-9, 1 - 1e-9
PLAIN = {"rho": 0.5, "trace_alignment": 0.6}
ODD = {**PLAIN, "activation": "t**3 + t"}
NEARLY_ODD = {"activation": "t**3 + t + t**2/10000"}
QUADRATIC = {**PLAIN, "activation": "t**2"}
PENALISED = {"ridge": 1e-9}
NEARLY_RELU = {"activation": "t*(1 + tanh(10*t))/2"}
"""Its slope rises within a tenth, and the Dirichlet energy of tangent features is three times the target's."""


def jumps(variant: str) -> tuple[tuple[str, str], Approach]:
    """ReLU in a variant of lazy training that is fitted to convergence."""
    beside = "regular" if variant == "unfitted" else variant
    inside = {**PLAIN, "activation": "relu", "variant": variant}
    return ("learning_regimes.lazy", f"jumps_{variant}"), Approach(inside, NEARLY_RELU, 0.01, beside)


APPROACHES = {
    ("learning_regimes.random_features", "no_quadratic_part"): Approach({**ODD, "ridge": 0.3}, NEARLY_ODD),
    ("learning_regimes.random_features", "no_quadratic_part_converged"): Approach(
        {**ODD, "init_scale": 0.5}, NEARLY_ODD
    ),
    ("learning_regimes.random_features", "mean_not_fitted"): Approach(
        {**PLAIN, "activation": "relu", "offset": "no"}, {"init_scale": 1e-4}
    ),
    ("learning_regimes.tangent", "quadratic"): Approach({**PLAIN, "activation": "t**2 + t"}, PENALISED),
    ("learning_regimes.tangent", "finite_dimension"): Approach(
        {**QUADRATIC, "dimension": 10**9}, {"dimension": math.inf}, beside="quadratic"
    ),
    ("learning_regimes.tangent", "slope_jumps"): Approach({**PLAIN, "activation": "relu"}, NEARLY_RELU, 0.01),
    ("learning_regimes.lazy", "quadratic_unfitted"): Approach(QUADRATIC, PENALISED),
    ("learning_regimes.lazy", "quadratic_zero_output"): Approach(
        {**QUADRATIC, "variant": "zero_output"}, PENALISED, beside="zero_output"
    ),
    ("learning_regimes.lazy", "quadratic_residual"): Approach(
        {**QUADRATIC, "variant": "residual"}, {"activation": "t**2 + t**4/100000"}, beside="residual"
    ),
    ("learning_regimes.lazy", "flow_has_converged"): Approach(
        {**QUADRATIC, "variant": "flow"}, {"time": 1e4}, beside="flow"
    ),
    ("learning_regimes.lazy", "ridge_vanishes"): Approach({**QUADRATIC, "variant": "ridge"}, PENALISED, beside="ridge"),
    **dict(jumps(variant) for variant in ("unfitted", "zero_output", "residual")),
    ("learning_regimes.trained", "full_rank"): Approach({"rho": 1}, {"rho": BELOW}, beside="both_ends"),
    ("robust_overfitting.kernels", "one_input"): Approach({"cosine": 1}, {"cosine": 1 - 1e-12}),
    ("random_features.ridge_regression", "ridgeless"): Approach(WIDE, {"ridge": 1e-9}),
    ("random_features.robust_risk", "ridgeless"): Approach({**WIDE, "epsilon": 0}, {"ridge": 1e-9}),
    ("random_features.robust_risk", "collapsed"): Approach(
        {**COLLAPSING, "epsilon": COLLAPSE * ABOVE}, {"epsilon": COLLAPSE * BELOW}, 1e-4
    ),
    ("random_features.linear_regression", "least_norm"): Approach(
        {**UNUSUAL, "psi2": 0.6, "epsilon": 0, "ridge": 0}, {"ridge": 1e-9}
    ),
    ("random_features.linear_regression", "recovered"): Approach(
        {**UNUSUAL, "psi2": 4, "epsilon": 0.3, "ridge": 0, "noise": 0}, {"noise": 1e-7}
    ),
    ("random_features.linear_regression", "collapsed"): Approach(
        {**INPUTS, "epsilon": COLLAPSE_OF_INPUTS * ABOVE}, {"epsilon": COLLAPSE_OF_INPUTS * BELOW}, 1e-4
    ),
}


def solve_at(derivation: Derivation, at: Mapping[str, Any]) -> Solution:
    return solve(derivation, **at)


def differences(left: Solution, right: Solution) -> dict[str, float]:
    """Relative differences of the observables, where both are below 1 absolute ones."""
    found = {}
    for name in left.observables:
        first, second = (float(np.asarray(each.observables[name])) for each in (left, right))
        found[name] = abs(first - second) / max(abs(first), abs(second), 1)
    return found


ALONE = {
    ("learning_regimes.random_features", "single_neuron"): "one neuron is not the limit of rho d neurons",
}
"""Closed forms with no formula beside them, and why."""


@pytest.mark.parametrize(("name", "phase"), APPROACHES, ids=str)
def test_a_closed_form_is_the_limit_of_the_equations_beside_it(name: str, phase: str) -> None:
    approach = APPROACHES[name, phase]
    inside = solve_at(DERIVATIONS[name], approach.inside)
    outside = solve_at(DERIVATIONS[name], {**approach.inside, **approach.outside})
    assert inside.phase == phase
    assert outside.phase == approach.beside
    assert outside.status == "converged"
    declared = CLOSED[name, phase].observables
    assert set(declared) == set(outside.observables)
    infinite = {key for key, value in declared.items() if value is None}
    assert all(outside.observables[key] > 2 for key in infinite)
    found = {key: value for key, value in differences(inside, outside).items() if key not in infinite}
    assert not {key: value for key, value in found.items() if not value <= approach.distance}


def test_every_closed_phase_has_an_approach() -> None:
    assert set(APPROACHES) | set(ALONE) == set(CLOSED)
    assert not set(APPROACHES) & set(ALONE)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_corner_is_the_limit_of_a_small_attack(share: float) -> None:
    at: dict[str, Any] = {**TANH, "psi1": 4, "psi2": 1.5}
    epsilon = 1e-2
    corner = solve(limits.theorem, **at, ridge_share=share)
    attacked = solve(robust_risk.theorem, **at, epsilon=epsilon, ridge=share * epsilon**2)
    assert attacked.phase == corner.phase == "regular"
    for name, value in corner.observables.items():
        unit = epsilon**2 if name == "robust_training_loss" else 1
        assert np.asarray(attacked.observables[name]) / unit == pytest.approx(np.asarray(value), rel=1e-8), name
