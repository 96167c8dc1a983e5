"""An inequality at a model's root, compiled for a box of parameters: what has to hold on a tube, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from flint import arb, fmpq
from sympy import Expr, Symbol

from derivations.equal_branches import merge_equal_branches
from derivations.model import Branch, Model, Phase, Refusal
from derivations.relations import Relation
from numerics.enclosures import balls
from numerics.enclosures.exact_numbers import to_sympy
from numerics.enclosures.tape import COMPARISONS
from numerics.enclosures.taylor_models import Value, range_of
from numerics.proofs.model_balls import Conditions, list_signs, needed_once, without_regions
from numerics.proofs.rational_boxes import Bounds, NamedBounds, Point, read_interval, to_balls
from numerics.proofs.root_tubes import RootTubes, Tube
from numerics.solver import Solver

# (degree of the paths, of all else) by the number of parameters that vary: a monomial costs more where there are many
_ORDERS = {0: (0, 0), 1: (4, 3), 2: (4, 3)}
_FEWEST_ORDERS = (3, 2)
_ZERO = arb(0)


@dataclass(frozen=True)
class Judgement:
    """On a whole tube or at a point: whether the root is admissible, meets the conditions, and the inequality holds.

    Each certainly, certainly not, or None.
    """

    admissible: bool | None
    given: bool | None
    holds: bool | None


class RootClaim:
    """`free` are the parameters that vary, `fixed` the others of the box, which are put into all expressions."""

    def __init__(self, model: Model, relation: Relation, box: NamedBounds, /) -> None:
        """Raises ValueError for a bad box or an equality, UnsupportedNode for what balls do not support."""
        if relation.kind not in ("<", "<="):
            raise ValueError(f"relation {relation.kind!r} cannot be proved by balls: '<' or '<=' is allowed")
        if not model.unknowns:
            raise ValueError("the model has no unknowns: a certificate of its closed form needs no roots_of")
        self.model, self.relation = model, relation.expanded()
        ends = {symbol: read_interval(symbol, box[symbol], strict=True) for symbol in box}
        self.fixed = {s: to_sympy(low) for s, (low, high) in ends.items() if low == high}
        self.free = [s for s, (low, high) in ends.items() if low < high]
        self.bounds: Bounds = [ends[s] for s in self.free]
        self.program = merge_equal_branches([(name, self._put(e)) for name, e in model.program])
        self._compile()

    def _put(self, expression: Expr) -> Expr:
        return expression.xreplace(self.fixed)

    def _put_relation(self, relation: Relation) -> Relation:
        return Relation(relation.kind, self._put(relation.lhs), self._put(relation.rhs))

    def _compile(self) -> None:
        bound = {*self.model.unknowns, *(name for name, _ in self.program)}
        given = [self._put_relation(condition) for condition in self.relation.given]
        late = [c for c in given if (c.lhs.free_symbols | c.rhs.free_symbols) & bound]
        gaps = [self._put(equation.lhs - equation.rhs) for equation in self.model.equations]
        self._late = late
        self._signs = [self._put_relation(sign) for sign in list_signs(self.model.unknowns, self.model.equations)]
        judged = [self._put_relation(self.relation), *self._signs, *late]
        further = [relation.rhs - relation.lhs for relation in judged]
        self._require([*gaps, *further], bound)
        order, loose = _ORDERS.get(len(self.free), _FEWEST_ORDERS)
        self.tubes = RootTubes(gaps, self.model.unknowns, self.free, self.program, further, order=order, loose=loose)
        early = [condition for condition in given if condition not in late]
        self._early = Conditions(early, self.free, self.program)
        strict = [replace(r, name=f"{r.name}, exactly", when=r.exactly) for r in self.model.refusals if r.exactly]
        regions: list[Refusal | Phase | Branch] = [*self.model.refusals, *strict, *self.model.phases]
        regions += self.model.branches
        self._regions = [(region.name, self._compile_region(region)) for region in regions]

    def _compile_region(self, region: Refusal | Phase | Branch) -> Conditions:
        own = region.program if isinstance(region, Phase) else ()
        program = [*self.program, *((name, self._put(definition)) for name, definition in own)]
        return Conditions([self._put_relation(relation) for relation in region.when], self.free, program)

    def _require(self, expressions: Sequence[Expr], bound: set[Symbol]) -> None:
        used = {s for e in expressions for s in e.free_symbols}
        used |= {s for _, e in needed_once(self.program, expressions) for s in e.free_symbols}
        if missing := sorted(str(s) for s in used - bound - set(self.free)):
            raise ValueError(f"the box has no bounds for {', '.join(missing)}: give (low, high) for every symbol")

    def applies(self, bounds: Bounds, /) -> bool | None:
        """Whether the conditions on parameters hold for all points of a part of the box, for none, or None."""
        return self._early(to_balls(bounds))

    def region(self, bounds: Bounds, /) -> tuple[str, bool] | None:
        """A phase, branch or refusal that holds all of a part of the box (True), or may hold points of it (False)."""
        inputs = to_balls(bounds)
        for name, conditions in self._regions:
            inside = conditions(inputs)
            if inside is not False:
                return name, inside is True
        return None

    def judge(self, values: Sequence[Value], /) -> Judgement:
        """From the further expressions of the tubes."""
        ranges, first, second = [*map(range_of, values)], 1, 1 + len(self._signs)
        return Judgement(
            admissible=_all(self._signs, ranges[first:second]),
            given=_all(self._late, ranges[second:]),
            holds=_all([self.relation], ranges[:first]),
        )

    def find_roots(self, points: Sequence[Point], /) -> list[list[arb] | None]:
        """The unknowns that the double-precision solver finds at each point: guesses, and the choice of the branch."""
        if not points:
            return []
        columns = {s: np.asarray([_to_float(point[k]) for point in points]) for k, s in enumerate(self.free)}
        values = {**{s: np.full(len(points), float(v)) for s, v in self.fixed.items()}, **columns}
        given = {str(s): values.get(s, self._fill(s, values, len(points))) for s in self.model.symbols}
        found = self._solver.solve_values(given, len(points))
        rows = zip(*(found.unknowns[str(unknown)] for unknown in self.model.unknowns), strict=True)
        return [[arb(float(x)) for x in row] if np.all(np.isfinite(row)) else None for row in rows]

    def prove_at(self, point: Point, guess: Sequence[arb], /) -> tuple[Tube, Judgement] | None:
        """The certified root next to a guess at one point, and what holds there."""
        bounds = [(x, x) for x in point]
        path = self.tubes.path(bounds, guess)
        found = None if path is None else self.tubes.prove(path)
        return None if found is None else (found.tube, self.judge(found.values))

    @cached_property
    def _solver(self) -> Solver:
        return Solver(without_regions(self.model))

    @staticmethod
    def _fill(symbol: Symbol, values: Mapping[Symbol, np.ndarray], count: int) -> np.ndarray:
        """A value for a symbol that neither the equations nor the claim use: its default, or 1."""
        default = getattr(symbol, "default", None)
        if default is not None and default in values:
            return values[default]
        return np.full(count, float(default) if default is not None and default.is_number else 1.0)


def _all(relations: Sequence[Relation], gaps: Sequence[arb]) -> bool | None:
    """Whether all relations hold, from the ranges of right side less left side."""
    pairs = zip(relations, gaps, strict=True)
    return balls.both(*(COMPARISONS[r.kind](_ZERO, gap) if gap.is_finite() else None for r, gap in pairs))


def _to_float(value: fmpq) -> float:
    return int(value.p) / int(value.q)
