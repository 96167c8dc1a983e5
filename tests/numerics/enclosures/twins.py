"""Random expressions, each built twice: for balls from SymPy, and for mpmath without ever seeing a SymPy expression."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import add, mul, sub
from typing import Any

import mpmath
import sympy
from mpmath import mp, mpf
from sympy import Integral, Max, Min, Piecewise, Rational, S, pi, symbols

from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.symbols import ChiSquareCdf
from numerics.enclosures.weighted_balls import SmallestSum

x, y = symbols("x y", real=True)
whole = symbols("whole", real=True)
theta = symbols("theta", real=True)
DIGITS, WORKING = 60, 100
LARGE, TINY = mpf(10) ** 6, mpf(10) ** -75


class NoTruth(ArithmeticError):
    """The value is not a real number, is too large to follow, or lies on a jump to the digits at hand."""


@dataclass(frozen=True)
class Twin:
    """One function, as an expression and as a map from the values of (x, y, whole) to a real number."""

    expression: Any
    value: Callable[[tuple[Any, ...]], Any]


def real(number: Any) -> Any:
    if isinstance(number, mpmath.mpc) or not mpmath.isfinite(number) or abs(number) > LARGE:
        raise NoTruth
    return number


def lift(symbolic: Callable[..., Any], numeric: Callable[..., Any], *parts: Twin) -> Twin:
    def value(point: tuple[Any, ...]) -> Any:
        try:
            return real(numeric(*(part.value(point) for part in parts)))
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            raise NoTruth from error

    return Twin(symbolic(*(part.expression for part in parts)), value)


def certain_sign(number: Any) -> int:
    if 0 < abs(number) < TINY:
        raise NoTruth
    return int(mpmath.sign(number))


def constant(number: Any) -> Twin:
    return Twin(number, lambda _: number.evalf(WORKING)._to_mpmath(mp.prec))


def power(base: Any, numerator: int, denominator: int) -> Any:
    if base < 0:
        raise NoTruth
    return mpmath.root(base, denominator) ** numerator


def chi_square(z: Any) -> Any:
    if z < 0:
        raise NoTruth
    return mpmath.gammainc(mpf(3) / 2, 0, z * z / 2, regularized=True)


def bump(d: Any, radius: Any, ramp: Any) -> Any:
    d = int(d)
    terms = [
        mpmath.binomial(d, k) * (2 * radius) ** (d - k) * (2 * ramp) ** k / mpmath.factorial(k) for k in range(d + 1)
    ]
    return mpmath.fsum(terms)


def sum_smallest(share: Any, *pairs: Any) -> Any:
    total, left = mpf(0), share
    for value, weight in sorted(zip(pairs[::2], pairs[1::2], strict=True)):
        total += value * max(mpf(0), min(weight, left))
        left -= weight
    return total


def square(e: Any) -> Any:
    return e * e


LEAVES = [Twin(x, lambda at: at[0]), Twin(y, lambda at: at[1])]
CONSTANTS = [constant(n) for n in (Rational(1, 10), Rational(-7, 3), pi, S.Exp1, S(2), S.EulerGamma, S.Catalan)]
WHOLE = Twin(whole, lambda at: at[2])
# the name of a function on both sides, and what keeps its argument inside the domain (None: nothing has to)
PLAIN = ["erf", "erfc", "sin", "cos", "tanh", "atan"]
STEEP = ["exp", "sinh", "cosh"]
UNIT = ["asin", "acos", "erfinv", "tan"]


def tamed(e: Twin) -> Twin:
    return lift(lambda a: 9 * sympy.sin(a) / 10, lambda a: 9 * mpmath.sin(a) / 10, e)


def positive(e: Twin) -> Twin:
    return lift(lambda a: a**2 + Rational(1, 7), lambda a: a * a + mpf(1) / 7, e)


def by_name(name: str, e: Twin) -> Twin:
    return lift(getattr(sympy, name), getattr(mpmath, name), e)


def bessel(order: int, e: Twin) -> Twin:
    return lift(partial(sympy.besseli, order), partial(bessel_series, abs(order)), e)


def bessel_series(order: int, z: Any) -> Any:
    """The power series, which is far quicker than mpmath's gamma functions."""
    term, total, k = (z / 2) ** order / mpmath.factorial(order), mpf(0), 0
    while abs(term) > mpf(10) ** -WORKING:
        total, k = total + term, k + 1
        term *= z * z / (4 * k * (k + order))
    return total


