r"""Exact recovery: without noise a weak attack leaves adversarially trained linear regression at theta = beta.

Set noise = 0 and psi2 > 1 in random_features.linear_regression, and let z be the kink with
P(|G| <= z) = 1/psi2. Then s = 0 and theta = beta exactly when epsilon + ridge/epsilon <= recovery_epsilon,

    recovery_epsilon^2 = (sqrt(2/pi) exp(-z^2/2)/z - (1 - 1/psi2))/psi2 > 0,

which does not depend on the signal. The attack acts as the l1 norm of the residuals, an exact penalty; its weight is of
the order of ||theta|| and so survives where a ridge alone would bias. Without a ridge there is recovery for every
psi2 > 1; the radius grows from 0 at psi2 = 1 to sqrt(2/pi) with unlimited data. Derived here.
"""

from __future__ import annotations

from sympy import Expr, Integer, Rational, Symbol, erf, erfc, exp, oo, sqrt

from derivations.core import Certified, Derivation, Sampled, Simulation, Symbolic
from derivations.random_features import linear_regression, scalar_reduction
from derivations.random_features.linear_regression import kink, least_scale, problem, recovery_program, recovery_room
from derivations.random_features.phases import NAMES
from derivations.random_features.symbols import epsilon, epsilon_test, noise, psi2, ridge, signal
from derivations.reduction import C_A, C_S, ENERGY, K_A, K_S, STEP_FROM_TRACES, two_unknown_program
from derivations.relations import Claim, below, equal, follows, limit_of
from derivations.scalar_problem import RATIO, STEP, P, Q
from derivations.symbols import ChiSquareCdf, folded_normal_mean

theorem = Derivation(
    __name__, title="Exact recovery under a weak attack without noise", source=linear_regression.theorem.source
)

z = Symbol("z", positive=True)
interpolated = erf(z / sqrt(2))
"""The share of the samples that are fitted exactly, P(|G| <= z)."""
STEP_NEAR_RECOVERY = z / (epsilon * RATIO)
"""The step at a finite kink z = step epsilon A/s, as the ratio A/s goes to infinity."""


def near_recovery(name: Symbol, /) -> Expr:
    """A name of the model's program at the step that keeps the kink at z."""
    expression: Expr = name
    for symbol, definition in reversed(two_unknown_program(problem)):
        expression = expression.xreplace({symbol: definition})
    return expression.xreplace({STEP: STEP_NEAR_RECOVERY})


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_residual_slope])
def residual_multiplier() -> Claim:
    """As s -> 0 at a finite kink, p grows as the share of exactly fitted samples over the step."""
    return limit_of(near_recovery(P) * STEP_NEAR_RECOVERY, RATIO, oo, interpolated)


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_attack_slope])
def gradient_multiplier() -> Claim:
    """q keeps the part epsilon^2 of the square of the attack."""
    return limit_of(near_recovery(Q), RATIO, oo, epsilon**2)


@theorem.step(Symbolic(), uses=[residual_multiplier, gradient_multiplier, linear_regression.identity_traces])
def share_of_interpolated_samples() -> Claim:
    """The equation for the step: as many samples as dimensions are fitted exactly, P(|G| <= z) = 1/psi2."""
    return limit_of(near_recovery(STEP_FROM_TRACES) / STEP_NEAR_RECOVERY, RATIO, oo, 1 / (psi2 * interpolated))


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_energy])
def energy() -> Claim:
    """beta_s^2 step^2/s^2 tends to E min(|G|, z)^2."""
    capped = ChiSquareCdf(z) + z**2 * erfc(z / sqrt(2))
    return limit_of(near_recovery(ENERGY) * STEP_NEAR_RECOVERY**2, RATIO, oo, capped)


@theorem.step(Symbolic(), uses=[residual_multiplier, gradient_multiplier])
def missing_signal() -> Claim:
    """The part of beta that is missed, (q + ridge)/(p + q + ridge), is of the order of s/||theta||."""
    missed = near_recovery((Q + ridge) / (P + Q + ridge))
    return limit_of(missed * RATIO, RATIO, oo, (epsilon**2 + ridge) * z / (epsilon * interpolated))


def at_kink(name: Symbol, /) -> Expr:
    """A name of the recovery program in the coordinate z, where psi2 = 1/P(|G| <= z)."""
    expression: Expr = name
    for symbol, definition in reversed(recovery_program()):
        expression = expression.xreplace({symbol: z if symbol == kink else definition})
    return expression.subs(psi2, 1 / interpolated)


