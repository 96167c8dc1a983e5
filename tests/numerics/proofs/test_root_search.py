"""Complete search of a box: every root is found once, nothing is discarded that may hold one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, Max, Piecewise, Rational, cos, exp, log, sin, sqrt

from numerics.proofs.root_search import RootSearch, RootSearcher, SearchStatus, find_all_roots

x, y, a = sympy.symbols("x y a", real=True)


def contains(search: RootSearch, unknown: sympy.Symbol, root: Any) -> int:
    """How many of the boxes found contain the exact root."""
    point = arb(int(sympy.Rational(root).p)) / int(sympy.Rational(root).q)
    return sum(bool(box[unknown].overlaps(point)) for box in search.roots)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sets(st.fractions(min_value=-3, max_value=3, max_denominator=12), min_size=1, max_size=4))
def test_every_root_of_a_polynomial_is_found_exactly_once(roots: set[Fraction]) -> None:
    exact = [Rational(root.numerator, root.denominator) for root in roots]
    search = find_all_roots([sympy.prod(x - root for root in exact)], [x], {x: (-4, Rational(37, 10))})
    assert (search.status, len(search.roots)) == (SearchStatus.all, len(exact))
    assert all(contains(search, x, root) == 1 for root in exact)


@pytest.mark.parametrize("box", [(0, 4), (1, 3), (0, 6), (Rational(1, 2), Rational(7, 2))], ids=str)
def test_a_root_on_a_face_between_two_halves_is_found_once(box: tuple[Any, Any]) -> None:
    """2 is the first point at which (0, 4) and (1, 3) are halved."""
    search = find_all_roots([x**3 - 2 * x**2 + x - 2], [x], {x: box})
    assert (search.status, len(search.roots), contains(search, x, 2)) == (SearchStatus.all, 1, 1)


def test_a_root_on_the_corner_of_four_quarters_is_found_once() -> None:
    search = find_all_roots([sin(x) - y, x + y + x * y], [x, y], {x: (-1, 1), y: (-1, 1)})
    assert (search.status, len(search.roots)) == (SearchStatus.all, 1)
    assert search.roots[0][x].contains(0)


@pytest.mark.parametrize("digits", [3, 6, 12, 20])
def test_two_roots_very_close_are_told_apart(digits: int) -> None:
    gap = Rational(1, 10**digits)
    search = find_all_roots([(x - 1) * (x - 1 - gap)], [x], {x: (0, 3)}, precision=256)
    decided = digits < 18  # below, the halvings end before the two part: that must be left over, never merged
    assert search.status is (SearchStatus.all if decided else SearchStatus.undecided)
    assert len(search.roots) == (2 if decided else 0)


def test_a_double_root_is_left_over_and_the_simple_one_beside_it_is_not() -> None:
    search = find_all_roots([(x - 1) ** 2 * (x - 2)], [x], {x: (0, Rational(7, 2))})
    assert (search.status, len(search.roots), contains(search, x, 2)) == (SearchStatus.exists, 1, 1)
    assert any(box[x].contains(1) for box in search.left)


def test_without_a_root_the_status_is_none() -> None:
    assert find_all_roots([x**2 + 1], [x], {x: (-9, 9)}).status is SearchStatus.none
    assert find_all_roots([exp(x) - y, y + 1], [x, y], {x: (-3, 3), y: (-3, 3)}).status is SearchStatus.none
    near_miss = (x - 1) ** 2 + Rational(1, 10**8)
    assert find_all_roots([near_miss], [x], {x: (0, 3)}).status is SearchStatus.none


@pytest.mark.parametrize(
    ("equations", "expected"),
    [
        ([x**2 + y**2 - 4, x * y - 1], 4),
        ([exp(x) - y, sin(3 * x) - y], 5),
        ([x - cos(y), y - cos(x)], 1),
        ([x**2 - y, sqrt(y + 9) - 3 - x / 9], 2),
    ],
    ids=str,
)
def test_systems_have_all_their_roots_in_the_box(equations: list[Any], expected: int) -> None:
    """Counts by hand: a circle and a hyperbola; exp below a sine; one fixed point; x = 0 and x = 27/40."""
    low, high = Rational(-61, 10), Rational(31, 10)
    search = find_all_roots(equations, [x, y], {x: (low, high), y: (low, high)})
    assert (search.status, len(search.roots)) == (SearchStatus.all, expected)


def test_a_root_on_the_boundary_is_claimed_only_where_the_side_is_certain() -> None:
    exact = find_all_roots([x - 1], [x], {x: (1, 3)})
    assert exact.status in (SearchStatus.all, SearchStatus.undecided)
    blurred = find_all_roots([x**3 - 1], [x], {x: (1, 3)})
    assert blurred.status is SearchStatus.undecided
    assert any(box[x].contains(1) for box in blurred.left)
    third = find_all_roots([x**2 - Rational(1, 9)], [x], {x: (Rational(1, 3), 1)})
    assert third.status in (SearchStatus.all, SearchStatus.undecided)
    outside = find_all_roots([x**2 - 2], [x], {x: (Rational(14142136, 10**7), 3)})
    assert outside.status is SearchStatus.none


def test_where_an_equation_is_undefined_the_part_is_left_over() -> None:
    search = find_all_roots([log(x)], [x], {x: (-1, 3)})
    assert (search.status, contains(search, x, 1)) == (SearchStatus.exists, 1)
    for point in (Rational(-9, 10), Rational(-1, 2), Rational(-1, 100)):
        ball = arb(int(point.p)) / int(point.q)
        assert any(box[x].overlaps(ball) for box in search.left)
    nowhere = find_all_roots([sqrt(-1 - x**2) - x], [x], {x: (-2, 2)})
    assert (nowhere.status, nowhere.roots) == (SearchStatus.undecided, ())


def test_an_equation_that_has_no_root_discards_although_another_is_undefined() -> None:
    search = find_all_roots([log(x) + y, x**2 + 1], [x, y], {x: (-1, 1), y: (-1, 1)})
    assert search.status is SearchStatus.none


def test_a_root_on_a_kink_is_left_over_and_one_beside_it_is_found() -> None:
    kinked = Piecewise((x - 1, x < 1), (2 * x - 2, True))
    assert find_all_roots([kinked], [x], {x: (0, 3)}).status is SearchStatus.undecided
    assert find_all_roots([kinked - 1], [x], {x: (0, 3)}).status is SearchStatus.all
    jump = Piecewise((-1, x < 1), (1, True))
    assert find_all_roots([jump], [x], {x: (0, 3)}).status is SearchStatus.undecided
    assert len(find_all_roots([Abs(x) - 1], [x], {x: (-3, Rational(5, 2))}).roots) == 2
    assert find_all_roots([Max(x, 0)], [x], {x: (-1, 1)}, budget=500).status is SearchStatus.undecided


def test_a_curve_of_roots_ends_within_the_budget() -> None:
    search = find_all_roots([x - y, 2 * x - 2 * y], [x, y], {x: (0, 1), y: (0, 1)}, budget=500)
    assert (search.status, search.roots) == (SearchStatus.undecided, ())
    assert search.boxes <= 500


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(0.1, 4), st.floats(0, 0.4), st.integers(0, 8))
def test_with_interval_parameters_a_root_box_has_the_root_of_every_point(low: float, width: float, part: int) -> None:
    ends = (Fraction(low), Fraction(low) + Fraction(width))
    search = find_all_roots([x**2 - a], [x], {x: (0, 3)}, values={a: ends})
    point = ends[0] + (ends[1] - ends[0]) * part / 8
    root = (arb(point.numerator) / point.denominator).sqrt()
    boxes = [*search.roots, *search.left]
    assert search.status in (SearchStatus.all, SearchStatus.exists, SearchStatus.undecided)
    assert sum(bool(box[x].overlaps(root)) for box in boxes) >= 1
    if search.status is SearchStatus.all:
        assert len(search.roots) == 1
        assert search.roots[0][x].overlaps(root)


def test_roots_that_meet_for_some_parameter_are_not_counted() -> None:
    """x^2 = a has two roots for a > 0, one for a = 0, none below."""
    assert find_all_roots([x**2 - a], [x], {x: (-3, 3)}, values={a: (1, 2)}).status is SearchStatus.all
    assert find_all_roots([x**2 - a], [x], {x: (-3, 3)}, values={a: (0, 2)}).roots == ()
    assert find_all_roots([x**2 - a], [x], {x: (-3, 3)}, values={a: (-2, -1)}).status is SearchStatus.none
    crossing = find_all_roots([(x - 1) * (x - a)], [x], {x: (0, 3)}, values={a: (Rational(1, 2), 2)})
    assert crossing.status in (SearchStatus.exists, SearchStatus.undecided)


def test_a_root_that_leaves_the_box_for_some_parameter_is_not_claimed() -> None:
    search = find_all_roots([x - a], [x], {x: (0, 1)}, values={a: (Rational(1, 2), Rational(3, 2))})
    assert (search.status, search.roots) == (SearchStatus.undecided, ())


def test_definitions_are_followed_and_irrational_values_are_exact() -> None:
    inner = sympy.Symbol("inner", real=True)
    search = find_all_roots([inner - y], [x], {x: (0, 3)}, values={y: sympy.pi}, definitions=[(inner, x**2)])
    assert search.status is SearchStatus.all
    assert search.roots[0][x].overlaps(arb.pi().sqrt())


@pytest.mark.parametrize(
    ("unknowns", "box", "message"),
    [
        ([x, y], {x: (0, 1), y: (0, 1)}, "as many equations"),
        ([x], {y: (0, 1)}, "give them for x"),
        ([x], {x: (1, 0)}, "low <= high"),
        ([x], {x: (0.5, 1)}, "not exact"),
    ],
    ids=str,
)
def test_bad_use_is_refused_in_one_clear_line(unknowns: Any, box: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_all_roots([x - 1], unknowns, box)
    positive = sympy.Symbol("p", positive=True)
    with pytest.raises(ValueError, match="declares"):
        find_all_roots([positive - 1], [positive], {positive: (-1, 1)})


def test_parameters_that_are_not_declared_as_moving_are_intervals_all_the_same() -> None:
    searcher = RootSearcher([x**2 - a], [x], [a])
    with ctx.workprec(64):
        search = searcher.search({x: (Rational(1, 2), 2)}, [arb(3, 0.25) / 2])
        assert search.status is SearchStatus.all
        assert all(search.roots[0][x].overlaps((arb(end) / 16).sqrt()) for end in (22, 23, 24, 25, 26))
