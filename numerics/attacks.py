"""The l2 attack on a random-features predictor: projected gradient ascent on the true squared loss.

The predictor is f(x) = <theta, sigma(W x)>, the loss the maximum over ||delta|| <= epsilon of (y - f(x + delta))^2. It
is attained where f is largest or where f is smallest in the ball. Both are sought, each from several starts: the
gradient of the squared loss itself vanishes with the residual, and would hide the attack on a point that is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from numerics.activations import Activation
from numerics.lab import Array, namespace

MOST_STEPS = 60
LONGEST_STEP = 2.0
SHORTEST_STEP = 1e-5
GROWTH = 1.5
COARSE = 5.0
WIDTHS = (2.0, 0.5, 0.1, 0.02)


@dataclass(frozen=True, eq=False)
class Predictor:
    """f(x) = <theta, sigma(W x)>: weights theta (N,), first layer W (N, d)."""

    theta: Array
    first_layer: Array
    activation: Activation
    width: float = 0.0

    def smoothed(self, width: float, /) -> Predictor:
        """The same predictor with the activation averaged over +-width about its kinks."""
        return replace(self, width=width)

    def values(self, inputs: Array, /) -> Array:
        """(n,) array f(x_i) of an (n, d) array of inputs."""
        value, _ = self.activation.smoothed(self.width)
        return value(inputs @ self.first_layer.T) @ self.theta

    def values_and_gradients(self, inputs: Array, /) -> tuple[Array, Array]:
        """(n,) array f(x_i) and (n, d) array of gradients in x."""
        value, slope = self.activation.smoothed(self.width)
        preactivations = inputs @ self.first_layer.T
        return value(preactivations) @ self.theta, (slope(preactivations) * self.theta) @ self.first_layer


@dataclass(frozen=True, eq=False)
class Attack:
    """What the ascent found for each of n samples; every loss is attained, so it is a lower bound of the maximum.

    losses (n,); perturbations (n, d) that attain them, of norm at most epsilon; stationarity (n,): the length, relative
    to epsilon, that a projected gradient step of full length would still move the best perturbation; steps taken.
    """

    losses: Array
    perturbations: Array
    stationarity: Array
    steps: int


def attack(
    predictor: Predictor,
    inputs: Array,
    labels: Array,
    epsilon: float,
    /,
    *,
    starts: Array | None = None,
    tolerance: float = 1e-3,
) -> Attack:
    """The strongest attack found from the clean gradient and from `starts`, in both directions, per sample.

    `inputs` (n, d), `labels` (n,), `starts` (k, n, d) further perturbations to start from, projected to the ball. Never
    below the clean loss. Raises ValueError for a negative or non-finite epsilon.
    """
    if not 0.0 <= epsilon < float("inf"):
        raise ValueError(f"epsilon: {epsilon!r} is not allowed; it must be a finite number, at least 0")
    xp = namespace(inputs)
    best = (labels - predictor.values(inputs)) ** 2
    delta, rest = xp.zeros_like(inputs), xp.zeros_like(labels)
    if epsilon == 0.0:
        return Attack(best, delta, rest, 0)
    most = 0
    begins = [delta, *([] if starts is None else [starts[k, :, :] for k in range(starts.shape[0])])]
    for sign in (1.0, -1.0):
        for begin in begins:
            ascent = ascend(predictor, inputs, sign, epsilon, start=begin, tolerance=tolerance)
            losses = (labels - ascent.values) ** 2
            better = losses > best
            best = xp.where(better, losses, best)
            delta = xp.where(better[:, None], ascent.perturbations, delta)
            rest = xp.where(better, ascent.stationarity, rest)
            most = max(most, ascent.steps)
    return Attack(best, delta, rest, most)


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where the ascent of sign * f ended: values f (n,), perturbations (n, d), stationarity (n,), steps."""

    values: Array
    perturbations: Array
    stationarity: Array
    steps: int


