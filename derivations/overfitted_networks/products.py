r"""Products from squares: exact wherever one factor is 0 or extreme.

For |x|, |y| <= B the network B^2 [f_m(|x + y|/2B) - f_m(|x - y|/2B)] differs from x y by B^2 (e_m(s) - e_m(r)),
s = |x + y|/2B and r = |x - y|/2B. Since 0 <= e_m <= 2^(-2m-2) its largest error is B^2 2^(-2m-2), attained at
x = y = B 2^(-m-1); and it is 0 for x = 0, where s = r, and for x = +-B, where s = 1 - r. So a gate prod(g/M, 1 - A) M
is exact where A is 0 or 1, if B is the gate's extreme value 1.

The construction is Yarotsky's (2017); the exact errors are derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sympy import Expr, Rational, Symbol, symbols

from derivations.core import Certified, Derivation, Exact, Level, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import Value
from derivations.overfitted_networks.squares import error, interpolates_the_square, square
from derivations.overfitted_networks.symbols import YAROTSKY
from derivations.relations import Claim, at_most, equal, statement

theorem = Derivation(__name__, title="The product as a ReLU network, with its exact error", source=YAROTSKY)

x, y = symbols("x y", real=True)
B = Symbol("B", positive=True)
HEIGHT = Fraction(3, 2)
DEPTHS = (1, 2, 3)


def multiply(first: Value, second: Value, depth: int, bound: Value, /) -> Value:
    """The product network at |first|, |second| <= bound."""
    total, difference = abs(first + second) / (2 * bound), abs(first - second) / (2 * bound)
    result: Value = bound**2 * (square(total, depth) - square(difference, depth))
    return result


@theorem.step(Symbolic())
def polarisation() -> Claim:
    """Exact squares would give the product; the rest is B^2 (e_m(s) - e_m(r)), and |x|, |y| <= B gives s + r <= 1."""
    return equal(B**2 * (((x + y) / (2 * B)) ** 2 - ((x - y) / (2 * B)) ** 2), x * y)


def _kinks(depth: int) -> list[Fraction]:
    """Twice as fine as the kinks of s and r, so that every piece of the square [-B, B]^2 has all its corners here."""
    cells = 2 ** (depth + 1)
    return [HEIGHT * Fraction(i, cells) for i in range(-cells, cells + 1)]


def _largest_error() -> Iterator[Instance]:
    for m in DEPTHS:
        grid = _kinks(m)
        largest = max(abs(multiply(p, q, m, HEIGHT) - p * q) for p in grid for q in grid)
        yield f"largest over the kinks, m = {m}", largest, HEIGHT**2 / 4 ** (m + 1)
        peak = HEIGHT / 2 ** (m + 1)
        yield f"attained, m = {m}", multiply(peak, peak, m, HEIGHT) - peak**2, HEIGHT**2 / 4 ** (m + 1)
        finer = [(p / 3 + q, q / 5 - p / 7) for p in grid[::3] for q in grid[::3] if abs(p / 3 + q) <= HEIGHT]
        parts = tuple(
            HEIGHT**2 * (error(abs(p + q) / (2 * HEIGHT), m) - error(abs(p - q) / (2 * HEIGHT), m)) for p, q in finer
        )
        yield f"error from the squares, m = {m}", tuple(multiply(p, q, m, HEIGHT) - p * q for p, q in finer), parts


@theorem.step(Exact(_largest_error), uses=[polarisation, interpolates_the_square])
def largest_error() -> Claim:
    """A difference of two numbers in [0, 2^(-2m-2)], the second 0 at x = y; every instance carries the factor B^2."""
    return statement("sup |prod(x, y) - x y| = B^2 2^(-2m-2) over |x|, |y| <= B, attained at x = y = B 2^(-m-1)")


mean, spread = symbols("s r", real=True)
FOLDS = 2
SQUARE = [
    Certified({mean: (0, 1), spread: (0, 1), B: (Rational(1, 100), 100)}),
    Certified({mean: (-1, 1), spread: (-1, 1), B: (Rational(1, 100), 100)}, level=Level.standard),
]
"""x >= |y|, which is all there is up to exchanging x and y and changing both signs; and all of it."""


def _excess() -> Expr:
    """What prod has over x y at x = B (s + r), y = B (s - r), |s|, |r| <= 1: all |x|, |y| <= B are among these."""
    first, second = B * (mean + spread), B * (mean - spread)
    return multiply(first, second, FOLDS, B) - first * second


@theorem.step(*SQUARE, uses=[largest_error])
def nowhere_above() -> Claim:
    """The block itself, after two folds, on the whole square [-B, B]^2, with the constant that is attained,"""
    return at_most(_excess(), B**2 / 4 ** (FOLDS + 1))


@theorem.step(*SQUARE, uses=[largest_error])
def nowhere_below() -> Claim:
    """and from below."""
    return at_most(-(B**2) / 4 ** (FOLDS + 1), _excess())


def _exact_factors() -> Iterator[Instance]:
    for m in DEPTHS:
        line = [HEIGHT * Fraction(i, 24) for i in range(-24, 25)]
        for factor in (Fraction(0), HEIGHT, -HEIGHT):
            found = tuple(multiply(factor, q, m, HEIGHT) for q in line)
            yield f"factor {factor}, m = {m}", found, tuple(factor * q for q in line)
            yield f"second factor {factor}, m = {m}", tuple(multiply(q, factor, m, HEIGHT) for q in line), found


@theorem.step(Exact(_exact_factors), uses=[largest_error])
def exact_factors() -> Claim:
    """At x = 0 the two squares are the same, at x = +-B their arguments are s and 1 - s, where e_m agrees."""
    return statement("prod(0, y) = 0 and prod(+-B, y) = +-B y exactly")
