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
