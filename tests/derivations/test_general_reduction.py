"""The assembly for any loss: the same root as the reduction that divides the scale out, and a new loss that solves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sympy import Expr, erfc, exp, sqrt

from derivations.general_reduction import reduce_general
from derivations.ingredients import Loss, plain_square
from derivations.random_features.setting import problem, robust_model, starting_point
from derivations.random_features.symbols import epsilon_test, noise, ratio, ridge, signal
from derivations.scalar_problem import STEP, A, S
from derivations.symbols import ChiSquareCdf, folded_normal_mean
from numerics.solver import Solver

GUESS = starting_point(ridge)
START = {STEP: GUESS[STEP], S: sqrt(signal**2 + noise**2), A: GUESS[ratio] * sqrt(signal**2 + noise**2)}
POINTS = {
    "psi1": np.array([2.0, 5.0, 0.5, 3.0]),
    "psi2": np.array([2.0, 2.0, 3.0, 1.0]),
    "epsilon": np.array([0.5, 0.5, 0.3, 0.8]),
    "ridge": np.array([0.0, 0.0, 0.1, 0.01]),
}


def _solver(loss: Loss) -> Solver:
    parameters = robust_model().parameters
    changed = replace(problem, loss=loss)
    return Solver(reduce_general(changed, parameters=parameters, test_radius=epsilon_test, start=START))


def test_three_unknowns_and_two_have_the_same_root() -> None:
    general, reduced = _solver(problem.loss)(**POINTS), Solver(robust_model())(**POINTS)
    assert set(general.status) == {"converged"}
    for name, values in reduced.observables.items():
        assert general.observables[name] == pytest.approx(values, rel=1e-9), name


def test_the_plain_square_loss_is_ridge_regression() -> None:
    at = {**POINTS, "epsilon": 0.0, "ridge": 0.1}
    general, reduced = _solver(plain_square())(**at), Solver(robust_model())(**at)
    assert general.observables["standard_risk"] == pytest.approx(reduced.observables["standard_risk"], rel=1e-9)


def _absolute_envelope(s: Expr, c: Expr, step: Expr) -> Expr:
    """E of the Moreau envelope of |r| + c at s G: Huber's function, averaged, plus c."""
    z = step / s
    tail = folded_normal_mean * s * exp(-(z**2) / 2)
    return s**2 * ChiSquareCdf(z) / (2 * step) + tail - step * erfc(z / sqrt(2)) / 2 + c


def test_a_loss_of_ones_own_re_derives_the_system() -> None:
    absolute = replace(plain_square(), name="|r| + c", mean_envelope=_absolute_envelope)
    found = _solver(absolute)(psi1=0.5, psi2=3.0, epsilon=0.2, ridge=0.05)
    assert str(found.status) == "converged"
    squared = Solver(robust_model())(psi1=0.5, psi2=3.0, epsilon=0.2, ridge=0.05)
    assert 0.25 < float(found.observables["standard_risk"]) < 1.25
    assert abs(float(found.observables["standard_risk"] - squared.observables["standard_risk"])) > 1e-3
