"""Affine forms are sound: the true value lies in the range, and within the rest of what the slopes say."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import mpmath
from flint import arb, ctx
from sympy import I, Max, Rational, Symbol, cos, erf, erfc, exp, log, nan, oo, sqrt, tanh, zoo

from derivations.symbols import ChiSquareCdf
from numerics.enclosures.affine_forms import AffineForm, AffineTape, noisy, range_of
from numerics.enclosures.ball_programs import compile_balls
from numerics.enclosures.decimals import ends


def holds(ball: arb, value: Any, slack: float = 1e-25) -> bool:
    found = ends(ball)
    assert found is not None
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
    return bool(low - slack * (1 + abs(value)) <= value <= high + slack * (1 + abs(value)))


U, V = Symbol("u", positive=True), Symbol("v", positive=True)
UNARY = (
    exp,
    log,
    sqrt,
    erf,
    erfc,
    ChiSquareCdf,
    tanh,
    cos,
    lambda z: 1 / z,
    lambda z: z**3,
    lambda z: z ** Rational(-3, 2),
)


def random_expression(draw: random.Random, depth: int) -> Any:
    if depth == 0:
        return draw.choice((U, V, Rational(draw.randint(1, 9), draw.randint(1, 9))))
    if draw.random() < 0.4:
        return draw.choice(UNARY)(random_expression(draw, depth - 1))
    left, right = random_expression(draw, depth - 1), random_expression(draw, depth - 1)
    if not all(side.is_positive for side in (left, right)):
        return left + right
    return draw.choice((left + right, left - right, left * right, Max(left, right), left / right))


def true_value(expression: Any, at: dict[Any, Any]) -> Any:
    return mpmath.mpmathify(expression.doit().subs(at).evalf(40))


def test_values_of_random_expressions_lie_in_their_forms_and_near_their_slopes() -> None:
    draw, judged, formed = random.Random(5), 0, 0
    for _ in range(150):
        expression = random_expression(draw, 3)
        if not expression.free_symbols or expression.has(zoo, nan, oo, I):
            continue
        middles = [Fraction(draw.randint(5, 40), 20) for _ in "uv"]
        radii = [Fraction(1, 10 ** draw.randint(1, 3)) for _ in "uv"]
        with ctx.workprec(100):
            balls = [arb(m.numerator) / m.denominator for m in middles]
            r = [arb(each.numerator) / each.denominator for each in radii]
            # u moves with both noise symbols, v with the second one only
            inputs = [noisy(balls[0], [r[0], r[1]]), noisy(balls[1], [arb(0), r[1]])]
            form = compile_balls([expression], [U, V], kind=AffineTape)(inputs)[0]
        if not range_of(form).is_finite():
            continue
        for _ in range(3):
            noise = [Fraction(draw.choice((-1000, 1000, draw.randint(-1000, 1000))), 1000) for _ in "uv"]
            point = {U: middles[0] + radii[0] * noise[0] + radii[1] * noise[1], V: middles[1] + radii[1] * noise[1]}
            with mpmath.workdps(40):
                truth = true_value(expression, {k: Rational(p.numerator, p.denominator) for k, p in point.items()})
                assert holds(range_of(form), truth), (expression, point)
                judged += 1
                if isinstance(form, AffineForm):
                    with ctx.workprec(100):
                        moved = sum(
                            (s * n.numerator / n.denominator for s, n in zip(form.slopes, noise, strict=True)), arb(0)
                        )
                        assert holds(form.middle + moved + form.rest, truth), (expression, point)
                    formed += 1
    assert judged > 200
    assert formed > 150