def ascend(
    predictor: Predictor,
    inputs: Array,
    sign: float,
    epsilon: float,
    /,
    *,
    start: Array,
    widths: tuple[float, ...] = WIDTHS,
    tolerance: float = 1e-3,
) -> Ascent:
    """Maximise sign * f(x + delta) over ||delta|| <= epsilon, all samples at once, from `start` (n, d).

    A kinked activation is smoothed over `widths` times epsilon / sqrt(d), the scale on which the attack moves the
    preactivations, one after the other: ascent on the kinked function itself stops on ridges, and a wide first average
    leads past poor local maxima. The values are those of the function itself.
    """
    scale = epsilon / inputs.shape[1] ** 0.5
    shares = widths if predictor.activation.kinks else (0.0,)
    delta, taken = _project(start, epsilon), 0
    for place, share in enumerate(shares):
        near = tolerance if place == len(shares) - 1 else COARSE * tolerance
        delta, moved, steps = _ascend(predictor.smoothed(share * scale), inputs, sign, epsilon, delta, near)
        taken += steps
    return Ascent(predictor.values(inputs + delta), delta, moved, taken)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The samples still being ascended: places (m,), inputs, perturbations, signed values and gradients, lengths."""

    places: Array
    inputs: Array
    delta: Array
    values: Array
    gradients: Array
    length: Array
    moved: Array

    def keep(self, rows: Array) -> _Rows:
        xp = namespace(rows)
        return _Rows(*(xp.take(getattr(self, field.name), rows, axis=0) for field in fields(self)))


def _ascend(
    predictor: Predictor, inputs: Array, sign: float, epsilon: float, delta: Array, tolerance: float
) -> tuple[Array, Array, int]:
    """(perturbations, stationarity, steps): steps of a multiple of epsilon / ||gradient||, halved where f falls.

    Samples that are done are set aside whenever they are the majority.
    """
    xp = namespace(inputs)
    values, gradients = predictor.values_and_gradients(inputs + delta)
    rows = _Rows(
        places=xp.arange(inputs.shape[0], device=inputs.device),
        inputs=inputs,
        delta=delta,
        values=sign * values,
        gradients=sign * gradients,
        length=xp.full_like(values, LONGEST_STEP),
        moved=_displacement(delta, sign * gradients, epsilon),
    )
    done: list[_Rows] = []
    steps = 0
    while steps < MOST_STEPS:
        active = (rows.moved > tolerance) & (rows.length > SHORTEST_STEP)
        left = int(xp.sum(xp.astype(active, xp.int64)))
        if left == 0:
            break
        if 2 * left < active.shape[0]:
            done.append(rows.keep(xp.nonzero(~active)[0]))
            rows = rows.keep(xp.nonzero(active)[0])
        rows, steps = _step(predictor, rows, sign, epsilon), steps + 1
    everything = [*done, rows]
    order = xp.argsort(xp.concat([part.places for part in everything]))
    gathered = (xp.concat([getattr(part, name) for part in everything]) for name in ("delta", "moved"))
    delta, moved = (xp.take(values, order, axis=0) for values in gathered)
    return delta, moved, steps


def _step(predictor: Predictor, rows: _Rows, sign: float, epsilon: float) -> _Rows:
    xp = namespace(rows.inputs)
    tried = _project(rows.delta + rows.length[:, None] * _scaled(rows.gradients, epsilon), epsilon)
    values, gradients = predictor.values_and_gradients(rows.inputs + tried)
    accept = sign * values > rows.values
    delta = xp.where(accept[:, None], tried, rows.delta)
    gradients = xp.where(accept[:, None], sign * gradients, rows.gradients)
    return replace(
        rows,
        delta=delta,
        values=xp.where(accept, sign * values, rows.values),
        gradients=gradients,
        length=xp.where(accept, GROWTH * rows.length, rows.length / 2),
        moved=_displacement(delta, gradients, epsilon),
    )


def first_order_losses(predictor: Predictor, inputs: Array, labels: Array, epsilon: float, /) -> Array:
    """(n,) array (|r_i| + epsilon ||grad f(x_i)||)^2: the loss of the attack on the tangent at x_i."""
    xp = namespace(inputs)
    values, gradients = predictor.values_and_gradients(inputs)
    return (xp.abs(labels - values) + epsilon * xp.linalg.vector_norm(gradients, axis=1)) ** 2


def _scaled(gradients: Array, epsilon: float) -> Array:
    xp = namespace(gradients)
    norms = xp.linalg.vector_norm(gradients, axis=1, keepdims=True)
    return xp.where(norms > 0, epsilon * gradients / xp.where(norms > 0, norms, xp.ones_like(norms)), gradients)


def _project(delta: Array, epsilon: float) -> Array:
    xp = namespace(delta)
    norms = xp.linalg.vector_norm(delta, axis=1, keepdims=True)
    return xp.where(norms > epsilon, epsilon * delta / xp.where(norms > epsilon, norms, xp.ones_like(norms)), delta)


def _displacement(delta: Array, gradients: Array, epsilon: float) -> Array:
    xp = namespace(delta)
    forward = _project(delta + _scaled(gradients, epsilon), epsilon)
    return xp.linalg.vector_norm(forward - delta, axis=1) / epsilon
