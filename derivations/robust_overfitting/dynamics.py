r"""The linear dynamics of adversarial training at frozen kernels.

Gradient flow on the sum of |f - y|^2/2 over attacked points, the attack being gradient flow of its own with strength
eta_i(t) for a time S. With the kernels frozen (assumptions below) the clean residual u = f_t(X) - y obeys

    u' = -Theta D(t) u,   D = diag exp(eta_i(t) S g_i),   g_i = |grad_x f_0(x_i)|^2,

and f_t(x) = f_0(x) - Theta(x, X) Theta^-1 (u_0 - u(t)) for every D(t). Whether u(t) = exp(-Theta Xi) u_0 with Xi the
integral of D is another question: see exactness and error_bound.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, Integer, Matrix, Rational, Symbol, diag, diff, eye, log, sqrt, symbols
from sympy import exp as exponential

from derivations.core import Assumed, Derivation, Exact, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.relations import Relation, Statement, at_most, below, equal, statement
from derivations.robust_overfitting.propagators import (
    SWAPPED,
    E,
    coefficients,
    power,
    slope_in_time,
    spectral_projectors,
)
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Linear dynamics of adversarial training at frozen kernels", source=FU_WANG)

RECALLED = "recalled: the linearised attack and training dynamics of the wide network"

eta, s = symbols("eta s", positive=True)
u = Symbol("u", real=True)
j1, j2 = symbols("j1 j2", real=True, nonzero=True)
g = j1**2 + j2**2
"""|grad_x f|^2 in two input dimensions."""


@theorem.step(Assumed(), source=RECALLED)
def frozen_features() -> Statement:
    """Infinite hidden width linearises f in the parameters; the features are taken at the clean inputs."""
    return statement("f is linear in the parameters, and d_theta f at an attacked input is that at the clean input")


@theorem.step(Assumed(), source=RECALLED)
def frozen_input_gradients() -> Statement:
    """At a fixed input dimension this fails by O(1/d) relative to |grad f|^2, whatever the hidden width."""
    return statement("f is linear in x around each x_i with the input gradient that it had at initialisation")


@theorem.step(Assumed(), source=RECALLED)
def given_strength() -> Statement:
    """The attack is not projected to a ball, the loss is squared, and eta_i(t) >= 0 is given in advance."""
    return statement("eta_i(t) is a given nonnegative function of time and sample")


def displacement(component: Expr, /) -> Expr:
    """A component of delta = J' (exp(eta s g) - 1) u/g."""
    return component * (exponential(eta * s * g) - 1) * u / g


@theorem.step(Symbolic(), uses=[frozen_input_gradients])
def attack_flow() -> Relation:
    """d delta/ds = eta grad_x |r|^2/2 = eta J' r with the residual r = u + J delta of the linear network."""
    residual = u + j1 * displacement(j1) + j2 * displacement(j2)
    return equal(Derivative(displacement(j1), s), eta * j1 * residual)


@theorem.step(Symbolic(), uses=[attack_flow])
def attacked_residual() -> Relation:
    """r(s) = exp(eta s g) u: the attack multiplies a residual by D."""
    return equal(u + j1 * displacement(j1) + j2 * displacement(j2), exponential(eta * s * g) * u)


@theorem.step(Symbolic(), uses=[attack_flow])
def displacement_length() -> Relation:
    """|delta| = (exp(eta s g) - 1) |u|/sqrt(g): proportional to the residual, hence gone at interpolation.

    The squares of the two sides.
    """
    square = displacement(j1) ** 2 + displacement(j2) ** 2
    return equal(square, ((exponential(eta * s * g) - 1) * u) ** 2 / g)


def _attack_on_two_outputs() -> Iterator[Instance]:
    turn, residual = Matrix([[3, 4], [-4, 3]]) / 5, Matrix([2, -3])
    for spectrum in ((4, 1), (9, 4)):
        jacobian = turn * diag(*(sqrt(Integer(value)) for value in spectrum)) * Matrix([[1, 0, 0], [0, 0, 1]])
        ark = jacobian * jacobian.T
        growth = power(1 / E, ark)  # E = exp(-eta s) here
        shift = jacobian.T * ark.inv() * (growth - eye(2)) * residual
        yield f"{spectrum}: residual", list(residual + jacobian * shift), list(growth * residual)
        here = {E: Rational(2, 3)}
        slope = slope_in_time(shift).xreplace(here)
        yield f"{spectrum}: flow", list(slope), list((jacobian.T * (residual + jacobian * shift)).xreplace(here))


