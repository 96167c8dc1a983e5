"""Random features and the untrained network: reference values, ends of the parameter range, pitfalls, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sympy import Rational

from derivations.core import Derivation, Sampled, Source, Symbolic
from derivations.learning_regimes import feature_flow, random_features, random_features_flow
from derivations.learning_regimes.feature_setting import init_scale
from derivations.learning_regimes.feature_traces import errors, kappa, printed_test_error, psi1, ridge_moments, spike
from derivations.relations import Claim, Relation, equal
from numerics.parameters import ParameterError
from numerics.solver import solve
from verify.context import Context
from verify.kernel import judge
from verify.verdict import Outcome

RF = "learning_regimes.random_features"
START = "learning_regimes.initialisation"
ACTIVATIONS = ("relu", "t**2-1+t", "tanh(t+1)", "t**2-1+t/10", "cos(2*t)")


def at(derivation: str = RF, /, **given: Any) -> tuple[float, float]:
    """(test error, Dirichlet energy)."""
    solution = solve(derivation, **given)
    return float(solution.observables["test_error"]), float(solution.observables["dirichlet_energy"])


@pytest.mark.parametrize(
    ("given", "test_error", "energy"),
    [
        ({"rho": 0.5, "trace_alignment": 1, "activation": "relu"}, 0.867095479497, 0.120074546336),
        ({"rho": 2, "trace_alignment": 1, "activation": "t**2-1"}, 1 / 3, 2 / 3),
        ({"rho": 1, "trace_alignment": 0.6, "activation": "t**2-1+t"}, 0.847846096908, 0.142871870789),
    ],
)
def test_reference_values_of_the_note_come_out(given: dict[str, Any], test_error: float, energy: float) -> None:
    assert at(**given) == pytest.approx((test_error, energy), abs=2e-12)


def spectrum(rho: float, activation: tuple[float, float, float, float], nodes: int = 700) -> tuple[Any, Any]:
    """Eigenvalues of M with their weights, by the midpoint rule on the semicircle; the atom of K at 0 as its own."""
    linear, _, energy, _ = activation
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    s = 1 + rho + 2 * np.sqrt(rho) * np.cos(angle)
    weights = 2 * np.sin(angle) ** 2 / (nodes * s)
    values = np.append(energy + linear**2 * s, energy)
    weights = np.append(weights, max(0.0, 1 - weights.sum()))
    return values, weights / weights.sum()


def discretised(rho: float, tau: float, time: float, ridge: float, alpha: float) -> tuple[float, float]:
    """The flow on (t^2 - 1) + t/2 by an eigendecomposition of the discretised operator, not by the laws in use."""
    constants = (0.5, 2**0.5, 2.0, 4.0)
    x, weights = spectrum(rho, constants)
    spike, extra, root = 2 * rho, 2.0, np.sqrt(weights)
    y, vectors = np.linalg.eigh(np.diag(x) + spike * np.outer(root, root))
    law = (vectors.T @ root) ** 2

    def phi(z: Any) -> Any:
        return -np.expm1(-time * (z + ridge)) / (z + ridge)

    gain, square, mean = law @ (y * phi(y) ** 2), law @ phi(y) ** 2, law @ phi(y)
    left = (ridge * phi(x) + np.exp(-time * (x + ridge))) ** 2
    test_error = 1 - tau**2 * spike * (2 * mean - gain) + alpha**2 * (weights @ (x * left)) / 2
    energy = tau**2 * spike * (gain + extra * square + spike * mean**2) / 2
    return test_error, energy + alpha**2 * (weights @ ((x + extra) * left)) / 4


@pytest.mark.parametrize("rho", [0.02, 0.081633, 0.3, 1.0, 4.0])
@pytest.mark.parametrize(("time", "ridge"), [(0.01, 0.0), (1.0, 0.5), (40.0, 0.0)])
def test_the_flow_is_that_of_the_discretised_operator(rho: float, time: float, ridge: float) -> None:
    # the outlier leaves the bulk at rho = a^2/(mu_2^2 - a)^2 = 0.0204
    found = at(rho=rho, trace_alignment=0.7, activation="t**2-1+t/2", time=time, ridge=ridge, init_scale=1.5)
    assert found == pytest.approx(discretised(rho, 0.7, time, ridge, 1.5), abs=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_long_flow_ends_at_least_squares_and_a_short_one_starts_at_the_initial_network(activation: str) -> None:
    point = {"rho": 0.8, "trace_alignment": 0.9, "activation": activation, "init_scale": 0.7}
    assert at(**point, time=1e9) == pytest.approx(at(**point), abs=1e-9)
    assert at(**point, time=1e-9, ridge=0.3) == pytest.approx(at(START, **point), abs=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_heavy_ridge_keeps_the_initial_network(activation: str) -> None:
    point = {"rho": 1.7, "trace_alignment": 0.9, "activation": activation, "init_scale": 1.3}
    assert at(**point, ridge=1e9) == pytest.approx(at(START, **point), abs=1e-7)
    rows = {"covariance": "0.5@0.5,1.5@0.5"}
    assert at(**point, ridge=1e9, **rows) == pytest.approx(at(START, **point), abs=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_ridge_does_without_the_initial_weights_once_it_vanishes(activation: str) -> None:
    point = {"rho": 1.7, "trace_alignment": 0.9, "activation": activation}
    assert at(**point, init_scale=2) == at(**point)


@pytest.mark.parametrize(("rho", "time", "ridge"), [(1e-6, 1e-8, 0), (1e6, 1e-8, 0), (1, 1e6, 0), (1e6, 1e4, 1e-9)])
@pytest.mark.parametrize("activation", ["relu", "t+t**2/100", "t**2-1", "t"])
def test_the_flow_is_finite_at_the_ends_of_its_parameters(
    activation: str, rho: float, time: float, ridge: float
) -> None:
    test_error, energy = at(rho=rho, activation=activation, time=time, ridge=ridge, init_scale=1)
    assert test_error >= 0.7
    assert np.isfinite(test_error)
    assert 0 <= energy < 10


def test_a_covariance_near_the_identity_changes_little_and_its_order_nothing() -> None:
    point = {"rho": 0.5, "trace_alignment": 1, "activation": "relu", "ridge": 0.2, "init_scale": 1}
    assert at(**point, covariance="0.99999@0.5,1.00001@0.5") == pytest.approx(at(**point), abs=1e-9)
    first, second = at(**point, covariance="0.4@0.75,2.8@0.25"), at(**point, covariance="2.8@0.25,0.4@0.75")
    assert first == pytest.approx(second, abs=1e-13)
    assert abs(first[0] - at(**point)[0]) > 1e-3


@pytest.mark.parametrize("training", [{}, {"ridge": 0.3}, {"time": 5.0}])
def test_without_a_constant_a_mean_hides_the_target_and_no_mean_does_not(training: dict[str, float]) -> None:
    assert at(rho=0.5, trace_alignment=1, activation="relu", offset="no", **training) == (1.0, 0.0)
    centred = {"rho": 0.5, "trace_alignment": 1, "activation": "t**2-1+t", **training}
    assert at(**centred, offset="no") == at(**centred)
    assert at(**centred)[0] < 0.9


def test_without_a_constant_only_the_initial_part_is_left() -> None:
    point = {"rho": 0.5, "activation": "relu", "offset": "no", "ridge": 0.3, "init_scale": 1}
    with_alignment, without = at(**point, trace_alignment=1), at(**point, trace_alignment=0)
    assert with_alignment == without == pytest.approx(at(**{**point, "offset": "yes"}, trace_alignment=0), abs=1e-14)


@pytest.mark.parametrize("given", [{"activation": "tanh(t)"}, {"activation": "relu", "trace_alignment": 0}])
def test_without_degree_two_or_trace_nothing_is_learnt(given: dict[str, Any]) -> None:
    for training in ({}, {"ridge": 0.5}, {"time": 2.0}, {"covariance": "0.5@0.5,1.5@0.5"}):
        assert at(rho=0.7, **given, **training) == (1.0, 0.0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("training", [{}, {"ridge": 0.4}, {"time": 3.0}])
def test_the_universal_lower_bound_holds(activation: str, training: dict[str, float]) -> None:
    for rho in (0.1, 1, 10):
        test_error, energy = at(rho=rho, trace_alignment=1, activation=activation, **training)
        assert energy**0.5 >= 1 - test_error**0.5 - 1e-12


def test_a_single_neuron_is_exact_and_needs_no_width() -> None:
    found = at(rho=7, activation="t**2-1", single_neuron_alignment=0.5)
    assert found == pytest.approx((0.75, 0.25))
    assert at(rho=7, activation="relu", single_neuron_alignment=0) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"time": 1, "covariance": "0.5@0.5,1.5@0.5"}, "time"),
        ({"single_neuron_alignment": 0.3, "ridge": 1}, "ridge"),
        ({"single_neuron_alignment": 0.3, "init_scale": 1}, "init_scale"),
        ({"single_neuron_alignment": 0.3, "time": 1}, "time"),
        ({"single_neuron_alignment": 0.3, "offset": "no"}, "offset"),
        ({"single_neuron_alignment": 1.2}, "single_neuron_alignment"),
        ({"trace_alignment": 1.5}, "trace_alignment"),
        ({"rho": 0}, "rho"),
    ],
)
def test_what_has_no_formula_is_refused_in_one_line(given: dict[str, Any], word: str) -> None:
    with pytest.raises(ParameterError) as caught:
        solve(RF, **{"rho": 1, "activation": "relu", **given})
    text = str(caught.value)
    assert word in text
    assert "\n" not in text
    assert len(text) < 200


def planted(claim: Relation, evidence: Symbolic | Sampled) -> Outcome:
    """The outcome of a scratch step with this claim."""
    scratch = Derivation(__name__, title="planted", source=Source("none", ("None",), "none", 2000))

    def step() -> Claim:
        """Planted."""
        return claim

    return judge(scratch.step(evidence)(step), Context()).outcome


def test_a_wrong_coefficient_of_the_printed_form_fails() -> None:
    expression = errors(ridge_moments(), init_scale)["test_error"].xreplace(random_features.RIDGELESS)
    wrong = expression.subs(spike, kappa / psi1)
    assert planted(equal(wrong, printed_test_error()), Symbolic()) is Outcome.holds
    assert planted(equal(wrong, printed_test_error() + kappa / 1000), Symbolic()) is Outcome.fails


def test_a_law_without_its_outlier_fails() -> None:
    module = random_features_flow
    right = module.law_with_an_outlier.claim
    assert isinstance(right, Relation)
    misplaced = module._mean_of_resolvent(feature_flow.outlier() + Rational(1, 10))
    box = Sampled(module.BOX, points=2, digits=8)
    assert planted(equal(misplaced, right.rhs, given=right.given), box) is Outcome.fails
