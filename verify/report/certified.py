"""Certificates as JSON data and as a table: every number is decimal text, and every printed enclosure still holds."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from numerics.decimals import enclose_in_decimals, ends, round_ball, shrink_to_decimals, write_exactly
from verify.report.points import STYLES

if TYPE_CHECKING:
    from flint import arb
    from rich.console import RenderableType

    from numerics.certificate import Certificate

SPARE = 10
"""Digits of a midpoint and of a box beyond those that are asked for, so that the printed enclosure stays narrow."""


def certified_data(point: dict[str, Any], found: Certificate, digits: int, /, *, decimals: bool) -> dict[str, Any]:
    """The solved point with its certificate; with `decimals` all numbers are correctly rounded decimal text.

    What is not known to `digits` digits is None, with a line in notes.
    """
    notes = list(point["notes"])
    if decimals:
        rounded = {name: round_ball(ball, digits) for name, ball in _known(found.observables).items()}
        roots = {name: round_ball(ball, digits) for name, ball in found.unknowns.items()}
        lost = [name for name, text in {**rounded, **roots}.items() if text is None]
        notes += [f"{name} is enclosed, but not to {digits} significant digits" for name in lost]
        point = {
            **point,
            "observables": {name: rounded.get(name) for name in point["observables"]},
            "unknowns": {name: roots.get(name) for name in point["unknowns"]},
            "residual": None,
        }
    if found.phase and point["phase"] and found.phase != point["phase"]:
        notes.append(
            f"double precision takes the point for {point['phase']}; at the exact parameters it is {found.phase}"
        )
    notes += [note for note in found.notes if note not in notes]
    return {
        **point,
        "phase": found.phase or point["phase"],
        "notes": notes,
        "digits": digits,
        "enclosures": {
            "observables": {name: _enclosure(ball, digits) for name, ball in _known(found.observables).items()},
            "unknowns": {name: _enclosure(ball, digits) for name, ball in found.unknowns.items()},
        },
        "certificate": {
            "status": found.status.name,
            "box": {name: _box(ball, found.unknowns[name], digits) for name, ball in found.box.items()},
            "precision": found.precision,
            "seconds": found.seconds,
            "reason": found.reason,
        },
    }


def exact_texts(values: Mapping[str, object], /) -> dict[str, str]:
    """Exact parameters as text: decimals without rounding, p/q for other rationals."""
    return {name: value if isinstance(value, str) else _exact_text(value) for name, value in values.items()}


def certificate_table(data: dict[str, Any], /) -> RenderableType:
    """One certified point, a quantity a line: value, and the radius of its enclosure."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"[bold]{data['id']}[/]", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    for style in ("dim", "", "", "dim"):
        table.add_column(style=style, overflow="fold")
    for place, (name, value) in enumerate(data["parameters"].items()):
        table.add_row("" if place else "parameters", name, "" if value is None else str(value), "")
    for group in ("observables", "unknowns"):
        known = {k: v for k, v in data[group].items() if group == "observables" or k in data["enclosures"][group]}
        for place, (name, value) in enumerate(known.items()):
            enclosure = data["enclosures"][group].get(name)
            radius = f"+- {enclosure['radius']}" if enclosure else ""
            shown = "—" if value is None else str(value)
            table.add_row("" if place else group, name, shown, radius)
    certificate = data["certificate"]
    table.add_row("status", data["status"], Text(data["phase"], STYLES[data["status"]]), "")
    proof = f"{certificate['precision']} bits, {certificate['seconds']:.3f} s"
    table.add_row("certificate", certificate["status"], proof, "")
    lines = [*([certificate["reason"]] if certificate["reason"] else []), *data["notes"]]
    return Group(table, *(Text(f"  {line}") for line in dict.fromkeys(lines)))


def _known(balls: Mapping[str, arb | None]) -> dict[str, arb]:
    return {name: ball for name, ball in balls.items() if ball is not None}


def _enclosure(ball: arb, digits: int) -> dict[str, str] | None:
    found = enclose_in_decimals(ball, digits + SPARE)
    return None if found is None else {"midpoint": found[0], "radius": found[1]}


def _box(box: arb, root: arb, digits: int) -> tuple[str, str] | None:
    """Decimals inside the box in which the root is unique; None where rounding would leave the root outside."""
    inside, found = shrink_to_decimals(box, digits + SPARE), ends(root)
    if inside is None or found is None:
        return None
    return inside if Fraction(inside[0]) <= found[0] and found[1] <= Fraction(inside[1]) else None


def _exact_text(value: Any) -> str:
    return (
        str(value) if not getattr(value, "is_Rational", False) else write_exactly(Fraction(int(value.p), int(value.q)))
    )


__all__ = ["certificate_table", "certified_data", "exact_texts"]
