r"""Degeneration: for every attack the residual dies out, and the network tends to the NTK interpolator.

In the norm |v| = sqrt(v' Theta^-1 v), with lam_min(Theta D) the smallest eigenvalue of D^1/2 Theta D^1/2 and no
commutation assumption,

    |u(t)| <= |u_0| exp(-int_0^t lam_min(Theta D)),   lam_min(Theta D) >= lam_min(Theta) min d_i >= lam_min(Theta),

so that f_t tends to f_inf(x) = f_0(x) - Theta(x, X) Theta^-1 u_0, see prediction_bound. The exponent lam_min(Theta Xi)
would promise more, since lam_min(Theta Xi) >= int lam_min(Theta D): it is a bound only where D commutes (see
exactness).

The model is two training points with kernel [[1, c], [c, 1]] whose attack strengths are exchanged at the time `switch`:
its observables against time show the residual, what the closed form says, and the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, Integer, Matrix, Max, Min, Rational, Symbol, diff, exp, expand, sqrt, symbols

from derivations.core import Certified, Derivation, Domain, Exact, Model, Sampled, Symbolic, parameter
from derivations.evidence import Instance
from derivations.relations import Claim, Refuted, Relation, Statement, at_most, below, equal, refuted, statement
from derivations.robust_overfitting import dynamics, exactness
from derivations.robust_overfitting.counterexample import h
from derivations.robust_overfitting.propagators import SWAPPED, THREE_POINTS, E, leading_minors
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Adversarial training degenerates to the NTK interpolator", source=FU_WANG)

RECALLED = "recalled: the theorem that the residual vanishes (degeneration), with the rate of its proof"

_t1, _t2, _d1, _d2, _e1, _e2, _late = symbols("theta11 theta22 d1 d2 late1 late2 h_late", positive=True)
_c, _u1, _u2 = symbols("theta12 u1 u2", real=True)
_DEFINITE = below(_c**2, _t1 * _t2)
_DET = _t1 * _t2 - _c**2


def energy(first: Expr, second: Expr, /) -> Expr:
    """|u|^2 = u' Theta^-1 u of two points."""
    return (_t2 * first**2 - 2 * _c * first * second + _t1 * second**2) / _DET


def slowest(first: Expr, second: Expr, /) -> Expr:
    """lam_min(Theta diag(first, second)) of two points."""
    gap = _t1 * first - _t2 * second
    return (_t1 * first + _t2 * second - sqrt(gap**2 + 4 * _c**2 * first * second)) / 2


@theorem.step(Symbolic(), uses=[dynamics.linear_system])
def energy_decays() -> Relation:
    """V = u' Theta^-1 u has V' = -2 u' D u along u' = -Theta D u: the Gram cancels, and D > 0."""
    velocity = -Matrix([[_t1, _c], [_c, _t2]]) * Matrix([_d1 * _u1, _d2 * _u2])
    slope = diff(energy(_u1, _u2), _u1) * velocity[0] + diff(energy(_u1, _u2), _u2) * velocity[1]
    return equal(slope, -2 * (_d1 * _u1**2 + _d2 * _u2**2))


@theorem.step(Sampled({_c: (-2, 2)}, points=150), uses=[energy_decays])
def slowest_rate() -> Relation:
    """u' D u >= lam_min(Theta D) V, a Rayleigh quotient of D against Theta^-1: V' <= -2 lam_min(Theta D) V."""
    return at_most(slowest(_d1, _d2) * energy(_u1, _u2), _d1 * _u1**2 + _d2 * _u2**2, given=[_DEFINITE])


@theorem.step(Sampled({_c: (-2, 2)}, points=150), uses=[slowest_rate])
def attack_never_slows() -> Relation:
    """lam_min(Theta D) grows with D, and D >= 1: adversarial training fits no slower than standard training's rate."""
    return at_most(slowest(1, 1), slowest(1 + _d1, 1 + _d2), given=[_DEFINITE])


def _spare() -> Matrix:
    """Theta^-1 - U' Theta^-1 U/E^16 in E, U the propagator of the two pieces, whose smallest rates are both 4."""
    inner, scaled = SWAPPED.theta.inv(), (SWAPPED.exact() / E**8).applyfunc(expand)
    return (inner - scaled.T * inner * scaled).applyfunc(expand)


def _positive_at_one_time() -> Iterator[Instance]:
    here = _spare().xreplace({E: Rational(1, 2)})
    yield "h = log 2", all(minor > 0 for minor in leading_minors(here)), True


