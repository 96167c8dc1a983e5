"""Averages over spectra: the Marchenko-Pastur law and the semicircle as integrals over an angle, and named laws.

An integral over an angle from 0 to pi of an even, periodic, analytic integrand is what the generated solvers compute by
the midpoint rule, which then converges exponentially; so every spectral average of this suite is written as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Expr, Integral, S, Symbol, Tuple, cos, diff, pi, sin, sqrt, sympify

ANGLE = Symbol("angle", real=True)


def angle_mean(integrand: Expr, angle: Symbol = ANGLE, /) -> Expr:
    """(1/pi) times the integral of `integrand` over the angle from 0 to pi, as an integral that stays as written."""
    return Integral(integrand / pi, (angle, 0, pi))


def semicircle_mean(function: Callable[[Expr], Expr], centre: Expr, radius: Expr, angle: Symbol = ANGLE, /) -> Expr:
    """The average of `function` over the semicircle law, whose density is 2 sqrt(r^2 - (s - centre)^2)/(pi r^2)."""
    return angle_mean(2 * sin(angle) ** 2 * function(centre + radius * cos(angle)), angle)


def size_biased_mean(function: Callable[[Expr], Expr], rho: Expr, angle: Symbol = ANGLE, /) -> Expr:
    """E[s function(s)]/rho over the Marchenko-Pastur law mu of W'W (rows m = rho d, E|w|^2 = 1).

    s dmu/rho is the semicircle law of centre 1 + rho and radius 2 sqrt(rho), for every rho: no atom, no case.
    """
    return semicircle_mean(function, 1 + rho, 2 * sqrt(rho), angle)


def edge_mean(function: Callable[[Expr], Expr], rho: Expr, angle: Symbol = ANGLE, /) -> Expr:
    """The same mean with the angles drawn towards the lower edge of the law: what a model evaluates.

    At rho = 1 a feature of width c at the edge, as of 1/(s + c) or exp(-s/c), has the width sqrt(c) in the plain angle,
    and c^(1/6) here. s is counted from the edge, so that nothing cancels there.
    """
    place, weight = edge_coordinate(sin(angle / 2))
    return angle_mean(weight * function((1 - sqrt(rho)) ** 2 + 4 * sqrt(rho) * place), angle)


def edge_coordinate(sine: Expr, /) -> tuple[Expr, Expr]:
    """(sin(psi/2)^2, 2 sin(psi)^2 dpsi/d(angle)) where sin(psi/2) = sin(angle/2)^3 and `sine` is sin(angle/2).

    Both are even and periodic in the angle, the second analytic up to the distance 1.67 from the real line.
    """
    return sine**6, 24 * sine**8 * (1 - sine**2) * sqrt(1 + sine**2 + sine**4)


def marchenko_pastur_mean(function: Callable[[Expr], Expr], rho: Expr, angle: Symbol = ANGLE, /) -> Expr:
    """E function(s) over the Marchenko-Pastur law of W'W, its atom (1 - rho)_+ at 0 included.

    f(0) + rho times the size-biased mean of (f(s) - f(0))/s, smooth in rho. `function` must be finite at 0.
    """
    at_zero = function(S.Zero)
    return at_zero + rho * size_biased_mean(lambda s: (function(s) - at_zero) / s, rho, angle)


class LawMean(Expr):
    """The average of `expression` over `variable` ~ `law`: a symbol that a LawParameter carries, or explicit atoms.

    Explicit atoms, `Tuple(Tuple(value, weight), ...)`, are summed at once: a claim about all laws is checked on them.
    """

    def __new__(cls, expression: Any, variable: Symbol, law: Any) -> Any:
        """Raises TypeError for a law that is neither a symbol nor a Tuple of (value, weight) pairs."""
        expression, law = sympify(expression), sympify(law)
        if isinstance(law, Tuple):
            return sum((weight * expression.xreplace({variable: value}) for value, weight in law), S.Zero)
        if not isinstance(law, Symbol):
            raise TypeError(f"a law is a symbol or a Tuple of (value, weight) pairs, not {law!r}")
        if variable not in expression.free_symbols:
            return expression
        return Expr.__new__(cls, expression, variable, law)

    @property
    def free_symbols(self) -> set[Any]:
        """Those of the expression but the variable, and the law."""
        expression, variable, law = self.args
        return {*(expression.free_symbols - {variable}), law}

    @property
    def bound_symbols(self) -> list[Any]:
        """The variable that is averaged over."""
        return [self.args[1]]

    def _eval_derivative(self, symbol: Symbol) -> Any:
        expression, variable, law = self.args
        return LawMean(diff(expression, symbol), variable, law)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return self if old == self.args[1] else None

    def _sympystr(self, printer: Any) -> str:
        expression, variable, law = self.args
        return f"mean({printer.doprint(expression)}; {variable} ~ {law})"

    def _latex(self, printer: Any) -> str:
        expression, variable, law = (printer.doprint(argument) for argument in self.args)
        return rf"\mathbb{{E}}_{{{variable} \sim {law}}}\left[{expression}\right]"

    def _eval_is_real(self) -> Any:
        return self.args[0].is_real

    def _eval_is_positive(self) -> Any:
        return self.args[0].is_positive

    def _eval_is_nonnegative(self) -> Any:
        return self.args[0].is_nonnegative


__all__ = [
    "ANGLE",
    "LawMean",
    "angle_mean",
    "edge_coordinate",
    "edge_mean",
    "marchenko_pastur_mean",
    "semicircle_mean",
    "size_biased_mean",
]
