"""Linear regression on features trained against an l2 attack, solved to a certified duality gap.

Two objectives, for features F (n, N), labels y (n,), attack radius e and ridge z:

    mean gradient (rungs L2, L3)   (1/2n) sum_i (|y_i - F_i.theta| + e sqrt(theta' J theta))^2 + (z/2) ||theta||^2
    per sample (rung L1)           (1/2n) sum_i (|y_i - F_i.theta| + e ||J_i theta||)^2        + (z/2) ||theta||^2

with J (N, N) the mean gradient Gram matrix, and J_i = W' diag(slopes_i) the gradient of sigma(W x) at x_i. Both are
convex; the solver survives interpolation (N > n), where most residuals of a minimiser are exactly zero. Array code for
NumPy and CuPy: everything runs where the features live.
"""

import enum
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from numerics.duality_gap import least_squares_bound, per_sample_bound, robust_sum_of_squares, shared_bound
from numerics.interior_point import Iterate, minimise, start, start_near
from numerics.lab import Array, LinAlgError, cholesky, namespace, solve_triangular
from numerics.lab import gram as gram_matrix
from numerics.newton_systems import MeanGradient, PerSampleGradient, identity, regularised_cholesky
from numerics.ridge_regression import ridge_regression
from numerics.second_order_cone import norms

# Below this share of the null objective an objective counts as zero: relative to it, a gap would only show rounding.
NEGLIGIBLE = 1e-14
# Directions of a Gram matrix weaker than this share of the strongest are treated as null by the projection.
SINGULAR = 1e-12


class Status(enum.Enum):
    """How far a result can be trusted; the value is the advice."""

    CERTIFIED = "The relative duality gap is within the tolerance: the objective is that close to its minimum."
    COLLAPSED = "theta = 0 is the minimiser, certified: against this attack (or for these labels) nothing else pays."
    NOT_CERTIFIED = (
        "Rounding ended progress before the gap met the tolerance. Read the gap: it is still a valid bound. Looser "
        "tolerances, a larger epsilon or ridge, or features that are not nearly dependent will help."
    )

    @property
    def advice(self) -> str:
        """What to make of it, in a sentence or two."""
        return str(self.value)


@dataclass(frozen=True)
class RegressionResult:
    """A minimiser theta (N,), its objective, a lower bound on every objective, and their relative difference `gap`."""

    theta: Array
    objective: float
    dual_value: float
    gap: float
    iterations: int
    status: Status


def solve_mean_gradient(
    features: Array, labels: Array, gram: Array, epsilon: float, /, *, ridge: float = 0.0, tolerance: float = 1e-8
) -> RegressionResult:
    """Minimise (1/2n) sum (|y - F theta| + epsilon sqrt(theta' J theta))^2 + (ridge/2) ||theta||^2, J = `gram`.

    `features` (n, N), `labels` (n,), `gram` (N, N) positive definite. epsilon = 0 gives ridge regression, and the
    solution of least norm at ridge = 0. ValueError for shapes or values outside these. Derived here.
    """
    _check(features, labels, epsilon, ridge, tolerance)
    scale = _scale(labels)
    if epsilon == 0.0 or scale == 0.0:
        return _without_attack(features, labels, ridge, tolerance)
    factor, whitened = _whiten(features, gram)
    labels = labels / scale
    weight = ridge * labels.shape[0]

    def certify(theta: Array, push: Array) -> tuple[float, float]:
        strength = epsilon * _length(factor.T @ theta)
        cost = weight * _length(theta) ** 2
        value = robust_sum_of_squares(labels - features @ theta, strength) + cost
        remainder = solve_triangular(factor, weight * theta) if weight > 0.0 else None
        return value, 2.0 * shared_bound(whitened, labels, epsilon, push, remainder=remainder, cost=cost / 2.0)

    null = 0.0 * features[0, :]
    if _null_is_optimal(whitened, labels, epsilon):
        return _result(null, *certify(null, labels), 0, scale, labels, tolerance)
    attack, restore = _mean_attack(whitened, factor, epsilon, weight)

    def attempts() -> Iterable[tuple[Array, float, float, int]]:
        iterate, total = start(attack, labels), 0
        for accuracy in (0.5 * tolerance, 0.005 * tolerance):
            iterate, count = minimise(attack, labels, iterate, tolerance=accuracy)
            theta, total = restore(iterate.theta), total + count
            yield theta, *certify(theta, iterate.upper - iterate.lower), total

    return _first_certified(attempts(), scale, labels, tolerance)


