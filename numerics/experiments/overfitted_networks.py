"""Finite-size experiments of overfitted networks: uniform inputs in [0, 1]^d, l_inf balls, the networks of
`numerics.overfit`.

`at` holds floats under the parameters' names; whole numbers are rounded. In the separated designs each point stands at
random in a cell of a lattice, so far inside that the boxes of half-width 2 radius + ramp are disjoint and in the cube:
at most one bump then matters on the ball of a test point, whose extremes are exact (projection and vertex).
"""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from derivations.lab import Lab
from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher, fit_kuhn
from numerics.lab import to_numpy
from numerics.overfit import power_above
from numerics.overfit_attacks import extreme_points
from numerics.separation import Neighbours

Numbers = np.ndarray[Any, Any]

TEST_POINTS = 4096
"""Test points of the regression experiments, one in each cell of a lattice."""
DESIGNS = 32
BUMP_POINTS = 8192
"""Points drawn in the boxes of all bumps together, at least one in each."""


def robust_error(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Standard and robust 0-1 error of gate C with saturated teacher 1 on `size` test points; all bumps have label -1.

    P(Y = 1) = 1 - label_noise everywhere, averaged exactly given x.
    """
    dimension = round(at.dimension)
    centres = _draw_separated(lab, at, round(at.bad_samples))
    teacher = AffineTeacher(np.zeros(dimension), 1.0, 1.0)
    function = BumpNetwork(centres, -np.ones(len(centres)), at.radius, at.ramp, 1.0, teacher, Gate.C)
    points = to_numpy(lab.uniform(size, dimension))
    lowest, highest = (function(place) for place in extreme_points(function, points, at.radius))
    clean = np.where(function(points) > 0, at.label_noise, 1 - at.label_noise)
    attacked = np.where(lowest > 0, at.label_noise, np.where(highest < 0, 1 - at.label_noise, 1.0))
    return {"standard_error": float(clean.mean()), "robust_error": float(attacked.mean())}


def flat_target(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Standard and robust squared error of gate D for the regression function 0, known to the teacher; separated
    design.

    Labels are +-sqrt(noise) with fair signs, at the samples and, averaged exactly, at the `size` test points.
    """
    dimension, spread = round(at.dimension), math.sqrt(at.noise)
    centres = _draw_separated(lab, at, round(at.samples))
    labels = np.where(to_numpy(lab.uniform(len(centres))) < 0.5, -spread, spread)
    teacher = AffineTeacher(np.zeros(dimension), 0.0, at.height)
    function = BumpNetwork(centres, labels, at.radius, at.ramp, at.height, teacher, Gate.D)
    points = to_numpy(lab.uniform(size, dimension))
    ends = [function(place) for place in extreme_points(function, points, at.radius)]
    losses = [np.maximum((ends[0] - label) ** 2, (ends[1] - label) ** 2) for label in (-spread, spread)]
    return {
        "standard_error": float((function(points) ** 2).mean()),
        "robust_error": float((losses[0] + losses[1]).mean() / 2),
    }


def regression_error(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """E (f - f*)^2 of the student (gate D, radius = ramp = q/16) and of its teacher, from `size` iid samples.

    f* is the Takagi-Landsberg sum of the smoothness (1 or 2), the teacher the least-squares one with `nodes` cells an
    axis. The teacher's error is measured in a lattice's cells, the bumps' share inside their own boxes.
    """
    dimension, cells = round(at.dimension), round(at.nodes)
    points = to_numpy(lab.uniform(size, dimension))
    labels = target(points, at.smoothness) + math.sqrt(at.noise) * to_numpy(lab.normal(size))
    height = power_above(float(np.abs(labels).max()))
    teacher = fit_kuhn(points, labels, cells, bound=height)
    radius = float(Neighbours(points).least_distance or 1) / 16
    function = BumpNetwork(points, labels, radius, radius, height, teacher, Gate.D)
    side = math.ceil(TEST_POINTS ** (1 / dimension) - 1e-9)
    places = np.array(list(itertools.product(range(side), repeat=dimension)))
    tests = (places + to_numpy(lab.uniform(len(places), dimension))) / side
    taught = float(((teacher(tests) - target(tests, at.smoothness)) ** 2).mean())
    return {"standard_error": taught + _bump_share(lab, at, function), "teacher_error": taught}


def calibrated_regression_error(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """`regression_error` with (n/4)^(1/(2 smoothness + dimension)) cells an axis, rounded."""
    nodes = max(1, round((size / 4) ** (1 / (2 * at.smoothness + at.dimension))))
    return regression_error(lab, SimpleNamespace(**{**vars(at), "nodes": nodes}), size)


def separation(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """n(n - 1)/2 (2q)^d of n = `size` iid points, averaged over designs: itself, its square, and how often it exceeds
    1.
    """
    dimension = round(at.dimension)
    scaled = np.array([scaled_separation(to_numpy(lab.uniform(size, dimension))) for _ in range(DESIGNS)])
    return {
        "scaled_separation": float(scaled.mean()),
        "scaled_separation_squared": float((scaled**2).mean()),
        "separation_tail": float((scaled > 1).mean()),
    }


def target(points: Numbers, smoothness: float, /) -> Numbers:
    """(B,) d^(-1/2) sum_j (T_r(x_j) - mean) with T_r(x) = sum_k 2^(-kr) dist(2^k x, Z), of (B, d) points."""
    if smoothness == 2:
        values = 2 * points * (1 - points)
    else:
        scales = 2.0 ** np.arange(40)
        scaled = points[..., None] * scales
        values = (np.abs(scaled - np.round(scaled)) * scales**-smoothness).sum(axis=-1)
    mean = 0.25 / (1 - 2.0**-smoothness)
    return np.asarray((values - mean).sum(axis=1) / math.sqrt(points.shape[1]))


def scaled_separation(points: Numbers, /) -> float:
    """n(n - 1)/2 (2q)^d for the least l_inf distance q of the (n, d) points: Exp(1) for large n if uniform, iid."""
    count, dimension = points.shape
    least = float(Neighbours(points).least_distance or 0)
    return float(count * (count - 1) / 2 * (2 * least) ** dimension)


def _bump_share(lab: Lab, at: SimpleNamespace, function: BumpNetwork) -> float:
    """E (f - f*)^2 - (g - f*)^2, which is 0 off the disjoint boxes about the samples, from points drawn in these."""
    count, dimension = function.centres.shape
    half = function.radius + function.ramp
    repeats = math.ceil(BUMP_POINTS / count)
    offsets = half * (2 * to_numpy(lab.uniform(repeats, count, dimension)) - 1)
    points = (function.centres + offsets).reshape(-1, dimension)
    goal, inside = target(points, at.smoothness), ((points >= 0) & (points <= 1)).all(axis=1)
    change = (function(points) - goal) ** 2 - (function.teacher(points) - goal) ** 2
    return float((change * inside).sum() / repeats * (2 * half) ** dimension)


def _draw_separated(lab: Lab, at: SimpleNamespace, count: int) -> Numbers:
    """(count, d) points, one at random in each of the first cells of a lattice; ValueError if the boxes do not fit."""
    dimension, half = round(at.dimension), 2 * at.radius + at.ramp
    side = math.ceil(count ** (1 / dimension) - 1e-9)
    room = 1 / side - 2 * half
    if room < 0:
        raise ValueError(
            f"radius: boxes of half-width {half:g} about {count} points do not fit in dimension {dimension}"
        )
    cells = np.array(list(itertools.islice(itertools.product(range(side), repeat=dimension), count)))
    return np.asarray(cells / side + half + room * to_numpy(lab.uniform(count, dimension)))
