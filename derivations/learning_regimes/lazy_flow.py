r"""Gradient flow of the linearised network (variant=flow, V4), with a quadratic activation.

The tangent weights follow the gradient flow of ||f - f*||^2/2 from an initial function f_0 of output weights
v ~ N(0, alpha^2/m); the additive constant is at its optimum at all times. The residual quadratic form is
E(t) = exp(-u S)(M_0 - B) exp(-u S), S = W'W, u = beta_1^2 time/4: in units of m/(4 alpha_v^2), for output weights of
size alpha_v/sqrt(m), u is the time for t^2. With L(u) = E exp(-u s) under the Marchenko-Pastur law mu of S, ell(u) the
same under the semicircle law s mu/rho, and alpha_2^2 = alpha^2 mu_2^2/2,

    test error       = (1 - tau^2) L(2u)^2 + tau^2 L(4u) + alpha_2^2 ell(2u)^2,
    Dirichlet energy = (1 - tau^2)(1 - 2 L(u)^2 + L(2u)^2) + tau^2 (1 - 2 L(2u) + L(4u)) + alpha_2^2 ell(2u)^2.

At u -> 0 this is the random initialisation, at u -> oo the tangent projection. At every finite time f_0 adds the same
amount to both observables, without bound in alpha: stopping early does not help a badly scaled initialisation, and
training on does, at the rate ell(2u)^2. With alpha^2 of order 1/m (mean-field scaling), or an initial function that is
zero by symmetry, the term is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

from sympy import Derivative, Expr, Function, Integer, Matrix, Rational, Symbol, exp, oo, zeros

from derivations.core import Certified, Derivation, Exact, Level, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Program
from derivations.learning_regimes import initialisation, tangent
from derivations.learning_regimes.lazy_setting import init_energy, init_scale, time
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    derivative_energy,
    hermite_2,
    linear_coefficient,
    nonlinear_energy,
    offset,
    rho,
    trace_alignment,
)
from derivations.learning_regimes.tangent_errors import quadratic_error
from derivations.relations import Claim, below, decreasing, equal, increasing, limit_of, solves, statement
from derivations.spectral_formulas import laplace_mean, size_biased_laplace

theorem = Derivation(__name__, title="Gradient flow of the linearised network", source=DOHMATOB_BIETTI)

diffusion = Symbol("diffusion", positive=True)
unfitted_half, unfitted_once, unfitted_twice = (
    Symbol(f"unfitted_{name}", nonnegative=True) for name in ("half", "once", "twice")
)
init_decay = Symbol("init_decay", positive=True)


@cache
def program() -> Program:
    """u = mu_2^2 time/2, L(u), L(2u), L(4u) and ell(2u)."""
    return (
        (diffusion, hermite_2**2 * time / 2),
        (unfitted_half, laplace_mean(diffusion, rho)),
        (unfitted_once, laplace_mean(2 * diffusion, rho)),
        (unfitted_twice, laplace_mean(4 * diffusion, rho)),
        (init_decay, size_biased_laplace(2 * diffusion, rho)),
    )


OBSERVABLES: Mapping[str, Expr] = {
    "test_error": (1 - trace_alignment**2) * unfitted_once**2
    + trace_alignment**2 * unfitted_twice
    + init_energy * init_decay**2,
    "dirichlet_energy": (1 - trace_alignment**2) * (1 - 2 * unfitted_half**2 + unfitted_once**2)
    + trace_alignment**2 * (1 - 2 * unfitted_once + unfitted_twice)
    + init_energy * init_decay**2,
}


def observable(name: str, /) -> Expr:
    """An observable, down to the parameters and u."""
    expression = OBSERVABLES[name]
    for symbol, definition in reversed(program()[1:]):
        expression = expression.xreplace({symbol: definition})
    return expression


def _gradients() -> Iterator[Instance]:
    """Slopes of 2||E||^2/2 in the weights, E = E_0 + (beta_1/2)(A'W + W'A), and of E along the flow."""
    half_slope = Rational(3, 2)
    rows, start = Matrix([[1, 2, 0], [-1, 1, 3]]), Matrix([[2, -1, 3], [-1, 0, 4], [3, 4, 1]])

    def residual(weights: Matrix) -> Matrix:
        return start + half_slope * (weights.T * rows + rows.T * weights)

    at = Matrix([[1, 0, 2], [-1, 3, 1]])
    velocity = -4 * half_slope * rows * residual(at)
    for i, k in ((i, k) for i in range(2) for k in range(3)):
        shift = zeros(2, 3)
        shift[i, k] = 1
        change = (residual(at + shift) ** 2).trace() - (residual(at - shift) ** 2).trace()
        yield f"weight {i + 1}, {k + 1}", -change / 2, velocity[i, k]
    spectrum, current = rows.T * rows, residual(at)
    moved = residual(at + velocity) - current
    for i in range(3):
        for k in range(i, 3):
            claimed = -((2 * half_slope) ** 2) * (spectrum * current + current * spectrum)[i, k]
            yield f"residual {i + 1}, {k + 1}", moved[i, k], claimed


@theorem.step(Exact(_gradients))
def velocity() -> Claim:
    """The flow of ||f - f*||^2/2 = ||E||^2 for features of unit output weight: A' = -2 beta_1 W E and
    E' = -beta_1^2 (S E + E S). In units where output weights are alpha_v/sqrt(m), u = beta_1^2 time/4.
    """
    return statement("the residual obeys E' = -beta_1^2 (S E + E S)")


s_i, s_k, entry, u = (Symbol(name, positive=True) for name in ("s_i", "s_k", "entry", "u"))


@theorem.step(Symbolic(), uses=[velocity])
def residual() -> Claim:
    """In the eigenbasis of S an entry of the residual decays by exp(-u (s_i + s_k)), for the target and f_0 alike."""
    E = Function("E")(u)
    decay = equal(Derivative(E, u) + s_i * E, -s_k * E)
    return solves(decay, {E: entry * exp(-u * s_i) * exp(-u * s_k)})


def _initial_functions() -> Iterator[Instance]:
    """Two neurons in three dimensions, F diagonal: the mean over all signs of ||F W'diag(v) W F||^2."""
    rows, decay = Matrix([[1, 2, 0], [-1, 1, 3]]), Matrix.diag(Rational(1, 2), Rational(1, 3), 2)
    forms = [decay * rows.T * Matrix.diag(*signs) * rows * decay for signs in product((1, -1), repeat=2)]
    mean = sum((form**2).trace() for form in forms) / Integer(len(forms))
    along = [(rows.row(j) * decay**2 * rows.row(j).T)[0] for j in range(2)]
    yield "squared norm", mean, along[0] ** 2 + along[1] ** 2


