"""What networks do at finite width: the exact instances again by other means, and the table of conclusions."""

from __future__ import annotations

import math
import re

import mpmath
import numpy as np
import pytest

from derivations.discover import load
from derivations.robust_overfitting import conclusions, long_training
from numerics.finite_networks import Network, evaluate
from numerics.lab import ArrayLab
from numerics.network_attacks import GradientFlow
from numerics.network_training import NetworkFlow, follow


def test_every_step_in_the_list_of_conclusions_exists():
    named = re.findall(r"\b([a-z_]+):([a-z_]+)\b", conclusions.__doc__)
    assert len(named) >= 11
    for file, step in named:
        assert step in load(f"robust_overfitting.{file}").steps, f"{file}:{step}"


def _linear_velocity(w: np.ndarray, label: float, strength: float) -> np.ndarray:
    """w' of f(x) = w.x on the sample e_1: the attack's linear flow solved by the exponential of a matrix."""
    generator = np.zeros((3, 3))
    generator[:2, :2] = np.outer(w, w)
    generator[:2, 2] = -label * w
    moved = np.array((mpmath.expm(mpmath.matrix((strength * generator).tolist())) * mpmath.matrix([1, 0, 1])).tolist())
    point = moved[:2, 0].astype(float)
    return -point * (w @ point - label)


@pytest.mark.parametrize("w", [(1.0, 1.0), (0.3, -0.8), (-1.2, 0.5)])
def test_the_velocity_of_the_linear_network_is_that_of_its_attacked_input(w):
    strength = 0.4
    gain = math.expm1(strength * (w[0] ** 2 + w[1] ** 2))
    at = dict(zip((long_training.along, long_training.across, long_training.label), (*w, 0.7), strict=True))
    printed = [float(part.subs(at)) for part in long_training._velocity(1 + gain)]
    assert _linear_velocity(np.array(w), 0.7, strength) == pytest.approx(printed, rel=1e-9)


@pytest.mark.parametrize("start", [(0.4, 0.3), (0.9, -0.2), (1.2, 0.1)])
def test_linear_networks_end_at_half_the_label(start):
    w = np.array(start)
    for _ in range(150):
        w = w + 0.1 * _linear_velocity(w, 2.0, math.log(2))
    assert w == pytest.approx([1.0, 0.0], abs=1e-2)


@pytest.mark.standard
def test_wide_relu_networks_in_one_dimension_stop_at_half_the_label():
    lab = ArrayLab(np.random.default_rng(3))
    network = Network(1, 2000, 1, "relu", 1.0, 0.0)
    point = np.array([[1.0]])
    parameters = network.draw(lab, 40)
    start = evaluate(network, parameters, point).outputs[:, 0]
    chosen = parameters[(start > 0.3) & (start < 1.2)][:4]
    flow = NetworkFlow(network, point, np.array([2.0]), GradientFlow(math.log(2), 32))
    path = follow(flow, chosen, [4.0], lambda state: flow.predict(state, point)[0], share=0.1)
    assert path.observed[0] == pytest.approx(np.ones((4, 1)), abs=0.02)
