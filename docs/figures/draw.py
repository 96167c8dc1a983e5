"""Draws the figures of this folder: limits as curves, finite simulations as points, in the manner of the paper.

    .venv/bin/python docs/figures/draw.py             all figures, three minutes on two cores
    .venv/bin/python docs/figures/draw.py --quick     the same with few small draws, in seconds, for a look

`--out DIR` puts the files elsewhere and `--format png` makes bitmaps. Nothing is cached, and on one machine the same
call writes the same bytes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from numerics.threads import VARIABLES

# Before numpy loads: with many BLAS threads the small draws take half a minute each on a busy machine.
os.environ.update(dict.fromkeys(VARIABLES, "1"))

import matplotlib

matplotlib.use("svg")

import numpy as np
from draws import COLLAPSE, QUICK, SETTING, THEOREM, Size, simulate_all
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from overfitted import draw_overfitted
from regimes import draw_lazy, draw_regimes

from numerics import solve
from verify.report.plotting import COLOURS, MARKERS, house_style, save_figure

NULL_RISK = SETTING["signal"] ** 2 + SETTING["noise"] ** 2
FIRST_ORDER = ", samples attacked to first order (L1)"


def draw_against_psi1(size: Size) -> Figure:
    """Standard and robust risk against psi1, a curve for each epsilon."""
    radii, simulated = (0.0, 0.2, 0.4, 0.6, 1.0), (0.4, 0.7, 1.2, 1.7, 2.4, 3.5, 5.0, 8.0)
    draws = simulate_all([(psi1, radius) for radius in radii[1:] for psi1 in simulated], size)
    figure, panels = _panels(("standard risk  SR", "robust risk  AR"))
    psi1 = np.geomspace(0.1, 100, size.curve)
    for colour, marker, radius in zip(COLOURS, MARKERS, radii, strict=False):
        limit = solve(THEOREM, **SETTING, psi1=psi1, epsilon=radius).observables
        style: dict[str, Any] = {"color": colour, "ls": "--" if radius == 0 else "-"}
        for panel, name in zip(panels, ("standard_risk", "robust_risk"), strict=True):
            panel.plot(psi1, limit[name], label=rf"$\epsilon = {radius:g}$", **style)
            chosen = {x: values for (x, r), values in draws.items() if r == radius}
            _scatter(panel, chosen, name, colour, marker)
    for panel, top in zip(panels, (1.6, 3.0), strict=True):
        panel.set(xlim=(psi1[0], psi1[-1]), ylim=(0, top))
        _psi1_axis(panel)
    _null_line(panels[0], at=95, side="right")
    _null_line(panels[1], at=0.105, above=False)
    panels[0].legend(loc="lower left", ncols=2, handlelength=1.8, columnspacing=1.2)
    lines = (
        r"Every $\epsilon$ is the radius in training and in testing. Dashed: no attack, where the risk diverges at "
        r"$\psi_1 = \psi_2$ and AR = SR.",
    )
    return _caption(figure, size, *lines)


def draw_against_epsilon(size: Size) -> Figure:
    """Standard and robust risk against epsilon up to the collapse, a curve for each psi1."""
    widths, simulated = (0.5, 1.0, 2.0, 4.0, 8.0), (0.15, 0.4, 0.7, 1.0, 1.3, 1.6)
    critical = critical_epsilon(np.array(widths))
    points = [(x, r) for x, c in zip(widths, critical, strict=True) for r in simulated if r < 1.3 * c]
    draws = simulate_all(points, size)
    figure, panels = _panels(("standard risk  SR", "robust risk  AR"))
    for colour, marker, psi1, collapse in zip(COLOURS, MARKERS, widths, critical, strict=False):
        radius = np.unique([*np.linspace(1e-3, 2.2, size.curve), *(collapse - np.geomspace(1e-6, 0.1, 60))])
        limit = solve(THEOREM, **SETTING, psi1=psi1, epsilon=radius).observables
        below = radius < collapse
        for panel, name in zip(panels, ("standard_risk", "robust_risk"), strict=True):
            panel.plot(radius[below], limit[name][below], color=colour, label=rf"$\psi_1 = {psi1:g}$")
            if psi1 > SETTING["psi2"]:
                alone = solve(THEOREM, **SETTING, psi1=psi1, epsilon=0.0).observables[name]
                panel.plot(0, alone, "o", ms=5, mfc=colour, mec=colour, clip_on=False, zorder=5)
            panel.plot(collapse, NULL_RISK, "o", ms=6, mec=colour, mew=1.5, zorder=5)
            chosen = {r: values for (x, r), values in draws.items() if x == psi1}
            _scatter(panel, chosen, name, colour, marker)
    for panel, top in zip(panels, (1.45, 2.6), strict=True):
        panel.set(xlim=(0, 2.2), ylim=(0.4, top), xlabel=r"attack radius $\epsilon$")
        _null_line(panel, at=2.19, side="right")
    panels[0].legend(loc="lower right", handlelength=1.8)
    text = ", ".join(f"{c:.4f}" for c in critical)
    lines = (
        rf"Rings: the critical radius $\epsilon_c$ ({text} for these $\psi_1$), from which on the zero estimator is "
        r"optimal and both risks are the null risk.",
        r"Dots at the left edge: $\epsilon = 0$ for $\psi_1 > \psi_2$, the interpolator of least norm; the limit "
        r"$\epsilon \to 0$ is another interpolator, the one of least gradient.",
    )
    return _caption(figure, size, *lines)


def draw_curse(size: Size) -> Figure:
    """Robust risk against psi1 at one epsilon: it rises above the null risk, peaks, and stays above."""
    radius, simulated = 0.5, (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.0, 4.0, 5.5, 8.0)
    draws = simulate_all([(psi1, radius) for psi1 in simulated], size)
    psi1 = np.geomspace(0.08, 100, size.curve)
    limit = solve(THEOREM, **SETTING, psi1=psi1, epsilon=radius).observables
    peak, height = find_peak(radius)
    figure = Figure(figsize=(7.2, 4.5))
    axes = figure.add_subplot()
    for name, label, colour, marker in (
        ("robust_risk", "robust risk AR", COLOURS[2], "o"),
        ("standard_risk", "standard risk SR", COLOURS[1], "s"),
    ):
        axes.plot(psi1, limit[name], color=colour, label=label)
        _scatter(axes, {x: values for (x, _), values in draws.items()}, name, colour, marker)
    axes.plot([peak, peak], [0, height], color="#666666", lw=0.9, ls=":")
    axes.plot(peak, height, "*", ms=12, mfc=COLOURS[2], mec="white", zorder=6)
    note = rf"peak at $\psi_1 = {peak:.4f}$" + f"\nAR = {height:.6f}"
    arrow = {"arrowstyle": "-", "lw": 0.7}
    axes.annotate(note, (peak, height), (peak * 1.9, height + 0.12), va="center", arrowprops=arrow)
    axes.set(xlim=(psi1[0], psi1[-1]), ylim=(0.5, 2.3), ylabel="risk")
    axes.set_title("The curse of overparametrization in adversarial training", loc="left", fontsize=11)
    _psi1_axis(axes)
    _null_line(axes, at=95, side="right")
    axes.legend(loc="lower right")
    return _caption(figure, size, rf"Attack radius $\epsilon = {radius:g}$ in training and in testing.")


def draw_phases(size: Size) -> Figure:
    """The critical radius against psi1 for several psi2, with the finite-size threshold of single draws."""
    samples, simulated = (0.5, 1.0, 2.0, 5.0, 20.0), (0.1, 0.3, 1.0, 3.0, 10.0)
    psi1 = np.geomspace(0.05, 100, size.curve)
    points = [(x, 0.0) for x in simulated]
    draws = simulate_all(points, size, "random_features:critical_epsilon_true_features", COLLAPSE)
    figure = Figure(figsize=(7.2, 4.5))
    axes = figure.add_subplot()
    for colour, psi2 in zip(COLOURS, samples, strict=False):
        chosen = psi2 == SETTING["psi2"]
        curve = critical_epsilon(psi1, psi2)
        axes.plot(psi1, curve, color=colour, lw=2.2 if chosen else 1.4, label=rf"$\psi_2 = {psi2:g}$")
        if chosen:
            axes.fill_between(psi1, curve, 100, color=colour, alpha=0.07, lw=0)
            _scatter(axes, {x: values for (x, _), values in draws.items()}, "critical_epsilon", colour, "s")
    axes.text(0.07, 3.2, "collapsed: the zero estimator is optimal", va="center")
    axes.text(12, 0.6, "robust training learns", va="center")
    axes.set_title("Where robust training collapses", loc="left", fontsize=11)
    axes.set(xlim=(psi1[0], psi1[-1]), ylim=(0.2, 30), yscale="log", ylabel=r"critical radius $\epsilon_c$")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _psi1_axis(axes)
    axes.legend(loc="upper left", ncols=3, columnspacing=1.4)
    lines = (
        r"Bold curve, shading and points: $\psi_2 = 2$. A draw's critical radius is $\|V^\top y\|_2 / \|y\|_1$, V the",
        "true features whitened by the mean Gram matrix of the gradient (L2).",
    )
    return _caption(figure, size, *lines, samples="as marked", rung="")


FIGURES = {
    "risk_against_psi1": draw_against_psi1,
    "risk_against_epsilon": draw_against_epsilon,
    "curse": draw_curse,
    "phases": draw_phases,
    "regimes": draw_regimes,
    "lazy": draw_lazy,
    "overfitted": draw_overfitted,
}


def critical_epsilon(psi1: Any, psi2: Any = SETTING["psi2"]) -> Any:
    """The limit's critical radius."""
    rest = {name: value for name, value in SETTING.items() if name not in ("psi2", "ridge")}
    return solve(COLLAPSE, **rest, psi1=psi1, psi2=psi2).observables["critical_epsilon"]