@theorem.step(Exact(_initial_functions), uses=[residual, tangent.traceless_target_in_general_position])
def initial_function_over_signs() -> Claim:
    """Independent v_j leave sum_j v_j^2 (w_j'exp(-2uS)w_j)^2, and w_j'exp(-2uS)w_j -> ell(2u), the mean of exp(-2us)
    under s dmu/rho: alpha_2^2 ell(2u)^2.
    """
    return statement("E_v ||F W'diag(v) W F||^2 = sum_j E v_j^2 (w_j'F^2 w_j)^2")


@theorem.step(Symbolic(), uses=[residual, tangent.traceless_target_in_general_position])
def energy() -> Claim:
    """For independent s, s' the mean of (1 - exp(-u(s + s')))^2 is 1 - 2 L(u)^2 + L(2u)^2; two atoms show it."""
    p, a, b = Symbol("p", positive=True), *(Symbol(name, positive=True) for name in ("a", "b"))
    atoms = ((p, a), (1 - p, b))

    def laplace(at: Expr) -> Expr:
        return sum((weight * exp(-at * s) for weight, s in atoms), Integer(0))

    mean = sum((w * v * (1 - exp(-u * (s + t))) ** 2 for w, s in atoms for v, t in atoms), Integer(0))
    return equal(mean, 1 - 2 * laplace(u) ** 2 + laplace(2 * u) ** 2)


ENTRIES = dict.fromkeys((s_i, s_k, u), (Rational(1, 100), 5))


@theorem.step(Certified(ENTRIES), uses=[residual])
def error_falls_on_the_way() -> Claim:
    """What is missed of an entry falls for every pair of eigenvalues that a row sees, for the target and f_0 alike: so
    does the test error, whatever the law of the spectrum.
    """
    return decreasing(exp(-u * (s_i + s_k)) ** 2, u)


