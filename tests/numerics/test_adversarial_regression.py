"""Robust regression: every result carries a gap that an independent computation confirms."""

from dataclasses import dataclass, replace

import array_api_strict
import numpy as np
import pytest
from scipy import optimize

from numerics import adversarial_regression, lab
from numerics.adversarial_regression import Status, is_null_optimal, solve_mean_gradient, solve_per_sample
from numerics.duality_gap import conjugate_per_sample, conjugate_shared, per_sample_bound, shared_bound
from numerics.interior_point import start
from numerics.lab import ArrayLab, Device, to_numpy
from numerics.newton_systems import PerSampleGradient, regularised_cholesky
from numerics.sampling import stream

RUNGS = ["mean", "sample"]


@dataclass(frozen=True)
class Instance:
    """Random features data: shifted ReLU on the sphere, a linear target of norm one with noise 1/2."""

    features: np.ndarray
    labels: np.ndarray
    first_layer: np.ndarray
    slopes: np.ndarray
    gram: np.ndarray

    def solve(self, rung, epsilon, **options):
        if rung == "mean":
            return solve_mean_gradient(self.features, self.labels, self.gram, epsilon, **options)
        return solve_per_sample(self.features, self.labels, self.first_layer, self.slopes, epsilon, **options)

    def strengths(self, rung, theta):
        if rung == "mean":
            return np.sqrt(theta @ self.gram @ theta) * np.ones(len(self.labels))
        return np.array([np.linalg.norm(self.first_layer.T @ (slope * theta)) for slope in self.slopes])

    def objective(self, rung, epsilon, theta, ridge=0.0):
        worst = np.abs(self.labels - self.features @ theta) + epsilon * self.strengths(rung, theta)
        return np.mean(worst**2) / 2 + ridge / 2 * theta @ theta

    def on(self, device):
        parts = (self.features, self.labels, self.first_layer, self.slopes, self.gram)
        return Instance(*(device.asarray(part) for part in parts))


def draw(n, N, d, trial=0):
    one = ArrayLab(stream(20, "robust regression tests", trial))
    first_layer, inputs = one.sphere(N, d), one.normal(n, d)
    projections = inputs @ first_layer.T
    features = np.maximum(projections, 0.0) - 1 / np.sqrt(2 * np.pi)
    labels = inputs[:, 0] + 0.5 * one.normal(n)
    gram = (first_layer @ first_layer.T + np.eye(N)) / 4
    return Instance(features, labels, first_layer, (projections > 0).astype(float), gram)


def brute_force(instance, rung, epsilon, ridge):
    """The least objective that SLSQP finds on the smooth form with slacks a >= |r|, over eight starts."""
    n, N = instance.features.shape
    random = np.random.default_rng(0)

    def objective(x):
        worst = x[N:] + epsilon * instance.strengths(rung, x[:N])
        return np.mean(worst**2) / 2 + ridge / 2 * x[:N] @ x[:N]

    slack = np.hstack([instance.features, np.eye(n)]), np.hstack([-instance.features, np.eye(n)])
    linear = [
        {"type": "ineq", "fun": lambda x: slack[0] @ x - instance.labels, "jac": lambda x: slack[0]},
        {"type": "ineq", "fun": lambda x: slack[1] @ x + instance.labels, "jac": lambda x: slack[1]},
    ]
    values = []
    for _ in range(8):
        theta = random.standard_normal(N)
        first = np.concatenate([theta, 0.1 + np.abs(instance.labels - instance.features @ theta)])
        found = optimize.minimize(
            objective, first, method="SLSQP", constraints=linear, options={"ftol": 1e-13, "maxiter": 400}
        )
        values.append(instance.objective(rung, epsilon, found.x[:N], ridge))
    return min(values)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("n", "N"), [(6, 3), (4, 4), (4, 6)])
def test_no_brute_force_minimum_is_lower(n, N, rung, ridge):
    instance = draw(n, N, 5)
    for epsilon in (0.1, 0.5):
        result = instance.solve(rung, epsilon, ridge=ridge)
        least = brute_force(instance, rung, epsilon, ridge)
        assert result.status in (Status.CERTIFIED, Status.COLLAPSED)
        assert result.dual_value <= least * (1 + 1e-12)
        assert result.objective == pytest.approx(least, rel=1e-5)
        assert result.objective <= least * (1 + 1e-8)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("ridge", [0.0, 1e-6, 0.2])
