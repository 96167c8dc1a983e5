"""Adversarial training of an infinitely wide network: one training time for each training point (Adv-NTK).

Source: Fu & Wang (2024), as their released code does it. The network f_w(x) = Theta(x, X) P(w), with P(w) = Theta^-1 (I
- exp(-Theta diag|w|)) y for one-hot y, is the mean over initialisations of an infinitely wide network trained by
gradient flow, point i for time |w_i|. The times minimise the loss |f - y|^2/2 on attacked validation images: from w =
0, normalised gradient steps on minibatches, with the derivative of |w| at 0 taken as +1. P and its gradient come
without an exponential or an inverse of a matrix from `numerics.chebyshev_exponential`.

Two baselines belong to it: the NTK interpolator (all times infinite) and plain gradient flow stopped at one time for
all points, chosen on the validation images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from numerics.chebyshev_exponential import LARGEST_GRADIENT, combination, find_reach, stopped_combinations
from numerics.kernel_predictor import Accuracy, Attack, Predictor, measure_accuracy, one_hot
from numerics.kernels import Architecture, ntk
from numerics.lab import CPU, Array, Device, LinAlgError, cholesky, cholesky_solve, namespace, to_numpy
from numerics.sampling import stream

BATCH = 128
TINY = 1e-8
LATEST = 1e4
"""The last stopping time tried, in units of the shortest one of gradient flow, 1 over the largest eigenvalue."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Images (n, d), flat, in the attack's box, and labels (n,), positions 0 to classes - 1; NumPy arrays."""

    points: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Schedule:
    """How the times are learned: number and length of the steps, images a step, weight decay."""

    steps: int = 50
    rate: float = 0.1
    batch: int = BATCH
    decay: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f"steps and batch: {self.steps!r} and {self.batch!r} are not allowed; at least 1 each")
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate: {self.rate!r} is not allowed; it must be a finite number above 0")


@dataclass(eq=False)
class Problem:
    """Training and validation images of one task on one device, and the kernel matrix of the former.

    The kernel matrix and everything solved with it are in float64; attacks and predictions are in `precision`.
    """

    training: Samples
    validation: Samples
    classes: int
    network: Architecture
    attack: Attack
    seed: int = 0
    device: Device = CPU
    precision: str = "float32"
    theta: Array = field(init=False)
    targets: Array = field(init=False)

    def __post_init__(self) -> None:
        xp = self.device.namespace
        points = self.device.asarray(self.training.points, dtype=xp.float64)
        self.theta = ntk(points, **asdict(self.network))
        labels = self.device.asarray(self.training.labels)
        self.targets = one_hot(labels, self.classes, self.theta)
        self._empty = Predictor(xp.astype(points, self.dtype), self.targets, self.network)

    @property
    def dtype(self) -> Any:
        """The dtype of attacks and predictions."""
        return getattr(self.device.namespace, self.precision)

    def predictor(self, values: Array, /) -> Predictor:
        """The predictor Theta(x, X) P of a combination P (m, c)."""
        return self._empty.with_combination(values)

    def on_device(self, samples: Samples, /) -> tuple[Array, Array]:
        """Points in `precision` and labels on the device."""
        return self.device.asarray(samples.points.astype(self.precision)), self.device.asarray(samples.labels)

    def attacked(self, predictor: Predictor, points: Array, labels: Array, key: str, trial: int, /) -> Array:
        """Attacked points; equal keys and trials give equal random starts, whatever the predictor."""
        xp = self.device.namespace
        start = stream(self.seed, f"adversarial_ntk {key}", trial).uniform(-1.0, 1.0, size=points.shape)
        uniform = xp.astype(self.device.asarray(start), self.dtype)
        return self.attack.perturb(predictor, points, one_hot(labels, self.classes, points), uniform)

    def accuracies(self, predictor: Predictor, samples: Samples, key: str, /) -> tuple[Accuracy, Accuracy]:
        """Clean and robust accuracy on the samples."""
        points, labels = self.on_device(samples)
        attacked = self.attacked(predictor, points, labels, key, 0)
        return measure_accuracy(predictor, points, labels), measure_accuracy(predictor, attacked, labels)

    def interpolator(self) -> Predictor:
        """The NTK interpolator Theta(x, X) Theta^-1 y, the least-norm one where Theta is singular."""
        try:
            return self.predictor(cholesky_solve(cholesky(self.theta), self.targets))
        except LinAlgError:
            xp = namespace(self.theta)
            return self.predictor(xp.linalg.pinv(self.theta) @ self.targets)

    def stopping_times(self) -> list[float]:
        """1 and 3 times powers of ten, from where gradient flow starts to learn to 10^4 times that."""
        first = 1 / find_reach(self.theta, namespace(self.theta).ones_like(self.targets[:, 0]))
        tens = range(math.floor(math.log10(first)), math.ceil(math.log10(first * LATEST)) + 1)
        times = [float(f"{digit}e{power}") for power in tens for digit in (1, 3)]
        return [time for time in times if first <= time <= LATEST * first]

    def stopped(self, times: Sequence[float], /) -> list[Predictor]:
        """Plain gradient flow stopped at each of the times."""
        values = stopped_combinations(self.theta, self.targets, list(times))
        return [self.predictor(values[k, :, :]) for k in range(len(times))]


