r"""Along training and along the ridge: how test error and Dirichlet energy move together, for random features.

A training method gives v = phi(U) r + alpha chi(U) v0 with chi(x) = 1 - x phi(x): gradient flow has phi(x) =
(1 - exp(-t x))/x, ridge phi(x) = 1/(x + ridge). Longer training and less ridge raise phi at every eigenvalue. From zero
(alpha = 0) the test error then falls and the energy rises, strictly: no point of the path is better in both. From a
random initialisation the test error still falls, but the initial energy is unlearnt on the way, and the energy can
pass through a minimum.
"""

from __future__ import annotations

from sympy import Expr, Integer, Rational, Symbol, exp

from derivations.core import Certified, Derivation, Symbolic
from derivations.learning_regimes import random_features
from derivations.learning_regimes.feature_traces import (
    Moments,
    alignment,
    errors,
    kappa,
    linear_share,
    psi1,
    psi2,
    ridge_moments,
    spike,
    visible,
)
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, derivative_energy, nonlinear_energy, ridge
from derivations.relations import Claim, below, decreasing, increasing
from derivations.spectral_formulas import gram_trace

theorem = Derivation(
    __name__, title="Test error and robustness along training and along the ridge", source=DOHMATOB_BIETTI
)

t = Symbol("t", positive=True)
x, other_x, weight = (Symbol(name, positive=True) for name in ("x", "other_x", "weight"))
done, other_done = (Symbol(name, positive=True) for name in ("done", "other_done"))
init = Symbol("init_scale", nonnegative=True)


def _filtered(init_scale: Expr) -> dict[str, Expr]:
    """The observables of v = phi(U) r + alpha chi(U) v0 for two eigenvalues; done = x phi(x), of which 1 is all."""
    filters = ((weight, x, done), (1, other_x, other_done))
    first = sum((w * share / value for w, value, share in filters), Integer(0))
    square = sum((w * (share / value) ** 2 for w, value, share in filters), Integer(0))
    energy = sum((w * share**2 / value for w, value, share in filters), Integer(0))
    left = sum((w * (1 - share) ** 2 for w, _, share in filters), Integer(0))
    left_energy = sum((w * value * (1 - share) ** 2 for w, value, share in filters), Integer(0))
    moments = Moments(1 - spike * (2 * first - energy), energy, square, first, left_energy, left)
    return dict(errors(moments, init_scale))


to_do, further = Symbol("to_do", positive=True), Symbol("further", nonnegative=True)
UNFINISHED = {done: 1 / (1 + to_do)}
"""x phi(x) below 1."""
length, part = Symbol("spike", positive=True), Symbol("alignment", positive=True)
SEEN = {visible: Integer(1), spike: length, alignment: part}
ROUGHER = {derivative_energy: nonlinear_energy + further}
ON_THE_WAY = Certified(
    {
        **dict.fromkeys((x, other_x, weight, to_do, done, other_done, length, part), (Rational(1, 100), 100)),
        **dict.fromkeys((init, further), (0, 100)),
    }
)
"""Both eigenvalues and what is learnt of them, any initialisation."""


@theorem.step(Symbolic(domain={t: (Rational(1, 10), 3), x: (Rational(1, 10), 3)}))
def training_advances() -> Claim:
    """phi = (1 - exp(-t x))/x grows with the time of the flow, at every eigenvalue at once."""
    return increasing((1 - exp(-t * x)) / x, t)


@theorem.step(Symbolic())
def less_ridge_advances() -> Claim:
    """phi = 1/(x + ridge) grows as the ridge is taken away."""
    return decreasing(1 / (x + ridge), ridge)


@theorem.step(Symbolic(), ON_THE_WAY, uses=[training_advances, less_ridge_advances, random_features.energy_of_a_filter])
def error_falls_on_the_way() -> Claim:
    """The test error falls in phi at every eigenvalue as long as x phi < 1, from any initialisation."""
    return below(_filtered(init)["test_error"].xreplace(SEEN).diff(done).xreplace(UNFINISHED), 0)


@theorem.step(Symbolic(), ON_THE_WAY, uses=[training_advances, less_ridge_advances, random_features.energy_of_a_filter])
def energy_grows_on_the_way() -> Claim:
    """From zero, alpha = 0, the energy grows in phi at every eigenvalue: test error is paid for in robustness."""
    return increasing(_filtered(Integer(0))["dirichlet_energy"].xreplace({**SEEN, **ROUGHER}), done)


penalty, scale = Symbol("penalty", positive=True), Symbol("scale", nonnegative=True)


def _energy_of_squares(penalty: Expr) -> Expr:
    """x^2 - 1 with one feature per dimension, tau = 1, alpha = scale: nu = spike = 2, nu' = 4."""
    psi = gram_trace(2 + penalty, Integer(0), Integer(1))
    at = {nonlinear_energy: 2, derivative_energy: 4, spike: 2, kappa: 2 * psi, psi1: psi, psi2: psi**2}
    at |= {linear_share: 0, alignment: 1, visible: 1, ridge: penalty}
    return errors(ridge_moments(), scale)["dirichlet_energy"].subs(at)


@theorem.step(Certified({penalty: (Rational(1, 10), 100), scale: (0, Rational(1, 2))}), uses=[energy_grows_on_the_way])
def dip_below_the_trained() -> Claim:
    """From a random initialisation of at most alpha = 1/2 any of these ridges has less energy than none: rho = 1."""
    return below(_energy_of_squares(penalty), _energy_of_squares(Integer(0)))


@theorem.step(Certified({penalty: (4, 100), scale: (Rational(1, 2), 5)}), uses=[energy_grows_on_the_way])
def dip_below_the_initial() -> Claim:
    """And for alpha >= 1/2 less than the initialisation itself, whose energy is alpha^2 nu'/4: a minimum on the way."""
    return below(_energy_of_squares(penalty), scale**2)
