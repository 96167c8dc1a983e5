"""Standard and robust risk of adversarially trained random features in the proportional limit.

Inputs N(0, I_d), labels y = <beta, x> + noise, f(x; theta) = <theta, sigma(W x)> with N random features, n samples,
N/d -> psi1, n/d -> psi2; theta minimises (1/2n) sum_i max over ||delta_i|| <= epsilon of (y_i - f(x_i + delta_i))^2
+ (ridge/2) ||theta||^2. The standard risk E(y - f(x))^2, the robust risk E max (y - f(x + delta))^2, the robust
training loss, the gradient norm and ||theta||^2 converge to functions of the fixed point of four scalar equations, the
stationary point of one potential. It has two unknowns once the scale is divided out. Above a critical epsilon the
estimator is zero.
"""

from __future__ import annotations

from sympy import Max, Rational, sqrt

from derivations.core import Derivation, Model
from derivations.ingredients import Activation, Attack, Target, attacked_square, white_layer
from derivations.random_features.phases import closed_phases
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
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

theorem = Derivation(
    __name__,
    title="Robust and standard risk of adversarially trained random features",
    source=HASSANI_JAVANMARD,
    simulations={
        "L1": "random_features:first_order",
        "L0": "random_features:true_adversary",
        "L2": "random_features:mean_gradient",
        "L3": "random_features:gaussian_features",
    },
)

problem = ScalarProblem(
    loss=attacked_square(),
    activation=Activation(linear_coefficient, nonlinear_energy, derivative_energy),
    first_layer=white_layer(psi1),
    attack=Attack(epsilon),
    target=Target(signal, noise),
    samples=psi2,
    ridge=ridge,
)


@theorem.solvable
def model() -> Model:
    """The fixed point, its observables, and the phases in which they are known in closed form."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon, epsilon_test, noise, signal, ridge, activation),
        test_radius=epsilon_test,
        start={
            STEP: 1 / (Max(psi2 / psi1 - 1, 0) + epsilon**2 + ridge),
            RATIO: sqrt(psi1 / (1 + psi1)) * Rational(1, 2),
        },
        phases=closed_phases(),
    )
