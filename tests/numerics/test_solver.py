"""The generated solver: known values, laws over the whole domain, honest statuses, any shape, any device."""

from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sympy import Integer, Rational, exp, log

from derivations.core import parameter
from derivations.discover import load
from derivations.model import Model
from derivations.relations import equal
from numerics import solve
from numerics.lab import Device, to_numpy
from numerics.newton import newton_step
from numerics.parameters import ParameterError
from numerics.precise_root import solve_root
from numerics.solver import Solver

THEOREM = load("random_features.robust_risk")
SOLVER = Solver(THEOREM.model, title=THEOREM.id)
STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
NAMES = ("standard_risk", "robust_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared")
PSI1, PSI2 = np.geomspace(0.01, 1000, 23)[:, None], np.geomspace(0.05, 1000, 19)


def at(solution, index=0):
    return {name: values.flat[index] for name, values in solution.observables.items()}


def critical_epsilon(psi1, psi2, **rest):
    return solve("random_features.collapse", psi1=psi1, psi2=psi2, **rest).observables["critical_epsilon"]


def assert_lawful(solution):
    """Whatever the point: a residual within 1e-10 or an honest status, and risks that risks can have."""
    noise, signal = solution.parameters["noise"], solution.parameters["signal"]
    floor, null = noise**2, noise**2 + signal**2
    known = np.isin(solution.status, ("converged", "collapsed"))
    assert set(np.unique(solution.status)) <= {"converged", "collapsed", "outside_domain", "not_converged"}
    assert np.all(solution.residual[known] <= 1e-10)
    sr, ar, tl, a, theta = (solution.observables[name] for name in NAMES)
    for values in (sr, ar, tl, a, theta):
        assert np.all(np.isfinite(values[known]))
        assert np.all(np.isnan(values[~known]))
    slack = 1 + 1e-11
    assert np.all(ar[known] >= sr[known])
    assert np.all(sr[known] * slack >= floor[known])
    assert np.all((tl[known] >= 0) & (tl[known] <= null[known] * slack))
    assert np.all((a[known] >= 0) & (theta[known] >= 0))


@pytest.mark.parametrize(
    ("psi1", "sr", "ar", "a", "theta"),
    [
        (2, 0.8311018718, 1.6839160151, 0.8963138367, 1.7947528901),
        (5, 0.8372930611, 1.8194745499, 1.0016963923, 2.4969362154),
    ],
)
def test_checked_values_of_the_shifted_relu_come_back_to_ten_digits(psi1, sr, ar, a, theta):
    found = at(SOLVER(psi1=psi1, psi2=2, epsilon=0.5))
    expected = {"standard_risk": sr, "robust_risk": ar, "gradient_norm": a, "weight_norm_squared": theta}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=5.1e-11)


def test_robust_risk_peaks_where_the_curse_says():
    psi1 = np.linspace(3.6555, 3.6575, 41)
    risk = SOLVER(psi1=psi1, psi2=2, epsilon=0.5).observables["robust_risk"]
    assert psi1[np.argmax(risk)] == pytest.approx(3.6565, abs=1e-4)
    assert risk.max() == pytest.approx(1.925287, abs=5e-7)


def test_ridge_without_attack_has_the_published_excess_risk():
    found = SOLVER(psi1=3, psi2=3, epsilon=0, ridge=0.3, noise=0.5)
    assert at(found)["standard_risk"] - 0.25 == pytest.approx(0.3696795408871, abs=1e-13)


@pytest.mark.parametrize(
    ("psi1", "psi2", "least_norm", "least_slope"), [(6, 3, 0.753204, 0.846032), (20, 2, 0.483369, 0.975903)]
)
def test_vanishing_attack_and_vanishing_ridge_do_not_commute(psi1, psi2, least_norm, least_slope):
    assert at(SOLVER(psi1=psi1, psi2=psi2, epsilon=0))["standard_risk"] == pytest.approx(least_norm, abs=1e-6)
    assert at(SOLVER(psi1=psi1, psi2=psi2, epsilon=0, ridge=1e-9))["standard_risk"] == pytest.approx(
        least_norm, abs=1e-6
    )
    assert at(SOLVER(psi1=psi1, psi2=psi2, epsilon=1e-6))["standard_risk"] == pytest.approx(least_slope, abs=1e-5)