def unary(draw: random.Random, e: Twin) -> Twin:
    """A function of one argument, mostly with an argument from its domain, at times with any."""
    # SymPy would evaluate a function of a number at once, also outside its domain
    safe = draw.random() < 0.6 or not e.expression.free_symbols
    kind = draw.choice(
        ["plain", "plain", "steep", "unit", "log", "root", "power", "bessel", "abs", "sign", "chi", "pole"]
    )
    if kind == "plain":
        return by_name(draw.choice(PLAIN), e)
    if kind == "steep":
        return by_name(draw.choice(STEEP), by_name("atan", e) if safe else e)
    if kind == "unit":
        return by_name(draw.choice(UNIT), tamed(e) if safe else e)
    if kind == "bessel":
        return bessel(draw.choice([0, 1, 2, 3, -1, -2]), lift(lambda a: 9 * a, lambda a: 9 * a, tamed(e)))
    if kind == "abs":
        return lift(sympy.Abs, abs, e)
    if kind == "sign":
        return lift(sympy.sign, lambda a: mpf(certain_sign(a)), e)
    if kind == "power":
        exponent = draw.choice([2, 3, 4, 5, 7])
        return lift(lambda a: a**exponent, lambda a: a**exponent, by_name("atan", e) if safe else e)
    inner = positive(e) if safe else e
    if kind == "log":
        return by_name("log", inner)
    if kind == "chi":
        return lift(ChiSquareCdf, chi_square, inner)
    if kind == "pole":
        exponent = draw.choice([-1, -2, -3])
        return lift(lambda a: a**exponent, lambda a: a**exponent, inner)
    p, q = draw.choice([(1, 2), (-1, 2), (3, 2), (2, 3), (1, 3), (-5, 3), (7, 4)])
    return lift(lambda a: a ** Rational(p, q), lambda a: power(a, p, q), inner)


def binary(draw: random.Random, a: Twin, b: Twin) -> Twin:
    """A function of several arguments."""
    kind = draw.choice(
        ["add", "sub", "mul", "mul", "ratio", "max", "min", "general", "switch", "regions", "bump", "sum"]
    )
    if kind in ("add", "sub", "mul"):
        operation = {"add": add, "sub": sub, "mul": mul}[kind]
        return lift(operation, operation, a, b)
    if kind == "ratio":
        return lift(lambda u, v: u / (1 + v**2), lambda u, v: u / (1 + v * v), a, b)
    if kind == "max":
        return lift(Max, max, a, b)
    if kind == "min":
        return lift(Min, min, a, b)
    if kind == "general":
        return lift(
            lambda u, v: (2 + sympy.sin(u)) ** sympy.atan(v), lambda u, v: (2 + mpmath.sin(u)) ** mpmath.atan(v), a, b
        )
    if kind == "switch" and not (a.expression.has(Piecewise) or b.expression.has(Piecewise)):
        return switch(a, b)
    if kind in ("switch", "regions"):
        return regions(a, b)
    if kind == "bump":
        return lift(BumpVolume, bump, WHOLE, *(by_name("atan", e) for e in (a, b)))
    share, weights = (
        draw.choice([Rational(1, 4), Rational(7, 10), S(2)]),
        (Rational(1, 3), Rational(1, 2), Rational(1, 6)),
    )
    pairs = [each for e, w in zip((a, b, LEAVES[0]), weights, strict=True) for each in (e, constant(w))]
    return lift(SmallestSum, sum_smallest, constant(share), *pairs)


