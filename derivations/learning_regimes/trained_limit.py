r"""The limit of the flow from random rows: the printed form, its start, its end, and the energy along the flow.

One deterministic equivalent gives tr M/d and <B, M>/d; the law of the energy along the flow (trained_flow) then forces
||M||_F^2/d, which agrees with the second-order equivalent. Checked for spectra of one or two values, in r = 1/Q_t and
vartheta as coordinates, in which everything is rational.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Rational, S, diff, oo, solve, sqrt, symbols

from derivations.core import Cited, Derivation, Sampled, Symbolic
from derivations.learning_regimes import trained_flow
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, rho
from derivations.learning_regimes.trained_from_random import energy
from derivations.relations import Limit, Relation, below, equal, limit_of

theorem = Derivation(__name__, title="Gradient flow from random rows in the limit", source=DOHMATOB_BIETTI)

vartheta, omega, weight = symbols("vartheta omega weight", positive=True)
"""The unknown, the variance of the rows times d, the share of the first value."""
b = symbols("b1:3", positive=True)
r = symbols("r1:3", positive=True)

START = vartheta / omega


def _mean(function: Callable[[Expr, Expr], Expr], values: int = 2) -> Expr:
    """E f(b, r) over two values with weights, or over one."""
    shares = (weight, 1 - weight) if values == 2 else (S.One,)
    return sum((share * function(b[k], r[k]) for k, share in enumerate(shares)), S.Zero)


def _kept(inverse: Expr) -> Expr:
    return vartheta / (inverse + vartheta)


def _overlap(values: int = 2) -> Expr:
    return _mean(lambda b, r: b * (b + r) * _kept(r), values)


def _energy(values: int = 2) -> Expr:
    return energy(
        _mean(lambda b, r: ((b + r) * _kept(r)) ** 2, values),
        _mean(lambda b, r: (b + r) * _kept(r) * (1 - _kept(r)), values),
        _mean(lambda b, r: _kept(r) * (1 - _kept(r)), values),
        START,
    )


def _gap(values: int = 2) -> Expr:
    """vartheta/omega + E k - rho: the fixed point is its zero."""
    return START + _mean(lambda _, r: _kept(r), values) - rho


omega_of_vartheta = solve(_gap(), omega)[0]


@theorem.step(Cited("Hachem, Loubaton & Najim (2007), Ann. Appl. Probab. 17(3), deterministic equivalents"))
def equivalent() -> Relation:
    """W_0 Q_t W_0' is a sample covariance matrix with independent Gaussian rows: its resolvent's traces concentrate."""
    return equal(vartheta, rho * omega / (1 + omega * _mean(lambda _, r: 1 / (r + vartheta))))


@theorem.step(Sampled(), uses=[equivalent])
def fixed_point() -> Relation:
    """The printed equation, in the form vartheta/omega + E k = rho that is solved."""
    printed = rho * omega / (1 + omega * _mean(lambda _, r: 1 / (r + vartheta)))
    return equal(printed.subs(omega, omega_of_vartheta), vartheta, given=[below(_mean(lambda _, r: _kept(r)), rho)])


@theorem.step(Sampled(), uses=[fixed_point])
def printed_energy() -> Relation:
    """The printed second-order term has 1 - (vartheta^2/rho) E (Q R)^2 below, R = 1/(1 + vartheta Q): it cancels.

    At the fixed point rho times it is vartheta/omega + E k (1 - k), a sum of positive terms.
    """
    q_mean = vartheta**2 / rho * _mean(lambda _, r: 1 / (r + vartheta) ** 2)
    crossed = _mean(lambda b, r: (b + r) * r / (r + vartheta) ** 2)
    square = _mean(lambda b, r: ((b + r) * (1 - r / (r + vartheta))) ** 2)
    printed = square + vartheta**2 / rho * crossed**2 / (1 - q_mean)
    at_root = {rho: START + _mean(lambda _, r: _kept(r))}
    return equal(printed.subs(at_root), _energy())


@theorem.step(Sampled(), uses=[printed_energy, trained_flow.energy_along_flow])
def trace_along_flow() -> Relation:
    """||M||^2 = <B, M> - (d/dt tr M)/2, with r' = -2 r (b + r) and vartheta' from the fixed point at constant omega.

    So the second-order formula follows from the first-order ones: nothing about its variance is assumed.
    """
    trace = _mean(lambda b, r: (b + r) * _kept(r))
    slopes = {r[k]: -2 * r[k] * (b[k] + r[k]) for k in range(2)}
    moved = -sum(diff(_gap(), place) * slope for place, slope in slopes.items()) / diff(_gap(), vartheta)
    slope = sum(diff(trace, place) * slope for place, slope in slopes.items()) + diff(trace, vartheta) * moved
    return equal(_overlap() - slope / 2, _energy())


def _one_value(expression: Expr) -> Expr:
    """At the root for a spectrum of one value, where the fixed point is a quadratic in vartheta."""
    value, inverse = b[0], r[0]
    half = (inverse + omega - rho * omega) / 2
    root = rho * omega * inverse / (half + sqrt(half**2 + rho * omega * inverse))
    return expression.subs(vartheta, root).subs(value, 1)


@theorem.step(Symbolic(), uses=[fixed_point])
def start_of_flow() -> Limit:
    """t -> 0 is r -> oo: ||W_0'W_0||^2/d -> omega^2 (rho + rho^2), the second moment of the Marchenko-Pastur law."""
    return limit_of(_one_value(_energy(1)), r[0], oo, omega**2 * (rho + rho**2))


@theorem.step(Symbolic(), uses=[fixed_point])
def end_of_flow() -> Limit:
    """t -> oo is r -> 0 for b > 0: of B = identity the share rho is kept, as by the best fit; at rho = 1/3, say."""
    return limit_of(_one_value(_energy(1)).subs(rho, Rational(1, 3)), r[0], 0, Rational(1, 3))


__all__ = ["theorem"]
