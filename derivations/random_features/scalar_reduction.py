"""From robust regression on Gaussian-equivalent features to four scalars, and to one potential whose derivatives
they are.

With Gaussian-equivalent features mu_1 W x + mu_2 u the residual y - f is N(0, s^2) given theta, and the data term is a
robust regression with an attack of strength eps A. The convex Gaussian min-max theorem replaces the data matrix by two
Gaussian vectors; multipliers p and q of s^2/2 and A^2/2 leave a quadratic in theta, whose minimum is a pair of
resolvent traces; the scales t and beta_s of the square-root trick leave the Moreau step a(p, q). What remains,

    Phi(s, A, p, q) = M(s, eps A; a) - p (s^2 - b^2 - tau^2)/2 - q A^2/2 - p^2 mu_1^2 b^2 T11/2,

is stationary exactly at the fixed point. The objective is strictly convex in theta if eps > 0 or ridge > 0, so the
fixed point that describes its minimiser is unique.
"""

from __future__ import annotations

from sympy import Add, Derivative, Expr, Integer, Poly, Rational, Symbol, diff, erf, solve, sqrt, symbols

from derivations.core import Certified, Cited, Derivation, Sampled, Symbolic
from derivations.ingredients import MeanEnvelopeSlope, attacked_square
from derivations.lemmas import gaussian, marchenko_pastur, minmax, proximal
from derivations.lemmas.proximal import mean_envelope, mean_envelope_dc, mean_envelope_dstep
from derivations.lemmas.trace_functionals import FeatureTrace, InputTrace
from derivations.random_features import ladder
from derivations.random_features.setting import problem
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    A,
    derivative_energy,
    epsilon,
    linear_coefficient,
    noise,
    nonlinear_energy,
    p,
    psi2,
    q,
    ratio,
    s,
    signal,
    step,
)
from derivations.relations import Claim, at_most, below, equal, statement

theorem = Derivation(__name__, title="Reduction of robust regression to a scalar potential", source=HASSANI_JAVANMARD)

theta, sigma, target, kappa, lam, beta = symbols("theta sigma beta_i kappa lam beta_s", positive=True)
first, second = symbols("h_1 mu_2h_2", real=True)
samples = Symbol("n", positive=True)
T11, T12, T22, N01, N02 = symbols("T11 T12 T22 N01 N02", positive=True)
slope_s, slope_c, energy = symbols("M_s M_c energy", positive=True)
rho = Symbol("rho", positive=True)
mu, mu2_squared, nu_squared = linear_coefficient, nonlinear_energy, derivative_energy


def named(expression: Expr, /) -> Expr:
    """Traces and slopes of M as plain letters: an identity in them holds whatever their values are."""
    traces = {(1, 1): T11, (1, 2): T12, (2, 2): T22}
    slopes = {1: slope_s, 2: slope_c, 3: -energy / 2}
    expression = expression.replace(InputTrace, lambda a, b, *_: traces[int(a), int(b)])
    expression = expression.replace(FeatureTrace, lambda b, *_: {1: N01, 2: N02}[int(b)])
    return expression.replace(MeanEnvelopeSlope, lambda i, *_: slopes[int(i)])


def average(expression: Expr, /) -> Expr:
    """The mean of a quadratic in h_1 ~ N(0, 1) and mu_2 h_2 ~ N(0, mu_2^2), independent."""
    moments = {(0, 0): Integer(1), (2, 0): Integer(1), (0, 2): mu2_squared}
    terms = Poly(expression, first, second).terms()
    return Add(*(coefficient * moments.get(powers, Integer(0)) for powers, coefficient in terms))


@theorem.step(Symbolic(), uses=[ladder.data_model])
def residual_variance() -> Claim:
    """Given theta the residual is a sum of independent normals: its variance in one direction x_i, u_i and the noise.

    beta_i - mu_1 (W'theta)_i multiplies x_i and mu_2 theta multiplies u; E x = 0 and E x^2 = 1 term by term.
    """
    mean = average(((target - mu * sigma * theta) * first - theta * second) ** 2)
    return equal(mean, target**2 - 2 * mu * target * sigma * theta + (mu**2 * sigma**2 + mu2_squared) * theta**2)