@theorem.step(Certified(ENTRIES), uses=[residual, energy])
def energy_grows_on_the_way() -> Claim:
    """And what is learnt of it grows: without f_0 test error is paid for in robustness, pair by pair."""
    return increasing((1 - exp(-u * (s_i + s_k))) ** 2, u)


MULTIPLES = {unfitted_half: 1, unfitted_once: 2, unfitted_twice: 4}
QUADRATIC = {linear_coefficient: 0, nonlinear_energy: hermite_2**2, derivative_energy: 2 * hermite_2**2}
"""The constants of a t^2 + b."""
left, speed = Symbol("left", nonnegative=True), Symbol("speed", positive=True)


def on_one_atom(name: str, /) -> Expr:
    """An observable for the law left delta_0 + (1 - left) delta_speed in the place of mu, delta_speed of omega."""
    laplace = {at: left + (1 - left) * exp(-k * u * speed) for at, k in MULTIPLES.items()}
    return OBSERVABLES[name].xreplace({**laplace, init_decay: exp(-2 * u * speed)})


@theorem.step(Symbolic(), uses=[residual, initialisation.mean_over_outputs])
def start() -> Claim:
    """At u -> 0 every mean of exp(-u s) is 1: the random initialisation of regime (a), in the test error,"""
    value = initialisation.model().observables["test_error"].xreplace({**QUADRATIC, offset.symbol: 1})
    return limit_of(on_one_atom("test_error"), u, 0, value)


@theorem.step(Symbolic(), uses=[residual, initialisation.mean_over_outputs])
def start_of_the_energy() -> Claim:
    """and in the Dirichlet energy, f_0's alone."""
    value = initialisation.model().observables["dirichlet_energy"].xreplace(QUADRATIC)
    return limit_of(on_one_atom("dirichlet_energy"), u, 0, value)


FIT = (1 - trace_alignment**2) * left**2 + trace_alignment**2 * left
"""What the tangent projection misses, left = (1 - rho)_+."""


@theorem.step(Symbolic(), uses=[residual])
def end() -> Claim:
    """As u -> oo exp(-u s) tends to 1 on the atom of mu and to 0 elsewhere: f_0 is gone, the rest the projection's,"""
    return limit_of(on_one_atom("test_error"), u, oo, FIT)


@theorem.step(Symbolic(), uses=[end, energy])
def end_of_the_energy() -> Claim:
    """whose Dirichlet energy is one minus its test error."""
    at_end = {unfitted_half: left, unfitted_once: left, unfitted_twice: left, init_decay: Integer(0)}
    return equal(OBSERVABLES["dirichlet_energy"].xreplace(at_end), 1 - FIT)


@theorem.step(Sampled({rho: (Rational(1, 10), Rational(1, 2))}, digits=12, points=2, level=Level.standard), uses=[end])
def tangent_limit() -> Claim:
    """The limit of the test error for rho < 1 in closed form."""
    value = quadratic_error().xreplace({offset.symbol: Integer(1)})
    return limit_of(observable("test_error"), diffusion, oo, value)


POSITIVE = (below(0, init_scale), below(0, hermite_2**2))


SOME = [
    Certified({**dict.fromkeys((init_scale, init_decay), (Rational(1, 1000), 1000)), hermite_2: ends})
    for ends in ((-1000, Rational(-1, 1000)), (Rational(1, 1000), 1000))
]
"""init_decay is a mean of positive numbers under the semicircle law."""


@theorem.step(Sampled(points=4), *SOME, uses=[residual])
def initialisation_hurts_error() -> Claim:
    """The test error increases with the scale of the initialisation at every finite time, as alpha^2,"""
    return increasing(OBSERVABLES["test_error"], init_scale, given=POSITIVE)


@theorem.step(Sampled(points=4), *SOME, uses=[residual, energy])
def initialisation_hurts_robustness() -> Claim:
    """and so does the Dirichlet energy: ell is a mean of positive numbers."""
    return increasing(OBSERVABLES["dirichlet_energy"], init_scale, given=POSITIVE)
