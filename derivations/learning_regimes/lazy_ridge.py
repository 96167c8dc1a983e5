r"""Ridge regression towards the initial weights (variant=ridge, V5), with a quadratic activation.

The weights a_j minimise ||f - f*||^2 + ridge sum_j ||a_j - a_j^0||^2 over tangent features of unit output weight, from
an initial function f_0 of output weights v ~ N(0, alpha^2/m). In the eigenbasis of S = W'W the entry (i, k) of the
residual quadratic form shrinks by c/(c + s_i + s_k), c = ridge/beta_1^2 (ridge/4 for t^2), for the target and for f_0
alike. With mu the Marchenko-Pastur law of S, omega = s mu/rho the semicircle law and alpha_2^2 = alpha^2 mu_2^2/2,

    test error       = (1 - tau^2) E (c/(c+s+t))^2 + tau^2 E (c/(c+2s))^2 + alpha_2^2 c^2 chi_2,
    Dirichlet energy = (1 - tau^2) E ((s+t)/(c+s+t))^2 + tau^2 E (2s/(c+2s))^2 + alpha_2^2 c^2 chi_2,

s and t independent under mu, chi_2 = E 1/(c+s+t)^2 under omega. The parts without alpha are those of the tangent model
with the same ridge; double means are single integrals over an angle, means over one variable algebraic. f_0 adds the
same amount to both observables at every positive ridge, without bound in alpha; ridge -> 0 leaves no trace of f_0 (the
tangent projection), ridge -> oo leaves f_0 alone (the random initialisation). With output weights alpha_v/sqrt(m) and
the penalty on the true weights, c = ridge m/(4 alpha_v^2) for t^2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from sympy import Expr, Integer, Matrix, Rational, Symbol, diff, oo, zeros

from derivations.averages import edge_mean, marchenko_pastur_mean
from derivations.core import Certified, Derivation, Exact, Level, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Program
from derivations.learning_regimes import tangent, tangent_errors
from derivations.learning_regimes.lazy_setting import init_energy, init_scale
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    hermite_2,
    hermite_4,
    offset,
    radial_tangent_derivative_energy,
    radial_tangent_energy,
    rho,
    ridge,
    tangent_derivative_energy,
    tangent_energy,
)
from derivations.learning_regimes.tangent_errors import (
    discriminant,
    resolvent,
    resolvent_slope,
    squared_size_biased_resolvent,
)
from derivations.lemmas import marchenko_pastur
from derivations.relations import Claim, below, decreasing, equal, increasing, limit_of, statement

theorem = Derivation(__name__, title="Tangent ridge regression towards the initialisation", source=DOHMATOB_BIETTI)

pull = Symbol("pull", positive=True)
init_shrinkage = Symbol("init_shrinkage", positive=True)
ANY_QUADRATIC = dict.fromkeys(
    (
        tangent_energy,
        radial_tangent_energy,
        tangent_derivative_energy,
        radial_tangent_derivative_energy,
        hermite_4,
    ),
    Integer(0),
)
"""The constants that vanish for a t^2 + b."""


@cache
def program() -> Program:
    """c = ridge/beta_1^2 and c^2 chi_2."""
    return (
        (pull, ridge / (2 * hermite_2**2)),
        (init_shrinkage, edge_mean(lambda s: pull**2 * squared_size_biased_resolvent(pull + s), rho)),
    )


@cache
def observables() -> Mapping[str, Expr]:
    """In the names of `program`."""
    return {
        "test_error": tangent_errors.test_error(ridge) + init_energy * init_shrinkage,
        "dirichlet_energy": tangent_errors.dirichlet_energy(ridge) + init_energy * init_shrinkage,
    }


s, t, z = (Symbol(name, positive=True) for name in ("s", "t", "z"))
g = marchenko_pastur.g
ASPECT = marchenko_pastur.aspect.xreplace({marchenko_pastur.omega: z})
"""rho in the coordinates (z, g), in which every function of the resolvent is rational."""
SLOPE = diff(ASPECT, z) / diff(ASPECT, g)
"""-g' at fixed rho."""
ADMISSIBLE = below(z * g, 1)


