"""The truth about a model at exact parameters, without balls or solvers.

It walks the model's expressions in mpmath, decides the regions by itself, solves the equations by the secant
method and integrates by the midpoint rule, which converges exponentially here; it shares no code with balls or solvers.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import sympy
from mpmath import mp, mpf
from sympy import S

from derivations.model import Branch, Model, Phase, Refusal
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.symbols import ChiSquareCdf
from numerics.codegen import needed
from numerics.enclosures.weighted_balls import SmallestSum
from numerics.proofs.exact_parameters import put_laws, read_exact

DIGITS, GUARD = 60, 30
NAMED = {sympy.Abs: abs}
NAMED |= {
    getattr(sympy, n): getattr(mpmath, n) for n in ("exp", "log", "erf", "erfc", "erfinv", "sin", "cos", "tan", "sign")
}
NAMED |= {getattr(sympy, n): getattr(mpmath, n) for n in ("sinh", "cosh", "tanh", "atan", "asin", "acos")}


class NoTruth(ArithmeticError):
    """The value is undefined, not real, does not converge, or a comparison is too close for the digits at hand."""


class Evaluator:
    """Values of expressions at values of symbols, at mpmath's working precision."""

    def __init__(self, values: dict[Any, Any]) -> None:
        self.values, self.known, self.angle, self.at_angle = dict(values), dict[Any, Any](), None, dict[Any, Any]()

    def __call__(self, node: Any) -> Any:
        if node in self.values:
            return self.values[node]
        memory = self.at_angle if self.angle in node.free_symbols else self.known
        if node not in memory:
            value = self._read(node)
            if isinstance(value, mpmath.mpc) or mpmath.isnan(value):
                raise NoTruth(str(node)[:80])
            memory[node] = value
        return memory[node]

    def _read(self, node: Any) -> Any:
        kind = node.func
        if isinstance(node, sympy.Rational):
            return mpf(int(node.p)) / int(node.q)
        if node in (S.Pi, S.Exp1, S.Infinity):
            return {S.Pi: +mp.pi, S.Exp1: +mp.e, S.Infinity: mpmath.inf}[node]
        if kind is sympy.Piecewise:
            return self(next((value for value, condition in node.args if self.holds(condition)), S.NaN))
        if isinstance(node, sympy.Integral):
            return self._integrate(*node.args)
        parts = [self(part) for part in node.args]
        if kind in (sympy.Add, sympy.Mul):
            return sum(parts, mpf(0)) if kind is sympy.Add else mpmath.fprod(parts)
        if kind is sympy.Pow:
            return parts[0] ** int(node.args[1]) if node.args[1].is_Integer else mpmath.power(*parts)
        if kind in (sympy.Max, sympy.Min):
            return max(parts) if kind is sympy.Max else min(parts)
        if kind is ChiSquareCdf:
            return mpmath.gammainc(mpf(3) / 2, 0, parts[0] ** 2 / 2, regularized=True)
        if kind in (BumpVolume, SmallestSum):
            return (_bump if kind is BumpVolume else _smallest)(*parts)
        return NAMED[kind](*parts)

    def holds(self, condition: Any) -> bool:
        if condition in (sympy.true, sympy.false):
            return condition is sympy.true
        if isinstance(condition, (sympy.And, sympy.Or)):
            return (all if isinstance(condition, sympy.And) else any)(self.holds(part) for part in condition.args)
        if isinstance(condition, sympy.Not):
            return not self.holds(condition.args[0])
        return compare(condition.rel_op, self(condition.lhs), self(condition.rhs))

    def _integrate(self, integrand: Any, limits: Any) -> Any:
        self.angle, count, total, last = limits[0], 9, mpf(0), None

        def at(angle: Any) -> Any:
            self.at_angle = {self.angle: angle}
            return self(integrand)

        try:
            while count < 2500:
                places = [k for k in range(count) if last is None or k % 3 != 1]
                total += mpmath.fsum(at(mp.pi * (2 * k + 1) / (2 * count)) for k in places)
                found = total * mp.pi / count
                if last is not None and abs(found - last) <= abs(found) * mpf(10) ** (10 - mp.dps):
                    return found
                last, count = found, 3 * count
        finally:
            self.angle, self.at_angle = None, {}
        raise NoTruth("the midpoint rule has not converged")


