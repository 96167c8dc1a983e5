r"""Many features, few features, much data: the ends of the robust risk's parameter range.

At fixed epsilon > 0, v = b^2 + tau^2:
psi1 -> infinity   the estimator interpolates with a vanishing gradient, psi1 A^2 -> v psi2 nu^2/mu_2^2, and learns
                   nothing, SR - v = O(1/psi1): AR approaches v from above, like psi1^(-1/2); no radius collapses it,
                   as critical_epsilon^2/psi1 -> (pi/2) mu_2^2/(nu^2 psi2);
psi1 -> 0          critical_epsilon -> 0 like psi1^(1/2): few features are always collapsed; at epsilon = 0 SR -> v;
psi2 -> infinity   the multipliers become the slopes of the population robust risk, and the risks and the training loss
                   those of its minimiser, with an error of the order of 1/psi2.
Derived here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from sympy import Expr, Integer, Rational, Symbol, diff, oo

from derivations.core import Derivation, Exact, Model, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Loss, attacked_square
from derivations.lemmas import marchenko_pastur
from derivations.random_features import collapse, limits, ridge_regression, scalar_reduction, setting
from derivations.random_features.phases import critical_radius, null_risk
from derivations.random_features.ridge_regression import GAIN, REMAINDER, TRACES, H, h, mu, omega
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
from derivations.reduction import C_A, C_S, K_A, K_S, RHO, S2, STEP_FROM_TRACES, reduce, two_unknown_program
from derivations.relations import Claim, at_most, equal, limit_of, statement
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, A, S, robust_risk
from derivations.side_by_side import side_by_side
from derivations.symbols import folded_normal_mean

theorem = Derivation(__name__, title="Many features, few features, much data", source=HASSANI_JAVANMARD)

t, r, g = (Symbol(name, positive=True) for name in ("t", "r", "g"))
"""mu_2^2/mu_1^2, (nu^2 + k)/mu_1^2 with k = ridge/epsilon^2, and nu^2/mu_1^2."""
share, spread = h / H, 1 + omega * H**2
SECOND = {"m": share, "m12": h / spread, "m22": h * (1 + omega * h * H) / (H * spread), "h2": h * H**2 / spread}
"""The traces in the coordinates h and omega."""
rho = (share + t * h) / psi2 - 1
"""The corner's equation, solved for q/p: at fixed psi2 every psi1 = omega h + h/(1 + h) > psi2 is a value of h."""
CURVE = {omega: (t + rho * r) / (1 + rho), STEP: rho}
features = (omega * h + share).xreplace(CURVE)
"""psi1 along the curve."""


def along_the_corner(name: Symbol, /) -> Expr:
    """A name of the corner's program along the curve of psi1 at fixed psi2, a rational function of h."""
    expression: Expr = name
    for symbol, definition in reversed(two_unknown_program(limits.problem)):
        expression = expression.xreplace({symbol: {**TRACES, **SECOND}.get(symbol.name, definition)})
    constants = {nonlinear_energy: t * mu**2, derivative_energy: g * mu**2, limits.share: (r - g) * mu**2}
    return expression.xreplace(constants).xreplace(CURVE)


def second_traces() -> Iterable[Instance]:
    """The traces of the stable program at psi1 = omega h + h/(1 + h) against their short forms."""
    program = dict(marchenko_pastur.stable_program(psi1, KAPPA, LAM))
    for name, short in SECOND.items():
        expression: Expr = Symbol(name, positive=True)
        for symbol in reversed(list(program)):
            expression = expression.xreplace({symbol: TRACES.get(symbol.name, program[symbol])})
        yield name, expression.xreplace({psi1: omega * h + share}), short


@theorem.step(Exact(second_traces), uses=[ridge_regression.companion_law, marchenko_pastur.third_trace])
def traces() -> Claim:
    """Each is a rational function of h and omega."""
    return statement("m = h/(1 + h), and m12, m22, h2 over 1 + omega (1 + h)^2")


@theorem.step(Symbolic(), uses=[traces, limits.corner])
def curve_of_corners() -> Claim:
    """On the curve the corner's equation for the step, here q/p, holds,"""
    return equal(along_the_corner(STEP_FROM_TRACES), rho)


@theorem.step(Symbolic(), uses=[traces, limits.corner])
def omega_on_the_curve() -> Claim:
    """and lam/kappa is the omega of the traces."""
    return equal(along_the_corner(LAM / KAPPA), CURVE[omega])


