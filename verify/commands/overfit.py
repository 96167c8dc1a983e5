"""`overfit`: a ReLU network with adversarial training error exactly 0 for points from a file, with its certificate."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.values import LONGEST, NUMBER

if TYPE_CHECKING:
    from numerics.overfit import Overfitted

PRINTED_PAIRS = 10


@click.command("overfit", short_help="A network with zero adversarial training error, certified.")
@click.argument("data", metavar="FILE")
@click.option("--radius", required=True, metavar="NUMBER", help="Of the balls about the points, such as 0.03 or 1/32.")
@click.option("--norm", type=click.Choice(["inf", "2"]), default="inf", show_default=True, help="Of the balls.")
@click.option("--task", type=click.Choice(["classification", "regression"]), help="Default: by the labels.")
@click.option("--out", metavar="FILE", help="Write the network there as ONNX.")
@click.option("--best", is_flag=True, help="Beyond the largest radius: the network of least error (classification).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, data: str, radius: str, norm: str, task: str | None, out: str | None, best: bool, as_json: bool) -> int:
    """Build a ReLU network that equals the label on the whole ball about every point of FILE, and certify it.

    FILE is a CSV table with a header and the label in its last column, or .npz with points and labels. Labels -1 and 1
    mean classification unless --task says otherwise. Exit code 1 if no network here is certified at that radius; the
    pairs of points that are too close are printed then.

    \b
    Example: overfit points.csv --radius 1/64 --out network.onnx
    """
    size = _read_radius(radius)
    target = _read_target(out)
    begun = time.perf_counter()
    result = _build(Path(data), size, norm, task, best)
    from numerics.lab import CPU
    from numerics.provenance import provenance
    from verify.report.overfitted import overfitted_data

    report = overfitted_data(result) | {"file": _export(result, target)}
    report |= {"data": Path(data).name, "seconds": time.perf_counter() - begun, "provenance": provenance(CPU)}
    _print(report, as_json)
    return 0 if result.certified else 1


def _read_radius(text: str) -> float:
    """The positive number that `text` writes, in decimal or as a fraction a/b; click.UsageError for anything else."""
    allowed = "allowed is a number above 0, such as 0.03 or 1/32"
    parts = text.split("/")
    if len(text) > LONGEST or len(parts) > 2 or not all(NUMBER.fullmatch(part.strip()) for part in parts):
        shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        raise click.UsageError(f"--radius: {shown!r} is not a number; {allowed}")
    try:
        value = float(Fraction(parts[0].strip()) / Fraction(parts[1].strip() if len(parts) > 1 else "1"))
    except (ZeroDivisionError, OverflowError):
        value = math.inf
    if not 0 < value < math.inf:
        raise click.UsageError(f"--radius: {text!r} is out of range; {allowed}")
    return value


def _read_target(out: str | None) -> Path | None:
    if out is None:
        return None
    target = Path(out)
    if not out or target.is_dir() or not target.parent.is_dir():
        raise click.UsageError(f"--out: {out!r} is no file in a folder that exists")
    if target.suffix.lower() != ".onnx":
        raise click.UsageError(f"--out: {out!r} does not end in .onnx; the network is written as ONNX only")
    return target


def _build(path: Path, radius: float, norm: str, task: str | None, best: bool) -> Overfitted:
    from numerics.labelled_points import TableError, read_labelled_points
    from numerics.overfit import STAGES, overfit
    from verify.report.learning_progress import LearningProgress

    try:
        points, labels = read_labelled_points(path)
    except (TableError, OSError) as error:
        raise click.UsageError(f"FILE: {error}") from error
    try:
        with LearningProgress("overfitting", len(STAGES)) as bar:
            result = overfit(points, labels, radius, norm=norm, task=task, best=best, watch=bar.advance)
    except ValueError as error:
        raise click.UsageError(f"{path}: {error}") from error
    except MemoryError as error:
        raise click.UsageError(f"{path}: {len(labels)} points need more memory than there is") from error
    if best and result.task == "regression":
        raise click.UsageError("--best is for classification: in regression only a lower bound is known")
    return result


def _export(result: Overfitted, target: Path | None) -> dict[str, Any] | None:
    """Name and size of the file written; None if none was asked for, or there is no network."""
    if target is None or result.function is None:
        return None
    from numerics.onnx_export import OnnxError, export_onnx

    try:
        return {"name": target.name, "bytes": export_onnx(result.function, target)}
    except (OnnxError, OSError) as error:
        raise click.UsageError(f"--out: {error}") from error


def _print(report: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from verify.report.overfitted import overfitted_table
    from verify.report.trimmed import trimmed_console

    with trimmed_console() as console:
        console.print(overfitted_table(report))
        for line in _lines(report):
            console.print(f"  {line}", markup=False)


def _lines(report: Mapping[str, Any]) -> list[str]:
    lines = [report["advice"], *report["notes"]]
    if (report["status"], report["task"]) == ("not_separated", "classification"):
        lines[0] += ", or --best for the network of least error"
    count, pairs = report["conflicts"]["count"], report["conflicts"]["pairs"]
    if count or pairs:
        total = "more pairs of rows than can be listed are" if count is None else f"{count} pairs of rows are"
        listed = ", ".join(f"{first} and {second}" for first, second in pairs[:PRINTED_PAIRS])
        more = ", ..." if len(pairs) > PRINTED_PAIRS else ""
        lines.append(f"{total} too close, counted from 0 after the header: {listed}{more}")
    if report["left_out"]:
        listed = ", ".join(map(str, report["left_out"][:PRINTED_PAIRS]))
        more = ", ..." if len(report["left_out"]) > PRINTED_PAIRS else ""
        lines.append(f"rows given up: {listed}{more}")
    if report["file"] is not None:
        lines.append(f"written: {report['file']['name']}, {report['file']['bytes']} bytes")
    return lines
