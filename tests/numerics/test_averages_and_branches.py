"""Models with choices, laws, integrals, branches and refusals, from their text to their numbers."""

from __future__ import annotations

import json
import math

import mpmath
import numpy as np
import pytest
from sympy import I, Integer, Integral, Rational, Symbol, Tuple, cos, diff, exp, oo, pi, sin, sqrt

from derivations.averages import ANGLE, LawMean, angle_mean, marchenko_pastur_mean, semicircle_mean, size_biased_mean
from derivations.core import Branch, ChoiceParameter, LawParameter, Model, Phase, Refusal, parameter, unknown
from derivations.lemmas.marchenko_pastur import omega, psi1, resolvent
from derivations.relations import below, equal
from derivations.spectral_formulas import laplace_mean
from numerics import many_digits
from numerics.averages import _apply_rule, angle_integral, law_mean
from numerics.codegen import source
from numerics.generated import load_source
from numerics.laws import read_law, semicircle
from numerics.parameters import ParameterError, complete, namespace
from numerics.precise import evaluate
from numerics.solver import Solver
from verify.report.data import model_data, parameter_data, region_words
from verify.report.points import point_data

rho = parameter("rho", "ratio", positive=True)
until = parameter("until", "time", positive=True, default=oo)
u = unknown("u", "weight", positive=True)
x = Symbol("x", positive=True)
colour = ChoiceParameter("colour", "a word", {"red": 0, "blue": 1}, default="red", symbol=Symbol("is_blue"))
weights = LawParameter(
    "weights",
    "a law of mean one",
    default="1@1",
    symbol=Symbol("weights_law"),
    domain=rho.domain,
    named={"even": "0.5@1/2,1.5@1/2"},
    mean=Integer(1),
)
centred = LawParameter(
    "centred",
    "a law",
    default="wigner",
    symbol=Symbol("centred_law"),
    named={"wigner": "semicircle"},
    kind=Symbol("is_wigner"),
)
PARAMETERS = (rho, until, colour, weights)
rooted = Model(
    PARAMETERS,
    (u,),
    (),
    (equal(u * (1 + LawMean(x / (1 + rho * u * x), x, weights.symbol)), 1),),
    {"value": u, "other": u**2},
    {u: Rational(1, 2)},
)
MODEL = Model(
    PARAMETERS,
    (),
    (),
    (),
    {"value": marchenko_pastur_mean(lambda s: 1 / (1 + s), rho), "other": angle_mean(rho / (2 + I * sin(ANGLE)))},
    {},
    phases=(Phase("blue", "converged", (colour.chosen("blue"),), {"value": 1 / rho, "other": None}, "it is blue"),),
    branches=(Branch("spread", (below(0, LawMean((x - 1) ** 2, x, weights.symbol)),), rooted),),
    refusals=(Refusal("stopped", (below(until, oo),), "until is finite, for which nothing is stated"),),
)
SOLVER = Solver(MODEL, title="sample")


def test_marchenko_pastur_mean_gives_the_resolvent_on_both_sides_of_one():
    ratios = np.asarray([0.01, 0.5, 1.0, 1.7, 40.0])
    found = SOLVER(rho=ratios)
    expected = [float(resolvent(Integer(1)).subs(psi1, ratio)) for ratio in ratios]
    assert np.allclose(found.observables["value"], expected, rtol=1e-13)
    assert set(found.status) == {"converged"}


def test_the_real_part_of_a_complex_integrand_is_taken():
    found = SOLVER(rho=[1.0, 2.0]).observables["other"]
    exact = evaluate(MODEL.observables["other"], {rho: Integer(1)}, digits=20)
    assert np.allclose(found, [float(mpmath.re(exact)), 2 * float(mpmath.re(exact))], rtol=1e-13)


def test_the_size_biased_law_is_a_probability_with_the_moments_of_the_semicircle():
    second = (1 + rho) ** 2 + rho
    for function, expected in ((lambda s: Integer(1), 1), (lambda s: s, 1 + rho), (lambda s: s**2, second)):
        assert (size_biased_mean(function, rho).doit() - expected).simplify() == 0
    assert semicircle_mean(lambda s: s**4, Integer(0), Integer(2)).doit() == 2


def test_generated_code_and_many_digits_agree_on_an_average():
    integral = size_biased_mean(lambda s: exp(-s), rho)
    model = Model((rho,), (), (), (), {"value": integral}, {})
    double = Solver(model)(rho=0.37).observables["value"]
    precise = load_source(model, target="mpmath").call("report", many_digits, many_digits, {"rho": mpmath.mpf("0.37")})
    assert abs(float(double) - float(precise[1]["value"])) < 1e-15
    assert abs(evaluate(integral, {rho: Rational(37, 100)}, digits=20) - precise[1]["value"]) < 1e-14


