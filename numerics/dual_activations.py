"""Closed forms of the dual activations: arc-cosine kernels for relu-like, arc-sine laws for erf-like functions.

With G, G' standard normal of correlation rho (Cho & Saul 2009, equations 4-6; Williams 1998, equation 11):

    E[max(G, 0) max(G', 0)] = (sqrt(1 - rho^2) + rho (pi - acos rho)) / (2 pi)
    E[1{G > 0} 1{G' > 0}] = (pi - acos rho) / (2 pi)
    E[erf(c G) erf(c G')] = (2/pi) asin(2 c^2 rho / (1 + 2 c^2))

and in each case the derivative in rho is the average of the product of the slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import sympy
from sympy import Expr, Symbol, Wild

from numerics.lab import Array, namespace

Dual: TypeAlias = Callable[[Array], Array]


def snap(rho: Array, /) -> Array:
    """The correlations with those within 1e-14 of +-1 moved there: the step kernel has a root singularity at 1."""
    xp = namespace(rho)
    return xp.where(xp.abs(rho) > 1 - 1e-14, xp.sign(rho), rho)


def closed_form_duals(expression: Expr, variable: Symbol, /) -> tuple[Dual, Dual] | None:
    """(dual of the centred function, dual of its slope), or None where no closed form is known here.

    Known: a max(t, 0) + b t + c (leaky relu, abs) and a erf(c t) + b.
    """
    return _piecewise_linear(expression, variable) or _error_function(expression, variable)


def is_piecewise_linear(expression: Expr, variable: Symbol, /) -> bool:
    """Whether the expression is a max(t, 0) + b t + c: homogeneous of degree 1 up to a constant."""
    return _piecewise_linear(expression, variable) is not None


def _piecewise_linear(expression: Expr, t: Symbol) -> tuple[Dual, Dual] | None:
    ramp = sympy.Max(t, 0)
    unified = expression.replace(sympy.Abs, lambda x: sympy.Max(x, -x)).replace(_meets_at_zero(t), _as_ramp(t))
    unified = unified.expand()
    a = unified.coeff(ramp)
    rest = (unified - a * ramp).expand()
    b = sympy.diff(rest, t)
    if rest.has(ramp) or not (a.is_number and b.is_number and a.is_real and b.is_real):
        return None
    bend, tilt = float(a), float(b)
    straight = bend * tilt + tilt**2  # E[max(G, 0) G'] = rho/2, and there are two such products
    return (
        lambda rho: bend**2 * (arc_cosine(rho, 1) - 1 / (2 * math.pi)) + straight * rho,
        lambda rho: bend**2 * arc_cosine(rho, 0) + straight,
    )


def _meets_at_zero(t: Symbol) -> Callable[[Expr], bool]:
    def lines(node: Expr) -> bool:
        pair = isinstance(node, sympy.Max | sympy.Min) and len(node.args) == 2
        return pair and all((argument / t).is_number for argument in node.args)

    return lines


def _as_ramp(t: Symbol) -> Callable[[Expr], Expr]:
    """max(p t, q t) or min(p t, q t) as a multiple of max(t, 0) plus a line."""

    def rewrite(node: Expr) -> Expr:
        slopes = [argument / t for argument in node.args]
        low, high = min(slopes), max(slopes)
        left, right = (low, high) if isinstance(node, sympy.Max) else (high, low)
        return left * t + (right - left) * sympy.Max(t, 0)

    return rewrite


def arc_cosine(rho: Array, degree: int, /) -> Array:
    """E of the product of two ramps (degree 1) or of two steps (degree 0) at correlations rho, entry by entry."""
    xp = namespace(rho)
    rho = snap(rho)
    angle = math.pi - xp.acos(rho)
    if degree == 0:
        return angle / (2 * math.pi)
    return (xp.sqrt((1 - rho) * (1 + rho)) + rho * angle) / (2 * math.pi)


def _error_function(expression: Expr, t: Symbol) -> tuple[Dual, Dual] | None:
    a, b, c = (Wild(name, exclude=[t]) for name in "abc")
    match = expression.match(a * sympy.erf(c * t) + b)
    if not match or match[a] == 0 or not (match[a].is_real and match[c].is_real):
        return None
    height, c2 = float(match[a]) ** 2, 2 * float(match[c]) ** 2
    return (
        lambda rho: height * (2 / math.pi) * namespace(rho).asin(c2 * rho / (1 + c2)),
        lambda rho: height * (2 / math.pi) * c2 / namespace(rho).sqrt((1 + c2) ** 2 - (c2 * rho) ** 2),
    )