def solve_per_sample(
    features: Array,
    labels: Array,
    first_layer: Array,
    slopes: Array,
    epsilon: float,
    /,
    *,
    ridge: float = 0.0,
    tolerance: float = 1e-8,
) -> RegressionResult:
    """Minimise (1/2n) sum (|y_i - F_i.theta| + epsilon ||W' (slopes_i * theta)||)^2 + (ridge/2) ||theta||^2.

    `features` (n, N), `labels` (n,), `first_layer` W (N, d), `slopes` sigma'(X W') (n, N). The start is a rough
    solution for the mean of these gradients' Gram matrices. epsilon = 0 as in `solve_mean_gradient`. ValueError for
    shapes or values outside these. A first layer of rank 2 or 3 can make the problem degenerate: it may then stay
    NOT_CERTIFIED, at gaps of up to 6e-5 in what was tried. Derived here.
    """
    _check(features, labels, epsilon, ridge, tolerance)
    _check_layer(features, first_layer, slopes)
    scale = _scale(labels)
    if epsilon == 0.0 or scale == 0.0:
        return _without_attack(features, labels, ridge, tolerance)
    labels = labels / scale
    weight = ridge * labels.shape[0]
    attack = PerSampleGradient(features, first_layer, slopes, epsilon, ridge=weight)
    spread = attack.gradient_gram(0.0 * labels + 1.0)
    metric = spread + gram_matrix(features.T)
    metric = metric + SINGULAR * float(namespace(metric).max(metric)) * identity(features.shape[1], metric)
    projection = regularised_cholesky(metric)

    def certify(iterate: Iterate) -> tuple[float, float]:
        theta = iterate.theta
        strengths = epsilon * norms(attack.rows(theta))
        value = robust_sum_of_squares(labels - features @ theta, strengths) + weight * _length(theta) ** 2
        point = (iterate.upper - iterate.lower, -epsilon * iterate.dual[1])
        return value, 2.0 * per_sample_bound(attack, labels, theta, point, projection, ridge=weight)

    def attempts() -> Iterable[tuple[Array, float, float, int]]:
        total = 0
        for warm in (True, False):
            mean = spread / labels.shape[0]
            iterate = _shared_start(attack, labels, mean, weight) if warm else start(attack, labels)
            for accuracy in (0.5 * tolerance, 0.005 * tolerance):
                iterate, count = minimise(attack, labels, iterate, tolerance=accuracy)
                total += count
                yield iterate.theta, *certify(iterate), total

    return _first_certified(attempts(), scale, labels, tolerance)


def is_null_optimal(features: Array, labels: Array, gram: Array, epsilon: float, /) -> bool:
    """Whether theta = 0 minimises the mean gradient objective: ||V' y|| <= epsilon ||y||_1, V = F L^-T, J = L L'.

    This is the subgradient condition at 0; no ridge changes it. The finite twin of the collapse threshold.
    """
    _check(features, labels, epsilon, 0.0, 1.0)
    return _null_is_optimal(_whiten(features, gram)[1], labels, epsilon)


def _null_is_optimal(whitened: Array, labels: Array, epsilon: float) -> bool:
    xp = namespace(labels)
    return _length(whitened.T @ labels) <= float(epsilon) * float(xp.sum(xp.abs(labels)))


def _whiten(features: Array, gram: Array) -> tuple[Array, Array]:
    """The Cholesky factor L of the gradient Gram matrix, and the features F L^-T of w = L' theta."""
    width = features.shape[1]
    if tuple(gram.shape) != (width, width):
        raise ValueError(f"gram: shape {tuple(gram.shape)} does not fit features of {width} columns")
    try:
        factor = cholesky(gram)
    except LinAlgError:
        raise ValueError(
            "gram: the matrix is not positive definite; it must be (add a multiple of the identity)"
        ) from None
    return factor, solve_triangular(factor, features.T).T


def _mean_attack(
    whitened: Array, factor: Array, epsilon: float, weight: float
) -> tuple[MeanGradient, Callable[[Array], Array]]:
    """The attack in the coordinates to iterate in, and the map from these back to theta."""
    if weight > 0.0:
        inverse = solve_triangular(factor, identity(factor.shape[0], factor))
        attack = MeanGradient(whitened, epsilon, ridge=weight * gram_matrix(inverse))
        return attack, lambda w: solve_triangular(factor, w, transposed=True)
    if whitened.shape[1] <= whitened.shape[0]:
        return MeanGradient(whitened, epsilon), lambda w: solve_triangular(factor, w, transposed=True)
    # Without a ridge the minimiser lies in the span of the n rows: rotate to n coordinates.
    rotation, triangle = namespace(whitened).linalg.qr(whitened.T)
    return MeanGradient(triangle.T, epsilon), lambda w: solve_triangular(factor, rotation @ w, transposed=True)


