"""The words on a chart: names with Greek letters, axes, and the lines below that say what was held fixed."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derivations.core import Derivation
    from derivations.model import AnyParameter, Parameter

NAMES = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda"),
    *("mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
)
GREEK = dict(zip(NAMES, "αβγδεζηθκλμνξρστφχψω", strict=True))
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def with_letters(text: str, /) -> str:
    """The text with Greek letters for their names, their numbers as subscripts: psi1 becomes ψ₁."""
    return re.sub(
        rf"\b({'|'.join(GREEK)})(?:_?(\d+))?\b",
        lambda found: GREEK[found[1]] + (found[2] or "").translate(SUBSCRIPTS),
        text,
    )


def axis_label(item: AnyParameter, /) -> str:
    """What the parameter means, and how it is written where the meaning does not say it."""
    if item.name.replace("_", " ") in item.meaning:
        return with_letters(item.meaning)
    defined = item.convention.startswith(f"{item.name} = ") and len(item.convention) < 24
    return with_letters(f"{item.meaning}, {item.convention if defined else item.name}")


def curve_label(name: str, text: str, /) -> str:
    """A curve by its parameter's value, numbers to four digits."""
    try:
        shown = f"{float(text):.4g}"
    except ValueError:
        shown = text
    return f"{with_letters(name)} = {shown}"


def fixed_line(derivation: Derivation, points: Sequence[Mapping[str, Any]], varied: Collection[str], /) -> str:
    """The parameters that all points share, and those that follow another one; what is not given stays unsaid."""
    from sympy import Symbol

    written = []
    for item in derivation.model.parameters:
        default = getattr(item, "default", None)
        values = {point["parameters"].get(item.name) for point in points}
        if item.name in varied:
            continue
        if len(values) > 1 and isinstance(default, Symbol):
            written.append(f"{item.name} = {default.name}")
        elif len(values) == 1 and (value := values.pop()) is not None:
            if isinstance(value, str):
                written.append(f"{item.name} = {value}")
            elif math.isfinite(value):
                written.append(f"{item.name} = {value:.6g}")
    held = ", ".join(with_letters(text) for text in written)
    return f"{derivation.id}{' at ' if held else ''}{held}."


def direction_line(item: Parameter, first: float, last: float, /) -> str:
    """How a trade-off curve is walked along."""
    name = with_letters(item.name)
    return f"Along each curve {name} runs from {first:g} (dot) to {last:g} in the direction of the arrow."


def simulation_line(rung: str, dimension: int, trials: int, /, *, seed: int) -> str:
    """What the points are."""
    drawn = f"means of {trials} draws" if trials > 1 else "one draw"
    bars = "bars of two standard errors of the mean" if trials > 1 else "without error bars"
    same = "the same random numbers at every point"
    return f"Points: {drawn} at d = {dimension} (experiment {rung}), {bars}; seed {seed}, {same}."