@theorem.step(
    Symbolic(), uses=[share_of_interpolated_samples, energy, missing_signal, scalar_reduction.residual_equation]
)
def balance() -> Claim:
    """s^2 = tau^2 + b^2 (missed part)^2 + (beta_s^2/psi2) T11^2 over s^2 is tau^2/s^2 = psi2^2 z^2 room/epsilon^2.

    Without noise s > 0 therefore needs room <= 0, and theta = beta is the solution where room >= 0.
    """
    capped = ChiSquareCdf(z) + z**2 * erfc(z / sqrt(2))
    samples = 1 / interpolated
    left = 1 - (samples * z * (epsilon**2 + ridge) / epsilon) ** 2 - samples * capped
    return equal(left, samples**2 * z**2 * at_kink(recovery_room) / epsilon**2)


def squared_radius() -> Expr:
    """recovery_epsilon^2 in the coordinate z."""
    return interpolated * (folded_normal_mean * exp(-(z**2) / 2) / z - erfc(z / sqrt(2)))


@theorem.step(Symbolic(), uses=[balance])
def radius() -> Claim:
    """room = epsilon^2 recovery_epsilon^2 - (epsilon^2 + ridge)^2."""
    return equal(at_kink(recovery_room), epsilon**2 * squared_radius() - (epsilon**2 + ridge) ** 2)


@theorem.step(Certified({z: (Rational(1, 10), 5)}), uses=[radius])
def always_some_recovery() -> Claim:
    """Mills' inequality: the radius is positive for every psi2 > 1."""
    return below(0, squared_radius())


@theorem.step(Symbolic(), uses=[radius])
def unlimited_data() -> Claim:
    """psi2 -> infinity is z -> 0: the radius tends to sqrt(2/pi), below the collapse at sqrt(pi/2)."""
    return limit_of(squared_radius(), z, 0, folded_normal_mean**2)


@theorem.step(Certified({z: (Rational(1, 10), 5)}), uses=[radius])
def scarce_data() -> Claim:
    """psi2 -> 1 is z -> infinity, where the radius vanishes faster than a Gaussian density."""
    return below(squared_radius(), folded_normal_mean * exp(-(z**2) / 2) / z)


def of_the_model(name: Symbol, /) -> Expr:
    """A name of the linear model's own program at a finite kink, psi2 being what its equation for the step says."""
    expression: Expr = name
    for symbol, definition in reversed(linear_regression.model().program):
        expression = expression.xreplace({symbol: definition})
    return expression.xreplace({STEP: STEP_NEAR_RECOVERY}).xreplace({psi2: samples_at_kink()})


def samples_at_kink() -> Expr:
    """The psi2 at which the step z/(epsilon x) solves its equation."""
    return psi2 * near_recovery(STEP_FROM_TRACES) / STEP_NEAR_RECOVERY


def squared_noise_over_scale() -> Expr:
    """tau^2/s^2 at the ratio x = A/s: x^2 = C_A/s^2 + K_A has b^2/s^2, and 1 = C_s/s^2 + K_s then tau^2/s^2."""
    of_signal, of_noise = ({signal: Integer(k), noise: Integer(1 - k)} for k in (1, 0))
    squared_signal = (RATIO**2 - of_the_model(K_A)) / of_the_model(C_A).xreplace(of_signal)
    left = 1 - of_the_model(K_S) - of_the_model(C_S).xreplace(of_signal) * squared_signal
    return left / of_the_model(C_S).xreplace(of_noise)


KINKS = {
    z: (Rational(1, 5), Rational(3, 2)),
    epsilon: (Rational(1, 5), Rational(2, 5)),
    ridge: (0, Rational(1, 50)),
}


@theorem.step(Sampled(KINKS, points=6), uses=[balance, radius])
def little_noise() -> Claim:
    """Exactly: along the model's roots with kink z, x grows as the noise vanishes; s is then the least scale.

    Where room > 0 that is noise epsilon/(psi2 z sqrt(room)), the start of the solver.
    """
    return limit_of(squared_noise_over_scale(), RATIO, oo, at_kink((noise / least_scale) ** 2))


@theorem.step(
    Simulation(
        "random_features:linear_regression",
        at={psi2: 4, epsilon: Rational(3, 10), epsilon_test: Rational(1, 2), noise: 0},
        bias="none",
        tolerance=1e-4,
        scale={"standard_risk": 1},
        sizes=(40, 80),
    ),
    uses=[balance],
)
def recovery_of_draws() -> Claim:
    """Finite samples recover beta exactly: the fit has no error, loss and robust risk are the attacks' alone."""
    return follows(linear_regression.model(), *NAMES)