@pytest.mark.parametrize(
    ("n", "N", "d"), [(40, 25, 12), (30, 30, 15), (30, 31, 20), (25, 60, 10), (20, 80, 40), (1, 1, 1)]
)
def test_all_shapes_attacks_and_ridges_are_solved(n, N, d, ridge, rung):
    for trial, epsilon in enumerate((1e-3, 0.03, 0.4, 3.0)):
        instance = draw(n, N, d, trial)
        result = instance.solve(rung, epsilon, ridge=ridge)
        assert result.status in (Status.CERTIFIED, Status.COLLAPSED)
        assert 0.0 <= result.gap <= 1e-8
        assert result.objective == pytest.approx(instance.objective(rung, epsilon, result.theta, ridge), rel=1e-12)
        assert result.dual_value <= result.objective * (1 + 1e-14)
        null = np.mean(instance.labels**2) / 2
        assert result.objective - result.dual_value <= 1.01e-8 * max(result.objective, 1e-14 * null)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize(("n", "N"), [(40, 20), (30, 30), (20, 50)])
def test_the_stationarity_of_the_minimiser_gives_the_same_dual_value(n, N, ridge):
    """An independent dual point: signs where residuals are nonzero, least squares where they are zero."""
    instance, epsilon = draw(n, N, 15), 0.3
    result = instance.solve("mean", epsilon, ridge=ridge, tolerance=1e-11)
    theta = result.theta
    residuals = instance.labels - instance.features @ theta
    strength = np.sqrt(theta @ instance.gram @ theta)
    worst = np.abs(residuals) + epsilon * strength
    target = epsilon * worst.sum() * instance.gram @ theta / strength + n * ridge * theta
    active = np.abs(residuals) > 1e-5
    push = np.where(active, np.sign(residuals) * worst, 0.0)
    rest = target - instance.features.T @ push
    push[~active] = np.linalg.lstsq(instance.features[~active].T, rest)[0]
    assert np.linalg.norm(instance.features.T @ push - target) < 1e-4 * np.linalg.norm(target)
    assert np.all(np.abs(push) <= worst * (1 + 1e-6))

    remainder = n * ridge * theta
    pulled = np.linalg.solve(np.linalg.cholesky(instance.gram), instance.features.T @ push - remainder)
    conjugate = brute_conjugate(push, np.linalg.norm(pulled) / epsilon)
    paid = remainder @ remainder / (2 * n * ridge) if ridge > 0 else 0.0
    dual = (push @ instance.labels - conjugate - paid) / n
    assert dual <= result.objective * (1 + 1e-12)
    assert dual == pytest.approx(result.objective, rel=1e-7)


def brute_conjugate(push, pull):
    """h*(u, v) by a search over the shared strength, and over each residual in closed form."""

    def minus(strength):
        largest = np.maximum(np.abs(push) - strength, 0.0)
        return -(pull * strength + np.sum(np.abs(push) * largest - (largest + strength) ** 2 / 2))

    top = 10 * (np.abs(push).max() + pull)
    found = optimize.minimize_scalar(minus, bounds=(0.0, top), method="bounded", options={"xatol": 1e-12})
    return -min(found.fun, minus(0.0))


def test_the_shared_conjugate_is_its_supremum():
    random = np.random.default_rng(3)
    for _ in range(200):
        push = random.standard_normal(random.integers(1, 8)) * random.choice([0.0, 1.0, 5.0])
        pull = float(random.exponential() * random.choice([0.1, 1.0, 10.0]) * max(1.0, np.abs(push).sum()))
        assert conjugate_shared(push, pull) == pytest.approx(brute_conjugate(push, pull), rel=1e-7, abs=1e-7)


