"""The learning regimes of two-layer networks: test error and Dirichlet energy against the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np
from draws import Job, Size, run_jobs
from matplotlib.figure import Figure

from derivations.discover import load
from numerics import solve
from verify.report.chart import Chart, Curve, DrawnPoint, draw_chart

OBSERVABLES = ("test_error", "dirichlet_energy")
QUADRATIC: dict[str, float | str] = {"activation": "t**2", "trace_alignment": 0.5}
REGIMES: dict[str, tuple[str, dict[str, float | str]]] = {
    "random initialisation": ("learning_regimes.initialisation", {"init_scale": 1.0}),
    "random features": ("learning_regimes.random_features", {}),
    "tangent (lazy)": ("learning_regimes.tangent", {}),
    "trained": ("learning_regimes.trained", {"spectrum": "goe"}),
}
VARIANTS: dict[str, dict[str, float | str]] = {
    "initial function not fitted": {"variant": "unfitted"},
    "flow stopped at t = 0.25": {"variant": "flow", "time": 0.25},
    "flow to convergence": {"variant": "residual"},
}
WIDTHS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 1.8)
SCALES = (0.0, 0.5, 1.0, 1.5)
WIDTH_LABEL = "neurons per input dimension, ρ = lim m/d"


def draw_regimes(size: Size) -> Figure:
    """Test error and Dirichlet energy against m/d in the four regimes, for one quadratic target and activation."""
    curves = [_curve(name, identity, {**QUADRATIC, **own}, size) for name, (identity, own) in REGIMES.items()]
    target = "Target x'Bx - tr B, B the identity and an independent GOE matrix mixed to tr B = 0.5 √d ||B||;"
    return draw_chart(
        Chart(
            title="Test error and robustness in four learning regimes",
            x_label=WIDTH_LABEL,
            logarithmic=False,
            observables=OBSERVABLES,
            curves=curves,
            legend_title="learning regime",
            caption=[f"{target} activation t², offset trained, init_scale = 1 at initialisation.", _drawn(size)],
        )
    )


def draw_lazy(size: Size) -> Figure:
    """The same observables of lazy training, a curve for each scale at initialisation, a column for each variant."""
    curves = []
    for scale in SCALES:
        values: dict[str, Sequence[float]] = {}
        points = [DrawnPoint(width, {}, {}) for width in WIDTHS]
        for variant, own in VARIANTS.items():
            one = _curve("", "learning_regimes.lazy", {**QUADRATIC, **own, "init_scale": scale}, size)
            values |= {_panel(name, variant): one.values[name] for name in OBSERVABLES}
            points = [_joined(old, new, variant) for old, new in zip(points, one.points, strict=True)]
        curves.append(Curve(f"α = {scale:g}", one.x, values, points=points))
    figure = draw_chart(
        Chart(
            title="Lazy training from an initialisation of scale α",
            x_label=WIDTH_LABEL,
            logarithmic=False,
            observables=tuple(_panel(name, variant) for name in OBSERVABLES for variant in VARIANTS),
            curves=curves,
            legend_title="scale of the output weights, v ~ N(0, α²/m)",
            caption=["Activation t², offset trained, trace_alignment = 0.5.", _drawn(size)],
        )
    )
    for row in (figure.axes[:3], figure.axes[3:]):
        top = max(axes.get_ylim()[1] for axes in row)
        for axes in row:
            axes.set_ylim(-0.05, top)
    return figure


def _curve(label: str, identity: str, setting: Mapping[str, Any], size: Size) -> Curve:
    """The limit as a curve over m/d, and the means of the first declared experiment."""
    theorem = load(identity)
    x = np.linspace(0.02, 2.0, size.curve // 2)
    limit = solve(theorem, **setting, rho=x).observables
    experiment = next(iter(theorem.simulations.values()))
    jobs = [
        Job(identity, str(experiment), {**setting, "rho": width}, f"figure {experiment} {width:g}", trial, size)
        for width in WIDTHS
        for trial in range(size.draws)
    ]
    found = run_jobs(jobs, size.workers)
    draws = [found[first : first + size.draws] for first in range(0, len(found), size.draws)]
    points = [_point(width, values) for width, values in zip(WIDTHS, draws, strict=True)]
    return Curve(label, list(x), {name: list(limit[name]) for name in OBSERVABLES}, points=points)


def _point(width: float, values: Sequence[Mapping[str, float]]) -> DrawnPoint:
    seen = {name: [value[name] for value in values] for name in OBSERVABLES}
    bars = {name: 2 * stdev(found) / len(found) ** 0.5 for name, found in seen.items()}
    return DrawnPoint(width, {name: fmean(found) for name, found in seen.items()}, bars)


def _joined(old: DrawnPoint, new: DrawnPoint, variant: str) -> DrawnPoint:
    renamed: list[dict[str, Any]] = [
        {_panel(name, variant): value for name, value in part.items()} for part in (new.mean, new.bar)
    ]
    return DrawnPoint(old.x, {**old.mean, **renamed[0]}, {**old.bar, **renamed[1]})


def _panel(name: str, variant: str) -> str:
    return f"{name}\n{variant}"


def _drawn(size: Size) -> str:
    return (
        f"Curves: the limit. Points: means of {size.draws} draws of weights and target at d = {size.dimension}, exact "
        f"in the inputs, bars of two standard errors, seed {size.seed}. Both observables are divided by the target's."
    )
