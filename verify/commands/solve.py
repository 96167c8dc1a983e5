"""`solve`: the limit at one point or on a grid."""

from __future__ import annotations

import csv
import itertools
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from verify.commands.certified import certified_points, certified_stretch, require_certifiable, require_seconds
from verify.commands.identifiers import load_one
from verify.commands.values import Interval, Range, WordsCommand, find_interval, read_settings

if TYPE_CHECKING:
    from rich.console import Console

    from derivations.core import Derivation

BLOCK = 65536
"""Points solved and written at a time: a grid of any size needs the memory of one block."""


@click.command("solve", cls=WordsCommand, short_help="The limit at given parameters, or on a grid.")
@click.argument("text", metavar="ID")
@click.option(
    "--set",
    "pairs",
    metavar="NAME=VALUE ...",
    multiple=True,
    help="A number, a range a:b:n (n values from a to b) or log:a:b:n; several ranges make a grid. With --certify or "
    "--digits also one interval a..b: every value from a to b.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@click.option("--digits", type=int, metavar="N", help="N correct digits as decimal text (1 to 1000), with --certify.")
@click.option("--certify", is_flag=True, help="Prove the root: enclosures, and a box in which it is unique.")
@click.option(
    "--seconds",
    type=float,
    metavar="S",
    help="With --certify or --digits: the most time for each point (20) or for the whole interval (120).",
)
def command(
    text: str,
    pairs: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    digits: int | None,
    certify: bool,
    seconds: float | None,
) -> int:
    """Solve a derivation's model and print its observables. `show ID` lists the parameters.

    \b
    Example: solve random_features.robust_risk --set psi1=log:0.1:50:200 psi2=2 epsilon=0.5 --csv

    With --digits or --certify a parameter is the exact decimal number that was typed. One may be an interval, as in
    psi1=0.5..3: then a root, and its continuity, is proved for every value, and the enclosures hold for all of them.
    """
    if as_json and as_csv:
        raise click.UsageError("--csv: cannot be combined with --json; give one of them")
    derivation = load_one(text)
    exact = certify or digits is not None
    require_seconds(seconds, exact)
    if exact and derivation.has_model and (interval := find_interval(derivation.model, pairs)):
        return _solve_stretch(derivation, pairs, interval, digits, seconds, as_csv=as_csv, as_json=as_json)
    fixed, ranges = admissible_settings(derivation, pairs)
    if exact:
        wanted = require_certifiable(digits, ranges, as_csv)
    points = solved_points(derivation, fixed, ranges)
    if exact:
        points = certified_points(derivation, pairs, points, ranges, wanted, seconds, decimals=digits is not None)
    if as_csv:
        _write_csv(points)
    elif as_json:
        _write_json(derivation, fixed, ranges, points)
    else:
        _draw(points, ranges)
    return 0


def _solve_stretch(
    derivation: Derivation,
    pairs: tuple[str, ...],
    interval: Interval,
    digits: int | None,
    seconds: float | None,
    /,
    *,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Print the certificate of a stretch; both ends are checked as the value of a point is."""
    wanted = require_certifiable(digits, {}, as_csv)
    others = tuple(pair for pair in pairs if pair != interval.pair)
    for end in (interval.low, interval.high):
        admissible_settings(derivation, (*others, f"{interval.name}={end}"))
    data = certified_stretch(derivation, others, interval, wanted, seconds, decimals=digits is not None)
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    from verify.report.certified_stretches import stretch_table
    from verify.report.trimmed import trimmed_console

    with trimmed_console() as console:
        console.print(stretch_table(data))
    return 0


def admissible_settings(
    derivation: Derivation, pairs: tuple[str, ...], /
) -> tuple[dict[str, float | str], dict[str, Range]]:
    """Fixed values and ranges, checked against the model's domains before any grid exists.

    Raises click.UsageError for what is malformed, unknown, missing or outside its domain.
    """
    if not derivation.has_model:
        raise click.UsageError(f"ID: {derivation.id} has no model to solve; `list` marks those that have")
    fixed, ranges = read_settings(derivation.model, pairs)
    from numerics.parameters import ParameterError, complete

    try:
        complete(derivation.model, {**fixed, **{name: [item.first, item.last] for name, item in ranges.items()}})
    except ParameterError as error:
        raise click.UsageError(f"--set: {error}") from error
    return fixed, ranges


def solved_points(
    derivation: Derivation, fixed: Mapping[str, float | str], ranges: Mapping[str, Range], /
) -> Iterator[dict[str, Any]]:
    """Every point of the grid as JSON data, the last range fastest. Raises click.UsageError for a bad function."""
    import numpy as np

    from numerics.parameters import ParameterError
    from numerics.solver import Solver
    from verify.report.points import point_data

    shape = tuple(item.count for item in ranges.values())
    total = math.prod(shape)
    solver = Solver(derivation.model, title=derivation.id)
    for first in range(0, total, BLOCK):
        places = np.unravel_index(np.arange(first, min(first + BLOCK, total)), shape) if shape else ()
        varied = {name: item.take(place) for (name, item), place in zip(ranges.items(), places, strict=True)}
        try:
            solution = solver(**fixed, **varied)
        except ParameterError as error:
            raise click.UsageError(f"--set: {error}") from error
        count = solution.status.size
        for index in range(count):
            yield point_data(solution, index, seconds=solution.seconds / count)


def _write_csv(points: Iterator[dict[str, Any]]) -> None:
    from verify.report.points import csv_rows

    csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(points))


def _write_json(
    derivation: Derivation,
    fixed: Mapping[str, float | str],
    ranges: Mapping[str, Range],
    points: Iterator[dict[str, Any]],
) -> None:
    first = next(points)
    if not ranges:
        click.echo(json.dumps(first, indent=2, ensure_ascii=False, allow_nan=False))
        return
    described = {name: vars(item) for name, item in ranges.items()}
    head = json.dumps({"id": derivation.id, "parameters": fixed, "ranges": described}, ensure_ascii=False)
    sys.stdout.write(head[:-1] + ', "points": [')
    for place, point in enumerate(itertools.chain([first], points)):
        separator = ",\n" if place else "\n"
        sys.stdout.write(separator + json.dumps(point, ensure_ascii=False, allow_nan=False))
    sys.stdout.write("\n]}\n")


def _draw(points: Iterator[dict[str, Any]], ranges: Mapping[str, Range]) -> None:
    from verify.report.trimmed import trimmed_console

    with trimmed_console() as console:
        _draw_on(console, points, ranges)


def _draw_on(console: Console, points: Iterator[dict[str, Any]], ranges: Mapping[str, Range]) -> None:
    from verify.report.certified import certificate_table
    from verify.report.points import MOST_ROWS, grid_table, point_table, read_notes

    if not ranges:
        point = next(points)
        console.print(certificate_table(point) if "certificate" in point else point_table(point))
        return
    top = list(itertools.islice(points, MOST_ROWS))
    statuses, proved, reasons = _count(itertools.chain(top, points))
    console.print(grid_table(top, list(ranges)))
    total = sum(statuses.values())
    if total > len(top):
        console.print(f"… and {total - len(top)} more points: --csv or --json prints all of them")
    console.print(
        f"{total} point{'s' if total != 1 else ''}: "
        + ", ".join(f"{count} {status}" for status, count in statuses.items())
    )
    if proved:
        console.print("certificates: " + ", ".join(f"{count} {status}" for status, count in proved.items()))
    notes = dict.fromkeys(note for point in top for note in read_notes(point["notes"]))
    for note in dict.fromkeys([*(f"nothing is proved: {reason}" for reason in reasons), *notes]):
        console.print(f"  {note}", markup=False)


def _count(points: Iterator[dict[str, Any]]) -> tuple[Counter[str], Counter[str], list[str]]:
    """The points of each status, those of each certificate, and the reasons of what is undecided."""
    statuses: Counter[str] = Counter()
    proved: Counter[str] = Counter()
    reasons: dict[str, None] = {}
    for point in points:
        statuses[point["status"]] += 1
        if certificate := point.get("certificate"):
            proved[certificate["status"]] += 1
            if certificate["status"] == "undecided":
                reasons[certificate["reason"]] = None
    return statuses, proved, list(reasons)
