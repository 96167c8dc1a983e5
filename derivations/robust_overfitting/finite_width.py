r"""Networks of finite width under attack: which gaps to the theory close with the width n, and which with the
dimension d.

Six points uniform on |x|^2 = d with labels +-1, gradient flow on the sum of squares, the attack a gradient flow of
strength eta S, gaps as root mean squares over times, training and test points. In summary

    gap(network, closed form) ~ C eta S/d + O(eta S n^(-1/2)) + O(1/n),

the first term from freezing d_theta f at the clean input and the input gradient at its start: both must be
repaired. Without attack the closed form with the empirical kernel is right to O(1/n), with the infinite-width one
to O(n^(-1/2)). The corrected system at infinite width,

    f_t(x)' = -sum_j Theta(x, x_j + delta_j) r_j,   J_i' = -sum_j d_x Theta(x_i, x_j + delta_j) r_j,
    r_j = e^(eta S |J_j|^2) u_j,   delta_j = J_j (e^(eta S |J_j|^2) - 1) u_j/|J_j|^2,

leaves out the attack's curvature only. All exponents are measured; what is exact is in half_line and long_training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sympy import Integer, Rational, Symbol

from derivations.core import Derivation, Level, Rate
from derivations.evidence import Number
from derivations.relations import Claim, exponent
from derivations.robust_overfitting import ark, dynamics
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="Finite networks under attack: gaps in the width and in the dimension",
    source=FU_WANG,
    simulations={"by width": "robust_overfitting_width:closed_form_by_width"},
)

Setting: TypeAlias = "Mapping[Symbol | str, Number | str]"
AT: dict[Symbol | str, Number | str] = {
    "dimension": Integer(10),
    "width": Integer(256),
    "depth": Integer(1),
    "activation": "erf",
    "W_std": Rational(3, 2),
    "b_std": Rational(1, 10),
    "strength": Rational(3, 10),
    "time": Integer(1),
    "networks": Integer(4),
    "data": "one",
}
"""erf, one hidden layer, d = 10; one data set in all draws of a dimension, so that widths are compared on the same
data."""

STANDARD = (64, 256, 1024, 4096)
DEEP = (512, 4096, 32768)


def rates(experiment: str, *, quick: tuple[int, ...], draws: int, networks: int) -> tuple[Rate, ...]:
    """Evidence from widths at each level; `quick` widths, draws of so many networks; standard and deep see 24
    networks."""
    name = f"robust_overfitting_width:{experiment}"
    first = [Rate(name, at={**AT, "networks": Integer(networks)}, sizes=quick, draws=draws)] if quick else []
    return (
        *first,
        Rate(name, at=AT, sizes=STANDARD, draws=6, level=Level.standard),
        Rate(name, at=AT, sizes=DEEP, draws=6, level=Level.deep),
    )


@theorem.step(*rates("linearisation", quick=(32, 256), draws=4, networks=4), uses=[dynamics.attack_grows_exactly])
def linearisation() -> Claim:
    """The tangent kernel changes by about 1/n during training, and so does f against its linearisation.

    Both networks, the true one and its linearisation, face an attack on themselves.
    """
    return exponent("share", -1.25, -0.6)


@theorem.step(*rates("without_attack", quick=(64, 256), draws=16, networks=8), uses=[linearisation])
def empirical_kernel_without_attack() -> Claim:
    """The control: without attack the flow of the empirical kernel is the linearisation."""
    return exponent("empirical", -1.3, -0.65)


@theorem.step(*rates("without_attack", quick=(64, 256), draws=16, networks=8), uses=[empirical_kernel_without_attack])
def infinite_kernel_without_attack() -> Claim:
    """The empirical kernel is a mean over n neurons: the infinite-width one misses by n^(-1/2)."""
    return exponent("infinite", -0.7, -0.3)


@theorem.step(
    *rates("closed_form_by_width", quick=(64, 256), draws=10, networks=4), uses=[linearisation, dynamics.linear_system]
)
def floor_in_the_width() -> Claim:
    """The closed form, with each network's own kernel and input gradients, misses as much of the attack's effect.

    In narrow networks a little more, from the other terms; the interval is clear of n^(-1/2).
    """
    return exponent("share", -0.4, 0.2)


@theorem.step(*rates("closed_form_by_width", quick=(), draws=0, networks=0), uses=[ark.drift])
def drift_in_the_width() -> Claim:
    """|grad f|^2 on training points changes during training by as much in wide networks, unlike the kernel."""
    return exponent("drift", -0.25, 0.25)


@theorem.step(
    *rates("corrected_by_width", quick=(), draws=0, networks=0),
    uses=[floor_in_the_width, infinite_kernel_without_attack],
)
def corrected_system_in_the_width() -> Claim:
    """The corrected system at infinite width is approached by n^(-1/2), until the attack's curvature is what is
    left."""
    return exponent("share", -0.85, -0.3)


def _standard(experiment: str, widths: tuple[int, ...], **changed: Number | str) -> Rate:
    name, at = f"robust_overfitting_width:{experiment}", {**AT, **changed}
    return Rate(name, at=at, sizes=widths, draws=6, level=Level.standard)


@theorem.step(_standard("linearisation", (64, 128, 256), depth=Integer(2)), uses=[linearisation])
def linearisation_of_two_layers() -> Claim:
    """Two hidden layers: the same law, a larger constant."""
    return exponent("share", -1.25, -0.6)


RELU: dict[str, Number | str] = {"activation": "relu", "dimension": Integer(40)}


@theorem.step(_standard("linearisation", (64, 256, 1024), **RELU), uses=[linearisation])
def linearisation_of_relu() -> Claim:
    """ReLU is not twice differentiable: about n^(1/2) neurons switch during training, and the gap falls slower."""
    return exponent("share", -0.85, -0.4)


@theorem.step(_standard("closed_form_by_width", (256, 1024, 4096), **RELU), uses=[floor_in_the_width])
def floor_of_relu() -> Claim:
    """The floor is there too."""
    return exponent("share", -0.3, 0.2)


__all__ = ["theorem"]
