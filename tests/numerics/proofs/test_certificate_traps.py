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
    Heaviside,
    Integral,
    Max,
    Piecewise,
    Rational,
    S,
    cos,
    erf,
    exp,
    floor,
    pi,
    sin,
    sqrt,
    symbols,
    tan,
)

from derivations.discover import load
from derivations.model import Domain, Model, Refusal, parameter, unknown
from derivations.relations import at_most, below, equal
from numerics.enclosures import balls, complex_operations
from numerics.enclosures.ball_programs import (
    UnsupportedNode,
    as_ball,
    compile_balls,
    compile_conditions,
    compile_jacobian,
    enclose,
    evaluate_on_box,
)
from numerics.enclosures.decimals import enclose_in_decimals, ends, round_ball
from numerics.parameters import ParameterError
from numerics.proofs.certificate import CertificateStatus, Certifier, certify
from numerics.proofs.exact_parameters import read_exact
from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box
from numerics.proofs.krawczyk import RootStatus, isolate_unique_root
from numerics.proofs.model_balls import Conditions
from verify.report.certified import _box, certified_data

x, y, a = symbols("x y a", real=True)
theta = symbols("theta", real=True)
TENTH = Rational(1, 10)


def one_root(equation: Any, *, upper: Any = sympy.oo) -> Model:
    """A model of one unknown z, 0 < z < upper, and one real parameter a; `equation` maps (z, a) to its two sides."""
    z = unknown("z", "an unknown", domain=Domain(S.Zero, sympy.sympify(upper)))
    b = parameter("a", "a parameter", real=True)
    return Model((b,), (z,), (), (equal(*equation(z, b)),), {"value": z}, {z: S.One})


# balls, as the list of traps has them


def test_the_root_of_an_equation_with_a_tenth_is_the_tenth_and_not_its_double() -> None:
    found = isolate_unique_root([x - TENTH], [x], guess={x: 0.1}, precision=300)
    assert found.status is RootStatus.unique
    with ctx.workprec(300):
        assert found.box[x].contains(arb(1) / 10)
        assert not found.box[x].contains(arb(0.1))


def test_the_error_function_of_an_interval_holds_both_ends_to_sixty_digits() -> None:
    ball = evaluate_on_box(erf(x), {x: (TENTH, 2 * TENTH)}, precision=230)
    with mp.workdps(60), ctx.workprec(260):
        for end in (mpf(1) / 10, mpf(2) / 10, mpf(3) / 20):
            assert ball.overlaps(arb(mpmath.nstr(mpmath.erf(end), 60)))
        assert ball.rad() < 0.06


REFUSED = [
    floor(x),
    sympy.ceiling(x),
    Heaviside(x),
    sympy.DiracDelta(x),
    sympy.gamma(1 + x**2),
    sympy.besselj(0, x),
    sympy.besseli(Rational(1, 2), x),
    sympy.besseli(y, x),
    sympy.atan2(x, y),
    sympy.Mod(x, 2),
    sympy.sinc(x),
    sympy.LambertW(x),
    sympy.re(sympy.Symbol("complex")),
    sympy.Derivative(exp(x), x),
    sympy.Sum(a**2, (a, 0, 3)),
    sympy.Float("0.1") * x,
    sympy.zoo * x,
    x - sympy.oo,
    Integral(exp(-(a**2)), (a, 0, 1)),
    Integral(sympy.floor(theta + x), (theta, 0, pi)),
    Integral(sympy.gamma(1 + theta), (theta, 0, pi)),
    Integral(cos(theta + a), (theta, 0, pi), (a, 0, 1)),
    Piecewise((x, sympy.Contains(x, sympy.Interval(0, 1))), (y, True)),
]


@pytest.mark.parametrize("expression", REFUSED, ids=lambda e: type(e).__name__)
def test_a_node_that_balls_lack_raises_instead_of_being_taken_from_elsewhere(expression: Any) -> None:
    with pytest.raises(UnsupportedNode):
        compile_balls([expression], [x, y])


def test_python_would_order_overlapping_balls_and_these_operations_do_not() -> None:
    wide, narrow = arb(1, 1), arb("1.1", "0.1")
    for first, second in ((wide, narrow), (narrow, wide)):
        found = compile_balls([Max(x, y), sympy.Min(x, y)], [x, y])([first, second])
        assert found[0].contains(arb(1.99))
        assert found[0].contains(arb(1.01))
        assert found[1].contains(arb(0.01))
        assert found[1].contains(arb(1.19))
        assert compile_conditions([x < y, x >= y, sympy.Eq(x, y)], [x, y])([first, second]) == [None] * 3


