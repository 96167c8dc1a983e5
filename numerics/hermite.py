"""Gaussian averages and Hermite coefficients by Gauss-Legendre panels that end at the kinks, and the series they feed.

With the normalised Hermite polynomials h_k = He_k / sqrt(k!) and c_k = E[f(G) h_k(G)], Mehler's formula gives
E[f(G) f(G')] = sum_k c_k^2 rho^k for standard normal G, G' of correlation rho.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from sympy import Expr, Symbol

from numerics.expression_arrays import ArrayFunction, compile_expression
from numerics.lab import Array, namespace, to_numpy
from numerics.quadrature import find_kink_arguments

REACH = 38.0  # exp(-REACH^2/2) is about the smallest normal double
NODES = 24
DEGREE = 400
TOLERANCE = 1e-10

Host = np.ndarray[Any, np.dtype[np.float64]]


def find_kinks(expression: Expr, variable: Symbol, /) -> list[float]:
    """Where a max, min, abs, sign, step or case distinction in the expression switches, ascending, inside +-38."""
    switches = find_kink_arguments(expression, variable)
    return sorted({root for switch in switches for root in _roots(switch, variable)})


def _roots(expression: Expr, variable: Symbol) -> list[float]:
    function = compile_expression(expression, variable)
    points = np.linspace(-REACH, REACH, 3041)
    values = function(points)
    change = np.flatnonzero(values[:-1] * values[1:] < 0)
    between = [brentq(lambda t: float(function(np.asarray(t))), points[k], points[k + 1], xtol=1e-15) for k in change]
    return [float(point) for point in points[values == 0.0]] + between


def panels(lower: float, upper: float, width: float, kinks: Iterable[float], /) -> tuple[Host, Host]:
    """Points (m,), weights (m,) on [lower, upper]: panels of at most `width` that end at the kinks, 24 nodes each."""
    inside = [kink for kink in kinks if lower < kink < upper]
    edges = np.unique([*np.arange(lower, upper, width), upper, *inside])
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half + half * nodes).ravel(), (half * weights).ravel()


@dataclass(frozen=True, eq=False)
class HermiteSeries:
    """sum_k squares[k] rho^k, whose value at rho = 1 is `energy`; what the listed squares leave out is known in sum."""

    squares: Host
    energy: float

    @property
    def remainder(self) -> Host:
        """(K,) array: what the terms up to k leave out of the energy."""
        return np.maximum(self.energy - np.cumsum(self.squares), 0.0)

    def evaluate(self, rho: Array, /) -> Array:
        """The series at an array of correlations, exact at rho = 1, elsewhere to 1e-10 of the energy.

        The terms after k add up to at most remainder[k] |rho|^(k+1), which chooses the degree. Raises ArithmeticError
        where degree 400 does not reach the tolerance (a kinked activation at |rho| near 1).
        """
        xp = namespace(rho)
        diagonal = rho > 1 - 1e-14
        largest = float(xp.max(xp.where(diagonal, xp.zeros_like(rho), xp.abs(rho))))
        degree = self._degree(largest)
        total = xp.full_like(rho, float(self.squares[degree]))
        for square in self.squares[:degree][::-1]:
            total = total * rho + float(square)
        return xp.where(diagonal, xp.full_like(rho, self.energy), total)

    def _degree(self, largest: float) -> int:
        bound = self.remainder * largest ** np.arange(1, len(self.squares) + 1)
        enough = np.flatnonzero(bound <= TOLERANCE * self.energy)
        if len(enough) == 0:
            raise ArithmeticError(
                f"dual activation: its Hermite series at |rho| = {largest:.6g} is only known to {bound[-1]:.1e}"
            )
        return int(enough[0])


@dataclass(frozen=True, eq=False)
class GaussianGrid:
    """Quadrature for averages over a standard normal G: points (m,) and roots of the weights w phi (m,)."""

    points: Host
    amplitudes: Host

    @staticmethod
    def split_at(kinks: list[float], /) -> GaussianGrid:
        """Panels of width at most 1 on [-38, 38] that end at the kinks, 24 Gauss-Legendre nodes each."""
        points, weights = panels(-REACH, REACH, 1.0, kinks)
        density = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
        return GaussianGrid(points, np.sqrt(weights * density))

    def expand(self, function: ArrayFunction, /) -> HermiteSeries:
        """The squares c_0^2 ... c_400^2 and the energy E f^2 of a function.

        Raises ValueError where the function is not finite or not square integrable against the normal law.
        """
        coefficients, energy = self._project(function)
        return HermiteSeries(coefficients**2, energy)

    def coefficients(self, function: ArrayFunction, /) -> tuple[Host, float]:
        """The signed coefficients c_0 ... c_400 and the energy E f^2 of a function; errors as in `expand`."""
        return self._project(function)

    def mean_and_slope(self, function: ArrayFunction, /) -> tuple[float, float]:
        """(E f(G), E G f(G))."""
        coefficients, _ = self._project(function, degree=1)
        return float(coefficients[0]), float(coefficients[1])

    def curvature(self, function: ArrayFunction, /) -> float:
        """E[f(G) (G^2 - 1)]."""
        coefficients, _ = self._project(function, degree=2)
        return float(np.sqrt(2) * coefficients[2])

    def _project(self, function: ArrayFunction, *, degree: int = DEGREE) -> tuple[Host, float]:
        with np.errstate(all="ignore"):
            weighted = to_numpy(function(self.points)) * self.amplitudes
        squares = weighted**2
        energy = float(np.sum(squares))
        if not np.isfinite(energy):
            raise ValueError("activation: it is not finite everywhere on the line")
        if float(np.sum(squares[np.abs(self.points) > REACH - 6])) > 1e-12 * energy:
            raise ValueError("activation: it is not square integrable against the normal law")
        coefficients = np.empty(degree + 1)
        before, now = np.zeros_like(self.points), self.amplitudes
        for k in range(degree + 1):
            coefficients[k] = float(weighted @ now)
            before, now = now, (self.points * now - np.sqrt(k) * before) / np.sqrt(k + 1)
        return coefficients, energy
