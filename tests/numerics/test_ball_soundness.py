"""The value to 60 digits, by SymPy and mpmath, lies in the ball of random expressions on random boxes."""

import random

import pytest
import sympy
from flint import arb, ctx
from sympy import (
    Abs,
    Max,
    Min,
    Piecewise,
    Rational,
    S,
    acos,
    asin,
    atan,
    besseli,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    symbols,
    tan,
    tanh,
)

from numerics.enclosure import (
    CentredForm,
    as_ball,
)

x, y = symbols("x y", real=True)

UNARY = [exp, log, sqrt, erf, erfc, sin, cos, tan, sinh, cosh, tanh, atan, asin, acos, Abs, sign]
UNARY += [lambda e: e**2, lambda e: e**3, lambda e: 1 / e, lambda e: e**-2, lambda e: e ** Rational(2, 3)]
UNARY += [lambda e: e ** Rational(-1, 2), lambda e: besseli(0, 9 * sin(e)), lambda e: besseli(3, 9 * sin(e))]
# SymPy itself, as the reference, hangs on Bessel functions of huge numbers and rational powers of rationals.
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (1 + b**2),
    Max,
    Min,
    lambda a, b: (2 + sin(a)) ** atan(b),
    lambda a, b: Piecewise((a, x < Rational(1, 3)), (b, True)),
    lambda a, b: Piecewise((a, (x < 0) & (y > 0)), (b, x >= y), (a - b, x < y)),
]
LEAVES = [x, y, Rational(1, 10), Rational(-7, 3), pi, S.Exp1, S(2), S.EulerGamma]


def random_expression(draw, depth):
    if depth == 0 or draw.random() < 0.1:
        return draw.choice([x, y, draw.choice(LEAVES)])
    if draw.random() < 0.5:
        return draw.choice(UNARY)(random_expression(draw, depth - 1))
    try:
        return draw.choice(BINARY)(random_expression(draw, depth - 1), random_expression(draw, depth - 1))
    except (ValueError, TypeError):  # SymPy refuses to order a number that it finds complex
        return x


def random_case(seed):
    draw = random.Random(seed)
    expression = random_expression(draw, 3)
    box = {}
    for symbol in (x, y):
        low = Rational(draw.randint(-8, 8), draw.choice([1, 3, 8]))
        box[symbol] = (low, low + Rational(draw.choice([0, 1, 5, 40]), draw.choice([7, 16, 1000])))
    points = [
        {symbol: low + (high - low) * draw.choice([S(0), S(1), Rational(draw.randint(1, 99), 100)])}
        for _ in range(3)
        for symbol, (low, high) in box.items()
    ]
    return expression, box, [first | second for first, second in zip(points[::2], points[1::2], strict=True)]


def check_contains(ball, expression, point):
    """1 if a finite ball contains the value at the point. A value that is not real needs a ball that is not finite."""
    try:
        value = expression.xreplace(point).evalf(60)
    except (ValueError, OverflowError):  # SymPy refuses a maximum of complex numbers even in a branch not taken
        return 0
    if not value.is_Float and not value.is_Rational:
        assert not ball.is_finite(), f"{expression} at {point} is {value}, not real; ball {ball}"
        return 0
    if not ball.is_finite():
        return 0
    with ctx.workprec(400):
        truth = arb(str(value))
        near = truth + arb(0, abs(truth) * arb(10) ** -50 + arb(10) ** -80)
    assert ball.overlaps(near), f"{expression} at {point} is {value}, outside {ball}"
    return 1


def check_random_cases(seeds):
    tested = 0
    for seed in seeds:
        expression, box, points = random_case(seed)
        if expression.has(S.ComplexInfinity, S.NaN, sympy.I, sympy.re, sympy.im, sympy.arg):
            continue
        with ctx.workprec(128):
            inputs = [as_ball(box[x], "x"), as_ball(box[y], "y")]
            form = CentredForm(expression, [x, y])
            natural, centred = form.value(inputs)[0], form(inputs)
            narrow = form.value.on_narrow(inputs)[0]
            for point in points:
                exact = form.value([as_ball(point[x], "x"), as_ball(point[y], "y")])[0]
                check_contains(natural, expression, point)
                check_contains(narrow, expression, point)
                tested += check_contains(centred, expression, point)
                check_contains(exact, expression, point)
    return tested


def test_the_truth_to_sixty_digits_lies_in_the_ball_of_random_expressions():
    assert check_random_cases(range(300)) > 300


@pytest.mark.standard
def test_the_truth_lies_in_the_ball_of_many_random_expressions():
    assert check_random_cases(range(1000, 4000)) > 5000
