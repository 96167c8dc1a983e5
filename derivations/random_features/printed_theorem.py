"""The printed theorem: a minimax problem in five scalars, of which our fixed point is a stationary point.

Hassani & Javanmard (arXiv version 2, Theorem 4.2; centred relu, b = 1, no ridge) state the limit as max over beta,
gamma, tau_q >= 0, min over alpha, tau_g >= 0 of a function R with an inner supremum over 0 <= l < 1 and a root nu. With
the population-optimal standard risk sigma^2 and our s, A, p, q, step and beta_s, the map

    alpha = sqrt(s^2 - sigma^2), beta = beta_s/sqrt(psi2), tau_g = step beta_s/sqrt(psi2), nu = step eps A/s,
    gamma = q A, tau_q = p alpha, l = p/(p + q)

sends the fixed point to a point at which nu solves its equation, all derivatives of R vanish, R = TL/2, and the printed
robust risk is ours, also at a test radius that differs from the training radius.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from sympy import Expr, Integer, Rational, S, Symbol, diff, erf, exp, pi, sqrt, symbols

from derivations.core import Derivation, Model, Sampled
from derivations.evidence import Box
from derivations.ingredients import Activation, Attack, Target, attacked_square, white_layer
from derivations.lemmas import marchenko_pastur
from derivations.random_features import elimination, scalar_reduction, setting
from derivations.random_features.phases import NAMES
from derivations.random_features.setting import starting_point
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    A,
    derivative_energy,
    epsilon,
    epsilon_test,
    linear_coefficient,
    noise,
    nonlinear_energy,
    p,
    psi1,
    psi2,
    q,
    ridge,
    s,
    signal,
    step,
)
from derivations.reduction import ENERGY, S2, reduce
from derivations.relations import Claim, below, equal
from derivations.scalar_problem import ScalarProblem
from derivations.symbols import folded_normal_mean

theorem = Derivation(
    __name__, title="Our fixed point is a stationary point of the printed minimax theorem", source=HASSANI_JAVANMARD
)

alpha, beta, gamma, tau_q, tau_g, level = symbols("alpha beta gamma tau_q tau_g l", positive=True)
nu = Symbol("nu", positive=True)

DOMAIN: Box = {
    psi1: (Rational(1, 2), 6),
    psi2: (Rational(1, 2), 4),
    epsilon: (Rational(1, 10), Rational(1, 2)),
    epsilon_test: (0, 1),
    noise: (Rational(1, 4), 1),
}
"""Parameters below the collapse, on both sides of psi1 = psi2."""

problem = ScalarProblem(
    loss=attacked_square(),
    activation=Activation(Rational(1, 2), Rational(1, 4) - 1 / (2 * pi), Rational(1, 4)),
    first_layer=white_layer(psi1),
    attack=Attack(epsilon),
    target=Target(Integer(1), noise),
    samples=psi2,
    ridge=Integer(0),
)


@theorem.solvable
def model() -> Model:
    """Our fixed point in the setting of the printed theorem."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon, epsilon_test, noise),
        test_radius=epsilon_test,
        start=starting_point(Integer(0)),
    )


def stieltjes(z: Expr, /) -> Expr:
    """lim (1/N) tr (z - W W')^(-1) for z < 0: minus our N-dimensional trace at omega = -z, over psi1."""
    omega = -z
    g = marchenko_pastur.resolvent(omega).subs(marchenko_pastur.psi1, psi1)
    return -(g + (psi1 - 1) / omega) / psi1


def best_risk() -> Expr:
    """sigma^2, the least standard risk of any theta when the population is known."""
    return noise**2 + 1 - psi1 * (1 + (1 - 2 / pi) * stieltjes(2 / pi - 1))


def threshold() -> Expr:
    """x = gamma (tau_g + beta)/(eps beta sqrt(alpha^2 + sigma^2))."""
    return gamma * (tau_g + beta) / (epsilon * beta * sqrt(alpha**2 + best_risk()))


