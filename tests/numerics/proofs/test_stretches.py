"""A certificate of a stretch is sound: at every value the root lies in its tile's box, the observable in its ball."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
import pytest
from flint import arb
from sympy import Max, Piecewise, Rational, S, Symbol, erf, exp, oo, sqrt

from derivations.discover import load
from derivations.model import ChoiceParameter, Domain, FunctionParameter, Model, Phase, Refusal, parameter, unknown
from derivations.relations import below, equal
from numerics import many_digits
from numerics.enclosures.decimals import ends
from numerics.generated import load_source
from numerics.parameters import ParameterError
from numerics.precise_root import _refine, _rough_root
from numerics.proofs.certificate import CertificateStatus, certify
from numerics.proofs.exact_parameters import read_exact
from numerics.proofs.krawczyk import RootSystem
from numerics.proofs.moving_boxes import MovingSystem
from numerics.proofs.stretch_tiles import Tile
from numerics.proofs.stretches import Stretch, certify_stretch

x, y = unknown("x", "an unknown", positive=True), unknown("y", "another unknown", positive=True)
a = parameter("a", "what runs", positive=True)
HALF = Rational(1, 2)


def root_model(left: Any, right: Any, *, start: Any = S.One, **more: Any) -> Model:
    return Model((a,), (x,), (), (equal(left, right),), {"x": x, "product": a * x}, {x: start}, **more)


def inside(tile: Tile, count: int, seed: int = 0) -> list[Fraction]:
    """The ends of the tile and random values between them."""
    draw = random.Random(f"{seed} {tile.low}")
    shares = [Fraction(draw.randrange(10**6 + 1), 10**6) for _ in range(count)]
    return [tile.low, tile.high, *(tile.low + share * (tile.high - tile.low) for share in shares)]


def holds(ball: arb, value: Any, slack: float = 1e-25) -> bool:
    found = ends(ball)
    assert found is not None
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
    return bool(low - slack * (1 + abs(value)) <= value <= high + slack * (1 + abs(value)))


def gaps(stretch: Stretch) -> list[Tile]:
    return [tile for tile in stretch.tiles if tile.status is CertificateStatus.undecided]


def assert_undecided_about(stretch: Stretch, place: object) -> None:
    assert stretch.status is CertificateStatus.undecided
    assert not stretch.chained
    assert any(tile.low <= place <= tile.high for tile in gaps(stretch))
    assert stretch.reason.startswith("undecided from a = ")
    assert all(ball is None for ball in stretch.observables.values())


def assert_tiles_cover(stretch: Stretch) -> None:
    assert stretch.tiles[0].low == stretch.low
    assert stretch.tiles[-1].high == stretch.high
    for left, right in pairwise(stretch.tiles):
        assert left.high == right.low


def test_every_square_root_lies_in_its_tile() -> None:
    found = certify_stretch(root_model(x**2, a), {}, "a", "0.25", 9)
    assert found.status is CertificateStatus.unique
    assert found.chained
    assert_tiles_cover(found)
    for tile in found.tiles:
        for value in inside(tile, 50):
            with mpmath.workdps(40):
                root = mpmath.sqrt(mpmath.mpf(value.numerator) / value.denominator)
                assert holds(tile.box["x"], root)
                assert holds(tile.unknowns["x"], root)
                assert holds(tile.observables["product"], root**3)


def test_the_enclosures_are_tight() -> None:
    found = certify_stretch(root_model(x**2, a), {}, "a", 1, 4)
    ball = found.observables["product"]
    assert ball is not None
    low, high = (float(end) for end in ends(ball) or ())
    assert 0.98 < low <= 1
    assert 8 <= high < 8.1
    assert len(found.tiles) < 60


def two_unknowns() -> Model:
    equations = (equal(x * y, a), equal(x + y**3, 2 * a + exp(-x)))
    return Model((a,), (x, y), (), equations, {"sum": x + erf(y)}, {x: S(1), y: a})


def test_every_root_of_two_equations_lies_in_its_tile() -> None:
    found = certify_stretch(two_unknowns(), {}, "a", HALF, 3)
    assert found.status is CertificateStatus.unique
    for tile in found.tiles:
        guess = [mpmath.mpf(float(tile.unknowns[name].mid())) for name in "xy"]
        for value in inside(tile, 50):
            with mpmath.workdps(40):
                t = mpmath.mpf(value.numerator) / value.denominator
                u, v = mpmath.findroot(lambda u, v, t=t: (u * v - t, u + v**3 - 2 * t - mpmath.exp(-u)), guess)
                assert holds(tile.box["x"], u)
                assert holds(tile.box["y"], v)
                assert holds(tile.observables["sum"], u + mpmath.erf(v))


def true_point(model: Model, given: dict[str, Any]) -> dict[str, Any]:
    """Roots and observables by the generated mpmath code, to 40 digits."""
    exact, names = read_exact(model, given), [str(u) for u in model.unknowns]
    values = {s.name: mpmath.mpmathify(v.evalf(50)) for s, v in exact.numbers.items()}
    code = load_source(model, target="mpmath")
    rough = _rough_root(model, {name: float(value) for name, value in values.items()})
    roots = _refine(code, values, names, [mpmath.mpf(each) for each in rough], 40)
    values |= dict(zip(names, roots, strict=True))
    return {**code.call("report", many_digits, many_digits, values)[1], **dict(zip(names, roots, strict=True))}


@pytest.mark.parametrize(
    ("name", "given", "runs", "low", "high"),
    [
        ("random_features.robust_risk", {"psi2": 2, "epsilon": "0.5"}, "psi1", "1", "1.15"),
        ("random_features.robust_risk", {"psi1": 2, "psi2": 2}, "epsilon", "0.5", "0.55"),
        ("random_features.ridge_regression", {"psi1": 2, "psi2": 3}, "ridge", "0.1", "0.3"),
    ],
)
def test_true_roots_and_observables_of_a_theorem_lie_in_the_tiles(
    name: str, given: dict[str, Any], runs: str, low: str, high: str
) -> None:
    model = load(name).model
    found = certify_stretch(model, given, runs, low, high)
    assert found.status is CertificateStatus.unique
    assert found.chained
    for tile in found.tiles:
        with mpmath.workdps(45):
            for value in inside(tile, 3):
                truth = true_point(model, {**given, runs: value})
                for key, ball in [*tile.box.items(), *tile.unknowns.items(), *tile.observables.items()]:
                    assert ball is None or key not in truth or holds(ball, truth[key]), (key, value)


@pytest.mark.standard
def test_fifty_true_points_lie_in_every_tile_of_a_long_stretch() -> None:
    model, given = load("random_features.robust_risk").model, {"psi2": 2, "epsilon": "0.5"}
    found = certify_stretch(model, given, "psi1", HALF, 3)
    assert found.status is CertificateStatus.unique
    for tile in found.tiles:
        with mpmath.workdps(45):
            for value in inside(tile, 50):
                truth = true_point(model, {**given, "psi1": value})
                for key, ball in [*tile.box.items(), *tile.observables.items()]:
                    assert ball is None or holds(ball, truth[key]), (key, value)


def test_a_fold_inside_the_stretch_is_undecided_there() -> None:
    found = certify_stretch(root_model(x**2 + a, 2 * x, start=S(2)), {}, "a", HALF, Rational(3, 2))
    assert_undecided_about(found, 1)
    assert_tiles_cover(found)
    assert all(tile.high <= 1 for tile in found.tiles if tile.status is CertificateStatus.unique)


def test_two_branches_that_cross_are_undecided_where_they_do() -> None:
    found = certify_stretch(root_model(x**2 + a * (2 - a), 2 * x), {}, "a", HALF, Rational(3, 2))
    assert_undecided_about(found, 1)
    assert {tile.status for tile in found.tiles} == {CertificateStatus.undecided, CertificateStatus.unique}


def test_a_jump_of_the_root_is_undecided() -> None:
    jump = Piecewise((S(1), a < 1), (S(2), True))
    assert_undecided_about(certify_stretch(root_model(x, a + jump), {}, "a", HALF, Rational(3, 2)), 1)


def test_a_jump_between_constants_is_undecided() -> None:
    jump = Piecewise((S(1), a < 1), (S(2), True))
    assert_undecided_about(certify_stretch(root_model(x, jump), {}, "a", HALF, Rational(5, 4)), 1)


def test_a_kink_is_no_jump() -> None:
    found = certify_stretch(root_model(x**2, Max(a, 1)), {}, "a", HALF, Rational(3, 2))
    assert found.status is CertificateStatus.unique
    for tile in found.tiles:
        for value in inside(tile, 50):
            with mpmath.workdps(40):
                assert holds(tile.box["x"], mpmath.sqrt(max(1, mpmath.mpf(value.numerator) / value.denominator)))


def test_the_branch_of_the_low_end_is_followed_past_a_guess_that_changes() -> None:
    start = Piecewise((a, a < 2), (S(9), True))
    found = certify_stretch(root_model(x**2 + 9 * a, (9 + a) * x, start=start), {}, "a", 1, 4)
    assert found.status is CertificateStatus.unique
    assert found.chained
    assert found.unknowns["x"].contains(arb(1))
    assert found.unknowns["x"] < 5


def parallel_branches() -> Model:
    """x = 10 a, where the guess is, and x = 10 a - 9, to which Newton's method jumps from a root at a smaller a."""
    return root_model(x**2 + 10 * a * (10 * a - 9), (20 * a - 9) * x, start=10 * a)


