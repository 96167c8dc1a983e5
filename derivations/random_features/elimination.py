"""From robust regression on Gaussian-equivalent features to one potential in four scalars.

With features mu_1 W x + mu_2 u the residual y - f is N(0, s^2) given theta, and the data term is a robust regression
with an attack of strength eps A. The convex Gaussian min-max theorem replaces the data matrix by two Gaussian vectors.
Multipliers p and q of s^2/2 and A^2/2 leave a quadratic in theta on each singular direction sigma of W, whose minimum
is a pair of resolvent traces; eliminating the scales t and beta_s leaves the Moreau step a(p, q). What remains is

    Phi(s, A, p, q) = M(s, eps A; a) - p (s^2 - b^2 - tau^2)/2 - q A^2/2 - p^2 mu_1^2 b^2 T11/2.
"""

from __future__ import annotations

from sympy import Add, Expr, Integer, Poly, Symbol, diff, solve, sqrt, symbols

from derivations.core import Cited, Derivation, Symbolic
from derivations.ingredients import MeanEnvelope, MeanEnvelopeSlope
from derivations.lemmas import marchenko_pastur, minmax, proximal
from derivations.lemmas.proximal import mean_envelope
from derivations.lemmas.trace_functionals import FeatureTrace, InputTrace
from derivations.random_features import ladder
from derivations.random_features.setting import problem
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    A,
    derivative_energy,
    linear_coefficient,
    noise,
    nonlinear_energy,
    p,
    psi2,
    q,
    ridge,
    s,
    signal,
)
from derivations.relations import Claim, equal, statement

theorem = Derivation(__name__, title="Elimination of the weights: one scalar potential", source=HASSANI_JAVANMARD)

theta, x, target, kappa, lam, beta = symbols("theta x beta_i kappa lam beta_s", positive=True)
"""A singular direction of W: the weight theta on it, x = sigma^2, and the target's component beta_i."""
resolvent = Symbol("r", positive=True)
"""1/(kappa x + lam)."""
first, second = symbols("h_1 mu_2h_2", real=True)
samples = Symbol("n", positive=True)
T11, T12, T22, N01, N02 = symbols("T11 T12 T22 N01 N02", positive=True)
slope_s, slope_c, energy, envelope = symbols("M_s M_c energy M", positive=True)
mu, mu2_squared, nu_squared = linear_coefficient, nonlinear_energy, derivative_energy
TRACES = {(1, 1): T11, (1, 2): T12, (2, 2): T22, (0, 1): N01, (0, 2): N02}
"""(power of x, power of the resolvent) -> its trace over d; on the N-dimensional side without a power of x."""


def named(expression: Expr, /) -> Expr:
    """Traces, M and its slopes as plain letters: an identity in them holds whatever their values are."""
    slopes = {1: slope_s, 2: slope_c, 3: -energy / 2}
    expression = expression.replace(InputTrace, lambda a, b, *_: TRACES[int(a), int(b)])
    expression = expression.replace(FeatureTrace, lambda b, *_: TRACES[0, int(b)])
    expression = expression.replace(MeanEnvelopeSlope, lambda i, *_: slopes[int(i)])
    return expression.replace(MeanEnvelope, lambda *_: envelope)


def average(expression: Expr, /) -> Expr:
    """The mean of a quadratic in h_1 ~ N(0, 1) and mu_2 h_2 ~ N(0, mu_2^2), independent."""
    moments = {(0, 0): Integer(1), (2, 0): Integer(1), (0, 2): mu2_squared}
    terms = Poly(expression, first, second).terms()
    return Add(*(coefficient * moments.get(powers, Integer(0)) for powers, coefficient in terms))


def summed(expression: Expr, /) -> Expr:
    """The sum over all singular directions of a polynomial in x, the resolvent, beta_i^2 and 1/n.

    beta is in general position: sum beta_i^2 f(x_i) -> b^2 (1/d) tr f; and (1/n) sum f -> (1/psi2) (1/d) tr f, over the
    N-dimensional side where f has no power of x.
    """
    inverse = Symbol("1/n", positive=True)
    polynomial = Poly(expression.expand().subs(samples, 1 / inverse), x, resolvent, target, inverse)
    factors = {(2, 0): signal**2, (0, 1): 1 / psi2}
    return Add(*(c * factors[t, k] * TRACES[a, b] for (a, b, t, k), c in polynomial.terms()))


def slope() -> Expr:
    """v, what multiplies -theta: from the multiplier of s^2/2, and from the Gaussian vector h."""
    return p * mu * sqrt(x) * target + beta * (mu * sqrt(x) * first + second) / sqrt(samples)


def weight_energy() -> Expr:
    """||theta||^2 at the minimiser theta = v r."""
    return summed(average(slope() ** 2) * resolvent**2)


def pulled_energy() -> Expr:
    """||W'theta||^2 at the minimiser."""
    return summed(average(slope() ** 2) * x * resolvent**2)


def overlap() -> Expr:
    """<beta, W'theta> at the minimiser."""
    return summed(target * sqrt(x) * average(slope()) * resolvent)


