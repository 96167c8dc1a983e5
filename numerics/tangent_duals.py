"""The kernels of the tangent features x sigma'(w.x) as functions of the overlap r of two unit rows.

A feature direction a = alpha w + b, b orthogonal to w, gives alpha q(w.x) + (b.x) p(w.x) with p = sigma' and
q(t) = t sigma'(t). With G, G' standard normal of correlation r, Gaussian integration by parts in b leaves

    D(r) = E[p(G) p(G')],  D'(r),  X(r) = E[q'(G) p(G')],  H(r) = E[q(G) q(G')],  Y(r) = E[sigma(G) q(G')].

With the Hermite coefficients mu, beta, eta of sigma, p, q (Mehler) the terms of degree k of the features carry
eta_k^2 r^k in H and beta_(k-1)^2 r^(k-1) in D. The Dirichlet inner product E grad f . grad g weighs each degree by k.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import sympy

from numerics.activations import VARIABLE, Activation
from numerics.dual_activations import arc_cosine
from numerics.expression_arrays import ArrayFunction, compile_expression
from numerics.hermite import DEGREE, GaussianGrid, Host, find_kinks
from numerics.lab import Array, namespace
from numerics.overlap_series import Coefficients, OverlapSeries

Kernel: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class TangentDuals:
    """D, D', X, H, Y of the module's docstring off the diagonal, and the values of D, H, Y at overlap 1.

    `slope_coefficient` is beta_1 = E[p(G) G] and `radial_coefficient` eta_2, through which a quadratic target enters.
    """

    tangent: Kernel
    tangent_slope: Kernel
    mixed: Kernel
    radial: Kernel
    initial: Kernel
    tangent_energy: float
    radial_energy: float
    initial_energy: float
    slope_coefficient: float
    radial_coefficient: float


@dataclass(frozen=True, eq=False)
class _Pieces:
    value: Coefficients
    slope: Coefficients
    radial: Coefficients
    overlap: float


def tangent_duals(activation: Activation, /, *, centred: bool) -> TangentDuals:
    """The kernels of the L2 inner product; `centred` takes the means off the features and off sigma (a trained offset).

    Closed forms where sigma is piecewise linear with one kink, at 0; elsewhere series in the overlap.
    """
    return _duals(activation, centred)


@functools.lru_cache(maxsize=64)
def _duals(activation: Activation, centred: bool) -> TangentDuals:
    pieces = _expand(activation)
    value, radial, overlap = pieces.value, pieces.radial, pieces.overlap
    if centred:
        overlap -= float(value.values[0] * radial.values[0])
        value, radial = value.without_mean(), radial.without_mean()
    found = _series(value, pieces.slope, radial, overlap, np.ones(DEGREE + 1))
    corner = _bend_and_tilt(activation)
    return found if corner is None else _with_arc_cosine(found, *corner, centred)


@functools.lru_cache(maxsize=64)
def derivative_duals(activation: Activation, /) -> TangentDuals | None:
    """The kernels of the Dirichlet inner product E grad f . grad g; None where sigma' jumps and it is infinite."""
    if activation.kinks:
        return None
    pieces, grid = _expand(activation), _grid(activation)
    curvature, pull = slope_of_slope(activation), _radial_slope(activation)
    _, curvature_energy = grid.coefficients(curvature)
    _, pull_energy = grid.coefficients(pull)
    overlap = _inner(grid, activation.slope, pull)
    found = _series(pieces.value, pieces.slope, pieces.radial, overlap, np.arange(DEGREE + 1.0))
    return replace(found, tangent_energy=pieces.slope.energy + curvature_energy, radial_energy=pull_energy)


def initial_energies(activation: Activation, /, *, centred: bool) -> tuple[float, float]:
    """(E sigma^2, less its mean squared if `centred`; E sigma'^2)."""
    mean_square = 0.0 if centred else activation.mean**2
    return activation.energy + mean_square, activation.slope_energy


