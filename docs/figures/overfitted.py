"""Overfitted networks: their size and error against the number of samples, their robust error against the radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import fmean, stdev
from typing import Any

import numpy as np
from draws import Job, Size, run_jobs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from derivations.overfitted_networks.takagi import variance
from numerics import solve
from numerics.experiments.overfitted_networks import target
from numerics.overfit import overfit
from numerics.sampling import stream
from numerics.separation import Neighbours
from verify.report.plotting import COLOURS, MARKERS

NOISE, DENSENESS = 0.1, 4
"""Variance of the labels' noise, and c in n = c N^(2r + d)."""
RATES = ((1, 1), (1, 2), (1, 3), (2, 1))
"""Smoothness r and dimension d."""
CLASSES: dict[str, Any] = {"samples": 1000, "bad_samples": 16, "dimension": 2, "ramp": 2**-6, "label_noise": 0.1}
RADII = (0.005, 0.0125, 0.02, 0.0275, 0.035, 0.0425, 0.05)
CURVE = 40
"""Places of a curve, all of them smooth."""

SIDE = 4
"""Cells along an axis of the lattice that holds the 16 bad samples."""


def draw_overfitted(size: Size) -> Figure:
    """Nonzeros of a sample, mean squared error and robust error: theory as curves, built networks as points."""
    figure = Figure(figsize=(12.6, 4.8))
    panels = [figure.add_subplot(1, 3, index + 1) for index in range(3)]
    titles = ("nonzero parameters for each sample", "mean squared error", "0-1 error")
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, loc="left", fontsize=11)
    _draw_sizes(panels[0], size)
    _draw_rates(panels[1], size)
    _draw_errors(panels[2], size)
    style: dict[str, Any] = {"fontsize": 7.4, "color": "#333333", "va": "bottom", "linespacing": 1.45}
    figure.text(0.012, 0.015, "\n".join(_caption(size)), parse_math=False, **style)
    figure.tight_layout(rect=(0, 0.78 / figure.get_figheight(), 1, 1), w_pad=2.5)
    return figure


def _draw_sizes(axes: Axes, size: Size) -> None:
    counts = [2**power for power in range(6, 20) if 2**power <= _most(size)]
    for colour, marker, dimension in zip(COLOURS, MARKERS, (1, 2, 3), strict=False):
        found = [_measure_size(dimension, count, size.seed) for count in counts]
        budget = [limit / count for count, (_, limit) in zip(counts, found, strict=True)]
        nonzeros = [used / count for count, (used, _) in zip(counts, found, strict=True)]
        axes.plot(counts, budget, color=colour)
        axes.plot(counts, nonzeros, marker, color=colour, label=f"d = {dimension}")
        axes.axhline(6 * dimension + 3, color=colour, lw=0.9, ls=(0, (4, 3)), zorder=1)
    axes.set(ylim=(0, 26), ylabel="nonzeros / n")
    _sample_axis(axes, counts[0] / 1.4, counts[-1] * 1.4)
    axes.legend(loc="upper right", ncols=3, handlelength=1.2, columnspacing=1.2)


def _measure_size(dimension: int, count: int, seed: int) -> tuple[int, int]:
    """Nonzeros and budget of the certified network of independent samples with a quarter of their separation as
    radius."""
    numbers = stream(seed, f"figure overfitted size {dimension}", count)
    points = numbers.random((count, dimension))
    labels = target(points, 1) + math.sqrt(NOISE) * numbers.standard_normal(count)
    found = overfit(points, labels, float(Neighbours(points).least_distance or 1) / 4)
    if not found.certified or found.function is None:
        raise ValueError(f"count: {count} samples in dimension {dimension} have no certified network: {found.status}")
    return found.function.network.size, found.function.budget


def _draw_rates(axes: Axes, size: Size) -> None:
    for colour, marker, (order, dimension) in zip(COLOURS, MARKERS, RATES, strict=False):
        power = 2 * order + dimension
        last = (_most(size) / DENSENESS) ** (1 / power)
        cells = [n for n in (2, 3, 4, 5, 6, 8, 16, 32) if n <= last * (1 + 1e-9) and (order == 2 or n & (n - 1) == 0)]
        fine = np.geomspace(2, last * 1.1, CURVE)
        height = _predict(order, dimension, fine)
        axes.plot(DENSENESS * fine**power, height, color=colour)
        counts = [DENSENESS * n**power for n in cells]
        ends = fine[[0, -1]]
        rate = (ends / fine[-1]) ** (-2 * order) * height[-1]
        axes.plot(DENSENESS * ends**power, rate, color=colour, lw=0.9, ls=(0, (4, 3)))
        setting = {"samples": 2, "dimension": dimension, "smoothness": order, "noise": NOISE, "radius": 1, "ramp": 1}
        for n, count in zip(cells, counts, strict=True):
            point = _draws("regression", "regression_error", {**setting, "nodes": n}, count, size)
            _mark(axes, count, [one["standard_error"] for one in point], colour, marker)
        slope = Fraction(2 * order, power)
        axes.plot([], [], marker, ls="-", color=colour, label=f"d = {dimension}, r = {order}, slope -{slope}")
    axes.set(yscale="log", ylabel="E (f - f*)²")
    axes.yaxis.set_minor_locator(NullLocator())
    _sample_axis(axes, 20, _most(size) * 1.6)
    axes.legend(loc="lower left", handlelength=1.6)


