"""The finite-size experiments: what they return is what they say, rung by rung."""

import math
from dataclasses import replace
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.adversarial_regression import Status, is_null_optimal
from numerics.adversarial_training import train_against_attack
from numerics.attacks import Predictor, attack
from numerics.ensembles import draw_random_features
from numerics.experiments import random_features, random_features_ladder
from numerics.experiments.random_features_risks import draw_test_points, gaussian_features_risks
from numerics.lab import CPU, ArrayLab, Device
from numerics.sampling import stream

CONTROLS = {"label_energy", "target_energy"}
OBSERVABLES = {"standard_risk", "robust_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared"}
STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))


def lab(trial=0, *, device=CPU):
    return ArrayLab(stream(0, "random features", trial), device=device)


def point(**changes):
    given = {"psi1": 1.0, "psi2": 2.0, "epsilon": 0.5, "noise": 0.5, "signal": 1.0, "ridge": 0.0, "activation": "relu"}
    at = SimpleNamespace(**given | changes)
    activation = compile_activation(at.activation)
    for name in ("linear_coefficient", "nonlinear_energy", "derivative_energy"):
        setattr(at, name, getattr(activation, name))
    at.epsilon_test = changes.get("epsilon_test", at.epsilon)
    return at


def mean_of(experiment, at, size, trials):
    seen = [experiment(lab(trial), at, size) for trial in range(trials)]
    return {name: float(np.mean([one[name] for one in seen])) for name in seen[0]}


