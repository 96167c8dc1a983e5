"""The attacked square loss l_c(r) = (|r| + c)^2/2: its proximal operator, Moreau envelope and Gaussian average.

For c >= 0 and step > 0 the envelope e_c(x; step) = min over r of l_c(r) + (x - r)^2/(2 step) is attained at
prox(x) = sign(x) max(|x| - step c, 0)/(1 + step), and M(s, c; step) = E e_c(s G; step), G ~ N(0, 1), has a closed form
in erf and exp of z = step c/s. M is homogeneous of degree 2 in (s, c), decreases in the step, and gives the attacked
training loss E (|prox(s G)| + c)^2 = 2 M + 2 step dM/dstep. At c = 0 all reduces to the square loss r^2/2.
"""

from __future__ import annotations

from sympy import (
    Abs,
    Derivative,
    Expr,
    Integer,
    Integral,
    Max,
    Piecewise,
    Rational,
    Symbol,
    diff,
    erf,
    exp,
    expand,
    oo,
    sign,
    sqrt,
)

from derivations.core import Certified, Derivation, Sampled, Symbolic, parameter
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas.gaussian import folded_normal, integration_by_parts
from derivations.relations import Claim, at_most, below, equal, increasing, limit_of
from derivations.sources import HASSANI_JAVANMARD
from derivations.symbols import ChiSquareCdf, folded_normal_mean, gaussian_density

theorem = Derivation(
    __name__,
    title="Moreau envelope of the attacked square loss and its Gaussian average",
    source=HASSANI_JAVANMARD,
)

s = parameter("s", "residual scale: the residual before the fit is s G, G ~ N(0, 1)", positive=True)
c = parameter("c", "attack strength: attack radius times dual norm of the gradient", positive=True)
step = parameter("step", "step of the Moreau envelope (alpha in the paper)", positive=True)
x = Symbol("x", real=True)
r = Symbol("r", real=True)
y = Symbol("y", positive=True)
G = Symbol("G", real=True)

BOX = {c: (Rational(1, 8), 8), step: (Rational(1, 8), 8)}
"""Where the inequalities are certified at s = 1; homogeneity carries them to every s."""


def loss(r: Expr, c: Expr, /) -> Expr:
    """Half the attacked squared residual, (|r| + c)^2/2."""
    return (Abs(r) + c) ** 2 / 2


def proximal_operator(x: Expr, c: Expr, step: Expr, /) -> Expr:
    """The minimiser over r of loss(r, c) + (x - r)^2/(2 step): soft thresholding, then shrinkage."""
    return sign(x) * Max(Abs(x) - step * c, 0) / (1 + step)


def moreau_envelope(x: Expr, c: Expr, step: Expr, /) -> Expr:
    """The minimum over r of loss(r, c) + (x - r)^2/(2 step), as two pieces that meet at |x| = step c."""
    outer = (Abs(x) + c) ** 2 / (2 * (1 + step))
    inner = c**2 / 2 + x**2 / (2 * step)
    return Piecewise((outer, Abs(x) > step * c), (inner, True))


def mean_envelope(s: Expr, c: Expr, step: Expr, /) -> Expr:
    """M(s, c; step) = E moreau_envelope(s G, c, step) for G ~ N(0, 1), in a form without overflow or cancellation."""
    e, E = _tails(s, c, step)
    cross = folded_normal_mean * step * c * s * E
    return (s**2 * (step + e) + step * c**2 * (1 + step * e) + cross) / (2 * step * (1 + step))


def mean_envelope_ds(s: Expr, c: Expr, step: Expr, /) -> Expr:
    """dM/ds of `mean_envelope`."""
    e, _ = _tails(s, c, step)
    return s * (step + e) / (step * (1 + step))


def mean_envelope_dc(s: Expr, c: Expr, step: Expr, /) -> Expr:
    """dM/dc of `mean_envelope`."""
    e, E = _tails(s, c, step)
    return (c * (1 + step * e) + folded_normal_mean * s * E) / (1 + step)


def mean_envelope_dstep(s: Expr, c: Expr, step: Expr, /) -> Expr:
    """dM/dstep of `mean_envelope`: minus half the two pieces of E[(s G - prox)^2]/step^2, no term negative."""
    e, E = _tails(s, c, step)
    outer = ((s**2 + c**2) * (1 - e) + folded_normal_mean * (2 + step) * c * s * E) / (1 + step) ** 2
    return -(outer + s**2 * ChiSquareCdf(step * c / s) / step**2) / 2


def square_loss(r: Expr, /) -> Expr:
    """r^2/2, the loss without an attack; its proximal operator is r/(1 + step)."""
    return r**2 / 2


