r"""The tangent features of one neuron by Hermite degree: what sees a quadratic target, and what only costs.

For unit w and a = alpha w + b, b orthogonal to w, the feature (a'x) sigma'(w'x) has the degree-2 part x'Mx - tr M with
M = alpha (eta_2/sqrt(2)) ww' + beta_1 sym(b w'); its degrees from 3 on have the energy c_a alpha^2 + c_b |b|^2 and the
Dirichlet energy c_a' alpha^2 + c_b' |b|^2. Its mean is alpha beta_1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sympy import Expr, Integer, Symbol, diff, factorial, factorial2, hermite_prob, sqrt, symbols

from derivations.activations import activation_constants
from derivations.core import Derivation, Exact
from derivations.evidence import Instance
from derivations.learning_regimes import tangent_errors as errors
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, SYMBOL_OF
from derivations.relations import Claim, statement

theorem = Derivation(__name__, title="Tangent features of one neuron by degree", source=DOHMATOB_BIETTI)

x, y = symbols("x y", real=True)
"""The coordinates of the input along w and along b."""
alpha, b = Integer(2), Integer(3)
"""The components of a: every claim is a polynomial of degree at most 2 in them, without a mixed term."""
ACTIVATIONS = (x**2 + x, x**3 + x**2 - x, x**4 - x**3 + 2 * x, x**5 / 4 + x**4 / 3 - x**2)
HIGHEST = 6


def feature(activation: Expr, /) -> Expr:
    """(a'x) sigma'(w'x) in the two coordinates."""
    return (alpha * x + b * y) * diff(activation, x)


def mean(polynomial: Expr, /) -> Expr:
    """The mean of a polynomial in x and y over two independent standard normals."""
    terms = polynomial.expand().as_poly(x, y).terms()
    return sum((value * _moment(i) * _moment(j) for (i, j), value in terms), Integer(0))


def _moment(k: int) -> Expr:
    return Integer(0) if k % 2 else factorial2(k - 1)


def coefficient(function: Expr, i: int, j: int, /) -> Expr:
    """The coefficient on the normalised Hermite polynomials of degree i in x and j in y."""
    return mean(function * hermite_prob(i, x) * hermite_prob(j, y)) / sqrt(factorial(i) * factorial(j))


@cache
def constants(activation: Expr, /) -> dict[Expr, Expr]:
    """The exact constants of the activation, by symbol."""
    t = Symbol("t", real=True)
    values = activation_constants(activation.subs(x, t), t, errors.ENERGY_WORDS)
    return {SYMBOL_OF[word]: value for word, value in values.items()}


def _degree_two() -> Iterator[Instance]:
    for activation in ACTIVATIONS:
        function, known = feature(activation), constants(activation)
        slope, radial = (value.subs(known) for value in (errors.slope, errors.radial))
        found = [coefficient(function, i, 2 - i) for i in (2, 1, 0)]
        # x'Mx - tr M has the coefficients sqrt(2) M_11, 2 M_12, sqrt(2) M_22
        yield str(activation), found, [radial * alpha, slope * b, Integer(0)]


@theorem.step(Exact(_degree_two))
def degree_two() -> Claim:
    """Along w: E[x s'(x) h_2(x)] = eta_2 = 2 mu_2 + 2 sqrt(3) mu_4; across: E[y s'(x) x y] = beta_1 = sqrt(2) mu_2."""
    return statement("the degree-2 part of a tangent feature is alpha eta_2/sqrt(2) ww' + beta_1 sym(b w')")


def _higher(function: Expr, weight: bool) -> Expr:
    """The energy of the degrees from 3 on, or with `weight` their Dirichlet energy."""
    pairs = [(i, j) for i in range(HIGHEST + 1) for j in range(2) if i + j >= 3]
    return sum((((i + j) if weight else 1) * coefficient(function, i, j) ** 2 for i, j in pairs), Integer(0))


def _ridges() -> Iterator[Instance]:
    for activation in ACTIVATIONS:
        function, known = feature(activation), constants(activation)
        names = (
            ("radial_tangent_energy", "tangent_energy"),
            (
                "radial_tangent_derivative_energy",
                "tangent_derivative_energy",
            ),
        )
        for (along, across), weight in zip(names, (False, True), strict=True):
            claimed = known[SYMBOL_OF[along]] * alpha**2 + known[SYMBOL_OF[across]] * b**2
            yield f"{activation}, {across}", _higher(function, weight), claimed


@theorem.step(Exact(_ridges))
def higher_degrees() -> Claim:
    """The parts along and across w are orthogonal, as b'x has mean zero given w'x."""
    return statement("degrees from 3 on: energy c_a alpha^2 + c_b |b|^2, Dirichlet energy c_a' alpha^2 + c_b' |b|^2")


def _constants() -> Iterator[Instance]:
    for activation in ACTIVATIONS:
        slope = errors.slope.subs(constants(activation))
        yield str(activation), mean(feature(activation)), slope * alpha


@theorem.step(Exact(_constants))
def constant_part() -> Claim:
    """E G sigma'(G) = beta_1, which is not 0: without an offset the mean of the fit is beta_1 sum alpha_j."""
    return statement("the mean of a tangent feature is alpha beta_1")
