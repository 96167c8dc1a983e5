"""The report of an overfitted network: its data for JSON, and a table."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from numerics.overfit import Overfitted

SHOWN_PAIRS = 1000
"""Conflicting pairs that the JSON lists at most."""


def overfitted_data(result: Overfitted, /) -> dict[str, Any]:
    """What was found, for JSON: exact numbers as floats and, where they decide, as fractions too; rows count from 0."""
    return {
        "schema_version": 1,
        "status": result.status.name.lower(),
        "advice": result.advice,
        "task": result.task,
        "norm": result.norm,
        "radius": result.radius,
        "samples": result.samples,
        "dimension": result.dimension,
        "separation": _number(result.separation),
        "opposite_separation": _number(result.opposite_separation),
        "largest_radius": _number(result.largest_radius),
        "largest_radius_exact": None if result.largest_radius is None else str(result.largest_radius),
        "conflicts": {
            "count": len(result.conflicts) if result.conflicts_complete else None,
            "pairs": result.conflicts[:SHOWN_PAIRS].tolist(),
        },
        "least_error": _number(result.least_error),
        "least_error_exact": None if result.least_error is None else str(result.least_error),
        "left_out": result.left_out.tolist(),
        "network": _network_data(result),
        "certificate": _certificate_data(result),
        "notes": result.notes,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _network_data(result: Overfitted) -> dict[str, Any] | None:
    function = result.function
    if function is None:
        return None
    network = function.network
    return {
        "gate": function.gate.value,
        "teacher": function.teacher.description,
        "ramp": function.ramp,
        "height": function.height,
        "size": network.size,
        "budget": function.budget,
        "depth": network.depth,
        "width": network.width,
    }


def _certificate_data(result: Overfitted) -> dict[str, Any] | None:
    found = result.certificate
    if found is None:
        return None
    return {
        "holds": found.holds,
        "reason": found.reason,
        "balls": found.balls,
        "pairs_tested": found.tested,
        "pairs_in_rationals": found.rational,
    }


def overfitted_table(report: Mapping[str, Any], /) -> Table:
    """Two columns: what, and how much."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    for name, text in _rows(report):
        table.add_row(name, text)
    return table


def _rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    def show(value: float | None) -> str:
        return "none" if value is None else f"{value:.6g}"

    rows = [
        ("data", f"{report['samples']} points in dimension {report['dimension']}, {report['task']}"),
        ("attack", f"l_{report['norm']} balls of radius {report['radius']:.6g}"),
        ("separation", show(report["separation"])),
    ]
    if report["task"] == "classification":
        rows.append(("of opposite labels", show(report["opposite_separation"])))
    limit = report["largest_radius"]
    rows.append(("admissible radii", "all" if limit is None else f"below {limit:.6g}"))
    network = report["network"]
    if network is not None:
        rows += [
            ("teacher", network["teacher"]),
            ("gate", f"{network['gate']}, ramp {network['ramp']:.6g}, height {network['height']:g}"),
            ("nonzero parameters", f"{network['size']}, budget {network['budget']}"),
            ("hidden layers, width", f"{network['depth']}, {network['width']}"),
        ]
    if report["least_error"]:
        kind = "least 0-1 error" if report["task"] == "classification" else "adversarial MSE at least"
        exact = f" = {report['least_error_exact']}" if report["task"] == "classification" else ""
        rows.append((kind, f"{report['least_error']:.6g}{exact}"))
    certificate = report["certificate"]
    if certificate is not None:
        words = f"holds on {certificate['balls']} balls" if certificate["holds"] else f"fails: {certificate['reason']}"
        rows.append(("certificate", words))
    return rows
