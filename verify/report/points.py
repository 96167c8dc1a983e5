"""Solved points as JSON data, as CSV rows and as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from numerics.solution import Solution

STYLES = {"converged": "green", "collapsed": "yellow", "outside_domain": "yellow", "not_converged": "bold red"}
MOST_ROWS = 30
NO_ROOT = "without a value in this phase: "


def finite_or_none(value: float, /) -> float | None:
    """The number as JSON can hold it: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def point_data(solution: Solution, index: int, /, *, seconds: float) -> dict[str, Any]:
    """The point at a flat index as JSON data; what is infinite or undefined is None, with a line in notes."""
    unknowns = {name: finite_or_none(values.flat[index]) for name, values in solution.unknowns.items()}
    observables = {name: finite_or_none(values.flat[index]) for name, values in solution.observables.items()}
    notes = solution.notes(index)
    missing = [name for name, value in unknowns.items() if value is None]
    if missing:
        notes.append(NO_ROOT + ", ".join(missing))
    return {
        "id": solution.id,
        "parameters": {
            name: value if isinstance(value, str) else finite_or_none(value.flat[index])
            for name, value in solution.parameters.items()
        },
        "status": str(solution.status.flat[index]),
        "phase": str(solution.phase.flat[index]),
        "observables": observables,
        "unknowns": unknowns,
        "residual": finite_or_none(solution.residual.flat[index]),
        "notes": notes,
        "seconds": seconds,
    }


def csv_rows(points: Iterable[dict[str, Any]], /) -> Iterator[list[object]]:
    """A header, then one row a point: parameters, status, phase, observables, unknowns, residual, notes."""
    groups = ("parameters", "observables", "unknowns")
    for place, point in enumerate(points):
        if not place:
            names = {group: list(point[group]) for group in groups}
            clash = {name for name in names["unknowns"] if name in names["observables"] or name in names["parameters"]}
            unknowns = [f"unknown_{name}" if name in clash else name for name in names["unknowns"]]
            yield [*names["parameters"], "status", "phase", *names["observables"], *unknowns, "residual", "notes"]
        before, after = point["parameters"].values(), [*point["observables"].values(), *point["unknowns"].values()]
        yield [*before, point["status"], point["phase"], *after, point["residual"], "; ".join(point["notes"])]


def read_notes(notes: Iterable[str], /) -> list[str]:
    """The notes for a reader: those on unknowns that the tables leave out are for the fields that JSON and CSV have."""
    return [note for note in notes if not note.startswith(NO_ROOT)]


def point_table(point: dict[str, Any], /) -> RenderableType:
    """One point, a quantity a line, without the unknowns of other phases and branches; then the notes."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"[bold]{point['id']}[/]", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    table.add_column(style="dim")
    table.add_column()
    table.add_column()
    for group in ("parameters", "observables", "unknowns"):
        known = {name: value for name, value in point[group].items() if group != "unknowns" or value is not None}
        for place, (name, value) in enumerate(known.items()):
            table.add_row("" if place else group, name, shown(value))
    status = Text(point["status"], STYLES[point["status"]])
    table.add_row("status", status, point["phase"])
    table.add_row("residual", shown(point["residual"]), f"{point['seconds']:.3f} s")
    return Group(table, *(Text(f"  {note}") for note in read_notes(point["notes"])))


def grid_table(points: Sequence[dict[str, Any]], varied: Sequence[str], /) -> RenderableType:
    """The points of a grid, one a row: the varied parameters, the observables, the status, the certificate if any."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"[bold]{points[0]['id']}[/]", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for name in [*varied, *points[0]["observables"]]:
        table.add_column(spaced(name), justify="right", overflow="fold")
    table.add_column("status", no_wrap=True)
    certified = "certificate" in points[0]
    if certified:
        table.add_column("proved", no_wrap=True)
    for point in points:
        numbers = [shown(point["parameters"][name], 5) for name in varied]
        numbers += [shown(value, 5) for value in point["observables"].values()]
        proved = [point["certificate"]["status"]] if certified else []
        table.add_row(*numbers, Text(point["status"], STYLES[point["status"]]), *proved)
    return table


def spaced(name: str, /) -> str:
    """A quantity's name as words."""
    return name.replace("_", " ").replace("dirichlet", "Dirichlet")


def shown(value: float | str | None, digits: int = 7, /) -> str:
    """A number to `digits` significant digits; a dash where there is none."""
    return "—" if value is None else value if isinstance(value, str) else f"{value:.{digits}g}"
