"""Certificates of whole stretches as JSON data and as a table: every number is decimal text that holds as printed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

from numerics.enclosures.decimals import enclose_in_decimals, ends, shrink_to_decimals, write_exactly
from numerics.proofs.certificate import CertificateStatus
from numerics.solution import Status, all_names, all_phases
from verify.report.certified import SPARE

if TYPE_CHECKING:
    from flint import arb
    from rich.console import RenderableType

    from derivations.core import Derivation
    from numerics.proofs.stretch_tiles import Tile
    from numerics.proofs.stretches import Stretch

_FEWEST_DIGITS = 15
"""Digits of a box at least: rounding it inwards must not cut the root off."""
_SHOWN = 7


def stretch_data(
    derivation: Derivation, found: Stretch, parameters: Mapping[str, Any], digits: int, /
) -> dict[str, Any]:
    """The fields of a certified point for all values of one parameter, and the tiles under `stretch`.

    A quantity has no single value here: `observables` and `unknowns` are None, their ranges are in `enclosures`. The
    box of uniqueness is in the certificate where one tile covers the stretch; else each tile has its own.
    """
    model = derivation.model
    phases = {tile.phase for tile in found.tiles}
    phase = phases.pop() if len(phases) == 1 else ""
    tiles = [_tile_data(tile, digits) for tile in found.tiles]
    known = {name: ball for name, ball in found.observables.items() if ball is not None}
    return {
        "id": derivation.id,
        "parameters": dict(parameters),
        "status": _status(derivation, found, phase),
        "phase": phase,
        "observables": dict.fromkeys(model.observables),
        "unknowns": dict.fromkeys(all_names(model)),
        "residual": None,
        "notes": list(found.notes),
        "seconds": found.seconds,
        "digits": digits,
        "enclosures": {"observables": _enclosures(known, digits), "unknowns": _enclosures(found.unknowns, digits)},
        "certificate": {
            "status": found.status.name,
            "box": tiles[0]["box"] if len(tiles) == 1 else {},
            "precision": found.precision,
            "seconds": found.seconds,
            "reason": found.reason,
        },
        "stretch": {
            "parameter": found.parameter,
            "low": write_exactly(found.low),
            "high": write_exactly(found.high),
            "chained": found.chained,
            "tiles": tiles,
        },
    }


def stretch_table(data: Mapping[str, Any], /) -> RenderableType:
    """The ranges of all quantities over the stretch, what is proved in words, and where it is not."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"[bold]{data['id']}[/]", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    for style in ("dim", "", ""):
        table.add_column(style=style, overflow="fold")
    for place, (name, value) in enumerate(data["parameters"].items()):
        table.add_row("" if place else "parameters", name, "" if value is None else str(value))
    for group in ("observables", "unknowns"):
        known = data["enclosures"][group]
        names = data[group] if group == "observables" else known
        for place, name in enumerate(names):
            table.add_row("" if place else group, name, _range_words(known.get(name)))
    certificate, stretch = data["certificate"], data["stretch"]
    count = len(stretch["tiles"])
    proof = f"{count} tile{'s' if count > 1 else ''}, {certificate['precision']} bits, {certificate['seconds']:.3f} s"
    table.add_row("certificate", certificate["status"], proof)
    lines = [_proved_words(data), *data["notes"]]
    if certificate["status"] == CertificateStatus.undecided.name and count > 1:
        lines = [certificate["reason"], *_part_words(stretch), *data["notes"]]
    return Group(table, *(Text(f"  {line}") for line in dict.fromkeys(lines) if line))


def _status(derivation: Derivation, found: Stretch, phase: str) -> str | None:
    """What a point's status would be everywhere; None where that is not proved."""
    if found.status is CertificateStatus.undecided:
        return None
    named = {each.name: each.status for each in all_phases(derivation.model)}
    return named.get(phase, Status.converged.name)


def _tile_data(tile: Tile, digits: int) -> dict[str, Any]:
    known = {name: ball for name, ball in tile.observables.items() if ball is not None}
    return {
        "low": write_exactly(tile.low),
        "high": write_exactly(tile.high),
        "status": tile.status.name,
        "phase": tile.phase,
        "box": {name: _inner_box(ball, tile.unknowns[name], digits) for name, ball in tile.box.items()},
        "enclosures": {"observables": _enclosures(known, digits), "unknowns": _enclosures(tile.unknowns, digits)},
        "reason": tile.reason,
    }


def _inner_box(box: arb, root: arb, digits: int) -> tuple[str, str] | None:
    """The box as decimals inside it that still hold the root, None where these do not."""
    inner, needed = shrink_to_decimals(box, max(digits, _FEWEST_DIGITS) + SPARE), ends(root)
    if inner is None or needed is None:
        return None
    return inner if Fraction(inner[0]) <= needed[0] and needed[1] <= Fraction(inner[1]) else None


def _enclosures(balls: Mapping[str, arb], digits: int) -> dict[str, dict[str, str] | None]:
    found = {name: enclose_in_decimals(ball, digits + SPARE) for name, ball in balls.items()}
    return {name: pair and {"midpoint": pair[0], "radius": pair[1]} for name, pair in found.items()}


def _range_words(enclosure: Mapping[str, str] | None) -> str:
    """The range, rounded outwards to a few digits."""
    if enclosure is None:
        return "—"
    middle, radius = Fraction(enclosure["midpoint"]), Fraction(enclosure["radius"])
    low, high = _rounded(middle - radius, ROUND_FLOOR), _rounded(middle + radius, ROUND_CEILING)
    return f"{low} to {high}"


def _rounded(value: Fraction, rounding: str) -> Decimal:
    context = Context(prec=_SHOWN, rounding=rounding)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def _proved_words(data: Mapping[str, Any]) -> str:
    certificate, stretch = data["certificate"], data["stretch"]
    if certificate["status"] != CertificateStatus.unique.name:
        return str(certificate["reason"])
    values = f"for every {stretch['parameter']} from {stretch['low']} to {stretch['high']}"
    if not stretch["chained"]:
        return f"{values} the closed form lies in these ranges"
    return f"{values} exactly one root lies in the box of its tile; these roots are one continuous branch"


def _part_words(stretch: Mapping[str, Any]) -> list[str]:
    """A line for each run of tiles with one status and phase."""
    lines = []
    for (status, phase), run in groupby(stretch["tiles"], key=lambda tile: (tile["status"], tile["phase"])):
        tiles = list(run)
        count = f", {len(tiles)} tiles" if len(tiles) > 1 else ""
        what = f"{status} ({phase}{count})" if phase else f"{status}: {tiles[0]['reason']}"
        lines.append(f"{stretch['parameter']} from {tiles[0]['low']} to {tiles[-1]['high']}: {what}")
    return lines


__all__ = ["stretch_data", "stretch_table"]
