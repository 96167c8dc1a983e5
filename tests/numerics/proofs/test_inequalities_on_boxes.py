"""A box is proved, violated with an exact witness, undecided, or empty: never proved for want of points."""

import pytest
from flint import ctx
from sympy import Float, Max, Piecewise, Rational, S, Symbol, erf, exp, log, pi, sqrt, symbols, zeta

from derivations.relations import at_most, below, equal
from numerics.enclosures.ball_programs import UnsupportedNode
from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box, refute_at

c, l = symbols("c l", positive=True)
x, y = symbols("x y", real=True)
RESOLVENT = (sqrt((1 - c + l) ** 2 + 4 * c * l) - (1 - c + l)) / (2 * c)
WIDE = {c: (Rational(1, 10), 9), l: (Rational(1, 10), 10)}


def test_the_resolvent_is_a_contraction_on_the_whole_box():
    proof = prove_on_box("<", RESOLVENT, S.One, WIDE)
    assert proof.status is ProofStatus.proved
    assert proof.boxes < 10_000


@pytest.mark.parametrize("kind", ["<", "<="])
def test_a_violation_in_a_corner_is_found_and_its_witness_confirmed(kind):
    bound = Rational(94, 100)
    proof = prove_on_box(kind, RESOLVENT, bound, WIDE)
    assert proof.status is ProofStatus.violated
    assert refute_at(kind, RESOLVENT, bound, proof.witness) is True
    assert all(WIDE[s][0] <= value <= WIDE[s][1] for s, value in proof.witness.items())


def test_a_small_violation_in_the_interior_is_found():
    bump = exp(-1000 * ((x - Rational(1, 3)) ** 2 + (y - Rational(1, 7)) ** 2))
    proof = prove_on_box("<", bump, Rational(999, 1000), {x: (0, 1), y: (0, 1)})
    assert proof.status is ProofStatus.violated
    assert refute_at("<", bump, Rational(999, 1000), proof.witness) is True


def test_a_bound_just_above_the_maximum_is_proved_and_just_below_is_violated():
    peak = x * exp(-x)
    maximum, box = exp(-1), {x: (0, 5)}
    assert prove_on_box("<", peak, maximum + Rational(1, 10**6), box).status is ProofStatus.proved
    assert prove_on_box("<", peak, maximum - Rational(1, 10**6), box).status is ProofStatus.violated


def test_equality_inside_the_box_is_undecided_and_ends_soon():
    proof = prove_on_box("<=", 1 + x, exp(x), {x: (-1, 2)})
    assert proof.status is ProofStatus.undecided
    assert proof.left >= 1
    assert proof.boxes < 500
    low, high = proof.smallest_left[x]
    assert low <= 0 <= high
    assert high - low < Rational(1, 10**9)


def test_strict_and_weak_differ_where_the_sides_touch_at_an_end():
    assert prove_on_box("<=", x, S.One, {x: (0, 1)}).status is ProofStatus.proved
    strict = prove_on_box("<", x, S.One, {x: (0, 1)})
    assert strict.status is ProofStatus.violated
    assert strict.witness == {x: 1}


def test_a_strict_claim_that_touches_at_one_interior_point_is_violated_there():
    proof = prove_on_box("<", S.Zero, x**2, {x: (-1, 1)})
    assert proof.status is ProofStatus.violated
    assert proof.witness == {x: 0}


def test_conditions_restrict_the_region():
    box = {x: (-2, 2), y: (-2, 2)}
    assert prove_on_box("<", S.Zero, x, box).status is ProofStatus.violated
    assert prove_on_box("<", S.Zero, x + y, box, given=[x > Rational(1, 5), y > 0]).status is ProofStatus.proved
    inside_domain = prove_on_box("<", log(x), x, box, given=[below(Rational(1, 10), x)])
    assert inside_domain.status is ProofStatus.proved


def test_a_witness_satisfies_the_conditions():
    proof = prove_on_box("<", x, Rational(1, 2), {x: (0, 1), y: (0, 1)}, given=[below(x, y), at_most(y, 1)])
    assert proof.status is ProofStatus.violated
    assert Rational(1, 2) <= proof.witness[x] < proof.witness[y]


