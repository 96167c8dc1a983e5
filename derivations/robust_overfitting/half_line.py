r"""Wide networks do not follow the printed closed form at a fixed input dimension: an exact instance in one
dimension.

ReLU, no biases, d = 1, the single training point x = 1 with label 0. On x > 0 the network is f(x) = a x, exactly
linear in x, and the infinitely wide one has the kernel k x x'. The attack moves the point to e^(eta S a^2), so that

    a' = -k a e^(2 eta S a^2),    E_1(2 eta S a(t)^2) - E_1(2 eta S a(0)^2) = 2 k t,

where the closed form has a' = -k a e^(eta S a(0)^2): the features are taken at the clean point (which loses one
factor already at t = 0), and the input gradient stays what it was. Nothing else is left out: the attack is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, Integer, Rational, Symbol, exp, expint, log

from derivations.core import Certified, Derivation, Exact, Level, Rate, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.relations import Claim, equal, exponent, refuted, statement, tends_to
from derivations.robust_overfitting import dynamics, finite_width
from derivations.robust_overfitting import network_kernels as network
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="Wide networks leave the closed form: one dimension",
    source=FU_WANG,
    simulations={"networks": "robust_overfitting_line:half_line"},
)

RECALLED = (
    "recalled: wide networks follow the closed form; read here at a fixed input dimension, which the paper lets grow"
)

slope, strength, scale, s = (Symbol(name, positive=True) for name in ("a", "strength", "k", "s"))
"""a = f'(x) on x > 0, eta S, the kernel's k, the attack's time."""


def _kernels() -> Iterator[Instance]:
    point, other, weight = Integer(3), Rational(2, 3), Rational(3, 2)
    for hidden in (1, 2, 3):
        layer = network.pair_kernels("relu", hidden)
        on_the_line = {network.p: point**2, network.r: other**2, network.q: point * other}
        value = layer["Theta"].subs({**on_the_line, network.b_std: 0, network.W_std: weight})
        yield f"{hidden} hidden", value, (hidden + 1) * weight**2 * (weight**2 / 2) ** hidden * point * other


@theorem.step(Exact(_kernels))
def kernel_on_the_line() -> Claim:
    """Without biases ReLU networks are homogeneous, and two points on one ray have the angle 0 in every layer."""
    return statement("Theta(x, x') = (L + 1) W_std^2 (W_std^2/2)^L x x' for x, x' > 0 and L hidden layers; instances")


@theorem.step(Symbolic(), uses=[dynamics.attack_grows_exactly])
def attacked_point() -> Claim:
    """dx/ds = (f(x) - 0) f'(x) = a^2 x from x = 1."""
    point = exp(slope**2 * s)
    return equal(Derivative(point, s), (slope * point) * slope)


attacked = exp(strength * slope**2)


def velocity(features_at: Expr, /) -> Expr:
    """a' = -Theta(1, x) f(x_S), the kernel taken at `features_at`, the residual at the attacked point."""
    return -scale * features_at * slope * attacked


@theorem.step(Symbolic(), uses=[attacked_point, kernel_on_the_line])
def solution() -> Claim:
    """The time that the flow of a spends is an exponential integral: d/dt E_1(2 eta S a^2) = 2 k."""
    return equal(Derivative(expint(1, 2 * strength * slope**2), slope) * velocity(attacked), 2 * scale)


@theorem.step(
    Exact(_kernels), Certified({}), uses=[solution, finite_width.linearisation, dynamics.linear_system], source=RECALLED
)
def wide_networks_follow_the_closed_form() -> Claim:
    """At t = 0 the closed form's a' lacks the factor e^(eta S a^2): at eta S a^2 = log 2 it is half of the true one.

    No width enters: this is the limit of infinite width at d = 1. It is to be expected only if d grows too.
    """
    return refuted(equal(velocity(attacked), velocity(Integer(1))), {slope: 1, scale: 1, strength: log(2)})


AT = {"W_std": Integer(1), "strength": log(2), "time": Integer(1), "networks": Integer(8)}


def _rates(draws: int = 5) -> tuple[Rate, ...]:
    name = "robust_overfitting_line:half_line"
    return (
        Rate(name, at=AT, sizes=(32, 256), draws=3 * draws),
        Rate(name, at=AT, sizes=(64, 256, 1024, 4096), draws=draws, level=Level.standard),
    )


@theorem.step(*_rates(), uses=[solution])
def networks_follow_the_solution() -> Claim:
    """Trained networks approach the implicit solution from a(0) = 1, as their kernel does its limit: n^(-1/2)."""
    return exponent("solution", -0.75, -0.25)


@theorem.step(*_rates(), uses=[wide_networks_follow_the_closed_form])
def networks_leave_the_closed_form() -> Claim:
    """The same networks do not approach the closed form with their own empirical kernel and input gradient."""
    return exponent("closed_form", -0.25, 0.25)


@theorem.step(
    Simulation(
        "robust_overfitting_line:stall",
        at={**AT, "time": Integer(4)},
        bias="none",
        tolerance=0.02,
        sizes=(256, 1024),
        most=8,
        level=Level.standard,
    ),
    uses=[networks_follow_the_solution],
)
def networks_stall() -> Claim:
    """With the label 2 at eta S = log 2 training stops at f(1) = 1, where the attack ends at x = 0: see long_training.

    The attack's flow approaches 0 without crossing it; an attack in coarse steps crosses, and training drifts on.
    """
    return tends_to({"output": 1})


__all__ = ["theorem"]