ratios = st.floats(-2, 3).map(lambda x: 10.0**x)
scales = st.one_of(st.just(0.0), st.floats(-4, 2).map(lambda x: 10.0**x))
points = st.fixed_dictionaries(
    {
        "psi1": ratios,
        "psi2": st.floats(-1.3, 3).map(lambda x: 10.0**x),
        "epsilon": st.one_of(st.just(0.0), st.floats(0, 3), st.floats(-10, 1).map(lambda x: 10.0**x)),
        "epsilon_test": st.one_of(st.just(0.0), st.floats(-3, 6).map(lambda x: 10.0**x)),
        "ridge": st.one_of(st.just(0.0), st.floats(-12, 1).map(lambda x: 10.0**x)),
        "noise": scales,
        "signal": scales,
    }
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(st.lists(points, min_size=40, max_size=60))
def test_every_admissible_point_has_a_root_or_an_honest_status(batch):
    columns = {name: np.array([point[name] for point in batch]) for name in batch[0]}
    assert_lawful(SOLVER(**columns))


@settings(max_examples=30, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(st.lists(st.tuples(ratios, ratios, st.floats(0, 4)), min_size=20, max_size=40))
def test_points_collapse_exactly_from_the_critical_radius_on(batch):
    psi1, psi2, epsilon = np.array(batch).T
    found = SOLVER(psi1=psi1, psi2=psi2, epsilon=epsilon, ridge=1e-3)
    assert np.array_equal(found.status == "collapsed", epsilon >= critical_epsilon(psi1, psi2))


@pytest.mark.parametrize("digits", range(1, 13))
def test_next_to_the_collapse_both_sides_are_answered(digits):
    critical = critical_epsilon(PSI1, PSI2)
    below = SOLVER(psi1=PSI1, psi2=PSI2, epsilon=critical * (1 - 10.0**-digits))
    above = SOLVER(psi1=PSI1, psi2=PSI2, epsilon=critical * (1 + 10.0**-digits))
    assert np.all(below.status == "converged")
    assert np.all(above.status == "collapsed")
    assert_lawful(below)
    # A falls to zero in proportion to the distance (or its root), and the robust risk has no jump
    np.testing.assert_allclose(below.observables["robust_risk"], 1.25, rtol=10 * 10.0 ** (-digits / 2))


@pytest.mark.parametrize("ridge", [1e-12, 1e-8, 1e-4, 1.0])
@pytest.mark.parametrize("epsilon", [0.0, 1e-9, 1e-3, 0.3])
def test_interpolation_threshold_is_solved_with_a_small_ridge(ridge, epsilon):
    found = SOLVER(psi1=PSI1, psi2=PSI1, epsilon=epsilon, ridge=ridge)
    assert np.all(np.isin(found.status, ("converged", "collapsed")))
    assert_lawful(found)


@pytest.mark.parametrize("epsilon", [0.0, 1e-12, 1e-8, 1e-3, 0.5, 2.0, 30.0])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_wide_grid_is_solved_without_a_ridge(epsilon, noise):
    found = SOLVER(psi1=PSI1, psi2=PSI2, epsilon=epsilon, noise=noise)
    assert "not_converged" not in found.status
    assert_lawful(found)


def test_interpolation_threshold_without_ridge_or_attack_is_outside_the_domain():
    found = SOLVER(psi1=2, psi2=2, epsilon=0)
    assert found.status == "outside_domain"
    assert np.isnan(at(found)["standard_risk"])
    assert "diverges" in " ".join(found.notes())


def test_ill_conditioned_root_carries_a_note():
    found = SOLVER(psi1=2, psi2=2, epsilon=critical_epsilon(2, 2) * (1 - 1e-11))
    assert found.status == "converged"
    assert found.error > 1e-8
    assert "ill conditioned" in " ".join(found.notes())


@pytest.mark.parametrize("activation", ["tanh", "erf", "sin(3*t)", "t**3"])
def test_other_activations_obey_the_same_laws(activation):
    assert_lawful(SOLVER(psi1=PSI1, psi2=PSI2, epsilon=0.5, activation=activation))


def test_test_radius_moves_the_robust_risk_only():
    radii = np.array([0.0, 0.5, 1e8])
    found = SOLVER(psi1=2, psi2=2, epsilon=0.5, epsilon_test=radii)
    s, a = np.sqrt(found.observables["standard_risk"]), found.observables["gradient_norm"]
    expected = s**2 + 2 * np.sqrt(2 / np.pi) * radii * s * a + (radii * a) ** 2
    np.testing.assert_allclose(found.observables["robust_risk"], expected, rtol=1e-14)
    assert np.ptp(s) == 0


HARD = [
    {"psi1": "2", "psi2": "2", "epsilon": "1/2"},
    {"psi1": "5", "psi2": "2", "epsilon": "1/2"},
    {"psi1": "1/100", "psi2": "1/20", "epsilon": "1/100"},
    {"psi1": "1000", "psi2": "1000", "epsilon": "1/10"},
    {"psi1": "1000", "psi2": "1/20", "epsilon": "1"},
    {"psi1": "1/100", "psi2": "1000", "epsilon": "1/1000"},
    {"psi1": "3", "psi2": "3", "epsilon": "0", "ridge": "1/1000000"},
    {"psi1": "3", "psi2": "1", "epsilon": "0", "ridge": "1/1000000000000"},
    {"psi1": "6", "psi2": "3", "epsilon": "1/100000000"},
    {"psi1": "2", "psi2": "5", "epsilon": "1/2", "noise": "0"},
    {"psi1": "20", "psi2": "2", "epsilon": "2", "ridge": "1"},
    {"psi1": "1/2", "psi2": "2", "epsilon": "7/10"},
]


@pytest.mark.parametrize("given", HARD, ids=lambda given: " ".join(given.values()))
def test_double_precision_agrees_with_thirty_digits(given):
    model = THEOREM.model
    exact = {"noise": "1/2", "signal": "1", "ridge": "0"} | given
    values = {symbol: Rational(exact[str(symbol)]) for symbol in model.symbols if str(symbol) in exact}
    constants = dict(
        zip(("linear_coefficient", "nonlinear_energy", "derivative_energy"), relu_constants(), strict=True)
    )
    values |= {symbol: constants[str(symbol)] for symbol in model.symbols if str(symbol) in constants}
    values |= {symbol: Rational(exact["epsilon"]) for symbol in model.symbols if str(symbol) == "epsilon_test"}
    root = {str(name): value for name, value in solve_root(model, values, digits=30).items()}
    found = SOLVER(**{name: float(Rational(text)) for name, text in given.items()})
    bound = max(50 * float(found.error), 1e-13)
    for name in ("step", "ratio", "s", "A", "p", "q"):
        assert found.unknowns[name] == pytest.approx(float(root[name]), rel=bound)
    assert at(found)["weight_norm_squared"] == pytest.approx(float(root["theta2"]), rel=bound)


def relu_constants():
    from sympy import pi

    return Rational(1, 2), Rational(1, 4) - 1 / (2 * pi), Rational(1, 4)


def test_parameters_broadcast_and_arrays_equal_single_points():
    psi1, epsilon = np.array([[0.5], [2.0], [5.0]]), np.array([0.0, 0.1, 0.5, 3.0])
    grid = SOLVER(psi1=psi1, psi2=2, epsilon=epsilon)
    assert grid.status.shape == grid.residual.shape == grid.observables["robust_risk"].shape == (3, 4)
    assert grid.parameters["psi2"].shape == (3, 4)
    for index in np.ndindex(3, 4):
        single = SOLVER(psi1=psi1[index[0], 0], psi2=2.0, epsilon=epsilon[index[1]])
        assert single.status.shape == ()
        assert single.status == grid.status[index]
        for name in NAMES:
            np.testing.assert_allclose(single.observables[name], grid.observables[name][index], rtol=1e-13)


def test_result_at_a_point_does_not_depend_on_its_neighbours():
    draws = np.random.default_rng(0)
    psi1, epsilon = 10 ** draws.uniform(-2, 3, 400), draws.uniform(0, 2, 400)
    whole, part = (
        SOLVER(psi1=psi1, psi2=2, epsilon=epsilon),
        SOLVER(psi1=psi1[100:133], psi2=2, epsilon=epsilon[100:133]),
    )
    for name in NAMES:
        np.testing.assert_allclose(part.observables[name], whole.observables[name][100:133], rtol=1e-12)


def test_no_points_give_no_results():
    found = SOLVER(psi1=np.zeros((0, 3)) + 1, psi2=2, epsilon=0.5)
    assert found.observables["robust_risk"].shape == (0, 3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"psi": 1}, "psi1"),
        ({"psi1": 0}, "psi1 > 0"),
        ({"epsilon": -0.1}, "epsilon >= 0"),
        ({"psi2": np.nan}, "finite"),
        ({"noise": np.inf}, "finite"),
        ({"ridge": "much"}, "ridge >= 0"),
        ({"activation": 3}, "text"),
        ({"activation": "sign"}, "activation"),
    ],
)
def test_wrong_names_and_values_are_refused_in_one_line(wrong, words):
    with pytest.raises(ParameterError) as caught:
        SOLVER(**({"psi1": 1, "psi2": 2, "epsilon": 0.5} | wrong))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_parameter_is_named():
    with pytest.raises(ParameterError, match="epsilon is missing"):
        SOLVER(psi1=1, psi2=2)