def test_an_integral_that_does_not_settle_is_said_so_and_is_no_number():
    rough = angle_mean(1 / sqrt(ANGLE * rho))
    found = Solver(Model((rho,), (), (), (), {"value": rough}, {}))(rho=[1.0, 2.0])
    assert set(found.status) == {"not_converged"}
    assert np.all(np.isnan(found.observables["value"]))
    assert "did not settle" in found.notes(0)[0]


def test_a_root_whose_observable_does_not_settle_is_said_so_too():
    rough = Model((rho,), (u,), (), (equal(u, rho),), {"value": angle_mean(1 / sqrt(ANGLE * u))}, {u: rho})
    found = Solver(rough)(rho=2.0)
    assert str(found.status) == "not_converged"
    assert "did not settle" in found.notes(0)[0]


def test_what_may_be_left_out_may_be_spelt_out():
    assert SOLVER(rho=1, until=math.inf).observables["value"] == SOLVER(rho=1).observables["value"]


def test_points_that_settle_are_kept_beside_points_that_do_not():
    sizes = np.asarray([0.5, 1.0 - 1e-9])
    found = angle_integral(lambda angle: 1 / (1 - sizes * np.cos(angle)), sizes)
    assert found[0] == pytest.approx(math.pi / math.sqrt(1 - 0.25), rel=1e-14)
    assert math.isnan(found[1])


def decayed_at_the_hard_edge(times):
    """The mean of 1 - exp(-us) over the law at rho = 1, in the plain angle: a notch of width u^(-1/2) at the end."""

    def integrand(angle):
        s = 2 + 2 * np.cos(angle)
        return 2 * np.sin(angle) ** 2 / math.pi * -np.expm1(-times * s) / s

    return integrand


def test_a_notch_that_two_rules_in_a_row_pass_over_is_not_taken_as_settled():
    times = np.asarray([1e3, 1e7])
    integrand = decayed_at_the_hard_edge(times)
    rules = [_apply_rule(integrand, times, count, 96, drawn=False)[0][1] for count in (24, 48)]
    exact = [float(1 - mpmath.exp(-2 * t) * (mpmath.besseli(0, 2 * t) + mpmath.besseli(1, 2 * t))) for t in times]
    assert rules == pytest.approx([1, 1], abs=1e-14)
    assert exact[1] < 1 - 1e-4
    found = angle_integral(integrand, times)
    assert found[0] == pytest.approx(exact[0], rel=1e-12)
    assert math.isnan(found[1])


@pytest.mark.parametrize("time", [0.3, 1e2, 1e5, 1e8, 1e12])
def test_angles_towards_the_edge_resolve_every_time(time):
    found = Solver(Model((rho, until), (), (), (), {"value": laplace_mean(until, rho)}, {}))(rho=1, until=time)
    with mpmath.workdps(30):
        exact = mpmath.exp(-2 * time) * (mpmath.besseli(0, 2 * time) + mpmath.besseli(1, 2 * time))
    assert found.observables["value"] == pytest.approx(float(exact), abs=1e-14)


def test_an_integral_of_numbers_below_the_normal_range_is_settled():
    tiny = np.asarray([1e-310])
    assert angle_integral(lambda angle: tiny * np.exp(np.cos(angle)), tiny)[0] == pytest.approx(4e-310, rel=0.1)


def test_an_average_is_differentiated_under_the_mean():
    mean = LawMean(1 / (1 + u * x), x, weights.symbol)
    atoms = Tuple(Tuple(Integer(2), Rational(1, 4)), Tuple(Rational(2, 3), Rational(3, 4)))
    at_atoms = diff(mean, u).xreplace({weights.symbol: atoms}).doit()
    assert (at_atoms - diff(mean.xreplace({weights.symbol: atoms}).doit(), u)).simplify() == 0
    assert mean.free_symbols == {u, weights.symbol}
    assert mean.subs(x, 3) == mean


def test_a_law_that_is_no_law_is_a_type_error():
    with pytest.raises(TypeError, match="a law is a symbol or a Tuple"):
        LawMean(x, x, Integer(3))


def test_a_branch_is_solved_with_its_own_unknowns():
    found = SOLVER(rho=[0.5, 2.0], weights="even")
    assert set(found.phase) == {"spread"}
    assert set(found.status) == {"converged"}
    for ratio, root in zip((0.5, 2.0), found.unknowns["u"], strict=True):
        assert root * (1 + sum(0.5 * g / (1 + ratio * root * g) for g in (0.5, 1.5))) == pytest.approx(1, abs=1e-12)
    assert np.allclose(found.observables["other"], found.unknowns["u"] ** 2)
    assert np.all(np.isnan(SOLVER(rho=[0.5, 2.0]).unknowns["u"]))


