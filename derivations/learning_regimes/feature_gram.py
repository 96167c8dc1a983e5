r"""The population Gram matrices of random features, and what they are equivalent to when m and d grow together.

For rows of length one U_ij = E sigma(w_i'x) sigma(w_j'x) = sum_k mu_k^2 K_ij^k and C_ij = E grad.grad = sum_k k mu_k^2
K_ij^k, K = WW', and the target acts as r_j = sqrt2 mu_2 w_j'Bw_j. As m/d -> rho, in operator norm (no mean),

    U -> aK + nu + (mu_2^2 gamma/d) 11',  C -> aK + nu' + (2 mu_2^2 gamma/d) 11',  r -> sqrt2 mu_2 (tau/sqrt d) 1:

degrees above 2 act on the diagonal only, degree 2 adds an eigenvalue of order one along 1, as K_ij^2 has mean gamma/d.
The limits are an argument in the manner of El Karoui (2010), seen on finite matrices. Source: derived here.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sympy import Expr, Integer, Matrix, Rational, diff, expand, symbols

from derivations.core import Assumed, Derivation, Lab, Rate, Simulation, Source, Symbolic, parameter
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas import gaussian
from derivations.relations import Claim, equal, exponent, statement, tends_to
from derivations.spectral_formulas import gram_closed_form, gram_trace_slope

theorem = Derivation(
    __name__,
    title="Population Gram matrices of random features",
    source=Source(
        key="elkaroui2010spectrum",
        authors=("El Karoui, Noureddine",),
        title="The spectrum of kernel random matrices",
        year=2010,
        venue="The Annals of Statistics 38(1), 1-50",
        doi="10.1214/08-AOS648",
    ),
)

x1, x2 = symbols("x1:3", real=True)
t = symbols("t", real=True)
COEFFICIENTS = symbols("c1:3", real=True)
SIGMA = sum((c * t**k for c, k in zip(COEFFICIENTS, (2, 4), strict=True)), Integer(0))
"""An activation on which the overlap, linear in it, is seen; it vanishes for odd ones."""
DIRECTION = Matrix([Rational(3, 5), Rational(4, 5)])
"""A unit vector of the plane; B beside it is arbitrary, so that nothing is lost by fixing it."""


def _symmetric(name: str) -> Matrix:
    trace, gap, beside = symbols(f"{name}1:4", real=True)
    return Matrix([[trace + gap, beside], [beside, trace - gap]])


def _quadratic(matrix: Matrix) -> Expr:
    """q_M(x) = x'Mx - tr M in the plane."""
    point = Matrix([x1, x2])
    return expand((point.T * matrix * point)[0] - matrix.trace())


def _over_plane(expression: Expr) -> Expr:
    return gaussian_mean(expand(gaussian_mean(expand(expression), x1)), x2)


@theorem.step(Symbolic())
def quadratic_forms() -> Claim:
    """<q_M, q_N> = 2 <M, N>_F for x ~ N(0, I), by Gaussian integration in the plane; so ||f*||^2 = 2."""
    left, right = _symmetric("m"), _symmetric("n")
    return equal(_over_plane(_quadratic(left) * _quadratic(right)), 2 * (left * right).trace())


@theorem.step(Symbolic(), uses=[quadratic_forms])
def energy_of_a_quadratic_form() -> Claim:
    """E grad q_M . grad q_N = 4 <M, N>_F, twice the inner product, as in every pure degree 2; so S(f*)^2 = 4."""
    left, right = _symmetric("m"), _symmetric("n")
    products = sum((diff(_quadratic(left), x) * diff(_quadratic(right), x) for x in (x1, x2)), Integer(0))
    return equal(_over_plane(products), 4 * (left * right).trace())


@theorem.step(Symbolic())
def overlap_with_the_target() -> Claim:
    """E q_B(x) sigma(w'x) = E sigma'' w'Bw for |w| = 1, and E sigma'' = sqrt2 mu_2 (Stein twice)."""
    matrix = _symmetric("b")
    projected = SIGMA.subs(t, DIRECTION[0] * x1 + DIRECTION[1] * x2)
    curvature = gaussian_mean(diff(SIGMA, t, 2), t)
    return equal(_over_plane(_quadratic(matrix) * projected), curvature * (DIRECTION.T * matrix * DIRECTION)[0])


@theorem.step(Symbolic(), uses=[gaussian.mehler_on_polynomials, gaussian.price])
def gram_of_gradients() -> Claim:
    """C_ij = K_ij E sigma'(w_i'x) sigma'(w_j'x) = K dU/dK: the coefficient of K^k is k mu_k^2. On 2 He_3 + 3 He_2."""
    f = expand(2 * (t**3 - 3 * t) + 3 * (t**2 - 1))
    overlap = gaussian.rho
    return equal(overlap * _pair_mean(diff(f, t)), 3 * 4 * 6 * overlap**3 + 2 * 9 * 2 * overlap**2)


def _pair_mean(f: Expr) -> Expr:
    return gaussian.pair_mean(f, f)


