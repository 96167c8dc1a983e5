"""Laws with finitely many values, read from text: the spectrum of a target, or of the covariance of a first layer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from derivations.model import LawParameter

NODES = 400
"""Gauss nodes that stand for the semicircle law: exact for polynomials of degree 799."""
MOST_ATOMS, LONGEST = 1000, 20_000
ROUNDING = 1e-9
"""Weights and means typed in decimals may miss 1 by this much."""
LONG_EXPONENT = re.compile(r"[eE][+-]?[\d_]{5,}")
"""Python writes such a power of ten out, digit by digit."""
FORM = "value@weight, separated by commas, such as 0.4@0.5,1.6@0.5"


@dataclass(frozen=True, eq=False)
class Law:
    """Values (k,) and weights (k,) that sum to 1; `kind` is 1 for the semicircle of radius 2, else 0."""

    values: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    kind: int = 0


def read_law(item: LawParameter, text: str, /) -> Law:
    """The law that `text` writes: one of the parameter's named laws, or `value@weight,...`.

    Raises ValueError, in one line, for another form, weights that are not positive or do not sum to 1, values outside
    the parameter's domain or not of its mean.
    """
    wanted = item.named.get(text, text)
    if wanted == "semicircle":
        return semicircle()
    allowed = f"{', '.join([*item.named, FORM])}" if item.named else FORM
    if len(wanted) > LONGEST or wanted.count(",") >= MOST_ATOMS:
        raise ValueError(f"{item.name} has too many values; allowed are at most {MOST_ATOMS}")
    atoms = [_atom(item.name, part, allowed) for part in wanted.split(",")]
    values, weights = (np.asarray([float(atom[place]) for atom in atoms]) for place in (0, 1))
    if not np.all(weights > 0):
        raise ValueError(f"{item.name} is {text!r}: its weights must be positive")
    total = float(sum(weight for _, weight in atoms))
    if abs(total - 1) > ROUNDING:
        raise ValueError(f"{item.name} is {text!r}: its weights sum to {total:g}, not 1")
    _require_values(item, text, values, weights / total)
    return Law(values, weights / total)


def semicircle() -> Law:
    """The semicircle law of radius 2 (variance 1) on the Gauss nodes of the Chebyshev polynomials of second kind."""
    angles = np.pi * np.arange(1, NODES + 1) / (NODES + 1)
    weights = 2 * np.sin(angles) ** 2 / (NODES + 1)
    return Law(2 * np.cos(angles), weights, kind=1)


def _atom(name: str, part: str, allowed: str) -> tuple[Fraction, Fraction]:
    value, sign, weight = part.partition("@")
    try:
        if not sign or "_" in part or LONG_EXPONENT.search(part):
            raise ValueError
        found = Fraction(value.strip()), Fraction(weight.strip())
        if not all(math.isfinite(float(number)) for number in found):
            raise OverflowError
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{name}: {part[:40]!r} is not understood; allowed is {allowed}") from None
    return found


def _require_values(item: LawParameter, text: str, values: Any, weights: Any) -> None:
    for value in values:
        if not item.domain.contains(value):
            raise ValueError(f"{item.name} has the value {value:g}; allowed is {item.domain.describe('value')}")
    average = float(weights @ values)
    if item.mean is not None and abs(average - float(item.mean)) > ROUNDING:
        raise ValueError(f"{item.name} is {text!r}: its values average to {average:g}, not {item.mean}")


__all__ = ["Law", "read_law", "semicircle"]
