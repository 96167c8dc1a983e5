r"""How wrong the closed form exp(-Theta Xi) u_0 is: the Levy area of Xi first, and a rigorous bound at every time.

The second Magnus term of u' = -Theta D u is -Theta (Theta o L), L_ij = 1/2 int (xi_i dxi_j - xi_j dxi_i), the Levy area
of the path Xi; it leads u - exp(-Theta Xi) u_0 at short times. At every time and for any attack, in the Theta^-1 norm,

    |u - exp(-Theta Xi) u_0| <= 1/2 |u_0| int_0^t exp(-int_tau^t lam_min(Theta D) - lam_min(Theta Xi(tau))) m(tau) dtau,

m = ||Theta^1/2 (Theta o M) Theta^1/2||_2, M_ij = xi_i d_j - d_i xi_j. Two pieces attain it as their durations shrink.
Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sympy import (
    Expr,
    Integer,
    Integral,
    Matrix,
    Poly,
    Rational,
    Symbol,
    diag,
    exquo,
    eye,
    integrate,
    log,
    sqrt,
    symbols,
    zeros,
)
from sympy import exp as exponential

from derivations.core import Certified, Cited, Derivation, Exact, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.relations import Relation, Statement, at_most, below, equal, statement
from derivations.robust_overfitting import exactness
from derivations.robust_overfitting.propagators import (
    SWAPPED,
    THREE_POINTS,
    E,
    TwoPieces,
    leading_minors,
    spectral_projectors,
)
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Error of the closed form of adversarial training", source=FU_WANG)


def _levy_areas() -> Iterator[Instance]:
    time, early, late = symbols("time h_early h_late", positive=True)
    for pieces in (SWAPPED, THREE_POINTS):
        a, b = Matrix(pieces.first), Matrix(pieces.second)
        first, second = pieces.pieces()
        # 1/2 int_{sigma < tau} [Theta D_tau, Theta D_sigma]: only the second piece after the first contributes
        magnus = (second * first - first * second) * early * late / 2
        path = early * a + time * b
        rate = (path * b.T - b * path.T) / 2
        area = rate.applyfunc(lambda entry: integrate(entry, (time, 0, late)))
        yield f"{pieces.first}", list(magnus), list(-pieces.theta * pieces.theta.multiply_elementwise(area))


@theorem.step(Exact(_levy_areas), uses=[exactness.commutator])
def levy_area() -> Statement:
    """1/2 int_{sigma<tau} [Theta D_tau, Theta D_sigma] through the commutator is an area swept by Xi."""
    return statement("the second Magnus term is -Theta (Theta o L), L the Levy area of Xi: two pieces, any durations")


@theorem.step(Cited("Moan & Niesen (2008), Found. Comput. Math. 8, 291-301, Theorem 3: int ||A||_2 dt < pi"))
def magnus_converges() -> Statement:
    """In the Theta^-1 inner product Theta D is self-adjoint with norm lam_max(Theta D)."""
    return statement("the Magnus series of u' = -Theta D u converges where int_0^t lam_max(Theta D) < pi")


def _third_order() -> Iterator[Instance]:
    theta = Matrix(2, 2, lambda i, j: Symbol(f"theta{min(i, j)}{max(i, j)}", real=True))
    levels, slopes, bends = (diag(*symbols(f"{name}1:3", real=True)) for name in ("d", "slope", "bend"))
    terms = [theta * levels, theta * slopes, theta * bends]
    series = [eye(2)]
    for k in range(3):
        series.append(-sum((terms[m] * series[k - m] for m in range(k + 1)), zeros(2)) / (k + 1))
    # exp(-C) with C = terms_0 t + terms_1 t^2/2 + terms_2 t^3/3
    c1, c2, c3 = (term / (k + 1) for k, term in enumerate(terms))
    closed = [eye(2), -c1, c1**2 / 2 - c2, (c1 * c2 + c2 * c1) / 2 - c1**3 / 6 - c3]
    for order in (1, 2):
        yield f"order {order}", list(series[order]), list(closed[order])
    a, b = Matrix([levels[0, 0], levels[1, 1]]), Matrix([slopes[0, 0], slopes[1, 1]])
    turning = theta.multiply_elementwise(a * b.T - b * a.T)
    yield "order 3", list(series[3] - closed[3]), list(-theta * turning / 12)


@theorem.step(Exact(_third_order), uses=[levy_area])
def short_times() -> Statement:
    """For a smooth attack the Levy area starts as t^3/12 (d_i d_j' - d_j d_i'), and the error with it.

    Power series to order 3 for a symbolic symmetric 2 x 2 Theta and D = d + slope t + bend t^2.
    """
    return statement("u(t) - exp(-Theta Xi(t)) u_0 = -(t^3/12) Theta (Theta o (d d'^T - d' d^T)) u_0 + O(t^4)")


def _leading_errors() -> Iterator[Instance]:
    for pieces in (SWAPPED, THREE_POINTS):
        error = reduced_error(pieces)
        leading = -pieces.theta * pieces.turning() / 2
        yield f"{pieces.first}", list(error.xreplace({E: Integer(1)})), list(leading)


@cache
def reduced_error(pieces: TwoPieces, /) -> Matrix:
    """u - exp(-Theta Xi) u_0 at time 2h as a matrix of polynomials in E, over (1 - E)^2, which divides every entry."""
    double_root = Poly((1 - E) ** 2, E)
    error = pieces.exact() - pieces.closed_form()
    return error.applyfunc(lambda entry: exquo(Poly(entry, E), double_root).as_expr())


@theorem.step(Exact(_leading_errors), uses=[levy_area])
def leading_error() -> Statement:
    """h^2 is (1 - E)^2 to leading order, E = exp(-h), and the error is divisible by (1 - E)^2."""
    return statement("after two pieces of duration h the error over h^2 tends to -Theta (Theta o M) u_0/2")


lam = Symbol("lam", positive=True)


@theorem.step(
    Symbolic({lam: (0, 10)}, digits=15),
    uses=[exactness.derivative_of_the_exponential, exactness.distance_of_phi_from_one, exactness.real_spectrum],
)
def one_half() -> Relation:
    """e = u - u_c obeys e' = -Theta D e - int_0^1 (1 - v) e^(-vC) [C, X] e^(-(1-v)C) dv u_0, C = Theta Xi, X = Theta D.

    For u_c = e^-C u_0 has u_c' = -phi(ad_C)(X) u_c, and (1 - phi(ad_C)) X = int (1 - v) e^(-v ad_C) [C, X] dv. In the
    Theta^-1 inner product e^(-vC) is self-adjoint with norm e^(-v lam), lam = lam_min(C): every v gives the same bound
    e^-lam |[C, X]|, and the weight is one half.
    """
    v = Symbol("v", positive=True)
    weighted = Integral((1 - v) * exponential(-v * lam) * exponential(-(1 - v) * lam), (v, 0, 1))
    return equal(weighted, exponential(-lam) / 2)


def _turning_norms() -> Iterator[Instance]:
    for pieces in (SWAPPED, THREE_POINTS):
        inner, turned = pieces.theta.inv(), pieces.turning()
        first, second = pieces.pieces()
        commutator = first * second - second * first
        yield f"{pieces.first}: antisymmetric", list(inner * commutator), list(-(inner * commutator).T)
        # |K|^2 in the Theta^-1 norm is the largest root of det(K' Theta^-1 K - root Theta^-1)
        largest = squared_norm(pieces)
        yield f"{pieces.first}: norm", (commutator.T * inner * commutator - largest * inner).det(), Integer(0)
        yield f"{pieces.first}: trace", (turned * pieces.theta * turned * pieces.theta).trace(), -2 * largest


def squared_norm(pieces: TwoPieces, /) -> Expr:
    """|[Theta A, Theta B]|^2 in the Theta^-1 norm, for two or three points: -tr((Theta o M) Theta (Theta o M) Theta)/2.

    Theta^1/2 (Theta o M) Theta^1/2 is antisymmetric, so that its two singular values that are not 0 are equal.
    """
    turned = pieces.turning() * pieces.theta
    return -(turned * turned).trace() / 2


@theorem.step(Exact(_turning_norms), uses=[exactness.commutator])
def norm_of_the_commutator() -> Statement:
    """Theta^-1 [C, X] = Theta o M is antisymmetric; up to three points its norm is a trace."""
    return statement("|[Theta Xi, Theta D]|^2 = -tr((Theta o M) Theta (Theta o M) Theta)/2 for two and three points")


def bound_from_below(pieces: TwoPieces, probe: Matrix, /) -> Expr:
    """A lower estimate of the bound over |u_0| and (1 - E)^2 at time 2h: what is certified with it holds for the bound.

    On the second piece M is constant, M = h (a b' - b a'), and lam_min(Theta Xi) is at most the Rayleigh quotient
    w' Xi w/(w' Theta^-1 w) of the fixed vector `probe`.
    """
    scale = (probe.T * pieces.theta.inv() * probe)[0]
    early, late = ((probe.T * diag(*d) * probe)[0] / scale for d in (pieces.first, pieces.second))
    slowest = spectral_projectors(pieces.pieces()[1].as_immutable())[0][0]
    # int_0^h exp(-(h - s) slowest - h early - s late) ds, the factors arranged so that none cancels at small h
    integral = E ** (early + slowest) * (1 - E ** (late - slowest)) / (late - slowest)
    return sqrt(squared_norm(pieces)) / 2 * (-log(E) / (1 - E)) * (integral / (1 - E))


def square_of_the_error(pieces: TwoPieces, /) -> Expr:
    """The squared Frobenius norm of Theta^-1/2 (error) Theta^1/2 over (1 - E)^4: at least that for every unit u_0."""
    error = reduced_error(pieces)
    pairs = zip(pieces.theta.inv() * error, error * pieces.theta, strict=True)
    return sum((Poly(left, E) * Poly(right, E) for left, right in pairs), Poly(0, E)).as_expr()


def bound_exceeds_error(pieces: TwoPieces, probe: Matrix, /) -> Relation:
    """The squares of the error and of the bound, as functions of E, for all u_0 at once."""
    return below(square_of_the_error(pieces), bound_from_below(pieces, probe) ** 2)


BOX = {E: (Rational(3, 5), Rational(15, 16))}
"""Durations of each piece from log(16/15) = 0.065 to log(5/3) = 0.51."""


@theorem.step(Certified(BOX), uses=[one_half, norm_of_the_commutator])
def bound_for_two_points() -> Relation:
    """The counterexample of `exactness`, all u_0 and all durations in the box."""
    return bound_exceeds_error(SWAPPED, Matrix([2, -3]))


@theorem.step(Certified(BOX), uses=[one_half, norm_of_the_commutator])
def bound_for_three_points() -> Relation:
    """Three points, D = diag(3, 5, 7) and then diag(7, 5, 3), all u_0 and all durations in the box."""
    return bound_exceeds_error(THREE_POINTS, Matrix([3, -2, 1]))


def _sharpness() -> Iterator[Instance]:
    for pieces in (SWAPPED, THREE_POINTS):
        inner = pieces.theta.inv()
        error = reduced_error(pieces).xreplace({E: Integer(1)})
        # at small h the bound is h^2/2 times the commutator's norm
        spare = squared_norm(pieces) / 4 * inner - error.T * inner * error
        yield f"{pieces.first}: attained", spare.det(), Integer(0)
        yield f"{pieces.first}: never exceeded", all(v >= 0 for v in leading_minors(spare)), True


@theorem.step(Exact(_sharpness), uses=[bound_for_two_points, leading_error])
def bound_is_sharp() -> Statement:
    """The norm of the leading error is half that of the commutator: two pieces attain the bound as h -> 0."""
    return statement("for two pieces of duration h the bound over the largest error tends to 1 as h -> 0")


_t1, _t2, _a, _b, _a_late, _b_late, _u1, _u2 = symbols("theta11 theta22 a b a_late b_late u1 u2", positive=True)
_c = Symbol("theta12", real=True)
_early, _late, _time = symbols("h_early h_late time", positive=True)
GENERAL = {
    **{symbol: (Rational(1, 2), 3) for symbol in (_t1, _t2, _a, _b, _a_late, _b_late, _u1, _u2)},
    _c: (Rational(-2, 5), Rational(2, 5)),
    _early: (Rational(1, 10), 1),
    _late: (Rational(1, 10), 1),
}


def slow_and_fast(first: Expr, second: Expr, /) -> tuple[Expr, Expr]:
    """The two rates of Theta diag(first, second) for a symbolic 2 x 2 Theta."""
    middle, gap = _t1 * first + _t2 * second, _t1 * first - _t2 * second
    half = sqrt(gap**2 + 4 * _c**2 * first * second) / 2
    return middle / 2 - half, middle / 2 + half


def flow(first: Expr, second: Expr, start: Matrix, /) -> Matrix:
    """exp(-Theta diag(first, second)) start."""
    slow, fast = slow_and_fast(first, second)
    matrix = Matrix([[_t1 * first, _c * second], [_c * first, _t2 * second]])
    kept, moved = exponential(-slow), exponential(-fast)
    return (kept * (fast * start - matrix * start) - moved * (slow * start - matrix * start)) / (fast - slow)


def square_norm(v: Matrix, /) -> Expr:
    """|v|^2 in the Theta^-1 norm."""
    return (_t2 * v[0] ** 2 - 2 * _c * v[0] * v[1] + _t1 * v[1] ** 2) / (_t1 * _t2 - _c**2)


def _general_bound(start: Matrix) -> Expr:
    """Two pieces of a symbolic two-point system; M = h_early (a b_late - b a_late) on the second."""
    inner = slow_and_fast(_early * _a + _time * _a_late, _early * _b + _time * _b_late)[0]
    outer = (_late - _time) * slow_and_fast(_a_late, _b_late)[0]
    turned = _early * sqrt((_a * _b_late - _b * _a_late) ** 2) * sqrt(_c**2) * sqrt(_t1 * _t2 - _c**2)
    return turned / 2 * sqrt(square_norm(start)) * Integral(exponential(-outer - inner), (_time, 0, _late))


@theorem.step(Sampled(GENERAL, points=16), uses=[one_half])
def bound_in_general() -> Relation:
    """Random kernels, strengths, durations and residuals, two points and two pieces, at 30 digits."""
    start = Matrix([_u1, -_u2])
    exact = flow(_late * _a_late, _late * _b_late, flow(_early * _a, _early * _b, start))
    printed = flow(_early * _a + _late * _a_late, _early * _b + _late * _b_late, start)
    return at_most(sqrt(square_norm(exact - printed)), _general_bound(start))


__all__ = ["theorem"]
