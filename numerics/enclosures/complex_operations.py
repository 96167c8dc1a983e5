"""Operations on complex balls for integrands: strict on branch cuts and at kinks.

Each takes what it may look at besides its values first. Source: Johansson (2018), Numerical integration in
arbitrary-precision ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from flint import acb, arb

NOWHERE = acb(arb.nan())


@dataclass(frozen=True, slots=True)
class Moment:
    """The fixed operands, whether an analytic value is asked for, and the truths of the switches (None: undecided)."""

    fixed: Sequence[acb]
    analytic: bool
    truths: Sequence[bool | None]


@dataclass(frozen=True)
class Choice:
    """The value of the first branch whose switch holds; switch None always holds."""

    switches: tuple[int | None, ...]

    def __call__(self, moment: Moment, *values: acb) -> acb:
        """The branch that is certain; the union of those that are possible where no analytic value is asked for."""
        union: acb | None = None
        for switch, value in zip(self.switches, values, strict=True):
            truth = True if switch is None else moment.truths[switch]
            if truth is False:
                continue
            if truth is None and moment.analytic:
                return NOWHERE
            union = value if union is None else union.union(value)
            if truth:
                return union
        return NOWHERE

    def settled(self, truths: Sequence[bool | None], /) -> int | None:
        """The place of the branch that the truths leave, None where they do not tell."""
        for place, switch in enumerate(self.switches):
            truth = True if switch is None else truths[switch]
            if truth is not False:
                return place if truth else None
        return None


def take(place: int, moment: Moment, /) -> acb:
    """A fixed operand."""
    return moment.fixed[place]


def fold(operation: Callable[[acb, acb], acb], _moment: Moment, /, *parts: acb) -> acb:
    """A sum or a product."""
    return reduce(operation, parts)


def integer_power(exponent: int, _moment: Moment, x: acb, /) -> acb:
    """x**exponent."""
    return x**exponent


def half_power(real: bool, doubled: int, moment: Moment, x: acb, /) -> acb:
    """x**(doubled/2), the principal branch; with `real` not finite where it may not be real on the real line."""
    return NOWHERE if real and _is_unreal(x) else x.sqrt(analytic=moment.analytic) ** doubled


def rational_power(real: bool, numerator: int, denominator: int, moment: Moment, x: acb, /) -> acb:
    """x**(numerator/denominator), likewise."""
    exponent = acb(arb(numerator) / denominator)
    return NOWHERE if real and _is_unreal(x) else x.pow(exponent, analytic=moment.analytic)


def logarithm(real: bool, moment: Moment, x: acb, /) -> acb:
    """log x, likewise."""
    return NOWHERE if real and _is_unreal(x) else x.log(analytic=moment.analytic)


def entire(name: str, _moment: Moment, x: acb, /) -> acb:
    """A function without branch cuts: at a pole flint's ball is not finite by itself."""
    value: acb = getattr(x, name)()
    return value


def arctangent(moment: Moment, x: acb, /) -> acb:
    """atan x; its cuts are on the imaginary axis, from i and from -i outwards."""
    return NOWHERE if moment.analytic and _meets_axis_cuts(x) else x.atan()


def area_sine(moment: Moment, x: acb, /) -> acb:
    """asinh x, with the same cuts, as log(x + sqrt(1 + x^2)) on the side where nothing cancels: it is odd.

    Flint's own is not finite on many balls right of the cuts.
    """
    if moment.analytic and _meets_axis_cuts(x):
        return NOWHERE
    root = (1 + x * x).sqrt()
    return (x + root).log() if x.real.mid() >= 0 else -(root - x).log()


def _meets_axis_cuts(x: acb) -> bool:
    return bool(x.real.contains(0) and not abs(x.imag) < 1)


def _is_unreal(x: acb) -> bool:
    return bool(x.imag == 0 and not x.real >= 0)


__all__ = [
    "NOWHERE",
    "Choice",
    "Moment",
    "arctangent",
    "area_sine",
    "entire",
    "fold",
    "half_power",
    "integer_power",
    "logarithm",
    "rational_power",
    "take",
]
