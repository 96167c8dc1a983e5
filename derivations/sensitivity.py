"""How the observables of a model change with one of its parameters: the implicit function theorem, written out.

The unknowns x(p) of a model solve F(x, p) = 0, so that dx/dp = -F_x^(-1) F_p wherever F_x is regular, and an observable
o(x, p) has the total derivative o_p + o_x dx/dp. The model's program is differentiated definition by definition, and
the slopes become further definitions: whatever evaluates a model at its roots (samples, balls) evaluates them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sympy import Add, Expr, Matrix, S, Symbol, diff

from derivations.equal_branches import merge_equal_branches
from derivations.ingredients import Program
from derivations.model import Model
from derivations.relations import Relation, below

Partials = Mapping[Symbol, Mapping[Symbol, Expr]]
"""By direction, the derivative of each name that depends on it."""


def slope(observable: str, parameter: Symbol, /) -> Symbol:
    """The name of the total derivative of a model's observable in the parameter, all other parameters fixed."""
    return Symbol(f"{observable}_slope_in_{parameter}", real=True)


def increasing_along(observable: str, parameter: Symbol, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim that an observable increases in a parameter along the model's roots: its `slope` is positive.

    The model is that of the evidence, `roots_of=differentiated(model, parameter)`.
    """
    return below(0, slope(observable, parameter), given=given)


def decreasing_along(observable: str, parameter: Symbol, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim that an observable decreases in a parameter along the model's roots: its `slope` is negative."""
    return below(slope(observable, parameter), 0, given=given)


def differentiated(model: Model, parameter: Symbol, /) -> Model:
    """The model's own equations, with the slopes of its observables in the parameter among the definitions.

    Phases and branches stay: there the slopes of the equations' root mean nothing. Raises ValueError for a symbol that
    is not a parameter of the model, or one without unknowns (differentiate its closed form).
    """
    if parameter not in model.symbols or not model.unknowns:
        raise ValueError(f"{parameter} has to be a parameter of a model with unknowns, to differentiate its roots")
    directions = (*model.unknowns, parameter)
    program, partials = differentiate_program(model.program, directions)
    gaps = [equation.lhs - equation.rhs for equation in model.equations]
    rows = [[total_derivative(gap, direction, partials) for direction in directions] for gap in gaps]
    entries, definitions = _name_entries(rows, directions)
    program += definitions
    moves = {unknown: slope(str(unknown), parameter) for unknown in model.unknowns}
    program += zip(moves.values(), _solve(entries), strict=True)
    for name, observable in {**model.observables, **model.reported}.items():
        if observable in moves and name == str(observable):
            continue
        along = [total_derivative(observable, unknown, partials) * move for unknown, move in moves.items()]
        program.append((slope(name, parameter), Add(total_derivative(observable, parameter, partials), *along)))
    return replace(model, program=tuple(program))


def differentiate_program(
    program: Program, directions: Iterable[Symbol], /
) -> tuple[list[tuple[Symbol, Expr]], Partials]:
    """The program with the derivatives of each definition behind it, and their names; what is 0 has none.

    Of a Piecewise whose branches are one function the first branch is differentiated.
    """
    smooth = dict(merge_equal_branches(program))
    partials: dict[Symbol, dict[Symbol, Expr]] = {direction: {} for direction in directions}
    extended: list[tuple[Symbol, Expr]] = []
    for name, definition in program:
        extended.append((name, definition))
        for direction, known in partials.items():
            derivative = total_derivative(smooth[name], direction, partials)
            if derivative != 0:
                known[name] = Symbol(f"{name}_by_{direction}", real=True)
                extended.append((known[name], derivative))
    return extended, partials


def total_derivative(expression: Expr, direction: Symbol, partials: Partials, /) -> Expr:
    """The derivative in a direction, with what the definitions in it depend on chained in."""
    inner = [diff(expression, name) * by for name, by in partials[direction].items() if expression.has(name)]
    return Add(diff(expression, direction), *inner)


def _name_entries(rows: list[list[Expr]], directions: tuple[Symbol, ...]) -> tuple[Matrix, list[tuple[Symbol, Expr]]]:
    """The matrix (F_x, F_p) of names, zeros kept, and their definitions."""
    definitions: list[tuple[Symbol, Expr]] = []
    names = []
    for k, row in enumerate(rows, start=1):
        for direction, entry in zip(directions, row, strict=True):
            name = Symbol(f"equation_{k}_by_{direction}", real=True)
            names.append(S.Zero if entry == 0 else name)
            definitions += [] if entry == 0 else [(name, entry)]
    return Matrix(len(rows), len(directions), names), definitions


def _solve(entries: Matrix) -> list[Expr]:
    """-F_x^(-1) F_p by Cramer's rule: undefined where F_x is singular, never wrong."""
    size = entries.rows
    jacobian, right = entries[:, :size], -entries[:, size]
    determinant = jacobian.det(method="berkowitz")
    found = []
    for k in range(size):
        changed = jacobian.copy()
        changed[:, k] = right
        found.append(changed.det(method="berkowitz") / determinant)
    return found


__all__ = [
    "decreasing_along",
    "differentiate_program",
    "differentiated",
    "increasing_along",
    "slope",
    "total_derivative",
]
