"""The tangent and lazy regimes at finite size: exact laws, limits, and the pitfalls shown at work."""

import math
import tracemalloc
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.conjugate_gradients import conjugate_gradients
from numerics.experiments import learning_regimes_lazy as lazy_regime
from numerics.experiments import learning_regimes_tangent as regime
from numerics.lab import CPU, ArrayLab, Device
from numerics.quadratic_targets import diagonal_target
from numerics.runge_kutta import solve_autonomous
from numerics.sampling import stream
from numerics.tangent_duals import tangent_duals
from numerics.tangent_kernel import initial_correlation, tangent_gram

STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
TWO_VALUES = SimpleNamespace(values=np.asarray([0.4, 1.6]), weights=np.asarray([0.5, 0.5]))
SMOOTH = ["tanh(t+1)", "sin(t+1)", "elu", "t**2 + t**3", "erf(2*t)"]


def lab(trial=0, *, device=CPU):
    return ArrayLab(stream(0, "tangent regime", trial), device=device)


def point(**changes):
    given = {"rho": 0.5, "trace_alignment": 0.6, "ridge": 0.0, "has_offset": 1.0, "activation": "tanh(t+1)"}
    lazy = {"init_scale": 1.0, "time": math.inf, "variant": "residual"}
    return SimpleNamespace(**given | lazy | changes)


def limit_of(experiment, at, sizes=(40, 80), trials=24):
    """The observables at infinite size, by 1/d from two sizes, controls regressed out."""
    means = []
    for size in sizes:
        seen = [experiment(lab(trial), at, size) for trial in range(trials)]
        names = [name for name in ("test_error", "dirichlet_energy") if name in seen[0]]
        controls = [
            [1.0, one["square_overlap"], one["target_overlap"], one.get("init_energy", 1.0) - 1] for one in seen
        ]
        values = [[one[name] for name in names] for one in seen]
        means.append(np.linalg.lstsq(np.asarray(controls), np.asarray(values), rcond=None)[0][0])
    ratio = sizes[1] / sizes[0]
    return dict(zip(names, (ratio * means[1] - means[0]) / (ratio - 1), strict=True))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("activation", [*SMOOTH, "relu", "t**2"])
def test_conjugate_gradients_find_what_the_pseudo_inverse_finds(activation, ridge):
    at = point(activation=activation, ridge=ridge)
    iterated, formed = regime.tangent(lab(), at, 16), regime.tangent_dense(lab(), at, 16)
    assert iterated == pytest.approx(formed, abs=1e-8)
    assert ("dirichlet_energy" in iterated) == (activation != "relu")


@pytest.mark.parametrize("activation", ["tanh(t+1)", "relu", "t**2"])
def test_pythagoras_holds_for_the_projection(activation):
    at, rows = point(activation=activation), lab().sphere(10, 20)
    gram, right = regime.tangent_system(rows, diagonal_target(lab(), 0.6, 20), at)
    weights = conjugate_gradients(gram.product, right).values
    energy, error = np.sum(weights * gram.product(weights)), regime.tangent(lab(), at, 20)["test_error"]
    assert energy / 2 == pytest.approx(1 - error, abs=1e-9)


@pytest.mark.parametrize("has_offset", [1.0, 0.0])
@pytest.mark.parametrize("rho", [0.5, 1.5])
def test_the_quadratic_activation_learns_all_but_the_block_off_the_rows(rho, has_offset):
    at = point(activation="t**2", rho=rho, has_offset=has_offset)
    by_iteration, by_projector = regime.tangent(lab(), at, 20), regime.tangent_quadratic(lab(), at, 20)
    for name in ("test_error", "dirichlet_energy"):
        assert by_iteration[name] == pytest.approx(by_projector[name], abs=1e-8)


def test_beyond_the_rank_the_quadratic_activation_learns_everything():
    found = regime.tangent(lab(), point(activation="t**2 - 3", rho=2.0), 15)
    assert found["test_error"] == pytest.approx(0, abs=1e-9)
    assert found["dirichlet_energy"] == pytest.approx(1, abs=1e-8)


def test_the_mean_of_the_projected_target_is_exact_at_finite_size():
    d, m, tau = 12, 5, 0.6
    seen = [regime.tangent_quadratic(lab(trial), point(rho=m / d), d) for trial in range(2000)]
    expected = (d - m) / d - (1 - tau**2) * (d - m) * m / ((d + 2) * (d - 1))
    assert np.mean([one["test_error"] for one in seen]) == pytest.approx(expected, abs=0.005)
    assert np.mean([one["kept_trace"] for one in seen]) == pytest.approx(0, abs=0.04)


