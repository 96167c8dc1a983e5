"""The even and the odd part of a function where one of them is a polynomial or plain to see: then moments are exact.

tanh is odd, log(1 + exp(t)) is t/2 and an even function, 1/(1 + exp(-t)) is 1/2 and an odd one: quadrature never says
that a Hermite coefficient is 0, and a model may ask.
"""

from __future__ import annotations

from sympy import Add, Expr, Heaviside, S, Symbol, cancel, diff, erf, erfc, expand, log
from sympy import sign as sign_of


def split_parity(expression: Expr, variable: Symbol, /) -> tuple[Expr, Expr] | None:
    """(even part, odd part), exactly; None where they are not found in a form simpler than the definition."""
    even, odd, rest = S.Zero, S.Zero, S.Zero
    for term in Add.make_args(expand(expression.replace(erfc, lambda x: 1 - erf(x)))):
        mirrored = term.xreplace({variable: -variable})
        if mirrored == term:
            even += term
        elif mirrored == -term:
            odd += term
        else:
            rest += term
    if rest == 0:
        return even, odd
    polynomial = _polynomial_part(rest, variable, 1)
    if polynomial is not None:
        return even + polynomial, odd + rest - polynomial
    polynomial = _polynomial_part(rest, variable, -1)
    return None if polynomial is None else (even + rest - polynomial, odd + polynomial)


def _polynomial_part(function: Expr, variable: Symbol, sign: int) -> Expr | None:
    """The even (sign 1) or odd (sign -1) part, if it is a polynomial: shown by algebra in t and exp(t)."""
    mirrored = function.xreplace({variable: -variable})
    part = cancel((function + sign * mirrored) / 2)
    if part.is_polynomial(variable):
        return expand(part)
    if not function.has(log) or function.has(sign_of, Heaviside):
        return None
    slope = cancel(diff(function + sign * mirrored, variable) / 2)
    if not slope.is_polynomial(variable):
        return None
    at_zero = function.xreplace({variable: S.Zero}) if sign > 0 else S.Zero
    return expand(slope.integrate(variable) + at_zero)


__all__ = ["split_parity"]
