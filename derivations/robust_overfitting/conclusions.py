r"""Which conclusions of the paper survive: each with the steps that decide it.

As recalled, what holds instead, and the step:

- u(t) = exp(-Theta Xi) u_0 for any eta_i(t): false in general (counterexample:printed_closed_form), true exactly for
  one profile per component (exactness:exactness).
- f_t = f_0 - Theta(x, X) Theta^-1 (u_0 - u(t)): true for every attack (dynamics:trained_output).
- The residual vanishes and the end is the NTK interpolator: true at frozen kernels for every D
  (degeneration:residual_bound, prediction_bound:prediction_bound).
- It does so at the rate lam_min(Theta Xi(t)): only in the commuting case (degeneration:rate_of_the_closed_form).
- Wide networks follow the closed form, at a fixed d: not in one dimension
  (half_line:wide_networks_follow_the_closed_form); in general a floor of order eta S is left
  (finite_width:floor_in_the_width), which falls as d grows (finite_dimension:floor_in_the_dimension).
- Long training ends where training without attack does, at a fixed d: elsewhere
  (long_training:ends_where_training_without_attack_does), or without interpolating
  (long_training:training_stops_only_at_interpolation); the distance falls as d grows
  (long_training:distance_to_the_interpolator_in_the_dimension).
- Adv-NTK optimises over exp(-Theta diag w): a model class, not all of adversarial training
  (conclusions:propagators_outside_the_family).

The last is settled here: for diag w >= 0 the family's propagators V make V Theta symmetric, and a D(t) that
exchanges the strengths of two points does not. Each member is reached by a constant attack: w = t d,
d_i = e^(eta_i S g_i) >= 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Matrix, Rational, diag, symbols

from derivations.core import Certified, Derivation, Exact
from derivations.evidence import Instance
from derivations.relations import Claim, below, statement
from derivations.robust_overfitting import counterexample, exactness
from derivations.robust_overfitting.propagators import SWAPPED, E
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Which conclusions survive", source=FU_WANG)

a, b, c, w1, w2 = symbols("a b c w1 w2", positive=True)


def _powers() -> Iterator[Instance]:
    theta, weights = Matrix([[a, c], [c, b]]), diag(w1, w2)
    power = theta
    for k in (1, 2, 3):
        power = theta * weights * power
        yield f"(Theta W)^{k} Theta", power[0, 1], power[1, 0]
    value = (SWAPPED.closed_form() * SWAPPED.theta).subs(E, Rational(1, 2))
    yield "exp(-Theta W) Theta at W = 11 h, h = log 2", value[0, 1], value[1, 0]


@theorem.step(Exact(_powers), uses=[exactness.sufficient_cases])
def family_is_symmetric() -> Claim:
    """Each term of the series of exp(-Theta W) Theta is a palindrome in symmetric matrices."""
    return statement("exp(-Theta W) Theta is symmetric for diagonal W; its terms for two points, orders 1 to 3")


@theorem.step(
    Certified({E: (Rational(1, 50), Rational(49, 50))}),
    uses=[family_is_symmetric, counterexample.printed_closed_form],
)
def propagators_outside_the_family() -> Claim:
    """(8, 3) and then (3, 8): the product of exponentials times Theta is not symmetric, for any duration h, E = e^(-h).

    With two outputs the whole propagator is seen, so no w of the family reproduces this training.
    """
    product = SWAPPED.exact() * SWAPPED.theta
    return below(0, ((product[0, 1] - product[1, 0]) ** 2).expand())


__all__ = ["theorem"]
