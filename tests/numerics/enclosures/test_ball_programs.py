"""Balls contain the truth, refuse what they cannot carry, and leave flint's precision as they found it."""

import random

import pytest
import sympy
from flint import arb, ctx
from sympy import (
    Abs,
    Float,
    Max,
    Min,
    Piecewise,
    Rational,
    S,
    Symbol,
    asin,
    atan,
    erf,
    exp,
    gamma,
    log,
    pi,
    sign,
    sqrt,
    symbols,
    tan,
    tanh,
)

from derivations.relations import at_most, below, equal
from numerics.enclosures import balls
from numerics.enclosures.ball_programs import (
    EnclosureStatus,
    UnsupportedNode,
    as_ball,
    compile_balls,
    compile_conditions,
    compile_jacobian,
    enclose,
    evaluate_on_box,
)

x, y = symbols("x y", real=True)


def test_a_third_is_exact_and_never_passes_through_a_double():
    ball = evaluate_on_box(10 * x - 1, {x: (Rational(1, 10), Rational(1, 10))}, precision=300)
    assert ball.contains(0)
    assert ball.rad() < arb(2) ** -250
    assert not compile_balls([Rational(1, 10)], [])([])[0].contains(0.1) or ctx.prec <= 53


def test_tanh_of_a_ball_is_a_ball():
    ball = evaluate_on_box(tanh(x), {x: (-100, 100)})
    assert isinstance(ball, arb)
    assert ball.contains(arb(1).tanh())
    assert ball.rad() < 1.01


def test_max_and_min_of_overlapping_balls_cover_both():
    for box in ({x: (0, 3), y: (1, 2)}, {x: (1, 2), y: (0, 3)}):
        highest, lowest = evaluate_on_box(Max(x, y), box), evaluate_on_box(Min(x, y), box)
        assert highest.contains(1)
        assert highest.contains(3)
        assert not highest.contains(arb("0.9"))
        assert lowest.contains(0)
        assert lowest.contains(2)
        assert not lowest.contains(arb("2.1"))


def test_the_sign_of_a_ball_around_zero_is_every_sign():
    ball = evaluate_on_box(sign(x), {x: (-1, 2)})
    assert ball.contains(-1)
    assert ball.contains(1)
    assert evaluate_on_box(sign(x), {x: (-2, -1)}) == -1


def test_comparison_of_overlapping_balls_is_undecided():
    conditions = [x < y, x >= y, below(x, y), at_most(x, y), equal(x, y), sympy.Ne(x, y), (x < y) | (x < 9), ~(x > 9)]
    decide = compile_conditions(conditions, [x, y])
    assert decide([arb(1, 1), arb(1, 1)]) == [None] * 6 + [True, True]
    assert decide([arb(1), arb(2)]) == [True, False, True, True, False, True, True, True]
    assert decide([arb.nan(), arb(2)])[:6] == [None] * 6


def test_precision_counts_at_the_call_and_is_restored_also_after_an_error():
    program = compile_balls([pi / 3], [])
    before = ctx.prec
    with ctx.workprec(40):
        coarse = program([])[0]
    with ctx.workprec(400):
        fine = program([])[0]
        assert fine.rad() < arb(2) ** -390
        assert coarse.contains(fine)
    assert coarse.rad() > arb(2) ** -45
    with pytest.raises(ValueError, match="has no value"):
        evaluate_on_box(x + y, {x: (0, 1)}, precision=999)
    with pytest.raises(ValueError, match="low <= high"):
        enclose(x, {x: (1, 0)}, digits=200)
    assert ctx.prec == before


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (gamma(x), "gamma"),
        (Float("0.1") * x, "Float"),
        (sympy.Heaviside(x), "Heaviside"),
        (x + sympy.I, "ImaginaryUnit"),
    ],
)
def test_a_node_outside_the_allow_list_is_refused_by_name(expression, words):
    with pytest.raises(UnsupportedNode, match=words):
        compile_balls([expression], [x])


@pytest.mark.parametrize("value", [0.1, float("nan"), Float("0.1"), "1/10", None, True])
def test_a_value_that_is_not_exact_is_refused(value):
    with pytest.raises(ValueError, match="x"):
        enclose(x, {x: value})


@pytest.mark.parametrize(
    ("expression", "low"),
    [(log(x), 0), (sqrt(x), -1), (1 / x, -1), (atan(1 / x), -1), (asin(x), -2), (x**y, 0), (tan(x), 1), (1 / x**2, -1)],
)
def test_a_domain_violation_is_undecided_never_wrong(expression, low):
    assert not evaluate_on_box(expression, {x: (low, 2), y: (1, 2)}).is_finite()