def test_the_law_of_the_rows_does_not_matter_to_a_target_in_general_position():
    at = point(covariance_law=TWO_VALUES)
    errors = [regime.tangent_quadratic(lab(trial), at, 60)["test_error"] for trial in range(60)]
    assert np.mean(errors) == pytest.approx(0.34, abs=0.01)


@pytest.mark.parametrize(
    ("activation", "tau", "expected"),
    [("sin(t+1)", 1.0, (0.8083651969, 0.2955239841)), ("relu", 0.0, (0.5365164636,))],
)
def test_the_tangent_regime_is_near_its_limit(activation, tau, expected):
    seen = limit_of(regime.tangent, point(activation=activation, trace_alignment=tau), trials=80)
    assert list(seen.values()) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("activation", ["tanh(t+1)", "relu"])
def test_least_squares_on_samples_agrees_with_the_exact_gram(activation):
    at, trials = point(activation=activation), 60
    sampled = [regime.tangent_monte_carlo(lab(k), at, 8) for k in range(trials)]
    exact = [regime.tangent(lab(k), at, 8) for k in range(trials)]
    for name in exact[0].keys() & {"test_error", "dirichlet_energy"}:
        gaps = [one[name] - two[name] for one, two in zip(sampled, exact, strict=True)]
        assert abs(np.mean(gaps)) < 4 * np.std(gaps) / math.sqrt(trials) < 0.03


