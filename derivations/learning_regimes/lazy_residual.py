r"""Fitting the residual of the initialisation to convergence (variant=residual, V2).

The tangent features fit f* - f_0 to convergence, so that f = f_0 + P_T (f* - f_0) = P_T f* + (1 - P_T) f_0: of the
initial function only what no tangent feature can express is left, and in the mean over output weights
v ~ N(0, alpha^2/m) it adds alpha^2 e_perp/2 to the test error and alpha^2 S_perp/4 to the Dirichlet energy.

For a homogeneous activation of degree p, Euler's identity sigma(t) = t sigma'(t)/p puts f_0 itself in the tangent
space: e_perp = S_perp = 0 at every m and d, and the scale of the initialisation has no effect at all at convergence
(t^2 + b, whose constant costs nothing in the limit, ReLU, |t|). For other activations, with c = c_b/beta_1^2, chi and
chi_2 the means of 1/(c+s+t) and of its square for s, t independent under the semicircle law s dmu/rho:

    Theta = 2 c chi/(1 - 2 chi),   a = ((Theta/2) mu_2 eta_2 + y_3)/((Theta/2) eta_2^2 + c_a),
    z = (a eta_2 - mu_2)/sqrt(2),   xi = z/(1 - 2 chi),   b_2 = (4 xi^2/beta_1^2)((chi - c chi_2)/2 - chi^2),
    e_perp = Theta z^2 + sum_(k>=3) (mu_k - a eta_k)^2,
    S_perp = 4 c^2 chi_2 xi^2 + c_b' b_2 + sum_(k>=3) k (mu_k - a eta_k)^2,

a the fitted share of f_0 along the weights w_j, z what it leaves of degree 2 for the weights across w_j to fit. The
random-matrix limits are seen in simulations; the algebra on top of them is checked. Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from sympy import Derivative, Expr, Integer, Matrix, Symbol, diag, diff, sqrt

from derivations.averages import edge_mean
from derivations.core import Assumed, Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Program
from derivations.learning_regimes import tangent, tangent_errors
from derivations.learning_regimes.lazy_setting import init_scale
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    derivative_energy,
    hermite_2,
    hermite_4,
    nonlinear_energy,
    radial_derivative_overlap,
    radial_overlap,
    radial_tangent_derivative_energy,
    radial_tangent_energy,
    rho,
    tangent_derivative_energy,
)
from derivations.learning_regimes.tangent_errors import (
    radial,
    size_biased_resolvent,
    slope_square,
    squared_size_biased_resolvent,
)
from derivations.relations import Claim, equal, statement

theorem = Derivation(
    __name__, title="The part of the initialisation that tangent features cannot fit", source=DOHMATOB_BIETTI
)

higher_energy = nonlinear_energy - hermite_2**2
"""The sum over k >= 3 of mu_k^2."""
higher_derivative_energy = derivative_energy - 2 * hermite_2**2
"""The sum over k >= 3 of k mu_k^2."""

stiffness, overlap, squared_overlap, across_loss = (
    Symbol(name, positive=True) for name in ("stiffness", "overlap", "squared_overlap", "across_loss")
)
along, gap, multiplier = (Symbol(name, real=True) for name in ("along", "gap", "multiplier"))
across_weight, unfitted_energy, unfitted_gradient = (
    Symbol(name, real=True) for name in ("across_weight", "unfitted_energy", "unfitted_gradient")
)


@cache
def program() -> Program:
    """c, chi, chi_2, Theta, a, z, xi, b_2 and e_perp."""
    overlaps = (
        (stiffness, tangent_errors.stiffness()),
        (overlap, edge_mean(lambda s: size_biased_resolvent(stiffness + s), rho)),
        (squared_overlap, edge_mean(lambda s: squared_size_biased_resolvent(stiffness + s), rho)),
    )
    return (*overlaps, *_SHARES)


_SHARES: Program = (
    (across_loss, 2 * stiffness * overlap / (1 - 2 * overlap)),
    (
        along,
        (across_loss * hermite_2 * radial / 2 + radial_overlap) / (across_loss * radial**2 / 2 + radial_tangent_energy),
    ),
    (gap, (along * radial - hermite_2) / sqrt(2)),
    (multiplier, gap / (1 - 2 * overlap)),
    (
        across_weight,
        4 * multiplier**2 / slope_square * ((overlap - stiffness * squared_overlap) / 2 - overlap**2),
    ),
    (
        unfitted_energy,
        across_loss * gap**2 + along**2 * radial_tangent_energy - 2 * along * radial_overlap + higher_energy,
    ),
)
_GRADIENT = (
    4 * stiffness**2 * squared_overlap * multiplier**2
    + tangent_derivative_energy * across_weight
    + along**2 * radial_tangent_derivative_energy
    - 2 * along * radial_derivative_overlap
    + higher_derivative_energy
)


@cache
def full_program() -> Program:
    """The same and S_perp, where that is finite."""
    return (*program(), (unfitted_gradient, _GRADIENT))


@cache
def observables() -> Mapping[str, Expr]:
    """In the names of `full_program`."""
    return {
        "test_error": tangent_errors.test_error() + init_scale**2 * unfitted_energy / 2,
        "dirichlet_energy": tangent_errors.dirichlet_energy() + init_scale**2 * unfitted_gradient / 4,
    }


def _expand(expression: Expr, *kept: Symbol) -> Expr:
    """The expression with the program's names replaced, but for chi, chi_2, c and those kept."""
    for name, definition in reversed((*_SHARES, (unfitted_gradient, _GRADIENT))):
        if name not in kept:
            expression = expression.xreplace({name: definition})
    return expression