def square_mean_envelope(s: Expr, step: Expr, /) -> Expr:
    """E of the square loss's Moreau envelope at s G: s^2/(2 (1 + step))."""
    return s**2 / (2 * (1 + step))


def _tails(s: Expr, c: Expr, step: Expr) -> tuple[Expr, Expr]:
    """P(|G| <= z) and exp(-z^2/2) at the kink z = step c/s."""
    z = step * c / s
    return erf(z / sqrt(2)), exp(-(z**2) / 2)


def average(outer: Expr, inner: Expr, /) -> Expr:
    """E of an even function of x = s G that is `outer` for x > step c and `inner` for 0 <= x <= step c."""
    at = {x: s * G}
    beyond = gaussian_mean(expand(outer.subs(at)), G, step * c / s, oo)
    return expand(2 * (beyond + gaussian_mean(expand(inner.subs(at)), G, 0, step * c / s)))


OUTSIDE = step * c + y
"""A point beyond the kink, x > step c; the rest of that side follows by symmetry."""
OUTER_PROX = (x - step * c) / (1 + step)
"""The proximal operator for x > step c."""


@theorem.step(Symbolic())
def stationarity() -> Claim:
    """Beyond the kink the minimiser is positive and (x - prox)/step is the slope prox + c of the loss."""
    prox = proximal_operator(OUTSIDE, c, step)
    return equal((OUTSIDE - prox) / step, diff(loss(y, c), y).subs(y, prox))


@theorem.step(Symbolic(domain={r: (-3, 3)}), uses=[stationarity])
def outer_gap() -> Claim:
    """For x > step c the objective exceeds its value at prox by two terms >= 0, zero only there: a global minimum."""
    prox = proximal_operator(OUTSIDE, c, step)
    gap = loss(r, c) + (OUTSIDE - r) ** 2 / (2 * step) - loss(prox, c) - (OUTSIDE - prox) ** 2 / (2 * step)
    return equal(gap, (1 + step) * (r - prox) ** 2 / (2 * step) + c * (Abs(r) - r))


@theorem.step(Symbolic(domain={r: (-3, 3), x: (-3, 3)}))
def inner_gap() -> Claim:
    """For |x| <= step c the objective exceeds its value at 0 by terms >= 0, as c |r| >= |x r|/step."""
    gap = loss(r, c) + (x - r) ** 2 / (2 * step) - loss(Integer(0), c) - x**2 / (2 * step)
    return equal(gap, (1 + step) * r**2 / (2 * step) + c * Abs(r) - x * r / step)


@theorem.step(Sampled(domain={x: (-6, 6)}), uses=[outer_gap, inner_gap])
def envelope() -> Claim:
    """The objective at the minimiser, both signs and both pieces."""
    prox = proximal_operator(x, c, step)
    return equal(loss(prox, c) + (x - prox) ** 2 / (2 * step), moreau_envelope(x, c, step))


@theorem.step(Sampled(domain={x: (-6, 6)}), uses=[envelope])
def envelope_slope() -> Claim:
    """The envelope theorem: de/dx = (x - prox)/step."""
    slope = diff(moreau_envelope(x, c, step), x)
    return equal(slope, (x - proximal_operator(x, c, step)) / step)


@theorem.step(Symbolic(), uses=[envelope])
def smooth_at_the_kink() -> Claim:
    """The two pieces meet with equal value and slope: their difference is a square of x - step c."""
    (outer, _), (inner, _) = moreau_envelope(y, c, step).args
    return equal(inner - outer, (y - step * c) ** 2 / (2 * step * (1 + step)))


@theorem.step(Sampled(domain={x: (-6, 6)}, points=100), uses=[envelope])
def envelope_above() -> Claim:
    """r = x is a candidate, so the envelope lies below the loss."""
    return at_most(moreau_envelope(x, c, step), loss(x, c))


@theorem.step(Sampled(domain={x: (-6, 6)}, points=100), uses=[envelope])
def envelope_below() -> Claim:
    """The loss is at least c^2/2, and so is its envelope."""
    return at_most(c**2 / 2, moreau_envelope(x, c, step))


@theorem.step(Sampled(domain={x: (-6, 6)}, points=100), uses=[envelope])
def envelope_increases_in_strength() -> Claim:
    """The objective increases in c for every r, hence so does its minimum."""
    return increasing(moreau_envelope(x, c, step), c)


@theorem.step(Symbolic(), uses=[envelope, integration_by_parts, folded_normal])
def gaussian_average() -> Claim:
    """Both pieces integrated against the Gaussian between the kinks at s G = -step c and step c."""
    (outer, _), (inner, _) = moreau_envelope(y, c, step).args
    return equal(average(outer.subs(y, x), inner.subs(y, x)), mean_envelope(s, c, step))


