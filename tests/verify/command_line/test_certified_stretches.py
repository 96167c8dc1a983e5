"""`solve --set name=a..b --certify`: a certificate for every value of an interval, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

BASE = ("solve", "random_features.robust_risk", "--set", "psi2=2", "epsilon=0.5")
STRETCH = (*BASE, "psi1=1..1.1")
COLLAPSE = ("solve", "random_features.collapse", "--set", "psi2=2")


@pytest.fixture(scope="module")
def stretch(call: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*STRETCH, "--certify", "--json").stdout)
    return found


def test_the_stretch_is_certified_with_one_continuous_branch(stretch: dict[str, Any]) -> None:
    assert stretch["certificate"]["status"] == "unique"
    assert stretch["status"] == "converged"
    assert stretch["phase"] == "regular"
    assert stretch["parameters"]["psi1"] == "1..1.1"
    assert stretch["parameters"]["psi2"] == 2.0
    found = stretch["stretch"]
    assert (found["parameter"], found["low"], found["high"], found["chained"]) == ("psi1", "1", "1.1", True)
    tiles = found["tiles"]
    assert Fraction(tiles[0]["low"]) == 1
    assert Fraction(tiles[-1]["high"]) == Fraction(11, 10)
    assert all(left["high"] == right["low"] for left, right in pairwise(tiles))


def test_it_has_all_the_fields_of_a_certified_point(stretch: dict[str, Any], call: Callable[..., Any]) -> None:
    point = json.loads(call(*BASE, "psi1=1.05", "--certify", "--json").stdout)
    assert set(stretch) == {*point, "stretch"}
    assert set(stretch["certificate"]) == set(point["certificate"])
    for group in ("observables", "unknowns"):
        assert set(stretch[group]) == set(point[group])


def spread(enclosure: dict[str, str]) -> tuple[Fraction, Fraction]:
    middle, radius = Fraction(enclosure["midpoint"]), Fraction(enclosure["radius"])
    return middle - radius, middle + radius


@pytest.mark.parametrize("value", ["1", "1.0375", "1.1"])
def test_a_certified_point_lies_in_its_tile_and_in_the_whole(
    stretch: dict[str, Any], call: Callable[..., Any], value: str
) -> None:
    point = json.loads(call(*BASE, f"psi1={value}", "--certify", "--json").stdout)
    own = [t for t in stretch["stretch"]["tiles"] if Fraction(t["low"]) <= Fraction(value) <= Fraction(t["high"])]
    assert own
    for tile in own:
        for group in ("observables", "unknowns"):
            for name, enclosure in point["enclosures"][group].items():
                low, high = spread(enclosure)
                for outer in (spread(tile["enclosures"][group][name]), spread(stretch["enclosures"][group][name])):
                    assert outer[0] <= low <= high <= outer[1]
        for name, box in tile["box"].items():
            low, high = spread(point["enclosures"]["unknowns"][name])
            assert Fraction(box[0]) <= low <= high <= Fraction(box[1])


def test_the_table_says_what_is_proved(call: Callable[..., Any]) -> None:
    text = " ".join(call(*STRETCH, "--certify").stdout.split())
    assert "psi1 1..1.1" in text
    assert "exactly one root lies in the box of its tile" in text
    assert "one continuous branch" in text


def test_digits_give_exact_parameters(call: Callable[..., Any]) -> None:
    data = json.loads(call(*COLLAPSE, "psi1=.5..1e0", "--digits", "5", "--json").stdout)
    assert data["digits"] == 5
    assert data["parameters"]["psi1"] == "0.5..1"
    assert data["parameters"]["psi2"] == "2"
    assert data["stretch"]["low"] == "0.5"
    assert data["stretch"]["chained"] is False
    assert data["certificate"]["status"] == "unique"
    assert data["certificate"]["box"] == {}


def test_a_closed_form_is_not_called_a_root(call: Callable[..., Any]) -> None:
    text = call(*COLLAPSE, "psi1=1..2", "--certify").stdout
    assert "closed form" in text
    assert "root" not in text


def test_a_phase_boundary_is_undecided_and_placed(call: Callable[..., Any]) -> None:
    words = ("solve", "random_features.robust_risk", "--set", "psi1=2", "psi2=2", "epsilon=1.2648361527..1.265")
    text = call(*words, "--certify").stdout
    data = json.loads(call(*words, "--certify", "--json").stdout)
    assert data["certificate"]["status"] == "undecided"
    assert data["status"] is None
    assert data["enclosures"]["observables"] == {}
    assert data["stretch"]["tiles"][-1]["phase"] == "collapsed"
    assert data["parameters"]["epsilon_test"] == "1.2648361527..1.265"
    gap = next(tile for tile in data["stretch"]["tiles"] if tile["status"] == "undecided")
    assert Fraction(gap["low"]) <= Fraction("1.26483615271577") <= Fraction(gap["high"])
    assert "undecided from epsilon = 1.2648" in text
    assert "unique (collapsed" in text


def test_an_end_outside_the_domain_and_an_unknown_name_are_refused(refused: Callable[..., str]) -> None:
    assert "psi1 > 0" in refused(*BASE, "psi1=0..1", "--certify")
    assert "psi1 > 0" in refused(*BASE, "psi1=-1..1", "--certify")
    assert "psj1" in refused(*BASE, "psj1=1..2", "psi1=1", "--certify")
    assert "activation" in refused(*BASE, "psi1=1", "activation=1..2", "--certify")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("psi1=1..2",), "--certify"),
        (("psi1=1..2", "--json"), "--certify"),
        (("psi1=2..1", "--certify"), "not in order"),
        (("psi1=1..1", "--certify"), "not in order"),
        (("psi1=1..", "--certify"), "an interval a..b"),
        (("psi1=..2", "--certify"), "an interval a..b"),
        (("psi1=1...5", "--certify"), "an interval a..b"),
        (("psi1=1..2..3", "--certify"), "an interval a..b"),
        (("psi1=one..2", "--certify"), "not a number"),
        (("psi1=1..inf", "--certify"), "not finite"),
        (("psi1=1..1e999", "--certify"), "too large"),
        (("psi1=1..2", "noise=0..1", "--certify"), "one interval"),
        (("psi1=1..2", "psi1=1..2", "--certify"), "one interval"),
        (("psi1=1..2", "psi1=3", "--certify"), "twice"),
        (("psi1=1..2", "noise=0:1:3", "--certify"), "one of the two"),
        (("psi1=1..2", "--certify", "--csv"), "--csv"),
        (("psi1=1..2", "--digits", "0"), "allowed are 1 to 1000"),
    ],
)
def test_misuse_is_refused_in_one_line(refused: Callable[..., str], words: tuple[str, ...], told: str) -> None:
    assert told in refused(*BASE, *words)


def test_other_commands_say_where_an_interval_is_allowed(refused: Callable[..., str]) -> None:
    assert "solve --certify" in refused("simulate", *BASE[1:], "psi1=1..2", "--dimension", "10", "--trials", "1")
    assert "no model" in refused("solve", "lemmas.gaussian", "--set", "psi1=1..2", "--certify")


def test_the_help_names_the_interval(call: Callable[..., Any]) -> None:
    assert "a..b" in call("solve", "--help").stdout


def test_seconds_end_a_stretch_and_the_reason_names_them(call: Callable[..., Any]) -> None:
    data = json.loads(call(*STRETCH, "--certify", "--seconds", "1e-6", "--json").stdout)
    assert data["certificate"]["status"] == "undecided"
    assert "--seconds" in data["certificate"]["reason"]