def _series(
    value: Coefficients, slope: Coefficients, radial: Coefficients, overlap: float, degree_weights: Host
) -> TangentDuals:
    """`degree_weights`[k] multiplies what has Hermite degree k: 1 for L2, k for the Dirichlet inner product."""
    k, ahead = np.arange(DEGREE, dtype=float), degree_weights[1:]
    return TangentDuals(
        tangent=OverlapSeries.of(slope, slope, ahead, shifts=(0, 0, 0)),
        tangent_slope=OverlapSeries.of(slope, slope, ahead * k, shifts=(0, 0, -1)),
        mixed=OverlapSeries.of(slope, radial, ahead * np.sqrt(k + 1), shifts=(0, 1, 0)),
        radial=OverlapSeries.of(radial, radial, degree_weights, shifts=(0, 0, 0)),
        initial=OverlapSeries.of(value, radial, degree_weights, shifts=(0, 0, 0)),
        tangent_energy=slope.energy,
        radial_energy=radial.energy,
        initial_energy=overlap,
        slope_coefficient=float(slope.values[1]),
        radial_coefficient=float(radial.values[2]),
    )


@functools.lru_cache(maxsize=64)
def _expand(activation: Activation) -> _Pieces:
    grid = _grid(activation)

    def expand(function: ArrayFunction) -> Coefficients:
        return Coefficients(*grid.coefficients(function))

    value, radial = activation.uncentred, _radial(activation)
    return _Pieces(expand(value), expand(activation.slope), expand(radial), _inner(grid, value, radial))


@functools.lru_cache(maxsize=64)
def _grid(activation: Activation) -> GaussianGrid:
    return GaussianGrid.split_at(find_kinks(activation.expression, VARIABLE))


def _inner(grid: GaussianGrid, left: ArrayFunction, right: ArrayFunction) -> float:
    return float((left(grid.points) * grid.amplitudes) @ (right(grid.points) * grid.amplitudes))


def _radial(activation: Activation) -> ArrayFunction:
    return lambda t: t * activation.slope(t)


def _radial_slope(activation: Activation) -> ArrayFunction:
    bend = slope_of_slope(activation)
    return lambda t: activation.slope(t) + t * bend(t)


def slope_of_slope(activation: Activation, /) -> ArrayFunction:
    """sigma'' as an array function, for an activation whose slope has no jumps."""
    second = sympy.diff(activation.expression, VARIABLE, 2)
    # sigma' has no jumps here, so the point masses that SymPy writes down at the joints have weight 0
    return compile_expression(second.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero), VARIABLE)


def _bend_and_tilt(activation: Activation) -> tuple[float, float] | None:
    """(a, b) if sigma' is a on the right of 0 more than on the left, where it is b; else None."""
    if [kink for kink, _ in activation.kinks] != [0.0]:
        return None
    points = _grid(activation).points
    slopes = activation.slope(points)
    left, right = float(slopes[0]), float(slopes[-1])
    if not np.array_equal(slopes, np.where(points > 0, right, left)):
        return None
    return right - left, left


def _with_arc_cosine(duals: TangentDuals, bend: float, tilt: float, centred: bool) -> TangentDuals:
    """The kernels of sigma' = bend 1{t > 0} + tilt, where q' = p and q is sigma up to a constant."""
    straight, constant = bend * tilt + tilt**2, bend**2 / (2 * math.pi) if centred else 0.0

    def tangent(overlaps: Array) -> Array:
        return bend**2 * arc_cosine(overlaps, 0) + straight

    def tangent_slope(overlaps: Array) -> Array:
        return bend**2 / (2 * math.pi * namespace(overlaps).sqrt((1 - overlaps) * (1 + overlaps)))

    def radial(overlaps: Array) -> Array:
        return bend**2 * arc_cosine(overlaps, 1) + straight * overlaps - constant

    return replace(duals, tangent=tangent, tangent_slope=tangent_slope, mixed=tangent, radial=radial)