def test_without_the_analytic_flag_a_square_root_gives_a_wrong_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    """The integral of |cos| is 2: what ignores the flag integrates the branch it happens to see."""
    integrand = sqrt(cos(theta) ** 2 + 0 * theta, evaluate=False)
    program = compile_balls([Integral(integrand, (theta, 0, pi))], [])
    with ctx.workprec(53):
        ball = program([])[0]
        assert not ball.is_finite() or ball.contains(2)
        monkeypatch.setattr(complex_operations, "half_power", lambda _real, doubled, _moment, z: z.sqrt() ** doubled)
        careless = compile_balls([Integral(integrand, (theta, 0, pi))], [])([])[0]
        assert careless.is_finite()
        assert not careless.contains(2)


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


# fixed points


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


# found by reading the code


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


def test_the_tangent_of_a_huge_ball_is_undefined_where_its_rounded_ends_pass_a_pole() -> None:
    with ctx.workprec(53):
        for k in range(1, 400):
            centre = arb(2**100 + k * 2**50)
            ball = balls.tan(arb(centre, 0.1))
            assert not ball.is_finite() or ball.overlaps(centre.tan())
    assert evaluate_on_box(tan(x), {x: (3, 4)}).is_finite()
    assert not evaluate_on_box(tan(x), {x: (1, 2)}).is_finite()


def test_a_jump_whose_place_moves_under_an_integral_has_no_derivative() -> None:
    """The integral of [angle < a] is a; differentiated under the integral it would be constant."""
    moving = Integral(Piecewise((S.One, theta < a), (S.Zero, True)), (theta, 0, pi))
    assert compile_jacobian([moving], [a], [a], piecewise=True) is None
    assert compile_jacobian([y], [a], [a], definitions=[(y, moving)], piecewise=True) is None
    inner = [(x, 2 * a), (y, Integral(Piecewise((S.One, theta < x), (S.Zero, True)), (theta, 0, pi)))]
    assert compile_jacobian([y], [a], [a], definitions=inner, piecewise=True) is None
    fixed = Integral(Piecewise((a**2, theta < 1), (a, True)), (theta, 0, pi))
    slopes = compile_jacobian([fixed], [a], [a], piecewise=True)
    assert slopes is not None
    assert slopes([arb(3)])[0].overlaps(6 + arb.pi() - 1)


@pytest.mark.parametrize(
    ("expression", "box"),
    [
        (sympy.erfinv(x), (Rational(1, 2), 1)),
        (sympy.erfinv(x), (Rational(1, 2), 2)),
        (sympy.acos(x), (0, Rational(11, 10))),
        (1 / sympy.log(x), (0, Rational(1, 2))),
        (x ** Rational(-1, 3), (0, 1)),
        (x**y, (-1, 1)),
        (1 / (x**2 - 2), (1, 2)),
        (Max(sympy.log(x), 5), (-1, 1)),
        (exp(-1 / x**2), (-1, 1)),
        (sqrt(x - 1) * sqrt(x - 1 + y) - x, (0, 2)),
    ],
)
def test_at_and_beyond_the_edge_of_a_domain_nothing_is_claimed(expression: Any, box: Any) -> None:
    assert not evaluate_on_box(expression, {x: box, y: (1, 2)}).is_finite()


@pytest.mark.parametrize("exponent", [2**20, -(2**20), 2**63, 2**64 + 1, -(2**70)])
def test_huge_exponents_are_enclosed_or_undefined(exponent: int) -> None:
    near_one = 1 + Rational(1, 2**60)
    with ctx.workprec(256), mp.workdps(60):
        for value in (near_one, -near_one):
            ball = balls.integer_power(as_ball(value, "value"), exponent)
            truth = mpmath.exp(exponent * mpmath.log1p(mpf(2) ** -60)) * (1 if value > 0 or exponent % 2 == 0 else -1)
            near = arb(mpmath.nstr(truth, 50)) + arb(0, arb(10) ** -35 * arb(mpmath.nstr(abs(truth), 5)))
            assert not ball.is_finite() or ball.overlaps(near)
        wide = balls.integer_power(as_ball((-1, 1), "value"), abs(exponent))
        assert not wide.is_finite() or (wide.contains(1) and wide.contains(0))


def test_a_piecewise_whose_condition_is_undefined_is_no_branch_alone() -> None:
    step = Piecewise((S.One, sympy.log(x) < 0), (S(2), True))
    for box in ((-1, Rational(1, 2)), (-2, -1)):
        ball = evaluate_on_box(step, {x: box})
        assert not ball.is_finite() or (ball.contains(1) and ball.contains(2))
    undefined = Piecewise((1 / x, x < 1), (x, True))
    assert not evaluate_on_box(undefined, {x: (-1, 2)}).is_finite()
    assert evaluate_on_box(undefined, {x: (1, 2)}).is_finite()


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


# numbers as they are typed and printed


