"""Certificates at the edges of the parameters' domains: the values of a second evaluator at 60 digits, or undecided."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import pytest
from mpmath import mp, mpf

from derivations.discover import load
from numerics.enclosures.decimals import ends
from numerics.parameters import ParameterError
from numerics.proofs.certificate import Certificate, CertificateStatus, Certifier
from tests.numerics.proofs.second_evaluator import DIGITS, GUARD, NoTruth, Truth


@lru_cache(maxsize=32)
def certifier(name: str) -> Certifier:
    return Certifier(load(name).model)


def to_mpf(value: Fraction) -> Any:
    return mpf(value.numerator) / value.denominator


def judge(name: str, given: dict[str, Any], digits: int = 30) -> tuple[Certificate | None, int]:
    """The certificate, None where the parameters are refused, and how many of its balls were held against the truth."""
    try:
        found = certifier(name)(given, digits=digits)
    except ParameterError:
        return None, 0
    claimed = {key: ball for key, ball in {**found.observables, **found.unknowns}.items() if ball is not None}
    with mp.workdps(DIGITS + GUARD):
        bounds = {key: tuple(map(to_mpf, both)) for key, ball in claimed.items() if (both := ends(ball)) is not None}
        near = {key: (low + high) / 2 for key, (low, high) in bounds.items() if key in found.unknowns}
        try:
            truth = Truth(load(name).model, given, near)
        except (NoTruth, ZeroDivisionError, ValueError):
            return found, 0
        assert found.phase in ("", truth.phase), f"{given}: {found.phase}, not {truth.phase}"
        judged = 0
        for key, (low, high) in bounds.items():
            value = truth.found.get(key)
            if value is None:
                continue
            slack = abs(value) * mpf(10) ** -(DIGITS - 5)
            assert low - slack <= value <= high + slack, f"{key} at {given} is {value}, outside {claimed[key]}"
            judged += 1
    return found, judged


def ulps(value: float) -> list[float]:
    return [math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)]


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


TINY_AND_HUGE = ("1e-30", "1e-6", "1e6", "1e30")
LAW = {"rho": "0.7", "spectrum": "0.4@0.5,1.6@0.5"}
BUMPS = {"samples": 50, "dimension": 3, "radius": "0.01", "ramp": "0.01"}
FEATURES = {"psi1": 2, "psi2": 1}
# model, its parameters, what is changed in turn (first what is quick), how many of them are judged in ./run test
EDGES: list[tuple[str, dict[str, Any], list[dict[str, Any]], int]] = [
    (
        "random_features.robust_risk",
        {**FEATURES, "epsilon": "0.3"},
        [
            *[{"epsilon": 0, "psi2": v} for v in (*ulps(2.0), "1.9999999999999999999999999999999", "1")],
            *each("epsilon", "1e-400", 100),
            *each("noise", 0, "1e-200"),
            {"epsilon": "1e-30", "psi2": 3},
            {"noise": 0, "signal": 0},
            {"activation": "t", "ridge": 1},
            *each("activation", "t", "t**2", "erf(t)", "exp(t)", "t + t**2/100000000000000000000"),
            *each("psi1", *TINY_AND_HUGE),
            *each("psi2", *TINY_AND_HUGE),
            *each("ridge", *TINY_AND_HUGE),
            *each("epsilon_test", 0, *TINY_AND_HUGE),
            *each("epsilon", *TINY_AND_HUGE, *ulps(1.5695540891683808)),
            *each("signal", 0, "1e-30"),
            {"psi2": 2, "ridge": "1e-30", "epsilon": 0},
        ],
        9,
    ),
    ("random_features.collapse", FEATURES, [{"noise": 0}, {"activation": "t"}, *each("psi1", *TINY_AND_HUGE)], 2),
    (
        "random_features.limits",
        FEATURES,
        [*each("psi1", *ulps(1.0)), {"noise": 0}, *each("ridge_share", *TINY_AND_HUGE)],
        3,
    ),
    (
        "random_features.linear_regression",
        {"psi2": 2, "epsilon": "0.3"},
        [
            *[{"epsilon": 0, "psi2": v} for v in ulps(1.0)],
            *[{"noise": 0, "epsilon": v} for v in (0, "1e-20", 1)],
            *each("epsilon", "1e-30", 5),
            *each("psi2", *TINY_AND_HUGE),
            *each("ridge", *TINY_AND_HUGE),
        ],
        5,
    ),
    (
        "random_features.printed_theorem",
        {**FEATURES, "epsilon": "0.3"},
        [{"noise": 0}, *each("epsilon", 0, "1e-20", 10)],
        1,
    ),
    (
        "random_features.ridge_regression",
        FEATURES,
        [*each("psi2", *ulps(2.0), 3), {"psi2": 2, "ridge": "1e-30"}, *each("ridge", *TINY_AND_HUGE), {"noise": 0}],
        4,
    ),
    (
        "overfitted_networks.classification",
        {**BUMPS, "bad_samples": 3, "label_noise": "0.1"},
        [
            *each("label_noise", 0, 0.49999999999999994),
            *each("bad_samples", 0, 50, 51),
            *each("dimension", 1, 100, "2.0000001", "3.0000000000000000001"),
            *each("radius", "1e-30", "0.5"),
            *each("samples", 2, "1e15", "50.0000000001"),
            *each("density", *TINY_AND_HUGE),
        ],
        18,
    ),
    (
        "overfitted_networks.margin",
        {"margin_exponent": 2, "radius": "0.1"},
        [
            *each("margin_exponent", 1, 1.0000000000000002, "1e6"),
            *each("radius", *ulps(0.5), "1e-50"),
            {"teacher_error": "1e30"},
        ],
        8,
    ),
    (
        "overfitted_networks.regression",
        {**BUMPS, "smoothness": 1, "noise": "0.1", "nodes": 4},
        [
            *each("smoothness", 2, "1e-10"),
            {"noise": 0},
            *each("nodes", 1, "1e6"),
            *each("dimension", 1, 2, 100),
            {"samples": 2},
        ],
        9,
    ),
    (
        "robust_overfitting.degeneration",
        {},
        [
            *each("time", 0, "1e-50", 1000, "1e6"),
            *each("correlation", "1e-30", *ulps(1.0)),
            {"exponent_1": 0, "exponent_2": 0},
            *each("switch", 1, "1e-20"),
            *each("residual_2", 0, 1),
        ],
        14,
    ),
    (
        "robust_overfitting.kernels",
        {},
        [
            *each("cosine", 1, -1, 0, *ulps(1.0), *ulps(-1.0)),
            *[{"activation": "erf", "cosine": v, "b_std": 0} for v in (1, -1, 0)],
            {"cosine": 1, "input_norm2": "1.0000000000000000000000000001"},
            {"cosine": "0.99999999999999999999999999999999", "b_std": 0},
            {"cosine": 1, "b_std": 0},
            *each("depth", 1, 9, "1.5"),
            *each("W_std", *TINY_AND_HUGE),
        ],
        18,
    ),
    (
        "learning_regimes.initialisation",
        {"rho": "0.7"},
        [*each("rho", 1, *TINY_AND_HUGE), *each("trace_alignment", 1, -1, 0), {"init_scale": 0}, {"offset": "no"}],
        10,
    ),
    (
        "learning_regimes.trained",
        LAW,
        [
            *each("rho", *ulps(0.5), *ulps(1.0), 2, "1e-30"),
            *each("spectrum", "-1@0.5,1@0.5", "0@0.5,1@0.5", "0@1", "1@1", "1@0.3333333333,2@0.6666666667"),
            *each("trace_alignment", 1, 0, -1),
            {"time": 1},
            *[{"time": 1, "rho": v} for v in (1, 2, "0.5")],
            *each("time", "1e-10", 100, "1e10"),
            *[{"time": 1, "init_scale": v} for v in ("1e-10", "1e10")],
            {"time": 1, "spectrum": "0@0.5,1@0.5"},
        ],
        16,
    ),
    (
        "learning_regimes.random_features",
        {"rho": "0.7"},
        [
            *each("rho", *ulps(1.0)),
            {"rho": 1, "ridge": "1e-6"},
            {"covariance": "0.5@0.5,1.5@0.5"},
            {"covariance": "0.5@0.5,1.5@0.5", "ridge": "0.1"},
            {"offset": "no"},
            {"single_neuron_alignment": "0.5"},
            *each("activation", "t**2", "t + t**2", "abs(t)"),
            *[{"time": 1, "activation": v} for v in ("relu", "t**2 + t")],
            *each("ridge", *TINY_AND_HUGE),
            *each("init_scale", 1, "1e-30"),
        ],
        11,
    ),
    (
        "learning_regimes.tangent",
        {"rho": "0.7", "activation": "t + t**2 + t**3"},
        [
            {"activation": "t + t**2"},
            {"activation": "t**2", "dimension": 5},
            {},
            {"activation": "t + t**2", "covariance": "0.5@0.5,1.5@0.5"},
            {"activation": "relu"},
            *each("rho", 1, "1e-6", 2),
            *each("trace_alignment", 1, -1),
            {"offset": "no"},
        ],
        2,
    ),
    (
        "learning_regimes.lazy",
        {"rho": "0.7", "activation": "t + t**2 + t**3"},
        [
            {"variant": "flow", "time": 1, "activation": "t**2"},
            {"activation": "t + t**2"},
            {},
            *[{"variant": v} for v in ("zero_output", "residual")],
            {"activation": "relu"},
            {"rho": 1},
            {"offset": "no"},
        ],
        1,
    ),
]


def check(name: str, base: dict[str, Any], changes: list[dict[str, Any]]) -> tuple[int, int, int]:
    """How many points, certified points and judged balls."""
    certified = judged = 0
    for change in changes:
        found, count = judge(name, {**base, **change})
        certified += found is not None and found.status is CertificateStatus.unique
        judged += count
    return len(changes), certified, judged


@pytest.mark.parametrize(
    ("name", "base", "changes", "quick"), EDGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_certificates_at_the_edges_hold_the_truth(name: str, base: Any, changes: Any, quick: int) -> None:
    points, certified, judged = check(name, base, changes[:quick])
    assert certified >= points / 3
    assert judged >= points / 3


@pytest.mark.standard
@pytest.mark.parametrize(
    ("name", "base", "changes", "quick"), EDGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_certificates_at_all_edges_hold_the_truth(name: str, base: Any, changes: Any, quick: int) -> None:
    points, certified, judged = check(name, base, changes[quick:])
    assert certified >= points / 4
    assert judged >= points / 4
