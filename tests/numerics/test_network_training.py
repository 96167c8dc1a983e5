"""Finite networks and their training: every derivative against differences, every flow against an exact solution."""

from __future__ import annotations

import math
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest

from numerics.dynamics import closed_form
from numerics.finite_networks import Network, evaluate, pull_back, push_forward, tangent_kernel
from numerics.kernel_flows import CorrectedFlow, frozen_outputs, interpolator
from numerics.kernels import Architecture, ntk
from numerics.lab import ArrayLab, Device, to_numpy
from numerics.network_attacks import GradientFlow, ProjectedGradient, TangentFlow
from numerics.network_training import LinearisedFlow, NetworkFlow, PathStatus, descend, follow

STRICT = Device("other", "strict", array_api_strict, array_api_strict.Device("device1"))


def lab(seed: int = 0, device: Device | None = None) -> ArrayLab:
    stream = np.random.default_rng(seed)
    return ArrayLab(stream) if device is None else ArrayLab(stream, device=device)


def case(network: Network, *, networks: int = 3, points: int = 4, seed: int = 0):
    """Parameters (B, P), points (m, d) of length about sqrt(d), labels (m,)."""
    draws = lab(seed)
    inputs = draws.normal(points, network.dimension)
    return network.draw(draws, networks), inputs, np.sign(draws.normal(points))


ARCHITECTURES = [Network(5, 7, depth, activation, 1.5, 0.3) for depth in (1, 2, 3) for activation in ("erf", "relu")]
STEP = 1e-6


@pytest.mark.parametrize("network", ARCHITECTURES, ids=str)
def test_gradients_agree_with_finite_differences(network):
    parameters, inputs, _ = case(network)
    change, move = lab(1).normal(*parameters.shape), lab(2).normal(3, *inputs.shape)
    seen = evaluate(network, parameters, inputs)
    up, down = (evaluate(network, parameters + sign * STEP * change, inputs) for sign in (1, -1))
    outputs, gradients = push_forward(network, seen, change)
    np.testing.assert_allclose((up.outputs - down.outputs) / (2 * STEP), outputs, atol=1e-7)
    np.testing.assert_allclose((up.gradients - down.gradients) / (2 * STEP), gradients, atol=1e-6)
    there, back = (evaluate(network, parameters, inputs + sign * STEP * move).outputs for sign in (1, -1))
    np.testing.assert_allclose((there - back) / (2 * STEP), np.sum(seen.gradients * move, axis=-1), atol=1e-7)


