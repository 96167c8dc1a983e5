"""Boxes with rational ends: what is read, what is refused, and halves that lose no point; numbers as they are given."""

import math
from fractions import Fraction

import pytest
from flint import fmpq
from sympy import Rational, Symbol, oo, sqrt

from numerics.proofs.exact_parameters import read_number
from numerics.proofs.rational_boxes import halve, midpoint, read_interval, to_balls

x = Symbol("x", real=True)
positive, negative = Symbol("p", positive=True), Symbol("n", negative=True)


def test_ends_are_read_exactly():
    assert read_interval(x, (Fraction(1, 3), Rational(1, 2))) == (fmpq(1, 3), fmpq(1, 2))
    assert read_interval(positive, (0, 1)) == (fmpq(0), fmpq(1))


@pytest.mark.parametrize(
    ("symbol", "ends", "strict", "told"),
    [
        (x, (1, 0), False, "low <= high"),
        (x, (0.5, 1), False, "float is not exact"),
        (positive, (-1, 1), False, "against the sign"),
        (positive, (0, 1), True, "against the sign"),
        (negative, (-1, 1), False, "against the sign"),
    ],
)
def test_a_bad_interval_is_refused_with_its_name(symbol, ends, strict, told):
    with pytest.raises(ValueError, match=f"box of {symbol} .*{told}"):
        read_interval(symbol, ends, strict=strict)


def test_two_halves_share_a_face_and_cover_the_box():
    box = [(fmpq(0), fmpq(1)), (fmpq(1, 3), fmpq(1, 2))]
    lower, upper = halve(box, 1)
    assert lower == [(fmpq(0), fmpq(1)), (fmpq(1, 3), fmpq(5, 12))]
    assert upper == [(fmpq(0), fmpq(1)), (fmpq(5, 12), fmpq(1, 2))]
    assert midpoint(box) == [fmpq(1, 2), fmpq(5, 12)]
    assert all(ball.contains(end) for ball, ends in zip(to_balls(box), box, strict=True) for end in ends)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        ("0.1", Fraction(1, 10)),
        (0.1, Fraction(0.1)),
        (" 2/7 ", Fraction(2, 7)),
        (Rational(3, 4), Fraction(3, 4)),
        (5, 5),
    ],
)
def test_a_number_is_what_was_typed(value, exact):
    assert read_number(value) == exact


@pytest.mark.parametrize("value", [True, None, "nan", math.inf, math.nan, "1e99999", "1/0", "", sqrt(2), oo, b"1", 1j])
def test_what_is_no_finite_exact_number_is_none(value):
    assert read_number(value) is None
