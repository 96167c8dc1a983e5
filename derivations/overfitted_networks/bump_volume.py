"""The volume of a bump's support: a cube of half side delta, fattened by tau in the l_1 norm."""

from __future__ import annotations

from typing import Any

from sympy import Add, Expr, Function, Integral, Rational, Symbol, binomial, factorial


class BumpVolume(Function):
    """vol {z in R^d : sum_j (|z_j| - delta)_+ <= tau} = sum_k C(d, k) (2 delta)^(d-k) (2 tau)^k / k!.

    Arguments (d, delta, tau), d a whole number of at least 1; it stays a name while d is a symbol. A cube of side
    2 delta at tau = 0, a cross-polytope of radius tau at delta = 0.
    """

    nargs = (3,)

    @classmethod
    def eval(cls, dimension: Any, radius: Any, ramp: Any) -> Any:
        """The polynomial in radius and ramp once the dimension is a number."""
        return steiner_polynomial(int(dimension), radius, ramp) if dimension.is_Integer else None

    def _eval_is_nonnegative(self) -> bool:
        return bool(self.args[1].is_nonnegative and self.args[2].is_nonnegative)

    def _sympystr(self, printer: Any) -> str:
        return f"V_{printer.doprint(self.args[0])}({', '.join(printer.doprint(each) for each in self.args[1:])})"

    def _latex(self, printer: Any) -> str:
        dimension, *sizes = (printer.doprint(each) for each in self.args)
        return rf"V_{{{dimension}}}\left({', '.join(sizes)}\right)"


def steiner_polynomial(d: int, radius: Expr, ramp: Expr, /) -> Expr:
    """Steiner's formula for a cube of half side `radius` and `ramp` times the cross-polytope, d >= 0."""
    terms = (Rational(binomial(d, k), factorial(k)) * (2 * radius) ** (d - k) * (2 * ramp) ** k for k in range(d + 1))
    return Add(*terms)


def area_by_slices(radius: Expr, ramp: Expr, /) -> Expr:
    """V_2 from its definition: slices of half length radius + ramp over the cube, shorter by the depth u beyond it."""
    depth = Symbol("u", nonnegative=True)
    return 4 * (radius * (radius + ramp) + Integral(radius + ramp - depth, (depth, 0, ramp)))


__all__ = ["BumpVolume", "area_by_slices", "steiner_polynomial"]
