r"""The fixed point has at most one positive root, whatever the parameters, as long as there is an attack.

A positive root (s, A, p, q) with its step a and beta_s gives a weight theta_i = v_i/(kappa_i x + lam_i) on each
singular direction, and, for a standard normal G, a fit r = prox(s G), a slope y = (s G - r)/a and an attacked size
u = |r| + c, c = eps A. Let 1 and 2 be two roots, and write S12, A12, N12, Y12 for the mixed sums whose diagonals are
s^2, A^2, ||theta||^2 and beta_s^2. The equations of both roots, each multiplied by the difference of the roots, add up
to

    (p1 + p2) (s1 s2 - S12) + (q1 + q2) (A1 A2 - A12) + (a1 + a2) (b1 b2 - Y12) + ridge ||theta_1 - theta_2||^2
      + E (u1 - u2)^2 + E [(y1 - y2) (r1 - r2) - (u1 - u2) (|r1| - |r2|)] = 0,

in which no term is negative: three gaps of the Cauchy-Schwarz inequality, two squares, and a monotone slope. So u1 = u2
for every G. A size known as a function of G gives c at G = 0, then the step and s from its slope beyond the kink: the
two roots are one. This is the monotonicity of the gradient of a convex problem, in the scalars of the limit; it needs
epsilon > 0, and nothing of psi1, psi2, the noise, the signal, the ridge, the activation or the law of W.
"""

from __future__ import annotations

from sympy import Abs, Expr, Integer, Rational, diff, sqrt, symbols

from derivations.core import CertifiedRoots, Derivation, Level, Sampled, Symbolic
from derivations.lemmas import minmax, proximal
from derivations.lemmas.proximal import (
    OUTER_PROX,
    G,
    c,
    mean_envelope_dc,
    mean_envelope_ds,
    proximal_operator,
    s,
    step,
    x,
)
from derivations.random_features import collapse, elimination, scalar_reduction
from derivations.random_features.elimination import average, beta, first, named, resolvent, samples, second, summed
from derivations.random_features.setting import problem, robust_model
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    derivative_energy,
    epsilon,
    linear_coefficient,
    nonlinear_energy,
    p,
    psi1,
    psi2,
    q,
    ratio,
    ridge,
)
from derivations.random_features.symbols import step as scaled_step
from derivations.relations import Claim, at_most, equal, statement

theorem = Derivation(__name__, title="The positive root of the fixed point is unique", source=HASSANI_JAVANMARD)

p1, p2, q1, q2, s1, s2, A1, A2, a1, a2, b1, b2, t1, t2 = symbols(
    "p_1 p_2 q_1 q_2 s_1 s_2 A_1 A_2 a_1 a_2 b_1 b_2 t_1 t_2", positive=True
)
"""Two roots: multipliers, scales, steps a, beta_s as b, and t = a b, the mean of h against theta."""
S12, A12, N11, N12, N22, Y12 = symbols("S_12 A_12 N_11 N_12 N_22 Y_12", real=True)
theta1, theta2 = symbols("theta_1 theta_2", real=True)
c1, c2 = symbols("c_1 c_2", positive=True)
r1, r2, y1, y2 = symbols("r_1 r_2 y_1 y_2", real=True)

noise_slope = (linear_coefficient * sqrt(elimination.x) * first + second) / sqrt(samples)
"""What multiplies beta_s theta on a singular direction: the Gaussian vector h over sqrt(n)."""


def _residual_sum(left: Expr, right: Expr) -> Expr:
    """A singular direction's part of S12, less the noise, at two weights."""
    missed = [elimination.target - linear_coefficient * sqrt(elimination.x) * weight for weight in (left, right)]
    return missed[0] * missed[1] + nonlinear_energy * left * right


def _gradient_sum(left: Expr, right: Expr) -> Expr:
    """A singular direction's part of A12."""
    return (linear_coefficient**2 * elimination.x + derivative_energy) * left * right


@theorem.step(Symbolic(), uses=[elimination.quadratic_in_the_weights, elimination.quadratic_minimum])
def weights_against_the_other_root() -> Claim:
    """On each direction theta_1 solves (kappa_1 x + lam_1) theta_1 = v_1, so the right side is 0: summed over the
    directions, p1 (S12 - S11) + q1 (A12 - A11) + ridge (N12 - N11) = b1 (t2 - t1).
    """
    one = {p: p1, q: q1, beta: b1}
    residual = p1 * (_residual_sum(theta1, theta2) - _residual_sum(theta1, theta1))
    gradient = q1 * (_gradient_sum(theta1, theta2) - _gradient_sum(theta1, theta1))
    rest = ridge * theta1 * (theta2 - theta1) - b1 * noise_slope * (theta2 - theta1)
    weight = (problem.kappa * elimination.x + problem.lam).subs(one)
    return equal(residual + gradient + rest, (weight * theta1 - elimination.slope().subs(one)) * (theta2 - theta1))


