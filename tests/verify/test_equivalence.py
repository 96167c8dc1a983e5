"""Single decisions: intervals, levels, margins, what is not finite, and how a step combines them."""

import math

import pytest

from verify.equivalence import Decision, combine, find_quantile, judge, judge_range

HALF_WIDTH = 0.03
HOLDS, FAILS, OPEN = Decision.HOLDS, Decision.FAILS, Decision.OPEN


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [
        (1.0, 0.01, HOLDS),
        (1.02, 0.01, OPEN),
        (1.0, 0.5, OPEN),
        (1.2, 0.01, FAILS),
        (0.8, 0.01, FAILS),
        (1.06, 0.01, OPEN),
    ],
)
def test_intervals_decide_and_imprecision_never_holds(estimate, error, expected):
    assert judge(estimate, error, math.inf, 1.0, HALF_WIDTH).decision is expected


def test_the_levels_are_those_of_students_t():
    assert find_quantile(0.90, math.inf) == pytest.approx(1.644853627)
    assert find_quantile(0.90, 5) == pytest.approx(2.015048373)
    edge = HALF_WIDTH / find_quantile(0.90, 5)
    assert judge(1.0, edge * 0.999, 5, 1.0, HALF_WIDTH).decision is HOLDS
    assert judge(1.0, edge * 1.001, 5, 1.0, HALF_WIDTH).decision is OPEN
    assert judge(1.0, edge * 0.999, 4, 1.0, HALF_WIDTH).decision is OPEN


def test_a_margin_that_rounding_could_cross_is_open():
    assert judge(1.0 + HALF_WIDTH * (1 - 0.5e-6), 0.0, 9, 1.0, HALF_WIDTH).decision is OPEN
    assert judge(1.0 + HALF_WIDTH * (1 + 0.5e-6), 0.0, 9, 1.0, HALF_WIDTH).decision is OPEN
    assert judge(1.0 + HALF_WIDTH * (1 - 2e-6), 0.0, 9, 1.0, HALF_WIDTH).decision is HOLDS
    assert judge(1.0 + HALF_WIDTH * (1 + 2e-6), 0.0, 9, 1.0, HALF_WIDTH).decision is FAILS


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_anything_not_finite_is_open_with_a_reason(place, value):
    arguments = [1.0, 0.01, 9.0, 1.0, HALF_WIDTH]
    arguments[place] = value
    judgement = judge(*arguments)
    if (place, value) == (2, math.inf):
        assert judgement.decision is HOLDS
    else:
        assert judgement.decision is OPEN
        assert judgement.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: judge(1, 0.1, 9, 1, 0.0),
        lambda: judge(1, 0.1, 9, 1, 0.1, hold_level=0.99, fail_level=0.9),
        lambda: judge_range(1, 0.1, 9, 2, 2),
    ],
)
def test_an_empty_tolerance_or_crossed_levels_are_refused(call):
    with pytest.raises(ValueError, match=r"must be|allowed"):
        call()


def test_a_step_holds_only_if_all_hold_and_fails_if_any_fails():
    assert combine([HOLDS, HOLDS]) is HOLDS
    assert combine([HOLDS, OPEN]) is OPEN
    assert combine([HOLDS, OPEN, FAILS]) is FAILS
    assert combine([]) is OPEN