def test_the_conjugate_per_sample_is_its_supremum():
    random = np.random.default_rng(4)
    push, pull = random.standard_normal(50), random.exponential(size=50)
    grid = np.linspace(0.0, 6.0, 601)
    size, strength = grid[:, None], grid[None, :]
    brute = sum(
        np.max(abs(u) * size + v * strength - (size + strength) ** 2 / 2) for u, v in zip(push, pull, strict=True)
    )
    assert conjugate_per_sample(push, pull) == pytest.approx(brute, rel=1e-3)
    assert conjugate_per_sample(push, pull) >= brute


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_no_dual_point_exceeds_any_objective(ridge):
    """Weak duality: arbitrary dual points against arbitrary theta, on both rungs."""
    random = np.random.default_rng(7)
    for trial in range(60):
        instance, epsilon = draw(8, int(random.integers(2, 13)), 9, trial), float(10 ** random.uniform(-2, 0.5))
        n, N = instance.features.shape
        solved = instance.solve("mean", epsilon, ridge=ridge).theta
        theta = solved + random.standard_normal(N) * random.choice([0.0, 1e-3, 1.0])
        push = instance.labels - instance.features @ solved + random.standard_normal(n) * random.choice([0.01, 1.0])
        factor = np.linalg.cholesky(instance.gram)
        whitened = np.linalg.solve(factor, instance.features.T).T
        paid = {}
        if ridge > 0:
            remainder = random.standard_normal(N) * ridge
            paid = {"remainder": np.linalg.solve(factor, remainder), "cost": remainder @ remainder / (2 * n * ridge)}
        bound = shared_bound(whitened, instance.labels, epsilon, push, **paid)
        assert bound / n <= instance.objective("mean", epsilon, theta, ridge) * (1 + 1e-12)

        attack = PerSampleGradient(instance.features, instance.first_layer, instance.slopes, epsilon, ridge=n * ridge)
        metric = instance.features.T @ instance.features + attack.gradient_gram(np.ones(n))
        point = (push, random.standard_normal((n, 9)))
        bound = per_sample_bound(attack, instance.labels, theta, point, regularised_cholesky(metric), ridge=n * ridge)
        assert bound / n <= instance.objective("sample", epsilon, theta, ridge) * (1 + 1e-12)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_wrong_theta_is_not_certified(rung, ridge, monkeypatch):
    instance, original = draw(20, 30, 10), adversarial_regression.minimise
    sound = instance.solve(rung, 0.3, ridge=ridge)

    def wrong(attack, labels, iterate, /, *, tolerance):
        found, count = original(attack, labels, iterate, tolerance=tolerance)
        return replace(found, theta=found.theta + 1e-3), count

    monkeypatch.setattr(adversarial_regression, "minimise", wrong)
    result = instance.solve(rung, 0.3, ridge=ridge)
    assert result.status is Status.NOT_CERTIFIED
    assert result.gap >= (result.objective - sound.objective) / result.objective > 1e-7
    assert "bound" in result.status.advice


@pytest.mark.parametrize("rung", RUNGS)
def test_an_unfinished_solve_says_so_and_its_bound_still_holds(rung, monkeypatch):
    instance = draw(20, 30, 10)
    sound = instance.solve(rung, 0.3)
    monkeypatch.setattr(
        adversarial_regression, "minimise", lambda attack, labels, *rest, **options: (start(attack, labels), 0)
    )
    result = instance.solve(rung, 0.3)
    assert result.status is Status.NOT_CERTIFIED
    assert result.dual_value <= sound.objective


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("n", "N"), [(30, 12), (20, 20), (20, 45)])
def test_without_an_attack_it_is_ridge_regression(n, N, rung):
    instance = draw(n, N, 15)
    for ridge in (1e-8, 0.2):
        result = instance.solve(rung, 0.0, ridge=ridge)
        matrix = instance.features.T @ instance.features / n + ridge * np.eye(N)
        expected = np.linalg.solve(matrix, instance.features.T @ instance.labels / n)
        assert result.status is Status.CERTIFIED
        np.testing.assert_allclose(result.theta, expected, rtol=1e-5, atol=1e-6)
    result = instance.solve(rung, 0.0)
    assert result.status is Status.CERTIFIED
    np.testing.assert_allclose(result.theta, np.linalg.pinv(instance.features) @ instance.labels, rtol=1e-7, atol=1e-9)


