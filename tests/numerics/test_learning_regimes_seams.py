"""The learning regimes where one formula hands over to another: both sides of a phase or branch agree."""

from __future__ import annotations

from typing import Any

import pytest

from numerics.solver import solve

RELU, SHIFTED, SQUARE, CUBIC = "relu", "tanh(t+1)", "t**2", "t+t**3/6"
BASE = {"rho": 0.7, "trace_alignment": -0.6}


def observables(regime: str, given: dict[str, Any]) -> list[float]:
    solution = solve(f"learning_regimes.{regime}", **{**BASE, **given})
    assert str(solution.status) == "converged", solution.notes()
    return [float(solution.observables[name]) for name in ("test_error", "dirichlet_energy")]


FEATURES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"activation": CUBIC, "ridge": 0.2, "init_scale": 1}, {"activation": f"{CUBIC}+1e-6*t**2"}),
    ({"activation": CUBIC, "time": 2, "init_scale": 1}, {"activation": f"{CUBIC}+1e-6*t**2"}),
    ({"activation": CUBIC, "time": 2}, {"activation": f"{CUBIC}+1e-6*t**2"}),
    ({"activation": RELU, "time": 2, "init_scale": 1, "offset": "no"}, {"trace_alignment": 0, "offset": "yes"}),
    ({"activation": RELU, "ridge": 2, "init_scale": 1, "offset": "no"}, {"trace_alignment": 0, "offset": "yes"}),
    ({"activation": "relu(t)-1/sqrt(2*pi)", "offset": "no"}, {"offset": "yes"}),
    ({"activation": RELU}, {"covariance": "0.99999@0.5,1.00001@0.5"}),
    ({"activation": RELU}, {"time": 1e9, "init_scale": 3}),
    ({"activation": "t**2-1+1.2*t", "time": 1, "rho": 6.612}, {"rho": 6.613}),
    ({"activation": "t**2/sqrt(2)+t", "time": 1}, {"activation": "t**2/sqrt(2)+1.000001*t"}),
]
TANGENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"activation": SQUARE}, {"ridge": 1e-9}),
    ({"activation": SQUARE, "offset": "no"}, {"ridge": 1e-9}),
    ({"activation": SQUARE, "ridge": 0.5}, {"activation": "t**2+1e-5*t**4"}),
    ({"activation": SQUARE}, {"dimension": 10**8}),
    ({"activation": SQUARE, "rho": 1}, {"ridge": 1e-12}),
    ({"activation": SQUARE}, {"covariance": "0.5@0.5,1.5@0.5"}),
    ({"activation": "t**4-12*t**2", "ridge": 0.1}, {"activation": "t**4-12.00001*t**2"}),
]
LAZY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(
        ({"variant": variant, "activation": SQUARE, "init_scale": 2, "ridge": ridge}, {"activation": "t**2+1e-5*t**4"})
        for variant, ridge in (
            ("zero_output", 0),
            ("zero_output", 0.5),
            ("unfitted", 0),
            ("unfitted", 0.5),
            ("residual", 0),
        )
    ),
    ({"variant": "flow", "activation": SQUARE, "init_scale": 2}, {"time": 1e8}),
    ({"variant": "ridge", "activation": SQUARE, "init_scale": 2}, {"ridge": 1e-8}),
]
TRAINED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"trace_alignment": 1}, {"spectrum": "identity"}),
    ({"trace_alignment": 1, "time": 140}, {"spectrum": "identity"}),
    ({"trace_alignment": 1}, {"trace_alignment": 1 - 1e-9}),
    ({"rho": 1 - 1e-9}, {"rho": 1}),
    ({"rho": 0.5, "trace_alignment": 0.99}, {"rho": 0.5, "trace_alignment": 0.9900001}),
    ({"spectrum": "1@0.5,-1@0.5", "trace_alignment": 0}, {"trace_alignment": 1e-9}),
    ({"time": 0.7, "activation": "-t**2"}, {"activation": SQUARE, "trace_alignment": 0.6}),
    ({"offset": "no"}, {"offset": "no", "trace_alignment": 0.6}),
]
SEAMS = [
    (regime, first, second)
    for regime, pairs in (("random_features", FEATURES), ("tangent", TANGENT), ("lazy", LAZY), ("trained", TRAINED))
    for first, second in pairs
]


@pytest.mark.parametrize(("regime", "given", "moved"), SEAMS, ids=str)
def test_both_sides_of_a_seam_agree(regime: str, given: dict[str, Any], moved: dict[str, Any]) -> None:
    assert observables(regime, given) == pytest.approx(observables(regime, {**given, **moved}), abs=2e-3)


@pytest.mark.parametrize(("regime", "given"), [("tangent", {}), ("lazy", {"variant": "zero_output"})])
def test_a_ridge_acts_on_an_activation_whose_slope_jumps(regime: str, given: dict[str, Any]) -> None:
    ridges = [0, 0.3, 1e9]
    solution = solve(f"learning_regimes.{regime}", **BASE, **given, activation=RELU, ridge=ridges)
    without, with_some, with_much = solution.observables["test_error"]
    assert without < with_some - 0.1 < with_much
    assert with_much == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("alignment", [-1, 0.9, 0.99, 0.999999, 1])
def test_the_flow_to_a_narrow_semicircle_is_solved_at_any_time_that_is_not_refused(alignment: float) -> None:
    ratios, times = [[0.1], [0.3], [0.9], [1.5]], [[0.1, 10, 140]]
    solution = solve("learning_regimes.trained", rho=ratios, trace_alignment=alignment, time=times)
    assert (solution.status == "converged").all()
