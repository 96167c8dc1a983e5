r"""How far the adversarially trained network is from the NTK interpolator at a test point.

f_t(x) - f_inf(x) = Theta(x, X) Theta^-1 u(t), f_inf(x) = f_0(x) - Theta(x, X) Theta^-1 u_0, and in the Theta^-1 norm

    |f_t(x) - f_inf(x)| <= sqrt(Theta(x, x)) |u(t)| <= sqrt(Theta(x, x)) |u_0| exp(-int_0^t lam_min(Theta D)).

No commutation is assumed. Derived here.
"""

from __future__ import annotations

from sympy import Expr, Matrix, Symbol, symbols

from derivations.core import Derivation, Sampled, Symbolic
from derivations.relations import Relation, at_most, below, equal
from derivations.robust_overfitting import degeneration, dynamics
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Distance to the NTK interpolator under adversarial training", source=FU_WANG)

RECALLED = "recalled: the limit of the trained network is that of standard training"

_t1, _t2, _spare = symbols("theta11 theta22 spare", positive=True)
_c, _u1, _u2 = symbols("theta12 u1 u2", real=True)
_DET = _t1 * _t2 - _c**2

_k1, _k2 = symbols("k1 k2", real=True)


def energy(first: Expr, second: Expr, /) -> Expr:
    """v Theta^-1 v' for a row v = (first, second)."""
    row = Matrix([[first, second]])
    return (row * Matrix([[_t2, -_c], [-_c, _t1]]) * row.T)[0] / _DET


@theorem.step(Symbolic())
def reach_of_a_point() -> Relation:
    """Theta(x, x) - k Theta^-1 k' is the last pivot of the extended Gram: it is not negative."""
    at_point = Symbol("theta_xx", positive=True)
    whole = Matrix([[_t1, _c, _k1], [_c, _t2, _k2], [_k1, _k2, at_point]])
    return equal(whole.det() / _DET, at_point - energy(_k1, _k2))


@theorem.step(Symbolic(), uses=[reach_of_a_point])
def cauchy_schwarz() -> Relation:
    """(k Theta^-1 u)^2 = (k Theta^-1 k')(u Theta^-1 u) - (a square)/det Theta, for two points."""
    product = (Matrix([[_k1, _k2]]) * Matrix([[_t2, -_c], [-_c, _t1]]) * Matrix([_u1, _u2]))[0] / _DET
    return equal(energy(_k1, _k2) * energy(_u1, _u2) - product**2, (_k1 * _u2 - _k2 * _u1) ** 2 / _DET)


@theorem.step(
    Sampled({_c: (-2, 2), _k1: (-1, 1), _k2: (-1, 1)}, points=60),
    uses=[degeneration.residual_bound, reach_of_a_point, cauchy_schwarz, dynamics.trained_output],
    source=RECALLED,
)
def prediction_bound() -> Relation:
    """f_t(x) - f_inf(x) = Theta(x, X) Theta^-1 u(t), at most sqrt(Theta(x, x)) |u(t)|; squared, two points."""
    at_point = energy(_k1, _k2) + _spare  # any extension that keeps the Gram positive definite
    product = (Matrix([[_k1, _k2]]) * Matrix([[_t2, -_c], [-_c, _t1]]) * Matrix([_u1, _u2]))[0] / _DET
    return at_most(product**2, at_point * energy(_u1, _u2), given=[below(_c**2, _t1 * _t2)])


__all__ = ["theorem"]
