"""Piecewise definitions that are one smooth function, written twice for the sake of rounding: the first form serves."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Piecewise, Symbol, expand, fraction, together

_MOST_SUBSTITUTIONS = 12


def merge_equal_branches(program: Sequence[tuple[Symbol, Expr]], /) -> list[tuple[Symbol, Expr]]:
    """The program with each Piecewise whose branches algebra shows to be equal replaced by its first branch.

    Wherever the first branch is defined it then has the value of the Piecewise. Others stay.
    """
    definitions = dict(program)

    def merge(node: Piecewise) -> Expr:
        first, *rest = (branch for branch, _ in node.args)
        return first if all(_vanishes(first - other, definitions) for other in rest) else node

    return [(name, e.replace(Piecewise, lambda *parts: merge(Piecewise(*parts)))) for name, e in program]


def _vanishes(gap: Expr, definitions: dict[Symbol, Expr]) -> bool:
    """Whether the gap is identically 0 once definitions, latest first, are put in."""
    for _ in range(_MOST_SUBSTITUTIONS):
        if expand(fraction(together(gap))[0]) == 0:
            return True
        inner = [name for name in definitions if name in gap.free_symbols]
        if not inner:
            return False
        gap = gap.xreplace({inner[-1]: definitions[inner[-1]]})
    return False
