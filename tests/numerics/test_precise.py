"""Many digits: cancellation, integrals with kinks, undefined values; exact sample points in their domains."""

import mpmath
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from sympy import Abs, Derivative, Integral, Max, Piecewise, Rational, Symbol, erf, erfc, exp, log, oo, pi, sqrt, tanh

from derivations.model import Domain, parameter
from derivations.relations import at_most, below, equal
from derivations.symbols import ChiSquareCdf, gaussian_density
from numerics.precise import Imprecise, Undefined, evaluate, measure_terms, sample_points, satisfies

x, y = sympy.symbols("x y", positive=True)
t, u = sympy.symbols("t u", real=True)
k = Symbol("k", integer=True, positive=True)


def list_points(*asked, **options):
    return list(sample_points(*asked, **options))


def agrees(value: object, expected: object, digits: int) -> bool:
    """Whether an mpmath number has the expected one's digits; `expected` is exact, a decimal text, or mpmath's."""
    with mp.workdps(digits + 20):
        exact = evaluate(expected, {}, digits=digits + 10) if isinstance(expected, sympy.Expr) else mpmath.mpf(expected)
        return abs(value - exact) <= mpmath.mpf(10) ** -digits * abs(exact)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(2, 40))
def test_cancellation_costs_no_digits(order: int, digits: int) -> None:
    small = Rational(1, 10**order)
    value = evaluate(exp(x) - 1 - x, {x: small}, digits=digits)
    series = sum(small**n / sympy.factorial(n) for n in range(2, 2 + digits // order + 3))
    assert agrees(value, sympy.Rational(series), digits - 1)


def test_a_value_far_below_its_terms_is_resolved_and_not_taken_for_zero() -> None:
    assert agrees(evaluate(1 - erf(x), {x: 9}), "4.13703174651381023805390346736243e-37", 29)


def test_a_true_zero_is_exactly_zero() -> None:
    assert evaluate(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1, {x: Rational(1, 3)}) == 0
    assert evaluate(Integral(t * gaussian_density(t), (t, -oo, oo)), {}) == 0


def test_what_is_left_where_larger_terms_rounded_to_nothing_is_not_a_value() -> None:
    # 1 - erf(1000) is of the order of exp(-10**6); its erf rounds to 1 at any working precision used here.
    assert evaluate(1 - erf(x) - exp(-(x**2)), {x: 1000}) == 0


@pytest.mark.parametrize("threshold", [Rational(0), Rational(1, 3), Rational(2)])
def test_integrals_are_split_at_their_kinks(threshold: Rational) -> None:
    integral = Integral(Max(t - y, 0) ** 2 * gaussian_density(t), (t, -oo, oo))
    closed = (1 + y**2) * erfc(y / sqrt(2)) / 2 - y * exp(-(y**2) / 2) / sqrt(2 * pi)
    assert agrees(evaluate(integral, {y: threshold}), evaluate(closed, {y: threshold}), 29)


def test_a_kink_at_the_root_of_a_curve_is_found() -> None:
    integral = Integral(Abs(t**2 - y), (t, -1, 2))
    antiderivative = t**3 / 3 - y * t
    root, ends = sqrt(y), [antiderivative.subs(t, end) for end in (-1, -sqrt(y), sqrt(y), 2)]
    closed = (ends[1] - ends[0]) - (ends[2] - ends[1]) + (ends[3] - ends[2])
    values = {y: Rational(1, 2)}
    assert root.subs(values) < 1
    assert agrees(evaluate(integral, values), evaluate(closed, values), 29)


def test_a_peak_far_from_the_origin_is_found_and_not_lost() -> None:
    shifted = Integral(gaussian_density(t - 50), (t, -oo, oo))
    assert agrees(evaluate(shifted, {}), 1, 28)


def test_an_integral_that_diverges_has_no_value() -> None:
    with pytest.raises((Undefined, Imprecise)):
        evaluate(Integral(1 / t, (t, 0, 1)), {})


def test_iterated_integrals_are_nested() -> None:
    area = Integral(Integral(t * u, (t, 0, u)), (u, 0, 2))
    assert agrees(evaluate(area, {}, digits=15), 2, 15)


def test_derivatives_definitions_sums_and_cases_are_evaluated() -> None:
    assert evaluate(Derivative(x**3 * y, x), {x: 2, y: 3}) == 36
    assert agrees(evaluate(ChiSquareCdf(x), {x: 1}), evaluate(ChiSquareCdf(x).closed_form(), {x: 1}), 29)
    assert evaluate(sympy.Sum(k, (k, 1, 10)), {}) == 55
    assert evaluate(Piecewise((1 / t, t > 0), (0, True)), {t: 0}) == 0
    assert agrees(
        evaluate(Integral(tanh(t) ** 2 * gaussian_density(t), (t, -oo, oo)), {}, digits=20),
        "0.39429449039784117442",
        19,
    )


def test_undefined_unknown_and_missing_are_told_apart() -> None:
    with pytest.raises(Undefined):
        evaluate(1 / t, {t: 0})
    with pytest.raises(TypeError, match="f has no many-digit evaluation"):
        evaluate(sympy.Function("f")(x), {x: 1})
    with pytest.raises(ValueError, match=r"y of .* has no value"):
        evaluate(x + y, {x: 1})
    assert isinstance(evaluate(log(-x), {x: 1}), mpmath.mpc)


def test_the_size_of_terms_ignores_their_cancellation() -> None:
    assert abs(measure_terms((x - y) / x, {x: 1, y: 1}) - 2) < 1e-10


def test_points_are_exact_satisfy_everything_and_repeat() -> None:
    share = parameter("share", "a share", domain=Domain(Rational(0), Rational(1)))
    given_relations = [below(x, y), at_most(share, x)]
    points = list_points([x, y, share, k], {y: (0, 3)}, given_relations, count=10, seed=3)
    assert len(points) == 10
    for point in points:
        assert all(value.is_Rational for value in point.values())
        assert 0 < point[x] < point[y] <= 3
        assert 0 < point[share] < 1
        assert point[share] <= point[x]
        assert point[k].is_Integer
        assert point[k] >= 1
    assert points == list_points([x, y, share, k], {y: (0, 3)}, given_relations, count=10, seed=3)
    assert points != list_points([x, y, share, k], {y: (0, 3)}, given_relations, count=10, seed=4)


def test_points_reach_over_orders_of_magnitude_and_close_to_the_ends() -> None:
    wide = [point[x] for point in list_points([x], {}, count=60)]
    assert min(wide) < Rational(1, 100)
    assert max(wide) > 100
    near = [min(point[x], 1 - point[x]) for point in list_points([x], {x: (0, 1)}, count=60)]
    assert 0 < min(near) < Rational(1, 1000)


def test_an_equation_among_the_conditions_is_solved() -> None:
    points = list_points([x, y], {}, [equal(x + y, 1)], count=5)
    assert len(points) == 5
    assert all(point[x] + point[y] == 1 for point in points)
    assert all(point[x] > 0 and point[y] > 0 for point in points)


def test_conditions_that_nothing_meets_give_no_points() -> None:
    assert list_points([x], {}, [below(x, -1)], count=3) == []
    with pytest.raises(ValueError, match="no value satisfies"):
        list_points([x], {x: (-2, -1)}, count=3)


def test_a_relation_is_decided_at_a_point() -> None:
    assert satisfies(below(x, y), {x: 1, y: 2})
    assert not satisfies(below(x, y), {x: 2, y: 2})
    assert satisfies(at_most(x, y), {x: 2, y: 2})
    assert not satisfies(below(0, log(t)), {t: -1})
