"""Data sets and networks that the tests of overfitting share."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import KuhnTeacher
from numerics.overfit import overfit


@pytest.fixture
def problem():
    """Draws points, labels and a radius at this share of the largest."""

    def draw(dimension, count, *, task="regression", seed=0, share=0.7):
        points = np.random.default_rng(seed).uniform(size=(count, dimension))
        labels = np.random.default_rng(seed + 1).normal(size=count)
        labels = np.where(labels > 0, 1.0, -1.0) if task == "classification" else labels
        return points, labels, share * float(overfit(points, labels, 1e-12).largest_radius)

    return draw


@pytest.fixture
def golden():
    """Builds gate D on two points of the line, with the changes given."""

    def build(**changes):
        teacher = KuhnTeacher(np.array([0.0, 0.5, 0.0]), np.zeros(1), np.full(1, 2.0))
        network = BumpNetwork(np.array([[0.25], [0.75]]), np.array([1.0, -0.5]), 1 / 8, 1 / 16, 1.0, teacher, Gate.D)
        return replace(network, **changes)

    return build
