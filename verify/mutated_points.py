"""Points at which a region of a model is looked at: sampled parameters, and the certified roots there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq
from sympy import Rational, S, Symbol, Tuple, oo

from derivations.model import LawParameter, Model
from derivations.relations import Relation
from numerics.codegen import needed
from numerics.laws import Law
from numerics.precise import sample_points
from numerics.proofs.isolated_root import isolate_near
from numerics.proofs.krawczyk import RootStatus
from numerics.proofs.model_balls import ModelBalls
from verify.mutated_region import Inputs, Region, RegionAt

POINTS = 8
_TRIED = 32
_BITS = 128

Point = Mapping[Symbol, Any]


@dataclass(frozen=True)
class Places:
    """A region at a few points; `certified` says that balls prove each root to be the only one nearby."""

    at: tuple[RegionAt, ...]
    certified: bool


def find_places(region: Region, seed: int, /) -> Places:
    """The region at a few sampled parameters that meet its conditions, where these can be met; laws have two values."""
    balls = _compile(region.model)
    found = (each for point in _sample(region, balls, seed) if (each := _place(region, balls, point)) is not None)
    return Places(tuple(islice(found, POINTS)), balls.system is not None and not region.closed)


@cache
def _compile(model: Model) -> ModelBalls:
    laws = {item.symbol: _two_values(item) for item in model.parameters if isinstance(item, LawParameter)}
    return ModelBalls(model, laws)


def _two_values(item: LawParameter) -> Tuple:
    """3/4 and 3/2; where the law may be negative or has a mean to keep, values of both signs about it."""
    if item.mean is None and not item.domain.contains(-1):
        return Tuple(Tuple(Rational(3, 4), Rational(1, 2)), Tuple(Rational(3, 2), Rational(1, 2)))
    mean = S.Zero if item.mean is None else item.mean
    return Tuple(Tuple(mean - Rational(1, 2), Rational(2, 3)), Tuple(mean + 1, Rational(1, 3)))


def _sample(region: Region, balls: ModelBalls, seed: int) -> Iterator[Point]:
    """Exact values of all symbols but the laws'; what a condition fixes is put as it says, infinity too."""
    kinds = [item.kind for item in balls.model.parameters if isinstance(item, LawParameter) and item.kind]
    fixed = {**dict.fromkeys(kinds, S.Zero), **_fix(region.when)}
    free = set(balls.model.symbols) - set(balls.laws) - set(fixed)
    given = [condition for each in region.when if (condition := _expand(each, region, fixed, free)) is not None]
    points = list(_draw(free, given, seed)) or list(_draw(free, [], seed))
    yield from ({**fixed, **point} for point in points)


def _draw(free: set[Symbol], given: Sequence[Relation], seed: int) -> Iterator[Point]:
    """Points under the conditions, as far as these have many-digit values."""
    with contextlib.suppress(TypeError):
        yield from sample_points(free, {}, given, count=_TRIED if not given else POINTS, seed=seed)


def _fix(when: Sequence[Relation]) -> dict[Symbol, Any]:
    return {c.lhs: c.rhs for c in when if c.kind == "=" and isinstance(c.lhs, Symbol) and not c.rhs.free_symbols}


def _expand(condition: Relation, region: Region, fixed: Point, free: set[Symbol]) -> Relation | None:
    """The condition in the free symbols alone; None where it is about others, or settled."""
    sides = [condition.lhs, condition.rhs]
    for name, definition in reversed(needed(region.program, sides)):
        sides = [side.xreplace({name: definition}) for side in sides]
    sides = [side.xreplace(dict(fixed)) for side in sides]
    if any(side.has(oo) for side in sides):
        return None
    used = set[Any]().union(*(side.free_symbols for side in sides))
    return Relation(condition.kind, sides[0], sides[1]) if used and used <= free else None


def _place(region: Region, balls: ModelBalls, point: Point) -> RegionAt | None:
    """The region at the point, at its root; None where no root is found in double precision, or not certified."""
    inputs = {symbol.name: np.array([float(value)]) for symbol, value in point.items()}
    inputs |= {symbol.name: _as_law(law) for symbol, law in balls.laws.items()}
    if region.closed:
        return RegionAt(region, inputs)
    found = balls.solver.solve_values(inputs, 1)
    roots: Inputs = {str(unknown): found.unknowns[str(unknown)] for unknown in balls.model.unknowns}
    if not all(np.all(np.isfinite(root)) for root in roots.values()):
        return None
    if balls.system is not None:
        certified = _certify(balls, point, roots)
        if certified is None:
            return None
        roots = certified
    return RegionAt(region, {**inputs, **roots})


def _as_law(law: Tuple) -> Law:
    values, weights = zip(*law, strict=True)
    return Law(np.array([float(value) for value in values]), np.array([float(weight) for weight in weights]))


def _certify(balls: ModelBalls, point: Point, roots: Inputs) -> Inputs | None:
    """The middle of a ball that holds exactly one root, by Krawczyk's operator; None where that is not shown."""
    if balls.system is None:
        return None
    unknowns = [str(unknown) for unknown in balls.model.unknowns]
    with ctx.workprec(_BITS):
        parameters = [arb(fmpq(int(point[symbol].p), int(point[symbol].q))) for symbol in balls.symbols]
        isolated = isolate_near(balls.system, [arb(float(roots[name][0])) for name in unknowns], parameters)
        found = isolated.root
        if isolated.status is not RootStatus.unique or not balls.admissible([*found, *parameters]):
            return None
        return {name: np.array([float(ball.mid())]) for name, ball in zip(unknowns, found, strict=True)}


__all__ = ["POINTS", "Places", "find_places"]