def compare(kind: str, left: Any, right: Any) -> bool:
    gap = mpf(0) if left == right else left - right
    if gap and mpmath.isfinite(gap) and abs(gap) < max(abs(left), abs(right)) * mpf(10) ** (15 - mp.dps):
        raise NoTruth("a comparison is too close")
    found = {"<": gap < 0, "<=": gap <= 0, ">": gap > 0, ">=": gap >= 0, "=": gap == 0, "==": gap == 0, "!=": gap != 0}
    return bool(found[kind])


def _bump(dimension: Any, radius: Any, ramp: Any) -> Any:
    d = int(dimension)
    terms = [(2 * radius) ** (d - k) * (2 * ramp) ** k * math.comb(d, k) / mpmath.factorial(k) for k in range(d + 1)]
    return mpmath.fsum(terms)


def _smallest(share: Any, *pairs: Any) -> Any:
    total, left = mpf(0), share
    for value, weight in sorted(zip(pairs[::2], pairs[1::2], strict=True)):
        total, left = total + value * max(mpf(0), min(weight, left)), left - weight
    return total


class Truth:
    """The phase and the values of a model at exact parameters; `near` are the roots to some ten digits."""

    def __init__(self, model: Model, given: dict[str, Any], near: dict[str, Any]) -> None:
        exact = read_exact(model, given)
        self.laws, self.near = exact.laws, near
        self.values = {s: Evaluator({})(value) for s, value in exact.numbers.items()}
        self.phase, self.found = self.read(model)

    def evaluate(self, known: dict[Any, Any], program: Any, *expressions: Any) -> list[Any]:
        wanted = [put_laws(sympy.sympify(e), self.laws) for e in expressions]
        evaluator, written = Evaluator(known), [(name, put_laws(d, self.laws)) for name, d in program]
        for name, definition in needed(written, wanted):
            evaluator.values[name] = evaluator(definition)
        return [evaluator(e) for e in wanted]

    def inside(self, region: Any, program: Any) -> bool:
        for relation in region.when:
            if not compare(relation.kind, *self.evaluate(self.values, program, relation.lhs, relation.rhs)):
                return False
        return True

    def read(self, model: Model) -> tuple[str, dict[str, Any]]:
        for region in (*model.refusals, *model.phases, *model.branches):
            program = [*model.program, *(region.program if isinstance(region, Phase) else ())]
            if not self.inside(region, program):
                continue
            if isinstance(region, Refusal):
                raise NoTruth(f"refused: {region.name}")
            if isinstance(region, Branch):
                phase, found = self.read(region.model)
                return (region.name if phase == "regular" else phase), found
            closed = {} if region.status == "outside_domain" else region.observables
            return region.name, self.values_of(self.values, program, closed)
        roots = self.solve(model) if model.unknowns else {}
        known = {**self.values, **roots}
        found = self.values_of(known, model.program, {**model.observables, **model.reported})
        return "regular", {**found, **{str(unknown): value for unknown, value in roots.items()}}

    def values_of(self, known: dict[Any, Any], program: Any, named: Any) -> dict[str, Any]:
        found = {}
        for name, expression in named.items():
            try:
                found[name] = None if expression is None else self.evaluate(known, program, expression)[0]
            except (NoTruth, ZeroDivisionError):
                found[name] = None
        return found

    def solve(self, model: Model) -> dict[Any, Any]:
        if not self.near:
            raise NoTruth("no root to start from")

        def residuals(*logarithms: Any) -> list[Any]:
            known = {**self.values, **dict(zip(model.unknowns, map(mpmath.exp, logarithms), strict=True))}
            sides = [side for relation in model.equations for side in (relation.lhs, relation.rhs)]
            found = self.evaluate(known, model.program, *sides)
            return [mpmath.log(left / right) for left, right in zip(found[::2], found[1::2], strict=True)]

        start = [mpmath.log(mpf(mpmath.nstr(self.near[str(unknown)], 10))) for unknown in model.unknowns]
        found = mpmath.findroot(residuals, start, tol=mpf(10) ** (40 - 2 * mp.dps), maxsteps=30)
        return dict(zip(model.unknowns, map(mpmath.exp, found), strict=True))
