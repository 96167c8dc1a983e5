"""The truth to sixty digits lies in the ball: random expressions, each built twice, for balls and for mpmath.

The mpmath side never sees a SymPy expression: what SymPy simplifies at construction is judged, too.
"""

from __future__ import annotations

import random
from typing import Any

import mpmath
import pytest
import sympy
from flint import arb, ctx
from mpmath import mp, mpf
from sympy import Integral, Max, Min, Piecewise, Rational, S

from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.symbols import ChiSquareCdf
from numerics.enclosures import line_integrals
from numerics.enclosures.ball_programs import BallProgram, CentredForm, as_ball, compile_balls
from numerics.enclosures.weighted_balls import SmallestSum
from tests.numerics.enclosures.twins import (
    DIGITS,
    INTEGRALS,
    PLAIN,
    STEEP,
    UNIT,
    WORKING,
    NoTruth,
    Twin,
    over_angle,
    random_twin,
    whole,
    x,
    y,
)


def random_box(draw: random.Random) -> list[tuple[Rational, Rational]]:
    box = []
    for _ in range(2):
        low = Rational(draw.randint(-8, 8), draw.choice([1, 3, 8]))
        box.append((low, low + Rational(draw.choice([0, 1, 5, 40]), draw.choice([7, 16, 1000]))))
    number = S(draw.randint(1, 4))
    return [*box, (number, number)]


def random_point(draw: random.Random, box: list[tuple[Rational, Rational]]) -> list[Rational]:
    shares = [draw.choice([S(0), S(1), Rational(draw.randint(1, 99), 100)]) for _ in box]
    return [low + (high - low) * share for (low, high), share in zip(box, shares, strict=True)]


def true_value(twin: Twin, point: list[Rational]) -> Any:
    try:
        return twin.value(tuple(mpf(int(p.p)) / int(p.q) for p in point))
    except NoTruth:
        return None


def enclosed(number: Any) -> arb:
    """The number to sixty digits, as a ball."""
    with ctx.workprec(500):
        return arb(mpmath.nstr(number, WORKING)) + arb(
            0, arb(mpmath.nstr(abs(number), 20)) * arb(10) ** -DIGITS + arb(10) ** -80
        )


def hold_values(
    twin: Twin, program: BallProgram, on_box: list[arb], points: list[list[Rational]]
) -> tuple[int, list[Any]]:
    """How many balls were judged, those on the box and the one at each point; and the true values."""
    judged, truths = 0, list[Any]()
    for point in points:
        truth = true_value(twin, point)
        truths.append(truth)
        if truth is None:
            continue
        exact = [as_ball(coordinate, "a coordinate") for coordinate in point]
        for ball in (*on_box, *program(exact), *program.on_narrow(exact)):
            if ball.is_finite():
                assert ball.overlaps(enclosed(truth)), f"{twin.expression} at {point} is {truth}, outside {ball}"
                judged += 1
    return judged, truths


def hold_slopes(twin: Twin, form: CentredForm, box: list[arb], points: list[list[Rational]], truths: list[Any]) -> int:
    """How many differences between two points were judged against the slopes on the box."""
    if form.gradient is None or not form.value(box)[0].is_finite():
        return 0
    slopes = form.gradient(box)
    if not all(slope.is_finite() for slope in slopes):
        return 0
    judged = 0
    for (p, at_p), (q, at_q) in zip(
        zip(points, truths, strict=True), zip(points[1:], truths[1:], strict=True), strict=False
    ):
        if at_p is None or at_q is None or p == q:
            continue
        steps = [as_ball(b - a, "a step") for a, b in zip(p, q, strict=True)]
        change = sum((slope * step for slope, step in zip(slopes, steps, strict=True)), arb(0))
        assert change.overlaps(enclosed(at_q - at_p)), (
            f"{twin.expression} from {p} to {q}: {at_q - at_p}, not in {change}"
        )
        judged += 1
    return judged


