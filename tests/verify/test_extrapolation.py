"""Extrapolation against means whose limit and bias are planted."""

import math

import numpy as np
import pytest

from verify.equivalence import Decision, find_quantile, judge
from verify.extrapolation import FitStatus, extrapolate, restrict

SIZES = (50, 100, 200)
HALF_WIDTH = 0.03
HOLDS, FAILS, OPEN = Decision.HOLDS, Decision.FAILS, Decision.OPEN


def sample(seed, counts, mean, *, spread=0.4):
    rng = np.random.default_rng(seed)
    return {d: mean(d) + spread / math.sqrt(d) * rng.standard_normal(n) for d, n in zip(SIZES, counts, strict=True)}


@pytest.mark.parametrize(("bias", "power"), [("1/d", 1.0), ("1/sqrt(d)", 0.5)])
def test_noiseless_means_extrapolate_to_the_limit_exactly(bias, power):
    values = {d: np.full(3, 0.7 + 3.0 * d**-power) for d in SIZES}
    fit = extrapolate(values, bias=bias)
    assert fit.estimate == pytest.approx(0.7, abs=1e-12)
    assert (fit.order, fit.status) == (1, FitStatus.FITS)


def test_two_sizes_give_richardsons_formula_and_its_error():
    values = {50: np.array([1.0, 1.2, 1.1]), 100: np.array([0.9, 1.0, 1.1, 1.0])}
    fit = extrapolate(values, bias="1/d")
    assert fit.estimate == pytest.approx(2 * 1.0 - 1.1)
    parts = 4 * np.var(values[100], ddof=1) / 4, np.var(values[50], ddof=1) / 3
    assert fit.standard_error == pytest.approx(math.sqrt(sum(parts)))
    assert fit.degrees_of_freedom == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 2))
    assert (fit.status, fit.lack_of_fit) == (FitStatus.UNTESTED, None)


def test_one_size_is_students_mean_and_says_that_nothing_was_extrapolated():
    draws = np.random.default_rng(0).standard_normal(7)
    fit = extrapolate({64: draws}, bias="1/d")
    assert fit.estimate == pytest.approx(np.mean(draws))
    assert fit.standard_error == pytest.approx(np.std(draws, ddof=1) / math.sqrt(7))
    assert fit.degrees_of_freedom == pytest.approx(6)
    assert (fit.status, fit.order) == (FitStatus.ONE_SIZE, 0)


@pytest.mark.parametrize("counts", [(6, 6, 6), (330, 135, 15)])
def test_intervals_and_the_test_of_fit_are_honest_with_few_and_uneven_draws(counts):
    fits = [extrapolate(sample(seed, counts, lambda d: 1 + 2 / d), bias="1/d") for seed in range(1500)]
    missed = [abs(f.estimate - 1) > f.standard_error * find_quantile(0.9, f.degrees_of_freedom) for f in fits]
    # 10% of the intervals miss, and at most the 1% of true models whose fit is rejected besides.
    assert 0.08 < np.mean(missed) < 0.135
    assert 0.003 < np.mean([f.order == 2 for f in fits]) < 0.02


def test_a_wrong_bias_is_caught_by_lack_of_fit_and_refutes_nothing():
    values = sample(3, (400, 400, 400), lambda d: 1 + 6 / math.sqrt(d))
    assert extrapolate(values, bias="1/sqrt(d)").status is FitStatus.FITS
    wrong = extrapolate(values, bias="1/d", orders=(1,))
    assert wrong.status is FitStatus.LACK_OF_FIT
    assert wrong.lack_of_fit < 1e-3
    escalated = extrapolate(values, bias="1/d")
    assert (escalated.status, escalated.order) == (FitStatus.RESCUED, 2)
    assert escalated.standard_error > 2 * wrong.standard_error
    far = judge(escalated.estimate, escalated.standard_error, escalated.degrees_of_freedom, 9.0, HALF_WIDTH)
    assert far.decision is FAILS
    assert restrict(far, escalated.status).decision is OPEN


def test_with_a_fourth_size_the_next_order_is_tested_too():
    rng = np.random.default_rng(0)
    values = {d: 1 + 2 / d + 300 / d**2 + 0.002 * rng.standard_normal(50) for d in (25, 50, 100, 200)}
    fit = extrapolate(values, bias="1/d")
    assert (fit.status, fit.order) == (FitStatus.FITS, 2)
    assert abs(fit.estimate - 1) < 4 * fit.standard_error
    kinked = {d: draws + 0.1 * (d == 100) for d, draws in values.items()}
    assert extrapolate(kinked, bias="1/d").status is FitStatus.LACK_OF_FIT


def test_paired_differences_see_what_separate_runs_cannot():
    rng = np.random.default_rng(0)
    shared = {d: rng.standard_normal(30) for d in SIZES}
    gap = {d: 0.01 * rng.standard_normal(30) / d for d in SIZES}
    left = {d: 1 + shared[d] + gap[d] + 1 / d for d in SIZES}
    right = {d: 1 + shared[d] for d in SIZES}
    paired = extrapolate({d: left[d] - right[d] for d in SIZES}, bias="1/d")
    assert judge(paired.estimate, paired.standard_error, paired.degrees_of_freedom, 0.0, 1e-3).decision is HOLDS
    alone = extrapolate(left, bias="1/d")
    assert alone.standard_error > 1000 * paired.standard_error


def test_a_draw_that_is_not_finite_is_a_status():
    assert extrapolate({50: [1.0, math.nan], 100: [1.0, 2.0]}, bias="1/d").status is FitStatus.NOT_FINITE


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({}, {"bias": "1/d"}, "at least one size"),
        ({50: [1.0]}, {"bias": "1/d"}, "at least 2 draws"),
        ({0: [1.0, 2.0]}, {"bias": "1/d"}, "size was 0"),
        ({50: [1.0, 2.0]}, {"bias": "1/d2"}, "allowed are 1/d"),
        ({50: [1.0, 2.0], 100: [1.0, 2.0]}, {"bias": "1/d", "orders": (2,)}, "at most order 1"),
    ],
)
def test_bad_use_of_extrapolate_is_named(values, options, message):
    with pytest.raises(ValueError, match=message):
        extrapolate(values, **options)
