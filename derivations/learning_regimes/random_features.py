r"""Random features: the rows are frozen at random, the output weights are trained; its test error and its robustness.

Let kappa = rho gamma mu_2^2 psi1, eta = (1 + (nu' - nu) psi2/psi1)/2 and t2 = tau^2/gamma, where psi1 and psi2 are the
limits of (1/m) tr (aK + nu)^(-1) and of its square, and gamma the mean of g^2 (1 for isotropic rows). With a trained
constant, or mu_0 = 0, the least-squares solution has

    test error = 1 - t2 kappa/(1 + kappa),    Dirichlet energy = t2 kappa (kappa + eta)/(1 + kappa)^2.

A ridge, or a finite time of the gradient flow, from alpha v0: random_features_flow and the steps below. Without a
constant and with mu_0 != 0 nothing is learnt (random_features_mean). A covariance diag(g)/d of the rows is taken with B
in general position, so that sqrt(d) tr(Gamma B) = tau. Only the trace of B is learnt. The limit of the Gram matrices
(feature_gram) is the heuristic part; all else is algebra.
"""

from __future__ import annotations

from sympy import Expr, Integer, Matrix, Symbol, Tuple, diff, sqrt, symbols

from derivations.core import Derivation, Level, Model, Symbolic
from derivations.learning_regimes import feature_gram, initialisation
from derivations.learning_regimes.feature_claims import POINTS, RELU, simulate_point
from derivations.learning_regimes.feature_setting import anisotropic_model, build_model, init_scale
from derivations.learning_regimes.feature_traces import (
    Moments,
    Program,
    a,
    alignment,
    anisotropic_program,
    errors,
    eta,
    isotropic_program,
    kappa,
    linear_share,
    printed_energy,
    printed_eta,
    printed_test_error,
    psi1,
    psi2,
    ridge_moments,
    spike,
    visible,
)
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    covariance,
    derivative_energy,
    linear_coefficient,
    mean,
    nonlinear_energy,
    offset,
    rho,
    ridge,
)
from derivations.lemmas import spectral_averages
from derivations.relations import Claim, equal, limit_of

theorem = Derivation(
    __name__,
    title="Test error and robustness of random features",
    source=DOHMATOB_BIETTI,
    simulations={
        "exact Gram": "learning_regimes:random_features",
        "Monte Carlo": "learning_regimes:random_features_monte_carlo",
        "Gaussian rows": "learning_regimes:random_features_gaussian_rows",
        "data on the sphere": "learning_regimes:random_features_on_the_sphere",
    },
)


@theorem.solvable
def model() -> Model:
    """Closed forms; with a covariance, one equation for psi1."""
    return build_model()


EIGENVALUES = symbols("x1:3", positive=True)
first_weight = Symbol("w", nonnegative=True)
WEIGHTS = (first_weight**2 / (1 + first_weight**2), 1 / (1 + first_weight**2))
DIRECTION = Matrix([first_weight, 1]) / sqrt(1 + first_weight**2)
"""1/sqrt m in the eigenbasis, and the squares of its entries."""
EXTRA = derivative_energy - nonlinear_energy


def _mean(values: list[Expr]) -> Expr:
    """The average over two eigenvalues with the weights of the direction 1/sqrt m."""
    return sum((weight * value for weight, value in zip(WEIGHTS, values, strict=True)), Integer(0))


def finite_errors(weights: Matrix, gram: Matrix, /) -> tuple[Expr, Expr]:
    """(2 - 2 v'r + v'Uv)/2 and v'Cv/4 for a two-neuron system with r = sqrt(2 spike t2) n, n a unit vector."""
    target = sqrt(2 * spike * alignment) * DIRECTION
    slopes = gram + EXTRA * Matrix.eye(2) + spike * DIRECTION * DIRECTION.T
    loss = 2 - 2 * (weights.T * target)[0] + (weights.T * gram * weights)[0]
    return loss / 2, (weights.T * slopes * weights)[0] / 4


def _filtered() -> tuple[tuple[Expr, Expr], dict[str, Expr]]:
    """A filter phi(U) of r in the eigenbasis of U, and the same by the formula in moments."""
    gains = symbols("phi1:3", real=True)
    gram = Matrix.diag(*EIGENVALUES)
    weights = Matrix.diag(*gains) * sqrt(2 * spike * alignment) * DIRECTION
    energy = _mean([x * p**2 for x, p in zip(EIGENVALUES, gains, strict=True)])
    moments = Moments(
        missed=1 - spike * (2 * _mean(list(gains)) - energy),
        energy=energy,
        square=_mean([p**2 for p in gains]),
        first=_mean(list(gains)),
        left_energy=Integer(0),
        left=Integer(0),
    )
    observables = errors(moments, init_scale)
    return finite_errors(weights, gram), {key: value.subs(visible, 1) for key, value in observables.items()}


