"""A stretch stays on one branch: folds, crossings, jumps, phases and wrong guesses are undecided where they are."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import pytest
from flint import arb
from sympy import Max, Piecewise, Rational, S

from derivations.model import Model, Phase, Refusal
from derivations.relations import below
from numerics.parameters import ParameterError
from numerics.proofs.certificate import CertificateStatus
from numerics.proofs.krawczyk import RootSystem
from numerics.proofs.moving_boxes import MovingSystem
from numerics.proofs.stretches import Stretch, certify_stretch
from tests.numerics.proofs.stretch_models import (
    HALF,
    a,
    assert_tiles_cover,
    assert_undecided_about,
    gaps,
    holds,
    inside,
    root_model,
    x,
)


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
