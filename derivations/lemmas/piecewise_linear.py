r"""Piecewise linear identities are decided by finitely many exact values.

Write relu(t) = max(t, 0). Two continuous functions of one variable, linear between common knots, are equal if they
agree at the knots and at one point beyond each end; in several variables, two functions that are linear on every cone
of an arrangement of hyperplanes are equal if they agree on the rays of the arrangement, and an inequality between them
holds everywhere if it holds on the rays. Every claim about ReLU networks that is tagged exact rests on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

from sympy import Expr, Max, Symbol, expand, integrate, symbols

from derivations.core import Derivation, Exact, Source, Symbolic
from derivations.evidence import Instance
from derivations.piecewise_linear_functions import PiecewiseLinear, Vector, list_rays
from derivations.relations import Claim, equal, statement

theorem = Derivation(
    __name__,
    title="Piecewise linear identities from finitely many values",
    source=Source(
        key="arora2018relu",
        authors=("Arora, Raman", "Basu, Amitabh", "Mianjy, Poorya", "Mukherjee, Anirbit"),
        title="Understanding deep neural networks with rectified linear units",
        year=2018,
        venue="ICLR",
        arxiv="1611.01491",
    ),
)

level, slope, x = symbols("level slope x", real=True)
a = Symbol("a", real=True)
width = Symbol("width", positive=True)
u, v = symbols("u v", real=True)
first, second = symbols("lambda_1 lambda_2", positive=True)


Value = TypeVar("Value", int, Fraction, Expr)
"""A number, or an expression: networks are written once for both."""


def relu(value: Value, /) -> Value:
    """max(t, 0) of an exact number or of an expression."""
    return Max(value, 0) if isinstance(value, Expr) else max(value, 0 * value)


def on_rays(
    name: str,
    left: Callable[..., object],
    right: Callable[..., object],
    forms: tuple[Vector, ...],
    nonnegative: tuple[Vector, ...] = (),
) -> Iterator[Instance]:
    """Both sides on the rays of the arrangement: equal there means equal wherever `nonnegative` holds.

    The sides take the coordinates as exact numbers; `forms` are all hyperplanes at which either of them kinks.
    """
    rays = list_rays(forms, nonnegative=nonnegative)
    yield f"{name} on {len(rays)} rays", tuple(left(*r) for r in rays), tuple(right(*r) for r in rays)


def axes(size: int, /) -> tuple[Vector, ...]:
    """The coordinate forms of R^size."""
    return tuple(tuple(int(i == j) for i in range(size)) for j in range(size))


@theorem.step(Symbolic())
def one_cell() -> Claim:
    """An affine function is the interpolant of its end values, so two that agree at both ends agree on the cell."""
    ends = level + slope * a, level + slope * (a + width)
    return equal(ends[0] + (ends[1] - ends[0]) * (x - a) / width, level + slope * x)


@theorem.step(Symbolic(), uses=[one_cell])
def one_cone() -> Claim:
    """A linear function on a cone is the same combination of its values on the cone's rays as the point is of them."""
    p, q, *entries = symbols("p q r_1 r_2 s_1 s_2", real=True)
    ray, other = entries[:2], entries[2:]
    point = [first * r + second * s for r, s in zip(ray, other, strict=True)]
    on_ray, on_other = (p * entry[0] + q * entry[1] for entry in (ray, other))
    return equal(p * point[0] + q * point[1], first * on_ray + second * on_other)


def _lattice() -> Iterator[Instance]:
    difference = (*axes(2), (1, -1))
    yield from on_rays("max", max, lambda p, q: q + relu(p - q), difference)
    yield from on_rays("min", min, lambda p, q: q - relu(q - p), difference)
    yield from on_rays("|p|", lambda p, q: abs(p) + q, lambda p, q: relu(p) + relu(-p) + q, difference)


@theorem.step(Exact(_lattice), uses=[one_cone])
def lattice_operations() -> Claim:
    """max, min and the modulus are one or two ReLUs; two hyperplanes and their difference cut the plane."""
    return statement("max(p, q) = q + relu(p - q), min(p, q) = q - relu(q - p), |p| = relu(p) + relu(-p)")


@theorem.step(Symbolic(), uses=[one_cell])
def square_on_a_cell() -> Claim:
    """Errors of piecewise linear functions are sums over cells of (u^2 + u v + v^2)/3 times the length."""
    inner = Symbol("t", real=True)
    interpolant = u + (v - u) * inner / width
    return equal(integrate(expand(interpolant**2), (inner, 0, width)), width * (u**2 + u * v + v**2) / 3)


def _windows() -> Iterator[Instance]:
    saw = PiecewiseLinear(
        tuple(Fraction(k, 4) for k in range(9)), tuple(Fraction(k) for k in (0, 3, 1, 4, 1, 5, 9, 2, 6))
    )
    radius = Fraction(3, 16)
    found = saw.window_maximum(radius)
    for i in range(2, 15):
        x = Fraction(i, 8) + Fraction(1, 64)
        inside = [Fraction(k, 64) for k in range(129) if abs(Fraction(k, 64) - x) <= radius]
        yield f"window around {x}", found(x), max(saw(place) for place in inside)


@theorem.step(Exact(_windows), uses=[one_cell, lattice_operations])
def window_maximum() -> Claim:
    """The largest value over a window is at a knot inside or at an end: piecewise linear again, seen on a fine grid."""
    return statement("the maximum of a piecewise linear function over [x - r, x + r] is piecewise linear in x")
