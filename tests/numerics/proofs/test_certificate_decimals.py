"""Numbers as they are typed and printed: read exactly, and every printed decimal is true of the whole ball."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from flint import arb, ctx
from sympy import (
    Rational,
    S,
)

from derivations.discover import load
from numerics.enclosures.decimals import enclose_in_decimals, ends, round_ball
from numerics.parameters import ParameterError
from numerics.proofs.certificate import CertificateStatus, certify
from numerics.proofs.exact_parameters import read_exact
from verify.report.certified import box_data, certified_data


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
    assert box_data(wide, arb(1), 1) == ("0.9999999998", "1.0000000002")
    assert box_data(wide, arb(1) + arb("2.4e-10"), 1) is None
    assert box_data(arb(1) + arb(0, "1e-12"), arb(1), 1) is None
