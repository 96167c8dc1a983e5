"""Adversarial training of wide networks in function space: the frozen closed form, and the flow that corrects it.

K points are followed, the first m of them being the training points. B initial functions f_0, given by their values
(B, K) and input gradients (B, m, d), are handled at once. Derived in derivations.robust_overfitting.finite_width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numerics.dynamics import closed_form
from numerics.kernels import Architecture, ntk, ntk_with_partials
from numerics.lab import Array, namespace
from numerics.network_attacks import TangentFlow
from numerics.trained_outputs import predict


def frozen_outputs(theta: Array, growth: Array, f0: Array, labels: Array, times: Sequence[float], /) -> Array:
    """(T, B, K) outputs f_0 - Theta(x, X) Theta^-1 (1 - exp(-t Theta D)) u_0 of the closed form at constant D.

    `theta` is the (B, K, m) or shared (K, m) kernel Theta(points, X), `growth` the (B, m) or (m,) diagonal of D, `f0`
    (B, K), `labels` (m,). With D = 1 it is gradient flow without attack; at infinite time the NTK interpolator.
    """
    xp, m = namespace(f0), labels.shape[0]
    runs = []
    for index in range(f0.shape[0]):
        kernel = theta if theta.ndim == 2 else theta[index, ...]
        diagonal = growth if growth.ndim == 1 else growth[index, ...]
        start = f0[index, ...]
        residual, gram = start[:m] - labels, kernel[:m, ...]
        ends = [closed_form(gram, time * diagonal, residual) for time in times]
        runs.append(xp.stack([predict(kernel, gram, start, residual, end) for end in ends]))
    return xp.stack(runs, axis=1)


def interpolator(theta: Array, f0: Array, labels: Array, /) -> Array:
    """(B, K) outputs f_0 - Theta(x, X) Theta^-1 u_0, the end of gradient flow without attack; arrays as above."""
    xp, m, runs = namespace(f0), labels.shape[0], []
    for index in range(f0.shape[0]):
        kernel, start = theta if theta.ndim == 2 else theta[index, ...], f0[index, ...]
        residual = start[:m] - labels
        runs.append(predict(kernel, kernel[:m, ...], start, residual, 0 * residual))
    return xp.stack(runs)


@dataclass(frozen=True)
class CorrectedFlow:
    """The flow at infinite width and fixed dimension, on states (B, K + m d): outputs, then input gradients J at X.

    f_t(x)' = -sum_j Theta(x, x_j + delta_j) r_j and J_i' = -sum_j d_x Theta(x_i, x_j + delta_j) r_j, with the attack's
    r_j = e^(eta S |J_j|^2) u_j and delta_j at the current u and J. What is left out is the attack's curvature.
    `points` (K, d), `labels` (m,).
    """

    architecture: Architecture
    points: Array
    labels: Array
    attack: TangentFlow

    def start(self, outputs: Array, gradients: Array, /) -> Array:
        """(B, K + m d) state from outputs (B, K) and input gradients (B, m, d) at the training points."""
        return namespace(outputs).concat(
            [outputs, namespace(outputs).reshape(gradients, (outputs.shape[0], -1))], axis=1
        )

    def read(self, state: Array, /) -> tuple[Array, Array]:
        """Outputs (B, K) and input gradients (B, m, d) of a state."""
        count, (m,) = self.points.shape[0], self.labels.shape
        return state[:, :count], namespace(state).reshape(state[:, count:], (state.shape[0], m, -1))

    def velocity(self, state: Array, /) -> Array:
        """(B, K + m d) array."""
        xp, net, (m,) = namespace(state), self.architecture, self.labels.shape
        outputs, gradients = self.read(state)
        inputs = self.points[:m, :]
        centres, residuals = self.attack.attack_tangent(inputs, outputs[:, :m] - self.labels, gradients)
        parts = ntk_with_partials(
            self.points,
            xp.reshape(centres, (-1, centres.shape[-1])),
            depth=net.depth,
            activation=net.activation,
            w_std=net.w_std,
            b_std=net.b_std,
        )
        # (K, B m) grams become (B, K, m): every point against the attacked points of one run
        theta, by_q, by_p = (xp.permute_dims(xp.reshape(part, (part.shape[0], -1, m)), (1, 0, 2)) for part in parts)
        weights = residuals[:, None, :]
        turned = (weights * by_q[:, :m, :]) @ centres + 2 * xp.sum(weights * by_p[:, :m, :], axis=-1)[
            ..., None
        ] * inputs
        return -self.start(xp.sum(weights * theta, axis=-1), turned / inputs.shape[1])

    def fastest_rate(self, state: Array, /) -> float:
        """The largest row sum of |Theta D| at the clean points, which bounds its eigenvalues."""
        xp, net, (m,) = namespace(state), self.architecture, self.labels.shape
        gram = ntk(self.points[:m, :], depth=net.depth, activation=net.activation, w_std=net.w_std, b_std=net.b_std)
        growth = self.attack.amplification(self.read(state)[1])
        return float(xp.max(xp.sum(xp.abs(gram) * growth[:, None, :], axis=-1)))
