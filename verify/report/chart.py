"""A chart of a limit: curves against a parameter or one another, finite draws as points, all parameters below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from verify.report.plotting import COLOURS, MARKERS
from verify.report.points import spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

CAPTION_SIZE = 7.4
DOT = "A filled dot is the limit at that very place; beside it the curve has another one."
LEGEND_WIDTH = 26
"""Characters in a line of the legend."""


@dataclass(frozen=True)
class DrawnPoint:
    """The mean over the draws at one place, and the half length of its bar (0: none), by observable."""

    x: float
    mean: Mapping[str, float]
    bar: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """Each observable at the same places `x`, NaN where there is nothing to draw.

    `alone` are the indices of an observable's values that no line leads to: the limit jumps there.
    """

    label: str
    x: Sequence[float]
    values: Mapping[str, Sequence[float]]
    alone: Mapping[str, Sequence[int]] = field(default_factory=dict)
    points: Sequence[DrawnPoint] = ()

    def connected(self, *names: str) -> list[list[float]]:
        """The values of each observable, NaN where no line leads to."""
        hidden = {place for name in names for place in self.alone.get(name, ())}
        return [[math.nan if i in hidden else v for i, v in enumerate(self.values[name])] for name in names]


@dataclass(frozen=True)
class Chart:
    """What is drawn: a panel for each observable, or the second against the first when `parametric`."""

    title: str
    x_label: str
    logarithmic: bool
    observables: tuple[str, ...]
    curves: Sequence[Curve]
    parametric: bool = False
    legend_title: str = ""
    caption: Sequence[str] = ()
    empty: Mapping[str, str] = field(default_factory=dict)
    """Why an observable has no finite value anywhere."""


def draw_chart(chart: Chart, /) -> Figure:
    """The chart as a figure, to be called and saved in the house style."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    panels = 1 if chart.parametric else len(chart.observables)
    columns = panels if panels < 4 else 2 if panels == 4 else 3
    rows = -(-panels // columns)
    width = (6.0, 9.0, 12.0)[columns - 1] + (1.8 if len(chart.curves) > 1 else 0)
    figure = Figure()
    caption = [*chart.caption]
    for index in range(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        lower = index + columns >= panels
        caption += _draw_tradeoff(axes, chart) if chart.parametric else _draw_panel(axes, chart, index, lower=lower)
    text = "\n".join(line for part in dict.fromkeys(caption) for line in textwrap.wrap(part, int(width * 16)))
    below = 0.12 + (text.count("\n") + 1) * CAPTION_SIZE * 1.5 / 72
    title = textwrap.fill(chart.title.replace("$", r"\$"), int(width * 12))
    height = (4.0 if panels == 1 else 3.4 * rows) + 0.25 * (title.count("\n") + 1) + below
    figure.set_size_inches(width, height)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, below / height, 1, 1 - below / height), w_pad=0.08))
    figure.suptitle(title, x=0.012, ha="left", fontsize=11)
    style: dict[str, Any] = {"fontsize": CAPTION_SIZE, "color": "#333333", "va": "bottom", "linespacing": 1.45}
    figure.text(0.012, 0.07 / height, text, parse_math=False, **style)
    if len(chart.curves) > 1:
        heading = textwrap.fill(chart.legend_title, LEGEND_WIDTH)
        figure.legend(handles=_legend(chart), title=heading, loc="outside right upper", alignment="left")
    return figure


def _legend(chart: Chart, /) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], color=colour, marker=marker if curve.points else "", label=textwrap.fill(curve.label, LEGEND_WIDTH)
        )
        for curve, colour, marker in zip(chart.curves, *_looks(len(chart.curves)), strict=True)
    ]