def test_square_root_is_defined_up_to_the_edge_of_its_domain():
    assert evaluate_on_box(sqrt(x), {x: (0, 1)}).is_finite()
    assert evaluate_on_box(sqrt(1 - x), {x: (0, 1)}).is_finite()
    assert evaluate_on_box(sqrt(x**2), {x: (-1, 1)}) >= 0


def test_products_and_powers_of_wide_positive_balls_stay_positive():
    box = {x: (Rational(1, 10), 9), y: (Rational(1, 10), 10)}
    assert evaluate_on_box(x * y, box) > 0
    assert evaluate_on_box(1 / x, box) > 0
    assert evaluate_on_box(x**2 * y**-3, box) > 0


def test_undecided_piecewise_is_the_union_and_a_gap_is_undefined():
    step = Piecewise((S(1), x < 0), (S(5), True))
    ball = evaluate_on_box(step, {x: (-1, 1)})
    assert ball.contains(1)
    assert ball.contains(5)
    assert evaluate_on_box(step, {x: (1, 2)}) == 5
    assert not evaluate_on_box(Piecewise((x, x < 0), (2 * x, x > 1)), {x: (-1, 2)}).is_finite()
    assert evaluate_on_box(Piecewise((x, x < 0), (2 * x, x >= 0)), {x: (-1, 2)}).contains(4)


def test_a_jump_has_no_mean_value_form():
    assert compile_jacobian([Piecewise((S(0), x < 0), (S(1), True))], [x], [x]) is None
    assert compile_jacobian([sign(x) * x], [x], [x]) is None
    assert evaluate_on_box(atan(1 / x), {x: (-1, 1)}).is_nan()


def test_centred_form_tightens_a_cancelling_expression():
    expression, box = x * (1 - x) - x, {x: (Rational(99, 100), 1)}
    with ctx.workprec(128):
        inputs = [as_ball(box[x], "x")]
        natural = compile_balls([expression], [x])(inputs)[0]
    assert evaluate_on_box(expression, box).rad() < natural.rad()


def test_slopes_of_absolute_value_and_maximum_at_a_kink_are_intervals():
    for expression in (Abs(x), Max(x, -x)):
        ball = evaluate_on_box(expression, {x: (-1, 1)})
        assert ball.contains(0)
        assert ball.contains(1)


def test_jacobian_by_definitions_equals_the_one_of_the_expanded_expression():
    u, v = Symbol("u"), Symbol("v")
    definitions = [(u, erf(x) * y), (v, exp(-(u**2)) + x)]
    by_definitions = compile_jacobian([v * u, v / y], [x, y], [x, y], definitions=definitions)
    value = compile_balls([v * u], [x, y], definitions=definitions)
    expanded = [e.subs(v, definitions[1][1]).subs(u, definitions[0][1]) for e in (v * u, v / y)]
    at_once = compile_jacobian(expanded, [x, y], [x, y])
    point = [arb(1) / 3, arb(5) / 7]
    assert all(a.overlaps(b) for a, b in zip(by_definitions(point), at_once(point), strict=True))
    assert value(point)[0].overlaps(compile_balls(expanded, [x, y])(point)[0])
    with pytest.raises(ValueError, match="twice"):
        compile_balls([x], [x], definitions=[(x, y)])


def test_enclose_reaches_the_digits_or_says_why_not():
    reached = enclose(erf(x) - erf(x + Rational(1, 10**40)), {x: Rational(1, 3)}, digits=50)
    assert reached.status is EnclosureStatus.reached
    assert reached.ball.rad() <= abs(reached.ball).upper() * arb(10) ** -50
    assert reached.precision > 300
    assert enclose(x - 1, {x: S(1)}).status is EnclosureStatus.reached
    assert enclose(sqrt(x) ** 2 - sqrt(2) * sqrt(3 + y), {x: sqrt(12), y: S(3)}).status is EnclosureStatus.too_wide
    assert enclose(x, {x: (1, 2)}).status is EnclosureStatus.too_wide
    assert enclose(log(x), {x: 0}).status is EnclosureStatus.undefined


def test_hull_contains_its_ends_and_keeps_an_exact_lower_end():
    draw = random.Random(5)
    for _ in range(300):
        low, high = sorted(arb(draw.randint(-(2**60), 2**60)) / 2 ** draw.randint(0, 90) for _ in range(2))
        ball = balls.hull(low, high)
        assert ball.contains(low)
        assert ball.contains(high)
        assert ball.rad() <= (high - low) * arb("0.500001")
        assert balls.hull(arb(0), abs(high)) >= 0
