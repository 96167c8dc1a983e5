r"""Dual activations: T(a, b, c) = E[phi(u) phi(v)] and its partial derivatives, for ReLU and for erf(t).

(u, v) is a centred Gaussian pair with variances a, b and covariance c, c^2 < ab. Its density solves heat equations
(Price's theorem), so that, in the sense of distributions where phi has kinks,

    T_c = E phi' phi',  T_a = E phi'' phi/2,  T_cc = E phi'' phi'',  T_ac = E phi''' phi'/2,  T_ab = E phi'' phi''/4.

ReLU is homogeneous: T = sqrt(ab) kappa(c/sqrt(ab)) with the kernel kappa of `lemmas.gaussian`; erf(t) is the mean of
sign(t + w/sqrt 2) over a standard normal w, so that its T is the kernel 4 kappa' - 1 of signs at the variances a + 1/2
and b + 1/2. All partials are derivatives of these; `closed_form` gives them as they are printed and computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sympy import (
    Derivative,
    Expr,
    Integral,
    Matrix,
    Poly,
    Rational,
    Symbol,
    asin,
    atan,
    cancel,
    diff,
    erf,
    exp,
    expand,
    eye,
    oo,
    pi,
    sqrt,
)

from derivations.core import Derivation, Exact, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas import gaussian
from derivations.relations import Claim, equal, statement
from derivations.symbols import gaussian_density

theorem = Derivation(
    __name__,
    title="Dual activations of ReLU and erf, with partial derivatives",
    source=gaussian.theorem.source,
)

ACTIVATIONS = ("relu", "erf")
PARTIALS = ("", "c", "a", "cc", "ac", "ab")
"""Which derivative of T: none, or in the letters named. Those in b follow by symmetry, T(a, b, c) = T(b, a, c)."""

a, b = Symbol("a", positive=True), Symbol("b", positive=True)
c = Symbol("c", real=True)
t, u, v, w = (Symbol(name, real=True) for name in "tuvw")
slack = Symbol("slack", real=True)
HALF = Rational(1, 2)
PAIRS = {a: (Rational(1, 2), 2), b: (Rational(1, 2), 2), c: (-Rational(2, 5), Rational(2, 5))}
"""Variances and covariances, of either sign, of some pairs."""


def dual(activation: str, a: Expr, b: Expr, c: Expr, /) -> Expr:
    """T(a, b, c) for "relu" or "erf", from the kernel of `lemmas.gaussian`. ValueError for another activation."""
    return partial(activation, "", a, b, c)


def partial(activation: str, letters: str, a: Expr, b: Expr, c: Expr, /) -> Expr:
    """The derivative of T named by `letters`, one of PARTIALS, at (a, b, c): differentiated, never typed in."""
    _check(activation, letters)
    return _at(_derived(activation, letters), a, b, c)


def closed_form(activation: str, letters: str, a: Expr, b: Expr, c: Expr, /) -> Expr:
    """The same as `partial`, in the form that is stable in floating point; that they agree is a step each."""
    _check(activation, letters)
    return _at(_closed_forms(activation)[letters], a, b, c)


def diagonal(activation: str, a: Expr, /) -> Expr:
    """T(a, a, a) = E phi(u)^2, a/2 for ReLU. ValueError for an unknown activation."""
    return dual(activation, a, a, a)


def diagonal_slope(activation: str, a: Expr, /) -> Expr:
    """dT(a, a, a)/da = E[phi(u) phi'(u) u]/a. ValueError for an unknown activation."""
    _check(activation, "")
    return HALF if activation == "relu" else 4 / (pi * (1 + 2 * a) * sqrt(1 + 4 * a))


def _check(activation: str, letters: str) -> None:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: {activation!r} is unknown; allowed are {', '.join(ACTIVATIONS)}")
    if letters not in PARTIALS:
        raise ValueError(f"letters: {letters!r} is unknown; allowed are {', '.join(map(repr, PARTIALS))}")


def _at(expression: Expr, *values: Expr) -> Expr:
    return expression.xreplace(dict(zip((a, b, c), values, strict=True)))


@cache
def _derived(activation: str, letters: str) -> Expr:
    if letters:
        return diff(_derived(activation, letters[:-1]), {"a": a, "b": b, "c": c}[letters[-1]])
    if activation == "relu":
        return sqrt(a * b) * gaussian.relu_kernel.xreplace({gaussian.rho: c / sqrt(a * b)})
    signs = 4 * diff(gaussian.relu_kernel, gaussian.rho) - 1
    return signs.xreplace({gaussian.rho: c / sqrt((a + HALF) * (b + HALF))})


@cache
def _closed_forms(activation: str) -> dict[str, Expr]:
    if activation == "relu":
        s = sqrt(a * b - c**2)
        angle = 2 * atan(s / (sqrt(a * b) + c))  # atan2(s, c) without its cases
        first = (pi - angle) / (2 * pi)
        forms = (s / (2 * pi) + c * first, first, s / (4 * pi * a), 1 / (2 * pi * s), -c / (4 * pi * a * s))
        return dict(zip(PARTIALS, (*forms, 1 / (8 * pi * s)), strict=True))
    left, right = 1 + 2 * a, 1 + 2 * b
    delta = left * right - 4 * c**2
    root, cube = sqrt(delta), delta * sqrt(delta)
    forms = (2 * asin(2 * c / sqrt(left * right)), 4 / root, -4 * c / (left * root), 16 * c / cube, -4 * right / cube)
    return {letters: form / pi for letters, form in zip(PARTIALS, (*forms, 4 * c / cube), strict=True)}


def pair_determinant() -> Expr:
    """The determinant of the pair's covariance."""
    return a * b - c**2


def pair_exponent() -> Expr:
    """Minus the exponent of the pair's density at (u, v)."""
    return (b * u**2 - 2 * c * u * v + a * v**2) / (2 * pair_determinant())


def pair_density() -> Expr:
    """The density of the pair at (u, v)."""
    return exp(-pair_exponent()) / (2 * pi * sqrt(pair_determinant()))


def given_zero(function: Expr, /) -> Expr:
    """E[delta(u) function(v); v > 0] in closed form, function in t: v given u = 0 has variance b - c^2/a."""
    return gaussian_mean(function.subs(t, sqrt(b - c**2 / a) * t), t, 0, oo) / sqrt(2 * pi * a)


@theorem.step(Symbolic(domain={**PAIRS, u: (-1, 1), v: (-1, 1)}))
def price_in_the_covariance() -> Claim:
    """Price's theorem: the density f solves df/dc = d2f/du dv; two integrations by parts give T_c = E phi' phi'."""
    return equal(Derivative(pair_density(), c), diff(pair_density(), u, v))


@theorem.step(Symbolic(domain={**PAIRS, u: (-1, 1), v: (-1, 1)}))
def price_in_a_variance() -> Claim:
    """The same for a variance: df/da = (1/2) d2f/du2, so T_a = E phi'' phi/2; together T_ac, T_ab and T_cc."""
    return equal(Derivative(pair_density(), a), diff(pair_density(), u, 2) / 2)


def _independent() -> Iterator[Instance]:
    for first, second in ((Rational(1), Rational(1)), (Rational(4), Rational(9)), (HALF, Rational(3))):
        halves = [gaussian_mean(sqrt(variance) * t, t, 0, oo) for variance in (first, second)]
        where = f"variances {first}, {second}"
        yield f"T at {where}", dual("relu", first, second, Rational(0)), halves[0] * halves[1]
        both_positive = gaussian_mean(Rational(1), t, 0, oo) ** 2
        yield f"T_c at {where}", partial("relu", "c", first, second, Rational(0)), both_positive


@theorem.step(Exact(_independent), uses=[gaussian.relu_kernel_law, gaussian.relu_kernel_slope])
def relu_at_independence() -> Claim:
    """Means of independent variables factorise: into the two half means, and into P(u > 0) P(v > 0)."""
    return statement("at c = 0: T = E relu(u) E relu(v) and T_c = P(u > 0) P(v > 0)")


@theorem.step(Symbolic(domain=PAIRS), uses=[price_in_the_covariance, relu_at_independence])
def relu_in_the_covariance() -> Claim:
    """phi'' is a point mass at 0: T_cc = E phi''(u) phi''(v) is the density at the origin. With T and T_c at c = 0 it
    determines T, homogeneity included."""
    return equal(partial("relu", "cc", a, b, c), pair_density().subs({u: 0, v: 0}))


@theorem.step(Symbolic(domain=PAIRS), uses=[price_in_a_variance, relu_in_the_covariance])
def relu_in_a_variance() -> Claim:
    """T_a = E phi''(u) phi(v)/2 is half the density of u at 0 times the half mean of v given u = 0."""
    return equal(partial("relu", "a", a, b, c), given_zero(t) / 2)


@theorem.step(Symbolic(domain=PAIRS), uses=[price_in_a_variance, price_in_the_covariance])
def relu_in_variance_and_covariance() -> Claim:
    """T_ac = E phi'''(u) phi'(v)/2: by parts, minus half the slope at u = 0 of (density of u) P(v > 0 | u)."""
    centre, width = c * u / a, sqrt(b - c**2 / a)
    positive = gaussian_density(u / sqrt(a)) / sqrt(a) * gaussian_mean(Rational(1), t, -centre / width, oo)
    return equal(partial("relu", "ac", a, b, c), -diff(positive, u).subs(u, 0) / 2)


@theorem.step(Symbolic(domain=PAIRS), uses=[price_in_a_variance])
def relu_in_both_variances() -> Claim:
    """T_ab = E phi''(u) phi''(v)/4, a quarter of the density at the origin."""
    return equal(partial("relu", "ab", a, b, c), pair_density().subs({u: 0, v: 0}) / 4)


@theorem.step(Symbolic(domain={t: (-2, 2)}))
def erf_averages_signs() -> Claim:
    """E sign(t + w/sqrt 2) = 2 P(w > -sqrt(2) t) - 1 vanishes at 0 like erf and has the slope of erf."""
    return equal(2 * sqrt(2) * gaussian_density(sqrt(2) * t), Derivative(erf(t), t))


def tilted_covariance() -> Matrix:
    """The covariance of the pair under the weight exp(-u^2 - v^2), which adds 2 to both precisions."""
    return (Matrix([[a, c], [c, b]]).inv() + 2 * eye(2)).inv().applyfunc(cancel)


@theorem.step(Symbolic(domain={**PAIRS, u: (-1, 1), v: (-1, 1)}), uses=[erf_averages_signs, price_in_the_covariance])
def erf_in_the_covariance() -> Claim:
    """T_c = E phi' phi': phi'(u) phi'(v) times the density is T_c times another density, that of the tilted pair.

    T vanishes at c = 0 because erf is odd. Exponents and squared factors are compared, together through `slack`.
    """
    covariance = tilted_covariance()
    tilted = {a: covariance[0, 0], b: covariance[1, 1], c: covariance[0, 1]}
    slopes = diff(erf(u), u) * diff(erf(v), v)
    height = (slopes.subs({u: 0, v: 0}) / partial("erf", "c", a, b, c)) ** 2
    return equal(
        pair_exponent() + u**2 + v**2 + slack * height / pair_determinant(),
        (pair_exponent() + slack / pair_determinant()).xreplace(tilted),
    )


def _tilted_mean(polynomial: Expr) -> Expr:
    """E of a polynomial of degree at most 2 in u and v under the tilted pair."""
    covariance, terms = tilted_covariance(), Poly(polynomial, u, v)
    moments = {(0, 0): Rational(1), (2, 0): covariance[0, 0], (1, 1): covariance[0, 1], (0, 2): covariance[1, 1]}
    return sum((factor * moments[powers] for powers, factor in terms.terms()), Rational(0))


SECOND = {"cc": (1, 1, Rational(1)), "ac": (2, 0, HALF), "ab": (1, 1, Rational(1, 4))}
"""For each second partial: how often Price's theorem differentiates phi' at u and at v, and its factor."""


@theorem.step(Symbolic(domain=PAIRS), uses=[erf_in_the_covariance, price_in_a_variance])
def erf_second_partials() -> Claim:
    """T_cc, T_ac and T_ab over T_c: phi'' and phi''' are polynomials times phi', averaged under the tilted pair."""
    left, right = Rational(0), Rational(0)
    for k, (letters, (at_u, at_v, factor)) in enumerate(SECOND.items()):
        polynomials = [cancel(diff(erf(x), x, 1 + n) / diff(erf(x), x)) for x, n in ((u, at_u), (v, at_v))]
        left += slack**k * partial("erf", letters, a, b, c) / partial("erf", "c", a, b, c)
        right += slack**k * factor * _tilted_mean(expand(polynomials[0] * polynomials[1]))
    return equal(left, right)


@theorem.step(Sampled(domain=PAIRS, points=2, digits=12), uses=[price_in_a_variance, erf_in_the_covariance])
def erf_in_a_variance() -> Claim:
    """T_a = E phi'' phi/2, where E[erf(v) | u] = erf(centre/sqrt(1 + 2 width^2)) by the same average of signs."""
    centre, width2 = c * t / sqrt(a), b - c**2 / a
    product = diff(erf(t), t, 2).subs(t, sqrt(a) * t) * erf(centre / sqrt(1 + 2 * width2))
    return equal(Integral(product * gaussian_density(t), (t, 0, oo)), partial("erf", "a", a, b, c))


def _printed(activation: str, letters: tuple[str, ...]) -> Claim:
    """Several identities as one, through powers of `slack`."""
    sides = [
        sum((slack**k * form(activation, each, a, b, c) for k, each in enumerate(letters)), Rational(0))
        for form in (partial, closed_form)
    ]
    return equal(*sides)


@theorem.step(Sampled(domain=PAIRS), uses=[relu_in_the_covariance])
def relu_printed() -> Claim:
    """T = (s + c (pi - angle))/(2 pi), s = sqrt(ab - c^2), angle = atan2(s, c): no loss of digits at c = sqrt(ab).

    Its slope T_c = (pi - angle)/(2 pi) is the kernel of degree zero of Cho & Saul (2009).
    """
    return _printed("relu", PARTIALS[:2])


@theorem.step(Symbolic(domain=PAIRS), uses=[relu_in_a_variance, relu_in_variance_and_covariance])
def relu_partials_printed() -> Claim:
    """T_a = s/(4 pi a), T_cc = 1/(2 pi s), T_ac = -c/(4 pi a s), T_ab = 1/(8 pi s): without an angle."""
    return _printed("relu", PARTIALS[2:])


@theorem.step(Symbolic(domain=PAIRS), uses=[erf_in_the_covariance])
def erf_printed() -> Claim:
    """With D = (1 + 2a)(1 + 2b) - 4 c^2 every partial is a rational function over D^(1/2) or D^(3/2)."""
    return _printed("erf", PARTIALS[1:])


@theorem.step(Symbolic(domain={**PAIRS, slack: (-1, 1)}), uses=[relu_at_independence, erf_in_the_covariance])
def slopes_on_the_diagonal() -> Claim:
    """T(a, a, a) = E phi(u)^2: a/2 for ReLU, and for erf with the slope of an arcsine."""
    sides = [(Derivative(diagonal(name, a), a), diagonal_slope(name, a)) for name in ACTIVATIONS]
    return equal(sides[0][0] + slack * sides[1][0], sides[0][1] + slack * sides[1][1])
