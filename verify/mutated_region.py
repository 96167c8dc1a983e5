"""The part of a model that holds at a point, a closed phase or branch too, evaluated with a line of it changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from derivations.model import Model
from derivations.relations import Relation
from numerics import special
from numerics.codegen import needed
from numerics.newton import quiet
from numerics.printers import ArrayPrinter
from numerics.solution import REGULAR
from verify.mutants import Mutant, mutate_expression

Program = Sequence[tuple[Symbol, Expr]]
Inputs = Mapping[str, Any]
"""(1,) arrays, or a Law, by the names of a model's symbols and unknowns."""


@dataclass(frozen=True)
class Region:
    """Definitions and observables, in closed form or at a root of the model; `name` is what a solution calls it.

    `model` has the parameters, and the unknowns unless the region is `closed`; `when` are its conditions and `written`
    the observables as they stand in the model.
    """

    name: str
    program: tuple[tuple[Symbol, Expr], ...]
    observables: Mapping[str, Expr]
    model: Model
    closed: bool = False
    when: tuple[Relation, ...] = ()
    written: Mapping[str, Expr | None] = field(default_factory=dict)

    @property
    def own(self) -> list[int]:
        """The places of the definitions that observables need and equations do not."""
        equations = () if self.closed else self.model.equations
        judged = {name for name, _ in needed(self.program, [side for r in equations for side in (r.lhs, r.rhs)])}
        wanted = {name for name, _ in needed(self.program, self.observables.values())}
        return [k for k, (name, _) in enumerate(self.program) if name in wanted - judged]


def list_regions(model: Model, name: str = REGULAR, when: tuple[Relation, ...] = (), /) -> Iterator[Region]:
    """The model's own region, its closed phases with values, and the regions of its branches."""
    yield Region(name, model.program, model.observables, model, not model.unknowns, when, model.observables)
    for phase in model.phases:
        values = {key: value for key, value in phase.observables.items() if value is not None}
        if values:
            conditions = (*when, *phase.when)
            program = (*model.program, *phase.program)
            yield Region(phase.name, program, values, model, True, conditions, phase.observables)
    for branch in model.branches:
        yield from list_regions(branch.model, branch.name, (*when, *branch.when))


def mutate_region(region: Region, names: Iterable[str], places: Iterable[int], /) -> Iterator[Mutant[Region]]:
    """Mutants of the named observables and of the definitions at these places."""
    for name in names:
        for mutant in mutate_expression(region.observables[name]):
            changed = replace(region, observables={**region.observables, name: mutant.changed})
            yield Mutant(mutant.mutation, f"{name}: {mutant.change}", changed)
    for k in places:
        symbol, definition = region.program[k]
        for mutant in mutate_expression(definition):
            program = (*region.program[:k], (symbol, mutant.changed), *region.program[k + 1 :])
            yield Mutant(mutant.mutation, f"{symbol}: {mutant.change}", replace(region, program=program))


class RegionAt:
    """A region at one point, in double precision by the code that solvers use; what a change leaves alone is kept."""

    def __init__(self, region: Region, inputs: Inputs, /) -> None:
        self.region = region
        lines = needed(region.program, region.observables.values())
        self._values = {**inputs, **_compute(lines, inputs)}

    def observe(self, changed: Region, names: Sequence[str], /) -> dict[str, float]:
        """The named observables of the region itself, or of one of its mutants; NaN where there is no value."""
        moved, lines = set[Symbol](), []
        before = dict(self.region.program)
        for name, definition in needed(changed.program, [changed.observables[each] for each in names]):
            if definition != before.get(name) or definition.free_symbols & moved:
                moved.add(name)
                lines.append((name, definition))
        lines += [(Symbol(f"observed_{name}"), changed.observables[name]) for name in names]
        found = _compute(lines, self._values)
        return {name: float(np.real(np.ravel(found[f"observed_{name}"])[0])) for name in names}


def _compute(lines: Program, values: Inputs) -> dict[str, Any]:
    """What the lines define, by name."""
    printer = ArrayPrinter()
    names = [str(name) for name, _ in lines]
    used = {str(symbol) for _, definition in lines for symbol in definition.free_symbols}
    given = sorted((used - set(names)) & set(values))
    body = [f"    {name} = {printer.doprint(definition)}" for name, (_, definition) in zip(names, lines, strict=True)]
    result = ", ".join(f"{name!r}: {name}" for name in names)
    text = "\n".join([f"def compute(xp, special, {', '.join(given)}):", *body, f"    return {{{result}}}"])
    functions: dict[str, Any] = {}
    exec(compile(text, "<changed region>", "exec"), functions)  # our own text: never a user's
    with quiet():
        found: dict[str, Any] = functions["compute"](np, special, *(values[name] for name in given))
    return found


__all__ = ["Inputs", "Region", "RegionAt", "list_regions", "mutate_region"]
