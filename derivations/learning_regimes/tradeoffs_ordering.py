r"""The order of the learning regimes for quadratic activations: trained, tangent, random features.

All three fit matrices of degree 2, so test_error = 1 - dirichlet_energy in each, and the order of the energies is the
reverse. tangent <= random features in test error on every draw, as the features (w_j'x)^2 lie in the tangent space.
trained <= tangent when the target B is semi-definite, on every draw by Cauchy's interlacing theorem, and in the limit
when B is a Wigner matrix plus any multiple of the identity. For a general indefinite B it fails: a tangent model of m
neurons has rank 2m, a trained network rank m, and with eigenvalues +1 and -1 in equal parts the tangent model misses
(1 - rho)^2, the best network 1 - rho.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Matrix, Max, Rational, Symbol, cos, diag, eye, integrate, pi, sin, sqrt

from derivations.core import Certified, Derivation, Exact, Level, Symbolic
from derivations.evidence import Instance
from derivations.learning_regimes import random_features, tangent_quadratic, trained
from derivations.learning_regimes.feature_traces import alignment, kappa
from derivations.learning_regimes.feature_traces import printed_test_error as features_error
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, offset, rho, trace_alignment
from derivations.learning_regimes.tangent_errors import quadratic_error
from derivations.learning_regimes.trained_semicircle import moments_between, square_mean
from derivations.learning_regimes.trained_setting import centre, spread
from derivations.relations import Claim, at_most, below, statement

theorem = Derivation(
    __name__, title="The order of the learning regimes for quadratic activations", source=DOHMATOB_BIETTI
)

gap, oblique = Symbol("gap", positive=True), Symbol("oblique", nonnegative=True)
BOX = {gap: (Rational(1, 100), 100), oblique: (0, 100)}
ALIGNED = {trace_alignment: 1 / sqrt(1 + oblique), rho: 1 - 1 / (1 + gap), offset.symbol: Integer(1)}
"""All rho < 1 and all alignments, without a condition to check."""


@theorem.step(
    Symbolic(), Certified(BOX), uses=[tangent_quadratic.proportional_limit, random_features.ridgeless_test_error]
)
def tangent_before_features() -> Claim:
    """The features (w_j'x)^2 span a part of the tangent space; here in the limit, for x^2 - 1 and rho < 1."""
    at_features = {kappa: rho, alignment: trace_alignment**2}
    return at_most(quadratic_error().subs(ALIGNED), features_error().xreplace(at_features).subs(ALIGNED))


def _compressions() -> Iterator[Instance]:
    """Semi-definite targets with eigenvalues `spectrum` and one neuron along a rational direction."""
    for direction in ((2, 1, 2), (1, 2, 2), (2, 3, 6), (1, 4, 8), (3, -4, 12)):
        neuron = Matrix([direction])
        outside = eye(3) - neuron.T * neuron / sum(entry**2 for entry in direction)
        for spectrum in ((5, 2, 1), (4, 4, 0), (-1, -3, -9)):
            missed = outside * diag(*spectrum) * outside
            kept = sum(sorted(value**2 for value in spectrum)[:-1])
            yield f"{direction}, {spectrum}: excess of the best rank 1", Max(0, kept - (missed.T * missed).trace()), 0


@theorem.step(Exact(_compressions), uses=[tangent_quadratic.projection])
def trained_before_tangent() -> Claim:
    """B semi-definite: Cauchy's interlacing gives |lambda_k(PBP)| >= |lambda_(k+m)(B)|, P projecting off the rows."""
    return statement("sum of the smallest squared eigenvalues of B <= ||PBP||^2 for semi-definite B, in rationals")


phi = Symbol("phi", positive=True)


@theorem.step(Certified({phi: (Rational(1, 1000), Rational(157, 100))}), uses=[tangent_quadratic.proportional_limit])
def trained_before_tangent_for_wigner() -> Claim:
    """tau = 0, eigenvalues |b| < 2 sin(phi) are dropped: their squares sum to less than (1 - rho)^2, rho being kept."""
    dropped = moments_between(-phi, phi)
    return below(square_mean(dropped).subs({centre: 0, spread: 1}), dropped[0] ** 2)


width, shift, more = Symbol("width", positive=True), Symbol("shift", nonnegative=True), Symbol("more", nonnegative=True)


def _trained_and_tangent(lower: Expr, upper: Expr, ratio: Expr) -> tuple[Expr, Expr]:
    """Both errors in units of 1 - tau^2, ratio = tau/sqrt(1 - tau^2): E[b^2; dropped], and what is missed of each part.

    The share that a trained network drops is the share 1 - rho of directions that no row sees.
    """
    dropped = moments_between(lower, upper)
    tangent = quadratic_error().subs({offset.symbol: Integer(1), rho: 1 - dropped[0]})
    traceless, trace = (tangent.subs(trace_alignment, alone) for alone in (0, 1))
    return square_mean(dropped).subs({centre: ratio, spread: 1}), traceless + ratio**2 * trace


@theorem.step(
    Certified({width: (Rational(1, 10), Rational(3, 2)), shift: (0, Rational(7, 5))}),
    Certified({width: (Rational(1, 50), Rational(157, 100)), shift: (0, Rational(155, 100))}, level=Level.standard),
    uses=[tangent_quadratic.proportional_limit, trained_before_tangent_for_wigner],
)
def trained_before_tangent_for_shifted_wigner() -> Claim:
    """B = tau I + Wigner: |b| < u is an interval of the semicircle, of angles -shift -+ width, and its centre is
    -(sin(lower) + sin(upper)) spreads below 0.
    """
    lower, upper = -shift - width, -shift + width
    inside = below(shift + width, Rational(157, 100))
    return below(*_trained_and_tangent(lower, upper, -sin(lower) - sin(upper)), given=[inside])


@theorem.step(
    Certified({phi: (Rational(1, 4), Rational(14, 5)), more: (0, 4)}),
    uses=[trained_before_tangent_for_shifted_wigner],
)
def trained_before_tangent_beyond_the_edge() -> Claim:
    """Once the lower end has left the support, at a centre of 1 - sin(upper) spreads, a larger centre only helps."""
    upper = phi - pi / 2
    return below(*_trained_and_tangent(-pi / 2, upper, 1 - sin(upper) + more))


def _indefinite_instance() -> Iterator[Instance]:
    """d = 2, B = diag(1, -1), one neuron (cos, sin): the tangent model misses (cos^2 - sin^2)^2 of 2."""
    angle = Symbol("angle", real=True)
    outside = Matrix([[sin(angle)], [-cos(angle)]])
    missed = (outside.T * diag(1, -1) * outside)[0] ** 2 / 2
    yield "mean over the neuron", integrate(missed, (angle, 0, 2 * pi)) / (2 * pi), Rational(1, 4)
    yield "the best rank 1 misses", Rational(1, 2), sum(sorted([Integer(1), Integer(1)])[:1]) / Integer(2)


@theorem.step(Exact(_indefinite_instance), uses=[tangent_quadratic.mean_at_finite_dimension])
def indefinite_instance() -> Claim:
    """d = 2, one neuron: the tangent model misses a quarter of B = diag(1, -1) on average, the best network half."""
    return statement("for diag(1, -1) and one neuron, tangent misses 1/4 on average and the best rank 1 misses 1/2")


@theorem.step(
    Symbolic(), Certified(BOX), uses=[tangent_quadratic.proportional_limit, trained.best_fit, indefinite_instance]
)
def reversed_for_indefinite_targets() -> Claim:
    """Eigenvalues +1 and -1 in equal parts, tau = 0: tangent misses (1 - rho)^2, the best network 1 - rho, more."""
    tangent_error = quadratic_error().subs({**ALIGNED, trace_alignment: Integer(0)})
    return below(tangent_error, (Integer(1) - rho).subs(ALIGNED))
