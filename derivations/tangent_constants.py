"""The constants through which an activation enters the tangent features s'(w'x) (a'x).

With h_k = He_k/sqrt(k!), mu_k = E[f h_k], beta_k = E[f' h_k] and eta_k = E[G f' h_k] they are sums over the degrees
that a quadratic target does not reach; shown in `derivations.lemmas.tangent_features`.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import mpmath
from sympy import Symbol

from derivations.gaussian_moments import LINEAR, MEAN, SLOPE, SLOPE_ENERGY, Key, Pieces, to_mpf
from derivations.smooth_pieces import numeric

BETA_1, ETA_1, SLOPE_CUBE = (1, 0, 1, 0), (2, 0, 1, 0), (3, 0, 1, 0)
RADIAL_ENERGY, OVERLAP, CURVATURE_ENERGY = (2, 0, 2, 0), (1, 1, 1, 0), (0, 0, 0, 2)
SLOPE_CURVATURE, RADIAL_CURVATURE = (1, 0, 1, 1), (2, 0, 0, 2)
_PROJECTIONS: tuple[Key, ...] = (BETA_1, ETA_1, SLOPE_CUBE)

TANGENT_MOMENTS: dict[str, tuple[Key, ...]] = {
    "tangent_energy": (BETA_1,),
    "radial_tangent_energy": (RADIAL_ENERGY, *_PROJECTIONS),
    "tangent_derivative_energy": (CURVATURE_ENERGY, BETA_1),
    "radial_tangent_derivative_energy": (SLOPE_CURVATURE, RADIAL_CURVATURE, *_PROJECTIONS),
    "radial_overlap": (OVERLAP, *_PROJECTIONS),
    "radial_derivative_overlap": (SLOPE_CURVATURE, *_PROJECTIONS),
}
"""The moments that each constant needs, besides those of the activation and its slope."""
TANGENT_CONSTANTS = tuple(TANGENT_MOMENTS)
CURVED = ("tangent_derivative_energy", "radial_tangent_derivative_energy", "radial_derivative_overlap")
"""Those that need a second derivative."""
NEAR, NEARER = 25, 50


def tangent_constants(moments: dict[Key, Any], words: Collection[str], /) -> dict[str, Any]:
    """The worded constants from the moments that `TANGENT_MOMENTS` lists, exact or multiprecision as those are."""
    if BETA_1 not in moments:
        return {}
    mean, linear, slope, slope_energy = (moments[key] for key in (MEAN, LINEAR, SLOPE, SLOPE_ENERGY))
    beta_1 = moments[BETA_1]
    found: dict[str, Any] = {}
    if "tangent_energy" in words:
        found["tangent_energy"] = slope_energy - slope**2 - beta_1**2
    if "tangent_derivative_energy" in words:
        found["tangent_derivative_energy"] = moments[CURVATURE_ENERGY] + slope_energy - slope**2 - 2 * beta_1**2
    if ETA_1 not in moments:
        return found
    # eta_2 = raised/sqrt(2) and mu_2 = beta_1/sqrt(2); eta_0 = beta_1
    eta_1, raised = moments[ETA_1], moments[SLOPE_CUBE] - beta_1
    if "radial_tangent_energy" in words:
        found["radial_tangent_energy"] = moments[RADIAL_ENERGY] - beta_1**2 - eta_1**2 - raised**2 / 2
    if "radial_tangent_derivative_energy" in words:
        energy = slope_energy + 2 * moments[SLOPE_CURVATURE] + moments[RADIAL_CURVATURE]
        found["radial_tangent_derivative_energy"] = energy - eta_1**2 - raised**2
    if "radial_overlap" in words:
        found["radial_overlap"] = moments[OVERLAP] - mean * beta_1 - linear * eta_1 - beta_1 * raised / 2
    if "radial_derivative_overlap" in words:
        energy = slope_energy + moments[SLOPE_CURVATURE]
        found["radial_derivative_overlap"] = energy - linear * eta_1 - beta_1 * raised
    return found


def slope_jumps(pieces: Pieces, variable: Symbol, /) -> bool:
    """Whether f' jumps, or is infinite, at an end of a piece: the gap of its two sides does not close.

    Two sides that agree differ less the nearer one looks, by their order of contact; those of a jump do not.
    """
    with mpmath.workdps(2 * NEARER):
        for (_, kink, left), (_, _, right) in pairwise(pieces):
            sides = [numeric(f.diff(variable), variable) for f in (left, right)]
            gaps = []
            for beside in (mpmath.mpf(10) ** -NEAR, mpmath.mpf(10) ** -NEARER):
                try:
                    before, after = sides[0](to_mpf(kink) - beside), sides[1](to_mpf(kink) + beside)
                except (ZeroDivisionError, ValueError, OverflowError):
                    return True
                gaps.append(abs(after - before))
            rounding = mpmath.mpf(10) ** -(NEAR + 5) * (abs(before) + abs(after))
            if gaps[1] > gaps[0] / 2 and gaps[1] > rounding:
                return True
    return False


__all__ = ["CURVED", "TANGENT_CONSTANTS", "TANGENT_MOMENTS", "slope_jumps", "tangent_constants"]
