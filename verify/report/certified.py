"""Certificates as JSON data and as a table: every number is decimal text, and every printed enclosure still holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from numerics.enclosures.decimals import (
    enclose_in_decimals,
    ends,
    round_ball,
    round_fraction,
    round_up,
    shrink_to_decimals,
    write_exactly,
)
from numerics.proofs.certified_values import CertificateStatus
from verify.report.points import STYLES, read_notes

if TYPE_CHECKING:
    from flint import arb
    from rich.console import RenderableType

    from numerics.proofs.certificate import Certificate

SPARE = 10
"""Digits of a midpoint and of a box beyond those that are asked for, so that the printed enclosure stays narrow."""


def certified_data(point: dict[str, Any], found: Certificate, digits: int, /, *, decimals: bool) -> dict[str, Any]:
    """The solved point with its certificate; with `decimals` all numbers are correctly rounded decimal text.

    What is not known to `digits` digits is None, with a line in notes. Without `decimals` a number that is enclosed is
    the double next to the middle of its enclosure, not the solver's, which may be far off where it is ill conditioned.
    """
    notes = list(point["notes"])
    if not decimals and found.status in (CertificateStatus.unique, CertificateStatus.exists):
        balls = {"observables": _known(found.observables), "unknowns": found.unknowns}
        point = {**point, **{group: _certified_doubles(point[group], known) for group, known in balls.items()}}
        point["residual"] = None
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
            "box": {name: box_data(ball, found.unknowns[name], digits) for name, ball in found.box.items()},
            "precision": found.precision,
            "seconds": found.seconds,
            "reason": found.reason,
        },
    }


def _certified_doubles(solved: Mapping[str, float | None], balls: Mapping[str, arb]) -> dict[str, float | None]:
    """The solver's numbers, replaced wherever a ball is known."""
    certified = {name: float(ball.mid()) for name, ball in balls.items()}
    return {
        name: certified[name] if math.isfinite(certified.get(name, math.inf)) else value
        for name, value in solved.items()
    }


def exact_texts(values: Mapping[str, object], /) -> dict[str, str]:
    """Exact parameters as text: decimals without rounding, p/q for other rationals."""
    return {name: value if isinstance(value, str) else _exact_text(value) for name, value in values.items()}


def certificate_table(data: dict[str, Any], /) -> RenderableType:
    """One certified point, a quantity a line, each with a radius that holds as printed; and in words what is proved."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"[bold]{data['id']}[/]", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    for style in ("dim", "", "", "dim"):
        table.add_column(style=style, overflow="fold")
    for place, (name, value) in enumerate(data["parameters"].items()):
        table.add_row("" if place else "parameters", name, "oo" if value is None else str(value), "")
    for group in ("observables", "unknowns"):
        known = {k: v for k, v in data[group].items() if group == "observables" or k in data["enclosures"][group]}
        for place, (name, value) in enumerate(known.items()):
            shown, radius = _value_words(value, data["enclosures"][group].get(name), data["digits"])
            table.add_row("" if place else group, name, shown, radius)
    certificate = data["certificate"]
    for place, (name, box) in enumerate(certificate["box"].items()):
        table.add_row("" if place else "box", name, _box_words(box, data["enclosures"]["unknowns"][name]), "")
    table.add_row("status", data["status"], Text(data["phase"], STYLES[data["status"]]), "")
    proof = f"{certificate['precision']} bits, {certificate['seconds']:.3f} s"
    table.add_row("certificate", certificate["status"], proof, "")
    lines = [_proved_words(certificate), *read_notes(data["notes"])]
    return Group(table, *(Text(f"  {line}") for line in dict.fromkeys(lines)))


def _value_words(value: object, enclosure: Mapping[str, str] | None, digits: int) -> tuple[str, str]:
    """A decimal of at most `digits` digits and a radius around it that holds; without an enclosure, only the value."""
    if enclosure is None:
        return "—" if value is None else str(value), ""
    middle, radius = Fraction(enclosure["midpoint"]), Fraction(enclosure["radius"])
    if isinstance(value, str):
        shown = value
    elif middle and radius:
        known = _decimal(abs(middle)).adjusted() - _decimal(radius).adjusted() + 1
        shown = round_fraction(middle, min(digits, max(1, known)))
    else:
        shown = round_fraction(middle, digits)
    return shown, f"+- {round_up(abs(Fraction(shown) - middle) + radius)}"


def _box_words(box: tuple[str, str] | None, root: Mapping[str, str]) -> str:
    """The box to a few digits of its width: rounded inwards, as the only root of a box is that of a smaller one."""
    if box is None:
        return "too narrow for decimals"
    low, high = (Fraction(end) for end in box)
    digits = max(_decimal(abs(low)).adjusted(), _decimal(abs(high)).adjusted()) - _decimal(high - low).adjusted() + 3
    inner = _decimal(low, digits, ROUND_CEILING), _decimal(high, digits, ROUND_FLOOR)
    middle, radius = Fraction(root["midpoint"]), Fraction(root["radius"])
    holds = Fraction(inner[0]) <= middle - radius and middle + radius <= Fraction(inner[1])
    return " to ".join(map(str, inner if holds else box))


def _decimal(value: Fraction, digits: int = 3, rounding: str = ROUND_FLOOR) -> Decimal:
    return Context(prec=digits, rounding=rounding).divide(Decimal(value.numerator), Decimal(value.denominator))


def _proved_words(certificate: Mapping[str, Any]) -> str:
    status = CertificateStatus[certificate["status"]]
    if status is CertificateStatus.undecided:
        return f"nothing is proved: {certificate['reason']}"
    if status is CertificateStatus.none:
        return "no value is certified: these parameters lie outside the theorem's domain"
    values = "each true value is within its +- of the one printed"
    if status is CertificateStatus.exists:
        return f"proved: a root lies in the box, which may hold further ones; of one of them {values}"
    if certificate["box"]:
        return f"proved: exactly one root lies in the box (about roots elsewhere nothing is said), and {values}"
    return f"proved: a closed form holds here, and {values}"


def _known(balls: Mapping[str, arb | None]) -> dict[str, arb]:
    return {name: ball for name, ball in balls.items() if ball is not None}


def _enclosure(ball: arb, digits: int) -> dict[str, str] | None:
    found = enclose_in_decimals(ball, digits + SPARE)
    return None if found is None else {"midpoint": found[0], "radius": found[1]}


def box_data(box: arb, root: arb, digits: int, /) -> tuple[str, str] | None:
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
