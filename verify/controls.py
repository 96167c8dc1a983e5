"""Control variates: observables whose mean is known exactly take their share of the scatter out of the others.

Each observable is regressed on the controls' deviations from their known means, with one slope for all sizes: both
scatter as 1/sqrt(d), so deviations are scaled by sqrt(d) first. The mean is corrected without bias to first order, and
the remaining scatter of each size is inflated for the slopes that were fitted; FEWEST draws of each keep intervals
honest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from verify.extrapolation import Array

FEWEST = 12
"""Draws at each size, where controls are used, below which fitted slopes would make an interval too narrow."""


def adjust(draws: Mapping[int, Array], means: Mapping[str, float], /) -> dict[int, Array]:
    """{size: (draws, k) array} of the observables, corrected, from {size: (draws, k + controls) array}.

    The controls are the last columns, in the order of `means`, their known means. Without controls, or with too few
    draws to fit a slope, the observables are returned as they are.
    """
    count = len(means)
    if not count:
        return dict(draws)
    observables = {size: block[:, :-count] for size, block in draws.items()}
    shifts = {size: block[:, -count:] - np.array(list(means.values())) for size, block in draws.items()}
    freedom = sum(len(block) - 1 for block in draws.values())
    if freedom <= 2 * count:
        return observables
    scaled = np.concatenate([np.sqrt(size) * (x - x.mean(axis=0)) for size, x in shifts.items()])
    target = np.concatenate([np.sqrt(size) * (y - y.mean(axis=0)) for size, y in observables.items()])
    slopes = np.linalg.lstsq(scaled, target, rcond=None)[0]
    return {size: _correct(observables[size], shifts[size] @ slopes, count) for size in draws}


def _correct(values: Array, explained: Array, count: int) -> Array:
    # every size is charged with all the slopes: too much when sizes share them, but few draws need the caution
    corrected = values - explained
    centre = corrected.mean(axis=0)
    freedom = len(values) - 1
    return np.asarray(centre + np.sqrt(freedom / max(freedom - count, 1)) * (corrected - centre))