def _predict(order: int, dimension: int, cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """N^(-2r) V_r + s2 (N + 1)^d/n with n = c N^(2r + d)."""
    bias = float(variance(order)) / cells ** (2 * order)
    return np.asarray(bias + NOISE * (cells + 1) ** dimension / (DENSENESS * cells ** (2 * order + dimension)))


def _draw_errors(axes: Axes, size: Size) -> None:
    most = (1 / SIDE - 2 * CLASSES["ramp"]) / 4
    radius = np.linspace(1e-4, most, CURVE)
    limit = solve("overfitted_networks.classification", **CLASSES, radius=radius).observables
    curves: tuple[tuple[str, str, str, Any], ...] = (
        ("robust_error_bound", "upper bound", COLOURS[0], ":"),
        ("robust_error", "robust error of f, exact", COLOURS[2], "-"),
        ("lower_bound", "lower bound, every function", COLOURS[0], (0, (4, 3))),
        ("standard_error", "standard error of f, exact", COLOURS[1], "-"),
    )
    axes.fill_between(radius, limit["lower_bound"], limit["robust_error_bound"], color=COLOURS[2], alpha=0.07, lw=0)
    for name, label, colour, dashes in curves:
        axes.plot(radius, limit[name], color=colour, ls=dashes, label=label)
    for place in RADII:
        point = _draws("classification", "robust_error", {**CLASSES, "radius": place}, _most(size) // 4, size)
        for name, colour, marker in (("robust_error", COLOURS[2], "o"), ("standard_error", COLOURS[1], "s")):
            _mark(axes, place, [one[name] for one in point], colour, marker)
    axes.axhline(CLASSES["label_noise"], color="#666666", lw=0.9, ls=(0, (1, 2)), zorder=1)
    style: dict[str, Any] = {"fontsize": 8, "color": "#444444", "ha": "right"}
    axes.annotate("label noise", (most, CLASSES["label_noise"]), (0, -10), textcoords="offset points", **style)
    axes.set(xlim=(0, most), ylim=(0, 1.02), xlabel="attack radius δ", ylabel="error")
    axes.legend(loc="upper left")


def _draws(theorem: str, experiment: str, at: dict[str, float], count: int, size: Size) -> list[dict[str, float]]:
    """The observables of every draw at one place, with this many samples or test points."""
    text = " ".join(f"{name}={value:g}" for name, value in at.items())
    key = f"figure overfitted {experiment} {text} {count}"
    identity, name = f"overfitted_networks.{theorem}", f"overfitted_networks:{experiment}"
    sized = replace(size, dimension=count)
    return run_jobs([Job(identity, name, at, key, trial, sized) for trial in range(size.draws)], 0)


def _mark(axes: Axes, x: float, values: Sequence[float], colour: str, marker: str) -> None:
    bar = 2 * stdev(values) / len(values) ** 0.5
    axes.errorbar(x, fmean(values), bar, fmt=marker, color=colour, elinewidth=1, zorder=4)


def _sample_axis(axes: Axes, low: float, high: float) -> None:
    axes.set(xscale="log", xlim=(low, high), xlabel="samples n")
    axes.xaxis.set_minor_locator(NullLocator())


def _most(size: Size) -> int:
    """The largest number of samples drawn."""
    return 200 * size.dimension


def _caption(size: Size) -> tuple[str, ...]:
    """All parameters."""
    at = CLASSES
    return (
        "Left: certified networks of `overfit` for regression, uniform samples, target T_1, noise variance "
        f"{NOISE:g}, radius separation/4. Lines: the budget ((6d + 3) n + P_g + K)/n. Dashed: 6d + 3.",
        f"Middle: least squares on N cells an axis and bumps, n = {DENSENESS} N^(2r + d), target T_r, noise variance "
        f"{NOISE:g}, radius = ramp = separation/16. Curves: N^(-2r) V_r + {NOISE:g} (N + 1)^d/n for fixed designs. "
        "Dashed: slope -2r/(2r + d).",
        f"Right: saturated teacher, d = {at['dimension']:g}, {at['bad_samples']:g} bad samples, ramp {at['ramp']:g}, "
        f"label noise {at['label_noise']:g}, attacked exactly at {_most(size) // 4} points. Middle and right: means "
        f"of {size.draws} draws, bars of two standard errors, seed {size.seed}.",
    )
