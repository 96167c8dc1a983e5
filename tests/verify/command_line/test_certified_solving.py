"""`solve --digits` and `solve --certify`: decimal text, enclosures, certificates, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

POINT = ("solve", "random_features.robust_risk", "--set", "psi1=2", "psi2=2.5", "epsilon=0.3")


def test_digits_are_decimal_text_inside_the_enclosures(call: Callable[..., Any]) -> None:
    point = json.loads(call(*POINT, "--digits", "50", "--json").stdout)
    assert point["digits"] == 50
    assert point["parameters"]["epsilon"] == "0.3"
    assert point["certificate"]["status"] == "unique"
    for group in ("observables", "unknowns"):
        for name, text in point[group].items():
            assert len(text.replace(".", "").lstrip("0")) == 50
            enclosure = point["enclosures"][group][name]
            middle, radius = Fraction(enclosure["midpoint"]), Fraction(enclosure["radius"])
            assert abs(Fraction(text) - middle) <= Fraction(1, 10**48)
            assert 0 < radius < Fraction(1, 10**50)


def test_more_digits_begin_with_fewer(call: Callable[..., Any]) -> None:
    few, many = (json.loads(call(*POINT, "--digits", n, "--json").stdout) for n in ("20", "200"))
    for name, text in few["observables"].items():
        assert abs(Fraction(text) - Fraction(many["observables"][name])) < Fraction(1, 10**19)


def test_the_box_holds_the_enclosure_of_the_root(call: Callable[..., Any]) -> None:
    point = json.loads(call(*POINT, "--certify", "--json").stdout)
    assert isinstance(point["observables"]["standard_risk"], float)
    for name, (low, high) in point["certificate"]["box"].items():
        enclosure = point["enclosures"]["unknowns"][name]
        middle, radius = Fraction(enclosure["midpoint"]), Fraction(enclosure["radius"])
        assert Fraction(low) < middle - radius < middle + radius < Fraction(high)


def test_a_grid_has_a_certificate_for_each_point(call: Callable[..., Any]) -> None:
    words = ("solve", "random_features.robust_risk", "--set", "psi1=1:3:3", "psi2=2.5", "epsilon=0.3")
    grid = json.loads(call(*words, "--digits", "20", "--json").stdout)
    assert [p["parameters"]["psi1"] for p in grid["points"]] == ["1", "2", "3"]
    assert {p["certificate"]["status"] for p in grid["points"]} == {"unique"}


def test_the_table_shows_the_digits_and_the_certificate(call: Callable[..., Any]) -> None:
    text = call(*POINT, "--digits", "20").stdout
    assert "0.85139330496697924956" in text
    assert "unique" in text


def test_a_closed_form_and_a_phase_are_enclosed(call: Callable[..., Any]) -> None:
    words = ("solve", "random_features.collapse", "--set", "psi1=2", "psi2=2.5", "--digits", "30", "--json")
    point = json.loads(call(*words).stdout)
    assert point["observables"]["critical_epsilon"].startswith("1.1946014331546599")
    collapsed = json.loads(call(*POINT[:-1], "epsilon=5", "--digits", "30", "--json").stdout)
    assert collapsed["phase"] == "collapsed"
    assert Fraction(collapsed["observables"]["standard_risk"]) == Fraction(5, 4)
    assert collapsed["observables"]["gradient_norm"] == "0"


def test_what_is_not_proved_is_undecided_with_a_reason(call: Callable[..., Any]) -> None:
    point = json.loads(call(*POINT, "activation=tanh(t)*Heaviside(t)", "--digits", "30", "--json").stdout)
    assert point["certificate"]["status"] == "undecided"
    assert "Heaviside" in point["certificate"]["reason"]
    assert point["observables"]["standard_risk"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--digits", "0"), "allowed are 1 to 1000"),
        (("--digits", "1000000000"), "allowed are 1 to 1000"),
        (("--digits", "-5"), "allowed are 1 to 1000"),
        (("--digits", "many"), "--digits"),
        (("--digits", "30", "--csv"), "--csv"),
        (("--certify", "--csv"), "--csv"),
        (("--set", "noise=0:1:1001", "--certify"), "at most 1000"),
    ],
)
def test_misuse_is_refused_in_one_line(call: Callable[..., Any], words: tuple[str, ...], told: str) -> None:
    result = call(*POINT, *words)
    assert result.exit_code == 2
    assert told in result.output


def test_a_derivation_without_a_model_is_refused(call: Callable[..., Any]) -> None:
    result = call("solve", "lemmas.gaussian", "--digits", "30")
    assert result.exit_code == 2
    assert "no model" in result.output


ILL = ("solve", "random_features.robust_risk", "--set", "psi1=2", "psi2=2", "epsilon=1e-10")
"""Where the double-precision solver is off in the seventh digit."""


@pytest.mark.parametrize("words", [(*POINT, "--certify"), (*POINT, "--digits", "40"), (*ILL, "--certify")])
def test_what_the_table_prints_holds_as_printed(call: Callable[..., Any], words: tuple[str, ...]) -> None:
    point = json.loads(call(*words, "--json").stdout)
    lines = (line.split() for line in call(*words).stdout.splitlines())
    rows = [row for row in lines if row[-2:-1] == ["+-"]]
    printed = {row[-4]: (Fraction(row[-3]), Fraction(row[-1])) for row in rows}
    enclosures = {**point["enclosures"]["observables"], **point["enclosures"]["unknowns"]}
    assert set(printed) == set(enclosures)
    for name, (value, radius) in printed.items():
        middle, error = Fraction(enclosures[name]["midpoint"]), Fraction(enclosures[name]["radius"])
        assert abs(value - middle) + error <= radius <= abs(value) / 10**14


def test_certified_doubles_are_next_to_the_enclosures_where_double_precision_is_not(call: Callable[..., Any]) -> None:
    point, solved = (json.loads(call(*ILL, *more, "--json").stdout) for more in (("--certify",), ()))
    for group in ("observables", "unknowns"):
        for name, value in point[group].items():
            assert value == pytest.approx(float(point["enclosures"][group][name]["midpoint"]), rel=1e-15)
    assert point["observables"]["standard_risk"] != pytest.approx(solved["observables"]["standard_risk"], rel=1e-9)
    assert point["residual"] is None


def test_the_table_says_what_is_proved_and_in_which_box(call: Callable[..., Any]) -> None:
    point = json.loads(call(*POINT, "--certify", "--json").stdout)
    text = call(*POINT, "--certify").stdout
    for name, (low, high) in point["certificate"]["box"].items():
        (row,) = [
            line for line in text.splitlines() if line.removeprefix("box").split()[:1] == [name] and " to " in line
        ]
        shown = row.removeprefix("box").split()
        enclosure = point["enclosures"]["unknowns"][name]
        assert Fraction(low) <= Fraction(shown[1]) < Fraction(enclosure["midpoint"])
        assert Fraction(enclosure["midpoint"]) < Fraction(shown[3]) <= Fraction(high)
    assert "exactly one root lies in the box" in text
    closed = call("solve", "random_features.collapse", "--set", "psi1=2", "psi2=2.5", "--certify").stdout
    assert "a closed form holds" in closed
    assert "root" not in closed
    assert "outside the theorem's domain" in call(*POINT, "activation=Abs(t)", "--certify").stdout
    assert "nothing is proved: " in call(*POINT, "activation=tanh(t)*Heaviside(t)", "--certify").stdout


def test_a_table_of_a_grid_says_what_is_proved_at_each_point(call: Callable[..., Any]) -> None:
    words = ("solve", "random_features.robust_risk", "--set", "psi1=1:3:3", "psi2=2", "epsilon=0")
    rows = call(*words, "--certify").stdout.splitlines()
    assert [row.split()[-1] for row in rows if row[:6].strip() in ("1", "2", "3")] == ["unique", "none", "unique"]
    assert "certificates: 2 unique, 1 none" in rows
    assert "certificates" not in call(*words).stdout
    unknown = call(*words, "activation=tanh(t)*Heaviside(t)", "--certify").stdout
    assert "3 undecided" in unknown
    assert "nothing is proved: " in unknown


def test_an_infinite_parameter_and_the_order_are_the_same_with_and_without_digits(call: Callable[..., Any]) -> None:
    words = ("solve", "learning_regimes.lazy", "--set", "activation=softplus", "rho=0.5")
    few, many = (json.loads(call(*words, *more, "--json").stdout) for more in (("--certify",), ("--digits", "9")))
    assert list(few["parameters"]) == list(many["parameters"])
    assert [line.split() for line in call(*words, "--certify").stdout.splitlines() if "time" in line] == [
        ["time", "oo"]
    ]


def test_seconds_are_obeyed_and_named_where_they_are_too_few(call: Callable[..., Any]) -> None:
    slow = (*POINT, "activation=sin(3*t)*exp(cos(t))+t", "--digits", "12", "--json")
    few, enough = (json.loads(call(*slow, "--seconds", s).stdout)["certificate"] for s in ("1e-6", "60"))
    assert few["status"] == "undecided"
    assert "--seconds" in few["reason"]
    assert enough["status"] == "unique"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seconds", "3"), "give --certify or --digits"),
        (("--certify", "--seconds", "0"), "allowed is a positive number"),
        (("--certify", "--seconds", "-1"), "allowed is a positive number"),
        (("--certify", "--seconds", "nan"), "allowed is a positive number"),
        (("--digits", "9", "--seconds", "inf"), "allowed is a positive number"),
        (("--certify", "--seconds", "many"), "--seconds"),
    ],
)
def test_wrong_seconds_are_refused_in_one_line(refused: Callable[..., str], words: tuple[str, ...], told: str) -> None:
    assert told in refused(*POINT, *words)
    assert told in refused(*POINT[:-1], "epsilon=0.1..0.2", *words)


def test_a_parameter_that_is_no_double_is_named_exactly(call: Callable[..., Any]) -> None:
    words = ("solve", "random_features.collapse", "--set", "psi1=2.00000000000000000001", "psi2=2.5", "noise=0.1")
    point = json.loads(call(*words, "--certify", "--json").stdout)
    assert point["parameters"]["psi1"] == 2.0
    assert point["notes"] == ["psi1 is exactly 2.00000000000000000001"]
    assert json.loads(call(*words, "--digits", "9", "--json").stdout)["notes"] == []


def test_a_root_of_a_branch_is_not_said_to_be_missing(call: Callable[..., Any]) -> None:
    text = call("solve", "learning_regimes.trained", "--set", "rho=0.5", "--certify").stdout
    assert "exactly one root" in text
    assert "no root" not in text
