"""The setting of the paper as ingredients: what every derivation about the robust estimator assembles."""

from __future__ import annotations

from functools import cache

from sympy import Expr, Max, Symbol, sqrt

from derivations.ingredients import Activation, Attack, Target, attacked_square, white_layer
from derivations.model import Model
from derivations.random_features.phases import closed_phases
from derivations.random_features.symbols import (
    activation,
    derivative_energy,
    epsilon,
    epsilon_test,
    linear_coefficient,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    ridge,
    signal,
)
from derivations.reduction import reduce
from derivations.scalar_problem import RATIO, STEP, ScalarProblem

problem = ScalarProblem(
    loss=attacked_square(),
    activation=Activation(linear_coefficient, nonlinear_energy, derivative_energy),
    first_layer=white_layer(psi1),
    attack=Attack(epsilon),
    target=Target(signal, noise),
    samples=psi2,
    ridge=ridge,
)


def starting_point(penalty: Expr, /) -> dict[Symbol, Expr]:
    """A first guess from which Newton reached every root tried: the step of ridge regression, and half a ratio."""
    return {STEP: 1 / (Max(psi2 / psi1 - 1, 0) + epsilon**2 + penalty), RATIO: sqrt(psi1 / (1 + psi1)) / 2}


@cache
def robust_model() -> Model:
    """The fixed point of the robust estimator, its five observables, and the phases known in closed form."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon, epsilon_test, noise, signal, ridge, activation),
        test_radius=epsilon_test,
        start=starting_point(ridge),
        phases=closed_phases(),
    )