@theorem.step(
    Cited(
        "Hassani & Javanmard (2024), Theorem 6.9 with section 6.2; the min-max theorem is lemmas.minmax:convex_minmax"
    ),
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


@theorem.step(Symbolic(), uses=[auxiliary_problem])
def quadratic_minimum() -> Claim:
    """With multipliers p, q of s^2/2, A^2/2 theta appears in (kappa sigma^2 + lam) theta^2/2 - v theta on each singular
    direction of W: completing the square."""
    weight, slope = kappa * sigma**2 + lam, target
    value = weight * theta**2 / 2 - slope * theta
    minimiser = solve(diff(value, theta), theta)[0]
    return equal(value.subs(theta, minimiser), -(slope**2) / (2 * weight))


@theorem.step(Symbolic(), uses=[quadratic_minimum, marchenko_pastur.law])
def mean_of_the_square() -> Claim:
    """v = p mu_1 sigma beta_i + beta_s (mu_1 sigma h_1 + mu_2 h_2)/sqrt(n) on a singular direction; E v^2 over h.

    Divided by kappa sigma^2 + lam and summed, the first part is p^2 mu_1^2 b^2 T11 and the second, as d/n = 1/psi2,
    beta_s^2 (mu_1^2 T11 + mu_2^2 T~01)/psi2.
    """
    v = p * mu * sigma * target + beta * (mu * sigma * first + second) / sqrt(samples)
    spread = beta**2 * (mu**2 * sigma**2 + mu2_squared) / samples
    return equal(average(v**2), p**2 * mu**2 * sigma**2 * target**2 + spread)


@theorem.step(Symbolic(), uses=[mean_of_the_square, minmax.stationarity_in_scale, minmax.stationarity_in_size])
def elimination_of_scales() -> Claim:
    """beta_s t/2 + M(t/beta_s) - beta_s^2 a/2 is stationary in beta_s and t only if t/beta_s = a: Euler's identity.

    M(t/beta_s) does not change when t and beta_s grow together, so t d/dt + beta_s d/dbeta_s sees the rest only. The
    value left is M(s, eps A; a), and beta_s^2 = -2 dM/dstep.
    """
    t, a = symbols("t a", positive=True)
    value = beta * t / 2 + mean_envelope(proximal.s, proximal.c, t / beta) - beta**2 * a / 2
    return equal(t * diff(value, t) + beta * diff(value, beta), beta * (t - beta * a))


def _norms() -> tuple[Expr, Expr]:
    """||W'theta||^2 and ||theta||^2 at the minimiser, from the same quadratic with one more resolvent."""
    spread = energy / psi2
    w = p**2 * mu**2 * signal**2 * T22 + spread * (mu**2 * T22 + mu2_squared * T12)
    th = p**2 * mu**2 * signal**2 * T12 + spread * (mu**2 * T12 + mu2_squared * N02)
    return w, th


@theorem.step(Symbolic(), uses=[elimination_of_scales])
def residual_multiplier() -> Claim:
    """dPhi/ds = 0: p is the slope of the mean envelope over s."""
    return equal(named(diff(problem.potential, s)), s * (slope_s / s - p))


@theorem.step(Symbolic(), uses=[elimination_of_scales])
def gradient_multiplier() -> Claim:
    """dPhi/dA = 0: q is eps times the slope in the attack strength over A."""
    return equal(named(diff(problem.potential, A)), A * (epsilon * slope_c / A - q))


@theorem.step(Symbolic(), uses=[elimination_of_scales, marchenko_pastur.third_trace])
def residual_equation() -> Claim:
    """dPhi/dp is half the residual of s^2 = tau^2 + b^2 - 2 p mu_1^2 b^2 T11 + mu_1^2 ||W'theta||^2 + mu_2^2
    ||theta||^2.
    """
    w, th = _norms()
    right = noise**2 + signal**2 - 2 * p * mu**2 * signal**2 * T11 + mu**2 * w + mu2_squared * th
    return equal(named(diff(problem.potential, p)), (right - s**2) / 2)


@theorem.step(Symbolic(), uses=[elimination_of_scales, marchenko_pastur.third_trace])
def gradient_equation() -> Claim:
    """dPhi/dq is half the residual of A^2 = mu_1^2 ||W'theta||^2 + nu^2 ||theta||^2."""
    w, th = _norms()
    return equal(named(diff(problem.potential, q)), (mu**2 * w + nu_squared * th - A**2) / 2)


@theorem.step(Symbolic(), uses=[elimination_of_scales])
def weight_norm() -> Claim:
    """The envelope theorem: Phi is the value of the objective, so 2 dPhi/dridge is ||theta||^2."""
    return equal(named(problem.weight_norm()), _norms()[1])


@theorem.step(Symbolic(), uses=[proximal.slope_in_scale, proximal.homogeneity])
def scaled_residual_slope() -> Claim:
    """p = M_s/s depends on the step and on rho = eps A/s only, in the form that the solver evaluates."""
    slope = Derivative(mean_envelope(s, proximal.c, step), s)
    printed = s * _expanded(attacked_square().residual_slope(proximal.c / s, step), proximal.c / s)
    return equal(printed, slope)


@theorem.step(Symbolic(), uses=[proximal.slope_in_strength, proximal.homogeneity])
def scaled_attack_slope() -> Claim:
    """Likewise M_c/s, the slope in the attack strength."""
    return equal(_expanded(attacked_square().attack_slope(rho, step)), mean_envelope_dc(s, rho * s, step) / s)


@theorem.step(Symbolic(), uses=[proximal.slope_in_step, proximal.homogeneity])
def scaled_energy() -> Claim:
    """beta_s^2/s^2 = -2 M_step/s^2, split at the kink: E[G^2; |G| <= z]/step^2 + E[(|G| + rho)^2; |G| > z]/(1 +
    step)^2.
    """
    return equal(_expanded(attacked_square().energy(rho, step)), -2 * mean_envelope_dstep(s, rho * s, step) / s**2)


@theorem.step(Symbolic(), uses=[proximal.data_term, proximal.homogeneity])
def training_loss() -> Claim:
    """The robust training loss is 2 M - step beta_s^2, whatever the ridge."""
    value = 2 * mean_envelope(s, rho * s, step) + 2 * step * mean_envelope_dstep(s, rho * s, step)
    return equal(_expanded(attacked_square().training(rho, step)), value / s**2)


def _expanded(expression: Expr, strength: Expr = rho) -> Expr:
    """The expression with the names of the loss's program replaced, at attack strength `strength` and the step."""
    for name, definition in reversed(attacked_square().program(strength, step)):
        expression = expression.xreplace({name: definition})
    return expression.rewrite(erf)


C_s, K_s, C_A, K_A = symbols("C_s K_s C_A K_A", positive=True)


@theorem.step(Symbolic(), uses=[residual_equation, gradient_equation, scaled_energy])
def two_unknowns() -> Claim:
    """s^2 = C_s + K_s s^2 and x^2 s^2 = C_A + K_A s^2 in step and x = A/s; eliminating s^2 keeps both sides
    positive.
    """
    scale = C_s / (1 - K_s)
    gap = (1 - K_s) * (ratio**2 * scale - C_A - K_A * scale)
    return equal(gap, ratio**2 * C_s + K_s * C_A - (K_A * C_s + C_A))


@theorem.step(Sampled(digits=20), uses=[proximal.convex_in_scale, proximal.convex_in_strength, proximal.euler])
def joint_convexity() -> Claim:
    """M is convex in (s, c) jointly: positive second derivatives and a nonnegative determinant of the Hessian.

    Phi before the multipliers is therefore convex in the squares' square roots s and A, which are norms of theta.
    """
    m = mean_envelope(proximal.s, proximal.c, proximal.step)
    mixed = diff(m, proximal.s, proximal.c) ** 2
    return at_most(mixed, diff(m, proximal.s, 2) * diff(m, proximal.c, 2))


@theorem.step(
    Certified({rho: (Rational(1, 8), 8), step: (Rational(1, 8), 8)}), uses=[scaled_residual_slope, scaled_attack_slope]
)
def positive_branch() -> Claim:
    """M increases in s and in c, so p > 0 and q > 0: the branch of the fixed point is the positive one."""
    slopes = attacked_square()
    return below(0, _expanded(slopes.residual_slope(rho, step)) * _expanded(slopes.attack_slope(rho, step)))


@theorem.step(
    Cited("Rockafellar & Wets (1998), Variational Analysis, Theorem 2.6 (lemmas.minmax:unique_minimiser)"),
    uses=[joint_convexity, positive_branch, minmax.unique_minimiser, gaussian.risk_identity],
)
def uniqueness() -> Claim:
    """max over delta of a square of an affine function of theta is convex in theta, strictly along directions that
    change a residual or, if eps > 0, a gradient norm; the ridge is strictly convex. A strictly convex function has one
    minimiser.
    """
    return statement("theta is unique if epsilon > 0 or ridge > 0, and with it s, A, p and q")
