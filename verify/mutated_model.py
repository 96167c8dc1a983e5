"""Mutated equations and definitions of a model, judged by the residual at its root: nothing is solved anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from typing import Any

import mpmath
from sympy import Expr, Symbol

from derivations.core import Derivation
from derivations.model import Model
from derivations.relations import Relation
from numerics.precise import evaluate, sample_points
from numerics.precise_root import solve_root
from verify.attack import Attack
from verify.context import Context
from verify.mutants import Mutant, mutate_expression, pick
from verify.mutation_effect import Effect
from verify.verdict import Finding, Outcome

RESIDUAL = 1e-9
"""A root has to satisfy the equations to this; what changes them by less than twice as much is invisible."""
_DIGITS = 20
_ROOTS = 3

Values = Mapping[Symbol, Any]
ListRoots = Callable[[], Sequence[Values]]


@dataclass(frozen=True)
class System:
    """The definitions that a root determines, and the equations that it has to satisfy."""

    program: tuple[tuple[Symbol, Expr], ...]
    equations: tuple[Relation, ...]


def attack_model(derivation: Derivation, seed: int, /) -> Iterator[Attack]:
    """The attacks on the equations of the derivation's model and on the definitions that enter them; none without."""
    model = derivation.model if derivation.has_model else None
    if model is None or not model.unknowns:
        return
    found = list(_mutate_system(System(model.program, model.equations)))
    effect_roots = partial(_list_roots, model, seed + 1)
    for mutant in pick(found, seed=seed, key=f"{derivation.id} equations"):
        effect = partial(_measure, mutant.changed, effect_roots)
        check = partial(_check_residual, mutant.changed, partial(_list_roots, model, seed))
        yield Attack(mutant, effect, (check,), ("root",))


def _mutate_system(system: System) -> Iterator[Mutant[System]]:
    for k, equation in enumerate(system.equations):
        for name in ("lhs", "rhs"):
            for mutant in mutate_expression(getattr(equation, name)):
                equations = list(system.equations)
                equations[k] = replace(equation, **{name: mutant.changed})
                changed = replace(system, equations=tuple(equations))
                yield Mutant(mutant.mutation, f"equation {k + 1}: {mutant.change}", changed)
    for k, (name, definition) in enumerate(system.program):
        for mutant in mutate_expression(definition):
            program = (*system.program[:k], (name, mutant.changed), *system.program[k + 1 :])
            yield Mutant(mutant.mutation, f"{name}: {mutant.change}", replace(system, program=program))


@cache
def _list_roots(model: Model, seed: int) -> tuple[Values, ...]:
    """Roots to many digits at a few sampled parameters: the parameters' values and the unknowns'."""
    return tuple(islice(_find_roots(model, seed), _ROOTS))


def _find_roots(model: Model, seed: int) -> Iterator[Values]:
    for point in sample_points(model.symbols, {}, (), count=10 * _ROOTS, seed=seed):
        try:
            solved = solve_root(model, point, digits=30)
        except (ArithmeticError, ValueError):
            continue
        yield {**point, **{unknown: solved[unknown] for unknown in model.unknowns}}


def _residual(system: System, root: Values) -> Any:
    """The largest |log(left/right)| over the equations at the root; infinite where a side is not positive."""
    values = dict(root)
    for name, definition in system.program:
        values[name] = evaluate(definition, values, digits=_DIGITS)
    worst = mpmath.mpf(0)
    for equation in system.equations:
        left, right = (evaluate(side, values, digits=_DIGITS) for side in (equation.lhs, equation.rhs))
        if isinstance(left, mpmath.mpc) or isinstance(right, mpmath.mpc) or left <= 0 or right <= 0:
            return mpmath.inf
        worst = max(worst, abs(mpmath.log(left / right)))
    return worst


def _residuals(system: System, roots: Sequence[Values]) -> list[Any]:
    """The residuals at the roots at which they can be evaluated."""
    found = []
    for root in roots:
        try:
            found.append(_residual(system, root))
        except (ArithmeticError, TypeError, ValueError):
            continue
    return found


def _measure(system: System, list_roots: ListRoots) -> Effect:
    seen = _residuals(system, list_roots())
    if not seen:
        return Effect.undefined
    if max(seen) > 2 * RESIDUAL:
        return Effect.counted
    return Effect.equivalent if max(seen) < 1e-15 else Effect.invisible


def _check_residual(system: System, list_roots: ListRoots, _context: Context) -> Finding:
    seen = _residuals(system, list_roots())
    if not seen:
        return Finding(Outcome.open, "root", "no residual at any root")
    if max(seen) > RESIDUAL:
        return Finding(Outcome.fails, "root", f"residual {mpmath.nstr(max(seen), 4)} at the root")
    return Finding(Outcome.holds, "root", f"residual {mpmath.nstr(max(seen), 4)}")