def test_strict_second_device_gives_the_same_numbers():
    psi1 = np.geomspace(0.01, 1000, 30)
    given = {"psi1": psi1, "psi2": 2.0, "epsilon": 0.4, "ridge": 1e-3}
    ours, theirs = SOLVER(**given), Solver(THEOREM.model, device=STRICT)(**given)
    assert np.array_equal(ours.status, theirs.status)
    for name in NAMES:
        np.testing.assert_allclose(theirs.observables[name], ours.observables[name], rtol=1e-12)


def test_factor_of_two_in_an_equation_is_seen():
    model = THEOREM.model
    first, second = model.equations
    wrong = replace(model, equations=(equal(first.lhs, 2 * first.rhs), second))
    found = Solver(wrong)(psi1=2, psi2=2, epsilon=0.5)
    assert found.residual > 0.1  # the four equations of the theorem tell it apart
    assert found.status == "not_converged"
    silent = replace(wrong, residuals=())
    moved = Solver(silent)(psi1=2, psi2=2, epsilon=0.5)
    assert moved.status == "converged"
    assert abs(at(moved)["robust_risk"] / 1.6839160151 - 1) > 0.01


def three_unknowns():
    """x y = a, y z = 2 a, x z = 3 a (rotated, so that elimination has to exchange rows)."""
    a = parameter("a", "scale", positive=True)
    x, y, z = (parameter(name, "unknown", positive=True) for name in "xyz")
    return Model(
        parameters=(a,),
        unknowns=(x, y, z),
        program=(),
        equations=(equal(y * z, 2 * a), equal(x * z * exp(log(1 + z) - log(1 + z)), 3 * a), equal(x * y, a)),
        observables={"sum": x + y + z},
        start={x: Integer(1), y: Integer(7), z: Integer(1)},
    )


