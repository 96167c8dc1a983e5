"""Boxes with rational ends: read from what is given, halved without losing a point, and as balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import sympy
from flint import arb, fmpq

from numerics.enclosures import balls
from numerics.enclosures.ball_programs import Exact
from numerics.enclosures.exact_numbers import as_rational

Point: TypeAlias = Sequence[fmpq]
Interval: TypeAlias = tuple[fmpq, fmpq]
Bounds: TypeAlias = Sequence[Interval]
NamedBounds: TypeAlias = Mapping[sympy.Symbol, tuple[Exact, Exact]]


def read_interval(symbol: sympy.Symbol, ends: tuple[Exact, Exact], /, *, strict: bool = False) -> Interval:
    """The rational (low, high) of a symbol.

    Raises ValueError for an end that is not rational, low > high, or against the sign that the symbol declares; a
    positive symbol may have the low end 0 unless `strict`.
    """
    low, high = (as_rational(end, f"an end of the box of {symbol}") for end in ends)
    if low > high:
        raise ValueError(f"the box of {symbol} is ({low}, {high}): low <= high is required")
    against = (symbol.is_nonnegative and low < 0) or (symbol.is_nonpositive and high > 0)
    if against or (strict and symbol.is_positive and low == 0):
        raise ValueError(f"the box of {symbol} is ({low}, {high}), against the sign that the symbol declares")
    return low, high


def to_balls(bounds: Bounds, /) -> list[arb]:
    """Balls that contain the sides."""
    return [balls.between(low, high) for low, high in bounds]


def midpoint(bounds: Bounds, /) -> list[fmpq]:
    """The exact midpoint."""
    return [(low + high) / 2 for low, high in bounds]


def halve(bounds: Bounds, k: int, /) -> tuple[list[Interval], list[Interval]]:
    """The lower and the upper half along coordinate k; they share a face."""
    (low, high), centre = bounds[k], (bounds[k][0] + bounds[k][1]) / 2
    lower, upper = ([*bounds[:k], ends, *bounds[k + 1 :]] for ends in ((low, centre), (centre, high)))
    return lower, upper


__all__ = ["Bounds", "Interval", "NamedBounds", "Point", "halve", "midpoint", "read_interval", "to_balls"]