@theorem.step(Symbolic(), uses=[gaussian_average])
def slope_in_scale() -> Claim:
    """The derivatives of e and E cancel: the envelope is smooth, so the moving kink does not count."""
    return equal(Derivative(mean_envelope(s, c, step), s), mean_envelope_ds(s, c, step))


@theorem.step(Symbolic(), uses=[gaussian_average])
def slope_in_strength() -> Claim:
    """Likewise in the attack strength."""
    return equal(Derivative(mean_envelope(s, c, step), c), mean_envelope_dc(s, c, step))


@theorem.step(Symbolic(), uses=[gaussian_average])
def slope_in_step() -> Claim:
    """Likewise in the step."""
    return equal(Derivative(mean_envelope(s, c, step), step), mean_envelope_dstep(s, c, step))


@theorem.step(Symbolic(), uses=[slope_in_step, stationarity])
def proximal_distance() -> Claim:
    """By the envelope theorem dM/dstep = -E[(s G - prox)^2]/(2 step^2)."""
    distance = average((x - OUTER_PROX) ** 2, x**2)
    return equal(-distance / (2 * step**2), mean_envelope_dstep(s, c, step))


@theorem.step(Symbolic(), uses=[proximal_distance])
def data_term() -> Claim:
    """The attacked loss of the fitted residual, E (|prox|+c)^2: the objective less its quadratic term, twice."""
    fitted = average(2 * loss(y, c).subs(y, OUTER_PROX), c**2)
    return equal(fitted, 2 * mean_envelope(s, c, step) + 2 * step * mean_envelope_dstep(s, c, step))


@theorem.step(Symbolic(), uses=[gaussian_average])
def homogeneity() -> Claim:
    """prox and loss scale with (x, c): M(k s, k c) = k^2 M(s, c)."""
    k = Symbol("k", positive=True)
    return equal(mean_envelope(k * s, k * c, step), k**2 * mean_envelope(s, c, step))


@theorem.step(Symbolic(), uses=[homogeneity, slope_in_scale, slope_in_strength])
def euler() -> Claim:
    """Euler's identity for a function of degree 2."""
    weighted = s * mean_envelope_ds(s, c, step) + c * mean_envelope_dc(s, c, step)
    return equal(weighted, 2 * mean_envelope(s, c, step))


@theorem.step(Certified(BOX), uses=[slope_in_step, homogeneity])
def decreasing_in_step() -> Claim:
    """A longer step allows a lower minimum; strictly, as the proximal distance is positive."""
    return below(mean_envelope_dstep(Integer(1), c, step), 0)


@theorem.step(Certified(BOX), uses=[slope_in_scale, homogeneity])
def convex_in_scale() -> Claim:
    """M is strictly convex in s: the envelope is convex, and strictly so beyond the kink."""
    return below(0, diff(mean_envelope_ds(s, c, step), s).subs(s, 1))


@theorem.step(Certified(BOX), uses=[slope_in_strength, homogeneity])
def convex_in_strength() -> Claim:
    """M is strictly convex in c, being the least value of a jointly convex objective."""
    return below(0, diff(mean_envelope_dc(s, c, step), c).subs(s, 1))


@theorem.step(Symbolic(), uses=[gaussian_average])
def no_attack() -> Claim:
    """Without an attack the average is that of the square loss."""
    return limit_of(mean_envelope(s, c, step), c, 0, square_mean_envelope(s, step))


@theorem.step(Symbolic(domain={x: (-6, 6)}))
def square_loss_prox() -> Claim:
    """The objective of the square loss exceeds its value at x/(1 + step) by a square."""
    objective = square_loss(r) + (x - r) ** 2 / (2 * step)
    minimum = x**2 / (2 * (1 + step))
    return equal(objective, minimum + (1 + step) * (r - x / (1 + step)) ** 2 / (2 * step))


@theorem.step(Sampled(points=3, digits=12), uses=[square_loss_prox])
def square_loss_average() -> Claim:
    """The envelope (s G)^2/(2 (1 + step)) averages by E G^2 = 1."""
    envelope_at = (s * G) ** 2 / (2 * (1 + step))
    return equal(Integral(envelope_at * gaussian_density(G), (G, -oo, oo)), square_mean_envelope(s, step))


@theorem.step(Symbolic(), uses=[square_loss_average])
def square_loss_slope() -> Claim:
    """dM/dstep is again minus the mean squared proximal distance over 2 step^2."""
    distance = gaussian_mean((s * G - s * G / (1 + step)) ** 2, G)
    return equal(-distance / (2 * step**2), diff(square_mean_envelope(s, step), step))
