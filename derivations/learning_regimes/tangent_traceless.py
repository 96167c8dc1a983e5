r"""The traceless part of a target under the tangent model: a ridge kernel on matrices, and one integral.

With S = W'W the features A'W + W'A give the kernel N -> (beta_1^2/2)(N S + S N) on symmetric matrices. In the
eigenbasis of S, from which a traceless target in general position is free, an entry between the eigenvalues s and t is
missed by c/(c + s + t), c = c_b/beta_1^2, so that E_b = int int c/(c + s + t) dmu dmu. Since one of the two integrals
is a resolvent g, E_b = 1 - 2 rho E g(c + s) over the semicircle law s dmu/rho, and the Dirichlet energy R_b follows
from g and g'. A ridge lambda adds to c_b; the test error is then P - lambda dP/dlambda, P the penalised optimum.
"""

from __future__ import annotations

from sympy import Expr, Integer, Matrix, Rational, Symbol, diff, solve, sqrt, symbols

from derivations.averages import edge_mean, size_biased_mean
from derivations.core import Certified, Derivation, Sampled, Symbolic
from derivations.learning_regimes import tangent_errors as errors
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    hermite_2,
    rho,
    ridge,
    tangent_derivative_energy,
    tangent_energy,
)
from derivations.lemmas import marchenko_pastur
from derivations.relations import Claim, at_most, equal

theorem = Derivation(__name__, title="Traceless part of the tangent regime", source=DOHMATOB_BIETTI)

s, t, c, beta, penalty = symbols("s t c beta penalty", positive=True)
slope = Symbol("slope", positive=True)
"""c_b'/beta_1^2."""
total = s + t


def entry(penalised: Expr, /) -> dict[Symbol, Expr]:
    """The optimal A for the target with one pair of entries between s and t, rows diag(sqrt s, sqrt t), ||B||_F = 1.

    Minimises 2 ||beta (A'W + W'A)/2 - B||^2 + c_b ||A||^2 with c_b = penalised beta^2.
    """
    best = solve([diff(cost(penalised), weight) for weight in WEIGHTS], WEIGHTS, dict=True)
    return dict(best[0])


WEIGHTS = symbols("a11 a12 a21 a22", real=True)
TARGET = Matrix([[0, 1], [1, 0]]) / sqrt(2)


def fit() -> Matrix:
    """The degree-2 part beta sym(A'W)."""
    product = Matrix(2, 2, WEIGHTS).T * Matrix.diag(sqrt(s), sqrt(t))
    return beta * (product + product.T) / 2


def cost(penalised: Expr, /) -> Expr:
    """The penalised error of A, in the units ||f*||^2 = 2."""
    missed = fit() - TARGET
    return 2 * (missed.T * missed).trace() + penalised * beta**2 * sum(weight**2 for weight in WEIGHTS)


@theorem.step(Symbolic())
def missed_entry() -> Claim:
    """The penalised optimum of one entry: kernel eigenvalue (beta^2/2)(s + t) against the ridge c_b/2."""
    return equal(cost(c).subs(entry(c)) / 2, c / (c + total))


@theorem.step(Symbolic(), uses=[missed_entry])
def energy_of_an_entry() -> Claim:
    """Degree 2 has S^2 = 4 ||M||^2, the higher degrees c_b' ||A||^2; the target's is 4."""
    matrix = fit()
    energy = (4 * (matrix.T * matrix).trace() + slope * beta**2 * sum(weight**2 for weight in WEIGHTS)) / 4
    return equal(energy.subs(entry(c)), (total**2 + slope * total / 2) / (c + total) ** 2)


@theorem.step(Symbolic(), uses=[missed_entry])
def penalised_error() -> Claim:
    """The envelope, for one singular direction k a: P = min (1 - k a)^2 + (c_b + lambda) a^2 has the slope a^2."""
    k, a = symbols("k a", positive=True)
    penalised = (1 - k * a) ** 2 + (c + penalty) * a**2
    best = {a: solve(diff(penalised, a), a)[0]}
    optimum = penalised.subs(best)
    return equal((penalised - penalty * a**2).subs(best), optimum - penalty * diff(optimum, penalty))


