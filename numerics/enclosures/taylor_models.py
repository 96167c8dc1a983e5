"""Taylor models: a quantity on a box of parameters as a polynomial with a proven remainder.

With one d_k in [-1, 1] for each parameter a quantity is a polynomial in d of bounded total degree, plus a value in the
ball `rest`. What cancels in a formula cancels in its polynomial, where plain balls forget that two quantities move
together; what is dropped goes to the rest, and a smooth function gets its own from Taylor's theorem on the range.
Coefficients are themselves balls, so that rounding is covered. Source: Makino & Berz (2003); this form derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from itertools import product
from operator import add, itemgetter, mul
from typing import Any, TypeAlias

import sympy
from flint import arb, arb_series, fmpq

from derivations.symbols import ChiSquareCdf
from numerics.enclosures import balls

_UNIT = arb(0, 1)


class Ring:
    """Polynomials in `size` variables of total degree at most `order`: monomials by degree, and how they multiply."""

    def __init__(self, size: int, order: int) -> None:
        self.size, self.order = size, order
        powers = [p for p in product(range(order + 1), repeat=size) if sum(p) <= order]
        self.monomials = sorted(powers, key=lambda p: (sum(p), p))
        place = {p: k for k, p in enumerate(self.monomials)}
        degrees = [sum(p) for p in self.monomials]
        self.grades = [slice(degrees.index(g), len(degrees) - degrees[::-1].index(g)) for g in range(order + 1)]
        pairs: list[list[tuple[int, int]]] = [[] for _ in self.monomials]
        for i, p in enumerate(self.monomials):
            for j, q in enumerate(self.monomials):
                if degrees[i] + degrees[j] <= order:
                    pairs[place[tuple(map(add, p, q))]].append((i, j))
        self.products = [tuple(_pick(*column) for column in zip(*each, strict=True)) for each in pairs]

    def variable(self, k: int, centre: arb, width: arb, /) -> TaylorModel:
        """centre + width d_k."""
        unit = tuple(int(i == k) for i in range(self.size))
        zero = (0,) * self.size
        rest = arb(0) if self.order else width * _UNIT  # without a linear term the rest has to hold the width
        return TaylorModel(self, [{zero: centre, unit: width}.get(p, arb(0)) for p in self.monomials], rest)

    def rest(self, rest: arb, /) -> TaylorModel:
        """A value of which only a ball is known."""
        return TaylorModel(self, [arb(0)] * len(self.monomials), rest)

    def reduce(self, model: TaylorModel, /) -> TaylorModel:
        """A model of higher order in this ring, the higher coefficients in the rest."""
        size = len(self.monomials)
        return TaylorModel(self, model.coefficients[:size], reduce(add, model.sizes[self.order + 1 :], model.rest))

    def evaluate(self, coefficients: Sequence[arb], point: Sequence[arb], /) -> arb:
        """The polynomial at d = point."""
        terms = (reduce(mul, map(pow, point, p), c) for c, p in zip(coefficients, self.monomials, strict=True))
        return reduce(add, terms)


@cache
def ring_of(size: int, order: int, /) -> Ring:
    """The ring, built once."""
    return Ring(size, order)


def _pick(*places: int) -> Callable[[Sequence[arb]], tuple[arb, ...]]:
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    return itemgetter(*places)


class TaylorModel:
    """A polynomial and a rest. `sizes` are the sums of absolute coefficients by degree, from 0 on."""

    __slots__ = ("_sizes", "coefficients", "rest", "ring")

    def __init__(self, ring: Ring, coefficients: list[arb], rest: arb) -> None:
        self.ring, self.coefficients, self.rest = ring, coefficients, rest
        self._sizes: list[arb] | None = None

    @property
    def sizes(self) -> list[arb]:
        """By degree, a ball around 0 that holds that part of the polynomial."""
        if self._sizes is None:
            absolute = [c * _UNIT for c in self.coefficients]
            self._sizes = [reduce(add, absolute[grade]) for grade in self.ring.grades]
        return self._sizes

    @property
    def wide(self) -> arb:
        """A ball that holds the values less the constant term."""
        return reduce(add, self.sizes[1:], self.rest)

    @property
    def range(self) -> arb:
        """A ball that holds every value."""
        return self.coefficients[0] + self.wide


Value: TypeAlias = "TaylorModel | arb"


def range_of(value: Value, /) -> arb:
    """A ball that holds every value of a model or constant."""
    return value.range if isinstance(value, TaylorModel) else value


def plus(x: Value, y: Value, /) -> Value:
    """x + y."""
    if isinstance(x, TaylorModel):
        if isinstance(y, TaylorModel):
            return TaylorModel(x.ring, list(map(add, x.coefficients, y.coefficients)), x.rest + y.rest)
        return TaylorModel(x.ring, [x.coefficients[0] + y, *x.coefficients[1:]], x.rest)
    return plus(y, x) if isinstance(y, TaylorModel) else x + y


def times(x: Value, y: Value, /) -> Value:
    """x y; products of degrees that add up to more than the order go to the rest."""
    if not isinstance(x, TaylorModel):
        return times(y, x) if isinstance(y, TaylorModel) else x * y
    if not isinstance(y, TaylorModel):
        return TaylorModel(x.ring, [c * y for c in x.coefficients], x.rest * y)
    a, b = x.coefficients, y.coefficients
    kept = [reduce(add, map(mul, left(a), right(b))) for left, right in x.ring.products]
    tail, rest = arb(0), x.range * y.rest + (b[0] + reduce(add, y.sizes[1:], arb(0))) * x.rest
    for low, high in zip(x.sizes[1:], reversed(y.sizes[1:]), strict=True):
        tail += high
        rest += low * tail
    return TaylorModel(x.ring, kept, rest)


def combine(weights: Sequence[arb], values: Sequence[Value], /) -> Value:
    """The sum of weights[k] values[k]."""
    return reduce(plus, map(times, weights, values))


Series: TypeAlias = Callable[[Any], Any]


def smooth(series: Series, x: Value, /) -> Value:
    """A function of x, given by its action on power series; undefined where a point of x is outside its domain."""
    if not isinstance(x, TaylorModel):
        value: Value = series(arb_series([x, 1], 1))[0]
        return value
    order, wide = x.ring.order, x.wide
    at_centre = series(arb_series([x.coefficients[0], 1], order + 1))
    on_range = series(arb_series([x.range, 1], order + 2))[order + 1]
    moved = TaylorModel(x.ring, [arb(0), *x.coefficients[1:]], x.rest)
    value = at_centre[order]
    for k in reversed(range(order)):
        value = plus(times(moved, value), at_centre[k])
    return plus(value, x.ring.rest(on_range * balls.integer_power(wide, order + 1)))


def power(exponent: sympy.Rational, x: Value, /) -> Value:
    """x**exponent, the principal real branch."""
    p, q = int(exponent.p), int(exponent.q)
    if q == 1 and 2 <= p <= 4:
        return reduce(times, [x] * p)
    return smooth(lambda t: _power_series(t, p, q), x)


def _power_series(t: Any, p: int, q: int) -> Any:
    # flint's reciprocal of an exact 0 is 0 where the series has no other term
    if not (t[0] > 0 or (q == 1 and (p >= 0 or t[0] < 0))):
        return arb_series([balls.UNDEFINED] * t.prec, t.prec)
    if q == 1:
        return t**p
    return t.sqrt() ** p if q == 2 else (t.log() * fmpq(p, q)).exp()


def _chi_square_cdf(t: Any) -> Any:
    """The integral of its derivative sqrt(2/pi) t^2 exp(-t^2/2)."""
    density = (t * t / -2).exp() * (t * t) * (2 / arb.pi()).sqrt()
    higher = [density[k] / (k + 1) for k in range(t.prec - 1)]
    return arb_series([balls.chi_square_cdf(t[0]), *higher], t.prec)


SMOOTH: dict[type, Series] = {
    sympy.exp: lambda t: t.exp(),
    sympy.log: lambda t: t.log(),
    sympy.erf: lambda t: t.erf(),
    sympy.erfc: lambda t: t.erfc(),
    ChiSquareCdf: _chi_square_cdf,
}
