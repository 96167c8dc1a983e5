r"""Attacks of a fixed length: the strength that they need, why the closed form fails for them, and when they stop.

A displacement of length r_i needs eta_i(t) = log(1 + r_i sqrt(g_i)/|u_i(t)|)/(S g_i), which depends on time and on the
sample: the very case that eta_i(t) is meant for, and outside `exactness`. With rho_i = r_i sqrt(g_i)

    u' = -Theta (u + rho o sign u),

a differential inclusion at u_i = 0 (Filippov): steepest descent of |u|^2/2 + sum rho_i |u_i| in the metric of Theta^-1.
It reaches u = 0 at a finite time, at most log(1 + sqrt(lam) |u_0|/min rho)/lam <= |u_0|/(min rho sqrt(lam)) with
lam = lam_min(Theta) and the Theta^-1 norm; the network is then the NTK interpolator. Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, Integer, Matrix, Rational, Symbol, diff, exp, log, oo, sqrt, symbols

from derivations.core import Derivation, Exact, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.relations import Limit, Relation, Statement, at_most, below, equal, limit_of, statement
from derivations.robust_overfitting import dynamics, exactness
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Adversarial training at a fixed radius stops in finite time", source=FU_WANG)

g, r, size, S = symbols("g r size S", positive=True)
"""|grad_x f|^2, the length of the displacement, |u_i| and the duration of the attack."""
t, lam, rho, u0 = symbols("t lam rho u0", positive=True)

strength = log(1 + r * sqrt(g) / size) / (S * g)
"""eta_i for a residual of absolute value `size`."""


@theorem.step(Symbolic(), uses=[dynamics.displacement_length])
def attacked_residual() -> Relation:
    """|delta| = (exp(eta S g) - 1) |u|/sqrt(g) = r, solved for eta: D_i |u_i| = |u_i| + r_i sqrt(g_i).

    The attack adds a constant to the residual instead of multiplying it.
    """
    return equal(exp(strength * S * g) * size, size + r * sqrt(g))


def _not_one_profile() -> Iterator[Instance]:
    theta, lengths = Matrix([[2, 1], [1, 2]]), Matrix([1, 1])
    first, second = symbols("u1 u2", positive=True)
    strengths = [1 + lengths[0] / first, 1 + lengths[1] / second]
    velocity = -theta * (Matrix([first, second]) + lengths)
    rates = [diff(strengths[i], size) * velocity[i] for i, size in enumerate((first, second))]
    turning = strengths[0] * rates[1] - strengths[1] * rates[0]
    for values, moves in (((1, 2), True), ((3, 1), True), ((2, 2), False)):
        here = turning.subs({first: Integer(values[0]), second: Integer(values[1])})
        yield f"residuals {values}", bool(here != 0), moves


@theorem.step(Exact(_not_one_profile), uses=[attacked_residual, exactness.exactness])
def outside_exactness() -> Statement:
    """d_1/d_2 moves unless the residuals are equal: d_1 d_2' - d_1' d_2 at Theta = [[2, 1], [1, 2]], rho = 1."""
    return statement("at a fixed radius D is not one profile: the closed form with the true Xi is not the residual")


def residual_of_one() -> Expr:
    """The residual of a single point with Theta = lam, before it stops."""
    return (u0 + rho) * exp(-lam * t) - rho


@theorem.step(Symbolic(), uses=[attacked_residual])
def one_point() -> Relation:
    """u' = -lam (u + rho) while u > 0."""
    return equal(Derivative(residual_of_one(), t), -lam * (residual_of_one() + rho))


@theorem.step(Symbolic(), uses=[one_point])
def one_point_stops() -> Relation:
    """u = 0 at t = log(1 + u_0/rho)/lam, for any rho > 0."""
    return equal(residual_of_one().subs(t, log(1 + u0 / rho) / lam), 0)


@theorem.step(Symbolic(), uses=[one_point_stops])
def without_an_attack_it_never_stops() -> Limit:
    """rho -> 0 takes the time to infinity: plain gradient flow interpolates only in the limit."""
    return limit_of(log(1 + u0 / rho) / lam, rho, 0, oo)


_t1, _t2, _u1, _u2, _r1, _r2 = symbols("theta11 theta22 u1 u2 rho1 rho2", positive=True)
_c = Symbol("theta12", real=True)
_DEFINITE = below(_c**2, _t1 * _t2)
_MIXED = {_c: (-2, 2)}