@pytest.mark.parametrize("rung", random_features.RUNGS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_rung_returns_the_observables_in_order(rung, activation):
    found = random_features.RUNGS[rung](lab(), point(activation=activation), 16)
    assert set(found) == OBSERVABLES | CONTROLS
    assert all(math.isfinite(value) for value in found.values())
    assert found["robust_risk"] >= found["standard_risk"] >= 0.25
    assert found["robust_training_loss"] <= 1.25 * 2


@pytest.mark.parametrize(
    ("psi1", "expected"),
    [
        (2.0, (0.8311018718, 1.6839160151, 0.8963138367, 1.7947528901)),
        (5.0, (0.8372930611, 1.8194745499, 1.0016963923, 2.4969362154)),
    ],
)
def test_gaussian_features_are_near_the_limit(psi1, expected):
    seen = mean_of(random_features.gaussian_features, point(psi1=psi1), 80, 24)
    risk, robust, gradient, weight = expected
    assert seen["standard_risk"] == pytest.approx(risk, rel=0.04)
    assert seen["robust_risk"] == pytest.approx(robust, rel=0.04)
    assert seen["gradient_norm"] == pytest.approx(gradient, rel=0.05)
    assert seen["weight_norm_squared"] == pytest.approx(weight, rel=0.1)


@pytest.mark.parametrize("activation", ["relu", "erf", "elu"])
def test_risks_given_theta_agree_with_a_large_sample(activation):
    at = point(activation=activation, epsilon_test=0.3)
    one = lab(1)
    draw = draw_random_features(one, at, 20)
    points = draw_test_points(one, at, 20)
    theta, loss = random_features.train_mean_gradient(draw, at)
    seen = random_features.risks(draw, points, theta, at)
    inputs, noise = one.normal(100_000, 20), one.normal(100_000)
    values, gradients = seen.predictor.values_and_gradients(inputs)
    residual = inputs @ draw.target + 0.5 * noise - values
    norms = np.linalg.norm(gradients, axis=1)
    assert seen.standard_risk() == pytest.approx(np.mean(residual**2), rel=0.02)
    assert seen.gradient_energy() == pytest.approx(np.mean(norms**2), rel=0.01)
    assert seen.mean_residual_times() == pytest.approx(np.mean(np.abs(residual) * norms), rel=0.02)
    robust = np.mean((np.abs(residual) + 0.3 * norms) ** 2)
    assert seen.first_order(loss)["robust_risk"] == pytest.approx(robust, rel=0.015)


def test_true_adversary_risk_agrees_with_a_large_attacked_sample():
    at, one = point(activation="sin(2*t)", epsilon_test=2.0), lab(1)
    draw = draw_random_features(one, at, 8)
    points = draw_test_points(one, at, 8)
    theta, loss = random_features.train_mean_gradient(draw, at)
    seen = random_features.risks(draw, points, theta, at)
    inputs, noise = one.normal(20_000, 8), one.normal(20_000)
    labels = inputs @ draw.target + 0.5 * noise
    sampled = np.mean(attack(seen.predictor, inputs, labels, 2.0).losses)
    assert seen.first_order(loss)["robust_risk"] > 1.1 * sampled
    assert seen.true_adversary(loss)["robust_risk"] == pytest.approx(sampled, rel=0.04)


def test_gaussian_features_risks_agree_with_a_large_sample():
    at, one = point(epsilon_test=0.3), lab(2)
    draw = draw_random_features(one, at, 20)
    theta, loss = random_features.train_gaussian_features(draw, at)
    inputs, noise, surrogate = one.normal(100_000, 20), one.normal(100_000), one.normal(100_000, 20)
    fresh = replace(draw, inputs=inputs, draw_surrogate=lambda: surrogate)
    residual = inputs @ draw.target + 0.5 * noise
    residual = residual - fresh.gaussian_features(at.linear_coefficient, at.nonlinear_energy) @ theta
    found = gaussian_features_risks(draw, theta, at, loss)
    assert found["standard_risk"] == pytest.approx(np.mean(residual**2), rel=0.02)
    norm = found["gradient_norm"]
    assert found["robust_risk"] == pytest.approx(np.mean((np.abs(residual) + 0.3 * norm) ** 2), rel=0.015)


def test_control_variates_cut_the_error_of_the_mixed_term():
    at = point()
    draw = draw_random_features(lab(3), at, 30)
    theta, _ = random_features.train_mean_gradient(draw, at)
    controlled, plain = [], []
    for trial in range(12):
        seen = random_features.risks(draw, draw_test_points(lab(100 + trial), at, 30), theta, at)
        values, gradients = seen.predictor.values_and_gradients(seen.points.inputs)
        controlled.append(seen.mean_residual_times())
        plain.append(np.mean(np.abs(seen.labels - values) * np.linalg.norm(gradients, axis=1)))
    assert np.std(controlled) < 0.5 * np.std(plain)


@pytest.mark.parametrize("rung", ["L1", "L2", "L3"])
def test_training_loss_is_that_of_the_weights(rung):
    at = point(ridge=0.1)
    draw = draw_random_features(lab(), at, 20)
    theta, loss = random_features_ladder.TRAINERS[rung](draw, at)
    activation = compile_activation("relu")
    gradients = (draw.true_slopes(activation) * theta) @ draw.first_layer
    norms = np.linalg.norm(gradients, axis=1)
    features = draw.true_features(activation)
    if rung != "L1":
        norms = np.sqrt(theta @ draw.mean_gram(at.linear_coefficient, at.derivative_energy) @ theta)
    if rung == "L3":
        features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    residual = draw.labels - features @ theta
    assert loss == pytest.approx(np.mean((np.abs(residual) + 0.5 * norms) ** 2), rel=1e-8)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_true_training_is_optimal_to_a_proved_gap(activation):
    """Fixed attacked points, in any convex combination, give a least-squares problem whose minimum lies below."""
    at, compiled = point(activation=activation), compile_activation(activation)
    draw = draw_random_features(lab(4), at, 30)
    start, _ = random_features.train_first_order(draw, at)
    found = train_against_attack(draw.inputs, draw.labels, draw.first_layer, compiled, 0.5, ridge=0.0, start=start)
    predictor = Predictor(found.theta, draw.first_layer, compiled)
    losses = attack(predictor, draw.inputs, draw.labels, 0.5).losses
    assert found.robust_training_loss == pytest.approx(np.mean(losses), rel=1e-4)
    bound = weighted_least_squares_bound(predictor, draw)
    assert bound <= found.robust_training_loss <= bound * (1 + 2e-3)
    first = np.mean(attack(Predictor(start, draw.first_layer, compiled), draw.inputs, draw.labels, 0.5).losses)
    assert found.robust_training_loss < first


def weighted_least_squares_bound(predictor, draw):
    from numerics.attacks import ascend

    zero = np.zeros_like(draw.inputs)
    deltas = [ascend(predictor, draw.inputs, sign, 0.5, start=zero).perturbations for sign in (1.0, -1.0)]
    up, down = (predictor.activation.value((draw.inputs + delta) @ draw.first_layer.T) for delta in deltas)
    middle = draw.labels - (up + down) @ predictor.theta / 2
    side = middle / np.sqrt(middle**2 + (1e-4 * np.std(draw.labels)) ** 2)
    weights = np.sqrt(np.concatenate([(1 - side) / 2, (1 + side) / 2]))
    features = np.concatenate([up, down]) * weights[:, None]
    labels = np.concatenate([draw.labels, draw.labels]) * weights
    theta = np.linalg.lstsq(features, labels, rcond=None)[0]
    return np.sum((labels - features @ theta) ** 2) / len(draw.labels)


def test_ladder_differences_are_between_neighbours_of_one_draw():
    found = random_features_ladder.ladder(lab(), point(), 16)
    for lower, upper in (("L1", "L0"), ("L2", "L1"), ("L3", "L2")):
        for name in OBSERVABLES:
            expected = found[f"{lower}:{name}"] - found[f"{upper}:{name}"]
            assert found[f"{lower}-{upper}:{name}"] == pytest.approx(expected, abs=1e-15)
    assert found["L1:robust_risk"] == pytest.approx(random_features.first_order(lab(), point(), 16)["robust_risk"])


def test_ladder_takes_fewer_rungs():
    found = random_features_ladder.ladder(lab(), SimpleNamespace(**vars(point()), rungs=("L2", "L3")), 16)
    assert {name.split(":")[0] for name in found} == {"L2", "L3", "L3-L2"}


@pytest.mark.parametrize(
    "name", ["gap_true_first_order", "gap_first_order_mean_gradient", "gap_mean_gradient_gaussian"]
)
def test_gaps_between_rungs_are_positive_and_shrink(name):
    gap = getattr(random_features_ladder, name)
    trials = 3 if "true" in name else 12
    small, large = (mean_of(gap, point(), size, trials) for size in (12, 48))
    for observable, value in large.items():
        assert value > 0
        if observable in ("gradient_norm", "weights", "robust_training_loss"):
            assert value < small[observable]


@pytest.mark.parametrize(
    ("experiment", "name"),
    [("attack_linearity", "spread"), ("gradient_concentration", "spread"), ("risk_equivalence", "standard_risk")],
)
def test_gaps_at_fixed_weights_shrink(experiment, name):
    small, large = (mean_of(getattr(random_features_ladder, experiment), point(), size, 6) for size in (12, 72))
    assert 0 < large[name] < 0.8 * small[name]


@pytest.mark.parametrize("trial", range(6))
def test_the_critical_radius_separates_zero_weights_from_others(trial):
    at = point(ridge=0.05)
    critical = random_features.critical_epsilon(lab(trial), at, 20)["critical_epsilon"]
    assert (
        random_features.gaussian_features(lab(trial), point(epsilon=1.001 * critical), 20)["weight_norm_squared"] == 0
    )
    assert random_features.gaussian_features(lab(trial), point(epsilon=0.95 * critical), 20)["weight_norm_squared"] > 0
    draw = draw_random_features(lab(trial), at, 20)
    features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    gram = draw.mean_gram(at.linear_coefficient, at.derivative_energy)
    assert is_null_optimal(features, draw.labels, gram, 1.0001 * critical)
    assert not is_null_optimal(features, draw.labels, gram, 0.9999 * critical)


def test_collapsed_draws_have_the_null_risks():
    found = random_features.first_order(lab(), point(epsilon=20.0), 16)
    assert found["weight_norm_squared"] == found["gradient_norm"] == 0
    assert found["robust_risk"] == pytest.approx(1.25, rel=1e-12)
    collapsed = random_features.critical_epsilon_true_features(lab(), point(epsilon=20.0), 16)
    assert collapsed["collapsed"] == 1.0


def test_true_training_says_so_where_its_start_has_collapsed():
    with pytest.raises(RuntimeError, match="collapsed"):
        random_features.true_adversary(lab(), point(epsilon=20.0), 12)


@pytest.mark.parametrize(("psi1", "ridge"), [(0.5, 0.0), (0.5, 0.1), (5.0, 0.0), (5.0, 0.1)])
def test_without_attack_every_rung_is_ridge_regression(psi1, ridge):
    at = point(psi1=psi1, ridge=ridge, epsilon=0.0, epsilon_test=0.4)
    true = [random_features.RUNGS[rung](lab(), at, 20) for rung in ("L0", "L1")]
    ridge_true = random_features.ridge_regression(lab(), at, 20)
    for found in true:
        assert found["standard_risk"] == pytest.approx(ridge_true["standard_risk"], rel=1e-9)
    gaussian = random_features.gaussian_features(lab(), at, 20)
    ridge_gaussian = random_features.ridge_regression_gaussian(lab(), at, 20)
    assert {name: gaussian[name] for name in OBSERVABLES} == pytest.approx(ridge_gaussian, rel=1e-9)
    draw = draw_random_features(lab(), at, 20)
    features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    width = features.shape[1]
    tall = np.concatenate([features, math.sqrt(ridge * len(features)) * np.eye(width)])
    theta = np.linalg.lstsq(tall, np.concatenate([draw.labels, np.zeros(width)]), rcond=None)[0]
    assert gaussian["weight_norm_squared"] == pytest.approx(theta @ theta, rel=1e-8)


def test_linear_regression_is_gaussian_features_with_an_identity_layer():
    at = point(psi2=3.0, epsilon=0.3)
    found = random_features.linear_regression(lab(), at, 40)
    assert set(found) == OBSERVABLES
    assert found["gradient_norm"] ** 2 == pytest.approx(found["weight_norm_squared"])
    assert 0.25 < found["standard_risk"] < 1.25


def test_linear_regression_without_attack_has_the_least_squares_risk():
    at = point(psi2=3.0, epsilon=0.0)
    risks = mean_of(random_features.linear_regression, at, 60, 40)
    assert risks["standard_risk"] == pytest.approx(0.25 * (1 + 60 / (180 - 60 - 1)), rel=0.03)


def test_a_regression_without_certificate_is_an_error(monkeypatch):
    original = random_features.solve_mean_gradient

    def uncertified(*arguments, **options):
        return replace(original(*arguments, **options), status=Status.NOT_CERTIFIED, gap=0.1)

    monkeypatch.setattr(random_features, "solve_mean_gradient", uncertified)
    with pytest.raises(RuntimeError, match=r"relative gap 1\.0e-01"):
        random_features.gaussian_features(lab(), point(), 16)


def test_true_training_that_is_not_optimal_is_an_error(monkeypatch):
    monkeypatch.setattr(random_features, "TRUE_OPTIMALITY", 1e-12)
    with pytest.raises(RuntimeError, match="relative optimality"):
        random_features.true_adversary(lab(), point(activation="tanh"), 12)


@pytest.mark.parametrize("rung", ["L1", "L2", "L3"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_strict_device_gives_the_same_observables(rung, activation):
    at = point(activation=activation)
    experiment = random_features.RUNGS[rung]
    assert experiment(lab(device=STRICT), at, 8) == pytest.approx(experiment(lab(), at, 8), rel=1e-6)


def test_strict_device_trains_against_the_true_attack():
    at = point(activation="tanh")
    found, expected = (random_features.true_adversary(lab(device=device), at, 6) for device in (STRICT, CPU))
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_controls_have_the_means_that_claims_declare():
    at = point(noise=0.75)
    draws = [random_features.gaussian_features(lab(trial), at, 40) for trial in range(300)]
    for name, mean in (("label_energy", 1 + 0.75**2), ("target_energy", 1.0)):
        values = np.array([draw[name] for draw in draws])
        assert abs(values.mean() - mean) < 4 * values.std() / math.sqrt(len(values))
