"""The convex Gaussian min-max theorem: a random bilinear problem behaves like one with two Gaussian vectors.

For convex compact U, V and psi convex in u and concave in v, the primary value min over u in U, max over v in V of
v.(W u) + psi(u, v), W with independent N(0, 1) entries, concentrates where the auxiliary value of
|u| g.v + |v| h.u + psi(u, v) does, g and h independent standard normal vectors; so does any strictly convex problem's
minimiser. Gordon's inequality gives one side for any U, V; convexity, through the exchange of min and max, the other.
The comparison of covariances behind it, and the scalar devices that follow it (the norm as a maximum, the square-root
trick, the Moreau envelope at step t/beta), are checked here.
"""

from __future__ import annotations

from typing import TypeAlias

from sympy import Add, Derivative, Expr, Rational, Symbol, diff, expand, sqrt, symbols

from derivations.core import Cited, Derivation, Sampled, Source, Symbolic, parameter
from derivations.lemmas.proximal import c, mean_envelope, mean_envelope_dstep, s, slope_in_step, step
from derivations.relations import Claim, at_most, equal, statement

Vector: TypeAlias = "tuple[Symbol, ...]"

theorem = Derivation(
    __name__,
    title="Convex Gaussian min-max theorem",
    source=Source(
        "thrampoulidis2015",
        ("Thrampoulidis, Christos", "Oymak, Samet", "Hassibi, Babak"),
        "Regularized linear regression: a precise analysis of the estimation error",
        2015,
        venue="Conference on Learning Theory, PMLR 40, 1683-1709",
    ),
)

t = parameter("t", "scale of the square-root trick: the size of s G - prox", positive=True)
beta = parameter("beta", "size of the dual vector", positive=True)
v = parameter("v", "a norm", positive=True)
MODERATE = {symbol: (Rational(1, 4), 4) for symbol in (s, c, t, beta)}
a = symbols("a1:3", real=True)
a_other = symbols("b1:3", real=True)
d = symbols("d1:4", real=True)
d_other = symbols("e1:4", real=True)


def dot(first: Vector, second: Vector, /) -> Expr:
    """The inner product of two vectors of the same length."""
    return Add(*(p * q for p, q in zip(first, second, strict=True)))


def norm(vector: Vector, /) -> Expr:
    """The Euclidean norm."""
    return sqrt(dot(vector, vector))


def primary_covariance(u: Vector, w: Vector, u2: Vector, w2: Vector, /) -> Expr:
    """E[X(u, w) X(u2, w2)] of X(u, w) = w.(W u) + |u| |w| gamma, entry by entry of W, gamma ~ N(0, 1) independent."""
    entries = Add(*(p * q * p2 * q2 for p, p2 in zip(u, u2, strict=True) for q, q2 in zip(w, w2, strict=True)))
    return entries + norm(u) * norm(w) * norm(u2) * norm(w2)


def auxiliary_covariance(u: Vector, w: Vector, u2: Vector, w2: Vector, /) -> Expr:
    """E[Y(u, w) Y(u2, w2)] of Y(u, w) = |u| g.w + |w| h.u, entry by entry of g and h."""
    return norm(u) * norm(u2) * dot(w, w2) + norm(w) * norm(w2) * dot(u, u2)


@theorem.step(Symbolic())
def covariance_gap() -> Claim:
    """The two processes' covariances differ by a product of two Cauchy-Schwarz gaps (u in the plane, w in space)."""
    gap = primary_covariance(a, d, a_other, d_other) - auxiliary_covariance(a, d, a_other, d_other)
    first = norm(a) * norm(a_other) - dot(a, a_other)
    return equal(gap, first * (norm(d) * norm(d_other) - dot(d, d_other)))


@theorem.step(Symbolic(), uses=[covariance_gap])
def equal_on_rows() -> Claim:
    """At equal u the covariances agree (the variances too), which is the equality that Gordon's theorem asks for."""
    return equal(primary_covariance(a, d, a, d_other), auxiliary_covariance(a, d, a, d_other))


@theorem.step(Sampled(points=60), uses=[covariance_gap])
def comparison() -> Claim:
    """Elsewhere the auxiliary covariance is the smaller one: the inequality that Gordon's theorem asks for."""
    return at_most(auxiliary_covariance(a, d, a_other, d_other), primary_covariance(a, d, a_other, d_other))


@theorem.step(
    Cited("Gordon (1985), Theorem 1.1, and Gordon (1988), On Milman's inequality and random subspaces, Lemma 3.1"),
    uses=[equal_on_rows, comparison],
)
def gordon() -> Claim:
    """From the comparison of covariances to min over u, max over w; gamma costs at most a factor 2 in probability."""
    return statement("P(primary value < x) <= 2 P(auxiliary value <= x) for every x, compact U and V, continuous psi")