def root_equation() -> Expr:
    """What nu makes zero."""
    return threshold() - beta / tau_g * nu - nu * erf(nu / sqrt(2)) - folded_normal_mean * exp(-(nu**2) / 2)


def spectral_part() -> Expr:
    """What the supremum over l is taken of."""
    ratio = tau_q**2 / alpha**2
    curvature = (ratio * (1 - 2 * level / pi) + 2 / pi * (1 - level) * beta**2) * stieltjes(2 * level / pi - 1)
    return level * psi1 / 2 * (ratio + beta**2 + curvature) - level * gamma**2 / (2 * (1 - level))


def printed_objective() -> Expr:
    """R, on the branch x > sqrt(2/pi) that a fixed point with A > 0 lies on."""
    sigma2 = best_risk()
    data = beta * tau_g * psi2 / 2 + beta * (sigma2 + alpha**2) / (2 * (tau_g + beta))
    kink = beta**2 * (alpha**2 + sigma2) / (2 * tau_g * (tau_g + beta)) * (erf(nu / sqrt(2)) - threshold() * nu)
    scale = tau_q * (noise**2 + 1 - sigma2) / (2 * alpha) - alpha * tau_q / 2
    return scale + data + kink - alpha / tau_q * spectral_part()


def at_fixed_point(expression: Expr, /) -> Expr:
    """The expression under the map from our fixed point."""
    beta_s = sqrt(ENERGY * S2)
    images = {
        beta: beta_s / sqrt(psi2),
        tau_g: step * beta_s / sqrt(psi2),
        nu: step * epsilon * A / s,
        gamma: q * A,
        tau_q: p * sqrt(S2 - best_risk()),
        level: p / (p + q),
        alpha: sqrt(S2 - best_risk()),
    }
    return expression.xreplace(images)


def slope(variable: Symbol, /) -> Expr:
    """The total derivative of R, nu moving so that its equation stays true."""
    equation, objective = root_equation(), printed_objective()
    implicit = -diff(equation, variable) / diff(equation, nu)
    return diff(objective, variable) + diff(objective, nu) * implicit


def _vanishes(expression: Expr) -> Claim:
    return equal(at_fixed_point(expression), 0)


on_fixed_points = Sampled(DOMAIN, digits=40, points=5, roots_of=lambda: theorem.model)


@theorem.step(Sampled(DOMAIN, digits=40), uses=[marchenko_pastur.first_trace], source="Theorem 4.2", printed=True)
def population_optimum() -> Claim:
    """sigma^2 is the risk of the best theta, tau^2 + b^2 - mu_1^2 b^2 T11 at kappa = mu_1^2, lam = mu_2^2: ridge
    regression on the population, where 1 - mu_1^2 T11 = omega g at omega = mu_2^2/mu_1^2 = 1 - 2/pi.
    """
    omega = problem.activation.nonlinear / problem.activation.linear**2
    g = marchenko_pastur.resolvent(omega).subs(marchenko_pastur.psi1, psi1)
    return equal(best_risk(), noise**2 + omega * g)


MUCH_DATA = {**DOMAIN, psi2: (1000, 10000), epsilon: (Rational(1, 200), Rational(1, 100))}
"""Where the optimum is nearly reached."""


@theorem.step(
    replace(on_fixed_points, points=40),
    replace(on_fixed_points, domain=MUCH_DATA, points=40),
    uses=[population_optimum],
)
def nothing_beats_the_optimum() -> Claim:
    """The robust estimator's standard risk is at least sigma^2, so alpha is real."""
    return below(best_risk(), S2)


@theorem.step(on_fixed_points, uses=[scalar_reduction.gradient_multiplier], source="Theorem 4.2", printed=True)
def root() -> Claim:
    """nu = step eps A/s, the kink of the proximal operator over s, solves the printed equation."""
    return _vanishes(root_equation())