def _shared_start(attack: PerSampleGradient, labels: Array, mean: Array, weight: float) -> Iterate:
    """A rough solution for the mean gradient Gram matrix, turned into a start for the gradients themselves."""
    unit = float(namespace(mean).max(mean)) or 1.0
    factor = regularised_cholesky(mean + SINGULAR * unit * identity(mean.shape[0], mean))
    shared, restore = _mean_attack(solve_triangular(factor, attack.features.T).T, factor, attack.epsilon, weight)
    iterate, _ = minimise(shared, labels, start(shared, labels), tolerance=0.03)
    return start_near(attack, iterate, restore(iterate.theta))


def _without_attack(features: Array, labels: Array, ridge: float, tolerance: float) -> RegressionResult:
    scale = _scale(labels) or 1.0
    labels, weight = labels / scale, ridge * labels.shape[0]
    theta = ridge_regression(features, labels, ridge=weight)
    value = _length(labels - features @ theta) ** 2 + weight * _length(theta) ** 2
    bound = 2.0 * least_squares_bound(features, labels, theta, ridge=weight)
    return _result(theta, value, bound, 0, scale, labels, tolerance)


def _first_certified(
    attempts: Iterable[tuple[Array, float, float, int]], scale: float, labels: Array, tolerance: float
) -> RegressionResult:
    """The first attempt that meets the tolerance, else the one of the smallest gap."""
    best: RegressionResult | None = None
    for theta, value, bound, iterations in attempts:
        result = _result(theta, value, bound, iterations, scale, labels, tolerance)
        if result.status is not Status.NOT_CERTIFIED:
            return result
        best = result if best is None or result.gap < best.gap else best
    if best is None:
        raise ValueError("attempts: there were none")
    return best


def _result(
    theta: Array, value: float, bound: float, iterations: int, scale: float, labels: Array, tolerance: float
) -> RegressionResult:
    """The result from twice n times the objective and its bound; theta = 0 where that is no worse."""
    null = _length(labels) ** 2
    if null <= value:
        theta, value = 0.0 * theta, null
    gap = max(value - bound, 0.0) / max(value, NEGLIGIBLE * null, 1e-300)
    status = Status.NOT_CERTIFIED if not gap <= tolerance else Status.CERTIFIED if value < null else Status.COLLAPSED
    unit = scale**2 / (2 * labels.shape[0])
    return RegressionResult(scale * theta, unit * value, unit * bound, gap, iterations, status)


def _length(vector: Array) -> float:
    return float(namespace(vector).linalg.vector_norm(vector))


def _scale(labels: Array) -> float:
    return _length(labels) / math.sqrt(labels.shape[0])


def _check(features: Array, labels: Array, epsilon: float, ridge: float, tolerance: float) -> None:
    xp = namespace(features, labels)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"features: shape {tuple(features.shape)} is not allowed; it must be (n, N) with n, N >= 1")
    if tuple(labels.shape) != (features.shape[0],):
        raise ValueError(f"labels: shape {tuple(labels.shape)} does not fit {features.shape[0]} rows of features")
    for name, array in (("features", features), ("labels", labels)):
        if array.dtype != xp.float64:
            raise TypeError(f"{name}: dtype {array.dtype} is not allowed; it must be float64")
        if not bool(xp.all(xp.isfinite(array))):
            raise ValueError(f"{name}: some entries are not finite; all must be")
    for name, number in (("epsilon", epsilon), ("ridge", ridge)):
        if not 0.0 <= number < math.inf:
            raise ValueError(f"{name}: {number!r} is not allowed; it must be finite and at least 0")
    if not 0.0 < tolerance <= 1.0:
        raise ValueError(f"tolerance: {tolerance!r} is not allowed; it must lie in (0, 1]")


def _check_layer(features: Array, first_layer: Array, slopes: Array) -> None:
    samples, width = features.shape
    if first_layer.ndim != 2 or first_layer.shape[0] != width:
        raise ValueError(f"first_layer: shape {tuple(first_layer.shape)} is not allowed; it must be ({width}, d)")
    if tuple(slopes.shape) != (samples, width):
        raise ValueError(f"slopes: shape {tuple(slopes.shape)} is not allowed; it must be {(samples, width)}")
