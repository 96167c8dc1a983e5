r"""Random features without a trained constant: what the mean of the features costs.

U then carries mu_0^2 11', an eigenvalue of order m along the only direction in which the trace of B is seen. With
Q = m psi1, p = mu_0^2 + mu_2^2/d and r = t 1 the loss is c0^2 + 2 - t^2 Q/(1 + p Q), c0 = E f*. Hence a centred target
is not learnt at all (1 - test error = O(1/d)). For c0 = theta sqrt d (x'Bx as it stands: theta = tau), in the units 2
and 4 of the centred target,

    test error -> 1 + theta^2 (mu_2^2 + 1/(rho psi1))/(2 mu_0^2) - sqrt2 theta tau mu_2/mu_0,
    Dirichlet energy -> theta^2 [psi1 + (nu' - nu) psi2 + 2 rho mu_2^2 psi1^2]/(4 mu_0^2 rho psi1^2):

fitting a constant with features costs robustness although nothing of degree 2 is gained. With a constant, the traceless
part of B is learnt to the order 1/d only. Derived here.
"""

from __future__ import annotations

from types import SimpleNamespace

from sympy import Expr, Integer, Matrix, Rational, Symbol, oo, sqrt, symbols

from derivations.core import Derivation, Lab, Level, Model, Simulation, Step, Symbolic, parameter
from derivations.learning_regimes import feature_gram, random_features
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    OBSERVABLES,
    derivative_energy,
    hermite_2,
    linear_coefficient,
    mean,
    nonlinear_energy,
    rho,
    trace_alignment,
)
from derivations.relations import Claim, equal, limit_of, tends_to
from derivations.spectral_formulas import gram_closed_form, gram_trace_slope

theorem = Derivation(__name__, title="Random features without a trained constant", source=DOHMATOB_BIETTI)

d = Symbol("d", positive=True)
theta = parameter("theta", "mean of the target over sqrt d", real=True)
psi1, psi2 = symbols("psi1 psi2", positive=True)
MEAN = parameter("mean_coefficient", "mu_0, not zero", positive=True)
EXTRA = derivative_energy - nonlinear_energy


def loss(constant: Expr, /) -> Expr:
    """E(f - f*)^2/2 of the least-squares solution for the equivalent Gram matrix, c0 = `constant`, m = rho d."""
    overlap, load, trace = _parts(constant)
    return (constant**2 + 2 - overlap**2 * trace / (1 + load * trace)) / 2


def energy(constant: Expr, /) -> Expr:
    """E||grad f||^2/4 of the same solution."""
    overlap, load, trace = _parts(constant)
    slopes = rho * d * (psi1 + EXTRA * psi2 + 2 * rho * hermite_2**2 * psi1**2)
    return overlap**2 * slopes / (1 + load * trace) ** 2 / 4


def _parts(constant: Expr) -> tuple[Expr, Expr, Expr]:
    overlap = MEAN * constant + sqrt(2) * hermite_2 * trace_alignment / sqrt(d)
    return overlap, MEAN**2 + hermite_2**2 / d, rho * d * psi1


EIGENVALUES = symbols("x1:3", positive=True)
ONES = Matrix(symbols("n1:3", real=True))
load, overlap = Symbol("p", nonnegative=True), Symbol("t", real=True)


def _solution() -> tuple[Matrix, Matrix]:
    """(M + p nn')^-1 t n and M, two eigenvalues."""
    diagonal = Matrix.diag(*EIGENVALUES)
    return (diagonal + load * ONES * ONES.T).inv() * overlap * ONES, diagonal


@theorem.step(Symbolic(), uses=[feature_gram.limits_of_the_grams, feature_gram.ones_are_in_general_position])
def loss_of_the_equivalent() -> Claim:
    """v'r = t^2 Q/(1 + p Q), which is what the fit gains: least squares has 2 v'r - v'Uv = v'r; Q = n'M^-1 n."""
    weights, diagonal = _solution()
    gram = diagonal + load * ONES * ONES.T
    gain = 2 * overlap * (weights.T * ONES)[0] - (weights.T * gram * weights)[0]
    trace = (ONES.T * diagonal.inv() * ONES)[0]
    return equal(gain, overlap**2 * trace / (1 + load * trace))


@theorem.step(Symbolic(), uses=[loss_of_the_equivalent])
def energy_of_the_equivalent() -> Claim:
    """v'Cv = t^2 [Q + (nu' - nu) n'M^-2 n + q Q^2]/(1 + p Q)^2: C = M + (nu' - nu) + q nn', q = 2 mu_2^2/d, no mean."""
    weights, diagonal = _solution()
    q = Symbol("q", nonnegative=True)
    slopes = diagonal + EXTRA * Matrix.eye(2) + q * ONES * ONES.T
    trace, square = ((ONES.T * diagonal ** (-k) * ONES)[0] for k in (1, 2))
    formula = overlap**2 * (trace + EXTRA * square + q * trace**2) / (1 + load * trace) ** 2
    return equal((weights.T * slopes * weights)[0], formula)


@theorem.step(Symbolic(), uses=[loss_of_the_equivalent])
def centred_target_is_not_learnt() -> Claim:
    """c0 = 0 and mu_0 != 0: d (1 - test error) has a finite limit, so the test error tends to 1."""
    return limit_of(d * (1 - loss(Integer(0))), d, oo, (hermite_2 * trace_alignment / MEAN) ** 2)


