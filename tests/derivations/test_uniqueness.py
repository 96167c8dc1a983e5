"""The two sides of the uniqueness argument, seen on numbers: finite weights, and data by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

from derivations.random_features import uniqueness


def data(scale: float, strength: float, step: float, g: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Slope y and size u of the fit at standard normal points."""
    fit = np.sign(g) * np.maximum(np.abs(scale * g) - step * strength, 0) / (1 + step)
    return (scale * g - fit) / step, np.abs(fit) + strength


@pytest.mark.parametrize("seed", range(20))
def test_the_gradient_of_the_data_side_is_monotone_and_strictly_so(seed: int) -> None:
    """The monotone gap is a sum of nonnegative gaps: negative for no pair of points, and 0 for equal ones only."""
    rng = np.random.default_rng(seed)
    g = np.linspace(-9, 9, 200_001)
    weight = np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi) * (g[1] - g[0])
    points = np.exp(rng.uniform(-1.5, 1.5, (2, 3)))
    slopes, scales = [], []
    for scale, strength, step in points:
        y, u = data(scale, strength, step, g)
        size = np.sqrt(weight @ y**2)
        slopes.append(np.array([weight @ (g * y), weight @ u, -size]))
        scales.append(np.array([scale, strength, step * size]))
        z = step * strength / scale
        assert slopes[-1][0] == pytest.approx(scale * (step + erf(z / np.sqrt(2))) / (step * (1 + step)), rel=1e-6)
    (y1, u1), (y2, u2) = (data(*point, g) for point in points)
    b1, b2, a1, a2 = -slopes[0][2], -slopes[1][2], points[0][2], points[1][2]
    gap = (slopes[0] - slopes[1]) @ (scales[0] - scales[1])
    r1, r2 = (scale * g - step * y for (scale, _, step), y in zip(points, (y1, y2), strict=True))
    cross = (y1 - y2) * (r1 - r2) - (u1 - u2) * (np.abs(r1) - np.abs(r2))
    pieces = [(a1 + a2) * (b1 * b2 - weight @ (y1 * y2)), weight @ (u1 - u2) ** 2, weight @ cross]
    assert gap == pytest.approx(sum(pieces), rel=1e-6)
    assert min(pieces) >= -1e-12
    assert cross.min() >= -1e-9
    assert pieces[1] > 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_the_weights_side_is_minus_a_sum_of_gaps_at_finite_size(seed: int) -> None:
    """Any two triples (p, q, b): the weights solve their equations, and the gaps are those of Cauchy-Schwarz."""
    rng = np.random.default_rng(seed)
    features, inputs, ridge = 9, 6, 0.3
    w, target, h = rng.normal(size=(features, inputs)), rng.normal(size=inputs), rng.normal(size=inputs + features)
    linear, nonlinear, derivative, noise = 0.5, 0.3, 0.6, 0.4

    def solve(p: float, q: float, b: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float]:
        pull = linear * w @ h[:inputs] + nonlinear * h[inputs:]
        kernel = (p + q) * linear**2 * w @ w.T + (p * nonlinear**2 + q * derivative**2 + ridge) * np.eye(features)
        theta = np.linalg.solve(kernel, p * linear * w @ target + b * pull)
        residual = np.concatenate([target - linear * w.T @ theta, nonlinear * theta, [noise]])
        gradient = np.concatenate([linear * w.T @ theta, derivative * theta])
        return theta, residual, gradient, float(pull @ theta)

    multipliers = np.exp(rng.uniform(-1, 1, (2, 3)))
    (theta1, res1, grad1, t1), (theta2, res2, grad2, t2) = (solve(*row) for row in multipliers)
    (p1, q1, b1), (p2, q2, b2) = multipliers
    s1, s2, n1, n2 = (float(np.linalg.norm(v)) for v in (res1, res2, grad1, grad2))
    gap = (p1 * s1 - p2 * s2) * (s1 - s2) + (q1 * n1 - q2 * n2) * (n1 - n2) - (b1 - b2) * (t1 - t2)
    pieces = [
        (p1 + p2) * (s1 * s2 - res1 @ res2),
        (q1 + q2) * (n1 * n2 - grad1 @ grad2),
        ridge * np.sum((theta1 - theta2) ** 2),
    ]
    assert gap == pytest.approx(-sum(pieces), rel=1e-9)
    assert min(pieces) >= 0


def test_the_argument_rests_on_no_assumed_uniqueness() -> None:
    ancestors = uniqueness.theorem.steps["one_root"].ancestors()
    assert not any("unique" in step.name and step.granted for step in ancestors)
    assert {"sum_of_gaps", "monotone_slopes", "side_of_the_weights"} <= {step.name for step in ancestors}
