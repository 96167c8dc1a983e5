"""Certificates at the edges of the parameters' domains: the values of a second evaluator at 60 digits, or undecided.

The evaluator walks the model's expressions in mpmath, decides the regions by itself, solves the equations by the secant
method and integrates by the midpoint rule, which converges exponentially here; it shares no code with balls or solvers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
import pytest
import sympy
from flint import arb, ctx
from mpmath import mp, mpf
from sympy import S

from derivations.averages import edge_mean, size_biased_mean
from derivations.discover import load
from derivations.model import Branch, Model, Phase, Refusal
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.symbols import ChiSquareCdf
from numerics.codegen import needed
from numerics.enclosures.ball_programs import as_ball, compile_balls
from numerics.enclosures.decimals import ends
from numerics.enclosures.weighted_balls import SmallestSum
from numerics.parameters import ParameterError
from numerics.proofs.certificate import Certificate, CertificateStatus, Certifier
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


@lru_cache(maxsize=32)
def certifier(name: str) -> Certifier:
    return Certifier(load(name).model)


def to_mpf(value: Fraction) -> Any:
    return mpf(value.numerator) / value.denominator


def judge(name: str, given: dict[str, Any], digits: int = 30) -> tuple[Certificate | None, int]:
    """The certificate, None where the parameters are refused, and how many of its balls were held against the truth."""
    try:
        found = certifier(name)(given, digits=digits)
    except ParameterError:
        return None, 0
    claimed = {key: ball for key, ball in {**found.observables, **found.unknowns}.items() if ball is not None}
    with mp.workdps(DIGITS + GUARD):
        bounds = {key: tuple(map(to_mpf, both)) for key, ball in claimed.items() if (both := ends(ball)) is not None}
        near = {key: (low + high) / 2 for key, (low, high) in bounds.items() if key in found.unknowns}
        try:
            truth = Truth(load(name).model, given, near)
        except (NoTruth, ZeroDivisionError, ValueError):
            return found, 0
        assert found.phase in ("", truth.phase), f"{given}: {found.phase}, not {truth.phase}"
        judged = 0
        for key, (low, high) in bounds.items():
            value = truth.found.get(key)
            if value is None:
                continue
            slack = abs(value) * mpf(10) ** -(DIGITS - 5)
            assert low - slack <= value <= high + slack, f"{key} at {given} is {value}, outside {claimed[key]}"
            judged += 1
    return found, judged


def ulps(value: float) -> list[float]:
    return [math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)]


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


TINY_AND_HUGE = ("1e-30", "1e-6", "1e6", "1e30")
LAW = {"rho": "0.7", "spectrum": "0.4@0.5,1.6@0.5"}
BUMPS = {"samples": 50, "dimension": 3, "radius": "0.01", "ramp": "0.01"}
FEATURES = {"psi1": 2, "psi2": 1}
# model, its parameters, what is changed in turn (first what is quick), how many of them are judged in ./run test
EDGES: list[tuple[str, dict[str, Any], list[dict[str, Any]], int]] = [
    (
        "random_features.robust_risk",
        {**FEATURES, "epsilon": "0.3"},
        [
            *[{"epsilon": 0, "psi2": v} for v in (*ulps(2.0), "1.9999999999999999999999999999999", "1")],
            *each("epsilon", "1e-400", 100),
            *each("noise", 0, "1e-200"),
            {"epsilon": "1e-30", "psi2": 3},
            {"noise": 0, "signal": 0},
            {"activation": "t", "ridge": 1},
            *each("activation", "t", "t**2", "erf(t)", "exp(t)", "t + t**2/100000000000000000000"),
            *each("psi1", *TINY_AND_HUGE),
            *each("psi2", *TINY_AND_HUGE),
            *each("ridge", *TINY_AND_HUGE),
            *each("epsilon_test", 0, *TINY_AND_HUGE),
            *each("epsilon", *TINY_AND_HUGE, *ulps(1.5695540891683808)),
            *each("signal", 0, "1e-30"),
            {"psi2": 2, "ridge": "1e-30", "epsilon": 0},
        ],
        9,
    ),
    ("random_features.collapse", FEATURES, [{"noise": 0}, {"activation": "t"}, *each("psi1", *TINY_AND_HUGE)], 2),
    (
        "random_features.limits",
        FEATURES,
        [*each("psi1", *ulps(1.0)), {"noise": 0}, *each("ridge_share", *TINY_AND_HUGE)],
        3,
    ),
    (
        "random_features.linear_regression",
        {"psi2": 2, "epsilon": "0.3"},
        [
            *[{"epsilon": 0, "psi2": v} for v in ulps(1.0)],
            *[{"noise": 0, "epsilon": v} for v in (0, "1e-20", 1)],
            *each("epsilon", "1e-30", 5),
            *each("psi2", *TINY_AND_HUGE),
            *each("ridge", *TINY_AND_HUGE),
        ],
        5,
    ),
    (
        "random_features.printed_theorem",
        {**FEATURES, "epsilon": "0.3"},
        [{"noise": 0}, *each("epsilon", 0, "1e-20", 10)],
        1,
    ),
    (
        "random_features.ridge_regression",
        FEATURES,
        [*each("psi2", *ulps(2.0), 3), {"psi2": 2, "ridge": "1e-30"}, *each("ridge", *TINY_AND_HUGE), {"noise": 0}],
        4,
    ),
    (
        "overfitted_networks.classification",
        {**BUMPS, "bad_samples": 3, "label_noise": "0.1"},
        [
            *each("label_noise", 0, 0.49999999999999994),
            *each("bad_samples", 0, 50, 51),
            *each("dimension", 1, 100, "2.0000001", "3.0000000000000000001"),
            *each("radius", "1e-30", "0.5"),
            *each("samples", 2, "1e15", "50.0000000001"),
            *each("density", *TINY_AND_HUGE),
        ],
        18,
    ),
    (
        "overfitted_networks.margin",
        {"margin_exponent": 2, "radius": "0.1"},
        [
            *each("margin_exponent", 1, 1.0000000000000002, "1e6"),
            *each("radius", *ulps(0.5), "1e-50"),
            {"teacher_error": "1e30"},
        ],
        8,
    ),
    (
        "overfitted_networks.regression",
        {**BUMPS, "smoothness": 1, "noise": "0.1", "nodes": 4},
        [
            *each("smoothness", 2, "1e-10"),
            {"noise": 0},
            *each("nodes", 1, "1e6"),
            *each("dimension", 1, 2, 100),
            {"samples": 2},
        ],
        9,
    ),
    (
        "robust_overfitting.degeneration",
        {},
        [
            *each("time", 0, "1e-50", 1000, "1e6"),
            *each("correlation", "1e-30", *ulps(1.0)),
            {"exponent_1": 0, "exponent_2": 0},
            *each("switch", 1, "1e-20"),
            *each("residual_2", 0, 1),
        ],
        14,
    ),
    (
        "robust_overfitting.kernels",
        {},
        [
            *each("cosine", 1, -1, 0, *ulps(1.0), *ulps(-1.0)),
            *[{"activation": "erf", "cosine": v, "b_std": 0} for v in (1, -1, 0)],
            {"cosine": 1, "input_norm2": "1.0000000000000000000000000001"},
            {"cosine": "0.99999999999999999999999999999999", "b_std": 0},
            {"cosine": 1, "b_std": 0},
            *each("depth", 1, 9, "1.5"),
            *each("W_std", *TINY_AND_HUGE),
        ],
        18,
    ),
    (
        "learning_regimes.initialisation",
        {"rho": "0.7"},
        [*each("rho", 1, *TINY_AND_HUGE), *each("trace_alignment", 1, -1, 0), {"init_scale": 0}, {"offset": "no"}],
        10,
    ),
    (
        "learning_regimes.trained",
        LAW,
        [
            *each("rho", *ulps(0.5), *ulps(1.0), 2, "1e-30"),
            *each("spectrum", "-1@0.5,1@0.5", "0@0.5,1@0.5", "0@1", "1@1", "1@0.3333333333,2@0.6666666667"),
            *each("trace_alignment", 1, 0, -1),
            {"time": 1},
            *[{"time": 1, "rho": v} for v in (1, 2, "0.5")],
            *each("time", "1e-10", 100, "1e10"),
            *[{"time": 1, "init_scale": v} for v in ("1e-10", "1e10")],
            {"time": 1, "spectrum": "0@0.5,1@0.5"},
        ],
        16,
    ),
    (
        "learning_regimes.random_features",
        {"rho": "0.7"},
        [
            *each("rho", *ulps(1.0)),
            {"rho": 1, "ridge": "1e-6"},
            {"covariance": "0.5@0.5,1.5@0.5"},
            {"covariance": "0.5@0.5,1.5@0.5", "ridge": "0.1"},
            {"offset": "no"},
            {"single_neuron_alignment": "0.5"},
            *each("activation", "t**2", "t + t**2", "abs(t)"),
            *[{"time": 1, "activation": v} for v in ("relu", "t**2 + t")],
            *each("ridge", *TINY_AND_HUGE),
            *each("init_scale", 1, "1e-30"),
        ],
        11,
    ),
    (
        "learning_regimes.tangent",
        {"rho": "0.7", "activation": "t + t**2 + t**3"},
        [
            {"activation": "t + t**2"},
            {"activation": "t**2", "dimension": 5},
            {},
            {"activation": "t + t**2", "covariance": "0.5@0.5,1.5@0.5"},
            {"activation": "relu"},
            *each("rho", 1, "1e-6", 2),
            *each("trace_alignment", 1, -1),
            {"offset": "no"},
        ],
        2,
    ),
    (
        "learning_regimes.lazy",
        {"rho": "0.7", "activation": "t + t**2 + t**3"},
        [
            {"variant": "flow", "time": 1, "activation": "t**2"},
            {"activation": "t + t**2"},
            {},
            *[{"variant": v} for v in ("zero_output", "residual")],
            {"activation": "relu"},
            {"rho": 1},
            {"offset": "no"},
        ],
        1,
    ),
]


def check(name: str, base: dict[str, Any], changes: list[dict[str, Any]]) -> tuple[int, int, int]:
    """How many points, certified points and judged balls."""
    certified = judged = 0
    for change in changes:
        found, count = judge(name, {**base, **change})
        certified += found is not None and found.status is CertificateStatus.unique
        judged += count
    return len(changes), certified, judged


@pytest.mark.parametrize(
    ("name", "base", "changes", "quick"), EDGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_certificates_at_the_edges_hold_the_truth(name: str, base: Any, changes: Any, quick: int) -> None:
    points, certified, judged = check(name, base, changes[:quick])
    assert certified >= points / 3
    assert judged >= points / 3


@pytest.mark.standard
@pytest.mark.parametrize(
    ("name", "base", "changes", "quick"), EDGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_certificates_at_all_edges_hold_the_truth(name: str, base: Any, changes: Any, quick: int) -> None:
    points, certified, judged = check(name, base, changes[quick:])
    assert certified >= points / 4
    assert judged >= points / 4


def resolvent(u: Any, rho: Any) -> Any:
    """The semicircle mean of 1/(s + u): centre 1 + rho, radius 2 sqrt(rho)."""
    z = u + 1 + rho
    return 2 / (z + mpmath.sqrt(z * z - 4 * rho))


def log_potential(u: Any, rho: Any) -> Any:
    z = (u + 1 + rho) / mpmath.sqrt(rho)
    root = mpmath.sqrt(z * z - 4)
    return mpmath.log(rho) / 2 + z / (z + root) + mpmath.log((z + root) / 2) - mpf(1) / 2


def exponential(u: Any, rho: Any) -> Any:
    radius = 2 * u * mpmath.sqrt(rho)
    return mpmath.exp(-u * (1 + rho)) * 2 * mpmath.besseli(1, radius) / radius


AVERAGES = [
    (lambda s, u: 1 / (s + u), resolvent),
    (lambda s, u: sympy.log(s + u), log_potential),
    (lambda s, u: sympy.exp(-u * s), exponential),
    (lambda s, u: (1 - u * s) ** 2, lambda u, rho: (1 - u * (1 + rho)) ** 2 + u * u * rho),
]


@pytest.mark.parametrize("mean", [edge_mean, size_biased_mean])
@pytest.mark.parametrize(("symbolic", "closed"), AVERAGES)
def test_spectral_averages_hold_their_closed_forms_to_fifty_digits(mean: Any, symbolic: Any, closed: Any) -> None:
    ratio, shift = sympy.symbols("ratio shift", positive=True)
    program = compile_balls([mean(lambda s: symbolic(s, shift), ratio)], [ratio, shift])
    for rho, u in ((Fraction(7, 10), Fraction(1, 3)), (Fraction(1), Fraction(1, 100)), (Fraction(3), Fraction(2))):
        with ctx.workprec(210), mp.workdps(70):
            ball = program([as_ball(rho, "ratio"), as_ball(u, "shift")])[0]
            truth = arb(mpmath.nstr(closed(to_mpf(u), to_mpf(rho)), 65))
            assert ball.is_finite()
            assert ball.overlaps(truth + arb(0, arb(10) ** -58))
            assert ball.rad() < arb(10) ** -50
