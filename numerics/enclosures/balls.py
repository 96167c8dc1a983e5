"""Sound operations on balls: python-flint's `arb`, made tight on wide balls and strict at the edges of domains.

Every function maps balls to a ball that contains the image of every point of its arguments. Where some point of an
argument lies outside the domain (the logarithm of a ball that touches 0), the result is not finite: undecided, never
wrong. Rounding follows flint's global precision, which the caller sets. Derived here from monotonicity.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller
from typing import TypeAlias

from flint import arb, fmpq

Operation: TypeAlias = Callable[..., "arb | bool | None"]

UNDEFINED = arb.nan()
# Flint rounds a radius up by one unit of 30 bits even where it is exact; from slightly below, it lands on it.
_JUST_BELOW_HALF = arb(fmpq(2**40 - 1, 2**41))
# With this many bits of accuracy in both factors together, flint's own product is within 0.1% of the tightest.
_NARROW = 12


def hull(low: arb, high: arb, /) -> arb:
    """The ball of [low, high] for exact low <= high; its lower end is `low` itself where the precision allows it.

    An exact lower end matters: the square root of [0, 1] is defined, that of [-1e-9, 1] is not.
    """
    width = high - low
    spread = arb(0, width * _JUST_BELOW_HALF)
    middle = low + spread.rad()
    if middle.is_exact() and 2 * spread.rad() >= width:
        return spread + middle
    spread = arb(0, width / 2)  # wider than that by at least one unit of 30 bits: room to round the middle down
    middle = low + spread.rad()
    rounded = middle.lower()
    return spread + (rounded if rounded + spread.rad() >= high else middle)


def between(low: fmpq, high: fmpq, /) -> arb:
    """The ball of a rational interval low <= high, with room where the precision does not hold an end."""
    return arb(low) if low == high else hull(arb(low).lower(), arb(high).upper())


def intersect(x: arb, y: arb, /) -> arb:
    """The common part of two finite overlapping balls; the better lower end is kept exactly."""
    low, high = max(x.lower(), y.lower()), min(x.upper(), y.upper())
    return hull(low, high)


def multiply(x: arb, y: arb, /) -> arb:
    """The product; from the end points where both factors are wide (flint's would then contain 0 needlessly)."""
    if x.rel_accuracy_bits() + y.rel_accuracy_bits() > _NARROW or not (x.is_finite() and y.is_finite()):
        return x * y
    a, b, c, d = x.lower(), x.upper(), y.lower(), y.upper()
    if a >= 0 and c >= 0:
        return hull((a * c).lower(), (b * d).upper())
    return (a * c).union(a * d).union((b * c).union(b * d))


def reciprocal(x: arb, /) -> arb:
    """1 / x; undefined where the ball touches 0."""
    if x.is_exact():
        return 1 / x
    if not (x > 0 or x < 0) or not x.is_finite():
        return UNDEFINED
    return hull((1 / x.upper()).lower(), (1 / x.lower()).upper())


def integer_power(x: arb, exponent: int, /) -> arb:
    """x**exponent, also on balls that contain 0 (where flint's own power is undefined)."""
    if exponent < 0:
        return reciprocal(integer_power(x, -exponent))
    if not x.is_finite():
        return UNDEFINED
    if x.is_exact():
        return x**exponent
    low, high = (x.lower(), x.upper()) if exponent % 2 else (x.abs_lower(), x.abs_upper())
    return hull((low**exponent).lower(), (high**exponent).upper())


def rational_power(x: arb, numerator: int, denominator: int, /) -> arb:
    """x**(numerator/denominator), the principal real branch; undefined unless x >= 0."""
    if not (x >= 0) or not x.is_finite():
        return UNDEFINED
    low, high = _root(x.lower(), denominator).lower(), _root(x.upper(), denominator).upper()
    return integer_power(hull(low, high), numerator)


def _root(x: arb, degree: int) -> arb:
    """Flint's root of an exact 0 is undefined; its square root is not."""
    return x.sqrt() if degree == 2 or x == 0 else x.root(degree)


def general_power(base: arb, exponent: arb, /) -> arb:
    """base**exponent; undefined unless base > 0."""
    if not base > 0:
        return UNDEFINED
    return exponential(multiply(exponent, logarithm(base)))


def monotone(name: str, /) -> Callable[[arb], arb]:
    """The extension, by its end points, of flint's function `name` that is monotone on an interval, its domain."""
    function: Callable[[arb], arb] = methodcaller(name)

    def extended(x: arb, /) -> arb:
        if not x.is_finite():
            return UNDEFINED
        if x.is_exact():
            return function(x)
        return function(x.lower()).union(function(x.upper()))

    return extended


exponential = monotone("exp")
logarithm = monotone("log")
error_function = monotone("erf")
complementary_error_function = monotone("erfc")


def cosh(x: arb, /) -> arb:
    """The hyperbolic cosine: increasing in |x|."""
    if not x.is_finite():
        return UNDEFINED
    return x.abs_lower().cosh().union(x.abs_upper().cosh())


def sin(x: arb, /) -> arb:
    """The sine, as flint has it."""
    return x.sin() if x.is_finite() else UNDEFINED


def cos(x: arb, /) -> arb:
    """The cosine, as flint has it."""
    return x.cos() if x.is_finite() else UNDEFINED


def tan(x: arb, /) -> arb:
    """The tangent: increasing on a ball on which the cosine has no zero, undefined elsewhere."""
    if not x.is_finite():
        return UNDEFINED
    low, high = x.lower(), x.upper()
    # the ends are rounded outwards, by more than a period where x is huge: the cosine is judged between the ends
    if hull(low, high).cos().contains(0):
        return UNDEFINED
    return low.tan().union(high.tan())


def bessel_i(x: arb, order: int, /) -> arb:
    """The modified Bessel function of integer order: increasing in x (odd order) or in |x| (even order)."""
    if not x.is_finite():
        return UNDEFINED
    low, high = (x.lower(), x.upper()) if order % 2 else (x.abs_lower(), x.abs_upper())
    return low.bessel_i(abs(order)).union(high.bessel_i(abs(order)))


def chi_square_cdf(x: arb, /) -> arb:
    """E[G^2; |G| <= x] for a standard normal G: increasing in x >= 0, undefined elsewhere."""
    if not x.is_finite() or not x >= 0:
        return UNDEFINED
    low, high = (x,) * 2 if x.is_exact() else (x.lower(), x.upper())
    ends = [(end * end / 2).gamma_lower(arb(3) / 2, regularized=1) for end in (low, high)]
    return ends[0].union(ends[1])


def chi_square_cdf_of_narrow(x: arb, /) -> arb:
    """The same from the whole ball; above 1/2, where little cancels, as erf(x/sqrt 2) - sqrt(2/pi) x e^(-x^2/2)."""
    if not x.is_finite() or not x > 0:
        return chi_square_cdf(x)
    half_square = x * x / 2
    if x > 0.5:
        return half_square.sqrt().erf() - 2 * (half_square / arb.pi()).sqrt() * (-half_square).exp()
    return half_square.gamma_lower(arb(3) / 2, regularized=1)


def absolute(x: arb, /) -> arb:
    """|x|."""
    if not x.is_finite():
        return UNDEFINED
    return x if x >= 0 else hull(x.abs_lower(), x.abs_upper())


def sign(x: arb, /) -> arb:
    """The sign; [-1, 1] on a ball that contains 0, which also contains every slope of |x| there."""
    return x.sgn() if x.is_finite() else UNDEFINED


def unit_step(x: arb, /) -> arb:
    """0 or 1; [0, 1] on a ball that contains 0, which also contains every slope of max(x, 0) there."""
    if not x.is_finite():
        return UNDEFINED
    if x > 0:
        return arb(1)
    return arb(0) if x < 0 else hull(arb(0), arb(1))


def maximum(x: arb, y: arb, /) -> arb:
    """max(x, y), also of overlapping balls (where Python's max is wrong)."""
    return x.max(y) if x.is_finite() and y.is_finite() else UNDEFINED


def minimum(x: arb, y: arb, /) -> arb:
    """min(x, y)."""
    return x.min(y) if x.is_finite() and y.is_finite() else UNDEFINED


def less(x: arb, y: arb, /) -> bool | None:
    """Whether x < y: certainly, certainly not, or None where the balls do not tell."""
    if x < y:
        return True
    return False if x >= y else None


def at_most(x: arb, y: arb, /) -> bool | None:
    """Whether x <= y, or None."""
    if x <= y:
        return True
    return False if x > y else None


def same(x: arb, y: arb, /) -> bool | None:
    """Whether x = y, or None: two balls that overlap are equal for certain only if both are one point."""
    if x.is_nan() or y.is_nan():
        return None
    if not x.overlaps(y):
        return False
    return True if x.is_exact() and y.is_exact() else None


def both(*parts: bool | None) -> bool | None:
    """The three-valued conjunction."""
    if False in parts:
        return False
    return None if None in parts else True


def either(*parts: bool | None) -> bool | None:
    """The three-valued disjunction."""
    if True in parts:
        return True
    return None if None in parts else False


def opposite(part: bool | None, /) -> bool | None:
    """The three-valued negation."""
    return None if part is None else not part


def choose_branch(exhaustive: bool, /, *parts: arb | bool | None) -> arb:
    """The value of branches and conditions in turn: the union of the branches up to the first certain condition.

    Undefined where the conditions need not cover the ball: none is certain and they are not known to be `exhaustive`.
    """
    union: arb | None = None
    for branch, condition in zip(parts[::2], parts[1::2], strict=True):
        if condition is False or not isinstance(branch, arb):
            continue
        union = branch if union is None else union.union(branch)
        if condition is True:
            return union
    return union if exhaustive and union is not None else UNDEFINED


def choose_certain_branch(_exhaustive: bool, /, *parts: arb | bool | None) -> arb:
    """The value of the branch whose condition is certain, all earlier ones being certainly false; else undefined."""
    for branch, condition in zip(parts[::2], parts[1::2], strict=True):
        if condition is False:
            continue
        return branch if condition is True and isinstance(branch, arb) else UNDEFINED
    return UNDEFINED