def find_peak(epsilon: float) -> tuple[float, float]:
    """(psi1, AR) at the highest robust risk, by refining a grid around its largest value."""
    low, high = 1.0, 10.0
    for _ in range(8):
        grid = np.linspace(low, high, 41)
        risk = solve(THEOREM, **SETTING, psi1=grid, epsilon=epsilon).observables["robust_risk"]
        best = int(np.argmax(risk))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 40)])
    return float(grid[best]), float(risk[best])


def _panels(titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.6, 4.4))
    panels = [figure.add_subplot(1, len(titles), index + 1) for index in range(len(titles))]
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, loc="left", fontsize=11)
    return figure, panels


def _scatter(axes: Axes, draws: dict[float, list[dict[str, float]]], name: str, colour: str, marker: str) -> None:
    """Means of the draws with bars of two standard errors."""
    for x, values in draws.items():
        seen = [value[name] for value in values]
        bar = 2 * stdev(seen) / len(seen) ** 0.5
        axes.errorbar(x, fmean(seen), bar, fmt=marker, color=colour, elinewidth=1)


def _psi1_axis(axes: Axes) -> None:
    axes.set(xscale="log", xlabel=r"features per input dimension $\psi_1 = N/d$")
    axes.xaxis.set_major_locator(FixedLocator([0.1, 0.3, 1, 3, 10, 30, 100]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _null_line(axes: Axes, *, at: float, side: str = "left", above: bool = True) -> None:
    axes.axhline(NULL_RISK, color="#666666", lw=0.9, ls=(0, (4, 3)), zorder=1)
    shift = (0, 3) if above else (0, -10)
    style: dict[str, Any] = {"fontsize": 8, "color": "#444444", "ha": side}
    axes.annotate("null risk", (at, NULL_RISK), shift, textcoords="offset points", **style)


def _caption(figure: Figure, size: Size, *lines: str, samples: str = "", rung: str = FIRST_ORDER) -> Figure:
    """All parameters, inside the figure."""
    fixed = (
        rf"Random features regression: $\psi_2 = n/d$ = {samples or format(SETTING['psi2'], 'g')}, noise $\tau$ = "
        rf"{SETTING['noise']:g}, signal $b$ = {SETTING['signal']:g}, ridge {SETTING['ridge']:g}, centred ReLU, inputs "
        r"$N(0, I_d)$, $\ell_2$ attack."
    )
    drawn = (
        f"Curves: the proportional limit. Points: means of {size.draws} draws at d = {size.dimension}{rung}, bars of 2 "
        f"standard errors, seed {size.seed}."
    )
    text = "\n".join((fixed, drawn, *lines))
    figure.text(0.012, 0.015, text, fontsize=7.4, color="#333333", va="bottom", linespacing=1.45)
    figure.tight_layout(rect=(0, (0.1 + 0.15 * (2 + len(lines))) / figure.get_figheight(), 1, 1), w_pad=2.5)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw every figure, or the named ones."""
    parser = argparse.ArgumentParser(description="Draws the figures of docs/figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="few small draws")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    chosen = parser.parse_args(arguments)
    for name in set(chosen.names) - FIGURES.keys():
        parser.error(f"figure {name!r} is unknown; there are {', '.join(FIGURES)}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    with house_style():
        for name in chosen.names or FIGURES:
            path = chosen.out / f"{name}.{chosen.format}"
            save_figure(FIGURES[name](QUICK if chosen.quick else Size()), path)
            print(path)


if __name__ == "__main__":
    main()
