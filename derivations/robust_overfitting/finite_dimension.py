r"""The floor under attack: it falls with the input dimension, is linear in eta S, and two assumptions make it.

Setting and law as in `finite_width`. Between linearised networks under the exact attack and the closed form stand four
models; the gap of each is given as a share of the closed form's:

| model           | attack                    | features d_theta f_0      | repaired        |
| --------------- | ------------------------- | ------------------------- | --------------- |
| tangent         | on the current tangent    | at the attacked inputs    | both            |
| frozen_gradient | on the initial tangent    | at the attacked inputs    | features only   |
| clean_tangent   | on the current tangent    | at the clean inputs       | gradient only   |
| clean           | exact                     | at the clean inputs       | gradient, curvature |

The first is the corrected system (with each network's own kernel): only its gap is small.
"""

from __future__ import annotations

from sympy import Integer, Rational

from derivations.core import Derivation, Level, Rate, Simulation
from derivations.relations import Claim, exponent, tends_to
from derivations.robust_overfitting import ark, dynamics, finite_width
from derivations.robust_overfitting.finite_width import AT
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="The floor under attack: dimension, strength, and what makes it",
    source=FU_WANG,
    simulations={"by dimension": "robust_overfitting_width:closed_form_by_dimension"},
)

NEW = {**AT, "data": "new", "networks": Integer(3)}


def _by_dimension(*, quick: tuple[int, ...], draws: int) -> tuple[Rate, ...]:
    name, wide = "robust_overfitting_width:closed_form_by_dimension", {**NEW, "width": Integer(2048)}
    found = [
        Rate(name, at=wide, sizes=(10, 20, 40, 80, 160), draws=8, level=Level.standard),
        Rate(name, at={**wide, "width": Integer(32768)}, sizes=(10, 40, 160, 640), draws=8, level=Level.deep),
    ]
    return tuple(([Rate(name, at=NEW, sizes=quick, draws=draws)] if quick else []) + found)


@theorem.step(*_by_dimension(quick=(8, 32), draws=14), uses=[finite_width.floor_in_the_width])
def floor_in_the_dimension() -> Claim:
    """Curvature of f and the change of its gradient are both of order 1/d; networks must be wide for it to be seen."""
    return exponent("share", -1.3, -0.3)


@theorem.step(*_by_dimension(quick=(), draws=8), uses=[ark.drift, finite_width.drift_in_the_width])
def drift_in_the_dimension() -> Claim:
    """The relative change of |grad f|^2 on training points under attack falls like that without attack, about 1/d."""
    return exponent("drift", -1.2, -0.5)


WEAK = {**AT, "strength": Rational(1, 50), "networks": Integer(2), "time": Rational(1, 2)}


@theorem.step(
    Simulation("robust_overfitting_width:strength_law", at=WEAK, bias="none", tolerance=0.2, sizes=(32,), most=4),
    uses=[dynamics.attack_grows_exactly],
)
def linear_in_the_strength() -> Claim:
    """The gap at 2 eta S over that at eta S, on the same networks: no attack, no gap, and the first order does not
    vanish."""
    return tends_to({"exponent": 1})


def _decomposed(dimension: int, sizes: tuple[int, ...]) -> Simulation:
    return Simulation(
        "robust_overfitting_width:decomposition",
        at={**AT, "dimension": Integer(dimension), "networks": Integer(4)},
        bias="none",
        tolerance={"tangent": 0.35, "frozen_gradient": 0.6, "clean": 0.35, "clean_tangent": 0.35},
        sizes=sizes,
        scale={"tangent": Integer(1)},
        most=6,
        level=Level.standard,
    )


@theorem.step(
    _decomposed(10, (256, 512)),
    _decomposed(40, (256, 512)),
    _decomposed(160, (256, 512)),
    uses=[finite_width.corrected_system_in_the_width],
)
def both_must_be_repaired() -> Claim:
    """The share of the closed form's gap that each model leaves: about nothing if both are repaired, else most of
    it."""
    return tends_to({"tangent": 0, "frozen_gradient": 1, "clean": 1, "clean_tangent": 1})


__all__ = ["theorem"]