@theorem.step(Symbolic(), uses=[curve_of_corners, omega_on_the_curve])
def gain_of_many_features() -> Claim:
    """psi1 -> infinity is h -> infinity at fixed psi2; interpolation then feeds back psi2/psi1 of s^2,"""
    return limit_of(features * along_the_corner(K_S), h, oo, psi2)


@theorem.step(Symbolic(), uses=[gain_of_many_features])
def nothing_is_learnt() -> Claim:
    """and leaves all of the signal but a share of the order 1/psi1: SR - v = O(1/psi1)."""
    return limit_of(features * (along_the_corner(C_S) - null_risk), h, oo, -2 * signal**2 * psi2 * r / t)


@theorem.step(Symbolic(), uses=[traces, limits.corner])
def gradient_of_the_fit() -> Claim:
    """psi1 A^2/s^2 tends to psi2 nu^2/mu_2^2,"""
    return limit_of(features * along_the_corner(K_A), h, oo, psi2 * g / t)


@theorem.step(Symbolic(), uses=[traces, limits.corner])
def gradient_of_the_signal() -> Claim:
    """and the signal's share of psi1 A^2 vanishes: psi1 A^2 -> v psi2 nu^2/mu_2^2, whatever epsilon and the ridge."""
    return limit_of(features * along_the_corner(C_A), h, oo, 0)


@theorem.step(Symbolic(), uses=[gradient_of_the_fit, gradient_of_the_signal])
def kink_grows() -> Claim:
    """The kink z = rho A/(epsilon s) grows like psi1^(1/2): at a fixed radius the estimator does reach the corner."""
    return limit_of(along_the_corner(K_A) * rho**2 / features, h, oo, t * g / (psi2 * r**2))


on_corners = Sampled({**limits.BOX, limits.epsilon_test: (0, 2)}, points=4, roots_of=limits.model)


@theorem.step(on_corners, uses=[limits.corner])
def robust_risk_of_the_corner() -> Claim:
    """E (|r| + epsilon_test A)^2 is mean squared plus variance: |r| has s sqrt(2/pi) and s^2 (1 - 2/pi)."""
    mean = folded_normal_mean * S + limits.epsilon_test * A
    return equal(mean**2 + (1 - folded_normal_mean**2) * S2, limits.theorem.model.observables["robust_risk"])


@theorem.step(on_corners, uses=[limits.distance_to_interpolation])
def training_loss_of_the_corner() -> Claim:
    """An interpolator has no residuals, and a loss of (epsilon A)^2 under attack: A^2 in the corner's units."""
    return equal(A**2, limits.theorem.model.observables["robust_training_loss"])


MANY_FEATURES = {
    **limits.BOX,
    psi1: (100, 1000),
    epsilon: (Rational(1, 2), 1),
    limits.share: (0, Rational(1, 2)),
    nonlinear_energy: (Rational(1, 4), Rational(1, 2)),
    noise: (Rational(1, 4), 1),
}


@theorem.step(
    Sampled(MANY_FEATURES, points=3, roots_of=limits.attacked_and_corner),
    uses=[kink_grows, limits.distance_to_interpolation],
)
def corner_at_fixed_attack() -> Claim:
    """With many features the risk under a strong attack is the corner's but for a Gaussian tail beyond the kink."""
    return limits.gaussian_tail()


def squared_threshold() -> Expr:
    """critical_epsilon^2 with its traces m = h/(1 + h) and h as the coordinate, omega = nu^2/mu_1^2."""
    return critical_radius(share, share + t * h) ** 2


@theorem.step(Symbolic(), uses=[collapse.threshold, ridge_regression.companion_law])
def no_collapse_of_many_features() -> Claim:
    """critical_epsilon^2/psi1 -> (pi/2) mu_2^2/(nu^2 psi2): wide models never collapse, and learn nothing."""
    return limit_of(squared_threshold() / (omega * h + share), h, oo, t / (psi2 * omega * folded_normal_mean**2))


@theorem.step(Symbolic(), uses=[collapse.threshold, ridge_regression.companion_law])
def collapse_of_few_features() -> Claim:
    """psi1 -> 0 is h -> 0: critical_epsilon vanishes, so that at a fixed radius few features are always collapsed."""
    slope = (signal**2 + null_risk * (1 + t) / psi2) / (null_risk * (1 + omega) * folded_normal_mean**2)
    return limit_of(squared_threshold() / (omega * h + share), h, 0, slope)


@theorem.step(Symbolic(), uses=[ridge_regression.gain, ridge_regression.remainder])
def few_features_without_attack() -> Claim:
    """At epsilon = 0 the risk tends to v, continuously; step/(1 + step) = (m + t h)/psi2."""
    return limit_of((noise**2 + signal**2 * REMAINDER) / (1 - GAIN * (share + t * h) / psi2), h, 0, null_risk)