@theorem.step(Assumed(), uses=[gram_of_gradients, overlap_with_the_target])
def limits_of_the_grams() -> Claim:
    """(K_ij)^2 - gamma/d has variance 2/d^2: a matrix of norm O(d^-1/2); K_ij^k, k >= 3, is O(d^-3/2) entrywise.

    The fluctuating part of r has the square length 4 rho mu_2^2 (1 - tau^2)/d. Rows whose lengths differ, N(0, I/d),
    add a matrix along |w_j|^2 - 1, of bounded norm and orthogonal to 1 in the limit: it changes no limit.
    """
    return statement("the three displayed limits hold for every activation with E sigma'^2 finite, in operator norm")


rho = parameter("rho", "neurons per input dimension", positive=True)
nu = parameter("nu", "energy beyond degree one", positive=True)
CUBIC = (1, 2, Rational(1, 2))
"""mu_k^2, k = 1, 2, 3, of the activation on which the limits are seen."""


def gram_gaps(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """Operator norms of U and of C less their limits, for the mu_k^2 of CUBIC and rows on the sphere."""
    m = round(at.rho * d)
    rows = lab.sphere(m, d)
    overlap, one = rows @ rows.T, lab.xp.eye(m, dtype=lab.xp.float64)
    gaps = {}
    for name, weights in (("values", (1, 1, 1)), ("slopes", (1, 2, 3))):
        linear, square, cube = (float(w * c) for w, c in zip(weights, CUBIC, strict=True))
        gram = linear * overlap + square * overlap**2 + cube * overlap**3
        limit = linear * overlap + (square + cube) * one + square / d
        gaps[name] = float(lab.xp.max(lab.xp.abs(lab.eigvalsh(gram - limit))))
    return gaps


def _rate(quantity: str) -> Rate:
    return Rate(gram_gaps, at={rho: Rational(1, 2)}, sizes=(50, 100, 200, 400), draws=6)


@theorem.step(_rate("values"), uses=[limits_of_the_grams])
def gap_of_the_values() -> Claim:
    """The norm of U less its limit falls like d^(-1/2), on finite matrices."""
    return exponent("values", -0.7, -0.3)


@theorem.step(_rate("slopes"), uses=[limits_of_the_grams])
def gap_of_the_slopes() -> Claim:
    """The norm of C less its limit falls like d^(-1/2)."""
    return exponent("slopes", -0.7, -0.3)


tau = parameter("trace_alignment", "alignment of the target with the identity", real=True)


def overlap_fluctuation(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """d |r_perp|^2 at mu_2 = 1 for a diagonal B with alternating entries besides its trace; and the mean of w'Bw."""
    rows, xp = lab.sphere(round(at.rho * d), d), lab.xp
    sign = xp.where(xp.arange(d) % 2 == 0, 1.0, -1.0)
    forms = rows**2 @ (at.trace_alignment + (1 - at.trace_alignment**2) ** 0.5 * sign) / d**0.5
    centred = forms - at.trace_alignment / d**0.5
    return {"fluctuation": 2 * d * lab.norm(centred) ** 2, "mean": d**0.5 * lab.mean(forms)}


@theorem.step(
    Simulation(
        overlap_fluctuation,
        at={rho: Rational(1, 2), tau: Rational(3, 5)},
        bias="1/d",
        tolerance=0.03,
        sizes=(50, 100, 200),
        most=1000,
    ),
    uses=[overlap_with_the_target],
)
def length_of_the_fluctuation() -> Claim:
    """E (w'Bw - tr B/d)^2 = 2 (1 - tau^2)/d^2 to leading order: m d such terms, at mu_2 = 1."""
    return tends_to({"fluctuation": 4 * rho * (1 - tau**2), "mean": tau})


def resolvent_along_ones(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """1'(K + nu)^(-1) 1/m and 1'(K + nu)^(-2) 1/m; control: 1'K1/m, of mean 1."""
    rows, xp = lab.sphere(round(at.rho * d), d), lab.xp
    m = rows.shape[0]
    ones: Any = xp.ones((m,), dtype=xp.float64)
    solution = lab.solve(rows @ rows.T + at.nu * xp.eye(m, dtype=xp.float64), ones)
    return {
        "psi1": lab.mean(solution),
        "psi2": lab.norm(solution) ** 2 / m,
        "overlap": lab.norm(xp.sum(rows, axis=0)) ** 2 / m,
    }


@theorem.step(
    Simulation(
        resolvent_along_ones,
        at={rho: Rational(1, 2), nu: Rational(1, 2)},
        bias="1/d",
        tolerance=0.03,
        sizes=(50, 100, 200),
        controls={"overlap": 1},
        most=400,
    )
)
def ones_are_in_general_position() -> Claim:
    """The law of W is the same as that of QW for any orthogonal Q, so 1/sqrt m is as good as a random direction."""
    one = Integer(1)
    return tends_to({"psi1": gram_closed_form(nu, one, rho), "psi2": gram_trace_slope(nu, one, rho)})
