r"""Teachers for smoothness r > 2: Taylor polynomials glued by a partition of unity, products by ReLU networks.

The trapezoids psi(t) = clip(2 - 3 |N t|, 0, 1) around the nodes k/N add up to 1 and vanish beyond 2/(3N), so
sum_k psi(x - k/N) P_k(x), P_k the Taylor polynomial of degree r - 1 at k/N, is a convex combination of values that miss
f(x) by at most ||f^(r)|| (2/(3N))^r/r! each; in d dimensions the distance is 2d/(3N) in l_1. Here for d = 1 and r = 3.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sympy import Abs, Expr, Integral, Rational, S, Symbol, diff, factorial, pi, sin, symbols

from derivations.core import Certified, Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import Value, one_cell, relu
from derivations.overfitted_networks.products import exact_factors, largest_error, multiply
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, equal, statement

theorem = Derivation(__name__, title="Teachers for smoothness beyond two", source=SHI_LIU_CAO_SUYKENS)

x = Symbol("x", real=True)
s, distance = symbols("s D", positive=True)
THIRD = Rational(2, 3)


def plateau(t: Value, /) -> Value:
    """clip(2 - 3 |t|, 0, 1) at t = N (x - k/N)."""
    result: Value = relu(2 - 3 * abs(t)) - relu(1 - 3 * abs(t))
    return result


def _adds_up() -> Iterator[Instance]:
    kinks = [Fraction(k, 6) for k in range(-2, 14)]
    yield "sum", tuple(sum(plateau(t - k) for k in range(-2, 5)) for t in kinks), (1,) * len(kinks)
    yield "support", tuple(plateau(t) > 0 for t in kinks), tuple(abs(t) < Fraction(2, 3) for t in kinks)


@theorem.step(Exact(_adds_up), uses=[one_cell])
def adds_up() -> Claim:
    """Linear between the multiples of 1/(3N), two of which belong to the ramps where neighbours overlap."""
    return statement("sum_k psi(x - k/N) = 1, and psi vanishes beyond 2/(3N)")


@theorem.step(Symbolic(domain={distance: (Rational(1, 4), 2)}, digits=15))
def taylor_remainder() -> Claim:
    """At distance D from the node the remainder is int_0^1 (1 - s)^2/2 D^3 f''' ds, at most D^3/3! times its bound."""
    return equal(Integral((1 - s) ** 2 / 2 * distance**3, (s, 0, 1)), distance**3 / 6)


def cubic_error(t: Value, count: int, /) -> Value:
    """|sum_k psi (P_k - f)| for f = x^3, P_k of degree 2, at x = t/N."""
    place = t / count
    result: Value = abs(sum(plateau(t - k) * (place - Fraction(k, count)) ** 3 for k in range(-1, count + 2)))
    return result


def _cubic() -> Iterator[Instance]:
    for count in (2, 4):
        bound = Fraction(6) * Fraction(2, 3 * count) ** 3 / 6
        fine = [Fraction(i, 24) for i in range(24 * count + 1)]
        yield f"below the bound, N = {count}", max(cubic_error(t, count) for t in fine) <= bound, True
        ratio = max(cubic_error(t, count) for t in fine) / max(
            cubic_error(t, 2 * count) for t in fine[: 24 * count + 1]
        )
        yield f"order 3, N = {count}", ratio, 8


@theorem.step(Exact(_cubic), uses=[adds_up, taylor_remainder])
def cubic() -> Claim:
    """f''' = 6 for f = x^3: the remainder at a node is (x - k/N)^3, and its error scales like N^(-3)."""
    return statement("the glued Taylor polynomials of x^3 miss it by at most (2/(3N))^3, by a multiple of N^(-3)")


@theorem.step(Certified({x: (Rational(1, 3), Rational(2, 3))}), uses=[cubic])
def overlap() -> Claim:
    """Where two plateaus overlap their errors have opposite signs: the true constant is below the bound's."""
    left, right = (2 - 3 * x) * x**3, (3 * x - 1) * (x - 1) ** 3
    return at_most((left + right) ** 2, (THIRD**3) ** 2 / 4)


@theorem.step(Certified({x: (0, 1)}), uses=[cubic, overlap])
def cubic_everywhere() -> Claim:
    """At every point of a cell, N = 1, to which the others are shifts: even a quarter of the bound is enough."""
    return at_most(cubic_error(x, 1), THIRD**3 / 4)


def _taylor(wave: Expr, node: Rational) -> Expr:
    return sum((diff(wave, x, k).subs(x, node) * (x - node) ** k / factorial(k) for k in range(3)), S.Zero)


@theorem.step(Certified({x: (0, Rational(1, 4))}), uses=[adds_up, taylor_remainder])
def sine() -> Claim:
    """sin(2 pi x) at N = 8 over a quarter of a period, which the others mirror: |f'''| is at most (2 pi)^3, and the
    error a quarter of what that gives.
    """
    wave = sin(2 * pi * x)
    glued = sum((plateau(8 * x - k) * (_taylor(wave, Rational(k, 8)) - wave) for k in range(-1, 4)), S.Zero)
    return at_most(Abs(glued), (2 * pi) ** 3 * (THIRD / 8) ** 3 / 6 / 4)


def _with_products() -> Iterator[Instance]:
    count, depth = 4, 5
    nodes = [Fraction(k, count) for k in range(-1, count + 2)]
    for i in range(0, 24 * count + 1, 5):
        place = Fraction(i, 24 * count)
        weights = [plateau(count * (place - node)) for node in nodes]
        taylor = [place**3 - (place - node) ** 3 for node in nodes]
        pairs = [(w, min(max(p, Fraction(-1)), Fraction(1))) for w, p in zip(weights, taylor, strict=True)]
        glued = sum((multiply(w, p, depth, Fraction(1)) for w, p in pairs), Fraction(0))
        exact = sum((w * p for w, p in pairs), Fraction(0))
        if set(weights) <= {0, 1}:
            yield f"one plateau at x = {place}", glued, exact
        yield f"x = {place}", abs(glued - exact) <= Fraction(2, 4 ** (depth + 1)), True


@theorem.step(Exact(_with_products), uses=[cubic, largest_error, exact_factors])
def with_products() -> Claim:
    """At most two plateaus are neither 0 nor 1, elsewhere products are exact: Taylor polynomials of x^3 at B = 1."""
    return statement("products by networks add at most 2 B^2 2^(-2m-2), and nothing where one plateau is 1")
