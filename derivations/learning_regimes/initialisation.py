r"""The network at initialisation: output weights v ~ N(0, alpha^2 I/m), independent of the rows, nothing trained.

For rows of length one and any m and d, on average over v: the test error is 1 + alpha^2 (E sigma^2 - mu_0^2)/2 with a
trained constant and 1 + alpha^2 E sigma^2/2 without, and the Dirichlet energy alpha^2 E sigma'^2/4, for ||B||_F = 1;
neither depends on rho or tau. A single draw concentrates like 1/m, except that without a constant and with mu_0 != 0
the test error keeps the variance (alpha^2 mu_0^2/2)^2 Var(g^2), g ~ N(0, 1), in the limit. Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from sympy import Expr, Integer, Rational, Symbol, expand, oo, sqrt, symbols

from derivations.activations import activation_constants
from derivations.core import Certified, Derivation, Exact, Level, Model, Simulation, Step, Symbolic
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    OBSERVABLES,
    activation,
    derivative_energy,
    init_scale,
    linear_coefficient,
    mean,
    nonlinear_energy,
    offset,
    rho,
    trace_alignment,
)
from derivations.lemmas import gaussian
from derivations.relations import Claim, at_most, equal, follows, limit_of, statement

theorem = Derivation(
    __name__,
    title="Test error and robustness at random initialisation",
    source=DOHMATOB_BIETTI,
    simulations={
        "weights drawn": "learning_regimes:initialisation_draw",
        "mean over weights": "learning_regimes:initialisation",
    },
)

alpha = init_scale(1)


@theorem.solvable
def model() -> Model:
    """Closed forms; rho and trace_alignment are there because every regime has them, and change nothing."""
    second_moment = linear_coefficient**2 + nonlinear_energy + (1 - offset.symbol) * mean**2
    slope = linear_coefficient**2 + derivative_energy
    return Model(
        parameters=(
            rho,
            trace_alignment,
            activation("mean", "linear_coefficient", "nonlinear_energy", "derivative_energy"),
            offset,
            alpha,
        ),
        unknowns=(),
        program=(),
        equations=(),
        observables={"test_error": 1 + alpha**2 * second_moment / 2, "dirichlet_energy": alpha**2 * slope / 4},
        start={},
    )


OUTPUTS = symbols("v1:4", real=True)
diagonal, beside, d = Symbol("diagonal", real=True), Symbol("beside", real=True), Symbol("d", positive=True)
NEURONS = len(OUTPUTS)


def _form() -> Expr:
    """v'Av for a symmetric A with constant diagonal and three different entries beside it."""
    entries = {(0, 1): beside, (0, 2): 2 * beside, (1, 2): -beside}
    crossed = sum((2 * entry * OUTPUTS[i] * OUTPUTS[j] for (i, j), entry in entries.items()), Integer(0))
    return diagonal * sum((v**2 for v in OUTPUTS), Integer(0)) + crossed


def _over_outputs(expression: Expr) -> Expr:
    """The mean over independent v_j ~ N(0, alpha^2/m), m = 3."""
    for v in OUTPUTS:
        expression = gaussian_mean(expand(expression.subs(v, alpha * v / sqrt(NEURONS))), v)
    return expand(expression)


def _means() -> Iterator[Instance]:
    """Against alpha^2 tr(A)/m."""
    for scale, on, off in ((1, 1, 5), (3, 2, -1)):
        at = {alpha: scale, diagonal: on, beside: off}
        yield f"alpha = {scale}, diagonal {on}", _over_outputs(_form()).subs(at), Integer(scale**2 * 3 * on) / NEURONS


@theorem.step(Exact(_means))
def mean_over_outputs() -> Claim:
    """Entries beside the diagonal drop out of E v'Av. Three neurons, by Gaussian integration."""
    return statement("E v'Av = alpha^2 tr(A)/m for v ~ N(0, alpha^2 I/m)")


@theorem.step(Symbolic(), uses=[mean_over_outputs])
def variance_over_outputs() -> Claim:
    """Var(v'Av) = 2 alpha^4 ||A||_F^2/m^2, which is O(1/m) when A has a bounded norm."""
    frobenius = 3 * diagonal**2 + 2 * (1 + 4 + 1) * beside**2
    return equal(_over_outputs(_form() ** 2) - _over_outputs(_form()) ** 2, 2 * alpha**4 * frobenius / NEURONS**2)


def _parseval() -> Iterator[Instance]:
    """He_2 + 2 He_1 + 3 and He_3 + He_1: the diagonal of U and of C from integrals, and from Hermite coefficients."""
    t = Symbol("t", real=True)
    for text, coefficients in (("t^2 + 2t + 2", (3, 2, 1)), ("t^3 - 2t", (0, 1, 0, 1))):
        polynomials = (Integer(1), t, t**2 - 1, t**3 - 3 * t)
        f = sum((c * p for c, p in zip(coefficients, polynomials, strict=False)), Integer(0))
        energies = [c**2 * factorial for c, factorial in zip(coefficients, (1, 1, 2, 6), strict=False)]
        yield f"E sigma^2 of {text}", gaussian_mean(expand(f**2), t), sum(energies)
        weighted = sum(k * energy for k, energy in enumerate(energies))
        yield f"E sigma'^2 of {text}", gaussian_mean(expand(f.diff(t) ** 2), t), weighted