def test_a_choice_selects_a_phase_and_an_infinite_observable_is_none_with_its_reason():
    found = SOLVER(rho=4, colour="blue")
    assert float(found.observables["value"]) == 0.25
    data = point_data(found, 0, seconds=0.0)
    assert data["observables"]["other"] is None
    assert "it is blue" in data["notes"]
    assert data["parameters"]["until"] is None, "a parameter that was not given is null, not Infinity"
    assert json.dumps(data, allow_nan=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"until": 2.0}, "until is finite"),
        ({"until": [1.0, -math.inf]}, "finite number"),
        ({"rho": math.inf}, "finite number"),
        ({"colour": "green"}, "allowed are red, blue"),
        ({"colour": 1}, "allowed are red, blue"),
        ({"weights": "0.5@0.5,1.5@0.4"}, "sum to 0.9, not 1"),
        ({"weights": "0.5@0.5,1.4@0.5"}, "average to 0.95, not 1"),
        ({"weights": "-1@0.5,3@0.5"}, "allowed is value > 0"),
        ({"weights": "1@1,1@0"}, "must be positive"),
        ({"weights": "1@1,"}, "not understood"),
        ({"weights": "1"}, "not understood"),
        ({"weights": "nan@1"}, "not understood"),
        ({"weights": "1/0@1"}, "not understood"),
        ({"weights": "1e999@1"}, "not understood"),
        ({"weights": "__import__('os')@1"}, "not understood"),
        ({"weights": ",".join(["1@0.0001"] * 10000)}, "too many values"),
        ({"weights": 1.0}, "given as text"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(given, words):
    with pytest.raises(ParameterError) as caught:
        SOLVER(**{"rho": 1, **given})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fractions_are_read_exactly():
    law = read_law(weights, "1/2@1/3,5/4@2/3")
    assert law.values.tolist() == [0.5, 1.25]
    assert law.weights.tolist() == [1 / 3, 2 / 3]
    assert law.kind == 0


def test_the_named_semicircle_integrates_its_moments_exactly():
    law = read_law(centred, "wigner")
    for power, moment in ((0, 1), (1, 0), (2, 1), (4, 2), (6, 5), (8, 14)):
        assert float(law_mean(lambda s, p=power: s**p, law)[0]) == pytest.approx(moment, abs=1e-12)
    assert law.kind == 1
    assert semicircle().values.shape == law.values.shape


def test_an_experiment_receives_words_numbers_and_laws():
    at = namespace(MODEL, {rho: Rational(1, 2), "weights": "even", "colour": "blue"})
    assert at.rho == 0.5
    assert at.colour == "blue"
    assert at.is_blue == 1.0
    assert at.until == math.inf
    assert at.weights == "even"
    assert at.weights_law.values.tolist() == [0.5, 1.5]


def test_show_says_what_each_parameter_may_be():
    assert parameter_data(colour)["domain"] == "red | blue"
    assert parameter_data(weights)["domain"].startswith("even | value@weight")
    assert parameter_data(until)["default"] == "not given"
    data = model_data(MODEL)
    assert data["phases"][0]["when"] == ["colour = blue"] == region_words(MODEL.phases[0].when, MODEL)
    assert data["refusals"][0]["reason"].startswith("until is finite")
    assert [item["name"] for item in data["branches"][0]["unknowns"]] == ["u"]


def test_an_average_inside_an_average_has_to_be_named_first():
    nested = Integral(LawMean(x * cos(ANGLE), x, weights.symbol), (ANGLE, 0, pi))
    with pytest.raises(TypeError, match="name the inner one"):
        source(Model(PARAMETERS, (), (), (), {"value": nested}, {}))


def test_other_integrals_are_no_source():
    with pytest.raises(TypeError, match="over one angle from 0 to pi"):
        source(Model((rho,), (), (), (), {"value": Integral(exp(-x * rho), (x, 0, 1))}, {}))


def test_a_branch_shares_the_parameters_of_its_model():
    with pytest.raises(ValueError, match="branch other needs the parameters"):
        Model((rho,), (), (), (), {"value": rho}, {}, branches=(Branch("other", (below(1, rho),), rooted),))


def test_completing_keeps_texts_as_texts():
    assert complete(MODEL, {"rho": 1})["weights"] == "1@1"


def test_parts_that_depend_on_the_angle_stay_inside_their_integral():
    below_line = rho + cos(ANGLE) ** 2
    heavy = angle_mean(sin(ANGLE) ** 2 / below_line) + angle_mean(cos(ANGLE) ** 2 / below_line)
    model = Model((rho,), (), (), (), {"value": heavy, "other": heavy**2}, {})
    exact = evaluate(heavy, {rho: Integer(2)}, digits=20)
    assert float(Solver(model)(rho=2).observables["value"]) == pytest.approx(float(exact), rel=1e-14)
    assert omega.is_positive