def in_coordinates(expression: Expr, /) -> Expr:
    """An expression of the resolvent at z in the coordinates (z, g)."""
    named = {resolvent(z): g, discriminant(z) ** 2: (z * g + 1 / g) ** 2}
    return expression.xreplace(named).xreplace({rho: ASPECT})


def _instances() -> Iterator[Instance]:
    """Central differences of the objective, which is quadratic, at the claimed minimiser, and its residual."""
    half_slope, penalty = Rational(3, 2), Rational(5, 7)
    rows = Matrix([[1, 2, 0], [-2, 1, 0]]) / 3
    start = Matrix([[2, -1, 3], [-1, 0, 4], [3, 4, 1]])
    # W'W = diag(5/9, 5/9, 0), so that the entries of the residual are scaled one by one
    scale, values = penalty / (4 * half_slope**2), (Rational(5, 9), Rational(5, 9), 0)
    residual = Matrix(3, 3, lambda i, k: start[i, k] * scale / (scale + values[i] + values[k]))
    step = -4 * half_slope / penalty * rows * residual

    def form(weights: Matrix) -> Matrix:
        return start + half_slope * (weights.T * rows + rows.T * weights)

    def objective(weights: Matrix) -> Expr:
        return 2 * (form(weights) ** 2).trace() + penalty * (weights.T * weights).trace()

    for i, k in ((i, k) for i in range(2) for k in range(3)):
        shift = zeros(2, 3)
        shift[i, k] = 1
        yield f"weight {i + 1}, {k + 1}", objective(step + shift), objective(step - shift)
    yield from ((f"residual {i + 1}", form(step)[i, i], residual[i, i]) for i in range(3))


@theorem.step(Exact(_instances))
def shrinkage() -> Claim:
    """The gradient of 2||E||^2 + ridge |delta|^2, E = E_0 + (beta_1/2)(delta'W + W'delta), vanishes at
    delta = -(2 beta_1/ridge) W E, so that E_0 = E + (E S + S E)/c with c = ridge/beta_1^2.
    """
    return statement("the residual of entry (i, k) is c/(c + s_i + s_k) times the initial one")


@theorem.step(Symbolic(), uses=[marchenko_pastur.resolvent_derivative])
def squared_mean() -> Claim:
    """The mean of 1/(z + s) over omega is (1 - z g)/rho; its slope at fixed rho gives chi_2's single integral."""
    return equal(in_coordinates(squared_size_biased_resolvent(z)), (g - z * SLOPE) / ASPECT, given=[ADMISSIBLE])


def of_a_quadratic(expression: Expr, /) -> Expr:
    """An error of the tangent model with ridge 2 z beta_1^2 for a t^2 + b, with an offset, in (z, g): c = 2 z."""
    penalty = {ridge: 4 * z * hermite_2**2, offset.symbol: Integer(1)}
    return in_coordinates(expression.xreplace(ANY_QUADRATIC).xreplace(penalty))


@theorem.step(Symbolic(), uses=[shrinkage, marchenko_pastur.resolvent_derivative])
def trace_residual() -> Claim:
    """E (c/(c + 2 s))^2 = z^2 E 1/(z + s)^2 at z = c/2: what the tangent model with this ridge misses of the trace."""
    return equal(of_a_quadratic(tangent_errors.trace_error(ridge)), z**2 * SLOPE, given=[ADMISSIBLE])


@theorem.step(Symbolic(), uses=[shrinkage, marchenko_pastur.resolvent_derivative])
def trace_fit() -> Claim:
    """E (2 s/(c + 2 s))^2 = 1 - 2 z g - z^2 g', its energy."""
    return equal(of_a_quadratic(tangent_errors.trace_energy(ridge)), 1 - 2 * z * g + z**2 * SLOPE, given=[ADMISSIBLE])


