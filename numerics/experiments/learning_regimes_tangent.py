"""Finite-size experiments of the neural tangent regime: f(x) = sum_j (a_j.x) sigma'(w_j.x), A = (a_j) optimal.

Each experiment takes (lab, at, size) with size the input dimension d and m = max(1, round(rho d)) neurons; data are
N(0, I_d), the target is x'Bx - tr B with ||B||_F = 1 and tr B = trace_alignment sqrt(d). Test errors are divided by
||f*||^2 = 2 and Dirichlet energies by E||grad f*||^2 = 4. Inputs are averaged out exactly, but for
`tangent_monte_carlo`. The penalty is ridge sum_j |a_j|^2, in the units of ||f - f*||^2. Dirichlet energies are left out
where they are infinite: the features of an activation with kinks, relu say, jump.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import Activation, compile_activation
from numerics.conjugate_gradients import conjugate_gradients
from numerics.expression_arrays import ArrayFunction
from numerics.first_layers import count_neurons, isotropic_moments
from numerics.lab import cholesky, gram, namespace, solve_triangular
from numerics.parameters import ParameterError
from numerics.population_regression import eye_like
from numerics.quadratic_targets import (
    covariance_eigenvalues,
    diagonal_target,
    general_target,
    is_isotropic,
    square_rows,
)
from numerics.row_controls import measure_quadratic_overlaps
from numerics.tangent_duals import derivative_duals, slope_of_slope, tangent_duals
from numerics.tangent_kernel import TangentGram, tangent_gram, target_correlation

SAMPLES = 60
"""Sampled inputs of `tangent_monte_carlo`, times the number m d of weights."""


def tangent(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The optimum on rows uniform on the sphere, by conjugate gradients on the exact Gram, which is never formed.

    Also returns the controls `square_overlap` and `target_overlap` (mean 0). Memory O(m d + m^2).
    """
    rows, target = draw_rows(lab, at, size)
    gram, right = tangent_system(rows, target, at)
    ridge = getattr(at, "ridge", 0.0)
    found = conjugate_gradients(lambda a: gram.product(a) + ridge * a, right)
    image = right - found.residual - ridge * found.values
    return {**_risks(rows, found.values, image, right, at), **row_controls(rows, target, at)}


