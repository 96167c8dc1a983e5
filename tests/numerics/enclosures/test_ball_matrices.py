"""Boxes within boxes and inverses of middles; rationals that pass from one library to the next unchanged."""

from fractions import Fraction

import pytest
import sympy
from flint import arb, arb_mat, ctx, fmpq

from numerics.enclosures.ball_matrices import (
    contains,
    contains_interior,
    identity,
    invert_middle,
    invert_middle_regularly,
    offsets,
)
from numerics.enclosures.balls import between
from numerics.enclosures.exact_numbers import as_rational, to_flint, to_fraction, to_sympy


def test_a_box_that_touches_the_edge_is_inside_but_not_in_the_interior():
    outer, touching, inner = [arb(0, 1), arb(5, 2)], [arb(0, 1), arb(5, 1)], [arb(0.5, 0.25), arb(5, 1)]
    assert contains(outer, touching)
    assert not contains_interior(outer, touching)
    assert contains_interior(outer, inner)
    assert not contains(inner, outer)


def test_boxes_of_different_sizes_are_not_compared():
    for compare in (contains, contains_interior):
        with pytest.raises(ValueError, match="zip"):
            compare([arb(0, 1)], [arb(0), arb(0)])


def test_the_inverse_of_a_wide_matrix_is_exact_and_near_that_of_its_middle():
    matrix = arb_mat([[arb(2, 0.5), arb(1)], [arb(0), arb(4, 3)]])
    inverse = invert_middle_regularly(matrix)
    assert inverse is not None
    assert all(entry.is_exact() for entry in inverse.entries())
    product = inverse * matrix.mid()
    assert all(abs(gap) < 1e-12 for gap in (product - identity(2)).entries())


def test_a_singular_matrix_has_no_inverse_and_one_that_is_nearly_so_none_that_is_certainly_regular():
    singular = arb_mat([[1, 2], [2, 4]])
    assert invert_middle(singular) is None or not invert_middle_regularly(singular)
    with ctx.workprec(20):
        near = arb_mat([[arb(1), arb(1)], [arb(1), arb(1) + arb(2) ** -40]])
        assert invert_middle_regularly(near) is None
    assert invert_middle(arb_mat([[arb.pos_inf()]])) is None


def test_offsets_are_a_column_of_the_box_less_its_point():
    found = offsets([arb(3, 1), arb(5)], [arb(3), arb(4)])
    assert (found.nrows(), found.ncols()) == (2, 1)
    assert found[0, 0].contains(arb(-1))
    assert found[1, 0] == 1


@pytest.mark.parametrize("number", [Fraction(1, 3), Fraction(-22, 7), Fraction(0), Fraction(10**40 + 1, 3**50)])
def test_a_rational_comes_back_from_every_library_unchanged(number):
    assert to_fraction(to_flint(number)) == to_fraction(to_sympy(number)) == number
    assert to_sympy(to_flint(to_sympy(number))) == to_sympy(number)
    assert as_rational(to_sympy(number), "x") == as_rational(number, "x") == to_flint(number)


@pytest.mark.parametrize("value", [0.5, True, "1/2", None, sympy.Float("0.5"), sympy.sqrt(2), sympy.oo])
def test_what_is_not_an_exact_rational_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^the end is .*a float is not exact"):
        as_rational(value, "the end")


def test_the_ball_of_a_rational_interval_holds_its_ends():
    low, high = fmpq(1, 3), fmpq(2, 3)
    with ctx.workprec(30):
        ball = between(low, high)
        point = between(low, low)
    with ctx.workprec(200):
        assert ball.contains(low)
        assert ball.contains(high)
        assert point.contains(low)
        assert not point.contains(high)