@theorem.step(Symbolic(), uses=[elimination.quadratic_minimum, elimination.value_of_the_quadratic])
def noise_against_the_weights() -> Claim:
    """The mean of h against theta = v/(kappa x + lam) is t = a beta_s, a the step of the fixed point."""
    return equal(summed(average(noise_slope * elimination.slope()) * resolvent), beta * named(problem.step_size))


def _weight_equation(p_i: Expr, q_i: Expr, b_i: Expr, own: tuple[Expr, ...], other: Expr) -> Expr:
    """The sum of `weights_against_the_other_root`, which vanishes at a root: own = (s, A, N, t), other = t there."""
    scale, norm, weight, size = own
    left = p_i * (S12 - scale**2) + q_i * (A12 - norm**2) + ridge * (N12 - weight)
    return left - b_i * (other - size)


def _monotone_gap() -> Expr:
    """The difference of the potential's slopes against that of the roots: p s, q A and -beta_s against s, A and t."""
    return (p1 * s1 - p2 * s2) * (s1 - s2) + (q1 * A1 - q2 * A2) * (A1 - A2) - (b1 - b2) * (t1 - t2)


WEIGHT_GAPS = (p1 + p2) * (s1 * s2 - S12) + (q1 + q2) * (A1 * A2 - A12) + ridge * (N11 - 2 * N12 + N22)
"""Cauchy-Schwarz for residuals and for gradients, and ridge ||theta_1 - theta_2||^2: none is negative."""


@theorem.step(
    Symbolic(),
    uses=[
        weights_against_the_other_root,
        noise_against_the_weights,
        scalar_reduction.residual_equation,
        scalar_reduction.gradient_equation,
        minmax.norm_as_maximum,
    ],
)
def side_of_the_weights() -> Claim:
    """At roots S11 = s1^2 and A11 = A1^2, and both equations vanish: the monotone gap is minus the gaps, at most 0."""
    one = _weight_equation(p1, q1, b1, (s1, A1, N11, t1), t2)
    two = _weight_equation(p2, q2, b2, (s2, A2, N22, t2), t1)
    return equal(_monotone_gap(), -WEIGHT_GAPS - one - two)


@theorem.step(Symbolic(), uses=[proximal.stationarity, scalar_reduction.residual_multiplier])
def mean_slope() -> Claim:
    """E [G y] = M_s = p s: the slope of the envelope is y, on both sides of the kink."""
    return equal(proximal.average(x * (x - OUTER_PROX) / (s * step), x**2 / (s * step)), mean_envelope_ds(s, c, step))


@theorem.step(Symbolic(), uses=[proximal.stationarity, scalar_reduction.gradient_multiplier])
def mean_size() -> Claim:
    """E u = M_c, and eps M_c = q A."""
    return equal(proximal.average(OUTER_PROX + c, c), mean_envelope_dc(s, c, step))


u1, u2 = Abs(r1) + c1, Abs(r2) + c2


@theorem.step(Symbolic(), uses=[mean_slope, mean_size])
def data_at_one_point() -> Claim:
    """With s G = r + a y at both roots: a square, a part in the steps, and the monotone part of the slopes."""
    moved = (y1 - y2) * ((r1 + a1 * y1) - (r2 + a2 * y2)) + (u1 - u2) * (c1 - c2)
    monotone = (y1 - y2) * (r1 - r2) - (u1 - u2) * (Abs(r1) - Abs(r2))
    return equal(moved, (u1 - u2) ** 2 + (y1 - y2) * (a1 * y1 - a2 * y2) + monotone)


@theorem.step(Symbolic(), uses=[data_at_one_point, proximal.proximal_distance, noise_against_the_weights])
def part_in_the_steps() -> Claim:
    """E y^2 = beta_s^2 = -2 M_step and t = a beta_s: less the part in t, Cauchy-Schwarz for the slopes is left."""
    mean = a1 * b1**2 + a2 * b2**2 - (a1 + a2) * Y12
    return equal(mean - (b1 - b2) * (a1 * b1 - a2 * b2), (a1 + a2) * (b1 * b2 - Y12))


@theorem.step(Sampled(domain={x: (-6, 6)}), uses=[proximal.stationarity])
def slope_along_the_fit() -> Claim:
    """y r = u |r|: beyond the kink the slope is the size with the sign of r, elsewhere r = 0."""
    fit = proximal_operator(x, c, step)
    return equal((x - fit) / step * fit, (Abs(fit) + c) * Abs(fit))