@theorem.step(Exact(_attack_on_two_outputs), uses=[attacked_residual])
def several_outputs() -> Statement:
    """With G = J J' (c x c) dr/ds = eta G r, so r(S) = exp(eta S G) u and delta = J' G^-1 (exp(eta S G) - 1) u."""
    return statement("for two outputs r(s) = exp(eta s G) u solves the attack flow")


x0 = Symbol("x0", positive=True)
bent = Rational(2, 3)
"""The exponent of the instance f(x) = x^bent, a function that is not linear in x."""


def attacked_input() -> Expr:
    """x(s) on f(x) = x^bent with label 0, from x(0) = x0."""
    return (x0**bent + 4 * eta * s / 9) ** Rational(3, 2)


@theorem.step(Symbolic())
def attack_on_a_bent_function() -> Relation:
    """x' = eta f'(x) f(x) for f = x^(2/3)."""
    x = attacked_input()
    return equal(Derivative(x, s), eta * bent * x ** (bent - 1) * x**bent)


@theorem.step(Symbolic(), uses=[attack_on_a_bent_function])
def attack_grows_exactly() -> Relation:
    """Without linearity in x: r' = grad f . x' = eta |grad f|^2 r, so r(S) = r(0) exp(eta int |grad f|^2 ds).

    Hence, for one output, the attack keeps the sign of a residual, never lowers it, and leaves 0 at 0: an interpolating
    network is not moved. The instance is f = x^(2/3).
    """
    x = attacked_input()
    return equal(Derivative(log(x**bent), s), eta * (bent * x ** (bent - 1)) ** 2)


_FEATURES = Matrix([[1, 2, 0, -1], [0, 1, 1, 2], [2, 0, -1, 1]])
_D = symbols("D1:4", positive=True)
_PARAMETERS = Matrix(symbols("theta1:5", real=True))
_OUTPUTS = _FEATURES * _PARAMETERS - Matrix([1, -2, 3])


def _flow_of_outputs() -> Iterator[Instance]:
    shifts = symbols("shift1:4", real=True)
    # J_i delta_i = (D_i - 1) u_i is held while the parameters move: no derivative goes through the attack.
    loss = sum((_OUTPUTS[i] + shifts[i]) ** 2 for i in range(3)) / 2
    gradient = Matrix([diff(loss, parameter) for parameter in _PARAMETERS])
    attacked = gradient.xreplace({shifts[i]: (_D[i] - 1) * _OUTPUTS[i] for i in range(3)})
    gram = _FEATURES * _FEATURES.T
    yield "attack held", list(-_FEATURES * attacked), list(-gram * diag(*_D) * _OUTPUTS)
    through = sum((_D[i] * _OUTPUTS[i]) ** 2 for i in range(3)) / 2
    slope = Matrix([diff(through, parameter) for parameter in _PARAMETERS])
    yield "attack differentiated", list(-_FEATURES * slope), list(-gram * diag(*_D) ** 2 * _OUTPUTS)


@theorem.step(Exact(_flow_of_outputs), uses=[frozen_features, given_strength, attacked_residual], source=RECALLED)
def linear_system() -> Statement:
    """theta' = -sum_j phi_j r_j with r_j = D_j u_j, and u' = Phi theta' with Theta = Phi Phi'.

    Three points with four features, symbolic D and parameters. Had the derivative gone through the attack as well, D
    would be replaced by D^2.
    """
    return statement("u' = -Theta D(t) u, and u' = -Theta D(t)^2 u if one differentiates through the attack")


