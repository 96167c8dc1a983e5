"""A certificate of a stretch is sound: at every value the root lies in its tile's box, the observable in its ball."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from flint import arb
from sympy import Piecewise, S, Symbol, erf, exp, oo, sqrt

from derivations.discover import load
from derivations.model import ChoiceParameter, Domain, FunctionParameter, Model, parameter
from derivations.relations import equal
from numerics import many_digits
from numerics.enclosures.decimals import ends
from numerics.generated import load_source
from numerics.parameters import ParameterError
from numerics.precise_root import find_root
from numerics.proofs.certificate import CertificateStatus, certify
from numerics.proofs.exact_parameters import read_exact
from numerics.proofs.stretches import certify_stretch
from tests.numerics.proofs.stretch_models import HALF, a, assert_tiles_cover, holds, inside, root_model, x, y


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
    exact = read_exact(model, given)
    values = {s.name: mpmath.mpmathify(v.evalf(50)) for s, v in exact.numbers.items()}
    roots = find_root(model, values, digits=40)
    code = load_source(model, target="mpmath")
    return {**code.call("report", many_digits, many_digits, {**values, **roots})[1], **roots}


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
