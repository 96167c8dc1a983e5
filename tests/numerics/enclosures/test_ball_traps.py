"""Planted traps: each has a tempting wrong ball."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
import sympy
from flint import arb, ctx
from mpmath import mp, mpf
from sympy import (
    Heaviside,
    Integral,
    Max,
    Piecewise,
    Rational,
    S,
    cos,
    erf,
    exp,
    floor,
    pi,
    sqrt,
    symbols,
    tan,
)

from numerics.enclosures import balls, complex_operations
from numerics.enclosures.ball_programs import (
    UnsupportedNode,
    as_ball,
    compile_balls,
    compile_conditions,
    compile_jacobian,
    enclose,
    evaluate_on_box,
)

x, y, a = symbols("x y a", real=True)
theta = symbols("theta", real=True)
TENTH = Rational(1, 10)


def test_the_error_function_of_an_interval_holds_both_ends_to_sixty_digits() -> None:
    ball = evaluate_on_box(erf(x), {x: (TENTH, 2 * TENTH)}, precision=230)
    with mp.workdps(60), ctx.workprec(260):
        for end in (mpf(1) / 10, mpf(2) / 10, mpf(3) / 20):
            assert ball.overlaps(arb(mpmath.nstr(mpmath.erf(end), 60)))
        assert ball.rad() < 0.06


REFUSED = [
    floor(x),
    sympy.ceiling(x),
    Heaviside(x),
    sympy.DiracDelta(x),
    sympy.gamma(1 + x**2),
    sympy.besselj(0, x),
    sympy.besseli(Rational(1, 2), x),
    sympy.besseli(y, x),
    sympy.atan2(x, y),
    sympy.Mod(x, 2),
    sympy.sinc(x),
    sympy.LambertW(x),
    sympy.re(sympy.Symbol("complex")),
    sympy.Derivative(exp(x), x),
    sympy.Sum(a**2, (a, 0, 3)),
    sympy.Float("0.1") * x,
    sympy.zoo * x,
    x - sympy.oo,
    Integral(exp(-(a**2)), (a, 0, 1)),
    Integral(sympy.floor(theta + x), (theta, 0, pi)),
    Integral(sympy.gamma(1 + theta), (theta, 0, pi)),
    Integral(cos(theta + a), (theta, 0, pi), (a, 0, 1)),
    Piecewise((x, sympy.Contains(x, sympy.Interval(0, 1))), (y, True)),
]


@pytest.mark.parametrize("expression", REFUSED, ids=lambda e: type(e).__name__)
def test_a_node_that_balls_lack_raises_instead_of_being_taken_from_elsewhere(expression: Any) -> None:
    with pytest.raises(UnsupportedNode):
        compile_balls([expression], [x, y])


def test_python_would_order_overlapping_balls_and_these_operations_do_not() -> None:
    wide, narrow = arb(1, 1), arb("1.1", "0.1")
    for first, second in ((wide, narrow), (narrow, wide)):
        found = compile_balls([Max(x, y), sympy.Min(x, y)], [x, y])([first, second])
        assert found[0].contains(arb(1.99))
        assert found[0].contains(arb(1.01))
        assert found[1].contains(arb(0.01))
        assert found[1].contains(arb(1.19))
        assert compile_conditions([x < y, x >= y, sympy.Eq(x, y)], [x, y])([first, second]) == [None] * 3


def test_without_the_analytic_flag_a_square_root_gives_a_wrong_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    """The integral of |cos| is 2: what ignores the flag integrates the branch it happens to see."""
    integrand = sqrt(cos(theta) ** 2 + 0 * theta, evaluate=False)
    program = compile_balls([Integral(integrand, (theta, 0, pi))], [])
    with ctx.workprec(53):
        ball = program([])[0]
        assert not ball.is_finite() or ball.contains(2)
        monkeypatch.setattr(complex_operations, "half_power", lambda _real, doubled, _moment, z: z.sqrt() ** doubled)
        careless = compile_balls([Integral(integrand, (theta, 0, pi))], [])([])[0]
        assert careless.is_finite()
        assert not careless.contains(2)


def test_the_tangent_of_a_huge_ball_is_undefined_where_its_rounded_ends_pass_a_pole() -> None:
    with ctx.workprec(53):
        for k in range(1, 400):
            centre = arb(2**100 + k * 2**50)
            ball = balls.tan(arb(centre, 0.1))
            assert not ball.is_finite() or ball.overlaps(centre.tan())
    assert evaluate_on_box(tan(x), {x: (3, 4)}).is_finite()
    assert not evaluate_on_box(tan(x), {x: (1, 2)}).is_finite()


def test_a_jump_whose_place_moves_under_an_integral_has_no_derivative() -> None:
    """The integral of [angle < a] is a; differentiated under the integral it would be constant."""
    moving = Integral(Piecewise((S.One, theta < a), (S.Zero, True)), (theta, 0, pi))
    assert compile_jacobian([moving], [a], [a], piecewise=True) is None
    assert compile_jacobian([y], [a], [a], definitions=[(y, moving)], piecewise=True) is None
    inner = [(x, 2 * a), (y, Integral(Piecewise((S.One, theta < x), (S.Zero, True)), (theta, 0, pi)))]
    assert compile_jacobian([y], [a], [a], definitions=inner, piecewise=True) is None
    fixed = Integral(Piecewise((a**2, theta < 1), (a, True)), (theta, 0, pi))
    slopes = compile_jacobian([fixed], [a], [a], piecewise=True)
    assert slopes is not None
    assert slopes([arb(3)])[0].overlaps(6 + arb.pi() - 1)


@pytest.mark.parametrize(
    ("expression", "box"),
    [
        (sympy.erfinv(x), (Rational(1, 2), 1)),
        (sympy.erfinv(x), (Rational(1, 2), 2)),
        (sympy.acos(x), (0, Rational(11, 10))),
        (1 / sympy.log(x), (0, Rational(1, 2))),
        (x ** Rational(-1, 3), (0, 1)),
        (x**y, (-1, 1)),
        (1 / (x**2 - 2), (1, 2)),
        (Max(sympy.log(x), 5), (-1, 1)),
        (exp(-1 / x**2), (-1, 1)),
        (sqrt(x - 1) * sqrt(x - 1 + y) - x, (0, 2)),
    ],
)
def test_at_and_beyond_the_edge_of_a_domain_nothing_is_claimed(expression: Any, box: Any) -> None:
    assert not evaluate_on_box(expression, {x: box, y: (1, 2)}).is_finite()


@pytest.mark.parametrize("exponent", [2**20, -(2**20), 2**63, 2**64 + 1, -(2**70)])
def test_huge_exponents_are_enclosed_or_undefined(exponent: int) -> None:
    near_one = 1 + Rational(1, 2**60)
    with ctx.workprec(256), mp.workdps(60):
        for value in (near_one, -near_one):
            ball = balls.integer_power(as_ball(value, "value"), exponent)
            truth = mpmath.exp(exponent * mpmath.log1p(mpf(2) ** -60)) * (1 if value > 0 or exponent % 2 == 0 else -1)
            near = arb(mpmath.nstr(truth, 50)) + arb(0, arb(10) ** -35 * arb(mpmath.nstr(abs(truth), 5)))
            assert not ball.is_finite() or ball.overlaps(near)
        wide = balls.integer_power(as_ball((-1, 1), "value"), abs(exponent))
        assert not wide.is_finite() or (wide.contains(1) and wide.contains(0))


def test_a_piecewise_whose_condition_is_undefined_is_no_branch_alone() -> None:
    step = Piecewise((S.One, sympy.log(x) < 0), (S(2), True))
    for box in ((-1, Rational(1, 2)), (-2, -1)):
        ball = evaluate_on_box(step, {x: box})
        assert not ball.is_finite() or (ball.contains(1) and ball.contains(2))
    undefined = Piecewise((1 / x, x < 1), (x, True))
    assert not evaluate_on_box(undefined, {x: (-1, 2)}).is_finite()
    assert evaluate_on_box(undefined, {x: (1, 2)}).is_finite()


def test_enclosures_say_what_they_do_not_reach() -> None:
    assert not enclose(x, {x: (1, 2)}).ball.is_exact()
    assert enclose(sympy.erfinv(x), {x: 1}).status.name == "undefined"
