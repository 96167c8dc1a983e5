"""Planted traps: each has a tempting wrong answer, and a certificate must not give it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import pytest
import sympy
from flint import arb, ctx
from mpmath import mp, mpf
from sympy import (
    Abs,
    Integral,
    Max,
    Piecewise,
    Rational,
    S,
    exp,
    pi,
    sin,
    symbols,
)

from derivations.discover import load
from derivations.model import Domain, Model, Refusal, parameter, unknown
from derivations.relations import at_most, below, equal
from numerics.enclosures.ball_programs import (
    compile_jacobian,
)
from numerics.enclosures.decimals import ends
from numerics.proofs.certificate import CertificateStatus, Certifier
from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box
from numerics.proofs.krawczyk import RootStatus, isolate_unique_root
from numerics.proofs.model_balls import Conditions

x, y, a = symbols("x y a", real=True)
theta = symbols("theta", real=True)
TENTH = Rational(1, 10)


def one_root(equation: Any, *, upper: Any = sympy.oo) -> Model:
    """A model of one unknown z, 0 < z < upper, and one real parameter a; `equation` maps (z, a) to its two sides."""
    z = unknown("z", "an unknown", domain=Domain(S.Zero, sympy.sympify(upper)))
    b = parameter("a", "a parameter", real=True)
    return Model((b,), (z,), (), (equal(*equation(z, b)),), {"value": z}, {z: S.One})


def test_the_root_of_an_equation_with_a_tenth_is_the_tenth_and_not_its_double() -> None:
    found = isolate_unique_root([x - TENTH], [x], guess={x: 0.1}, precision=300)
    assert found.status is RootStatus.unique
    with ctx.workprec(300):
        assert found.box[x].contains(arb(1) / 10)
        assert not found.box[x].contains(arb(0.1))


def test_constants_are_built_anew_for_each_precision_also_within_a_certifier() -> None:
    certifier = Certifier(load("random_features.collapse").model)
    coarse, fine, again = (
        certifier({"psi1": 2, "psi2": 1}, digits=n).observables["critical_epsilon"] for n in (5, 90, 5)
    )
    assert coarse is not None
    assert fine is not None
    assert again is not None
    assert coarse.contains(fine)
    assert again.contains(fine)
    with ctx.workprec(400):
        assert fine.rad() < arb(10) ** -90


def test_the_branch_is_part_of_the_model_and_no_guess_leads_to_another_root() -> None:
    certifier = Certifier(one_root(lambda z, b: (z**2 + b, 3 * z), upper=Rational(3, 2)))
    for guess in (0.9, 1.4, 1.6, 2.0, 2.5, -7.0):
        found = certifier({"a": 2}, guess={"z": guess})
        assert found.status is CertificateStatus.undecided or found.unknowns["z"].overlaps(arb(1))
    assert certifier({"a": 2}, guess={"z": 2.0}).status is CertificateStatus.undecided
    assert certifier({"a": 2}, guess={"z": 0.9}).status is CertificateStatus.unique


@pytest.mark.parametrize("gap", [Rational(1, 10**k) for k in (4, 12, 40, 70)])
def test_a_residual_that_is_tiny_everywhere_is_not_a_root(gap: Rational) -> None:
    certifier = Certifier(one_root(lambda z, b: (z**2 + 1 + gap, 2 * z + 0 * b)))
    for guess in (0.999, 1.0, 1.0000001):
        assert certifier({"a": 0}, digits=30, guess={"z": guess}).status is CertificateStatus.undecided


def test_two_roots_closer_than_a_double_tells_apart_are_not_called_one() -> None:
    """z = 1 -+ 1e-20: each box may hold one of them, never a point between them."""
    certifier = Certifier(one_root(lambda z, b: (z**2 + 1, 2 * z + b)))
    found = certifier({"a": Rational(1, 10**40)}, digits=30, guess={"z": 1.0})
    if found.status is CertificateStatus.unique:
        bounds = ends(found.unknowns["z"])
        assert bounds is not None
        low, high = bounds
        roots = (1 - Fraction(1, 10**20), 1 + Fraction(1, 10**20))
        assert sum(low <= root <= high for root in roots) == 1


def test_a_root_at_a_kink_is_certified_only_where_all_slopes_have_one_sign() -> None:
    steep = isolate_unique_root([x + Max(x, 0)], [x], guess={x: 0.0})
    assert steep.status is RootStatus.unique
    assert steep.box[x].contains(0)
    for fold in (Abs(x) + x / 2, Abs(x), Max(x, 0), x + 2 * Max(-x, 0)):
        assert isolate_unique_root([fold], [x], guess={x: 0.0}).status is RootStatus.undecided
        assert isolate_unique_root([fold], [x], box={x: (-1, 2)}).status is not RootStatus.unique


def test_a_sign_change_across_a_jump_is_no_root() -> None:
    jump = Piecewise((x - 2, x < 1), (x + 1, True))
    slopes = compile_jacobian([jump], [x], [x], piecewise=True)
    assert slopes is not None
    assert not slopes([arb(1, 0.1)])[0].is_finite()
    model = one_root(lambda z, b: (2 + Piecewise((z - 2, z < 1), (z + 1, True)), 2 + 0 * b))
    for guess in (0.99, 1.0, 1.01):
        assert Certifier(model)({"a": 0}, guess={"z": guess}).status is CertificateStatus.undecided


@pytest.mark.parametrize("exponent", range(8, 16))
def test_a_root_just_outside_the_box_is_not_called_a_root_of_the_box(exponent: int) -> None:
    """The ball of an intersection is wider than the intersection: by 1e-9 of its radius, room for such a root."""
    root = 2 + Rational(1, 10**exponent)
    assert isolate_unique_root([x**2 - root**2], [x], box={x: (1, 2)}).status is RootStatus.none
    low = 1 - Rational(1, 10**exponent)
    assert isolate_unique_root([x**2 - low**2], [x], box={x: (1, 2)}).status is not RootStatus.unique


def test_the_ends_of_a_box_are_the_rationals_that_were_given() -> None:
    """The ball of (1/3, 2/3) is wider than the interval; a root in the difference is not in the box."""
    for root in (Rational(2, 3) + Rational(1, 10**11), Rational(1, 3) - Rational(1, 10**80)):
        found = isolate_unique_root([exp(x) - exp(root)], [x], box={x: (Rational(1, 3), Rational(2, 3))})
        assert found.status is not RootStatus.unique
    inside = Rational(2, 3) - Rational(1, 10**11)
    found = isolate_unique_root([exp(x) - exp(inside)], [x], box={x: (Rational(1, 3), Rational(2, 3))})
    assert found.status is RootStatus.unique


def test_a_box_without_width_or_around_zero_is_handled() -> None:
    for box in ({x: (0, 0)}, {x: (1, 1)}):
        assert isolate_unique_root([sin(x)], [x], box=box).status is not RootStatus.unique
    found = isolate_unique_root([sin(x) + y, y - x**3], [x, y], guess={x: 1e-9, y: 0.0})
    assert found.status is RootStatus.unique
    assert found.box[x].contains(0)
    assert found.box[y].contains(0)


def test_a_proof_on_a_box_survives_no_jump_kink_or_cancelled_pole() -> None:
    assert prove_on_box("<=", Abs(x), x, {x: (-1, 1)}).status is ProofStatus.violated
    tent = Max(0, 1 - Abs(10**6 * (x - Rational(1, 3))))
    assert prove_on_box("<", tent, Rational(1, 2), {x: (0, 1)}).status is ProofStatus.violated
    pole = (1 / x, 1 / x + 1)
    assert prove_on_box("<", *pole, {x: (-1, 1)}, budget=200).status is not ProofStatus.proved
    saw = Integral(Piecewise((S.One, theta < a), (S.Zero, True)), (theta, 0, pi))
    assert prove_on_box("<=", saw, S.One, {a: (0, 2)}, budget=200).status is not ProofStatus.proved


def test_a_refusal_with_room_for_rounding_is_exact_for_exact_parameters() -> None:
    """1e-6 of a Hermite polynomial of degree 4 is within the rounding of doubles, and no activation a*t**2."""
    certifier = Certifier(load("learning_regimes.trained").model)
    given = {"rho": "0.7", "spectrum": "0.4@0.5,1.6@0.5"}
    for activation, status in (
        ("t**2 - 1/3", CertificateStatus.unique),
        ("t**2 + (t**4 - 6*t**2 + 3)/1000000", CertificateStatus.undecided),
        ("t**2 + (t**3 - 3*t)/1000000", CertificateStatus.undecided),
    ):
        assert certifier({**given, "activation": activation}).status is status
    tangent = Certifier(load("learning_regimes.tangent").model)
    whole, part = (tangent({"rho": "0.7", "activation": "t+t**2", "dimension": n}) for n in ("5", "5.00000001"))
    assert whole.status is CertificateStatus.unique
    assert part.status is CertificateStatus.undecided
    assert "whole number" in part.reason


def test_a_refusal_without_allowance_needs_no_second_form() -> None:
    refusal = Refusal("never", (below(S.One, 0),), "never")
    assert refusal.exactly == ()
    for name in ("learning_regimes.trained", "learning_regimes.tangent", "overfitted_networks.classification"):
        for each in load(name).model.refusals:
            sides = [side for relation in each.when for side in (relation.lhs, relation.rhs)]
            numbers = [number for side in sides for number in sympy.sympify(side).atoms(sympy.Rational)]
            small = any(
                0 < abs(number) < Rational(1, 10**6) or 0 < abs(number - 1) < Rational(1, 10**6) for number in numbers
            )
            # the variance is only ever compared with rounding from below: more is refused, never less
            assert not small or each.exactly or each.name == "no_variance", each.name


@pytest.mark.parametrize("spectrum", ["0.4@0.5,1.6@0.5", "0@0.5,1@0.5", "-1@0.25,0.00001@0.5,1@0.25"])
def test_digits_beyond_a_hundred_are_those_of_the_theorem_without_any_regularisation(spectrum: str) -> None:
    """The flow's cut c solves E k(c) = rho - vartheta/omega, here to 150 digits with b/(1 - e^{-2bt}) as it stands."""
    certifier = Certifier(load("learning_regimes.trained").model)
    found = certifier({"rho": "0.7", "spectrum": spectrum, "time": "1"}, digits=140)
    assert found.status is CertificateStatus.unique
    assert found.reached
    with mp.workdps(180):
        atoms = [tuple(mpf(part) for part in map(_exact, atom.split("@"))) for atom in spectrum.split(",")]
        size = mpmath.sqrt(mpmath.fsum(w * v * v for v, w in atoms))
        rho, ends_of_cut = mpf(7) / 10, ends(found.unknowns["cut"])
        assert ends_of_cut is not None

        def equation(cut: Any) -> Any:
            vartheta = rho * mpmath.exp(-2 * cut)
            shares = []
            for value, weight in atoms:
                b = value / size
                r = mpf(1) / 2 if b == 0 else b / mpmath.expm1(2 * b)
                shares.append(weight * vartheta / (r + vartheta))
            return vartheta + mpmath.fsum(shares) - rho

        low, high = (mpf(end.numerator) / end.denominator for end in ends_of_cut)
        middle = mpmath.findroot(equation, (low + high) / 2 + mpf(10) ** -20)
        assert low - mpf(10) ** -170 <= middle <= high + mpf(10) ** -170


def _exact(text: str) -> Any:
    number = Fraction(text)
    return mpf(number.numerator) / number.denominator


def test_a_condition_on_an_infinite_value_is_not_decided_by_a_difference_that_swallows_it() -> None:
    """SymPy takes x - oo for -oo, whatever x: x < oo would hold at x = oo."""
    time = parameter("time", "a time that may be infinite", positive=True)
    for relation, finite, infinite in (
        (below(time, sympy.oo), True, False),
        (at_most(time, sympy.oo), True, True),
        (equal(time, sympy.oo), False, True),
        (below(time, 2 * time), True, False),
    ):
        conditions = Conditions([relation], [time], [])
        assert conditions.decide_exactly({time: sympy.Integer(3)}) is finite
        assert conditions.decide_exactly({time: sympy.oo}) is infinite