def offsets(stretch: Stretch) -> set[int]:
    """0 for a tile on the first branch, 9 for one on the second."""
    pairs = [(float(tile.low + tile.high) / 2, tile.box["x"]) for tile in stretch.tiles if tile.box]
    return {round(10 * middle - float(box.mid())) for middle, box in pairs}


def other_branch(guess: float, value: float) -> list[arb]:
    return [arb(10 * value - 9 if abs(guess - 10 * value) < 1 else 10 * value)]


def test_a_tile_on_another_branch_than_the_root_before_it_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, prove = [0], MovingSystem.prove

    def jumping(self: MovingSystem, guess: list[arb], at_middle: list[arb], half: arb) -> Any:
        calls[0] += 1
        other = other_branch(float(guess[0]), float(at_middle[0].mid()))
        return prove(self, other if calls[0] % 3 == 0 else guess, at_middle, half)

    monkeypatch.setattr(MovingSystem, "prove", jumping)
    assert offsets(certify_stretch(parallel_branches(), {}, "a", 1, 3)) == {0}


def test_a_root_found_on_another_branch_at_the_end_of_a_tile_is_not_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, inflate = [0], RootSystem.inflate

    def jumping(self: RootSystem, guess: list[arb], parameters: list[arb]) -> Any:
        calls[0] += 1
        other = other_branch(float(guess[0].mid()), float(parameters[0].mid()))
        return inflate(self, other if calls[0] % 3 == 0 else guess, parameters)

    monkeypatch.setattr(RootSystem, "inflate", jumping)
    found = certify_stretch(parallel_branches(), {}, "a", 1, 3)
    assert calls[0] > 6
    assert found.status is CertificateStatus.undecided or len(offsets(found)) == 1