@theorem.step(Symbolic(), uses=[feature_gram.limits_of_the_grams, feature_gram.quadratic_forms])
def test_error_of_a_filter() -> Claim:
    """||f_v - f*||^2 = 2 - 2 v'r + v'Uv at v = phi(U) r, in the eigenbasis of U, two eigenvalues."""
    finite, formula = _filtered()
    return equal(finite[0], formula["test_error"])


@theorem.step(Symbolic(), uses=[feature_gram.limits_of_the_grams, feature_gram.energy_of_a_quadratic_form])
def energy_of_a_filter() -> Claim:
    """S(f_v)^2 = v'Cv with C = U + (nu' - nu) + (spike/m) 11', in the same basis."""
    finite, formula = _filtered()
    return equal(finite[1], formula["dirichlet_energy"])


LOADED = symbols("y1:3", positive=True)
"""Eigenvalues of M + ridge."""
ENTRIES = Matrix(symbols("n1:3", real=True))


def _resolvent_moment(power: int) -> tuple[Expr, Expr, Expr]:
    """n'(D + spike nn')^-power n by inverting the matrix, and n'D^-1 n, n'D^-power n."""
    diagonal = Matrix.diag(*LOADED)
    inverse = (diagonal + spike * ENTRIES * ENTRIES.T).inv()
    once, often = ((ENTRIES.T * diagonal ** (-k) * ENTRIES)[0] for k in (1, power))
    return (ENTRIES.T * inverse**power * ENTRIES)[0], once, often


@theorem.step(Symbolic(), uses=[test_error_of_a_filter, feature_gram.ones_are_in_general_position])
def sherman_morrison() -> Claim:
    """n'(U + ridge)^-1 n = psi1/(1 + spike psi1) for any M and n, here two eigenvalues; psi1 = n'(M + ridge)^-1 n."""
    moment, trace, _ = _resolvent_moment(1)
    return equal(moment, trace / (1 + spike * trace))


@theorem.step(Symbolic(), uses=[sherman_morrison])
def sherman_morrison_squared() -> Claim:
    """n'(U + ridge)^-2 n = psi2/(1 + spike psi1)^2."""
    moment, trace, square = _resolvent_moment(2)
    return equal(moment, square / (1 + spike * trace) ** 2)


p = Symbol("p", positive=True)
"""psi1 as a coordinate: the law p (nu + ridge + a/(1 + a rho p)) = 1 is linear in nu + ridge."""
SHIFTED = 1 / p - a / (1 + a * rho * p)


def _by_the_program(expression: Expr, program: Program) -> Expr:
    """In psi1, with the model's own linear_share, psi2 and kappa."""
    for name, definition in reversed(program):
        expression = expression if name is psi1 else expression.xreplace({name: definition})
    return expression


def _in_coordinates(expression: Expr) -> Expr:
    return _by_the_program(expression, isotropic_program()).xreplace({psi1: p})


@theorem.step(Symbolic(), uses=[spectral_averages.gram_fixed_point])
def slope_of_psi1() -> Claim:
    """psi2 = -d psi1/d nu = psi1/(nu + ridge + linear_share), linear_share = a/(1 + a rho psi1)^2: no subtraction."""
    return equal(-1 / diff(SHIFTED, p), _in_coordinates(psi2).subs(nonlinear_energy, SHIFTED - ridge))


_FIRST, _SECOND, _WEIGHT = symbols("g1 g2 weight", positive=True)
TWO_ATOMS = {covariance.symbol: Tuple(Tuple(_FIRST, _WEIGHT), Tuple(_SECOND, 1 - _WEIGHT))}


@theorem.step(Symbolic(), uses=[slope_of_psi1])
def slope_with_a_covariance() -> Claim:
    """Implicit differentiation of the model's equation for psi1, lhs/rhs = 1: its psi2 again subtracts nothing."""
    (equation,) = anisotropic_model().equations
    gap = (equation.lhs / equation.rhs).xreplace(TWO_ATOMS).subs(linear_coefficient**2, a)
    slope = _by_the_program(psi2, anisotropic_program()).xreplace(TWO_ATOMS)
    return equal(diff(gap, nonlinear_energy) / diff(gap, psi1), slope)


@theorem.step(Symbolic(), uses=[sherman_morrison_squared, slope_of_psi1])
def energy_of_the_ridge() -> Claim:
    """x/(x + ridge)^2 = 1/(x + ridge) - ridge/(x + ridge)^2: the model's form of E x phi^2 subtracts nothing."""
    moments = ridge_moments()
    return equal(_in_coordinates(moments.energy), _in_coordinates(moments.first - ridge * moments.square))


@theorem.step(Symbolic(), uses=[energy_of_the_ridge])
def missed_by_the_ridge() -> Claim:
    """1 - spike (2 E phi - E x phi^2) is a ratio of sums of positive terms."""
    moments = ridge_moments()
    return equal(_in_coordinates(moments.missed), _in_coordinates(1 - spike * (2 * moments.first - moments.energy)))


RIDGELESS = {ridge: Integer(0), visible: Integer(1), linear_share: psi1 / psi2 - nonlinear_energy}
"""Without a ridge psi2 (nu + linear_share) = psi1."""


