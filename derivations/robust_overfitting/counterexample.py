r"""The exact counterexample to u(t) = exp(-Theta Xi(t)) u_0 for an attack strength that varies with time and sample.

Theta = [[2, 1], [1, 2]], D = diag(8, 3) for a time h, then diag(3, 8) for a time h, that is eta S g in {log 8, log 3}.
Both Theta D have the rates 4 and 18, 11 Theta has 11 and 33, and every projector is rational: in powers of E = exp(-h)
the residual and its printed closed form are two different polynomials. A common eta(t) is not enough either, nor
are strengths that move smoothly. Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Matrix, Rational, Symbol, exp, expand, eye, log, sqrt, symbols, zeros
from sympy import diag as diagonal_matrix

from derivations.core import Certified, Derivation, Exact
from derivations.evidence import Instance
from derivations.relations import Refuted, Relation, Statement, below, equal, refuted, statement
from derivations.robust_overfitting import dynamics, error_bound, exactness
from derivations.robust_overfitting.propagators import SWAPPED, E, TwoPieces, coefficients, power, slope_in_time
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="The printed closed form fails for varying attack strengths", source=FU_WANG)

PRINTED = "recalled: closed form f_t = f_0 - Theta(x, X) Theta^-1 (1 - exp(-Theta Xi(t))) u_0 for any eta_i(t)"

h = Symbol("h", positive=True)
a, b, a_late, b_late, early, late = symbols("a b a_late b_late h_early h_late", positive=True)
u1, u2 = symbols("u1 u2", real=True)


def flow_of_two(first: Expr, second: Expr, duration: Expr, start: Matrix, /) -> Matrix:
    """exp(-duration Theta diag(first, second)) start at Theta = [[2, 1], [1, 2]], by sinh and cosh of the half gap."""
    middle, half = first + second, sqrt(first**2 - first * second + second**2)
    matrix = Matrix([[2, 1], [1, 2]]) * diagonal_matrix(first, second)
    slow, fast = exp(-duration * (middle - half)), exp(-duration * (middle + half))
    return (slow + fast) / 2 * start - (slow - fast) / (2 * half) * (matrix - middle * eye(2)) * start


def _claimed() -> Relation:
    """The printed closed form against the product of the two pieces, first component."""
    start = Matrix([u1, u2])
    exact = flow_of_two(a_late, b_late, late, flow_of_two(a, b, early, start))
    printed = flow_of_two(early * a + late * a_late, early * b + late * b_late, Integer(1), start)
    return equal(exact[0], printed[0])


def _propagates() -> Iterator[Instance]:
    for pieces in (SWAPPED, COMMON_STRENGTH):
        for label, matrix in zip(("first", "second"), pieces.pieces(), strict=True):
            flow = power(E, matrix)
            yield f"{label} piece, slope", coefficients(slope_in_time(flow)), coefficients(-matrix * flow)
            yield f"{label} piece, start", list(flow.xreplace({E: Integer(1)})), list(eye(2))
    start, here = Matrix([1, -1]), {E: Rational(1, 2)}
    for first, second in (SWAPPED.first, SWAPPED.second, (11, 11)):
        direct = power(E, SWAPPED.theta * diagonal_matrix(first, second)).xreplace(here) * start
        yield f"{first}, {second}", list(flow_of_two(Integer(first), Integer(second), log(2), start)), list(direct)
    claimed = _claimed().lhs.subs(SWAP)
    yield "the earlier piece acts first", claimed, (SWAPPED.exact().xreplace(here) * start)[0]


COMMON_STRENGTH = TwoPieces(Matrix([[2, 1], [1, 2]]), (64, 24), (11, 11))
"""(8, 3) for eight units of time, then no attack for eleven: a common eta(t) with gradients in ratio log 8 : log 3."""

SWAP = {a: 8, b: 3, a_late: 3, b_late: 8, early: log(2), late: log(2), u1: 1, u2: -1}
COMMON = {a: 8, b: 3, a_late: 1, b_late: 1, early: Rational(8, 100), late: Rational(11, 100), u1: 1, u2: -1}


@theorem.step(Exact(_propagates), Certified({}), uses=[dynamics.trained_output, exactness.exactness], source=PRINTED)
def printed_closed_form() -> Refuted:
    """Theta = [[2, 1], [1, 2]], D = diag(8, 3) and then diag(3, 8), each for a time h: Xi = 11 h.

    exp(-Theta Xi) keeps the symmetry of (1, -1), the product of exponentials does not. At h = log 2 all numbers are
    rational.
    """
    return refuted(_claimed(), SWAP)


@theorem.step(Certified({}), uses=[printed_closed_form], source=PRINTED)
def common_strength_is_not_enough() -> Refuted:
    """One eta(t) for all samples, on and then off, with input gradients in the ratio log 8 : log 3.

    d_1/d_2 changes from 8/3 to 1. Xi is proportional to diag(15, 7), whose rates are rational again.
    """
    return refuted(_claimed(), COMMON)


def _table() -> Iterator[Instance]:
    e8, e22, e36 = E**8, E**22, E**36
    exact = [
        Rational(22, 49) * e8 + Rational(5, 49) * e22 + Rational(22, 49) * e36,
        -Rational(33, 49) * e8 + Rational(55, 98) * e22 + Rational(11, 98) * e36,
        -Rational(11, 98) * e8 - Rational(55, 98) * e22 + Rational(33, 49) * e36,
        Rational(33, 196) * e8 + Rational(65, 98) * e22 + Rational(33, 196) * e36,
    ]
    mean, gap = (E**11 + E**33) / 2, (E**33 - E**11) / 2
    yield "product of the pieces", coefficients(SWAPPED.exact()), coefficients(Matrix(2, 2, exact))
    yield "closed form", coefficients(SWAPPED.closed_form()), coefficients(Matrix([[mean, gap], [gap, mean]]))


@theorem.step(Exact(_table), uses=[printed_closed_form])
def counterexample_in_full() -> Statement:
    """The two propagators of the counterexample as polynomials in E = exp(-h): slowest rates 8 and 11."""
    return statement("u(2h) decays like exp(-8h), its closed form like exp(-11h)")


def _coefficients_in_time() -> Iterator[Instance]:
    theta, levels, slopes = Matrix([[2, 1], [1, 2]]), diagonal_matrix(8, 3), diagonal_matrix(-5, 5)
    start, t = Matrix([1, -1]), Symbol("t")
    series = [start]
    for k in range(3):
        before = series[k - 1] if k else zeros(2, 1)
        series.append(-theta * (levels * series[k] + slopes * before) / (k + 1))
    total = theta * (levels * t + slopes * t**2 / 2)
    printed = (eye(2) - total + total**2 / 2 - total**3 / 6) * start
    third = [expand(entry).coeff(t, 3) for entry in printed]
    turning = theta.multiply_elementwise(Matrix([8, 3]) * Matrix([[-5, 5]]) - Matrix([-5, 5]) * Matrix([[8, 3]]))
    difference = series[3] - Matrix(third)
    yield "third order in t", list(difference), list(-theta * turning * start / 12)
    yield "it is not 0", bool(difference.is_zero_matrix), False


@theorem.step(Exact(_coefficients_in_time), uses=[printed_closed_form, error_bound.short_times])
def smooth_strengths_are_not_enough() -> Statement:
    """D = diag(8 - 5t, 3 + 5t), eta_i(t) its logarithm: analytic, at least 0 for t in [0, 1], and no jump to blame."""
    return statement("the two sides also differ, at the order t^3, where the strengths exchange continuously")


@theorem.step(Certified({h: (Rational(1, 100), 1)}), uses=[counterexample_in_full])
def error_at_every_duration() -> Relation:
    """The first component at u_0 = (1, -1) exceeds its closed form for every h in the box: no coincidence of one h."""
    start = Matrix([1, -1])
    exact, printed = (SWAPPED.exact() * start)[0], (SWAPPED.closed_form() * start)[0]
    return below(printed.xreplace({E: exp(-h)}), exact.xreplace({E: exp(-h)}))


__all__ = ["theorem"]
