"""What `solve --digits` and `solve --certify` add: exact parameters, and the certificate of every point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from verify.commands.values import Range, read_pairs

if TYPE_CHECKING:
    from derivations.core import Derivation

MOST_POINTS = 1000
"""Points of a grid with certificates."""
USUAL_DIGITS = 15


def require_certifiable(digits: int | None, ranges: Mapping[str, Range], as_csv: bool, /) -> int:
    """The digits to certify. Raises click.UsageError for --csv, a number of digits outside 1 to 1000, a large grid."""
    from numerics.certificate import MOST_DIGITS

    option = "--certify" if digits is None else "--digits"
    if digits is not None and not 1 <= digits <= MOST_DIGITS:
        raise click.UsageError(f"--digits: {digits} digits; allowed are 1 to {MOST_DIGITS}")
    if as_csv:
        raise click.UsageError(f"--csv: cannot be combined with {option}, whose enclosures need --json or the table")
    count = math.prod(item.count for item in ranges.values())
    if count > MOST_POINTS:
        raise click.UsageError(f"{option}: the grid has {count} points; allowed are at most {MOST_POINTS}")
    return USUAL_DIGITS if digits is None else digits


def certified_points(
    derivation: Derivation,
    pairs: tuple[str, ...],
    points: Iterator[dict[str, Any]],
    ranges: Mapping[str, Range],
    digits: int,
    /,
    *,
    decimals: bool,
) -> Iterator[dict[str, Any]]:
    """Each solved point with its certificate, at the exact decimals that were typed.

    A value of a range is the decimal number that is printed for it.
    """
    from numerics.certificate import Certifier
    from numerics.exact_parameters import NotExact, read_exact
    from numerics.parameters import ParameterError
    from verify.report.certified import certified_data, exact_texts
    from verify.report.data import allowed_text

    texts = {item.name: text for item in derivation.model.parameters if (text := allowed_text(item))}
    typed = read_pairs(pairs, texts=texts)
    certifier = Certifier(derivation.model)
    for point in points:
        given = {**typed, **{name: repr(float(point["parameters"][name])) for name in ranges}}
        try:
            found = certifier(given, digits=digits)
            shown: dict[str, Any] = exact_texts(read_exact(derivation.model, given).given)
        except ParameterError as error:
            raise click.UsageError(f"--set: {error}") from error
        except NotExact:
            shown = {**{name: str(value) for name, value in point["parameters"].items()}, **given}
        parameters = shown if decimals else point["parameters"]
        yield certified_data({**point, "parameters": parameters}, found, digits, decimals=decimals)


__all__ = ["certified_points", "require_certifiable"]