def switch(a: Twin, b: Twin) -> Twin:
    """Which branch depends on the branches themselves; the conditions overlap."""
    expression = Piecewise((a.expression, a.expression < b.expression), (b.expression, b.expression < 9), (x, True))

    def value(point: tuple[Any, ...]) -> Any:
        first, second = a.value(point), b.value(point)
        if certain_sign(first - second) < 0:
            return first
        return second if certain_sign(second - 9) < 0 else point[0]

    return Twin(expression, value)


def regions(a: Twin, b: Twin) -> Twin:
    """Conditions with connectives, which together cover the plane."""
    u, v = a.expression, b.expression
    expression = Piecewise((u, (x < 0) & (y > 0)), (v, (x >= y) | sympy.Ne(x, x + 1)), (u - v, x < y))

    def value(point: tuple[Any, ...]) -> Any:
        return a.value(point) if point[0] < 0 and point[1] > 0 else b.value(point)

    return Twin(expression, value)


def over_angle(integrand: Any) -> Any:
    return Integral(integrand, (theta, 0, pi))


def kept(b: Any) -> Any:
    """The integral of max(cos, b) over the half circle."""
    return mpmath.sqrt(1 - b * b) + b * (mp.pi - mpmath.acos(b))


c = sympy.cos(theta)
INTEGRALS: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda b: 1 / (2 + b + c), lambda b: mp.pi / mpmath.sqrt((2 + b) ** 2 - 1)),
    (lambda b: (2 + b + c) ** -2, lambda b: mp.pi * (2 + b) / ((2 + b) ** 2 - 1) ** mpf(1.5)),
    (lambda b: sympy.log(2 + b + c), lambda b: mp.pi * mpmath.log((2 + b + mpmath.sqrt((2 + b) ** 2 - 1)) / 2)),
    (lambda b: sympy.exp(3 * b * c), lambda b: mp.pi * mpmath.besseli(0, 3 * b)),
    (lambda b: c * sympy.sinh(3 * b * c), lambda b: mp.pi * mpmath.besseli(1, 3 * b)),
    (lambda b: sympy.cosh(3 * b * c), lambda b: mp.pi * mpmath.besseli(0, 3 * b)),
    (lambda b: sympy.cos(3 * b * sympy.sin(theta)), lambda b: mp.pi * mpmath.besselj(0, 3 * b)),
    (lambda b: sympy.sqrt(1 + b**2 * sympy.sin(theta) ** 2), lambda b: 2 * mpmath.ellipe(-b * b)),
    (lambda b: (1 + b**2 * sympy.sin(theta) ** 2) ** Rational(-1, 2), lambda b: 2 * mpmath.ellipk(-b * b)),
    (lambda b: c * sympy.atan(b * c), lambda b: mp.pi * b / (1 + mpmath.sqrt(1 + b * b)) if b else mpf(0)),
    (lambda b: 1 + sympy.tanh(b * c), lambda b: +mp.pi),
    (lambda b: 1 + sympy.tan(b * c), lambda b: +mp.pi),
    (lambda b: Piecewise((c, c > b), (b, True)), kept),
    (lambda b: Piecewise((S(3), theta <= 1 + b), (S(1), True)), lambda b: mp.pi + 2 * (1 + b)),
]
FOREIGN = (sympy.I, S.ComplexInfinity, S.NaN, S.Infinity, S.NegativeInfinity, sympy.re, sympy.im, sympy.arg)


def random_twin(draw: random.Random, depth: int) -> Twin:
    if depth == 0 or draw.random() < 0.1:
        return draw.choice([*LEAVES, *LEAVES, draw.choice(CONSTANTS)])
    if draw.random() < 0.02:
        symbolic, numeric = draw.choice(INTEGRALS[:-2])
        return lift(lambda n: over_angle(symbolic(n / 10)), lambda n: numeric(n / 10), WHOLE)
    if draw.random() < 0.5:
        found = unary(draw, random_twin(draw, depth - 1))
    else:
        found = binary(draw, random_twin(draw, depth - 1), random_twin(draw, depth - 1))
    # SymPy would not order an imaginary number or infinity within a maximum, and takes real parts where it sees no need
    return LEAVES[0] if found.expression.has(*FOREIGN) else found