@theorem.step(
    Certified({E: (Rational(1, 8), Rational(15, 16))}),
    Exact(_positive_at_one_time),
    uses=[slowest_rate],
    source=RECALLED,
)
def residual_bound() -> Claim:
    """|u(t)| <= |u_0| exp(-int lam_min(Theta D)) by Gronwall, for every D(t).

    For D = diag(8, 3) and then diag(3, 8), and all u_0: exp(-16 h) Theta^-1 - U' Theta^-1 U is positive definite at
    h = log 2, and its determinant vanishes nowhere on the box.
    """
    return below(0, expand(_spare().det()))


_slope = Symbol("slope", real=True)


@theorem.step(Sampled({_c: (-2, 2)}, points=150), uses=[slowest_rate])
def concavity() -> Relation:
    """lam_min(Theta Xi) = min w' Xi w/(w' Theta^-1 w) is concave, homogeneous: at least int lam_min(Theta D)."""
    together = slowest(_d1 + _late * _e1, _d2 + _late * _e2)
    return at_most(slowest(_d1, _d2) + _late * slowest(_e1, _e2), together, given=[_DEFINITE])


_part = Symbol("part", positive=True)


@theorem.step(Sampled({_c: (-2, 2), _part: (0, 1), _late: (0, 2)}, points=40), uses=[concavity])
def error_within_the_envelope() -> Relation:
    """The exponents of the bound of `error_bound` are at most the envelope's, at every tau in a second piece.

    Hence |u - exp(-Theta Xi) u_0| <= 1/2 |u_0| exp(-int_0^t lam_min(Theta D)) int_0^t |[Theta Xi, Theta D]| dtau.
    """
    reached = slowest(_d1 + _part * _late * _e1, _d2 + _part * _late * _e2)
    left = exp(-(1 - _part) * _late * slowest(_e1, _e2) - reached)
    return at_most(left, exp(-slowest(_d1, _d2) - _late * slowest(_e1, _e2)), given=[_DEFINITE, below(_part, 1)])


@theorem.step(Symbolic(), uses=[concavity, exactness.sufficient_cases])
def equality_for_one_profile() -> Relation:
    """Where the later D is a multiple of the earlier one the two exponents agree: the commuting case."""
    together = slowest(_d1 + _late * _e1 * _d1, _d2 + _late * _e1 * _d2)
    return equal(slowest(_d1, _d2) + _late * slowest(_e1 * _d1, _e1 * _d2), together)


_FAST = {h: 1, _slope: -4}


@theorem.step(Certified({}), uses=[residual_bound, concavity], source=RECALLED)
def rate_of_the_closed_form() -> Refuted:
    """Theta Xi = 11 h Theta has smallest eigenvalue 11 h, but u decays like exp(-8 h): 2.6e-4 against 1.7e-5 at h = 1.

    u_0 = (1, -4), D = diag(8, 3) and then diag(3, 8) for a time 1 each, Theta = [[2, 1], [1, 2]]; squares are compared.
    """
    start, inner = Matrix([1, _slope]), SWAPPED.theta.inv()
    now = SWAPPED.exact() * start
    left, right = (now.T * inner * now)[0], E**22 * (start.T * inner * start)[0]
    return refuted(at_most(left.xreplace({E: exp(-h)}), right.xreplace({E: exp(-h)})), _FAST)


def _late_times() -> Iterator[Instance]:
    for pieces, exact_rate, closed_rate in ((SWAPPED, 8, 11), (THREE_POINTS, 8, 10)):
        for label, matrix, rate in (
            ("exact", pieces.exact(), exact_rate),
            ("closed form", pieces.closed_form(), closed_rate),
        ):
            left = [entry.as_poly(E).nth(k) for entry in matrix for k in range(rate)]
            yield f"{pieces.first}, {label}: nothing slower", left, [0] * len(left)
            reached = any(entry.as_poly(E).nth(rate) != 0 for entry in matrix)
            yield f"{pieces.first}, {label}: rate {rate}", bool(reached), True


@theorem.step(Exact(_late_times), uses=[rate_of_the_closed_form])
def relative_error_grows() -> Statement:
    """The closed form underestimates the residual by a factor like exp(3h) (exp(2h) for the three points)."""
    return statement("after two pieces of duration h: u ~ E^8 and its closed form ~ E^11 (E^10), E = exp(-h)")


