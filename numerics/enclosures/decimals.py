"""Balls as decimal text, by exact arithmetic: correctly rounded digits, midpoints with radii that hold."""

from __future__ import annotations

from fractions import Fraction

from flint import arb, ctx

LARGEST_EXPONENT = 400_000
"""Powers of two beyond this are not written out in decimals."""
_TIE = Fraction(1, 10**8)


def exact_fraction(point: arb, /) -> Fraction | None:
    """The value of an exact ball, None where it is not finite or its exponent is extreme."""
    if not (point.is_finite() and point.is_exact()):
        return None
    mantissa, exponent = (int(part) for part in point.man_exp())
    if abs(exponent) > LARGEST_EXPONENT:
        return None
    return Fraction(mantissa * 2**exponent) if exponent >= 0 else Fraction(mantissa, 2**-exponent)


def ends(ball: arb, /) -> tuple[Fraction, Fraction] | None:
    """Both ends of a ball, exactly or rounded outwards, None where they are not finite or extreme."""
    with ctx.workprec(max(ball.mid().bits(), 64) + 64):
        low, high = exact_fraction(ball.lower()), exact_fraction(ball.upper())
    return None if low is None or high is None else (low, high)


def round_ball(ball: arb, digits: int, /) -> str | None:
    """The true value to `digits` significant digits, correctly rounded; None where the ball does not tell.

    Both ends must round to the same decimal. Where the ball holds a tie and is 10^8 times narrower than a unit of the
    last digit, the rounded middle is given: its error is half a unit and less than 10^-8 of one.
    """
    found = ends(ball)
    if found is None:
        return None
    low, high = found
    if low == high == 0:
        return "0"
    if low <= 0 <= high:
        return None
    texts = {round_fraction(end, digits) for end in found}
    if len(texts) == 1:
        return texts.pop()
    unit = Fraction(10) ** (_leading_place(low) - digits + 1)
    return round_fraction((low + high) / 2, digits) if high - low <= unit * _TIE else None


def round_fraction(value: Fraction, digits: int, /) -> str:
    """`digits` significant digits, half to even, as 0.00123, 12.3 or 1.23e+45."""
    if value == 0:
        return "0"
    place = _leading_place(value)
    whole = round(abs(value) / Fraction(10) ** (place - digits + 1))
    if whole == 10**digits:
        whole, place = whole // 10, place + 1
    return ("-" if value < 0 else "") + _write(str(whole), place)


def round_up(value: Fraction, digits: int = 3, /) -> str:
    """A decimal of `digits` digits that is at least the nonnegative value."""
    if value == 0:
        return "0"
    place = _leading_place(value)
    scaled = value / Fraction(10) ** (place - digits + 1)
    whole = -(-scaled.numerator // scaled.denominator)
    if whole == 10**digits:
        whole, place = whole // 10, place + 1
    return _write(str(whole), place)


def enclose_in_decimals(ball: arb, digits: int, /) -> tuple[str, str] | None:
    """(midpoint, radius) as decimals: every point of the ball is within `radius` of `midpoint`, exactly."""
    found = ends(ball)
    if found is None:
        return None
    low, high = found
    text = round_fraction((low + high) / 2, digits)
    middle = Fraction(text)
    return text, round_up(max(high - middle, middle - low, Fraction(0)))


def shrink_to_decimals(ball: arb, digits: int, /) -> tuple[str, str] | None:
    """(low, high) as decimals inside the ball, None where it has no inside at these digits."""
    found = ends(ball)
    if found is None:
        return None
    low, high = found
    if low == high:
        return None
    place = max(_leading_place(low) if low else -digits, _leading_place(high) if high else -digits)
    unit = Fraction(10) ** (place - digits + 1)
    inner = -(-low // unit) * unit, (high // unit) * unit
    if inner[0] >= inner[1]:
        return None
    return write_exactly(inner[0]), write_exactly(inner[1])


def write_exactly(value: Fraction, /) -> str:
    """The number without any rounding: a terminating decimal where it is one of moderate length, else p/q."""
    rest = value.denominator
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    length = max(twos, fives)
    if rest != 1 or length > 2000:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**length // value.denominator).rjust(length + 1, "0")
    text = f"{digits[:-length]}.{digits[-length:]}".rstrip("0").rstrip(".") if length else digits
    return "-" + text if value < 0 else text


def _leading_place(value: Fraction) -> int:
    """The power of ten of the first significant digit."""
    size = abs(value)
    guess = int((size.numerator.bit_length() - size.denominator.bit_length()) * 0.30102999566398120)
    while Fraction(10) ** guess > size:
        guess -= 1
    while Fraction(10) ** (guess + 1) <= size:
        guess += 1
    return guess


def _write(digits: str, place: int) -> str:
    count = len(digits)
    if -5 <= place < 0:
        return "0." + "0" * (-place - 1) + digits
    if 0 <= place < count - 1:
        return f"{digits[: place + 1]}.{digits[place + 1 :]}"
    if place == count - 1:
        return digits
    head = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{head}e{place:+03d}"


__all__ = ["enclose_in_decimals", "ends", "exact_fraction", "round_ball", "round_fraction", "shrink_to_decimals"]
