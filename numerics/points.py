"""Exact rational points in the domain of symbols: over many orders of magnitude, some of them close to the ends."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sympy import Integer, Rational, Symbol, oo, sympify

from derivations.model import Domain, Parameter

_DECADES = 3.0
_NASTY_DECADES = 6.0
_NASTY = 0.15
_DIGITS = 4


@dataclass(frozen=True)
class Interval:
    """The admissible rationals of one symbol; ends may be infinite."""

    low: Any
    high: Any
    low_open: bool
    high_open: bool

    def contains(self, value: Any) -> bool:
        """Whether the exact number lies inside."""
        above = value > self.low if self.low_open else value >= self.low
        return bool(above) and bool(value < self.high if self.high_open else value <= self.high)

    def intersect(self, other: Interval) -> Interval:
        """What lies in both."""
        low = max(self.low, other.low)
        high = min(self.high, other.high)
        low_open = any(each.low == low and each.low_open for each in (self, other))
        high_open = any(each.high == high and each.high_open for each in (self, other))
        return Interval(low, high, low_open, high_open)


def find_interval(symbol: Symbol, box: Mapping[Symbol, Sequence[Any]], /) -> Interval:
    """What the symbol's assumptions, its declared domain and the box allow together."""
    interval = Interval(-oo, oo, True, True)
    if symbol.is_extended_positive or symbol.is_extended_nonnegative:
        interval = Interval(Integer(0), oo, bool(symbol.is_extended_positive), True)
    elif symbol.is_extended_negative or symbol.is_extended_nonpositive:
        interval = Interval(-oo, Integer(0), True, bool(symbol.is_extended_negative))
    if isinstance(symbol, Parameter):
        interval = interval.intersect(_from_domain(symbol.domain))
    if symbol in box:
        low, high = (_exact(end) for end in box[symbol])
        interval = interval.intersect(Interval(low, high, not low.is_finite, not high.is_finite))
    if interval.low > interval.high:
        raise ValueError(f"{symbol}: no value satisfies its assumptions, domain and box together")
    return interval


def is_admissible(symbol: Symbol, value: Any, interval: Interval, /) -> bool:
    """Whether an exact number lies in the interval and contradicts no assumption on the symbol."""
    if not interval.contains(value):
        return False
    return all(getattr(value, name, None) in (None, truth) for name, truth in _known_facts(symbol))


@lru_cache(maxsize=512)
def _known_facts(symbol: Symbol) -> tuple[tuple[str, bool], ...]:
    return tuple((f"is_{name}", truth) for name, truth in symbol.assumptions0.items() if name in _CHECKED)


_CHECKED = ("integer", "even", "odd", "prime", "composite", "zero", "nonzero", "extended_nonzero")


def draw_candidates(intervals: Mapping[Symbol, Interval], /, *, seed: int) -> Iterator[dict[Symbol, Rational]]:
    """Endless points, one rational per symbol, deterministic by the seed and the symbols' names."""
    symbols = sorted(intervals, key=str)
    source = random.Random(f"{seed} {' '.join(map(str, symbols))}")
    while True:
        yield {symbol: _draw(symbol, intervals[symbol], source) for symbol in symbols}


def list_simple_values(symbol: Symbol, interval: Interval, /) -> list[Rational]:
    """A few short numbers that the symbol may take, simplest first: where to look for a small counterexample."""
    simple = [Integer(1), Integer(2), Rational(1, 2), Integer(0), Integer(-1), Integer(3), Integer(-2), Rational(1, 4)]
    simple += [Integer(10), Rational(1, 10), Rational(-1, 2), Integer(100), Rational(1, 100), Rational(9, 10)]
    if interval.low.is_finite and interval.high.is_finite:
        simple += [(interval.low + interval.high) / 2, interval.low, interval.high]
    return [value for value in simple if is_admissible(symbol, value, interval)]


def _from_domain(domain: Domain) -> Interval:
    return Interval(_exact(domain.lower), _exact(domain.upper), domain.lower_open, domain.upper_open)


def _exact(end: Any) -> Any:
    """An end as an exact number; an irrational one is kept, since points only have to lie inside."""
    return Rational(str(end)) if isinstance(end, float) and math.isfinite(end) else sympify(end)


def _draw(symbol: Symbol, interval: Interval, source: random.Random) -> Rational:
    for _ in range(1000):
        value = _draw_integer(interval, source) if symbol.is_integer else _draw_rational(interval, source)
        if is_admissible(symbol, value, interval):
            return value
    raise ValueError(f"{symbol}: no admissible value was found in its domain")


def _draw_integer(interval: Interval, source: random.Random) -> Rational:
    low, high = interval.low, interval.high
    step = round(10 ** source.uniform(0, 1.5)) - 1
    if low.is_finite and high.is_finite:
        return Integer(source.randint(math.ceil(low), math.floor(high)))
    if low.is_finite:
        return Integer(math.ceil(low) + step)
    return Integer(math.floor(high) - step) if high.is_finite else Integer(source.choice((-1, 1)) * step)


def _draw_rational(interval: Interval, source: random.Random) -> Rational:
    low, high = interval.low, interval.high
    nasty = source.random() < _NASTY
    if low == high:
        return Rational(low)
    if low.is_finite and high.is_finite:
        return _draw_bounded(low, high, source, nasty)
    decades = _NASTY_DECADES if nasty else _DECADES
    distance = _short(10 ** source.uniform(-decades, decades))
    if low.is_finite:
        return _near(low) + distance
    if high.is_finite:
        return _near(high) - distance
    return source.choice((-1, 1)) * distance


def _draw_bounded(low: Any, high: Any, source: random.Random, nasty: bool) -> Rational:
    left, right = float(low), float(high)
    if nasty:
        distance = _short((right - left) * 10 ** -source.uniform(1, _NASTY_DECADES))
        return _near(low) + distance if source.random() < 0.5 else _near(high) - distance
    if left > 0 and right / left > 100:
        return _short(math.exp(source.uniform(math.log(left), math.log(right))))
    return _short(source.uniform(left, right))


def _near(end: Any) -> Rational:
    """The end itself if it is rational, else a rational close to it."""
    return end if isinstance(end, Rational) else Rational(str(end.evalf(20)))


def _short(value: float) -> Rational:
    """A rational of few digits close to `value`."""
    fraction = Fraction(f"{value:.{_DIGITS - 1}e}")
    return Rational(fraction.numerator, fraction.denominator)
