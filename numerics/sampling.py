"""Seeded randomness that does not depend on the schedule, and low-discrepancy points in boxes."""

import hashlib
from collections.abc import Mapping

import numpy as np
from scipy.stats import qmc

Interval = tuple[float, float] | tuple[float, float, str]


def stream(seed: int, key: str, trial: int, /) -> np.random.Generator:
    """A Philox generator whose 128-bit key is the SHA-256 of (seed, key, trial).

    Equal arguments give equal numbers whatever ran before, in any process and any order; unequal ones give streams that
    are independent for all practical purposes.
    """
    for name, value in (("seed", seed), ("trial", trial)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"{name}: {value!r} is not allowed; it must be a nonnegative integer")
    text = f"robust-limits stream\n{int(seed)}\n{int(trial)}\n{key}"
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def sobol_points(domain: Mapping[str, Interval], count: int, /, *, seed: int = 0) -> dict[str, np.ndarray]:
    """`count` scrambled Sobol points in a box: name -> (count,) array.

    Each interval is (low, high), or (low, high, "log") for points that are even in the logarithm. A shorter run is a
    prefix of a longer one with the same names, and the order of the names does not matter.
    """
    if count < 1:
        raise ValueError(f"count: {count!r} is not allowed; it must be at least 1")
    names = sorted(domain)
    if not names:
        return {}
    for name in names:
        _check_interval(name, domain[name])
    scramble = int(stream(seed, "sobol " + " ".join(names), 0).integers(2**63))
    sampler = qmc.Sobol(len(names), scramble=True, rng=scramble)
    unit = sampler.random_base2((count - 1).bit_length())[:count]
    return {name: _stretch(unit[:, column], domain[name]) for column, name in enumerate(names)}


def _check_interval(name: str, interval: Interval) -> None:
    low, high, *scale = interval
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"domain[{name!r}]: {interval!r} is not an interval (finite low <= high)")
    if scale not in ([], ["linear"], ["log"]):
        raise ValueError(f"domain[{name!r}]: scale {scale[0]!r} is unknown; allowed are 'linear' and 'log'")
    if scale == ["log"] and low <= 0:
        raise ValueError(f"domain[{name!r}]: {interval!r} has a logarithmic scale and needs low > 0")


def _stretch(unit: np.ndarray, interval: Interval) -> np.ndarray:
    low, high, *scale = interval
    if scale == ["log"]:
        points = np.exp(np.log(low) + (np.log(high) - np.log(low)) * unit)
    else:
        points = low + (high - low) * unit
    clipped: np.ndarray = np.clip(points, low, high)
    return clipped
