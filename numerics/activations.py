"""Activations as array functions: sigma with its mean removed, its slope, and the two dual activations.

With G, G' standard normal of correlation rho,

    dual(rho) = E[sigma(G) sigma(G')],    dual_slope(rho) = E[sigma'(G) sigma'(G')],

the kernels of the random features sigma(W x) and of their gradients for rows of W on the unit sphere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy
from sympy import Expr

from numerics.dual_activations import Dual, closed_form_duals
from numerics.expression_arrays import ArrayFunction, compile_expression
from numerics.hermite import GaussianGrid, find_kinks
from numerics.lab import Array, namespace

VARIABLE = sympy.Symbol("t", real=True)


@dataclass(frozen=True, eq=False)
class Activation:
    """sigma(t) = f(t) - E f(G) for the expression f: array functions and Gaussian constants, in double precision.

    `value`, `slope`: sigma and sigma' of an array of any shape (slope 0 at the kink of max(t, 0)).
    `dual`, `dual_slope`: of an array of correlations, entry by entry. `kinks`: (location, jump of the slope) pairs;
    `switches`: where a case distinction switches. `curvature`: E f''(G) = E[f(G) (G^2 - 1)].
    """

    expression: Expr
    mean: float
    linear_coefficient: float
    curvature: float
    energy: float
    slope_energy: float
    uncentred: ArrayFunction
    slope: ArrayFunction
    dual: Dual
    dual_slope: Dual
    kinks: tuple[tuple[float, float], ...]
    switches: tuple[float, ...]

    def value(self, t: Array, /) -> Array:
        """sigma(t), an array of the shape of `t`."""
        return self.uncentred(t) - self.mean

    def smoothed(self, width: float, /) -> tuple[ArrayFunction, ArrayFunction]:
        """sigma and sigma' averaged over +-width about each kink, elsewhere unchanged (width 0: unchanged everywhere).

        The value moves by at most |jump| width / 4; the slope is continuous for positive width.
        """
        if width == 0.0 or not self.kinks:
            return self.value, self.slope
        return partial(_smooth_value, self, width), partial(_smooth_slope, self, width)

    @property
    def nonlinear_energy(self) -> float:
        """mu_2^2 = E sigma^2 - mu_1^2."""
        return max(self.energy - self.linear_coefficient**2, 0.0)

    @property
    def derivative_energy(self) -> float:
        """nu^2 = E sigma'^2 - mu_1^2."""
        return max(self.slope_energy - self.linear_coefficient**2, 0.0)


def _smooth_value(activation: Activation, width: float, t: Array) -> Array:
    total = activation.value(t)
    for kink, jump in activation.kinks:
        total = total + jump / (4 * width) * _room(t, kink, width) ** 2
    return total


def _smooth_slope(activation: Activation, width: float, t: Array) -> Array:
    xp = namespace(t)
    total = activation.slope(t)
    for kink, jump in activation.kinks:
        # the slope at the kink itself is that of the left, so there the average lies half a jump higher
        side = xp.where(t > kink, -xp.ones_like(t), xp.ones_like(t))
        total = total + jump / (2 * width) * side * _room(t, kink, width)
    return total


def _room(t: Array, kink: float, width: float) -> Array:
    xp = namespace(t)
    return xp.clip(width - xp.abs(t - kink), 0.0, None)


def compile_activation(activation: str | Expr, /) -> Activation:
    """The activation given by its text in t ("relu", "tanh(2*t)", ...) or by a SymPy expression of one real symbol t.

    Raises ValueError in one line for text or nodes outside the allow-lists, an expression of another symbol, or one
    that is not finite on the line, not square integrable against the normal law, or not absolutely continuous.
    """
    if isinstance(activation, str):
        from derivations.expressions import parse_function

        return _compile(parse_function(activation, VARIABLE))
    others = {symbol.name for symbol in activation.free_symbols} - {VARIABLE.name}
    if others:
        raise ValueError(f"activation: {activation} depends on {', '.join(sorted(others))}; it may depend on t only")
    return _compile(activation.xreplace(dict.fromkeys(activation.free_symbols, VARIABLE)))


@functools.lru_cache(maxsize=64)
def _compile(expression: Expr) -> Activation:
    value = compile_expression(expression, VARIABLE)
    slope = compile_expression(sympy.diff(expression, VARIABLE), VARIABLE)
    kinks = find_kinks(expression, VARIABLE)
    grid = GaussianGrid.split_at(kinks)
    mean, linear_coefficient = grid.mean_and_slope(value)
    series, slope_series = grid.expand(lambda t: value(t) - mean), grid.expand(slope)
    mean_slope, _ = grid.mean_and_slope(slope)
    if abs(mean_slope - linear_coefficient) > 1e-8 * (1 + slope_series.energy):
        raise ValueError(f"activation: {expression} is not absolutely continuous, E[G f(G)] and E f'(G) differ")
    dual, dual_slope = closed_form_duals(expression, VARIABLE) or (series.evaluate, slope_series.evaluate)
    return Activation(
        expression=expression,
        mean=mean,
        linear_coefficient=linear_coefficient,
        curvature=grid.curvature(value),
        energy=series.energy,
        slope_energy=slope_series.energy,
        uncentred=value,
        slope=slope,
        dual=dual,
        dual_slope=dual_slope,
        kinks=tuple((kink, jump) for kink in kinks if abs(jump := _slope_jump(slope, kink)) > 1e-6),
        switches=tuple(kinks),
    )


def _slope_jump(slope: ArrayFunction, kink: float) -> float:
    left, right = slope(np.asarray([kink - 1e-9, kink + 1e-9]))
    return float(right - left)
