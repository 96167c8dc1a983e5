"""LaTeX of expressions in which names of several letters stay readable as one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sympy import Basic, Symbol


def latex_of(expression: Basic, /) -> str:
    """The expression in LaTeX: Greek names and subscripts as SymPy has them, words such as `ridge` upright."""
    from sympy import Symbol, latex

    names = {symbol: word for symbol in expression.atoms(Symbol) if (word := _word(symbol))}
    text: str = latex(expression, symbol_names=names)
    return text


def _word(symbol: Symbol) -> str:
    """The upright form of a name that is made of words; empty for a letter, a Greek name or an indexed one."""
    from sympy import latex

    parts = str(symbol).split("_")
    words = all(part.isalpha() and part.isascii() for part in parts) and any(len(part) > 1 for part in parts)
    if not words or "\\" in latex(symbol):
        return ""
    return "\\mathrm{" + "\\,".join(parts) + "}"