def _trained_outputs() -> Iterator[Instance]:
    features = Matrix([[1, 1, 0], [1, 0, 1]])
    point, u0 = Matrix([[2, -1, 3]]), Matrix([3, -2])
    theta = features * features.T
    moved, now = Matrix([0, 0]), u0
    for diagonal in (SWAPPED.first, SWAPPED.second):
        rate = theta * diag(*diagonal)
        for value, projector in spectral_projectors(rate.as_immutable()):
            moved += diag(*diagonal) * projector * now * (1 - E**value) / value
        now = power(E, rate) * now
    # theta_t - theta_0 = -Phi' a with a = int D u, integrated exponential by exponential
    left = -(point * features.T * moved)
    yield "trained output", coefficients(left), coefficients(-(point * features.T) * theta.inv() * (u0 - now))


@theorem.step(Exact(_trained_outputs), uses=[linear_system])
def trained_output() -> Statement:
    """a = int D u dt gives a' = D (u_0 - Theta a), hence a = Theta^-1 (u_0 - u) for every D(t); no commutation is used.

    Checked where D changes with time and sample, with a integrated term by term.
    """
    return statement("f_t(x) = f_0(x) - Theta(x, X) Theta^-1 (u_0 - u(t)) for every D(t)")


_K = Matrix(4, 4, lambda i, k: Symbol(f"k{min(i, k)}{max(i, k)}", real=True))
_A, _B = (Matrix(1, 2, symbols(f"{name}1:3", real=True)) for name in "ab")


@theorem.step(Symbolic(), uses=[trained_output])
def output_law() -> Relation:
    """f_t(x) = f_0(x) - A (f_0(X) - y), A = Theta(x, X) Theta^-1 (1 - U): Gaussian with mean A y and this covariance.

    It needs a D that does not depend on f_0: given in advance, or d -> oo. At fixed d the gradients |grad f_0(x_i)|^2
    are random and the law holds given them only. The points are X = (0, 1), x = 2 and x' = 3 of the covariance K.
    """
    left, right = Matrix([[-_A[0], -_A[1], 1, 0]]), Matrix([[-_B[0], -_B[1], 0, 1]])
    train, cross, other = _K[:2, :2], _K[2, :2], _K[3, :2]
    formula = _K[2, 3] - (_A * other.T)[0] - (cross * _B.T)[0] + (_A * train * _B.T)[0]
    return equal((left * _K * right.T)[0], formula)


@theorem.step(Symbolic())
def contraction_of_a_step() -> Relation:
    """1 - h Theta D is self-adjoint in the Theta^-1 inner product after D^1/2: its factors are 1 - z, z = h rate."""
    z = Symbol("z", positive=True)
    return below((1 - z) ** 2, 1, given=[below(z, 2)])


def _largest_step() -> Iterator[Instance]:
    for diagonal in (SWAPPED.first, SWAPPED.second):
        matrix = SWAPPED.theta * diag(*diagonal)
        fastest, projector = spectral_projectors(matrix.as_immutable())[-1]
        mode = projector[:, 0]
        yield f"{diagonal}: at the limit", list((eye(2) - 2 / fastest * matrix) * mode), list(-mode)
        beyond = (eye(2) - 3 / fastest * matrix) * mode
        yield f"{diagonal}: beyond", list(beyond), list(-2 * mode)


@theorem.step(Exact(_largest_step), uses=[linear_system, contraction_of_a_step])
def largest_step() -> Statement:
    """At h = 2/lam_max(Theta D) the fastest mode changes sign at every step; beyond it grows."""
    return statement("gradient descent u_{k+1} = (1 - h Theta D) u_k is stable exactly for h lam_max(Theta D) < 2")


_t11, _t22, _d1, _d2 = symbols("theta11 theta22 d1 d2", positive=True)
_c = Symbol("theta12", real=True)


@theorem.step(Sampled(points=8), uses=[largest_step])
def step_shrinks_with_the_attack() -> Relation:
    """lam_max(Theta D) >= Theta_ii d_i, so the stable step is at most 2 exp(-eta_i S g_i)/Theta_ii for every i."""
    trace, gap = _t11 * _d1 + _t22 * _d2, _t11 * _d1 - _t22 * _d2
    largest = (trace + sqrt(gap**2 + 4 * _c**2 * _d1 * _d2)) / 2
    return at_most(_t11 * _d1, largest, given=[below(_c**2, _t11 * _t22)])


__all__ = ["theorem"]
