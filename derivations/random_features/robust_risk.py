"""Standard and robust risk of adversarially trained random features in the proportional limit.

Inputs N(0, I_d), labels y = <beta, x> + noise, f(x; theta) = <theta, sigma(W x)> with N random features, n samples,
N/d -> psi1, n/d -> psi2; theta minimises (1/2n) sum_i max over ||delta_i|| <= epsilon of (y_i - f(x_i + delta_i))^2
+ (ridge/2) ||theta||^2. The standard risk E(y - f(x))^2, the robust risk E max (y - f(x + delta))^2, the robust
training loss, the gradient norm and ||theta||^2 converge to functions of the fixed point of four scalar equations, the
stationary point of one potential. It has two unknowns once the scale is divided out. Above a critical epsilon the
estimator is zero.
"""

from __future__ import annotations

from derivations.core import Derivation, Model
from derivations.random_features.phases import closed_phases
from derivations.random_features.setting import problem, starting_point
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    activation,
    epsilon,
    epsilon_test,
    noise,
    psi1,
    psi2,
    ridge,
    signal,
)
from derivations.reduction import reduce

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

@theorem.solvable
def model() -> Model:
    """The fixed point, its observables, and the phases in which they are known in closed form."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon, epsilon_test, noise, signal, ridge, activation),
        test_radius=epsilon_test,
        start=starting_point(ridge),
        phases=closed_phases(),
    )