@theorem.step(Exact(_parseval), uses=[gaussian.mehler_on_polynomials])
def diagonal_of_the_gram() -> Claim:
    """For |w| = 1 the diagonals are E sigma^2 = sum mu_k^2 and E sigma'^2 = sum k mu_k^2; a constant removes mu_0^2."""
    return statement("with mu_k = E[sigma He_k]/sqrt(k!): U_jj = E sigma(G)^2 and C_jj = E sigma'(G)^2")


def _expected() -> Iterator[Instance]:
    """v'Uv and v'Cv of two polynomials against the model, in units of ||f*||^2 = 2 and S(f*)^2 = 4."""
    t, scale = Symbol("t", real=True), Rational(3, 2)
    words = {"mean": mean, "linear_coefficient": linear_coefficient}
    words |= {"nonlinear_energy": nonlinear_energy, "derivative_energy": derivative_energy}
    for f, has_offset in product((t**2 + 2 * t + 2, t**3 - 2 * t - 1), (0, 1)):
        found = activation_constants(f, t, tuple(words))
        at = {words[word]: value for word, value in found.items()} | {alpha: scale, offset.symbol: has_offset}
        kept = f - has_offset * gaussian_mean(f, t)
        energies = (gaussian_mean(expand(square**2), t) for square in (kept, f.diff(t)))
        claimed = [base + scale**2 * value / unit for value, base, unit in zip(energies, (1, 0), (2, 4), strict=True)]
        yield f"{f}, offset {has_offset}", [model().observables[name].subs(at) for name in OBSERVABLES], claimed


@theorem.step(Exact(_expected), uses=[mean_over_outputs, diagonal_of_the_gram])
def mean_of_the_observables() -> Claim:
    """f - f* in squares: 2 for the target, nothing crossed as v has mean zero, and v'Uv; the gradients v'Cv."""
    return statement("the model's test error is 1 + E v'Uv/2 and its Dirichlet energy E v'Cv/4, offset or not")


energies = symbols("e1:5", nonnegative=True)


@theorem.step(Symbolic(), Certified(dict.fromkeys(energies, (0, 100))), uses=[diagonal_of_the_gram])
def poincare() -> Claim:
    """E sigma'^2 >= E sigma^2 - mu_0^2: every Hermite part beyond the mean counts at least once. Up to degree 4."""
    return at_most(sum(energies), sum(k * energy for k, energy in enumerate(energies, 1)))


def _mean_square_entry() -> Expr:
    """E U_ij^2, i != j, for rows uniform on the sphere and sigma of degree 2: E K^2 = 1/d, E K^4 = 3/(d (d + 2))."""
    powers = {0: Integer(1), 1: Integer(0), 2: 1 / d, 3: Integer(0), 4: 3 / (d * (d + 2))}
    entries = (mean**2, linear_coefficient**2, nonlinear_energy)
    return sum(
        (entries[i] * entries[j] * powers[i + j] for i, j in product(range(3), repeat=2)),
        Integer(0),
    )


@theorem.step(Symbolic(), uses=[variance_over_outputs])
def no_concentration() -> Claim:
    """Without a constant and with mu_0 != 0, Var(v'Uv) -> 2 alpha^4 mu_0^4; sigma of degree 2, m = rho d."""
    m = rho * d
    on_diagonal = (mean**2 + linear_coefficient**2 + nonlinear_energy) ** 2
    variance = 2 * alpha**4 * (on_diagonal + (m - 1) * _mean_square_entry()) / m
    return limit_of(variance, d, oo, 2 * alpha**4 * mean**4)


@theorem.step(Symbolic(), uses=[no_concentration])
def law_without_concentration() -> Claim:
    """The limit of v'Uv is alpha^2 (E sigma^2 + mu_0^2 (g^2 - 1)), g = 1'v/alpha: the same mean and variance."""
    form = alpha**2 * (linear_coefficient**2 + nonlinear_energy + mean**2 * OUTPUTS[0] ** 2)
    first, second = (gaussian_mean(expand(form**k), OUTPUTS[0]) for k in (1, 2))
    return equal(second - first**2, 2 * alpha**4 * mean**4)


def _claim(name: str, at: dict[Any, Any], level: Level, tolerance: float, sizes: tuple[int, ...]) -> Step:
    evidence = Simulation(
        "learning_regimes:initialisation_draw",
        at={rho: Rational(1, 2), **at},
        bias="none",
        tolerance=tolerance,
        scale=dict.fromkeys(OBSERVABLES, Rational(1, 3)),
        sizes=sizes,
        controls={"weight_energy": at.get(alpha, 1) ** 2},
        most=4000,
        level=level,
    )

    def law() -> Claim:
        return follows(theorem.model, *OBSERVABLES)

    law.__name__ = f"{level.name}_{name}"
    law.__doc__ = "Finite networks with v drawn, population Gram matrices: unbiased at every size."
    return theorem.step(evidence, uses=[mean_over_outputs, diagonal_of_the_gram])(law)


_claim("relu", {"activation": "relu"}, Level.quick, 0.03, (50, 100))
_claim("relu", {"activation": "relu"}, Level.standard, 0.01, (100, 200))
_claim("raw_tanh", {"activation": "tanh(t+1)", "offset": "no"}, Level.standard, 0.01, (100, 200))
_claim("tanh", {"activation": "tanh(t+1)", alpha: 2}, Level.deep, 0.003, (512, 1024))