time = parameter("time", "training time", nonnegative=True, default=1)
switch = parameter(
    "switch", "time at which the two attack strengths are exchanged", positive=True, default=Rational(1, 2)
)
correlation = parameter(
    "correlation",
    "kernel between the two points",
    domain=Domain(Integer(0), Integer(1)),
    positive=True,
    default=Rational(1, 2),
    convention="Theta = [[1, correlation], [correlation, 1]]",
)
stronger, weaker = (
    parameter(
        name,
        f"attack exponent of the {place} point before the switch",
        nonnegative=True,
        default=value,
        convention="eta S g; the points exchange their exponents at the switch",
    )
    for name, place, value in (("exponent_1", "first", Integer(2)), ("exponent_2", "second", Integer(1)))
)
share = parameter("residual_2", "initial residual of the second point", default=-1, convention="the first one's is 1")
OBSERVABLES = (
    "residual",
    "closed_form",
    "closed_form_error",
    "error_bound",
    "residual_bound",
    "closed_form_rate",
    "standard_training",
)
PARAMETERS = (time, correlation, stronger, weaker, switch, share)

before, after, strong, weak = symbols("before after strong weak", positive=True)
_middle = (strong + weak) / 2


def _half_gap(first: Expr, second: Expr) -> Expr:
    """Half the difference of the two rates of Theta diag(first, second)."""
    return sqrt((first - second) ** 2 + 4 * correlation**2 * first * second) / 2


def _move(start: Matrix, first: Expr, second: Expr, duration: Expr) -> Matrix:
    """exp(-duration Theta diag(first, second)) start, without overflow."""
    middle, half = (first + second) / 2, _half_gap(first, second)
    slow, fast = exp(-duration * (middle - half)), exp(-duration * (middle + half))
    turned = Matrix([[first - middle, correlation * second], [correlation * first, second - middle]]) * start
    return (slow + fast) / 2 * start - (slow - fast) / (2 * half) * turned


def _norm(v: Matrix) -> Expr:
    """|v| in the Theta^-1 norm over |u_0|."""

    def square(a: Expr, b: Expr) -> Expr:
        return a**2 - 2 * correlation * a * b + b**2

    return sqrt(square(*v) / square(Integer(1), share))


_first, _second, _duration = symbols("first second duration", positive=True)


@theorem.step(Symbolic(digits=15), uses=[dynamics.linear_system])
def two_points() -> Relation:
    """The model's propagator solves u' = -Theta D u; first component, from (1, residual_2)."""
    moved = _move(Matrix([1, share]), _first, _second, _duration)
    return equal(Derivative(moved[0], _duration), -_first * moved[0] - correlation * _second * moved[1])


@theorem.solvable
def model() -> Model:
    """Closed forms of two points whose attack strengths are exchanged at a time: no unknowns."""
    switched, now, closed = (Matrix(symbols(f"{name}_1:3", real=True)) for name in ("switched", "now", "closed"))
    start = Matrix([1, share])
    exchanged = after / Max(time, switch)  # the share of the time after the switch, also at time 0
    mean_1, mean_2 = strong + (weak - strong) * exchanged, weak + (strong - weak) * exchanged
    early, late = _move(start, strong, weak, before), _move(switched, weak, strong, after)
    printed = _move(start, mean_1, mean_2, before + after)
    # the two pieces have the same rates, since they are each other's mirror image
    envelope = exp(-(before + after) * (_middle - _half_gap(strong, weak)))
    turning = correlation * sqrt(1 - correlation**2) * sqrt((strong**2 - weak**2) ** 2)
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(
            (strong, exp(stronger)),
            (weak, exp(weaker)),
            (before, Min(time, switch)),
            (after, Max(time - switch, 0)),
            *zip(switched, early, strict=True),
            *zip(now, late, strict=True),
            *zip(closed, printed, strict=True),
        ),
        equations=(),
        observables={
            "residual": _norm(now),
            "closed_form": _norm(closed),
            "closed_form_error": _norm(now - closed),
            "error_bound": before * after * turning / 2 * envelope,
            "residual_bound": envelope,
            "closed_form_rate": exp(-(before + after) * (_middle - _half_gap(mean_1, mean_2))),
            "standard_training": _norm(_move(start, Integer(1), Integer(1), before + after)),
        },
        start={},
    )


__all__ = ["theorem"]