@pytest.mark.parametrize(
    "text", ["1e999999999", "1e-999999999", "1E+99999", "-1e1_000_000", "1e\u0669\u0669\u0669\u0669\u0669\u0669"]
)
def test_a_power_of_ten_that_would_fill_the_memory_is_refused_at_once(text: str) -> None:
    with pytest.raises(ParameterError, match="psi1"):
        certify(load("random_features.collapse").model, {"psi1": text, "psi2": 1})
    with pytest.raises(ParameterError, match="spectrum"):
        read_exact(load("learning_regimes.trained").model, {"rho": "1", "spectrum": f"{text}@1"})


@pytest.mark.parametrize("value", [True, None, float("nan"), "nan", "0x1", "", "1/0", "--1", b"1", 1j])
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ParameterError, match="psi1"):
        certify(load("random_features.collapse").model, {"psi1": value, "psi2": 1})


def test_numbers_are_read_exactly() -> None:
    model = load("random_features.robust_risk").model
    cases = {"0.1": Rational(1, 10), "1/3": Rational(1, 3), 0.1: Rational(0.1), Fraction(2, 7): Rational(2, 7)}
    cases |= {"1e-400": Rational(1, 10**400), "1.50e2": S(150), 5: S(5)}
    for given, exact in cases.items():
        numbers = read_exact(model, {"psi1": 2, "psi2": 1, "epsilon": given}).numbers
        assert exact in [value for symbol, value in numbers.items() if symbol.name == "epsilon"]


def decimal_cases() -> list[arb]:
    tie = arb("0.5") + arb(0, arb(10) ** -3)
    with ctx.workprec(200):
        near = [
            arb(n) / d + arb(0, arb(10) ** -k)
            for n, d in ((1, 8), (-1, 3), (999999, 1000), (5, 10**7))
            for k in (6, 12, 40)
        ]
        far = [arb(10) ** 60 + 1, arb(2) ** -300, -(arb(10) ** -9), arb(3) ** 400 + arb(0, 10**9)]
    return [tie, *near, *far, arb(0), arb(0, 1), arb(1, 1)]


@pytest.mark.parametrize("digits", [1, 2, 3, 7, 30])
def test_printed_enclosures_hold_the_ball_and_printed_digits_are_right_for_all_of_it(digits: int) -> None:
    for ball in decimal_cases():
        found = ends(ball)
        assert found is not None
        text = enclose_in_decimals(ball, digits)
        assert text is not None
        middle, radius = map(Fraction, text)
        assert middle - radius <= found[0]
        assert found[1] <= middle + radius
        rounded = round_ball(ball, digits)
        if rounded is not None and Fraction(rounded):
            allowed = _last_unit(rounded, digits) * Fraction(50_000_001, 10**8)
            assert all(abs(end - Fraction(rounded)) <= allowed for end in found)


def _last_unit(text: str, digits: int) -> Fraction:
    """One unit of the last of `digits` significant digits of a decimal."""
    size, place = abs(Fraction(text)), 0
    while size >= 10:
        size, place = size / 10, place + 1
    while size < 1:
        size, place = size * 10, place - 1
    return Fraction(10) ** (place - digits + 1)


@pytest.mark.parametrize("digits", [1, 2, 4, 15])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("random_features.robust_risk", {"psi1": 2, "psi2": 1, "epsilon": "0.3"}),
        ("random_features.linear_regression", {"psi2": "1.0000000001", "epsilon": "0.0001"}),
        ("learning_regimes.trained", {"rho": "0.7", "spectrum": "0@0.5,1@0.5", "time": 1}),
    ],
)
def test_the_printed_box_holds_the_printed_root(name: str, given: dict[str, Any], digits: int) -> None:
    found = certify(load(name).model, given, digits=digits)
    assert found.status is CertificateStatus.unique
    empty: dict[str, Any] = {"notes": [], "observables": {}, "unknowns": {}, "phase": found.phase}
    data = certified_data(empty, found, digits, decimals=True)
    for unknown_name, box in data["certificate"]["box"].items():
        root = ends(found.unknowns[unknown_name])
        assert root is not None
        assert box is None or Fraction(box[0]) <= root[0] <= root[1] <= Fraction(box[1])


def test_a_box_whose_decimals_would_lose_the_root_is_not_printed() -> None:
    wide = arb(1) + arb(0, "2.5e-10")
    assert _box(wide, arb(1), 1) == ("0.9999999998", "1.0000000002")
    assert _box(wide, arb(1) + arb("2.4e-10"), 1) is None
    assert _box(arb(1) + arb(0, "1e-12"), arb(1), 1) is None


def test_enclosures_say_what_they_do_not_reach() -> None:
    assert not enclose(x, {x: (1, 2)}).ball.is_exact()
    assert enclose(sympy.erfinv(x), {x: 1}).status.name == "undefined"


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
