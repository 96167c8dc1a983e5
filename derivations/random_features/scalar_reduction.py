"""The fixed point: four equations that are the derivatives of one potential, and how they are solved.

Phi(s, A, p, q) = M(s, eps A; a) - p (s^2 - b^2 - tau^2)/2 - q A^2/2 - p^2 mu_1^2 b^2 T11/2, which
random_features.elimination derives, is stationary where p and q are slopes of the mean envelope M, s^2 is the
residual variance and A^2 the squared gradient
norm at the minimiser. M is homogeneous of degree 2 in (s, eps A), so two unknowns are left once the scale is divided
out. The objective is strictly convex in theta if eps > 0 or ridge > 0.
"""

from __future__ import annotations

from sympy import Derivative, Expr, Rational, Symbol, diff, erf, symbols

from derivations.core import Assumed, Certified, Cited, Derivation, Sampled, Symbolic
from derivations.ingredients import attacked_square
from derivations.lemmas import gaussian, marchenko_pastur, minmax, proximal
from derivations.lemmas.proximal import mean_envelope, mean_envelope_dc, mean_envelope_dstep
from derivations.random_features.elimination import (
    beta,
    energy,
    mu,
    mu2_squared,
    named,
    nu_squared,
    overlap,
    potential,
    pulled_energy,
    slope_c,
    slope_s,
    weight_energy,
)
from derivations.random_features.setting import problem
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    A,
    epsilon,
    noise,
    p,
    psi2,
    q,
    ratio,
    s,
    signal,
    step,
)
from derivations.relations import Claim, at_most, below, equal, statement

theorem = Derivation(__name__, title="The fixed point of one potential, in two unknowns", source=HASSANI_JAVANMARD)

rho = Symbol("rho", positive=True)


def _norms() -> tuple[Expr, Expr]:
    """||W'theta||^2 and ||theta||^2 at the minimiser of the quadratic, beta_s^2 as the energy."""
    squared = {beta**2: energy}
    return pulled_energy().subs(squared), weight_energy().subs(squared)


@theorem.step(Symbolic(), uses=[potential])
def residual_multiplier() -> Claim:
    """dPhi/ds = 0: p is the slope of the mean envelope over s."""
    return equal(named(diff(problem.potential, s)), s * (slope_s / s - p))


@theorem.step(Symbolic(), uses=[potential])
def gradient_multiplier() -> Claim:
    """dPhi/dA = 0: q is eps times the slope in the attack strength over A."""
    return equal(named(diff(problem.potential, A)), A * (epsilon * slope_c / A - q))


@theorem.step(Symbolic(), uses=[potential, marchenko_pastur.third_trace])
def residual_equation() -> Claim:
    """dPhi/dp is half the residual of s^2 = tau^2 + b^2 - 2 mu_1 <beta, W'theta> + mu_1^2 ||W'theta||^2 + mu_2^2
    ||theta||^2 at the minimiser.
    """
    w, th = _norms()
    right = noise**2 + signal**2 - 2 * mu * overlap() + mu**2 * w + mu2_squared * th
    return equal(named(diff(problem.potential, p)), (right - s**2) / 2)


@theorem.step(Symbolic(), uses=[potential, marchenko_pastur.third_trace])
def gradient_equation() -> Claim:
    """dPhi/dq is half the residual of A^2 = mu_1^2 ||W'theta||^2 + nu^2 ||theta||^2."""
    w, th = _norms()
    return equal(named(diff(problem.potential, q)), (mu**2 * w + nu_squared * th - A**2) / 2)


@theorem.step(Symbolic(), uses=[potential])
def weight_norm() -> Claim:
    """The envelope theorem: Phi is the value of the objective, so 2 dPhi/dridge is ||theta||^2."""
    return equal(psi2 * named(problem.weight_norm()), (psi2 * _norms()[1]).expand())


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


@theorem.step(
    Sampled(digits=20, points=120), uses=[proximal.convex_in_scale, proximal.convex_in_strength, proximal.euler]
)
def joint_convexity() -> Claim:
    """M is convex in (s, c) jointly: positive second derivatives and a nonnegative determinant of the Hessian.

    Phi before the multipliers is therefore convex in the squares' square roots s and A, which are norms of theta.
    """
    m = mean_envelope(proximal.s, proximal.c, proximal.step)
    mixed = diff(m, proximal.s, proximal.c) ** 2
    return at_most(mixed, diff(m, proximal.s, 2) * diff(m, proximal.c, 2))


@theorem.step(Certified({rho: (Rational(1, 8), 8), step: (Rational(1, 8), 8)}), uses=[scaled_residual_slope])
def positive_residual_multiplier() -> Claim:
    """M increases in s, so p > 0: the branch of the fixed point is the positive one."""
    return below(0, _expanded(attacked_square().residual_slope(rho, step)))


@theorem.step(Certified({rho: (Rational(1, 8), 8), step: (Rational(1, 8), 8)}), uses=[scaled_attack_slope])
def positive_gradient_multiplier() -> Claim:
    """M increases in the attack strength, so q > 0."""
    return below(0, _expanded(attacked_square().attack_slope(rho, step)))


@theorem.step(
    Cited("Rockafellar & Wets (1998), Variational Analysis, Theorem 2.6 (lemmas.minmax:unique_minimiser)"),
    uses=[joint_convexity, minmax.unique_minimiser, gaussian.risk_identity],
)
def unique_weights() -> Claim:
    """max over delta of a square of an affine function of theta is convex in theta, strictly along directions that
    change a residual or, if eps > 0, a gradient norm (every direction if nu > 0 or N <= d); the ridge is strictly
    convex. A strictly convex function has one minimiser.
    """
    return statement("the trained theta is unique if ridge > 0, or if epsilon > 0 and mu_1^2 W W' + nu^2 is regular")


@theorem.step(Assumed(), uses=[unique_weights, positive_residual_multiplier, positive_gradient_multiplier])
def convergence() -> Claim:
    """The minimiser's s and A have limits, which solve the equations with p, q > 0. At most one positive root exists
    (random_features.uniqueness), so that this root is the one that is found.
    """
    return statement("below the collapse the limits of s and A are a root of the four equations with s, A, p, q > 0")