@theorem.step(Symbolic(), uses=[missed_by_the_ridge])
def ridgeless_test_error() -> Claim:
    """ridge -> 0: the initial weights leave no trace, and the test error is 1 - t2 kappa/(1 + kappa)."""
    expression = errors(ridge_moments(), init_scale)["test_error"].xreplace(RIDGELESS).subs(spike, kappa / psi1)
    return equal(expression, printed_test_error())


@theorem.step(Symbolic(), uses=[energy_of_a_filter, energy_of_the_ridge])
def ridgeless_energy() -> Claim:
    """ridge -> 0: the raw form [kappa^2 + kappa/2 + (nu' - nu) spike psi2/2]/(1 + kappa)^2 is kappa (kappa + eta)."""
    expression = errors(ridge_moments(), init_scale)["dirichlet_energy"].xreplace(RIDGELESS)
    return equal(expression.subs(spike, kappa / psi1), printed_energy().subs(eta, printed_eta()))


def _penalty(name: str) -> Expr:
    return _in_coordinates(errors(ridge_moments(), init_scale)[name]).subs(visible, 1)


def ridge_test_error() -> Expr:
    """The form with differences: 1 - t2 [kappa/(1 + kappa) + ridge spike psi2/(1 + kappa)^2] + the initial part."""
    learnt = kappa / (1 + kappa) + ridge * spike * psi2 / (1 + kappa) ** 2
    return 1 - alignment * learnt + init_scale**2 * ridge**2 * (psi1 - ridge * psi2) / 2


def ridge_energy() -> Expr:
    """The form with differences, nu' - nu - ridge in the place of nu' - nu."""
    shifted = EXTRA - ridge
    learnt = kappa**2 + kappa / 2 + shifted * spike * psi2 / 2
    return alignment * learnt / (1 + kappa) ** 2 + init_scale**2 * ridge**2 * (psi1 + shifted * psi2) / 4


@theorem.step(Symbolic(), uses=[missed_by_the_ridge])
def ridge_form_of_the_test_error() -> Claim:
    """The model's form subtracts nothing at large ridge; it is the form by Sherman and Morrison. nu + ridge from p."""
    at = {nonlinear_energy: SHIFTED - ridge}
    return equal(_in_coordinates(ridge_test_error()).subs(at), _penalty("test_error").subs(at))


@theorem.step(Symbolic(), uses=[energy_of_a_filter, energy_of_the_ridge])
def ridge_form_of_the_energy() -> Claim:
    """Likewise the Dirichlet energy."""
    at = {nonlinear_energy: SHIFTED - ridge}
    return equal(_in_coordinates(ridge_energy()).subs(at), _penalty("dirichlet_energy").subs(at))


def _heavy(name: str) -> Claim:
    """ridge -> oo is psi1 = p -> 0; the limit is the network at initialisation."""
    untrained = initialisation.theorem.model.observables[name]
    at = {offset.symbol: 1, initialisation.alpha: init_scale, mean: 0, linear_coefficient: sqrt(a)}
    return limit_of(_penalty(name).subs(ridge, SHIFTED - nonlinear_energy), p, 0, untrained.subs(at))


@theorem.step(Symbolic(), uses=[ridge_form_of_the_test_error, initialisation.mean_over_outputs])
def heavy_ridge_test_error() -> Claim:
    """A large ridge keeps the weights where they started: 1 + alpha^2 (a + nu)/2."""
    return _heavy("test_error")


@theorem.step(Symbolic(), uses=[ridge_form_of_the_energy, initialisation.mean_over_outputs])
def heavy_ridge_energy() -> Claim:
    """Likewise alpha^2 (a + nu')/4."""
    return _heavy("dirichlet_energy")


USES = (missed_by_the_ridge, energy_of_the_ridge, test_error_of_a_filter, energy_of_a_filter)
QUICK = ("relu", "ridge", "covariance_ridge", "odd", "odd_ridgeless", "mean_not_fitted", "mean_not_fitted_ridge")
DEEP = ("relu", "wide_tanh", "ridge")

for _level, _names in ((Level.quick, QUICK), (Level.standard, tuple(POINTS)), (Level.deep, DEEP)):
    for _name in _names:
        _reason = "Population Gram matrices of finite networks, data averaged exactly, extrapolated in 1/d."
        _uses = (*USES, slope_with_a_covariance, spectral_averages.covariance_law) if "covariance" in _name else USES
        simulate_point(theorem, POINTS[_name], _level, name=_name, reason=_reason, uses=_uses)
simulate_point(
    theorem,
    RELU,
    Level.standard,
    name="relu_gaussian_rows",
    reason="Rows N(0, I/d), whose lengths differ: the same limits.",
    uses=USES,
    experiment="random_features_gaussian_rows",
)
simulate_point(
    theorem,
    RELU,
    Level.standard,
    name="relu_sampled_inputs",
    reason="A second witness: weights fitted on samples of x, errors on fresh ones, no Gram matrix.",
    uses=USES,
    experiment="random_features_monte_carlo",
    sizes=(20, 40, 80),
)