def _draw_panel(axes: Axes, chart: Chart, index: int, /, *, lower: bool) -> list[str]:
    """One observable against the parameter; what the caption has to add."""
    name = chart.observables[index]
    for curve, colour, marker in zip(chart.curves, *_looks(len(chart.curves)), strict=True):
        axes.plot(curve.x, *curve.connected(name), color=colour)
        for place in curve.alone.get(name, ()):
            axes.plot(curve.x[place], curve.values[name][place], "o", ms=5, mfc=colour, mec=colour, clip_on=False)
        for point in curve.points:
            if math.isfinite(point.mean[name]):
                bar = point.bar[name] or None
                axes.errorbar(point.x, point.mean[name], bar, fmt=marker, color=colour, elinewidth=1, zorder=4)
    axes.set_ylabel(spaced(name))
    if lower:
        axes.set_xlabel(chart.x_label)
    ends = [curve.x[place] for curve in chart.curves for place in (0, -1)]
    _parameter_axis(axes, min(ends), max(ends), logarithmic=chart.logarithmic)
    if name in chart.empty:
        text = textwrap.fill(f"nothing finite to draw: {chart.empty[name]}", 40)
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#444444")
        axes.set_yticks([])
        return []
    jumps = [DOT] if any(curve.alone.get(name) for curve in chart.curves) else []
    return jumps + _cut_peak(axes, name, [value for curve in chart.curves for value in curve.values[name]])


def _draw_tradeoff(axes: Axes, chart: Chart, /) -> list[str]:
    """The second observable against the first; a dot where the parameter starts, an arrow along its direction."""
    first, second = chart.observables
    for curve, colour, marker in zip(chart.curves, *_looks(len(chart.curves)), strict=True):
        across, up = curve.connected(first, second)
        axes.plot(across, up, color=colour)
        seen = [place for place in range(len(across)) if math.isfinite(across[place]) and math.isfinite(up[place])]
        if seen:
            axes.plot(across[seen[0]], up[seen[0]], "o", color=colour, mfc=colour, ms=4.5)
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.2, "mutation_scale": 15}
        for tail, head in _arrows(across, up):
            axes.annotate("", xy=head, xytext=tail, arrowprops=arrow)
        for point in curve.points:
            if all(math.isfinite(point.mean[name]) for name in chart.observables):
                bars = point.bar[second] or None, point.bar[first] or None
                axes.errorbar(point.mean[first], point.mean[second], *bars, fmt=marker, color=colour, elinewidth=1)
    axes.set(xlabel=spaced(first), ylabel=spaced(second))
    return []


def _arrows(across: Sequence[float], up: Sequence[float], /) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Where the arrow of a curve lies: the segment at half of its length, in units of its own extent."""
    pairs = list(zip(across, up, strict=True))
    finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if not finite:
        return []
    spans = [max(values) - min(values) or 1.0 for values in zip(*finite, strict=True)]
    segments = [(a, b) for a, b in pairwise(pairs) if all(map(math.isfinite, (*a, *b)))]
    lengths = [math.hypot((b[0] - a[0]) / spans[0], (b[1] - a[1]) / spans[1]) for a, b in segments]
    walked = 0.0
    for segment, length in zip(segments, lengths, strict=True):
        walked += length
        if length and walked >= sum(lengths) / 2:
            return [segment]
    return []


def _looks(count: int, /) -> tuple[list[str], list[str]]:
    """A colour and a marker for each curve: distinct ones for a few, a scale from dark to light for many."""
    markers = [MARKERS[place % len(MARKERS)] for place in range(count)]
    if count == 1:
        return [COLOURS[1]], ["o"]
    if count <= len(COLOURS):
        return list(COLOURS[:count]), markers
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](0.92 * place / (count - 1))) for place in range(count)], markers


def _parameter_axis(axes: Axes, low: float, high: float, /, *, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_xlim(low, high)
    if not logarithmic:
        return
    axes.set_xscale("log")
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 3.5 else (1.0, 3.0) if decades > 1.6 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12) if decades > 0.8 else MaxNLocator(6))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _cut_peak(axes: Axes, name: str, values: Sequence[float], /) -> list[str]:
    """End the axis below a peak that would flatten everything else; the caption says so."""
    finite = [value for value in values if math.isfinite(value)]
    heights = sorted(map(abs, finite))
    usual = heights[int(0.9 * (len(heights) - 1))]
    if not usual or heights[-1] < 8 * usual:
        return []
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -3 * usual) if min(finite) < 0 else 0, min(high, 3 * usual))
    return [f"The axis of {spaced(name)} is cut at {3 * usual:.3g}; the curves reach {heights[-1]:.3g}."]
