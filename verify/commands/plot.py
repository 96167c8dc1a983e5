"""`plot`: the limit as curves, finite draws as points, in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.families import Axis, Family, read_axis, read_family, read_observables, read_sizes
from verify.commands.identifiers import load_one
from verify.commands.values import WordsCommand
from verify.report.plotting import FORMATS, house_style, save_figure

if TYPE_CHECKING:
    from derivations.core import Derivation
    from verify.commands.curves import Draws, SolvedCurve
    from verify.report.chart import Chart, Curve


@click.command("plot", cls=WordsCommand, short_help="Curves of a limit, with simulated points, in a file.")
@click.argument("text", metavar="ID")
@click.option(
    "--x", "axis", metavar="NAME=RANGE", help="The horizontal axis: a:b:n, or log:a:b:n for a logarithmic one."
)
@click.option(
    "--y", "asked", metavar="NAME", multiple=True, help="An observable, repeatable; default: a panel for each."
)
@click.option("--parametric", metavar="A,B", help="Observable B against A along the axis parameter instead.")
@click.option(
    "--set",
    "pairs",
    metavar="NAME=VALUE ...",
    multiple=True,
    help="The other parameters, as in solve. One may have several values, a curve each: 0.2,0.5 or 0:1:5, and "
    "'relu;tanh(t)' for functions and laws.",
)
@click.option("--simulate", "sizes", metavar="D,TRIALS", help="Add means of TRIALS draws of size D at nine places.")
@click.option("--rung", help="Which experiment, as in simulate.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The draws' seed, as in simulate.")
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option("--out", metavar="FILE", help="The file: .svg, .png or .pdf. One of that name is replaced.")
def command(
    *,
    text: str,
    axis: str | None,
    asked: tuple[str, ...],
    parametric: str | None,
    pairs: tuple[str, ...],
    sizes: str | None,
    rung: str | None,
    seed: int,
    device: str,
    out: str | None,
) -> int:
    """Draw the observables of a derivation's model against one of its parameters, or one against another.

    \b
    Example: plot random_features.robust_risk --x psi1=log:0.1:50:200 --y robust_risk
             --set psi2=2 epsilon=0.2,0.4,0.6 --simulate 100,8 --out risk.svg
    """
    path = writable_path(out)
    derivation = load_one(text)
    if not derivation.has_model:
        raise click.UsageError(f"ID: {derivation.id} has no model to plot; `list` marks those that have")
    if axis is None:
        raise click.UsageError("--x is missing: allowed is NAME=a:b:n or NAME=log:a:b:n")
    across = read_axis(derivation.model, axis)
    names = read_observables(derivation.model, asked, parametric)
    family = read_family(derivation.model, pairs, across)
    draws = read_draws(derivation, sizes, rung, seed, device)
    chart = _chart(derivation, across, names, family, draws, parametric=parametric is not None)
    _save(chart, derivation, path)
    click.echo(out)
    return 0


def writable_path(out: str | None, /) -> Path:
    """The path of the file to write. Raises click.UsageError, before anything is computed, where none can be."""
    allowed = "allowed is a file that ends in .svg, .png or .pdf"
    if out is None:
        raise click.UsageError(f"--out is missing: {allowed}")
    path = Path(out)
    if path.suffix[1:].lower() not in FORMATS:
        raise click.UsageError(f"--out: {out!r} has no format that can be written; {allowed}")
    if path.exists() and not path.is_file():
        raise click.UsageError(f"--out: {out!r} exists and is no file; {allowed}")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise click.UsageError(f"--out: there is no folder {str(path.parent)!r}; make it first")
    if not os.access(folder, os.W_OK):
        raise click.UsageError(f"--out: the folder {str(path.parent)!r} cannot be written to")
    return path


def read_draws(derivation: Derivation, sizes: str | None, rung: str | None, seed: int, device: str, /) -> Draws | None:
    """What to simulate; None without --simulate. Raises click.UsageError where there is nothing to simulate."""
    if sizes is None:
        if rung is not None:
            raise click.UsageError("--rung: it chooses what --simulate draws; give --simulate D,TRIALS too")
        return None
    from verify.commands.curves import Draws
    from verify.commands.simulate import chosen_device, chosen_rung

    dimension, trials = read_sizes(sizes)
    chosen, _ = chosen_rung(derivation, rung)
    return Draws(dimension, trials, chosen, seed, chosen_device(device))


def _chart(
    derivation: Derivation,
    axis: Axis,
    names: tuple[str, ...],
    family: Family,
    draws: Draws | None,
    /,
    *,
    parametric: bool,
) -> Chart:
    """Every curve solved and simulated, with the words around it; notes about gaps go to standard error."""
    from verify.commands.curves import solve_curve
    from verify.report.chart import Chart
    from verify.report.labels import axis_label, curve_label, fixed_line, with_letters

    labels = [curve_label(family.name, text) for text in family.texts] or [""]
    solved = [
        solve_curve(derivation, pairs, axis, names, label=label)
        for pairs, label in zip(family.pairs(), labels, strict=True)
    ]
    varied = {axis.parameter.name, family.name}
    points = [point for one in solved for point in one.points]
    empty = _empty(solved, names)
    if set(names) & set(empty) if parametric else set(names) <= set(empty):
        name = next(name for name in names if name in empty)
        raise click.UsageError(f"--x: {name} is finite nowhere on this axis: {empty[name]}")
    _tell_gaps(solved)
    curves = _with_points(derivation, solved, axis, names, draws)
    heading = next((axis_label(item) for item in derivation.model.parameters if item.name == family.name), "")
    return Chart(
        title=with_letters(derivation.title),
        x_label=axis_label(axis.parameter),
        logarithmic=axis.range.logarithmic,
        observables=names,
        curves=curves,
        parametric=parametric,
        legend_title=heading,
        caption=_caption(axis, draws, fixed_line(derivation, points, varied), parametric=parametric),
        empty=empty,
    )


def _with_points(
    derivation: Derivation, solved: Iterable[SolvedCurve], axis: Axis, names: Sequence[str], draws: Draws | None
) -> list[Curve]:
    from dataclasses import replace

    from verify.commands.curves import simulated_points

    if draws is None:
        return [one.curve for one in solved]
    found = []
    for one in solved:
        points, lines = simulated_points(derivation, one.fixed, axis, names, draws)
        for line in lines:
            _note(f"no simulated point{_of(one)}: {line}")
        found.append(replace(one.curve, points=points))
    return found


def _caption(axis: Axis, draws: Draws | None, fixed: str, *, parametric: bool) -> list[str]:
    from verify.report.labels import direction_line, simulation_line

    lines = [fixed]
    if parametric:
        lines.append(direction_line(axis.parameter, axis.range.first, axis.range.last))
    if draws is not None:
        lines.append(simulation_line(draws.rung, draws.dimension, draws.trials, seed=draws.seed))
    return lines


def _empty(solved: Sequence[SolvedCurve], names: Sequence[str]) -> Mapping[str, str]:
    """The observables that are finite nowhere, with the first reason."""
    found = {}
    for name in names:
        reasons = [(reason, count) for one in solved for (key, reason), count in one.gaps.items() if key == name]
        if sum(count for _, count in reasons) == sum(len(one.points) for one in solved):
            found[name] = reasons[0][0]
    return found


def _tell_gaps(solved: Sequence[SolvedCurve]) -> None:
    """Why there are gaps, on standard error: what concerns every curve in one line, the rest by curve."""
    total = sum(len(one.points) for one in solved)
    for name, reason in dict.fromkeys(gap for one in solved for gap in one.gaps):
        concerned = [one for one in solved if (name, reason) in one.gaps]
        if len(concerned) == len(solved):
            missing = sum(one.gaps[name, reason] for one in solved)
            _note(f"{name} is not finite at {missing} of {total} points: {reason}")
            continue
        for one in concerned:
            missing = one.gaps[name, reason]
            _note(f"{name} is not finite at {missing} of {len(one.points)} points{_of(one)}: {reason}")


def _of(one: SolvedCurve) -> str:
    return f" of {one.curve.label}" if one.curve.label else ""


def _note(text: str) -> None:
    click.echo(f"note: {text}", err=True)


def _save(chart: Chart, derivation: Derivation, path: Path) -> None:
    from verify.report.chart import draw_chart

    with house_style():
        figure: Any = draw_chart(chart)
        save_figure(figure, path, title=derivation.id, description=" ".join(chart.caption))