def test_without_an_attack_dependent_features_give_the_least_norm():
    instance = draw(20, 8, 10)
    for columns in ([0, 1, 2, 0], [0, 0], list(range(8)) * 4, list(range(8)) * 3):
        features = instance.features[: 24 if len(columns) == 24 else 20, columns]
        result = solve_mean_gradient(features, instance.labels, np.eye(len(columns)), 0.0)
        assert result.status is Status.CERTIFIED
        np.testing.assert_allclose(result.theta, np.linalg.pinv(features) @ instance.labels, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_small_attack_interpolates_most_labels(rung):
    instance = draw(30, 60, 20)
    result = instance.solve(rung, 0.01)
    residuals = np.abs(instance.labels - instance.features @ result.theta)
    assert result.status is Status.CERTIFIED
    assert np.mean(residuals < 1e-7) > 0.9


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize(("n", "N"), [(30, 15), (20, 40)])
def test_the_estimator_collapses_exactly_at_its_threshold(n, N, ridge):
    instance = draw(n, N, 10)
    whitened = np.linalg.solve(np.linalg.cholesky(instance.gram), instance.features.T)
    threshold = np.linalg.norm(whitened @ instance.labels) / np.abs(instance.labels).sum()
    below = instance.solve("mean", threshold * (1 - 1e-4), ridge=ridge)
    above = instance.solve("mean", threshold * (1 + 1e-9), ridge=ridge)
    null = np.mean(instance.labels**2) / 2
    assert below.status is Status.CERTIFIED
    assert np.linalg.norm(below.theta) > 0
    assert below.objective < null
    assert above.status is Status.COLLAPSED
    assert not np.any(above.theta)
    assert above.objective == pytest.approx(null, rel=1e-14)
    for epsilon, collapsed in ((0.999, False), (1.001, True)):
        assert is_null_optimal(instance.features, instance.labels, instance.gram, epsilon * threshold) is collapsed


def test_a_strong_attack_collapses_the_per_sample_problem_too():
    result = draw(25, 30, 10).solve("sample", 4.0)
    assert result.status is Status.COLLAPSED
    assert not np.any(result.theta)


@pytest.mark.parametrize("rung", RUNGS)
def test_labels_of_zero_are_fitted_by_zero(rung):
    instance = replace(draw(5, 8, 4), labels=np.zeros(5))
    result = instance.solve(rung, 0.5)
    assert result.status is Status.COLLAPSED
    assert result.objective == result.dual_value == result.gap == 0.0


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_the_solution_scales_with_the_labels(rung, factor):
    instance = draw(25, 20, 10)
    small, large = instance.solve(rung, 0.3), replace(instance, labels=factor * instance.labels).solve(rung, 0.3)
    np.testing.assert_allclose(large.theta, factor * small.theta, rtol=1e-6, atol=factor * 1e-8)
    assert large.objective == pytest.approx(factor**2 * small.objective, rel=1e-8)


def test_equal_slopes_make_the_two_problems_one():
    """With slopes of one every sample has the gradient W' theta, so that the mean gradient Gram matrix is W W'."""
    instance = draw(30, 12, 20)
    gram = instance.first_layer @ instance.first_layer.T
    same = replace(instance, slopes=np.ones((30, 12)), gram=gram)
    first, second = same.solve("mean", 0.2), same.solve("sample", 0.2)
    assert first.objective == pytest.approx(second.objective, rel=2e-8)
    np.testing.assert_allclose(first.theta, second.theta, rtol=1e-3, atol=1e-4)


def test_gradients_are_never_stored_for_each_weight():
    """The Hadamard form of sum_i w_i J_i' J_i is the sum."""
    instance = draw(6, 5, 4)
    attack = PerSampleGradient(instance.features, instance.first_layer, instance.slopes, 1.0)
    weights = np.arange(1.0, 7.0)
    jacobians = [instance.first_layer.T * slope for slope in instance.slopes]
    expected = sum(w * jacobian.T @ jacobian for w, jacobian in zip(weights, jacobians, strict=True))
    np.testing.assert_allclose(attack.gradient_gram(weights), expected, rtol=1e-12)
    theta, rows = np.arange(5.0), np.random.default_rng(0).standard_normal((6, 4))
    np.testing.assert_allclose(attack.rows(theta), [jacobian @ theta for jacobian in jacobians], rtol=1e-12)
    assert np.sum(attack.rows(theta) * rows) == pytest.approx(attack.adjoint(rows) @ theta)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(
    ("n", "N", "epsilon", "ridge"), [(12, 7, 0.3, 0.0), (8, 12, 0.3, 0.0), (8, 12, 0.3, 0.1), (8, 9, 0, 0)]
)
def test_a_second_device_gives_the_same_theta(n, N, epsilon, ridge, rung):
    device = Device("second", "strict", array_api_strict, array_api_strict.Device("device1"))
    instance = draw(n, N, 6)
    here, there = instance.solve(rung, epsilon, ridge=ridge), instance.on(device).solve(rung, epsilon, ridge=ridge)
    assert there.status is Status.CERTIFIED
    assert there.theta.device == device.native
    assert there.objective == pytest.approx(here.objective, rel=1e-8, abs=1e-20)
    np.testing.assert_allclose(to_numpy(there.theta), here.theta, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not lab.gpu_available(), reason="no GPU")
@pytest.mark.parametrize("rung", RUNGS)
def test_a_gpu_gives_the_same_objective(rung):
    instance = draw(60, 90, 30)
    for ridge in (0.0, 0.1):
        here = instance.solve(rung, 0.3, ridge=ridge)
        there = instance.on(lab.select_device("gpu")).solve(rung, 0.3, ridge=ridge)
        assert there.status is Status.CERTIFIED
        assert there.objective == pytest.approx(here.objective, rel=2e-8)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"features": np.zeros(3)}, {}, "features: shape \\(3,\\) is not allowed"),
        ({"labels": np.zeros(4)}, {}, "labels: shape \\(4,\\) does not fit 5 rows"),
        ({"labels": np.full(5, np.nan)}, {}, "labels: some entries are not finite"),
        ({"epsilon": -0.1}, {}, "epsilon: -0.1 is not allowed"),
        ({"epsilon": float("inf")}, {}, "epsilon: inf is not allowed"),
        ({}, {"ridge": float("nan")}, "ridge: nan is not allowed"),
        ({}, {"tolerance": 0.0}, "tolerance: 0.0 is not allowed"),
        ({"gram": np.eye(2)}, {}, "gram: shape \\(2, 2\\) does not fit"),
        ({"gram": -np.eye(3)}, {}, "gram: the matrix is not positive definite"),
    ],
)
def test_bad_arguments_are_named(change, options, message):
    given = {"features": np.ones((5, 3)), "labels": np.arange(5.0), "gram": np.eye(3), "epsilon": 0.1} | change
    with pytest.raises(ValueError, match=message):
        solve_mean_gradient(given["features"], given["labels"], given["gram"], given["epsilon"], **options)