@theorem.step(Symbolic(), uses=[missed_entry, energy_of_an_entry])
def energy_against_error() -> Claim:
    """R_b - (1 - E_b), entry by entry: (c_b'/(2 beta_1^2) - c)(s + t)/(c + s + t)^2."""
    energy = (total**2 + slope * total / 2) / (c + total) ** 2
    return equal(energy - (1 - c / (c + total)), (slope / 2 - c) * total / (c + total) ** 2)


betas = symbols("beta_2:6", real=True)


@theorem.step(Symbolic(), Certified(dict.fromkeys(betas, (-100, 100))), uses=[energy_against_error])
def sign_of_the_difference() -> Claim:
    """c_b' = sum (k + 1) beta_k^2 over k >= 2 is at least 3 c_b, so R_b >= 1 - E_b, with equality iff c_b = 0."""
    energy = sum((square**2 for square in betas), Integer(0))
    return at_most(3 * energy, sum(((k + 1) * square**2 for k, square in enumerate(betas, 2)), Integer(0)))


PSI1 = marchenko_pastur.psi1

first, second, weight = symbols("s_1 s_2 weight", positive=True)
SPECTRUM = ((first, weight), (second, 1 - weight))


@theorem.step(Symbolic(), uses=[missed_entry])
def single_integral() -> Claim:
    """By symmetry int int (s + t)/(c + s + t) = 2 int s g(c + s): on a spectrum of two atoms with free places."""

    def g(z: Expr) -> Expr:
        return sum((w / (u + z) for u, w in SPECTRUM), Integer(0))

    double = sum((w * q * (u + v) / (c + u + v) for u, w in SPECTRUM for v, q in SPECTRUM), Integer(0))
    return equal(double, 2 * sum((w * u * g(c + u) for u, w in SPECTRUM), Integer(0)))


near, far = symbols("near far", positive=True)
"""g(c) and g(c + s): the law reads z = 1/g - rho/(1 + g)."""


def place(g: Expr, /) -> Expr:
    """The z at which the resolvent has the value g."""
    return 1 / g - rho / (1 + g)


@theorem.step(Symbolic(), uses=[marchenko_pastur.fixed_point])
def chord() -> Claim:
    """(g(c) - g(c + s))/s without the difference."""
    return equal((near - far) / (place(far) - place(near)), 1 / (1 / (near * far) - rho / ((1 + near) * (1 + far))))


@theorem.step(Symbolic(), uses=[marchenko_pastur.fixed_point])
def positive_slope() -> Claim:
    """g + c g' at z = c + s, where g' = -g (1 + g)/D and D = z g + 1/g, as a sum of positive terms."""
    z = place(far)
    d = z * far + 1 / far
    difference = far - (z - s) * far * (1 + far) / d
    return equal(difference, far / d * (s * (1 + far) + rho / (1 + far)))


BOX = {
    rho: (Rational(1, 4), 4),
    tangent_energy: (Rational(1, 20), 1),
    tangent_derivative_energy: (Rational(1, 5), 5),
    hermite_2: (Rational(1, 5), 1),
    ridge: (Rational(1, 10), 1),
}


@theorem.step(Sampled(BOX, points=1, digits=10), uses=[single_integral, penalised_error, chord])
def missed_part() -> Claim:
    """The expression that is evaluated, against P - lambda dP/dlambda with P = 1 - 2 rho E g(c + s)."""
    resolvent = marchenko_pastur.resolvent(c).subs(PSI1, rho)
    kernel = resolvent - ridge / errors.slope_square * diff(resolvent, c)
    mean = size_biased_mean(lambda s: kernel.subs(c, errors.stiffness(ridge) + s), rho)
    return equal(errors.traceless_error(ridge), 1 - 2 * rho * mean)


@theorem.step(Sampled(BOX), uses=[energy_of_an_entry, single_integral, positive_slope])
def energy_part() -> Claim:
    """The integrand that is evaluated, against that of 2 int s [g - (c_b'/(2 beta_1^2) - c) g'](c + s) dmu(s)."""
    stiff = errors.stiffness(ridge)
    extra = tangent_derivative_energy / (2 * errors.slope_square) - stiff
    resolvent = marchenko_pastur.resolvent(c).subs(PSI1, rho)
    kernel = 2 * rho * (resolvent - extra * diff(resolvent, c))
    mean = edge_mean(lambda s: kernel.subs(c, stiff + s), rho)
    return equal(errors.traceless_energy(ridge).function, mean.function)