def _energy() -> Expr:
    """V = |u|^2 in the Theta^-1 norm, of two points."""
    return (_t2 * _u1**2 - 2 * _c * _u1 * _u2 + _t1 * _u2**2) / (_t1 * _t2 - _c**2)


@theorem.step(Symbolic(), uses=[attacked_residual])
def energy_decays() -> Relation:
    """V' = -2 u'u - 2 sum rho_i |u_i| along u' = -Theta (u + rho), V = u' Theta^-1 u; here both u_i > 0."""
    pushed = Matrix([_u1 + _r1, _u2 + _r2])
    velocity = -Matrix([[_t1, _c], [_c, _t2]]) * pushed
    slope = diff(_energy(), _u1) * velocity[0] + diff(_energy(), _u2) * velocity[1]
    return equal(slope, -2 * (_u1**2 + _u2**2) - 2 * (_r1 * _u1 + _r2 * _u2))


def _slowest() -> Expr:
    return (_t1 + _t2 - sqrt((_t1 - _t2) ** 2 + 4 * _c**2)) / 2


@theorem.step(Sampled(_MIXED, points=150), uses=[energy_decays])
def energy_inequality() -> Relation:
    """|u|_2^2 >= lam_min V and sum rho_i |u_i| >= min rho |u|_2: V' <= -2 lam_min V - 2 min rho sqrt(lam_min V)."""
    least = (_r1 + _r2 - sqrt((_r1 - _r2) ** 2)) / 2
    bound = _slowest() * _energy() + least * sqrt(_slowest() * _energy())
    return at_most(bound, _u1**2 + _u2**2 + _r1 * _u1 + _r2 * _u2, given=[_DEFINITE])


@theorem.step(Symbolic(), uses=[energy_inequality])
def comparison() -> Relation:
    """v = sqrt(V) obeys v' <= -lam v - rho sqrt(lam); with equality v = (v_0 + k) e^(-lam t) - k, k = rho/sqrt(lam)."""
    k = rho / sqrt(lam)
    v = (u0 + k) * exp(-lam * t) - k
    return equal(Derivative(v, t), -lam * v - rho * sqrt(lam))


@theorem.step(Symbolic(), uses=[comparison])
def stopping_time() -> Relation:
    """v = 0 at t = log(1 + sqrt(lam) v_0/rho)/lam, attained by one point (v_0 = u_0/sqrt(lam))."""
    k = rho / sqrt(lam)
    at_stop = log(1 + sqrt(lam) * u0 / rho) / lam
    return equal((u0 + k) * exp(-lam * at_stop), k)


@theorem.step(Sampled(points=8), uses=[stopping_time])
def stopping_time_without_logarithm() -> Relation:
    """log(1 + x) <= x: at most |u_0|/(rho sqrt(lam)), which drops the decay by the residual itself."""
    return at_most(log(1 + sqrt(lam) * u0 / rho) / lam, u0 / (rho * sqrt(lam)))


def _sliding_state() -> Iterator[Instance]:
    theta = Matrix([[2, 1], [1, 2]])
    for state, lengths in (((3, 0), (1, 4)), ((Rational(1, 2), 0), (Rational(1, 2), Rational(3, 5)))):
        pushed = state[0] + lengths[0]
        held = -theta[1, 0] * pushed / theta[1, 1]
        velocity = -theta * Matrix([pushed, held])
        yield f"{state}: the sign exists", bool(abs(held) <= lengths[1]), True
        yield f"{state}: it stays", velocity[1], Integer(0)
        rate = theta[0, 0] - theta[0, 1] ** 2 / theta[1, 1]
        yield f"{state}: the rest", velocity[0], -rate * pushed


@theorem.step(Exact(_sliding_state), uses=[attacked_residual])
def residuals_stick_at_zero() -> Statement:
    """At u_i = 0 the sign takes the value in [-1, 1] that keeps u_i' = 0, where there is one.

    The other points then move by the Schur complement of Theta: as if point i had a hard label.
    """
    return statement("a residual that has reached 0 stays there while |Theta_ij (u_j + rho_j)/Theta_ii| <= rho_i")


__all__ = ["theorem"]
