"""Singularities that are none: quotients whose top vanishes with the bottom, hyperbolic forms without their poles.

Balls see only what is written: each function here writes the same function so that they see more.
"""

from __future__ import annotations

from itertools import product as product_of
from typing import Any

from sympy import Dummy, Expr, Heaviside, Mul, Piecewise, S, Symbol, default_sort_key, exp, sign, tanh

MOST_CASES = 3


def unfold_constant_cases(expression: Any, variable: Symbol, /) -> Any:
    """The same function with cases that do not depend on the variable told apart outside: what cancels shows then."""
    cases = [each for each in expression.atoms(Piecewise) if variable not in each.free_symbols]
    if not cases or len(cases) > MOST_CASES:
        return expression
    first = min(cases, key=default_sort_key)
    if first == expression:
        return expression
    pairs = [(unfold_constant_cases(expression.xreplace({first: value}), variable), when) for value, when in first.args]
    return Piecewise(*pairs, evaluate=False)


def rewrite_hyperbolic(expression: Expr, /) -> Any:
    """The same function with tanh(w)/(1 + tanh(w)) as (1 - e^(-2w))/2 and tanh(w) (1 + e^(-2w)) as 1 - e^(-2w).

    The forms with tanh neither overflow nor cancel in doubles; their poles beside the real line cancel, too, but balls
    do not see it.
    """
    return expression.replace(lambda e: isinstance(e, Mul) and e.has(tanh), _without_poles)


def _without_poles(product: Any) -> Any:
    powers = product.as_powers_dict()
    for factor in [each for each in powers if isinstance(each, tanh)]:
        w, size = factor.args[0], powers[factor]
        decay = exp(-2 * w)
        for partner, share, value in ((1 + factor, -1, (1 - decay) / 2), (1 + decay, 1, 1 - decay)):
            other = share * powers.get(partner, S.Zero)
            if size.is_Integer and other.is_Integer and size * other > 0:
                common = min(abs(size), abs(other)) * (1 if size > 0 else -1)
                rest = product * factor**-common * partner ** (-share * common)
                return _without_poles(Mul(value**common, rest))
    return product


def find_removable(product: Mul, variable: Symbol, /) -> tuple[Expr, Expr, int] | None:
    """(top, bottom, power) where (top/bottom)**power divides the product and top is a function of bottom, 0 at 0."""
    parts = [part.as_base_exp() for part in product.args if variable in part.free_symbols]
    powers = [(base, int(size)) for base, size in parts if size.is_Integer]
    wholes = [(base ** abs(size), 1 if size > 0 else -1) for base, size in powers if abs(size) > 1]
    for (top, above), (bottom, below) in product_of(powers, [*wholes, *powers]):
        if above * below < 0 and _vanishes_with(top, bottom, variable):
            return top, bottom, min(abs(above), abs(below)) * (1 if above > 0 else -1)
    return None


def _vanishes_with(top: Expr, bottom: Expr, variable: Symbol) -> bool:
    """Whether the top is a function of the bottom without jumps, and 0 where that is.

    Across a jump the top is not the integral of its slope.
    """
    if top.has(Piecewise, Heaviside, sign):
        return False
    inside = Dummy("bottom", real=True)
    symbols = top.xreplace({bottom: inside}).free_symbols
    return variable not in symbols and inside in symbols and bool(top.xreplace({bottom: S.Zero}) == 0)


__all__ = ["find_removable", "rewrite_hyperbolic", "unfold_constant_cases"]
