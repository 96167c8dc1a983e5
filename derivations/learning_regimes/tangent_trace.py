r"""The trace part of a target under the tangent model: a quadratic minimisation over the spectrum of W'W.

B = I/sqrt(d) is fitted by A = W G(S)/sqrt(d), S = W'W with spectral law mu: its degree-2 part is (beta_1 S G + delta a
S)/sqrt(d), delta = eta_2/sqrt(2) - beta_1, where the radial coefficients alpha_j = w_j'a_j concentrate at a/sqrt(d),
a = int g s dmu/rho. What is minimised is

    2 int (beta_1 g s + delta a s - 1)^2 dmu + c_b int g^2 s dmu + (c_a - c_b) rho a^2.

Half its minimum, the missed part, is 1 - rho/(rho/J_1 - z + kappa) with J_1 = int s/(s + z) dmu at z = c_b/(2 beta_1^2)
and kappa = c_a/eta_2^2, on every spectrum; on the Marchenko-Pastur law it is (omega + kappa)/(rho + omega + kappa),
omega = 1 - J_1 = z g(z).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Expr, Integer, Rational, Symbol, diff, solve, sqrt, symbols

from derivations.averages import marchenko_pastur_mean
from derivations.core import Derivation, Exact, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.learning_regimes import tangent_errors as errors
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    hermite_2,
    radial_tangent_derivative_energy,
    radial_tangent_energy,
    rho,
    ridge,
    tangent_derivative_energy,
    tangent_energy,
)
from derivations.lemmas import marchenko_pastur
from derivations.relations import Claim, equal, statement

theorem = Derivation(__name__, title="Trace part of the tangent regime", source=DOHMATOB_BIETTI)

BETA, ETA, C_B, C_A, SLOPE_B, SLOPE_A = symbols("beta eta c_b c_a slope_b slope_a", positive=True)
"""beta_1, eta_2, c_b, c_a and the Dirichlet energies c_b', c_a' of the same parts, as free numbers."""
DELTA = ETA / sqrt(2) - BETA

Atoms = tuple[tuple[Expr, Expr], ...]
"""A spectrum as (eigenvalue, weight) pairs."""


def mean(function: Expr, s: Symbol, atoms: Atoms, /) -> Expr:
    """The average of `function`, an expression in s, over the atoms."""
    return sum((weight * function.subs(s, value) for value, weight in atoms), Integer(0))


def closed_forms(atoms: Atoms, /) -> tuple[Expr, Expr]:
    """(missed part, Dirichlet energy) in the spectral means of the theorem."""
    s, z, kappa = Symbol("s"), C_B / (2 * BETA**2), C_A / ETA**2
    ratio = mean(s, s, atoms)
    seen, first, second = (mean(s / (s + z) ** k * s**j, s, atoms) for k, j in ((1, 0), (2, 0), (2, 1)))
    learnt = ratio / (ratio / seen - z + kappa)
    spread = SLOPE_B / (4 * BETA**2 * ratio) * (ratio * first / seen**2 - 1)
    return 1 - learnt, learnt**2 * (second / seen**2 + spread + SLOPE_A / (2 * ETA**2 * ratio))


def minimum(atoms: Atoms, at: Mapping[Expr, Expr], /) -> tuple[Expr, Expr]:
    """(missed part, Dirichlet energy) at the minimum of the functional, by its normal equations in the values of g."""
    beta, delta, c_b, c_a, slope_b, slope_a = (item.subs(at) for item in (BETA, DELTA, C_B, C_A, SLOPE_B, SLOPE_A))
    values = symbols(f"v:{len(atoms)}")
    ratio = sum((weight * s for s, weight in atoms), Integer(0))
    radial = sum((v * s * weight for v, (s, weight) in zip(values, atoms, strict=True)), Integer(0)) / ratio
    fit = [beta * v * s + delta * radial * s for v, (s, _) in zip(values, atoms, strict=True)]
    error = sum((weight * (f - 1) ** 2 for f, (_, weight) in zip(fit, atoms, strict=True)), Integer(0))
    square = sum((weight * f**2 for f, (_, weight) in zip(fit, atoms, strict=True)), Integer(0))
    norm = sum((weight * s * v**2 for v, (s, weight) in zip(values, atoms, strict=True)), Integer(0))
    along = ratio * radial**2
    cost = 2 * error + c_b * (norm - along) + c_a * along
    best = solve([diff(cost, v) for v in values], values, dict=True)[0]
    return cost.subs(best) / 2, (square + slope_b / 4 * (norm - along) + slope_a / 4 * along).subs(best)


SPECTRA: tuple[Atoms, ...] = tuple(
    tuple((Rational(value), Rational(weight)) for value, weight in atoms)
    for atoms in (
        (("1/2", "1/3"), ("2", "2/3")),
        (("0", "1/2"), ("1/3", "1/4"), ("3", "1/4")),
        (("1/4", "1/5"), ("1", "2/5"), ("5/2", "2/5")),
    )
)
CONSTANTS = tuple(
    dict(zip((BETA, ETA, C_B, C_A, SLOPE_B, SLOPE_A), numbers, strict=True))
    for numbers in (
        (Rational(2, 3), sqrt(2) * 2, Rational(1, 5), Rational(3, 4), Rational(4, 5), Rational(5, 2)),
        (Rational(3, 2), sqrt(2) / 3, Integer(2), Rational(1, 7), Integer(9), Integer(1)),
        (Integer(1), -3 * sqrt(2), Rational(7, 2), Integer(0), Integer(11), Integer(0)),
    )
)


def _minima() -> Iterator[Instance]:
    for number, (atoms, at) in enumerate(zip(SPECTRA, CONSTANTS, strict=True), 1):
        yield f"spectrum {number}", list(minimum(atoms, at)), [value.subs(at) for value in closed_forms(atoms)]


@theorem.step(Exact(_minima))
def collapse_on_spectra() -> Claim:
    """The normal equations give g = (P - 2 beta delta a s)/(2 beta^2 s + c_b), and P, a then solve a 2 x 2 system."""
    return statement("minimum and Dirichlet energy of the functional are the closed forms, on spectra of 2 and 3 atoms")


first_moment = Symbol("I_1", positive=True)
"""int s/(2 beta^2 s + c_b) dmu."""


@theorem.step(Symbolic())
def collapse() -> Claim:
    """Along that family the functional is quadratic in its scale a, with half its minimum 1 - N^2/(2 Den): no delta.

    I_2 = int s^2/(2 beta^2 s + c_b) = (rho - c_b I_1)/(2 beta^2).
    """
    second = (rho - C_B * first_moment) / (2 * BETA**2)
    level = rho + 2 * BETA * DELTA * second
    linear = 2 * C_B * DELTA * first_moment + 2 * BETA * level
    quadratic = 2 * C_B * DELTA**2 * second + level**2 / first_moment + (C_A - C_B) * rho
    denominator = rho / (2 * BETA**2 * first_moment) - C_B / (2 * BETA**2) + C_A / ETA**2
    return equal(1 - linear**2 / (2 * quadratic), 1 - rho / denominator)


omega, g = marchenko_pastur.omega, marchenko_pastur.g
"""z and g(z), the coordinates in which the law of S is rational; rho is marchenko_pastur.aspect there."""


@theorem.step(Symbolic(), uses=[collapse, marchenko_pastur.fixed_point])
def denominator_of_the_law() -> Claim:
    """J_1 = 1 - z g: rho/J_1 - z = rho + z g."""
    ratio = marchenko_pastur.aspect
    return equal(ratio / (1 - omega * g) - omega, ratio + omega * g, given=[marchenko_pastur.admissible])


BOX = {
    rho: (Rational(1, 4), 4),
    tangent_energy: (Rational(1, 20), 1),
    radial_tangent_energy: (Rational(1, 20), 1),
    tangent_derivative_energy: (Rational(1, 5), 5),
    radial_tangent_derivative_energy: (Rational(1, 5), 5),
    hermite_2: (Rational(1, 5), 1),
    ridge: (Rational(1, 10), 1),
}


def _spectral(function: object, /) -> Expr:
    """The average over the Marchenko-Pastur law, as an integral over an angle."""
    return marchenko_pastur_mean(function, rho)  # type: ignore[arg-type]


def _stiffness() -> tuple[Expr, Expr]:
    """(z, kappa) with the ridge."""
    return errors.stiffness(ridge) / 2, (radial_tangent_energy + ridge) / errors.radial_square


@theorem.step(Sampled(BOX, points=3, digits=12), uses=[collapse_on_spectra, denominator_of_the_law])
def missed_part() -> Claim:
    """The expression that is evaluated, against P - lambda dP/dlambda, P = 1 - rho/(rho/J_1 - z + kappa).

    By the envelope dP/dlambda is the squared norm of the weights, whose share is no error of the fit.
    """
    z, kappa = _stiffness()
    optimum = 1 - rho / (rho / (1 - z * marchenko_pastur.resolvent(z).subs(marchenko_pastur.psi1, rho)) - z + kappa)
    return equal(errors.trace_error(ridge), optimum - ridge * diff(optimum, ridge))


@theorem.step(Sampled(BOX, points=2, digits=10), uses=[collapse_on_spectra, missed_part])
def energy_part() -> Claim:
    """The expression that is evaluated, against the closed form with its spectral means as integrals."""
    z, kappa = _stiffness()
    seen, first, second = (_spectral(lambda s, k=k, j=j: s**j / (s + z) ** k) for k, j in ((1, 1), (2, 1), (2, 2)))
    learnt = rho / (rho / seen - z + kappa)
    spread = tangent_derivative_energy / (4 * errors.slope_square * rho) * (rho * first / seen**2 - 1)
    along = radial_tangent_derivative_energy / (2 * errors.radial_square * rho)
    return equal(errors.trace_energy(ridge), learnt**2 * (second / seen**2 + spread + along))


@theorem.step(Symbolic(), uses=[energy_part])
def energy_against_error() -> Claim:
    """R_t - (1 - E_t) has one term for each kind of higher degrees, both >= 0 as c_b' >= 3 c_b and c_a' >= 3 c_a.

    In z, g: int s/(s + z)^2 = J_1/D, int s^2/(s + z)^2 = J_1 (D - z)/D, D = z g + 1/g; an analogue of the identity of
    the traceless part.
    """
    d, ratio, seen = omega * g + 1 / g, marchenko_pastur.aspect, 1 - omega * g
    kappa = C_A / ETA**2
    whole = ratio + omega * g + kappa
    second, first = seen * (d - omega) / d, seen / d
    spread = SLOPE_B / (4 * BETA**2 * ratio) * (ratio * first / seen**2 - 1)
    found = (ratio / whole) ** 2 * (second / seen**2 + spread + SLOPE_A / (2 * ETA**2 * ratio)) - ratio / whole
    extra = (SLOPE_B - 4 * BETA**2 * omega) * seen / (4 * BETA**2 * d) + (SLOPE_A - 2 * C_A) / (2 * ETA**2)
    return equal(found, ratio / whole**2 * extra, given=[marchenko_pastur.admissible])
