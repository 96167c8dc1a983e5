"""A model compiled to balls: its regions as three-valued conditions, its equations, Jacobian and observables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from flint import arb, ctx
from sympy import Expr, S, Symbol, oo

from derivations.model import Branch, Model, Parameter, Phase, Refusal
from derivations.relations import Relation, below
from numerics.codegen import needed
from numerics.enclosures import balls
from numerics.enclosures.ball_programs import BallProgram, compile_balls, compile_jacobian
from numerics.enclosures.fused import FusedTape
from numerics.enclosures.tape import Tape, UnsupportedNode
from numerics.proofs.exact_parameters import put_laws
from numerics.proofs.krawczyk import RootSystem
from numerics.solver import Solver

MOST_DOUBLINGS = 5
_FEW_BITS = 64

Program = Sequence[tuple[Symbol, Expr]]
Inputs = Sequence[arb]


@dataclass
class NamedBalls:
    """Named expressions on balls; those with a node that balls lack have a reason instead of a value."""

    symbols: Sequence[Symbol]
    program: Program
    expressions: Mapping[str, Expr]
    missing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self._parts = [(list(self.expressions), self._compile(*self.expressions.values()))]
        except UnsupportedNode:
            self._parts = []
            for name, expression in self.expressions.items():
                try:
                    self._parts.append(([name], self._compile(expression)))
                except UnsupportedNode as error:
                    self.missing[name] = str(error)

    def _compile(self, *expressions: Expr) -> BallProgram:
        return compile_balls(expressions, self.symbols, definitions=needed_once(self.program, expressions))

    def __call__(self, inputs: Inputs, /) -> dict[str, arb]:
        """The balls by name, under flint's current precision."""
        return {name: ball for names, part in self._parts for name, ball in zip(names, part(inputs), strict=True)}

    def on_narrow(self, inputs: Inputs, /) -> dict[str, arb]:
        """The same for narrow balls, and faster."""
        found: dict[str, arb] = {}
        for names, part in self._parts:
            narrow = part.on_narrow(inputs)
            settled = all(ball.is_finite() for ball in narrow)
            found.update(zip(names, narrow if settled else part(inputs), strict=True))
        return found


def needed_once(program: Program, expressions: Iterable[Expr], /) -> list[tuple[Symbol, Expr]]:
    """The definitions that `expressions` use, in order; a phase may repeat one of the model's word for word.

    Raises UnsupportedNode where one name has two meanings.
    """
    found: dict[Symbol, Expr] = {}
    for name, definition in needed(program, expressions):
        if found.setdefault(name, definition) != definition:
            raise UnsupportedNode(f"{name} is defined twice, with two meanings")
    return list(found.items())


class Conditions:
    """All of some relations at once, on balls and, where balls do not tell, by exact arithmetic."""

    def __init__(self, relations: Sequence[Relation], symbols: Sequence[Symbol], program: Program, /) -> None:
        self.relations, self.program, self.symbols, self.reason = relations, program, symbols, ""
        self._tape, self._outputs = Tape(symbols), list[int]()
        try:
            for name, definition in needed_once(program, [side for r in relations for side in (r.lhs, r.rhs)]):
                self._tape.define(name, definition)
            self._outputs = [self._tape.compare(r.kind, r.lhs, r.rhs) for r in relations]
        except UnsupportedNode as error:
            self.reason = str(error)

    def __call__(self, inputs: Inputs, /) -> bool | None:
        """Whether all hold: certainly, certainly not, or None where the balls do not tell."""
        if self.reason:
            return None
        values = self._tape.run(inputs)
        return balls.both(*(values[k] for k in self._outputs))

    def on_narrow(self, inputs: Inputs, /) -> bool | None:
        """The same, faster for narrow balls: what follows a condition that is certainly false is not looked at."""
        narrow = not self.reason and all(ball.is_finite() for ball in inputs)
        inside: bool | None = self._fused(inputs) if narrow else None
        return self(inputs) if inside is None else inside

    @cached_property
    def _fused(self) -> FusedTape:
        return FusedTape(self._tape, self._outputs, until_false=True)

    def decide(
        self, inputs: Inputs, numbers: Mapping[Symbol, Any], bits: int, at_precision: Callable[[], Inputs], /
    ) -> bool | None:
        """The same at exact values: few bits first, then exact arithmetic, then more and more bits from `bits` on.

        `inputs` are balls of the values, `numbers` the values, `at_precision` builds balls at the current precision.
        """
        with ctx.workprec(_FEW_BITS):
            inside = self.on_narrow(inputs)
        if inside is None:
            inside = self.decide_exactly(numbers)
        for _ in range(MOST_DOUBLINGS):
            if inside is not None or self.reason:
                break
            with ctx.workprec(bits):
                inside = self(at_precision())
            bits *= 2
        return inside

    def decide_exactly(self, numbers: Mapping[Symbol, Any], /) -> bool | None:
        """The same from rational arithmetic, oo included, at the exact values; None where a side is irrational."""
        return balls.both(*(self._decide(relation, numbers) for relation in self.relations))

    def _decide(self, relation: Relation, numbers: Mapping[Symbol, Any]) -> bool | None:
        sides: list[Any] = [relation.lhs, relation.rhs]
        for name, definition in reversed(needed_once(self.program, sides)):
            sides = [side.xreplace({name: definition}) for side in sides]
        symbols = set().union(*(side.free_symbols for side in sides))
        if not all(isinstance(numbers.get(symbol), Expr) for symbol in symbols):
            return None
        lhs, rhs = (side.xreplace({symbol: numbers[symbol] for symbol in symbols}) for side in sides)
        if not all(side.is_Rational or side in (oo, -oo) for side in (lhs, rhs)):
            # irrational parts may cancel; infinite ones do not
            lhs, rhs = lhs - rhs, S.Zero
            if not lhs.is_Rational:
                return None
        return bool(lhs == rhs if relation.kind == "=" else lhs < rhs if relation.kind == "<" else lhs <= rhs)