@pytest.mark.parametrize("device", [None, STRICT], ids=["numpy", "strict"])
def test_three_unknowns_are_eliminated_with_row_exchanges(device):
    a = np.geomspace(1e-3, 1e3, 50)
    solver = Solver(three_unknowns()) if device is None else Solver(three_unknowns(), device=device)
    found = solver(a=a)
    assert np.all(found.status == "converged")
    np.testing.assert_allclose(found.unknowns["x"], np.sqrt(1.5 * a), rtol=1e-13)
    np.testing.assert_allclose(found.unknowns["y"], np.sqrt(a / 1.5), rtol=1e-13)
    np.testing.assert_allclose(found.unknowns["z"], np.sqrt(6 * a), rtol=1e-13)


@pytest.mark.parametrize("unknowns", [1, 2, 3, 5])
@pytest.mark.parametrize("device", ["numpy", "strict"])
def test_newton_steps_solve_their_linear_systems(unknowns, device):
    draws = np.random.default_rng(unknowns)
    jacobian, ratio = draws.standard_normal((unknowns, unknowns, 40)), 1e-3 * draws.standard_normal((unknowns, 40))
    jacobian[..., 0] = 0  # a singular system has no step
    give = np.asarray if device == "numpy" else STRICT.asarray
    with np.errstate(all="ignore"):
        step = to_numpy(newton_step(give(ratio), give(jacobian)))
    assert np.all(step[:, 0] == 0)
    expected = -np.linalg.solve(np.moveaxis(jacobian[..., 1:], 2, 0), ratio[:, 1:].T[..., None])[..., 0].T
    inside = np.max(np.abs(expected), axis=0) < 4
    np.testing.assert_allclose(step[:, 1:][:, inside], expected[:, inside], rtol=1e-8, atol=1e-14)


def test_equation_without_a_root_is_not_converged():
    a = parameter("a", "shift", positive=True)
    x = parameter("x", "unknown", positive=True)
    model = Model((a,), (x,), (), (equal(x + a, a / 2),), {"x": x}, {x: Integer(1)})
    found = Solver(model)(a=[1.0, 2.0])
    assert np.all(found.status == "not_converged")
    assert np.all(np.isnan(found.observables["x"]))
    assert "no root was found" in found.notes(1)[0]


def test_model_without_unknowns_is_its_closed_form():
    found = (
        solve("random_features.collapse", psi1=[0.5, 2.0, 8.0], psi2=2, epsilon=0.1)
        if takes_epsilon()
        else solve("random_features.collapse", psi1=[0.5, 2.0, 8.0], psi2=2)
    )
    assert np.all(found.status == "converged")
    assert np.all(found.residual == 0)
    # A vanishes there: its largest value next to the threshold is in proportion to what is left
    critical = found.observables["critical_epsilon"]
    near = SOLVER(psi1=[0.5, 2.0, 8.0], psi2=2, epsilon=critical * (1 - 1e-6)).observables["gradient_norm"]
    assert np.all((near > 0) & (near < 1e-2))


def takes_epsilon():
    return "epsilon" in {item.name for item in load("random_features.collapse").model.parameters}


def test_a_root_that_rounding_hides_is_not_called_converged():
    found = solve("random_features.robust_risk", psi1=2.0, psi2=2.0, epsilon=1e-30)
    assert str(found.status) == "not_converged"
    assert "rounding hides the root" in " ".join(found.notes())
    assert np.isnan(found.observables["robust_risk"])
