r"""One neuron with a trained output weight and constant: exact in every dimension.

For |w| = 1 the fit is the projection on one centred feature, and with q = w'Bw/||B||_F, E sigma_0^2 = a + nu,

    test error = 1 - mu_2^2 q^2/(a + nu),    Dirichlet energy = mu_2^2 q^2 (a + nu')/(2 (a + nu)^2).

Over w uniform on the sphere E (w'Bw)^2 = (2 ||B||_F^2 + tr(B)^2)/(d (d + 2)). Derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

from sympy import Expr, Integer, Rational, Symbol, expand, sqrt, symbols

from derivations.core import Derivation, Exact, Lab, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.learning_regimes import feature_gram, random_features
from derivations.learning_regimes.feature_setting import single_neuron_alignment, single_neuron_errors
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    derivative_energy,
    hermite_2,
    linear_coefficient,
    nonlinear_energy,
    rho,
    trace_alignment,
)
from derivations.relations import Claim, equal, follows, statement, tends_to

theorem = Derivation(__name__, title="A single neuron", source=DOHMATOB_BIETTI)

weight = Symbol("v", real=True)
second, slope = linear_coefficient**2 + nonlinear_energy, linear_coefficient**2 + derivative_energy
overlap = sqrt(2) * hermite_2 * single_neuron_alignment
"""r = E f* sigma(w'x)."""
BEST = overlap / second


@theorem.step(Symbolic(), uses=[feature_gram.overlap_with_the_target])
def test_error_of_one_neuron() -> Claim:
    """The loss (2 - 2 v r + v^2 E sigma_0^2)/2 is its least value, the formula, plus a square that is 0 at v = BEST."""
    loss = (2 - 2 * weight * overlap + weight**2 * second) / 2
    return equal(loss, single_neuron_errors()["test_error"] + second * (weight - BEST) ** 2 / 2)


@theorem.step(Symbolic(), uses=[test_error_of_one_neuron, feature_gram.gram_of_gradients])
def energy_of_one_neuron() -> Claim:
    """v^2 E sigma'^2 over S(f*)^2 = 4."""
    return equal(BEST**2 * slope / 4, single_neuron_errors()["dirichlet_energy"])


def _spherical_mean() -> Iterator[Instance]:
    """E (w'Bw)^2 d (d + 2) = E (x'Bx)^2 for x = |x| w Gaussian, since E|x|^4 = d (d + 2); B diagonal."""
    for entries in ((1, -2), (1, 2, 3), (2, -1, -1)):
        points = symbols(f"x1:{len(entries) + 1}", real=True)
        form: Expr = expand(sum((b * x**2 for b, x in zip(entries, points, strict=True)), Integer(0)) ** 2)
        length: Expr = expand(sum((x**2 for x in points), Integer(0)) ** 2)
        for x in points:
            form, length = gaussian_mean(form, x), gaussian_mean(length, x)
        d = len(entries)
        yield f"E|x|^4, d = {d}", length, Integer(d * (d + 2))
        yield f"B = diag{entries}", form, Integer(2 * sum(b * b for b in entries) + sum(entries) ** 2)


@theorem.step(Exact(_spherical_mean), uses=[test_error_of_one_neuron])
def mean_over_rows() -> Claim:
    """By Gaussian integration in two and three dimensions; with it the mean over w of both observables is known."""
    return statement("E (w'Bw)^2 = (2 ||B||_F^2 + tr(B)^2)/(d (d + 2)) for w uniform on the sphere")


SAMPLES = 4000


def fitted_neuron(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """Regression of x'Bx - tr B on relu(x_1) and a constant, SAMPLES inputs; B_11 = q, the other entries equal."""
    x, xp = lab.normal(SAMPLES, d), lab.xp
    q = at.single_neuron_alignment
    rest = ((1 - q**2) / (d - 1)) ** 0.5
    target = q * (x[:, 0] ** 2 - 1) + rest * xp.sum(x[:, 1:] ** 2 - 1, axis=1)
    feature = xp.where(x[:, 0] > 0, x[:, 0], 0.0)
    centred = feature - lab.mean(feature)
    best = float(xp.sum(centred * target) / xp.sum(centred**2))
    residual = target - lab.mean(target) - best * centred
    slopes = xp.where(x[:, 0] > 0, best, 0.0)
    return {
        "test_error": lab.mean(residual**2) / 2,
        "dirichlet_energy": lab.mean(slopes**2) / 4,
        "target_energy": lab.mean(target**2) / 2,
    }


@theorem.step(
    Simulation(
        fitted_neuron,
        at={rho: 1, single_neuron_alignment: Rational(4, 5), "activation": "relu"},
        bias="none",
        tolerance=0.03,
        sizes=(2, 8),
        controls={"target_energy": 1},
    ),
    uses=[test_error_of_one_neuron, energy_of_one_neuron],
)
def sampled_inputs() -> Claim:
    """Fitted on sampled inputs, in two and in eight dimensions."""
    return follows(random_features.theorem.model, "test_error", "dirichlet_energy")


DIMENSION = 8


@theorem.step(
    Simulation(
        "learning_regimes:single_neuron",
        at={rho: Rational(1, DIMENSION), trace_alignment: Rational(3, 5), "activation": "relu"},
        bias="none",
        tolerance=0.03,
        sizes=(DIMENSION,),
        controls={"squared_alignment": 1},
        most=400,
        defaults_of=random_features.model,
    ),
    uses=[mean_over_rows],
)
def drawn_rows() -> Claim:
    """Rows drawn at d = 8: both observables are linear in (w'Bw)^2, of which the mean is known."""
    mean = (2 + trace_alignment**2 * DIMENSION) / (DIMENSION * (DIMENSION + 2))
    found = single_neuron_errors()
    return tends_to({name: value.subs(single_neuron_alignment, sqrt(mean)) for name, value in found.items()})
