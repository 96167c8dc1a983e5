"""What `solve --digits` and `solve --certify` add: exact parameters, and the certificate of every point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from verify.commands.values import Interval, Range, read_pairs

if TYPE_CHECKING:
    from derivations.core import Derivation
    from derivations.model import AnyParameter

MOST_POINTS = 1000
"""Points of a grid with certificates."""
USUAL_DIGITS = 15


def require_certifiable(digits: int | None, ranges: Mapping[str, Range], as_csv: bool, /) -> int:
    """The digits to certify. Raises click.UsageError for --csv, a number of digits outside 1 to 1000, a large grid."""
    from numerics.proofs.certificate import MOST_DIGITS

    option = "--certify" if digits is None else "--digits"
    if digits is not None and not 1 <= digits <= MOST_DIGITS:
        raise click.UsageError(f"--digits: {digits} digits; allowed are 1 to {MOST_DIGITS}")
    if as_csv:
        raise click.UsageError(f"--csv: cannot be combined with {option}, whose enclosures need --json or the table")
    count = math.prod(item.count for item in ranges.values())
    if count > MOST_POINTS:
        raise click.UsageError(f"{option}: the grid has {count} points; allowed are at most {MOST_POINTS}")
    return USUAL_DIGITS if digits is None else digits


def require_seconds(seconds: float | None, exact: bool, /) -> None:
    """Raises click.UsageError for seconds without a certificate, and for what is not a positive number."""
    if seconds is None:
        return
    if not exact:
        raise click.UsageError("--seconds: is the time for a certificate; give --certify or --digits, too")
    if not 0 < seconds < math.inf:
        raise click.UsageError(f"--seconds: {seconds:g} seconds; allowed is a positive number")


def certified_points(
    derivation: Derivation,
    pairs: tuple[str, ...],
    points: Iterator[dict[str, Any]],
    ranges: Mapping[str, Range],
    digits: int,
    seconds: float | None,
    /,
    *,
    decimals: bool,
) -> Iterator[dict[str, Any]]:
    """Each solved point with its certificate, at the exact decimals that were typed.

    A value of a range is the decimal number that is printed for it. `seconds` are for each point.
    """
    from numerics.parameters import ParameterError
    from numerics.proofs.certificate import MOST_SECONDS, Certifier
    from numerics.proofs.exact_parameters import NotExact, read_exact
    from verify.report.certified import certified_data, exact_texts

    typed = _read_typed(derivation, pairs)
    certifier = Certifier(derivation.model)
    for point in points:
        given = {**typed, **{name: repr(float(point["parameters"][name])) for name in ranges}}
        try:
            found = certifier(given, digits=digits, seconds=seconds or MOST_SECONDS)
            shown: dict[str, Any] = exact_texts(read_exact(derivation.model, given).given)
        except ParameterError as error:
            raise click.UsageError(f"--set: {error}") from error
        except NotExact:
            shown = {**{name: str(value) for name, value in point["parameters"].items()}, **given}
        ordered = {name: shown[name] for name in point["parameters"] if name in shown}
        parameters = ordered if decimals else point["parameters"]
        notes = [*point["notes"], *([] if decimals else _rounding_notes(point["parameters"], ordered))]
        yield certified_data({**point, "parameters": parameters, "notes": notes}, found, digits, decimals=decimals)


def certified_stretch(
    derivation: Derivation,
    pairs: tuple[str, ...],
    interval: Interval,
    digits: int,
    seconds: float | None,
    /,
    *,
    decimals: bool,
) -> dict[str, Any]:
    """The certificate for all values of an interval as JSON data, the other parameters as the decimals in `pairs`.

    Raises click.UsageError for what is inadmissible, or refused somewhere on the interval.
    """
    from numerics.enclosures.decimals import write_exactly
    from numerics.parameters import ParameterError
    from numerics.proofs.exact_parameters import NotExact, read_exact
    from numerics.proofs.stretches import MOST_SECONDS, certify_stretch
    from verify.report.certified import exact_texts
    from verify.report.certified_stretches import stretch_data

    typed, model = _read_typed(derivation, pairs), derivation.model
    try:
        span = (interval.name, interval.low, interval.high)
        found = certify_stretch(model, typed, *span, digits=digits, seconds=seconds or MOST_SECONDS)
        low, high = (read_exact(model, {**typed, interval.name: end}).given for end in (interval.low, interval.high))
    except ParameterError as error:
        raise click.UsageError(f"--set: {error}") from error
    except NotExact:
        low = high = typed
    shown = exact_texts({name: value for name, value in low.items() if high[name] == value})
    numbers = {item.name for item in model.parameters if not _allowed_text(item)}
    parameters: dict[str, Any] = dict(shown) if decimals else _rounded(shown, numbers)
    parameters |= {
        name: f"{write_exactly(found.low)}..{write_exactly(found.high)}"
        for name in (interval.name, *low)
        if name not in shown
    }
    names = [item.name for item in model.parameters if item.name in parameters]
    return stretch_data(derivation, found, {name: parameters[name] for name in names}, digits)


def _rounding_notes(doubles: Mapping[str, Any], exact: Mapping[str, str]) -> list[str]:
    """A line for each parameter whose double is printed as another number than the one that is certified."""
    pairs = [
        (name, value, exact[name]) for name, value in doubles.items() if isinstance(value, float) and name in exact
    ]
    return [f"{name} is exactly {text}" for name, value, text in pairs if Fraction(text) != Fraction(repr(value))]


def _rounded(texts: Mapping[str, str], numbers: set[str]) -> dict[str, Any]:
    """The numbers among exact texts as doubles, None where infinite."""
    return {n: t if n not in numbers else None if t == "oo" else float(Fraction(t)) for n, t in texts.items()}


def _read_typed(derivation: Derivation, pairs: tuple[str, ...]) -> dict[str, str]:
    texts = {item.name: text for item in derivation.model.parameters if (text := _allowed_text(item))}
    return read_pairs(pairs, texts=texts)


def _allowed_text(item: AnyParameter) -> str:
    from verify.report.data import allowed_text

    return allowed_text(item)


__all__ = ["certified_points", "certified_stretch", "require_certifiable", "require_seconds"]
