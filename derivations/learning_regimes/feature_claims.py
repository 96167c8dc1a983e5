"""How a closed form of this folder is held against finite networks: tolerances, sizes and control variates by level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sympy import Expr, Rational

from derivations.core import Derivation, Level, Simulation, Step
from derivations.learning_regimes.feature_setting import init_scale
from derivations.learning_regimes.symbols import OBSERVABLES, rho, ridge, trace_alignment
from derivations.relations import Claim, follows

RELATIVE = {Level.quick: Rational(3, 100), Level.standard: Rational(1, 100), Level.deep: Rational(3, 1000)}
ABSOLUTE = {Level.quick: Rational(1, 100), Level.standard: Rational(3, 1000), Level.deep: Rational(1, 1000)}
"""In units of the target's energy; the larger of the two decides."""
SIZES = {Level.quick: (50, 100, 200), Level.standard: (100, 200, 400, 800), Level.deep: (2048, 4096, 8192)}
MOST = {Level.quick: 400, Level.standard: 1000, Level.deep: 64}
HALF = Rational(1, 2)
CONTROLS: Mapping[str, int] = {"row_overlap": 1, "resolvent_overlap": 0, "squared_resolvent_overlap": 0}
"""Exact means: a row's overlap with the others changes sign with it."""

RELU: dict[object, object] = {rho: 1, trace_alignment: Rational(4, 5), "activation": "relu"}
POINTS: dict[str, dict[object, object]] = {
    "relu": RELU,
    "wide_tanh": {rho: 2, trace_alignment: -1, "activation": "tanh(t+1)"},
    "quadratic": {rho: 1, trace_alignment: Rational(3, 5), "activation": "t**2-1+t", "offset": "no"},
    "ridge": {rho: 3 * HALF, trace_alignment: -1, "activation": "tanh(t+1)", ridge: HALF / 5, init_scale: HALF},
    "covariance": {**RELU, trace_alignment: 1, "covariance": "0.4@0.5,1.6@0.5"},
    "covariance_ridge": {
        rho: 3 * HALF,
        trace_alignment: 1,
        "activation": "t**2-1+t",
        "offset": "no",
        ridge: HALF,
        init_scale: HALF,
        "covariance": "0.5@0.75,2.5@0.25",
    },
    "mean_not_fitted": {**RELU, "offset": "no"},
    "odd": {**RELU, "activation": "tanh(t)", ridge: HALF},
    "odd_ridgeless": {**RELU, "activation": "tanh(t)", init_scale: 1},
    "mean_not_fitted_ridge": {**RELU, "offset": "no", init_scale: 2, ridge: HALF},
}
"""Where random features are held against finite networks, some of them without an offset."""


def simulate_point(
    theorem: Derivation,
    at: Mapping[Any, Any],
    level: Level,
    *,
    name: str,
    reason: str,
    uses: Iterable[Step],
    experiment: str = "random_features",
    sizes: tuple[int, ...] = (),
    model_of: Derivation | None = None,
) -> Step:
    """Declare the step LEVEL_NAME: both observables of the model at the point `at`, on finite networks.

    The model is the theorem's own, or that of `model_of`.
    """
    scale: Expr = ABSOLUTE[level] / RELATIVE[level]
    evidence = Simulation(
        f"learning_regimes:{experiment}",
        at=at,
        bias="1/d",
        tolerance=float(RELATIVE[level]),
        sizes=sizes or SIZES[level],
        scale=dict.fromkeys(OBSERVABLES, scale),
        controls=CONTROLS,
        most=MOST[level],
        level=level,
    )
    return theorem.step(evidence, uses=uses)(_law(model_of or theorem, f"{level.name}_{name}", reason))


def _law(theorem: Derivation, name: str, reason: str) -> Callable[[], Claim]:
    def law() -> Claim:
        return follows(theorem.model, *OBSERVABLES)

    law.__name__, law.__doc__ = name, reason
    return law
