"""A Taylor model contains every value: the true number lies in polynomial plus rest at each point of the box."""

import random
from fractions import Fraction
from itertools import pairwise

import mpmath
import pytest
from flint import arb, ctx, fmpq
from sympy import Max, Piecewise, Rational, Symbol, cos, erf, erfc, exp, log, sqrt, symbols, tanh

from derivations.equal_branches import merge_equal_branches
from derivations.symbols import ChiSquareCdf
from numerics.enclosures.tape import UnsupportedNode
from numerics.enclosures.taylor_models import TaylorModel, range_of, ring_of
from numerics.enclosures.taylor_programs import TaylorProgram
from numerics.precise import evaluate

x, y = symbols("x y", real=True)
SHAPES = [(1, 1), (1, 4), (2, 1), (2, 3), (3, 2)]


def enclose(expression, centres, widths, order):
    """The model of an expression in the symbols at centre + width d."""
    ring = ring_of(len(centres), order)
    program = TaylorProgram(list(centres))
    values = [
        ring.variable(k, arb(fmpq(c.numerator, c.denominator)), arb(fmpq(w.numerator, w.denominator)))
        for k, (c, w) in enumerate(zip(centres.values(), widths, strict=True))
    ]
    return program.select([expression])(values)[0]


def contains(model, expression, centres, widths, steps):
    """Whether the model holds the value at d = steps, computed to 40 digits without balls."""
    point = {s: Rational(c + w * d) for (s, c), w, d in zip(centres.items(), widths, steps, strict=True)}
    with mpmath.workdps(40):
        true = evaluate(expression, point, digits=35)
        text = mpmath.nstr(true, 35)
    at = model.ring.evaluate(model.coefficients, [arb(fmpq(d.numerator, d.denominator)) for d in steps]) + model.rest
    return at.overlaps(arb(text) + arb(0, 1e-28 * max(1.0, abs(float(true)))))


def random_expression(chance, depth):
    if depth == 0:
        return chance.choice([x, y, Rational(chance.randint(1, 9), 7)])
    inner = [random_expression(chance, depth - 1) for _ in range(2)]
    safe = inner[0] ** 2 + Rational(1, 3)
    return chance.choice(
        [
            inner[0] + inner[1],
            inner[0] * inner[1],
            inner[0] - 2 * inner[1],
            1 / safe,
            sqrt(safe),
            safe ** Rational(-5, 3),
            log(safe),
            exp(-safe),
            erf(inner[0]),
            erfc(inner[1]),
            ChiSquareCdf(safe),
            safe**-3,
            tanh(inner[0]),
            cos(inner[0]) * inner[1],
        ]
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_true_value_of_a_random_expression_lies_in_its_model(seed):
    chance = random.Random(seed)
    expression = random_expression(chance, 4)
    order = chance.choice([1, 2, 3, 4])
    centres = {s: Fraction(chance.randint(-20, 20), 10) for s in (x, y)}
    widths = [Fraction(chance.choice([0, 1, 10, 30]), 100) for _ in range(2)]
    with ctx.workprec(128):
        model = enclose(expression, centres, widths, order)
        if not isinstance(model, TaylorModel):
            return
        for steps in [(-1, -1), (1, 1), (1, -1), *((chance.uniform(-1, 1), chance.uniform(-1, 1)) for _ in range(6))]:
            exact = [Fraction(d).limit_denominator(1000) for d in steps]
            assert contains(model, expression, centres, widths, exact)
            assert range_of(model).overlaps(model.ring.evaluate(model.coefficients, [arb(float(d)) for d in exact]))


@pytest.mark.parametrize(("size", "order"), SHAPES)
def test_what_cancels_between_two_quantities_cancels_in_their_models(size, order):
    names = symbols(f"a:{size}", real=True)
    total = sum(names)
    centres, widths = dict.fromkeys(names, Fraction(1)), [Fraction(1, 10)] * size
    with ctx.workprec(128):
        model = enclose(exp(total) * exp(-total) - 1, centres, widths, order)
        assert range_of(model).abs_upper() < (0.5 * size) ** (order + 1)


def test_a_higher_order_leaves_less():
    widths = []
    with ctx.workprec(128):
        for order in (1, 2, 3, 4):
            widths.append(
                float(enclose(exp(x) / (1 + x**2), {x: Fraction(1, 2)}, [Fraction(1, 10)], order).rest.abs_upper())
            )
    assert all(after < before / 4 for before, after in pairwise(widths))


@pytest.mark.parametrize("expression", [log(x), sqrt(x), 1 / x, x ** Rational(-1, 2), x**-3])
@pytest.mark.parametrize("centre", [Fraction(-1), Fraction(1, 10), Fraction(0)])
def test_a_box_that_reaches_the_edge_of_a_domain_has_no_value(expression, centre):
    if expression in (1 / x, x**-3) and centre == -1:
        return
    with ctx.workprec(128):
        assert not range_of(enclose(expression, {x: centre}, [Fraction(1, 5)], 3)).is_finite()


def test_a_piecewise_has_a_value_only_where_one_branch_is_certain():
    jump = Piecewise((x, x < 1), (x + 1, True))
    with ctx.workprec(128):
        assert range_of(enclose(jump, {x: Fraction(2)}, [Fraction(1, 2)], 2)).is_finite()
        assert not range_of(enclose(jump, {x: Fraction(1)}, [Fraction(1, 2)], 2)).is_finite()


def test_a_symbol_without_a_value_is_refused():
    with pytest.raises(UnsupportedNode):
        TaylorProgram([x]).select([x + Symbol("unheard_of")])


def test_only_branches_that_are_one_function_are_merged():
    root, b, w = symbols("root b w", positive=True)
    same = Piecewise((2 * w / (b + root), b > 0), ((root - b) / 2, True))
    other = Piecewise((2 * w / (b + root), b > 0), ((root + b) / 2, True))
    program = [(root, sqrt(b**2 + 4 * w)), (x, same), (y, other)]
    merged = dict(merge_equal_branches(program))
    assert merged[x] == 2 * w / (b + root)
    assert merged[y] == other


@pytest.mark.parametrize("power", [-1, -2, -3])
def test_a_negative_power_of_an_exact_zero_is_undefined(power):
    assert not range_of(enclose(Max(x, 0) ** power, {x: Fraction(-5)}, [Fraction(1)], 3)).is_finite()
    assert not TaylorProgram([x]).select([x**power])([arb(0)])[0].is_finite()


def test_a_model_without_a_linear_term_still_covers_its_width():
    assert range_of(enclose(x + 1, {x: Fraction(2)}, [Fraction(1, 2)], 0)).contains(arb(3, 0.49))
