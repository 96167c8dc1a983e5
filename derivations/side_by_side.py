"""Two models solved at the same parameters, so that one claim can speak of both roots."""

from __future__ import annotations

from sympy import Expr, Symbol

from derivations.model import Model, unknown
from derivations.relations import equal


def side_by_side(first: Model, second: Model, mark: str, /) -> Model:
    """Both models at the same parameters; names and unknowns of the second carry the mark as a suffix."""
    unknowns = {u: unknown(f"{u}_{mark}", u.meaning, positive=True) for u in second.unknowns}
    names = {**unknowns, **{name: Symbol(f"{name}_{mark}", positive=True) for name, _ in second.program}}

    def rename(expression: Expr) -> Expr:
        return expression.xreplace(names)

    return Model(
        parameters=tuple(dict.fromkeys((*first.parameters, *second.parameters))),
        unknowns=(*first.unknowns, *unknowns.values()),
        program=(*first.program, *((names[name], rename(definition)) for name, definition in second.program)),
        equations=(*first.equations, *(equal(rename(e.lhs), rename(e.rhs)) for e in second.equations)),
        observables=first.observables,
        start={**first.start, **{names[u]: rename(guess) for u, guess in second.start.items()}},
    )
