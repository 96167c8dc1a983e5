r"""How the error of the closed form scales: with the heterogeneity of the attack, its frequency, and the time.

Seeded instances of u' = -Theta D(t) u on six points, integrated to 12 digits. The closed form is exact in the cases of
`exactness`; elsewhere its error is linear in the heterogeneity of the attack and of order 1/frequency where the attack
varies fast, so that it is asymptotically exact under averaging. Derived here.
"""

from __future__ import annotations

from sympy import Integer, Rational

from derivations.core import Derivation, Rate, Simulation
from derivations.relations import Claim, exponent, follows, tends_to
from derivations.robust_overfitting import degeneration, error_bound, exactness
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(__name__, title="Scaling of the error of the closed form", source=FU_WANG)

COMMUTING = ("constant", "shifted", "blocks", "equal")


@theorem.step(
    Simulation(
        "robust_overfitting_dynamics:commuting_cases",
        at={"amplitude": Rational(1, 2)},
        bias="none",
        tolerance=1e-10,
        sizes=(6,),
        scale=dict.fromkeys(COMMUTING, 1),
        most=5,
    ),
    uses=[exactness.exactness],
)
def commuting_cases() -> Claim:
    """Strengths constant in time; eta_i = c_i + h(t)/g_i; a profile for each block; common eta(t), equal gradients."""
    return tends_to(dict.fromkeys(COMMUTING, 0))


@theorem.step(
    Rate("robust_overfitting_dynamics:heterogeneity", at={"reference": Rational(1, 4)}, sizes=(8, 16, 32), draws=6),
    uses=[error_bound.short_times],
)
def linear_in_heterogeneity() -> Claim:
    """M_ij is linear in the deviation of D from a common profile: exponents eps s_i sin(2 pi t), eps = 1/size."""
    return exponent("error", -1.1, -0.9)


@theorem.step(
    Rate("robust_overfitting_dynamics:switching", at={"amplitude": Rational(4, 5)}, sizes=(4, 8, 16), draws=4),
    uses=[error_bound.levy_area],
)
def fast_switching_averages() -> Claim:
    """The Levy area of an oscillation is inverse to its frequency: the closed form is exact in the limit."""
    return exponent("error", -1.1, -0.9)


@theorem.step(
    Rate("robust_overfitting_dynamics:leading_term", at={"amplitude": Rational(1, 2)}, sizes=(32, 64, 128), draws=5),
    uses=[error_bound.short_times],
)
def remainder_of_the_leading_term() -> Claim:
    """Relative to -Theta (Theta o L) u_0 the rest of the error is of order t = 1/size."""
    return exponent("remainder", -1.2, -0.8)


@theorem.step(
    Simulation(
        "robust_overfitting_dynamics:exchanged_strengths",
        at={
            degeneration.time: Integer(2),
            degeneration.switch: Rational(1, 2),
            degeneration.correlation: Rational(1, 3),
            degeneration.stronger: Rational(3, 2),
            degeneration.weaker: Rational(1, 4),
            degeneration.share: Integer(-2),
        },
        bias="none",
        tolerance=1e-6,
        sizes=(500,),
        most=4,
    ),
    uses=[degeneration.two_points, degeneration.residual_bound, degeneration.error_within_the_envelope],
)
def model_is_the_trained_system() -> Claim:
    """What `solve robust_overfitting.degeneration` gives, against weights of a linear model under gradient flow.

    On both sides of the exchange, with eigenvalues for the bounds.
    """
    return follows(degeneration.theorem.model, *degeneration.OBSERVABLES)


__all__ = ["theorem"]