class Training:
    """Learning the times: `weights` (m,) as they are, and the loss on each attacked minibatch so far.

    An interrupted step leaves both as they were before it.
    """

    def __init__(self, problem: Problem, schedule: Schedule, /) -> None:
        self.problem, self.schedule = problem, schedule
        self.weights = namespace(problem.theta).zeros_like(problem.targets[:, 0])
        self.losses: list[float] = []
        self._batches = self._shuffled()

    def times(self) -> Array:
        """(m,) the training time |w| of every point."""
        return namespace(self.weights).abs(self.weights)

    def learned_times(self) -> np.ndarray[Any, Any]:
        """`times` as a NumPy array."""
        return to_numpy(self.times())

    def predictor(self) -> Predictor:
        """f_w with the weights as they are."""
        return self.problem.predictor(combination(self.problem.theta, self.times(), self.problem.targets).values)

    def step(self) -> float:
        """Attack a minibatch with the current weights, move them along the normalised gradient; return the loss."""
        loss, gradient = self.loss_and_gradient(self._next_batch())
        size = math.sqrt(float(namespace(gradient).sum(gradient * gradient))) + TINY
        move = gradient / size + self.schedule.decay * self.weights
        self.weights, losses = self.weights - self.schedule.rate * move, [*self.losses, loss]
        self.losses = losses
        return loss

    def loss_and_gradient(self, batch: tuple[Array, Array], /) -> tuple[float, Array]:
        """Mean of |f_w(x') - y|^2/2 over the attacked batch (points, labels), and its gradient in w, (m,)."""
        problem = self.problem
        xp = namespace(problem.theta)
        points, labels = batch
        formed = combination(problem.theta, self.times(), problem.targets, largest=LARGEST_GRADIENT)
        predictor = problem.predictor(formed.values)
        attacked = problem.attacked(predictor, points, labels, "training", len(self.losses))
        kernel = ntk(attacked, predictor.points, **asdict(problem.network))
        residual = kernel @ predictor.combination - one_hot(labels, problem.classes, points)
        count = points.shape[0]
        cotangent = xp.astype(kernel.T @ residual, problem.theta.dtype) / count
        # the sign of w is taken as +1 at 0: from w = 0 the method would not move otherwise
        sign = xp.where(self.weights < 0, -xp.ones_like(self.weights), xp.ones_like(self.weights))
        return float(xp.sum(residual * residual)) / (2 * count), sign * formed.pull_back(cotangent)

    def _next_batch(self) -> tuple[Array, Array]:
        chosen = next(self._batches)
        validation = self.problem.validation
        return self.problem.on_device(Samples(validation.points[chosen], validation.labels[chosen]))

    def _shuffled(self) -> Iterator[np.ndarray[Any, Any]]:
        """Minibatches of the shuffled validation images, without the incomplete last one of each pass."""
        count = self.problem.validation.points.shape[0]
        size, epoch = min(self.schedule.batch, count), 0
        while True:
            order = stream(self.problem.seed, "adversarial_ntk batches", epoch).permutation(count)
            yield from (order[begin : begin + size] for begin in range(0, count - size + 1, size))
            epoch += 1


@dataclass(frozen=True)
class Stopped:
    """Plain gradient flow stopped at a time (infinite: the interpolator): accuracies on validation and test images."""

    time: float
    validation: tuple[Accuracy, Accuracy]
    test: tuple[Accuracy, Accuracy]


def degeneration_curve(problem: Problem, test: Samples, times: Sequence[float], /) -> Iterator[Stopped]:
    """Clean and robust accuracy of the interpolator, then of plain gradient flow stopped at each of the times."""
    yield _stopped(problem, test, math.inf, problem.interpolator())
    for time, predictor in zip(times, problem.stopped(times), strict=True):
        yield _stopped(problem, test, time, predictor)


def _stopped(problem: Problem, test: Samples, time: float, predictor: Predictor) -> Stopped:
    validation = problem.accuracies(predictor, problem.validation, "validation")
    return Stopped(time, validation, problem.accuracies(predictor, test, "test"))


def best_stopping(curve: Sequence[Stopped], /) -> Stopped | None:
    """The finite time with the best robust accuracy on validation images, the earliest of equals; None if none."""
    finite = sorted((one for one in curve if math.isfinite(one.time)), key=lambda one: one.time)
    return max(finite, key=lambda one: one.validation[1].value, default=None)
