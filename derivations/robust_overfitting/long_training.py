r"""Long adversarial training at a fixed input dimension: it need not interpolate, and its end is not the NTK
interpolator.

Already for the linear network f(x) = w.x (the wide limit of linear activations up to a constant kernel), where
training is linear in the parameters and the attack linear in x. One sample x = e_1, label y, d = 2, w = (along,
across), u = along - y, g = |w|^2, e^(eta S g) = 1 + gain. The attack ends at e_1 + w gain u/g with residual (1 +
gain) u, and

    w' = -(e_1 + w gain u/g) (1 + gain) u.

Without attack, and in the frozen closed form, `across` never moves: the end is (y, across(0)). Under attack it
shrinks as long as u != 0: the gradient penalty that freezing d_theta f at the clean input drops. And w' = 0 has
solutions with u != 0, where the attack takes the input to 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Expr, Integer, Rational, Symbol, diff, exp, log

from derivations.core import Certified, Derivation, Exact, Level, Rate, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.relations import Claim, below, equal, exponent, refuted, tends_to
from derivations.robust_overfitting import dynamics, finite_width
from derivations.robust_overfitting.finite_width import AT
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="The end of long adversarial training",
    source=FU_WANG,
    simulations={"networks": "robust_overfitting_width:long_training_by_width"},
)

RECALLED = "recalled: long adversarial training degenerates to training without attack; read at a fixed input dimension"

along, across, label = (Symbol(name, real=True) for name in ("along", "across", "y"))
gain, s, mark = (Symbol(name, positive=True) for name in ("gain", "s", "mark"))
strength = Symbol("strength", positive=True)
square, residual = along**2 + across**2, along - label


def _attacked(growth: Expr) -> tuple[Expr, Expr]:
    """The input after the residual has grown by the factor `growth`."""
    length = (growth - 1) * residual / square
    return 1 + along * length, across * length


def _velocity(growth: Expr) -> tuple[Expr, Expr]:
    point = _attacked(growth)
    return -point[0] * growth * residual, -point[1] * growth * residual


@theorem.step(Symbolic(), uses=[dynamics.attack_grows_exactly])
def attacked_input() -> Claim:
    """dx/ds = (w.x - y) w, both components (the second marked), from x = e_1."""
    first, second = _attacked(exp(square * s))
    seen = along * first + across * second - label
    moved = Derivative(first, s) + mark * Derivative(second, s)
    return equal(moved, seen * along + mark * seen * across)


size, distance = Symbol("size", positive=True), Symbol("distance", positive=True)


@theorem.step(Symbolic(), uses=[attacked_input])
def across_shrinks() -> Claim:
    """(across^2)' < 0 while u != 0: what no training without attack can move, adversarial training takes away.

    The claim at |across| = size and |u| = distance; it never grows back, so the end differs from the start.
    """
    moved = _velocity(1 + gain)[1] * across
    return below(0, -moved.subs(label, along - distance).subs(across, size))


def _ends() -> Iterator[Instance]:
    at = {along: Integer(1), across: Integer(1), label: Integer(0)}
    yield "w' at w = (1, 1), y = 0", [part.subs(at) for part in _velocity(Integer(2))], [Integer(-3), Integer(-1)]


@theorem.step(Exact(_ends), Certified({}), uses=[across_shrinks], source=RECALLED)
def ends_where_training_without_attack_does() -> Claim:
    """At a fixed dimension: across' = 0, as training without attack has it. At w = (1, 1), y = 0, gain 1 it is -1.

    `across` is f(e_2): the trained function differs away from the sample, however long the training.
    """
    return refuted(equal(_velocity(1 + gain)[1], 0), {along: 1, across: 1, label: 0, gain: 1})


STALLED = {along: 1, across: 0, label: 2, gain: 1}


def _stall() -> Iterator[Instance]:
    at = {along: Integer(1), across: Integer(0), label: Integer(2)}
    yield "attacked input", [part.subs(at) for part in _attacked(Integer(2))], [Integer(0), Integer(0)]


@theorem.step(Exact(_stall), Certified({}), uses=[attacked_input], source=RECALLED)
def training_stops_only_at_interpolation() -> Claim:
    """w' = 0 with u = -1: at w = (1, 0), y = 2, e^(eta S) = 2 the attack takes the input to 0, where the gradient
    in w vanishes.

    That the attacked residual vanishes only with the clean one does not make training interpolate.
    """
    still = [equal(part, 0) for part in _velocity(1 + gain)]
    return refuted(equal(residual, 0, given=still), STALLED)


@theorem.step(Certified({}), uses=[training_stops_only_at_interpolation])
def stall_is_stable() -> Claim:
    """The slope of along' there, at the eta S = log 2 of the instance: negative, and across shrinks from both sides.

    So training from a whole neighbourhood ends at half the label.
    """
    force = _velocity(exp(strength * square))[0].subs(across, 0)
    return below(diff(force, along).subs({along: 1, label: 2}).subs(strength, log(2)), 0)


LONG = {**AT, "time": Integer(10), "networks": Integer(3)}
BY_WIDTH = "robust_overfitting_width:long_training_by_width"
BY_DIMENSION = "robust_overfitting_width:long_training_by_dimension"
WIDTHS = (64, 128, 256)


def _in_dimension(value: int) -> Simulation:
    return Simulation(
        BY_WIDTH,
        at={**LONG, "dimension": Integer(value)},
        bias="none",
        tolerance=0.02,
        sizes=(128, 256),
        scale={"residual": Integer(1)},
        most=4,
        level=Level.standard,
    )


@theorem.step(_in_dimension(10), _in_dimension(40), uses=[attacked_input])
def clean_residual_vanishes() -> Claim:
    """Labels of size 1 are below where training stalls: the clean training points are interpolated at time 10."""
    return tends_to({"residual": 0})


@theorem.step(
    Rate(BY_WIDTH, at={**LONG, "networks": Integer(4)}, sizes=(64, 256, 1024), draws=8, level=Level.standard),
    uses=[clean_residual_vanishes, finite_width.linearisation, across_shrinks],
)
def distance_to_the_interpolator_in_the_width() -> Claim:
    """On test points of erf networks, linearised in the parameters: wide ones end as far from the NTK interpolator."""
    return exponent("gap", -0.3, 0.3)


@theorem.step(
    Rate(
        BY_DIMENSION,
        at={**LONG, "width": Integer(256), "data": "new"},
        sizes=(10, 20, 40, 80),
        draws=8,
        level=Level.standard,
    ),
    uses=[distance_to_the_interpolator_in_the_width],
)
def distance_to_the_interpolator_in_the_dimension() -> Claim:
    """It falls with the input dimension, as the attack's curvature and the drift of the ARK do."""
    return exponent("gap", -1.2, -0.3)


@theorem.step(
    Simulation(
        BY_WIDTH,
        at=LONG,
        bias="none",
        tolerance=0.2,
        sizes=(128, 256),
        most=8,
        level=Level.standard,
    ),
    uses=[across_shrinks],
)
def gradient_regularisation_remains() -> Claim:
    """|grad f|^2 on the training points, over its end without attack: about 3/4 at d = 10 (measured)."""
    return tends_to({"gradient_share": Rational(3, 4)})


__all__ = ["theorem"]
