"""How long a certificate of the random-features fixed point takes at 30 digits, and 10^4 points of a phase diagram.

.venv/bin/python benchmarks/certificates.py [--points 10000] [--processes 2] [--digits 30]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np
from record import write

from derivations.discover import load
from numerics.certificate import Certifier
from numerics.solver import Solver

THEOREM = "random_features.robust_risk"
HARD = {"psi1": 2.0, "psi2": 2.0, "epsilon": 1e-9}
"""At the interpolation threshold under a weak attack."""


def diagram(points: int) -> dict[str, Any]:
    """psi1 (even in the logarithm), psi2 and epsilon drawn over the phase diagram; seed 0."""
    draws = np.random.default_rng(0)
    return {
        "psi1": 10 ** draws.uniform(-1, 2, points),
        "psi2": 10 ** draws.uniform(-1, 2, points),
        "epsilon": draws.uniform(0.01, 2, points),
    }


def certify_points(given: dict[str, Any], digits: int) -> list[tuple[str, bool, float]]:
    """(status, whether the digits are reached, seconds) of each point; the doubles are taken as they are."""
    model = load(THEOREM).model
    certifier, solved = Certifier(model), Solver(model)(**given)
    found = []
    for index in range(len(given["psi1"])):
        point = {name: float(values[index]) for name, values in given.items()}
        roots = {str(u): float(solved.unknowns[str(u)][index]) for u in model.unknowns}
        guess = roots if np.all(np.isfinite(list(roots.values()))) else None
        one = certifier(point, digits=digits, guess=guess)
        found.append((one.status.name, one.reached, one.seconds))
    return found


def measure(points: int, processes: int, digits: int) -> dict[str, Any]:
    """Seconds on the clock for all points, of one certificate (median and 99%), and what became of them."""
    given = diagram(points)
    parts = [{name: values[k::processes] for name, values in given.items()} for k in range(processes)]
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        found = [one for part in pool.map(certify_points, parts, [digits] * processes) for one in part]
    seconds = [one[2] for one in found]
    return {
        "points": points,
        "processes": processes,
        "digits": digits,
        "seconds": time.perf_counter() - begun,
        "certificate_median": median(seconds),
        "certificate_99": float(np.quantile(seconds, 0.99)),
        "statuses": dict(Counter(one[0] for one in found)),
        "digits_reached": sum(one[1] for one in found),
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write results/certificates.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--digits", type=int, default=30)
    given = parser.parse_args(words)
    hard = certify_points({name: np.repeat(value, 20) for name, value in HARD.items()}, given.digits)
    figures = {
        "diagram": measure(given.points, given.processes, given.digits),
        "hard_place": {**HARD, "certificate_median": median(one[2] for one in hard), "status": hard[0][0]},
    }
    print(figures)
    print(write("certificates", figures))


if __name__ == "__main__":
    main()