def test_a_closed_form_is_enclosed_and_never_chained() -> None:
    jump = Piecewise((a, a < 1), (5 + a, True))
    model = Model((a,), (), (), (), {"smooth": exp(-a) * a, "jump": jump}, {})
    found = certify_stretch(model, {}, "a", HALF, 2)
    assert found.status is CertificateStatus.unique
    assert not found.chained
    for tile in found.tiles:
        for value in inside(tile, 50):
            with mpmath.workdps(40):
                t = mpmath.mpf(value.numerator) / value.denominator
                assert holds(tile.observables["smooth"], t * mpmath.exp(-t))
                assert holds(tile.observables["jump"], t + (0 if value < 1 else 5))
    smooth = found.observables["smooth"]
    assert smooth is not None
    assert 0.36 < float(smooth.upper()) < 0.38


def phase_model() -> Model:
    phase = Phase("beyond", "collapsed", (below(2, a**2),), {"x": S(7), "product": None}, "a^2 > 2")
    return root_model(x**2, a, phases=(phase,))


def test_a_phase_boundary_is_undecided_in_a_small_gap_with_both_sides_proved() -> None:
    found = certify_stretch(phase_model(), {}, "a", 1, 2)
    (gap,) = gaps(found)
    assert found.status is CertificateStatus.undecided
    assert gap.low**2 <= 2 <= gap.high**2
    assert gap.high - gap.low < Fraction(1, 1000)
    assert "beyond" in gap.reason
    assert "1.414" in found.reason
    assert {tile.phase for tile in found.tiles if tile.low > gap.low} == {"beyond"}
    assert found.tiles[-1].observables["product"] is None
    assert any("infinite" in note for note in found.notes)
    assert certify_stretch(phase_model(), {}, "a", HALF, Rational(7, 5)).status is CertificateStatus.unique


def test_a_stretch_without_a_limit_has_none() -> None:
    phase = Phase("nowhere", "outside_domain", (below(0, a),), {"x": None, "product": None}, "no limit")
    found = certify_stretch(root_model(x, a, phases=(phase,)), {}, "a", 1, 2)
    assert found.status is CertificateStatus.none
    assert found.reason == "no limit"


def test_a_refusal_on_the_way_is_refused() -> None:
    model = root_model(x, a, refusals=(Refusal("far", (below(Rational(3, 2), a),), "a is too large"),))
    with pytest.raises(ParameterError, match="a is too large"):
        certify_stretch(model, {}, "a", 1, 2)
    assert certify_stretch(model, {}, "a", HALF, 1).status is CertificateStatus.unique


def test_where_the_root_leaves_its_domain_nothing_is_proved() -> None:
    found = certify_stretch(root_model(1 + x + a, S(2)), {}, "a", HALF, Rational(3, 2))
    assert_undecided_about(found, 1)
    assert found.tiles[0].status is CertificateStatus.unique
    assert all(tile.high < 1 for tile in found.tiles if tile.status is CertificateStatus.unique)


