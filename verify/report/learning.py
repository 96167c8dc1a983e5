"""The report of an adversarial training: its data for JSON, a table of the three models, and two figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verify.report.plotting import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from numerics.adversarial_ntk import Stopped
    from numerics.kernel_predictor import Accuracy

INTERPOLATOR, LEARNED, STOPPED = "NTK interpolator", "Adv-NTK", "gradient flow"


def accuracy_data(accuracy: Accuracy, /) -> dict[str, float | int]:
    """An accuracy for JSON."""
    return {"value": accuracy.value, "standard_error": accuracy.standard_error, "count": accuracy.count}


def model_data(name: str, note: str, test: tuple[Accuracy, Accuracy], robust_validation: Accuracy, /) -> dict[str, Any]:
    """One row of the table for JSON."""
    clean, robust = map(accuracy_data, test)
    return {
        "name": name,
        "note": note,
        "clean": clean,
        "robust": robust,
        "robust_validation": accuracy_data(robust_validation),
    }


def curve_data(curve: Sequence[Stopped], /) -> list[dict[str, Any]]:
    """The degeneration curve for JSON in the order of time; the time of the interpolator, infinity, is null."""
    return [
        {
            "time": one.time if math.isfinite(one.time) else None,
            "clean": accuracy_data(one.test[0]),
            "robust": accuracy_data(one.test[1]),
            "robust_validation": accuracy_data(one.validation[1]),
        }
        for one in sorted(curve, key=lambda one: one.time)
    ]


def percent(accuracy: Mapping[str, Any], /) -> str:
    """31.8 ± 1.5, in percent."""
    return f"{100 * accuracy['value']:.1f} ± {100 * accuracy['standard_error']:.1f}"


def model_table(report: Mapping[str, Any], /) -> Table:
    """One row a model: accuracy on clean and attacked test images, and on attacked validation images."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    counts = report["images"]
    title = (
        f"[bold]{len(report['classes'])} classes, radius {report['attack']['radius']:.4g}[/]  "
        f"{counts['training']} training, {counts['validation']} validation, {counts['test']} test images"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in ("clean, %", "robust, %", "on validation, %"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report["models"]:
        values = (percent(row[name]) for name in ("clean", "robust", "robust_validation"))
        table.add_row(f"{row['name']}, {row['note']}", *values)
    return table


def draw_degeneration(report: Mapping[str, Any], /) -> Figure:
    """Accuracy of plain gradient flow against the time at which it stops, Adv-NTK and the interpolator beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = figure.add_subplot()
    finite = [row for row in report["curve"] if row["time"] is not None]
    times = [row["time"] for row in finite]
    for place, (kind, words) in enumerate((("clean", "clean"), ("robust", "attacked"))):
        values, errors = ([100 * row[kind][name] for row in finite] for name in ("value", "standard_error"))
        colour, marker = COLOURS[place + 1], MARKERS[place + 1]
        label = f"gradient flow stopped, {words}"
        axes.errorbar(times, values, yerr=errors, label=label, color=colour, marker=marker)
        for model, line in ((INTERPOLATOR, ":"), (LEARNED, "--")):
            for row in (row for row in report["models"] if row["name"] == model):
                label = f"{model}, {words}"
                axes.axhline(100 * row[kind]["value"], color=colour, linestyle=line, linewidth=1.2, label=label)
    axes.set_xscale("log")
    axes.set(xlabel="training time", ylabel="accuracy on test images, %", ylim=(0, 101))
    axes.set_title(_heading(report), fontsize=9.5, loc="left")
    axes.legend(fontsize=7.4, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_times(report: Mapping[str, Any], times: Sequence[float], labels: Sequence[int], /) -> Figure:
    """The learned training times of the points, sorted within each class, and the loss of every step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    begun = 0
    for position, label in enumerate(report["classes"]):
        mine = sorted(time for time, one in zip(times, labels, strict=True) if one == position)
        places = range(begun, begun + len(mine))
        left.plot(places, mine, color=COLOURS[position % len(COLOURS)], linewidth=1.2)
        if len(report["classes"]) <= 20:
            left.annotate(str(label), (begun + len(mine) / 2, 1.0), xycoords=("data", "axes fraction"), ha="center")
        begun += len(mine)
    left.set(xlabel="training images, by class and by time", ylabel="learned training time |w|", ylim=(0, None))
    right.plot(range(1, len(report["losses"]) + 1), report["losses"], color=COLOURS[1], linewidth=1.2)
    right.set(xlabel="step", ylabel="loss on the attacked minibatch", ylim=(0, None))
    return figure


def _heading(report: Mapping[str, Any]) -> str:
    network, attack = report["network"], report["attack"]
    return (
        f"{network['depth']} hidden layers, {len(report['classes'])} classes, "
        f"{attack['kind']} with {attack['steps']} steps in an l_inf ball of {attack['radius']:.4g}"
    )
