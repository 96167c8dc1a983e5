"""The fast paths of a certificate prove what the slow ones prove, and status `exists` is neither more nor less."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from sympy import Max, Piecewise, Rational, S, atan, erf, erfc, exp, log, oo, sin, sqrt, symbols, tanh

from derivations.discover import load
from derivations.model import Model, parameter, unknown
from derivations.relations import Relation, equal
from derivations.symbols import ChiSquareCdf
from numerics import special
from numerics.enclosures.ball_programs import as_ball, compile_balls
from numerics.enclosures.known_digits import count_missing_bits, has_digits
from numerics.parameters import ParameterError
from numerics.proofs import start_points
from numerics.proofs.certificate import CertificateStatus, Certifier, certify
from numerics.proofs.exact_parameters import NotExact, read_exact
from numerics.proofs.exact_points import PointReader
from numerics.proofs.isolated_root import isolate_near
from numerics.proofs.krawczyk import RootStatus, RootSystem
from numerics.proofs.model_balls import Conditions, ModelBalls
from numerics.proofs.start_points import StartFinder, solve_in_doubles

x, y, a = symbols("x y a", real=True)
THEOREM = "random_features.robust_risk"
HARD: dict[str, Any] = {"psi1": 2, "psi2": 2, "epsilon": "1e-9"}


UNDEFINED_SOMEWHERE = [
    (1 / x, arb(0, 1)),
    (x**-2, arb(0, 1)),
    (x**-3, arb("0.5", 0.5)),
    (sqrt(x), arb("0.4", 0.5)),
    (1 / sqrt(x), arb(0)),
    (log(x), arb(0, 1)),
    (log(x), arb(-1)),
    (x ** Rational(-3, 2), arb("0.4", 0.5)),
    (ChiSquareCdf(x), arb(-1)),
    (ChiSquareCdf(x), arb(0, 1)),
]


@pytest.mark.parametrize(("expression", "ball"), UNDEFINED_SOMEWHERE)
def test_what_is_undefined_on_part_of_a_ball_stays_undefined_under_every_function(expression: Any, ball: arb) -> None:
    outer = [lambda e: e, erf, erfc, tanh, sin, lambda e: 1 / e, lambda e: exp(-(e**2)), lambda e: y * e]
    outer += [atan, lambda e: Max(e, 5), lambda e: 1 / (1 + e**2), lambda e: Piecewise((e, e > 0), (-e, True))]
    for wrap in outer:
        program = compile_balls([wrap(a)], [x, y], definitions=[(a, expression)])
        assert not program.on_narrow([ball, arb(0)])[0].is_finite(), wrap(expression)


def test_an_infinite_input_is_treated_as_on_wide_balls() -> None:
    program = compile_balls([erf(x), exp(-x), 1 / x], [x])
    found = program.on_narrow([arb.pos_inf()])
    assert [ball.is_finite() for ball in found] == [ball.is_finite() for ball in program([arb.pos_inf()])]


@pytest.mark.parametrize("middle", ["1e-9", "0.1", "0.4999999", "0.5", "0.5000001", "1", "3", "20"])
def test_the_chi_square_share_of_a_narrow_ball_contains_the_sharp_values_at_its_ends(middle: str) -> None:
    program = compile_balls([ChiSquareCdf(x)], [x])
    with ctx.workprec(128):
        ball = arb(middle) + arb(0, arb(middle) * arb(2) ** -40)
        narrow, wide = program.on_narrow([ball])[0], program([ball])[0]
    with ctx.workprec(400):
        for end in (ball.lower(), ball.mid(), ball.upper()):
            assert narrow.overlaps(program([end])[0])
    assert narrow.rad() < 20 * wide.rad()


def test_a_conjunction_is_decided_alike_with_and_without_stopping_at_the_first_false_condition() -> None:
    relations = [Relation("<", x, y), Relation("<=", y, S(2)), Relation("<", S(0), 1 / (x - 1)), Relation("=", y, y)]
    conditions, draw, seen = Conditions(relations, [x, y], []), random.Random(0), set()
    for _ in range(300):
        inputs = [arb(draw.choice([0, 1, 1.5, 2, 3]), draw.choice([0, 0.2])) for _ in range(2)]
        decided = conditions.on_narrow(inputs)
        assert decided == conditions(inputs), inputs
        seen.add(decided)
    assert seen == {True, False, None}


GIVEN: list[dict[str, object]] = [
    {"psi1": "0.1", "psi2": 2, "epsilon": 0.3},
    {"psi1": Fraction(1, 3), "psi2": Rational(2, 7), "epsilon": "0"},
    {"psi1": 2.5, "psi2": "1e-3", "epsilon": 1, "epsilon_test": "0.25", "noise": 0},
    {"psi1": "2", "psi2": "1", "epsilon": "0.5", "activation": "max(t,0)"},
    {"psi1": "3", "psi2": "1", "epsilon": "0.5", "activation": "max(t,0)"},
    {"psi1": "3", "psi2": "1", "epsilon": "0.5", "activation": "tanh(t)"},
    {"psi1": "0", "psi2": "1", "epsilon": "0.5"},
    {"psi1": "1e-400", "psi2": "1", "epsilon": "0.5"},
    {"psi1": "1e400", "psi2": "1", "epsilon": "0.5"},
    {"psi1": math.inf, "psi2": "1", "epsilon": "0.5"},
    {"psi1": math.nan, "psi2": "1", "epsilon": "0.5"},
    {"psi1": "one", "psi2": "1", "epsilon": "0.5"},
    {"psi1": True, "psi2": "1", "epsilon": "0.5"},
    {"psi1": "1", "psi2": "1", "epsilon": "-0.5"},
    {"psi1": "1", "psi2": "1"},
    {"psi1": "1", "psi2": "1", "epsilon": "0.5", "psi3": 1},
    {"psi1": "1", "psi2": "1", "epsilon": "0.5", "activation": 1},
]


def outcome(read: Any, given: dict[str, object]) -> object:
    try:
        found = read(given)
    except (ParameterError, NotExact) as error:
        return type(error), str(error)
    return dict(found.numbers), dict(found.laws), dict(found.given)


def test_a_point_read_after_others_has_the_values_and_refusals_it_has_alone() -> None:
    model = load(THEOREM).model
    reader = PointReader(model)
    for given in GIVEN + GIVEN[::-1]:
        assert outcome(reader, given) == outcome(lambda one: read_exact(model, one), given), given


def test_a_law_and_an_infinite_default_are_read_anew_at_every_point() -> None:
    model = load("learning_regimes.trained").model
    reader = PointReader(model)
    for rho, law in itertools.product(("0.7", "0.9"), ("0.4@0.5,1.6@0.5", "1@1")):
        given: dict[str, object] = {"rho": rho, "spectrum": law}
        assert outcome(reader, given) == outcome(lambda one: read_exact(model, one), given)


def square_minus(distance: Any) -> Model:
    """(x - a)(x - a - distance) = 0, both sides positive."""
    root = unknown("x", "an unknown", positive=True)
    at = parameter("a", "a parameter", positive=True)
    left, right = root**2 + at * (at + distance), (2 * at + distance) * root
    return Model((at,), (root,), (), (equal(left, right),), {"x": root}, {root: at})


@pytest.mark.parametrize("power", [2, 10, 20, 30, 41, 45, 60, 81, 100, 150, 300])
def test_of_two_near_roots_a_unique_one_is_alone_in_its_box(power: int) -> None:
    distance = Rational(1, 2**power)
    certifier, proved = Certifier(square_minus(distance)), 0
    for guess in (1.0, 1.0 + 2.0**-power, 1.0 + 2.0 ** -(power + 1)):
        found = certifier({"a": 1}, guess={"x": guess})
        if found.status is CertificateStatus.undecided:
            continue
        assert found.status is CertificateStatus.unique
        with ctx.workprec(400):
            roots = [arb(1), 1 + arb(2) ** -power]
            assert sum(found.box["x"].contains(root) for root in roots) == 1
            assert sum(found.unknowns["x"].contains(root) for root in roots) == 1
        proved += 1
    assert proved or power > 100


def test_a_jump_is_no_root_though_the_sign_changes() -> None:
    jump = Piecewise((S(-1), x < 0), (S(1), True)) + x / 10
    equations = equal(jump + 3, S(3))
    root = unknown("x", "an unknown")
    gap = Model((), (root,), (), (equal(equations.lhs.xreplace({x: root}), S(3)),), {"x": root}, {root: S(1)})
    system = ModelBalls(gap, {}).system
    assert system is not None
    assert not system.changes_sign([arb(0, 1)], [])
    assert isolate_near(system, [arb("0.001")], []).status is RootStatus.undecided


def test_the_certificate_of_a_triple_root_says_that_it_exists() -> None:
    root, at = unknown("x", "an unknown", positive=True), parameter("a", "a parameter", positive=True)
    cube = equal(root**3 + 3 * root * at**2, 3 * root**2 * at + at**3)
    found = certify(Model((at,), (root,), (), (cube,), {"twice": 2 * root}, {root: 2 * at}), {"a": 1}, digits=5)
    assert found.status is CertificateStatus.exists
    assert found.box["x"].contains(1)
    assert found.unknowns["x"].contains(1)
    twice = found.observables["twice"]
    assert twice is not None
    assert twice.contains(2)


@pytest.mark.parametrize("bits", [64, 128, 1024, 4096])
def test_chord_steps_hold_the_root_and_reach_the_precision(bits: int) -> None:
    system = RootSystem.compile([x * exp(y) - a, x**2 + y - 2], [x, y], [a], ())
    with ctx.workprec(2 * bits + 100):
        truth = [arb(1), arb(1)]
        euler = arb(1).exp()
    for error in (0.0, 1e-13, 1e-6, 1e-2):
        with ctx.workprec(bits):
            found = isolate_near(system, [arb(1 + error), arb(1 - error)], [euler])
            assert found.status is RootStatus.unique
            root = found.sharpen(system, [euler])
            assert all(ball.contains(value) for ball, value in zip(root, truth, strict=True))
            assert all(ball.contains(part) for ball, part in zip(found.box, root, strict=True))
            assert all(ball.rad() < arb(2) ** (12 - bits) for ball in root)


def test_a_root_isolated_at_few_bits_is_sharpened_at_many() -> None:
    system = RootSystem.compile([x**2 - a], [x], [a], ())
    with ctx.workprec(64):
        found = isolate_near(system, [arb(math.sqrt(2))], [arb(2)])
    for bits in (200, 3000):
        with ctx.workprec(bits):
            (root,) = found.sharpen(system, [arb(2)])
            assert root.contains(arb(2).sqrt().mid())
            assert root.rad() < arb(2) ** (8 - bits)


def diagram(count: int) -> list[dict[str, object]]:
    draw = random.Random(1)
    points: list[dict[str, object]] = []
    for _ in range(count):
        points.append(
            {"psi1": 10 ** draw.uniform(-1, 2), "psi2": 10 ** draw.uniform(-1, 2), "epsilon": draw.uniform(0, 2)}
        )
    return [*points, HARD, {"psi1": "2", "psi2": "1", "epsilon": "0"}, {**points[0], "activation": "max(t,0)"}]


def test_many_points_together_have_the_certificates_they_have_alone() -> None:
    model, points = load(THEOREM).model, diagram(12)
    certifier = Certifier(model)
    together, phases = certifier.certify_many(points, digits=25), set()
    for point, found in zip(points, together, strict=True):
        alone = Certifier(model)(point, digits=25)
        assert (found.status, found.phase, found.reached) == (alone.status, alone.phase, alone.reached)
        assert found.reached
        phases.add(found.phase)
        for name, ball in {**alone.unknowns, **alone.observables}.items():
            other = {**found.unknowns, **found.observables}[name]
            assert ball is not None
            assert other is not None
            assert ball.overlaps(other)
    assert phases == {"regular", "collapsed", "ridgeless"}
    rough = [{name: float(ball.mid()) for name, ball in one.unknowns.items()} or None for one in together]
    guessed = certifier.certify_many(points, digits=25, guesses=rough)
    assert [one.status for one in guessed] == [one.status for one in together]
    with pytest.raises(ValueError, match="1 guesses are given for 2 points"):
        certifier.certify_many(points[:2], guesses=[None])


def test_a_hard_place_gets_the_bits_it_lacks_and_not_twice_as_many() -> None:
    certifier = Certifier(load(THEOREM).model)
    easy, hard = certifier({"psi1": 2, "psi2": 1, "epsilon": "0.3"}), certifier(HARD)
    assert hard.reached
    assert easy.precision < hard.precision < 1.3 * easy.precision
    with ctx.workprec(400):
        far = certifier(HARD, digits=60)
        for name, ball in far.unknowns.items():
            assert hard.unknowns[name].overlaps(ball)


def test_the_missing_bits_are_enough_for_the_digits_and_few() -> None:
    draw = random.Random(2)
    for _ in range(100):
        middle, radius = draw.uniform(0.1, 9), 2.0 ** -draw.randint(5, 90)
        missing = count_missing_bits([arb(middle, radius), None, arb(3)], 30)
        assert has_digits(arb(middle, arb(radius) * arb(2) ** -missing), 30)
        assert not has_digits(arb(middle, arb(radius) * arb(2) ** (24 - missing)), 30) or missing < 24
    assert count_missing_bits([arb(0, 1)], 30) > 10**9
    assert count_missing_bits([arb(0)], 30) < 100


@pytest.mark.parametrize("name", [THEOREM, "random_features.ridge_regression", "random_features.limits"])
def test_a_start_from_floats_is_the_root_of_the_batched_solver(name: str) -> None:
    model = load(name).model
    certifier, judged = Certifier(model), 0
    for k in range(6):
        needed = [p.name for p in model.parameters if p.default is None]
        numbers = {each: Rational(3 + 2 * k + j, 7 + 3 * j) for j, each in enumerate(needed)}
        exact = read_exact(model, {**numbers, **({"ridge": "0.1"} if name.endswith("ridge_regression") else {})})
        compiled = certifier._balls(model, exact)
        if compiled.system is None:
            continue
        slow = solve_in_doubles(compiled, [exact])[0]
        values = [exact.numbers[symbol] for symbol in compiled.symbols]
        balls = [arb.pos_inf() if value == oo else as_ball(value, "a parameter") for value in values]
        fast = StartFinder(compiled)(exact, balls)
        if slow is not None and fast is not None:
            judged += 1
            assert np.allclose([float(r) for r in fast], [float(r) for r in slow], rtol=1e-9)
    assert judged


def test_the_chi_square_share_of_a_float_is_that_of_an_array() -> None:
    points = np.array([0.0, 1e-12, 0.3, 0.999999, 1.0, 1.5, 8.0, 39.0, 60.0])
    found = [start_points._chi_square_cdf(float(z)) for z in points]
    assert np.allclose(found, special.chi_square_cdf(points), rtol=1e-14, atol=0)