def check_random_cases(seeds: range) -> dict[str, Any]:
    found: dict[str, Any] = {"cases": 0, "finite": 0, "judged": 0, "slopes": 0, "nodes": set()}
    for seed in seeds:
        draw = random.Random(seed)
        twin, box = random_twin(draw, 3), random_box(draw)
        if not twin.expression.free_symbols:
            continue
        found["nodes"] |= {node.func for node in sympy.preorder_traversal(twin.expression)}
        points = [random_point(draw, box) for _ in range(3)]
        with ctx.workprec(128), mp.workdps(WORKING):
            inputs = [as_ball(ends, "a coordinate") for ends in box]
            # the gradient takes most of the time: every other expression has to do without
            form = CentredForm(twin.expression, [x, y, whole]) if seed % 2 else None
            program = form.value if form else compile_balls([twin.expression], [x, y, whole])
            on_box = [program(inputs)[0], program.on_narrow(inputs)[0], *([form(inputs)] if form else [])]
            judged, truths = hold_values(twin, program, on_box, points)
            found["judged"] += judged
            found["slopes"] += hold_slopes(twin, form, inputs, points, truths) if form else 0
            if None not in truths:
                found["cases"] += 1
                found["finite"] += on_box[0].is_finite()
    return found


ALLOWED = {sympy.Add, sympy.Mul, sympy.Pow, Max, Min, Piecewise, sympy.Abs, sympy.sign, sympy.besseli, Integral}
ALLOWED |= {getattr(sympy, name) for name in [*PLAIN, *STEEP, *UNIT, "log"]} | {ChiSquareCdf, BumpVolume, SmallestSum}


def judge_coverage(found: dict[str, Any], cases: int) -> None:
    assert found["nodes"] >= ALLOWED, f"never met: {ALLOWED - found['nodes']}"
    assert found["cases"] >= cases
    assert found["finite"] >= 0.7 * found["cases"], found["finite"] / found["cases"]
    assert found["judged"] >= 5 * cases
    assert found["slopes"] >= 0.3 * cases


def test_the_truth_to_sixty_digits_lies_in_the_ball_of_a_thousand_random_expressions() -> None:
    judge_coverage(check_random_cases(range(1220)), 1000)


@pytest.mark.standard
def test_the_truth_lies_in_the_ball_of_ten_thousand_random_expressions() -> None:
    judge_coverage(check_random_cases(range(10_000, 22_200)), 10_000)


@pytest.mark.parametrize("place", range(len(INTEGRALS)))
def test_integrals_over_an_angle_hold_their_closed_forms_to_sixty_digits(place: int) -> None:
    symbolic, numeric = INTEGRALS[place]
    program = compile_balls([over_angle(symbolic(x))], [x])
    for b in (Rational(3, 10), Rational(-2, 5), Rational(1, 10**9)):
        with ctx.workprec(230), mp.workdps(WORKING):
            ball = program([as_ball(b, "b")])[0]
            assert ball.is_finite()
            assert ball.overlaps(enclosed(numeric(mpf(int(b.p)) / int(b.q))))
            assert ball.rad() < arb(10) ** -55 or place >= len(INTEGRALS) - 2


@pytest.mark.parametrize("most", [7, 60])
def test_integrals_of_wide_parameters_hold_the_truth_however_few_evaluations_they_get(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(line_integrals, "MOST_EVALUATIONS", most)
    monkeypatch.setattr(line_integrals, "MORE_PER_BIT", 0)
    finite = 0
    for symbolic, numeric in INTEGRALS:
        with ctx.workprec(64), mp.workdps(WORKING):
            ball = compile_balls([over_angle(symbolic(x))], [x])([as_ball((Rational(-1, 4), Rational(1, 3)), "b")])[0]
            finite += ball.is_finite()
            for b in (mpf(-1) / 4, mpf(-1) / 7, mpf(0), mpf(1) / 9, mpf(1) / 3):
                assert not ball.is_finite() or ball.overlaps(enclosed(numeric(b)))
    assert finite >= 0.7 * len(INTEGRALS)
