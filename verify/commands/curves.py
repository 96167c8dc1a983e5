"""The curves and the simulated points of a plot, and why some places have none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from verify.commands.families import Axis
from verify.commands.simulate import chosen_rung, drawn, summary
from verify.commands.solve import admissible_settings, solved_points
from verify.report.chart import Curve, DrawnPoint

if TYPE_CHECKING:
    from derivations.core import Derivation
    from numerics.lab import Device

PLACES = 9
"""Simulated places along a curve."""

JUMP = 0.02
"""The share of a curve's extent by which a single place has to miss its continuation to stand alone."""
STEEPEST = 4
"""How many times the step before it the last step to a place may be, and the curve still go on."""

BARS = 2
"""Standard errors on either side of a mean."""


@dataclass(frozen=True)
class Draws:
    """How the points are simulated."""

    dimension: int
    trials: int
    rung: str
    seed: int
    device: Device


@dataclass(frozen=True)
class SolvedCurve:
    """A curve with its solved points, its fixed parameters, and why it has gaps: (observable, reason) and how often."""

    curve: Curve
    points: Sequence[Mapping[str, Any]]
    fixed: Mapping[str, float | str]
    gaps: Mapping[tuple[str, str], int]


def solve_curve(
    derivation: Derivation, pairs: tuple[str, ...], axis: Axis, names: Sequence[str], /, *, label: str
) -> SolvedCurve:
    """The curve at the parameters of `pairs`. Raises click.UsageError for what is not admissible, by its option."""
    name = axis.parameter.name
    try:
        fixed, ranges = admissible_settings(derivation, (*pairs, f"{name}={axis.text}"))
        points = list(solved_points(derivation, fixed, ranges))
    except click.UsageError as error:
        own = error.message.startswith(f"--set: {name} ")
        raise click.UsageError(error.message.replace("--set", "--x", 1)) if own else error from error
    gaps: Counter[tuple[str, str]] = Counter()
    values: dict[str, list[float]] = {}
    for wanted in names:
        found = [point["observables"][wanted] for point in points]
        values[wanted] = [math.nan if value is None else value for value in found]
        gaps.update(
            (wanted, next(iter(point["notes"]), point["status"]))
            for point, value in zip(points, found, strict=True)
            if value is None
        )
    places = [point["parameters"][name] for point in points]
    alone = {wanted: _isolated(points, found) for wanted, found in values.items()}
    return SolvedCurve(Curve(label, places, values, alone), points, fixed, gaps)


def _isolated(points: Sequence[Mapping[str, Any]], values: Sequence[float]) -> list[int]:
    """Where a closed form holds at one place only and its value is no continuation of the curve: the limit jumps."""
    finite = [value for value in values if math.isfinite(value)]
    extent = max(finite) - min(finite) if finite else 0.0
    phases = [point["phase"] for point in points]
    found = []
    for place, point in enumerate(points):
        beside = [place + way for way in (-1, 1) if 0 <= place + way < len(points)]
        if point["status"] != "converged" or any(phases[other] == phases[place] for other in beside):
            continue
        further = [(other, 2 * other - place) for other in beside if 0 <= 2 * other - place < len(points)]
        misses = [_miss(values[far], values[near], values[place]) for near, far in further]
        if all(miss > JUMP * extent for miss in misses if math.isfinite(miss)):
            found.append(place)
    return found


def _miss(far: float, near: float, value: float) -> float:
    """How far `value` is from continuing the curve: a line, or a root, whose last step is 2.4 times the one before."""
    before, last = near - far, value - near
    return 0.0 if before * last > 0 and abs(last) < STEEPEST * abs(before) else abs(last - before)


def simulated_points(
    derivation: Derivation, fixed: Mapping[str, float | str], axis: Axis, names: Sequence[str], draws: Draws, /
) -> tuple[list[DrawnPoint], list[str]]:
    """The means at some places of the axis, with bars, and a line for every place without.

    The numbers at a place are those of `simulate` there: places have three digits, so that they can be typed. Raises
    click.UsageError when no place can be drawn.
    """
    found, lines = [], []
    places = simulated_places(axis)
    for count, place in enumerate(places, start=1):
        progress = f"place {count} of {len(places)}, "
        try:
            found.append(_point(derivation, {**fixed, axis.parameter.name: place}, place, names, draws, progress))
        except click.UsageError as error:
            message = error.message.replace("--dimension", "--simulate", 1)
            lines.append(f"{message} ({axis.parameter.name} = {place:g})")
    if not found:
        raise click.UsageError(lines[0])
    return found, lines


def simulated_places(axis: Axis, /) -> list[float]:
    """Nine places (fewer on a coarse axis), centred in equal parts of the axis, to three digits inside the range."""
    import numpy as np

    span = axis.range
    count = min(PLACES, span.count)
    centres = (np.arange(count) + 0.5) / count * (span.count - 1)
    rounded = [float(f"{value:.3g}") for value in span.take(centres)]
    low, high = sorted((span.first, span.last))
    return list(dict.fromkeys(min(max(value, low), high) for value in rounded))


def _point(
    derivation: Derivation,
    at: Mapping[str, float | str],
    place: float,
    names: Sequence[str],
    draws: Draws,
    progress: str,
) -> DrawnPoint:
    _, experiment = chosen_rung(derivation, draws.rung)
    found = drawn(
        derivation,
        experiment,
        at,
        dimension=draws.dimension,
        trials=draws.trials,
        seed=draws.seed,
        device=draws.device,
        progress=progress,
    )
    mean, bar = {}, {}
    for name in names:
        described = summary([draw.get(name, math.nan) for draw in found], None)
        mean[name] = math.nan if described["mean"] is None else described["mean"]
        bar[name] = BARS * (described["standard_error"] or 0.0)
    return DrawnPoint(place, mean, bar)
