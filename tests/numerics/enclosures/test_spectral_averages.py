"""Means over a spectrum as balls, against their closed forms."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import pytest
import sympy
from flint import arb, ctx
from mpmath import mp, mpf

from derivations.averages import edge_mean, size_biased_mean
from numerics.enclosures.ball_programs import as_ball, compile_balls


def to_mpf(value: Fraction) -> Any:
    return mpf(value.numerator) / value.denominator


def resolvent(u: Any, rho: Any) -> Any:
    """The semicircle mean of 1/(s + u): centre 1 + rho, radius 2 sqrt(rho)."""
    z = u + 1 + rho
    return 2 / (z + mpmath.sqrt(z * z - 4 * rho))


def log_potential(u: Any, rho: Any) -> Any:
    z = (u + 1 + rho) / mpmath.sqrt(rho)
    root = mpmath.sqrt(z * z - 4)
    return mpmath.log(rho) / 2 + z / (z + root) + mpmath.log((z + root) / 2) - mpf(1) / 2


def exponential(u: Any, rho: Any) -> Any:
    radius = 2 * u * mpmath.sqrt(rho)
    return mpmath.exp(-u * (1 + rho)) * 2 * mpmath.besseli(1, radius) / radius


AVERAGES = [
    (lambda s, u: 1 / (s + u), resolvent),
    (lambda s, u: sympy.log(s + u), log_potential),
    (lambda s, u: sympy.exp(-u * s), exponential),
    (lambda s, u: (1 - u * s) ** 2, lambda u, rho: (1 - u * (1 + rho)) ** 2 + u * u * rho),
]


@pytest.mark.parametrize("mean", [edge_mean, size_biased_mean])
@pytest.mark.parametrize(("symbolic", "closed"), AVERAGES)
def test_spectral_averages_hold_their_closed_forms_to_fifty_digits(mean: Any, symbolic: Any, closed: Any) -> None:
    ratio, shift = sympy.symbols("ratio shift", positive=True)
    program = compile_balls([mean(lambda s: symbolic(s, shift), ratio)], [ratio, shift])
    for rho, u in ((Fraction(7, 10), Fraction(1, 3)), (Fraction(1), Fraction(1, 100)), (Fraction(3), Fraction(2))):
        with ctx.workprec(210), mp.workdps(70):
            ball = program([as_ball(rho, "ratio"), as_ball(u, "shift")])[0]
            truth = arb(mpmath.nstr(closed(to_mpf(u), to_mpf(rho)), 65))
            assert ball.is_finite()
            assert ball.overlaps(truth + arb(0, arb(10) ** -58))
            assert ball.rad() < arb(10) ** -50
