"""The ladder of equivalences on one draw: L0 true attack, L1 tangent, L2 one gradient norm, L3 Gaussian features.

Neighbouring rungs share the first layer, inputs, labels and test points, so that what is compared is the rung and not
the draw. L3 needs normals of its own in the place of the nonlinear part; that much of its difference from L2 is
sampling.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.ensembles import RandomFeaturesDraw, draw_random_features
from numerics.experiments.random_features import (
    Trained,
    risks,
    train_first_order,
    train_gaussian_features,
    train_mean_gradient,
    train_true_adversary,
)
from numerics.experiments.random_features_risks import TestPoints, draw_test_points, gaussian_features_risks
from numerics.lab import namespace

TRAINERS: dict[str, Callable[[RandomFeaturesDraw, SimpleNamespace], Trained]] = {
    "L0": train_true_adversary,
    "L1": train_first_order,
    "L2": train_mean_gradient,
    "L3": train_gaussian_features,
}


def ladder(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Every rung on one draw: "L1:robust_risk" for each rung and observable, "L1-L0:robust_risk" for each step down.

    `at.rungs`, where given, is a tuple of neighbouring rungs such as ("L1", "L2", "L3"); L0 is by far the dearest.
    """
    rungs = tuple(getattr(at, "rungs", TRAINERS))
    draw, points = draw_random_features(lab, at, size), draw_test_points(lab, at, size)
    seen = {rung: _observe(rung, draw, points, TRAINERS[rung](draw, at), at) for rung in rungs}
    found = {f"{rung}:{name}": value for rung, values in seen.items() for name, value in values.items()}
    for upper, lower in itertools.pairwise(rungs):
        found |= {f"{lower}-{upper}:{name}": seen[lower][name] - value for name, value in seen[upper].items()}
    return found


def gap_true_first_order(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """L0 against L1, both trained on one draw: relative gaps of the observables and of the weights."""
    return _gaps(lab, at, size, "L0", "L1")


def gap_first_order_mean_gradient(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """L1 against L2, both trained on one draw: relative gaps of the observables and of the weights."""
    return _gaps(lab, at, size, "L1", "L2")


def gap_mean_gradient_gaussian(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """L2 against L3, both trained on one draw: relative gaps of the observables.

    The nonlinear parts of the two families of features are independent, so the weights have nothing in common.
    """
    found = _gaps(lab, at, size, "L2", "L3")
    return {name: value for name, value in found.items() if name != "weights"}


def attack_linearity(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """How far the true attack on the L2 predictor is from that on its tangent, over 200 fresh points.

    spread: root mean square over points of the difference of the two worst residuals, over the root mean square of the
    latter.
    """
    draw, points = draw_random_features(lab, at, size), draw_test_points(lab, at, size)
    theta, _ = train_mean_gradient(draw, at)
    true, tangent = risks(draw, points, theta, at).attacked_losses()
    xp = namespace(true)
    scale = float(xp.mean(tangent))
    spread = float(xp.mean((xp.sqrt(true) - xp.sqrt(tangent)) ** 2))
    return {"spread": (spread / scale) ** 0.5}


def gradient_concentration(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """How far the gradient norm A(x) of the L2 predictor is from A(theta).

    spread: standard deviation of A(x) over fresh points, over A(theta); mean_gap: |E A(x)^2 / A(theta)^2 - 1|, exact.
    """
    draw, points = draw_random_features(lab, at, size), draw_test_points(lab, at, size)
    theta, _ = train_mean_gradient(draw, at)
    seen = risks(draw, points, theta, at)
    _, gradients = seen.predictor.values_and_gradients(points.inputs)
    xp = namespace(gradients)
    norm = seen.mean_gradient_norm()
    spread = float(xp.std(xp.linalg.vector_norm(gradients, axis=1)))
    return {"spread": spread / norm, "mean_gap": abs(seen.gradient_energy() / norm**2 - 1)}


def risk_equivalence(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """|SR_true(theta) / SR_gaussian(theta) - 1| at the weights that L2 trains: both exact given theta."""
    draw, points = draw_random_features(lab, at, size), draw_test_points(lab, at, size)
    theta, loss = train_mean_gradient(draw, at)
    gaussian = gaussian_features_risks(draw, theta, at, loss)["standard_risk"]
    return {"standard_risk": abs(risks(draw, points, theta, at).standard_risk() / gaussian - 1)}


def _observe(
    rung: str, draw: RandomFeaturesDraw, points: TestPoints, trained: Trained, at: SimpleNamespace
) -> dict[str, float]:
    theta, loss = trained
    if rung == "L3":
        return gaussian_features_risks(draw, theta, at, loss)
    seen = risks(draw, points, theta, at)
    views = {"L0": seen.true_adversary, "L1": seen.first_order, "L2": seen.mean_gradient}
    return views[rung](loss)


def _gaps(lab: Lab, at: SimpleNamespace, size: int, upper: str, lower: str) -> dict[str, float]:
    """Absolute relative differences of the observables, and ||theta - theta'|| / ||theta'|| as `weights`."""
    draw, points = draw_random_features(lab, at, size), draw_test_points(lab, at, size)
    trained = {rung: TRAINERS[rung](draw, at) for rung in (upper, lower)}
    first, second = (_observe(rung, draw, points, trained[rung], at) for rung in (upper, lower))
    return {**_relative(first, second), "weights": _distance(trained[upper][0], trained[lower][0])}


def _relative(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {name: abs(first[name] - value) / (abs(value) or 1.0) for name, value in second.items()}


def _distance(first: Array, second: Array) -> float:
    xp = namespace(first)
    scale = float(xp.linalg.vector_norm(second))
    return float(xp.linalg.vector_norm(first - second)) / (scale if scale > 0 else 1.0)
