r"""When u(t) = exp(-Theta Xi(t)) u_0 is the residual of u' = -Theta D(t) u: the exactness theorem.

Let Theta be symmetric positive definite, D(t) continuous, diagonal, positive, and Xi its integral (one output). The
closed form holds for all t in [0, T] and all u_0 if and only if [Theta Xi(t), Theta D(t)] = 0 for all t, if and only if
d_i(t)/d_j(t) does not depend on t wherever Theta_ij != 0, that is D(t) = D(0) diag gamma(t) with one profile gamma for
each connected component of Theta. In terms of the attack: (eta_i(t) - eta_i(s)) g_i does not depend on i there.

Sufficient: strengths that are constant in time (with any dependence on the sample); a common eta(t) with equal
|grad_x f_0(x_i)|. Not sufficient: a common eta(t) with unequal gradients; strengths that depend on time and sample.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import (
    Derivative,
    ImmutableMatrix,
    Integer,
    Integral,
    Matrix,
    Rational,
    Symbol,
    diag,
    exp,
    eye,
    symbols,
    trace,
    zeros,
)

from derivations.core import Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.relations import Relation, Statement, equal, statement
from derivations.robust_overfitting import dynamics
from derivations.robust_overfitting.propagators import (
    SWAPPED,
    THREE_POINTS,
    E,
    TwoPieces,
    coefficients,
    power,
    spectral_projectors,
)
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="When the closed form of adversarial training is exact", source=FU_WANG)

z = Symbol("z", real=True, nonzero=True)


def _generic(name: str, size: int = 3) -> list[Symbol]:
    return list(symbols(f"{name}1:{size + 1}", real=True))


@theorem.step(Symbolic())
def commutator() -> Relation:
    """[Theta A, Theta B] = Theta (Theta o M), M_ij = a_i b_j - b_i a_j, for diagonals a, b and a symmetric 3 x 3 Theta.

    Contracted with two arbitrary vectors.
    """
    theta = Matrix(3, 3, lambda i, j: Symbol(f"theta{min(i, j)}{max(i, j)}", real=True))
    left, right = Matrix(_generic("p")).T, Matrix(_generic("q"))
    a, b = Matrix(_generic("a")), Matrix(_generic("b"))
    first, second = theta * diag(*a), theta * diag(*b)
    turning = theta.multiply_elementwise(a * b.T - b * a.T)
    return equal((left * (first * second - second * first) * right)[0], (left * theta * turning * right)[0])


def _derivatives_of_exponentials() -> Iterator[Instance]:
    epsilon, l1, l2, w1, w2 = symbols("epsilon l1 l2 w1 w2")
    pieces = TwoPieces(Matrix([[2, 1], [1, 2]]), (8, 5), (1, 4))
    current, direction = pieces.pieces()
    (low, p_low), (high, p_high) = spectral_projectors(current.as_immutable())
    moved = current + epsilon * direction
    interpolated = (w1 * (moved - l2 * eye(2)) - w2 * (moved - l1 * eye(2))) / (l1 - l2)
    # an eigenvalue moves by tr(P direction), and exp(-eigenvalue) with it
    motion = {
        l1: low + epsilon * trace(p_low * direction),
        l2: high + epsilon * trace(p_high * direction),
        w1: E**low * (1 - epsilon * trace(p_low * direction)),
        w2: E**high * (1 - epsilon * trace(p_high * direction)),
    }
    slope = interpolated.xreplace(motion).diff(epsilon).xreplace({epsilon: Integer(0)})
    yield f"{pieces.first}", list(slope), list(-_averaged(current, direction) * power(E, current))


def _averaged(current: Matrix, direction: Matrix) -> Matrix:
    """phi(ad_C) X = sum over eigenvalues k, l of P_k X P_l phi(l_k - l_l), phi(z) = (1 - e^-z)/z; E = 1/e."""
    total = zeros(current.rows)
    for k, left in spectral_projectors(current.as_immutable()):
        for j, right in spectral_projectors(current.as_immutable()):
            weight = Integer(1) if k == j else (1 - E ** (k - j)) / (k - j)
            total += weight * left * direction * right
    return total


@theorem.step(Exact(_derivatives_of_exponentials))
def derivative_of_the_exponential() -> Statement:
    """W = exp(-C(t)) has W' = -[phi(ad_C) C'] W, phi(z) = (1 - e^-z)/z (Duhamel); E stands for 1/e.

    Here the derivative of the 2 x 2 exponential comes from interpolation at the moving eigenvalues instead.
    """
    return statement("d/dt exp(-C) = -[phi(ad_C) C'] exp(-C) for C = Theta Xi with rational spectrum")


@theorem.step(Symbolic({z: (-20, 20)}, digits=15))
def distance_of_phi_from_one() -> Relation:
    """1 - phi(z) = z int_0^1 (1 - v) e^-vz dv, and the integrand is positive: phi(z) = 1 only at z = 0."""
    v = Symbol("v", positive=True)
    return equal(1 - (1 - exp(-z)) / z, z * Integral((1 - v) * exp(-v * z), (v, 0, 1)))


def _real_spectrum() -> Iterator[Instance]:
    for label, matrix in zip(("first", "second"), SWAPPED.pieces(), strict=True):
        pairs = spectral_projectors(matrix.as_immutable())
        yield f"{label}: sum", list(sum((p for _, p in pairs), zeros(2))), list(eye(2))
        inner = SWAPPED.theta.inv()
        for rate, projector in pairs:
            yield f"{label}: rate {rate}", list(inner * matrix * projector), list(rate * (inner * projector))
        # similar to a symmetric matrix: Theta^-1 is the metric in which D^1/2 Theta D^1/2 ~ Theta D is self-adjoint
        yield f"{label}: self-adjoint", list(inner * matrix), list((inner * matrix).T)


@theorem.step(Exact(_real_spectrum))
def real_spectrum() -> Statement:
    """Theta Xi is self-adjoint in the Theta^-1 inner product: diagonalisable, real spectrum, and so is its ad."""
    return statement("Theta D has a full set of projectors with real rates, and Theta^-1 (Theta D) is symmetric")


@theorem.step(Symbolic())
def constant_ratio() -> Relation:
    """Theta_ij (xi_i d_j - d_i xi_j) = 0 is (xi_i/xi_j)' = 0, and the limit t -> 0 gives d_i(0)/d_j(0).

    On the family d_i = a exp(b t) of profiles.
    """
    t, a, b, c, d = symbols("t a b c d", positive=True)
    ones, others = a * (exp(b * t) - 1) / b, c * (exp(d * t) - 1) / d
    return equal(Derivative(ones / others, t), (a * exp(b * t) * others - ones * c * exp(d * t)) / others**2)


def _one_profile() -> Iterator[Instance]:
    theta = Matrix([[2, 1], [1, 2]])
    parts = (
        ("constant in time", TwoPieces(theta, (8, 3), (8, 3))),
        ("a common factor in time", TwoPieces(theta, (8, 3), (16, 6))),
        ("equal gradients", TwoPieces(theta, (2, 2), (7, 7))),
        ("a profile for each component", TwoPieces(diag(theta, Matrix([[3]])), (8, 3, 5), (16, 6, 1))),
    )
    for label, pieces in parts:
        yield label, coefficients(pieces.exact()), coefficients(pieces.closed_form())


@theorem.step(Exact(_one_profile), uses=[commutator, dynamics.linear_system])
def sufficient_cases() -> Statement:
    """If every Theta Xi commutes with every Theta D then exp(-Theta Xi) solves the system: differentiate it."""
    return statement("the closed form is exact for D(t) = D(0) diag gamma(t), one profile for each component of Theta")


def _necessity() -> Iterator[Instance]:
    here = {E: Rational(1, 2)}  # powers of E are read at the rational 1/2, phi(z) being (1 - 2^-z)/z
    for pieces in (SWAPPED, TwoPieces(Matrix([[2, 1], [1, 2]]), (8, 3), (16, 6))):
        current, direction = pieces.pieces()
        missed = (direction - _averaged(current, direction)).xreplace(here)
        turned = current * direction - direction * current
        for k, left in spectral_projectors(ImmutableMatrix(current)):
            for j, right in spectral_projectors(ImmutableMatrix(current)):
                factor = Integer(0) if k == j else (1 - (1 - here[E] ** (k - j)) / (k - j)) / (k - j)
                yield f"{pieces.second}, {k} and {j}", list(left * missed * right), list(factor * left * turned * right)


@theorem.step(
    Exact(_necessity),
    uses=[commutator, derivative_of_the_exponential, distance_of_phi_from_one, real_spectrum, constant_ratio],
)
def necessary_condition() -> Statement:
    """If exp(-Theta Xi) is the propagator, phi(ad_C) X = X with C = Theta Xi, X = Theta D; then ad_C X = 0.

    On a pair of eigenvalues with difference z the component of X - phi(ad_C) X is 1 - phi(z) times that of X, and the
    factor vanishes only at z = 0: the commutator is 0. Checked as an identity between the two on instances.
    """
    return statement("X - phi(ad_C) X and [C, X] have the same zero components, eigenvalue pair by eigenvalue pair")


_TWO, _APART = Matrix([[2, 1], [1, 2]]), Matrix([[2, 1, 0], [1, 2, 0], [0, 0, 3]])
_PAIRS = (
    (_TWO, (8, 3), (3, 8)),
    (_TWO, (8, 5), (5, 8)),
    (_TWO, (64, 24), (11, 11)),
    (_TWO, (8, 5), (16, 10)),
    (_TWO, (3, 3), (5, 5)),
    (_APART, (8, 3, 5), (16, 6, 1)),
    (_APART, (8, 3, 5), (3, 8, 10)),
    (THREE_POINTS.theta, (3, 5, 7), (7, 5, 3)),
    (THREE_POINTS.theta, (3, 5, 7), (6, 10, 14)),
)


def _both_directions() -> Iterator[Instance]:
    for theta, first, second in _PAIRS:
        pieces, n = TwoPieces(theta, first, second), theta.rows
        linked = [(i, j) for i in range(n) for j in range(n) if theta[i, j] != 0]
        one_profile = all(first[i] * second[j] == first[j] * second[i] for i, j in linked)
        yield f"{first}, {second}", bool((pieces.exact() - pieces.closed_form()).expand().is_zero_matrix), one_profile


@theorem.step(Exact(_both_directions), uses=[sufficient_cases, necessary_condition])
def exactness() -> Statement:
    """The two directions together; c > 1 outputs need (eta_i(t) - eta_i(s)) G_i = (eta_j(t) - eta_j(s)) G_j instead.

    Exactness at one time only is not characterised: a D that is symmetric in time kills the second Magnus term.
    """
    return statement("the closed form holds for all times and u_0 exactly where d_i/d_j is constant for Theta_ij != 0")


__all__ = ["theorem"]
