"""Rigorous integrals along a stretch of the real line: cut at the kinks, then flint's adaptive quadrature on each part.

Where the kinks lie is found by bisection on real balls: on a part whose switches are all decided the integrand is one
analytic branch. What remains undecided is so narrow that a bound of the integrand is enough, or else the quadrature
meets it as it is; the answer is then wide or not finite, never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

from flint import acb, arb, ctx

from numerics.enclosures.complex_programs import BoundProgram, ComplexProgram, Integrand
from numerics.enclosures.deadline import require_time

Part: TypeAlias = "tuple[arb, arb, tuple[bool | None, ...]]"

SPARE_BITS, GUARD_BITS = 24, 40
"""The goal leaves SPARE_BITS of the precision to what the integral is used for; GUARD_BITS more than the goal are
computed with.
"""
MOST_EVALUATIONS, MORE_PER_BIT = 4000, 64
"""Evaluations of the integrand, more with the precision, before a part is given up: wide or not finite, never wrong."""
_COARSEST = 16
_MOST_UNDECIDED = 256
_SAMPLES = 9


def integrate(program: ComplexProgram, operands: Sequence[arb], lower: arb, upper: arb, /) -> arb:
    """The real part of the integral over [lower, upper], from balls of the program's operands.

    Raises TimeSpent where a deadline is in force and reached.
    """
    goal_bits = max(_COARSEST, min([ctx.prec - SPARE_BITS, *(ball.rel_one_accuracy_bits() + 4 for ball in operands)]))
    with ctx.workprec(min(ctx.prec, goal_bits + GUARD_BITS)):
        bound = program.bind(operands)
        goal, scale = arb(2) ** -goal_bits, _size(bound, lower, upper)
        if scale is None:
            return arb.nan()
        total = arb(0)
        for low, high, truths in cut_at_switches(bound, lower, upper):
            evaluate = bound.specialise(truths)
            total += _integrate_part(evaluate, low, high, goal, goal * scale)
            if not total.is_finite():
                break
        return total


def _integrate_part(evaluate: Integrand, low: arb, high: arb, relative: arb, absolute: arb) -> arb:
    """Flint calls on after an exception: it is kept, and flint is led to a quick end whose answer nobody sees."""
    raised: list[BaseException] = []

    def guarded(ball: acb, analytic: bool) -> acb:
        if raised:
            return acb(0)
        try:
            require_time()
            return evaluate(ball, analytic)
        except BaseException as error:
            raised.append(error)
            return acb(0)

    limit = MOST_EVALUATIONS + MORE_PER_BIT * ctx.prec
    found = acb.integral(guarded, low, high, rel_tol=relative, abs_tol=absolute, eval_limit=limit)
    if raised:
        raise raised[0]
    return found.real


def _size(bound: BoundProgram, lower: arb, upper: arb) -> arb | None:
    """About how large the integral is, for the goal only; None where the integrand is nowhere finite."""
    evaluate = bound.specialise(bound.undecided)
    points = [lower + (upper - lower) * (2 * k + 1) / (2 * _SAMPLES) for k in range(_SAMPLES)]
    values = [value for point in points if (value := evaluate(acb(point.mid()), False)).is_finite()]
    if not values:
        return None
    largest = max(abs(value).mid() for value in values)
    return largest * (upper - lower) if largest > 0 else arb(1)


def cut_at_switches(bound: BoundProgram, lower: arb, upper: arb, /) -> list[Part]:
    """Parts of [lower, upper] in order, with the truths of the switches on each.

    Undecided truths (None) remain on parts that are as narrow as the precision, or where a switch is decided nowhere.
    """
    if not bound.undecided:
        return [(lower, upper, ())]
    parts = [(lower, upper, bound.decide(lower.union(upper)))]
    for _ in range(ctx.prec + 8):
        undecided = sum(None in truths for _, _, truths in parts)
        if not 0 < undecided <= _MOST_UNDECIDED:
            break
        parts = [piece for part in parts for piece in _halve(bound, part)]
    merged = []
    for truths, group in groupby(parts, key=lambda part: part[2]):
        members = list(group)
        merged.append((members[0][0], members[-1][1], truths))
    return merged


def _halve(bound: BoundProgram, part: Part) -> list[Part]:
    low, high, truths = part
    if None not in truths:
        return [part]
    middle = ((low + high) / 2).mid()
    halves = [(low, middle), (middle, high)]
    return [(left, right, bound.decide(left.union(right))) for left, right in halves]


__all__ = ["cut_at_switches", "integrate"]