@theorem.step(Symbolic(), uses=[energy_of_the_equivalent])
def centred_target_costs_nothing() -> Claim:
    """The Dirichlet energy tends to 0, like 1/d^2."""
    return limit_of(d * energy(Integer(0)), d, oo, Integer(0))


def _phase(name: str) -> Expr | None:
    """An observable of random_features where the mean is not fitted."""
    return next(phase.observables[name] for phase in _model().phases if phase.name == "mean_not_fitted")


@theorem.step(Symbolic(), uses=[centred_target_is_not_learnt])
def test_error_of_the_phase() -> Claim:
    """So the model of random_features has all of the target left,"""
    return limit_of(loss(Integer(0)), d, oo, _phase("test_error"))


@theorem.step(Symbolic(), uses=[centred_target_costs_nothing])
def energy_of_the_phase() -> Claim:
    """and no Dirichlet energy."""
    return limit_of(energy(Integer(0)), d, oo, _phase("dirichlet_energy"))


def uncentred_test_error(coefficient: Expr, trace: Expr, /) -> Expr:
    """The limit in units of 2, mu_0 = `coefficient`, psi1 = `trace`."""
    remainder = theta**2 * (hermite_2**2 + 1 / (rho * trace)) / (2 * coefficient**2)
    return 1 + remainder - sqrt(2) * theta * trace_alignment * hermite_2 / coefficient


def uncentred_energy(coefficient: Expr, trace: Expr, square: Expr, /) -> Expr:
    """The limit in units of 4."""
    slopes = trace + EXTRA * square + 2 * rho * hermite_2**2 * trace**2
    return theta**2 * slopes / (4 * coefficient**2 * rho * trace**2)


@theorem.step(Symbolic(), uses=[loss_of_the_equivalent])
def uncentred_loss() -> Claim:
    """c0 = theta sqrt d: the constant itself, of order d, is fitted; its remainder is of order one."""
    return limit_of(loss(theta * sqrt(d)), d, oo, uncentred_test_error(MEAN, psi1))


@theorem.step(Symbolic(), uses=[energy_of_the_equivalent])
def uncentred_slopes() -> Claim:
    """The Dirichlet energy that the constant costs."""
    return limit_of(energy(theta * sqrt(d)), d, oo, uncentred_energy(MEAN, psi1, psi2))


def _model() -> Model:
    return random_features.model()


def _uncentred(level: Level, tolerance: float, sizes: tuple[int, ...]) -> Step:
    def law() -> Claim:
        a = linear_coefficient**2
        trace, square = gram_closed_form(nonlinear_energy, a, rho), gram_trace_slope(nonlinear_energy, a, rho)
        limits = (uncentred_test_error(mean, trace), uncentred_energy(mean, trace, square))
        return tends_to(
            {name: value.subs(theta, trace_alignment) for name, value in zip(OBSERVABLES, limits, strict=True)}
        )

    law.__name__ = f"{level.name}_uncentred_relu"
    law.__doc__ = "x'Bx as it stands, relu, no constant: finite population Gram matrices."
    evidence = Simulation(
        "learning_regimes:random_features_uncentred",
        at={rho: Rational(1, 2), trace_alignment: Rational(3, 5), "activation": "relu"},
        bias="1/d",
        tolerance=tolerance,
        sizes=sizes,
        scale=dict.fromkeys(OBSERVABLES, Rational(1, 3)),
        controls={"row_overlap": 1, "resolvent_overlap": 0, "squared_resolvent_overlap": 0},
        defaults_of=_model,
        level=level,
    )
    return theorem.step(evidence, uses=[uncentred_loss, uncentred_slopes])(law)


_uncentred(Level.quick, 0.03, (50, 100, 200))
_uncentred(Level.standard, 0.01, (100, 200, 400, 800))

ENERGY = {1: 1, 2: 2, 3: Rational(1, 2)}
"""mu_k^2 of the activation on which the traceless part is seen: a = 1, nu = 5/2, nu' = 11/2."""


def traceless_target(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """d (1 - test error) and d times the energy for tr B = 0, B diagonal with alternating entries; a constant."""
    rows, xp = lab.sphere(round(at.rho * d), d), lab.xp
    kernel = rows @ rows.T
    values = sum(float(e) * kernel**k for k, e in ENERGY.items())
    slopes = sum(k * float(e) * kernel**k for k, e in ENERGY.items())
    sign = xp.where(xp.arange(d) % 2 == 0, 1.0, -1.0)
    target = 2 * (rows**2 @ sign) / d**0.5
    weights = lab.solve(values, target)
    gain, energy = xp.sum(weights * target), xp.sum(weights * (slopes @ weights))
    return {"gain": d * float(gain) / 2, "energy": d * float(energy) / 4}


@theorem.step(
    Simulation(
        traceless_target,
        at={rho: Rational(1, 2)},
        bias="1/d",
        tolerance=0.05,
        sizes=(50, 100, 200),
        most=400,
    ),
    uses=[feature_gram.length_of_the_fluctuation, feature_gram.limits_of_the_grams],
)
def traceless_part() -> Claim:
    """The fluctuating part of r is in general position: d (1 - test error) -> 2 rho mu_2^2 psi1, and its energy."""
    trace = gram_closed_form(Rational(5, 2), Integer(1), rho)
    square = gram_trace_slope(Rational(5, 2), Integer(1), rho)
    return tends_to({"gain": 4 * rho * trace, "energy": 2 * rho * (trace + 3 * square)})