@theorem.step(Symbolic(), uses=[shrinkage, tangent.traceless_target_in_general_position])
def penalised_tangent() -> Claim:
    """The tangent model's test error with a ridge is P - ridge dP/d ridge, P the mean of c/(c + s + t); entry by entry
    that is the squared residual, so that the parts without alpha are the tangent model's.
    """
    penalised = pull / (pull + s + t)
    return equal(penalised - pull * diff(penalised, pull), (pull / (pull + s + t)) ** 2)


C = ridge / (2 * hermite_2**2)
BOX = {ridge: (Rational(1, 2), 4), rho: (Rational(1, 4), 3), hermite_2: (Rational(1, 2), 2)}
SINGLE = Sampled(BOX, digits=12, points=3, level=Level.standard)


@theorem.step(SINGLE, uses=[penalised_tangent])
def traceless_residual() -> Claim:
    """E (c/(c + s + t))^2, averaged over s in closed form: the tangent model's single integral, written anew."""
    mean = marchenko_pastur_mean(lambda t: C**2 * resolvent_slope(C + t), rho)
    return equal(tangent_errors.traceless_error(ridge).xreplace(ANY_QUADRATIC), mean)


@theorem.step(SINGLE, uses=[shrinkage])
def traceless_fit() -> Claim:
    """E ((s + t)/(c + s + t))^2 is one minus twice E c/(c + s + t) plus that."""
    mean = marchenko_pastur_mean(lambda t: 1 - 2 * C * resolvent(C + t) + C**2 * resolvent_slope(C + t), rho)
    return equal(tangent_errors.traceless_energy(ridge).xreplace(ANY_QUADRATIC), mean)


SEEN = Certified(dict.fromkeys((s, t, pull), (Rational(1, 1000), 1000)))


@theorem.step(SEEN, uses=[shrinkage])
def error_grows_with_the_ridge() -> Claim:
    """What is missed of an entry grows for every pair of eigenvalues that a row sees: so does the test error."""
    return increasing((pull / (pull + s + t)) ** 2, pull)


@theorem.step(SEEN, uses=[shrinkage])
def energy_falls_with_the_ridge() -> Claim:
    """And what is learnt of the target falls: without f_0 robustness is paid for in test error, pair by pair."""
    return decreasing(((s + t) / (pull + s + t)) ** 2, pull)


@theorem.step(Symbolic(), uses=[shrinkage])
def heavy_penalty() -> Claim:
    """As ridge -> oo every entry stays where it was: the random initialisation, of test error 1 + alpha^2 mu_2^2/2."""
    return limit_of((pull / (pull + s + t)) ** 2, pull, oo, 1)


@theorem.step(Symbolic(), uses=[shrinkage])
def light_penalty() -> Claim:
    """As ridge -> 0 every entry that a row sees is fitted: f_0 leaves no trace, the target its tangent projection."""
    return limit_of((pull / (pull + s + t)) ** 2, pull, 0, 0)


@theorem.step(Symbolic(), Certified({z: (Rational(1, 1000), 1000), rho: (0, 1000)}), uses=[squared_mean])
def shrinkage_is_positive() -> Claim:
    """chi_2 is a mean of positive numbers,"""
    return below(0, squared_size_biased_resolvent(z))


POSITIVE = (below(0, hermite_2**2), below(0, init_scale))
SOME = [
    Certified({**dict.fromkeys((init_scale, init_shrinkage), (Rational(1, 1000), 1000)), hermite_2: ends})
    for ends in ((-1000, Rational(-1, 1000)), (Rational(1, 1000), 1000))
]


@theorem.step(Sampled(points=4), *SOME, uses=[shrinkage_is_positive, trace_residual, traceless_residual])
def initialisation_hurts_error() -> Claim:
    """so the test error increases with the scale of the initialisation at every positive ridge, as alpha^2,"""
    return increasing(observables()["test_error"], init_scale, given=POSITIVE)


@theorem.step(Sampled(points=4), *SOME, uses=[shrinkage_is_positive, trace_fit, traceless_fit])
def initialisation_hurts_robustness() -> Claim:
    """and so does the Dirichlet energy."""
    return increasing(observables()["dirichlet_energy"], init_scale, given=POSITIVE)