@theorem.step(Symbolic(), uses=[ladder.data_model])
def residual_variance() -> Claim:
    """Given theta the residual is a sum of independent normals: its variance in one direction x_i, u_i and the noise.

    beta_i - mu_1 (W'theta)_i multiplies x_i and mu_2 theta multiplies u; E x = 0 and E x^2 = 1 term by term.
    """
    mean = average(((target - mu * sqrt(x) * theta) * first - theta * second) ** 2)
    return equal(mean, target**2 - 2 * mu * target * sqrt(x) * theta + (mu**2 * x + mu2_squared) * theta**2)


@theorem.step(
    Cited("Hassani & Javanmard (2024), section 6.2; the min-max theorem is lemmas.minmax:convex_minmax"),
    uses=[
        ladder.proportional_limit,
        residual_variance,
        ladder.gaussian_equivalence,
        minmax.convex_minmax,
        minmax.convexity_lemma,
        proximal.gaussian_average,
    ],
)
def auxiliary_problem() -> Claim:
    """The data matrix becomes two Gaussian vectors g and h; g is averaged into the mean envelope M."""
    return statement(
        "min over theta, t max over beta_s of beta_s t/2 + M(s, eps A; t/beta_s) + "
        "beta_s <h, (beta - mu_1 W'theta, -mu_2 theta, tau)>/sqrt(n) + (ridge/2)||theta||^2"
    )


@theorem.step(Symbolic(), uses=[auxiliary_problem, residual_variance])
def quadratic_in_the_weights() -> Claim:
    """With multipliers p, q of s^2/2, A^2/2 the terms in theta on a singular direction: kappa and lam are read off."""
    variance = (target - mu * sqrt(x) * theta) ** 2 + mu2_squared * theta**2
    gradient = (mu**2 * x + nu_squared) * theta**2
    weight = problem.kappa * x + problem.lam
    collected = weight * theta**2 / 2 - p * mu * sqrt(x) * target * theta + p * target**2 / 2
    return equal((p * variance + q * gradient + ridge * theta**2) / 2, collected)


@theorem.step(Symbolic(), uses=[quadratic_in_the_weights])
def quadratic_minimum() -> Claim:
    """With h's part the linear term is -v theta: completing the square, the minimiser is theta = v/(kappa x + lam)."""
    weight, v = kappa * x + lam, Symbol("v", positive=True)
    value = weight * theta**2 / 2 - v * theta
    minimiser = solve(diff(value, theta), theta)[0]
    return equal(value.subs(theta, minimiser), -(v**2) / (2 * weight))


@theorem.step(Symbolic(), uses=[quadratic_minimum])
def mean_of_the_square() -> Claim:
    """E v^2 over h on a singular direction."""
    spread = beta**2 * (mu**2 * x + mu2_squared) / samples
    return equal(average(slope() ** 2), p**2 * mu**2 * x * target**2 + spread)


@theorem.step(Symbolic(), uses=[mean_of_the_square, marchenko_pastur.law])
def value_of_the_quadratic() -> Claim:
    """Summed over the singular directions, sum v^2/(kappa x + lam) -> p^2 mu_1^2 b^2 T11 + beta_s^2 a(p, q)."""
    shrinkage = p**2 * mu**2 * signal**2 * T11
    return equal(summed(average(slope() ** 2) * resolvent), shrinkage + beta**2 * named(problem.step_size))


@theorem.step(Symbolic(), uses=[value_of_the_quadratic, minmax.stationarity_in_scale, minmax.stationarity_in_size])
def elimination_of_scales() -> Claim:
    """beta_s t/2 + M(t/beta_s) - beta_s^2 a/2 is stationary in beta_s and t only if t/beta_s = a: Euler's identity.

    M(t/beta_s) does not change when t and beta_s grow together, so t d/dt + beta_s d/dbeta_s sees the rest only.
    """
    t, a = symbols("t a", positive=True)
    value = beta * t / 2 + mean_envelope(proximal.s, proximal.c, t / beta) - beta**2 * a / 2
    return equal(t * diff(value, t) + beta * diff(value, beta), beta * (t - beta * a))


@theorem.step(Symbolic(), uses=[elimination_of_scales])
def value_left() -> Claim:
    """The three terms are M(t/beta_s) and beta_s (t - beta_s a)/2: at t = beta_s a they leave M(s, eps A; a).

    beta_s^2 = -2 dM/dstep there, by stationarity in t.
    """
    t, a = symbols("t a", positive=True)
    value = beta * t / 2 + mean_envelope(proximal.s, proximal.c, t / beta) - beta**2 * a / 2
    return equal(value, mean_envelope(proximal.s, proximal.c, t / beta) + beta * (t - beta * a) / 2)


@theorem.step(Symbolic(), uses=[value_left, value_of_the_quadratic, quadratic_in_the_weights])
def potential() -> Claim:
    """What is left: M, the multipliers' constants p (b^2 + tau^2 - s^2)/2 - q A^2/2, half of the signal's square."""
    constants = p * (signal**2 + noise**2 - s**2) / 2 - q * A**2 / 2
    shrinkage = summed((average(slope() ** 2) * resolvent).subs(beta, 0))
    return equal(named(problem.potential), envelope + constants - shrinkage / 2)
