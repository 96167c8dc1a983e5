"""Rates of quantities whose exponent is planted."""

import math

import numpy as np
import pytest

from verify.equivalence import Decision
from verify.extrapolation import FitStatus
from verify.rates import fit_rate, judge_rate

SIZES = (50, 100, 200)
HOLDS, FAILS, OPEN = Decision.HOLDS, Decision.FAILS, Decision.OPEN


def tally(decisions):
    found = list(decisions)
    return {each: found.count(each) / len(found) for each in Decision}


def sample_gap(seed, exponent, draws=120):
    rng = np.random.default_rng(seed)
    return {d: 3.0 * d**exponent * rng.gamma(4.0, 0.25, draws) for d in SIZES}


@pytest.mark.parametrize("exponent", [-1.0, -0.5])
def test_a_planted_exponent_is_confirmed_and_its_neighbour_refuted(exponent):
    fits = [fit_rate(sample_gap(seed, exponent)) for seed in range(200)]
    inside = tally(judge_rate(fit, exponent - 0.25, exponent + 0.25).decision for fit in fits)
    assert inside[HOLDS] >= 0.95
    assert inside[FAILS] == 0
    other = -1.5 - exponent
    outside = tally(judge_rate(fit, other - 0.1, other + 0.1).decision for fit in fits)
    assert outside[FAILS] >= 0.9
    assert outside[HOLDS] == 0
    assert np.mean([fit.interval_low <= exponent <= fit.interval_high for fit in fits]) > 0.9


def test_an_imprecise_rate_is_open_and_a_half_line_is_a_claim():
    fit = fit_rate(sample_gap(0, -1.0, draws=5))
    assert judge_rate(fit, -1.05, -0.95).decision is OPEN
    sharp = fit_rate(sample_gap(0, -1.0, draws=400))
    assert judge_rate(sharp, -math.inf, -0.8).decision is HOLDS
    assert judge_rate(sharp, -0.5, math.inf).decision is FAILS


def test_the_rms_of_a_centred_gap_has_the_exponent_of_its_scale():
    rng = np.random.default_rng(0)
    fit = fit_rate({d: d**-0.5 * rng.standard_normal(400) for d in SIZES}, statistic="rms")
    assert fit.exponent == pytest.approx(-0.5, abs=4 * fit.standard_error)
    assert judge_rate(fit, -0.7, -0.3).decision is HOLDS


def test_a_mean_that_may_be_zero_has_no_rate():
    rng = np.random.default_rng(0)
    fit = fit_rate({d: rng.standard_normal(50) for d in SIZES})
    assert fit.status is FitStatus.NOT_POSITIVE
    assert judge_rate(fit, -2, 2).decision is OPEN


def test_what_is_no_power_law_gets_a_correction_and_a_wider_interval():
    rng = np.random.default_rng(0)
    values = {d: (1 + 40 / d) / d * rng.gamma(400.0, 1 / 400, 200) for d in SIZES}
    fit = fit_rate(values)
    assert fit.corrected
    assert fit.status is FitStatus.RESCUED
    assert fit.interval_high - fit.interval_low > 2 * fit_rate(values, fit_level=0.0).standard_error


def test_a_rate_needs_two_sizes():
    with pytest.raises(ValueError, match="at least 2"):
        fit_rate({50: [1.0, 2.0, 1.5]})