def test_a_layer_of_another_width_is_refused():
    instance = draw(5, 3, 4)
    with pytest.raises(ValueError, match="first_layer: shape \\(2, 4\\)"):
        replace(instance, first_layer=np.zeros((2, 4))).solve("sample", 0.1)
    with pytest.raises(ValueError, match="slopes: shape \\(5, 2\\)"):
        replace(instance, slopes=np.zeros((5, 2))).solve("sample", 0.1)
    with pytest.raises(TypeError, match="features: dtype float32"):
        replace(instance, features=instance.features.astype(np.float32)).solve("sample", 0.1)


def test_slopes_of_zero_leave_no_attack():
    instance = replace(draw(6, 4, 3), slopes=np.zeros((6, 4)))
    result = instance.solve("sample", 0.5)
    assert result.status is Status.CERTIFIED
    assert result.objective == pytest.approx(instance.solve("sample", 0.0).objective, rel=1e-8)


@pytest.mark.standard
@pytest.mark.parametrize("rung", RUNGS)
def test_four_hundred_random_instances_are_certified(rung):
    random = np.random.default_rng(11)
    for trial in range(400):
        n = int(random.integers(2, 60))
        N = int(random.choice([max(1, n - 9), n, n + 1, 2 * n]))
        ridge, epsilon = float(random.choice([0.0, 1e-6, 1e-2, 1.0])), float(10 ** random.uniform(-3, 0.5))
        result = draw(n, N, int(random.integers(5, 40)), trial).solve(rung, epsilon, ridge=ridge)
        assert result.gap <= 1e-8, (trial, n, N, epsilon, ridge)
