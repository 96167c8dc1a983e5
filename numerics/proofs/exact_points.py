"""Exact values at many points of one model: names, texts and functions are read once, numbers at every point.

Whatever is out of the ordinary (a value outside its domain, infinite, malformed, of a new kind) goes to `read_exact`,
which has the last word; here only rational numbers within rational domains are taken, with rational arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr, Symbol, oo

from derivations.model import Domain, Model, Parameter
from numerics.enclosures.exact_numbers import to_fraction, to_sympy
from numerics.proofs.exact_parameters import ExactValues, read_exact, read_number


class PointReader:
    """`read_exact` for one model, faster from the second point with the same names and texts on."""

    def __init__(self, model: Model, /) -> None:
        self.model = model
        self._numbers = {item.name: item for item in model.parameters if isinstance(item, Parameter)}
        self._intervals = {name: _read_interval(item.domain) for name, item in self._numbers.items()}
        self._known: dict[tuple[tuple[str, object], ...], ExactValues] = {}

    def __call__(self, given: Mapping[str, object], /) -> ExactValues:
        """What `read_exact` returns or raises."""
        values = self._read_numbers(given)
        if values is None:
            return read_exact(self.model, given)
        key = tuple((name, None if name in values else text) for name, text in given.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = read_exact(self.model, given)
            return known
        numbers: dict[Symbol, Expr] = dict(known.numbers)
        shown = dict(known.given)
        for name, value in values.items():
            numbers[self._numbers[name]] = shown[name] = to_sympy(value)
        return ExactValues(numbers, known.laws, shown)

    def _read_numbers(self, given: Mapping[str, object]) -> dict[str, Fraction] | None:
        """The given numbers and those that default to one of them; None where `read_exact` has to be asked."""
        found: dict[str, Fraction] = {}
        for name, value in given.items():
            if name in self._numbers:
                exact = read_number(value)
                if exact is None or not self._admits(name, exact):
                    return None
                found[name] = exact
            elif not isinstance(value, str):
                return None
        for name, item in self._numbers.items():
            if name not in given and isinstance(item.default, Symbol):
                source = found.get(item.default.name)
                if item.default.name not in given or source is None or not self._admits(name, source):
                    return None
                found[name] = source
        return found

    def _admits(self, name: str, value: Fraction) -> bool:
        interval = self._intervals[name]
        return interval is not None and interval.contains(value)


@dataclass(frozen=True)
class _Interval:
    """A domain with rational ends, None where it is unbounded."""

    lower: Fraction | None
    upper: Fraction | None
    lower_open: bool
    upper_open: bool

    def contains(self, value: Fraction) -> bool:
        """Whether the number is inside, and its double inside the doubles of the ends."""
        try:
            rounded = float(value)
        except OverflowError:
            return False
        low, high = self.lower, self.upper
        if low is not None and (value < low or rounded < float(low)):
            return False
        if high is not None and (value > high or rounded > float(high)):
            return False
        on_lower = low is not None and (value == low or rounded == float(low))
        on_upper = high is not None and (value == high or rounded == float(high))
        return not (on_lower and self.lower_open) and not (on_upper and self.upper_open)


def _read_interval(domain: Domain) -> _Interval | None:
    """None where an end is neither rational nor infinite."""
    ends: list[Fraction | None] = []
    for end in (domain.lower, domain.upper):
        if not end.is_Rational and end not in (oo, -oo):
            return None
        ends.append(to_fraction(end) if end.is_Rational else None)
    return _Interval(ends[0], ends[1], domain.lower_open, domain.upper_open)


__all__ = ["PointReader"]
