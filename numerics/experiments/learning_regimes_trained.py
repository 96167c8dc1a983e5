"""Finite-size experiments of fully trained quadratic networks: best fits, the flow in closed form, and real training.

Each takes (lab, at, d) and returns test_error = ||M - B||^2/||B||^2 and dirichlet_energy = ||M||^2/||B||^2, exact for
Gaussian inputs given the matrix M of the network, with m = round(rho d) neurons. B is diagonal with ||B||_F^2 = d,
since the rows at the start are rotation invariant; a semicircle spectrum is that of a GOE matrix.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TypeAlias

import numpy as np

from derivations.lab import Array, Lab
from numerics.first_layers import count_neurons
from numerics.lab import cholesky, gram, namespace, solve_triangular
from numerics.runge_kutta import solve_autonomous

STEPS = 12
"""Runge-Kutta steps in the time in which the fastest direction at the start grows or decays by e^2."""

LONGEST_STAGE = 10.0
"""Largest 2 |b| t of one stage of the closed form: its matrices have condition numbers up to e^10 or so."""

Weights: TypeAlias = tuple[Array, Array]
"""Rows (m, d) and output weights (m,)."""


def best_approximation(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """The network of least test error with free output weights: B on m eigenvectors, or less a shift without offset.

    Without an offset the m kept eigenvalues are the largest and smallest ones, p and m - p of them for the best p, each
    fitted up to y = (their sum)/(m + 2).
    """
    b = draw_eigenvalues(lab, at, d)
    m = min(count_neurons(at, d), d)
    xp, square = namespace(b), lab.norm(b) ** 2
    if at.has_offset:
        kept = float(xp.sum(xp.sort(b**2)[d - m :]))
        return {"test_error": 1 - kept / square, "dirichlet_energy": kept / square}
    lower, upper = _tails(xp.sort(b), m), xp.flip(_tails(xp.sort(b, descending=True), m), axis=1)
    sums, squares = lower[0, :] + upper[0, :], lower[1, :] + upper[1, :]
    lost = square - squares + sums**2 / (m + 2)
    best = int(xp.argmin(lost))
    shift = float(sums[best]) / (m + 2)
    energy = float(squares[best]) - 2 * shift * float(sums[best]) + m * shift**2
    return {"test_error": float(lost[best]) / square, "dirichlet_energy": energy / square}


def riccati_flow(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """The flow from rows N(0, omega I/d) in closed form; for infinite time its limit, the positive side's best fit."""
    b, rows = _draw_flow(lab, at, d)
    xp, square = namespace(b), lab.norm(b) ** 2
    if math.isinf(at.time):
        positive = xp.sort(xp.maximum(b, xp.zeros_like(b)), descending=True)[: rows.shape[0]]
        kept = lab.norm(positive) ** 2
        return {"test_error": 1 - kept / square, "dirichlet_energy": kept / square}
    end = flow_factor(b, rows, abs(_gain(at)) * at.time)
    return {**measure(lab, b, end), **_known(lab, at, rows)}


