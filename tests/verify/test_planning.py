"""The numbers of draws that a pilot asks for."""

import math

import numpy as np

from verify.extrapolation import extrapolate
from verify.planning import plan_draws

SIZES = (50, 100, 200)
HALF_WIDTH = 0.03


def test_the_plan_meets_its_aim_and_prefers_cheap_sizes():
    rng = np.random.default_rng(0)
    pilot = {"risk": {d: 1 + 0.4 / math.sqrt(d) * rng.standard_normal(500) for d in SIZES}}
    caps = dict.fromkeys(SIZES, 10**6)
    counts = plan_draws(pilot, {"risk": HALF_WIDTH}, bias="1/d", largest=caps)
    values = {d: 1 + 0.4 / math.sqrt(d) * rng.standard_normal(n) for d, n in counts.items()}
    assert 0.7 < extrapolate(values, bias="1/d").standard_error / (HALF_WIDTH / 4) < 1.1
    level_price = plan_draws(pilot, {"risk": HALF_WIDTH}, bias="1/d", largest=caps, cost=lambda d: 1.0)
    assert sum(n * d**3 for d, n in counts.items()) < sum(n * d**3 for d, n in level_price.items())
    assert sum(level_price.values()) < sum(counts.values())