def list_signs(unknowns: Sequence[Parameter], equations: Sequence[Relation], /) -> list[Relation]:
    """What a root must satisfy besides the equations: positive sides, and the unknowns' domains."""
    found = [below(S.Zero, side) for relation in equations for side in (relation.lhs, relation.rhs)]
    for unknown in unknowns:
        domain = unknown.domain
        found += [below(domain.lower, unknown)] if domain.lower != -oo else []
        found += [below(unknown, domain.upper)] if domain.upper != oo else []
    return found


def without_regions(model: Model, /) -> Model:
    """The model's own equations, whatever phases, branches or refusals a point lies in."""
    return replace(model, phases=(), branches=(), refusals=())


class ModelBalls:
    """A model at given laws, on balls of its other symbols (`symbols`, in that order)."""

    def __init__(self, model: Model, laws: Mapping[Symbol, Any], /) -> None:
        self.model = model
        self.symbols = tuple(symbol for symbol in model.symbols if symbol not in laws)
        self.program: Program = [(name, put_laws(definition, laws)) for name, definition in model.program]
        self.laws = laws
        self._regions: dict[str, Conditions] = {}
        self._phases: dict[str, NamedBalls] = {}
        self.inputs = (*model.unknowns, *self.symbols)
        names = {**model.observables, **model.reported}
        self.values = NamedBalls(self.inputs, self.program, {k: put_laws(v, laws) for k, v in names.items()})
        self.reason = ""
        self.system: RootSystem | None = None
        self.equations = [self._put(relation) for relation in model.equations]
        self.admissible = Conditions(list_signs(model.unknowns, self.equations), self.inputs, self.program)
        if model.unknowns:
            self._compile_system()

    @cached_property
    def solver(self) -> Solver:
        """The double-precision solver of the model's own equations, without its regions."""
        return Solver(without_regions(self.model))

    def region(self, region: Phase | Branch | Refusal, /) -> Conditions:
        """The conditions of a phase, branch or refusal, compiled once."""
        if region.name not in self._regions:
            program = [*self.program, *self._program(region)]
            when = [self._put(relation) for relation in region.when]
            self._regions[region.name] = Conditions(when, self.symbols, program)
        return self._regions[region.name]

    def exactly(self, refusal: Refusal, /) -> Conditions:
        """The conditions of a refusal without its allowance for rounding."""
        return self.region(replace(refusal, name=f"{refusal.name}, exactly", when=refusal.exactly))

    def phase(self, phase: Phase, /) -> NamedBalls:
        """The closed forms of a phase, those that are finite."""
        if phase.name not in self._phases:
            values = {k: put_laws(v, self.laws) for k, v in phase.observables.items() if v is not None}
            self._phases[phase.name] = NamedBalls(self.symbols, [*self.program, *self._program(phase)], values)
        return self._phases[phase.name]

    def _program(self, region: Phase | Branch | Refusal) -> Program:
        own = region.program if isinstance(region, Phase) else ()
        return [(name, put_laws(definition, self.laws)) for name, definition in own]

    def _put(self, relation: Relation) -> Relation:
        return Relation(relation.kind, put_laws(relation.lhs, self.laws), put_laws(relation.rhs, self.laws))

    def _compile_system(self) -> None:
        gaps = [relation.lhs - relation.rhs for relation in self.equations]
        program = needed_once(self.program, gaps)
        try:
            values = compile_balls(gaps, self.inputs, definitions=program)
            slopes = compile_jacobian(
                gaps, self.inputs, self.model.unknowns, definitions=program, piecewise=True, values=True
            )
        except (UnsupportedNode, TypeError) as error:
            self.reason = str(error)
            return
        if slopes is None:
            self.reason = "the equations have no derivative that balls support"
            return
        self.system = RootSystem(values, slopes)


__all__ = [
    "MOST_DOUBLINGS",
    "Conditions",
    "ModelBalls",
    "NamedBalls",
    "list_signs",
    "needed_once",
    "without_regions",
]