def test_memory_stays_of_order_m_d_plus_m_squared():
    at, size = point(), 160
    regime.tangent(lab(), at, 20)
    tracemalloc.start()
    regime.tangent(lab(), at, size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * 8 * (80 * size + 80**2)


@pytest.mark.parametrize("activation", ["t**2", "relu", "abs(t)"])
def test_a_homogeneous_activation_forgets_its_initial_function_exactly(activation):
    at = point(activation=activation, init_scale=3.0)
    kept, without = (
        lazy_regime.lazy(lab(), at, 16),
        lazy_regime.lazy(lab(), point(activation=activation, init_scale=0.0), 16),
    )
    assert kept == pytest.approx(without, abs=1e-8)


def test_an_activation_that_is_not_homogeneous_keeps_a_part_and_leaving_it_unfitted_costs_more():
    zero, fitted, unfitted = (
        lazy_regime.lazy(lab(), point(variant=variant), 16) for variant in ("zero_output", "residual", "unfitted")
    )
    assert zero["test_error"] + 0.005 < fitted["test_error"] < unfitted["test_error"]
    one, activation = lab(), compile_activation("tanh(t+1)")
    rows = one.sphere(8, 16)
    overlaps, output = rows @ rows.T, lazy_regime.draw_output(one, 8)
    energy = output @ activation.dual(overlaps) @ output
    slope_energy = output @ (overlaps * activation.dual_slope(overlaps)) @ output
    assert unfitted["test_error"] - zero["test_error"] == pytest.approx(energy / 2, abs=1e-9)
    assert unfitted["dirichlet_energy"] - zero["dirichlet_energy"] == pytest.approx(slope_energy / 4, abs=1e-9)


@pytest.mark.parametrize(("rho", "time"), [(0.5, 0.3), (1.5, 0.2)])
def test_the_closed_flow_is_the_gradient_flow_of_half_the_loss(rho, time):
    at = point(activation="t**2", rho=rho, time=time, variant="flow")
    rows, target = lab().sphere(round(rho * 16), 16), diagonal_target(lab(), 0.6, 16)
    output = lazy_regime.draw_output(lab(1), rows.shape[0])
    gram, right = regime.tangent_system(rows, target, at)
    duals = tangent_duals(compile_activation("t**2"), centred=True)
    right_init = initial_correlation(gram, duals, output)
    closed, errors = lazy_regime.quadratic_flow(rows, target, output, at), []
    start = 2 * np.einsum("j,ja,jb->ab", output, rows, rows) / 2
    for sign in (1.0, -1.0):
        # one unit of the flow's time is 1/4 where the features are (a.x) 2(w.x), unweighted
        pull = right - sign * right_init
        weights = solve_autonomous(lambda a, pull=pull: pull - gram.product(a), 0 * right, time / 4, steps=300)
        errors.append(np.sum((sign * start + weights.T @ rows + rows.T @ weights - np.diag(target)) ** 2))
    assert np.mean(errors) == pytest.approx(closed["test_error"], rel=1e-8)


def test_a_network_trained_at_a_large_output_scale_follows_the_lazy_flow():
    settings = {"activation": "t**2 + 1", "time": 0.3, "variant": "flow"}
    exact = lazy_regime.lazy(lab(), point(**settings), 24)
    gaps = []
    for scale in (10.0, 100.0, 1000.0):
        trained = lazy_regime.lazy_training(lab(), point(**settings, output_scale=scale), 24)
        gaps.append(max(abs(trained[name] - exact[name]) for name in ("test_error", "dirichlet_energy")))
    assert gaps[0] > 3 * gaps[1]
    assert gaps[1] > 3 * gaps[2]
    assert gaps[2] < 3e-4


def test_the_penalty_counts_in_units_of_the_whole_loss_and_not_of_half_of_it():
    at = point(activation="t**2", ridge=2.0, variant="ridge")
    found = lazy_regime.lazy(lab(), at, 16)
    one = lab()
    rows, target = one.sphere(8, 16), diagonal_target(one, 0.6, 16)
    output = lazy_regime.draw_output(one, 8)
    rates, basis = np.linalg.eigh(rows.T @ rows)
    aim = basis.T @ (target[:, None] * basis)
    start = basis.T @ (rows.T @ (output[:, None] * rows)) @ basis

    def error(stiffness):
        shrink = stiffness / (stiffness + rates[:, None] + rates[None, :])
        return np.sum((shrink * aim) ** 2) + np.sum((shrink * start) ** 2)

    assert found["test_error"] == pytest.approx(error(2.0 / 4), abs=1e-9)
    assert abs(found["test_error"] - error(2.0 / 2)) > 0.05


def test_without_a_linear_part_a_cubic_one_costs_more_than_the_limit_formula_knows():
    """The constants c_a, c_b, beta_1, eta_2 of the two activations agree, so the formula gives both 0.70401."""
    without, with_line = "t**2 - 1 + 0.4*(t**3 - 3*t)", "t**2 - 1 + 0.4*(t**3 - 3*t) + t"
    errors = [
        limit_of(regime.tangent, point(activation=text, trace_alignment=0.8))["test_error"]
        for text in (without, with_line)
    ]
    assert errors[1] == pytest.approx(0.70401, abs=0.006)
    assert errors[0] > 0.70401 + 0.025


@pytest.mark.parametrize(
    ("experiment", "changes"),
    [
        (regime.tangent, {}),
        (regime.tangent, {"activation": "relu", "ridge": 0.2, "has_offset": 0.0}),
        (regime.tangent_dense, {}),
        (regime.tangent_quadratic, {}),
        (regime.tangent_quadratic, {"covariance_law": TWO_VALUES, "has_offset": 0.0}),
        (regime.tangent_monte_carlo, {}),
        (lazy_regime.lazy, {}),
        (lazy_regime.lazy, {"variant": "flow", "time": 0.2, "activation": "t**2"}),
        (lazy_regime.lazy_training, {"time": 0.2, "activation": "t**2"}),
    ],
)
def test_any_array_library_gives_the_same(experiment, changes):
    at = point(**changes)
    assert experiment(lab(device=STRICT), at, 6) == pytest.approx(experiment(lab(), at, 6), abs=1e-9)


def test_wrong_use_is_refused_in_one_line():
    with pytest.raises(ValueError, match="variant: 'other' is unknown; allowed are zero_output"):
        lazy_regime.lazy(lab(), point(variant="other"), 8)
    with pytest.raises(ValueError, match="the flow is known for"):
        lazy_regime.lazy(lab(), point(variant="flow", time=1.0), 8)
    with pytest.raises(ValueError, match="trained offset only"):
        lazy_regime.lazy(lab(), point(variant="flow", time=1.0, activation="t**2", has_offset=0.0), 8)
    with pytest.raises(ValueError, match="finite time"):
        lazy_regime.lazy_training(lab(), point(activation="t**2"), 8)
    with pytest.raises(ValueError, match="at most 40"):
        regime.tangent_dense(lab(), point(), 41)
    with pytest.raises(ValueError, match="no traceless part"):
        regime.tangent(lab(), point(), 1)
    rows = np.asarray([[1.0, 0.0], [0.999999, math.sqrt(1 - 0.999999**2)]])
    duals = tangent_duals(compile_activation("elu"), centred=True)
    with pytest.raises(ArithmeticError, match="take the input dimension larger"):
        tangent_gram(rows, duals)


@pytest.mark.standard
@pytest.mark.parametrize(
    ("variant", "expected"),
    [("zero_output", (0.6846, 0.4885)), ("residual", (0.7095, 0.5368)), ("unfitted", (1.1797, 0.8050))],
)
def test_the_lazy_variants_are_near_their_limits(variant, expected):
    at = point(variant=variant, init_scale=2.0)
    seen = limit_of(lazy_regime.lazy, at, sizes=(80, 160), trials=60)
    assert list(seen.values()) == pytest.approx(expected, abs=0.004)