def test_a_root_that_stands_still_is_enclosed_to_the_last_bit() -> None:
    found = certify_stretch(root_model(x**2 + a, 2 + a), {}, "a", 1, 2)
    assert found.status is CertificateStatus.unique
    with mpmath.workdps(80):
        assert all(holds(tile.unknowns["x"], mpmath.sqrt(2), slack=0) for tile in found.tiles)
    assert float(found.unknowns["x"].rad()) < 1e-25


def test_the_ends_of_a_domain_are_those_of_a_point() -> None:
    closed = parameter("a", "what runs", domain=Domain(S(0), S(1), False, False))
    model = Model((closed,), (x,), (), (equal(x, 1 + sqrt(closed)),), {"x": x}, {x: S(1)})
    found = certify_stretch(model, {}, "a", 0, 1)
    assert found.status in (CertificateStatus.unique, CertificateStatus.undecided)
    assert found.tiles[-1].status is CertificateStatus.unique
    for low, high in ((-1, 1), (0, 2)):
        with pytest.raises(ParameterError, match="0 <= a <= 1"):
            certify_stretch(model, {}, "a", low, high)
    with pytest.raises(ParameterError, match="a > 0"):
        certify_stretch(root_model(x, a), {}, "a", 0, 1)


def test_a_parameter_that_defaults_to_the_one_that_runs_runs_along() -> None:
    b = parameter("b", "as a", positive=True, default=a)
    model = Model((a, b), (x,), (), (equal(x * a, b + 1),), {"ratio": b / a}, {x: S(1)})
    along = certify_stretch(model, {}, "a", 1, 2).observables["ratio"]
    fixed = certify_stretch(model, {"b": 1}, "a", 1, 2).observables["ratio"]
    assert along is not None
    assert fixed is not None
    assert along.contains(arb(1))
    assert float(along.rad()) < 0.05
    assert fixed.contains(arb(1) / 2)


@pytest.mark.parametrize(
    ("runs", "low", "high", "told"),
    [
        ("a", 2, 1, "low < high"),
        ("a", 1, 1, "low < high"),
        ("a", "one", 2, "finite exact number"),
        ("a", 1, float("inf"), "finite exact number"),
        ("a", 1, oo, "finite exact number"),
        ("a", 1, True, "finite exact number"),
        ("z", 1, 2, "unknown"),
        ("f", 1, 2, "no number"),
        ("word", 1, 2, "no number"),
    ],
)
def test_misuse_is_refused_by_name(runs: str, low: object, high: object, told: str) -> None:
    function = FunctionParameter("f", "a function", "t", {})
    choice = ChoiceParameter("word", "a word", {"yes": 1, "no": 0}, "yes", Symbol("chosen"))
    model = Model((a, function, choice), (), (), (), {"a": a}, {})
    with pytest.raises(ParameterError, match=told):
        certify_stretch(model, {}, runs, low, high)


def test_a_value_given_twice_and_digits_or_seconds_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="once"):
        certify_stretch(root_model(x, a), {"a": 1}, "a", 1, 2)
    with pytest.raises(ValueError, match="allowed are 1 to 1000"):
        certify_stretch(root_model(x, a), {}, "a", 1, 2, digits=0)
    with pytest.raises(ValueError, match="seconds is 0; allowed is a positive number"):
        certify_stretch(root_model(x, a), {}, "a", 1, 2, seconds=0)


def test_what_is_left_when_the_tiles_or_the_time_are_spent_is_undecided() -> None:
    few = certify_stretch(root_model(x**2, a), {}, "a", "0.01", 9, most_tiles=3)
    assert few.status is CertificateStatus.undecided
    assert "3 tiles are spent" in few.reason
    assert_tiles_cover(few)
    late = certify_stretch(root_model(x**2, a), {}, "a", 1, 2, seconds=1e-9)
    assert late.status is CertificateStatus.undecided
    assert "the limit of 1e-09 s is reached; give more seconds (--seconds)" in late.reason
    assert [(tile.low, tile.high) for tile in late.tiles] == [(1, 2)]


def test_an_activation_known_by_quadrature_only_is_never_unique_with_wrong_digits() -> None:
    model = load("random_features.robust_risk").model
    given = {"psi2": 2, "epsilon": "0.5", "activation": "tanh(t)"}
    found = certify_stretch(model, given, "psi1", 1, "1.001")
    point = certify(model, {**given, "psi1": 1})
    assert found.status is point.status


def test_a_parameter_that_is_left_out_refuses_nothing() -> None:
    """Its default is infinite: the refusals of a flow are for finite times."""
    found = certify_stretch(load("learning_regimes.lazy").model, {}, "rho", "0.5", "0.75")
    assert found.status is CertificateStatus.unique