@theorem.step(replace(on_fixed_points, points=20), uses=[root])
def branch() -> Claim:
    """A fixed point with A > 0 lies on the branch x > sqrt(2/pi) of the printed case distinction."""
    return below(folded_normal_mean, at_fixed_point(threshold()))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.residual_equation], source="Theorem 4.2", printed=True)
def stationary_in_level() -> Claim:
    """The inner supremum is attained at l = p/(p + q)."""
    return _vanishes(diff(spectral_part(), level))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.residual_equation], source="Theorem 4.2", printed=True)
def stationary_in_alpha() -> Claim:
    """dR/dalpha = 0, alpha^2 = s^2 - sigma^2 being the excess risk."""
    return _vanishes(slope(alpha))


@theorem.step(on_fixed_points, uses=[root, elimination.value_left], source="Theorem 4.2", printed=True)
def stationary_in_beta() -> Claim:
    """dR/dbeta = 0."""
    return _vanishes(slope(beta))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.gradient_equation], source="Theorem 4.2", printed=True)
def stationary_in_gamma() -> Claim:
    """dR/dgamma = 0, gamma = q A being the multiplier of the gradient norm."""
    return _vanishes(slope(gamma))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.residual_multiplier], source="Theorem 4.2", printed=True)
def stationary_in_tau_q() -> Claim:
    """dR/dtau_q = 0."""
    return _vanishes(slope(tau_q))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.scaled_energy], source="Theorem 4.2", printed=True)
def stationary_in_tau_g() -> Claim:
    """dR/dtau_g = 0."""
    return _vanishes(slope(tau_g))


@theorem.step(on_fixed_points, uses=[root, scalar_reduction.training_loss], source="Theorem 4.2", printed=True)
def value() -> Claim:
    """R at the saddle is half the robust training loss."""
    return equal(at_fixed_point(printed_objective()), theorem.model.observables["robust_training_loss"] / 2)


@theorem.step(on_fixed_points, uses=[root], source="Theorem 4.2", printed=True)
def robust_risk() -> Claim:
    """The printed robust risk at a test radius: a = eps_test beta nu/(eps tau_g) is eps_test A/s under the map."""
    a = epsilon_test * beta * nu / (epsilon * tau_g)
    printed = (1 + a**2 + 2 * folded_normal_mean * a) * (alpha**2 + best_risk())
    return equal(at_fixed_point(printed), theorem.model.observables["robust_risk"])


RELU = {
    signal: problem.target.signal,
    ridge: problem.ridge,
    linear_coefficient: problem.activation.linear,
    nonlinear_energy: problem.activation.nonlinear,
    derivative_energy: problem.activation.derivative,
}


def in_general_names(expression: Expr, /) -> Expr:
    """An expression of the robust risk's model at the constants of the printed theorem, its names marked."""
    names = {symbol: Symbol(f"{symbol}_general", positive=True) for symbol, _ in setting.robust_model().program}
    return expression.xreplace(names).xreplace(RELU)


@cache
def with_the_general_program() -> Model:
    """Our fixed point, at which the program of the robust risk's model is evaluated too."""
    ours, general = model(), setting.robust_model().program
    added = tuple((Symbol(f"{symbol}_general", positive=True), in_general_names(value)) for symbol, value in general)
    return replace(ours, program=(*ours.program, *added))


@theorem.step(replace(on_fixed_points, points=3, roots_of=with_the_general_program), uses=[value, robust_risk])
def same_observables() -> Claim:
    """At our fixed point the robust risk's model has the same observables; each gets a weight of its own."""
    weights = {name: Symbol(f"weight_{name}", positive=True) for name in NAMES}
    theirs = setting.robust_model().observables
    ours = sum((weight * theorem.model.observables[name] for name, weight in weights.items()), S.Zero)
    return equal(ours, sum((weight * in_general_names(theirs[name]) for name, weight in weights.items()), S.Zero))
