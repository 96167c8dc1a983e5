r"""Tangent model of a quadratic activation whose rows have a covariance: it matters only where the target shares it.

Rows N(0, diag(g)/d), m/d -> rho < 1, R = (1 + theta diag(g))^(-1), theta > 0 with mean(1/(1 + theta g)) = 1 - rho. The
residual of B, ||B||_F = 1, is

    tr(R B R B) + (theta^2/m) tr(diag(g) R B R)^2 / (1 - (theta^2/m) tr((diag(g) R)^2)).

For B in general position (its traceless part free from the covariance) every law of g gives the isotropic error
(1 - tau^2)(1 - rho)^2 + tau^2 (1 - rho): the projector off the rows has rank d - m whatever the law.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from sympy import Expr, Integer, Rational, Symbol, Tuple, symbols

from derivations.averages import LawMean
from derivations.core import Assumed, Derivation, Lab, Level, Simulation, Symbolic
from derivations.evidence import Number
from derivations.lab import Experiment
from derivations.learning_regimes import tangent_quadratic
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, OBSERVABLES, g, rho, trace_alignment
from derivations.learning_regimes.tangent_setting import tangent_model
from derivations.relations import Claim, equal, follows, statement, tends_to

theorem = Derivation(
    __name__,
    title="Quadratic tangent model with a covariance of the rows",
    source=DOHMATOB_BIETTI,
    simulations={"aligned": "learning_regimes_tangent:tangent_quadratic"},
)

theta = Symbol("theta", positive=True)
first, second = symbols("g1 g2", positive=True)
LAW = Tuple(Tuple(first, Rational(1, 2)), Tuple(second, Rational(1, 2)))
"""Two atoms with free places."""


def mean(expression: Expr, law: Tuple = LAW, /) -> Expr:
    """The average over the law of g."""
    return LawMean(expression, g, law)


def shrinkage() -> Expr:
    """R at the eigenvalue g."""
    return 1 / (1 + theta * g)


def residual(square: Expr, trace: Expr, law: Tuple, ratio: Expr, /) -> Expr:
    """tr(R B R B) + theta^2 tr(g R B R)^2/m / (1 - theta^2 mean(g^2 R^2)/rho); `trace` is tr(g R B R)/sqrt(d)."""
    feedback = theta**2 / ratio * mean(g**2 * shrinkage() ** 2, law)
    return square + theta**2 / ratio * trace**2 / (1 - feedback)


def missed_rank(law: Tuple = LAW, /) -> Expr:
    """1 - rho as a function of theta."""
    return mean(shrinkage(), law)


@theorem.step(Assumed(), uses=[tangent_quadratic.projection])
def coloured_rows() -> Claim:
    """The limit of the projector off the rows, and of its product with itself around a matrix."""
    return statement("P is (I + theta diag g)^(-1) in traces, with a feedback through the fluctuation of theta")


@theorem.step(Assumed())
def general_position() -> Claim:
    """Uniformly rotated, B_0 meets a fixed P of rank n as an isotropic P meets a fixed B_0: the same mean at any d.

    In the limit tr(R B_0 R B_0) -> (mean R)^2, and tr(g R^2 B_0)/sqrt(d) and tr(R^2 B_0)/sqrt(d) -> 0.
    """
    return statement("the traceless part of B is asymptotically free from the covariance")


@theorem.step(Symbolic(), uses=[coloured_rows, general_position])
def no_effect_in_general_position() -> Claim:
    """The law of g enters through the rank d - m only, which is all of ||P||^2: theta g R = 1 - R turns averages into
    those of R and R^2. With one atom, g = 1, this is the isotropic error for every B.
    """
    tau, r = trace_alignment, shrinkage()
    square = (1 - tau**2) * mean(r) ** 2 + tau**2 * mean(r**2)
    missed = missed_rank()
    formula = residual(square, tau * mean(g * r**2), LAW, 1 - missed)
    return equal(formula, (1 - tau**2) * missed**2 + tau**2 * missed)


SHARED = {theta: Integer(2), first: Rational(1, 2), second: Rational(3, 2)}
"""A law for which rho = 5/8 at theta = 2, and B = diag(3/5 + 8/5 (g - 1))/sqrt(d), of norm 1 and tau = 3/5."""
shape = Rational(3, 5) + Rational(8, 5) * (g - 1)


def shared_eigenvectors(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """||P B P||^2 for a B that has the eigenvectors of the covariance, at SHARED; d a multiple of 16."""
    scale = lab.asarray([0.5, 1.5] * (d // 2))
    rows = lab.normal(round(at.rho * d), d) * lab.xp.sqrt(scale / d)
    seen = rows.T @ lab.solve(rows @ rows.T, rows)
    missed = lab.asarray([[float(i == j) for j in range(d)] for i in range(d)]) - seen
    target = (0.6 + 1.6 * (scale - 1)) / d**0.5
    return {"test_error": float(target @ (missed**2 @ target))}


LEVELS = ((Level.quick, 0.03, (32, 64, 128)), (Level.standard, 0.01, (96, 192, 384)))


def _laws(
    experiment: Experiment | str, at: Mapping[Symbol | str, Number | str], observables: tuple[str, ...]
) -> Iterator[Simulation]:
    scale = dict.fromkeys(observables, Rational(1, 3))
    for level, tolerance, sizes in LEVELS:
        yield Simulation(experiment, at, "1/d", tolerance, sizes, scale=scale, level=level)


@theorem.step(*_laws(shared_eigenvectors, {rho: Rational(5, 8)}, ("test_error",)), uses=[coloured_rows])
def law_of_shared_eigenvectors() -> Claim:
    """Where the target shares the eigenvectors of the covariance the error is another: 33/280 here, not 9/40."""
    r = shrinkage()
    formula = residual(mean((r * shape) ** 2), mean(g * r**2 * shape), LAW, 1 - missed_rank())
    return tends_to("test_error", formula.xreplace(SHARED))


GENERAL = {rho: Rational(1, 2), "activation": "t**2", "covariance": "0.4@0.5,1.6@0.5"}


@theorem.step(
    *_laws("learning_regimes_tangent:tangent_quadratic", GENERAL, OBSERVABLES), uses=[no_effect_in_general_position]
)
def law_in_general_position() -> Claim:
    """A covariance that does not know the target changes nothing."""
    return follows(tangent_model(), *OBSERVABLES)
