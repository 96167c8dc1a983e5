"""Signs on boxes in exact arithmetic: never one that a point of the box contradicts, and zeros at corners are seen."""

from itertools import product
from random import Random

import pytest
from flint import fmpq
from sympy import Abs, Max, Min, Piecewise, Rational, S, erf, pi, sqrt, symbols

from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box
from numerics.proofs.rational_signs import NotRational, RationalSigns, Sign

x, y, z = symbols("x y z", real=True)
ONE, ZERO = fmpq(1), fmpq(0)
UNIT = [(ZERO, ONE)]


def sign(expression, bounds):
    exact = [tuple(fmpq(int(S(end).p), int(S(end).q)) for end in ends) for ends in bounds]
    return RationalSigns(S.Zero, expression, (x, y, z)[: len(bounds)]).on(exact)


def random_expression(random, variables):
    def atom():
        return random.choice([*variables, Rational(random.randint(-4, 4), random.randint(1, 3))])

    expression = atom()
    for _ in range(random.randint(2, 7)):
        other = random.choice([atom(), atom() * atom(), expression**2])
        combine = random.choice(
            [
                lambda p, q: p + q,
                lambda p, q: p - q,
                lambda p, q: p * q,
                Max,
                Min,
                lambda p, q: Abs(p) - q,
                lambda p, q: p / (2 + q**2),
                lambda p, q: p / q if q != 0 else p,
            ]
        )
        expression = combine(expression, other)
    branches = random.choice([None, ((expression, x < y), (y, True)), ((x, y <= expression), (expression, True))])
    return Piecewise(*branches, evaluate=False) if branches else expression


@pytest.mark.parametrize("seed", range(80))
def test_no_point_contradicts_a_sign(seed):
    random = Random(seed)
    expression = random_expression(random, (x, y))
    low = [Rational(random.randint(-6, 6), 4) for _ in "xy"]
    box = [(a, a + Rational(random.randint(0, 6), 4)) for a in low]
    found = sign(expression, box)
    if found is None:
        return
    parts = (S.Zero, Rational(1, 3), Rational(1, 2), Rational(7, 8), S.One)
    for at in product(parts, repeat=2):
        point = {v: a + t * (b - a) for v, (a, b), t in zip((x, y), box, at, strict=True)}
        value = expression.subs(point)
        assert value.is_finite
        assert value * found.direction >= 0
        assert value == 0 or found.direction
        assert value != 0 or not found.strict


def test_most_random_expressions_get_a_sign_somewhere():
    random, found = Random(0), 0
    for _ in range(40):
        expression = random_expression(random, (x, y))
        cells = product([(Rational(k, 4), Rational(k + 1, 4)) for k in range(4)], repeat=2)
        found += any(sign(expression, cell) for cell in cells)
    assert found > 20


@pytest.mark.parametrize(
    ("expression", "bounds", "expected"),
    [
        (1 + x, [(0, 1)], Sign(1, True)),
        (-1 - x, [(0, 1)], Sign(-1, True)),
        (x, [(0, 1)], Sign(1, False)),
        (x - 1, [(0, 1)], Sign(-1, False)),
        (x * (1 - x), [(0, 1)], Sign(1, False)),
        ((x - Rational(1, 3)) ** 2, [(0, 1)], Sign(1, False)),
        ((x - Rational(1, 3)) ** 2 * (x - 2), [(0, 1)], Sign(-1, False)),
        (x**2 - 2 * x * y + y**2, [(0, 1), (0, 1)], Sign(1, False)),
        ((x - 1) / (x + 1), [(2, 2)], Sign(1, True)),
        (x - 2, [(2, 2)], Sign(0, False)),
        (x - Rational(1, 2), [(0, 1)], None),
        (Max(x, 1 - x) - Rational(1, 2), [(0, 1)], None),
        (Max(x, 1 - x) - Rational(1, 2), [(0, Rational(1, 2))], Sign(1, False)),
        (Abs(x) - x, [(0, 1)], Sign(0, False)),
        (Min(x, y) + 1, [(0, 1), (1, 2)], Sign(1, True)),
        (Piecewise((x, x < 0), (1 + x, True)), [(0, 1)], Sign(1, True)),
        (Piecewise((x, x <= 0), (1 + x, True)), [(0, 1)], None),
    ],
    ids=str,
)
def test_signs_and_zeros(expression, bounds, expected):
    assert sign(expression, bounds) == expected


def test_a_zero_inside_a_face_needs_a_corner_with_none():
    # (x - y)^2 + y^2 z: its zeros on the box are the edge x = y = 0 and the diagonal of the face z = 0
    bowl = (x - y) ** 2 + y**2 * z
    assert sign(bowl, [(1, 2), (3, 4), (0, 1)]) == Sign(1, True)
    assert sign(bowl, [(0, 1), (0, 0), (0, 1)]) == Sign(1, False)


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (1 / x - 1, 1 / x),
        ((x**2 - x) / x - x - 2, S.Zero),
        (-x / (x - Rational(1, 3)) ** 2 - 1, -x / (x - Rational(1, 3)) ** 2),
        (1 / (x**2 + y**2) - 1, 1 / (x**2 + y**2)),
        (-1 / (x - y) ** 2, S.Zero),
        (Piecewise((1 / x, x < 0), (1 / (1 - x), True)) - 1, Piecewise((1 / x, x < 0), (1 / (1 - x), True))),
    ],
    ids=str,
)
def test_what_is_undefined_somewhere_has_no_sign_even_if_it_cancels(lhs, rhs):
    assert RationalSigns(lhs, rhs, (x, y)).on([(ZERO, ONE), (ZERO, ONE)]) is None
    box = {x: (0, 1), y: (0, 1)}
    assert prove_on_box("<", lhs, rhs, box, budget=300).status is not ProofStatus.proved


@pytest.mark.parametrize(
    "expression", [sqrt(x), erf(x), pi * x, x**y, x + z, Max(x, pi), Piecewise((x, x > pi), (0, True))]
)
def test_what_is_not_rational_is_refused(expression):
    with pytest.raises(NotRational):
        RationalSigns(S.Zero, expression, (x, y))


def test_equality_at_a_corner_or_along_a_square_is_decided():
    assert prove_on_box("<=", 2 * x, x**2 + 1, {x: (0, 3)}).boxes == 1
    assert prove_on_box("<=", 2 * x * y, x**2 + y**2, {x: (-3, 2), y: (-1, 5)}).status is ProofStatus.proved
    assert prove_on_box("<", 2 * x, x**2 + 1, {x: (0, 1)}).witness == {x: 1}
    kinked = Max(x - Rational(1, 4), 0) + Max(Rational(1, 4) - x, 0)
    assert prove_on_box("<=", S.Zero, kinked, {x: (0, 1)}).status is ProofStatus.proved
    assert prove_on_box("<=", Rational(1, 10**6), kinked, {x: (0, 1)}).witness == {x: Rational(1, 4)}


def test_a_product_of_many_variables_needs_one_box():
    volume = (1 + x) ** 3 * (2 + y) ** 2 - (1 + x * y + x**2)
    assert prove_on_box("<", S.Zero, volume, {x: (0, 100), y: (0, 100)}).boxes == 1


def test_a_piecewise_without_a_branch_on_the_box_ends_no_sum():
    missing = Piecewise((x, x > 10))
    box = {x: (0, 1)}
    for expression in (missing, 1 + missing, (1 + x) * missing, Max(1, missing), x + y + missing):
        assert sign(expression, [(0, 1), (0, 1)]) is None
    assert prove_on_box("<", S.Zero, 1 + missing, box, budget=50).status is not ProofStatus.proved
