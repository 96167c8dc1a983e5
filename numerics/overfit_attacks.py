"""Attacks on overfitted networks: the exact extremes of one bump over a ball, all kinks on a segment, vertices, and
PGD.

A bump has slope 0 on its plateau and off its ramp: gradient ascent from the clean point does not move there and reports
the clean loss. Hence the exact attacks where there are any, and starts at random points and vertices for the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from numerics.bump_networks import BumpNetwork
from numerics.relu_networks import Network, Rational, as_fractions
from numerics.sampling import stream

Numbers = np.ndarray[Any, Any]
MOST_VERTICES = 2**16


def extreme_points(function: BumpNetwork, points: Numbers, radius: float, /) -> tuple[Numbers, Numbers]:
    """Where the nearest bump is largest and where it is smallest on the l_inf ball about each of the points (B, d).

    That is the projection of the bump's centre to the ball, and the vertex farthest from the centre, (B, d) each:
    exact, since a bump falls in |x_j - c_j| for each j alone.
    """
    centres = function.centres[function.tree.query(points, p=np.inf)[1]]
    nearest = np.clip(centres, points - radius, points + radius)
    farthest = points + radius * np.where(points >= centres, 1.0, -1.0)
    return nearest, farthest


def vertices(point: Numbers, radius: float, /) -> Numbers:
    """(2^d, d) vertices of the l_inf ball about a point (d,); ValueError for more than MOST_VERTICES."""
    dimension = len(point)
    if 2**dimension > MOST_VERTICES:
        raise ValueError(f"point: a ball in dimension {dimension} has 2^{dimension} vertices; at most 2^16 are listed")
    return np.asarray(point + radius * np.array(list(itertools.product((-1.0, 1.0), repeat=dimension))))


def kinks_on_segment(
    network: Network, start: Sequence[Rational], end: Sequence[Rational], /
) -> list[tuple[Fraction, Fraction]]:
    """(t, f(start + t (end - start))) at t = 0, at every kink and at t = 1, in rationals: between them f is affine.

    In dimension 1 a ball is a segment, so the extremes of f over it are among these values.
    """
    first, step = as_fractions(np.asarray(start, dtype=object)), as_fractions(np.asarray(end, dtype=object))
    step = step - first
    times = np.array([Fraction(0), Fraction(1)], dtype=object)
    values = first + times[:, None] * step
    for layer in network.layers[:-1]:
        before = layer.apply(values)
        low, high = before[:-1], before[1:]
        crossing = np.argwhere((low < 0) & (high > 0) | (low > 0) & (high < 0))
        shares = {(int(row), low[row, column] / (low[row, column] - high[row, column])) for row, column in crossing}
        extra = sorted(shares)
        # in each piece the inputs of the layer are affine in t, so kinks are found and values moved by interpolation
        rows = np.array([row for row, _ in extra], dtype=np.int64)
        parts = np.array([part for _, part in extra], dtype=object)
        new_times = times[rows] + parts * (times[rows + 1] - times[rows])
        new_values = before[rows] + parts[:, None] * (before[rows + 1] - before[rows])
        order = np.argsort(np.concatenate([times, new_times]), kind="stable")
        times = np.concatenate([times, new_times])[order]
        values = np.maximum(np.concatenate([before, new_values])[order], 0)
    return list(zip(times.tolist(), network.layers[-1].apply(values)[:, 0].tolist(), strict=True))


def projected_gradient(
    network: Network,
    points: Numbers,
    radius: float,
    slope: Callable[[Numbers], Numbers],
    loss: Callable[[Numbers], Numbers],
    /,
    *,
    starts: Sequence[str] = ("clean", "random", "vertex"),
    steps: int = 20,
    seed: int = 0,
) -> Numbers:
    """(B,) the largest loss that sign-gradient ascent in the l_inf ball has seen about each of the points (B, d).

    `loss` and `slope` map outputs (B,) to losses and to their derivatives. A start is "clean" (the point itself),
    "random" (uniform in the ball) or "vertex" (uniform among its vertices); name one several times for several starts.
    Steps have length radius/4. ValueError for another start.
    """
    worst = np.full(len(points), -np.inf)
    for trial, start in enumerate(starts):
        uniform = np.asarray(stream(seed, f"overfit {start}", trial).uniform(-1.0, 1.0, size=points.shape))
        offsets = {
            "clean": 0 * uniform,
            "random": uniform,
            "vertex": np.where(uniform < 0, -1.0, 1.0),
        }
        if start not in offsets:
            raise ValueError(f"starts: {start!r} is unknown; allowed are {', '.join(offsets)}")
        moved = points + radius * offsets[start]
        for step in range(steps + 1):
            outputs = network(moved)
            worst = np.maximum(worst, loss(outputs))
            if step < steps:
                direction = np.sign(slope(outputs)[:, None] * network.gradients(moved))
                moved = np.clip(moved + radius / 4 * direction, points - radius, points + radius)
    return worst