def half_robust_risk() -> Expr:
    """E (|s G| + epsilon A)^2/2, the population objective."""
    return robust_risk(S**2, A, epsilon) / 2


def _at_step(expression: Expr) -> Expr:
    """A slope of the loss at rho = epsilon A/s, down to step and ratio."""
    for symbol, definition in reversed(attacked_square().program(epsilon * RATIO, STEP)):
        expression = expression.xreplace({symbol: definition})
    return expression


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_residual_slope])
def population_residual_multiplier() -> Claim:
    """psi2 -> infinity is step -> 0: p becomes the slope of the population robust risk in s, over s,"""
    slope = (diff(half_robust_risk(), S) / S).expand().subs(A, RATIO * S)
    return limit_of(_at_step(attacked_square().residual_slope(epsilon * RATIO, STEP)), STEP, 0, slope)


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_attack_slope])
def population_gradient_multiplier() -> Claim:
    """q that in A, over A,"""
    slope = (diff(half_robust_risk(), A) / A).expand().subs(A, RATIO * S)
    return limit_of(epsilon * _at_step(attacked_square().attack_slope(epsilon * RATIO, STEP)) / RATIO, STEP, 0, slope)


@theorem.step(Symbolic(), uses=[scalar_reduction.scaled_energy])
def population_energy() -> Claim:
    """and beta_s^2 the robust risk itself, whose share of s^2 and A^2 is divided by psi2: no fluctuation is left."""
    value = (2 * half_robust_risk() / S**2).expand().subs(A, RATIO * S)
    return limit_of(_at_step(attacked_square().energy(epsilon * RATIO, STEP)), STEP, 0, value)


def population() -> Loss:
    """E (|s G| + c)^2/2 itself: the envelope at step 0, under which no sample is fitted."""
    mean = folded_normal_mean
    return Loss(
        name="E (|s G| + c)^2/2",
        mean_envelope=lambda s, c, step: (s**2 + 2 * mean * s * c + c**2) / 2,
        program=lambda rho, step: (),
        residual_slope=lambda rho, step: 1 + mean * rho,
        attack_slope=lambda rho, step: mean + rho,
        energy=lambda rho, step: Integer(0),
        training=lambda rho, step: 1 + 2 * mean * rho + rho**2,
    )


@cache
def much_data() -> Model:
    """The robust estimator beside the minimiser of the population robust risk."""
    unlimited = replace(setting.problem, loss=population(), samples=Integer(1))
    parameters = (psi1, epsilon, epsilon_test, noise, signal, ridge, activation)
    start = {name: guess.xreplace({psi2: Integer(1)}) for name, guess in setting.starting_point(ridge).items()}
    minimiser = reduce(unlimited, parameters=parameters, test_radius=epsilon_test, start=start)
    return side_by_side(replace(setting.robust_model(), phases=()), minimiser, "population")


def _apart(observable: str) -> Expr:
    """The square of the relative distance of an observable from the population's."""
    found = much_data().observables[observable]
    limit = population().training(RHO, STEP) * S2 if observable == "robust_training_loss" else found
    names = {symbol: Symbol(f"{symbol}_population", positive=True) for symbol in (S2, A, RHO)}
    return (found / limit.xreplace(names) - 1) ** 2


MUCH_DATA = {
    psi1: (Rational(1, 2), 2),
    psi2: (10**4, 10**8),
    epsilon: (Rational(1, 20), Rational(1, 2)),
    epsilon_test: (0, 1),
    ridge: (0, Rational(1, 10)),
    noise: (Rational(1, 4), 1),
    signal: (Rational(1, 2), 2),
    linear_coefficient: (Rational(1, 4), 1),
    nonlinear_energy: (Rational(1, 10), Rational(1, 2)),
    derivative_energy: (1, 2),
}


@theorem.step(
    Sampled(MUCH_DATA, points=8, roots_of=much_data),
    Sampled({**MUCH_DATA, psi1: (2, 8)}, points=4, roots_of=much_data),
    uses=[population_residual_multiplier, population_gradient_multiplier, population_energy],
)
def risks_of_much_data() -> Claim:
    """Standard risk, robust risk and training loss are the population's but for a multiple of psi1/psi2."""
    observables = ("standard_risk", "robust_risk", "robust_training_loss")
    return at_most(sum(_apart(name) for name in observables), (3 * (1 + psi1) / psi2) ** 2)
