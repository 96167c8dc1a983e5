"""Integrals and sums to the working precision of mpmath; intervals are split where the integrand has a kink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any, TypeAlias

import sympy
from mpmath import mp
from sympy.core.relational import Relational

Function: TypeAlias = Callable[[Any], Any]

_KINKED = (sympy.Abs, sympy.sign, sympy.Heaviside)
_GRID = 64
_SHARE = 0.75


def find_kink_arguments(integrand: sympy.Expr, variable: sympy.Symbol, /) -> list[sympy.Expr]:
    """The expressions at whose zeros in `variable` the integrand may have a kink or a jump."""
    found: list[sympy.Expr] = [node.args[0] for node in integrand.atoms(*_KINKED)]
    for node in integrand.atoms(sympy.Max, sympy.Min):
        found.extend(left - right for left, right in combinations(node.args, 2))
    for node in integrand.atoms(sympy.Piecewise):
        for _, condition in node.args:
            found.extend(atom.lhs - atom.rhs for atom in condition.atoms(Relational))
    # A kink that moves with the variable of an inner integral is that integral's own.
    outer = integrand.free_symbols
    unique = {argument for argument in found if variable in argument.free_symbols <= outer}
    return sorted(unique, key=sympy.default_sort_key)


def integrate(function: Function, low: Any, high: Any, kinks: Sequence[Function], /) -> Any:
    """The integral over [low, high], ends possibly infinite, split at the zeros of `kinks` inside.

    Where the rule's own error estimate is large, the interval is split once more, where the integrand is largest.
    Raises ArithmeticError when that does not help. Source: the double-exponential rule of Takahasi & Mori (1974), as
    mpmath has it.
    """
    if low == high:
        return mp.mpf(0)
    if low > high:
        return -integrate(function, high, low, kinks)
    inside = {zero for kink in kinks for zero in _find_zeros(kink, low, high)}
    for attempt in range(2):
        value, error = mp.quad(function, [low, *sorted(inside), high], error=True)
        if error <= mp.power(10, -_SHARE * mp.dps) * max(1, abs(value)):
            return value
        if attempt == 0:
            inside.add(max(_grid(low, high), key=lambda point: abs(function(point))))
    raise ArithmeticError(f"the quadrature reaches only {mp.nstr(error, 1)}")


def estimate(function: Function, low: Any, high: Any, kinks: Sequence[Function], /) -> Any:
    """The integral to a few digits, as a scale: its error is not looked at."""
    inside = {zero for kink in kinks for zero in _find_zeros(kink, low, high)}
    return mp.quad(function, [low, *sorted(inside), high], maxdegree=3)


def accumulate(kind: type, function: Function, low: Any, high: Any, /) -> Any:
    """The sum or product over the integers from `low` to `high`; an infinite sum is extrapolated by mpmath."""
    if not (mp.isfinite(low) and mp.isfinite(high)):
        return (mp.nsum if kind is sympy.Sum else mp.nprod)(function, [low, high])
    terms = [function(mp.mpf(k)) for k in range(int(low), int(high) + 1)]
    return mp.fsum(terms) if kind is sympy.Sum else mp.fprod(terms)


def _find_zeros(function: Function, low: Any, high: Any) -> list[Any]:
    """Zeros inside: of a linear function exactly, of any other where it changes sign between points of a grid."""
    grid = _grid(low, high)
    middle = grid[len(grid) // 2]
    heights = [function(point) for point in (middle, middle + 1, middle + 2)]
    slope = heights[1] - heights[0]
    if slope != 0 and abs(heights[2] - heights[1] - slope) <= mp.eps * 64 * max(map(abs, heights)):
        zero = middle - heights[0] / slope
        return [zero] if low < zero < high else []
    values = [function(point) for point in grid]
    zeros = [point for point, value in zip(grid, values, strict=True) if value == 0 and low < point < high]
    for (left, at_left), (right, at_right) in pairwise(zip(grid, values, strict=True)):
        if at_left * at_right < 0:
            zeros.append(mp.findroot(function, (left, right), solver="anderson", verify=False, maxsteps=200))
    return zeros


def _grid(low: Any, high: Any) -> list[Any]:
    """Points inside the interval, ever farther apart towards an infinite end."""
    shares = [mp.mpf(2 * k + 1) / (2 * _GRID) for k in range(_GRID)]
    if mp.isfinite(low) and mp.isfinite(high):
        return [low + (high - low) * share for share in shares]
    if mp.isfinite(low):
        return [low + share / (1 - share) for share in shares]
    if mp.isfinite(high):
        return [high - (1 - share) / share for share in shares]
    return [(2 * share - 1) / (share * (1 - share)) for share in shares]