@theorem.step(Sampled(domain={x: (-6, 6)}), uses=[proximal.stationarity])
def slope_below_the_size() -> Claim:
    """|y| <= u: where r = 0 the slope x/a has not reached c."""
    fit = proximal_operator(x, c, step)
    return at_most(Abs(x - fit) / step, Abs(fit) + c)


@theorem.step(Symbolic(), uses=[slope_along_the_fit, slope_below_the_size])
def monotone_slopes() -> Claim:
    """With y r = u |r| the last line is 0, and |y| <= u makes the two others nonnegative."""
    monotone = (y1 - y2) * (r1 - r2) - (u1 - u2) * (Abs(r1) - Abs(r2))
    crossed = (u1 * Abs(r2) - y1 * r2) + (u2 * Abs(r1) - y2 * r1)
    return equal(monotone, crossed + (y1 * r1 - u1 * Abs(r1)) + (y2 * r2 - u2 * Abs(r2)))


square, cross = symbols("E_square E_cross", nonnegative=True)
"""E (u1 - u2)^2, and the mean of the monotone part of the slopes."""


@theorem.step(Symbolic(), uses=[side_of_the_weights, part_in_the_steps, monotone_slopes, data_at_one_point])
def sum_of_gaps() -> Claim:
    """The data's monotone gap is that of the weights: the gaps of both sides sum to 0 where both equations vanish."""
    at = {t1: a1 * b1, t2: a2 * b2}
    one = _weight_equation(p1, q1, b1, (s1, A1, N11, t1), t2)
    two = _weight_equation(p2, q2, b2, (s2, A2, N22, t2), t1)
    data = square + cross + (a1 * b1**2 + a2 * b2**2 - (a1 + a2) * Y12) - (b1 - b2) * (t1 - t2)
    gaps = WEIGHT_GAPS + (a1 + a2) * (b1 * b2 - Y12) + square + cross
    return equal((data - _monotone_gap()).subs(at), (gaps + one + two).subs(at))


SIZE = OUTER_PROX.subs(x, s * G) + c
"""u beyond the kink, where s G > a c."""
INTERCEPT = SIZE - G * diff(SIZE, G)


@theorem.step(Symbolic(), uses=[sum_of_gaps])
def step_from_the_size() -> Claim:
    """u is c at G = 0, and beyond the kink a line in G whose intercept is c/(1 + a)."""
    return equal(c / INTERCEPT, Integer(1) + step)


@theorem.step(Symbolic(), uses=[step_from_the_size])
def one_root() -> Claim:
    """The line's slope is s/(1 + a), so the size determines c, the step and s, and with epsilon > 0 also A = c/epsilon.

    p and q are functions of these. Two positive roots, whose sizes agree because no gap is negative, are therefore one.
    """
    return equal(c * diff(SIZE, G) / INTERCEPT, s)


NEAR, FAR = ({scaled_step: ends, ratio: ends} for ends in ((Rational(1, 4), 2), (Rational(1, 16), 16)))
"""Where the searches look, in the two unknowns of the solver."""


@theorem.step(
    CertifiedRoots(robust_model, box={psi1: 2, psi2: 2, epsilon: Rational(1, 2)}, within=NEAR),
    CertifiedRoots(
        robust_model,
        box={psi1: 2, psi2: 2, epsilon: (Rational(499, 1000), Rational(501, 1000))},
        within=NEAR,
        level=Level.standard,
    ),
    CertifiedRoots(robust_model, box={psi1: 4, psi2: 1, epsilon: Rational(1, 2)}, within=FAR, level=Level.standard),
    CertifiedRoots(robust_model, box={psi1: 2, psi2: 2, epsilon: 1}, within=FAR, level=Level.standard),
    uses=[scalar_reduction.two_unknowns],
)
def search_below_the_collapse() -> Claim:
    """A second witness, which does not know of the argument: balls look at every point of the box of unknowns.

    It shows that the root exists, too; centred relu, noise 1/2, signal 1, no ridge.
    """
    return statement("at the parameters searched the two equations have exactly one root in the box searched")


@theorem.step(
    CertifiedRoots(
        robust_model,
        box={psi1: 2, psi2: 2, epsilon: Rational(3, 2)},
        within=FAR,
        roots=0,
        level=Level.standard,
    ),
    uses=[collapse.threshold],
)
def search_above_the_collapse() -> Claim:
    """There the zero estimator is optimal, and no positive root is left."""
    return statement("at psi1 = psi2 = 2, epsilon = 3/2 the two equations have no root in the box searched")
