"""The Marchenko-Pastur law: the ridge resolvent of a large white sample covariance.

Let X be n x p with independent standard normal entries, S = X'X/n, and let p/n -> c. For every ridge lam > 0 the
normalised trace of (S + lam)^(-1) converges to the deterministic m below.
"""

from __future__ import annotations

from types import SimpleNamespace

from sympy import Rational, sqrt

from derivations.core import (
    Assumed,
    Certified,
    Cited,
    Derivation,
    FunctionParameter,
    Lab,
    Model,
    Phase,
    Simulation,
    Source,
    Symbolic,
    parameter,
    unknown,
)
from derivations.relations import Claim, at_most, below, equal, follows, limit_of, refuted, solves, statement


def ridge_trace(lab: Lab, at: SimpleNamespace, n: int) -> dict[str, float]:
    """(1/p) tr (X'X/n + lam)^(-1) for one n x (c n) draw."""
    rows = lab.normal(n, max(round(at.c * n), 1))
    return {"resolvent_trace": lab.mean(1 / (lab.eigvalsh(rows.T @ rows / n) + at.lam))}


theorem = Derivation(
    __name__,
    title="Ridge resolvent of a white Wishart matrix",
    source=Source(
        "marchenko1967",
        ("Marchenko, V. A.", "Pastur, L. A."),
        "Distribution of eigenvalues & more",
        1967,
        venue="Math. USSR Sb.",
        doi="10.1070/SM1967v001n04ABEH001994",
    ),
    simulations={"L1": ridge_trace},
)

c = parameter("c", "aspect ratio p/n", positive=True, convention="limit of p/n")
lam = parameter("lam", "ridge", nonnegative=True, default=Rational(1, 2), convention="added to X'X/n")
slope = parameter("slope", "linear coefficient of the activation", positive=True)
activation = FunctionParameter("activation", "the activation", "relu", {"linear_coefficient": slope})
m = unknown("m", "limit of tr (S + lam)^(-1) / p", positive=True)
closed_form = (sqrt((1 - c + lam) ** 2 + 4 * c * lam) - (1 - c + lam)) / (2 * c * lam)


@theorem.step(Assumed())
def gaussian_rows() -> Claim:
    """The rows of X are independent standard normal vectors."""
    return statement("X has independent N(0, 1) entries")


@theorem.step(Cited("Bai & Silverstein (2010), section 3.3"), uses=[gaussian_rows])
def fixed_point() -> Claim:
    """Removing one row of X changes the resolvent by rank one; the trace lemma closes the loop."""
    return equal(m, 1 / (1 - c + lam + c * lam * m))


@theorem.step(Symbolic(), uses=[fixed_point])
def solution() -> Claim:
    """Clearing the denominator leaves a quadratic in m; the closed form is its positive root."""
    return solves(fixed_point, {m: closed_form})


@theorem.step(Certified({c: (Rational(1, 10), 9), lam: (Rational(1, 10), 10)}), uses=[solution])
def contraction() -> Claim:
    """A resolvent has norm at most 1/lam, and this root respects it."""
    return below(lam * closed_form, 1)


@theorem.step(Certified({}), uses=[solution])
def forgotten_ridge() -> Claim:
    """The published bound forgets the ridge."""
    return refuted(at_most(closed_form, Rational(1, 2)), {c: 1, lam: Rational(1, 10)})


@theorem.step(Symbolic(), uses=[solution])
def few_features() -> Claim:
    """With few features the matrix is the identity."""
    return limit_of(closed_form, c, 0, 1 / (1 + lam))


@theorem.solvable
def model() -> Model:
    """The fixed point, solved."""
    no_ridge = Phase(
        "no_ridge",
        "outside_domain",
        (equal(lam, 0), at_most(1, c)),
        {"resolvent_trace": None},
        "no inverse without ridge",
    )
    return Model(
        parameters=(c, lam, activation),
        unknowns=(m,),
        program=(),
        equations=(equal(m, 1 / (1 - c + lam + c * lam * m)),),
        observables={"resolvent_trace": m},
        start={m: 1 / (1 + lam)},
        phases=(no_ridge,),
    )


@theorem.step(
    Simulation(
        ridge_trace,
        at={c: Rational(1, 2), lam: Rational(1, 2)},
        bias="1/d",
        tolerance=0.02,
        sizes=(40, 80, 160),
        most=16,
    ),
    uses=[contraction],
)
def law() -> Claim:
    """The theorem itself, seen on finite matrices."""
    return follows(model(), "resolvent_trace")
