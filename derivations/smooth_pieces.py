"""A function with kinks cut at the kinks into smooth pieces, so that it can be differentiated and integrated safely."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import mpmath
from sympy import (
    Abs,
    Expr,
    Float,
    Heaviside,
    Max,
    Min,
    N,
    Poly,
    Pow,
    S,
    Symbol,
    default_sort_key,
    exp,
    lambdify,
    log,
    oo,
    sign,
    sqrt,
)
from sympy.polys.polyerrors import PolynomialError

KINKED = (Abs, sign, Max, Min, Heaviside)
REACH, STEPS_PER_UNIT, MOST_PIECES, LARGEST_EXPONENTIAL = 64, 32, 200, 100_000


def smooth_pieces(expression: Expr, variable: Symbol, /, *, digits: int) -> list[tuple[Expr, Expr, Expr]]:
    """(lower, upper, branch) from -oo to oo: on each open interval the function is the smooth expression `branch`.

    Kinks of Abs, sign, Max, Min and Heaviside whose arguments are polynomials of degree at most 2 are exact numbers,
    others are found between -64 and 64 to `digits` digits. Raises ValueError beyond 200 pieces.
    """
    pieces = _split(expression, variable, -oo, oo, digits)
    if len(pieces) > MOST_PIECES:
        raise ValueError(f"{expression} has more than {MOST_PIECES - 1} kinks")
    return pieces


def numeric(expression: Expr, variable: Symbol, /) -> Callable[[Any], Any]:
    """The expression as an mpmath function; exponentials beyond the range of a sane activation become 0 or infinity."""
    guarded = expression.replace(
        lambda e: isinstance(e, Pow) and not e.exp.is_number, lambda e: exp(e.exp * log(e.base), evaluate=False)
    )
    return lambdify(variable, guarded, modules=[{"exp": _exp, "sinh": _sinh, "cosh": _cosh}, "mpmath"])  # type: ignore[no-any-return]


def _exp(x: Any) -> Any:
    if abs(x) <= LARGEST_EXPONENTIAL:
        return mpmath.exp(x)
    return mpmath.inf if x > 0 else mpmath.mpf(0)


def _sinh(x: Any) -> Any:
    return mpmath.sinh(x) if abs(x) <= LARGEST_EXPONENTIAL else mpmath.sign(x) * mpmath.inf


def _cosh(x: Any) -> Any:
    return mpmath.cosh(x) if abs(x) <= LARGEST_EXPONENTIAL else mpmath.inf


def _split(expression: Expr, variable: Symbol, lower: Expr, upper: Expr, digits: int) -> list[tuple[Expr, Expr, Expr]]:
    atoms = [a for a in expression.atoms(*KINKED) if a.has(variable)]
    innermost = [a for a in atoms if not any(inner.has(variable) for arg in a.args for inner in arg.atoms(*KINKED))]
    if not innermost:
        return [(lower, upper, expression)]
    atom = min(innermost, key=default_sort_key)
    if isinstance(atom, (Max, Min)):
        switches = [a - b for a, b in combinations(sorted(atom.args, key=default_sort_key), 2)]
    else:
        switches = [atom.args[0]]
    roots = {root for switch in switches for root in _roots(switch, variable, digits) if lower < root < upper}
    ends = [lower, *sorted(roots, key=N), upper]
    pieces: list[tuple[Expr, Expr, Expr]] = []
    for left, right in pairwise(ends):
        branch = expression.xreplace({atom: _branch(atom, variable, _between(left, right))})
        pieces += _split(branch, variable, left, right, digits)
        if len(pieces) > MOST_PIECES:
            break
    return pieces


def _between(left: Expr, right: Expr) -> Expr:
    if left == -oo:
        return S.Zero if right == oo else right - 1
    return left + 1 if right == oo else (left + right) / 2


def _branch(atom: Expr, variable: Symbol, point: Expr) -> Expr:
    values = {argument: N(argument.subs(variable, point)) for argument in atom.args}
    if isinstance(atom, (Max, Min)):
        return (max if isinstance(atom, Max) else min)(sorted(atom.args, key=default_sort_key), key=values.__getitem__)
    positive = bool(values[atom.args[0]] > 0)
    if isinstance(atom, Abs):
        return atom.args[0] if positive else -atom.args[0]
    if isinstance(atom, sign):
        return sign(1) if positive else sign(-1)
    return Heaviside(1) if positive else Heaviside(-1)


def _roots(function: Expr, variable: Symbol, digits: int) -> list[Expr]:
    try:
        polynomial = Poly(function, variable)
    except PolynomialError:
        return _scanned_roots(function, variable, digits)
    if polynomial.degree() > 2 or any(c.has(variable) for c in polynomial.coeffs()):
        return _scanned_roots(function, variable, digits)
    a, b, c = (polynomial.coeff_monomial(variable**k) for k in (2, 1, 0))
    if a == 0:
        return [] if b == 0 else [-c / b]
    discriminant = b**2 - 4 * a * c
    return [(-b + s * sqrt(discriminant)) / (2 * a) for s in (-1, 1)] if discriminant >= 0 else []


def _scanned_roots(function: Expr, variable: Symbol, digits: int) -> list[Expr]:
    """Sign changes on a grid, then bisection by the Illinois rule; a double root is no kink of ours."""
    value = numeric(function, variable)
    with mpmath.workdps(15):
        grid = [mpmath.mpf(k) / STEPS_PER_UNIT for k in range(-REACH * STEPS_PER_UNIT, REACH * STEPS_PER_UNIT + 1)]
        try:
            signs = [mpmath.sign(value(point)) for point in grid]
        except (ZeroDivisionError, TypeError):
            raise ValueError(f"{function} is not finite and real at every {variable}") from None
    roots = []
    with mpmath.workdps(digits + 10):
        for left, right, low, high in zip(grid, grid[1:], signs, signs[1:], strict=False):
            if low == 0:
                roots.append(left)
            elif low * high < 0:
                roots.append(mpmath.findroot(value, (left, right), solver="anderson", verify=False))
        return [Float(root, digits + 10) for root in roots]
