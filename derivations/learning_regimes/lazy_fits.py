"""What lazy training of t^2 + 3t returns in the end, by its definition: a tangent projection, f_0 where it is kept.

A projection misses the entries of B between directions that no row sees: in the eigenbasis of W'W, of which m places
out of d are seen, the pairs of unseen places for the traceless part, and single ones for the trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from sympy import Expr, Integer, Rational, Symbol, expand, sqrt

from derivations.core import Model
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.learning_regimes.lazy_setting import init_scale
from derivations.learning_regimes.symbols import (
    OBSERVABLES,
    derivative_energy,
    hermite_2,
    linear_coefficient,
    mean,
    nonlinear_energy,
    offset,
    rho,
    trace_alignment,
)

T = Symbol("t", real=True)
ACTIVATION = T**2 + 3 * T
CONSTANTS = {mean: 1, linear_coefficient: 3, hermite_2: sqrt(2), nonlinear_energy: 2, derivative_energy: 4}
"""Of 1 + 3 t + sqrt(2) (t^2 - 1)/sqrt(2)."""
PARTIAL = ("flow_has_converged", "ridge_vanishes")
"""The phases of the variants that are known with a trained offset only; no other constant than mu_2 enters there."""


def list_projections(model: Model, /) -> Iterator[tuple[str, Mapping[str, Expr | None]]]:
    """The closed phases of the model and of its branches in which a quadratic activation is fitted to convergence."""
    for part in (model, *(branch.model for branch in model.branches)):
        for phase in part.phases:
            if phase.name.startswith("quadratic_") or phase.name in PARTIAL:
                yield phase.name, phase.observables


def missed(seen: int, size: int, tau: Expr, trained: int, /) -> Expr:
    """The part of the target's energy that is missed; without a trained offset the trace is missed entirely."""
    unseen = [place >= seen for place in range(size)]
    pairs = Rational(sum(one and other for one, other in product(unseen, repeat=2)), size**2)
    return (1 - tau**2) * pairs + tau**2 * (Rational(sum(unseen), size) if trained else Integer(1))


def kept(alpha: Expr, trained: int, /) -> tuple[Expr, Expr]:
    """What f_0 = alpha sum_j v_j sigma(w_j'x) adds to the observables, by Gaussian integration."""
    value = gaussian_mean(expand((ACTIVATION - trained) ** 2), T)
    slope = gaussian_mean(expand(ACTIVATION.diff(T) ** 2), T)
    return alpha**2 * value / 2, alpha**2 * slope / 4


def projected_fits(model: Model, /) -> Iterator[Instance]:
    """Both observables of each of these phases."""
    places = product(list_projections(model), (1, 3, 5), (Integer(0), -Rational(1, 2)), (1, 0))
    for (name, phase), m, tau, trained in places:
        if name in PARTIAL and not trained:
            continue
        alpha = Rational(3, 2) if trained else Integer(2)
        error = missed(min(m, 4), 4, tau, trained)
        start = kept(alpha, trained) if name == "quadratic_unfitted" else (Integer(0), Integer(0))
        at = {**CONSTANTS, rho: Rational(m, 4), trace_alignment: tau, init_scale: alpha, offset.symbol: trained}
        found = [value.subs(at) for key in OBSERVABLES if (value := phase[key]) is not None]
        yield f"{name}, rho = {m}/4, tau = {tau}, offset {trained}", found, [error + start[0], 1 - error + start[1]]


__all__ = ["list_projections", "projected_fits"]
