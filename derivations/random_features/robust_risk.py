"""Standard and robust risk of adversarially trained random features in the proportional limit.

Inputs N(0, I_d), labels y = <beta, x> + noise, f(x; theta) = <theta, sigma(W x)> with N random features, n samples,
N/d -> psi1, n/d -> psi2; theta minimises (1/2n) sum_i max over ||delta_i|| <= epsilon of (y_i - f(x_i + delta_i))^2
+ (ridge/2) ||theta||^2. The standard risk E(y - f(x))^2, the robust risk E max (y - f(x + delta))^2, the robust
training loss, the gradient norm and ||theta||^2 converge to functions of the fixed point of four scalar equations, the
stationary point of one potential. It has two unknowns once the scale is divided out. Above a critical epsilon the
estimator is zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Rational

from derivations.core import Derivation, Level, Model, Simulation, Step
from derivations.random_features import collapse, scalar_reduction, uniqueness
from derivations.random_features.setting import robust_model
from derivations.random_features.symbols import HASSANI_JAVANMARD, epsilon, epsilon_test, noise, psi1, psi2
from derivations.relations import Claim, follows

theorem = Derivation(
    __name__,
    title="Robust and standard risk of adversarially trained random features",
    source=HASSANI_JAVANMARD,
    simulations={
        "L1": "random_features:first_order",
        "L0": "random_features:true_adversary",
        "L2": "random_features:mean_gradient",
        "L3": "random_features:gaussian_features",
    },
)


@theorem.solvable
def model() -> Model:
    """The fixed point, its observables, and the phases in which they are known in closed form."""
    return robust_model()


POINTS = (
    (3.83, 5.06, 0.47, 0.42),
    (1.13, 1.68, 0.78, 0.75),
    (0.31, 1.91, 0.23, 0.33),
    (2.18, 0.64, 1.03, 0.52),
    (1.79, 2.75, 0.70, 0.62),
    (0.53, 0.90, 0.55, 0.20),
    (0.64, 3.61, 1.11, 0.70),
    (4.53, 1.18, 0.14, 0.44),
    (5.73, 2.31, 1.14, 0.27),
    (0.81, 0.58, 0.10, 0.61),
    (0.46, 5.65, 0.67, 0.49),
    (1.56, 1.41, 0.59, 0.68),
)
"""(psi1, psi2, epsilon, noise): the first 12 points of scipy.stats.qmc.Sobol(4, seed=0) on log psi1 in log [0.3, 6],
log psi2 in log [0.5, 6], epsilon in [0.05, 1.2], noise in [0.2, 0.8], to two decimals. Five lie above psi1 = psi2,
two in the collapsed phase. Points 3, 5 and 6, with N <= n and away from the collapse, are the quick claims; the deep
ones are 1, 4 and 8. The unit of all tolerances is the null risk where that is larger: near the collapse A and
||theta||^2 tend to 0.
"""

OBSERVABLES = ("standard_risk", "robust_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared")


def _claim_at(number: int, level: Level, tolerance: float, sizes: tuple[int, ...], most: int) -> Step:
    """The step that claims all five observables at a point of the list, simulated at the rung of first-order
    attacks.
    """
    point = dict(zip((psi1, psi2, epsilon, noise), (Rational(str(x)) for x in POINTS[number - 1]), strict=True))
    evidence = Simulation(
        "random_features:first_order",
        at=point,
        bias="1/d",
        tolerance=_tolerances(tolerance),
        sizes=sizes,
        scale=dict.fromkeys(OBSERVABLES, 1 + point[noise] ** 2),
        controls={"label_energy": 1 + point[noise] ** 2, "target_energy": 1},
        most=most,
        level=level,
    )

    def law() -> Claim:
        return follows(theorem.model, *OBSERVABLES)

    law.__name__ = f"{level.name}_point_{number}"
    law.__doc__ = f"Finite networks with a gradient for every sample, at {_write(point)}, extrapolated in 1/d."
    return theorem.step(
        evidence,
        uses=[scalar_reduction.convergence, uniqueness.one_root, scalar_reduction.two_unknowns, collapse.threshold],
    )(law)


def _tolerances(relative: float) -> Mapping[str, float]:
    """The gradient norm and ||theta||^2 scatter more and are held to twice the tolerance of the risks."""
    wide = ("gradient_norm", "weight_norm_squared")
    return {name: (2 if name in wide else 1) * relative for name in OBSERVABLES}


def _write(point: Mapping[object, object]) -> str:
    return ", ".join(f"{name} = {float(value):g}" for name, value in point.items())  # type: ignore[arg-type]


def _closed_form(features: int, samples: int, radius: int) -> Simulation:
    return Simulation(
        "random_features:gaussian_features",
        at={psi1: features, psi2: samples, epsilon: radius, epsilon_test: Rational(1, 2)},
        bias="1/d",
        tolerance=_tolerances(0.06),
        sizes=(20, 40, 80),
        scale=dict.fromkeys(OBSERVABLES, 1),
        most=128,
    )


@theorem.step(_closed_form(3, 1, 0), _closed_form(1, 2, 2), uses=[scalar_reduction.weight_norm, collapse.threshold])
def closed_forms() -> Claim:
    """The interpolator of least norm and the zero estimator, on draws of the Gaussian equivalent of the features."""
    return follows(theorem.model, *OBSERVABLES)


for _number in (3, 5, 6):
    _claim_at(_number, Level.quick, 0.05, (32, 64, 128), most=400)
for _number in range(1, len(POINTS) + 1):
    _claim_at(_number, Level.standard, 0.03, (64, 128, 256), most=8000)
for _number in (1, 4, 8):
    _claim_at(_number, Level.deep, 0.005, (1024, 2048, 4096), most=64)