def tangent_dense(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The same with the Gram formed, block by block, and pseudo-inverted; ValueError where size is above 40."""
    if size > 40:
        raise ValueError(f"size: tangent_dense forms a matrix of order m d, got d = {size}; at most 40 is allowed")
    rows, target = draw_rows(lab, at, size)
    gram, right = tangent_system(rows, target, at)
    xp, matrix = namespace(rows), gram.matrix()
    ridge = getattr(at, "ridge", 0.0)
    flat = xp.reshape(right, (-1,))
    shifted = matrix + ridge * eye_like(matrix)
    weights = xp.linalg.pinv(shifted, rtol=1e-11) @ flat
    image = xp.reshape(matrix @ weights, rows.shape)
    return {**_risks(rows, xp.reshape(weights, rows.shape), image, right, at), **row_controls(rows, target, at)}


def tangent_quadratic(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """sigma(t) = t^2: the functions are q_M with M = A'W + W'A, so that B is learned but for P B P, P off the rows.

    Rows are N(0, diag(g)/d) with g from at.covariance_law (all 1 without one); then B is in general position, a
    traceless Gaussian symmetric matrix plus its trace. Without an offset the optimum trades tr M against the mean.
    With g = 1 also returns the control `kept_trace` (mean 0): the trace of the target's traceless part on the rows.
    """
    neurons, law = _count_rows(at, size), getattr(at, "covariance_law", None)
    rows = lab.normal(neurons, size)
    if law is not None and not is_isotropic(law):
        rows = rows * lab.asarray(covariance_eigenvalues(law, size)) ** 0.5
        return _projection_risks(rows, general_target(lab, at.trace_alignment, size), at)[0]
    found, kept_trace = _projection_risks(rows, diagonal_target(lab, at.trace_alignment, size), at)
    expected = min(neurons / size, 1.0) * at.trace_alignment * math.sqrt(size)
    return {**found, "kept_trace": kept_trace - expected}


def tangent_monte_carlo(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The same optimum from sampled inputs alone: least squares, twice, tested on inputs of its own.

    Two fits on separate samples enter each square once, so that their own errors cancel in the mean to first order.
    Also returns the control `target_energy` (mean 1), the sampled ||f*||^2/2.
    """
    activation = compile_activation(at.activation)
    rows, target = draw_rows(lab, at, size)
    samples = SAMPLES * rows.shape[0] * size
    fits = [_fit_samples(lab.normal(samples, size), rows, target, activation, at) for _ in range(2)]
    inputs = lab.normal(samples, size)
    labels = inputs**2 @ target - math.sqrt(size) * at.trace_alignment
    first, second = (labels - _sampled_values(inputs, rows, weights, activation.slope, at) for weights in fits)
    found = {"test_error": lab.mean(first * second) / 2, "target_energy": lab.mean(labels**2) / 2}
    if not activation.kinks:
        bend = slope_of_slope(activation)
        first, second = (_sampled_gradients(inputs, rows, weights, activation.slope, bend) for weights in fits)
        found["dirichlet_energy"] = lab.mean(namespace(first).sum(first * second, axis=1)) / 4
    return found


def draw_rows(lab: Lab, at: SimpleNamespace, size: int, /) -> tuple[Array, Array]:
    """Rows (m, d) uniform on the sphere and the diagonal (d,) of the target.

    Raises ParameterError where the mean at another finite d, or a covariance of the rows, is asked for.
    """
    law = getattr(at, "covariance_law", None)
    if law is not None and not is_isotropic(law):
        raise ParameterError("rows are drawn without a covariance here; the rung `quadratic` draws them with one")
    return lab.sphere(_count_rows(at, size), size), diagonal_target(lab, at.trace_alignment, size)


def tangent_system(rows: Array, target: Array, at: SimpleNamespace, /) -> tuple[TangentGram, Array]:
    """(Gram, right hand side (m, d)) of the least squares problem for the diagonal target `target` (d,)."""
    duals = tangent_duals(compile_activation(at.activation), centred=bool(getattr(at, "has_offset", 1.0)))
    gram = tangent_gram(rows, duals)
    return gram, target_correlation(gram, duals, rows * target)


def row_controls(rows: Array, target: Array, at: SimpleNamespace, /) -> dict[str, float]:
    """The controls square_overlap and target_overlap of unit rows, of mean 0, for a diagonal `target` (d,)."""
    size = rows.shape[1]
    moments = isotropic_moments(at, size)
    return measure_quadratic_overlaps(gram(rows), square_rows(rows, target), dimension=size, moments=moments)


def _count_rows(at: SimpleNamespace, size: int) -> int:
    given = getattr(at, "dimension", math.inf)
    if math.isfinite(given) and given != size:
        raise ParameterError(f"dimension is {given:g}, but draws of size {size} are asked for; give the same, or none")
    return count_neurons(at, size)


def _risks(rows: Array, weights: Array, image: Array, right: Array, at: SimpleNamespace) -> dict[str, float]:
    xp = namespace(rows)
    found = {"test_error": 1 + float(xp.sum(weights * (image - 2 * right))) / 2}
    duals = derivative_duals(compile_activation(at.activation))
    if duals is not None:
        energy = tangent_gram(rows, duals)
        found["dirichlet_energy"] = float(xp.sum(weights * energy.product(weights))) / 4
    return found


def _projection_risks(rows: Array, target: Array, at: SimpleNamespace) -> tuple[dict[str, float], float]:
    """The risks of the optimum, and the trace of B on the span of the rows."""
    neurons, size = rows.shape
    lost, kept_trace = _projected_target(rows, target, neurons, size)
    if getattr(at, "has_offset", 1.0):
        return {"test_error": lost, "dirichlet_energy": 1 - lost}, kept_trace
    rank = min(neurons, size)
    shrink = -kept_trace / (rank + 2)
    energy = 1 - lost + 2 * shrink * kept_trace + shrink**2 * rank
    return {"test_error": lost + kept_trace**2 / (rank + 2), "dirichlet_energy": energy}, kept_trace


def _projected_target(rows: Array, target: Array, neurons: int, size: int) -> tuple[float, float]:
    """(||P B P||_F^2, tr B - tr P B) with P the projector off the rows; B is (d,) for a diagonal, or (d, d)."""
    xp = namespace(rows)
    trace = float(xp.sum(target)) if target.ndim == 1 else float(xp.sum(xp.linalg.diagonal(target)))
    if neurons >= size:
        return 0.0, trace
    basis = solve_triangular(cholesky(rows @ rows.T), rows)
    image = basis * target if target.ndim == 1 else basis @ target
    inside = image @ basis.T
    lost = 1 - 2 * float(xp.sum(image**2)) + float(xp.sum(inside**2))
    return max(lost, 0.0), float(xp.sum(xp.linalg.diagonal(inside)))


def _fit_samples(inputs: Array, rows: Array, target: Array, activation: Activation, at: SimpleNamespace) -> Array:
    xp = namespace(inputs)
    count, size = inputs.shape
    features = xp.reshape(activation.slope(inputs @ rows.T)[:, :, None] * inputs[:, None, :], (count, -1))
    labels = inputs**2 @ target - float(xp.sum(target))
    if getattr(at, "has_offset", 1.0):
        features, labels = features - xp.mean(features, axis=0, keepdims=True), labels - xp.mean(labels)
    gram = features.T @ features / count
    penalty = getattr(at, "ridge", 0.0) * eye_like(gram)
    return xp.reshape(xp.linalg.pinv(gram + penalty, rtol=1e-11) @ (features.T @ labels / count), (-1, size))


def _sampled_values(inputs: Array, rows: Array, weights: Array, slope: ArrayFunction, at: SimpleNamespace) -> Array:
    xp = namespace(inputs)
    values = xp.sum((inputs @ weights.T) * slope(inputs @ rows.T), axis=1)
    return values - xp.mean(values) if getattr(at, "has_offset", 1.0) else values


def _sampled_gradients(inputs: Array, rows: Array, weights: Array, slope: ArrayFunction, bend: ArrayFunction) -> Array:
    preactivations = inputs @ rows.T
    return slope(preactivations) @ weights + ((inputs @ weights.T) * bend(preactivations)) @ rows