@pytest.mark.parametrize("given", [[x > 5], [x > 1], [below(x, y), below(y, x)], [equal(x, y + 10)], [below(1, 0)]])
def test_an_empty_region_is_not_a_proof(given):
    proof = prove_on_box("<", x, S(2), {x: (0, 1), y: (0, 1)}, given=given, budget=300)
    assert proof.status is ProofStatus.empty


def test_a_small_region_is_searched_until_a_point_of_it_is_found():
    sliver = [below(Rational(70, 100), x), below(x, Rational(71, 100))]
    assert prove_on_box("<", x, S(2), {x: (0, 1)}, given=sliver).status is ProofStatus.proved


def test_a_claim_undefined_inside_the_box_is_not_proved():
    assert prove_on_box("<", S.Zero, 1 / x**2, {x: (-1, 1)}).status is ProofStatus.undecided
    cancelling = (log(1 - x) - 1, log(1 - x))
    assert prove_on_box("<", *cancelling, {x: (0, Rational(1, 2))}).status is ProofStatus.proved
    assert prove_on_box("<", *cancelling, {x: (0, 2)}, budget=500).status is ProofStatus.undecided


def test_jumps_and_kinks_are_handled():
    step = Piecewise((S.Zero, x < Rational(1, 3)), (S.One, True))
    assert prove_on_box("<=", step, x + Rational(2, 3), {x: (0, 1)}, budget=300).status is not ProofStatus.violated
    assert prove_on_box("<", step, Rational(1, 2), {x: (0, 1)}).status is ProofStatus.violated
    assert prove_on_box("<", erf(x), Max(x, 0) * 2 + Rational(1, 10), {x: (-3, 3)}).status is ProofStatus.proved


def test_the_budget_is_kept_and_what_is_left_is_counted():
    proof = prove_on_box("<", RESOLVENT, S.One, WIDE, budget=20)
    assert proof.status is ProofStatus.undecided
    assert proof.boxes == 20
    assert proof.left > 0


def test_a_proof_is_deterministic_and_restores_the_precision():
    before = ctx.prec
    assert prove_on_box("<", RESOLVENT, S.One, WIDE) == prove_on_box("<", RESOLVENT, S.One, WIDE)
    assert ctx.prec == before


@pytest.mark.parametrize(
    ("kind", "box", "words"),
    [
        ("=", {c: (1, 2)}, "'='"),
        ("<", {}, "no bounds for c"),
        ("<", {c: (0.1, 2)}, "0.1"),
        ("<", {c: (Float("0.1"), 2)}, "an end of the box of c"),
        ("<", {c: (pi, 4)}, "pi"),
        ("<", {c: (2, 1)}, "low <= high"),
        ("<", {c: (-1, 1)}, "sign"),
    ],
)
def test_bad_use_is_one_clear_line(kind, box, words):
    with pytest.raises(ValueError, match=words) as error:
        prove_on_box(kind, c, c + 1, box)
    assert "\n" not in str(error.value)


def test_an_unsupported_node_is_named():
    with pytest.raises(UnsupportedNode, match="zeta"):
        prove_on_box("<", S.Zero, Symbol("s") + zeta(c), {c: (2, 3), Symbol("s"): (0, 1)})


def test_refutation_at_a_point_is_certified_or_undecided():
    third = Rational(1, 3)
    assert refute_at("<", x, third, {x: third}) is True
    assert refute_at("<=", x, third, {x: third}) is False
    assert refute_at("=", x, third, {x: third}) is False
    assert refute_at("=", 3 * x, S.One, {x: Rational(10**30 + 1, 3 * 10**30)}) is True
    assert refute_at("<", exp(x), 1 + x + x**2 / 2 + x**3 / 6, {x: Rational(1, 10**30)}) is True
    assert refute_at("=", sqrt(5 + 2 * sqrt(6)) + x, sqrt(2) + sqrt(3) + x, {x: S.One}) is not True
    assert refute_at("<", log(x), S.One, {x: S.Zero}) is None
    assert refute_at("=", 1 / x, 1 / x, {x: S.Zero}) is None
    assert refute_at("<", sqrt(x), y, {x: pi, y: sqrt(3)}) is True
    with pytest.raises(ValueError, match="is allowed"):
        refute_at("!=", x, third, {x: third})