@theorem.step(Cited("Sion (1958), On general minimax theorems, Pacific Journal of Mathematics 8, Corollary 3.3"))
def exchange() -> Claim:
    """min and max of a function convex in one and concave in the other variable commute when one set is compact."""
    return statement("min max f = max min f for f convex-concave and continuous on convex sets, one of them compact")


@theorem.step(
    Cited(
        "Thrampoulidis, Oymak & Hassibi (2015), Theorem 3; for M-estimators Thrampoulidis, Abbasi & Hassibi (2018), "
        "Precise error analysis of regularized M-estimators in high dimensions, IEEE Trans. Inf. Theory 64, Theorem 6.1"
    ),
    uses=[gordon, exchange],
)
def convex_minmax() -> Claim:
    """Exchanging min and max turns Gordon's bound around; comparing values over U without a neighbourhood locates u.

    Unbounded sets are covered by restricting to a large ball that holds the minimiser with probability tending to 1.
    """
    return statement(
        "under convexity the primary value and, where the auxiliary value is larger by a constant outside a set, "
        "the primary minimiser converge to those of the auxiliary problem"
    )


@theorem.step(Cited("Andersen & Gill (1982), Cox's regression model for counting processes, Theorem II.1"))
def convexity_lemma() -> Claim:
    """The random scalar problem may be replaced by its pointwise limit."""
    return statement("convex functions that converge pointwise in probability converge uniformly on compact sets")


@theorem.step(Cited("Rockafellar & Wets (1998), Variational Analysis, Theorem 2.6"))
def unique_minimiser() -> Claim:
    """Two minimisers of a strictly convex function would have a midpoint of lower value."""
    return statement("a strictly convex function has at most one minimiser")


@theorem.step(Symbolic())
def norm_as_maximum() -> Claim:
    """The maximum of u.w over |u| = beta is beta |w|: the gap is a square, zero at u = beta w/|w|."""
    gap = norm(d) * norm(d_other) - dot(d, d_other)
    residual = [norm(d_other) * p - norm(d) * q for p, q in zip(d, d_other, strict=True)]
    return equal(2 * norm(d) * norm(d_other) * gap, Add(*(expand(entry**2) for entry in residual)))


@theorem.step(Symbolic())
def square_root_trick() -> Claim:
    """v = min over t > 0 of t/2 + v^2/(2 t), attained at t = v: the excess is a square."""
    return equal(t / 2 + v**2 / (2 * t) - v, (t - v) ** 2 / (2 * t))


@theorem.step(Symbolic(), uses=[square_root_trick])
def jointly_convex() -> Claim:
    """The trick keeps convexity: v^2/(2 t) has positive second derivatives and a Hessian of determinant 0."""
    term = v**2 / (2 * t)
    return equal(Derivative(term, (v, 2)) * Derivative(term, (t, 2)), Derivative(term, v, t) ** 2)


def scalar_part(t: Expr, beta: Expr, /) -> Expr:
    """beta t/2 + M(s, c; t/beta): what the data term of a robust regression becomes after both tricks."""
    return beta * t / 2 + mean_envelope(s, c, t / beta)


@theorem.step(Symbolic(), uses=[norm_as_maximum, square_root_trick])
def penalty_as_envelope() -> Claim:
    """beta |x - r| with the trick is beta t/2 plus the Moreau penalty at step t/beta."""
    return equal(beta * (t / 2 + v**2 / (2 * t)), beta * t / 2 + (v**2 / (2 * step)).subs(step, t / beta))


@theorem.step(Symbolic(), uses=[penalty_as_envelope, slope_in_step])
def stationarity_in_scale() -> Claim:
    """The t-derivative at step = t/beta, so that beta^2 = -2 dM/dstep at the saddle."""
    slope = diff(scalar_part(t, beta), t).subs(t, step * beta)
    return equal(slope, (beta**2 + 2 * mean_envelope_dstep(s, c, step)) / (2 * beta))


@theorem.step(Symbolic(), uses=[penalty_as_envelope, slope_in_step])
def stationarity_in_size() -> Claim:
    """The beta-derivative; at the saddle it is t, so that t is minus the slope of the other terms, linear in beta."""
    slope = diff(scalar_part(t, beta), beta).subs(t, step * beta)
    return equal(slope, step * beta / 2 - step * mean_envelope_dstep(s, c, step) / beta)


@theorem.step(Sampled(domain=MODERATE, points=200), uses=[penalty_as_envelope])
def concave_in_size() -> Claim:
    """For fixed r the penalty is linear in beta; the least of linear functions is concave."""
    return at_most(diff(scalar_part(t, beta), beta, 2), 0)


@theorem.step(Sampled(domain=MODERATE, points=400), uses=[penalty_as_envelope, jointly_convex])
def convex_in_scale() -> Claim:
    """The penalty is jointly convex in (r, t), and the least over r of a jointly convex function is convex."""
    return at_most(0, diff(scalar_part(t, beta), t, 2))