@pytest.mark.parametrize("network", ARCHITECTURES, ids=str)
def test_pull_back_is_the_transpose_of_push_forward_and_the_kernel_their_product(network):
    parameters, inputs, _ = case(network)
    seen, weights = evaluate(network, parameters, inputs), lab(1).normal(3, 4)
    change = lab(2).normal(*parameters.shape)
    pulled = pull_back(network, seen, weights)
    pushed = push_forward(network, seen, change)[0]
    np.testing.assert_allclose(np.sum(pulled * change, axis=1), np.sum(weights * pushed, axis=1), rtol=1e-12)
    kernel = tangent_kernel(network, seen, seen)
    np.testing.assert_allclose(
        (kernel @ weights[..., None])[..., 0], push_forward(network, seen, pulled)[0], rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_empirical_kernel_tends_to_the_infinite_one(depth, activation):
    network = Network(6, 300, depth, activation, 1.5, 0.2)
    parameters, inputs, _ = case(network, networks=60)
    seen = evaluate(network, parameters, inputs)
    kernels = tangent_kernel(network, seen, seen)
    scale = np.max(np.mean(kernels, axis=0))
    scatter = np.std(kernels, axis=0) / math.sqrt(60)
    gaps = {
        hidden: np.abs(
            np.mean(kernels, axis=0) - ntk(inputs, depth=hidden, activation=activation, w_std=1.5, b_std=0.2)
        )
        for hidden in (depth, depth + 1)
    }
    assert np.all(gaps[depth] < 4 * scatter + scale / 300)
    assert np.max(gaps[depth]) < 0.04 * scale
    assert np.max(gaps[depth + 1]) > 0.2 * scale


SMALL = Network(8, 40, 1, "erf", 1.5, 0.1)
TIMES = [0.1, 0.4, 1.0]


def test_a_linearised_network_without_attack_follows_its_kernel():
    parameters, inputs, labels = case(SMALL)
    everywhere = np.concatenate([inputs, lab(5).normal(3, 8)])
    flow = LinearisedFlow(SMALL, parameters, inputs, labels)
    seen = evaluate(SMALL, parameters, everywhere)
    kernel = tangent_kernel(SMALL, seen, seen)[:, :, :4]
    exact = frozen_outputs(kernel, np.ones((3, 4)), seen.outputs, labels, TIMES)
    path = follow(flow, 0 * parameters, TIMES, lambda state: flow.predict(state, everywhere)[0], share=0.05)
    np.testing.assert_allclose(np.stack(path.observed), exact, atol=2e-6)
    assert path.status is PathStatus.reached


def test_with_the_initial_tangent_attack_and_clean_features_the_closed_form_is_exact():
    parameters, inputs, labels = case(SMALL)
    seen = evaluate(SMALL, parameters, inputs)
    strength = np.array([0.1, 0.2, 0.3, 0.4])
    attack = TangentFlow(strength, seen.gradients)
    flow = LinearisedFlow(SMALL, parameters, inputs, labels, attack, "clean")
    path = follow(flow, 0 * parameters, TIMES, lambda state: flow.predict(state, inputs)[0], share=0.05)
    growth = attack.amplification(seen.gradients)
    exact = frozen_outputs(tangent_kernel(SMALL, seen, seen), growth, seen.outputs, labels, TIMES)
    np.testing.assert_allclose(np.stack(path.observed), exact, atol=2e-5)
    direct = closed_form(tangent_kernel(SMALL, seen, seen)[0], growth[0], seen.outputs[0] - labels)
    np.testing.assert_allclose(exact[-1, 0] - labels, direct, atol=1e-10)


def test_the_interpolator_is_the_end_of_the_flow():
    parameters, inputs, labels = case(SMALL)
    everywhere = np.concatenate([inputs, lab(5).normal(3, 8)])
    seen = evaluate(SMALL, parameters, everywhere)
    kernel = tangent_kernel(SMALL, seen, seen)[:, :, :4]
    end = interpolator(kernel, seen.outputs, labels)
    late = frozen_outputs(kernel, np.ones(4), seen.outputs, labels, [1e4])[0]
    np.testing.assert_allclose(end, late, atol=1e-8)
    np.testing.assert_allclose(end[:, :4], np.broadcast_to(labels, (3, 4)), atol=1e-9)


def test_the_attack_flow_is_the_tangent_flow_where_the_network_is_linear_in_the_input():
    # far from its kinks a ReLU network is affine: one neuron with a large bias
    network = Network(3, 1, 1, "relu", 1.0, 1.0)
    parameters = np.array([[0.3, -0.2, 0.5, 50.0, 0.9, 0.1]])
    inputs, labels = lab().normal(4, 3), np.array([1.0, -1.0, 2.0, 0.0])
    flow = NetworkFlow(network, inputs, labels)

    def predict(points):
        return flow.predict(parameters, points)

    tangent, residuals = TangentFlow(0.7)(predict, inputs, labels)
    points, none = GradientFlow(0.7, 32)(predict, inputs, labels)
    np.testing.assert_allclose(points, tangent, rtol=1e-8)
    np.testing.assert_allclose(predict(points)[0] - labels, residuals, rtol=1e-8)
    assert none is None


def test_the_attacked_residual_grows_by_the_integral_of_the_squared_gradient():
    parameters, inputs, labels = case(SMALL)
    flow = NetworkFlow(SMALL, inputs, labels)
    parts = 64
    points, total = inputs, np.zeros((3, 4))
    for _ in range(parts):
        before = np.sum(flow.predict(parameters, points)[1] ** 2, axis=-1)
        points, _ = GradientFlow(0.3 / parts, 1)(lambda p: flow.predict(parameters, p), points, labels)
        total += 0.3 / parts * (before + np.sum(flow.predict(parameters, points)[1] ** 2, axis=-1)) / 2
    ratio = (flow.predict(parameters, points)[0] - labels) / (flow.predict(parameters, inputs)[0] - labels)
    np.testing.assert_allclose(ratio, np.exp(total), rtol=1e-4)
    coarse, _ = GradientFlow(0.3, 4)(lambda p: flow.predict(parameters, p), inputs, labels)
    np.testing.assert_allclose(coarse, points, atol=2e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_projected_gradient_stays_in_its_ball_and_raises_the_loss(norm):
    parameters, inputs, labels = case(SMALL)
    flow = NetworkFlow(SMALL, inputs, labels)

    def predict(points):
        return flow.predict(parameters, points)

    points, _ = ProjectedGradient(0.2, 0.05, 20, norm)(predict, inputs, labels)
    length = np.linalg.norm(points - inputs, ord=np.inf if norm == "linf" else 2, axis=-1)
    assert np.all(length <= 0.2 + 1e-12)
    assert np.all(length > 0.15)
    assert np.all(np.abs(predict(points)[0] - labels) > np.abs(predict(inputs)[0] - labels))


def test_the_error_of_the_flow_falls_like_the_fourth_power_of_the_step():
    parameters, inputs, labels = case(SMALL)
    flow = NetworkFlow(SMALL, inputs, labels, GradientFlow(0.2))
    ends = {
        s: follow(flow, parameters, [0.5], lambda state: flow.predict(state, inputs)[0], share=s)
        for s in (0.4, 0.2, 0.02)
    }
    errors = [np.max(np.abs(ends[s].observed[0] - ends[0.02].observed[0])) for s in (0.4, 0.2)]
    steps = [ends[s].steps for s in (0.4, 0.2)]
    assert 2.5 < math.log(errors[0] / errors[1]) / math.log(steps[1] / steps[0]) < 6


def test_the_fastest_rate_bounds_the_eigenvalues_and_grows_with_the_attack():
    parameters, inputs, labels = case(SMALL)
    seen = evaluate(SMALL, parameters, inputs)
    growth = np.exp(0.4 * np.sum(seen.gradients**2, axis=-1))
    largest = np.max(np.linalg.eigvals(tangent_kernel(SMALL, seen, seen) * growth[:, None, :]).real)
    for flow, state in (
        (NetworkFlow(SMALL, inputs, labels, GradientFlow(0.4)), parameters),
        (LinearisedFlow(SMALL, parameters, inputs, labels, GradientFlow(0.4)), 0 * parameters),
    ):
        assert largest <= flow.fastest_rate(state) <= 3 * largest
        assert replace(flow, attack=None).fastest_rate(state) < 0.8 * flow.fastest_rate(state)


def test_small_steps_of_gradient_descent_approach_the_flow_at_first_order():
    parameters, inputs, labels = case(SMALL)
    flow = NetworkFlow(SMALL, inputs, labels, GradientFlow(0.2))

    def observe(state):
        return flow.predict(state, inputs)[0]

    exact = follow(flow, parameters, [0.2], observe, share=0.1).observed[0]
    errors = []
    for steps in (40, 80):
        path = descend(flow, parameters, steps, observe, rate=0.2 / steps)
        assert len(path.observed) == steps + 1
        errors.append(np.max(np.abs(path.observed[-1] - exact)))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)


def test_too_large_steps_are_reported_as_divergence():
    parameters, inputs, labels = case(SMALL)
    flow = NetworkFlow(SMALL, inputs, labels)
    path = descend(flow, parameters, 400, lambda _: None, rate=1e3)
    assert path.status is PathStatus.diverged


@pytest.mark.parametrize("depth", [1, 2])
def test_networks_trained_together_are_the_networks_trained_one_by_one(depth):
    network = replace(SMALL, depth=depth, width=12)
    parameters, inputs, labels = case(network)
    attack = ProjectedGradient(0.1, 0.05, 3)
    flow = NetworkFlow(network, inputs, labels, attack)
    together = descend(flow, parameters, 5, lambda state: state, rate=0.01).observed[-1]
    for k in range(3):
        alone = descend(flow, parameters[k : k + 1], 5, lambda state: state, rate=0.01).observed[-1]
        np.testing.assert_allclose(together[k : k + 1], alone, rtol=1e-12, atol=1e-14)


def test_the_corrected_flow_without_attack_is_the_flow_of_the_kernel():
    parameters, inputs, labels = case(SMALL)
    points = np.concatenate([inputs, lab(5).normal(3, 8)])
    seen = evaluate(SMALL, parameters, points)
    flow = CorrectedFlow(Architecture(1, "erf", 1.5, 0.1), points, labels, TangentFlow(0.0))
    path = follow(
        flow, flow.start(seen.outputs, seen.gradients[:, :4, :]), TIMES, lambda s: flow.read(s)[0], share=0.05
    )
    kernel = ntk(points, inputs, depth=1, activation="erf", w_std=1.5, b_std=0.1)
    exact = frozen_outputs(kernel, np.ones(4), seen.outputs, labels, TIMES)
    np.testing.assert_allclose(np.stack(path.observed), exact, atol=2e-6)


def test_the_corrected_flow_is_the_linearised_network_with_the_tangent_attack_at_large_width():
    network = replace(SMALL, width=3000)
    parameters, inputs, labels = case(network, networks=1)
    attack = TangentFlow(0.2)
    linear = LinearisedFlow(network, parameters, inputs, labels, attack)
    seen = evaluate(network, parameters, inputs)
    flow = CorrectedFlow(Architecture(1, "erf", 1.5, 0.1), inputs, labels, attack)
    one = follow(linear, 0 * parameters, [0.5], lambda state: linear.predict(state, inputs)).observed[0]
    other = follow(flow, flow.start(seen.outputs, seen.gradients), [0.5], flow.read).observed[0]
    printed = frozen_outputs(
        tangent_kernel(network, seen, seen), attack.amplification(seen.gradients), seen.outputs, labels, [0.5]
    )[0]
    for ours, theirs, start in zip(one, other, (seen.outputs, seen.gradients), strict=True):
        assert np.linalg.norm(ours - theirs) < 0.05 * np.linalg.norm(ours - start)
    assert np.linalg.norm(one[0] - other[0]) < np.linalg.norm(one[0] - printed)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_training_runs_on_another_array_library(activation):
    network = replace(SMALL, width=6, activation=activation, depth=2)
    found = []
    for device in (None, STRICT):
        draws = lab(0, device)
        parameters, inputs = network.draw(draws, 2), draws.normal(3, 8)
        labels = draws.asarray([1.0, -1.0, 1.0])
        ends = []
        balls = [ProjectedGradient(0.1, 0.1, 2, norm) for norm in ("linf", "l2")]
        for attack in (GradientFlow(0.1, 1), TangentFlow(0.1), *balls):
            flow = NetworkFlow(network, inputs, labels, attack)
            linear = LinearisedFlow(network, parameters, inputs, labels, attack, "clean")
            ends.append(follow(flow, parameters, [0.01], lambda state: state).observed[0])
            ends.append(descend(linear, 0 * parameters, 2, lambda state: state, rate=0.001).observed[-1])
            ends += [*flow.predict(ends[-2], inputs), *linear.predict(ends[-1], inputs)]
        seen = evaluate(network, parameters, inputs)
        corrected = CorrectedFlow(Architecture(2, activation, 1.5, 0.1), inputs, labels, TangentFlow(0.1))
        ends.append(follow(corrected, corrected.start(seen.outputs, seen.gradients), [0.01], lambda s: s).observed[0])
        found.append([to_numpy(end) for end in ends])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: Network(0, 4), "dimension"),
        (lambda: Network(3, 4, activation="tanh"), "activation"),
        (lambda: Network(3, 4, w_std=0.0), "w_std"),
        (lambda: ProjectedGradient(0.0, 0.1), "radius"),
        (lambda: ProjectedGradient(0.1, 0.1, norm="l1"), "norm"),
        (lambda: LinearisedFlow(SMALL, None, None, None, None, "frozen"), "features"),
        (lambda: follow(None, None, [1.0], None, share=2.0), "share"),
        (lambda: descend(None, None, 3, lambda _: None, rate=0.0), "rate"),
        (lambda: GradientFlow(0.1, 0), "steps"),
        (lambda: NetworkFlow(SMALL, np.zeros((3, 8)), np.zeros((3, 1))), "labels"),
        (lambda: evaluate(SMALL, np.zeros((2, 5)), np.zeros((3, 8))), "parameters"),
        (lambda: evaluate(SMALL, np.zeros((2, SMALL.parameter_count)), np.zeros((3, 7))), "inputs"),
    ],
)
def test_wrong_use_is_named(wrong, word):
    with pytest.raises(ValueError, match=word):
        wrong()
