"""The part of an average that the smallest values contribute: int_0^p q(s) ds, q the quantile function."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Max, Min, S, Symbol, Tuple, sympify

from derivations.averages import LawMean


class LowerMean(LawMean):
    """E[f(x); f(x) among the smallest, of probability `share` in all] for x ~ `law`, ties split as needed.

    `law` is a symbol that a LawParameter carries, or explicit atoms with values f that can be ordered: then a
    piecewise linear expression in `share`. A share below 0 counts as 0.
    """

    def __new__(cls, expression: Any, variable: Symbol, law: Any, share: Any) -> Any:
        """Raises TypeError for a law that is neither a symbol nor a Tuple of pairs, or values that are not numbers."""
        expression, law, share = sympify(expression), sympify(law), sympify(share)
        if isinstance(law, Tuple):
            return _sum_smallest([(expression.xreplace({variable: value}), weight) for value, weight in law], share)
        if not isinstance(law, Symbol):
            raise TypeError(f"a law is a symbol or a Tuple of (value, weight) pairs, not {law!r}")
        return Expr.__new__(cls, expression, variable, law, share)

    @property
    def free_symbols(self) -> set[Any]:
        """Those of the expression but the variable, of the share, and the law."""
        expression, variable, law, share = self.args
        return {*(expression.free_symbols - {variable}), *share.free_symbols, law}

    def _eval_derivative(self, symbol: Symbol) -> Any:
        if symbol in self.free_symbols:
            raise TypeError(f"a lower mean has no derivative in {symbol} at its kinks")
        return S.Zero

    def _sympystr(self, printer: Any) -> str:
        expression, variable, law, share = (printer.doprint(argument) for argument in self.args)
        return f"lower_mean({expression}; {variable} ~ {law}, {share})"

    def _latex(self, printer: Any) -> str:
        expression, variable, law, share = (printer.doprint(argument) for argument in self.args)
        return rf"\int_0^{{{share}}} q_{{{expression},\, {variable} \sim {law}}}(p)\,\mathrm{{d}}p"


def _sum_smallest(pairs: list[tuple[Any, Any]], share: Any) -> Any:
    if not all(value.is_comparable for value, _ in pairs):
        raise TypeError("the lower mean of explicit atoms needs values that can be ordered")
    total, left = S.Zero, share
    for value, weight in sorted(pairs, key=lambda pair: pair[0]):
        total += value * Max(0, Min(weight, left))
        left = left - weight
    return total


__all__ = ["LowerMean"]
