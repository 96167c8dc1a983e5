"""Conjugate gradients for positive semidefinite operators on arrays of any shape, on NumPy or CuPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numerics.lab import Array, namespace


@dataclass(frozen=True, eq=False)
class LinearSolution:
    """`values` solves the system up to `residual`, an array of the same shape whose norm is relative * ||right||."""

    values: Array
    residual: Array
    relative: float
    iterations: int


def conjugate_gradients(
    product: Callable[[Array], Array], right: Array, /, *, tolerance: float = 1e-10, most: int = 3000
) -> LinearSolution:
    """The x of least norm with product(x) = right, for a symmetric positive semidefinite linear `product`.

    `right` has any shape and lies in the range. The residual is recomputed at the end. Raises RuntimeError where `most`
    iterations do not bring it to `tolerance` times the norm of `right`.
    """
    x, residual = namespace(right).zeros_like(right), right
    direction, square = residual, _inner(residual, residual)
    goal, iterations = tolerance**2 * square, 0
    while square > goal and iterations < most:
        image = product(direction)
        step = square / _inner(direction, image)
        x, residual = x + step * direction, residual - step * image
        before, square = square, _inner(residual, residual)
        direction = residual + (square / before) * direction
        iterations += 1
    residual = right - product(x)
    scale = _inner(right, right) ** 0.5
    relative = _inner(residual, residual) ** 0.5 / scale if scale > 0 else 0.0
    if not relative <= 10 * tolerance:
        raise RuntimeError(f"conjugate gradients stopped at relative residual {relative:.1e} after {iterations} steps")
    return LinearSolution(x, residual, relative, iterations)


def _inner(left: Array, right: Array) -> float:
    return float(namespace(left).sum(left * right))
