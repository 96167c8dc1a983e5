"""Training of finite networks on the sum of squares under attack: gradient flow, small steps, and linearised networks.

A flow has a state (a (B, ...) array, B networks at once), its velocity, and a bound on the fastest rate, from which
`follow` chooses stable Runge-Kutta steps. Gradients are not taken through the attack. Derived in
derivations.robust_overfitting.finite_width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

import numpy as np

from numerics.dynamics import check_times
from numerics.finite_networks import Network, evaluate, pull_back, push_forward, tangent_kernel
from numerics.lab import Array, namespace
from numerics.network_attacks import Attack
from numerics.runge_kutta import RUNGE_KUTTA_LIMIT, solve_autonomous

Seen = TypeVar("Seen")
SHARE_OF_LIMIT = 0.5
"""Steps are this share of the stable one: the rates grow a little between two looks, and accuracy asks for as much."""


class PathStatus(Enum):
    """How training ended; the value is the advice."""

    reached = "Every time was reached with finite values."
    diverged = "The values are not finite: take more steps, or a weaker attack."


class Flow(Protocol):
    """An autonomous flow of (B, ...) arrays."""

    def velocity(self, state: Array, /) -> Array:
        """The time derivative, shaped as `state`."""

    def fastest_rate(self, state: Array, /) -> float:
        """A bound on the rates at which residuals decay near `state`."""


@dataclass(frozen=True)
class Path(Generic[Seen]):
    """What was observed at every time, how the training ended, and how many steps it took."""

    observed: list[Seen]
    status: PathStatus
    steps: int


@dataclass(frozen=True)
class NetworkFlow:
    """theta' = -sum_i d_theta f(x_i(S)) (f(x_i(S)) - y_i) for parameters (B, P); `inputs` (m, d), `labels` (m,).

    Without an attack x_i(S) = x_i.
    """

    network: Network
    inputs: Array
    labels: Array
    attack: Attack | None = None

    def __post_init__(self) -> None:
        _check_data(self.inputs, self.labels)

    def predict(self, parameters: Array, points: Array, /) -> tuple[Array, Array]:
        """Outputs (B, k) and input gradients (B, k, d) at (k, d) or (B, k, d) points."""
        seen = evaluate(self.network, parameters, points)
        return seen.outputs, seen.gradients

    def velocity(self, parameters: Array, /) -> Array:
        """(B, P) array."""
        points, residuals = _attacked(self, parameters)
        seen = evaluate(self.network, parameters, points)
        return -pull_back(self.network, seen, seen.outputs - self.labels if residuals is None else residuals)

    def fastest_rate(self, parameters: Array, /) -> float:
        """The largest row sum of |Theta D|, which bounds its eigenvalues."""
        seen = evaluate(self.network, parameters, self.inputs)
        return _row_bound(tangent_kernel(self.network, seen, seen), seen.gradients, self.attack)


@dataclass(frozen=True)
class LinearisedFlow:
    """The flow of f_0 + d_theta f_0 . change, for changes (B, P) of the parameters `anchor` (B, P).

    `features`: d_theta f_0 in the velocity is taken at the "attacked" points or at the "clean" ones.
    """

    network: Network
    anchor: Array
    inputs: Array
    labels: Array
    attack: Attack | None = None
    features: str = "attacked"

    def __post_init__(self) -> None:
        if self.features not in ("attacked", "clean"):
            raise ValueError(f"features: {self.features!r} is unknown; allowed are 'attacked' and 'clean'")
        _check_data(self.inputs, self.labels)

    def predict(self, change: Array, points: Array, /) -> tuple[Array, Array]:
        """Outputs (B, k) and input gradients (B, k, d) at (k, d) or (B, k, d) points."""
        seen = evaluate(self.network, self.anchor, points)
        outputs, gradients = push_forward(self.network, seen, change)
        return seen.outputs + outputs, seen.gradients + gradients

    def velocity(self, change: Array, /) -> Array:
        """(B, P) array."""
        points, residuals = _attacked(self, change)
        seen = evaluate(self.network, self.anchor, points)
        if residuals is None:
            residuals = seen.outputs + push_forward(self.network, seen, change)[0] - self.labels
        if self.features == "clean":
            seen = evaluate(self.network, self.anchor, self.inputs)
        return -pull_back(self.network, seen, residuals)

    def fastest_rate(self, change: Array, /) -> float:
        """The largest row sum of |Theta D|, which bounds its eigenvalues."""
        seen = evaluate(self.network, self.anchor, self.inputs)
        kernel = tangent_kernel(self.network, seen, seen)
        return _row_bound(kernel, self.predict(change, self.inputs)[1], self.attack)


def follow(
    flow: Flow,
    start: Array,
    times: Sequence[float],
    observe: Callable[[Array], Seen],
    /,
    *,
    share: float = SHARE_OF_LIMIT,
) -> Path[Seen]:
    """What `observe` sees of the state at increasing `times`, by Runge-Kutta steps.

    The step is `share` times the method's limit of stability, renewed at every time. ValueError for times that do not
    increase from at least 0, or a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: {share} is not allowed; it lies in (0, 1]")
    state, now, total, seen = start, 0.0, 0, []
    for end in check_times(times):
        rate = flow.fastest_rate(state)
        if end > now and math.isfinite(rate):
            steps = max(1, math.ceil((end - now) * rate / (share * RUNGE_KUTTA_LIMIT)))
            with np.errstate(over="ignore", invalid="ignore"):  # the status reports what is not finite
                state = solve_autonomous(flow.velocity, state, end - now, steps=steps)
            total += steps
        now = end
        seen.append(observe(state))
    return Path(seen, _ending(state), total)


def descend(flow: Flow, start: Array, steps: int, observe: Callable[[Array], Seen], /, *, rate: float) -> Path[Seen]:
    """What `observe` sees before and after each of `steps` gradient steps of size `rate`; 2/fastest_rate is stable.

    ValueError for a rate that is not positive.
    """
    if not rate > 0:
        raise ValueError(f"rate: {rate} is not allowed; it must be above 0")
    state, seen = start, [observe(start)]
    for _ in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):
            state = state + rate * flow.velocity(state)
        seen.append(observe(state))
    return Path(seen, _ending(state), steps)


def _check_data(inputs: Array, labels: Array) -> None:
    if inputs.ndim != 2 or tuple(labels.shape) != (inputs.shape[0],):
        shapes = f"{tuple(inputs.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"inputs, labels: their shapes are {shapes}; (m, d) and (m,) are allowed")


def _attacked(flow: NetworkFlow | LinearisedFlow, state: Array) -> tuple[Array, Array | None]:
    if flow.attack is None:
        return flow.inputs, None
    return flow.attack(lambda points: flow.predict(state, points), flow.inputs, flow.labels)


def _row_bound(kernel: Array, gradients: Array, attack: Attack | None) -> float:
    xp = namespace(kernel)
    size = xp.abs(kernel)
    if attack is not None:
        size = size * attack.amplification(gradients)[:, None, :]
    return float(xp.max(xp.sum(size, axis=-1)))


def _ending(state: Array) -> PathStatus:
    xp = namespace(state)
    return PathStatus.reached if bool(xp.all(xp.isfinite(state))) else PathStatus.diverged
