"""Every closed form of every model is the limit of the solved equations beside it, in all observables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sympy import Expr, Symbol, lambdify

from derivations.core import Derivation
from derivations.discover import load_all
from derivations.random_features import limits, linear_regression, robust_risk
from derivations.random_features.phases import collapse_program, critical_epsilon
from derivations.random_features.symbols import derivative_energy, linear_coefficient, nonlinear_energy
from numerics.activations import compile_activation
from numerics.solution import Solution
from numerics.solver import solve

DERIVATIONS = {derivation.id: derivation for derivation in load_all() if derivation.has_model}
CLOSED = [
    (derivation.id, phase.name)
    for derivation in DERIVATIONS.values()
    for phase in derivation.model.phases
    if phase.status != "outside_domain"
]
UNUSUAL = {"epsilon_test": 0.7, "noise": 0.4, "signal": 1.3}
TANH = {**UNUSUAL, "activation": "tanh(t)"}


@dataclass(frozen=True)
class Approach:
    """A point of the phase, what moves it just outside, and how far the observables may then be, by their size."""

    inside: Mapping[str, Any]
    outside: Mapping[str, Any]
    distance: float = 1e-6


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
APPROACHES = {
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


@pytest.mark.parametrize(("name", "phase"), CLOSED, ids=str)
def test_a_closed_form_is_the_limit_of_the_equations_beside_it(name: str, phase: str) -> None:
    approach = APPROACHES[name, phase]
    inside = solve_at(DERIVATIONS[name], approach.inside)
    outside = solve_at(DERIVATIONS[name], {**approach.inside, **approach.outside})
    assert inside.phase == phase
    assert outside.phase == "regular"
    assert outside.status == "converged"
    declared = next(each for each in DERIVATIONS[name].model.phases if each.name == phase)
    assert set(declared.observables) == set(outside.observables)
    far = {key: value for key, value in differences(inside, outside).items() if not value <= approach.distance}
    assert not far


def test_every_closed_phase_has_an_approach() -> None:
    assert set(APPROACHES) == set(CLOSED)


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