def trained_from_random(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """What the model solves: the best fit where no time is given, else the flow of finite time."""
    return best_approximation(lab, at, d) if math.isinf(at.time) else riccati_flow(lab, at, d)


def network_training(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """Gradient flow of the population loss in the rows, output weights 1, by Runge-Kutta: no closed form is used."""
    b, rows = _draw_flow(lab, at, d)
    ones = namespace(b).ones_like(rows[:, 0])
    end, _ = train(b, (rows, ones), abs(_gain(at)) * at.time, output_rate=0.0)
    return {**measure(lab, b, end), **_known(lab, at, rows)}


def network_training_both_layers(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """Both layers trained at equal rates from rows N(0, omega I/d) and weights of alternating sign, |w_j|^2 = 2 v_j^2.

    Besides the observables: `imbalance`, the largest change of |w_j|^2 - 2 v_j^2, conserved by the exact flow; and
    `excess`, the test error less that of the best approximation.
    """
    b, rows = _draw_flow(lab, at, d)
    xp = namespace(b)
    signs = lab.asarray([(-1.0) ** j for j in range(rows.shape[0])])
    start = signs * xp.sqrt(xp.sum(rows**2, axis=1) / 2)
    trained, weights = train(b, (rows, start), at.time, output_rate=0.5)
    matrix = trained.T @ (weights[:, None] * trained)
    square, target = lab.norm(b) ** 2, xp.linalg.diagonal(matrix)
    energy = lab.norm(matrix) ** 2 / square
    error = 1 - 2 * float(xp.sum(target * b)) / square + energy
    least = float(xp.sum(xp.sort(b**2)[: max(d - rows.shape[0], 0)])) / square
    drift = xp.max(xp.abs(xp.sum(trained**2, axis=1) - 2 * weights**2))
    return {"test_error": error, "dirichlet_energy": energy, "imbalance": float(drift), "excess": error - least}


def draw_eigenvalues(lab: Lab, at: SimpleNamespace, d: int, /) -> Array:
    """(d,) eigenvalues of B of mean square 1: of a GOE matrix, or the quantiles of the law at (k + 1/2)/d.

    With a trace alignment tau they are centred and scaled to tau + sqrt(1 - tau^2) xi. ValueError where the law takes
    one value at this size and |tau| < 1.
    """
    law = at.spectrum_law
    if law.kind:
        noise = lab.normal(d, d)
        xi = lab.eigvalsh((noise + noise.T) / math.sqrt(2 * d))
    else:
        order = np.argsort(law.values)
        ends = np.cumsum(law.weights[order])
        places = np.searchsorted(ends[:-1], (np.arange(d) + 0.5) / d)
        xi = lab.asarray(law.values[order][places])
    if not math.isinf(at.trace_alignment):
        return _align(lab, xi, at.trace_alignment)
    return xi * (math.sqrt(d) / lab.norm(xi))


def flow_factor(b: Array, rows: Array, time: float, /) -> Array:
    """(m, d) array Z with M(t) = Z'Z, from the rows at time 0: Z = L^(-1) W_0 e^(Bt), L L' = 1 + W_0 Q_t W_0'.

    In stages, each from the rows that the one before ends with, so that no exponential outgrows double precision.
    """
    stages = max(1, math.ceil(2 * time * float(namespace(b).max(namespace(b).abs(b))) / LONGEST_STAGE))
    for _ in range(stages):
        rows = _flow_stage(b, rows, time / stages)
    return rows


def _flow_stage(b: Array, rows: Array, time: float) -> Array:
    xp = namespace(b)
    exponent = 2 * time * b
    small = xp.abs(exponent) < 1e-12
    gained = xp.where(small, 2 * time * xp.ones_like(b), xp.expm1(exponent) / xp.where(small, xp.ones_like(b), b))
    inner = gram(rows * xp.sqrt(gained)) + xp.eye(rows.shape[0], dtype=b.dtype, device=b.device)
    return solve_triangular(cholesky(inner), rows * xp.exp(exponent / 2))


def measure(lab: Lab, b: Array, rows: Array, /) -> dict[str, float]:
    """The observables of M = W'W for the (m, d) rows W against B = diag(b)."""
    xp, square = namespace(b), lab.norm(b) ** 2
    inner = gram(rows) if rows.shape[0] <= rows.shape[1] else gram(rows.T)
    energy = lab.norm(inner) ** 2 / square
    overlap = float(xp.sum(rows**2 @ b)) / square
    return {"test_error": 1 - 2 * overlap + energy, "dirichlet_energy": energy}


def train(b: Array, weights: Weights, time: float, /, *, output_rate: float) -> Weights:
    """Rows and output weights after gradient flow of ||W' diag(v) W - B||_F^2/4 by the classical Runge-Kutta rule.

    W' = -diag(v) W (M - B) and v_j' = -output_rate w_j'(M - B) w_j; equal rates for both layers are output_rate 1/2.
    """
    xp = namespace(b)

    def velocity(state: Array) -> Array:
        rows, output = state[:, :-1], state[:, -1]
        gaps = (rows @ rows.T) @ (output[:, None] * rows) - rows * b
        return -xp.concat([output[:, None] * gaps, output_rate * xp.sum(gaps * rows, axis=1)[:, None]], axis=1)

    rows, output = weights
    start = float(xp.linalg.matrix_norm(gram(rows))) * float(xp.max(xp.abs(output)))
    steps = math.ceil(STEPS * time * (float(xp.max(xp.abs(b))) + min(start, 40 / max(time, 1e-3))) / 2)
    trained = solve_autonomous(velocity, xp.concat([rows, output[:, None]], axis=1), time, steps=steps)
    return trained[:, :-1], trained[:, -1]


def _draw_flow(lab: Lab, at: SimpleNamespace, d: int) -> tuple[Array, Array]:
    """Eigenvalues and rows at the start, for the activation t^2: a t^2 has rows sqrt(|a|) w, and -B where a < 0."""
    gain = _gain(at)
    b = math.copysign(1.0, gain) * draw_eigenvalues(lab, at, d)
    return b, math.sqrt(abs(gain) * at.init_scale / d) * lab.normal(count_neurons(at, d), d)


def _known(lab: Lab, at: SimpleNamespace, rows: Array) -> dict[str, float]:
    """The trace of W_0'W_0 over its mean: a control variate."""
    return {"initial_trace": lab.norm(rows) ** 2 / (abs(_gain(at)) * at.init_scale * rows.shape[0])}


def _gain(at: SimpleNamespace) -> float:
    return float(at.hermite_2) / math.sqrt(2)


def _align(lab: Lab, xi: Array, alignment: float) -> Array:
    centred = xi - lab.mean(xi)
    size = lab.norm(centred) / math.sqrt(xi.shape[0])
    share = math.sqrt(1 - alignment**2)
    if share and size < 1e-12 * (1 + lab.norm(xi)):
        raise ValueError("the spectrum takes one value at this size: its trace alignment is -1 or 1")
    return alignment + (share / size * centred if share else 0 * centred)


def _tails(b: Array, m: int) -> Array:
    """(2, m + 1) array: the sum and the sum of squares of the first p values, p = 0, ..., m."""
    xp = namespace(b)
    zero = xp.zeros_like(b[:1])
    return xp.stack([xp.concat([zero, xp.cumulative_sum(part[:m])]) for part in (b, b**2)])