t, degree = Symbol("t", positive=True), Symbol("degree", positive=True)


@theorem.step(Symbolic())
def euler() -> Claim:
    """A homogeneous activation of degree p is t sigma'(t)/p on either half-line: the tangent weights a_j = v_j w_j/p
    give f_0 itself.
    """
    return equal(t * Derivative(t**degree, t) / degree, t**degree)


def _in_the_tangent_space() -> Iterator[Instance]:
    rows, outputs = Matrix([[1, 2, 0], [-1, 1, 3]]), diag(3, -2)
    weights = outputs * rows / 2
    tangent, initial = weights.T * rows + rows.T * weights, rows.T * outputs * rows
    yield from ((f"entry {i}, {k}", tangent[i, k], initial[i, k]) for i in range(3) for k in range(i, 3))
    for value in (Integer(-2), Integer(0), Integer(3)):
        yield f"relu at {value}", max(value, Integer(0)), value * int(bool(value > 0))


@theorem.step(Exact(_in_the_tangent_space), uses=[euler])
def initialisation_in_the_tangent_space() -> Claim:
    """At any m and d: for t^2, A = diag(v) W/2 gives A'W + W'A = W' diag(v) W, rows of any length; relu is t relu'."""
    return statement("f_0 is a tangent function when the activation is homogeneous, so its unfitted part is zero")


OF_DEGREE = {
    radial_overlap: degree * higher_energy,
    radial_tangent_energy: degree**2 * higher_energy,
    radial_derivative_overlap: degree * higher_derivative_energy,
    radial_tangent_derivative_energy: degree**2 * higher_derivative_energy,
    hermite_4: (degree - 2) * hermite_2 / (2 * sqrt(3)),
}
"""t sigma' = p sigma makes eta_k = p mu_k for every k, which fixes mu_4 through eta_2 = 2 mu_2 + 2 sqrt(3) mu_4."""


@theorem.step(Symbolic(), uses=[euler])
def no_error_of_homogeneous_activations() -> Claim:
    """The general formula agrees: eta_k = p mu_k gives a = 1/p, z = 0 and e_perp = 0,"""
    share = _expand(along, across_loss).xreplace(OF_DEGREE)
    return equal(_expand(unfitted_energy, across_loss).xreplace(OF_DEGREE) + share, 1 / degree)


@theorem.step(Symbolic(), uses=[euler])
def no_energy_of_homogeneous_activations() -> Claim:
    """and S_perp = 0: the scale of the initialisation has no effect on either observable."""
    share = _expand(along, across_loss).xreplace(OF_DEGREE)
    return equal(_expand(unfitted_gradient, across_loss).xreplace(OF_DEGREE) + share, 1 / degree)


@theorem.step(Assumed(), uses=[tangent.high_degrees_decouple])
def initial_function_in_general_position() -> Claim:
    """Row j sees v_j alone: what the other rows do to it are traces of resolvents of S, means under s dmu/rho."""
    return statement(
        "degrees >= 3 of f_0 and of its fit meet row by row; degree 2 leaves sum_j v_j^2 Theta z^2, xi v_j on row j"
    )


@theorem.step(Symbolic(), uses=[initial_function_in_general_position])
def across_budget() -> Claim:
    """What degree 2 keeps, 2 c^2 chi_2 xi^2, and what the higher degrees of the weights across cost, c_b b_2, add up to
    Theta z^2: with xi = 1 this is 2 c^2 chi_2 + c beta_1^2 b_2 = 2 c chi (1 - 2 chi).
    """
    spent = 2 * stiffness**2 * squared_overlap * multiplier**2 + stiffness * slope_square * _expand(
        across_weight, gap, multiplier
    )
    return equal(spent.xreplace({multiplier: gap / (1 - 2 * overlap)}), dict(_SHARES)[across_loss] * gap**2)


def _loss(share: Expr) -> Expr:
    """Theta z^2 and the higher degrees, at a share a along the weights."""
    across = across_loss * (share * radial - hermite_2) ** 2 / 2
    return across + share**2 * radial_tangent_energy - 2 * share * radial_overlap + higher_energy


@theorem.step(Symbolic(), uses=[across_budget])
def best_share() -> Claim:
    """a minimises Theta z^2 + sum_(k>=3) (mu_k - a eta_k)^2: the loss is a parabola in a whose vertex it is."""
    share = Symbol("share", real=True)
    slope = diff(_loss(share), share)
    return equal(slope.xreplace({share: _expand(along, across_loss)}), 0)


@theorem.step(Symbolic(), uses=[best_share])
def unfitted_as_minimum() -> Claim:
    """e_perp is the value there, below that at a = 0 by the square of the slope over four times the curvature."""
    share = Symbol("share", real=True)
    slope, curvature = diff(_loss(share), share).xreplace({share: Integer(0)}), diff(_loss(share), share, 2)
    return equal(_expand(unfitted_energy, across_loss), _loss(Integer(0)) - slope**2 / (2 * curvature))


@theorem.step(Symbolic(), uses=[across_budget, unfitted_as_minimum])
def unfitted_degrees() -> Claim:
    """S^2 weighs the degree k of what is left by k: if all degrees counted twice, S_perp would be 2 e_perp."""
    across = stiffness * slope_square
    twice = {
        tangent_derivative_energy: 2 * across,
        radial_tangent_derivative_energy: 2 * radial_tangent_energy,
        radial_derivative_overlap: 2 * radial_overlap,
        derivative_energy: 2 * nonlinear_energy,
    }
    return equal(_expand(unfitted_gradient, along, gap).xreplace(twice), 2 * _expand(unfitted_energy, along, gap))
